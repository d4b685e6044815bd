//! What can be told of a job before a file is opened: by the rules that planning has, without columns.
//!
//! # Contract
//! A fault that is found here is one that planning would find. What depends on the columns of the files is not
//! looked at: whether names are there, and the types of expressions.

use super::enrich::{DEFAULT, new_columns};
use super::faults::faults;
use super::found;
use super::log::CheckedLog;
use super::output::is_grouped;
use super::planner::Planner;
use super::settings::{memory, zone};
use super::{pages, stream};
use crate::batch::{DataType, Field, Schema};
use crate::error::Result;
use crate::expr::{AggregateCall, MeaningChange, Selection, changes, check_syntax};
use crate::job::document::At;
use crate::job::lengths::length;
use crate::job::overrides::{Overrides, range};
use crate::job::spec::{
    EnrichSpec, JobSpec, LookupFrom, LookupSpec, OtherwiseSpec, OutputSpec, ServiceSpec, StepSpec, is_true,
};
use crate::pg::{self, TableAddress};
use crate::secret::Template;
use crate::time::Zone;

/// What was looked at.
#[derive(Debug, Clone)]
pub struct JobSummary {
    /// The job's name.
    pub name: String,
    /// Its time zone.
    pub zone: Zone,
    /// How many tables, steps and outputs it has.
    pub tables: usize,
    /// See `tables`.
    pub steps: usize,
    /// See `tables`.
    pub outputs: usize,
    /// Expressions whose syntax and functions were checked, and whose columns and types were not.
    pub expressions: usize,
    /// What in them means something else than it did, each with its line.
    pub changes: Vec<(usize, MeaningChange)>,
    /// Variables that lookups are asked with and the environment does not have.
    pub not_set: Vec<String>,
}

/// Checks `spec` without its data.
///
/// # Errors
/// A job error that reports all faults.
pub fn check_form(spec: &JobSpec, overrides: &Overrides) -> Result<JobSummary> {
    let zone = zone(spec).unwrap_or_else(Zone::utc);
    let FormReport { expressions, changes, not_set } = form_faults(spec, overrides, &zone);
    if spec.document.faults().is_some() {
        return Err(faults(spec));
    }
    range(overrides, &zone)?;
    let (tables, steps, outputs) = (spec.tables.len(), spec.steps.len(), spec.outputs.len());
    Ok(JobSummary { name: spec.job_name(), zone, tables, steps, outputs, expressions, changes, not_set })
}

/// What [`form_faults`] saw.
pub(super) struct FormReport {
    expressions: usize,
    changes: Vec<(usize, MeaningChange)>,
    not_set: Vec<String>,
}

/// Notes what is wrong with a job that can be told without its data.
pub(super) fn form_faults(spec: &JobSpec, overrides: &Overrides, zone: &Zone) -> FormReport {
    let document = &spec.document;
    found::form(document, &spec.source.log);
    // Whether the log tells arrivals, its files would say.
    stream::max_ahead(spec, true);
    memory(spec);
    let planner = Planner::new(spec, zone, CheckedLog::unseen(), vec![]);
    let mut checker = Checker { planner, expressions: 0, changes: vec![] };
    checker.planner.modes(overrides.mode);
    checker.planner.delay();
    for table in &spec.tables {
        found::form(document, &table.log);
        let derive = table.log.derive.iter().map(|(_, sql)| sql);
        derive.chain(&table.filter).for_each(|sql| checker.expression(sql));
    }
    spec.source.log.derive.iter().for_each(|(_, sql)| checker.expression(sql));
    spec.steps.iter().for_each(|step| checker.step(step));
    checker.planner.tables_are_used();
    spec.outputs.iter().for_each(|output| checker.output(output));
    checker.planner.stream();
    pages::planned(spec);
    checker.planner.places();
    let not_set = checker.planner.services.iter().flat_map(|service| service.secrets.not_set());
    // A variable that several lookups use is told once.
    let not_set: std::collections::BTreeSet<String> = not_set.map(str::to_string).collect();
    let Checker { expressions, changes, .. } = checker;
    FormReport { expressions, changes, not_set: not_set.into_iter().collect() }
}

struct Checker<'a> {
    planner: Planner<'a>,
    expressions: usize,
    changes: Vec<(usize, MeaningChange)>,
}

impl<'a> Checker<'a> {
    fn expression(&mut self, sql: &At<String>) {
        self.counted(sql);
        if let Err(error) = check_syntax(&sql.value) {
            self.planner.fault(error, &sql.span);
        }
    }

