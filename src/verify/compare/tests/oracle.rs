//! Random pairs of tables with faults, in all formats, against a slow comparison of values that never were in columns.

use super::*;
use crate::batch::Schema;
use arrow_array::RecordBatch;
use std::collections::{BTreeMap, BTreeSet};

/// A small generator of random numbers.
struct SeededDice(u64);

impl SeededDice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        (mixed ^ (mixed >> 33)) % n
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OracleType {
    Int,
    Cents,
    Float,
    Text,
    Bool,
    Millis,
    Day,
}

/// A value, in an order and with an equality of its own: as many units as the type has, or a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum OracleCell {
    Null,
    Units(i64),
    Text(String),
}

type OracleRow = Vec<OracleCell>;

const WORDS: [&str; 6] = ["", "a", "b,\"c\"\n", "NULL", "a word of more than twelve bytes", "ä"];

fn cell(dice: &mut SeededDice, ty: OracleType) -> OracleCell {
    if dice.below(8) == 0 {
        return OracleCell::Null;
    }
    match ty {
        OracleType::Text => OracleCell::Text(dice.of(&WORDS).to_string()),
        OracleType::Bool => OracleCell::Units(dice.below(2) as i64),
        _ => OracleCell::Units(dice.below(12) as i64 * dice.of(&[1, 10, -7])),
    }
}

struct OracleCase {
    types: Vec<OracleType>,
    keys: usize,
    tolerance: Option<usize>,
    sides: [Vec<OracleRow>; 2],
}

fn case(dice: &mut SeededDice) -> OracleCase {
    use OracleType::*;
    let types: Vec<OracleType> =
        (0..1 + dice.below(5)).map(|_| dice.of(&[Int, Cents, Float, Text, Bool, Millis, Day])).collect();
    let columns = types.len() as u64;
    let keys = (if dice.below(3) == 0 { dice.below(columns + 1) } else { columns / 2 }) as usize;
    let rows = dice.of(&[0, 1, 5, 30, 200]);
    let mut here: Vec<OracleRow> =
        (0..rows).map(|_| types.iter().map(|ty| cell(dice, *ty)).collect()).collect();
    // Mostly a key comes once.
    if keys > 0 && dice.below(4) > 0 {
        let mut seen = BTreeSet::new();
        here.retain(|row| seen.insert(row[..keys].to_vec()));
    }
    let mut there = here.clone();
    for i in (1..there.len()).rev() {
        there.swap(i, dice.below(i as u64 + 1) as usize);
    }
    for _ in 0..dice.of(&[0, 0, 1, 3, rows]) {
        let at = |dice: &mut SeededDice, rows: &[OracleRow]| dice.below(rows.len().max(1) as u64) as usize;
        let i = at(dice, &there);
        match dice.below(5) {
            _ if there.is_empty() => there.push(types.iter().map(|ty| cell(dice, *ty)).collect()),
            0 => _ = there.remove(i),
            1 => there.push(there[i].clone()),
            2 => there.push(types.iter().map(|ty| cell(dice, *ty)).collect()),
            3 if !here.is_empty() && dice.below(2) == 0 => _ = here.remove(at(dice, &here)),
            _ => {
                let column = dice.below(types.len() as u64) as usize;
                there[i][column] = cell(dice, types[column]);
            }
        }
    }
    let number = |i: &usize| matches!(types[*i], Int | Cents | Float);
    let tolerance = (keys..types.len()).find(number).filter(|_| keys > 0 && dice.below(3) == 0);
    OracleCase { types, keys, tolerance, sides: [here, there] }
}

/// How a side is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
enum StorageForm {
    Rows,
    Parquet,
    Csv,
    Json,
}

