//! Wallet events with what enriches them: the sessions they were made in, and the users' changes.
//!
//! # Contract
//! What is known of user j or session k (id, owner, country, start) is drawn from its index alone
//! ([`Draw::at`]), so the three logs agree without holding one another, and sessions start in the
//! order of their indexes.

mod sessions;
mod users;
mod wallet;

use super::pageviews::START;
use super::random::{Draw, Stream, Uuid};
use super::{Log, Shape};

const COUNTRIES: [&str; 12] = ["GB", "DE", "FR", "ES", "IT", "NL", "SE", "PL", "US", "CA", "BR", "IN"];

/// The three logs: as many wallet events as `shape.rows`, an eighth as many sessions, a twelfth as
/// many user events, a twenty-fifth as many users.
pub fn logs(shape: Shape) -> Vec<Box<dyn Log>> {
    let world = World::new(shape);
    vec![
        Box::new(wallet::WalletEvents::new(world.clone())),
        Box::new(sessions::SessionEvents::new(world.clone())),
        Box::new(users::UserEvents::new(world)),
    ]
}

/// What is known of all users and sessions.
#[derive(Debug, Clone)]
struct World {
    shape: Shape,
    users: u64,
    sessions: u64,
}

/// What is known of a session.
#[derive(Debug, Clone, Copy)]
struct Session {
    id: Uuid,
    user: u64,
    country: &'static str,
    /// Microseconds after the start of the log.
    start: i64,
    /// How long it lasts, in microseconds.
    length: i64,
}

impl World {
    fn new(shape: Shape) -> World {
        let (users, sessions) = ((shape.rows / 25).max(5), (shape.rows / 8).max(1));
        World { shape, users, sessions }
    }

    fn user_id(&self, user: u64) -> Uuid {
        Draw::at(self.shape.seed, Stream::Users, user).uuid()
    }

    fn session(&self, index: u64) -> Session {
        let mut draw = Draw::at(self.shape.seed, Stream::Sessions, index);
        let slot = self.shape.arrival(index, self.sessions);
        let next = self.shape.arrival(index + 1, self.sessions);
        Session {
            id: draw.uuid(),
            user: draw.below(self.users),
            country: draw.pick(&COUNTRIES),
            start: slot + draw.below((next - slot) as u64) as i64,
            // Mostly minutes, at most a day.
            length: draw.lognormal(1_200_000_000, 1.2).min(crate::time::DAY),
        }
    }

    /// How many sessions have surely started `elapsed` microseconds after the start of the log.
    fn started(&self, elapsed: i64) -> u64 {
        let share = i128::from(elapsed.max(0)) * i128::from(self.sessions) / i128::from(self.shape.span);
        (share as u64).min(self.sessions)
    }
}
