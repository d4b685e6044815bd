//! Random jobs and logs for backfills: the log lies in files, some of which come later than the others; and what
//! a backfill leaves, laid beside what a run over everything leaves.
//!
//! Rows of both sides share few keys and few instants, so that they tie, meet in windows and sessions, and flip
//! what depends on order. Files that come later lie before, between and after the others in the order of positions.

use crate::enrich_jobs::{Case, Made, Step};
use crate::enrich_random;
use crate::event_time_jobs::Window;
use crate::jobs::{self, Groups, Output};
use crate::laws;
use crate::log::{Cell, Kind, Log};
use crate::support::Lab;
use highwater::backfill::BackfillRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A case whose log comes in two instalments.
#[derive(Clone)]
pub struct Split {
    pub case: Case,
    pub archives: Vec<Archive>,
    /// In the order of positions.
    pub files: Vec<LogFile>,
}

/// A file of the log.
#[derive(Debug, Clone)]
pub struct LogFile {
    /// Below the lab; in `early/` or `zlate/` it is outside of the job's source.
    pub name: String,
    pub log: Log,
    /// Whether it comes later.
    pub added: bool,
}

/// An archive of the job's source.
#[derive(Debug, Clone)]
pub struct Archive {
    pub format: &'static str,
    pub partition_by: Vec<&'static str>,
}

/// Which steps the job has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Steps {
    /// A filter and a derived column at most.
    Plain,
    /// Any but `dedup` and `first`.
    Orderless,
    /// Any but `dedup`.
    Firsts,
    Any,
}

pub fn steps() -> impl Strategy<Value = Steps> {
    prop_oneof![4 => Just(Steps::Plain), 2 => Just(Steps::Orderless), 1 => Just(Steps::Firsts), 2 => Just(Steps::Any)]
}

