//! Lookups: answers of an HTTP service by key, asked for concurrently and once, and recorded.

use std::time::Duration;

/// A service, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePlan {
    /// The URL, cut at its `{column}`s: `http://host/a/`, `/b` around the value of a first column.
    pub url: Vec<String>,
    /// The columns of the batch whose values stand between the pieces of `url`, percent-encoded.
    pub columns: Vec<usize>,
    /// Per column that is taken, the JSON pointer (RFC 6901) into the answer.
    pub pointers: Vec<String>,
    /// The types of the columns that are taken.
    pub types: Vec<crate::batch::DataType>,
    /// The most requests in flight.
    pub in_flight: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a request that failed is made again.
    pub retries: u32,
    /// How long to wait before the first retry; twice as long before each further one.
    pub backoff: Duration,
    /// What becomes of an event whose request failed for good.
    pub on_failure: OnFailure,
}

/// What becomes of an event whose request failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The run ends with a machine error.
    #[default]
    Fail,
    /// The event has no answer.
    Null,
    /// The event is a rejected record.
    Reject,
}
