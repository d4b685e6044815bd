//! The referee over parts of the records gives the rows of the referee over all of them: of random jobs, with parts of some
//! records each, so that every group and every key of a step lies among others that are elsewhere.

use crate::laws;
use crate::sql_laws::{self, near};
use crate::sql_rows::Table;
use crate::stream_laws;
use crate::support::Lab;
use highwater::error::Kind;
use highwater::plan::{OutputId, Plan};
use highwater::sql::{self, Dialect};
use highwater::verify::answered::{RefereeLimits, RefereeRows};
use highwater::verify::referee;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use std::cell::Cell;
use std::fs::File;

/// The rows of a statement over parts of `part` bytes, in any order, and whether there were such.
pub fn in_parts(plan: &Plan, output: usize, query: &str, part: u64) -> Result<(Table, bool), String> {
    ordered_or_not(plan, output, query, part, false)
}

fn ordered_or_not(
    plan: &Plan,
    output: usize,
    query: &str,
    part: u64,
    ordered: bool,
) -> Result<(Table, bool), String> {
    let folder = std::env::temp_dir();
    let limits = RefereeLimits { memory: 1 << 30, folder: &folder, part, ordered };
    let answer = referee::run_output(plan, Some(OutputId::new(output)), query, limits);
    let answer = answer.map_err(|e| e.to_string())?;
    assert_eq!(answer.note, None, "a gigabyte is enough");
    Ok(match answer.rows {
        RefereeRows::Batch(rows) => (Table::of(&[rows]), false),
        RefereeRows::Files(_folder, files) => {
            let mut batches = vec![];
            for file in files {
                let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
                batches.push(arrow_array::RecordBatch::new_empty(builder.schema().clone()));
                batches.extend(builder.build().unwrap().map(Result::unwrap));
            }
            (Table::of(&batches), true)
        }
    })
}

/// What a law has seen.
#[derive(Debug, Default)]
struct Seen {
    in_parts: Cell<usize>,
    rows: Cell<usize>,
}

/// Every output of a job, by the whole and by parts.
fn alike(lab: &Lab, toml: &str, near: &[Vec<String>], part: u64, seen: &Seen) -> Result<(), TestCaseError> {
    let fail = |e: String| TestCaseError::fail(format!("{e}\n{toml}"));
    let plan = lab.plan(toml).map_err(|e| fail(e.to_string()))?;
    for (i, near) in near.iter().enumerate() {
        let script = match sql::script(&plan, OutputId::new(i), Dialect::Polars) {
            Ok(script) => script,
            Err(error) if error.kind() == Kind::Job => continue,
            Err(error) => return Err(fail(error.to_string())),
        };
        let whole = referee::run(&plan, &script.query);
        let whole = Table::of(&[whole.map_err(|e| fail(e.to_string()))?]).sorted();
        let (parts, were) = in_parts(&plan, i, &script.query, part).map_err(fail)?;
        if let Some(why) = whole.difference_but(&parts.sorted(), near) {
            return Err(fail(format!("output {i}, the whole and its parts: {why}\n{}", script.query)));
        }
        if were {
            seen.in_parts.set(seen.in_parts.get() + 1);
            seen.rows.set(seen.rows.get() + whole.rows.len());
        }
    }
    Ok(())
}

/// Runs a law over random jobs.
fn law<S: Strategy>(
    strategy: S,
    few: u32,
    check: impl Fn(&S::Value, u64, &Seen) -> Result<(), TestCaseError>,
) {
    let seen = Seen::default();
    let config = ProptestConfig { max_shrink_iters: 60, ..laws::cases(few) };
    let outcome = proptest::test_runner::TestRunner::new(config)
        .run(&(strategy, 400u64..3000), |(case, part)| check(&case, part, &seen));
    outcome.unwrap_or_else(|why| panic!("{why}\nafter {seen:#?}"));
    println!("{seen:#?}");
    assert!(seen.in_parts.get() > few as usize / 4, "{seen:#?}");
    assert!(seen.rows.get() > few as usize, "{seen:#?}");
}

#[test]
fn parts_give_the_rows_of_the_whole() {
    law(sql_laws::logs(), 40, |(job, log, format), part, seen| {
        let lab = Lab::new();
        laws::write(&lab, &format!("log.{format}"), log);
        alike(&lab, &job.toml("\"@/log*\"", ""), &near(job), part, seen)
    });
}

#[test]
fn parts_give_the_rows_of_the_whole_with_steps_and_tables() {
    law(sql_laws::steps(), 24, |case, part, seen| {
        let lab = Lab::new();
        laws::write(&lab, "log.csv", &case.log);
        case.write_tables(&lab);
        alike(&lab, &case.toml(""), &near(&case.job), part, seen)
    });
}

