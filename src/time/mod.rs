//! Time: instants, zones, lengths and calendar units. Reads no clock and no file.
//!
//! # Contract
//! An instant is a number of microseconds since 1970-01-01T00:00:00Z (`i64`). A time without an
//! offset is local to a [`Zone`]; a local time that exists twice is the earlier of the two, and one
//! that does not exist (clocks went forward) is the first instant after the gap.

mod duration;
mod format;
mod likely;
mod parse;
mod range;
mod time_error;
mod unit;
mod zone;

pub use self::time_error::TimeError;
pub use duration::{CalendarUnit, Duration};
pub use format::{FormatField, FormatPiece, Pad, TimeFormat};
pub use likely::likely;
pub use parse::{TimeParser, TimeRule, parse_date};
pub use range::{FirstAndLast, TimeRange};
pub use unit::TimeUnit;
pub use zone::{Zone, civil_from_days, days_from_civil, iso_week, monday, weekday};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a millisecond.
pub const MILLISECOND: i64 = 1_000;
/// Microseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day of 24 hours.
pub const DAY: i64 = 24 * HOUR;
/// 1900-01-01T00:00:00Z, the earliest event time that is believed.
pub const EARLIEST: i64 = -2_208_988_800 * SECOND;
/// 2201-01-01T00:00:00Z, the first event time that is no longer believed.
pub const LATEST: i64 = 7_289_654_400 * SECOND;
