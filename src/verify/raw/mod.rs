//! The raw records of a source or table, read by libraries that share no code with `input`: the `csv` crate,
//! `serde_json`, and arrow's Parquet reader.
//!
//! # Contract
//! * The rows are the records of all files in natural path order; `_position` numbers them from 0. A record that
//!   is no record of its format (a line of CSV with other fields than its header has, a line that is no JSON
//!   object) has a number and no row, or is an error, as the plan's `on_bad_record` says.
//! * What a file of text has is text, as it stands there: an empty field of CSV without quotes is NULL and `""` the
//!   empty text, or NULL where no text is wanted; a JSON number is its digits, an object or array its JSON. A column that a file lacks is NULL in
//!   its rows. Only whole numbers that JSON writes with a fraction or exponent (`2.0`) are written plainly where an
//!   integer is wanted, since JSON knows one kind of number.
//! * Columns of Parquet keep their types, unless files differ in them: then all are text.
//! * [`read`] holds all of it in memory; a walk over pieces gives the same rows a part at a time.

mod csv;
mod documents;
mod jsonl;
mod logical;
mod nested;
mod parquet;
mod part;
pub(super) mod pieces;
pub(super) mod shape;
mod sheet;
mod spelled;
pub(super) mod text;
pub(super) mod values;
mod wire_format;

use crate::batch::DataType;
use crate::batch::partition_values;
use crate::error::{Error, Result};
use crate::input::derived::DerivedFrom;
use crate::input::{InputFormat, ReadColumn, ReadPlan, SourceFile};
use crate::sql::{OF_FILE, POSITION, Relation};
use crate::time::TimeRule;
use arrow_array::{Array, ArrayRef, Int64Array, StringViewArray, new_null_array};
use arrow_schema::DataType as ArrowType;
pub(in crate::verify) use part::bad_record;
pub(in crate::verify) use part::is_computed;
use part::{File, RawColumn, RawFile};
use rayon::prelude::*;
use shape::content;
use spelled::Spelled;
use std::sync::Arc;

/// The records of a relation, before any cast: columns of text where the files are text, of the files' types where
/// they are not. NULL is what an empty field without quotes is.
#[derive(Debug)]
pub struct RawTable {
    /// The columns that are read, those of event time and arrival among them, then the position (int64);
    /// before it the path of the file, where the relation has it.
    pub columns: Vec<(String, ArrayRef)>,
    /// How many records.
    pub rows: usize,
    /// By file of the plan, the number of its first record.
    pub first: Vec<u64>,
}

impl RawTable {
    /// The column `name`.
    pub fn column(&self, name: &str) -> Option<&ArrayRef> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, array)| array)
    }

    /// The record at a position: the number of its file in the plan, and its own number there, from 0.
    pub fn place(&self, position: u64) -> (usize, u64) {
        // Of files without records the last one that starts there has it.
        let file = self.first.partition_point(|first| *first <= position).saturating_sub(1);
        (file, position - self.first.get(file).copied().unwrap_or(0))
    }
}

/// Reads the files of `relation`, in position order.
///
/// # Errors
/// A data error or a machine error: a file that cannot be read, or is of a format that this reader does not know.
pub fn read(relation: &Relation) -> Result<RawTable> {
    let plan = relation.read;
    let wanted = raw_columns(plan);
    one_type(plan)?;
    let parts: Vec<Result<RawFile>> =
        plan.files.par_iter().map(|file| read_file(file, plan, &wanted)).collect();
    // Collected in file order first, so that the error is that of the first bad file on each run.
    let parts = parts.into_iter().collect::<Result<Vec<RawFile>>>()?;
    let mut first = Vec::with_capacity(parts.len());
    let mut records = 0;
    for part in &parts {
        first.push(records);
        records += part.records;
    }
    table(relation, &wanted, &plan.files, &parts, &first, first.clone())
}

/// The rows of `parts`, each of the file beside it; `before` says of each how many records come before it.
fn table(
    relation: &Relation,
    wanted: &[RawColumn],
    files: &[SourceFile],
    parts: &[RawFile],
    before: &[u64],
    first: Vec<u64>,
) -> Result<RawTable> {
    let mut positions: Vec<i64> = Vec::with_capacity(parts.iter().map(|part| part.numbers.len()).sum());
    for (part, before) in parts.iter().zip(before) {
        positions.extend(part.numbers.iter().map(|number| (before + number) as i64));
    }
    let mut columns = Vec::with_capacity(wanted.len() + 1);
    for (i, column) in wanted.iter().enumerate() {
        columns.push((column.name.clone(), joined(parts, i)?));
    }
    if relation.fields.iter().any(|field| field.name == OF_FILE) {
        columns.push((OF_FILE.to_string(), paths(files, parts)));
    }
    let rows = positions.len();
    columns.push((POSITION.to_string(), Arc::new(Int64Array::from(positions)) as ArrayRef));
    Ok(RawTable { columns, rows, first })
}

/// The path of the file of each record.
fn paths(files: &[SourceFile], parts: &[RawFile]) -> ArrayRef {
    let of = |(file, part): (&SourceFile, &RawFile)| {
        std::iter::repeat_n(Some(file.path.display().to_string()), part.numbers.len())
    };
    Arc::new(files.iter().zip(parts).flat_map(of).collect::<StringViewArray>())
}