#[test]
fn parts_give_the_rows_of_the_whole_of_streamed_outputs() {
    law(sql_laws::streams(&["csv", "jsonl", "parquet"]), 12, |(job, log, cuts, format), part, seen| {
        let lab = Lab::new();
        stream_laws::write_files(&lab, log, &stream_laws::cut(log, cuts, format));
        alike(&lab, &job.toml("\"@/log*\"", ""), &near(job), part, seen)
    });
}

/// What divides records, and what takes all of them at once.
#[test]
fn calendar_windows_in_zones_are_not_cut() {
    let mut text = String::from("at,k,n\n");
    // Around the changes of clocks, an event each 20 minutes.
    for day in ["2024-03-30", "2024-04-25", "2024-10-26", "2024-10-31"] {
        let start = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").unwrap().and_hms_opt(0, 0, 0).unwrap();
        for i in 0..216 {
            let at = start + chrono::TimeDelta::minutes(20 * i);
            text.push_str(&format!(
                "{}Z,{},{i}\n",
                at.format("%Y-%m-%dT%H:%M:%S"),
                ["a", "b"][i as usize % 2]
            ));
        }
    }
    let lab = Lab::new();
    lab.write("log.csv", text);
    let seen = Seen::default();
    for zone in ["Africa/Cairo", "America/St_Johns", "Asia/Kathmandu", "America/Havana", "Asia/Beirut"] {
        for window in ["1 day", "1 week", "1 month", "1 quarter", "1 year", "7h"] {
            for more in ["", "by = [\"k\"]\n", "top = { n = 1, by = \"n desc\" }\nby = [\"k\"]\n"] {
                let job = format!(
                    "timezone = \"{zone}\"\n[source]\npath = \"@/log.csv\"\ntime = \"at\"\n[[output]]\n\
                    path = \"@/out/0.parquet\"\nwindow = {{ tumbling = \"{window}\" }}\n{more}select = {{ n = \"count(*)\", s = \"sum(n)\" }}\n"
                );
                alike(&lab, &job, &[vec![]], 2000, &seen).unwrap();
            }
        }
    }
    assert_eq!(seen.in_parts.get(), 5 * 6 * 3, "each output is cut");
}

/// Which rows of those that differ are shown depends on their order: where it is asked for, it is the same each time.
#[test]
fn parts_in_order_are_in_the_same_order_each_time() {
    let lab = Lab::new();
    let lines: String =
        (0..400).map(|i| format!("2024-03-30T10:{:02}:00Z,k{}\n", i % 60, i * 7 % 90)).collect();
    lab.write("log.csv", format!("at,k\n{lines}"));
    for output in ["window = { tumbling = \"10m\" }\nby = [\"k\"]\nselect = { n = \"count(*)\" }\n", ""] {
        let job = format!(
            "[source]\npath = \"@/log.csv\"\ntime = \"at\"\n[[output]]\npath = \"@/out/0.parquet\"\n{output}"
        );
        let plan = lab.plan(&job).unwrap();
        let query = sql::script(&plan, OutputId::new(0), Dialect::Polars).unwrap().query;
        let run = || ordered_or_not(&plan, 0, &query, 1000, true).unwrap();
        let (first, were_parts) = run();
        assert!(were_parts && first.rows.len() > 100, "{}", first.rows.len());
        for _ in 0..3 {
            assert_eq!(first, run().0);
        }
        assert_eq!(first.sorted(), in_parts(&plan, 0, &query, 1000).unwrap().0.sorted());
    }
}

/// A statement that cannot be cut says what it takes, where that is more than there is.
#[test]
fn a_statement_over_everything_says_so() {
    let lab = Lab::new();
    lab.write("log.csv", "at,n\n".to_string() + &"2024-03-30T10:00:00Z,1\n".repeat(100));
    let note = |more: &str, memory: u64| {
        let job = format!(
            "[source]\npath = \"@/log.csv\"\ntime = \"at\"\n[[output]]\npath = \"@/out/0.parquet\"\n{more}select = {{ n = \"count(*)\" }}\n"
        );
        let plan = lab.plan(&job).unwrap();
        let query = sql::script(&plan, OutputId::new(0), Dialect::Polars).unwrap().query;
        let folder = std::env::temp_dir();
        let limits = RefereeLimits { memory, folder: &folder, part: 500, ordered: false };
        referee::run_output(&plan, Some(OutputId::new(0)), &query, limits).unwrap().note
    };
    let all = note("", 1000).unwrap();
    assert!(all.contains("over all records at once") && all.contains("no column of the source"), "{all}");
    assert_eq!(note("", 1 << 20), None);
    assert_eq!(note("window = { tumbling = \"1h\" }\n", 1000), None);
}
