//! The rows of an output that is in place, all columns, a piece at a time.

use crate::backfill::PartReader;
use crate::batch::{DataType, PartitionPath, Schema};
use crate::error::{Error, Result};
use crate::plan::{OutputPlan, OutputTo};
use crate::rows::PartitionPart;
use crate::sink::{Manifest, Part, Target};
use arrow_array::{ArrayRef, StringArray, UInt32Array, new_null_array};
use arrow_select::take::take;
use std::sync::Arc;

/// An output in place.
pub(super) struct OutputInPlace<'a> {
    output: &'a OutputPlan,
    reader: PartReader,
    /// What a run said of it.
    pub manifest: Manifest,
}

/// Some rows: the columns of the output, in its order.
pub(super) struct RowSlice {
    pub columns: Vec<ArrayRef>,
    pub rows: usize,
}

impl<'a> OutputInPlace<'a> {
    /// Finds the files of `output`.
    ///
    /// # Errors
    /// It is not in place, or its manifest cannot be read.
    pub fn open(output: &'a OutputPlan) -> Result<OutputInPlace<'a>> {
        let target = match &output.to {
            OutputTo::Folder(path) => Target::folder(path),
            OutputTo::File(path) => Target::file(path),
            OutputTo::Table(path, kind) => Target::table(path, kind.clone()),
            OutputTo::Terminal => return Err(Error::job("a table on the terminal is not in a file")),
        };
        let Some(manifest) = target.manifest()? else {
            return Err(Error::job(format!("{} was not written yet", output.to)).hint("run the job first"));
        };
        Ok(OutputInPlace::of(output, &target, manifest))
    }

    /// The rows at `target` that `manifest` names.
    pub fn of(output: &'a OutputPlan, target: &Target, manifest: Manifest) -> OutputInPlace<'a> {
        let reader = PartReader { root: target.root(), format: output.format, schema: output.file_schema() };
        OutputInPlace { output, reader, manifest }
    }

    /// The columns of the output.
    pub fn columns(&self) -> &'a Schema {
        &self.output.columns
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.manifest.parts.iter().map(|part| part.rows).sum()
    }

    /// Shows all rows to `see`, in the order of the files.
    ///
    /// # Errors
    /// Those of `see`; a part that cannot be read back.
    pub fn each(&self, see: &mut dyn FnMut(&RowSlice) -> Result<()>) -> Result<()> {
        // Columns that name partitions are not in the files: they come from the path.
        let written = self.output.written();
        for part in &self.manifest.parts {
            self.reader.pieces(part, &mut |batch| {
                let rows = batch.num_rows();
                let mut of_file = written.iter().zip(batch.columns());
                let mut next = of_file.next();
                let mut columns = Vec::with_capacity(self.output.columns.fields.len());
                for column in 0..self.output.columns.fields.len() {
                    columns.push(match next {
                        Some((at, array)) if *at == column => {
                            next = of_file.next();
                            array.clone()
                        }
                        _ => self.of_path(part, column, rows)?,
                    });
                }
                see(&RowSlice { columns, rows })
            })?;
        }
        Ok(())
    }

    /// A column that stands in the path alone.
    fn of_path(&self, part: &Part, column: usize, rows: usize) -> Result<ArrayRef> {
        let ty = self.output.columns.fields[column].ty.arrow();
        // The folders of a part are its partitions, in the order of `partition_by`.
        let level = self.output.partition_by.iter().position(|p| *p == PartitionPart::Column(column));
        let path = PartitionPath::of_file(&part.path);
        let value = level.and_then(|level| path.values().nth(level)?);
        let Some(value) = value else { return Ok(new_null_array(&ty, rows)) };
        // The text of a folder keeps its blanks, and is else what a cast makes of the value.
        let text: ArrayRef = Arc::new(StringArray::from(vec![value]));
        let one = arrow_cast::cast(&text, &ty)
            .and_then(|one| take(&one, &UInt32Array::from(vec![0; rows]), None))
            .map_err(|e| {
                Error::machine(format!("the name of {} cannot be read back", part.path)).caused_by(e)
            })?;
        Ok(one)
    }
}

/// Whether values of the type are numbers.
pub(super) fn is_number(ty: DataType) -> bool {
    ty.is_number()
}
