//! What became of the parts of an output.

use super::changes::Differences;
use super::outcome::Corrected;
use crate::sink::Part;

/// What became of one part.
pub struct PartChange {
    pub old: Option<Part>,
    /// Further files that the partition had: a program may have written several, which were adopted.
    pub more: Vec<Part>,
    pub new: Option<Part>,
    pub found: Differences,
}

impl Corrected {
    /// Counts a part that was read, written or both; one that came out as it was stays unchanged.
    pub fn note(&mut self, change: &PartChange) {
        let PartChange { old, more, new, .. } = change;
        for part in more {
            self.read.add(part);
            self.rows -= part.rows;
            self.unchanged -= 1;
            self.removed += 1;
        }
        if let Some(old) = old {
            self.read.add(old);
            // `rows` starts as the sum over all parts in place, so it cannot fall below zero.
            self.rows -= old.rows;
        }
        self.rows += new.as_ref().map_or(0, |new| new.rows);
        if old == new {
            return;
        }
        // Only parts that were in place were counted as unchanged.
        self.unchanged -= usize::from(old.is_some());
        match (old, new) {
            (_, Some(new)) => {
                self.written.add(new);
                self.parts.push(new.path.clone());
                self.added += usize::from(old.is_none());
            }
            (Some(_), None) => self.removed += 1,
            (None, None) => {}
        }
    }
}
