//! Sessions of one worker: per key, events that follow one another within the gap.
//!
//! # Contract
//! * [`Fragments`] takes events in any order. What it gives are stretches of a key's sessions, each of
//!   events within the gap of one another; stretches of one session may touch or overlap, and it takes
//!   all workers' to tell where a session begins and ends. It never joins what belongs apart.
//! * [`LiveSessions`] takes events in arrival order and does what a live job does (Flink's merging
//!   windows): an event joins every session that it touches and that is not closed for good; it is
//!   late if it joins none and would itself be closed. Its sessions are whole. [`SessionRule`] says what other engines do.

use super::plan::{Lateness, SessionRule};
use crate::time::TimeRange;
use crate::window::Window;

/// Stands for "no slot".
pub const NONE: u32 = u32::MAX;

/// How many of a key's stretches are looked at before a new one is begun. Late events come to sessions
/// of long ago, of which a key may have thousands; a stretch too many is joined in the end.
const LOOK_BACK: usize = 8;

/// A stretch of a session, or a session: the slot that holds its events, and where they lie.
#[derive(Debug, Clone, Copy)]
pub struct SessionMember {
    /// First event and last event; of a whole session its window.
    pub span: TimeRange,
    /// The key's code.
    pub key: u32,
    /// The slot.
    pub slot: u32,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    first: i64,
    last: i64,
    key: u32,
    /// The slot of the next stretch of the key, of those that were used less recently.
    older: u32,
}

/// The stretch of a key that was used last, apart from the others, so that an event touches one place.
#[derive(Debug, Clone, Copy)]
struct Hot {
    first: i64,
    last: i64,
    slot: u32,
    older: u32,
}

const COLD: Hot = Hot { first: i64::MAX, last: i64::MIN, slot: NONE, older: NONE };

/// Stretches of sessions, of events in any order.
pub struct Fragments {
    gap: i64,
    /// By key code.
    hot: Vec<Hot>,
    /// By slot; of the hot ones the bounds are out of date.
    all: Vec<Stretch>,
}

impl Fragments {
    pub fn new(gap: i64) -> Fragments {
        Fragments { gap, hot: vec![], all: vec![] }
    }

    /// The slot of each row; `keys` is the number of key codes given so far.
    pub fn find_slots(&mut self, time: &[i64], codes: &[u32], keys: usize, slots: &mut Vec<u32>) {
        // A new key has a cold entry, whose bounds do not contain any instant.
        self.hot.resize(self.hot.len().max(keys), COLD);
        slots.clear();
        for (&time, &key) in time.iter().zip(codes) {
            let hot = &mut self.hot[key as usize];
            let near =
                time >= hot.first.saturating_sub(self.gap) && time <= hot.last.saturating_add(self.gap);
            if near {
                hot.first = hot.first.min(time);
                hot.last = hot.last.max(time);
                slots.push(hot.slot);
            } else {
                slots.push(self.change(key, time));
            }
        }
    }

    /// Makes another stretch of `key` the hot one, an old one near `time` or a new one.
    fn change(&mut self, key: u32, time: i64) -> u32 {
        let hot = self.hot[key as usize];
        // While a stretch is hot, its bounds are kept there alone.
        if hot.slot != NONE {
            self.all[hot.slot as usize] = Stretch { first: hot.first, last: hot.last, key, older: hot.older };
        }
        let (mut newer, mut at) = (hot.slot, hot.older);
        for _ in 0..LOOK_BACK {
            let Some(&stretch) = self.all.get(at as usize) else { break };
            if time >= stretch.first.saturating_sub(self.gap) && time <= stretch.last.saturating_add(self.gap)
            {
                // To the watermark generator: events that come late come in crowds.
                self.all[newer as usize].older = stretch.older;
                let (first, last) = (stretch.first.min(time), stretch.last.max(time));
                self.hot[key as usize] = Hot { first, last, slot: at, older: hot.slot };
                return at;
            }
            (newer, at) = (at, stretch.older);
        }
        let slot = self.all.len() as u32;
        self.all.push(Stretch { first: time, last: time, key, older: hot.slot });
        self.hot[key as usize] = Hot { first: time, last: time, slot, older: hot.slot };
        slot
    }

    /// The number of slots given.
    pub fn slots(&self) -> u32 {
        self.all.len() as u32
    }

