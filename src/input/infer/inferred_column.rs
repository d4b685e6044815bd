//! A column of a log, and how its CSV is laid out.

use crate::batch::DataType;
use crate::input::written::WrittenColumns;
use crate::time::TimeUnit;

/// How the CSV files of a source are laid out.
#[derive(Debug, Clone, Copy)]
pub struct SampleLayout<'a> {
    /// The byte between fields.
    pub delimiter: u8,
    /// The names of the columns where there is no header line.
    pub names: Option<&'a [String]>,
    /// How values of text are written, where it is not the plain way.
    pub written: &'a WrittenColumns,
}

/// A column of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferredColumn {
    /// Its name; of nested fields a dotted path.
    pub name: String,
    /// Its type.
    pub ty: DataType,
    /// Whether the job declares the type.
    pub declared: bool,
    /// Why the type was taken, as a sentence for people.
    pub why: String,
    /// In how many of the files that were looked at it is missing.
    pub missing_in: usize,
    /// Whether a value that is not NULL stands for it in Avro files that lack it.
    pub default: bool,
    /// Whether it is NULL somewhere in the sample, or missing in a record.
    pub nulls: bool,
    /// Whether no file has it: it is computed from others as records are read.
    pub derived: bool,
    /// The unit of its numbers, where the schemas in records tell that they are times: it is read as what they are.
    pub unit: Option<TimeUnit>,
    /// Whether the sample has no value of it, and nothing else tells its type.
    pub open: bool,
    /// Whether it is of a record, of which its name is the path.
    pub nested: bool,
    /// A value of it, as it stands in the file.
    pub example: Option<String>,
    /// A value of each kind that was seen: integer, text, time and so on.
    pub examples: Vec<String>,
}
