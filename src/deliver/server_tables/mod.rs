//! Outputs that are tables of servers: what a commit puts into their folders goes to the tables in the same breath.
//!
//! # Contract
//! * An output with a table is a folder of Parquet, its **mirror**: what was published, as a run, a recovery, a backfill
//!   and `verify` know outputs. The table is written from what is staged for the folder, and from nothing else.
//! * Order: everything is staged; the table is brought up to date in an open transaction; what the commit of the
//!   folders can fail for is done; the transaction of the table is committed; then the folders are.
//!   * An error before the table's commit leaves all as it was.
//!   * Killed between the two commits, the table has what the folders will have when the same command is run again,
//!     which then finds it so. What another command would leave of it is taken out by that one (`interrupted`).
//!   * Tables on one server are committed one after another, each for itself.
//! * A **run** writes all rows, so a table that somebody changed is right after it. A **backfill** sends rows that
//!   are not as they were, and no others; it writes all where the table is not there, or was another's. Rows that the
//!   output had and has no longer are deleted. Rows by other keys belong to others, and stay.

mod changed;
mod interrupted;
mod parts;

use super::target;
use crate::error::{Error, Result};
use crate::plan::{OutputId, OutputPlan, Plan, Publication};
use crate::sink::publish;
pub use crate::sink::publish::Published;
use crate::sink::publish::{PublishSpec, Publishing};
use crate::sink::{CommitReport, Manifest, ManifestDraft, Part, Transaction, altered, first_altered};
use arrow_array::RecordBatch;
use parts::{keys_of, rows_of, whole};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Which rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that are staged or kept.
    All,
    /// Those that are not as they were.
    Changed,
    /// All that are in place: nothing is staged.
    InPlace,
}

/// Whether the tables of `plan` can be written to, before the work is done.
///
/// # Errors
/// No connection; a table that does not fit.
pub fn check(plan: &Plan) -> Result<()> {
    let checks =
        plan.deliveries.publications.iter().map(|publication| publish::check(spec(plan, publication)));
    Error::all(checks.filter_map(Result::err).collect()).map_or(Ok(()), Err)
}

/// The table that `output` of `plan` is published to, if it is.
pub fn table(plan: &Plan, output: OutputId) -> Option<String> {
    let own = plan.deliveries.publications.iter().find(|publication| publication.output == output)?;
    Some(own.address.url())
}

fn spec<'a>(plan: &'a Plan, publication: &'a Publication) -> PublishSpec<'a> {
    // No column names a partition, so the output's columns are those of its files.
    let schema = &plan.deliveries.outputs[publication.output].columns;
    PublishSpec {
        address: &publication.address,
        schema,
        key: &publication.key,
        zone: publication.zone.as_deref(),
    }
}

/// Tables that are up to date but for the commit.
#[derive(Debug, Default)]
pub struct OpenTables<'a>(Vec<OpenTable<'a>>);

#[derive(Debug)]
struct OpenTable<'a> {
    publishing: Publishing<'a>,
    was_there: bool,
    published: Published,
    /// The state folder of the mirror, and the parts that are staged for it.
    state: PathBuf,
    staged: Vec<PathBuf>,
}

