//! Event times: which rule reads the values of a column, when nobody has said.
//!
//! # Contract
//! A rule is a candidate if it reads one of the first values; each candidate then reads all of them. Whether
//! days or months come first is told by values that only one of the two reads, else by which of the two has the
//! log more nearly in order, by half or more; where neither tells, it is said to be open.

use crate::time::{DAY, MINUTE, TimeParser, TimeRule, TimeUnit, Zone};

/// Values that are tried before a column is given up.
const TRIED: u32 = 16;

/// Times of a candidate that are kept, evenly spread.
const KEPT: usize = 1 << 14;

/// The rules that may be meant by the values of a column.
#[derive(Debug, Default)]
pub struct Times {
    candidates: Vec<Candidate>,
    /// Values that no candidate came of.
    tried: u32,
}

/// A rule, and what it makes of the values so far.
#[derive(Debug)]
pub struct Candidate {
    parser: TimeParser,
    /// Values that it reads.
    pub read: u64,
    /// Values that it does not.
    pub missed: u64,
    /// The first of them, where it was seen.
    pub first_missed: Option<String>,
    /// How often a time is before the one that came before it.
    pub backward: u64,
    last: i64,
    /// The least and the greatest time, microseconds UTC.
    pub range: (i64, i64),
    kept: Vec<i64>,
    stride: u64,
    /// Whether a time of day other than midnight is among them.
    pub time_of_day: bool,
    /// Whether any is not at a whole minute.
    seconds: bool,
    /// A rule that reads the same values with day and month the other way round.
    pub other: Option<String>,
}

impl Candidate {
    fn new(rule: TimeRule) -> Candidate {
        Candidate {
            parser: TimeParser::new(rule, Zone::utc()),
            read: 0,
            missed: 0,
            first_missed: None,
            backward: 0,
            last: i64::MIN,
            range: (i64::MAX, i64::MIN),
            kept: vec![],
            stride: 1,
            time_of_day: false,
            seconds: false,
            other: None,
        }
    }

    /// The rule.
    pub fn rule(&self) -> &TimeRule {
        self.parser.rule()
    }

    /// A day, a minute or a microsecond: what all times are whole numbers of.
    pub fn resolution(&self) -> i64 {
        match () {
            () if !self.time_of_day => DAY,
            () if !self.seconds => MINUTE,
            () => 1,
        }
    }

    /// From the first percentile of the times to the last, microseconds: a clock gone wild does not stretch it. Of a few
    /// times all count.
    pub fn span(&self) -> i64 {
        let mut times = self.kept.clone();
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len().saturating_sub(1) * percent / 100).copied();
        let (low, high) = if times.len() < 100 { (0, 100) } else { (1, 99) };
        match (at(low), at(high)) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        }
    }

    fn value(&mut self, text: &str) {
        let Ok(time) = self.parser.text(text.as_bytes()) else {
            self.missed += 1;
            self.first_missed.get_or_insert_with(|| text.to_string());
            return;
        };
        if self.read.is_multiple_of(self.stride) {
            self.kept.push(time);
            if self.kept.len() == KEPT {
                let mut number = 0..;
                self.kept.retain(|_| number.next().is_some_and(|n: usize| n.is_multiple_of(2)));
                self.stride *= 2;
            }
        }
        self.read += 1;
        self.backward += u64::from(time < self.last);
        self.last = time;
        self.range = (self.range.0.min(time), self.range.1.max(time));
        self.time_of_day |= time.rem_euclid(DAY) != 0;
        self.seconds |= time.rem_euclid(MINUTE) != 0;
    }

    /// Whether it reads nearly all of what was seen.
    fn fits(&self) -> bool {
        self.missed * 20 <= self.read
    }
}

impl Times {
    /// Looks at one more value.
    pub fn value(&mut self, text: &str) {
        if self.candidates.is_empty() {
            if self.tried == TRIED {
                return;
            }
            let before = self.tried;
            self.candidates = rules(text).into_iter().map(Candidate::new).collect();
            self.candidates.iter_mut().for_each(|c| c.missed = u64::from(before));
            self.tried += 1;
        }
        self.candidates.iter_mut().for_each(|candidate| candidate.value(text));
        if self.candidates.len() > 1 {
            // One that fails now and again is a candidate as long as none does better.
            let best = self.candidates.iter().map(|c| c.missed).min().unwrap_or(0);
            self.candidates.retain(|c| c.missed <= best + 8);
        } else if self.candidates.iter().any(|c| c.missed > 200 && !c.fits()) {
            self.candidates.clear();
            self.tried = TRIED;
        }
    }

    /// The rule that reads most of the values; `None` where none reads nearly all.
    pub fn best(self) -> Option<Candidate> {
        let mut candidates = self.candidates;
        candidates.retain(Candidate::fits);
        // The sort is stable: of equals the first of `rules` stays.
        candidates.sort_by_key(|c| (c.missed, c.backward));
        let mut candidates = candidates.into_iter();
        let mut best = candidates.next()?;
        let format = |c: &Candidate| match c.rule() {
            TimeRule::Format(format) => Some(format.to_string()),
            _ => None,
        };
        best.other = candidates
            .find(|c| c.missed == best.missed && c.kept != best.kept && c.backward <= 2 * best.backward)
            .and_then(|c| format(&c));
        Some(best)
    }
}

