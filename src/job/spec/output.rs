//! `[[output]]`: windows, keys, and where the rows go.

use super::catalog::{CatalogSpec, catalog};
use super::variant::variant;
use crate::error::Error;
use crate::job::document::{At, Document};
use crate::job::keys::output as keys;
use crate::job::reader::TableReader;
use std::ops::Range;

/// `[[output]]`.
pub struct OutputSpec {
    pub span: Range<usize>,
    pub path: Option<At<String>>,
    pub format: Option<At<String>>,
    pub table: Option<At<String>>,
    pub catalog: Option<CatalogSpec>,
    pub mirror: Option<At<String>>,
    pub table_timezone: Option<At<String>>,
    pub key: Vec<At<String>>,
    pub window: Option<WindowSpec>,
    pub by: Vec<At<String>>,
    pub select: Vec<(At<String>, At<String>)>,
    pub columns: Vec<(At<String>, At<String>)>,
    pub having: Option<At<String>>,
    pub top: Option<TopSpec>,
    pub partition_by: Vec<At<String>>,
    pub mode: Option<At<String>>,
    pub firings: Option<At<bool>>,
    pub emit: Option<At<String>>,
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
pub(super) fn page(table: &TableReader) -> Option<PageSpec> {
    let path = table.peek("path")?;
    if !is_page(path) && (table.peek("format") != Some("html") || crate::pg::is_url(path) || path == "-") {
        return None;
    }
    // The path has told what it is: the key is read only because `finish` wants every key read.
    table.get(keys::FORMAT);
    let spec = PageSpec {
        span: table.span.clone(),
        path: table.get(keys::PATH)?,
        title: table.get(keys::TITLE),
        of: table.get(keys::OF).unwrap_or_default(),
    };
    for key in keys::OUTPUT.names().filter(|key| !keys::OF_PAGES.contains(key)) {
        let error = Error::job(format!("a page has no `{key}`"));
        table.refuse(key, error.hint("it shows other outputs of the job: name them by `of`"));
    }
    table.finish();
    Some(spec)
}

/// Whether the output at `path` is a page.
fn is_page(path: &str) -> bool {
    // A path may be shorter, or have a character of several bytes there: neither may panic.
    let ends = path.len().checked_sub(".html".len()).and_then(|at| path.get(at..));
    ends.is_some_and(|end| end.eq_ignore_ascii_case(".html")) && !crate::pg::is_url(path)
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
pub(super) fn output(document: &Document, table: &TableReader) -> OutputSpec {
    // A fault of these keys leaves open which columns the output has.
    let before = document.count();
    let (by, select, archive) = (table.get(keys::BY), table.get(keys::SELECT), table.get(keys::ARCHIVE));
    let columns = table.get(keys::COLUMNS);
    let unread = document.count() > before;
    let spec = OutputSpec {
        span: table.span.clone(),
        path: table.get(keys::PATH),
        format: table.get(keys::FORMAT),
        table: table.get(keys::TABLE_FORMAT),
        catalog: catalog(table),
        mirror: table.get(keys::MIRROR),
        table_timezone: table.get(keys::TABLE_TIMEZONE),
        key: table.get(keys::KEY).unwrap_or_default(),
        window: window(document, table),
        by: by.unwrap_or_default(),
        select: select.unwrap_or_default(),
        columns: columns.unwrap_or_default(),
        having: table.get(keys::HAVING),
        top: table.get(keys::FIRST_GROUPS).and_then(|table| top(&table)),
        partition_by: table.get(keys::PARTITION_BY).unwrap_or_default(),
        mode: table.get(keys::MODE),
        firings: table.get(keys::FIRINGS),
        emit: table.get(keys::EMIT),
        archive,
        state: table.get(keys::STATE),
        unread,
    };
    if is_true(&spec.archive) {
        refuse_in_archive(table);
    }
    for key in keys::OF_PAGES_ONLY {
        let error = Error::job(format!("`{key}` is for a page, and this output is not a page"));
        table.refuse(key, error.hint("a page is an [[output]] whose path ends in .html"));
    }
    table.finish();
    spec
}

/// Whether a flag is there and set.
pub fn is_true(flag: &Option<At<bool>>) -> bool {
    flag.as_ref().is_some_and(|flag| flag.value)
}

/// Faults what an archive cannot have: it has the records as they came, and nothing of what an output makes of them.
fn refuse_in_archive(table: &TableReader) {
    // `firings = false` asks for nothing, so only a flag that is set is a fault.
    let flags = keys::FALSE_IN_ARCHIVES.into_iter().filter(|flag| table.is_set(flag.about.name));
    for key in keys::NOT_OF_ARCHIVES.into_iter().chain(flags.map(|flag| flag.about.name)) {
        let error = Error::job(format!("an archive has no `{key}`"));
        let hint = "it contains all records of the source as they are read: write a second [[output]]";
        table.refuse(key, error.hint(hint));
    }
}

/// The window of an output, if it has one.
fn window(document: &Document, output: &TableReader) -> Option<WindowSpec> {
    let value = output.get(keys::WINDOWS);
    // A window that cannot be read must not make this an output without a window.
    output.place_of("window")?;
    Some(value.and_then(|value| read_window(document, value)).unwrap_or(WindowSpec {
        kind: WindowKind::Unreadable,
        offset: None,
        allowed_lateness: None,
    }))
}

fn read_window(document: &Document, window: Result<At<String>, TableReader>) -> Option<WindowSpec> {
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
    let (tumbling, session) = (table.get(keys::TUMBLING), table.get(keys::SESSION));
    let (hopping, slide) = (table.get(keys::HOPPING), table.get(keys::SLIDE));
    let (cumulative, step) = (table.get(keys::CUMULATIVE), table.get(keys::STEP));
    let (offset, allowed_lateness) = (table.get(keys::OFFSET), table.get(keys::ALLOWED_LATENESS));
    table.finish();
    let (kind, right) = variant(document, &table)?;
    // A value that is missing here was there, and is not a string: that is a fault already.
    let kind = match kind {
        "tumbling" => WindowKind::Tumbling { size: tumbling? },
        "hopping" => WindowKind::Hopping { size: hopping?, slide: slide? },
        "cumulative" => WindowKind::Cumulative { size: cumulative?, step: step? },
        _ => WindowKind::Session { gap: session? },
    };
    right.then_some(WindowSpec { kind, offset, allowed_lateness })
}

fn top(table: &TableReader) -> Option<TopSpec> {
    let (n, by) = (table.get(keys::N), table.get(keys::TOP_BY));
    table.finish();
    // A key that is missing has been told by `finish`.
    Some(TopSpec { n: n?, by: by? })
}
