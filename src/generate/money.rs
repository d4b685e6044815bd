//! Wallet events with what enriches them: the sessions they were made in, the users' changes, and what a
//! service would answer.
//!
//! # Contract
//! What is known of user j or session k (id, owner, country, start) is drawn from its index alone
//! ([`Draw::at`]), so the logs agree without holding one another, and sessions start in the
//! order of their indexes.

mod service;
mod sessions;
mod users;
mod wallet;

use super::pageviews::START;
use super::random::{Draw, Stream, Uuid};
use super::{Log, Shape};
use crate::time::{DAY, MINUTE};

const COUNTRIES: [&str; 12] = ["GB", "DE", "FR", "ES", "IT", "NL", "SE", "PL", "US", "CA", "BR", "IN"];

/// The logs: as many wallet events as `shape.rows`, an eighth as many sessions, a twelfth as many user
/// events, a twenty-fifth as many users; and the answers, one for each session and some more.
pub fn logs(shape: Shape) -> Vec<Box<dyn Log>> {
    let world = World::new(shape);
    vec![
        Box::new(wallet::WalletEvents::new(world.clone())),
        Box::new(sessions::SessionEvents::new(world.clone())),
        Box::new(users::UserEvents::new(world.clone())),
        Box::new(service::Answers::new(world)),
    ]
}

/// What is known of all users and sessions.
#[derive(Debug, Clone)]
struct World {
    shape: Shape,
    /// Wallet events that are no repeats.
    own: u64,
    users: u64,
    sessions: u64,
    /// Sessions that no event tells of.
    strangers: u64,
}

/// What is known of a session.
#[derive(Debug, Clone, Copy)]
struct Session {
    id: Uuid,
    user: u64,
    country: &'static str,
    /// Where the service says that it is now.
    moved: &'static str,
    /// Microseconds after the start of the log.
    start: i64,
    /// How long it lasts, in microseconds.
    length: i64,
    /// Whether it begins some minutes after the first wallet event of it.
    early: bool,
}

impl World {
    fn new(shape: Shape) -> World {
        let (users, sessions) = ((shape.rows / 25).max(5), (shape.rows / 8).max(1));
        let own = shape.rows - (u128::from(shape.rows) * 3 / 100) as u64;
        let strangers = (shape.rows / 100).max(1);
        World { shape, own, users, sessions, strangers }
    }

    fn user_id(&self, user: u64) -> Uuid {
        Draw::at(self.shape.seed, Stream::Users, user).uuid()
    }

    fn session(&self, index: u64) -> Session {
        let mut draw = Draw::at(self.shape.seed, Stream::Sessions, index);
        let slot = self.shape.arrival(index, self.sessions);
        let next = self.shape.arrival(index + 1, self.sessions);
        let mut session = Session {
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

    /// The index of the first wallet event that arrives in the slot of session `index`.
    fn first_of(&self, index: u64) -> Option<u64> {
        let slot = self.shape.arrival(index, self.sessions);
        let event = (i128::from(slot) * i128::from(self.own) + i128::from(self.shape.span) - 1)
            / i128::from(self.shape.span);
        let event = u64::try_from(event).ok().filter(|&event| event < self.own)?;
        (self.shape.arrival(event, self.own) < self.shape.arrival(index + 1, self.sessions)).then_some(event)
    }

    /// The id and country of a session that no event tells of. The service knows two of three.
    fn stranger(&self, index: u64) -> (Uuid, &'static str) {
        let mut draw = Draw::at(self.shape.seed, Stream::Strangers, index);
        (draw.uuid(), draw.pick(&COUNTRIES))
    }

    /// How many sessions have surely started `elapsed` microseconds after the start of the log.
    fn started(&self, elapsed: i64) -> u64 {
        let share = i128::from(elapsed.max(0)) * i128::from(self.sessions) / i128::from(self.shape.span);
        (share as u64).min(self.sessions)
    }
}
