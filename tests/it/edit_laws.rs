//! The law edit: run, any edit of the job, run leaves the bytes of a run of the edited job where nothing was in place;
//! also where files came in between, and where files that were counted are gone and an archive has them.
//!
//! The outputs of both jobs lie in the same places; what lies there is all that is compared, but the history of
//! corrections.

use crate::backfill_cases::{Left, left, same, take};
use crate::laws::{cases, machine};
use crate::support::{Lab, Machine};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The parts of a job that are edited.
#[derive(Debug, Clone, PartialEq)]
struct Job {
    name: &'static str,
    zone: &'static str,
    n: &'static str,
    bad: &'static str,
    filter: &'static str,
    derive: &'static str,
    ordered: &'static str,
    mode: &'static str,
    /// Whether the records are kept.
    archive: bool,
    archived_by: &'static str,
    window: &'static str,
    by: &'static str,
    select: &'static str,
    having: &'static str,
    top: &'static str,
    partition_by: &'static str,
    format: &'static str,
    state: bool,
    events: &'static str,
}

impl Job {
    fn toml(&self) -> String {
        let key = |key: &str, value: &str| match value {
            "" => String::new(),
            value => format!("{key} = {value}\n"),
        };
        let step = |text: &str| if text.is_empty() { String::new() } else { format!("[[step]]\n{text}\n") };
        let archive = match self.archive {
            true => format!(
                "[[output]]\npath = \"@/out/archive\"\narchive = true\npartition_by = {}\n",
                self.archived_by
            ),
            false => String::new(),
        };
        let late = match self.mode {
            "\"streamed\"" => "[late]\npath = \"@/out/late.jsonl\"\n",
            _ => "",
        };
        let having = if self.select.contains("total =") { self.having } else { "" };
        let top = if self.select.contains("total =") { self.top } else { "" };
        [
            format!("name = \"{}\"\ntimezone = \"{}\"\n", self.name, self.zone),
            key("mode", self.mode),
            "[source]\npath = \"@/in/*.csv\"\ntime = \"at\"\nout_of_orderness = \"10m\"\n".to_string(),
            format!("types = {{ n = \"{}\", k = \"string\" }}\non_bad_record = \"{}\"\n", self.n, self.bad),
            step(self.filter),
            step(self.derive),
            step(self.ordered),
            archive,
            "[[output]]\npath = \"@/out/groups\"\n".to_string(),
            key("window", self.window),
            key("by", self.by),
            key("select", self.select),
            key("having", having),
            key("top", top),
            key("partition_by", self.partition_by),
            key("format", self.format),
            if self.state { "state = true\n".to_string() } else { String::new() },
            "[[output]]\npath = \"@/out/events.jsonl\"\n".to_string(),
            key("select", self.events),
            "[[output]]\npath = \"@/out/all.csv\"\nselect = { rows = \"count(*)\", last = \"max(at)\" }\n"
                .to_string(),
            late.to_string(),
        ]
        .concat()
    }
}

fn job() -> impl Strategy<Value = Job> {
    let read = (
        select(vec!["one", "two"]),
        select(vec!["UTC", "Asia/Jakarta", "America/St_Johns"]),
        select(vec!["int64", "int64", "float64", "decimal(12,3)"]),
        select(vec!["reject", "reject", "fail"]),
    );
    let steps = (
        select(vec!["", "filter = \"n > 2\"", "filter = \"n > 3\""]),
        select(vec!["derive = { z = \"n * 2\" }", "derive = { z = \"n + 1\" }"]),
        select(vec![
            "",
            "",
            "dedup = [\"k\"]",
            "dedup = [\"k\", \"n\"]\nwithin = \"1h\"",
            "first = [\"k\"]\nas = \"f\"",
        ]),
        select(vec!["", "", "", "\"streamed\""]),
    );
    let archive = (any::<bool>(), select(vec!["[\"date\"]", "[\"date\", \"hour\"]", "[\"month\"]"]));
    let groups = (
        select(vec![
            "{ tumbling = \"1h\" }",
            "{ tumbling = \"1 day\" }",
            "{ hopping = \"2h\", slide = \"1h\" }",
        ]),
        select(vec!["", "[\"k\"]"]),
        select(vec![
            "{ total = \"sum(n)\" }",
            "{ total = \"sum(z)\", n = \"count(*)\" }",
            "{ n = \"count(*)\", total = \"max(n)\" }",
            "{ mean = \"avg(z)\" }",
        ]),
        select(vec!["", "", "\"total > 5\""]),
        select(vec!["", "", "{ n = 1, by = \"total desc\" }"]),
        select(vec!["", "[\"date\"]", "[\"date\", \"hour\"]"]),
        select(vec!["", "\"csv\"", "\"jsonl\""]),
        any::<bool>(),
    );
    let events = select(vec!["", "[\"k\", \"n\"]", "[\"z\", \"at\", \"k\"]"]);
    (read, steps, archive, groups, events).prop_map(
        |((name, zone, n, bad), (filter, derive, ordered, mode), (archive, archived_by), groups, events)| {
            let (window, by, select, having, top, partition_by, format, state) = groups;
            Job {
                name,
                zone,
                n,
                bad,
                filter,
                derive,
                ordered,
                mode,
                archive,
                archived_by,
                window,
                by,
                select,
                having,
                top,
                partition_by,
                format,
                state,
                events,
            }
        },
    )
}

