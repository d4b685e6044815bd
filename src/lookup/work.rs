//! The threads that ask, and what they share with the workers.

use super::board::{Board, UrlState};
use super::client::{Miss, Reply};
use super::record::LineAddress;
use super::{OnFailure, RequestQueue, Service, ServicePlan};
use crate::error::{Error, Result};
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, MutexGuard};
use std::time::{Duration, Instant};

impl RequestQueue {
    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends all waits.
    pub fn end(&self) {
        // Under the lock: a thread between its look at `over` and its wait would miss the end.
        let board = self.board();
        self.over.store(true, Ordering::Release);
        drop(board);
        self.work.iter().chain([&self.answered]).for_each(Condvar::notify_all);
        // A request under way would keep its thread until the timeout.
        self.services.iter().for_each(|service| service.client.shut_down());
    }

    /// Ends all waits with an error; the first one stays.
    pub fn fail(&self, error: Error) {
        let mut board = self.board();
        if !self.over.swap(true, Ordering::AcqRel) {
            board.failed = Some(error);
        }
        drop(board);
        self.end();
    }

    /// The life of a thread that asks.
    pub fn work(&self, number: usize) {
        let mut board = self.board();
        while !self.is_over() {
            let Some((url, values)) = board.queues[number].urls.pop_front() else {
                board.queues[number].idle += 1;
                board = self.work[number].wait(board).unwrap_or_else(|e| e.into_inner());
                board.queues[number].idle -= 1;
                continue;
            };
            let text = board.text(url);
            drop(board);
            let fate = self.ask_for(number, url, &text, values.as_deref());
            board = self.board();
            // Connections are cut at the end, and what came over them means nothing.
            let Some(fate) = fate.filter(|_| !self.is_over()) else { return };
            let fate = match fate {
                Ok(fate) => fate,
                Err(error) => {
                    drop(board);
                    return self.fail(error);
                }
            };
            if board.settle(url, fate) {
                self.answered.notify_all();
            }
        }
    }

    /// Asks until there is an answer or no hope of one; `None` at the end of the run.
    fn ask_for(&self, number: usize, url: u32, text: &str, values: Option<&str>) -> Option<Result<UrlState>> {
        let service = &self.services[number];
        let plan = &service.plan;
        let request = match service.request() {
            Ok(request) => request,
            Err(error) => return Some(Err(error)),
        };
        let full_url = request.url(text, values);
        let mut wait = plan.backoff;
        for tried in 1.. {
            let reply = service.client.get(&full_url, &request.headers);
            if self.is_over() {
                return None;
            }
            let miss = match reply {
                Ok(Reply::Nothing(status)) => {
                    // On record before it is settled: a run that is killed from now on does not ask again.
                    let place = self.record.append(text, status, None);
                    return Some(place.map(|place| UrlState::Answered(place, true)));
                }
                Ok(Reply::Answer(status, body, value)) => {
                    let place = self.record.append(text, status, Some(&body));
                    return Some(place.map(|place| {
                        self.take(service, url, &value);
                        UrlState::Answered(place, false)
                    }));
                }
                Err(miss) => Miss { what: request.without_secrets(miss.what), ..miss },
            };
            if !miss.again || tried > plan.retries {
                return Some(self.give_up(plan, text, miss, tried));
            }
            // A service must not hold up the run for longer than a request may take.
            let asked_for = miss.after.unwrap_or_default().min(plan.timeout);
            self.pause(wait.max(asked_for))?;
            wait = wait.saturating_mul(2);
        }
        None
    }

    fn give_up(&self, plan: &ServicePlan, url: &str, miss: Miss, tried: u32) -> Result<UrlState> {
        let why = if tried == 1 { miss.what } else { format!("{}, requested {tried} times", miss.what) };
        if plan.on_failure == OnFailure::Fail {
            return Err(self.failure(url, &why));
        }
        Ok(UrlState::Failed(Arc::new(why)))
    }

    /// Waits before a retry; `None` if the run ends meanwhile.
    fn pause(&self, wait: Duration) -> Option<()> {
        let mut board = self.board();
        board.report.retried += 1;
        // A wait too long for the clock lasts until the run ends.
        let until = Instant::now().checked_add(wait);
        while !self.is_over() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let left = left.unwrap_or(Duration::MAX);
            if left.is_zero() {
                return Some(());
            }
            // `answered` is notified at the end of the run, so a pause does not outlive it.
            board = self.answered.wait_timeout(board, left).unwrap_or_else(|e| e.into_inner()).0;
        }
        None
    }

    /// Reads from the record what `service` has not seen yet.
    pub fn read_back(&self, service: &Service, fates: &[Option<(u32, UrlState)>]) -> Result<()> {
        let missing: Vec<(u32, LineAddress)> = {
            let store = service.store.read().unwrap_or_else(|e| e.into_inner());
            let mut missing: Vec<(u32, LineAddress)> = fates
                .iter()
                .flatten()
                .filter_map(|(url, fate)| match fate {
                    UrlState::Answered(place, false) if !store.has(*url) => Some((*url, *place)),
                    _ => None,
                })
                .collect();
            // Many rows may want one URL, and its body is read and parsed once.
            missing.sort_unstable_by_key(|(url, _)| *url);
            missing.dedup_by_key(|(url, _)| *url);
            missing
        };
        for (url, place) in missing {
            self.take(service, url, &self.record.body(place)?);
        }
        Ok(())
    }

    /// Keeps what `service` takes from an answer.
    fn take(&self, service: &Service, url: u32, answer: &Value) {
        let row = service.reader.read(answer);
        let new = service.store.write().unwrap_or_else(|e| e.into_inner()).insert(url, &row);
        self.unfit.fetch_add(u64::from(new && row.is_unfit()), Ordering::Relaxed);
    }

    /// The error of a request that failed for good.
    pub fn failure(&self, url: &str, why: &str) -> Error {
        let error = Error::machine(format!("no answer from {url}")).caused_by(why).hint(
            "with on_failure = \"null\" a missing answer is NULL; with \"reject\" such records are rejected",
        );
        match self.record.kept() {
            Some(partial) => error.hint(format!(
                "the answers so far are kept in {}: run again, and only the others are requested",
                partial.display()
            )),
            None => error,
        }
    }
}

/// The error of an answer that does not fit.
pub(super) fn unfit(url: &str, why: &str) -> Error {
    Error::machine(format!("the answer of {url} cannot be used"))
        .caused_by(why)
        .hint(
            "declare the type that the service gives in `types`, or set on_failure = \"null\" or \"reject\"",
        )
        .hint("if the service has changed, --refresh-lookups requests recorded answers again")
}
