//! Results that another program published become the state of a job's outputs, so that `backfill` corrects them.
//!
//! # Contract
//! * The replay decides: rows in place are adopted only where they are those of a run over the source, value by value as
//!   the output has them, and lie in the partitions that it would write. Nothing but manifests is written then.
//! * Where they are not, nothing changes, and what differs is told with the cause that `verify` finds; or with `repair`
//!   the files in place go, and those of a run come, in one commit.
//! * Outputs of which nothing is in place, such as an archive, are written as by a run: a backfill needs them all.
//! * What this job wrote stays as it is, and what another job of Highwater wrote is refused.

mod files;
mod outcome;
mod tables;

use crate::deliver::{self, places, target_number};
use crate::engine::{Pass, Progress, RunOptions};
use crate::error::{Error, Result};
use crate::job::{self, JobSpec, Overrides};
use crate::plan::{OutputId, OutputKind, OutputPlan, Plan};
use crate::process::pool;
use crate::sink::{RejectsWriter, Target, Transaction};
use crate::verify::{Against, ColumnNames, ResultFormat, Verified, VerifyRequest, verify};
use files::{FilesInPlace, Layout};
pub use outcome::{AdoptOutcome, AdoptRequest, AdoptResult, AdoptedOutput};

/// Adopts what lies where the outputs of the job go.
///
/// # Errors
/// As of a run; a job error: Highwater wrote an output already, or one is of a kind that is not adopted.
pub fn adopt(
    spec: &JobSpec,
    overrides: &Overrides,
    request: &AdoptRequest,
    options: &RunOptions,
    progress: &dyn Progress,
) -> Result<AdoptOutcome> {
    let plan = job::plan_job(spec, overrides)?;
    let targets = places(&plan);
    if let Some(table) = targets.iter().find(|target| target.is_table()) {
        return Err(Error::job(format!(
            "{} is a table, and `adopt` does not take over tables",
            table.path.display()
        ))
        .hint("adopt the results as a folder, without `table`; or run the job into a new table"));
    }
    let mut transaction = Transaction::begin_adopting(&targets, &plan.deliveries.named)?;
    // A commit that a killed `adopt` left is done by now: what lies in place may be ours since then.
    if let Some(outputs) = already(&plan, &targets)? {
        drop(transaction);
        return Ok(unchanged(plan, &targets, outputs));
    }
    let rejects = plan.deliveries.rejects.as_deref().map(RejectsWriter::create).transpose()?;
    let (mut staged, mut outputs) = pool(options.threads)?.install(|| {
        let pass = Pass { plan: &plan, options, progress };
        let staged = deliver::stage(&pass, &transaction, rejects)?;
        let outputs = compared(&pass, &transaction, &targets, request)?;
        Ok::<_, Error>((staged, outputs))
    })?;
    let account = staged.outcome.account;
    // The tables are brought up to date in transactions of their servers, which say what is not as it should be.
    let mut tables = staged.open(&plan, &mut transaction)?;
    tables::compared(&plan, &tables.before()?, request, &mut outputs);
    let differs = outputs.iter().any(|output| matches!(output.result, AdoptResult::Different(..)));
    let applied = !differs && !request.plan_only;
    if applied {
        staged.finish(tables, transaction)?;
    } else {
        // What was staged goes before the job runs again for the comparison.
        drop(tables);
        drop(transaction);
        for output in &mut outputs {
            if let AdoptResult::Different(_, found) = &mut output.result {
                let case = DifferenceRequest { spec, overrides, request, options, progress };
                *found = case.difference(&plan, output.id, &output.path);
            }
        }
    }
    Ok(AdoptOutcome { plan, account, outputs, applied })
}

/// The outputs, if all of them are those of this job already.
///
/// # Errors
/// A job error: another job of Highwater wrote one, or some are this job's and others are not.
fn already(plan: &Plan, targets: &[Target]) -> Result<Option<Vec<AdoptedOutput>>> {
    let identities = plan.deliveries.identities.outputs.iter().chain(&plan.deliveries.identities.late);
    let files = plan.deliveries.with_ids().filter(|(_, output)| deliver::target(&output.to).is_some());
    let files: Vec<_> = files.collect();
    let (mut outputs, mut own) = (vec![], 0);
    for (number, target) in targets.iter().enumerate() {
        let Some(manifest) = target.manifest()? else { continue };
        if !identities.clone().any(|identity| manifest.identity.as_ref() == Some(identity)) {
            return Err(Error::job(format!("another job of Highwater wrote {}", target.path.display()))
                .hint("give the output another path, or run this job to replace it"));
        }
        own += 1;
        if let Some((id, output)) = files.get(number) {
            outputs.push(AdoptedOutput {
                id: *id,
                path: output.to.to_string(),
                files: manifest.parts.len(),
                rows: manifest.parts.iter().map(|part| part.rows).sum(),
                result: AdoptResult::Already,
            });
        }
    }
    match own {
        0 => Ok(None),
        all if all == targets.len() => Ok(Some(outputs)),
        _ => Err(Error::job("this job wrote some of its outputs already, and others not")
            .hint("run the job: it writes all of them")),
    }
}

