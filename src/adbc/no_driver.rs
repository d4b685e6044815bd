//! In the place of drivers, in a build without the feature `engines`.

use super::address::EngineAddress;
use super::driving::EngineDriver;
use crate::error::{Error, Result};

/// Refuses: this build loads no driver.
///
/// # Errors
/// Always.
pub(super) fn open(_: &EngineAddress) -> Result<Box<dyn EngineDriver>> {
    Err(Error::job("this build of highwater cannot load drivers of ADBC, so it has no `--on`")
        .hint("build it with `--features engines`, or install a package: all packages have it"))
}
