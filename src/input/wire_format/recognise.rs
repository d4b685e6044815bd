//! What a log is wrapped in, told from the names of its files and from samples of their text.
//!
//! # Contract
//! * Nothing is taken for what it is not: a wire format or an envelope is recognised where it is unmistakable,
//!   and everything else is plain. What the job says goes before what is seen.
//! * The files of one source are wrapped alike, or it is an error that names two of them.

use super::unwrap::Unwrapper;
use super::{ConnectName, ConsoleFields, Envelope, Framing, LogColumn, LogColumnSet, WireFormat, kcat};
use crate::error::{Error, Result};
use crate::input::documents::{self, Pointer};
use crate::input::infer::{Budget, heads};
use crate::input::opened::Opened;
use crate::input::shape::Shape;
use crate::input::source_file::{InputFormat, SourceFile};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The most files that are looked into, and lines of each.
const MOST_FILES: usize = 200;
const MOST_LINES: usize = 20;

/// What the job says of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeclaredFormat<'a> {
    /// `plain`, `kafka-connect`, `kcat` or `console`.
    pub wire_format: Option<&'a str>,
    /// The envelope.
    pub envelope: Option<Envelope>,
}

impl DeclaredFormat<'_> {
    /// What `log` may be.
    pub const CARRIERS: [&'static str; 4] = ["plain", "kafka-connect", "kcat", "console"];
}

/// What was found of a log that is not plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedWireFormat {
    /// How its files are wrapped; of several the first's.
    pub framing: Framing,
    /// What it is and how that is known, a line each.
    pub words: Vec<String>,
}

/// What one file shows.
struct FileEvidence {
    wire_format: WireFormat,
    /// None where no value tells.
    envelope: Option<Envelope>,
}

/// Notes on each of `files` how it is wrapped.
///
/// # Errors
/// Files that are wrapped in different ways; a file that is no file of Kafka Connect, where the job says so.
pub fn recognise(files: &mut [SourceFile], declared: DeclaredFormat) -> Result<Option<DetectedWireFormat>> {
    let text = files.iter().filter(|file| file.format == InputFormat::JsonLines).count();
    let mut nth = 0;
    let mut seen: Vec<Option<FileEvidence>> = Vec::with_capacity(files.len());
    for file in files.iter() {
        let mut looks = false;
        if file.format == InputFormat::JsonLines {
            // Evenly spread over all of them.
            looks = text <= MOST_FILES || nth * MOST_FILES / text != (nth + 1) * MOST_FILES / text;
            nth += 1;
        }
        seen.push(look(file, declared, looks)?);
    }
    let detected = || files.iter().zip(&seen).filter_map(|(file, seen)| Some((file, seen.as_ref()?)));
    let Some((first, common)) = detected().next() else { return Ok(None) };
    let envelopes = || detected().filter_map(|(file, seen)| Some((file, seen.envelope?)));
    let (in_file, envelope) = envelopes().next().unwrap_or((first, Envelope::None));
    for (file, seen) in detected() {
        if !alike(&seen.wire_format, &common.wire_format) {
            return Err(mixed((first, &common.wire_format.words()), (file, &seen.wire_format.words())));
        }
    }
    for (file, other) in envelopes() {
        if other != envelope {
            return Err(mixed((in_file, envelope.words()), (file, other.words())));
        }
    }
    let framing = Framing { wire_format: common.wire_format.clone(), envelope };
    if framing.is_plain() {
        return Ok(None);
    }
    let words = words(&framing, (first, in_file), declared);
    // A file that was not looked into is taken to be like the others.
    let wire_formats: Vec<WireFormat> = seen
        .into_iter()
        .map(|seen| seen.map_or(framing.wire_format.clone(), |seen| seen.wire_format))
        .collect();
    for (file, wire_format) in files.iter_mut().zip(wire_formats) {
        let envelope = if file.format == InputFormat::JsonLines { envelope } else { Envelope::None };
        file.framing = Framing { wire_format, envelope };
    }
    let mut found = DetectedWireFormat { framing, words };
    found.words.extend(by_names(files));
    Ok(Some(found))
}

