//! A report of outputs in place, made of their manifests alone: no job file is resolved, and no source is read.
//!
//! # Contract
//! * What is shown is what was committed. A job file that was edited since then changes nothing of it.
//! * Of an output that a plan still gives, the charts and rows are those of [`super::PageContent`].
//! * A part that is not as its manifest says is an error of its output, and not rows.
//! * Of an output of more than [`CHARTED`] bytes the first rows alone are read, and the page says so.

use super::frame::{ChartFrame, ChartGroups, Holds, MeasureFold, time_of};
use super::rows::OutputInPlace;
use super::section::{self, OutputLink, Words};
use super::{ROOM, ROWS, offsets, run, span};
use crate::batch::{DataType, Field, Schema};
use crate::deliver::with_late_columns;
use crate::error::{Error, Result};
use crate::expr::parse_selection;
use crate::job::identity;
use crate::plan::{OutputKind, OutputPlan, OutputTo};
use crate::rows::PartitionPart;
use crate::secret::without_secrets;
use crate::sink::{LineKey, Manifest, OutputFormat, Part, TOOL, Target, TargetKind, altered, first_altered};
use crate::time::{TimeRule, TimeUnit, Zone};
use crate::window::{Offset, Window};
use serde_json::{Value, json};

/// Bytes of an output up to which it has charts: reading them takes about a second.
const CHARTED: u64 = 256 << 20;

/// An output in place.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Where it lies: an absolute path without links.
    pub target: Target,
    /// What it is called.
    pub name: String,
    /// What the run said of it.
    pub manifest: Manifest,
}

/// The outputs of one job.
#[derive(Debug, Default)]
pub struct SavedReport<'a> {
    /// The title of the page.
    pub title: String,
    /// The name of the job, its file, and the text of it.
    pub job: Option<(String, String, String)>,
    /// The outputs.
    pub outputs: &'a [Saved],
}

impl SavedReport<'_> {
    /// What the page shows, as [`super::PageContent::json`] has it; and the outputs that cannot be shown, each with its error.
    pub fn json(&self) -> (Value, Vec<(String, Error)>) {
        let forms: Vec<Option<&Value>> = self.outputs.iter().map(|saved| form(&saved.manifest)).collect();
        let named = |form: &Value| form["timezone"].as_str().and_then(Zone::named);
        let mut zone = forms.iter().flatten().find_map(|form| named(form)).unwrap_or_else(Zone::utc);
        let room = ROOM / self.outputs.len().max(1);
        let (mut sections, mut faults) = (vec![], vec![]);
        for (saved, form) in self.outputs.iter().zip(&forms) {
            match one(saved, *form, room, CHARTED) {
                Ok(section) => sections.push(section),
                Err(error) => faults.push((saved.name.clone(), error)),
            }
        }
        let first = self.outputs.first().map(|saved| &saved.manifest);
        let offsets = offsets(&mut zone, span(first));
        let job = self.job.as_ref().map(|(name, file, text)| {
            let (mode, delay) = mode(&forms);
            json!({ "name": name, "file": file, "text": without_secrets(text), "mode": mode,
                "out_of_orderness_us": delay })
        });
        let json = json!({
            "tool": TOOL,
            "title": self.title,
            "zone": { "name": zone.name(), "offsets": offsets },
            "job": job,
            "run": first.map(run),
            "outputs": sections,
            "audit": Value::Null,
            "verify": Value::Null,
        });
        (json, faults)
    }
}

/// What decides the rows of an output, of a version that is known.
fn form(manifest: &Manifest) -> Option<&Value> {
    manifest.identity.as_ref().filter(|of| of.version == identity::VERSION).map(|of| &of.form)
}

/// Which events the outputs count, and the delay of the watermark where one is streamed.
fn mode(forms: &[Option<&Value>]) -> (&'static str, Option<i64>) {
    let grouped = || forms.iter().flatten().filter(|form| form["output"]["window"].is_string());
    let live = grouped().filter(|form| form["output"]["streamed"].is_object()).count();
    let mode = match (live, grouped().count() - live) {
        (0, _) => "complete",
        (_, 0) => "streamed",
        (_, _) => "streamed and complete",
    };
    let delay = forms.iter().flatten().find_map(|form| form["watermark"]["out_of_orderness"].as_i64());
    (mode, delay.filter(|_| live > 0))
}

