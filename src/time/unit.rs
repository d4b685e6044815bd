//! The unit of times that are numbers.

use super::{DAY, SECOND, TimeError};

/// The unit of a time that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Days of the calendar: 0 is the first of January 1970, from midnight in the zone of the job on.
    Day,
    /// Days of a spreadsheet: 1 is the first of January 1900, and 61 the first of March of that year, since 60 is a day that
    /// was not; from midnight in the zone of the job on. Fractions are rounded to the millisecond, as they are floats
    /// there. (ECMA-376, part 1, 18.17.4)
    Excel,
    /// Seconds.
    Second,
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
    /// Nanoseconds, cut to the microsecond.
    Nano,
}

impl TimeUnit {
    /// All of them, the longest first.
    pub const ALL: [TimeUnit; 6] =
        [TimeUnit::Day, TimeUnit::Excel, TimeUnit::Second, TimeUnit::Milli, TimeUnit::Micro, TimeUnit::Nano];

    /// Reads `d`, `excel`, `s`, `ms`, `us` or `ns`.
    pub fn parse(text: &str) -> Option<TimeUnit> {
        TimeUnit::ALL.into_iter().find(|unit| unit.name() == text)
    }

    /// The name that [`TimeUnit::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Day => "d",
            TimeUnit::Excel => "excel",
            TimeUnit::Second => "s",
            TimeUnit::Milli => "ms",
            TimeUnit::Micro => "us",
            TimeUnit::Nano => "ns",
        }
    }

    /// Whether its numbers count on the wall clock of the job's zone.
    pub fn is_local(self) -> bool {
        matches!(self, TimeUnit::Day | TimeUnit::Excel)
    }

    /// The name in words, of several, and since when they are counted.
    pub fn since(self) -> String {
        match self {
            TimeUnit::Excel => "days as spreadsheets count them".to_string(),
            unit => format!("{} since 1970", unit.name()),
        }
    }

    /// The name in words, of several.
    pub fn words(self) -> &'static str {
        match self {
            TimeUnit::Day => "days",
            TimeUnit::Excel => "days of a spreadsheet",
            TimeUnit::Second => "seconds",
            TimeUnit::Milli => "milliseconds",
            TimeUnit::Micro => "microseconds",
            TimeUnit::Nano => "nanoseconds",
        }
    }

    /// How many microseconds it has, as the number of a fraction and what that is divided by.
    pub(super) fn micros(self) -> (i128, i128) {
        match self {
            TimeUnit::Day | TimeUnit::Excel => (DAY.into(), 1),
            TimeUnit::Second => (SECOND.into(), 1),
            TimeUnit::Milli => (1000, 1),
            TimeUnit::Micro => (1, 1),
            TimeUnit::Nano => (1, 1000),
        }
    }

    /// The microseconds of `value` of these units, those of days on a local clock; `None` where they overflow.
    #[inline]
    pub fn instant(self, value: i64) -> Option<i64> {
        match self {
            TimeUnit::Day => value.checked_mul(DAY),
            TimeUnit::Excel => of_spreadsheet(value.checked_mul(DAY)?),
            TimeUnit::Second => value.checked_mul(SECOND),
            TimeUnit::Milli => value.checked_mul(1000),
            TimeUnit::Micro => Some(value),
            // `/` would cut towards zero, and move times before 1970 into the future.
            TimeUnit::Nano => Some(value.div_euclid(1000)),
        }
    }

    /// The microseconds of a decimal such as `1622548800.123` or `1.6e9`, by its digits and exactly: what is less than
    /// a microsecond is cut, towards the past.
    pub(super) fn decimal(self, text: &[u8]) -> Result<i64, TimeError> {
        let Decimal { negative, digits, exponent, more } =
            Decimal::read(text).ok_or(TimeError::Unreadable)?;
        let (times, by) = self.micros();
        // Digits are 25 at most and a unit has eleven: neither product overflows. Whatever has a greater exponent lies
        // far outside of all years, unless it is zero.
        let micros = match u32::try_from(exponent) {
            _ if digits == 0 => (0, false),
            Ok(exponent) if exponent > 25 => return Err(TimeError::OutOfRange),
            Ok(exponent) => {
                let all = 10i128.checked_pow(exponent).and_then(|power| (digits * times).checked_mul(power));
                let all = all.ok_or(TimeError::OutOfRange)?;
                (all / by, all % by != 0)
            }
            Err(_) => {
                match 10i128.checked_pow(exponent.unsigned_abs()).and_then(|power| power.checked_mul(by)) {
                    Some(power) => (digits * times / power, digits * times % power != 0),
                    // Less than a microsecond, by far.
                    None => (0, true),
                }
            }
        };
        let (micros, rest) = (micros.0, micros.1 || more);
        // Cut towards the past: below zero a rest makes it one microsecond earlier.
        let micros = if negative { -micros - i128::from(rest) } else { micros };
        let micros = i64::try_from(micros).map_err(|_| TimeError::OutOfRange)?;
        match self {
            TimeUnit::Excel => of_spreadsheet(micros).ok_or(TimeError::OutOfRange),
            _ => Ok(micros),
        }
    }

    /// The unit in which `value` is nearest to the present age (1980 to 2100), if there is one. Days are too small
    /// numbers to be known.
    pub fn likely(value: i64) -> Option<TimeUnit> {
        let believable = 315_532_800 * SECOND..4_102_444_800 * SECOND;
        [TimeUnit::Second, TimeUnit::Milli, TimeUnit::Micro, TimeUnit::Nano]
            .into_iter()
            .find(|unit| unit.instant(value).is_some_and(|t| believable.contains(&t)))
    }
}