/// Brings the tables of `plan` up to date with what `transaction` has for their mirrors, all but the commit.
///
/// # Errors
/// As [`Publishing`] has them; a part that cannot be read.
pub fn open<'a>(plan: &'a Plan, transaction: &Transaction, extent: Extent) -> Result<OpenTables<'a>> {
    let tables = plan.deliveries.publications.iter().map(|publication| {
        let output = &plan.deliveries.outputs[publication.output];
        let is_target = |output: &&OutputPlan| target(&output.to).is_some();
        let number = plan.deliveries.outputs[..publication.output.place()].iter().filter(is_target).count();
        let mirror = Mirror::of(output, transaction, number, extent)?;
        let mut publishing = Publishing::begin(spec(plan, publication))?;
        let was_there = publishing.is_there();
        // The folder of another table, or of a job that was edited, does not tell what this table holds.
        let known = mirror.old.filter(|manifest| {
            let table = manifest.output.table.as_ref();
            let same =
                manifest.identity.as_ref() == Some(&plan.deliveries.identities.outputs[publication.output]);
            same && table == Some(&publication.address.url())
        });
        // A difference is enough only where the table holds what the folder held.
        let narrow = extent == Extent::Changed && known.is_some() && publishing.is_there();
        if narrow && mirror.interrupted.is_empty() {
            mirror.send_changed(&mut publishing, publication)?;
        } else {
            mirror.send_all(&mut publishing, publication)?;
        }
        let published = publishing.apply()?;
        let staged = mirror.staged.into_values().collect();
        Ok(OpenTable {
            publishing,
            was_there,
            published,
            state: transaction.state_folder(number).to_path_buf(),
            staged,
        })
    });
    Ok(OpenTables(tables.collect::<Result<_>>()?))
}

/// What a table held before it was brought up to date.
#[derive(Debug, Clone)]
pub struct TableBefore {
    /// What became of the rows of the output.
    pub published: Published,
    /// Rows by other keys, which stay.
    pub others: u64,
    /// Whether it was there.
    pub was_there: bool,
}

impl OpenTables<'_> {
    /// What the tables held, in the order of the plan's publications.
    ///
    /// # Errors
    /// As of [`Publishing::others`].
    pub fn before(&mut self) -> Result<Vec<TableBefore>> {
        let tables = self.0.iter_mut().map(|table| {
            let (published, others) = (table.published.clone(), table.publishing.others()?);
            Ok(TableBefore { published, others, was_there: table.was_there })
        });
        tables.collect()
    }

    /// Commits the tables, one after another, and then, if there are `drafts`, the outputs.
    ///
    /// # Errors
    /// As [`Publishing::commit`] and [`Transaction::commit`].
    pub fn commit(
        self,
        transaction: Transaction,
        drafts: Option<Vec<ManifestDraft>>,
    ) -> Result<(CommitReport, Vec<Published>)> {
        let (mut done, mut states) = (vec![], vec![]);
        let tables = || {
            for table in self.0 {
                // After a crash behind this commit the folder is old: these parts then tell which rows the
                // table has.
                interrupted::remember(&table.state, &table.staged)?;
                table.publishing.commit()?;
                done.push(table.published);
                states.push(table.state);
            }
            Ok(())
        };
        let report = match drafts {
            Some(drafts) => transaction.commit_after(drafts, tables),
            None => tables().map(|()| CommitReport::default()),
        };
        let report = report.map_err(|error| match done.first() {
            Some(table) => error.hint(format!(
                "the table {} already has the new rows, but its folder does not: run the same command again to write both",
                table.table
            )),
            None => error,
        })?;
        states.iter().try_for_each(|state| interrupted::forget(state))?;
        Ok((report, done))
    }
}

/// The folder of an output, before and after the commit.
struct Mirror<'a> {
    output: &'a OutputPlan,
    root: PathBuf,
    old: Option<&'a Manifest>,
    now: Vec<Part>,
    /// Where parts lie that are not in place.
    staged: BTreeMap<String, PathBuf>,
    /// Parts of commits that were cut off after the table had them.
    interrupted: Vec<PathBuf>,
}

