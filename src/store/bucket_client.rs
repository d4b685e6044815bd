//! What buckets are asked: listings, states and ranges of objects. What is written to them is in `bucket_writes`.

use super::bucket::{StoreBucket, listed, waited};
use super::client::{ObjectClient, PutCondition, PutOutcome, changed};
use super::listing::{Depth, ObjectState, StoreListing};
use super::{bucket_writes, wire};
use crate::error::{Error, Result};
use bytes::Bytes;
use object_store::list::PaginatedListOptions;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

impl ObjectClient for StoreBucket {
    fn list(&self, prefix: &str, depth: Depth) -> Result<StoreListing> {
        let mut listing = StoreListing::default();
        let mut token = None;
        loop {
            let options = PaginatedListOptions {
                delimiter: (depth == Depth::One).then(|| "/".into()),
                max_keys: (depth == Depth::Any).then_some(1),
                page_token: token.take(),
                ..PaginatedListOptions::default()
            };
            let prefix_or_none = (!prefix.is_empty()).then_some(prefix);
            let page = waited(self.store.list_paginated(prefix_or_none, options));
            let page = page.map_err(|cause| {
                let refusal = wire::last_refusal();
                match refusal.status {
                    // A bucket without objects has a listing, so there is none.
                    Some(404) => Error::job(format!("there is no bucket {}", self.root)),
                    _ => self.refused(prefix, &cause, &refusal),
                }
            })?;
            listing.objects.extend(page.result.objects.into_iter().map(listed));
            listing.folders.extend(page.result.common_prefixes.iter().map(Key::to_string));
            token = page.page_token;
            if token.is_none() || depth == Depth::Any && !listing.is_empty() {
                return Ok(listing);
            }
        }
    }

    fn state(&self, key: &str) -> Result<Option<ObjectState>> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match waited(self.store.get_opts(&self.key(key)?, options)) {
            Ok(found) => Ok(Some(listed(found.meta).state)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.failure(key, &cause)),
        }
    }

    fn get(&self, key: &str, range: Range<u64>, state: &ObjectState) -> Result<Bytes> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: state.etag.clone(),
            ..GetOptions::default()
        };
        let at = self.key(key)?;
        let (meta, bytes) = waited(async {
            let got = self.store.get_opts(&at, options).await?;
            let meta = got.meta.clone();
            Ok((meta, got.bytes().await?))
        })
        .map_err(|cause: object_store::Error| self.failure(key, &cause))?;
        // A store that does not know conditions gives what there is now.
        match listed(meta).state == *state {
            true => Ok(bytes),
            false => Err(changed(Path::new(&self.path(key)))),
        }
    }

    fn put(&self, key: &str, bytes: &Bytes, condition: PutCondition) -> Result<PutOutcome> {
        bucket_writes::put(self, key, bytes, condition)
    }

    fn upload(&self, key: &str, file: &File, bytes: u64) -> Result<()> {
        bucket_writes::upload(self, key, file, bytes)
    }

    fn version(&self, key: &str) -> Result<Option<String>> {
        bucket_writes::version(self, key)
    }

    fn copy(&self, from: &str, to: &str) -> Result<bool> {
        bucket_writes::copy(self, from, to)
    }

    fn delete(&self, key: &str) -> Result<()> {
        bucket_writes::delete(self, key)
    }
}
