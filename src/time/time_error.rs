//! Why a time cannot be read.

use std::fmt;

/// Why a time cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeError {
    /// The text does not follow the rule.
    Unreadable,
    /// It names a zone that is not IANA's, nor what clocks of the job's zone show then.
    UnknownZone,
    /// Outside the years 1900 to 2200: most often the unit is wrong.
    OutOfRange,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeError::Unreadable => f.write_str("not a time that can be read"),
            TimeError::UnknownZone => f.write_str(
                "a time in an unknown zone: not an IANA name, and not an abbreviation of the job's time zone",
            ),
            TimeError::OutOfRange => f.write_str("a time outside the years 1900 to 2200: is the unit right?"),
        }
    }
}