fn array(ty: OracleType, cells: &[&OracleCell], other: bool) -> ArrayRef {
    let units =
        || cells.iter().map(|cell| if let OracleCell::Units(units) = cell { Some(*units) } else { None });
    match (ty, other) {
        (OracleType::Int, false) => Arc::new(units().collect::<Int64Array>()),
        (OracleType::Int, true) => Arc::new(units().map(|v| v.map(|v| v as i32)).collect::<Int32Array>()),
        (OracleType::Cents, false) => Arc::new(decimal(units().map(|v| v.map(i128::from)).collect(), 18, 2)),
        (OracleType::Cents, true) => {
            Arc::new(decimal(units().map(|v| v.map(|v| i128::from(v) * 100)).collect(), 30, 4))
        }
        (OracleType::Float, false) => {
            Arc::new(units().map(|v| v.map(|v| v as f64 / 4.0)).collect::<Float64Array>())
        }
        (OracleType::Float, true) => {
            Arc::new(units().map(|v| v.map(|v| v as f32 / 4.0)).collect::<Float32Array>())
        }
        (OracleType::Bool, _) => Arc::new(units().map(|v| v.map(|v| v == 1)).collect::<BooleanArray>()),
        (OracleType::Millis, false) => Arc::new(
            units().map(|v| v.map(|v| v * 1000)).collect::<TimestampMicrosecondArray>().with_timezone("UTC"),
        ),
        (OracleType::Millis, true) => Arc::new(units().collect::<TimestampMillisecondArray>()),
        (OracleType::Day, _) => Arc::new(units().map(|v| v.map(|v| v as i32)).collect::<Date32Array>()),
        (OracleType::Text, _) => {
            let text = |cell: &&OracleCell| {
                if let OracleCell::Text(text) = cell { Some(text.clone()) } else { None }
            };
            Arc::new(cells.iter().map(text).collect::<StringArray>())
        }
    }
}

/// A value as some engine writes it. Against a side without types only what is surely of its type.
fn text(dice: &mut SeededDice, ty: OracleType, cell: &OracleCell, sure: bool) -> Option<String> {
    let units = match cell {
        OracleCell::Null => return None,
        OracleCell::Text(text) => return Some(text.clone()),
        OracleCell::Units(units) => *units,
    };
    let decimal = |scale: u32| {
        let one = 10i64.pow(scale);
        let sign = if units < 0 { "-" } else { "" };
        format!("{sign}{}.{:0width$}", units.abs() / one, units.abs() % one, width = scale as usize)
    };
    let time = chrono::DateTime::from_timestamp_millis(units).unwrap();
    Some(match ty {
        OracleType::Int => dice
            .of(&[
                format!("{units}"),
                format!("{units}.0"),
                if units == 0 { "0.00".to_string() } else { format!("{units}0e-1") },
            ]
            .each_ref())
            .clone(),
        OracleType::Cents => {
            dice.of(&[decimal(2), format!("{}0", decimal(2)), format!("{units}e-2")].each_ref()).clone()
        }
        OracleType::Float => dice
            .of(&[format!("{:?}", units as f64 / 4.0), format!("{:e}", units as f64 / 4.0)].each_ref())
            .clone(),
        OracleType::Text => return None,
        OracleType::Bool if sure => (units == 1).to_string(),
        OracleType::Bool => {
            dice.of(if units == 1 { &["true", "T", "1"] } else { &["false", "f", "0"] }).to_string()
        }
        OracleType::Millis => {
            let format =
                dice.of(&["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.3fZ", "%Y-%m-%d %H:%M:%S%.6f+00"]);
            time.format(format).to_string()
        }
        OracleType::Day => {
            chrono::DateTime::from_timestamp(units * 86_400, 0).unwrap().format("%Y-%m-%d").to_string()
        }
    })
}