/// Notes on `files` what the job says of their texts, how they are wrapped and what their folders tell, as of others of
/// their source is known.
///
/// # Errors
/// Files that are not as the job says.
pub fn like(files: &mut [SourceFile], known: &[SourceFile]) -> Result<()> {
    let by_path: HashMap<&Path, &Framing> = known.iter().map(|f| (f.path.as_path(), &f.framing)).collect();
    let wrapped = known.iter().map(|file| &file.framing).find(|framing| !framing.is_plain());
    let records = known.iter().find(|file| file.unnest.is_some() || pointer(file).is_some());
    for file in files {
        if let Some(known) = known.first() {
            file.shape.take(&known.shape.rules, &file.path)?;
        }
        if let Some(known) = records.filter(|_| file.format == InputFormat::JsonLines) {
            file.unnest = known.unnest.clone();
            if let Some(pointer) = pointer(known) {
                documents::at(std::slice::from_mut(file), pointer);
            }
        }
        file.partition_columns = known.first().map_or(vec![], |known| known.partition_columns.clone());
        let same = by_path.get(file.path.as_path()).copied();
        let Some(framing) = same.or(wrapped) else { continue };
        file.framing = framing.clone();
        // A file that is not known takes its offsets from its own name.
        if same.is_none() && framing.connect().is_some() {
            file.framing.wire_format =
                ConnectName::of(&file.path).map_or(WireFormat::Plain, WireFormat::Connect);
        }
    }
    Ok(())
}

/// The pointer to the records of a file's documents.
fn pointer(file: &SourceFile) -> Option<&Pointer> {
    file.shape.documents.as_ref().and_then(|layout| layout.records.as_ref())
}

/// Whether the text of a file is unmistakably in a wire format, whatever its name ends in.
pub(in crate::input) fn unmistakable(file: &Opened, shape: &Shape) -> bool {
    let lines = lines(file, shape);
    let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    matches!(wire_format(&lines), Some(WireFormat::Kcat | WireFormat::Console(_)))
}

/// What `file` shows; `looks` says whether it is looked into.
fn look(file: &SourceFile, declared: DeclaredFormat, looks: bool) -> Result<Option<FileEvidence>> {
    let name = ConnectName::of(&file.path);
    let json = file.format == InputFormat::JsonLines;
    let known = match (declared.wire_format, name) {
        (Some("plain"), _) => Some(WireFormat::Plain),
        (Some("kafka-connect"), None) => {
            return Err(Error::job(format!(
                "{} is not named as a file of Kafka Connect",
                file.path.display()
            ))
            .hint("TOPIC+PARTITION+OFFSET.json, such as orders+0+0000000120.json"));
        }
        (None | Some("kafka-connect"), Some(name)) if file.format != InputFormat::Csv => {
            Some(WireFormat::Connect(name))
        }
        (Some("kcat"), _) if json => Some(WireFormat::Kcat),
        _ if !json => Some(WireFormat::Plain),
        _ => None,
    };
    if !json || !looks {
        return Ok(known.map(|wire_format| FileEvidence { wire_format, envelope: None }));
    }
    let lines = lines(&file.opened, &file.shape);
    let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    let console = || {
        let keys = !lines.is_empty() && lines.iter().all(|line| line.contains(&b'\t'));
        let fields = ConsoleFields { key: keys, ..ConsoleFields::default() };
        WireFormat::Console(ConsoleFields::of(&lines).unwrap_or(fields))
    };
    let wire_format = match (known, declared.wire_format) {
        (Some(wire_format), _) => wire_format,
        (None, Some("console")) if lines.is_empty() => return Ok(None),
        (None, Some("console")) => console(),
        (None, _) => match wire_format(&lines).or_else(|| keyed(&lines)) {
            Some(wire_format) => wire_format,
            None => return Ok(None),
        },
    };
    let envelope = declared.envelope.or_else(|| envelope(&wire_format, &lines));
    Ok(Some(FileEvidence { wire_format, envelope }))
}

