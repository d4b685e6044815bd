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
mod hint;
mod sample;
pub(crate) use sample::start;
pub(in crate::input) use sample::{Budget, heads};
#[cfg(test)]
mod tests;

pub(crate) use evidence::Class;
pub use hint::{other_time_hint, time_hint};

use super::carried::{Found, LogColumn};
use super::written::WrittenColumns;
use super::{Format, SourceFile};
use crate::batch::DataType;
use crate::error::Result;
use crate::time::TimeUnit;
use evidence::Evidence;
use std::collections::{BTreeMap, HashMap};

/// The most files that are looked at.
pub const MOST_FILES: usize = 1000;

/// How the CSV files of a source are laid out.
#[derive(Debug, Clone, Copy)]
pub struct CsvLayout<'a> {
    /// The byte between fields.
    pub delimiter: u8,
    /// The names of the columns where there is no header line.
    pub names: Option<&'a [String]>,
    /// How values of text are written, where it is not the plain way.
    pub written: &'a WrittenColumns,
}

/// What a sample says of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inferred {
    /// The columns that can be read, in the order in which they are first seen.
    pub columns: Vec<InferredColumn>,
    /// The names of the columns that cannot be read (lists, maps, types without a counterpart), and why.
    pub unsupported: Vec<(String, String)>,
    /// How many files were looked at.
    pub files: usize,
    /// How many records of text files were looked at.
    pub records: u64,
    /// What the log is wrapped in, if in anything.
    pub carried: Option<Found>,
    /// What there is to tell of the names of columns, a sentence each.
    pub notes: Vec<String>,
    /// Why no record can be read, where none of a file of CSV has the fields of its header.
    pub misfit: Option<String>,
    /// How documents of JSON are laid out and unnested, a line each.
    pub layout: Vec<String>,
}

impl Inferred {
    /// The names of all columns that can be read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }

    /// The column `name`.
    pub fn column(&self, name: &str) -> Option<&InferredColumn> {
        self.columns.iter().find(|c| c.name == name)
    }
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
    csv: CsvLayout,
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
    csv: CsvLayout,
    declared: &BTreeMap<String, DataType>,
) -> Result<Inferred> {
    let chosen: Vec<&SourceFile> = match files.len() {
        0..=MOST_FILES => files.iter().collect(),
        n => (0..MOST_FILES).map(|i| &files[i * n / MOST_FILES]).collect(),
    };
    let budget = sample::Budget::of(chosen.len());
    let mut sample = Sample::default();
    for (name, _) in known {
        sample.column(name);
    }
    for file in chosen {
        sample.files += 1;
        sample.carried |= !file.framing.is_plain();
        match file.format {
            Format::Csv => sample::csv(file, csv, budget, &mut sample)?,
            Format::JsonLines => sample::json_lines(file, csv.written, budget, &mut sample)?,
            Format::Parquet => sample::typed(file, super::parquet::describe(file)?, &mut sample),
            Format::Avro => sample::typed(file, super::avro::describe(file)?, &mut sample),
        }
    }
    let known = known.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
    sample.conclude(declared, &known)
}

/// The first few of some sentences.
fn told_once(mut notes: Vec<String>) -> Vec<String> {
    const MOST: usize = 5;
    let more = notes.len().saturating_sub(MOST);
    notes.truncate(MOST);
    if more > 0 {
        notes.push(format!("{more} more such notes on header lines"));
    }
    notes
}

/// Whether `name` is a time of a log, and no value of it was seen.
fn untold_time(name: &str, evidence: &Evidence) -> bool {
    LogColumn::named(name).is_some_and(LogColumn::is_time) && evidence.example().is_none()
}

/// What has been seen so far.
#[derive(Default)]
struct Sample {
    files: usize,
    records: u64,
    /// Whether a file is one of a log that is wrapped.
    carried: bool,
    columns: Vec<(String, Evidence)>,
    by_name: HashMap<String, usize>,
    /// What there is to tell of the names of columns.
    notes: Vec<String>,
    /// Why the records of a file cannot be read.
    misfit: Option<String>,
    /// The paths that lead to records, with the first file where they do, and whether that is JSON.
    records_in: HashMap<String, (String, bool)>,
}

