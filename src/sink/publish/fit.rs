//! Whether a column of a table holds the values of an output's column: all of them, or those that a condition names.

use crate::batch::DataType;

/// How a column of a table takes values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ColumnFit {
    /// Every value of the type.
    Every,
    /// The values for which an SQL condition over `$`, the column, is true.
    Those(String),
    /// Times, if it is said whose local times they are.
    LocalTimes,
    /// Not in any way that is known.
    None,
}

/// How a column of the type `is`, as `format_type` spells it, takes values of `ty`; `zoned` says whether the zone of local
/// times is declared, which is then that of the session.
pub(super) fn fit(is: &str, ty: DataType, zoned: bool) -> ColumnFit {
    if holds(is, ty) {
        return ColumnFit::Every;
    }
    let (name, sizes) = sized(is);
    let whole = |digits: i64| format!("abs($) < 10::numeric ^ {digits}");
    let between = |low: i64, high: i64| format!("$ BETWEEN {low} AND {high}");
    let integer = match name.as_str() {
        "smallint" => Some(between(i16::MIN.into(), i16::MAX.into())),
        "integer" => Some(between(i32::MIN.into(), i32::MAX.into())),
        "bigint" => Some(between(i64::MIN, i64::MAX)),
        _ => None,
    };
    let condition = match (ty, name.as_str(), &sizes[..]) {
        // PostgreSQL cuts blanks beyond the length without a word.
        (DataType::String | DataType::Json, "character varying", [length]) => {
            format!("length($) <= {length}")
        }
        (DataType::Int64, _, []) => match integer {
            Some(condition) => condition,
            None => return ColumnFit::None,
        },
        (DataType::Int64, "numeric", [precision, scale]) => whole(precision - scale),
        (DataType::Decimal { .. }, "numeric", [precision, scale]) => {
            format!("$ = round($, {scale}) AND {}", whole(precision - scale))
        }
        (DataType::Decimal { .. }, _, []) => match integer {
            Some(condition) => format!("$ = trunc($) AND {condition}"),
            None => return ColumnFit::None,
        },
        (DataType::Timestamp, "timestamp with time zone", [digits]) => {
            format!("$::timestamptz({digits}) = $")
        }
        (DataType::Timestamp, "timestamp without time zone", _) if !zoned => return ColumnFit::LocalTimes,
        // A local time that clocks show twice is one of two instants when it is read back.
        (DataType::Timestamp, "timestamp without time zone", [digits]) => {
            format!("$::timestamp({digits})::timestamptz = $")
        }
        (DataType::Timestamp, "timestamp without time zone", []) => {
            "$::timestamp::timestamptz = $".to_string()
        }
        _ => return ColumnFit::None,
    };
    ColumnFit::Those(condition)
}

/// A type without its sizes, and these: `timestamp(3) with time zone`, `numeric(18,2)`.
fn sized(is: &str) -> (String, Vec<i64>) {
    let Some((before, rest)) = is.split_once('(') else { return (is.to_string(), vec![]) };
    let Some((sizes, after)) = rest.split_once(')') else { return (is.to_string(), vec![]) };
    let sizes: Option<Vec<i64>> = sizes.split(',').map(|size| size.trim().parse().ok()).collect();
    (format!("{before}{after}"), sizes.unwrap_or_default())
}

/// Whether a column of the type `is` holds every value of `ty` as it is.
fn holds(is: &str, ty: DataType) -> bool {
    match ty {
        // A type with a length would refuse longer texts.
        DataType::String | DataType::Json => matches!(is, "text" | "character varying"),
        DataType::Int64 => matches!(is, "bigint" | "numeric"),
        DataType::Timestamp => matches!(is, "timestamp with time zone" | "timestamp(6) with time zone"),
        DataType::Decimal { precision, scale } => {
            let sized = is.strip_prefix("numeric(").and_then(|size| size.strip_suffix(')')?.split_once(','));
            let sized = sized.and_then(|(p, s)| Some((p.parse::<i32>().ok()?, s.parse::<i32>().ok()?)));
            // The digits before the point must fit as well as those behind it.
            let whole = i32::from(precision) - i32::from(scale);
            is == "numeric" || sized.is_some_and(|(p, s)| s >= i32::from(scale) && p - s >= whole)
        }
        DataType::Bool | DataType::Float64 | DataType::Date => is == crate::pg::sql_type(ty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_would_round_or_cut_takes_what_it_holds() {
        let money = DataType::Decimal { precision: 18, scale: 2 };
        let those = |condition: &str| ColumnFit::Those(condition.to_string());
        for (is, ty, fits) in [
            ("numeric", money, ColumnFit::Every),
            ("numeric(18,2)", money, ColumnFit::Every),
            ("numeric(20,3)", money, ColumnFit::Every),
            ("numeric(18,3)", money, those("$ = round($, 3) AND abs($) < 10::numeric ^ 15")),
            ("numeric(18,1)", money, those("$ = round($, 1) AND abs($) < 10::numeric ^ 17")),
            ("double precision", money, ColumnFit::None),
            ("bigint", DataType::Int64, ColumnFit::Every),
            ("integer", DataType::Int64, those("$ BETWEEN -2147483648 AND 2147483647")),
            ("real", DataType::Float64, ColumnFit::None),
            ("character varying(10)", DataType::String, those("length($) <= 10")),
            ("character(10)", DataType::String, ColumnFit::None),
            ("timestamp without time zone", DataType::Timestamp, ColumnFit::LocalTimes),
            ("timestamp(3) with time zone", DataType::Timestamp, those("$::timestamptz(3) = $")),
        ] {
            assert_eq!(fit(is, ty, false), fits, "{is} for {ty}");
        }
        let local = fit("timestamp without time zone", DataType::Timestamp, true);
        assert_eq!(local, those("$::timestamp::timestamptz = $"));
    }
}