/// A job, and the same with one or two of its parts as another job has them.
fn edited() -> impl Strategy<Value = (Job, Job)> {
    (job(), job(), prop::collection::vec(0usize..19, 1..3)).prop_map(|(first, other, parts)| {
        let mut second = first.clone();
        for part in parts {
            match part {
                0 => second.name = other.name,
                1 => second.zone = other.zone,
                2 => second.n = other.n,
                3 => second.bad = other.bad,
                4 => second.filter = other.filter,
                5 => second.derive = other.derive,
                6 => second.ordered = other.ordered,
                7 => second.mode = other.mode,
                8 => second.archive = other.archive,
                9 => second.archived_by = other.archived_by,
                10 => second.window = other.window,
                11 => second.by = other.by,
                12 => second.select = other.select,
                13 => second.having = other.having,
                14 => second.top = other.top,
                15 => second.partition_by = other.partition_by,
                16 => second.format = other.format,
                17 => second.state = other.state,
                _ => second.events = other.events,
            }
        }
        (first, second)
    })
}

/// Files of the log, no two of one content: rows of minute, key and number; now and then a number that is none.
fn logs() -> impl Strategy<Value = Vec<String>> {
    let row = (0u32..4000, select(vec!["a", "b", ""]), 0u32..8, 0u32..12);
    prop::collection::vec(prop::collection::vec(row, 1..12), 2..4).prop_map(|files| {
        let mut texts = vec![];
        for (i, rows) in files.iter().enumerate() {
            let mut text = "at,k,n,note\n".to_string();
            for (minute, k, n, odd) in rows {
                let (day, minute) = (1 + minute / 1440, minute % 1440);
                let n = if *odd == 0 { format!("{n}.5") } else { n.to_string() };
                let (hour, minute) = (minute / 60, minute % 60);
                text += &format!("2024-03-{day:02}T{hour:02}:{minute:02}:00Z,{k},{n},{i}x{odd}\n");
            }
            texts.push(text);
        }
        texts
    })
}

fn name(i: usize) -> String {
    format!("in/{i}.csv")
}

/// What a run of `job` over the files leaves where nothing is in place; `None` where it fails.
fn fresh(lab: &Lab, job: &Job, files: &[String], machine: Machine) -> Option<Left> {
    take(lab);
    files.iter().enumerate().for_each(|(i, file)| lab.write(&name(i), file));
    lab.caught_up(&job.toml(), machine).ok().map(|_| left(lab))
}

/// Whether the outputs of both have the same places: those that only the first has are left where they are.
fn alike(first: &Job, second: &Job) -> bool {
    first.archive == second.archive && (first.mode.is_empty() == second.mode.is_empty())
}

/// When each file of the outputs was written; rejects are written by every run.
fn outputs(lab: &Lab) -> BTreeMap<String, (u64, SystemTime)> {
    let mut written = lab.written("out");
    written.retain(|path, _| !path.contains("rejects"));
    written
}

fn failed(why: impl std::fmt::Display, first: &Job, second: &Job) -> TestCaseError {
    TestCaseError::fail(format!("{why}\n{}\nthen\n{}", first.toml(), second.toml()))
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn an_edited_job_leaves_what_a_fresh_run_of_it_leaves(
        (first, second) in edited(), files in logs(), more in any::<bool>(), machine in machine(),
    ) {
        prop_assume!(alike(&first, &second));
        let lab = Lab::new();
        // What comes later counts in a streamed job that keeps an archive, however late it is.
        let more = more && (!first.archive || first.mode.is_empty());
        let counted = if more { files.len() - 1 } else { files.len() };
        (0..counted).for_each(|i| lab.write(&name(i), &files[i]));
        prop_assume!(lab.caught_up(&first.toml(), machine).is_ok());
        let before = left(&lab);
        (counted..files.len()).for_each(|i| lab.write(&name(i), &files[i]));
        let outcome = lab.caught_up(&second.toml(), machine);
        let found = left(&lab);
        if outcome.is_ok() {
            let written = outputs(&lab);
            lab.caught_up(&second.toml(), machine).map_err(|e| failed(e, &first, &second))?;
            prop_assert!(outputs(&lab) == written, "the third run writes\n{}", second.toml());
        } else {
            prop_assert!(found == before, "a failed run has changed outputs");
        }
        match (outcome, fresh(&lab, &second, &files, machine)) {
            (Ok(_), Some(want)) => same(&found, &want).map_err(|why| failed(why, &first, &second))?,
            (Err(_), None) => {}
            (Err(error), Some(_)) => return Err(failed(error, &first, &second)),
            (Ok(_), None) => return Err(failed("a fresh run fails", &first, &second)),
        }
    }

    #[test]
    fn an_archive_stands_for_files_that_are_gone(
        (first, second) in edited(), files in logs(), machine in machine(),
    ) {
        let (first, second) = (Job { archive: true, mode: "", ..first }, Job { archive: true, mode: "", ..second });
        let lab = Lab::new();
        files.iter().enumerate().for_each(|(i, file)| lab.write(&name(i), file));
        prop_assume!(lab.caught_up(&first.toml(), machine).is_ok());
        std::fs::remove_file(lab.path(&name(0))).unwrap();
        let before = left(&lab);
        let reads_alike = (first.n, first.bad, first.zone) == (second.n, second.bad, second.zone);
        match lab.caught_up(&second.toml(), machine) {
            Ok(_) => {
                prop_assert!(reads_alike, "what is gone cannot be read otherwise");
                let found = left(&lab);
                let want = fresh(&lab, &second, &files, machine);
                prop_assert!(want.is_some());
                same(&found, &want.unwrap()).map_err(|why| failed(why, &first, &second))?;
            }
            Err(error) => {
                prop_assert!(!reads_alike, "{error}\n{}\n{}", first.toml(), second.toml());
                prop_assert!(left(&lab) == before, "a failed run has changed outputs");
            }
        }
    }
}
