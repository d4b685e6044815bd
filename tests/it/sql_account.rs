//! The law of the account, in SQL: the counts of the printed statement, computed by the referee, are those of a run.

use crate::support::Lab;
use highwater::job::{JobSpec, Overrides, plan_job, read};
use highwater::sql::{self, Dialect};
use highwater::verify::referee;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The values of a result of one row.
fn row(batch: &arrow_array::RecordBatch) -> Vec<Option<i64>> {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    assert_eq!(batch.num_rows(), 1);
    let value = |column: &arrow_array::ArrayRef| {
        let column = column.as_primitive::<arrow_array::types::Int64Type>();
        column.is_valid(0).then(|| column.value(0))
    };
    batch.columns().iter().map(value).collect()
}

#[test]
fn the_account_of_the_printed_statement_is_that_of_a_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lab = Lab::new();
    std::os::unix::fs::symlink(root.join("tests"), lab.path("tests")).unwrap();
    let mut jobs: Vec<_> =
        fs::read_dir(root.join("tests/sql")).unwrap().map(|entry| entry.unwrap().path()).collect();
    jobs.retain(|job| job.extension().is_some_and(|e| e == "toml"));
    jobs.sort();
    let mut compared = 0;
    for job in &jobs {
        // Cargo runs tests in the folder of the package, where the paths of these jobs begin.
        let spec: JobSpec = read(job.strip_prefix(root).unwrap()).unwrap();
        let plan = plan_job(&spec, &Overrides::default()).unwrap();
        let Ok(account) = sql::account(&plan, Dialect::Polars) else { continue };
        let answer = referee::run(&plan, &account.script.query);
        let (account, times) =
            account.read(&row(&answer.unwrap_or_else(|e| panic!("{}: {e}", job.display()))));
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        let run = lab.hear(
            command.arg("run").arg(Path::new("tests/sql").join(job.file_name().unwrap())).arg("--json"),
        );
        assert_eq!(run.code, 0, "{}", run.err);
        let run: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        let of_run = |name: &str| run["account"][name].as_u64().unwrap();
        let name = job.display();
        assert_eq!(account.read, of_run("read") - of_run("rejected"), "{name}");
        assert_eq!(account.filtered, of_run("filtered"), "{name}");
        assert_eq!(account.duplicate, of_run("duplicate"), "{name}");
        assert_eq!(account.late, of_run("late"), "{name}");
        assert_eq!(account.counted, of_run("counted"), "{name}");
        let micros = |key: &str| {
            let time = run["watermarks"][key].as_str()?;
            Some(chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros())
        };
        if of_run("late") == 0 {
            let of_run = micros("min_event_time").zip(micros("max_event_time"));
            assert_eq!(times.map(|times| (times.first, times.last)), of_run, "{name}");
        }
        compared += 1;
    }
    assert!(compared > 60, "{compared} of {}", jobs.len());
}
