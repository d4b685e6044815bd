//! What a run reads: the source as the plan has it, some files of it, or an archive in its place.
//!
//! # Contract
//! The rows of several intakes have positions in one list of files, whatever files each of them reads.

use super::steps::Refused;
use crate::batch::{Batch, Position};
use crate::error::{Error, Result};
use crate::input::ReadPlan;
use crate::plan::archive_fields;
use crate::time::TimeRange;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray};
use hashbrown::HashMap;
use std::sync::Arc;

/// Something that is read.
pub struct Intake {
    /// The files, and what is read of them.
    pub read: Arc<ReadPlan>,
    /// Where the positions of its rows come from.
    pub positions: Positions,
    /// Which archives its rows go to.
    pub archived: Archived,
    /// Which of them go through the steps and on.
    pub counted: IntakeRows,
}

/// Which archives the rows of an intake go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archived {
    /// To all that the read is for.
    All,
    /// To this one of them, by its place among them.
    Only(usize),
    /// To none.
    No,
}

/// Which rows of an intake go through the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntakeRows {
    /// All.
    All,
    /// Those with event times in these ranges, disjoint and ascending.
    Within(Arc<Vec<TimeRange>>),
    /// None.
    No,
}

/// Where the positions of rows come from.
pub enum Positions {
    /// Files have the ordinals of the read plan.
    Own,
    /// Files have these ordinals, in the order of the read plan, which ascend.
    Of(Vec<u32>),
    /// The last two columns are [`archive_fields`]; these are the ordinals of files by path. Rows of
    /// other files are left out.
    Columns(HashMap<String, u32>),
}

impl Intake {
    /// The source of a plan.
    pub fn source(read: &ReadPlan) -> Intake {
        Intake {
            read: Arc::new(read.clone()),
            positions: Positions::Own,
            archived: Archived::All,
            counted: IntakeRows::All,
        }
    }

    /// Gives the rows of a batch their positions, and leaves out those of files that are not wanted.
    ///
    /// # Errors
    /// A data error where an archive does not say where a record comes from.
    pub fn admit(&self, mut batch: Batch) -> Result<Batch> {
        match &self.positions {
            Positions::Own => {}
            Positions::Of(ordinals) => {
                let moved = |p: &mut Position| *p = Position::new(ordinals[p.file() as usize], p.place());
                batch.positions.iter_mut().for_each(moved);
            }
            Positions::Columns(ordinals) => batch = self.placed_by_columns(batch, ordinals)?,
        }
        Ok(batch)
    }

    /// The rows of a batch that go through the steps.
    pub fn counted(&self, batch: Batch) -> Option<Batch> {
        let ranges = match &self.counted {
            IntakeRows::All => return Some(batch),
            IntakeRows::No => return None,
            IntakeRows::Within(ranges) => ranges,
        };
        let wanted = |time: i64| {
            let after = ranges.partition_point(|range| range.start <= time);
            after > 0 && time < ranges[after - 1].end
        };
        // Most batches lie in one range: the copy that a filter makes is then spared.
        if batch.time.iter().all(|&time| wanted(time)) {
            return Some(batch);
        }
        let keep: BooleanArray = batch.time.iter().map(|&time| Some(wanted(time))).collect();
        Some(batch.filter(&keep))
    }

    /// Of records that were refused, by their positions in the run, those of this intake, by their
    /// positions in its own files. Those of an archive were rejected before they came to it, or will be
    /// once more.
    pub fn of_this<'a>(&'a self, refused: &'a Refused) -> impl Iterator<Item = (Position, String)> + 'a {
        refused.iter().filter_map(|(position, reason)| {
            let file = match &self.positions {
                Positions::Own => position.file(),
                // The ordinals ascend, and a file that is not among them belongs to another intake.
                Positions::Of(ordinals) => ordinals.binary_search(&position.file()).ok()? as u32,
                Positions::Columns(_) => return None,
            };
            Some((Position::new(file, position.place()), reason.clone()))
        })
    }

    fn placed_by_columns(&self, mut batch: Batch, ordinals: &HashMap<String, u32>) -> Result<Batch> {
        // `archive_fields` are the last two columns, the file before the place.
        let (places, files) = (batch.columns.pop(), batch.columns.pop());
        let (Some(places), Some(files)) = (places, files) else {
            return Err(Error::machine("an archive is read without its positions"));
        };
        let (files, places) = (files.as_string_view(), places.as_primitive::<Int64Type>());
        if files.null_count() + places.null_count() > 0 {
            let path = self.read.files.first().map(|file| file.path.display().to_string());
            let [file, place] = archive_fields();
            return Err(Error::data(format!(
                "a record of the archive {} does not name its file and place (`{}`, `{}`)",
                path.unwrap_or_default(),
                file.name,
                place.name
            )));
        }
        // Neighbours are mostly of one file.
        let mut last: (&str, Option<u32>) = ("", ordinals.get("").copied());
        let mut positions = Vec::with_capacity(batch.rows);
        let mut keep: Option<Vec<bool>> = None;
        for row in 0..batch.rows {
            let file = files.value(row);
            if file != last.0 {
                last = (file, ordinals.get(file).copied());
            }
            match last.1 {
                Some(ordinal) => positions.push(Position::new(ordinal, places.value(row) as u64)),
                None => {
                    // Most batches keep all rows, so the mask is made only when one must go.
                    keep.get_or_insert_with(|| vec![true; batch.rows])[row] = false;
                    positions.push(Position::default());
                }
            }
        }
        batch.positions = positions;
        Ok(match keep {
            Some(keep) => batch.filter(&BooleanArray::from(keep)),
            None => batch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array, StringViewArray};

    fn intake(positions: Positions, counted: IntakeRows) -> Intake {
        let read = ReadPlan {
            files: vec![],
            patterns: vec![],
            columns: vec![],
            time: crate::input::ReadTime { column: String::new(), rule: crate::time::TimeRule::Untimed },
            arrival: None,
            max_ahead: None,
            arrival_optional: false,
            deletes: false,
            zone: crate::time::Zone::utc(),
            delimiter: b',',
            names: None,
            written: Default::default(),
            on_bad_record: crate::input::OnBadRecord::Fail,
            positions: true,
            from: i64::MIN,
            to: i64::MAX,
            derived: vec![],
            chunk_bytes: 1 << 20,
        };
        Intake { positions, counted, ..Intake::source(&read) }
    }

    #[test]
    fn positions_come_of_columns_and_rows_of_other_files_go() {
        let ordinals = [("a".to_string(), 4), ("b".to_string(), 2)].into_iter().collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from(vec!["a", "b", "x", "a"])),
            Arc::new(Int64Array::from(vec![7, 0, 1, 9])),
        ];
        let batch = Batch { columns, time: vec![1, 2, 3, 4], rows: 4, ..Batch::default() };
        let batch = intake(Positions::Columns(ordinals), IntakeRows::All).admit(batch).unwrap();
        assert_eq!(batch.time, [1, 2, 4]);
        assert_eq!(batch.positions, [Position::new(4, 7), Position::new(2, 0), Position::new(4, 9)]);
        assert!(batch.columns.is_empty());
    }

    #[test]
    fn ranges_are_half_open() {
        let batch = Batch { time: (0..10).collect(), rows: 10, ..Batch::default() };
        let ranges = IntakeRows::Within(Arc::new(vec![TimeRange::new(1, 3), TimeRange::new(5, 6)]));
        let batch = intake(Positions::Own, ranges).counted(batch).unwrap();
        assert_eq!(batch.time, [1, 2, 5]);
    }
}
