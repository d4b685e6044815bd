//! Whether the outputs in place are what a run would write, told without reading the source.
//!
//! # Contract
//! * Of every file of the source and of tables the content is known: by its stamp, or, where that is the case for most of
//!   them, by reading the others.
//! * The manifests in place are those that a run would write by the job, the files and this version of the program; the account
//!   and the first and last times are taken from them. The files of the outputs have the bytes that their manifests say.
//! * The run that wrote them had nothing to tell but what manifests have: it left a word for that beside its stamps. A job that
//!   asks or writes more than files (services, servers, stores, tables, the terminal) is always run.

use crate::deliver::{Outcome, OutputOutcome, drafts, places, targets};
use crate::error::Result;
use crate::input::{InputReport, Opened};
use crate::job::{JobSpec, table_files};
use crate::plan::{OutputKind, OutputTo, Plan};
use crate::sink::{InputEntry, Manifest, TOOL, Target, Transaction, first_altered};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The outcome of a run of `plan` over outputs that it would leave as they are; `None` where that is not known.
///
/// # Errors
/// The outputs cannot be opened, as of a run; an input or an output cannot be looked at.
pub(crate) fn standing(plan: &Plan, spec: &JobSpec) -> Result<Option<Outcome>> {
    let Some(told) = plan.inputs.told().filter(|_| writes_files_alone(plan)) else { return Ok(None) };
    let files = plan.pipeline.read.files.iter().map(|file| file.opened.clone());
    let tables = table_files(spec)?.into_iter().map(|(name, path)| Ok((name, plan.inputs.file(&path)?)));
    let tables = tables.collect::<Result<Vec<(String, Opened)>>>()?;
    if !are_known(files.clone().chain(tables.iter().map(|(_, opened)| opened.clone()))) {
        return Ok(None);
    }
    let places = places(plan);
    let transaction = Transaction::begin_of(&places, &plan.deliveries.named)?;
    let manifests: Option<Vec<&Manifest>> = (0..places.len()).map(|n| transaction.manifest(n)).collect();
    let Some(manifests) = manifests else { return Ok(None) };
    let Some(first) = manifests.first().filter(|first| first.draft().digest() == told) else {
        return Ok(None);
    };
    let would_be = drafts(plan, first.inputs.clone(), first.account, first.watermarks, &None);
    let same = |(draft, manifest): (_, &&Manifest)| manifest.tool == TOOL && manifest.draft() == draft;
    if would_be.len() != manifests.len() || !would_be.into_iter().zip(&manifests).all(same) {
        return Ok(None);
    }
    let of_source: Vec<&InputEntry> = first.inputs.iter().filter(|input| input.table.is_none()).collect();
    if !are_these(files.collect(), &of_source)? || !are_those_tables(&tables, &first.inputs)? {
        return Ok(None);
    }
    for (target, manifest) in places.iter().zip(&manifests) {
        if is_altered(target, manifest)? {
            return Ok(None);
        }
    }
    let mut strangers = vec![];
    for output in 0..places.len() {
        strangers.extend(transaction.strangers(output)?);
    }
    outcome(plan, &manifests, strangers).map(Some)
}

/// Whether a job reads files and writes files, and tells nothing else.
fn writes_files_alone(plan: &Plan) -> bool {
    let deliveries = &plan.deliveries;
    let is_file = |to: &OutputTo| matches!(to, OutputTo::File(_) | OutputTo::Folder(_));
    let is_archive = |kind: &OutputKind| matches!(kind, OutputKind::Archive(_));
    deliveries.outputs.iter().all(|output| is_file(&output.to) && !is_archive(&output.kind))
        && places(plan).iter().all(|target| !target.is_on_store())
        && deliveries.late.is_none()
        && deliveries.rejects.is_none()
        && deliveries.publications.is_empty()
        && plan.pipeline.services.is_empty()
        && plan.for_complete_outputs().is_none()
        // A run takes away what an earlier one rejected.
        && deliveries.named.beside.iter().all(|path| path.symlink_metadata().is_err())
}

/// Whether the content of most files is known without reading them.
fn are_known(files: impl Iterator<Item = Opened>) -> bool {
    let (mut all, mut unknown) = ((0, 0), (0, 0));
    for file in files {
        all = (all.0 + 1, all.1 + file.bytes());
        if file.known_hash().is_none() {
            unknown = (unknown.0 + 1, unknown.1 + file.bytes());
        }
    }
    // Where more has changed, a run reads them anyway, and need not read them twice.
    unknown.0 * 4 <= all.0 && unknown.1 * 4 <= all.1
}

/// Whether the files of the source are those that were counted, in their order.
fn are_these(files: Vec<Opened>, counted: &[&InputEntry]) -> Result<bool> {
    if files.len() != counted.len() {
        return Ok(false);
    }
    for (file, entry) in files.iter().zip(counted) {
        if file.path().display().to_string() != entry.path
            || file.hash()? != (entry.bytes, entry.hash.clone())
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the files of tables are those that were read.
fn are_those_tables(now: &[(String, Opened)], counted: &[InputEntry]) -> Result<bool> {
    let there =
        now.iter().map(|(name, file)| Ok((name.clone(), file.path().display().to_string(), file.hash()?.1)));
    let there = there.collect::<Result<BTreeSet<(String, String, String)>>>()?;
    // A table that is asked by several keys is read once for each.
    let of_table = |entry: &InputEntry| Some((entry.table.clone()?, entry.path.clone(), entry.hash.clone()));
    Ok(counted.iter().filter_map(of_table).collect::<BTreeSet<_>>() == there)
}

fn is_altered(target: &Target, manifest: &Manifest) -> Result<bool> {
    let parts = first_altered(&target.root(), manifest.parts.as_slice())?;
    Ok(parts.is_some() || first_altered(&target.state(), manifest.state.as_slice())?.is_some())
}

/// What a run would tell that leaves these outputs as they are.
fn outcome(plan: &Plan, manifests: &[&Manifest], strangers: Vec<PathBuf>) -> Result<Outcome> {
    let outputs = targets(plan).zip(manifests).map(|(output, manifest)| {
        let rows = manifest.parts.iter().map(|part| part.rows).sum();
        OutputOutcome { unchanged: manifest.parts.len(), ..OutputOutcome::new(&output.to, rows, None) }
    });
    let inputs = (0..).zip(&manifests[0].inputs).map(|(ordinal, input)| InputReport {
        path: PathBuf::from(&input.path),
        ordinal,
        bytes: input.bytes,
        hash: input.hash.clone(),
        etag: None,
        records: input.records,
        skipped: 0,
    });
    Ok(Outcome {
        account: manifests[0].account,
        of_complete: None,
        watermarks: manifests[0].watermarks,
        inputs: inputs.collect(),
        outputs: outputs.collect(),
        rejects: None,
        lookups: None,
        spilled: false,
        published: vec![],
        left_out: vec![],
        gone: vec![],
        twice: 0,
        without_items: 0,
        all_again: None,
        strangers,
        offsets: vec![],
    })
}
