//! The places of a job: what it reads and what it writes lie apart.
//!
//! # Contract
//! * Every file that a run writes has a place of its own: not that of a file of the source or of a table, of the job
//!   file, or of another file that is written; and an output's folder holds nothing of these. Places are compared as
//!   they lie on the disk, so that neither `..` nor a link makes two of one.
//! * What lies at a place already is looked at when it is written (`sink::owner`, [`Target`](crate::sink::Target)).

use super::planner::Planner;
use crate::error::Error;
use crate::input::Opened;
use crate::job::destinations::{answers, goes_to, late_target, rejects};
use crate::plan::OutputTo;
use crate::sink::owner::{identity, place};
use crate::store::{StoreAddress, StoreKind};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Something that a run writes.
struct WrittenPath {
    what: WrittenKind,
    path: PathBuf,
    /// The same as it lies on the disk.
    place: PathBuf,
    span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrittenKind {
    Folder,
    Table,
    File,
    Late,
    Rejects,
    Page,
    Answers,
}

impl WrittenKind {
    /// As the subject of a sentence.
    fn name(self) -> &'static str {
        match self {
            WrittenKind::Folder | WrittenKind::Table | WrittenKind::File => "the output",
            WrittenKind::Late => "late events",
            WrittenKind::Rejects => "rejected records",
            WrittenKind::Page => "the page",
            WrittenKind::Answers => "answers of services",
        }
    }

    /// Whether it is an output of the job.
    fn is_output(self) -> bool {
        self.is_folder() || self == WrittenKind::File
    }

    /// Whether it is a folder.
    fn is_folder(self) -> bool {
        matches!(self, WrittenKind::Folder | WrittenKind::Table)
    }

    /// Whether it is a matter of several.
    fn is_many(self) -> bool {
        matches!(self, WrittenKind::Late | WrittenKind::Rejects | WrittenKind::Answers)
    }

    /// Why nothing else can have its place.
    fn taken(self) -> &'static str {
        match self {
            WrittenKind::Folder | WrittenKind::Table | WrittenKind::File => {
                "an output is written to the same file"
            }
            WrittenKind::Late => "late events are written to the same file",
            WrittenKind::Rejects => "rejected records are written to the same file",
            WrittenKind::Page => "another page is written to the same file",
            WrittenKind::Answers => "the answers of services are recorded in the same file",
        }
    }
}

impl Planner<'_> {
    /// Faults what does not have a place of its own.
    pub(super) fn places(&self) {
        self.tables_of_catalogs();
        let written = self.written();
        let inputs = JobInputs::of(self, &written);
        for (number, one) in written.iter().enumerate() {
            if let Some(error) = refused_on_store(one) {
                self.fault(error, &one.span);
                continue;
            }
            // Places are given away in order, so only the later of two is told.
            let before = || written[..number].iter();
            let taken = inputs.taken(one).or_else(|| before().find_map(|other| clash(one, other)));
            if let Some(taken) = taken {
                let error = Error::job(format!(
                    "{} cannot be written to `{}`: {taken}",
                    one.what.name(),
                    one.path.display()
                ));
                let (them, place) = if one.what.is_many() { ("them", "their") } else { ("it", "its") };
                self.fault(error.hint(format!("give {them} {place} own place")), &one.span);
            }
        }
    }

    /// Faults a table of a catalog that two outputs name.
    fn tables_of_catalogs(&self) {
        let late = self.spec.late_catalog.as_ref();
        let mut known = HashSet::new();
        for catalog in self.spec.outputs.iter().filter_map(|output| output.catalog.as_ref()).chain(late) {
            if let Ok(table) = catalog.named()
                && !known.insert((table.uri, table.warehouse, table.namespace, table.name))
            {
                let error = Error::job(format!("two outputs are the table `{}`", catalog.table.value));
                self.fault(error.hint("give each output its own table"), &catalog.table.span);
            }
        }
    }

    /// What a run writes, in the order in which places are given away.
    fn written(&self) -> Vec<WrittenPath> {
        let spec = self.spec;
        let mut all = vec![];
        let mut add = |what, path: PathBuf, span: &Range<usize>| {
            all.push(WrittenPath { what, place: place(&path), path, span: span.clone() });
        };
        for output in &spec.outputs {
            let span =
                output.mirror.as_ref().or(output.path.as_ref()).map_or(&output.span, |path| &path.span);
            match goes_to(output) {
                Some(OutputTo::Folder(path)) => add(WrittenKind::Folder, path, span),
                Some(OutputTo::Table(path, _)) => add(WrittenKind::Table, path, span),
                Some(OutputTo::File(path)) => add(WrittenKind::File, path, span),
                Some(OutputTo::Terminal) | None => {}
            }
        }
        for (path, span) in rejects(spec) {
            // By default they lie beside the first output, under a name of its own.
            if let Some(span) = span {
                add(WrittenKind::Rejects, path, &span);
            }
        }
        if let Some(late) = &spec.late {
            let on_store = late_target(spec).is_some_and(|target| target.is_on_store());
            let what = match (on_store, spec.late_table.is_some()) {
                (true, true) => WrittenKind::Table,
                _ => WrittenKind::Late,
            };
            add(what, PathBuf::from(&late.value), &late.span);
        }
        for page in &spec.pages {
            add(WrittenKind::Page, PathBuf::from(&page.path.value), &page.path.span);
        }
        if !self.services.is_empty() {
            // The job file does not name this path, which follows from the first output.
            let span = spec.outputs.first().map_or(0..0, |output| output.span.clone());
            add(WrittenKind::Answers, answers(spec), &span);
        }
        all
    }
}

