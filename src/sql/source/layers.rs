//! Flink and BigQuery: instants out of texts, in steps that are layers of columns between the records and the relation.
//!
//! # Contract
//! * Each step reads columns of the layers under it, so that no text is written twice in an expression.
//! * A text is read in every form that a run reads. What is none is an error there, never NULL.
//! * A local time becomes an instant by the offsets of a day before and a day after alone, since of a time that clocks skip
//!   or show twice each engine has a way of its own. Zones where this finds another instant than a run are refused.

use super::View;
use super::time::changes;
use crate::error::Result;
use crate::sql::Dialect::{BigQuery, Flink};
use crate::sql::words;
use crate::time::{DAY, HOUR, MINUTE, Zone};

/// An offset at the end of a time, in the regular expressions of both.
const OFFSET: &str = "(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)";

impl View<'_> {
    /// The type of what a clock shows.
    fn clock_type(&self) -> &'static str {
        if self.dialect == BigQuery { "DATETIME" } else { "TIMESTAMP(6)" }
    }

    /// The instant of an ISO time.
    pub(super) fn layered_iso(&self, text: &str) -> Result<String> {
        let substring = if self.dialect == Flink { "SUBSTRING" } else { "SUBSTR" };
        let raw = |regex: &str| words::text(self.dialect, regex);
        let int = if self.dialect == Flink { "INT" } else { "INT64" };
        let plain = format!(
            "CASE WHEN CHAR_LENGTH({text}) > 16 THEN REGEXP_REPLACE({text}, {}, '') ELSE {text} END",
            raw(&format!("{OFFSET}$"))
        );
        let plain = self.layers.column(
            0,
            "text",
            format!("REPLACE(REPLACE(REPLACE({plain}, 'T', ' '), 't', ' '), ',', '.')"),
        );
        let found = match self.dialect {
            Flink => format!("REGEXP_EXTRACT({text}, {}, 1)", raw(&format!("^.{{16}}.*?({OFFSET})$"))),
            _ => format!("REGEXP_EXTRACT({text}, {})", raw(&format!("^.{{16}}.*?({OFFSET})$"))),
        };
        let offset = self.layers.column(
            0,
            "offset",
            format!("REPLACE(REPLACE(REPLACE({found}, 'Z', '+0000'), 'z', '+0000'), ':', '')"),
        );
        // The rest of the time, which may be left out, comes from another text; digits past the microsecond are cut.
        let whole = format!(
            "{substring}({plain} || {substring}('0000-00-00 00:00:00.000000', CHAR_LENGTH({plain}) + 1), 1, 26)"
        );
        let clock = self.layers.column(1, "clock", format!("CAST({whole} AS {})", self.clock_type()));
        let minutes = self.layers.column(
            1,
            "minutes",
            format!(
                "CAST({substring}({offset}, 1, 3) AS {int}) * 60 \
                 + CAST({substring}({offset}, 1, 1) || {substring}({offset} || '00', 4, 2) AS {int})"
            ),
        );
        if self.zone.name() == "UTC" {
            return Ok(match self.dialect {
                Flink => format!("TIMESTAMPADD(MINUTE, -COALESCE({minutes}, 0), {clock})"),
                _ => format!(
                    "TIMESTAMP_SUB(TIMESTAMP({clock}, 'UTC'), INTERVAL COALESCE({minutes}, 0) MINUTE)"
                ),
            });
        }
        let local = self.layered_local(&clock)?;
        let instant = match self.dialect {
            Flink => format!("TIMESTAMPADD(MINUTE, -{minutes}, {clock})"),
            _ => format!("TIMESTAMP_SUB(TIMESTAMP({clock}, 'UTC'), INTERVAL {minutes} MINUTE)"),
        };
        Ok(format!("CASE WHEN {minutes} IS NULL THEN {local} ELSE {instant} END"))
    }

    /// What the clock shows by a text that Flink reads by a pattern: what it does not read is NULL there, and here an error.
    pub(super) fn flink_format(&self, text: &str, pattern: &str) -> String {
        let pattern = words::text(self.dialect, pattern);
        let read = self.layers.column(0, "text", format!("TO_TIMESTAMP({text}, {pattern})"));
        // CASE, as COALESCE computes all of its arguments.
        let error = format!("CAST('not a time: ' || {text} AS TIMESTAMP(6))");
        self.layers.column(1, "clock", format!("CASE WHEN {read} IS NULL THEN {error} ELSE {read} END"))
    }

    /// The instant of what the clock of the job's zone shows, a column of the first two layers or what is computed of them.
    pub(super) fn layered_local(&self, clock: &str) -> Result<String> {
        let name = self.zone.name();
        if name == "UTC" {
            return Ok(match self.dialect {
                Flink => clock.to_string(),
                _ => format!("TIMESTAMP({clock}, 'UTC')"),
            });
        }
        if !is_found_by_days(self.zone) {
            return Err(self.cannot(&format!("local times of {name}, whose clock skips hours")));
        }
        let clock = match clock.starts_with("_clock_") {
            true => clock.to_string(),
            false => self.layers.column(1, "clock", format!("CAST({clock} AS {})", self.clock_type())),
        };
        let before = self.layers.column(2, "before", self.offset_on(&clock, -1));
        let after = self.layers.column(2, "after", self.offset_on(&clock, 1));
        let early = self.layers.column(3, "early", self.back(&clock, &before));
        let late = self.layers.column(3, "late", self.back(&clock, &after));
        let hour = match self.dialect {
            Flink => format!("CAST(DATE_FORMAT({clock}, 'yyyy-MM-dd HH:00:00') AS TIMESTAMP(6))"),
            _ => format!("DATETIME_TRUNC({clock}, HOUR)"),
        };
        let shown = |instant: &str| words::local(self.dialect, instant, name);
        Ok(format!(
            "CASE WHEN {} = {clock} THEN {early} WHEN {} = {clock} THEN {late} ELSE {} END",
            shown(&early),
            shown(&late),
            self.back(&hour, &before)
        ))
    }

    /// By how many seconds the clock of the zone is ahead of UTC, a day before or after it shows `clock`.
    fn offset_on(&self, clock: &str, days: i64) -> String {
        let name = self.zone.name();
        match self.dialect {
            Flink => {
                let day =
                    format!("DATE_FORMAT(TIMESTAMPADD(DAY, {days}, {clock}), '{}')", words::FLINK_SECONDS);
                let seconds =
                    format!("UNIX_TIMESTAMP(CONVERT_TZ({day}, 'UTC', '{name}')) - UNIX_TIMESTAMP({day})");
                format!("CAST({seconds} AS INT)")
            }
            _ => {
                let day = format!("DATETIME_ADD({clock}, INTERVAL {days} DAY)");
                format!("DATETIME_DIFF(DATETIME(TIMESTAMP({day}, 'UTC'), '{name}'), {day}, SECOND)")
            }
        }
    }

    /// The instant at which a clock shows `clock` that is so many seconds ahead of UTC.
    fn back(&self, clock: &str, seconds: &str) -> String {
        match self.dialect {
            Flink => format!("TIMESTAMPADD(SECOND, -{seconds}, {clock})"),
            _ => format!("TIMESTAMP_SUB(TIMESTAMP({clock}, 'UTC'), INTERVAL {seconds} SECOND)"),
        }
    }
}

