//! User session events: a session is created, and closed some minutes or hours later.

use super::super::SampleLog;
use super::super::row::{ColumnType, GeneratedColumn, Row};
use super::world::World;
use crate::generate::sample_log::START;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

static COLUMNS: [GeneratedColumn; 5] = [
    GeneratedColumn::new("type", ColumnType::Text),
    GeneratedColumn::new("id", ColumnType::Text),
    GeneratedColumn::new("userId", ColumnType::Text),
    GeneratedColumn::new("clientCountryCode", ColumnType::Text),
    GeneratedColumn::new("processedAt", ColumnType::Instant),
];

/// The log of session events, in the order of their times: two of each session.
pub struct SessionEvents {
    world: World,
    /// The next session to be created, and its start.
    next: u64,
    start: i64,
    /// Sessions that are open: (end, index).
    open: BinaryHeap<Reverse<(i64, u64)>>,
    /// How many records were written, and when the last of them arrived.
    written: u64,
    arrived: i64,
}

impl SessionEvents {
    /// The log of all sessions of `world`.
    pub fn new(world: World) -> SessionEvents {
        let start = world.session(0).start;
        SessionEvents { world, next: 0, start, open: BinaryHeap::new(), written: 0, arrived: 0 }
    }

    fn write(&mut self, row: &mut Row, kind: &str, index: u64, time: i64) {
        self.arrived = time + self.world.delivery(0, self.written);
        self.written += 1;
        let session = self.world.session(index);
        row.text(kind);
        row.uuid(session.id);
        row.uuid(self.world.user_id(session.user));
        row.text(session.country);
        row.instant(START + time);
    }
}

impl SampleLog for SessionEvents {
    fn folder(&self) -> &'static str {
        "user-session-events"
    }

    fn name(&self) -> &'static str {
        "user-session-events"
    }

    fn columns(&self) -> &'static [GeneratedColumn] {
        &COLUMNS
    }

    fn rows(&self) -> u64 {
        self.world.sessions * 2
    }

    fn arrived(&self) -> Option<i64> {
        Some(self.arrived)
    }

    fn next(&mut self, row: &mut Row) {
        // After the last session, `start` is that of a session that the log does not have.
        let created_all = self.next == self.world.sessions;
        // Sessions overlap: an end comes as soon as it lies before the next start, so the log is in the order
        // of times.
        if let Some(&Reverse((end, index))) = self.open.peek()
            && (created_all || end < self.start)
        {
            self.open.pop();
            return self.write(row, "UserSessionClosedEvent", index, end);
        }
        let (index, start) = (self.next, self.start);
        self.write(row, "UserSessionCreatedEvent", index, start);
        self.open.push(Reverse((start + self.world.session(index).length, index)));
        self.next += 1;
        self.start = self.world.session(self.next).start;
    }
}
