//! The partitions that parts are, and the records that were read.

use crate::batch::PartitionPath;
use crate::input::ScanReport;
use crate::sink::Part;

/// The partition that a part is.
pub fn partition(part: &Part) -> PartitionPath {
    PartitionPath::of_file(&part.path)
}

/// Records of each file that was read.
pub fn records(reports: &[ScanReport]) -> Vec<(String, u64)> {
    let inputs = reports.iter().flat_map(|report| &report.inputs);
    inputs.map(|input| (input.path.display().to_string(), input.records)).collect()
}
