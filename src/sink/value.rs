//! Values as text, the same in CSV, JSON Lines and on the terminal.
//!
//! | type | text |
//! | --- | --- |
//! | int64 | `-12` |
//! | float64 | the shortest that reads back to the same number: `0.1`, `1.0`, `1e+21`; `NaN`, `inf`, `-inf` |
//! | decimal(p,s) | all `s` digits after the point: `12.50` |
//! | bool | `true`, `false` |
//! | date | `2024-02-29` |
//! | timestamp | RFC 3339 in the job's zone with its offset, `Z` for UTC; a fraction only where it is not zero |

use crate::time::{DAY, MINUTE, SECOND, Zone, civil_from_days};

/// Appends a bool.
pub(super) fn push_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Appends an integer.
#[inline]
pub(super) fn push_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    // The least integer does not have a positive twin, so `abs` would overflow.
    push_unsigned(out, value.unsigned_abs());
}

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

#[inline]
fn push_unsigned(out: &mut Vec<u8>, mut value: u64) {
    // The greatest `u64` has 20 digits.
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    // Two digits for each division halve the number of divisions, which are slow.
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    let pair = value as usize * 2;
    at -= 2;
    digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    at += usize::from(value < 10);
    out.extend_from_slice(&digits[at..]);
}

fn push_two(out: &mut Vec<u8>, value: i64) {
    let pair = value as usize * 2;
    out.extend_from_slice(&PAIRS[pair..pair + 2]);
}

/// Appends a float: the shortest text that reads back to the same number.
pub(crate) fn push_float(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        serde_json::to_writer(out, &value).expect("a finite number, written to memory");
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    }
}

/// The text of a decimal, with all digits of its scale.
pub(crate) fn decimal_text(value: i128, scale: u8) -> String {
    let mut out = vec![];
    push_decimal(&mut out, value, scale);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends a decimal of `scale` digits after the point.
pub(super) fn push_decimal(out: &mut Vec<u8>, value: i128, scale: u8) {
    if value < 0 {
        out.push(b'-');
    }
    let start = out.len();
    // Most decimals fit into 64 bits, whose digits are made faster than those of 128.
    match u64::try_from(value.unsigned_abs()) {
        Ok(small) => push_unsigned(out, small),
        Err(_) => out.extend_from_slice(value.unsigned_abs().to_string().as_bytes()),
    }
    let (digits, scale) = (out.len() - start, usize::from(scale));
    if scale > 0 {
        if digits <= scale {
            out.splice(start..start, std::iter::repeat_n(b'0', scale + 1 - digits));
        }
        out.insert(out.len() - scale, b'.');
    }
}

/// Appends a date, given in days since 1970-01-01.
pub(crate) fn push_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil_from_days(days);
    // RFC 3339 has years of four digits; ISO 8601 gives other years a sign.
    if (0..=9999).contains(&year) {
        push_two(out, year / 100);
        push_two(out, year % 100);
    } else {
        out.extend_from_slice(format!("{year:+05}").as_bytes());
    }
    out.push(b'-');
    push_two(out, i64::from(month));
    out.push(b'-');
    push_two(out, i64::from(day));
}

/// Writes instants as RFC 3339 text in one zone. Remembers the last minute, which never changes a text.
#[derive(Debug, Clone)]
pub(crate) struct TimeText {
    zone: Zone,
    utc: bool,
    /// The minute (instant / MINUTE) and the offset that `head` and `tail` are for.
    turned_to: (i64, i64),
    /// `2024-01-01T00:00:`
    head: Vec<u8>,
    /// `+07:00` or `Z`
    tail: Vec<u8>,
}

impl TimeText {
    /// For instants in `zone`.
    pub fn new(zone: &Zone) -> TimeText {
        let utc = zone.name() == "UTC";
        // This is not the minute of any instant, so the first text fills `head` and `tail`.
        TimeText { zone: zone.clone(), utc, turned_to: (i64::MIN, 0), head: vec![], tail: vec![] }
    }

    /// For instants in UTC.
    pub fn utc() -> TimeText {
        TimeText::new(&Zone::utc())
    }

    /// The text of `instant`, in microseconds since 1970-01-01T00:00:00Z.
    pub fn text(&mut self, instant: i64) -> String {
        let mut out = vec![];
        self.push(&mut out, instant);
        String::from_utf8(out).expect("digits and signs")
    }

    /// Appends the text of `instant`.
    pub fn push(&mut self, out: &mut Vec<u8>, instant: i64) {
        // Euclidean division puts instants before 1970 into the right minute.
        let minute = instant.div_euclid(MINUTE);
        // Clocks may change within a minute of UTC.
        let offset = self.zone.offset(instant);
        if (minute, offset) != self.turned_to {
            self.turn_to(minute, offset);
        }
        let rest = instant.rem_euclid(MINUTE);
        out.extend_from_slice(&self.head);
        push_two(out, rest / SECOND);
        push_fraction(out, rest % SECOND);
        out.extend_from_slice(&self.tail);
    }