/// The first lines of a file; none where it cannot be read, which whoever reads it will report.
fn lines(file: &Opened, shape: &Shape) -> Vec<Vec<u8>> {
    let mut found = vec![];
    let _ = heads(file, shape, Budget::of(1), |text, whole| {
        let lines = text.split_inclusive(|&c| c == b'\n').filter(|line| whole || line.ends_with(b"\n"));
        let lines = lines.map(|line| line.trim_ascii_end().to_vec()).filter(|line| !line.is_empty());
        found = lines.take(MOST_LINES).collect();
        !found.is_empty()
    });
    found
}

/// The wire format of the first line that shows one.
fn wire_format(lines: &[&[u8]]) -> Option<WireFormat> {
    for (i, line) in lines.iter().enumerate() {
        if let Some(fields) = ConsoleFields::of(&lines[i..]) {
            return Some(WireFormat::Console(fields));
        }
        // Lines in front of the first record, such as warnings of the tool, do not tell anything.
        let Ok(Value::Object(record)) = serde_json::from_slice::<Value>(line) else { continue };
        let is = kcat::NEEDED.iter().all(|key| record.contains_key(*key))
            && record.keys().all(|key| kcat::KEYS.contains(&key.as_str()))
            && record["topic"].is_string()
            && record["partition"].is_i64()
            && record["offset"].is_i64();
        return Some(if is { WireFormat::Kcat } else { WireFormat::Plain });
    }
    None
}

/// The console consumer with `print.key` alone, where each line is a key, a tab and an object of JSON. Only a file of JSON
/// is asked for it: elsewhere such lines may be rows of two columns.
fn keyed(lines: &[&[u8]]) -> Option<WireFormat> {
    let is = |line: &&[u8]| {
        // A line that is an object itself may have a tab inside.
        let tab = memchr::memchr(b'\t', line).filter(|_| !line.starts_with(b"{"));
        let value = tab.map(|tab| line[tab + 1..].trim_ascii());
        value.is_some_and(|value| value.starts_with(b"{") && serde_json::from_slice::<Value>(value).is_ok())
    };
    let all = !lines.is_empty() && lines.iter().all(is);
    all.then(|| WireFormat::Console(ConsoleFields { key: true, ..ConsoleFields::default() }))
}

/// What is around the values of some lines, if one of them tells: the first that does.
fn envelope(wire_format: &WireFormat, lines: &[&[u8]]) -> Option<Envelope> {
    let mut unwrapper = Unwrapper::new(LogColumnSet::all());
    lines.iter().find_map(|line| around(&serde_json::from_slice(unwrapper.value(wire_format, line)?).ok()?))
}

/// What is around a value; none where it does not tell.
fn around(value: &Value) -> Option<Envelope> {
    let Value::Object(fields) = value else { return Some(Envelope::None) };
    // Exactly these two keys, as a record may have a field `schema` of its own.
    let with_schema = fields.len() == 2
        && fields.get("schema").is_some_and(|schema| schema.is_null() || schema.get("type").is_some())
        && fields.contains_key("payload");
    let event = if with_schema { &fields["payload"] } else { value };
    // A tombstone looks the same in both envelopes, so it does not tell which one it is in.
    if with_schema && event.is_null() {
        return None;
    }
    let op = event.get("op").and_then(Value::as_str);
    // `t` and `m` are Debezium's letters for a truncated table and a message.
    let is_event = op.is_some_and(|op| matches!(op, "c" | "u" | "d" | "r" | "t" | "m"))
        && (event.get("before").is_some() || event.get("after").is_some())
        && (event.get("source").is_some_and(Value::is_object)
            || event.get("ts_ms").is_some_and(Value::is_i64));
    Some(match (is_event, with_schema) {
        (true, _) => Envelope::Debezium,
        (false, true) => Envelope::Schema,
        (false, false) => Envelope::None,
    })
}

fn alike(a: &WireFormat, b: &WireFormat) -> bool {
    matches!((a, b), (WireFormat::Connect(_), WireFormat::Connect(_))) || a == b
}

