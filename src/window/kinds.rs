//! The windows that an output may have.

use super::offset::{Offset, months};
use crate::time::Duration;

/// The window of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// One window for all of time, without a start and an end.
    Global,
    /// Windows that follow one another without overlap.
    Tumbling {
        /// Their length, or calendar units.
        size: Duration,
        /// How far their starts lie after the natural ones.
        offset: Offset,
    },
    /// Windows of `size` that start where tumbling windows of `slide` start: they overlap, or leave gaps
    /// where `slide` is longer.
    Hopping {
        /// Their length, or calendar units where `slide` has such too.
        size: Duration,
        /// From one start to the next.
        slide: Duration,
        /// As for tumbling windows.
        offset: Offset,
    },
    /// Windows that start where tumbling windows of `size` start and end after one `step`, after two,
    /// and so on; the last ends with the `size`.
    Cumulative {
        /// The longest of them.
        size: Duration,
        /// From one end to the next.
        step: Duration,
        /// As for tumbling windows.
        offset: Offset,
    },
    /// Per key, the events that follow one another within `gap`; the end is the last event + `gap`.
    Session {
        /// The longest pause within a session, in microseconds.
        gap: i64,
    },
}

impl Window {
    /// Whether an instant may lie in no window: between hopping windows whose slide is longer than their
    /// size. Of calendar units, whose lengths differ, that is not ruled out.
    pub fn has_gaps(&self) -> bool {
        match self {
            Window::Hopping { size: Duration::Length(size), slide: Duration::Length(slide), .. } => {
                slide > size
            }
            Window::Hopping { .. } => true,
            _ => false,
        }
    }
}

impl Window {
    /// How many months lie between the starts of windows, and their offset; `None` where they do not start by months.
    pub fn months(&self) -> Option<(i64, Offset)> {
        let (every, offset) = self.starts()?;
        match every {
            Duration::Calendar { count, unit } => Some((i64::from(count) * months(unit)?, offset)),
            Duration::Length(_) => None,
        }
    }

    /// From which size to which windows start, and their offset; of sessions and all of time none.
    pub fn starts(&self) -> Option<(Duration, Offset)> {
        match *self {
            Window::Tumbling { size, offset } | Window::Cumulative { size, offset, .. } => {
                Some((size, offset))
            }
            Window::Hopping { slide, offset, .. } => Some((slide, offset)),
            Window::Global | Window::Session { .. } => None,
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Window::Global => f.write_str("global"),
            Window::Tumbling { size, offset } => write!(f, "tumbling {size}{}", with_offset(*offset)),
            Window::Hopping { size, slide, offset } => {
                write!(f, "hopping {size} by {slide}{}", with_offset(*offset))
            }
            Window::Cumulative { size, step, offset } => {
                write!(f, "cumulative {size} by {step}{}", with_offset(*offset))
            }
            Window::Session { gap } => write!(f, "session {}", Duration::Length(*gap)),
        }
    }
}

pub(super) fn with_offset(offset: Offset) -> String {
    if offset == Offset::default() { String::new() } else { format!(", offset {offset}") }
}
