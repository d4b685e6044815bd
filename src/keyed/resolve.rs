//! Who came first of each key, and who came again, when all keys are there.

use super::RowBits;
use super::log::{BUCKETS, KeyLog, KeyLogEntry};
use crate::batch::{Moment, Position, StreamPlace};
use crate::error::Result;
use rayon::prelude::*;

/// Which rows are looked for. In arrival order a distance is one of the arrival clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyedRows {
    /// Those that dedup drops: that come at most so many microseconds (ever, where there is no bound)
    /// after the row of their key that was kept last.
    Duplicates(Option<i64>),
    /// All but the last of each key.
    Replaced,
    /// The first of each key, and those that come more than so many microseconds (never, where there is no bound)
    /// after the last one of their key that was found.
    Firsts(Option<i64>),
    /// The row of each key that dedup kept last.
    LastKept(Option<i64>),
}

/// Bytes of an entry and its share of the table.
const ENTRY: u64 = (std::mem::size_of::<KeyLogEntry>() + 16) as u64;
const NONE: u32 = u32::MAX;

/// The rows that are `wanted`, of all that `logs` noted (one log a worker) and that are not in
/// `dropped`. Works on several buckets at once, in about `memory` bytes; `rows` says how many rows each
/// worker has numbered.
///
/// # Errors
/// A machine error of the spill files.
pub fn resolve(
    logs: &[KeyLog],
    wanted: KeyedRows,
    dropped: &RowBits,
    rows: &[u64],
    memory: usize,
) -> Result<RowBits> {
    let found = RowBits::new(rows);
    let share = (memory / rayon::current_num_threads()).max(64 << 10) as u64;
    (0..BUCKETS).into_par_iter().try_for_each(|bucket| {
        let entries: u64 = logs.iter().map(|log| log.entries(bucket)).sum();
        // A bucket that is too large is read several times, each time for the keys of some hashes.
        let parts = (entries * ENTRY).div_ceil(share).next_power_of_two().min(1 << 16);
        for part in 0..parts {
            let mut some: Vec<KeyLogEntry> = Vec::with_capacity((entries / parts) as usize);
            let mut waited = vec![];
            for (worker, log) in logs.iter().enumerate() {
                log.read(bucket, worker as u32, |mut entry, place| {
                    // Bits 104 to 119: those above chose the bucket, and those below choose the slot.
                    if (entry.hash >> 104) as u64 & (parts - 1) == part
                        && !dropped.contains(worker, entry.row)
                    {
                        if let Some(place) = place {
                            waited.push(place);
                            entry.waited = waited.len() as u32;
                        }
                        some.push(entry);
                    }
                })?;
            }
            keys(&some, |group| of_key(group, &waited, wanted, |e| found.insert(e.worker as usize, e.row)));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Gives the entries of each key, in the order in which they stand.
fn keys(entries: &[KeyLogEntry], mut give: impl FnMut(&mut [KeyLogEntry])) {
    // Chains of entries of one key: the table has the last of each, and each names the one before.
    let size = (entries.len() * 2).next_power_of_two().max(2);
    let mut last = vec![NONE; size];
    let mut before = vec![NONE; entries.len()];
    for (i, entry) in entries.iter().enumerate() {
        let mut slot = entry.hash as usize & (size - 1);
        while last[slot] != NONE && entries[last[slot] as usize].hash != entry.hash {
            slot = (slot + 1) & (size - 1);
        }
        before[i] = std::mem::replace(&mut last[slot], i as u32);
    }
    let mut group = vec![];
    for end in last.into_iter().filter(|&end| end != NONE) {
        group.clear();
        let mut at = end;
        while at != NONE {
            group.push(entries[at as usize]);
            at = before[at as usize];
        }
        give(&mut group);
    }
}

/// Finds the wanted rows among those of one key.
fn of_key(
    group: &mut [KeyLogEntry],
    waited: &[StreamPlace],
    wanted: KeyedRows,
    mut give: impl FnMut(&KeyLogEntry),
) {
    // Replay order; or arrival order, in which a row that has not waited stands at its own arrival.
    let order = |e: &KeyLogEntry| {
        let own = || StreamPlace::direct(Moment::of(e.time, Moment::SOURCE, Position::from_u64(e.position)));
        let place = (e.waited as usize).checked_sub(1).and_then(|at| waited.get(at).copied());
        (place.unwrap_or_else(own), e.position)
    };
    let within = match wanted {
        KeyedRows::Firsts(None) => {
            // The least of the key is enough, so its rows need not be sorted.
            let first = match waited {
                [] => group.iter().min_by_key(|e| (e.time, e.position)),
                _ => group.iter().min_by_key(|e| order(e)),
            };
            return first.into_iter().for_each(give);
        }
        KeyedRows::Replaced => {
            // No two rows have one position, so one of them is the last.
            let last = group.iter().map(order).max();
            return group.iter().filter(|e| Some(order(e)) != last).for_each(give);
        }
        KeyedRows::Firsts(within) | KeyedRows::Duplicates(within) | KeyedRows::LastKept(within) => within,
    };
    if waited.is_empty() {
        group.sort_unstable_by_key(|e| (e.time, e.position));
    } else {
        group.sort_unstable_by_key(order);
    }
    // A key has at least one entry.
    let mut kept = &group[0];
    if let KeyedRows::Firsts(_) = wanted {
        give(kept);
    }
    for entry in &group[1..] {
        // Counted from the row that stayed: a steady stream of duplicates lets one through after each
        // `within`.
        if within.is_some_and(|within| entry.time.saturating_sub(kept.time) > within) {
            kept = entry;
            if let KeyedRows::Firsts(_) = wanted {
                give(kept);
            }
        } else if let KeyedRows::Duplicates(_) = wanted {
            give(entry);
        }
    }
    if let KeyedRows::LastKept(_) = wanted {
        give(kept);
    }
}