fn mixed((one, is): (&SourceFile, &str), (other, is_other): (&SourceFile, &str)) -> Error {
    let (one, other) = (one.path.display(), other.path.display());
    Error::data(format!("{one} contains {is}, but {other} contains {is_other}"))
        .hint("all files of a source need the same envelope: read these as two sources, in two jobs")
        .hint("or declare what all of them are with `log` and `envelope`, such as log = \"plain\"")
}

impl WireFormat {
    /// What a file of it holds.
    fn words(&self) -> String {
        match self {
            WireFormat::Plain => "plain records".to_string(),
            WireFormat::Connect(_) => "records that Kafka Connect wrote".to_string(),
            WireFormat::Kcat => "lines of kcat -J".to_string(),
            WireFormat::Console(fields) => format!("lines of kafka-console-consumer with {}", fields.words()),
        }
    }
}

impl Envelope {
    /// What a file of it holds.
    fn words(self) -> &'static str {
        match self {
            Envelope::None => "values as they are",
            Envelope::Schema => "values with their schemas",
            Envelope::Debezium => "change events of Debezium",
        }
    }
}

/// What a log is and how that is known.
fn words(
    framing: &Framing,
    (first, in_file): (&SourceFile, &SourceFile),
    declared: DeclaredFormat,
) -> Vec<String> {
    let name = |file: &SourceFile| {
        file.path.file_name().unwrap_or(file.path.as_os_str()).to_string_lossy().into_owned()
    };
    let mut out = vec![];
    let how =
        |seen: String| if declared.wire_format.is_some() { "as the job says".to_string() } else { seen };
    match &framing.wire_format {
        WireFormat::Plain => {}
        WireFormat::Connect(connect) => {
            let seen =
                format!("by the names of the files: {} starts at offset {}", name(first), connect.start);
            out.push(format!("files of Kafka Connect, {}", how(seen)));
        }
        WireFormat::Kcat => {
            let seen = format!("{} has `topic`, `partition`, `offset` and `payload`", name(first));
            out.push(format!("lines of kcat -J, {}", how(seen)));
        }
        WireFormat::Console(fields) => {
            let seen = format!("{} begins so", name(first));
            out.push(format!("lines of kafka-console-consumer with {}, {}", fields.words(), how(seen)));
        }
    }
    let how = match declared.envelope {
        Some(_) => "as the job says".to_string(),
        None => match framing.envelope {
            Envelope::Schema => format!("{} has `schema` and `payload`", name(in_file)),
            _ => format!("{} has `op`, `before` or `after`, and `source` or `ts_ms`", name(in_file)),
        },
    };
    if framing.envelope != Envelope::None {
        out.push(format!("{}, {how}", framing.envelope.words()));
    }
    let columns = LogColumn::ALL.into_iter().filter(|column| framing.has(*column));
    let columns: Vec<&str> = columns.map(LogColumn::name).collect();
    out.push(format!("its own columns: {}", columns.join(", ")));
    out
}

/// What is missing or twice between the files of Kafka Connect's HDFS sinks, whose names tell both ends.
fn by_names(files: &[SourceFile]) -> Vec<String> {
    let mut by_partition: BTreeMap<(&str, i64), Vec<(i64, i64)>> = BTreeMap::new();
    for name in files.iter().filter_map(|file| file.framing.connect()) {
        let Some(end) = name.end else { continue };
        by_partition.entry((&name.topic, name.partition)).or_default().push((name.start, end));
    }
    let mut out = vec![];
    for ((topic, partition), mut ranges) in by_partition {
        ranges.sort_unstable();
        let mut reached = ranges[0].0;
        for (start, end) in ranges {
            if start > reached {
                let missing = start - reached;
                out.push(format!(
                    "{topic}-{partition}: no file has the offsets {reached}..{} ({missing})",
                    start - 1
                ));
            } else if start < reached {
                let last = end.min(reached - 1);
                out.push(format!("{topic}-{partition}: two files have the offsets {start}..{last}"));
            }
            // A file may lie within the offsets of another, so what is reached never goes back.
            reached = reached.max(end + 1);
        }
    }
    out
}