/// A case over a log of at most so many rows. `simple` says whether all groups have to be of the kind whose stored
/// values take new events; otherwise some are.
pub fn split(
    most: usize,
    steps: impl Strategy<Value = Steps> + 'static,
    simple: bool,
    archives: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = Split> {
    let case = steps.prop_flat_map(move |steps| match steps {
        Steps::Plain => (jobs::job(), jobs::log(most, false))
            .prop_map(|(job, log)| Case { job, log, tables: vec![], steps: vec![] })
            .boxed(),
        Steps::Orderless => enrich_random::complete(most).prop_map(orderless).boxed(),
        Steps::Firsts => enrich_random::complete(most).prop_map(without_dedup).boxed(),
        Steps::Any => enrich_random::complete(most).boxed(),
    });
    let simplified = vec(proptest::bool::weighted(if simple { 1.0 } else { 0.5 }), 3);
    let coarse = vec(proptest::bool::weighted(0.4), 3);
    let having = proptest::option::of(0..3usize);
    let top = proptest::option::of((1..3usize, select(vec!["c desc", "c"])));
    let kept = vec(proptest::option::weighted(0.4, (having, top, any::<bool>())), 3);
    let parts = (case, (simplified, kept), coarse, any::<bool>(), vec(archive(), archives), layout());
    parts.prop_map(move |(mut case, (simplified, kept), coarse, events, archives, layout)| {
        let x = case.job.derive.map(|d| jobs::DERIVES[d].1);
        for ((output, simple), coarse) in case.job.outputs.iter_mut().zip(simplified).zip(coarse) {
            let Some(groups) = &mut output.groups else { continue };
            if simple {
                simplify(groups, x);
            }
            if coarse {
                // Few groups of many events, so that some change sides.
                groups.by.truncate(1);
                let by = &groups.by;
                let own = |part: &&str| ["year", "month", "date", "hour"].contains(part) || by.contains(part);
                output.partition_by.retain(own);
            }
        }
        for (output, kept) in case.job.outputs.iter_mut().zip(kept) {
            let Some((having, top, keyed)) = kept else { continue };
            keep_state(output);
            let Some(groups) = output.groups.as_mut().filter(|_| output.state && !simple) else { continue };
            (groups.having, groups.top) = (groups.having.or(having), groups.top.or(top));
            let key = groups.by.iter().find(|key| ["k", "n", "b", "d"].contains(key));
            if let Some(key) = key.filter(|key| keyed && !output.partition_by.contains(key)) {
                output.partition_by.push(key);
            }
        }
        if events && !case.steps.is_empty() && case.job.outputs.iter().all(|output| output.groups.is_some()) {
            // What steps did shows best in events.
            case.job.outputs.push(Output {
                format: "jsonl",
                partition_by: vec![],
                groups: None,
                state: false,
            });
        }
        let files = layout.files(&case.log);
        Split { case, archives, files }
    })
}

/// Keeps the state of an output, without the aggregates that have none; not of sessions and of events.
pub fn keep_state(output: &mut Output) {
    let Some(groups) = output.groups.as_mut() else { return };
    if matches!(groups.window, Window::Session { .. }) {
        return;
    }
    let none = [
        "approx_count_distinct",
        "median",
        "quantile",
        "first",
        "last",
        "arg_min",
        "arg_max",
        "mode",
        "string_agg",
    ];
    groups.aggregates.retain(|(name, _)| !none.contains(name) && !name.ends_with("distinct"));
    let first = groups.aggregates.first();
    if let Some((_, by)) = &mut groups.top
        && by.contains("a0")
        && first.is_none_or(|(name, _)| jobs::is_near(name))
    {
        *by = "c desc";
    }
    groups.having = groups.having.filter(|&having| having != 3 || first.is_some());
    output.state = true;
}

fn without_dedup(mut case: Case) -> Case {
    case.steps.retain(|step| !matches!(step, Step::Dedup { .. }));
    case
}

/// Without steps that depend on order: what they flagged is flagged otherwise.
fn orderless(case: Case) -> Case {
    let mut case = without_dedup(case);
    for step in &mut case.steps {
        if let Step::First { by, name } = step {
            *step = Step::Derive(name, Made::Missing(by[0]));
        }
    }
    case
}

/// Aggregates of which the stored value and a new event give the new value.
const DISTRIBUTIVE: [&str; 11] = [
    "count",
    "count_if",
    "regr_count",
    "sum",
    "min",
    "max",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
];

pub fn simplify(groups: &mut Groups, x: Option<Kind>) {
    (groups.having, groups.top, groups.computed) = (None, None, false);
    groups.aggregates.retain(|aggregate| is_distributive(aggregate, x));
}

fn is_distributive((name, args): &(&str, Vec<&str>), x: Option<Kind>) -> bool {
    let float = args[0] == "f" || args[0] == "x" && x == Some(Kind::Float);
    DISTRIBUTIVE.contains(name) && !(*name == "sum" && float)
}

pub fn archive() -> impl Strategy<Value = Archive> {
    let parts = vec![
        vec![],
        vec![],
        vec!["date"],
        vec!["date", "hour"],
        vec!["date", "hour"],
        vec!["year", "month"],
        vec!["hour"],
    ];
    (select(vec!["parquet", "parquet", "jsonl", "csv"]), select(parts))
        .prop_map(|(format, partition_by)| Archive { format, partition_by })
}

/// How a log is laid into files.
#[derive(Debug, Clone)]
struct Layout {
    numbers: Vec<usize>,
    folders: Vec<&'static str>,
    formats: Vec<&'static str>,
    /// Files that come later.
    added: usize,
    /// Per mille of the rows in them.
    share: usize,
}

fn layout() -> impl Strategy<Value = Layout> {
    let folder = prop_oneof![5 => Just(""), 1 => Just("early/"), 1 => Just("zlate/")];
    let format = select(vec!["csv", "jsonl", "parquet", "csv.gz", "jsonl.zst"]);
    let formats = prop_oneof![
        4 => format.clone().prop_map(|one| vec![one; 5]),
        1 => vec(format, 5),
    ];
    (
        subsequence((1..=12).collect::<Vec<usize>>(), 2..=5).prop_shuffle(),
        vec(folder, 5),
        formats,
        1..=3usize,
        select(vec![0, 0, 10, 50, 200, 600]),
    )
        .prop_map(|(numbers, folders, formats, added, share)| Layout {
            numbers,
            folders,
            formats,
            added,
            share,
        })
}

impl Layout {
    fn files(&self, log: &Log) -> Vec<LogFile> {
        let mut rows = log.rows.clone();
        if rows.len() < 2 {
            rows.push(rows[0].clone());
        }
        // No file without a row.
        let count = self.numbers.len().min(rows.len());
        let added = self.added.min(count - 1);
        let later = (rows.len() * self.share / 1000).clamp(added, rows.len() - (count - added));
        let even = |from: usize, to: usize, of: usize, i: usize| from + (to - from) * i / of;
        let mut files = vec![];
        for i in 0..count {
            let is_added = i < added;
            let (from, to, of, n) =
                if is_added { (0, later, added, i) } else { (later, rows.len(), count - added, i - added) };
            let range = even(from, to, of, n)..even(from, to, of, n + 1);
            let folder = if is_added { self.folders[i] } else { "" };
            let name = format!("{folder}log{}.{}", self.numbers[i], self.formats[i]);
            files.push(LogFile {
                name,
                log: Log { columns: log.columns.clone(), rows: rows[range].to_vec() },
                added: is_added,
            });
        }
        // A file is known by its content, so no two have one.
        for i in 1..files.len() {
            let (before, rest) = files.split_at_mut(i);
            if before.iter().any(|file| file.log.rows == rest[0].log.rows) {
                let note = log.index("note");
                rest[0].log.rows.iter_mut().for_each(|row| row[note] = Cell::Text(format!("again {i}")));
            }
        }
        files.sort_by_key(|file| place(&file.name));
        files
    }
}

/// Natural order of the paths: folders beside files by name, and numbers as numbers.
fn place(name: &str) -> (usize, usize) {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("log", name));
    let number = file["log".len()..].split('.').next().unwrap();
    (["early", "log", "zlate"].iter().position(|f| *f == folder).unwrap(), number.parse().unwrap())
}

