//! What inference has seen of the columns of a log so far.

use super::evidence::ColumnEvidence;
use super::inferred_column::InferredColumn;
use crate::batch::DataType;
use crate::error::Result;
use crate::input::wire_format::{DetectedWireFormat, LogColumn};
use std::collections::{BTreeMap, HashMap};

/// What has been seen so far.
#[derive(Default)]
pub(super) struct LogSample {
    pub(super) files: usize,
    pub(super) records: u64,
    /// Whether a file is one of a log that is wrapped.
    pub(super) is_wrapped: bool,
    pub(super) columns: Vec<(String, ColumnEvidence)>,
    pub(super) by_name: HashMap<String, usize>,
    /// What there is to tell of the names of columns.
    pub(super) notes: Vec<String>,
    /// Why the records of a file cannot be read.
    pub(super) misfit: Option<String>,
    /// The paths that lead to records, with the first file where they do, and whether that is JSON.
    pub(super) records_in: HashMap<String, (String, bool)>,
}

/// Whether a record was seen on the path that `name` is.
pub(super) fn is_nested(name: &str, records_in: &HashMap<String, (String, bool)>) -> bool {
    name.match_indices('.').any(|(dot, _)| records_in.contains_key(&name[..dot]))
}

impl LogSample {
    /// What is known of the column `name`.
    pub(super) fn column(&mut self, name: &str) -> &mut ColumnEvidence {
        let index = match self.by_name.get(name) {
            Some(&index) => index,
            None => {
                self.by_name.insert(name.to_string(), self.columns.len());
                self.columns.push((name.to_string(), ColumnEvidence::default()));
                self.columns.len() - 1
            }
        };
        &mut self.columns[index].1
    }

    /// What is known of the column `name`, which the file at hand has. A header may name it twice.
    pub(super) fn found(&mut self, name: &str) -> &mut ColumnEvidence {
        let file = self.files;
        let evidence = self.column(name);
        if evidence.last_file != file {
            evidence.last_file = file;
            evidence.files += 1;
        }
        evidence
    }

    pub(super) fn conclude(
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
            wire_format: None,
            notes: first_notes(self.notes),
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
                // These times are milliseconds by the format of the log, whether the sample has one or not.
                (None, None) if self.is_wrapped && is_time_without_value(&name, &evidence) => {
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
    pub(super) fn whole_records(&self, declared: &BTreeMap<String, DataType>) -> Vec<InferredColumn> {
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
    pub wire_format: Option<DetectedWireFormat>,
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

/// The first few of some sentences.
pub(super) fn first_notes(mut notes: Vec<String>) -> Vec<String> {
    const MOST: usize = 5;
    let more = notes.len().saturating_sub(MOST);
    notes.truncate(MOST);
    if more > 0 {
        notes.push(format!("{more} more such notes on header lines"));
    }
    notes
}

/// Whether `name` is a time of a log, and no value of it was seen.
pub(super) fn is_time_without_value(name: &str, evidence: &ColumnEvidence) -> bool {
    LogColumn::named(name).is_some_and(LogColumn::is_time) && evidence.example().is_none()
}
