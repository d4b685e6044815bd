//! Stamps of the inputs of a job, from one command to the next: they lie beside the manifest of its first output on the disk.

use super::places::target;
use crate::job::{JobSpec, destinations};
use crate::sink::{Target, read_stamps, write_stamps};

/// The output of a job that the stamps of its inputs lie beside.
fn holder(spec: &JobSpec) -> Option<Target> {
    destinations(spec).iter().filter_map(target).find(|target| !target.is_on_store())
}

/// Learns what an earlier command of the job has kept of its inputs: before any of them is looked at. Not for commands that
/// check bytes.
pub fn recall(spec: &JobSpec) {
    if let Some(kept) = holder(spec).and_then(|target| read_stamps(&target)) {
        spec.inputs().learn_stamps(&kept);
    }
}

/// Keeps what is known of the inputs of a job, whose outputs are in place by now; `told` is for [`crate::input::Inputs::told`].
pub(crate) fn keep(spec: &JobSpec, told: Option<u128>) {
    if let Some(target) = holder(spec)
        && let Some(stamps) = spec.inputs().stamps(told)
    {
        write_stamps(&target, &stamps);
    }
}
