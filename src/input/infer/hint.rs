//! Hints for event times that cannot be read: the unit or form that they seem to have.

use crate::time::{TimeParser, TimeRule, TimeUnit, Zone};

/// What the user may write for a time `text` that does not follow `rule`, if that can be guessed.
pub fn time_hint(text: &[u8], rule: &TimeRule) -> Option<String> {
    // Decimals, if it has some, do not tell the unit.
    let number = std::str::from_utf8(text).ok().filter(|t| t.parse::<f64>().is_ok());
    let whole = number.and_then(|t| t.split('.').next()?.parse::<i64>().ok());
    let likely = whole.and_then(TimeUnit::likely);
    if let Some(unit) = likely
        && *rule != TimeRule::Epoch(unit)
    {
        return Some(format!("it looks like time_unit = \"{}\"", unit.name()));
    }
    let iso = || TimeParser::new(TimeRule::Iso, Zone::utc()).text(text).is_ok();
    match rule {
        TimeRule::Iso => None,
        TimeRule::Epoch(_) if iso() => Some("it looks like ISO-8601: leave `time_unit` out".into()),
        TimeRule::Format(_) if iso() => Some("it looks like ISO-8601: leave `time_format` out".into()),
        _ => None,
    }
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
        assert_eq!(hint("1717200000.125", TimeRule::Iso).as_deref(), Some("it looks like time_unit = \"s\""));
        assert_eq!(hint("1717200000.125", TimeRule::Epoch(TimeUnit::Second)), None);
        assert_eq!(hint("1717200000.125.1", TimeRule::Iso), None);
    }
}
