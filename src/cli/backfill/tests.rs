use super::document::end;
use super::*;
use crate::backfill::{Corrected, GivenFile, GivenKind, HistoryRead, Method, RowChange, ValueChange, Volume};
use crate::job::{JobSpec, Overrides};
use crate::plan::OutputTo;
use crate::sink::Account;
use crate::time::{MINUTE, SECOND, TimeRange};

/// 2024-06-01T13:00:00Z.
const ONE: i64 = 1_717_246_800 * SECOND;

const COUNTS: &str = "[[output]]\npath = \"out/counts\"\nwindow = { tumbling = \"1m\" }\nby = [\"user_id\", \"postcode\"]\n\
    select = { views = \"count(*)\", last = \"max(webpage)\" }\n";
const ARCHIVE: &str = "[[output]]\npath = \"out/raw\"\narchive = true\n";
const TABLE: &str = "[[output]]\npath = \"-\"\nselect = { n = \"count(*)\" }\n";

fn planned(outputs: &str) -> Plan {
    let source = "[source]\npath = \"data/pageviews/*.csv\"\ntime = \"timestamp\"\ntime_unit = \"s\"\n";
    let job = format!("name = \"views\"\ntimezone = \"Asia/Jakarta\"\n{source}{outputs}");
    job::plan_job(&JobSpec::parse("job.toml", &job).unwrap(), &Overrides::default()).unwrap()
}

fn folder(path: &str) -> OutputTo {
    OutputTo::Folder(PathBuf::from(path))
}

fn part(hour: u32) -> String {
    format!("date=2024-06-01/hour={hour}/part-0.parquet")
}

fn change(
    user: Option<&str>,
    column: &str,
    before: Option<&str>,
    after: Option<&str>,
    row: RowChange,
) -> ValueChange {
    let text = |text: Option<&str>| text.map(String::from);
    ValueChange {
        window: Some(TimeRange::new(ONE, ONE + MINUTE)),
        keys: vec![("user_id".into(), text(user)), ("postcode".into(), Some("AB7".into()))],
        column: column.into(),
        before: text(before),
        after: text(after),
        row,
    }
}

/// The counts of 40 events in two files.
fn counts(method: Method) -> Corrected {
    use RowChange::{Added, Changed, Removed};
    Corrected {
        to: folder("out/counts"),
        method,
        windows: 1_033,
        rows_touched: 1_040,
        rows: 6_017,
        parts: (9..14).map(part).collect(),
        read: Volume { rows: 1_600, bytes: 9_800 },
        written: Volume { rows: 1_617, bytes: 10_100 },
        unchanged: 67,
        removed: 1,
        added: 2,
        changes: vec![
            change(Some("7"), "views", Some("1"), Some("12"), Changed),
            change(Some("7"), "last", Some("a"), None, Changed),
            change(None, "views", None, Some("1"), Added),
            change(Some("8\u{1b}[2J"), "views", Some("3"), None, Removed),
        ],
        changed: 1_238,
        restored: 0,
        change_log: Some("out/counts/_highwater/changes/000003.log".into()),
        not_compared: None,
    }
}

fn raw() -> Corrected {
    Corrected {
        to: folder("out/raw"),
        method: Method::Merged,
        windows: 0,
        rows_touched: 40,
        rows: 6_040,
        parts: vec!["part-0.parquet".into()],
        read: Volume { rows: 6_000, bytes: 98_000 },
        written: Volume { rows: 6_040, bytes: 98_700 },
        unchanged: 0,
        removed: 0,
        added: 0,
        changes: vec![],
        changed: 0,
        restored: 0,
        change_log: None,
        not_compared: None,
    }
}

fn given(path: &str, kind: GivenKind, records: u64) -> GivenFile {
    GivenFile { path: path.into(), kind, records }
}

fn outcome(jobs_outputs: &str, outputs: Vec<Corrected>) -> BackfillOutcome {
    BackfillOutcome {
        of_complete: None,
        late: None,
        plan: planned(jobs_outputs),
        files: vec![
            given("in/late.csv", GivenKind::New, 40),
            given("in/copy.csv", GivenKind::Known("data/pageviews/pageviews-1.csv".into()), 3_000),
        ],
        all_again: None,
        account: Account { read: 6_040, counted: 6_040, ..Account::default() },
        outputs,
        history: HistoryRead::default(),
        applied: true,
        published: vec![],
        strangers: vec![],
        gone: vec![],
    }
}

