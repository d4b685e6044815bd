//! User events: changes of address, of birth date, of other things. A change names only what changed.

use super::super::SampleLog;
use super::super::random::{Draw, Stream};
use super::super::row::{ColumnType, GeneratedColumn, Row};
use super::world::{COUNTRIES, World};
use crate::generate::sample_log::START;
use crate::time::DAY;

static COLUMNS: [GeneratedColumn; 6] = [
    GeneratedColumn::new("type", ColumnType::Text),
    GeneratedColumn::new("userId", ColumnType::Text),
    GeneratedColumn::new("processedAt", ColumnType::Instant),
    GeneratedColumn::new("residentCountryCode", ColumnType::Text),
    GeneratedColumn::new("birthYear", ColumnType::Int),
    GeneratedColumn::new("language", ColumnType::Text),
];

const LANGUAGES: [&str; 6] = ["en", "de", "fr", "es", "pl", "pt"];

/// The log of user events, in the order of their times: half of them on the first day.
pub struct UserEvents {
    world: World,
    draw: Draw,
    rows: u64,
    index: u64,
    /// When the last record arrived.
    arrived: i64,
}

impl UserEvents {
    /// The log of the users of `world`.
    pub fn new(world: World) -> UserEvents {
        let draw = Draw::new(world.shape.seed, Stream::UserEvents);
        let rows = world.shape.rows / 12;
        UserEvents { world, draw, rows, index: 0, arrived: 0 }
    }

    /// Microseconds after the start of the log.
    fn time(&self) -> i64 {
        let (half, span) = (self.rows / 2, self.world.shape.span);
        // In a span of less than two days, the second half of the events still needs time of its own.
        let first = DAY.min(span / 2);
        let share = |length: i64, n: u64, of: u64| {
            (i128::from(length) * i128::from(n) / i128::from(of.max(1))) as i64
        };
        match self.index.checked_sub(half) {
            None => share(first, self.index, half),
            Some(n) => first + share(span - first, n, self.rows - half),
        }
    }
}

impl SampleLog for UserEvents {
    fn folder(&self) -> &'static str {
        "user-events"
    }

    fn name(&self) -> &'static str {
        "user-events"
    }

    fn columns(&self) -> &'static [GeneratedColumn] {
        &COLUMNS
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn arrived(&self) -> Option<i64> {
        Some(self.arrived)
    }

    fn next(&mut self, row: &mut Row) {
        let time = self.time();
        self.arrived = time + self.world.delivery(1, self.index);
        self.index += 1;
        let draw = &mut self.draw;
        let kind = draw.below(100);
        row.text(match kind {
            0..45 => "UserAddressChangedEvent",
            45..80 => "UserBirthDateChangedEvent",
            _ => "UserLanguageChangedEvent",
        });
        row.uuid(self.world.user_id(draw.below(self.world.users)));
        row.instant(START + time);
        match kind {
            // Each event tells one column and leaves the others NULL, which is what `fill = "last_value"` is
            // for.
            0..45 => (row.text(draw.pick(&COUNTRIES)), row.null(), row.null()),
            45..80 => (row.null(), row.int(draw.between(1940, 2006)), row.null()),
            _ => (row.null(), row.null(), row.text(draw.pick(&LANGUAGES))),
        };
    }
}
