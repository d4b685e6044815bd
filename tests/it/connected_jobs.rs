//! Jobs with streamed steps as a whole: outputs of both modes beside one another, and backfills, over random connected
//! streams.

use crate::connected_laws::{connected, csv, job, machine, write};
use crate::connected_oracle::{Connected, Outcome, Step, simulate};
use crate::laws::cases;
use crate::support::{Lab, Machine, PLAIN};
use highwater::backfill::{BackfillRequest, Method};
use highwater::plan::Mode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Windows of every event, beside the streamed outputs of [`job`].
const COMPLETE: &str = "[[output]]\npath = \"@/all/windows.jsonl\"\nmode = \"complete\"\n\
    window = { tumbling = \"8us\" }\nselect = { n = \"count(*)\", s = \"sum(id)\" }\n";

/// Of which a step depends on order: without one, both modes have the same steps.
fn ordered(most: usize) -> impl Strategy<Value = Connected> {
    connected(most).prop_filter("no step depends on order", |case| {
        case.steps.iter().any(|step| !matches!(step, Step::Filter))
    })
}

fn files(lab: &Lab, job: &str, machine: Machine, mode: Option<Mode>) -> Result<[u64; 6], TestCaseError> {
    let outcome = match mode {
        Some(mode) => lab.library_as(job, machine, mode),
        None => lab.library(job, machine),
    };
    let outcome = outcome.map_err(|e| TestCaseError::fail(format!("{e}\n{job}")))?;
    Ok(crate::support::account(&serde_json::json!({ "account": outcome.account })))
}

/// The job with the complete output alone.
fn complete_alone(streamed: &str) -> String {
    let (before, _) = streamed.split_once("[[output]]").unwrap();
    format!("{before}{COMPLETE}")
}

/// How many of some random cases have other windows in each mode.
#[test]
fn random_jobs_have_other_windows_in_each_mode() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = connected(40);
    let mut differ = 0;
    for _ in 0..100 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let lab = Lab::new();
        write(&lab, &case);
        let toml = job(&case, "@/log.csv");
        files(&lab, &toml, PLAIN, None).unwrap();
        files(&lab, &complete_alone(&toml), PLAIN, Some(Mode::Complete)).unwrap();
        differ += u32::from(lab.text("out/windows.jsonl") != lab.text("all/windows.jsonl"));
    }
    assert!(differ > 30, "{differ} of 100");
}

/// The gap of sessions, and how long sessions and windows take late events.
const GAP: i64 = 3;
const ALLOWED: i64 = 2;
const WINDOW: i64 = 8;

/// Rows of an output, sorted: the bounds of the window, a third column, count and sum; and how many events were late.
type Rows = (Vec<[Option<i64>; 5]>, u64);

/// Rows of sessions by key, and late events, as merging windows have them: an event joins the open sessions that it
/// touches, and is late where it would make one that is closed.
fn sessions(case: &Connected, outcome: &Outcome) -> Rows {
    #[derive(Clone)]
    struct Session {
        key: Option<i64>,
        first: i64,
        last: i64,
        n: i64,
        sum: i64,
    }
    let (mut open, mut closed, mut late): (Vec<Session>, Vec<Session>, u64) = (vec![], vec![], 0);
    for event in &outcome.through {
        let record = &case.source.records[event.id];
        let is_closed = |last: i64| event.watermark.is_some_and(|mark| last + GAP + ALLOWED <= mark);
        let (gone, stay): (Vec<_>, Vec<_>) = open.into_iter().partition(|session| is_closed(session.last));
        closed.extend(gone);
        let touches = |session: &Session| {
            session.key == record.key
                && session.first - GAP <= record.time
                && record.time <= session.last + GAP
        };
        let (joined, mut others): (Vec<_>, Vec<_>) = stay.into_iter().partition(touches);
        if joined.is_empty() && is_closed(record.time) {
            late += 1;
        } else {
            let (first, last) = (record.time, record.time);
            let own = Session { key: record.key, first, last, n: 1, sum: event.id as i64 };
            others.push(joined.into_iter().fold(own, |all, one| Session {
                key: all.key,
                first: all.first.min(one.first),
                last: all.last.max(one.last),
                n: all.n + one.n,
                sum: all.sum + one.sum,
            }));
        }
        open = others;
    }
    closed.extend(open);
    let row = |s: Session| [Some(s.first), Some(s.last + GAP), s.key, Some(s.n), Some(s.sum)];
    let mut rows: Vec<_> = closed.into_iter().map(row).collect();
    rows.sort_unstable();
    (rows, late)
}

