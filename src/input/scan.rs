//! Stub while the scan is being written.
pub struct Decoded;
pub struct InputReport;
pub struct Scan;
pub struct ScanWorker;
