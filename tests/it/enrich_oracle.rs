//! What the steps that depend on order must give, record by record: linear scans over all events and all
//! rows of a table, and no code of the engine.

use crate::enrich_jobs::{Case, Enrich, Made, Step, TABLE_DERIVES, TABLE_FILTERS, Table, Test, Try};
use crate::log::Cell;
use crate::oracle::{Event, Expected, Stepped, expected_after, in_replay_order};
use std::collections::BTreeMap;

/// A row of a table that its filter keeps.
struct Row {
    /// None where rows hold at any time.
    time: Option<i64>,
    /// Its place among all rows, in order of position.
    place: usize,
    cells: BTreeMap<String, Cell>,
}

/// How often random cases met what they are made for.
#[derive(Debug, Default, serde::Serialize)]
pub struct Met {
    pub duplicates: usize,
    /// Rows that `dedup` kept although their key was there.
    pub kept_again: usize,
    /// Rows of a key that came at exactly `within` after the one that was kept.
    pub just_duplicates: usize,
    pub null_keys_of_dedup: usize,
    pub firsts: usize,
    pub not_firsts: usize,
    pub null_keys: usize,
    pub matched: usize,
    pub unmatched: usize,
    pub at_exactly_within: usize,
    pub at_one_instant: usize,
    pub rows_of_one_instant: usize,
    pub equally_near: usize,
    pub left_out_as_not_inclusive: usize,
    pub filled: usize,
    pub untimed: usize,
    pub by_another_direction: usize,
    pub by_file: usize,
    pub by_constant: usize,
}

impl Met {
    pub fn counts(&self) -> BTreeMap<String, usize> {
        serde_json::from_value(serde_json::to_value(self).unwrap()).unwrap()
    }
}

/// What the case gives, its log in these files.
pub fn expected(case: &Case, files: &[(String, usize)]) -> (Expected, Met) {
    let mut met = Met::default();
    let tables: Vec<Vec<Row>> = case.tables.iter().map(rows).collect();
    let expected = expected_after(&case.job, &case.log, files, |mut stepped| {
        for step in &case.steps {
            stepped = after(step, stepped, case, &tables, &mut met);
        }
        stepped
    });
    (expected, met)
}

fn after(step: &Step, stepped: Stepped, case: &Case, tables: &[Vec<Row>], met: &mut Met) -> Stepped {
    let Stepped { mut events, mut names, mut duplicate } = stepped;
    match step {
        Step::Filter(test) => events.retain(|e| holds(test, e)),
        Step::Derive(name, made) => {
            names.push(name.to_string());
            for e in &mut events {
                let cell = make(made, e);
                e.cells.insert(name.to_string(), cell);
            }
        }
        Step::Dedup { by, within } => {
            let kept = kept(&events, by, *within, met);
            duplicate += (events.len() - kept.len()) as u64;
            events.retain(|e| kept.contains(&e.id));
        }
        Step::First { by, name } => {
            names.push(name.to_string());
            let firsts = firsts(&events, by);
            met.firsts += firsts.len();
            met.not_firsts += events.len() - firsts.len();
            for e in &mut events {
                e.cells.insert(name.to_string(), Cell::Bool(firsts.contains(&e.id)));
            }
        }
        Step::Enrich(enrich) => {
            names.extend(enrich.take.iter().map(|(name, _)| name.to_string()));
            for e in &mut events {
                for (name, cell) in taken(enrich, e, case, tables, met) {
                    e.cells.insert(name, cell);
                }
            }
        }
    }
    Stepped { events, names, duplicate }
}

fn holds(test: &Test, e: &Event) -> bool {
    match test {
        Test::NotNull(column) => *e.get(column) != Cell::Null,
        Test::Null(column) => *e.get(column) == Cell::Null,
        Test::True(column) => *e.get(column) == Cell::Bool(true),
        Test::NotTrue(column) => *e.get(column) == Cell::Bool(false),
        Test::Positive(column) => matches!(e.get(column), Cell::Int(1..)),
    }
}

fn make(made: &Made, e: &Event) -> Cell {
    match made {
        Made::Unless(flag, _) if *e.get(flag) == Cell::Bool(true) => Cell::Null,
        Made::Unless(_, column) => e.get(column).clone(),
        Made::OrNone(column) => match e.get(column) {
            Cell::Null => Cell::Text("none".into()),
            cell => cell.clone(),
        },
        Made::More(column) => match e.get(column) {
            Cell::Int(n) => Cell::Int(n + 1),
            _ => Cell::Null,
        },
        Made::Missing(column) => Cell::Bool(*e.get(column) == Cell::Null),
    }
}

/// The values of the columns; NULLs are equal to each other.
fn key(e: &Event, by: &[&str]) -> Vec<Cell> {
    by.iter().map(|name| e.get(name).clone()).collect()
}

/// The events that `dedup` keeps.
fn kept(events: &[Event], by: &[&str], within: Option<i64>, met: &mut Met) -> Vec<usize> {
    let mut kept: Vec<&Event> = vec![];
    for e in in_replay_order(events.iter().collect()) {
        let last = kept.iter().rev().find(|last| key(last, by) == key(e, by));
        let stays = match (last, within) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(last), Some(within)) => e.time - last.time > within,
        };
        if let Some(last) = last {
            met.kept_again += usize::from(stays);
            met.duplicates += usize::from(!stays);
            met.just_duplicates += usize::from(within == Some(e.time - last.time));
            met.null_keys_of_dedup += usize::from(key(e, by).contains(&Cell::Null));
        }
        if stays {
            kept.push(e);
        }
    }
    kept.iter().map(|e| e.id).collect()
}