    fn turn_to(&mut self, minute: i64, offset: i64) {
        self.turned_to = (minute, offset);
        // RFC 3339 has offsets of whole minutes: an older one with seconds is rounded down, and the
        // local time with it, so that the text still names the same instant.
        let offset = offset.div_euclid(MINUTE);
        let local = minute + offset;
        let per_day = DAY / MINUTE;
        self.head.clear();
        push_date(&mut self.head, local.div_euclid(per_day));
        let of_day = local.rem_euclid(per_day);
        self.head.push(b'T');
        push_two(&mut self.head, of_day / 60);
        self.head.push(b':');
        push_two(&mut self.head, of_day % 60);
        self.head.push(b':');
        self.tail.clear();
        if self.utc {
            self.tail.push(b'Z');
        } else {
            self.tail.push(if offset < 0 { b'-' } else { b'+' });
            push_two(&mut self.tail, offset.abs() / 60);
            self.tail.push(b':');
            push_two(&mut self.tail, offset.abs() % 60);
        }
    }
}

fn push_fraction(out: &mut Vec<u8>, microseconds: i64) {
    if microseconds == 0 {
        return;
    }
    out.push(b'.');
    push_two(out, microseconds / 10_000);
    push_two(out, microseconds / 100 % 100);
    push_two(out, microseconds % 100);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = b">".to_vec();
        push(&mut out);
        String::from_utf8(out.split_off(1)).unwrap()
    }

    #[test]
    fn integers_are_as_std_prints_them() {
        let near = (0..64).flat_map(|s| [-2i64, -1, 0, 1, 2].map(|d| (1i64 << s).wrapping_add(d)));
        for n in near.chain([i64::MIN, i64::MAX, 0, 9, 10, 99, 100, 101, -100]).chain(-1200..1200) {
            assert_eq!(text(|o| push_int(o, n)), n.to_string());
        }
    }

    #[test]
    fn floats_are_short_and_read_back() {
        for (f, s) in
            [(0.1, "0.1"), (1.0, "1.0"), (-0.0, "-0.0"), (1e21, "1e21"), (5e-324, "5e-324"), (1e300, "1e300")]
        {
            let shown = text(|o| push_float(o, f));
            assert_eq!(shown.replace("e+", "e"), s);
            assert_eq!(shown.parse::<f64>().unwrap().to_bits(), f.to_bits());
        }
        assert_eq!(text(|o| push_float(o, f64::NAN)), "NaN");
        assert_eq!(text(|o| push_float(o, f64::NEG_INFINITY)), "-inf");
    }

    #[test]
    fn decimals_keep_their_digits() {
        let show = |v, s| text(|o| push_decimal(o, v, s));
        assert_eq!(show(1250, 2), "12.50");
        assert_eq!(show(-5, 2), "-0.05");
        assert_eq!(show(0, 3), "0.000");
        assert_eq!(show(7, 0), "7");
        assert_eq!(show(i128::MAX, 38), "1.70141183460469231731687303715884105727");
        assert_eq!(show(10i128.pow(37), 38), "0.10000000000000000000000000000000000000");
    }

    #[test]
    fn times_carry_the_offset_of_their_zone() {
        let show = |zone: &str, us| TimeText::new(&Zone::named(zone).unwrap()).text(us);
        assert_eq!(show("UTC", 0), "1970-01-01T00:00:00Z");
        assert_eq!(show("Asia/Jakarta", 1_704_042_000 * SECOND), "2024-01-01T00:00:00+07:00");
        assert_eq!(show("UTC", 1_500_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(show("UTC", -1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(show("America/St_Johns", 1_704_042_000 * SECOND), "2023-12-31T13:30:00-03:30");
        // Both sides of the end of summer time.
        assert_eq!(show("Europe/London", 1_729_989_000 * SECOND), "2024-10-27T01:30:00+01:00");
        assert_eq!(show("Europe/London", 1_729_992_600 * SECOND), "2024-10-27T01:30:00+00:00");
    }

    /// Monrovia's clock went from 44 minutes and 30 seconds behind UTC to UTC at 00:44:30 UTC.
    #[test]
    fn clocks_that_change_within_a_minute_change_the_text() {
        let zone = Zone::named("Africa/Monrovia").unwrap();
        let change = zone.changes(0, 1000 * DAY).next().unwrap();
        let mut text = TimeText::new(&zone);
        let of = |instant: i64| TimeText::new(&zone).text(instant);
        for instant in [change, change - 1, change, change - 30 * SECOND, change + 29 * SECOND] {
            assert_eq!(text.text(instant), of(instant));
        }
        assert_eq!(of(change - SECOND), "1972-01-06T23:59:29-00:45");
        assert_eq!(of(change), "1972-01-07T00:44:30+00:00");
    }

    #[test]
    fn times_read_back_to_the_same_instant() {
        for zone in ["Europe/London", "Asia/Kathmandu", "America/New_York", "UTC"] {
            let mut warm = TimeText::new(&Zone::named(zone).unwrap());
            for step in -2000i64..2000 {
                let us = step * 977_777_777_777;
                let read = chrono::DateTime::parse_from_rfc3339(&warm.text(us)).unwrap();
                assert_eq!(read.timestamp_micros(), us, "{zone}");
            }
        }
    }
}
