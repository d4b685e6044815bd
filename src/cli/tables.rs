//! `highwater tables`: what the outputs of a job have, and where.

use super::document::{FormatArgs, ReportDocument, TableColumn, data};
use super::ui::{self, count, human_bytes};
use crate::error::{Result, exit};
use crate::job;
use crate::sink::{Manifest, Target, TargetKind, recover};
use crate::table::TableDescription;
use chrono::{DateTime, SecondsFormat};
use clap::{Args, ValueHint};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Show the outputs of a job that are in place: format, columns, rows and files; of a table also its partitions and snapshots.
/// Nothing is read but manifests and metadata.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    highwater tables data/jobs/pageviews-iceberg.toml\n  \
    highwater tables data/jobs/pageviews.toml --json")]
pub struct TablesArgs {
    /// The job file
    #[arg(value_hint = ValueHint::FilePath)]
    job: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

/// An output, and what lies there.
struct ListedOutput {
    path: String,
    format: String,
    /// None where it was not written.
    content: Option<ListedContent>,
}

struct ListedContent {
    columns: Vec<(String, String)>,
    /// None where a table does not tell them.
    rows: Option<u64>,
    files: u64,
    bytes: u64,
    table: Option<TableDescription>,
    /// Why a run would not write to the table.
    problem: Option<String>,
}

impl TablesArgs {
    pub fn run(&self) -> Result<u8> {
        let spec = job::read(&self.job)?;
        let named = job::named(&spec);
        recover(&named.outputs, &named)?;
        let all = named.outputs.iter().map(listed).collect::<Result<Vec<_>>>()?;
        self.format.print(|| Value::Array(all.iter().map(in_json).collect()), || document(&all))?;
        Ok(exit::DONE)
    }
}

fn listed(target: &Target) -> Result<ListedOutput> {
    let path = target.path.display().to_string();
    if let TargetKind::Table(kind) = &target.kind {
        let format = kind.format.name().to_string();
        let Some(table) = target.loaded_table()? else {
            return Ok(ListedOutput { path, format, content: None });
        };
        let description = table.describe()?;
        let content = ListedContent {
            columns: description.columns.clone(),
            rows: description.rows,
            files: description.files,
            bytes: description.bytes,
            problem: target.manifest().err().map(|error| error.message().to_string()),
            table: Some(description),
        };
        return Ok(ListedOutput { path, format, content: Some(content) });
    }
    let Some(manifest) = target.manifest()? else {
        return Ok(ListedOutput { path, format: String::new(), content: None });
    };
    let content = ListedContent {
        columns: columns(&manifest),
        rows: Some(manifest.parts.iter().map(|part| part.rows).sum()),
        files: manifest.parts.len() as u64,
        bytes: manifest.parts.iter().map(|part| part.bytes).sum(),
        table: None,
        problem: None,
    };
    Ok(ListedOutput { path, format: manifest.output.format, content: Some(content) })
}

/// The columns of an output, as its manifest describes it; a manifest of an older version does not.
fn columns(manifest: &Manifest) -> Vec<(String, String)> {
    let form = manifest.identity.as_ref().map(|identity| &identity.form["output"]["columns"]);
    let columns = form.and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    columns.map(|column| (text(&column["name"]), text(&column["type"]))).collect()
}

fn in_json(listed: &ListedOutput) -> Value {
    let ListedOutput { path, format, content } = listed;
    let Some(content) = content else { return json!({ "path": path, "format": format, "written": false }) };
    let ListedContent { columns, rows, files, bytes, table, problem } = content;
    let columns: Vec<Value> = columns.iter().map(|(name, ty)| json!({ "name": name, "type": ty })).collect();
    let mut out = json!({
        "path": path, "format": format, "written": true, "columns": columns, "rows": rows, "files": files,
        "bytes": bytes,
    });
    if let Some(table) = table {
        out["location"] = json!(table.location);
        out["uuid"] = json!(table.uuid);
        out["version"] = json!(table.version);
        out["partition"] = json!(table.partition);
        out["sort"] = json!(table.sort);
        out["snapshot"] = json!(table.snapshot);
        out["history"] = json!(table.history);
    }
    if let Some(problem) = problem {
        out["problem"] = json!(problem);
    }
    out
}

fn document(all: &[ListedOutput]) -> ReportDocument {
    let mut out = ReportDocument::default();
    for (number, ListedOutput { path, format, content }) in all.iter().enumerate() {
        if number > 0 {
            out.gap();
        }
        let Some(content) = content else {
            out.line(format!("{}: was not written yet", data(path)));
            continue;
        };
        let rows = content.rows.map_or("an unknown number of rows".into(), |rows| count(rows, "row", "rows"));
        let files = count(content.files, "file", "files");
        out.line(format!("{}: {format}, {rows} in {files}, {}", data(path), human_bytes(content.bytes)));
        let columns = content.columns.iter().map(|(name, ty)| format!("{} {ty}", data(name)));
        out.item(format!("columns: {}", columns.collect::<Vec<_>>().join(", ")));
        if let Some(table) = &content.table {
            let listed =
                |names: &[String]| names.iter().map(|name| data(name)).collect::<Vec<_>>().join(", ");
            if !table.partition.is_empty() {
                out.item(format!("partitions: {}", listed(&table.partition)));
            }
            if !table.sort.is_empty() {
                out.item(format!("sorted by: {}", listed(&table.sort)));
            }
        }
        if let Some(problem) = &content.problem {
            out.item(format!("problem: {problem}"));
        }
        if let Some(table) = &content.table {
            out.gap();
            out.table(history(table));
        }
    }
    out
}

fn history(table: &TableDescription) -> Vec<TableColumn> {
    // Milliseconds are written also where they are zeros: the times stand below one another.
    let time = |ms: i64| {
        let time = DateTime::from_timestamp_millis(ms);
        time.map_or_else(|| ms.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
    };
    let all = &table.history;
    let numbers = |of: &dyn Fn(&crate::table::SnapshotFacts) -> u64| -> Vec<String> {
        all.iter().map(|snapshot| ui::grouped(of(snapshot))).collect()
    };
    let current = |id: i64| if table.snapshot == Some(id) { "current" } else { "" };
    vec![
        TableColumn::whole("snapshot", all.iter().map(|snapshot| snapshot.snapshot.to_string())),
        TableColumn::whole("committed", all.iter().map(|snapshot| time(snapshot.timestamp_ms))),
        TableColumn::values("operation", all.iter().map(|snapshot| snapshot.operation.clone())),
        TableColumn::numbers("files\nadded", numbers(&|snapshot| snapshot.added)),
        TableColumn::numbers("files\nremoved", numbers(&|snapshot| snapshot.removed)),
        TableColumn::numbers(
            "rows",
            all.iter().map(|snapshot| snapshot.rows.map_or("unknown".into(), ui::grouped)),
        ),
        TableColumn::words(
            "",
            all.iter().map(|snapshot| match snapshot.ours {
                true => current(snapshot.snapshot).to_string(),
                false => "of another program".to_string(),
            }),
        ),
    ]
}
