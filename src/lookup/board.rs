//! What is known of every URL, who waits for it, and what is still to be asked.

use super::address::Url;
use super::record::LineAddress;
use crate::error::{Error, Result};
use hashbrown::HashTable;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use xxhash_rust::xxh3::xxh3_64;

/// How far a URL is.
#[derive(Debug, Clone)]
pub(super) enum UrlState {
    /// An earlier run has an answer, and this one is to ask again. Nobody did so yet.
    Old(LineAddress),
    /// An earlier run has an answer, which nobody needed yet; whether it says that there is none.
    Recorded(LineAddress, bool),
    /// Asked for, or about to be.
    Pending,
    /// Where the answer lies; whether it says that there is none.
    Answered(LineAddress, bool),
    /// The request failed for good; why.
    Failed(Arc<String>),
}

/// Some rows that wait for answers.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// How many distinct URLs are not answered yet. Goes up before anybody can wait.
    left: AtomicUsize,
}

impl Waiting {
    pub fn is_over(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }
}

/// What one service is still to be asked.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// URLs, each with the values of its columns where what is asked is more than the URL shows.
    pub urls: VecDeque<(u32, Option<Box<str>>)>,
    /// Threads that there are, or will be at once.
    pub threads: usize,
    /// Those that wait for work.
    pub idle: usize,
}

/// All URLs of a run, numbered as they come.
#[derive(Debug)]
pub(super) struct Board {
    /// The texts of the URLs, one after the other.
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<u64>,
    numbers: HashTable<u32>,
    fates: Vec<UrlState>,
    /// Who waits for a URL that is pending.
    waiting: HashMap<u32, Vec<Arc<Waiting>>>,
    pub queues: Vec<Queue>,
    pub report: LookupReport,
    /// Why the run cannot go on.
    pub failed: Option<Error>,
    /// Whether an answer of an earlier run is of no account any more, or one came from the partial file.
    changed: bool,
}

impl Board {
    pub fn new(services: usize) -> Board {
        Board {
            text: vec![],
            ends: vec![],
            numbers: HashTable::new(),
            fates: vec![],
            waiting: HashMap::new(),
            queues: (0..services).map(|_| Queue::default()).collect(),
            report: LookupReport::default(),
            failed: None,
            changed: false,
        }
    }

