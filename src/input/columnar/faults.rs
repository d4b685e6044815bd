//! What is wrong with the rows of a batch.

use crate::error::Error;
use std::fmt::Display;
use std::path::Path;

/// A value that does not reach its column's type.
#[derive(Debug)]
pub(in crate::input) struct CellFault {
    pub row: usize,
    pub column: String,
    pub reason: String,
    pub hint: Option<String>,
    /// See [`crate::input::BadRecord::aside`].
    pub aside: bool,
}

/// The faults of a batch: of each row the one that was met first, so that they are not more than the rows.
#[derive(Debug, Default)]
pub(in crate::input) struct CellFaults {
    list: Vec<CellFault>,
    /// Which rows have one.
    met: Vec<bool>,
}

impl CellFaults {
    /// Whether the row has a fault already.
    pub fn has(&self, row: usize) -> bool {
        self.met.get(row) == Some(&true)
    }

    /// Takes a fault, if it is the first of its row.
    pub fn push(&mut self, fault: CellFault) {
        if self.has(fault.row) {
            return;
        }
        // Most batches do not have a fault, so the marks are made with the first one.
        if self.met.len() <= fault.row {
            self.met.resize(fault.row + 1, false);
        }
        self.met[fault.row] = true;
        self.list.push(fault);
    }

    /// Takes faults that come behind those that are here.
    pub fn append(&mut self, faults: CellFaults) {
        faults.list.into_iter().for_each(|fault| self.push(fault));
    }

    /// Forgets the faults of all other rows.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        self.list.retain(|fault| keep(fault.row));
        self.met.clear();
        for fault in std::mem::take(&mut self.list) {
            self.push(fault);
        }
    }

    /// The faults in the order of their rows; of `rows` rows those that have none.
    pub fn into_rows(mut self, rows: usize) -> (Vec<CellFault>, Vec<bool>) {
        self.met.resize(rows, false);
        self.met.iter_mut().for_each(|met| *met = !*met);
        self.list.sort_by_key(|fault| fault.row);
        (self.list, self.met)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults, in the order in which they were met.
    pub fn iter(&self) -> impl Iterator<Item = &CellFault> {
        self.list.iter()
    }
}

/// A file whose arrays are not what it said of them.
pub(super) fn damaged(path: &Path, cause: &dyn Display) -> Error {
    Error::data(format!(
        "cannot read {}: its columns do not match its own description of them",
        path.display()
    ))
    .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(row: usize, reason: &str) -> CellFault {
        CellFault { row, column: "a".into(), reason: reason.into(), hint: None, aside: false }
    }

    #[test]
    fn the_first_fault_of_a_row_is_told() {
        let mut faults = CellFaults::default();
        [fault(3, "x"), fault(1, "y"), fault(3, "z")].into_iter().for_each(|fault| faults.push(fault));
        let mut more = CellFaults::default();
        [fault(1, "late"), fault(4, "new"), fault(5, "gone")].into_iter().for_each(|fault| more.push(fault));
        more.retain(|row| row != 5);
        assert!(more.has(4) && !more.has(5) && !more.has(99));
        faults.append(more);
        let (list, keep) = faults.into_rows(6);
        let found: Vec<_> = list.iter().map(|fault| (fault.row, fault.reason.as_str())).collect();
        assert_eq!(found, [(1, "y"), (3, "x"), (4, "new")]);
        assert_eq!(keep, [true, false, true, false, false, true]);
    }
}