/// Rows of every firing of tumbling windows, by window and number: the first has all that came in time, and each event
/// after that fires again.
fn firings(case: &Connected, outcome: &Outcome) -> Rows {
    let mut windows: BTreeMap<i64, (bool, Vec<(i64, i64)>)> = BTreeMap::new();
    let mut late = 0;
    for event in &outcome.through {
        let start = case.source.records[event.id].time.div_euclid(WINDOW) * WINDOW;
        let passed = |by: i64| event.watermark.is_some_and(|mark| start + WINDOW + by <= mark);
        if passed(ALLOWED) {
            late += 1;
            continue;
        }
        let (in_time, fired) = windows.entry(start).or_default();
        let (n, sum) = fired.last().copied().unwrap_or_default();
        let now = (n + 1, sum + event.id as i64);
        match (passed(0), fired.len()) {
            // Before the window has fired its one row grows.
            (false, 1) if *in_time => fired[0] = now,
            _ => fired.push(now),
        }
        *in_time |= !passed(0);
    }
    let rows = windows.into_iter().flat_map(|(start, (_, fired))| {
        let row = move |(number, (n, sum)): (i64, (i64, i64))| {
            [Some(start), Some(start + WINDOW), Some(number), Some(n), Some(sum)]
        };
        (1..).zip(fired).map(row)
    });
    (rows.collect(), late)
}

/// The rows that the job writes with this output instead of its own, by the columns `third`, if it is not `x`, `n` and `s`.
fn of_output(
    lab: &Lab,
    case: &Connected,
    output: &str,
    third: &str,
    machine: Machine,
) -> Result<Rows, TestCaseError> {
    let toml = job(case, "@/log.csv");
    let (before, _) = toml.split_once("[[output]]").unwrap();
    let toml = format!(
        "{before}[[output]]\npath = \"@/out/rows.jsonl\"\n{output}\n\
         columns = {{ a = \"EXTRACT(EPOCH FROM window_start)\", b = \"EXTRACT(EPOCH FROM window_end)\", \
         {}n = \"n\", s = \"s\" }}\n",
        if third == "x" { String::new() } else { format!("{third} = \"{third}\", ") }
    );
    let account = files(lab, &toml, machine, None)?;
    let text = lab.text("out/rows.jsonl");
    let mut rows: Vec<_> = text
        .lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let micros = |name: &str| row[name].as_f64().map(|seconds| (seconds * 1e6).round() as i64);
            [micros("a"), micros("b"), row[third].as_i64(), row["n"].as_i64(), row["s"].as_i64()]
        })
        .collect();
    rows.sort_unstable();
    Ok((rows, account[4]))
}

proptest! {
    #![proptest_config(cases(400))]

    /// Behind steps that wait too: sessions see events in the order in which they come through.
    #[test]
    fn streamed_sessions_are_those_of_connected_streams(case in connected(60), machine in machine()) {
        let lab = Lab::new();
        write(&lab, &case);
        let output = format!(
            "window = {{ session = \"{GAP}us\", allowed_lateness = \"{ALLOWED}us\" }}\nby = [\"k\"]\n\
             select = {{ n = \"count(*)\", s = \"sum(id)\" }}"
        );
        let got = of_output(&lab, &case, &output, "k", machine)?;
        prop_assert_eq!(got, sessions(&case, &simulate(&case)), "{}", job(&case, ""));
    }

    /// And so do firings.
    #[test]
    fn streamed_firings_are_those_of_connected_streams(case in connected(60), machine in machine()) {
        let lab = Lab::new();
        write(&lab, &case);
        let output = format!(
            "window = {{ tumbling = \"{WINDOW}us\", allowed_lateness = \"{ALLOWED}us\" }}\nfirings = true\n\
             select = {{ n = \"count(*)\", s = \"sum(id)\" }}"
        );
        let got = of_output(&lab, &case, &output, "firing", machine)?;
        prop_assert_eq!(got, firings(&case, &simulate(&case)), "{}", job(&case, ""));
    }
}

/// The rows of tumbling windows that the watermark has closed at the end, as [`firings`] has them; all are of firing 1.
fn closed(case: &Connected, outcome: &Outcome) -> Rows {
    let (all, late) = firings(case, outcome);
    let mut rows: BTreeMap<Option<i64>, [Option<i64>; 5]> = BTreeMap::new();
    for row in all {
        // The last firing has all.
        rows.insert(row[0], [row[0], row[1], None, row[3], row[4]]);
    }
    rows.retain(|start, _| {
        start.zip(outcome.watermark).is_some_and(|(s, mark)| s + WINDOW + ALLOWED <= mark)
    });
    (rows.into_values().collect(), late)
}

