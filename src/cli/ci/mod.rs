//! Files that systems of continuous integration read: JUnit XML and SARIF.

mod junit;
mod sarif;

pub use junit::{CaseResult, JunitArgs, TestCase, TestSuite};
pub use sarif::SarifArgs;