/// Local microseconds since 1970 of those of a spreadsheet; none before March 1900, where its days are one off.
fn of_spreadsheet(micros: i64) -> Option<i64> {
    let rounded = micros.checked_add(500)?.div_euclid(1000) * 1000;
    // 1970-01-01 is day 25,569.
    (rounded >= 61 * DAY).then(|| rounded - 25_569 * DAY)
}

/// A decimal number: digits, and the power of ten that they are multiplied by.
struct Decimal {
    negative: bool,
    digits: i128,
    exponent: i32,
    /// Whether digits that are not zero were left out at the end.
    more: bool,
}

impl Decimal {
    /// The most digits that are kept; those after them are far below the microsecond, or the number far outside of
    /// all years.
    const DIGITS: u32 = 25;

    fn read(text: &[u8]) -> Option<Decimal> {
        let (negative, mut rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let mut out = Decimal { negative, digits: 0, exponent: 0, more: false };
        let (mut kept, mut any, mut point) = (0, false, false);
        while let [c, after @ ..] = rest {
            match c {
                b'0'..=b'9' => {
                    any = true;
                    let digit = i128::from(c - b'0');
                    if kept < Decimal::DIGITS {
                        out.digits = out.digits * 10 + digit;
                        // Leading zeros are not significant: they must not use up the digits that are kept.
                        kept += u32::from(out.digits != 0);
                        out.exponent -= i32::from(point);
                    } else {
                        // A digit that is cut can still move a negative time by one microsecond.
                        out.more |= digit != 0;
                        out.exponent += i32::from(!point);
                    }
                }
                b'.' if !point => point = true,
                // An exponent needs a digit before it: `e5` is not a number.
                b'e' | b'E' if any => {
                    out.exponent = out.exponent.checked_add(exponent(after)?)?;
                    return Some(out);
                }
                _ => return None,
            }
            rest = after;
        }
        any.then_some(out)
    }
}

/// The number after an `e`; one of many digits is a great one.
fn exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A time with such an exponent is zero or out of range; the cap keeps sums of exponents inside `i32`.
    let fold = |n: i32, c: &u8| n.saturating_mul(10).saturating_add(i32::from(c - b'0')).min(1_000_000);
    let value = digits.iter().fold(0, fold);
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(unit: TimeUnit, text: &str) -> Result<i64, TimeError> {
        unit.decimal(text.as_bytes())
    }

    #[test]
    fn decimals_are_read_by_their_digits_and_cut_towards_the_past() {
        for (unit, text, want) in [
            (TimeUnit::Second, "1622548800.123", 1_622_548_800_123_000),
            (TimeUnit::Second, "1622548800.1234569", 1_622_548_800_123_456),
            (TimeUnit::Second, "1622548800.123456999999999999999999999999999999", 1_622_548_800_123_456),
            (TimeUnit::Second, "1.622548800123E9", 1_622_548_800_123_000),
            (TimeUnit::Second, "1622548800123e-3", 1_622_548_800_123_000),
            (TimeUnit::Second, "+1.0", SECOND),
            (TimeUnit::Second, "-1.5", -1_500_000),
            (TimeUnit::Second, ".5", SECOND / 2),
            (TimeUnit::Second, "5.", 5 * SECOND),
            (TimeUnit::Second, "-0.0000001", -1),
            (TimeUnit::Second, "0.0000001", 0),
            (TimeUnit::Second, "-1e-400", -1),
            (TimeUnit::Second, "0e400", 0),
            (TimeUnit::Second, "0000000000000000000000000000000000001", SECOND),
            (TimeUnit::Milli, "1622548800123.4567", 1_622_548_800_123_456),
            (TimeUnit::Micro, "1.9", 1),
            (TimeUnit::Nano, "1999.9", 1),
            (TimeUnit::Nano, "-1", -1),
            (TimeUnit::Day, "19876.5", 19_876 * DAY + DAY / 2),
            (TimeUnit::Excel, "45445", 19_876 * DAY),
            // As a float has one o'clock, and half past twelve.
            (TimeUnit::Excel, "45292.041666666664", 19_723 * DAY + 3_600_000_000),
            (TimeUnit::Excel, "45292.520833333336", 19_723 * DAY + 45_000_000_000),
            (TimeUnit::Excel, "61", -25_508 * DAY),
        ] {
            assert_eq!(micros(unit, text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_unreadable() {
        for text in ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "1_000", " 1", "NaN", "inf", "0x10", "1,5"] {
            assert_eq!(micros(TimeUnit::Second, text), Err(TimeError::Unreadable), "{text}");
        }
        assert_eq!(micros(TimeUnit::Excel, "60.9"), Err(TimeError::OutOfRange));
        for text in ["1e30", "9999999999999999999999999999999", "-1e13", "1e99999999999"] {
            assert_eq!(micros(TimeUnit::Second, text), Err(TimeError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn integers_and_decimals_say_the_same() {
        for unit in TimeUnit::ALL {
            for value in [0, 1, -1, 999, -999, 1_717_200_000, -1_717_200_000, 1_717_200_000_999] {
                let same = unit.instant(value).ok_or(TimeError::OutOfRange);
                for text in [format!("{value}"), format!("{value}.0"), format!("{value}0e-1")] {
                    assert_eq!(micros(unit, &text), same, "{text} {}", unit.name());
                }
            }
        }
    }
}
