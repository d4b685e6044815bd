//! Whether the outputs in place are those of the job as it is now, and what an edited one still has in common with
//! what lies there.
//!
//! # Contract
//! * An output is the job's where its manifest has the identity that the plan gives it; where it has none, as
//!   manifests of before, the hash that they have.
//! * The job's name is no part of that: manifests are brought up to date without reading anything.

use super::given::InPlace;
use crate::batch::{DataType, Field, Schema};
use crate::error::Result;
use crate::job::identity::{differences, hash_before};
use crate::plan::{OutputId, OutputPlan, Plan};
use crate::sink::{Identity, JobInfo, Manifest, ManifestDraft, Target, first_altered};
use serde_json::Value;

/// So many differences are named.
const NAMED: usize = 3;

/// Why the outputs in place are not those of `plan`, if they are not.
pub fn reason(plan: &Plan, targets: &[(OutputId, Target)], in_place: &InPlace) -> Option<String> {
    let before = hash_before(plan);
    let each = targets.iter().zip(&in_place.manifests);
    let reasons = each.filter_map(|((index, target), manifest)| {
        let why = unlike(manifest, &plan.deliveries.identities.outputs[*index], &before)?;
        Some((target.path.display(), why))
    });
    let reasons: Vec<_> = reasons.collect();
    let Some((path, why)) = reasons.first() else { return rejects_moved(plan, in_place.before()) };
    // What all outputs share is no matter of one of them.
    if reasons.len() == targets.len() && reasons.iter().all(|(_, other)| other == why) {
        return Some(why.clone());
    }
    let more = match reasons.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    Some(format!("for {path}{more}, {why}"))
}

/// Why the late output in place is not that of `plan`, if it is not. A backfill does not write it, so even the name of the
/// job has to be its own.
///
/// # Errors
/// Its manifest cannot be read.
pub fn late(plan: &Plan) -> Result<Option<String>> {
    let Some((late, identity)) = plan.deliveries.late.as_ref().zip(plan.deliveries.identities.late.as_ref())
    else {
        return Ok(None);
    };
    let target = late.target();
    let path = target.path.display();
    let Some(manifest) = target.manifest()? else {
        return Ok(Some(format!("{path} was never written")));
    };
    if let Some(why) = unlike(&manifest, identity, &hash_before(plan)) {
        return Ok(Some(format!("for {path}, {why}")));
    }
    if first_altered(&target.root(), &manifest.parts)?.is_some() {
        return Ok(Some(format!("{path} was changed since it was written")));
    }
    Ok((manifest.job.name != plan.name).then(|| format!("the job is now called {}", plan.name)))
}

/// Whether rejects lie in another place than a run would write them to.
fn rejects_moved(plan: &Plan, manifest: &Manifest) -> Option<String> {
    let (was, is) = (manifest.rejects.as_ref()?, plan.deliveries.rejects.as_ref()?.display().to_string());
    (*was != is).then(|| format!("the job was edited: rejects go to {is}, but went to {was}"))
}

/// How what `manifest` describes differs from an output of identity `is`, if it does; `before` is the hash of the plan
/// in manifests without an identity.
fn unlike(manifest: &Manifest, is: &Identity, before: &str) -> Option<String> {
    match &manifest.identity {
        Some(was) if was == is => None,
        // Forms of two versions can differ where the job does not, so only equal versions are compared in
        // detail.
        Some(was) if was.version == is.version => {
            Some(format!("the job was edited: {}", differences(&was.form, &is.form, NAMED).join("; ")))
        }
        Some(was) => Some(format!(
            "the description of the job has version {}, but the version is now {}",
            was.version, is.version
        )),
        // A target that was never written is represented by an empty manifest.
        None if manifest.inputs.is_empty() && manifest.job.hash.is_empty() => {
            Some("nothing was written yet".to_string())
        }
        // Manifests of earlier versions have a hash of the plan in place of an identity.
        None if manifest.job.hash == before => None,
        None => Some("the job was edited, or an earlier version wrote its outputs".to_string()),
    }
}

/// The manifests of outputs that stay as they are, with the name and the identities that the job has now; `None` where
/// they have them.
pub fn restated(
    plan: &Plan,
    targets: &[(OutputId, Target)],
    in_place: &InPlace,
) -> Option<Vec<ManifestDraft>> {
    let restate = |((index, _), manifest): (&(OutputId, Target), &Manifest)| ManifestDraft {
        job: JobInfo { name: plan.name.clone(), hash: plan.hash.clone() },
        identity: Some(plan.deliveries.identities.outputs[*index].clone()),
        ..manifest.draft()
    };
    let drafts: Vec<ManifestDraft> = targets.iter().zip(&in_place.manifests).map(restate).collect();
    // A commit that changes nothing would still rewrite the manifests: the law `repeat` forbids that.
    let same = drafts.iter().zip(&in_place.manifests).all(|(draft, manifest)| *draft == manifest.draft());
    (!same).then_some(drafts)
}

/// What the rows of an output in place and those that it has now can be compared by.
#[derive(Debug)]
pub struct SharedColumns {
    /// The columns of the files that are in place.
    pub old: Schema,
    /// Those that both have, with equal types, by their names.
    pub columns: Schema,
}

/// What an output has in common with what lies there.
///
/// # Errors
/// Why they cannot be compared, in words.
pub fn shared(
    manifest: &Manifest,
    is: &Identity,
    output: &OutputPlan,
) -> std::result::Result<SharedColumns, String> {
    let own = output.file_schema();
    let was = match &manifest.identity {
        Some(was) if was == is => return Ok(SharedColumns { old: own.clone(), columns: own }),
        Some(was) if was.version == is.version => was,
        _ => return Err("its earlier columns are not known".to_string()),
    };
    let of = |identity: &Identity, key: &str| identity.form["output"].get(key).map(Value::to_string);
    // Rows are matched by window and keys: where these differ, a comparison would pair the wrong rows.
    for (key, what) in [
        ("window", "its windows"),
        ("by", "its keys"),
        ("written_as", "its columns"),
        ("firings", "its rows"),
        ("partition_by", "its partitions"),
        ("format", "its files"),
        ("key", "the keys of its lines"),
    ] {
        if of(was, key) != of(is, key) {
            return Err(format!("{what} have changed"));
        }
    }
    let paths: Vec<&str> =
        output.partition_columns().map(|c| output.columns.fields[c].name.as_str()).collect();
    let old: Option<Vec<Field>> = was.form["output"]["columns"].as_array().and_then(|columns| {
        let field = |column: &Value| {
            Some(Field::new(column["name"].as_str()?, DataType::parse(column["type"].as_str()?)?))
        };
        columns.iter().map(field).collect()
    });
    let Some(old) = old else { return Err("its earlier columns are not known".to_string()) };
    // Partition columns stand in the paths, so the files do not have them.
    let old = Schema::new(old.into_iter().filter(|f| !paths.contains(&f.name.as_str())).collect());
    let keys = is.form["output"]["by"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for key in keys.filter(|key| !paths.contains(key)) {
        if old.type_of(key) != own.type_of(key) {
            return Err(format!("its key `{key}` has another type"));
        }
    }
    // A value of another type cannot be compared, so its column is treated as a new one.
    let both = own.fields.iter().filter(|field| old.type_of(&field.name) == Some(field.ty));
    let columns = Schema::new(both.cloned().collect());
    Ok(SharedColumns { old, columns })
}
