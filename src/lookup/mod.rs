//! Lookups: answers of an HTTP service by key, asked for concurrently and once, and recorded.
//!
//! ```text
//! ask:      rows → URLs → queue → threads (one request each) → record → values
//! answers:  URLs → values → columns
//! ```
//!
//! # Contract
//! * No secret is in a record, an error or a plan: a URL is known by what [`ServicePlan::url`] shows of it. The
//!   environment is read when a service is asked for the first time.
//! * One request per distinct URL and run; services with equal URLs share it, by the rules (timeout,
//!   retries) of the one that asked first.
//! * What an event gets depends on the answer to its URL alone: not on threads, nor on who asked first
//!   or was answered first.
//! * Answers are on record before anybody sees them, so a run that was killed or failed asks nobody
//!   twice. Failures are not: the next run asks again.
//! * Of several requests that fail for good under [`OnFailure::Fail`], the one that is known first is
//!   reported, and which that is depends on the services. Values that do not fit their type are reported
//!   in the order of the rows.
//!
//! # Memory
//! A URL takes its length, about 40 bytes, and the values taken from its answer; bodies are on disk. A
//! million URLs of 67 bytes with a country each are 120 MB.

// `address` makes URLs of rows, `request` puts secrets into them, `client` makes one request, `board` knows of every URL how far it is,
// `record` keeps the answers on disk, `value` makes columns of them, `work` is what the threads do.
mod address;
mod board;
mod client;
mod record;
mod request;
mod service_plan;
mod shared;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod value;
mod work;

pub use self::service_plan::Secrets;
use crate::error::Result;
use crate::process;
use address::Address;
use arrow_array::ArrayRef;
use board::{Board, UrlState, Waiting};
pub use request::header_fault;

pub use board::LookupReport;
use client::Client;
use record::{AnswerRecord, Old};
pub use service_plan::{OnFailure, ServicePlan};
use shared::{RequestQueue, Service};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, RwLock};
use std::thread::JoinHandle;
use value::{AnswerCells, AnswerReader};
use work::unfit;

/// Rows that were asked for, with [`Services::ask`].
#[derive(Debug)]
pub struct PendingAnswers {
    service: usize,
    /// The number of each row's URL; `None` where a column of it is NULL.
    urls: Vec<Option<u32>>,
    waiting: Arc<Waiting>,
}

/// The answers for some rows.
#[derive(Debug)]
pub struct Answers {
    /// Whether the row has a match.
    pub matched: Vec<bool>,
    /// The columns that are taken; NULL in rows without a match.
    pub columns: Vec<ArrayRef>,
    /// The rows to reject, by their place among those asked for, with the reason.
    pub rejected: Vec<(usize, String)>,
}

/// The services of a run, shared by all of its workers.
pub struct Services {
    shared: Arc<RequestQueue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("services", &self.shared.services.len()).finish_non_exhaustive()
    }
}

impl Services {
    /// The services of `plans`, with the answers on record in the file `answers` (JSON Lines), if it is
    /// there. `refresh` asks again for what is on record. Without a file, answers live as long as the run.
    ///
    /// # Errors
    /// If an answer on record cannot be read, or another run writes the same file.
    pub fn open(plans: &[ServicePlan], answers: Option<&Path>, refresh: bool) -> Result<Services> {
        let mut board = Board::new(plans.len());
        let addresses: Vec<Address> = plans.iter().map(Address::new).collect();
        let record = AnswerRecord::open(answers, refresh, |url, line, nothing, old| {
            let fate =
                if old == Old::Stale { UrlState::Old(line) } else { UrlState::Recorded(line, nothing) };
            // A record of an older version may have a secret in its key.
            let key = address::key_of(&addresses, url);
            board.remember(&key, fate, key != url);
        })?;
        let service = |(plan, address): (&ServicePlan, Address)| Service {
            plan: plan.clone(),
            address,
            client: Client::new(plan),
            request: OnceLock::new(),
            reader: AnswerReader::new(&plan.pointers, &plan.types),
            store: RwLock::default(),
        };
        let shared = RequestQueue {
            services: plans.iter().zip(addresses).map(service).collect(),
            record,
            board: Mutex::new(board),
            work: plans.iter().map(|_| Condvar::new()).collect(),
            answered: Condvar::new(),
            over: AtomicBool::new(false),
            unfit: AtomicU64::new(0),
        };
        Ok(Services { shared: Arc::new(shared), threads: Mutex::default() })
    }

    /// Asks service number `service` for the rows `rows` of a batch of `columns`, and returns at once. A
    /// row with NULL in one of the URL's columns is not asked for.
    ///
    /// # Errors
    /// If a request failed for good before, or no thread can be started.
    pub fn ask(&self, service: usize, columns: &[ArrayRef], rows: &[u32]) -> Result<PendingAnswers> {
        let texts = self.shared.services[service].address.urls(columns, rows)?;
        let waiting = Arc::new(Waiting::default());
        let mut board = self.shared.board();
        board.check()?;
        let urls = texts.iter().map(|url| url.map(|url| board.ask(service, url, &waiting))).collect();
        let wanted = board.threads_wanted(service, self.shared.services[service].plan.in_flight);
        let asks = !board.queues[service].urls.is_empty();
        // The lock is free while threads start: they want it at once.
        drop(board);
        // Only where something is asked: a run from the record alone does not need the secrets.
        if asks && let Err(error) = self.shared.services[service].request() {
            self.shared.fail(error.clone());
            return Err(error);
        }
        self.start(service, wanted)?;
        Ok(PendingAnswers { service, urls, waiting })
    }

