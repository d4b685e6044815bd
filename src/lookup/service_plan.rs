//! What a job asks of a service, and what happens when it fails.

use crate::batch::ColumnId;
use crate::secret::Template;
use std::time::Duration;

/// A service, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePlan {
    /// The URL as it is shown and recorded, cut at its `{column}`s: `http://host/a/`, `/b` around the value of a first
    /// column. Nothing secret is in it.
    pub url: Vec<String>,
    /// What is sent beside it. Neither a part of the job's identity nor of an answer's key.
    pub secrets: Secrets,
    /// The columns of the batch whose values stand between the pieces of `url`, percent-encoded.
    pub columns: Vec<ColumnId>,
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

/// What is sent beside what [`ServicePlan::url`] shows. The values of variables are in no plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The URL, cut as the shown one; empty where that is all of it.
    pub url: Vec<Template>,
    /// Headers: names and values.
    pub headers: Vec<(String, Template)>,
}

impl Secrets {
    /// The variables of the environment that are needed to ask, each once.
    pub fn variables(&self) -> Vec<&str> {
        let mut names: Vec<&str> = vec![];
        let all = self.url.iter().chain(self.headers.iter().map(|(_, value)| value));
        for name in all.flat_map(Template::variables) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Those of them that are not set.
    pub fn not_set(&self) -> Vec<&str> {
        self.variables().into_iter().filter(|name| crate::secret::value_of(name).is_none()).collect()
    }
}
