//! Where a job writes, as far as its file says: outputs, late and rejected records, answers of services, pages.

use super::spec::{JobSpec, LogSpec, OutputSpec, table_kind};
use crate::input::Inputs;
use crate::pg;
use crate::plan::OutputTo;
use crate::sink::{NamedPaths, OutputFormat, Target};
use crate::store::is_on_store;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where the outputs of a job go, in its order.
pub fn destinations(spec: &JobSpec) -> Vec<OutputTo> {
    spec.outputs.iter().filter_map(goes_to).collect()
}

/// What a job reads, as its file says: the paths and patterns of the source, then those of the tables.
pub fn origins(spec: &JobSpec) -> (Vec<String>, Vec<String>) {
    let of = |log: &LogSpec| -> Vec<String> {
        let table = log.catalog.as_ref().and_then(|catalog| catalog.named().ok());
        log.path.iter().map(|path| path.value.clone()).chain(table.map(|table| table.to_string())).collect()
    };
    (of(&spec.source.log), spec.tables.iter().flat_map(|table| of(&table.log)).collect())
}

/// Where the answers of a job's services are recorded.
pub fn answers(spec: &JobSpec) -> PathBuf {
    PathBuf::from(format!("{}.lookups.jsonl", beside(spec)))
}

/// Where the pages of a job go, in its order.
pub fn pages(spec: &JobSpec) -> Vec<PathBuf> {
    spec.pages.iter().map(|page| PathBuf::from(&page.path.value)).collect()
}

/// The file of late events, if the job has one.
pub fn late_path(spec: &JobSpec) -> Option<PathBuf> {
    spec.late.as_ref().map(|path| PathBuf::from(&path.value))
}

/// The same as a commit has it: a file, or a table.
pub fn late_target(spec: &JobSpec) -> Option<Target> {
    let kind = table_kind(spec.late_table.as_ref(), spec.late_catalog.as_ref());
    late_path(spec).map(|path| match kind {
        Some(kind) => Target::table(path, kind),
        None => Target::file(path),
    })
}

/// Where an output goes by its path: the terminal, a file by its extension, else a folder; of a table of a server the
/// folder of its mirror.
pub fn goes_to(spec: &OutputSpec) -> Option<OutputTo> {
    let path = &spec.path.as_ref()?.value;
    if let Some(mirror) = mirror(spec) {
        return Some(mirror);
    }
    if path == "-" {
        return Some(OutputTo::Terminal);
    }
    let target = PathBuf::from(path);
    // A format that is not known has its fault where the output is planned.
    if let Some(kind) = table_kind(spec.table.as_ref(), spec.catalog.as_ref()) {
        return Some(OutputTo::Table(target, kind));
    }
    Some(match OutputFormat::of_path(&target) {
        Some(_) if !path.ends_with('/') => OutputTo::File(target),
        _ => OutputTo::Folder(target),
    })
}

/// The folder of an output that is published: its `mirror`, else one by the table's name.
fn mirror(spec: &OutputSpec) -> Option<OutputTo> {
    let path = spec.path.as_ref().filter(|path| pg::is_url(&path.value))?;
    Some(OutputTo::Folder(match &spec.mirror {
        Some(folder) => PathBuf::from(&folder.value),
        None => {
            PathBuf::from("out").join(pg::table_name(&path.value).unwrap_or("table".into()).replace('/', "_"))
        }
    }))
}

/// What the names of files begin with that lie beside the first output on the disk: its path, or the job's name.
pub fn beside(spec: &JobSpec) -> String {
    // What lies beside an output lies on the disk.
    let on_disk = |path: &str| path != "-" && !is_on_store(Path::new(path));
    let first = spec.outputs.iter().find(|o| o.path.as_ref().is_some_and(|path| on_disk(&path.value)));
    // A table of a server has a mirror, which is a path; its URL is not.
    let path = first.and_then(|output| match mirror(output) {
        Some(OutputTo::Folder(mirror)) => Some(mirror.display().to_string()),
        _ => output.path.as_ref().map(|path| path.value.clone()),
    });
    // `out/a/` and `out/a` are one folder, and files beside it need its name.
    path.map_or_else(|| spec.job_name(), |path| path.trim_end_matches('/').to_string())
}

/// All places that commits of a job may touch, whatever its mode.
pub fn named(spec: &JobSpec) -> NamedPaths {
    let outputs = destinations(spec).into_iter().filter_map(|to| match to {
        OutputTo::Folder(path) => Some(Target::folder(path)),
        OutputTo::File(path) => Some(Target::file(path)),
        OutputTo::Table(path, kind) => Some(Target::table(path, kind)),
        OutputTo::Terminal => None,
    });
    let late = late_target(spec);
    NamedPaths {
        outputs: outputs.chain(late).collect(),
        beside: rejects(spec).map(|(path, _)| path).collect(),
    }
}

/// Where the source and the tables may have their rejected records, and where the job says so, if it does.
pub fn rejects(spec: &JobSpec) -> impl Iterator<Item = (PathBuf, Option<Range<usize>>)> {
    let beside = beside(spec);
    let tables = spec.tables.iter().map(|table| (format!(".{}", table.name.value), &table.log));
    std::iter::once((String::new(), &spec.source.log)).chain(tables).map(move |(name, log)| {
        match &log.rejects {
            Some(path) => (PathBuf::from(&path.value), Some(path.span.clone())),
            None => (PathBuf::from(format!("{beside}{name}.rejects.jsonl")), None),
        }
    })
}

/// The job, whose inputs are not what it writes itself.
pub fn with_inputs(spec: JobSpec) -> JobSpec {
    // A glob of the source may match what the job wrote itself, such as rejected records.
    let beside = beside(&spec);
    let files = |to: OutputTo| match to {
        OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => Some(path),
        OutputTo::Terminal => None,
    };
    let mut own: Vec<PathBuf> = destinations(&spec).into_iter().filter_map(files).collect();
    own.extend(late_path(&spec).into_iter().chain(pages(&spec)));
    own.extend(["rejects", "lookups"].map(|what| PathBuf::from(format!("{beside}.{what}.jsonl"))));
    let of_tables = spec.tables.iter().map(|table| (&table.log, &table.name.value));
    own.extend(of_tables.clone().map(|(_, name)| PathBuf::from(format!("{beside}.{name}.rejects.jsonl"))));
    let logs = std::iter::once(&spec.source.log).chain(of_tables.map(|(log, _)| log));
    own.extend(logs.filter_map(|log| Some(PathBuf::from(&log.rejects.as_ref()?.value))));
    let inputs = Inputs::beside(own);
    spec.reading(&inputs)
}
