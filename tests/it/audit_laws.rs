//! The laws of audits, over random jobs and logs that come out of order; `audit_oracle` says what each delay costs.

use crate::audit_oracle::{Audited, Cost, Error, SHARES, quantile};
use crate::event_time_jobs::{self, Window};
use crate::jobs::{COLUMNS, Groups, Job};
use crate::laws::{cases, machine, write};
use crate::log::{Cell, Log};
use crate::oracle_windows::length;
use crate::stream_laws::{cut, write_files};
use crate::support::{Lab, Machine, PLAIN};
use highwater::audit::{AuditReport, DelayAudit, OutputAudit, PartitionAudit, Profile};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use std::collections::BTreeSet;

type Found = Result<(), String>;

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, want: T) -> Found {
    if found == want { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {want:?}")) }
}

fn failed(why: impl std::fmt::Display, job: &Job) -> TestCaseError {
    TestCaseError::fail(format!("{why}\n{}", job.toml("\"@/log*\"", "")))
}

fn audit(
    lab: &Lab,
    job: &Job,
    machine: Machine,
    delays: Option<Vec<i64>>,
) -> Result<AuditReport, TestCaseError> {
    lab.audit(&job.toml("\"@/log*\"", ""), machine, delays).map_err(|e| failed(e, job))
}

/// The outputs that are audited, with their paths.
fn outputs(job: &Job) -> Vec<(String, &Groups)> {
    let outputs = job.outputs.iter().enumerate();
    let outputs = outputs.filter_map(|(i, output)| Some((output.path(i), output.groups.as_ref()?)));
    outputs.filter(|(_, groups)| groups.window != Window::Global).collect()
}

/// Delays at which something changes, and those beside them.
fn delays(audited: &Audited, job: &Job, picks: &[usize]) -> Vec<i64> {
    let mut edges = BTreeSet::from([0, length(&job.timing.out_of_orderness)]);
    for late in audited.lateness().into_iter().chain(outputs(job).iter().flat_map(|o| audited.needed(o.1))) {
        edges.extend([late - 1, late, late + 1].into_iter().filter(|delay| *delay >= 0));
    }
    let edges: Vec<i64> = edges.into_iter().collect();
    let picked: BTreeSet<i64> = picks.iter().map(|pick| edges[pick % edges.len()]).collect();
    picked.into_iter().collect()
}

fn profile(what: &str, found: &Profile, lateness: &[i64]) -> Found {
    let mut sorted = lateness.to_vec();
    let mut at = |part, whole| if sorted.is_empty() { 0 } else { quantile(&mut sorted, part, whole) };
    let want = Profile {
        events: lateness.len() as u64,
        behind: lateness.iter().filter(|late| **late > 0).count() as u64,
        p50: at(50, 100),
        p90: at(90, 100),
        p95: at(95, 100),
        p99: at(99, 100),
        p99_9: at(999, 1000),
        p99_99: at(9999, 10_000),
        max: at(1, 1),
    };
    same(what, found, &want)
}

fn partition(audited: &Audited, job: &Job, found: &PartitionAudit, events: &[usize]) -> Found {
    profile(&found.name, &found.lateness, &audited.own_lateness(events))?;
    let seen = &audited.seen;
    let last = |events: &mut dyn Iterator<Item = usize>| events.map(|i| seen[i].time).max().unwrap();
    let (own, all) = (last(&mut events.iter().copied()), last(&mut (0..seen.len())));
    same("its last event time", (found.last_event_time, found.behind), (own, all - own))?;
    let of_arrivals = (found.last_arrival, found.longest_pause, found.idle);
    if !job.timing.arrival {
        return same("its arrivals", of_arrivals, (None, None, None));
    }
    let mut arrivals: Vec<i64> = events.iter().map(|&i| seen[i].arrival).collect();
    let (own, end) = (*arrivals.last().unwrap(), seen.last().unwrap().arrival);
    arrivals.push(end);
    let pause = arrivals.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    let idle = if job.timing.idle.is_empty() { 60_000_000 } else { length(&job.timing.idle) };
    same("its arrivals", of_arrivals, (Some(own), Some(pause), Some(end - own > idle)))
}

fn partitions(audited: &Audited, job: &Job, report: &AuditReport) -> Found {
    if job.timing.partition.is_empty() {
        return same("partitions", report.partitions.len(), 0);
    }
    let mut found: Vec<&PartitionAudit> = report.partitions.iter().collect();
    same("in order", found.is_sorted_by_key(|p| &p.name), true)?;
    // What NULL is called is not of the oracle; it is the last that is left.
    let mut want: Vec<_> = audited.partitions().into_iter().collect();
    want.sort_by_key(|(name, _)| name.is_empty());
    same("partitions", found.len(), want.len())?;
    for (name, events) in want {
        let at = found.iter().position(|p| name.is_empty() || p.name.ends_with(name));
        let at = at.ok_or_else(|| format!("no partition {name}"))?;
        partition(audited, job, found.remove(at), &events).map_err(|e| format!("partition {name:?}: {e}"))?;
    }
    Ok(())
}

fn future(audited: &Audited, job: &Job, report: &AuditReport) -> Found {
    let Some(found) = &report.future else {
        return same("whether arrivals are known", false, job.timing.arrival);
    };
    same("whether arrivals are known", true, job.timing.arrival)?;
    let ahead: Vec<i64> =
        audited.seen.iter().map(|seen| seen.time - seen.arrival).filter(|a| *a > 0).collect();
    let furthest = ahead.iter().copied().max().unwrap_or(0);
    same("the future", (found.events, found.max), (ahead.len() as u64, furthest))?;
    let beyond = |most: i64| ahead.iter().filter(|ahead| **ahead > most).count() as u64;
    same("rejects", found.rejected, found.advised_max_ahead.map_or(0, beyond))?;
    same("advice", found.advised_max_ahead.is_some(), found.rejected > 0)
}

fn jumps(audited: &Audited, report: &AuditReport, places: &[(String, usize)]) -> Found {
    let want = audited.moves();
    same("whether there are jumps", report.jumps.is_empty(), want.is_empty())?;
    let steps: Vec<i64> = report.jumps.iter().map(|jump| jump.step).collect();
    let first: Vec<i64> = want.iter().take(steps.len()).map(|m| m.step).collect();
    same("jumps", steps, first)?;
    for jump in &report.jumps {
        let of = |id: usize| jump.file.ends_with(&places[id].0) && jump.line == places[id].1 as u64;
        let event = audited.events.iter().find(|e| of(e.id));
        let event = event.ok_or_else(|| format!("{jump:?} is of no event"))?;
        let step = want.iter().find(|m| m.id == event.id).map(|m| m.step);
        same("a jump", (jump.event_time, Some(jump.step)), (event.time, step))?;
    }
    Ok(())
}

fn cost(found: &DelayAudit, want: &Cost) -> Found {
    same("late events", found.late, want.late)?;
    same("open windows", found.open_windows, want.open_windows)?;
    let names: Vec<&str> = want.columns.iter().map(|column| column.name.as_str()).collect();
    same("columns", found.columns.iter().map(|c| c.column.as_str()).collect(), names)?;
    if want.unsure {
        return Ok(());
    }
    let rows = (found.wrong_windows, found.wrong_rows, found.missing_rows);
    let want_rows = (want.wrong_windows, want.wrong_rows, want.missing_rows);
    same("wrong windows, wrong rows, missing rows", rows, want_rows)?;
    for (found, want) in found.columns.iter().zip(&want.columns) {
        same(&found.column, found.wrong, want.wrong)?;
        if !want.error.is(found.largest.as_deref(), found.total.as_deref()) {
            return Err(format!("found {found:?}, expected {want:?}"));
        }
    }
    Ok(())
}

fn output(audited: &Audited, job: &Job, groups: &Groups, found: &OutputAudit, delays: &[i64]) -> Found {
    let whole = audited.whole(groups);
    same("events", found.events, whole.events)?;
    same("windows and rows", (found.windows, found.rows), (whole.windows, whole.rows))?;
    same("allowed lateness", found.allowed_lateness, length(&groups.allowed_lateness))?;
    // The job's own delay may stand among those that were asked for.
    let own = length(&job.timing.out_of_orderness);
    let mut listed: Vec<i64> = found.delays.iter().map(|d| d.delay).collect();
    same("ascending", listed.is_sorted_by(|a, b| a < b), true)?;
    listed.retain(|delay| *delay != own || delays.contains(delay));
    same("delays", listed, delays.to_vec())?;
    for delay in &found.delays {
        same("whose delay", delay.of_job, delay.delay == own)?;
        let want = audited.cost(groups, delay.delay);
        cost(delay, &want).map_err(|e| format!("{} us: {e}", delay.delay))?;
    }
    let mut needed = audited.needed(groups);
    if needed.is_empty() {
        return Ok(());
    }
    let want: Vec<(u64, i64)> = SHARES.map(|share| (share, quantile(&mut needed, share, 10_000))).to_vec();
    let share = |share: f64| (share * 10_000.0).round() as u64;
    if matches!(groups.window, Window::Session { .. }) {
        // A bound, or less where a replay told that less is enough.
        for ((share, bound), found) in want.iter().zip(&found.completeness) {
            let late = audited.cost(groups, found.delay).late;
            let most = whole.events * (10_000 - share) / 10_000;
            same("a session's completeness", (found.delay <= *bound, late <= most), (true, true))?;
        }
        return Ok(());
    }
    same("completeness", found.completeness.iter().map(|c| (share(c.share), c.delay)).collect(), want)
}

fn report(
    audited: &Audited,
    job: &Job,
    places: &[(String, usize)],
    found: &AuditReport,
    delays: &[i64],
) -> Found {
    let account = &found.account;
    let account =
        [account.read, account.rejected, account.filtered, account.duplicate, account.late, account.counted];
    same("account", account, audited.account())?;
    let event_times = found.event_times.map(|times| (times.first, times.last));
    same("event times", event_times, audited.event_times())?;
    same("delay", found.delay, length(&job.timing.out_of_orderness))?;
    profile("lateness", &found.lateness, &audited.lateness())?;
    partitions(audited, job, found)?;
    future(audited, job, found)?;
    jumps(audited, found, places)?;
    let want = outputs(job);
    same("outputs", found.outputs.len(), want.len())?;
    for (found, (path, groups)) in found.outputs.iter().zip(want) {
        same(&found.output, found.output.ends_with(&path), true)?;
        output(audited, job, groups, found, delays).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

/// Random logs meet what an audit tells apart.
#[test]
fn random_audits_have_something_to_say() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = event_time_jobs::streamed(40);
    let [mut late, mut missing, mut extra, mut open, mut unsure, mut ahead, mut all] = [0; 7];
    for _ in 0..150 {
        let (job, log) = strategy.new_tree(&mut runner).unwrap().current();
        let audited = Audited::new(&job, &log, &[("log.csv".to_string(), log.rows.len())]);
        ahead += usize::from(audited.seen.iter().any(|seen| job.timing.arrival && seen.time > seen.arrival));
        for (_, groups) in outputs(&job) {
            for delay in delays(&audited, &job, &[0, 3, 5]) {
                let cost = audited.cost(groups, delay);
                all += 1;
                late += usize::from(cost.late > 0);
                missing += usize::from(cost.missing_rows > 0);
                extra += usize::from(cost.wrong_rows > cost.missing_rows);
                open += usize::from(cost.open_windows > 0);
                unsure += usize::from(cost.unsure);
            }
            // The simulation says the same of the smallest delays: a microsecond less is not enough.
            let mut needed = audited.needed(groups);
            let events = needed.len() as u64;
            for share in SHARES.into_iter().filter(|_| events > 0) {
                let delay = quantile(&mut needed, share, 10_000);
                let enough =
                    |delay: i64| (events - audited.cost(groups, delay).late) * 10_000 >= share * events;
                assert!(enough(delay), "{job:?}");
                let session = matches!(groups.window, Window::Session { .. });
                assert!(session || delay == 0 || !enough(delay - 1), "{job:?}");
            }
        }
    }
    let found = format!(
        "of {all}: {late} late, {missing} missing, {extra} wrong or extra, {open} open, {unsure} unsure, {ahead} ahead"
    );
    println!("{found}");
    assert!(late > 200 && missing > 100 && extra > 100 && open > 200 && ahead > 50, "{found}");
    assert!(unsure * 20 < all, "{found}");
}

/// An audit of `log`, in files cut at `cuts`, says what the oracle says, and writes nothing.
fn agrees(
    job: &Job,
    log: &Log,
    cuts: &[usize],
    picks: &[usize],
    machine: Machine,
    format: &str,
) -> Result<(), TestCaseError> {
    let files = cut(log, cuts, format);
    let lab = Lab::new();
    write_files(&lab, log, &files);
    let audited = Audited::new(job, log, &files);
    let delays = delays(&audited, job, picks);
    let found = audit(&lab, job, machine, Some(delays.clone()))?;
    report(&audited, job, &log.places(&files), &found, &delays).map_err(|why| failed(why, job))?;
    prop_assert!(!lab.path("out").exists() && !lab.path("late.jsonl").exists());
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn audits_are_those_of_the_oracle(
        (job, log) in event_time_jobs::streamed(40),
        cuts in proptest::collection::vec(0..40usize, 0..3),
        picks in proptest::collection::vec(0..10_000usize, 1..6),
        machine in machine(),
        format in select(vec!["csv", "jsonl", "parquet"]),
    ) {
        agrees(&job, &log, &cuts, &picks, machine, format)?;
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn audits_of_longer_logs_are_those_of_the_oracle(
        (job, log) in event_time_jobs::streamed(300),
        cuts in proptest::collection::vec(0..300usize, 0..5),
        picks in proptest::collection::vec(0..10_000usize, 1..12),
        machine in machine(),
    ) {
        agrees(&job, &log, &cuts, &picks, machine, "csv")?;
    }

    #[test]
    fn threads_chunks_and_memory_do_not_show_in_audits(
        (job, log) in event_time_jobs::streamed(200),
        cuts in proptest::collection::vec(0..200usize, 0..3),
        picks in proptest::collection::vec(0..10_000usize, 1..6),
        format in select(vec!["csv", "jsonl", "parquet"]),
        machines in proptest::collection::vec(machine(), 1..3),
    ) {
        let files = cut(&log, &cuts, format);
        let lab = Lab::new();
        write_files(&lab, &log, &files);
        let audited = Audited::new(&job, &log, &files);
        for delays in [Some(delays(&audited, &job, &picks)), None] {
            let want = audit(&lab, &job, PLAIN, delays.clone())?;
            for machine in &machines {
                prop_assert_eq!(&audit(&lab, &job, *machine, delays.clone())?, &want);
            }
        }
    }

    /// Delays that nobody named are like those that are named, and the job's is among them.
    #[test]
    fn delays_from_the_data_are_delays(
        (job, log) in event_time_jobs::streamed(60),
        machine in machine(),
    ) {
        let lab = Lab::new();
        write(&lab, "log.csv", &log);
        let found = audit(&lab, &job, machine, None)?;
        for (i, output) in found.outputs.iter().enumerate() {
            let delays: Vec<i64> = output.delays.iter().map(|d| d.delay).collect();
            prop_assert!(delays.contains(&found.delay), "{:?}", delays);
            prop_assert_eq!(&audit(&lab, &job, machine, Some(delays))?.outputs[i], output);
        }
    }
}

/// Windows of 10 s that two late events miss, one of each key; by hand.
#[test]
fn the_cost_of_delays_by_hand() {
    let second = 1_000_000;
    // Time and key; the front is at 12, 25 and 31 s when the late ones come.
    let rows =
        [(3, "a", 5), (12, "a", 1), (4, "a", 2), (25, "b", 7), (6, "ü", 4), (31, "a", 3), (11, "a", 6)];
    let rows = rows.map(|(at, key, n)| {
        let mut row = vec![Cell::Null; COLUMNS.len()];
        row[0] = Cell::Int(at * second);
        row[1] = Cell::Text(key.into());
        row[2] = Cell::Int(n);
        row
    });
    let log = Log::new(&COLUMNS, rows.to_vec());
    let groups = Groups {
        window: Window::Tumbling { size: "10s".into(), offset: String::new() },
        allowed_lateness: "5s".into(),
        mode: "",
        firings: false,
        by: vec!["k"],
        aggregates: vec![("sum", vec!["n"]), ("max", vec!["n"])],
        computed: false,
        having: None,
        top: None,
    };
    let job = Job {
        zone: "UTC",
        filter: None,
        derive: None,
        timing: event_time_jobs::Timing { mode: "streamed", ..Default::default() },
        outputs: vec![],
    };
    let audited = Audited::new(&job, &log, &[("log.csv".to_string(), log.rows.len())]);
    let seconds = |found: Vec<i64>| found.iter().map(|v| v / second).collect::<Vec<_>>();
    assert_eq!(seconds(audited.lateness()), [0, 0, 8, 0, 19, 0, 20]);
    assert_eq!(quantile(&mut audited.lateness(), 50, 100), 0);
    assert_eq!(quantile(&mut audited.lateness(), 90, 100), 20 * second);
    // 4 s comes before 10 + 5 s, so it is counted; 6 s at 25 s and 11 s at 31 s are not.
    assert_eq!(audited.needed(&groups).iter().filter(|late| **late > 0).count(), 2);
    let steps: Vec<i64> = audited.moves().iter().map(|m| m.step / second).collect();
    assert_eq!(steps, [13, 9, 6]);

    let cost = audited.cost(&groups, 0);
    assert_eq!((cost.late, cost.wrong_windows, cost.wrong_rows, cost.missing_rows), (2, 2, 2, 1));
    // Windows end at 10, 20, 30 and 40 s, and the last event is of 31 s.
    assert_eq!(cost.open_windows, 1);
    let errors: Vec<(u64, Error)> = cost.columns.iter().map(|c| (c.wrong, c.error.clone())).collect();
    // The sum of `ü` is 4 and not there; that of `a` is 7 and shown as 1. So is the greatest, 6.
    let exact = |largest, total| Error::Exact(largest, total, 0);
    assert_eq!(errors, [(2, exact(1, 2)), (2, exact(6, 10)), (2, exact(5, 5))]);
    // 10 s are just too short for the first, and 11 s for the second.
    let late = |delay: i64| audited.cost(&groups, delay).late;
    assert_eq!([late(6 * second), late(6 * second + 1)], [2, 1]);
    assert_eq!([late(10 * second), late(10 * second + 1)], [1, 0]);
    assert_eq!(audited.cost(&groups, 12 * second).open_windows, 3);

    // In sessions with a gap of 7 s, 11 s would have joined 4 s and 12 s, but comes too late: one session is missing,
    // two are there that should not be, and that of `ü` is missing too.
    let sessions = Groups { window: Window::Session { gap: "7s".into() }, ..groups };
    let cost = audited.cost(&sessions, 0);
    assert_eq!((cost.late, cost.wrong_windows, cost.wrong_rows, cost.missing_rows), (2, 4, 4, 2));
}
