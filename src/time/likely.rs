//! The rules that a time may be meant by, when nobody has said.

use super::{TimeParser, TimeRule, TimeUnit, Zone};

/// The rules that read `text`, the likely ones first.
pub fn likely(text: &str) -> Vec<TimeRule> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if all_digits(digits) {
        let unit = text.parse().ok().and_then(TimeUnit::likely).map(TimeRule::Epoch);
        // 20240229 is a day, and so near to 1970 in seconds that no unit is likely.
        let compact = match digits.len() {
            4 => reads(text, "%Y"),
            6 => reads(text, "%Y%m"),
            8 => reads(text, "%Y%m%d"),
            14 => reads(text, "%Y%m%d%H%M%S"),
            _ => None,
        };
        // Some write seconds at first and milliseconds later.
        let mixed = [TimeUnit::Second, TimeUnit::Milli];
        let several = mixed
            .map(TimeRule::Epoch)
            .iter()
            .find(|one| unit.as_ref() == Some(*one))
            .map(|_| TimeRule::units(&mixed));
        return compact.into_iter().chain(unit).chain(several).collect();
    }
    // Decimals of ten digits before the point or more, as `time.time()` prints them.
    let whole = digits.split_once('.').filter(|(whole, part)| all_digits(whole) && all_digits(part));
    if let Some((whole, part)) = whole {
        // Two digits before the point are too few for seconds of this age, so `03.2024` is a month.
        if (whole.len(), part.len()) == (2, 4) {
            return reads(text, "%m.%Y").into_iter().collect();
        }
        return whole.parse().ok().and_then(TimeUnit::likely).map(TimeRule::Epoch).into_iter().collect();
    }
    if TimeParser::new(TimeRule::Iso, Zone::utc()).text(text.as_bytes()).is_ok() {
        return vec![TimeRule::Iso];
    }
    // Hundreds of formats follow: a text that cannot be a time is sorted out before they are tried.
    if !(6..=40).contains(&text.len()) || !text.bytes().any(|c| c.is_ascii_digit()) {
        return vec![];
    }
    formats(text).iter().filter_map(|format| reads(text, format)).collect()
}

/// The format as a rule, if it reads `text` as a time of this age.
fn reads(text: &str, format: &str) -> Option<TimeRule> {
    let rule = TimeRule::format(format).ok()?;
    let time = TimeParser::new(rule.clone(), Zone::utc()).text(text.as_bytes()).ok()?;
    // 1950 to 2100.
    (-631_152_000_000_000..4_102_444_800_000_000).contains(&time).then_some(rule)
}

/// The formats that a text like this may have, days before months.
fn formats(text: &str) -> Vec<String> {
    const WHOLE: [&str; 8] = [
        "%d/%b/%Y:%H:%M:%S %z",
        "%a, %d %b %Y %H:%M:%S %z",
        "%a, %d %b %Y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
        "%a %b %e %H:%M:%S UTC %Y",
        "%Y%m%dT%H%M%SZ",
        "%Y%m%dT%H%M%S",
        "%Y%m%d %H%M%S",
    ];
    const CLOCKS: [&str; 8] =
        ["%H:%M:%S", "%H:%M", "%H:%M:%S%.f", "%H:%M:%S,%f", "%I:%M:%S %p", "%I:%M %p", "%I:%M%p", "%H.%M"];
    let mut dates: Vec<String> = vec![];
    for by in ['/', '-', '.', ' '].into_iter().filter(|by| text.contains(*by)) {
        for date in ["%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%d/%b/%Y", "%d/%b/%y"] {
            // Points never come after months.
            if by != '.' || !date.starts_with("%m") {
                dates.push(date.replace('/', &by.to_string()));
            }
        }
    }
    dates.extend(
        ["%b %e, %Y", "%B %e, %Y", "%b %e %Y", "%e %B %Y", "%e. %B %Y", "%Y-%b-%d"].map(str::to_string),
    );
    let months = months(text);
    let mut out: Vec<String> = WHOLE.map(str::to_string).to_vec();
    for date in dates {
        // A year of two digits is not the first half of one of four.
        for joint in [" ", "T", ", ", " - "].into_iter().filter(|joint| text.contains(joint)) {
            for clock in CLOCKS {
                out.extend(
                    ["", " %z", "%z", " UTC", "Z", " GMT", " %Z"]
                        .map(|zone| format!("{date}{joint}{clock}{zone}")),
                );
            }
        }
        out.push(date);
    }
    out.extend(months);
    out
}

/// Formats of a month, which have no time of day.
fn months(text: &str) -> Vec<String> {
    let by = [' ', '-', '/', '.'].into_iter().find(|by| text.contains(*by));
    let by = by.map_or_else(String::new, |by| by.to_string());
    ["%Y#%m", "%m#%Y", "%b#%Y", "%B#%Y", "%Y#%b", "%Y#%B", "%b#%y", "%B#%y"]
        .map(|month| month.replace('#', &by))
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proposed_is_a_format_that_times_are_read_by() {
        for format in formats("1/2-3.4 T, -") {
            assert!(TimeRule::format(&format).is_ok(), "{format}");
        }
    }
}