    /// Starts `wanted` threads, which the board has counted already, and wakes those that idle.
    fn start(&self, service: usize, wanted: usize) -> Result<()> {
        self.shared.work[service].notify_all();
        for started in 0..wanted {
            let shared = self.shared.clone();
            let work = move || {
                // A thread that panicked would leave its URL pending, and the run would wait for ever.
                if let Err(panic) = process::caught(|| shared.work(service)) {
                    shared.fail(panic.error());
                }
            };
            // Little runs on it; what is not used of a stack is not there.
            let thread = std::thread::Builder::new().name("lookup".into()).stack_size(1 << 20).spawn(work);
            match thread {
                Ok(thread) => self.threads.lock().unwrap_or_else(|e| e.into_inner()).push(thread),
                Err(cause) => {
                    let mut board = self.shared.board();
                    // The board has counted threads that will not start.
                    board.queues[service].threads -= wanted - started;
                    // With fewer threads it only takes longer.
                    if board.queues[service].threads == 0 {
                        drop(board);
                        let error = process::no_threads(cause);
                        self.shared.fail(error.clone());
                        return Err(error);
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether [`Services::answers`] will not have to wait.
    pub fn is_answered(&self, pending: &PendingAnswers) -> bool {
        pending.waiting.is_over() || self.shared.is_over()
    }

    /// Waits for the answers. There is an entry for each row asked for, in their order.
    ///
    /// # Errors
    /// If a request failed for good or an answer does not fit, and the plan says [`OnFailure::Fail`]; if
    /// answers on record cannot be read back.
    pub fn answers(&self, pending: &PendingAnswers) -> Result<Answers> {
        let shared = &*self.shared;
        let fates = {
            let mut board = shared.board();
            while !pending.waiting.is_over() && !shared.is_over() {
                board = shared.answered.wait(board).unwrap_or_else(|e| e.into_inner());
            }
            board.check()?;
            // Copied, so that the values are read without the lock of the board.
            pending.urls.iter().map(|url| url.map(|url| (url, board.fate(url)))).collect::<Vec<_>>()
        };
        let service = &shared.services[pending.service];
        shared.read_back(service, &fates)?;
        let store = service.store.read().unwrap_or_else(|e| e.into_inner());
        let mut columns = service.reader.columns(fates.len());
        let (mut matched, mut rejected) = (vec![], vec![]);
        for (row, fate) in fates.iter().enumerate() {
            let cells = match fate {
                None => None,
                Some((_, UrlState::Failed(why))) => Some(Err(why.as_str())),
                Some((_, UrlState::Answered(_, true))) => None,
                Some((url, _)) => store.get(*url).map(|cells| match cells {
                    AnswerCells::Values(values) => Ok(values),
                    AnswerCells::Unfit(why) => Err(why),
                }),
            };
            match cells {
                Some(Ok(values)) => columns.push(values),
                _ => columns.push_nulls(),
            }
            matched.push(matches!(cells, Some(Ok(_))));
            let (Some(Err(why)), Some((url, fate))) = (cells, fate) else { continue };
            match service.plan.on_failure {
                OnFailure::Null => {}
                OnFailure::Reject => rejected.push((row, format!("{}: {why}", shared.board().text(*url)))),
                OnFailure::Fail if matches!(fate, UrlState::Failed(_)) => {
                    return Err(shared.failure(&shared.board().text(*url), why));
                }
                OnFailure::Fail => return Err(unfit(&shared.board().text(*url), why)),
            }
        }
        Ok(Answers { matched, columns: columns.finish(), rejected })
    }

    /// Ends the threads, and writes the file of answers: sorted by URL, with those that were on record
    /// and not needed. Says what was asked.
    ///
    /// # Errors
    /// If a request failed for good before (its answers stay beside the file for the next run), or the
    /// file cannot be written.
    pub fn finish(self) -> Result<LookupReport> {
        self.shared.end();
        for thread in std::mem::take(&mut *self.threads.lock().unwrap_or_else(|e| e.into_inner())) {
            // A panic is caught in the thread itself and told to the board, so a join cannot bring one.
            let _ = thread.join();
        }
        let board = self.shared.board();
        board.check()?;
        if board.is_changed() {
            let key = |url: &str| {
                address::key_of(self.shared.services.iter().map(|s| &s.address), url).into_owned()
            };
            self.shared.record.write(&board.on_record(), &key)?;
        }
        let unfit = self.shared.unfit.load(Ordering::Relaxed);
        Ok(LookupReport { failed: board.report.failed + unfit, ..board.report })
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // The threads end on their own: one that is connecting would have to be waited for.
        self.shared.end();
    }
}