impl<'a> Mirror<'a> {
    fn of(
        output: &'a OutputPlan,
        transaction: &'a Transaction,
        number: usize,
        extent: Extent,
    ) -> Result<Mirror<'a>> {
        let old = transaction.manifest(number);
        let now = match extent {
            Extent::InPlace => old.map_or(vec![], |manifest| manifest.parts.clone()),
            Extent::All | Extent::Changed => transaction.parts(number)?,
        };
        let root = target(&output.to).expect("a mirror is a folder").root();
        let staged = transaction.staged(number).into_iter().map(|(part, at)| (part.path, at)).collect();
        let interrupted = interrupted::parts(transaction.state_folder(number))?;
        Ok(Mirror { output, root, old, now, staged, interrupted })
    }

    fn path(&self, part: &Part) -> PathBuf {
        self.staged.get(&part.path).cloned().unwrap_or_else(|| self.root.join(&part.path))
    }

    /// The old parts that are replaced or removed.
    fn replaced(&self) -> impl Iterator<Item = &'a Part> {
        let now: BTreeSet<&str> = self.now.iter().map(|part| part.path.as_str()).collect();
        let parts = self.old.map_or(&[][..], |manifest| &manifest.parts);
        parts
            .iter()
            .filter(move |part| self.staged.contains_key(&part.path) || !now.contains(part.path.as_str()))
    }

    /// Where an old part lies.
    ///
    /// # Errors
    /// It is not as it was left, and so does not tell which rows of the table are the output's.
    fn left(&self, part: &Part) -> Result<PathBuf> {
        match first_altered(&self.root, [part])? {
            None => Ok(self.root.join(&part.path)),
            Some(part) => Err(altered(&self.root.join(&part.path))
                .only_hint("it records which rows of the table belong to the output: restore it from a copy")
                .hint("or remove it, and run again: rows of the table that only it records then stay there")),
        }
    }

    /// Sends all rows, and the keys of all parts that are not as they were.
    fn send_all(&self, publishing: &mut Publishing, publication: &Publication) -> Result<()> {
        let schema = &self.output.columns;
        publishing.put(each(self.now.iter().map(|part| rows_of(&self.path(part), schema))))?;
        // A part that is gone tells nothing, and neither does one whose keys are other columns; one that is written
        // again as it was has no key that goes.
        let again = |part: &&Part| self.now.iter().any(|now| now.path == part.path && now.hash == part.hash);
        let is_there = |part: &&Part| self.root.join(&part.path).symlink_metadata().is_ok();
        let old = self.replaced().filter(|part| !again(part)).filter(is_there);
        let old = old.map(|part| self.left(part)).chain(self.interrupted.iter().cloned().map(Ok));
        let keys = |path: Result<PathBuf>| match path {
            Ok(path) => keys_of(&path, schema, &publication.key).transpose(),
            Err(error) => Some(Err(error)),
        };
        publishing.take_out(each(old.filter_map(keys)))
    }

    /// Sends the rows that are not as they were.
    fn send_changed(&self, publishing: &mut Publishing, publication: &Publication) -> Result<()> {
        let schema = &self.output.columns;
        let old: BTreeMap<&str, &Part> = self.replaced().map(|part| (part.path.as_str(), part)).collect();
        let paths: BTreeSet<&str> =
            old.keys().copied().chain(self.staged.keys().map(String::as_str)).collect();
        let none = || RecordBatch::new_empty(schema.arrow());
        // `put` pulls the rows while it sends them, so the keys that go are gathered on the side.
        let gone = RefCell::new(vec![]);
        publishing.put(paths.into_iter().map(|path| {
            let before = old.get(path).map_or_else(|| Ok(none()), |part| whole(&self.left(part)?, schema))?;
            let after = self.staged.get(path).map_or_else(|| Ok(none()), |at| whole(at, schema))?;
            let changed = changed::rows(&before, &after, &publication.key)?;
            gone.borrow_mut().push(changed.gone);
            Ok(changed.new)
        }))?;
        publishing.take_out(gone.into_inner().into_iter().map(Ok))
    }
}

/// The batches of all, or the first error of opening one.
fn each<I: Iterator<Item = Result<RecordBatch>>>(
    all: impl Iterator<Item = Result<I>>,
) -> impl Iterator<Item = Result<RecordBatch>> {
    all.flat_map(|one| {
        let (batches, error) = match one {
            Ok(batches) => (Some(batches), None),
            Err(error) => (None, Some(Err(error))),
        };
        batches.into_iter().flatten().chain(error)
    })
}