proptest! {
    #![proptest_config(cases(300))]

    /// Tables can hold back the watermark that closes windows.
    #[test]
    fn closed_windows_are_those_that_the_last_step_has_passed(case in connected(60), machine in machine()) {
        let lab = Lab::new();
        write(&lab, &case);
        let output = format!(
            "window = {{ tumbling = \"{WINDOW}us\", allowed_lateness = \"{ALLOWED}us\" }}\nemit = \"closed\"\n\
             select = {{ n = \"count(*)\", s = \"sum(id)\" }}"
        );
        let got = of_output(&lab, &case, &output, "x", machine)?;
        prop_assert_eq!(got, closed(&case, &simulate(&case)), "{}", job(&case, ""));
    }

    /// An audit has for each delay what a streamed run with it gives, beside a complete one.
    #[test]
    fn an_audit_has_the_windows_of_streamed_steps(case in ordered(60), more in vec(0..9i64, 1..3)) {
        let lab = Lab::new();
        write(&lab, &case);
        let own = case.source.out_of_orderness;
        let output = |mode: &str| format!(
            "[[output]]\npath = \"@/out/{mode}.jsonl\"\nmode = \"{mode}\"\n\
             window = {{ session = \"{GAP}us\" }}\nby = [\"k\"]\nselect = {{ n = \"count(*)\", s = \"sum(id)\" }}\n\
             [[output]]\npath = \"@/out/{mode}-windows.jsonl\"\nmode = \"{mode}\"\n\
             window = {{ tumbling = \"{WINDOW}us\" }}\nselect = {{ n = \"count(*)\", s = \"sum(id)\" }}\n"
        );
        let toml = job(&case, "@/log.csv");
        let (before, _) = toml.split_once("[[output]]").unwrap();
        let alone = |mode: &str| format!("{before}{}", output(mode));
        let report = lab.audit_job(&alone("streamed"), more.iter().map(|more| own + more).collect());
        let report = report.map_err(|e| TestCaseError::fail(format!("{e}\n{}", alone("streamed"))))?;
        files(&lab, &alone("complete"), PLAIN, Some(Mode::Complete))?;
        prop_assert_eq!(report.outputs.len(), 2);
        for (audit, name) in report.outputs.iter().zip(["", "-windows"]) {
            for at in &audit.delays {
                let source = format!("out_of_orderness = \"{own}us\"");
                let single = alone("streamed").replacen(&source, &format!("out_of_orderness = \"{}us\"", at.delay), 1);
                // Late events are those of one output, so each runs alone.
                let (both, windows) = single.split_once("[[output]]").unwrap();
                let outputs: Vec<&str> = windows.split("[[output]]").collect();
                let which = usize::from(!name.is_empty());
                let account = files(&lab, &format!("{both}[[output]]{}", outputs[which]), PLAIN, None)?;
                prop_assert_eq!(at.late, account[4], "late at {} {}", at.delay, single);
                let rows = |mode: &str| -> BTreeMap<String, (i64, i64)> {
                    let text = lab.text(&format!("out/{mode}{name}.jsonl"));
                    let row = |line: &str| {
                        let row: serde_json::Value = serde_json::from_str(line).unwrap();
                        let key = format!("{} {} {}", row["window_start"], row["window_end"], row["k"]);
                        (key, (row["n"].as_i64().unwrap(), row["s"].as_i64().unwrap()))
                    };
                    text.lines().map(row).collect()
                };
                let (live, all) = (rows("streamed"), rows("complete"));
                let missing = all.keys().filter(|key| !live.contains_key(*key)).count() as u64;
                let other = live.iter().filter(|(key, row)| all.get(*key) != Some(row)).count() as u64;
                prop_assert_eq!((at.missing_rows, at.wrong_rows), (missing, missing + other), "{}", single);
            }
        }
    }
}

/// Random cases have sessions and firings whose rows depend on the order in which events come through.
#[test]
fn the_order_of_events_that_waited_shows_in_sessions_and_firings() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = connected(60);
    let mut met = [0; 4];
    for _ in 0..300 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let outcome = simulate(&case);
        let mut sorted = Outcome { through: outcome.through.clone(), ..simulate(&case) };
        sorted.through.sort_by_key(|event| event.id);
        let (of_sessions, of_firings) = (sessions(&case, &outcome), firings(&case, &outcome));
        met[0] += usize::from(of_sessions != sessions(&case, &sorted));
        met[1] += usize::from(of_firings != firings(&case, &sorted));
        met[2] += usize::from(of_sessions.1 > 0);
        met[3] += usize::from(of_firings.0.iter().any(|row| row[2] > Some(1)));
    }
    assert!(met.iter().all(|met| *met > 5), "{met:?}");
}

