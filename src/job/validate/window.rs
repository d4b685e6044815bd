//! Windows: their kinds and lengths, and what of the late events an output counts.

use super::planner::Planner;
use crate::error::Error;
use crate::group::Lateness;
use crate::job::document::{At, Document};
use crate::job::lengths::{LONGEST, length, too_long};
use crate::job::spec::{OutputSpec, WindowKind, WindowSpec};
use crate::plan::Mode;
use crate::time::{CalendarUnit, DAY, Duration};
use crate::window::{Offset, Window};

/// The most windows that one event may lie in.
const MOST_WINDOWS: i64 = 1_000_000;

/// What an output makes of events that come late.
#[derive(Default)]
pub(super) struct Timing {
    /// Which of them are late for it; `None` counts every event.
    pub lateness: Option<Lateness>,
    /// Whether each firing is a row.
    pub firings: bool,
}

impl Planner<'_> {
    /// Notes the mode of outputs that give none, and the one that the command line gives to all.
    pub(super) fn modes(&mut self, mode_override: Option<Mode>) {
        self.mode_override = mode_override;
        if let Some(word) = &self.spec.mode {
            // On an invalid mode assume `streamed`, which permits more keys, to avoid errors that follow from it.
            self.mode = mode(&self.spec.document, word).unwrap_or(Mode::Streamed);
        }
    }

    /// The window of an output; without one, the global one.
    pub(super) fn window(&self, spec: &OutputSpec) -> Option<Window> {
        let Some(window) = &spec.window else { return Some(Window::Global) };
        let document = &self.spec.document;
        let offset = |every: Option<Duration>| offset(document, window, every);
        let window = match &window.kind {
            WindowKind::Unreadable => return None,
            WindowKind::Global => Window::Global,
            WindowKind::Tumbling { size } => {
                let size = duration(document, size, "window size");
                let offset = offset(size);
                Window::Tumbling { size: size?, offset: offset? }
            }
            WindowKind::Hopping { size, slide } => {
                let (width, hop) =
                    (duration(document, size, "window size"), duration(document, slide, "slide"));
                let offset = offset(hop);
                let window = Window::Hopping { size: width?, slide: hop?, offset: offset? };
                hopping(document, (width?, hop?), (size, slide))?;
                window
            }
            WindowKind::Cumulative { size, step } => {
                let (width, hop) =
                    (duration(document, size, "window size"), duration(document, step, "step"));
                let offset = offset(width);
                let window = Window::Cumulative { size: width?, step: hop?, offset: offset? };
                cumulative(document, (width?, hop?), (size, step))?;
                window
            }
            WindowKind::Session { gap: text } => {
                let gap = length(document, text)?;
                if gap == 0 {
                    let error = Error::job("the gap of a session must be longer than 0");
                    document.fault(error.hint("such as session = \"30m\""), &text.span);
                    return None;
                }
                Window::Session { gap }
            }
        };
        Some(window)
    }

    /// The mode of an output, its allowed lateness, and whether it has every firing.
    pub(super) fn timing(&self, spec: &OutputSpec) -> Option<Timing> {
        let document = &self.spec.document;
        // A global window does not end, so it is the same here as an output without a window.
        let window = spec.window.as_ref().filter(|w| !matches!(w.kind, WindowKind::Global));
        let written = spec.mode.as_ref().map(|word| mode(document, word));
        let allowed = window.and_then(|w| w.allowed_lateness.as_ref()).map(|text| length(document, text));
        let firings = spec.firings.as_ref().filter(|firings| firings.value);
        let Some(window) = window else {
            let streamed = spec.mode.as_ref().filter(|_| written == Some(Some(Mode::Streamed)));
            let places =
                [("mode = \"streamed\"", streamed.map(|s| &s.span)), ("firings", firings.map(|f| &f.span))];
            let mut right = true;
            for (what, span) in places {
                let Some(span) = span else { continue };
                let error = Error::job(format!("`{what}` is for windows that have an end"));
                document.fault(error.hint("without an end, an event cannot be late"), span);
                right = false;
            }
            return right.then(Timing::default);
        };
        if written == Some(None) {
            return None;
        }
        // The command line goes before the output, and the output before the job.
        let mode = self.mode_override.or(written.flatten()).unwrap_or(self.mode);
        if let Some(firings) = firings {
            self.firings(spec, window, mode, firings)?;
        }
        let (allowed, delay) = (allowed.unwrap_or(Some(0))?, self.watermark.out_of_orderness);
        // A run has the delay of the job alone; an audit puts in several.
        let lateness = (mode == Mode::Streamed).then(|| {
            self.engine_has(spec, window, firings);
            Lateness { allowed, delays: vec![delay], sessions: self.session_rule() }
        });
        Some(Timing { lateness, firings: firings.is_some() })
    }

    /// Whether an output of this mode can have every firing.
    fn firings(&self, spec: &OutputSpec, window: &WindowSpec, mode: Mode, firings: &At<bool>) -> Option<()> {
        let mut wrong = vec![];
        if matches!(window.kind, WindowKind::Session { .. }) {
            let error = Error::job("`firings` is not for sessions");
            let hint = "a later event can join two sessions into one, and rows that were already written cannot say so";
            wrong.push(error.hint(hint));
        } else {
            for (with, there) in [("having", spec.having.is_some()), ("top", spec.top.is_some())] {
                let error = Error::job(format!("`firings` does not go with `{with}`"));
                let hint = "they look at one row per window and key: write a second output without `firings`";
                wrong.extend(there.then(|| error.hint(hint)));
            }
            if mode == Mode::Complete {
                let error = Error::job("`firings` needs mode = \"streamed\"");
                wrong.push(match self.mode_override {
                    Some(_) => error.hint("leave out `--mode complete`, or `firings`"),
                    None => error.hint("in mode = \"complete\" every window fires once"),
                });
            }
        }
        let right = wrong.is_empty().then_some(());
        wrong.into_iter().for_each(|error| self.spec.document.fault(error, &firings.span));
        right
    }
}