    /// The error that ended the run, if one did.
    pub fn check(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn bytes(&self, number: u32) -> &[u8] {
        url_bytes(&self.text, &self.ends, number)
    }

    /// The URL of a number.
    pub fn text(&self, number: u32) -> String {
        String::from_utf8_lossy(self.bytes(number)).into_owned()
    }

    /// What is known of a URL.
    pub fn fate(&self, number: u32) -> UrlState {
        self.fates[number as usize].clone()
    }

    /// The number of a URL, and whether it was not there before; then its fate is [`UrlState::Pending`].
    fn number(&mut self, url: &str) -> (u32, bool) {
        let Board { text, ends, numbers, fates, .. } = self;
        let hash = xxh3_64(url.as_bytes());
        if let Some(&number) = numbers.find(hash, |&n| url_bytes(text, ends, n) == url.as_bytes()) {
            return (number, false);
        }
        let number = u32::try_from(fates.len()).expect("memory ends before the numbers do");
        text.extend_from_slice(url.as_bytes());
        ends.push(text.len() as u64);
        fates.push(UrlState::Pending);
        numbers.insert_unique(hash, number, |&n| xxh3_64(url_bytes(text, ends, n)));
        (number, true)
    }

    /// Takes the answer of an earlier run; of several for a URL the last counts.
    /// `moved` if the record has it under another key.
    pub fn remember(&mut self, url: &str, fate: UrlState, moved: bool) {
        let (number, _) = self.number(url);
        let place = match fate {
            UrlState::Old(place) | UrlState::Recorded(place, _) => Some(place),
            _ => None,
        };
        // Such an answer is not in the file under its key yet, so the file must be written even if nothing is
        // asked.
        self.changed |= moved || place.is_some_and(LineAddress::is_partial);
        self.fates[number as usize] = fate;
    }

    /// Wants the answer of a URL for `who`, and queues it for `service` where nobody has it. Gives its
    /// number.
    pub fn ask(&mut self, service: usize, url: Url<'_>, who: &Arc<Waiting>) -> u32 {
        let (number, mut new) = self.number(url.text);
        let fate = &mut self.fates[number as usize];
        match fate {
            UrlState::Old(_) => {
                // From here on the old answer is gone, also from the file: a refresh that fails must not pass
                // for an answer.
                *fate = UrlState::Pending;
                self.changed = true;
                new = true;
            }
            // Only the first event that needs a URL counts its answer as recorded.
            UrlState::Recorded(place, nothing) => {
                *fate = UrlState::Answered(*place, *nothing);
                self.report.recorded += 1;
            }
            UrlState::Pending | UrlState::Answered(..) | UrlState::Failed(_) => {}
        }
        if new {
            self.queues[service].urls.push_back((number, url.values.map(Box::from)));
            self.report.asked += 1;
        }
        if let UrlState::Pending = self.fates[number as usize] {
            let waiting = self.waiting.entry(number).or_default();
            // Whoever asks does so under one lock, so the last one is the only one that can be `who`.
            if waiting.last().is_none_or(|last| !Arc::ptr_eq(last, who)) {
                waiting.push(who.clone());
                // Under the lock of the board, as in `settle`: the count cannot reach 0 before all URLs are
                // in it.
                who.left.fetch_add(1, Ordering::AcqRel);
            }
        }
        number
    }

    /// How many threads are to be started for `service`, of at most `most`; counts them as there.
    pub fn threads_wanted(&mut self, service: usize, most: usize) -> usize {
        let queue = &mut self.queues[service];
        // A thread that waits for work will take a URL, so new threads are wanted only for the others.
        let useful = queue.urls.len().saturating_sub(queue.idle);
        let wanted = most.max(1).saturating_sub(queue.threads).min(useful);
        queue.threads += wanted;
        wanted
    }

    /// Says what became of a URL; whether somebody has all that he waits for now.
    pub fn settle(&mut self, number: u32, fate: UrlState) -> bool {
        self.report.failed += u64::from(matches!(fate, UrlState::Failed(_)));
        // A failure is not put on record, so it does not change the file.
        self.changed |= matches!(fate, UrlState::Answered(..));
        self.fates[number as usize] = fate;
        let mut done = false;
        for who in self.waiting.remove(&number).unwrap_or_default() {
            done |= who.left.fetch_sub(1, Ordering::AcqRel) == 1;
        }
        done
    }

    /// Whether the file of answers has to be written.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// The places of all answers, in the order of their URLs.
    pub fn on_record(&self) -> Vec<LineAddress> {
        let place = |number: u32| match self.fates[number as usize] {
            UrlState::Old(place) | UrlState::Recorded(place, _) | UrlState::Answered(place, _) => Some(place),
            UrlState::Pending | UrlState::Failed(_) => None,
        };
        let mut numbers: Vec<u32> = (0..self.fates.len() as u32).filter(|&n| place(n).is_some()).collect();
        // By the bytes of the URL: the file must not show which event asked first.
        numbers.sort_unstable_by(|&a, &b| self.bytes(a).cmp(self.bytes(b)));
        numbers.into_iter().filter_map(place).collect()
    }
}

fn url_bytes<'a>(text: &'a [u8], ends: &[u64], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start as usize..ends[number] as usize]
}

/// What became of all lookups of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct LookupReport {
    /// Distinct URLs that a service was asked for.
    pub asked: u64,
    /// Distinct URLs whose answer was on record.
    pub recorded: u64,
    /// Requests that were made again.
    pub retried: u64,
    /// Distinct URLs whose request failed for good, and answers that did not fit.
    pub failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_takes_little_memory() {
        assert_eq!(size_of::<UrlState>(), 16);
    }
}