/// The rules that read `text`, the likely ones first.
fn rules(text: &str) -> Vec<TimeRule> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if all_digits(digits) {
        let unit = text.parse().ok().and_then(TimeUnit::likely).map(TimeRule::Epoch);
        // 20240229 is a day, and so near to 1970 in seconds that no unit is likely.
        let compact = match digits.len() {
            8 => reads(text, "%Y%m%d"),
            14 => reads(text, "%Y%m%d%H%M%S"),
            _ => None,
        };
        return compact.into_iter().chain(unit).collect();
    }
    // Decimals of ten digits before the point or more, as `time.time()` prints them.
    let whole = digits.split_once('.').filter(|(whole, part)| all_digits(whole) && all_digits(part));
    if let Some((whole, _)) = whole {
        return whole.parse().ok().and_then(TimeUnit::likely).map(TimeRule::Epoch).into_iter().collect();
    }
    if TimeParser::new(TimeRule::Iso, Zone::utc()).text(text.as_bytes()).is_ok() {
        return vec![TimeRule::Iso];
    }
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
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(values: &[&str]) -> Option<(String, Option<String>)> {
        let mut times = Times::default();
        values.iter().for_each(|value| times.value(value));
        let best = times.best()?;
        let rule = match best.rule() {
            TimeRule::Epoch(unit) => unit.name().to_string(),
            TimeRule::Format(format) => format.to_string(),
            rule => format!("{rule:?}"),
        };
        Some((rule, best.other))
    }

    fn rule(values: &[&str]) -> String {
        best(values).map_or_else(|| "none".into(), |(rule, _)| rule)
    }

    #[test]
    fn the_rule_that_reads_all_is_taken() {
        for (values, want) in [
            (&["2024-02-29T10:00:00Z", "2024-02-29"][..], "Iso"),
            (&["1717200000", "1717200001"], "s"),
            (&["1717200000000"], "ms"),
            (&["1717200000000000"], "us"),
            (&["1717200000000000000"], "ns"),
            (&["1717200000.125", "1717200001"], "s"),
            (&["1717200000", "1717200001.5"], "s"),
            (&["1717200000125.25"], "ms"),
            (&["2024-03-10 00:00:00 UTC"], "%Y-%m-%d %H:%M:%S UTC"),
            (&["2024-03-10 00:00:00 UTC", "2024-03-10 00:00:00 GMT"], "%Y-%m-%d %H:%M:%S %Z"),
            (&["2024-03-10 00:00:00 Europe/Berlin"], "%Y-%m-%d %H:%M:%S %Z"),
            (&["2024-03-10 14", "2024-03-10 15"], "none"),
            (&["13.03.2024 02:30:00,500"], "%d.%m.%Y %H:%M:%S,%f"),
            (&["20240229", "20240301"], "%Y%m%d"),
            (&["20240229101500"], "%Y%m%d%H%M%S"),
            (&["12/1/2010 8:26", "12/13/2010 9:02"], "%m/%d/%Y %H:%M"),
            (&["1/12/2010 8:26", "13/12/2010 9:02"], "%d/%m/%Y %H:%M"),
            (&["13.12.2010", "01.01.2011"], "%d.%m.%Y"),
            (&["2010/12/01 08:26:00.5"], "%Y/%m/%d %H:%M:%S%.f"),
            (&["12/13/10 8:26 PM"], "%m/%d/%y %I:%M %p"),
            (&["10/Oct/2000:13:55:36 -0700"], "%d/%b/%Y:%H:%M:%S %z"),
            (&["Tue, 15 Nov 1994 08:12:31 GMT"], "%a, %d %b %Y %H:%M:%S GMT"),
            (&["Nov 15, 1994"], "%b %e, %Y"),
            (&["42", "7"], "none"),
            (&["WHITE METAL LANTERN"], "none"),
            (&["12.50", "3.99"], "none"),
            (&["536365", "C536379"], "none"),
        ] {
            assert_eq!(rule(values), want, "{values:?}");
        }
    }

    #[test]
    fn what_is_proposed_is_a_format_that_times_are_read_by() {
        for format in formats("1/2-3.4 T, -") {
            assert!(TimeRule::format(&format).is_ok(), "{format}");
        }
    }

    #[test]
    fn words_of_utc_are_read_as_an_offset_by_what_is_proposed() {
        let text = "2024-03-10 00:00:00 UTC";
        let proposed = rules(text).remove(0);
        let mut jakarta = TimeParser::new(proposed, Zone::named("Asia/Jakarta").unwrap());
        assert_eq!(jakarta.text(text.as_bytes()), Ok(1_710_028_800_000_000));
    }

    #[test]
    fn days_and_months_are_told_by_values_then_by_order() {
        // In order as months and days, not the other way round.
        assert_eq!(best(&["01/02/2010", "01/05/2010", "02/01/2010"]), Some(("%m/%d/%Y".into(), None)));
        assert_eq!(best(&["02/01/2010", "05/01/2010", "01/02/2010"]), Some(("%d/%m/%Y".into(), None)));
        let open = best(&["01/02/2010", "03/04/2010"]);
        assert_eq!(open, Some(("%d/%m/%Y".into(), Some("%m/%d/%Y".into()))));
    }

    #[test]
    fn a_few_values_that_are_no_times_do_not_matter() {
        let mut values = vec!["n/a", "-"];
        values.extend(["1717200000"; 200]);
        values.push("soon");
        assert_eq!(rule(&values), "s");
        assert_eq!(rule(&["1717200000", "x", "y", "z"]), "none");
    }

    #[test]
    fn a_wild_clock_does_not_stretch_the_span() {
        let mut times = Times::default();
        (0..1000).for_each(|i| times.value(&(1_717_200_000 + i).to_string()));
        times.value("946684800");
        let best = times.best().unwrap();
        assert!(best.span() < 1000 * crate::time::SECOND, "{}", best.span());
    }
}
