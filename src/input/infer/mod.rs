//! The columns of a source and their types, from a sample over all of its files.
//!
//! # Contract
//! * The same files give the same answer: nothing is drawn by lot. Of up to [`MOST_FILES`] files each
//!   is looked at, of more as many, evenly spread; of each only the head is read.
//! * Columns are the union by name, in the order in which they are first seen.
//! * Of files with types (Parquet, Avro) the type is the smallest that holds the values of all of them
//!   exactly, and there need be one; what files lack is no matter. In JSON Lines a column that is of one
//!   kind in a file and of another in a later one (number and string, value and record) is an error, and
//!   kinds that mix inside of a file make it a string. The fields of CSV are all texts: there what values
//!   have in common is the type.
//! * A declared type wins. An inferred one never changes a value's meaning: what does not read back
//!   as it was written (leading zeros, more digits than int64 has) is a string.

mod evidence;
mod gathered;
mod head;
mod hint;
mod inferred_column;
mod sample;
pub(crate) use self::head::start;
pub(in crate::input) use self::head::{Budget, heads};
#[cfg(test)]
mod tests;

pub(crate) use evidence::Class;
pub use hint::{inferred_hint, other_time_hint, time_hint};

pub use self::inferred_column::{InferredColumn, SampleLayout};
use super::{InputFormat, SourceFile};
use crate::batch::DataType;
use crate::error::Result;
pub use gathered::Inferred;
use gathered::LogSample;
use std::collections::BTreeMap;

/// The most files that are looked at.
pub const MOST_FILES: usize = 1000;

/// Looks at samples of `files` and says what columns they have.
///
/// `declared` are the types of the job file by column name; names that no file has are left out of
/// the answer, for the caller to report.
///
/// # Errors
/// Data: a file that cannot be read as what it is, or files whose types of a column that is not declared
/// have nothing in common. Machine: a file cannot be opened.
pub fn infer(
    files: &[SourceFile],
    csv: SampleLayout,
    declared: &BTreeMap<String, DataType>,
) -> Result<Inferred> {
    infer_after(&[], files, csv, declared)
}

/// As [`infer`], after other files that had the columns `known`: these come first in the answer, whether
/// `files` have them or not, and they have these types, unless others are declared.
///
/// # Errors
/// As of [`infer`].
pub fn infer_after(
    known: &[(String, DataType)],
    files: &[SourceFile],
    csv: SampleLayout,
    declared: &BTreeMap<String, DataType>,
) -> Result<Inferred> {
    let chosen: Vec<&SourceFile> = match files.len() {
        0..=MOST_FILES => files.iter().collect(),
        n => (0..MOST_FILES).map(|i| &files[i * n / MOST_FILES]).collect(),
    };
    let budget = Budget::of(chosen.len());
    let mut sample = LogSample::default();
    for (name, _) in known {
        sample.column(name);
    }
    for file in chosen {
        sample.files += 1;
        sample.is_wrapped |= !file.framing.is_plain();
        match file.format {
            InputFormat::Csv => sample::csv(file, csv, budget, &mut sample)?,
            InputFormat::JsonLines => sample::json_lines(file, csv.written, budget, &mut sample)?,
            InputFormat::Parquet => sample::typed(file, super::parquet::describe(file)?, &mut sample),
            InputFormat::Avro => sample::typed(file, super::avro::describe(file)?, &mut sample),
        }
    }
    let known = known.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
    sample.conclude(declared, &known)
}
