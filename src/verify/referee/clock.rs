//! The wall clock of a zone, on which texts without an offset are read.

use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::{GapInfo, Tz};

/// Reads times in one zone.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: Tz,
}

impl Clock {
    /// A clock of the zone with this IANA name.
    pub fn of(zone: &str) -> Clock {
        // The job was parsed with this name, so the default is never taken.
        Clock { zone: zone.parse().unwrap_or(Tz::UTC) }
    }

    /// A clock of a zone.
    pub fn in_zone(zone: Tz) -> Clock {
        Clock { zone }
    }

    /// Its zone.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The instant of a local time, both in microseconds since 1970.
    pub fn local(&self, local: i64) -> Option<i64> {
        self.local_time(DateTime::from_timestamp_micros(local)?.naive_utc())
    }

    /// `instant` as an event time may be.
    pub fn event_time(&self, instant: i64) -> Option<i64> {
        believed(instant)
    }

    /// The instant of a local time: of two the earlier, of none the end of the gap.
    pub fn local_time(&self, local: NaiveDateTime) -> Option<i64> {
        Some(match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => at.timestamp_micros(),
            MappedLocalTime::Ambiguous(one, other) => one.min(other).timestamp_micros(),
            MappedLocalTime::None => GapInfo::new(&local, &self.zone)?.end?.timestamp_micros(),
        })
    }
}

/// `instant` if it lies in the years 1900 to 2200.
pub(super) fn believed(instant: i64) -> Option<i64> {
    let year = |year| NaiveDate::from_ymd_opt(year, 1, 1).map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let (first, end) = (year(1900)?.timestamp_micros(), year(2201)?.timestamp_micros());
    (first..end).contains(&instant).then_some(instant)
}
