//! Paths of parts.

use crate::input::ScanReport;
use crate::sink::Part;

/// The path of the partition that a part is.
pub fn partition(part: &Part) -> &str {
    folder(&part.path)
}

/// The folder of a path.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Records of each file that was read.
pub fn records(reports: &[ScanReport]) -> Vec<(String, u64)> {
    let inputs = reports.iter().flat_map(|report| &report.inputs);
    inputs.map(|input| (input.path.display().to_string(), input.records)).collect()
}