fn report(request: &BackfillRequest, outcome: &BackfillOutcome) -> String {
    document::report(request, outcome).text()
}

fn changes(request: &BackfillRequest, outcome: &BackfillOutcome) -> String {
    document::changes(request, outcome).text()
}

/// What the command prints: on stdout, then on stderr.
fn words(request: &BackfillRequest, outcome: &BackfillOutcome) -> String {
    format!("{}{}--\n{}", report(request, outcome), changes(request, outcome), end(request, outcome))
}

#[test]
fn what_is_merged() {
    let outcome = outcome(&format!("{ARCHIVE}{COUNTS}{TABLE}"), vec![raw(), counts(Method::Merged)]);
    insta::assert_snapshot!(words(&BackfillRequest::default(), &outcome), @r"
    in/late.csv: 40 records
    in/copy.csv: counted before as data/pageviews/pageviews-1.csv, left out
    out/raw: merged into what is stored: 40 rows added
      1 file replaced, 6,040 rows now
      read 6,000 rows (98.0 kB), wrote 6,040 rows (98.7 kB)
    out/counts: merged into what is stored: 1,033 windows, 1,040 groups
      3 files replaced, 2 new, 1 removed, 67 unchanged, 6,017 rows now
      read 1,600 rows (9.8 kB), wrote 1,617 rows (10.1 kB)
      date=2024-06-01/hour=9, date=2024-06-01/hour=10, date=2024-06-01/hour=11 and 2 more
    no history was read

    out/counts: 1,238 values changed
    window_start               window_end                 user_id  postcode  column  before  after
    ─────────────────────────  ─────────────────────────  ───────  ────────  ──────  ──────  ─────  ────────
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  7        AB7       views   1          12
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  7        AB7       last    a
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00           AB7       views               1  new row
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  8�[2J    AB7       views   3              row gone
    … and 1,234 more; all in out/counts/_highwater/changes/000003.log
    --
    read 6,040 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,040 counted
    a backfill does not show the tables for the terminal; `highwater run` does
    ");
}

#[test]
fn what_is_planned() {
    let mut counts = counts(Method::Recomputed);
    counts.change_log = None;
    let request = BackfillRequest { plan_only: true, shown: 4, ..BackfillRequest::default() };
    let mut outcome = outcome(&format!("{ARCHIVE}{COUNTS}"), vec![raw(), counts]);
    outcome.applied = false;
    outcome.history = HistoryRead { files: 2, bytes: 340_500 };
    insta::assert_snapshot!(words(&request, &outcome), @r"
    in/late.csv: 40 records
    in/copy.csv: counted before as data/pageviews/pageviews-1.csv, left out
    out/raw: would be merged into what is stored: 40 rows to add
      1 file to replace
      to read 6,000 rows (98.0 kB), to write about 6,040 rows (98.7 kB)
    out/counts: would be computed again from the archive: 1,033 windows, 1,040 groups
      3 files to replace, 2 to add, 1 to remove, 67 unchanged
      to read 1,600 rows (9.8 kB), to write about 1,617 rows (10.1 kB)
      date=2024-06-01/hour=9, date=2024-06-01/hour=10, date=2024-06-01/hour=11, date=2024-06-01/hour=12 and 1 more
    2 files of history would be read, 340.5 kB

    out/counts: 1,238 values would change
    window_start               window_end                 user_id  postcode  column  before  after
    ─────────────────────────  ─────────────────────────  ───────  ────────  ──────  ──────  ─────  ────────
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  7        AB7       views   1          12
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  7        AB7       last    a
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00           AB7       views               1  new row
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  8�[2J    AB7       views   3              row gone
    … and 1,234 more
    --
    read 6,040 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,040 counted
    this is a plan: nothing was changed
    ");
    outcome.outputs[0].rows_touched = 0;
    assert!(report(&request, &outcome).contains("out/raw: would be merged into what is stored\n"));
    outcome.outputs[1].changes.clear();
    outcome.outputs[1].changed = 0;
    assert_eq!(changes(&request, &outcome), "");
}

#[test]
fn where_history_is_read_from() {
    let from = |outputs: &str, archive: Option<&str>| {
        let request =
            BackfillRequest { from_archive: archive.map(PathBuf::from), ..BackfillRequest::default() };
        let outcome = outcome(outputs, vec![counts(Method::Recomputed)]);
        report(&request, &outcome).lines().nth(2).unwrap().to_string()
    };
    let again = |what: &str| format!("out/counts: computed again from {what}: 1,033 windows, 1,040 groups");
    assert_eq!(from(COUNTS, None), again("the source"));
    assert_eq!(from(COUNTS, Some("old/raw")), again("the archive old/raw"));
    assert_eq!(from(&format!("{ARCHIVE}{COUNTS}"), Some("old/raw")), again("the archive"));
}

#[test]
fn what_is_taken_out_and_what_is_computed_from_the_beginning() {
    let request = BackfillRequest { retract: true, ..BackfillRequest::default() };
    let again = Corrected { windows: 0, parts: vec![], added: 0, ..counts(Method::AllAgain) };
    let untouched = Corrected { to: folder("out/other"), changed: 0, ..counts(Method::Untouched) };
    let global = COUNTS.replace("window = { tumbling = \"1m\" }", "window = \"global\"");
    let mut outcome = outcome(&format!("{ARCHIVE}{global}"), vec![raw(), again, untouched]);
    outcome.files = vec![
        given("in/wrong.csv", GivenKind::Retracted, 1),
        given("in/users.csv", GivenKind::Table("users".into()), 66),
        given("out/late.jsonl", GivenKind::Late, 179),
        given("in/x.csv", GivenKind::Known("in/x.csv".into()), 5),
    ];
    outcome.all_again = Some("the table users changed".into());
    insta::assert_snapshot!(words(&request, &outcome), @r"
    in/wrong.csv: 1 record taken out
    in/users.csv: 66 records of table users
    out/late.jsonl: 179 records, late events of the job: they count where they were late
    in/x.csv: counted before, left out
    out/raw: merged into what is stored: 40 rows taken out
      1 file replaced, 6,040 rows now
      read 6,000 rows (98.0 kB), wrote 6,040 rows (98.7 kB)
    out/counts: everything computed again, because the table users changed: 1,040 groups changed
      1 file removed, 67 unchanged, 6,017 rows now
      read 1,600 rows (9.8 kB), wrote 1,617 rows (10.1 kB)
    out/other: not touched
    no history was read

    out/counts: 1,238 values changed
    window_start               window_end                 user_id  postcode  column  before  after
    ─────────────────────────  ─────────────────────────  ───────  ────────  ──────  ──────  ─────  ────────
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  7        AB7       views   1          12
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  7        AB7       last    a
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00           AB7       views               1  new row
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  8�[2J    AB7       views   3              row gone
    … and 1,234 more; all in out/counts/_highwater/changes/000003.log
    --
    read 6,040 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,040 counted
    ");
    let plan = BackfillRequest { plan_only: true, ..request };
    let planned = report(&plan, &outcome);
    for part in [
        "in/wrong.csv: 1 record to take out",
        "out/raw: would be merged into what is stored: 40 rows to take out",
        "out/counts: everything would be computed again, because the table users changed\n",
    ] {
        assert!(planned.contains(part), "{part} in {planned}");
    }
}

#[test]
fn what_changes_nothing() {
    let mut outcome = outcome(COUNTS, vec![Corrected { changed: 0, ..counts(Method::Untouched) }]);
    (outcome.applied, outcome.files) = (false, outcome.files.split_off(1));
    insta::assert_snapshot!(words(&BackfillRequest::default(), &outcome), @r"
    in/copy.csv: counted before as data/pageviews/pageviews-1.csv, left out
    --
    nothing to do: the files were counted before
    read 6,040 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 6,040 counted
    ");
    outcome.files = vec![];
    assert!(end(&BackfillRequest::default(), &outcome).starts_with("nothing to do: the source has no file"));
    outcome.files = vec![given("in/empty.csv", GivenKind::New, 0)];
    assert!(end(&BackfillRequest::default(), &outcome).starts_with("nothing changes\nread 6,040 ="));
}

#[test]
fn numbers_stand_on_the_right_and_a_log_is_named() {
    let changes_ = vec![
        change(Some("7"), "views", Some("1"), Some("12"), RowChange::Changed),
        change(Some("8"), "views", Some("10"), Some("9"), RowChange::Changed),
    ];
    let output = |changed, shown: &[ValueChange], log: Option<&str>| Corrected {
        changes: shown.to_vec(),
        changed,
        change_log: log.map(PathBuf::from),
        ..counts(Method::Merged)
    };
    let text = |output| changes(&BackfillRequest::default(), &outcome(COUNTS, vec![output]));
    insta::assert_snapshot!(text(output(2, &changes_, Some("log.jsonl"))).trim_start(), @r"
    out/counts: 2 values changed
    window_start               window_end                 user_id  postcode  column  before  after
    ─────────────────────────  ─────────────────────────  ───────  ────────  ──────  ──────  ─────
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  7        AB7       views        1     12
    2024-06-01T20:00:00+07:00  2024-06-01T20:01:00+07:00  8        AB7       views       10      9
    also in log.jsonl
    ");
    assert!(text(output(2, &changes_, None)).ends_with("10      9\n"));
    assert!(text(output(3, &changes_, None)).ends_with("\n… and 1 more\n"));
    assert_eq!(text(output(2, &[], Some("log.jsonl"))), "\nout/counts: 2 values changed\nall in log.jsonl\n");
    let global = ValueChange { window: None, ..changes_[0].clone() };
    assert!(!text(output(1, &[global], None)).contains("window_start"));
}

#[test]
fn what_programs_read() {
    let mut outcome = outcome(&format!("{ARCHIVE}{COUNTS}"), vec![counts(Method::Merged)]);
    outcome.files.push(given("users.csv", GivenKind::Table("users".into()), 1));
    let value = in_json(&BackfillRequest::default(), &outcome);
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap().replace(&outcome.plan.hash, "HASH"), @r#"
    {
      "job": {
        "name": "views",
        "hash": "HASH"
      },
      "plan": false,
      "applied": true,
      "files": [
        {
          "path": "in/late.csv",
          "kind": "new",
          "known_as": null,
          "table": null,
          "records": 40
        },
        {
          "path": "in/copy.csv",
          "kind": "known",
          "known_as": "data/pageviews/pageviews-1.csv",
          "table": null,
          "records": 3000
        },
        {
          "path": "users.csv",
          "kind": "table",
          "known_as": null,
          "table": "users",
          "records": 1
        }
      ],
      "all_again": null,
      "account": {
        "read": 6040,
        "rejected": 0,
        "filtered": 0,
        "duplicate": 0,
        "late": 0,
        "counted": 6040
      },
      "history": {
        "files": 0,
        "bytes": 0
      },
      "outputs": [
        {
          "path": "out/counts",
          "method": "merged",
          "windows": 1033,
          "rows_touched": 1040,
          "rows": 6017,
          "parts": [
            "date=2024-06-01/hour=9/part-0.parquet",
            "date=2024-06-01/hour=10/part-0.parquet",
            "date=2024-06-01/hour=11/part-0.parquet",
            "date=2024-06-01/hour=12/part-0.parquet",
            "date=2024-06-01/hour=13/part-0.parquet"
          ],
          "read": {
            "rows": 1600,
            "bytes": 9800
          },
          "written": {
            "rows": 1617,
            "bytes": 10100
          },
          "unchanged": 67,
          "removed": 1,
          "added": 2,
          "changed": 1238,
          "changes": [
            {
              "window_start": "2024-06-01T13:00:00Z",
              "window_end": "2024-06-01T13:01:00Z",
              "keys": {
                "user_id": "7",
                "postcode": "AB7"
              },
              "column": "views",
              "before": "1",
              "after": "12",
              "row": "changed"
            },
            {
              "window_start": "2024-06-01T13:00:00Z",
              "window_end": "2024-06-01T13:01:00Z",
              "keys": {
                "user_id": "7",
                "postcode": "AB7"
              },
              "column": "last",
              "before": "a",
              "after": null,
              "row": "changed"
            },
            {
              "window_start": "2024-06-01T13:00:00Z",
              "window_end": "2024-06-01T13:01:00Z",
              "keys": {
                "user_id": null,
                "postcode": "AB7"
              },
              "column": "views",
              "before": null,
              "after": "1",
              "row": "added"
            },
            {
              "window_start": "2024-06-01T13:00:00Z",
              "window_end": "2024-06-01T13:01:00Z",
              "keys": {
                "user_id": "8\u001b[2J",
                "postcode": "AB7"
              },
              "column": "views",
              "before": "3",
              "after": null,
              "row": "removed"
            }
          ],
          "change_log": "out/counts/_highwater/changes/000003.log",
          "not_compared": null
        }
      ]
    }
    "#);
}
