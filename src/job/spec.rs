//! The job file as written: its form is checked here, its meaning in `validate`.

use super::document::{At, Document, Table, parse};
use crate::error::{Error, Result};
use std::ops::Range;

/// A job file's content, with the place of every value.
pub struct JobSpec {
    pub(super) document: Document,
    pub(super) name: Option<At<String>>,
    pub(super) timezone: Option<At<String>>,
    pub(super) memory: Option<At<String>>,
    pub(super) threads: Option<At<usize>>,
    pub(super) mode: Option<At<String>>,
    pub(super) source: SourceSpec,
    pub(super) steps: Vec<StepSpec>,
    pub(super) outputs: Vec<OutputSpec>,
    /// `path` of `[late]`.
    pub(super) late: Option<At<String>>,
}

/// `[source]`.
#[derive(Default)]
pub struct SourceSpec {
    pub span: Range<usize>,
    pub path: Vec<At<String>>,
    pub format: Option<At<String>>,
    pub time: Option<At<String>>,
    pub time_unit: Option<At<String>>,
    pub time_format: Option<At<String>>,
    pub types: Vec<(At<String>, At<String>)>,
    pub columns: Option<Vec<At<String>>>,
    pub delimiter: Option<At<String>>,
    pub on_bad_record: Option<At<String>>,
    pub rejects: Option<At<String>>,
    pub arrival: Option<At<String>>,
    pub partition: Option<At<String>>,
    pub idle: Option<At<String>>,
    pub max_ahead: Option<At<String>>,
    pub out_of_orderness: Option<At<String>>,
}

/// `[[step]]`.
pub enum StepSpec {
    Filter(At<String>),
    Derive(Vec<(At<String>, At<String>)>),
}

/// `[[output]]`.
pub struct OutputSpec {
    pub span: Range<usize>,
    pub path: Option<At<String>>,
    pub format: Option<At<String>>,
    pub window: Option<WindowSpec>,
    pub by: Vec<At<String>>,
    pub select: Vec<(At<String>, At<String>)>,
    pub having: Option<At<String>>,
    pub top: Option<TopSpec>,
    pub partition_by: Vec<At<String>>,
    pub mode: Option<At<String>>,
    pub firings: Option<At<bool>>,
}

/// `window = …`.
pub struct WindowSpec {
    pub kind: WindowKind,
    pub offset: Option<At<String>>,
    pub allowed_lateness: Option<At<String>>,
}

/// What kind of window, and its lengths.
pub enum WindowKind {
    Global,
    Tumbling { size: At<String> },
    Hopping { size: At<String>, slide: At<String> },
    Cumulative { size: At<String>, step: At<String> },
    Session { gap: At<String> },
}

/// `top = { n, by }`.
pub struct TopSpec {
    pub n: At<usize>,
    pub by: At<String>,
}

impl JobSpec {
    /// Parses the text of a job file; `file` is its name in errors.
    ///
    /// # Errors
    /// A job error that reports every fault of form: syntax, unknown keys, wrong types.
    pub fn parse(file: &str, text: &str) -> Result<JobSpec> {
        let document = Document::new(file, text);
        let table = parse(&document);
        if let Some(error) = document.faults() {
            return Err(error);
        }
        let end = 0..text.find('\n').unwrap_or(text.len());
        let top = Table::new(&document, "the job", table.get_ref(), end.clone());
        let (name, timezone) = (top.string("name"), top.string("timezone"));
        let (memory, threads) = (top.string("memory"), top.count("threads"));
        let mode = top.string("mode");
        let source = match top.table("source") {
            Some(table) => source(&document, &table),
            None => {
                document.fault(Error::job("the job has no [source]"), &end);
                SourceSpec::default()
            }
        };
        let steps = top.tables("step").iter().filter_map(|t| step(&document, t)).collect();
        let outputs: Vec<OutputSpec> = top.tables("output").iter().map(|t| output(&document, t)).collect();
        if outputs.is_empty() {
            document.fault(Error::job("the job has no [[output]]"), &end);
        }
        let late = top.table("late").and_then(|t| late(&document, &t));
        top.finish(&["table"]);
        drop(top);
        drop(table);
        match document.faults() {
            Some(error) => Err(error),
            None => {
                Ok(JobSpec { document, name, timezone, memory, threads, mode, source, steps, outputs, late })
            }
        }
    }
}