/// The mode that a word of the job names.
pub(super) fn mode(document: &Document, word: &At<String>) -> Option<Mode> {
    match word.value.as_str() {
        "complete" => Some(Mode::Complete),
        "streamed" => Some(Mode::Streamed),
        other => {
            let error = Error::job(format!("`mode` is \"complete\" or \"streamed\", not \"{other}\""));
            document.fault(error, &word.span);
            None
        }
    }
}

/// A size, slide or step: a length or calendar units, and not nothing.
fn duration(document: &Document, text: &At<String>, what: &str) -> Option<Duration> {
    let Some(duration) = Duration::parse(&text.value).filter(|d| about(*d) > 0) else {
        let error = Error::job(format!("`{}` is not a valid {what}", text.value));
        let hint = "use a duration such as 90s, 1m, 2h, or calendar units such as 1 day, 1 month";
        document.fault(error.hint(hint), &text.span);
        return None;
    };
    if about(duration) > LONGEST {
        document.fault(too_long(&text.value), &text.span);
        return None;
    }
    Some(duration)
}

/// Microseconds, about: a month has 30 days.
fn about(duration: Duration) -> i64 {
    let Duration::Calendar { count, unit } = duration else {
        return duration.as_length().unwrap_or(0);
    };
    let days = match unit {
        CalendarUnit::Day => 1,
        CalendarUnit::Week => 7,
        CalendarUnit::Month => 30,
        CalendarUnit::Quarter => 91,
        CalendarUnit::Year => 365,
    };
    // The count is the user's: one that overflows is past `LONGEST` in any case.
    i64::from(count).saturating_mul(days * DAY)
}

/// Whether hopping windows do not meet one another.
pub(super) fn leaves_gaps(window: &Window) -> bool {
    matches!(window, Window::Hopping { size, slide, .. } if about(*slide) > about(*size))
}