fn stored(
    dice: &mut SeededDice,
    folder: &Path,
    case: &OracleCase,
    side: usize,
    form: StorageForm,
    sure: bool,
) -> ResultTable {
    let rows = &case.sides[side];
    let name = |i: usize| format!("c{i}");
    // Columns are found by name.
    let mut order: Vec<usize> = (0..case.types.len()).collect();
    if side == 1 {
        order.reverse();
    }
    let size = dice.of(&[1, 7, 1000]).max(rows.len() / 5 + 1);
    let mut paths = vec![];
    let mut batches = vec![];
    let chunks: Vec<&[OracleRow]> = if rows.is_empty() { vec![rows] } else { rows.chunks(size).collect() };
    for (n, chunk) in chunks.into_iter().enumerate() {
        let path = folder.join(format!(
            "{side}-{n}.{}",
            if form == StorageForm::Csv {
                "csv"
            } else if form == StorageForm::Json {
                "jsonl"
            } else {
                "parquet"
            }
        ));
        if matches!(form, StorageForm::Rows | StorageForm::Parquet) {
            let other = form == StorageForm::Parquet && dice.below(2) == 0;
            let names: Vec<String> = order.iter().map(|i| name(*i)).collect();
            let arrays = order
                .iter()
                .map(|i| array(case.types[*i], &chunk.iter().map(|row| &row[*i]).collect::<Vec<_>>(), other));
            let columns = names.iter().map(String::as_str).zip(arrays).collect::<Vec<_>>();
            if form == StorageForm::Parquet {
                paths.push(parquet(&path, columns));
            } else {
                let columns = columns.into_iter().map(|(n, a)| (n, a, true));
                batches.push(RecordBatch::try_from_iter_with_nullable(columns).unwrap());
            }
            continue;
        }
        let mut out = String::new();
        if form == StorageForm::Csv {
            out.push_str(&order.iter().map(|i| name(*i)).collect::<Vec<_>>().join(","));
            out.push('\n');
        }
        for row in chunk {
            let texts: Vec<Option<String>> =
                order.iter().map(|i| text(dice, case.types[*i], &row[*i], sure)).collect();
            if form == StorageForm::Csv {
                let field = |text: &Option<String>| match text {
                    None if texts.len() == 1 => "\"\"".to_string(),
                    None => String::new(),
                    Some(text) if text.is_empty() || text.contains([',', '"', '\n']) => {
                        format!("\"{}\"", text.replace('"', "\"\""))
                    }
                    Some(text) => text.clone(),
                };
                out.push_str(&texts.iter().map(field).collect::<Vec<_>>().join(","));
            } else {
                let object: serde_json::Map<String, serde_json::Value> =
                    order.iter().zip(&texts).map(|(i, text)| (name(*i), text.clone().into())).collect();
                out.push_str(&serde_json::to_string(&object).unwrap());
            }
            out.push('\n');
        }
        write(&path, out).unwrap();
        paths.push(path);
    }
    match form {
        StorageForm::Rows => ResultTable::Rows { schema: Schema::default(), batches },
        _ => ResultTable::Files(paths),
    }
}

/// What is wanted of a comparison; of each row that is shown its key, its side and the columns that differ.
#[derive(Debug, Default, PartialEq)]
struct ExpectedDifference {
    counts: [u64; 5],
    columns: Vec<[u64; 4]>,
    rows: Vec<(Option<WhichSide>, Vec<usize>)>,
    duplicates: Vec<(WhichSide, u64)>,
}

fn wanted(case: &OracleCase) -> ExpectedDifference {
    let whole = case.keys == 0;
    let keys = if whole { case.types.len() } else { case.keys };
    type OrderedSide<'a> = Vec<(usize, &'a OracleRow)>;
    let mut groups: BTreeMap<&[OracleCell], [OrderedSide; 2]> = BTreeMap::new();
    for (side, rows) in case.sides.iter().enumerate() {
        for (i, row) in rows.iter().enumerate() {
            groups.entry(&row[..keys]).or_default()[side].push((i, row));
        }
    }
    let mut wanted = ExpectedDifference {
        columns: vec![[0; 4]; case.types.len() - keys],
        ..ExpectedDifference::default()
    };
    let near = |column: usize, a: &OracleCell, b: &OracleCell| {
        let unit = if case.types[column] == OracleType::Cents {
            100
        } else if case.types[column] == OracleType::Float {
            4
        } else {
            1
        };
        matches!((a, b), (OracleCell::Units(a), OracleCell::Units(b)) if case.tolerance == Some(column) && (a - b).abs() * 2 <= unit)
    };
    for [mut here, mut there] in groups.into_values() {
        if !whole && (here.len() > 1 || there.len() > 1) {
            wanted.counts[4] += 1;
            for (side, rows) in [(WhichSide::Here, &here), (WhichSide::There, &there)] {
                if rows.len() > 1 {
                    wanted.duplicates.push((side, rows.len() as u64));
                }
            }
        }
        here.retain(|(_, row)| match there.iter().position(|(_, other)| other == row) {
            Some(i) => {
                there.remove(i);
                wanted.counts[0] += 1;
                wanted.columns.iter_mut().for_each(|counts| counts[0] += 1);
                false
            }
            None => true,
        });
        for i in 0..here.len().max(there.len()) {
            match (here.get(i), there.get(i)) {
                (Some((_, a)), Some((_, b))) => {
                    let mut changed = vec![];
                    for column in keys..case.types.len() {
                        let (a, b) = (&a[column], &b[column]);
                        let what = match (a, b) {
                            _ if a == b || near(column, a, b) => 0,
                            (OracleCell::Null, _) => 1,
                            (_, OracleCell::Null) => 2,
                            _ => 3,
                        };
                        wanted.columns[column - keys][what] += 1;
                        if what > 0 {
                            changed.push(column);
                        }
                    }
                    if changed.is_empty() {
                        wanted.counts[0] += 1;
                    } else {
                        wanted.counts[3] += 1;
                        wanted.rows.push((None, changed));
                    }
                }
                (a, _) => {
                    let side = if a.is_some() { WhichSide::Here } else { WhichSide::There };
                    wanted.counts[if a.is_some() { 1 } else { 2 }] += 1;
                    wanted.rows.push((Some(side), (keys..case.types.len()).collect()));
                }
            }
        }
    }
    wanted
}