    /// Counts an expression, and notes what in it changed.
    fn counted(&mut self, sql: &At<String>) {
        self.expressions += 1;
        let line = self.planner.spec.document.line(&sql.span);
        let found = changes(&sql.value, self.planner.zone.name() == "UTC");
        self.changes.extend(found.into_iter().map(|change| (line, change)));
    }

    fn step(&mut self, step: &'a StepSpec) {
        match step {
            StepSpec::Filter(sql) => self.expression(sql),
            StepSpec::Derive(columns) => columns.iter().for_each(|(_, sql)| self.expression(sql)),
            StepSpec::Dedup { within, .. } | StepSpec::First { within, .. } => {
                if let Some(text) = within {
                    length(&self.planner.spec.document, text);
                }
            }
            StepSpec::Unreadable => {}
            StepSpec::Enrich(enrich) => self.enrich(enrich),
            StepSpec::Lookup { lookup, otherwise } => {
                self.lookup(lookup);
                self.otherwise(otherwise);
            }
        }
    }

    fn enrich(&mut self, spec: &'a EnrichSpec) {
        self.planner.fill(spec.fill.as_ref());
        self.planner.table_named(&spec.table);
        // Whether the table has times is not known without its files.
        self.planner.reach(&spec.reach, DEFAULT, None);
        self.otherwise(&spec.otherwise);
    }

    fn otherwise(&mut self, items: &'a [OtherwiseSpec]) {
        for item in items {
            match item.item() {
                OtherwiseSpec::Match(reach) => {
                    self.planner.reach(reach, DEFAULT, None);
                }
                OtherwiseSpec::Lookup(lookup) => self.lookup(lookup),
                OtherwiseSpec::Constant { .. } | OtherwiseSpec::Late { .. } => {}
            }
        }
    }

    fn lookup(&mut self, spec: &'a LookupSpec) {
        match (&spec.from, &spec.take) {
            (LookupFrom::Files { log, .. }, _) => found::form(&self.planner.spec.document, log),
            (LookupFrom::Service(service), Some(take)) => {
                let types = self.planner.service_types(service, take);
                let columns = new_columns(take, types);
                let pointers: Vec<At<String>> = take.iter().map(|(_, pointer)| pointer.clone()).collect();
                self.assume_columns(service);
                self.planner.service(service, &columns, &pointers);
            }
            (LookupFrom::Service(service), None) => {
                self.assume_columns(service);
                self.planner.service(service, &[], &[]);
            }
        }
    }

    /// The columns that a URL names are taken to be there.
    fn assume_columns(&mut self, service: &ServiceSpec) {
        let names = Template::cut(&service.url.value).map_or(vec![], |(_, names)| names);
        let fields = names.iter().map(|name| Field::new(name, DataType::String));
        self.planner.rows.schema = Schema::new(fields.collect());
    }

    fn output(&mut self, spec: &'a OutputSpec) {
        self.planner.destination(spec);
        if let Some(path) = spec.path.as_ref().filter(|path| pg::is_url(&path.value))
            && let Err(error) = TableAddress::check(&path.value)
        {
            self.planner.fault(error, &path.span);
        }
        self.planner.window(spec);
        self.planner.timing(spec);
        let texts: Vec<&At<String>> = spec.select.iter().map(|(_, sql)| sql).collect();
        let selections: Vec<Option<Selection>> = texts.iter().map(|sql| self.planner.parsed(sql)).collect();
        for (sql, selection) in texts.iter().zip(&selections) {
            selection.iter().for_each(|selection| self.selection(sql, selection));
        }
        for (_, sql) in &spec.columns {
            if let Some(selection) = self.planner.parsed(sql) {
                self.selection(sql, &selection);
            }
        }
        if let Some(sql) = &spec.having
            && let Some(selection) = self.planner.parsed(sql)
        {
            self.selection(sql, &selection);
        }
        if spec.unread {
            // What it holds is not known.
        } else if is_grouped(spec, &selections) {
            self.planner.selects_something(spec);
        } else if !is_true(&spec.archive) && selections.iter().all(Option::is_some) {
            self.planner.has_no_groups(spec);
            self.planner.is_written_once(spec);
        }
    }

    /// Checks the arguments of aggregates, and what is around them.
    fn selection(&mut self, sql: &At<String>, selection: &Selection) {
        self.counted(sql);
        let calls = selection.calls.iter().map(AggregateCall::check_syntax);
        let errors = calls.chain([selection.check_syntax()]).filter_map(Result::err);
        errors.flat_map(|error| error.each()).for_each(|error| self.planner.fault(error, &sql.span));
    }
}