/// The offset of a window of which one starts `every` so long after the other.
fn offset(document: &Document, window: &WindowSpec, every: Option<Duration>) -> Option<Offset> {
    let Some(text) = &window.offset else { return Some(Offset::default()) };
    let error = match Offset::parse(&text.value) {
        None => Error::job(format!("`{}` is not a duration", text.value))
            .hint("such as 15m, 6h, -1 day, or for windows of months, quarters and years 3 months 5 days"),
        Some(offset) if about_offset(offset) > LONGEST => too_long(&text.value),
        Some(offset) => match every {
            // A size that cannot be read is told already.
            Some(every) if offset.months != 0 && measure(every) != LengthClass::Months => Error::job(
                format!("`{}` has months, but windows that start every {every} have none", text.value),
            )
            .hint("the length of a month varies: give the offset in days or hours"),
            _ => return Some(offset),
        },
    };
    document.fault(error, &text.span);
    None
}

/// Microseconds, about, whichever way.
fn about_offset(offset: Offset) -> i64 {
    // 1000 years have 12,000 months.
    offset
        .months
        .saturating_abs()
        .saturating_mul(LONGEST / 12_000)
        .saturating_add(offset.micros.saturating_abs())
}

/// What is said of an offset in days that is another day of the month from one window to the next.
pub(super) fn slips(window: &Window) -> Option<String> {
    let (every, offset) = window.months()?;
    let [(one, first), (other, second)] = offset.slips(every)?;
    let days = offset.micros / DAY;
    let begun = match offset.months {
        0 => format!("{days} days"),
        _ => offset.to_string(),
    };
    Some(format!(
        "an offset of {begun} starts windows on {one} and on {other}: a day of the month that stays the same is \
         offset = \"{first}\", or \"{second}\""
    ))
}

/// Lengths, days and weeks, months and longer: what can be counted in what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LengthClass {
    Length,
    Days,
    Months,
}

fn measure(duration: Duration) -> LengthClass {
    match duration {
        Duration::Length(_) => LengthClass::Length,
        Duration::Calendar { unit: CalendarUnit::Day | CalendarUnit::Week, .. } => LengthClass::Days,
        Duration::Calendar { .. } => LengthClass::Months,
    }
}

/// What to write for calendar units where a length is wanted.
fn in_hours(duration: Duration) -> Option<String> {
    duration.as_length().map(|length| format!("write `{}`", Duration::Length(length)))
}

fn hopping(
    document: &Document,
    (size, slide): (Duration, Duration),
    texts: (&At<String>, &At<String>),
) -> Option<()> {
    let error = match (measure(size), measure(slide)) {
        (LengthClass::Days | LengthClass::Months, LengthClass::Length) => {
            let error = Error::job(format!(
                "a window of {size} on the calendar cannot start every `{}`, which is a duration",
                texts.1.value
            ));
            match in_hours(size) {
                Some(hint) => error.hint(format!("{hint} for windows of that length")),
                None => error.hint("give `slide` in months, quarters or years too"),
            }
        }
        (LengthClass::Months, LengthClass::Days) => {
            Error::job(format!("a window of {size} cannot start every {slide}"))
                .hint("give `slide` in months, quarters or years, or the size in days")
        }
        _ => return few(document, size, slide, texts.1),
    };
    document.fault(error, &texts.0.span);
    None
}

fn cumulative(
    document: &Document,
    (size, step): (Duration, Duration),
    texts: (&At<String>, &At<String>),
) -> Option<()> {
    // A step may be of a finer kind than its size. Months do not have a fixed number of days.
    if measure(step) <= measure(size) {
        return few(document, size, step, texts.1);
    }
    let error = Error::job(format!("a window of {size} cannot grow by {step} on the calendar"));
    let error = match (measure(size), in_hours(step)) {
        (LengthClass::Length, Some(hint)) => error.hint(format!("{hint} for steps of that length")),
        _ => error.hint("a `step` in months goes with a size in months, quarters or years"),
    };
    document.fault(error, &texts.1.span);
    None
}

/// Whether an event lies in so few windows that they can be counted one by one.
fn few(document: &Document, size: Duration, step: Duration, text: &At<String>) -> Option<()> {
    let windows = about(size) / about(step).max(1);
    if windows <= MOST_WINDOWS {
        return Some(());
    }
    let error = Error::job(format!("one event would lie in {windows} windows, of {size} by {step}"));
    document.fault(error.hint("at most a million are allowed"), &text.span);
    None
}
