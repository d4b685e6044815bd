//! What the watermark did to the events of a row: which a streamed output did not count, or counted elsewhere.

use super::case::{RowContext, take_rows};
use super::outcome::Cause;
use super::trace::{GroupOf, narrow};
use crate::batch::Position;
use crate::engine::late::max_timestamp;
use crate::engine::{ArrivalNeed, Pass, tables};
use crate::error::Result;
use crate::group::{GroupPlan, Lateness, LiveSessions};
use crate::plan::Plan;
use crate::time::TimeRange;
use crate::window::Window;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Events that a streamed output did not count in a row.
pub struct Lates {
    delay: i64,
    /// What had been reached before each event that any came before.
    max_timestamp: HashMap<Position, i64>,
    /// The end of the window and its allowed lateness, microseconds UTC.
    end: Option<i64>,
    sessions: Option<KeySessions>,
}

/// The sessions of the row's key.
struct KeySessions {
    /// That of the row.
    own: Option<TimeRange>,
    /// The one that took each event; none took the others.
    took: HashMap<Position, TimeRange>,
}

impl Lates {
    /// Why an event of the row's key and time is not of the row; none where it is.
    pub fn cause(&self, position: Position) -> Option<Cause> {
        let watermark = || Some(self.max_timestamp.get(&position)?.saturating_sub(self.delay));
        match &self.sessions {
            Some(KeySessions { own, took }) => match took.get(&position).copied() {
                None => Some(Cause::Late(watermark()?, None)),
                span if span == *own => None,
                Some(span) => Some(Cause::Session(span)),
            },
            None => {
                let watermark = watermark()?;
                let by = watermark.saturating_sub(self.end?);
                (by >= 0).then_some(Cause::Late(watermark, Some(by)))
            }
        }
    }
}

impl RowContext<'_> {
    /// What the watermark did to the events of `group`.
    pub fn lateness(&self, plan: &GroupPlan, lateness: &Lateness, group: &GroupOf) -> Result<Lates> {
        let delay = lateness.delays[0];
        // In this variant every event is late, and so each is kept with what had been reached.
        let max_timestamp = self.late_run(group, Plan::all_late)?;
        let sessions = match plan.window {
            Window::Session { gap } => Some(self.sessions(gap, lateness, group, &max_timestamp)?),
            _ => None,
        };
        let end = group.window.map(|window| window.end.saturating_add(lateness.allowed_of(&plan.window)));
        Ok(Lates { delay, max_timestamp, end, sessions })
    }

    /// The sessions of the key of `group`, replayed.
    fn sessions(
        &self,
        gap: i64,
        lateness: &Lateness,
        group: &GroupOf,
        max_timestamp: &HashMap<Position, i64>,
    ) -> Result<KeySessions> {
        // Events that are late in the job itself are in none of its sessions.
        let late = self.late_run(group, |plan| plan)?;
        // A session takes events of a whole key, so all windows of the key are read.
        let mut found = self.run(&GroupOf { window: None, ..group.clone() }, &[], true)?;
        let mut events: Vec<(i64, i64, Position)> = take_rows(&mut found)
            .into_iter()
            .filter(|(position, _)| !late.contains_key(position))
            .map(|(position, row)| {
                (max_timestamp.get(&position).copied().unwrap_or(i64::MIN), row.time, position)
            })
            .collect();
        // Between two steps of the watermark the order of what is not late is no matter, but for this: an event that
        // would be late alone comes after the later ones that keep its session open.
        events.sort_by_key(|&(max_timestamp, time, position)| (max_timestamp, Reverse(time), position));
        let times: Vec<i64> = events.iter().map(|event| event.1).collect();
        let before: Vec<i64> = events.iter().map(|event| event.0).collect();
        let (mut live, mut slots) = (LiveSessions::new(gap, lateness), vec![]);
        // All events are of one key, so one group is enough.
        live.find_slots(&times, &before, &vec![0; times.len()], 1, &mut slots);
        let members = live.members();
        let took = events
            .iter()
            .zip(slots)
            .filter_map(|(event, slot)| Some((event.2, members.get(slot as usize)?.span)));
        Ok(KeySessions { own: group.window, took: took.collect() })
    }

    /// The events of the late output, with what had been reached before them, in a variant of the plan.
    fn late_run(&self, group: &GroupOf, variant: impl Fn(Plan) -> Plan) -> Result<HashMap<Position, i64>> {
        let plan = variant(self.alone()?.0.keeping_late());
        let plan = narrow(plan, &[GroupOf { window: None, keys: group.keys.clone() }])?;
        let pass = Pass { plan: &plan, options: self.options, progress: self.progress };
        let read = tables::read_with_source(&pass, ArrivalNeed::Lateness)?;
        let mut late = max_timestamp(read.late)?;
        // Of sessions only the replay knows which events are late.
        if let Some(only) = &read.late_only {
            late.retain(|position, _| only.contains(position));
        }
        Ok(late)
    }
}
