//! `[[step]]`: what happens to events before they are grouped.

use super::log::LogSpec;
use crate::error::Error;
use crate::job::document::{At, Document, Literal, Table};
use std::ops::Range;

/// Names with what they stand for, in the order written.
pub type Names = Vec<(At<String>, At<String>)>;

/// `[[step]]`.
pub enum StepSpec {
    Filter(At<String>),
    Derive(Names),
    Dedup {
        keys: Vec<At<String>>,
        within: Option<At<String>>,
    },
    First {
        keys: Vec<At<String>>,
        name: At<String>,
    },
    Enrich(EnrichSpec),
    Lookup {
        lookup: LookupSpec,
        otherwise: Vec<OtherwiseSpec>,
    },
    /// After a fault: what columns it appends is not known.
    Unreadable,
}

/// `enrich = "TABLE"`.
pub struct EnrichSpec {
    pub table: At<String>,
    /// Columns of the events, and of the table.
    pub on: Names,
    pub reach: ReachSpec,
    /// New columns, and those of the table.
    pub take: Names,
    pub fill: Option<At<String>>,
    pub otherwise: Vec<OtherwiseSpec>,
}

/// `match`, `inclusive` and `within`.
pub struct ReachSpec {
    pub direction: Option<At<String>>,
    pub inclusive: Option<At<bool>>,
    pub within: Option<At<String>>,
}

/// `lookup = …` with its keys.
pub struct LookupSpec {
    pub span: Range<usize>,
    pub from: LookupFrom,
    /// New columns, and columns of the file or JSON pointers.
    pub take: Option<Names>,
}

/// What is looked into.
pub enum LookupFrom {
    Files { log: Box<LogSpec>, on: Option<Names> },
    Service(Box<ServiceSpec>),
}

/// A service and how it is asked.
pub struct ServiceSpec {
    pub url: At<String>,
    /// Names and values.
    pub headers: Names,
    pub types: Names,
    pub in_flight: Option<At<usize>>,
    pub timeout: Option<At<String>>,
    pub retries: Option<At<usize>>,
    pub backoff: Option<At<String>>,
    pub on_failure: Option<At<String>>,
}

/// An item of `otherwise`.
pub enum OtherwiseSpec {
    Match(ReachSpec),
    Lookup(Box<LookupSpec>),
    Constant { span: Range<usize>, values: Vec<(At<String>, At<Literal>)> },
}

/// A kind of table, and the keys that go with it.
type KindKeys = (&'static str, &'static [&'static [&'static str]]);

/// What a step may be.
const STEPS: [KindKeys; 6] = [
    ("filter", &[]),
    ("derive", &[]),
    ("dedup", &[&["within"]]),
    ("first", &[&["as"]]),
    ("enrich", &[&["on", "match", "inclusive", "within", "take", "fill", "otherwise"]]),
    ("lookup", &[&LOOKUP, &["otherwise"]]),
];

/// What an item of `otherwise` may be.
const OTHERWISE: [KindKeys; 3] =
    [("match", &[&["inclusive", "within"]]), ("lookup", &[&LOOKUP]), ("constant", &[])];

/// The keys of a lookup, in files or by a service.
const LOOKUP: [&str; 12] = [
    "on",
    "take",
    "types",
    "format",
    "columns",
    "delimiter",
    "headers",
    "in_flight",
    "timeout",
    "retries",
    "backoff",
    "on_failure",
];

/// The keys of a lookup in files only.
const OF_FILES: [&str; 4] = ["on", "format", "columns", "delimiter"];

/// The keys of a lookup by a service only.
const OF_SERVICES: [&str; 6] = ["headers", "in_flight", "timeout", "retries", "backoff", "on_failure"];

/// Reads one `[[step]]`.
pub(super) fn step(document: &Document, table: &Table) -> StepSpec {
    read(document, table).unwrap_or(StepSpec::Unreadable)
}

