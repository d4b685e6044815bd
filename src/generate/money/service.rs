//! What a service would answer: in which country the client of a session is now. A file of it stands in for the
//! service where there is none.

use super::super::SampleLog;
use super::super::row::{ColumnType, GeneratedColumn, Row};
use super::World;

static COLUMNS: [GeneratedColumn; 2] = [
    GeneratedColumn::new("id", ColumnType::Text),
    GeneratedColumn::new("clientCountryCode", ColumnType::Text),
];

/// An answer for each session, and for two of three that no event tells of.
pub struct ServiceAnswers {
    world: World,
    index: u64,
}

impl ServiceAnswers {
    /// The answers for the sessions of `world`.
    pub fn new(world: World) -> ServiceAnswers {
        ServiceAnswers { world, index: 0 }
    }
}

impl SampleLog for ServiceAnswers {
    fn folder(&self) -> &'static str {
        "session-countries"
    }

    fn name(&self) -> &'static str {
        "session-countries"
    }

    fn columns(&self) -> &'static [GeneratedColumn] {
        &COLUMNS
    }

    fn rows(&self) -> u64 {
        self.world.sessions + self.world.strangers * 2 / 3
    }

    fn next(&mut self, row: &mut Row) {
        let (id, country) = match self.index.checked_sub(self.world.sessions) {
            None => {
                let session = self.world.session(self.index);
                // A service answers with the country of now, which may be another than that of the events.
                (session.id, session.moved)
            }
            Some(stranger) => self.world.stranger(stranger),
        };
        self.index += 1;
        row.uuid(id);
        row.text(country);
    }
}
