//! What the threads of a service share.

use super::address::Address;
use super::board::Board;
use super::client::Client;
use super::record::AnswerRecord;
use super::request::HttpRequest;
use super::service_plan::ServicePlan;
use super::value::{AnswerReader, Store};
use crate::error::Result;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Condvar, Mutex, OnceLock, RwLock};

/// What the threads that ask share with the workers.
pub(super) struct RequestQueue {
    pub(super) services: Vec<Service>,
    pub(super) record: AnswerRecord,
    pub(super) board: Mutex<Board>,
    /// Per service: there is something to ask.
    pub(super) work: Vec<Condvar>,
    /// All of what somebody waits for is answered, or all is over.
    pub(super) answered: Condvar,
    /// Nothing more is asked for: a request failed for good, or the run ends.
    pub(super) over: AtomicBool,
    /// Answers of which a service could not take its columns.
    pub(super) unfit: AtomicU64,
}

pub(super) struct Service {
    pub(super) plan: ServicePlan,
    pub(super) address: Address,
    pub(super) client: Client,
    /// What is sent, once somebody asks.
    pub(super) request: OnceLock<Result<HttpRequest>>,
    pub(super) reader: AnswerReader,
    /// The values of the URLs that were asked for or looked up.
    pub(super) store: RwLock<Store>,
}

impl Service {
    /// What is sent; the environment is read by the first who wants it.
    pub(super) fn request(&self) -> Result<&HttpRequest> {
        self.request.get_or_init(|| HttpRequest::of(&self.plan)).as_ref().map_err(Clone::clone)
    }
}
