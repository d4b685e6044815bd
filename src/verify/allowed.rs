//! How many rows of an output may differ before a comparison fails.
//!
//! # Contract
//! * Only rows that differ, or that one side lacks, can be accepted. Columns that one side lacks, columns of types that
//!   cannot be compared, keys that come more than once, and a side without rows always fail: of these the number of
//!   rows does not say how much is wrong.
//! * A share is of all rows that were compared: those of both sides, each pair once. It is rounded down to whole rows.

use super::compare::Comparison;
use std::fmt;
use std::str::FromStr;

/// The most rows of each output that may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDifferent {
    /// This many rows.
    Rows(u64),
    /// This share of the rows that were compared, in millionths of a percent.
    Share(u64),
}

/// Millionths of a percent in 1 %.
const PERCENT: u64 = 1_000_000;
/// Digits after the point of a percentage.
const DIGITS: usize = 6;

impl Default for MaxDifferent {
    fn default() -> MaxDifferent {
        MaxDifferent::Rows(0)
    }
}

impl MaxDifferent {
    /// How many of `all` rows may differ.
    pub fn rows(self, all: u64) -> u64 {
        match self {
            MaxDifferent::Rows(rows) => rows,
            // Rounded down: a share must not accept a row more than it says.
            MaxDifferent::Share(share) => {
                let rows = u128::from(all) * u128::from(share) / u128::from(100 * PERCENT);
                u64::try_from(rows).unwrap_or(u64::MAX)
            }
        }
    }

    /// Why a comparison is not accepted, if it is not.
    pub fn refuses(self, comparison: &Comparison) -> Option<&'static str> {
        let Comparison { here, there, duplicate_keys, schema, .. } = comparison;
        if comparison.same() {
            None
        } else if !schema.is_empty() {
            Some("the columns are not the same")
        } else if *duplicate_keys > 0 {
            Some("keys come more than once")
        } else if *here == 0 || *there == 0 {
            Some("one side has no rows")
        } else if comparison.different() > self.rows(comparison.compared()) {
            Some("more rows differ")
        } else {
            None
        }
    }
}

impl fmt::Display for MaxDifferent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = match self {
            MaxDifferent::Rows(rows) => return rows.fmt(f),
            MaxDifferent::Share(share) => share,
        };
        let (whole, part) = (share / PERCENT, format!("{:0DIGITS$}", share % PERCENT));
        match part.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            part => write!(f, "{whole}.{part}%"),
        }
    }
}

impl FromStr for MaxDifferent {
    type Err = String;

    /// Reads `12`, `1%` or `0.05%`.
    fn from_str(text: &str) -> Result<MaxDifferent, String> {
        let wrong = || format!("`{text}` is not a number of rows such as 10, or a share such as 0.5%");
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let Some(share) = text.strip_suffix('%') else {
            return if digits(text) { Ok(MaxDifferent::Rows(number(text)?)) } else { Err(wrong()) };
        };
        let share = share.trim_end();
        let (whole, part) = share.split_once('.').unwrap_or((share, "0"));
        if !digits(whole) || !digits(part) {
            return Err(wrong());
        }
        // More digits would have to be rounded, and the share would not be the one that was asked for.
        if part.len() > DIGITS {
            return Err(format!("`{text}` has more than {DIGITS} digits after the point"));
        }
        let millionths = number(&format!("{part:0<DIGITS$}"))?;
        let share = number(whole)?.checked_mul(PERCENT).and_then(|whole| whole.checked_add(millionths));
        match share {
            Some(share) if share <= 100 * PERCENT => Ok(MaxDifferent::Share(share)),
            _ => Err(format!("`{text}` is more than 100%")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> MaxDifferent {
        text.parse().unwrap()
    }

    #[test]
    fn shares_are_exact_and_rounded_down() {
        assert_eq!(of("0.5%").rows(199), 0);
        assert_eq!(of("0.5%").rows(200), 1);
        assert_eq!(of("0.5 %").rows(399), 1);
        assert_eq!(of("0.000001%").rows(99_999_999), 0);
        assert_eq!(of("0.000001%").rows(100_000_000), 1);
        assert_eq!(of("100%").rows(u64::MAX), u64::MAX);
        // As floats 0.07 × 100 is more than 7.
        assert_eq!(of("7%").rows(100), 7);
        assert_eq!(of("3").rows(0), 3);
    }

    #[test]
    fn what_is_not_a_limit_is_refused() {
        for wrong in
            ["", "%", "-1", "+1", "1.5", "1e3", ".5%", "5.%", "-1%", "101%", "100.1%", "0.0000001%", "x%"]
        {
            assert!(wrong.parse::<MaxDifferent>().is_err(), "{wrong}");
        }
        for text in ["0", "17", "1%", "0.05%", "100%"] {
            assert_eq!(of(text).to_string(), text);
        }
    }

    #[test]
    fn only_rows_are_accepted() {
        use crate::verify::compare::{SchemaDifference, WhichSide};
        let one = Comparison { here: 10, there: 10, matched: 9, differing: 1, ..Comparison::default() };
        assert_eq!(MaxDifferent::default().refuses(&one), Some("more rows differ"));
        assert_eq!(of("1").refuses(&one), None);
        assert_eq!(of("10%").refuses(&one), None);
        assert_eq!(of("9.99%").refuses(&one), Some("more rows differ"));
        let schema = vec![SchemaDifference::Only(WhichSide::Here, "x".into())];
        let columns = Comparison { schema, differing: 0, matched: 10, ..one.clone() };
        assert_eq!(of("100%").refuses(&columns), Some("the columns are not the same"));
        let keys = Comparison { duplicate_keys: 1, ..one.clone() };
        assert_eq!(of("100%").refuses(&keys), Some("keys come more than once"));
        let empty = Comparison { here: 0, there: 1, only_there: 1, ..Comparison::default() };
        assert_eq!(of("5").refuses(&empty), Some("one side has no rows"));
        assert_eq!(of("0").refuses(&Comparison::default()), None);
    }
}
