//! Buckets, in a program that was built without them: they are refused by name.

use super::address::StoreAddress;
use super::client::ObjectClient;
use crate::error::{Error, Result};
use std::sync::Arc;

/// Refuses.
///
/// # Errors
/// Always.
pub(super) fn open(address: &StoreAddress) -> Result<Arc<dyn ObjectClient>> {
    let root = address.root();
    Err(Error::job(format!("cannot read {root}: this program was built without the feature `stores`"))
        .hint("build it with the feature, or copy the files to a folder first"))
}
