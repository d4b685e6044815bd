//! `[[output]]`: windows, keys, and where the rows go.

use crate::error::Error;
use crate::job::document::{At, Document, Table};
use std::ops::Range;

/// `[[output]]`.
pub struct OutputSpec {
    pub span: Range<usize>,
    pub path: Option<At<String>>,
    pub format: Option<At<String>>,
    pub mirror: Option<At<String>>,
    pub key: Vec<At<String>>,
    pub window: Option<WindowSpec>,
    pub by: Vec<At<String>>,
    pub select: Vec<(At<String>, At<String>)>,
    pub having: Option<At<String>>,
    pub top: Option<TopSpec>,
    pub partition_by: Vec<At<String>>,
    pub mode: Option<At<String>>,
    pub firings: Option<At<bool>>,
    pub archive: Option<At<bool>>,
    pub state: Option<At<bool>>,
    /// Whether keys that say what its columns are could not be read.
    pub unread: bool,
}

/// An `[[output]]` whose path ends in `.html`: a page that shows other outputs.
pub struct PageSpec {
    pub span: Range<usize>,
    pub path: At<String>,
    pub title: Option<At<String>>,
    pub of: Vec<At<String>>,
}

/// Reads one `[[output]]` that is a page; `None` if it is none.
pub(super) fn page(document: &Document, table: &Table) -> Option<PageSpec> {
    let path = table.peek("path")?;
    if !is_page(path) && (table.peek("format") != Some("html") || crate::pg::is_url(path) || path == "-") {
        return None;
    }
    table.string("format");
    let spec = PageSpec {
        span: table.span.clone(),
        path: table.string("path")?,
        title: table.string("title"),
        of: table.strings("of").unwrap_or_default(),
    };
    for key in OF_ROWS {
        let Some(place) = table.place_of(key) else { continue };
        let error = Error::job(format!("a page has no `{key}`"));
        document.fault(error.hint("it shows other outputs of the job: name them by `of`"), &place);
    }
    table.finish();
    Some(spec)
}

/// Whether the output at `path` is a page.
fn is_page(path: &str) -> bool {
    let ends = path.len().checked_sub(".html".len()).and_then(|at| path.get(at..));
    ends.is_some_and(|end| end.eq_ignore_ascii_case(".html")) && !crate::pg::is_url(path)
}

/// The keys of an output that has rows.
const OF_ROWS: [&str; 12] = [
    "mirror",
    "key",
    "window",
    "by",
    "select",
    "having",
    "top",
    "partition_by",
    "mode",
    "firings",
    "archive",
    "state",
];

/// `window = …`.
pub struct WindowSpec {
    pub kind: WindowKind,
    pub offset: Option<At<String>>,
    pub allowed_lateness: Option<At<String>>,
}

/// What kind of window, and its lengths.
pub enum WindowKind {
    Global,
    Tumbling {
        size: At<String>,
    },
    Hopping {
        size: At<String>,
        slide: At<String>,
    },
    Cumulative {
        size: At<String>,
        step: At<String>,
    },
    Session {
        gap: At<String>,
    },
    /// After a fault.
    Unreadable,
}

/// `top = { n, by }`.
pub struct TopSpec {
    pub n: At<usize>,
    pub by: At<String>,
}

/// Reads one `[[output]]`.
pub(super) fn output(document: &Document, table: &Table) -> OutputSpec {
    let before = document.count();
    let (by, select) = (table.strings("by"), table.pairs("select"));
    let archive_flag = table.flag("archive");
    let unread = document.count() > before;
    let spec = OutputSpec {
        span: table.span.clone(),
        path: table.string("path"),
        format: table.string("format"),
        mirror: table.string("mirror"),
        key: table.strings("key").unwrap_or_default(),
        window: table.place_of("window").map(|_| {
            let window = table.string_or_table("window").and_then(|w| window(document, w));
            window.unwrap_or(WindowSpec {
                kind: WindowKind::Unreadable,
                offset: None,
                allowed_lateness: None,
            })
        }),
        by: by.unwrap_or_default(),
        select: select.unwrap_or_default(),
        having: table.string("having"),
        top: table.table("top").and_then(|t| top(document, &t)),
        partition_by: table.strings("partition_by").unwrap_or_default(),
        mode: table.string("mode"),
        firings: table.flag("firings"),
        archive: archive_flag,
        state: table.flag("state"),
        unread,
    };
    let hint = "it belongs to the window: window = { tumbling = \"1m\", allowed_lateness = \"1h\" }";
    table.misplaced("allowed_lateness", hint);
    if is_true(&spec.archive) {
        archive(document, table, &spec);
    }
    let (of, title) = (table.strings("of").is_some(), table.string("title").is_some());
    for key in [("of", of), ("title", title)].into_iter().filter_map(|(key, there)| there.then_some(key)) {
        let error = Error::job(format!("`{key}` is for a page, and this output is not a page"));
        let place = table.place_of(key).unwrap_or(spec.span.clone());
        document.fault(error.hint("a page is an [[output]] whose path ends in .html"), &place);
    }
    table.finish();
    if spec.path.is_none() {
        document.fault(
            Error::job("an [[output]] has no `path`")
                .hint("a folder, a file, postgres://…/table, a page (.html), or \"-\" for the terminal"),
            &spec.span,
        );
    }
    spec
}

/// Whether a flag is there and set.
pub fn is_true(flag: &Option<At<bool>>) -> bool {
    flag.as_ref().is_some_and(|flag| flag.value)
}

/// An archive has the records as they came: nothing of what an output makes of them.
fn archive(document: &Document, table: &Table, spec: &OutputSpec) {
    let keys = ["window", "by", "select", "having", "top", "mode"];
    let flags = [("firings", &spec.firings), ("state", &spec.state)];
    let keys =
        keys.into_iter().chain(flags.into_iter().filter(|(_, flag)| is_true(flag)).map(|(key, _)| key));
    for key in keys {
        let Some(place) = table.place_of(key) else { continue };
        let error = Error::job(format!("an archive has no `{key}`"));
        document.fault(
            error.hint("it contains all records of the source as they are read: write a second [[output]]"),
            &place,
        );
    }
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
    table.finish();
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
        _ => Error::job(format!("a window has one kind, but this one has `{}`", named.join("` and `"))),
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
            let error = Error::job(format!("`{key}` goes with `{of}`, but this window is `{kind}`"));
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

fn top(document: &Document, table: &Table) -> Option<TopSpec> {
    let (n, by) = (table.count("n"), table.string("by"));
    table.finish();
    match (n, by) {
        (Some(n), Some(by)) => Some(TopSpec { n, by }),
        _ => {
            document
                .fault(Error::job("`top` needs `n` and `by`: { n = 3, by = \"total desc\" }"), &table.span);
            None
        }
    }
}
