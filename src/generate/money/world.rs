//! The users and sessions of the money sample, which its logs share.

use crate::generate::LogShape;
use crate::generate::random::{Draw, Stream, Uuid};
use crate::time::{DAY, MINUTE, SECOND};

pub(super) const COUNTRIES: [&str; 12] =
    ["GB", "DE", "FR", "ES", "IT", "NL", "SE", "PL", "US", "CA", "BR", "IN"];

/// What is known of all users and sessions.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) shape: LogShape,
    /// Wallet events that are no repeats.
    pub(super) own: u64,
    pub(super) users: u64,
    pub(super) sessions: u64,
    /// Sessions that no event tells of.
    pub(super) strangers: u64,
}

/// What is known of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct UserSession {
    pub(super) id: Uuid,
    pub(super) user: u64,
    pub(super) country: &'static str,
    /// Where the service says that it is now.
    pub(super) moved: &'static str,
    /// Microseconds after the start of the log.
    pub(super) start: i64,
    /// How long it lasts, in microseconds.
    pub(super) length: i64,
    /// Whether it begins some minutes after the first wallet event of it.
    pub(super) early: bool,
}

impl World {
    pub(super) fn new(shape: LogShape) -> World {
        // A log of a few rows needs users and a session too: its events draw from them.
        let (users, sessions) = ((shape.rows / 25).max(5), (shape.rows / 8).max(1));
        let own = shape.rows - (u128::from(shape.rows) * 3 / 100) as u64;
        let strangers = (shape.rows / 100).max(1);
        World { shape, own, users, sessions, strangers }
    }

    pub(super) fn user_id(&self, user: u64) -> Uuid {
        Draw::at(self.shape.seed, Stream::Users, user).uuid()
    }

    pub(super) fn session(&self, index: u64) -> UserSession {
        // All logs ask for sessions by number. What is drawn from the number alone does not have to be kept.
        let mut draw = Draw::at(self.shape.seed, Stream::Sessions, index);
        // Each session starts within a slot of its own, so that the starts ascend with the numbers.
        let slot = self.shape.arrival(index, self.sessions);
        let next = self.shape.arrival(index + 1, self.sessions);
        let mut session = UserSession {
            id: draw.uuid(),
            user: draw.below(self.users),
            country: draw.pick(&COUNTRIES),
            start: slot + draw.below((next - slot) as u64) as i64,
            // Mostly minutes, at most a day.
            length: draw.lognormal(1_200_000_000, 1.2).min(DAY),
            moved: draw.pick(&COUNTRIES),
            early: false,
        };
        // One of about eight events is the first of a slot, so 2 of 100 come before their session.
        if draw.chance(16, 100)
            && let Some(event) = self.first_of(index)
        {
            let arrival = self.shape.arrival(event, self.own);
            let latest = (arrival + 4 * MINUTE).min(next - 1);
            session.start = draw.between(arrival, latest);
            session.early = true;
        }
        session
    }

    /// How long record `index` of a table's log is on its way: most a moment, some some minutes. `log` tells logs apart.
    pub(super) fn delivery(&self, log: u64, index: u64) -> i64 {
        let mut draw = Draw::at(self.shape.seed, Stream::Deliveries, 2 * index + log);
        let longest = match draw.below(100) {
            0..80 => 2 * SECOND,
            80..95 => MINUTE,
            _ => 15 * MINUTE,
        };
        draw.between(0, longest)
    }

    /// The index of the first wallet event that arrives in the slot of session `index`.
    pub(super) fn first_of(&self, index: u64) -> Option<u64> {
        let slot = self.shape.arrival(index, self.sessions);
        // Rounded up: an event that arrives before the slot begins is not in it.
        let event = (i128::from(slot) * i128::from(self.own) + i128::from(self.shape.span) - 1)
            / i128::from(self.shape.span);
        let event = u64::try_from(event).ok().filter(|&event| event < self.own)?;
        (self.shape.arrival(event, self.own) < self.shape.arrival(index + 1, self.sessions)).then_some(event)
    }

    /// The id and country of a session that no event tells of. The service knows two of three.
    pub(super) fn stranger(&self, index: u64) -> (Uuid, &'static str) {
        let mut draw = Draw::at(self.shape.seed, Stream::Strangers, index);
        (draw.uuid(), draw.pick(&COUNTRIES))
    }

    /// How many sessions have surely started `elapsed` microseconds after the start of the log.
    pub(super) fn started(&self, elapsed: i64) -> u64 {
        let share = i128::from(elapsed.max(0)) * i128::from(self.sessions) / i128::from(self.shape.span);
        (share as u64).min(self.sessions)
    }
}
