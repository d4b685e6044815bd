//! Tables: the logs that steps look into, and what is asked of each.

use super::arrivals::TableArrivals;
use super::deletes;
use super::found::{self, FoundFiles};
use super::log::CheckedLog;
use super::open::Assumed;
use super::rows::RowSource;
use crate::asof::AsOfPlan;
use crate::batch::{ColumnId, Field, Schema};
use crate::error::{Error, Result};
use crate::input::wire_format::LogColumn;
use crate::job::document::{At, Document};
use crate::job::spec::{JobSpec, LogSpec, LookupFrom, LookupSpec, OtherwiseSpec, StepSpec, TableSpec};
use crate::plan::{Step, TablePlan};
use crate::time::{TimeRule, Zone};
use std::path::PathBuf;

/// A table of the job, or the files of a lookup.
pub(super) struct JobTable<'a> {
    /// Its name in the job file, or the path of a lookup's files.
    pub(super) name: String,
    /// Where it is declared; not for a lookup.
    pub(super) spec: Option<&'a TableSpec>,
    /// What its files are and how they are read.
    pub(super) keys: &'a LogSpec,
    pub(super) log: CheckedLog,
    pub(super) rows: RowSource<'a>,
    /// The column of what change events do, of which deletes end rows.
    op: Option<ColumnId>,
    /// How its rows arrive, where steps are streamed.
    pub(super) arrivals: TableArrivals,
}

/// What one or more steps ask of a table. Columns are numbers of its rows' schema.
pub(super) struct Ask {
    pub(super) table: usize,
    pub(super) keys: Vec<ColumnId>,
    pub(super) columns: Vec<ColumnId>,
    pub(super) fill: bool,
}

/// A table whose files are found.
pub(super) struct FoundTable<'a> {
    spec: Option<&'a TableSpec>,
    keys: &'a LogSpec,
    /// `None` after a fault.
    found: Option<FoundFiles>,
}

/// Finds the files of all tables, and of lookups in files: equal ones are one table. Faults are noted.
pub(super) fn find(spec: &JobSpec) -> Vec<FoundTable<'_>> {
    let declared = spec.tables.iter().map(|table| (Some(table), &table.log));
    let mut logs: Vec<(Option<&TableSpec>, &LogSpec)> = declared.collect();
    for step in &spec.steps {
        let (first, otherwise) = match step {
            StepSpec::Enrich(enrich) => (None, &enrich.otherwise),
            StepSpec::Lookup { lookup, otherwise } => (Some(lookup), otherwise),
            _ => continue,
        };
        let others = otherwise.iter().filter_map(|item| match item.item() {
            OtherwiseSpec::Lookup(lookup) => Some(&**lookup),
            _ => None,
        });
        for files in first.into_iter().chain(others).filter_map(files) {
            // A table of the job has a time and a filter of its own, so a lookup does not share it.
            if !logs.iter().any(|(spec, known)| spec.is_none() && same(known, files)) {
                logs.push((None, files));
            }
        }
    }
    let found = |keys| found::find(spec, keys);
    logs.into_iter().map(|(table, keys)| FoundTable { spec: table, keys, found: found(keys) }).collect()
}

fn files(lookup: &LookupSpec) -> Option<&LogSpec> {
    match &lookup.from {
        LookupFrom::Files { log, .. } => Some(log),
        LookupFrom::Service(_) => None,
    }
}

/// Whether two lookups read the same files in the same way.
pub(super) fn same(a: &LogSpec, b: &LogSpec) -> bool {
    let texts = |list: &[At<String>]| list.iter().map(|at| at.value.clone()).collect::<Vec<_>>();
    let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
    let of = |log: &LogSpec| {
        let types: Vec<_> =
            log.types.iter().map(|(name, ty)| (name.value.clone(), ty.value.clone())).collect();
        (texts(&log.path), text(&log.format), types, log.columns.as_deref().map(texts), text(&log.delimiter))
    };
    of(a) == of(b)
}

impl<'a> FoundTable<'a> {
    /// Its name, or the path of a lookup's files.
    fn name(&self) -> String {
        let paths: Vec<&str> = self.keys.path.iter().map(|path| path.value.as_str()).collect();
        self.spec.map_or_else(|| paths.join(", "), |spec| spec.name.value.clone())
    }

    /// Its files, each with the table's name; `None` after a fault.
    pub(super) fn files(&self) -> Option<Vec<(String, PathBuf)>> {
        let files = &self.found.as_ref()?.files;
        Some(files.iter().map(|file| (self.name(), file.path.clone())).collect())
    }

