//! `[[step]]`: what happens to events before they are grouped.

use super::log::LogSpec;
use super::variant::variant;
use crate::error::Error;
use crate::job::document::{At, Document, TomlLiteral};
use crate::job::keys::key::Key;
use crate::job::keys::{key, log, step as keys};
use crate::job::reader::TableReader;
use std::ops::Range;

/// Names with what they stand for, in the order written.
pub type NamedTexts = Vec<(At<String>, At<String>)>;

/// `[[step]]`.
pub enum StepSpec {
    Filter(At<String>),
    Derive(NamedTexts),
    Dedup {
        keys: Vec<At<String>>,
        within: Option<At<String>>,
    },
    First {
        keys: Vec<At<String>>,
        within: Option<At<String>>,
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
    pub on: NamedTexts,
    pub reach: ReachSpec,
    /// New columns, and those of the table.
    pub take: NamedTexts,
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
    pub take: Option<NamedTexts>,
}

/// What is looked into.
pub enum LookupFrom {
    Files { log: Box<LogSpec>, on: Option<NamedTexts> },
    Service(Box<ServiceSpec>),
}

/// A service and how it is asked.
pub struct ServiceSpec {
    pub url: At<String>,
    /// Names and values.
    pub headers: NamedTexts,
    pub types: NamedTexts,
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
    Constant {
        span: Range<usize>,
        values: Vec<(At<String>, At<TomlLiteral>)>,
    },
    /// An item for events behind the watermark.
    Late {
        span: Range<usize>,
        item: Box<OtherwiseSpec>,
    },
}

impl OtherwiseSpec {
    /// The item itself, also where it is for late events alone.
    pub fn item(&self) -> &OtherwiseSpec {
        match self {
            OtherwiseSpec::Late { item, .. } => item,
            item => item,
        }
    }
}

/// Reads one `[[step]]`.
pub(super) fn step(document: &Document, table: &TableReader) -> StepSpec {
    read(document, table).unwrap_or(StepSpec::Unreadable)
}

fn read(document: &Document, table: &TableReader) -> Option<StepSpec> {
    // The keys of all kinds are read first, as `finish` wants every key read that is described.
    let (filter, derive) = (table.get(keys::FILTER), table.get(keys::DERIVE));
    let (dedup, first, name) = (table.get(keys::DEDUP), table.get(keys::FIRST), table.get(keys::AS));
    let (enrich, reach, fill) = (table.get(keys::ENRICH), reach(table), table.get(keys::FILL));
    let lookup = LookupKeys::read(document, table);
    let otherwise = table.get(keys::INSTEAD).unwrap_or_default();
    let otherwise: Vec<OtherwiseSpec> =
        otherwise.iter().filter_map(|item| self::otherwise(document, item)).collect();
    table.finish();
    let (kind, right) = variant(document, table)?;
    let spec = match kind {
        "filter" => StepSpec::Filter(filter?),
        "derive" => StepSpec::Derive(derive?),
        "dedup" => StepSpec::Dedup { keys: some_keys(document, table, kind, dedup)?, within: reach.within },
        "first" => {
            let keys = some_keys(document, table, kind, first)?;
            StepSpec::First { keys, within: reach.within, name: name? }
        }
        "enrich" => {
            let (on, take) = (lookup.on?, lookup.take?);
            StepSpec::Enrich(EnrichSpec { table: enrich?, on, reach, take, fill, otherwise })
        }
        _ => {
            let lookup = lookup.lookup(document, table)?;
            // Only a lookup in files needs `on`, and the description of the key cannot say so.
            if matches!(lookup.from, LookupFrom::Files { .. }) && table.place_of("on").is_none() {
                document.fault(Error::job("`lookup` needs `on`").hint(keys::ON_HINT), &table.span);
                return None;
            }
            StepSpec::Lookup { lookup, otherwise }
        }
    };
    right.then_some(spec)
}

fn reach(table: &TableReader) -> ReachSpec {
    ReachSpec {
        direction: table.get(keys::MATCH),
        inclusive: table.get(keys::INCLUSIVE),
        within: table.get(keys::WITHIN),
    }
}

fn otherwise(document: &Document, table: &TableReader) -> Option<OtherwiseSpec> {
    let late = table.get(keys::LATE);
    item(document, table, late.as_ref())
}

/// An item of `otherwise`; `late` is the table of that key, which only an item outside of it has.
fn item(document: &Document, table: &TableReader, late: Option<&TableReader>) -> Option<OtherwiseSpec> {
    let (reach, lookup) = (reach(table), LookupKeys::read(document, table));
    let constant = table.get(keys::CONSTANT);
    table.finish();
    let late = late.map(|late| item(document, late, None));
    let (kind, right) = variant(document, table)?;
    let span = || table.span.clone();
    let spec = match kind {
        "match" => reach.direction.is_some().then_some(OtherwiseSpec::Match(reach)),
        "lookup" => lookup.lookup(document, table).map(|l| OtherwiseSpec::Lookup(Box::new(l))),
        "late" => late.flatten().map(|item| OtherwiseSpec::Late { span: span(), item: Box::new(item) }),
        _ => Some(OtherwiseSpec::Constant { span: span(), values: constant? }),
    };
    spec.filter(|_| right)
}

fn some_keys(
    document: &Document,
    table: &TableReader,
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
    on: Option<NamedTexts>,
    take: Option<NamedTexts>,
    log: LogSpec,
    headers: Option<NamedTexts>,
    in_flight: Option<At<usize>>,
    timeout: Option<At<String>>,
    retries: Option<At<usize>>,
    backoff: Option<At<String>>,
    on_failure: Option<At<String>>,
}

impl LookupKeys {
    fn read(document: &Document, table: &TableReader) -> LookupKeys {
        let names = |key: Key<key::Names>| {
            let name = key.about.name;
            if table.is_empty(name) {
                let place = table.place_of(name).unwrap_or(table.span.clone());
                document.fault(Error::job(format!("`{name}` does not name a column")), &place);
            }
            table.get(key)
        };
        LookupKeys {
            lookup: table.get(keys::LOOKUP),
            on: names(keys::ON),
            take: names(keys::TAKE),
            log: LogSpec {
                span: table.span.clone(),
                types: table.get(log::TYPES).unwrap_or_default(),
                format: table.get(log::FORMAT),
                columns: table.get(keys::COLUMNS),
                delimiter: table.get(keys::DELIMITER),
                ..LogSpec::default()
            },
            headers: table.get(keys::HEADERS),
            in_flight: table.get(keys::IN_FLIGHT),
            timeout: table.get(keys::TIMEOUT),
            retries: table.get(keys::RETRIES),
            backoff: table.get(keys::BACKOFF),
            on_failure: table.get(keys::ON_FAILURE),
        }
    }

    /// The lookup. Faults the keys of the other kind.
    fn lookup(self, document: &Document, table: &TableReader) -> Option<LookupSpec> {
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
            true => (&keys::OF_FILES, "in files", "queries a service"),
            false => (&keys::OF_SERVICES, "by a service", "reads files"),
        };
        let mut right = true;
        for (key, place) in others.iter().filter_map(|key| Some((key, table.place_of(key)?))) {
            let error = Error::job(format!("`{key}` goes with a lookup {what}, but this one {this}"));
            document.fault(error, &place);
            right = false;
        }
        let from = if service {
            // The list has one entry, as was checked above.
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
