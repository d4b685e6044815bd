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
mod world;

use super::{LogShape, SampleLog};
use world::World;

/// The logs: as many wallet events as `shape.rows`, an eighth as many sessions, a twelfth as many user
/// events, a twenty-fifth as many users; and the answers, one for each session and some more.
pub fn logs(shape: LogShape) -> Vec<Box<dyn SampleLog>> {
    let world = World::new(shape);
    vec![
        Box::new(wallet::WalletEvents::new(world.clone())),
        Box::new(sessions::SessionEvents::new(world.clone())),
        Box::new(users::UserEvents::new(world.clone())),
        Box::new(service::ServiceAnswers::new(world)),
    ]
}
