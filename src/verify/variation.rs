//! A job changed in one way, to see whether the other side is of that job.

use super::compare::{Comparison, ComparisonRules, ResultTable};
use super::{OutputCheck, mapping, ours};
use crate::batch::DataType;
use crate::error::{Error, Result, exit};
use crate::job::{self, JobSpec, Overrides};
use crate::plan::{OutputKind, Plan};
use crate::sink::Account;
use crate::window::Window;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, PrimitiveArray, cast::AsArray};
use std::sync::Arc;

/// What is changed.
#[derive(Default)]
pub struct Variation<'a> {
    /// The job file.
    pub job: Option<&'a dyn Fn(&mut toml::Table)>,
    /// What the command line says.
    pub overrides: Option<Overrides>,
    /// The plan.
    pub plan: Option<&'a dyn Fn(Plan) -> Plan>,
    /// Instants of the result, by column: how many microseconds later they are shown.
    pub later: Vec<(String, i64)>,
}

/// What came of it.
pub struct Varied {
    pub comparison: Comparison,
    pub account: Account,
}

impl OutputCheck<'_> {
    /// The result of the changed job beside what is there, by `rules`. `None` where there is no such job, or it fails
    /// on the data: then it is not what the other side did.
    pub fn vary_by(&self, variation: &Variation, rules: &ComparisonRules) -> Result<Option<Varied>> {
        match self.attempt(variation, rules) {
            Ok(varied) => Ok(Some(varied)),
            // A disk that is full is no finding.
            Err(error) if error.kind().exit_code() == exit::MACHINE => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The same, by the rules of the request; only whether both sides are the same then.
    pub fn same_with(&self, variation: &Variation) -> Result<Option<Account>> {
        let varied = self.vary_by(variation, &ComparisonRules { show: 0, ..self.rules()? })?;
        Ok(varied.filter(|varied| varied.comparison.same()).map(|varied| varied.account))
    }

    fn attempt(&self, variation: &Variation, rules: &ComparisonRules) -> Result<Varied> {
        let overrides = variation.overrides.as_ref().unwrap_or(self.overrides);
        let mut plan = match variation.job {
            None => job::plan_job(self.spec, overrides)?,
            Some(change) => {
                let mut table = self.job()?;
                change(&mut table);
                // The changed job is parsed from text again, so that it passes all checks of a job file.
                let text = toml::to_string(&table)
                    .map_err(|e| Error::machine("a job cannot be written").caused_by(e))?;
                job::plan_job(&JobSpec::parse(self.spec.file(), &text)?, overrides)?
            }
        };
        if let Some(variant) = variation.plan {
            plan = variant(plan);
        }
        let ours = ours::compute(plan, &[self.index], self.request)?;
        let here = &ours.tables[0];
        let comparison = if variation.later.is_empty() {
            self.compare_by(here, rules)?
        } else {
            let shown = self.later(here, &variation.later)?;
            self.compare_by(&shown.table, rules)?
        };
        Ok(Varied { comparison, account: ours.account })
    }

    /// The job file, to be changed.
    pub fn job(&self) -> Result<toml::Table> {
        let table = self.spec.text().parse::<toml::Table>();
        table.map_err(|e| Error::job("the job cannot be read again").caused_by(e))
    }

    /// `here` with instants shown later.
    pub fn later(&self, here: &ResultTable, later: &[(String, i64)]) -> Result<mapping::Mapped> {
        let schema = self.output().columns.clone();
        mapping::rewritten(here, &schema, &mut |batch| {
            let shift = |(i, column): (usize, &ArrayRef)| {
                let field = &schema.fields[i];
                match later.iter().find(|(name, _)| *name == field.name) {
                    Some((_, by)) if field.ty == DataType::Timestamp => shifted(column, *by),
                    _ => column.clone(),
                }
            };
            Ok((schema.clone(), batch.columns().iter().enumerate().map(shift).collect()))
        })
    }

    /// The window of the output; `None` of outputs of events.
    pub fn window(&self) -> Option<Window> {
        match self.output().kind {
            OutputKind::Groups { grouping, .. } => Some(self.plan.pipeline.groupings[grouping].plan.window),
            _ => None,
        }
    }
}

fn shifted(column: &ArrayRef, by: i64) -> ArrayRef {
    let instants = column.as_primitive::<TimestampMicrosecondType>();
    let later: PrimitiveArray<TimestampMicrosecondType> = instants.unary(|t| t.saturating_add(by));
    // `unary` gives a type without the time zone, and the schema of the batch has one.
    Arc::new(later.with_data_type(column.data_type().clone()))
}