/// Why `one` cannot be written to a store, if it lies on one.
fn refused_on_store(one: &WrittenPath) -> Option<Error> {
    let address = StoreAddress::of(&one.path)?;
    let shown = address.path();
    let error = |why: &str| Error::job(format!("`{}` cannot be written: {why}", shown.display()));
    if address.kind() == StoreKind::Web {
        return Some(
            error("a web server is only read").hint("write to the disk, or to s3://, gs:// or az://"),
        );
    }
    match one.what {
        WrittenKind::Table | WrittenKind::File | WrittenKind::Page => None,
        WrittenKind::Folder => Some(
            error("a folder of files on a store")
                .hint("a store has no rename, so readers could see half of a change")
                .hint("write a table, `table = \"iceberg\"`, or one file, such as `report.csv`"),
        ),
        WrittenKind::Late | WrittenKind::Rejects | WrittenKind::Answers => Some(
            error(&format!("{} are written to the disk", one.what.name()))
                .hint("write to the disk, and copy that"),
        ),
    }
}

/// Why `one` cannot be written where it is said to, as `other` is.
fn clash(one: &WrittenPath, other: &WrittenPath) -> Option<String> {
    let inside = |file: &WrittenPath, folder: &WrittenPath| {
        folder.what.is_folder() && file.place.starts_with(&folder.place) && file.place != folder.place
    };
    if one.place == other.place {
        return Some(match (one.what, other.what) {
            (one, other) if one.is_output() && other.is_output() => "another output is written there".into(),
            (_, other) => other.taken().into(),
        });
    }
    if inside(one, other) {
        return Some("an output is written to this folder, which must contain nothing else".into());
    }
    let are = if other.what.is_many() { "are" } else { "is" };
    inside(other, one).then(|| format!("{} {are} written into this folder", other.what.name()))
}

/// The files that the job reads.
struct JobInputs {
    /// Those that the job names one by one, as they lie on the disk: they are known without a look at the data.
    named: Vec<(PathBuf, &'static str)>,
    /// Those that are written too, by device and inode: what they are.
    written: HashMap<(u64, u64), &'static str>,
    /// The folders that they lie in, on the disk, and one of each.
    folders: HashMap<PathBuf, (PathBuf, &'static str)>,
}

const SOURCE: &str = "a file of the source";
const TABLE: &str = "a lookup file of a step";
const JOB: &str = "the job file";

impl JobInputs {
    fn of(planner: &Planner, written: &[WrittenPath]) -> JobInputs {
        let source = planner.log.files.iter().map(|file| (SOURCE, file.path.as_path(), Some(&file.opened)));
        let tables = planner.tables.iter().flat_map(|table| &table.log.files);
        let tables = tables.map(|file| (TABLE, file.path.as_path(), Some(&file.opened)));
        let job = std::iter::once((JOB, Path::new(&planner.spec.document.file), None));
        // There may be very many: of each no more is asked than is needed.
        let there: HashSet<(u64, u64)> = written.iter().filter_map(|one| identity(&one.path)).collect();
        let any_folder = written.iter().any(|one| one.what.is_folder());
        let spec = planner.spec;
        let tables_named = spec.tables.iter().flat_map(|table| &table.log.path).map(|path| (TABLE, path));
        let named = spec.source.log.path.iter().map(|path| (SOURCE, path)).chain(tables_named);
        // A pattern is not a file: what it stands for is among the files of the log.
        let named = named.filter(|(_, path)| !path.value.contains(['*', '?', '[']));
        let named = named.map(|(what, path)| (place(Path::new(&path.value)), what)).collect();
        let mut inputs = JobInputs { named, written: HashMap::new(), folders: HashMap::new() };
        let mut seen: HashSet<&Path> = HashSet::new();
        for (what, path, opened) in job.chain(source).chain(tables) {
            // What was looked at as an input need not be looked at again.
            let id = || opened.and_then(Opened::identity).or_else(|| identity(path));
            if !there.is_empty()
                && let Some(id) = id().filter(|id| there.contains(id))
            {
                inputs.written.insert(id, what);
            }
            if let Some(folder) = path.parent()
                && any_folder
                && what != JOB
                && seen.insert(folder)
            {
                // The parent of a bare name is empty, and it means the current folder.
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                inputs.folders.insert(place(folder), (path.to_path_buf(), what));
            }
        }
        inputs
    }

    /// Why nothing can be written to the place of `one`, if they have it.
    fn taken(&self, one: &WrittenPath) -> Option<String> {
        if let Some(what) = identity(&one.path).and_then(|id| self.written.get(&id)) {
            return Some(format!("it is {what}"));
        }
        if !one.what.is_folder() {
            let named = self.named.iter().find(|(place, _)| *place == one.place);
            return named.map(|(_, what)| format!("it is {what}"));
        }
        if let Some((path, what)) = self.named.iter().find(|(place, _)| place.starts_with(&one.place)) {
            return Some(format!("{what} is in it ({})", path.file_name().unwrap_or_default().display()));
        }
        // A map has its entries in any order: the least path makes the message the same each time.
        let inside = self.folders.iter().filter(|(folder, _)| folder.starts_with(&one.place));
        let (path, what) = inside.map(|(_, of)| of).min()?;
        Some(format!("{what} is in it ({})", path.display()))
    }
}