    /// All stretches, in any order.
    pub fn members(&self) -> Vec<SessionMember> {
        let mut members: Vec<SessionMember> = (0u32..)
            .zip(&self.all)
            .map(|(slot, s)| SessionMember {
                span: TimeRange { start: s.first, end: s.last },
                key: s.key,
                slot,
            })
            .collect();
        for hot in self.hot.iter().filter(|hot| hot.slot != NONE) {
            members[hot.slot as usize].span = TimeRange { start: hot.first, end: hot.last };
        }
        members
    }

    /// About the bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.hot.capacity() * size_of::<Hot>() + self.all.capacity() * size_of::<Stretch>()
    }
}

/// Sessions as a live job has them, of events in arrival order.
pub struct LiveSessions {
    gap: i64,
    /// How long after its end a session is kept for late events.
    kept: i64,
    /// Whether an event is late by itself, whatever it would join.
    alone: bool,
    /// By key code: the sessions that are not closed for good; the slots of their roots.
    live: Vec<Vec<u32>>,
    /// By slot.
    all: Vec<OpenSession>,
}

#[derive(Debug, Clone, Copy)]
struct OpenSession {
    first: i64,
    last: i64,
    key: u32,
    /// The slot of the session that this one was joined to; its own if it was not.
    root: u32,
}

impl LiveSessions {
    /// No sessions yet, for this gap.
    pub fn new(gap: i64, lateness: &Lateness) -> LiveSessions {
        let alone = lateness.sessions == SessionRule::Spark;
        LiveSessions { gap, kept: lateness.kept(&Window::Session { gap }), alone, live: vec![], all: vec![] }
    }

    /// The slot of each row, the largest number for late ones. `max_timestamp` is the greatest event time before each.
    pub fn find_slots(
        &mut self,
        time: &[i64],
        max_timestamp: &[i64],
        codes: &[u32],
        keys: usize,
        slots: &mut Vec<u32>,
    ) {
        self.live.resize(self.live.len().max(keys), vec![]);
        slots.clear();
        for ((&time, &max_timestamp), &key) in time.iter().zip(max_timestamp).zip(codes) {
            slots.push(self.join(time, max_timestamp, key));
        }
    }

    fn join(&mut self, time: i64, max_timestamp: i64, key: u32) -> u32 {
        let (gap, kept, all) = (self.gap, self.kept, &mut self.all);
        // As in Flink: a session is dropped when the watermark reaches its end and the allowed lateness has
        // passed too.
        let closed = |last: i64| last.saturating_add(gap).saturating_add(kept) <= max_timestamp;
        // Spark leaves out late events before it looks at sessions.
        if self.alone && closed(time) {
            return NONE;
        }
        let live = &mut self.live[key as usize];
        live.retain(|&slot| !closed(all[slot as usize].last));
        let mut joined: Option<u32> = None;
        // An event may close the gap between two sessions, and then they are one, as with Flink's merging
        // windows.
        live.retain(|&slot| {
            let session = all[slot as usize];
            if time > session.last.saturating_add(gap) || time.saturating_add(gap) < session.first {
                return true;
            }
            let Some(root) = joined else {
                joined = Some(slot);
                return true;
            };
            // The slot of the joined session keeps its state: `members` gives it the span of its root, and
            // the merge adds it up.
            all[slot as usize].root = root;
            let whole = &mut all[root as usize];
            (whole.first, whole.last) = (whole.first.min(session.first), whole.last.max(session.last));
            false
        });
        match joined {
            Some(slot) => {
                let whole = &mut all[slot as usize];
                (whole.first, whole.last) = (whole.first.min(time), whole.last.max(time));
                slot
            }
            // Only an event on its own can be late: one that joins a session makes that session longer.
            None if closed(time) => NONE,
            None => {
                let slot = all.len() as u32;
                all.push(OpenSession { first: time, last: time, key, root: slot });
                live.push(slot);
                slot
            }
        }
    }

    /// The number of slots given.
    pub fn slots(&self) -> u32 {
        self.all.len() as u32
    }

    /// The slots of all sessions; those that were joined have one span.
    pub fn members(&self) -> Vec<SessionMember> {
        // A root may have been joined to another session later, so the links are followed to the end.
        let root = |mut slot: u32| {
            while self.all[slot as usize].root != slot {
                slot = self.all[slot as usize].root;
            }
            slot
        };
        (0u32..)
            .zip(&self.all)
            .map(|(slot, session)| {
                let whole = &self.all[root(slot) as usize];
                let span = TimeRange { start: whole.first, end: whole.last + self.gap };
                SessionMember { span, key: session.key, slot }
            })
            .collect()
    }

    /// About the bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.live.capacity() * 24 + self.live.len() * 16 + self.all.capacity() * size_of::<OpenSession>()
    }
}
