//! Files that lie on stores: S3, Google Cloud Storage, Azure, and servers of HTTP. Those of HTTP are read and never written.
//!
//! # Contract
//! * What the rest of the program sees is blocking: a listing, and objects that are read at any byte ([`StoreObject`]).
//! * Nothing here is started before a path names a store.
//! * Credentials come from the environment, and are in no error and no name ([`StoreAddress::path`]).
//! * What may pass is tried again, with longer and longer waits ([`retries`]); what will not is an error at once.

mod address;
mod ahead;
#[cfg(feature = "stores")]
mod bucket;
#[cfg(feature = "stores")]
mod bucket_client;
#[cfg(feature = "stores")]
mod bucket_writes;
mod client;
pub mod files;
mod listing;
#[cfg(not(feature = "stores"))]
mod no_bucket;
mod object;
mod service;
#[cfg(test)]
mod tests;
mod web;
// Only buckets need all of it.
#[cfg_attr(not(feature = "stores"), allow(dead_code))]
mod wire;

pub use address::{StoreAddress, StoreKind, is_on_store};
pub use ahead::{set_capacity, window};
pub use client::{PutCondition, PutOutcome};
pub use listing::{Depth, ListedObject, ObjectState, StoreListing};
pub use object::StoreObject;
pub use service::{ServiceReply, ServiceRequest, ask_service, wait_before};
pub use wire::retries;

use crate::error::Result;
#[cfg(feature = "stores")]
use bucket::open as open_bucket;
use client::ObjectClient;
#[cfg(not(feature = "stores"))]
use no_bucket::open as open_bucket;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use web::{FirstAnswer, WebFile};

/// A file of a store that was looked at.
#[derive(Debug)]
pub enum StoreFile {
    /// An object, read by ranges.
    Object(Arc<StoreObject>),
    /// The copy of a file, and its size: its server gives it only as a whole.
    Copied(File, u64),
}

/// The bucket of an address. There is one for all commands of a process: it knows connections and credentials.
fn bucket(address: &StoreAddress) -> Result<Arc<dyn ObjectClient>> {
    static OPEN: Mutex<Option<HashMap<String, Arc<dyn ObjectClient>>>> = Mutex::new(None);
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let open = open.get_or_insert_default();
    if let Some(known) = open.get(address.root()) {
        return Ok(known.clone());
    }
    let opened = open_bucket(address)?;
    open.insert(address.root().to_string(), opened.clone());
    Ok(opened)
}

/// What lies in the bucket of `address` whose names begin with its key.
///
/// # Errors
/// Job: it is not a store that tells. Machine: it cannot be reached, or refuses.
pub fn list(address: &StoreAddress, depth: Depth) -> Result<StoreListing> {
    match address.kind() {
        StoreKind::Web => WebFile::new(address.clone()).list(address.key(), depth),
        _ => bucket(address)?.list(address.key(), depth),
    }
}

/// The file at `address`, if there is one.
///
/// # Errors
/// Machine: the store cannot be reached, or refuses. Job: the environment does not say how to reach it.
pub fn open(address: &StoreAddress) -> Result<Option<StoreFile>> {
    if address.kind() == StoreKind::Web {
        let file = WebFile::new(address.clone());
        return Ok(match file.first()? {
            FirstAnswer::Ranges(state, head) => {
                let object = StoreObject::new(address.clone(), Arc::new(file), state);
                ahead::give(object.as_ref(), 0, head);
                Some(StoreFile::Object(object))
            }
            FirstAnswer::Whole(copy, bytes) => Some(StoreFile::Copied(copy, bytes)),
            FirstAnswer::Nothing => None,
        });
    }
    if address.key().is_empty() || address.key().ends_with('/') {
        return Ok(None);
    }
    let client = bucket(address)?;
    let state = client.state(address.key())?;
    Ok(state.map(|state| StoreFile::Object(StoreObject::new(address.clone(), client, state))))
}

/// The object at `address`, which a listing has shown in this state.
///
/// # Errors
/// As of [`open`].
pub fn listed(address: &StoreAddress, state: ObjectState) -> Result<Arc<StoreObject>> {
    Ok(StoreObject::new(address.clone(), bucket(address)?, state))
}
