//! Two results, row by row: what is here alone, there alone, or not the same.
//!
//! # Contract
//! Columns are paired by name; where names differ by upper and lower case alone and nothing else could be meant, a note
//! says which is taken for which. Rows are paired by the values of the key columns; without
//! key columns all columns are keys, and a row that comes n times here and m times there is matched as often as the
//! smaller of the two says. Of rows whose key comes more than once on a side, those that are the same are paired first,
//! then the others in the order of the files, and what is left is on one side alone.
//!
//! Two values are the same if
//! * both are NULL;
//! * both are numbers of the same value, whatever their types: 1.50 and 1.5, −0 and 0, 2 and 2.0. A float beside
//!   decimals with digits after the point is the same as those whose nearest float it is (no float has the value of 0.1);
//!   NaN is NaN;
//! * both are the same instant, whatever their precision or zone. A time without a zone is UTC, and a date is its
//!   midnight in UTC;
//! * both are texts of the same bytes, or both true, or both false.
//!
//! Types that have no value in common (a text and a number) are a difference of the schema, and the column is not compared.
//!
//! CSV, JSON Lines and the folders of a path (`date=2024-02-29`) hold texts without types. They are read as the other
//! side's type: numbers with an exponent or without, ISO times with a blank or a `T` and with an offset or without,
//! `true`, `t`, `1`, all with spaces around them or without. A word for NULL is NULL there, and a note says so; what else
//! is to be known of how the other side is written is declared ([`ResultFormat`]). A text that is none of that type is like
//! no value. An empty field without quotes is NULL; `""` is
//! the empty text where texts are meant, and NULL elsewhere. Where both sides have no types, a column is of the first type that all of
//! its values read as: number (without leading zeros or `+`), time, true or false; else text. A column that stands in
//! paths alone is compared if the other side has it, and no difference if not.
//!
//! With a tolerance (a, r) numbers are the same too if |here − there| ≤ max(a, r·|there|); of times the seconds are
//! meant. NULL is near to nothing else.
//!
//! # How
//! Every row is hashed to 128 bits, column by column, in a form that equal values share. A bucket by the hash of the key
//! adds up the hashes of each side: where the sums are equal, so are the rows, and they are not looked at again. What is left is read
//! once more, in as many goes as memory asks for, and paired by the hashes of the keys; only rows that are shown are held
//! as values. The hashes are seeded anew in each process, so no file can be made to collide. Threads and
//! memory change no result.

mod column;
mod infer;
mod matching;
mod meaning;
mod mix;
mod outcome;
mod pairs;
mod shown;
mod side;
mod sums;
mod text;
mod value;
mod written;

pub use written::{ColumnNames, ResultFormat};

mod key_pair;
mod limits;
#[cfg(test)]
mod tests;
mod work;

use crate::batch::DataType;
use crate::error::Result;
use crate::process;
pub use outcome::{
    ColumnCount, Comparison, ComparisonRules, Duplicate, ResultTable, RowDifference, SchemaDifference,
    WhichSide,
};
use std::sync::Arc;

/// Compares two results.
///
/// # Errors
/// A file that cannot be read as a result; a key column that a side lacks; a name in the rules that neither side has.
pub fn compare(here: &ResultTable, there: &ResultTable, rules: &ComparisonRules) -> Result<Comparison> {
    let limits = limits::Limits::of(rules);
    compare_within(here, there, rules, limits)
}

fn compare_within(
    here: &ResultTable,
    there: &ResultTable,
    rules: &ComparisonRules,
    limits: limits::Limits,
) -> Result<Comparison> {
    let threads = rules.threads.max(1);
    process::pool(threads)?.install(|| {
        // Only the other side has delimiters, words or zones that the user declares.
        let mut here = side::Side::open(here, WhichSide::Here, &Arc::default(), &[])?;
        // The other side needs our names: they tell which JSON objects are records and which are values.
        let mut there =
            side::Side::open(there, WhichSide::There, &Arc::new(rules.there.clone()), &here.names())?;
        let renamed = there.call_as(&here);
        // JSON Lines without a record do not tell any column, so that side takes those of the other.
        match (here.is_blank(), there.is_blank()) {
            (true, false) => here.columns_of(&there),
            (false, true) => there.columns_of(&here),
            _ => {}
        }
        let sides = [here, there];
        let (columns, schema) = matching::columns(&sides, rules)?;
        let work = work::ComparisonWork { sides, columns, show: rules.show, threads, limits };
        let sums = sums::add_up(&work)?;
        let (mut comparison, rows, duplicates) = pairs::classify(&work, &sums)?;
        comparison.schema = schema;
        comparison.notes = renamed;
        comparison.notes.extend(format_notes(&work, &comparison, rules.hide_values));
        comparison.rows = shown::rows(&work, rows)?;
        comparison.duplicates = shown::duplicates(&work, duplicates)?;
        Ok(comparison)
    })
}

/// What was found by itself of how the two sides are written.
fn format_notes(work: &work::ComparisonWork, comparison: &Comparison, hide_values: bool) -> Vec<String> {
    let mut notes = vec![];
    for (side, place) in work.sides.iter().zip(["here", "there"]) {
        let (found, words) = side.found();
        notes.extend(found);
        let mut noted: Vec<(&str, &str)> = vec![];
        for (name, word, at) in &words {
            let Some(column) = work.columns.all.iter().find(|column| column.name == *name) else { continue };
            // Each file tells its own first line; one note for a word and a column is enough.
            if noted.contains(&(name.as_str(), word.as_str())) {
                continue;
            }
            noted.push((name.as_str(), word.as_str()));
            // In a column of texts the word may be a value, so it is told only where the column differs.
            let differs = |c: &ColumnCount| c.name == *name && c.different + c.null_here + c.null_there > 0;
            let is_text = column.meaning == meaning::Meaning::Text;
            if hide_values {
                // The word is a value of the row.
                if !is_text {
                    notes.push(format!("a word is read as NULL in `{name}` {place} ({at})"));
                }
            } else if !is_text {
                notes.push(format!("`{word}` is read as NULL in `{name}` {place} ({at})"));
            } else if comparison.columns.iter().any(differs) {
                notes.push(format!(
                    "`{word}` is a text in `{name}` {place} ({at}); --null '{word}' reads it as NULL"
                ));
            }
        }
    }
    notes
}

/// The columns of a result that both sides may have, each with its type if all files agree on one that the program
/// has; of text files it is none. `others` are those of the other side, in order.
///
/// # Errors
/// A file that is not there or cannot be read.
pub fn columns(
    table: &ResultTable,
    written: &ResultFormat,
    others: &[String],
    threads: usize,
) -> Result<Vec<(String, Option<DataType>)>> {
    let open = || side::Side::open(table, WhichSide::There, &Arc::new(written.clone()), others);
    let side = process::pool(threads.max(1))?.install(open)?;
    let ty = |kinds: &[meaning::ColumnKind]| match kinds {
        [meaning::ColumnKind::Float] => Some(DataType::Float64),
        [meaning::ColumnKind::Int] => Some(DataType::Int64),
        [meaning::ColumnKind::Text] => Some(DataType::String),
        [meaning::ColumnKind::Decimal(precision, scale)] => {
            Some(DataType::Decimal { precision: *precision, scale: *scale })
        }
        [meaning::ColumnKind::Bool] => Some(DataType::Bool),
        [meaning::ColumnKind::Date] => Some(DataType::Date),
        [meaning::ColumnKind::Time] => Some(DataType::Timestamp),
        _ => None,
    };
    Ok(side.columns.iter().map(|column| (column.name.clone(), ty(&column.kinds))).collect())
}