impl Split {
    /// The job over its source.
    pub fn job(&self) -> String {
        let mut toml = self.case.toml("");
        for (i, archive) in self.archives.iter().enumerate() {
            toml.push_str(&archive.toml(&format!("archive{i}")));
        }
        toml
    }

    /// The job over all of the files.
    pub fn job_over_all(&self) -> String {
        let mut paths = vec!["\"@/log*\""];
        for (folder, pattern) in [("early/", "\"@/early/*\""), ("zlate/", "\"@/zlate/*\"")] {
            paths.extend(self.files.iter().any(|f| f.name.starts_with(folder)).then_some(pattern));
        }
        self.job().replace("path = \"@/log*\"", &format!("path = [{}]", paths.join(", ")))
    }

    /// The files that come later, or the others.
    pub fn side(&self, added: bool) -> impl Iterator<Item = &LogFile> {
        self.files.iter().filter(move |file| file.added == added)
    }

    pub fn write(&self, lab: &Lab, added: bool) {
        self.side(added).for_each(|file| laws::write(lab, &file.name, &file.log));
    }

    pub fn remove(&self, lab: &Lab, added: bool) {
        self.side(added).for_each(|file| std::fs::remove_file(lab.path(&file.name)).unwrap());
    }

    /// The files that come later, as they are given to a backfill.
    pub fn given(&self) -> Vec<PathBuf> {
        self.side(true).map(|file| PathBuf::from(format!("@/{}", file.name))).collect()
    }

    /// All rows in the order of positions, and the files that they lie in; without those that come later, or with.
    pub fn log(&self, with_added: bool) -> (Log, Vec<(String, usize)>) {
        let files = || self.files.iter().filter(|file| with_added || !file.added);
        let rows = files().flat_map(|file| file.log.rows.clone()).collect();
        let names = files().map(|file| (file.name.clone(), file.log.rows.len())).collect();
        (Log { columns: self.case.log.columns.clone(), rows }, names)
    }

    /// Whether a step depends on order, so that an early event changes what later ones are.
    pub fn depends_on_order(&self) -> bool {
        self.case.steps.iter().any(|step| matches!(step, Step::Dedup { .. } | Step::First { .. }))
    }

    /// The type of the column that the job derives.
    pub fn x(&self) -> Option<Kind> {
        self.case.job.derive.map(|d| jobs::DERIVES[d].1)
    }
}

impl Archive {
    /// `[[output]]` of a job; `name` is that of the folder or, with the extension, of the file.
    pub fn toml(&self, name: &str) -> String {
        let file =
            if self.partition_by.is_empty() { format!("{name}.{}", self.format) } else { name.to_string() };
        format!(
            "[[output]]\npath = \"@/out/{file}\"\nformat = \"{}\"\narchive = true\npartition_by = {:?}\n",
            self.format, self.partition_by
        )
    }
}