fn read(document: &Document, table: &Table) -> Option<StepSpec> {
    let (filter, derive) = (table.string("filter"), table.pairs("derive"));
    let (dedup, first, name) = (table.strings("dedup"), table.strings("first"), table.string("as"));
    let (enrich, reach, fill) = (table.string("enrich"), reach(table), table.string("fill"));
    let lookup = LookupKeys::read(document, table);
    let otherwise = table.tables("otherwise");
    let otherwise: Vec<OtherwiseSpec> =
        otherwise.iter().filter_map(|item| self::otherwise(document, item)).collect();
    table.finish();
    let kind = one_kind(document, table, "a [[step]]", &STEPS)?;
    let needs = |key, hint: &str| needs(document, table, kind, key, hint);
    match kind {
        "filter" => filter.map(StepSpec::Filter),
        "derive" => derive.map(StepSpec::Derive),
        "dedup" => {
            let keys = some_keys(document, table, kind, dedup)?;
            Some(StepSpec::Dedup { keys, within: reach.within })
        }
        "first" => {
            let (keys, named) = (some_keys(document, table, kind, first), needs("as", "as = \"isFirst\""));
            Some(StepSpec::First { keys: keys?, name: name.filter(|_| named)? })
        }
        "enrich" => {
            let right = [needs("on", ON), needs("take", TAKE)];
            let right = right == [true; 2];
            let (on, take) = (lookup.on?, lookup.take?);
            right
                .then_some(EnrichSpec { table: enrich?, on, reach, take, fill, otherwise })
                .map(StepSpec::Enrich)
        }
        _ => {
            let take = needs("take", "take = { country = \"/country\" }");
            let lookup = lookup.lookup(document, table)?;
            let on = !matches!(lookup.from, LookupFrom::Files { .. }) || needs("on", ON);
            (take && on).then_some(StepSpec::Lookup { lookup, otherwise })
        }
    }
}

const ON: &str = "columns of the events and the columns they are matched with: on = { userId = \"id\" }";
const TAKE: &str = "new columns and where they come from: take = { country = \"countryCode\" }";

fn reach(table: &Table) -> ReachSpec {
    ReachSpec {
        direction: table.string("match"),
        inclusive: table.flag("inclusive"),
        within: table.string("within"),
    }
}

fn otherwise(document: &Document, table: &Table) -> Option<OtherwiseSpec> {
    let (reach, lookup) = (reach(table), LookupKeys::read(document, table));
    let constant = table.literals("constant");
    table.misplaced("otherwise", "the items of `otherwise` are tried in turn: put it after this one");
    table.finish();
    match one_kind(document, table, "an item of `otherwise`", &OTHERWISE)? {
        "match" => reach.direction.is_some().then_some(OtherwiseSpec::Match(reach)),
        "lookup" => lookup.lookup(document, table).map(|l| OtherwiseSpec::Lookup(Box::new(l))),
        _ => Some(OtherwiseSpec::Constant { span: table.span.clone(), values: constant? }),
    }
}

/// The one kind that a table is of. Faults keys that go with others.
fn one_kind(document: &Document, table: &Table, what: &str, kinds: &[KindKeys]) -> Option<&'static str> {
    let names: Vec<&'static str> = kinds.iter().map(|(kind, _)| *kind).collect();
    let named: Vec<&'static str> =
        names.iter().copied().filter(|kind| table.place_of(kind).is_some()).collect();
    let kind = match named[..] {
        [kind] => kind,
        [] => {
            document.fault(Error::job(format!("{what} needs {}", listed(&names, "or"))), &table.span);
            return None;
        }
        _ => {
            let named = listed(&named, "and");
            let error = Error::job(format!("{what} does one thing, but this one has {named}"));
            let hint = match what {
                "a [[step]]" => "write two steps, in the order in which they apply",
                _ => "write two items, in the order in which they are tried",
            };
            document.fault(error.hint(hint), &table.span);
            return None;
        }
    };
    let goes = |key: &str, of: &str| {
        kinds.iter().any(|(kind, keys)| *kind == of && keys.iter().any(|keys| keys.contains(&key)))
    };
    let mut wrong: Vec<&str> = vec![];
    for key in kinds.iter().flat_map(|(_, keys)| *keys).flat_map(|keys| *keys) {
        let Some(place) = table.place_of(key).filter(|_| !goes(key, kind) && !wrong.contains(key)) else {
            continue;
        };
        wrong.push(key);
        let with: Vec<&str> = names.iter().copied().filter(|name| goes(key, name)).collect();
        let with = listed(&with, "or");
        document.fault(Error::job(format!("`{key}` goes with {with}, but this is `{kind}`")), &place);
    }
    wrong.is_empty().then_some(kind)
}

