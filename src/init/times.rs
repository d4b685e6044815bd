//! Event times: which rule reads the values of a column, when nobody has said.
//!
//! # Contract
//! A rule is a candidate if it reads one of the first values; each candidate then reads all of them. Whether
//! days or months come first is told by values that only one of the two reads, else by which of the two has the
//! log more nearly in order, by half or more; where neither tells, it is said to be open.

use crate::time::{DAY, FirstAndLast, FormatField, MINUTE, TimeParser, TimeRule, Zone, likely};

/// Values that are tried before a column is given up.
const TRIED: u32 = 16;

/// Times of a candidate that are kept, evenly spread.
const KEPT: usize = 1 << 14;

/// The rules that may be meant by the values of a column.
#[derive(Debug, Default)]
pub struct TimeRules {
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
    pub range: FirstAndLast,
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
            range: FirstAndLast::new(i64::MAX, i64::MIN),
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

    /// A year, a month, a day, a minute or a microsecond: what all times are whole numbers of.
    pub fn resolution(&self) -> i64 {
        match () {
            () if self.has_no(is_month) => YEAR,
            () if self.has_no(is_day) => MONTH,
            () if !self.time_of_day => DAY,
            () if !self.seconds => MINUTE,
            () => 1,
        }
    }

    /// Whether the values are times of a format without such a part, and no instants of their own.
    fn has_no(&self, part: fn(FormatField) -> bool) -> bool {
        matches!(self.rule(), TimeRule::Format(format) if !format.fields().any(part))
    }

    /// Whether the values are numbers, which may be something else than times.
    pub fn is_number(&self) -> bool {
        match self.rule() {
            rule if !rule.tried_units().is_empty() => true,
            TimeRule::Format(format) => NUMBERS.contains(&format.text()),
            _ => false,
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
                // Every second time goes and the stride doubles: what is kept stays evenly spread, in bounded
                // memory.
                let mut number = 0..;
                self.kept.retain(|_| number.next().is_some_and(|n: usize| n.is_multiple_of(2)));
                self.stride *= 2;
            }
        }
        self.read += 1;
        self.backward += u64::from(time < self.last);
        self.last = time;
        self.range = self.range.and(FirstAndLast::new(time, time));
        self.time_of_day |= time.rem_euclid(DAY) != 0;
        self.seconds |= time.rem_euclid(MINUTE) != 0;
    }

    /// Whether it reads nearly all of what was seen.
    fn fits(&self) -> bool {
        self.missed * 20 <= self.read
    }
}

impl TimeRules {
    /// Looks at one more value.
    pub fn value(&mut self, text: &str) {
        if self.candidates.is_empty() {
            if self.tried == TRIED {
                return;
            }
            let before = self.tried;
            self.candidates = likely(text).into_iter().map(Candidate::new).collect();
            // The values before this one did not fit any rule, so these rules have missed them too.
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
            // Only an order that is better by half or more tells days from months.
            .find(|c| c.missed == best.missed && c.kept != best.kept && c.backward <= 2 * best.backward)
            .and_then(|c| format(&c));
        Some(best)
    }
}

/// The length of a year and of a month, near enough to choose windows by.
pub const YEAR: i64 = 365 * DAY;
/// See [`YEAR`].
pub const MONTH: i64 = 30 * DAY;

/// Formats of a year, or a month, whose texts may as well be any numbers.
const NUMBERS: [&str; 3] = ["%Y", "%Y%m", "%m.%Y"];

fn is_month(field: FormatField) -> bool {
    matches!(field, FormatField::Month | FormatField::MonthName { .. }) || is_day(field)
}

/// Whether a field says a day or what stands for one.
fn is_day(field: FormatField) -> bool {
    matches!(field, FormatField::Day | FormatField::DayOfYear | FormatField::IsoWeek | FormatField::Epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(values: &[&str]) -> Option<(String, Option<String>)> {
        let mut times = TimeRules::default();
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
            (&["1717200000", "1717200001000", "1717200002"], "AnyOf([Epoch(Second), Epoch(Milli)])"),
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
            (&["2024-03", "2024-04"], "%Y-%m"),
            (&["2024/3", "2024/04"], "%Y/%m"),
            (&["03/2024"], "%m/%Y"),
            (&["03.2024", "11.2024"], "%m.%Y"),
            (&["202403", "202404"], "%Y%m"),
            (&["2023", "2024"], "%Y"),
            (&["Mar 2024", "Apr 2024"], "%b %Y"),
            (&["May 2024", "June 2024"], "%B %Y"),
            (&["March-24"], "%B-%y"),
            (&["2024-03", "2024-03-01"], "none"),
            (&["202413"], "none"),
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
    fn what_times_are_whole_numbers_of_is_told() {
        let of = |values: &[&str]| {
            let mut times = TimeRules::default();
            values.iter().for_each(|value| times.value(value));
            times.best().unwrap().resolution()
        };
        assert_eq!(of(&["2023", "2024"]), YEAR);
        assert_eq!(of(&["2024-03"]), MONTH);
        assert_eq!(of(&["2024-03-01"]), DAY);
        assert_eq!(of(&["1717200060"]), MINUTE);
        assert_eq!(of(&["2024-03-01 10:00:01"]), 1);
    }

    #[test]
    fn words_of_utc_are_read_as_an_offset_by_what_is_proposed() {
        let text = "2024-03-10 00:00:00 UTC";
        let proposed = likely(text).remove(0);
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
        let mut times = TimeRules::default();
        (0..1000).for_each(|i| times.value(&(1_717_200_000 + i).to_string()));
        times.value("946684800");
        let best = times.best().unwrap();
        assert!(best.span() < 1000 * crate::time::SECOND, "{}", best.span());
    }
}
