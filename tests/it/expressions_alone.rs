//! A row's value is its own: whatever rows are computed beside it, on however many threads, in chunks and memory of
//! any size.

use crate::expressions::{COLUMNS, Computed, Value, text};
use crate::expressions_random::{Random, made};
use crate::support::{Lab, Machine, PLAIN};
use arrow_array::{Array, ArrayRef, UInt32Array};
use std::collections::BTreeMap;

const MANY: usize = 200_000;
/// Those of a run on each machine.
const RUN: usize = 40_000;

/// The same bytes whatever rows are computed together, and the fault of the first row that has one.
#[test]
fn a_value_does_not_depend_on_the_rows_beside_it() {
    let (mut seen, mut with_faults) = (0, 0);
    for (zone, seed) in [("Asia/Jakarta", 2), ("America/St_Johns", 3)] {
        let computed = Computed::new(zone);
        for sql in made(seed, 500) {
            let expr = computed.compile(&sql).unwrap_or_else(|e| panic!("{e}"));
            let apart: Vec<Result<ArrayRef, String>> =
                (0..computed.rows).map(|row| computed.part(&expr, row, 1)).collect();
            let first = apart.iter().find_map(|value| value.as_ref().err());
            assert_eq!(computed.part(&expr, 0, computed.rows).err().as_ref(), first, "{sql}");
            with_faults += usize::from(first.is_some());
            for size in [3, 17, 64, computed.rows] {
                for from in (0..computed.rows).step_by(size) {
                    let count = size.min(computed.rows - from);
                    let fault = apart[from..from + count].iter().find_map(|value| value.as_ref().err());
                    match computed.part(&expr, from, count) {
                        Err(why) => assert_eq!(Some(&why), fault, "{sql}"),
                        Ok(together) => {
                            let alone: Vec<&dyn Array> = apart[from..from + count]
                                .iter()
                                .map(|value| &**value.as_ref().unwrap())
                                .collect();
                            let alone = arrow_select::concat::concat(&alone).unwrap();
                            assert_eq!(together.as_ref(), alone.as_ref(), "{sql}");
                            assert_eq!(together.data_type(), &expr.ty().arrow(), "{sql}");
                            seen += count;
                        }
                    }
                }
            }
        }
    }
    assert!(seen > 300_000 && with_faults > 50, "{seen} {with_faults}");
}

/// Rows in any order, as many as a large file has; those of which it says that there is no value are left out.
fn many(computed: &Computed, without: &[usize]) -> Vec<u32> {
    let rows: Vec<u32> =
        (0..computed.rows).filter(|row| !without.contains(row)).map(|row| row as u32).collect();
    let mut random = Random(7);
    (0..MANY).map(|_| rows[random.below(rows.len())]).collect()
}

fn faulty(values: &[Value]) -> Vec<usize> {
    (0..values.len()).filter(|row| values[*row].is_err()).collect()
}

#[test]
fn a_value_among_many_rows_is_what_it_is_alone() {
    let computed = Computed::new("Asia/Jakarta");
    let mut seen = 0;
    for sql in made(4, 120) {
        let expr = computed.compile(&sql).unwrap_or_else(|e| panic!("{e}"));
        let apart: Vec<_> = (0..computed.rows).map(|row| computed.part(&expr, row, 1)).collect();
        let without: Vec<usize> = (0..apart.len()).filter(|row| apart[*row].is_err()).collect();
        if without.len() == computed.rows {
            continue;
        }
        // A row without a value stands in the place of none that is asked for.
        let any = apart.iter().find_map(|value| value.as_ref().ok()).unwrap();
        let alone: Vec<&dyn Array> = apart.iter().map(|value| &**value.as_ref().unwrap_or(any)).collect();
        let alone = arrow_select::concat::concat(&alone).unwrap();
        let places = UInt32Array::from(many(&computed, &without));
        let want = arrow_select::take::take(&alone, &places, None).unwrap();
        let together = computed.taken(&expr, &places).unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert!(together.as_ref() == want.as_ref(), "{sql}");
        seen += 1;
    }
    assert!(seen > 60, "{seen}");
}

/// The file of many rows, in the order of these places.
fn file(places: &[u32]) -> String {
    let rows = crate::expressions::rows();
    let quoted = |value: &Option<String>| {
        value.as_ref().map_or(String::new(), |text| format!("\"{}\"", text.replace('"', "\"\"")))
    };
    let lines: Vec<String> =
        rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n").collect();
    let head = text("rows.csv").lines().next().unwrap().to_string() + "\n";
    places.iter().fold(head, |file, place| file + &lines[*place as usize])
}

#[test]
fn a_run_over_many_rows_is_the_same_on_any_machine() {
    let zone = "Asia/Jakarta";
    let computed = Computed::new(zone);
    // What no row fails in, so that no guard is needed.
    let asked: Vec<(String, Vec<Value>)> = made(5, 80)
        .into_iter()
        .map(|sql| (computed.texts(&sql), sql))
        .filter(|(values, _)| faulty(values).is_empty())
        .map(|(values, sql)| (sql, values))
        .take(12)
        .collect();
    assert_eq!(asked.len(), 12);
    let of = |make: &dyn Fn(usize, &str) -> String| -> String {
        asked.iter().enumerate().map(|(at, (sql, _))| make(at, sql)).collect()
    };
    let types: Vec<String> = COLUMNS[2..].iter().map(|(name, ty, _)| format!("{name} = \"{ty}\"")).collect();
    let job = format!(
        "timezone = \"{zone}\"\n[source]\npath = \"@/rows.csv\"\ntime = \"at\"\n\
         types = {{ id = \"int64\", {} }}\n[[step]]\n[step.derive]\n{}\
         [[output]]\npath = \"@/out.jsonl\"\nselect = {{ id = \"id\"{} }}\n\
         [[output]]\npath = \"@/counts.csv\"\nwindow = {{ tumbling = \"1m\" }}\nby = [\"x0\", \"x1\", \"x2\"]\n\
         select = {{ n = \"count(*)\", many = \"count(distinct x3)\", most = \"max(x4)\" }}\n",
        types.join(", "),
        of(&|at, sql| format!("x{at} = {}\n", toml::Value::from(format!("CAST(({sql}) AS VARCHAR)")))),
        of(&|at, _| format!(", x{at} = \"x{at}\"")),
    );
    let lab = Lab::new();
    lab.write("rows.csv", file(&many(&computed, &[])[..RUN]));
    let run = |machine: Machine| -> BTreeMap<String, String> {
        lab.library(&job, machine).unwrap_or_else(|e| panic!("{machine:?}: {e}\n{job}"));
        ["out.jsonl", "counts.csv"].map(|name| (name.to_string(), lab.text(name))).into()
    };
    let plain = run(PLAIN);
    for (threads, chunk_bytes, memory) in [
        (2, 1 << 20, 1 << 30),
        (4, 70_000, 1 << 30),
        (2, 900, 1 << 30),
        (1, 1 << 20, 100_000),
        (4, 30_000, 1),
    ] {
        let machine = Machine { threads, chunk_bytes, memory };
        assert!(run(machine) == plain, "{machine:?}");
    }
    let mut compared = 0;
    for line in plain["out.jsonl"].lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let row = line["id"].as_u64().unwrap() as usize;
        for (at, (sql, values)) in asked.iter().enumerate() {
            let value = line[format!("x{at}")].as_str().map(str::to_string);
            assert_eq!(Ok(value), values[row], "{sql} in row {row}");
            compared += 1;
        }
    }
    assert_eq!(compared, 12 * RUN);
    assert!(plain["counts.csv"].lines().count() > 20);
}