/// The first event of each key.
fn firsts(events: &[Event], by: &[&str]) -> Vec<usize> {
    let mut seen: Vec<Vec<Cell>> = vec![];
    let mut firsts = vec![];
    for e in in_replay_order(events.iter().collect()) {
        if !seen.contains(&key(e, by)) {
            seen.push(key(e, by));
            firsts.push(e.id);
        }
    }
    firsts
}

/// The rows of a table after its derived column and its filter.
fn rows(table: &Table) -> Vec<Row> {
    let names: Vec<String> = table.log.columns.iter().map(|(name, _)| name.clone()).collect();
    let rows = table.log.rows.iter().enumerate().map(|(place, cells)| {
        let mut cells: BTreeMap<String, Cell> = names.iter().cloned().zip(cells.iter().cloned()).collect();
        if let Some(derive) = table.derive {
            let x = table_derived(derive, &cells);
            cells.insert("x".into(), x);
        }
        let time = match (table.timed, &cells["at"]) {
            (true, Cell::Int(at)) => Some(*at),
            _ => None,
        };
        Row { time, place, cells }
    });
    rows.filter(|row| table.filter.is_none_or(|filter| table_keeps(filter, &row.cells))).collect()
}

fn table_derived(derive: usize, cells: &BTreeMap<String, Cell>) -> Cell {
    match TABLE_DERIVES[derive].0 {
        "n + 1" => match cells["n"] {
            Cell::Int(n) => Cell::Int(n + 1),
            _ => Cell::Null,
        },
        "CASE WHEN b THEN NULL ELSE k END" if cells["b"] == Cell::Bool(true) => Cell::Null,
        "CASE WHEN b THEN NULL ELSE k END" => cells["k"].clone(),
        "coalesce(v, 'none')" if cells["v"] == Cell::Null => Cell::Text("none".into()),
        "coalesce(v, 'none')" => cells["v"].clone(),
        other => panic!("{other}"),
    }
}

fn table_keeps(filter: usize, cells: &BTreeMap<String, Cell>) -> bool {
    match TABLE_FILTERS[filter] {
        "n > 0" => matches!(cells["n"], Cell::Int(1..)),
        "k IS NOT NULL" => cells["k"] != Cell::Null,
        "w % 2 = 0" => matches!(cells["w"], Cell::Int(w) if w % 2 == 0),
        "x IS NOT NULL" => cells["x"] != Cell::Null,
        other => panic!("{other}"),
    }
}

/// The new columns of an event.
fn taken(enrich: &Enrich, e: &Event, case: &Case, tables: &[Vec<Row>], met: &mut Met) -> Vec<(String, Cell)> {
    let columns = enrich.take.iter();
    for (number, this) in enrich.tries.iter().enumerate() {
        match this {
            Try::Constant(values) => {
                met.by_constant += 1;
                let value =
                    |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, cell)| cell.clone());
                return columns
                    .map(|(name, _)| (name.to_string(), value(name).unwrap_or(Cell::Null)))
                    .collect();
            }
            Try::AsOf { table, .. } => {
                let nearest = in_reach(this, e, &tables[*table], met);
                let Some(first) = nearest.first() else { continue };
                let is_file = case.tables[*table].name.starts_with('l');
                met.matched += 1;
                met.untimed += usize::from(first.time.is_none() && !is_file);
                met.by_file += usize::from(is_file);
                met.by_another_direction += usize::from(number > 0 && !is_file);
                let cell = |column: &str| {
                    let value = |row: &&Row| row.cells[column].clone();
                    let filled = || nearest.iter().map(value).find(|cell| *cell != Cell::Null);
                    if enrich.fill { filled().unwrap_or(Cell::Null) } else { value(first) }
                };
                met.filled += columns.clone().filter(|(_, c)| cell(c) != first.cells[*c]).count();
                return columns.map(|(name, column)| (name.to_string(), cell(column))).collect();
            }
        }
    }
    met.unmatched += 1;
    columns.map(|(name, _)| (name.to_string(), Cell::Null)).collect()
}

/// The rows in reach of an event, from the nearest.
fn in_reach<'a>(this: &Try, e: &Event, rows: &'a [Row], met: &mut Met) -> Vec<&'a Row> {
    let Try::AsOf { on, direction, within, inclusive, .. } = this else { panic!("a constant has no rows") };
    let mut found = vec![];
    met.null_keys += usize::from(on.iter().any(|(of, _)| *e.get(of) == Cell::Null));
    for row in rows {
        let equal = |(of, column): &(&str, &str)| {
            *e.get(of) != Cell::Null && row.cells[*column] != Cell::Null && *e.get(of) == row.cells[*column]
        };
        if !on.iter().all(equal) {
            continue;
        }
        let distance = row.time.map_or(0, |time| time - e.time);
        let there = match *direction {
            "backward" => distance <= 0,
            "forward" => distance >= 0,
            _ => true,
        };
        let near = within.is_none_or(|within| distance.abs() <= within);
        let wanted = *inclusive || distance != 0;
        met.left_out_as_not_inclusive += usize::from(there && near && !wanted);
        if there && near && wanted {
            found.push(row);
        }
    }
    // The nearer; at equal distance the earlier; of one instant the last by position.
    let distance = |row: &Row| row.time.map_or(0, |time| time - e.time);
    found.sort_by_key(|row| (distance(row).abs(), distance(row), std::cmp::Reverse(row.place)));
    if let Some(first) = found.first().map(|row| distance(row)) {
        met.at_one_instant += usize::from(first == 0);
        met.at_exactly_within += usize::from(*within == Some(first.abs()));
        met.equally_near += usize::from(first < 0 && found.iter().any(|row| distance(row) == -first));
        met.rows_of_one_instant += usize::from(found.iter().filter(|row| distance(row) == first).count() > 1);
    }
    found
}