/// The section of an output, in about `room` bytes; with charts up to `charted` bytes of parts.
fn one(saved: &Saved, form: Option<&Value>, room: usize, charted: u64) -> Result<Value> {
    let unknown = || {
        Error::machine(format!("the columns of {} are not known", saved.name))
            .hint("another version of Highwater wrote it: run the job again with this one")
    };
    let form = form.ok_or_else(unknown)?;
    let own = &form["output"];
    let output = output(saved, own).ok_or_else(unknown)?;
    let zone = form["timezone"].as_str().and_then(Zone::named).ok_or_else(unknown)?;
    let (frame, kind, roles) = frame(form, &output, &zone);
    let places = [OutputLink { name: saved.name.clone(), link: None }];
    let mut about = about(own);
    let bytes: u64 = saved.manifest.parts.iter().map(|part| part.bytes).sum();
    if bytes > charted {
        about.push((
            "charts",
            "not drawn, as the output is larger than 256 MB: use `highwater report`".into(),
        ));
    }
    let words = Words { places: &places, kind, about: json!(about), roles };
    let root = saved.target.root();
    // The manifest was read a while ago: a file may have become a link that leads out of the folder since then.
    let is_own = |part: &&Part| {
        let path = root.join(&part.path);
        let right = path.symlink_metadata().is_ok_and(|there| there.is_file() && there.len() == part.bytes);
        right && path.canonicalize().is_ok_and(|real| real == path)
    };
    if let Some(part) = saved.manifest.parts.iter().find(|part| !is_own(part)) {
        return Err(altered(&root.join(&part.path)));
    }
    let rows = OutputInPlace::of(&output, &saved.target, saved.manifest.clone());
    if bytes > charted {
        return section::first_rows(&rows, words, (ROWS, room));
    }
    // Rows that another program wrote are not rows of the job.
    if let Some(part) = first_altered(&root, &saved.manifest.parts)? {
        return Err(altered(&root.join(&part.path)));
    }
    section::json(&rows, frame, &zone, words, (ROWS, room))
}

/// The output as a plan has it, as far as its parts are read by it; `None` where its form cannot be read.
fn output(saved: &Saved, own: &Value) -> Option<OutputPlan> {
    let field = |column: &Value| {
        let ty = DataType::parse(column["type"].as_str()?)?;
        let nested = column["nested"].as_bool().unwrap_or(false);
        Some(Field { nested, ..Field::new(column["name"].as_str()?, ty) })
    };
    let columns: Option<Vec<Field>> = own["columns"].as_array()?.iter().map(field).collect();
    let columns = match own["late"].is_array() {
        // The form has the columns of the log alone.
        true => with_late_columns(columns?),
        false => Schema::new(columns?),
    };
    let part = |name: &Value| {
        let name = name.as_str()?;
        PartitionPart::of_time(name).or_else(|| columns.index_of(name).map(PartitionPart::Column))
    };
    let partition_by: Option<Vec<PartitionPart>> =
        own["partition_by"].as_array().into_iter().flatten().map(part).collect();
    let path = saved.target.path.clone();
    let output = OutputPlan {
        to: match &saved.target.kind {
            TargetKind::Folder => OutputTo::Folder(path),
            TargetKind::File => OutputTo::File(path),
            TargetKind::Table(kind) => OutputTo::Table(path, kind.clone()),
        },
        format: OutputFormat::named(own["format"].as_str()?)?,
        kind: OutputKind::Rows(vec![]),
        columns,
        partition_by: partition_by?,
        state: false,
        closed: false,
        mode: None,
    };
    let format = match output.format {
        OutputFormat::Keyed(_) => OutputFormat::Keyed(line_key(own, &output.file_schema())?),
        format => format,
    };
    Some(OutputPlan { format, ..output })
}

/// The columns of a line's key, by their numbers in the file.
fn line_key(own: &Value, schema: &Schema) -> Option<LineKey> {
    let names = own["key"].as_array()?.iter();
    let columns: Option<Vec<usize>> = names.map(|name| schema.index_of(name.as_str()?)).collect();
    LineKey::new(&columns?)
}

