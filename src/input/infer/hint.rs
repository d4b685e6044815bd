//! Hints for event times that cannot be read: the unit or form that they seem to have.

use crate::batch::DataType;
use crate::input::ReadColumn;
use crate::input::value::{basic, declared, key, number_type};
use crate::time::{TimeParser, TimeRule, TimeUnit, Zone, likely};

/// What the user may write for a time `text` that does not follow `rule`, if that can be guessed.
pub fn time_hint(text: &[u8], rule: &TimeRule) -> Option<String> {
    // Decimals, if it has some, do not tell the unit.
    let number = std::str::from_utf8(text).ok().filter(|t| t.parse::<f64>().is_ok());
    let whole = number.and_then(|t| t.split('.').next()?.parse::<i64>().ok());
    if let Some(unit) = whole.and_then(TimeUnit::likely)
        && *rule != TimeRule::Epoch(unit)
    {
        return Some(format!("it looks like time_unit = \"{}\"", unit.name()));
    }
    let iso = || TimeParser::new(TimeRule::Iso, Zone::utc()).text(text).is_ok();
    let formats = || {
        let mut found = likely(std::str::from_utf8(text).ok()?).into_iter().filter(TimeRule::is_format);
        let (first, other) = (found.next()?, found.find(|other| reads_otherwise(other, text)));
        let quoted = |rule: &TimeRule| rule.words().first().map_or_else(String::new, |word| basic(word));
        let or = other.map_or_else(String::new, |other| format!(", or {}", quoted(&other)));
        Some(format!("it looks like time_format = {}{or}", quoted(&first)))
    };
    match rule {
        TimeRule::Iso => formats(),
        TimeRule::Epoch(_) if iso() => Some("it looks like ISO-8601: leave `time_unit` out".into()),
        TimeRule::Format(_) if iso() => Some("it looks like ISO-8601: leave `time_format` out".into()),
        TimeRule::Format(_) => formats(),
        _ => None,
    }
}

/// What the user may write for a time `text` among others that follow `rule`, if that can be guessed: a list of formats.
pub fn other_time_hint(text: &[u8], rule: &TimeRule) -> Option<String> {
    let units = rule.tried_units();
    if !units.is_empty() {
        let whole =
            std::str::from_utf8(text).ok().and_then(|text| text.split('.').next()?.parse::<i64>().ok());
        let other = whole.and_then(TimeUnit::likely).filter(|unit| !units.contains(unit));
        return other.map_or_else(
            || time_hint(text, rule),
            |other| {
                let all: Vec<String> = units.iter().chain([&other]).map(|unit| basic(unit.name())).collect();
                Some(format!("time_unit = [{}] reads such times, too", all.join(", ")))
            },
        );
    }
    let known = match rule {
        TimeRule::Iso | TimeRule::Format(_) | TimeRule::AnyOf(_) => rule.words(),
        TimeRule::Epoch(_) | TimeRule::Untimed => return time_hint(text, rule),
    };
    let iso = TimeParser::new(TimeRule::Iso, Zone::utc()).text(text).is_ok();
    let found =
        if iso { Some(TimeRule::Iso) } else { likely(std::str::from_utf8(text).ok()?).into_iter().next() };
    let found = found.filter(|found| *found == TimeRule::Iso || found.is_format());
    match found {
        Some(found) => {
            let all: Vec<String> = known.into_iter().chain(found.words()).map(basic).collect();
            Some(format!("time_format = [{}] reads such times, too", all.join(", ")))
        }
        None => time_hint(text, rule),
    }
}

/// Whether a rule is a format that has day and month of `text` the other way round.
fn reads_otherwise(rule: &TimeRule, text: &[u8]) -> bool {
    let months_first = |rule: &TimeRule| rule.words().iter().any(|format| format.starts_with("%m"));
    months_first(rule) && TimeParser::new(rule.clone(), Zone::utc()).text(text).is_ok()
}

/// The hint for a value, `text`, that does not follow a type that was inferred and not declared: a type that holds it, of numbers
/// one that can be added up.
pub fn inferred_hint(column: &ReadColumn, text: &[u8]) -> Option<String> {
    if let Some(keys) = crate::input::written::likely_keys(text, column.ty) {
        return Some(format!(
            "declare how its values are written: written = {{ {} = {{ {keys} }} }}",
            key(&column.name)
        ));
    }
    column.inferred.then(|| {
        let number = std::str::from_utf8(text).ok().and_then(number_type);
        let number = number.filter(|ty| column.ty == DataType::Int64 && *ty != column.ty);
        let wider = number.unwrap_or(DataType::String);
        format!(
            "`{}` was inferred as {} from a sample; declare it: {}",
            column.name,
            column.ty,
            declared(&column.name, wider)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likely_unit_is_named() {
        let hint = |text: &str, rule| time_hint(text.as_bytes(), &rule);
        let millis = "it looks like time_unit = \"ms\"";
        assert_eq!(hint("1717200000000", TimeRule::Epoch(TimeUnit::Second)).as_deref(), Some(millis));
        assert_eq!(hint("1717200000000", TimeRule::Iso).as_deref(), Some(millis));
        assert_eq!(hint("1717200000000", TimeRule::Epoch(TimeUnit::Milli)), None);
        assert!(hint("2024-01-01", TimeRule::Epoch(TimeUnit::Milli)).unwrap().contains("time_unit"));
        assert_eq!(hint("soon", TimeRule::Iso), None);
        let format = |text: &str| hint(text, TimeRule::Iso);
        let both = "it looks like time_format = \"%d/%m/%Y %H:%M\", or \"%m/%d/%Y %H:%M\"";
        assert_eq!(format("01/02/2024 13:00").as_deref(), Some(both));
        assert_eq!(
            format("29/02/2024 13:00").as_deref(),
            Some("it looks like time_format = \"%d/%m/%Y %H:%M\"")
        );
        assert_eq!(format("2024-03").as_deref(), Some("it looks like time_format = \"%Y-%m\""));
        let other = |text: &str, rule| other_time_hint(text.as_bytes(), &rule);
        let list = "time_format = [\"iso\", \"%d/%m/%Y\"] reads such times, too";
        assert_eq!(other("29/02/2024", TimeRule::Iso).as_deref(), Some(list));
        assert_eq!(other("soon", TimeRule::Iso), None);
        assert_eq!(hint("1717200000.125", TimeRule::Iso).as_deref(), Some("it looks like time_unit = \"s\""));
        assert_eq!(hint("1717200000.125", TimeRule::Epoch(TimeUnit::Second)), None);
        assert_eq!(hint("1717200000.125.1", TimeRule::Iso), None);
    }
}
