//! Event times of several columns: a day and the time of day beside it, or year, month and day each by itself.

use crate::time::{TimeParser, TimeRule, Zone};

/// How times of day are written.
const CLOCKS: [&str; 5] = ["%H:%M:%S", "%H:%M", "%H:%M:%S%.f", "%I:%M:%S %p", "%I:%M %p"];

/// How zones are written.
pub const ZONE: &str = "%Z";

/// The ways to read the values of a column as times of day, or as zones.
#[derive(Debug, Default)]
pub struct ClockFormats {
    candidates: Vec<(&'static str, TimeParser)>,
    seen: bool,
}

impl ClockFormats {
    /// Looks at one more value.
    pub fn value(&mut self, text: &str) {
        // The first value decides what is tried, so that a column of something else costs one look.
        if !self.seen {
            self.seen = true;
            let rule = |clock: &'static str| {
                let rule = TimeRule::format(&format!("%Y-%m-%d {clock}")).ok()?;
                Some((clock, TimeParser::new(rule, Zone::utc())))
            };
            let digits = text.starts_with(|c: char| c.is_ascii_digit());
            if digits && text.len() <= 20 && text.contains(':') {
                self.candidates = CLOCKS.into_iter().filter_map(rule).collect();
            } else if !digits && (1..=32).contains(&text.len()) {
                self.candidates = rule(ZONE).into_iter().collect();
            }
        }
        if !self.candidates.is_empty() {
            // A format without a day leaves the instant open and is refused, so any day is put in front.
            let text = format!("2000-01-01 {text}");
            self.candidates.retain_mut(|(_, parser)| parser.text(text.as_bytes()).is_ok());
        }
    }

    /// The format that reads all values.
    pub fn best(&self) -> Option<&'static str> {
        self.candidates.first().map(|(clock, _)| *clock)
    }
}
