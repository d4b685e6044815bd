//! Lengths of time as people read them, and as a job file has them.

use crate::time::{DAY, Duration, HOUR, MINUTE, SECOND};

const MILLISECOND: i64 = 1000;

/// A length as a job file may have it: `90s`, `1250ms`, `24h`. Exact.
pub fn written(us: i64) -> String {
    if us == 0 { "0s".to_string() } else { Duration::Length(us).to_string() }
}

/// A length in days, hours, minutes and seconds: `1d 2h`, `1m 5s`, `1.25s`, `250ms`. Exact.
pub fn exact(us: i64) -> String {
    if us < 0 {
        // The negative of `i64::MIN` does not fit.
        return format!("-{}", exact(us.saturating_neg()));
    }
    if us < MILLISECOND && us > 0 {
        return format!("{us}us");
    }
    if us < SECOND && us > 0 {
        return format!("{}ms", fraction(us, MILLISECOND));
    }
    let mut parts = vec![];
    let mut rest = us;
    for (unit, name) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m")] {
        if rest >= unit {
            parts.push(format!("{}{name}", super::ui::grouped((rest / unit) as u64)));
            rest %= unit;
        }
    }
    // A length of zero still needs a unit.
    if rest > 0 || parts.is_empty() {
        parts.push(format!("{}s", fraction(rest, SECOND)));
    }
    parts.join(" ")
}

/// `us / unit` as a decimal number without zeros at its end; `unit` is a power of ten.
fn fraction(us: i64, unit: i64) -> String {
    match us % unit {
        0 => (us / unit).to_string(),
        rest => {
            // The unit in front keeps the zeros of the fraction: 1000 + 5 gives `005`.
            let digits = (unit + rest).to_string();
            format!("{}.{}", us / unit, digits[1..].trim_end_matches('0'))
        }
    }
}

/// A length in its two largest units, rounded up, so that "so late or less" stays true.
pub fn brief(us: i64) -> String {
    exact(up(
        us,
        match us {
            ..MILLISECOND => 1,
            MILLISECOND..MINUTE => MILLISECOND,
            MINUTE..HOUR => SECOND,
            HOUR..DAY => MINUTE,
            _ => HOUR,
        },
    ))
}

/// The least length that people would write and that is at least `us`: in milliseconds below ten seconds,
/// else in seconds. The smallest delay that suffices is often one microsecond more than a round length,
/// as an end that the watermark has just reached is late.
pub fn enough(us: i64) -> i64 {
    up(us, if us < 10 * SECOND { MILLISECOND } else { SECOND })
}

fn up(us: i64, unit: i64) -> i64 {
    // `rem_euclid` rounds up below zero too.
    match us.rem_euclid(unit) {
        0 => us,
        rest => us.saturating_add(unit - rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_at_a_glance() {
        let cases = [
            (0, "0s", "0s", "0s"),
            (7, "7us", "7us", "1ms"),
            (1_500, "1.5ms", "2ms", "2ms"),
            (250_000, "250ms", "250ms", "250ms"),
            (1_250_000, "1.25s", "1.25s", "1250ms"),
            (5 * SECOND + 1, "5.000001s", "5.001s", "5001ms"),
            (41 * SECOND + 1, "41.000001s", "41.001s", "42s"),
            (MINUTE - 1, "59.999999s", "1m", "1m"),
            (65 * SECOND, "1m 5s", "1m 5s", "65s"),
            (3604 * SECOND, "1h 4s", "1h 1m", "3604s"),
            (26 * HOUR, "1d 2h", "1d 2h", "26h"),
            (26 * HOUR + 1, "1d 2h 0.000001s", "1d 3h", "93601s"),
            (1234 * DAY, "1,234d", "1,234d", "29616h"),
            (-65 * SECOND, "-1m 5s", "-1m 5s", "-65s"),
        ];
        for (us, want, short, job) in cases {
            assert_eq!((exact(us).as_str(), brief(us).as_str()), (want, short), "{us}");
            assert_eq!(written(enough(us)), job, "{us}");
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_suffices() {
        for us in (0..200).map(|i: i64| i.pow(5) + i) {
            let read = |text: &str| Duration::parse(text).unwrap().as_length().unwrap();
            assert_eq!(read(&written(us)), us);
            let enough = read(&written(enough(us)));
            assert!(enough >= us && enough - us < SECOND, "{us}");
        }
        assert_eq!(enough(i64::MAX), i64::MAX);
    }
}