/// `a`, `b` or `c`.
fn listed(names: &[&str], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// Whether `key` is there.
fn needs(document: &Document, table: &Table, kind: &str, key: &'static str, hint: &str) -> bool {
    let there = table.place_of(key).is_some();
    if !there {
        document.fault(Error::job(format!("`{kind}` needs `{key}`")).hint(hint), &table.span);
    }
    there
}

fn some_keys(
    document: &Document,
    table: &Table,
    kind: &'static str,
    keys: Option<Vec<At<String>>>,
) -> Option<Vec<At<String>>> {
    let keys = keys?;
    if keys.is_empty() {
        let error = Error::job(format!("`{kind}` does not name a column"));
        let place = table.place_of(kind).unwrap_or(table.span.clone());
        document.fault(error.hint(format!("{kind} = [\"userId\"]: the columns of the key")), &place);
        return None;
    }
    Some(keys)
}

/// The keys of a lookup, before it is known of which kind it is.
struct LookupKeys {
    lookup: Option<Vec<At<String>>>,
    on: Option<Names>,
    take: Option<Names>,
    log: LogSpec,
    headers: Option<Names>,
    in_flight: Option<At<usize>>,
    timeout: Option<At<String>>,
    retries: Option<At<usize>>,
    backoff: Option<At<String>>,
    on_failure: Option<At<String>>,
}

impl LookupKeys {
    fn read(document: &Document, table: &Table) -> LookupKeys {
        let names = |key| {
            if table.is_empty(key) {
                let place = table.place_of(key).unwrap_or(table.span.clone());
                document.fault(Error::job(format!("`{key}` does not name a column")), &place);
            }
            table.names(key)
        };
        LookupKeys {
            lookup: table.strings("lookup"),
            on: names("on"),
            take: names("take"),
            log: LogSpec {
                span: table.span.clone(),
                types: table.pairs("types").unwrap_or_default(),
                format: table.string("format"),
                columns: table.strings("columns"),
                delimiter: table.string("delimiter"),
                ..LogSpec::default()
            },
            headers: table.texts("headers"),
            in_flight: table.count("in_flight"),
            timeout: table.string("timeout"),
            retries: table.whole("retries", 0),
            backoff: table.string("backoff"),
            on_failure: table.string("on_failure"),
        }
    }

    /// The lookup. Faults the keys of the other kind.
    fn lookup(self, document: &Document, table: &Table) -> Option<LookupSpec> {
        let mut from = self.lookup?;
        let span = table.place_of("lookup").unwrap_or(table.span.clone());
        if from.is_empty() {
            document.fault(Error::job("`lookup` does not name a file or a service"), &span);
            return None;
        }
        let url = |text: &At<String>| text.value.contains("://");
        let service = from.iter().any(url);
        if let Some(other) = from.iter().find(|_| service && from.len() > 1) {
            let error = Error::job("a lookup queries one service or reads files");
            document.fault(error.hint("move the others to `otherwise`"), &other.span);
            return None;
        }
        let (others, what, this): (&[&'static str], _, _) = match service {
            true => (&OF_FILES, "in files", "queries a service"),
            false => (&OF_SERVICES, "by a service", "reads files"),
        };
        let mut right = true;
        for (key, place) in others.iter().filter_map(|key| Some((key, table.place_of(key)?))) {
            let error = Error::job(format!("`{key}` goes with a lookup {what}, but this one {this}"));
            document.fault(error, &place);
            right = false;
        }
        let from = if service {
            let url = from.swap_remove(0);
            let LookupKeys { log, headers, in_flight, timeout, retries, backoff, on_failure, .. } = self;
            let (types, headers) = (log.types, headers.unwrap_or_default());
            let service =
                ServiceSpec { url, headers, types, in_flight, timeout, retries, backoff, on_failure };
            LookupFrom::Service(Box::new(service))
        } else {
            LookupFrom::Files { log: Box::new(LogSpec { path: from, ..self.log }), on: self.on }
        };
        right.then_some(LookupSpec { span, from, take: self.take })
    }
}