/// Whether new events can be merged into the stored values of this output of groups.
pub fn merges(output: &Output, x: Option<Kind>) -> bool {
    let Some(groups) = &output.groups else { return false };
    let plain = groups.having.is_none() && groups.top.is_none() && !groups.computed;
    // JSON has no word for floats that are no numbers, so a file does not tell all.
    let floats = |(name, args): &(&str, Vec<&str>)| args[0] == "f" && ["min", "max"].contains(name);
    let told = output.format != "jsonl" || !groups.by.contains(&"f") && !groups.aggregates.iter().any(floats);
    plain
        && told
        && !matches!(groups.window, Window::Session { .. })
        && groups.aggregates.iter().all(|aggregate| is_distributive(aggregate, x))
}

/// Cases are shown as their job files and logs.
impl std::fmt::Debug for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.job_over_all())?;
        let text = |log: &Log| String::from_utf8_lossy(&log.csv()).into_owned();
        for (_, table) in self.case.used() {
            writeln!(f, "{} as {} cut at {:?}\n{}", table.name, table.format, table.cuts, text(&table.log))?;
        }
        for file in &self.files {
            let when = if file.added { " (later)" } else { "" };
            writeln!(f, "{}{when}\n{}", file.name, text(&file.log))?;
        }
        Ok(())
    }
}

/// A request for these files.
pub fn request(files: Vec<PathBuf>) -> BackfillRequest {
    BackfillRequest { files, shown: usize::MAX, ..BackfillRequest::default() }
}

/// Bytes by path.
pub type Left = BTreeMap<String, Vec<u8>>;

/// What lies below `out`, less the history of backfills.
pub fn left(lab: &Lab) -> Left {
    let mut files = lab.files("out");
    files.retain(|path, _| !path.contains("/changes/"));
    files
}

/// Removes `out`, and gives what lay in it.
pub fn take(lab: &Lab) -> Left {
    let left = left(lab);
    std::fs::remove_dir_all(lab.path("out")).unwrap();
    left
}

/// Says where `found` is not what is wanted: files, fields of manifests, first lines.
pub fn same(found: &Left, want: &Left) -> Result<(), String> {
    let mut wrong = vec![];
    for path in want.keys().chain(found.keys().filter(|path| !want.contains_key(*path))) {
        match (found.get(path), want.get(path)) {
            (None, _) => wrong.push(format!("{path} is missing")),
            (_, None) => wrong.push(format!("{path} is too much")),
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => wrong.push(format!("{path}: {}", difference(path, a, b))),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn difference(path: &str, found: &[u8], want: &[u8]) -> String {
    if path.ends_with(".json") {
        let parse = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(serde_json::Value::Null);
        let mut fields = vec![];
        fields_that_differ("", &parse(found), &parse(want), &mut fields);
        return fields.join("\n    ");
    }
    if path.ends_with(".parquet") {
        let rows = |bytes| crate::results::read("parquet", bytes, "UTC");
        let (found, want) = (rows(found), rows(want));
        let row = (0..found.len().max(want.len())).find(|&i| found.get(i) != want.get(i));
        return match row {
            Some(i) => format!("row {i} is\n    {:?} and not\n    {:?}", found.get(i), want.get(i)),
            None => "the same rows in other bytes".into(),
        };
    }
    let (found, want) = (String::from_utf8_lossy(found), String::from_utf8_lossy(want));
    let (found, want): (Vec<&str>, Vec<&str>) = (found.lines().collect(), want.lines().collect());
    let line = (0..found.len().max(want.len())).find(|&i| found.get(i) != want.get(i)).unwrap_or(0);
    format!("line {} is\n    {:?} and not\n    {:?}", line + 1, found.get(line), want.get(line))
}

fn fields_that_differ(at: &str, found: &serde_json::Value, want: &serde_json::Value, out: &mut Vec<String>) {
    use serde_json::Value::{Array, Null, Object};
    match (found, want) {
        (Object(a), Object(b)) => {
            for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
                let of = |object: &serde_json::Map<_, _>| object.get(name).cloned().unwrap_or(Null);
                fields_that_differ(&format!("{at}.{name}"), &of(a), &of(b), out);
            }
        }
        (Array(a), Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                fields_that_differ(&format!("{at}[{i}]"), a, b, out);
            }
        }
        (a, b) if a != b => out.push(format!("{at} is {a} and not {b}")),
        _ => {}
    }
}