fn found(comparison: &Comparison) -> ExpectedDifference {
    let c = comparison;
    let column = |(name, ..): &(String, Option<String>, Option<String>)| name[1..].parse().unwrap();
    ExpectedDifference {
        counts: [c.matched, c.only_here, c.only_there, c.differing, c.duplicate_keys],
        columns: c.columns.iter().map(|c| [c.matched, c.null_here, c.null_there, c.different]).collect(),
        rows: c.rows.iter().map(|row| (row.only, row.cells.iter().map(column).collect())).collect(),
        duplicates: c.duplicates.iter().map(|again| (again.side, again.rows)).collect(),
    }
}

#[test]
fn random_tables_differ_as_a_slow_comparison_says() {
    let forms = [StorageForm::Rows, StorageForm::Parquet, StorageForm::Csv, StorageForm::Json];
    let mut seen = [0; 5];
    for seed in 0..600 {
        let dice = &mut SeededDice(seed);
        let case = case(dice);
        let [a, b] = [dice.of(&forms), dice.of(&forms)];
        let untyped = |form| matches!(form, StorageForm::Csv | StorageForm::Json);
        let sure = untyped(a) && untyped(b);
        // A text of digits would be a number there; and NULL alone in a line of CSV is the empty text.
        if case.types == [OracleType::Text] && (a == StorageForm::Csv || b == StorageForm::Csv) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let here = stored(dice, folder.path(), &case, 0, a, sure);
        let there = stored(dice, folder.path(), &case, 1, b, sure);
        // JSON without a row has the columns of the other side, in the other side's order.
        if case.sides[0].is_empty() && a == StorageForm::Json {
            continue;
        }
        let rules = ComparisonRules {
            keys: (0..case.keys).map(|i| format!("c{i}")).collect(),
            tolerance: case.tolerance.iter().map(|i| (format!("c{i}"), 0.5, 0.0)).collect(),
            show: 1000,
            threads: 1 + dice.below(3) as usize,
            ..ComparisonRules::default()
        };
        let limits = dice.of(&[
            Limits { buckets: 1, listed: 1 << 20, words: 1 << 20 },
            Limits { buckets: 4, listed: 3, words: 40 },
            Limits { buckets: 64, listed: 50, words: 1 },
            Limits { buckets: 1 << 12, listed: 1 << 20, words: 1 << 20 },
        ]);
        let comparison = compare_within(&here, &there, &rules, limits).unwrap();
        let (found, wanted) = (found(&comparison), wanted(&case));
        assert_eq!(
            found, wanted,
            "seed {seed}: {a:?} beside {b:?}, {limits:?}, {:?}, {:#?}",
            case.types, case.sides
        );
        assert_eq!(comparison.here, case.sides[0].len() as u64);
        assert_eq!(comparison.there, case.sides[1].len() as u64);
        for (sum, count) in seen.iter_mut().zip(found.counts) {
            *sum += u64::from(count > 0);
        }
        // Fewer are the first of them.
        let few = compare_within(&here, &there, &ComparisonRules { show: 2, ..rules }, limits).unwrap();
        assert_eq!(few.rows[..], comparison.rows[..few.rows.len()]);
        assert_eq!(few.rows.len(), comparison.rows.len().min(2));
        assert_eq!(few.duplicates[..], comparison.duplicates[..comparison.duplicates.len().min(2)]);
    }
    // The cases are such that each count is told from 0.
    assert!(seen.iter().all(|n| *n > 60), "{seen:?}");
}