    /// Looks at samples of the files, and plans the steps of the table.
    ///
    /// # Errors
    /// As of [`CheckedLog::of`].
    pub(super) fn table(
        self,
        document: &'a Document,
        zone: &Zone,
        assumed: &Assumed,
    ) -> Result<JobTable<'a>> {
        let name = self.name();
        let FoundTable { spec, keys, found } = self;
        let known = found.is_some();
        let mut log = match found {
            Some(found) => CheckedLog::of(document, keys, found, &title(spec, &name), (zone, assumed))?,
            None => {
                // What can be told without its files.
                found::form(document, keys);
                CheckedLog::unseen()
            }
        };
        let mut rows = RowSource::new(document, zone, &log);
        // Without its files every name may be a column.
        rows.open |= !known;
        if let Some(spec) = spec {
            // Where its time is one of them, they are computed as its rows are read.
            if rows.open || !log.derives {
                rows.derive_all(&spec.log.derive);
            }
            spec.filter.iter().for_each(|sql| rows.filter(sql));
        }
        let notes =
            deletes::not_unwrapped(&log, &title(spec, &name), spec.and_then(|spec| spec.filter.as_ref()));
        log.notes.extend(notes);
        let op = log.own(LogColumn::Op);
        if let (Some(op), Some(filter)) = (op, spec.and_then(|spec| spec.filter.as_ref())) {
            deletes::pass(document, &mut rows, op, filter);
        }
        if let Some(time) = keys.time.as_ref().filter(|_| op.is_some() && log.derives_time()) {
            let error = Error::job("the time of a change log's table cannot be computed");
            let hint =
                "a delete has the old values: use a column of the log, such as `_timestamp`, or of its rows";
            document.fault(error.hint(hint), &time.span);
        }
        rows.read(op);
        Ok(JobTable { name, spec, keys, log, rows, op, arrivals: TableArrivals::default() })
    }
}

fn title(spec: Option<&TableSpec>, name: &str) -> String {
    if spec.is_some() { format!("[table.{name}]") } else { format!("`{name}`") }
}

impl JobTable<'_> {
    /// What it is called in errors: `[table.users]`, or the path of a lookup's files.
    pub(super) fn title(&self) -> String {
        title(self.spec, &self.name)
    }

    /// Whether its rows have times; so it is said too where the time is faulty.
    pub(super) fn timed(&self) -> bool {
        self.log.time.as_ref().is_none_or(|time| time.rule != TimeRule::Untimed)
    }

    /// The path for its rejected records that the job gives.
    pub(super) fn rejects(&self) -> Option<&At<String>> {
        self.keys.rejects.as_ref()
    }

    /// The plan of the table as it is asked; `None` after a fault.
    pub(super) fn plan(&self, ask: &Ask, zone: &Zone, chunk_bytes: usize) -> Option<TablePlan> {
        let fields = &self.rows.schema.fields;
        let mut used = self.rows.used.clone();
        self.log.use_inputs(&mut used, self.arrivals.arrival.as_ref());
        let kept: Vec<usize> =
            (0..fields.len()).filter(|i| *i >= self.rows.source_columns || used.contains(i)).collect();
        let of_files: Vec<usize> = kept.iter().copied().filter(|&i| i < self.rows.source_columns).collect();
        let mut read = self.log.read(zone, chunk_bytes)?;
        read.columns = of_files.iter().map(|&i| self.log.column(i, fields[i].ty)).collect();
        // A row's own time says when that version of it came, and not when it went.
        let own = LogColumn::named(&read.time.column).is_some_and(LogColumn::is_time);
        read.deletes = self.op.is_some() && !own && self.timed();
        (read.arrival, read.arrival_optional) = (self.arrivals.arrival.clone(), self.arrivals.optional);
        // The order of rows at one instant.
        read.positions = true;
        let new = |old: usize| kept.iter().position(|&k| k == old).expect("a used column is kept");
        read.derived = self.log.derived(&of_files, new);
        let id = |old: ColumnId| ColumnId::new(new(old.place()));
        let renumber = |columns: &[ColumnId]| {
            columns.iter().map(|&old| (id(old), fields[old].ty.computed())).collect::<Vec<_>>()
        };
        let (keys, columns) = (renumber(&ask.keys), renumber(&ask.columns));
        let mut steps = self.rows.steps.clone();
        for step in &mut steps {
            if let Step::Filter(expr) | Step::Derive(_, expr) = step {
                expr.renumber(new);
            }
        }
        Some(TablePlan {
            name: self.name.clone(),
            read,
            inferred: self.log.inferred.clone(),
            rows: Schema::new(kept.iter().map(|&i| fields[i].clone()).collect::<Vec<Field>>()),
            steps,
            index: AsOfPlan { keys, columns, fill: ask.fill, op: self.op.map(id), keep_keys: false },
            watermark: self.arrivals.renumbered(id),
            rejects: None,
        })
    }
}