/// Whether [`View::layered_local`] finds the instants of a run around all changes of the zone's clock.
fn is_found_by_days(zone: &Zone) -> bool {
    let mut zone = zone.clone();
    let shown: Vec<i64> = changes(&zone).map(|change| change.shown).collect();
    let mut is_found = |local: i64| {
        let (before, after) = (zone.offset(local - DAY), zone.offset(local + DAY));
        let found = match (local - before, local - after) {
            (early, _) if zone.local(early) == local => early,
            (_, late) if zone.local(late) == local => late,
            _ => local.div_euclid(HOUR) * HOUR - before,
        };
        found == zone.instant(local)
    };
    // Around a change by steps of a quarter of an hour, and in between.
    shown.iter().all(|shown| (-110..110).all(|step| is_found(shown + step * 15 * MINUTE + 7 * MINUTE)))
        && shown.iter().all(|shown| (-10..10).all(|step| is_found(shown + step * 15 * MINUTE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_are_found_by_the_days_around_them() {
        let found = |name: &str| is_found_by_days(&Zone::named(name).unwrap());
        for zone in
            ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Jakarta", "Asia/Kathmandu"]
        {
            assert!(found(zone), "{zone}");
        }
        // Samoa has no 30 December 2011.
        assert!(!found("Pacific/Apia"));
    }
}
