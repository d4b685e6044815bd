//! How the values of a log are written, as its job says.

use super::faults::unknown_column;
use crate::error::Error;
use crate::input::infer::Inferred;
use crate::input::written::{ValueFormat, WrittenColumns};
use crate::job::document::{At, Document};
use crate::job::spec::{LogSpec, WrittenSpec};
use std::collections::BTreeMap;

/// Stands for every column.
const ALL: &str = "*";

/// What may stand before a fraction, and between thousands.
const DECIMALS: [&str; 2] = [".", ","];
const THOUSANDS: [&str; 5] = [",", ".", " ", "'", "_"];

/// How the columns are written; `None` after a fault.
pub(super) fn columns(document: &Document, spec: &LogSpec) -> Option<WrittenColumns> {
    let all = spec.written.iter().find(|written| written.column.value == ALL);
    // What is said of `*` comes first, as a column adds to it.
    let base = match all {
        Some(all) => Some(one(document, all, &ValueFormat::default())?),
        None => None,
    };
    let mut of = BTreeMap::new();
    let mut right = true;
    for column in spec.written.iter().filter(|written| written.column.value != ALL) {
        match one(document, column, base.as_ref().unwrap_or(&ValueFormat::default())) {
            Some(written) => drop(of.insert(column.column.value.clone(), written)),
            None => right = false,
        }
    }
    right.then(|| WrittenColumns::new(base, of))
}

/// Faults the columns that no file has.
pub(super) fn check_names(document: &Document, spec: &LogSpec, inferred: &Inferred) {
    for WrittenSpec { column, .. } in &spec.written {
        if column.value != ALL && inferred.column(&column.value).is_none() && !inferred.columns.is_empty() {
            document.fault(unknown_column(&column.value, inferred.names()), &column.span);
        }
    }
}

/// What is said of a column, on top of what is said of all; `None` after a fault.
fn one(document: &Document, spec: &WrittenSpec, base: &ValueFormat) -> Option<ValueFormat> {
    let texts = |declared: &Option<Vec<At<String>>>, base: &[String]| match declared {
        Some(words) => words.iter().map(|word| word.value.clone()).collect(),
        None => base.to_vec(),
    };
    let decimal = match &spec.decimal {
        // The point is the default: said or not, the plan is the same.
        Some(mark) => Some(mark_of(document, "decimal", mark, &DECIMALS)?).filter(|mark| *mark != '.'),
        None => base.decimal,
    };
    let thousands = match &spec.thousands {
        Some(mark) => Some(mark_of(document, "thousands", mark, &THOUSANDS)?),
        None => base.thousands,
    };
    if thousands == Some(decimal.unwrap_or('.')) {
        let mark = decimal.unwrap_or('.');
        let other = if mark == '.' { "," } else { "." };
        let error = Error::job(format!("`{mark}` cannot separate both the thousands and the fraction"))
            .hint(format!("name the mark before the fraction: decimal = \"{other}\""));
        let place = spec.thousands.as_ref().or(spec.decimal.as_ref()).unwrap_or(&spec.column);
        document.fault(error, &place.span);
        return None;
    }
    let written = ValueFormat {
        null: texts(&spec.null, &base.null),
        trim: spec.trim.as_ref().map_or(base.trim, |trim| trim.value),
        decimal,
        thousands,
        units: texts(&spec.units, &base.units),
        accounting: spec.accounting.as_ref().map_or(base.accounting, |flag| flag.value),
        yes: texts(&spec.yes, &base.yes),
        no: texts(&spec.no, &base.no),
        text_mark: spec.text_mark.as_ref().map(|mark| mark.value.clone()).or(base.text_mark.clone()),
    };
    let both = written.yes.iter().find(|word| written.no.contains(word));
    if let Some(word) = both {
        let error = Error::job(format!("`{word}` is both true and false"));
        document.fault(error, &spec.column.span);
        return None;
    }
    let bad_unit = |unit: &&String| unit.trim().is_empty() || unit.chars().any(|c| c.is_ascii_digit());
    if let Some(unit) = written.units.iter().find(bad_unit) {
        let error = Error::job(format!("`{unit}` is not a unit: it is empty or has digits"));
        document.fault(error, &spec.column.span);
        return None;
    }
    Some(written)
}

fn mark_of(document: &Document, key: &str, mark: &At<String>, known: &[&str]) -> Option<char> {
    if known.contains(&mark.value.as_str()) {
        return mark.value.chars().next();
    }
    let known: Vec<String> = known.iter().map(|mark| format!("\"{mark}\"")).collect();
    let error = Error::job(format!("`{key}` is one of {}, not \"{}\"", known.join(", "), mark.value));
    document.fault(error, &mark.span);
    None
}
