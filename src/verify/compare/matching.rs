//! Which columns of the two sides are compared, and as what.

use super::meaning::{ColumnKind, ColumnVerdict, Meaning, verdict};
use super::side::{Side, SideColumn};
use super::work::{ComparedColumn, ComparedColumns};
use super::{ComparisonRules, SchemaDifference, WhichSide, infer};
use crate::error::{Error, Result};

/// Pairs the columns of both sides; what cannot be paired is a difference of the schema.
///
/// # Errors
/// Names in the rules that are wrong; a key that cannot be compared; no column in common.
pub(super) fn columns(
    sides: &[Side; 2],
    rules: &ComparisonRules,
) -> Result<(ComparedColumns, Vec<SchemaDifference>)> {
    check_names(sides, rules)?;
    let [here, there] = sides;
    let find = |side: &Side, name: &str| side.columns.iter().find(|column| column.name == name).cloned();
    let mut schema = vec![];
    let mut all: Vec<(ComparedColumn, bool)> = vec![];
    for column in here.columns.iter().filter(|column| !rules.ignore.contains(&column.name)) {
        let Some(other) = find(there, &column.name) else {
            // The path may repeat what the rows say, so a column of one path alone is not a difference.
            if !column.in_path {
                schema.push(SchemaDifference::Only(WhichSide::Here, column.name.clone()));
            }
            continue;
        };
        let tolerance = rules.tolerance.iter().find(|(name, ..)| *name == column.name);
        // A tolerance of zero is an exact comparison, which texts may have too.
        let tolerance = tolerance.map(|(_, a, r)| (*a, *r)).filter(|(a, r)| *a > 0.0 || *r > 0.0);
        let name = column.name.clone();
        match verdict(column.kinds.iter().chain(&other.kinds), tolerance.is_some()) {
            ColumnVerdict::As(meaning) => all.push((ComparedColumn { name, meaning, tolerance }, false)),
            ColumnVerdict::ByValues => {
                all.push((ComparedColumn { name, meaning: Meaning::Text, tolerance }, true))
            }
            ColumnVerdict::Apart => {
                schema.push(SchemaDifference::Types(name, type_name(column), type_name(&other)))
            }
        }
    }
    for column in &there.columns {
        if find(here, &column.name).is_none() && !column.in_path && !rules.ignore.contains(&column.name) {
            schema.push(SchemaDifference::Only(WhichSide::There, column.name.clone()));
        }
    }
    if let Some(name) = rules.keys.iter().find(|key| all.iter().all(|(column, _)| column.name != **key)) {
        let types = [here, there].map(|side| find(side, name).map_or(String::new(), |c| type_name(&c)));
        return Err(Error::data(format!("the key `{name}` cannot be compared"))
            .caused_by(format!("it is {} here and {} there", types[0], types[1])));
    }
    if all.is_empty() {
        return Err(no_columns(sides));
    }
    infer::meanings(sides, all.iter_mut().filter(|(_, open)| *open).map(|(column, _)| column).collect())?;
    let mut all: Vec<ComparedColumn> = all.into_iter().map(|(column, _)| column).collect();
    for column in all.iter_mut().filter(|column| column.tolerance.is_some()) {
        if matches!(column.meaning, Meaning::Text | Meaning::Bool) {
            return Err(Error::job(format!(
                "`{}` does not contain numbers, so it cannot have a tolerance",
                column.name
            )));
        }
    }
    let place = |column: &ComparedColumn| rules.keys.iter().position(|key| *key == column.name);
    // The sort is stable: keys come in the order of the rules, and other columns keep theirs.
    all.sort_by_key(|column| place(column).unwrap_or(usize::MAX));
    let whole = rules.keys.is_empty();
    let keys = if whole { all.len() } else { all.iter().filter(|column| place(column).is_some()).count() };
    if let Some(column) = all[..keys].iter().find(|column| column.tolerance.is_some()) {
        let what = format!("`{}` is a key, so it cannot have a tolerance", column.name);
        let error = Error::job(what);
        return Err(if whole {
            error.hint("name the columns of the key, and give the tolerance to others")
        } else {
            error
        });
    }
    Ok((ComparedColumns { all, keys, whole }, schema))
}

fn type_name(column: &SideColumn) -> String {
    let names: Vec<String> =
        column.kinds.iter().filter(|kind| **kind != ColumnKind::Nothing).map(ColumnKind::name).collect();
    if names.is_empty() { ColumnKind::Nothing.name() } else { names.join(" and ") }
}

fn check_names(sides: &[Side; 2], rules: &ComparisonRules) -> Result<()> {
    let has = |side: &Side, name: &str| side.columns.iter().any(|column| column.name == name);
    let known = |side: &Side| side.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    for (i, key) in rules.keys.iter().enumerate() {
        if rules.keys[..i].contains(key) {
            return Err(Error::job(format!("the key `{key}` is named twice")));
        }
        if rules.ignore.contains(key) {
            return Err(Error::job(format!("`{key}` is a key, so it cannot be left out of the comparison")));
        }
        for (side, place) in sides.iter().zip(["here", "there"]) {
            if !has(side, key) {
                let error = Error::data(format!("the key `{key}` is not a column {place}"));
                let known = known(side);
                return Err(match known.iter().find(|name| name.eq_ignore_ascii_case(key)) {
                    Some(name) => error.hint(format!("the column is `{name}`: names are case-sensitive")),
                    None => error.nearest(key, known.iter().map(String::as_str)),
                });
            }
        }
    }
    let tolerances = rules.tolerance.iter().map(|(name, ..)| (name, "a tolerance is for"));
    for (name, what) in tolerances.chain(rules.ignore.iter().map(|name| (name, "to be left out is"))) {
        if !sides.iter().any(|side| has(side, name)) {
            let known: Vec<String> = sides.iter().flat_map(known).collect();
            return Err(Error::job(format!("{what} `{name}`, which neither side has"))
                .nearest(name, known.iter().map(String::as_str)));
        }
    }
    // Written as a negation, so that NaN is refused too.
    match rules.tolerance.iter().find(|(_, a, r)| !(*a >= 0.0 && *r >= 0.0)) {
        Some((name, ..)) => Err(Error::job(format!("the tolerance of `{name}` is negative"))),
        None => Ok(()),
    }
}

fn no_columns(sides: &[Side; 2]) -> Error {
    let names = |side: &Side| {
        let names: Vec<String> = side.columns.iter().map(|column| format!("`{}`", column.name)).collect();
        if names.is_empty() { "nothing".to_string() } else { names.join(", ") }
    };
    Error::data("the two results have no common column that can be compared").caused_by(format!(
        "here are {}; there are {}",
        names(&sides[0]),
        names(&sides[1])
    ))
}
