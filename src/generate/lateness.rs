//! The lateness profile of a generated log: how long after its event time an event arrives.

use super::random::Draw;
use crate::error::{Error, Result};
use crate::time::Duration;

/// Shares of the events, each with the longest time that they come late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatenessShares {
    /// (share in hundredths of a percent, bound in microseconds); the shares add up to 10,000.
    shares: Vec<(u64, i64)>,
}

impl LatenessShares {
    const WHOLE: u64 = 10_000;

    /// Reads `80%:20s,10%:1d,10%:2d`: 80 % of the events come up to 20 seconds late, 10 % up to a day,
    /// 10 % up to two. Within its bound, an event's lateness is uniform.
    pub fn parse(text: &str) -> Result<LatenessShares> {
        let shares: Vec<(u64, i64)> = text.split(',').map(|part| share(text, part)).collect::<Result<_>>()?;
        let sum: u64 = shares.iter().map(|s| s.0).sum();
        // Hundredths of a percent are integers, so that the sum is exact; shares as floats may miss 1.
        if sum != Self::WHOLE {
            let percent = sum as f64 / 100.0;
            return Err(wrong(text, &format!("its shares add up to {percent} %, not to 100 %")));
        }
        Ok(LatenessShares { shares })
    }

    /// Every event up to `bound` microseconds late.
    pub fn up_to(bound: i64) -> LatenessShares {
        LatenessShares { shares: vec![(Self::WHOLE, bound)] }
    }

    /// How late an event is, in microseconds, that arrives `elapsed` microseconds after the log's
    /// start: no event is older than the log.
    #[inline]
    pub fn draw(&self, draw: &mut Draw, elapsed: i64) -> i64 {
        let mut at = draw.below(Self::WHOLE);
        let mut bound = 0;
        for &(share, longest) in &self.shares {
            bound = longest;
            if at < share {
                break;
            }
            at -= share;
        }
        draw.below(bound.min(elapsed).max(0) as u64) as i64
    }
}

impl Default for LatenessShares {
    /// 80 % up to 20 seconds, 10 % up to a day, 10 % up to two days.
    fn default() -> LatenessShares {
        use crate::time::{DAY, SECOND};
        LatenessShares { shares: vec![(8000, 20 * SECOND), (1000, DAY), (1000, 2 * DAY)] }
    }
}

fn share(whole: &str, part: &str) -> Result<(u64, i64)> {
    let (percent, bound) =
        part.split_once(':').ok_or_else(|| wrong(whole, &format!("`{part}` has no `:`")))?;
    let number = percent.trim().trim_end_matches('%').trim();
    let hundredths = hundredths(number)
        .filter(|&h| h <= LatenessShares::WHOLE)
        .ok_or_else(|| wrong(whole, &format!("`{percent}` is not a percentage")))?;
    // A month is refused: it does not have one length.
    let length = Duration::parse(bound).and_then(Duration::as_length);
    Ok((hundredths, length.ok_or_else(|| wrong(whole, &format!("`{bound}` is not a duration")))?))
}

/// `12.5` → 1250. At most two digits after the point.
fn hundredths(number: &str) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 2 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // The zeros go behind: `.5` is 50 hundredths.
    let part: u64 = format!("{part:0<2}").parse().ok()?;
    // The number may be of any size; what overflows is not a percentage either.
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part)
}

fn wrong(text: &str, why: &str) -> Error {
    Error::job(format!("the lateness profile `{text}` cannot be read: {why}"))
        .hint("a profile is a list of percentage:duration, as in `80%:20s,10%:1d,10%:2d`")
}

#[cfg(test)]
mod tests {
    use super::super::random::Stream;
    use super::*;
    use crate::time::{DAY, HOUR, SECOND};

    #[test]
    fn profiles_are_read() {
        assert_eq!(LatenessShares::parse("80%:20s,10%:1d,10%:2d").unwrap(), LatenessShares::default());
        assert_eq!(LatenessShares::parse("100:1h").unwrap(), LatenessShares::up_to(HOUR));
        let odd = LatenessShares::parse(" 99.5% : 1s, 0.25%:1m ,0.25%:2h").unwrap();
        assert_eq!(odd.shares[0], (9950, SECOND));
        for text in ["", "80%", "80%:20s", "120%:1s", "100%:1 month", "50.123%:1s,49.877%:2s", "x:1s"] {
            assert!(LatenessShares::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_come_out_as_asked() {
        let (profile, mut draw) = (LatenessShares::default(), Draw::new(1, Stream::PageViews));
        let n = 100_000;
        let drawn: Vec<i64> = (0..n).map(|_| profile.draw(&mut draw, 3 * DAY)).collect();
        let share = |from, to| drawn.iter().filter(|&&l| l >= from && l < to).count() as f64 / f64::from(n);
        // Of the day's and the two days' tenths, nearly all is over 20 s; half of the last over a day.
        assert!((share(0, 20 * SECOND) - 0.80).abs() < 0.01);
        assert!((share(20 * SECOND, DAY) - 0.15).abs() < 0.01);
        assert!((share(DAY, 2 * DAY) - 0.05).abs() < 0.01);
        assert!(drawn.iter().all(|&l| (0..2 * DAY).contains(&l)));
    }

    #[test]
    fn nothing_is_older_than_the_log() {
        let (profile, mut draw) = (LatenessShares::default(), Draw::new(1, Stream::PageViews));
        assert!((0..10_000).all(|elapsed| profile.draw(&mut draw, elapsed) <= elapsed));
    }
}