fn source(document: &Document, table: &Table) -> SourceSpec {
    let spec = SourceSpec {
        span: table.span.clone(),
        path: table.strings("path").unwrap_or_default(),
        format: table.string("format"),
        time: table.string("time"),
        time_unit: table.string("time_unit"),
        time_format: table.string("time_format"),
        types: table.pairs("types").unwrap_or_default(),
        columns: table.strings("columns"),
        delimiter: table.string("delimiter"),
        on_bad_record: table.string("on_bad_record"),
        rejects: table.string("rejects"),
        arrival: table.string("arrival"),
        partition: table.string("partition"),
        idle: table.string("idle"),
        max_ahead: table.string("max_ahead"),
        out_of_orderness: table.string("out_of_orderness"),
    };
    table.finish(&[]);
    if spec.path.is_empty() {
        document.fault(Error::job("[source] has no `path`"), &spec.span);
    }
    if spec.time.is_none() {
        document.fault(
            Error::job("[source] has no `time`").hint("name the column that holds each event's time"),
            &spec.span,
        );
    }
    spec
}

fn step(document: &Document, table: &Table) -> Option<StepSpec> {
    let (filter, derive) = (table.string("filter"), table.pairs("derive"));
    table.finish(&[
        "dedup",
        "within",
        "first",
        "as",
        "enrich",
        "on",
        "match",
        "take",
        "fill",
        "otherwise",
        "lookup",
    ]);
    match (filter, derive) {
        (Some(filter), None) => Some(StepSpec::Filter(filter)),
        (None, Some(derive)) => Some(StepSpec::Derive(derive)),
        (Some(_), Some(_)) => {
            let error = Error::job("a [[step]] does one thing: `filter` or `derive`");
            document.fault(error.hint("write two steps, in the order in which they apply"), &table.span);
            None
        }
        (None, None) => {
            document.fault(Error::job("a [[step]] needs `filter` or `derive`"), &table.span);
            None
        }
    }
}

fn output(document: &Document, table: &Table) -> OutputSpec {
    let spec = OutputSpec {
        span: table.span.clone(),
        path: table.string("path"),
        format: table.string("format"),
        window: table.string_or_table("window").and_then(|w| window(document, w)),
        by: table.strings("by").unwrap_or_default(),
        select: table.pairs("select").unwrap_or_default(),
        having: table.string("having"),
        top: table.table("top").and_then(|t| top(document, &t)),
        partition_by: table.strings("partition_by").unwrap_or_default(),
        mode: table.string("mode"),
        firings: table.flag("firings"),
    };
    let hint = "it belongs to the window: window = { tumbling = \"1m\", allowed_lateness = \"1h\" }";
    table.misplaced("allowed_lateness", hint);
    table.finish(&["of"]);
    if spec.path.is_none() {
        document.fault(
            Error::job("an [[output]] has no `path`").hint("a folder, a file, or \"-\" for the terminal"),
            &spec.span,
        );
    }
    spec
}

fn window(document: &Document, window: std::result::Result<At<String>, Table>) -> Option<WindowSpec> {
    let table = match window {
        Ok(name) if name.value == "global" => {
            return Some(WindowSpec { kind: WindowKind::Global, offset: None, allowed_lateness: None });
        }
        Ok(name) => {
            let error = Error::job(format!("unknown window `{}`", name.value));
            document.fault(error.hint("\"global\", or a table such as { tumbling = \"1m\" }"), &name.span);
            return None;
        }
        Err(table) => table,
    };
    let kinds = KINDS.map(|kind| (kind, table.string(kind)));
    let (slide, step) = (table.string("slide"), table.string("step"));
    let (offset, allowed_lateness) = (table.string("offset"), table.string("allowed_lateness"));
    table.finish(&[]);
    let kind = one_kind(document, &table)?;
    let size = kinds.into_iter().find(|(name, _)| *name == kind).and_then(|(_, size)| size);
    let fits = [
        fits(document, &table, kind, ("hopping", "slide"), "how far apart its windows start"),
        fits(document, &table, kind, ("cumulative", "step"), "how much longer each window is than the last"),
        kind != "session" || no_offset(document, &table),
    ];
    if fits.contains(&false) {
        return None;
    }
    // What is missing now was there and is no string, which is told already.
    let size = size?;
    let kind = match kind {
        "tumbling" => WindowKind::Tumbling { size },
        "hopping" => WindowKind::Hopping { size, slide: slide? },
        "cumulative" => WindowKind::Cumulative { size, step: step? },
        _ => WindowKind::Session { gap: size },
    };
    Some(WindowSpec { kind, offset, allowed_lateness })
}