proptest! {
    #![proptest_config(cases(150))]

    /// One job with outputs of both modes has the bytes of two jobs, and the account of each.
    #[test]
    fn a_job_of_both_modes_is_two_jobs(case in ordered(60), machine in machine()) {
        let lab = Lab::new();
        write(&lab, &case);
        let streamed = job(&case, "@/log.csv");
        let of_streamed = files(&lab, &streamed, PLAIN, None)?;
        let of_complete = files(&lab, &complete_alone(&streamed), PLAIN, Some(Mode::Complete))?;
        let want = (lab.data("out"), lab.data("all"));
        for folder in ["out", "all"] {
            std::fs::remove_dir_all(lab.path(folder)).unwrap();
        }
        let both = streamed.replace("[late]", &format!("{COMPLETE}[late]"));
        files(&lab, &both, machine, None)?;
        prop_assert_eq!((lab.data("out"), lab.data("all")), want, "{}", both);
        let accounts = |folder: &str| -> Vec<[u64; 6]> {
            lab.manifests(folder).iter().map(crate::support::account).collect()
        };
        prop_assert!(accounts("out").iter().all(|account| *account == of_streamed), "{}", both);
        prop_assert_eq!(accounts("all"), [of_complete], "{}", both);
    }

    /// Split: a backfill of a file gives what a run over all files gives, wherever the file stands in the log.
    #[test]
    fn a_backfill_of_streamed_steps_is_a_run_over_all_files(
        case in ordered(60),
        cut in 0..60usize,
        first in any::<bool>(),
        both in any::<bool>(),
        machine in machine(),
    ) {
        let lab = Lab::new();
        write(&lab, &case);
        let toml = job(&case, "@/log-*.csv");
        let toml = if both { toml.replace("[late]", &format!("{COMPLETE}[late]")) } else { toml };
        let [new, old] = if first { ["log-1.csv", "log-2.csv"] } else { ["log-2.csv", "log-1.csv"] };
        let [head, tail] = halves(&case, cut);
        lab.write("log-1.csv", head);
        lab.write("log-2.csv", tail);
        files(&lab, &toml, PLAIN, None)?;
        let want = (lab.data("out"), lab.data("all"));
        for folder in ["out", "all"] {
            let _ = std::fs::remove_dir_all(lab.path(folder));
        }
        let late = lab.text(new);
        std::fs::remove_file(lab.path(new)).unwrap();
        files(&lab, &toml, PLAIN, None)?;
        lab.write(new, late);
        let request = || BackfillRequest {
            files: vec![PathBuf::from(format!("@/{new}"))],
            shown: 10,
            ..BackfillRequest::default()
        };
        let done = lab.backfill(&toml, request(), machine);
        let done = done.map_err(|e| TestCaseError::fail(format!("{e}\n{toml}")))?;
        prop_assert_eq!((lab.data("out"), lab.data("all")), want, "{}", toml);
        prop_assert!(done.outputs.iter().all(|output| output.method == Method::AllAgain), "{old}");
        prop_assert_eq!(done.of_complete.is_some(), both);
        let after = (lab.written("out"), lab.written("all"));
        let again = lab.backfill(&toml, request(), machine).unwrap();
        prop_assert!(!again.applied);
        prop_assert_eq!((again.account, again.of_complete), (done.account, done.of_complete));
        prop_assert_eq!((lab.written("out"), lab.written("all")), after);
        // Taken out, the file leaves what was there before it.
        let retract = BackfillRequest { retract: true, ..request() };
        lab.backfill(&toml, retract, machine).map_err(|e| TestCaseError::fail(format!("{e}\n{toml}")))?;
        let retracted = (lab.data("out"), lab.data("all"));
        std::fs::remove_file(lab.path(new)).unwrap();
        for folder in ["out", "all"] {
            let _ = std::fs::remove_dir_all(lab.path(folder));
        }
        files(&lab, &toml, PLAIN, None)?;
        prop_assert_eq!(retracted, (lab.data("out"), lab.data("all")), "{}", toml);
    }
}

/// The log of the source as two files, of which each has a record.
fn halves(case: &Connected, cut: usize) -> [String; 2] {
    let text = csv(&case.source);
    let (head, rows) = text.split_once('\n').unwrap();
    let mut rows: Vec<&str> = rows.lines().collect();
    // One more record, so that none of the files is without columns.
    let one = "900,1700000000000000,1700000000000000,p0,,\n";
    let tail = rows.split_off(cut.min(rows.len()));
    let file = |rows: &[&str], more: &str| {
        let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
        format!("{head}\n{}{more}", lines.concat())
    };
    [file(&rows, one), file(&tail, "")]
}
