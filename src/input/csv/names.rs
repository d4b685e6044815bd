//! The names of the columns of a CSV file, of its header line and its first record.
//!
//! # Contract
//! * Spaces around a name are no part of it, nor are quotes behind them.
//! * A column without a name is `column_N`, N its number from 1. Of several of one name the second is `NAME_2`, and so on.
//! * Where the first record ends in a delimiter that the header does not end in, there is one more column without a name;
//!   where the header alone ends in one, there is one less. So all columns are there, whatever stands in them.
//! * What differs from the header is told.

use std::collections::HashSet;

/// How a first record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct FirstRecord {
    /// How many fields it has.
    pub fields: usize,
    /// Whether the last of them is empty.
    pub ends_empty: bool,
}

/// The names of the columns for what the header has, and what there is to tell.
pub(in crate::input) fn names_of(
    header: Vec<String>,
    first: Option<FirstRecord>,
) -> (Vec<String>, Vec<String>) {
    let mut notes = vec![];
    let mut names: Vec<String> = header.iter().map(|name| bare(name)).collect();
    let width = names.len();
    match first {
        Some(first) if first.fields == width + 1 && first.ends_empty => {
            names.push(String::new());
            notes.push("records end in a delimiter, and the header does not".to_string());
        }
        Some(first) if first.fields + 1 == width && width > 1 && names[width - 1].is_empty() => {
            names.pop();
            notes.push("the header ends in a delimiter, and records do not".to_string());
        }
        _ => {}
    }
    let (mut nameless, mut twice) = (vec![], vec![]);
    let given: HashSet<String> = names.iter().cloned().collect();
    let mut taken: HashSet<String> = HashSet::new();
    // A file of one empty name has no columns that could be told apart.
    let one = names.len() == 1;
    for (i, name) in names.iter_mut().enumerate() {
        let (was_empty, plain) = (name.is_empty() && !one, name.clone());
        if was_empty {
            *name =
                free(&format!("column_{}", i + 1), 2, |name| given.contains(name) || taken.contains(name));
            nameless.push(name.clone());
        } else if taken.contains(name) {
            *name = free(&format!("{plain}_2"), 3, |name| given.contains(name) || taken.contains(name));
            twice.push(format!("{plain} → {name}"));
        }
        taken.insert(name.clone());
    }
    if !nameless.is_empty() {
        notes.push(format!("columns without a name are named {}", nameless.join(", ")));
    }
    if !twice.is_empty() {
        notes.push(format!("columns with the same name are renamed: {}", twice.join(", ")));
    }
    (names, notes)
}

/// The name without spaces around it, and without quotes that only spaces kept from being ones.
fn bare(name: &str) -> String {
    let trimmed = name.trim();
    let inner = trimmed.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    match inner.filter(|_| trimmed.len() != name.len()) {
        Some(inner) => inner.replace("\"\"", "\"").trim().to_string(),
        None => trimmed.to_string(),
    }
}

/// `name`, or with another number at its end, so that it is not taken.
fn free(name: &str, from: usize, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_string();
    }
    let stem = if from > 2 { name.strip_suffix("_2").unwrap_or(name) } else { name };
    (from..).map(|n| format!("{stem}_{n}")).find(|name| !taken(name)).unwrap_or_else(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &str, first: Option<&str>) -> (String, usize) {
        let first = first.map(|record| {
            let fields: Vec<&str> = record.split(',').collect();
            FirstRecord { fields: fields.len(), ends_empty: fields.last().is_some_and(|f| f.is_empty()) }
        });
        let (names, notes) = names_of(header.split(',').map(str::to_string).collect(), first);
        (names.join(","), notes.len())
    }

    #[test]
    fn names_are_there_and_differ() {
        assert_eq!(names("a,b", None), ("a,b".into(), 0));
        assert_eq!(names("t, k, v", None), ("t,k,v".into(), 0));
        assert_eq!(names("t, \"k\"", None), ("t,k".into(), 0));
        assert_eq!(names(",a,", None), ("column_1,a,column_3".into(), 1));
        assert_eq!(names("v,v,v", None), ("v,v_2,v_3".into(), 1));
        assert_eq!(names("v,v_2,v", None), ("v,v_2,v_3".into(), 1));
        assert_eq!(names("column_2,", None), ("column_2,column_2_2".into(), 1));
    }

    #[test]
    fn a_delimiter_at_the_end_of_records_or_of_the_header_alone() {
        assert_eq!(names("t,k,v", Some("1,2,3,")), ("t,k,v,column_4".into(), 2));
        assert_eq!(names("t,k,v,", Some("1,2,3")), ("t,k,v".into(), 1));
        assert_eq!(names("t,k,v", Some("1,2,3,4")), ("t,k,v".into(), 0));
        assert_eq!(names("t,k,v,", Some("1,2,3,")), ("t,k,v,column_4".into(), 1));
    }
}