/// Whether a record was seen on the path that `name` is.
fn is_nested(name: &str, records_in: &HashMap<String, (String, bool)>) -> bool {
    name.match_indices('.').any(|(dot, _)| records_in.contains_key(&name[..dot]))
}

impl Sample {
    /// What is known of the column `name`.
    fn column(&mut self, name: &str) -> &mut Evidence {
        let index = match self.by_name.get(name) {
            Some(&index) => index,
            None => {
                self.by_name.insert(name.to_string(), self.columns.len());
                self.columns.push((name.to_string(), Evidence::default()));
                self.columns.len() - 1
            }
        };
        &mut self.columns[index].1
    }

    /// What is known of the column `name`, which the file at hand has. A header may name it twice.
    fn found(&mut self, name: &str) -> &mut Evidence {
        let file = self.files;
        let evidence = self.column(name);
        if evidence.last_file != file {
            evidence.last_file = file;
            evidence.files += 1;
        }
        evidence
    }

    fn conclude(
        self,
        declared: &BTreeMap<String, DataType>,
        known: &BTreeMap<&str, DataType>,
    ) -> Result<Inferred> {
        let whole = self.whole_records(declared);
        let mut out = Inferred {
            columns: vec![],
            unsupported: vec![],
            files: self.files,
            records: self.records,
            carried: None,
            notes: told_once(self.notes),
            misfit: self.misfit.filter(|_| self.records == 0),
            layout: vec![],
        };
        for (name, evidence) in self.columns {
            let known_type = declared.contains_key(&name) || known.contains_key(name.as_str());
            // A record that is NULL at times is no column beside those of it.
            if evidence.is_open() && !known_type && self.records_in.contains_key(&name) {
                continue;
            }
            let (ty, why) = match (declared.get(&name), evidence.unsupported(&name)) {
                (Some(ty), Some(_)) if evidence.is_whole() && ty.is_text() => {
                    (*ty, "declared: the JSON text of lists or maps".to_string())
                }
                (None, Some(_)) if evidence.is_whole() && !known.contains_key(name.as_str()) => {
                    evidence.conclude(&name, self.records_in.get(&name))?
                }
                (_, Some(why)) => {
                    out.unsupported.push((name, why));
                    continue;
                }
                (Some(ty), None) => (*ty, "declared".to_string()),
                (None, None) if known.contains_key(name.as_str()) => {
                    (known[name.as_str()], "as it was before".to_string())
                }
                (None, None) if self.carried && untold_time(&name, &evidence) => {
                    (DataType::Int64, "int64: milliseconds, which no record of the sample has".to_string())
                }
                (None, None) => evidence.conclude(&name, self.records_in.get(&name))?,
            };
            out.columns.push(InferredColumn {
                ty,
                declared: declared.contains_key(&name),
                why,
                missing_in: self.files - evidence.files,
                default: evidence.default,
                nulls: evidence.nulls,
                derived: false,
                unit: evidence.unit,
                nested: is_nested(&name, &self.records_in)
                    || known.contains_key(name.as_str()) && name.contains('.'),
                open: evidence.is_open() && !known_type && ty == DataType::String,
                example: evidence.example(),
                examples: evidence.examples(),
                name,
            });
        }
        out.columns.extend(whole);
        Ok(out)
    }

    /// The records that are declared to be texts: the JSON text of each. Where it is a column as well, that is told elsewhere.
    fn whole_records(&self, declared: &BTreeMap<String, DataType>) -> Vec<InferredColumn> {
        let texts = declared.iter().filter(|(name, ty)| {
            ty.is_text()
                && self.records_in.contains_key(name.as_str())
                && !self.by_name.contains_key(name.as_str())
        });
        let column = |(name, _): (&String, _)| InferredColumn {
            derived: false,
            nested: is_nested(name, &self.records_in),
            open: false,
            name: name.clone(),
            ty: declared[name],
            declared: true,
            why: "declared: the JSON text of records".to_string(),
            missing_in: 0,
            default: false,
            nulls: false,
            unit: None,
            example: None,
            examples: vec![],
        };
        texts.map(column).collect()
    }
}
