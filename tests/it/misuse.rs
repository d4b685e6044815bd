//! One wrong thing at a time: expressions that have no place, and the command line.

use crate::job_faults::{SOURCE, lab, words};

#[test]
fn expressions_that_have_no_place() {
    let job = |output: &str| format!("{SOURCE}[[output]]\npath = \"x.csv\"\n{output}\n");
    insta::assert_snapshot!(words(&job("by = [\"customer\"]\nselect = { a = \"amount\" }")), @r##"
    error: unknown column `amount`
     --> job.toml:7:16
      |
    7 | select = { a = "amount" }
      |                ^^^^^^^^
      hint: the columns are customer
      hint: a column that is not a key must be inside an aggregate
    "##);
    insta::assert_snapshot!(words(&job("select = { a = \"sum(max(amount))\" }")), @r##"
    error: `max` inside `sum` in `sum(max(amount))`: aggregates do not nest
     --> job.toml:6:16
      |
    6 | select = { a = "sum(max(amount))" }
      |                ^^^^^^^^^^^^^^^^^^
    "##);
    insta::assert_snapshot!(words(&job("select = { a = \"sum(at)\" }")), @r##"
    error: `sum` takes a number, and its argument is of type timestamp
     --> job.toml:6:16
      |
    6 | select = { a = "sum(at)" }
      |                ^^^^^^^^^
    "##);
    insta::assert_snapshot!(words(&job("select = { a = \"quantile(amount, 2)\" }")), @r#"
    error: the second argument of `quantile` is a number from 0 to 1, not `2`
     --> job.toml:6:16
      |
    6 | select = { a = "quantile(amount, 2)" }
      |                ^^^^^^^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(words(&job("by = [\"customer\"]")), @r#"
    error: this output groups events, but selects nothing
     --> job.toml:4:1
      |
    4 | [[output]]
      | ^^^^^^^^^^
      hint: add select = { n = "count(*)" }
    "#);
    insta::assert_snapshot!(words(&job("having = \"amount > 1\"")), @r#"
    error: `having` is for groups, but this output has neither a window nor keys
     --> job.toml:6:10
      |
    6 | having = "amount > 1"
      |          ^^^^^^^^^^^^
      hint: add `window` or `by`, or filter events with a [[step]]
    "#);
    insta::assert_snapshot!(words(&job("partition_by = [\"date\"]")), @r#"
    error: only a folder can have partitions
     --> job.toml:6:17
      |
    6 | partition_by = ["date"]
      |                 ^^^^^^
      hint: give a path without an extension
    "#);
    insta::assert_snapshot!(words(&format!("{SOURCE}[[step]]\nfilter = \"sum(amount) > 1\"\n[[output]]\npath = \"x.csv\"\n")), @r#"
    error: `sum` is an aggregate, which is not allowed in `sum(amount) > 1`
     --> job.toml:5:10
      |
    5 | filter = "sum(amount) > 1"
      |          ^^^^^^^^^^^^^^^^^
      hint: aggregates belong to `select` and `having` of an output
    "#);
}

#[test]
fn the_command_line() {
    let lab = lab();
    lab.write("job.toml", format!("{SOURCE}[[output]]\npath = \"x.csv\"\n"));
    let words = |args: &[&str]| lab.highwater(args).words();
    insta::assert_snapshot!(words(&["run", "jbo.toml"]), @r"
    exit 2
    error: cannot read the job file jbo.toml
      cause: No such file or directory (os error 2)
      hint: did you mean `job.toml`?
    ");
    insta::assert_snapshot!(words(&["explain", "nothing-like-it"]), @r"
    exit 2
    error: cannot read the job file nothing-like-it
      cause: No such file or directory (os error 2)
      hint: `highwater init FILES` writes a first job for your files, `highwater sample DIR` example jobs
    ");
    insta::assert_snapshot!(words(&["run", "log.csv"]), @r"
    exit 2
    error: log.csv is a data file by its name, and not a job file
      hint: `highwater init log.csv` writes a first job for it
    ");
    lab.write("logs/a.csv", "at\n1\n");
    insta::assert_snapshot!(words(&["check", "logs"]), @r"
    exit 2
    error: logs is a folder, and not a job file
      hint: `highwater init logs` writes a first job for it
    ");
    insta::assert_snapshot!(words(&["run", "job.toml", "--from", "tomorrow"]), @r"
    exit 2
    error: --from `tomorrow` is not a time that can be read
      hint: such as 2024-02-29, 2024-02-29T13:00 or 2024-02-29T13:00:00Z
    ");
    insta::assert_snapshot!(words(&["run", "job.toml", "--from", "2024-02-01", "--to", "2024-01-01"]), @r"
    exit 2
    error: --from is not before --to, so no event is between them
    ");
    insta::assert_snapshot!(words(&["run", "job.toml", "--memory", "much"]), @r"
    exit 2
    error: invalid value 'much' for '--memory <SIZE>': a size such as 512MB or 4GB

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(words(&["run", "job.toml", "--thread", "2"]), @r"
    exit 2
    error: unexpected argument '--thread' found

      tip: a similar argument exists: '--threads'

    Usage: highwater run --threads <N> <JOB>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(words(&["run"]), @r"
    exit 2
    error: the following required arguments were not provided:
      <JOB>

    Usage: highwater run <JOB>

    For more information, try '--help'.
    ");
}