/// What is charted, what kind of output it is, and what each column is for.
fn frame(form: &Value, output: &OutputPlan, zone: &Zone) -> (ChartFrame, &'static str, Vec<&'static str>) {
    let own = &form["output"];
    let fields = &output.columns.fields;
    let Some(window) = own["window"].as_str() else {
        // Integers of events are mostly names of things, which have no thousands.
        let role = |field: &Field| if field.ty == DataType::Int64 { "key" } else { "value" };
        let roles = fields.iter().map(role).collect();
        if own["late"].is_array() {
            return (ChartFrame::late(&output.columns), "late", roles);
        }
        let kind = if own["archive"].is_boolean() { "archive" } else { "events" };
        let (at, time) = event_time(form, &output.columns, zone);
        return (ChartFrame::events(&output.columns, time, at), kind, roles);
    };
    let window = read_window(window);
    let keys: Vec<&str> = own["by"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let windowed = window != Some(Window::Global);
    let firings = own["firings"].as_bool() == Some(true);
    // Where `columns` gives names, the name in `select` says what a column holds.
    let written = own["written_as"].as_array();
    let selected = |name: &str| match written {
        None => Some(name.to_string()),
        Some(pairs) => {
            let sql = pairs.iter().find(|pair| pair[0] == name)?[1].as_str()?;
            parse_selection(sql).ok()?.name()
        }
    };
    let holds = |field: &Field| match selected(&field.name).unwrap_or_default().as_str() {
        "window_start" if windowed => Holds::Start,
        "window_end" if windowed => Holds::End,
        "firing" if firings => Holds::Firing,
        name if keys.contains(&name) => Holds::Key,
        name => Holds::Value(own["select"][name].as_str().map_or(MeasureFold::Mean, fold)),
    };
    let columns: Vec<Holds> = fields.iter().map(holds).collect();
    let role = |holds: &Holds| match holds {
        Holds::Start | Holds::End => "window",
        Holds::Key => "key",
        Holds::Firing | Holds::Value(_) => "value",
    };
    let roles = columns.iter().map(role).collect();
    let picked = own["having"].is_string() || own["top"].is_object();
    let frame = match window {
        Some(window) => ChartFrame::grouped(fields, &ChartGroups { window, firings, picked, columns }),
        // Whether windows overlap is not known then, so nothing is added up.
        None => ChartFrame::nothing(),
    };
    (frame, "groups", roles)
}

/// How the values of a `select` become one: those of a sum are added, those of an average are not.
fn fold(sql: &str) -> MeasureFold {
    let Ok(selection) = parse_selection(sql) else { return MeasureFold::Mean };
    let Some(call) = selection.single() else { return MeasureFold::Mean };
    match call.name.as_str() {
        "max" => MeasureFold::Max,
        "min" => MeasureFold::Min,
        // A value that two groups have counts twice in a sum of distinct values.
        "count" | "count_if" | "countif" | "sum" | "regr_count" if !call.distinct => MeasureFold::Sum,
        _ => MeasureFold::Mean,
    }
}

/// The column of the event time in an output of events, and how it is read.
fn event_time(form: &Value, columns: &Schema, zone: &Zone) -> (Option<usize>, Option<super::frame::TimeOf>) {
    let time = &form["read"]["time"];
    let Some(column) = time["column"].as_str() else { return (None, None) };
    let select = form["output"]["select"].as_object();
    let written = form["output"]["written_as"].as_array();
    let named = |name: &str| {
        let of_list = || written?.iter().find(|pair| pair[0] == name)?[1].as_str();
        select.and_then(|select| select.get(name)?.as_str()).or_else(of_list)
    };
    let at = columns.fields.iter().position(|field| match named(&field.name) {
        None => select.is_none() && written.is_none() && field.name == column,
        // A name between quotes is the same name.
        Some(sql) => {
            let sql = sql.trim();
            sql == column || sql.strip_prefix('"').and_then(|sql| sql.strip_suffix('"')) == Some(column)
        }
    });
    let rule = || {
        if time["as"] == "iso" {
            return Some(TimeRule::Iso);
        }
        if let Some(unit) = time["unit"].as_str() {
            return TimeUnit::parse(unit).map(TimeRule::Epoch);
        }
        if let Some(format) = time["format"].as_str() {
            return TimeRule::format(format).ok();
        }
        let words: Option<Vec<&str>> = time["formats"].as_array()?.iter().map(Value::as_str).collect();
        let words = words?;
        let units: Option<Vec<TimeUnit>> = words.iter().map(|word| TimeUnit::parse(word)).collect();
        match units {
            Some(units) => Some(TimeRule::units(&units)),
            None => TimeRule::any_of(words.into_iter()).ok(),
        }
    };
    let time = at.and_then(|at| time_of(at, columns, &rule()?, zone));
    (at, time)
}

/// What an output is, as pairs of words.
fn about(own: &Value) -> Vec<(&'static str, String)> {
    let mut about: Vec<(&'static str, String)> = vec![];
    let Some(window) = own["window"].as_str() else {
        let holds = match (own["late"].is_array(), own["archive"].is_boolean()) {
            (true, _) => "events that were late for every window, in order of arrival",
            (_, true) => "the records as they were read, in replay order",
            _ => "events in replay order",
        };
        return vec![("holds", holds.into())];
    };
    let global = window == Window::Global.to_string();
    if !global {
        about.push(("window", window.to_string()));
    }
    let keys: Vec<&str> = own["by"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !keys.is_empty() {
        about.push(("by", keys.join(", ")));
    }
    match own["streamed"]["allowed_lateness"].as_i64() {
        Some(0) => about.push(("mode", "streamed".into())),
        Some(allowed) => {
            let allowed = crate::time::Duration::Length(allowed);
            about.push(("mode", format!("streamed, allowed lateness {allowed}")));
        }
        // Without an end nothing is late, so the mode means nothing.
        None if global => {}
        None => about.push(("mode", "complete".into())),
    }
    if let Some(having) = own["having"].as_str() {
        about.push(("having", having.into()));
    }
    if let (Some(n), Some(by)) = (own["top"]["n"].as_u64(), own["top"]["by"].as_str()) {
        about.push(("top", format!("{n} by {by}")));
    }
    about
}

/// The window that a manifest names, as its `Display` writes it.
fn read_window(text: &str) -> Option<Window> {
    use crate::time::Duration;
    let (text, offset) = match text.split_once(", offset ") {
        Some((text, offset)) => (text, Offset::parse(offset)?),
        None => (text, Offset::default()),
    };
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let two = || {
        let (size, step) = rest.split_once(" by ")?;
        Some((Duration::parse(size)?, Duration::parse(step)?))
    };
    Some(match kind {
        "global" => Window::Global,
        "tumbling" => Window::Tumbling { size: Duration::parse(rest)?, offset },
        "hopping" => two().map(|(size, slide)| Window::Hopping { size, slide, offset })?,
        "cumulative" => two().map(|(size, step)| Window::Cumulative { size, step, offset })?,
        "session" => Window::Session { gap: Duration::parse(rest)?.as_length()? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{CalendarUnit, Duration, HOUR, MINUTE};

    #[test]
    fn a_window_is_read_as_it_is_written() {
        let (hour, month) =
            (Duration::Length(HOUR), Duration::Calendar { count: 1, unit: CalendarUnit::Month });
        let offset = Offset { months: 3, micros: 15 * MINUTE };
        for window in [
            Window::Global,
            Window::Tumbling { size: month, offset: Offset::default() },
            Window::Tumbling { size: hour, offset: Offset::micros(-5 * MINUTE) },
            Window::Tumbling { size: month, offset },
            Window::Hopping { size: hour, slide: Duration::Length(MINUTE), offset: Offset::default() },
            Window::Cumulative { size: hour, step: Duration::Length(MINUTE), offset: Offset::default() },
            Window::Session { gap: 90_000_000 },
        ] {
            assert_eq!(read_window(&window.to_string()), Some(window));
        }
        assert_eq!(read_window("rolling 1h"), None);
    }

    #[test]
    fn of_a_large_output_the_first_rows_alone_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let text = "k,n\na,1\nb,2\nc,3\n";
        std::fs::write(root.join("x.csv"), text).unwrap();
        let part = Part {
            path: "x.csv".into(),
            rows: 3,
            bytes: text.len() as u64,
            hash: format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes())),
            first: None,
            last: None,
            adopted: None,
        };
        let manifest = Manifest { parts: vec![part], ..Manifest::default() };
        let saved = Saved { target: Target::file(root.join("x.csv")), name: "x.csv".into(), manifest };
        let form = json!({ "timezone": "UTC", "output": {
            "window": "global", "by": ["k"], "select": { "n": "count(*)" }, "format": "csv",
            "columns": [{ "name": "k", "type": "string" }, { "name": "n", "type": "int64" }],
        } });
        let all = one(&saved, Some(&form), 1 << 20, 1 << 20).unwrap();
        assert_eq!((&all["rows"], &all["carried"], all["charts"].is_null()), (&json!(3), &json!(3), false));
        for (room, carried) in [(1 << 20, 3), (1, 1)] {
            let large = one(&saved, Some(&form), room, 0).unwrap();
            assert_eq!((&large["rows"], &large["carried"]), (&json!(3), &json!(carried)));
            assert!(large["charts"].is_null() && large["about"].to_string().contains("larger than 256 MB"));
        }
        // What is not as the manifest says is not shown, whatever its size.
        std::fs::write(root.join("x.csv"), "k,n\na,1\nb,2\n").unwrap();
        assert!(one(&saved, Some(&form), 1, 0).unwrap_err().to_string().contains("was changed from outside"));
        std::fs::rename(root.join("x.csv"), root.join("y")).unwrap();
        std::fs::write(root.join("y"), text).unwrap();
        std::os::unix::fs::symlink(root.join("y"), root.join("x.csv")).unwrap();
        assert!(one(&saved, Some(&form), 1, 0).is_err() && one(&saved, Some(&form), 1, 1 << 20).is_err());
        // Of a form that is not known there is nothing to show.
        assert!(one(&saved, None, 1, 0).unwrap_err().to_string().contains("are not known"));
    }

    #[test]
    fn only_what_adds_up_is_added() {
        assert_eq!(fold("count(*)"), MeasureFold::Sum);
        assert_eq!(fold("SUM(amount)"), MeasureFold::Sum);
        assert_eq!(fold("max(amount)"), MeasureFold::Max);
        for other in ["count(distinct user)", "sum(distinct x)", "avg(x)", "sum(x) / 2", "median(x)", "sum("]
        {
            assert_eq!(fold(other), MeasureFold::Mean, "{other}");
        }
    }
}
