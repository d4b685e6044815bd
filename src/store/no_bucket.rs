//! Buckets, in a program that was built without them: they are refused by name.

use super::ObjectClient;
use super::address::StoreAddress;
use super::listing::{Depth, StoreListing};
use super::object::ObjectState;
use crate::error::{Error, Result};
use bytes::Bytes;
use std::ops::Range;

/// A bucket that cannot be opened: there is no value of it.
#[derive(Debug)]
pub(super) enum Bucket {}

impl Bucket {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub(super) fn open(address: &StoreAddress) -> Result<Bucket> {
        let root = address.root();
        Err(Error::job(format!("cannot read {root}: this program was built without the feature `stores`"))
            .hint("build it with the feature, or copy the files to a folder first"))
    }
}

impl ObjectClient for Bucket {
    fn list(&self, _: &str, _: Depth) -> Result<StoreListing> {
        match *self {}
    }

    fn state(&self, _: &str) -> Result<Option<ObjectState>> {
        match *self {}
    }

    fn get(&self, _: &str, _: Range<u64>, _: &ObjectState) -> Result<Bytes> {
        match *self {}
    }
}