/// Fails where a column is read as two types, and its values are not written the plain way.
fn one_type(plan: &ReadPlan) -> Result<()> {
    let twice = |(i, column): (usize, &ReadColumn)| {
        let other = |known: &ReadColumn| known.name == column.name && known.ty != column.ty;
        plan.columns[..i].iter().any(other) && plan.written.of(&column.name).is_some()
    };
    match plan.columns.iter().enumerate().find(|column| twice(*column)) {
        None => Ok(()),
        Some((_, column)) => Err(Error::job(format!(
            "`{}` is read as two types, with `written`: the referee cannot read that",
            column.name
        ))),
    }
}

/// The column that holds the event time of each record, if there is one.
pub(super) fn time_column(plan: &ReadPlan) -> Option<&str> {
    (plan.time.rule != TimeRule::Untimed).then_some(plan.time.column.as_str())
}

fn raw_columns(plan: &ReadPlan) -> Vec<RawColumn> {
    let mut all: Vec<RawColumn> = vec![];
    let mut want = |name: &str, integer: bool, text: bool, json: bool| match all
        .iter_mut()
        .find(|known| known.name == name)
    {
        Some(known) => (known.integer, known.text) = (known.integer || integer, known.text || text),
        None => all.push(RawColumn { name: name.to_string(), integer, text, json, spelled: None }),
    };
    for column in plan.columns.iter().filter(|column| !is_computed(plan, &column.name)) {
        want(&column.name, column.ty == DataType::Int64, column.ty.is_text(), column.ty == DataType::Json);
    }
    for time in [Some(&plan.time), plan.arrival.as_ref()].into_iter().flatten() {
        if time.rule != TimeRule::Untimed && !is_computed(plan, &time.column) {
            want(&time.column, matches!(time.rule, TimeRule::Epoch(_)), false, false);
        }
    }
    for column in &mut all {
        let ty = plan.columns.iter().find(|known| known.name == column.name).map(|known| known.ty);
        column.spelled = plan.written.of(&column.name).map(|written| Spelled::new(written, ty));
    }
    all
}

fn read_file(file: &SourceFile, plan: &ReadPlan, wanted: &[RawColumn]) -> Result<RawFile> {
    Ok(with_folders(file, plan, wanted, records(file, plan, wanted)?))
}

/// The rows with what the path of their file says of them.
fn with_folders(file: &SourceFile, plan: &ReadPlan, wanted: &[RawColumn], mut part: RawFile) -> RawFile {
    for (name, value) in partition_values(&file.path) {
        let Some(i) =
            wanted.iter().position(|column| column.name == name && file.partition_columns.contains(&name))
        else {
            continue;
        };
        // As a field of CSV: nothing is a text only where one is wanted.
        let value = value.filter(|value| wanted[i].text || !value.is_empty());
        part.columns[i] = Some(Arc::new(StringViewArray::from(vec![value.as_deref(); part.numbers.len()])));
    }
    // Expressions may speak of the file that a record is in.
    let names = plan.derived.iter().filter(|derived| matches!(derived.from, DerivedFrom::File));
    for name in names.map(|derived| &plan.columns[derived.column].name) {
        if let Some(i) = wanted.iter().position(|column| column.name == *name) {
            let path = file.path.display().to_string();
            let values = StringViewArray::from(vec![path.as_str(); part.numbers.len()]);
            // A column of the file itself goes before the name of the file.
            part.columns[i].get_or_insert_with(|| Arc::new(values));
        }
    }
    part
}

fn records(file: &SourceFile, plan: &ReadPlan, wanted: &[RawColumn]) -> Result<RawFile> {
    let of = File { path: &file.path, plan, before: 0 };
    match file.format {
        InputFormat::Csv => csv::read(&of, &content(file)?, wanted),
        InputFormat::JsonLines => {
            let mut text = documents::lines(file, &content(file)?)?;
            if !file.framing.is_plain() {
                text = wire_format::unwrapped(file, &text);
            }
            if let Some(list) = &file.unnest {
                text = documents::unnested(list, &text);
            }
            jsonl::read(&of, &text, wanted)
        }
        InputFormat::Parquet => {
            let mut part = parquet::read(&of, file, wanted)?;
            wire_format::named(file, wanted, &mut part);
            Ok(part)
        }
        InputFormat::Avro => {
            Err(Error::job(format!("{}: the referee cannot read Avro files", file.path.display()))
                .hint("verify with another SQL engine: give its result as a file, or on stdin"))
        }
    }
}

/// One column over all files.
fn joined(parts: &[RawFile], column: usize) -> Result<ArrayRef> {
    let mut types =
        parts.iter().filter_map(|part| part.columns[column].as_ref()).map(|array| array.data_type());
    let first = types.next().cloned().unwrap_or(ArrowType::Utf8View);
    let same = types.all(|ty| *ty == first);
    let ty = if same { first } else { ArrowType::Utf8View };
    let arrays = parts.iter().map(|part| match &part.columns[column] {
        None if ty == ArrowType::Utf8View => {
            Ok(Arc::new(StringViewArray::new_null(part.numbers.len())) as ArrayRef)
        }
        None => Ok(new_null_array(&ty, part.numbers.len())),
        Some(array) if same => Ok(array.clone()),
        Some(array) => text::of(array),
    });
    let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
    let arrays: Vec<&dyn Array> = arrays.iter().map(|array| &**array).collect();
    match arrays.as_slice() {
        [] => Ok(Arc::new(StringViewArray::new_null(0))),
        [one] => Ok(arrow_array::make_array(one.to_data())),
        all => arrow_select::concat::concat(all)
            .map_err(|e| Error::data("columns of several files cannot be joined").caused_by(e)),
    }
}