/// What became of outputs that are those of the job already.
fn unchanged(plan: Plan, targets: &[Target], outputs: Vec<AdoptedOutput>) -> AdoptOutcome {
    let manifest = targets.first().and_then(|target| target.manifest().ok().flatten());
    let account = manifest.map(|manifest| manifest.account).unwrap_or_default();
    AdoptOutcome { plan, account, outputs, applied: false }
}

/// What lies in place beside what was staged; of what is adopted the transaction keeps the files that are there.
fn compared(
    pass: &Pass,
    transaction: &Transaction,
    targets: &[Target],
    request: &AdoptRequest,
) -> Result<Vec<AdoptedOutput>> {
    let mut outputs = vec![];
    for (id, output) in pass.plan.deliveries.with_ids() {
        let Some(target) = deliver::target(&output.to) else { continue };
        let number = target_number(pass.plan, id);
        let rows = transaction.parts(number)?.iter().map(|part| part.rows).sum();
        let in_place = FilesInPlace::find(&target)?;
        let files = in_place.paths.len();
        let result = of_output(pass, transaction, (id, number), &in_place, request)?;
        outputs.push(AdoptedOutput { id, path: output.to.to_string(), files, rows, result });
    }
    // The late output stands behind all others.
    if let Some(late) = targets.get(outputs.len()) {
        let in_place = FilesInPlace::find(late)?;
        if !in_place.paths.is_empty() {
            return Err(Error::job(format!(
                "{} is in place, and late events are not adopted",
                late.path.display()
            ))
            .hint("give [late] another path"));
        }
    }
    Ok(outputs)
}

fn of_output(
    pass: &Pass,
    transaction: &Transaction,
    (id, number): (OutputId, usize),
    in_place: &FilesInPlace,
    request: &AdoptRequest,
) -> Result<AdoptResult> {
    if in_place.paths.is_empty() {
        return Ok(AdoptResult::Written);
    }
    let why = match not_adopted(&pass.plan.deliveries.outputs[id]) {
        Some(why) => why.to_string(),
        None => match files::layout(pass, transaction, (id, number), in_place)? {
            Layout::Same(parts) => {
                transaction.adopt(number, parts)?;
                return Ok(AdoptResult::Adopted);
            }
            Layout::Different(why) => why,
        },
    };
    if !request.repair {
        return Ok(AdoptResult::Different(why, None));
    }
    in_place.paths.iter().try_for_each(|path| transaction.replace_foreign(number, path))?;
    Ok(AdoptResult::Repaired(why))
}

/// Why files of an output are not adopted, whatever is in them.
fn not_adopted(output: &OutputPlan) -> Option<&'static str> {
    match &output.kind {
        OutputKind::Groups { post, .. } if post.top.is_some() => {
            Some("the order of rows in an output with `top` is not known from its files")
        }
        OutputKind::Groups { .. } => None,
        OutputKind::Rows(_) => Some("files of events are not adopted"),
        OutputKind::Archive(_) => {
            Some("an archive names the place of each record, which no other program writes")
        }
    }
}

/// What is needed to say how rows in place differ.
struct DifferenceRequest<'a> {
    spec: &'a JobSpec,
    overrides: &'a Overrides,
    request: &'a AdoptRequest,
    options: &'a RunOptions,
    progress: &'a dyn Progress,
}

impl DifferenceRequest<'_> {
    /// How the rows of the output `id` in place differ from the replay, and why.
    fn difference(&self, plan: &Plan, id: OutputId, path: &str) -> Option<Box<Verified>> {
        let to = plan.deliveries.outputs[id].to.to_string();
        let compared = |against: Against, server, names| VerifyRequest {
            against,
            server,
            output: Some(to.clone()),
            show: self.request.show,
            there: ResultFormat { names, ..ResultFormat::default() },
            ..VerifyRequest::printed(self.options, self.progress)
        };
        let verified = |request: VerifyRequest| {
            verify(self.spec, self.overrides, job::plan_job(self.spec, self.overrides)?, &request)
        };
        // That the rows differ is known; how they do is told where rows of theirs can be laid beside ours.
        let published = plan.deliveries.publications.iter().find(|publication| publication.output == id);
        let verdict = match published {
            Some(publication) => {
                let query = tables::query(plan, publication).ok()?;
                let server = Some(publication.address.server.clone());
                verified(compared(Against::Query(query.path().to_path_buf()), server, ColumnNames::Header))
            }
            // Files of CSV may have no header line: then their columns are those of the output.
            None => verified(compared(
                Against::Result(std::path::PathBuf::from(path).into()),
                None,
                ColumnNames::Header,
            ))
            .or_else(|_| {
                verified(compared(
                    Against::Result(std::path::PathBuf::from(path).into()),
                    None,
                    ColumnNames::Same,
                ))
            }),
        };
        let verified = verdict.ok()?.verified.into_iter().next();
        verified.filter(|verified| !verified.comparison.same()).map(Box::new)
    }
}