/// The kinds of windows that have an end.
const KINDS: [&str; 4] = ["tumbling", "hopping", "cumulative", "session"];

/// The one kind that the table of a window names.
fn one_kind(document: &Document, table: &Table) -> Option<&'static str> {
    let named: Vec<&'static str> = KINDS.into_iter().filter(|kind| table.place_of(kind).is_some()).collect();
    let error = match named[..] {
        [kind] => return Some(kind),
        [] => Error::job("`window` needs `tumbling`, `hopping`, `cumulative` or `session`"),
        _ => Error::job(format!("a window is of one kind, and this one is `{}`", named.join("` and `"))),
    };
    document.fault(error, &table.span);
    None
}

/// Whether `key` is there when the window is of the kind that it goes with, and not otherwise.
fn fits(
    document: &Document,
    table: &Table,
    kind: &str,
    (of, key): (&'static str, &'static str),
    what: &str,
) -> bool {
    match (kind == of, table.place_of(key)) {
        (true, None) => {
            let error = Error::job(format!("`{of}` needs `{key}`: {what}"));
            document.fault(error, &table.span);
            false
        }
        (false, Some(place)) => {
            let error = Error::job(format!("`{key}` goes with `{of}`, and this window is `{kind}`"));
            document.fault(error, &place);
            false
        }
        _ => true,
    }
}

fn no_offset(document: &Document, table: &Table) -> bool {
    let Some(place) = table.place_of("offset") else { return true };
    let error = Error::job("a session has no `offset`");
    document.fault(error.hint("it starts with its first event"), &place);
    false
}

fn late(document: &Document, table: &Table) -> Option<At<String>> {
    let path = table.string("path");
    table.finish(&[]);
    if table.place_of("path").is_none() {
        let error = Error::job("[late] has no `path`");
        document
            .fault(error.hint("a .jsonl or .parquet file for the events that came too late"), &table.span);
    }
    path
}

fn top(document: &Document, table: &Table) -> Option<TopSpec> {
    let (n, by) = (table.count("n"), table.string("by"));
    table.finish(&[]);
    match (n, by) {
        (Some(n), Some(by)) => Some(TopSpec { n, by }),
        _ => {
            document
                .fault(Error::job("`top` needs `n` and `by`: { n = 3, by = \"total desc\" }"), &table.span);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that a table takes, by asking for one that it does not.
    fn keys(job: &str, table: &str) -> Vec<String> {
        let error = JobSpec::parse("job.toml", job).err().expect("an unknown key").to_string();
        let after =
            error.split(&format!("in {table}\n")).nth(1).unwrap_or_else(|| panic!("{table}: {error}"));
        let hint = after.lines().find_map(|line| line.trim().strip_prefix("hint: the keys are "));
        let mut keys: Vec<String> = hint.expect("the known keys").split(", ").map(String::from).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_json_schema_has_the_keys_that_are_read() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../data/job.schema.json")).unwrap();
        let job = "qqqqqqqqqq = 1\n[source]\nqqqqqqqqqq = 1\n[[step]]\nqqqqqqqqqq = 1\n\
            [[output]]\nqqqqqqqqqq = 1\nwindow = { qqqqqqqqqq = 1 }\ntop = { qqqqqqqqqq = 1 }\n\
            [late]\nqqqqqqqqqq = 1\n";
        for (table, path) in [
            ("the job", "/properties"),
            ("[source]", "/$defs/source/properties"),
            ("[[step]]", "/$defs/step/properties"),
            ("[[output]]", "/$defs/output/properties"),
            ("window", "/$defs/output/properties/window/oneOf/1/properties"),
            ("top", "/$defs/output/properties/top/properties"),
            ("[late]", "/$defs/late/properties"),
        ] {
            let mut known: Vec<String> =
                schema.pointer(path).unwrap().as_object().unwrap().keys().cloned().collect();
            known.sort();
            assert_eq!(keys(job, table), known, "{table}");
        }
    }

    #[test]
    fn all_faults_of_form_come_in_one_go() {
        let job = "nmae = \"x\"\n[source]\npath = 1\ntime = \"t\"\n[[step]]\nfilter = true\n[[output]]\npth = \"o\"\n";
        let error = JobSpec::parse("job.toml", job).err().unwrap().to_string();
        for part in [
            "unknown key `nmae`",
            "did you mean `name`?",
            "`path` must be a string",
            "`filter` must be",
            "unknown key `pth`",
            "job.toml:8:1",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
