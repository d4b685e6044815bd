//! One object of a store, in the state in which it was first seen.
//!
//! # Contract
//! Every byte is of that state: requests name its ETag, and an answer that is of another state is an error.

use super::address::StoreAddress;
use super::ahead;
use super::ahead::RangeSource;
use super::client::{ObjectClient, changed};
use super::listing::ObjectState;
use crate::error::{Error, Result};
use bytes::Bytes;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An object of a store that can be read.
pub struct StoreObject {
    /// Which object of this process it is.
    pub(super) number: u64,
    address: StoreAddress,
    client: Arc<dyn ObjectClient>,
    state: ObjectState,
    /// Why it could not be read, the last time that it could not.
    failure: Mutex<Option<Error>>,
}

impl std::fmt::Debug for StoreObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ({:?})", self.address, self.state)
    }
}

impl Drop for StoreObject {
    fn drop(&mut self) {
        ahead::forget(self.number);
    }
}

impl StoreObject {
    /// The object at `address`, which the store says is in this state.
    pub(super) fn new(
        address: StoreAddress,
        client: Arc<dyn ObjectClient>,
        state: ObjectState,
    ) -> Arc<StoreObject> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(StoreObject { number, address, client, state, failure: Mutex::default() })
    }

    /// What the store told of it.
    pub fn state(&self) -> &ObjectState {
        &self.state
    }

    /// Where it lies.
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    /// Its ETag where equal ones mean equal bytes: those of buckets, which get a new one with each write. The ETag of a
    /// server of HTTP may be anything.
    pub fn trusted_etag(&self) -> Option<&str> {
        let etag = self.state.etag.as_deref().filter(|etag| !etag.starts_with("W/") && !etag.is_empty())?;
        self.address.can_list().then_some(etag)
    }

    /// Reads some bytes from byte `at` on; none at the end.
    ///
    /// # Errors
    /// The store does not give them; it has changed. The error of ours is in that of the system.
    pub fn read_at(self: &Arc<Self>, out: &mut [u8], at: u64) -> std::io::Result<usize> {
        if out.is_empty() || at >= self.state.bytes {
            return Ok(0);
        }
        ahead::read(self.as_ref(), out, at).map_err(std::io::Error::other)
    }

    /// These bytes, in one request: for who reads all of it once.
    ///
    /// # Errors
    /// The store does not give them; it has changed.
    pub(super) fn whole_range(&self, range: Range<u64>) -> Result<Bytes> {
        self.fetch(range)
    }

    /// Has bytes fetched that will soon be read.
    pub fn expect(self: &Arc<Self>, range: Range<u64>) {
        ahead::expect(self, range.start..range.end.min(self.state.bytes));
    }

    /// Why it could not be read, if a read has failed: readers of formats pass on only the text of a cause.
    pub fn failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails if the store has another state of it now. Reads are of one state; this is for what nothing else protects.
    ///
    /// # Errors
    /// Data: it has changed. Machine: the store does not say.
    pub fn unchanged(&self) -> Result<()> {
        if self.state.etag.is_some() {
            return Ok(());
        }
        match self.client.state(self.address.key())? {
            Some(now) if now == self.state => Ok(()),
            _ => Err(changed(&self.address.path())),
        }
    }
}

impl RangeSource for StoreObject {
    fn number(&self) -> u64 {
        self.number
    }

    fn bytes(&self) -> u64 {
        self.state.bytes
    }

    fn fetch(&self, range: Range<u64>) -> Result<Bytes> {
        let wanted = range.end - range.start;
        let fetched = self.client.get(self.address.key(), range, &self.state).and_then(|bytes| {
            match bytes.len() as u64 == wanted {
                true => Ok(bytes),
                false => Err(Error::machine(format!("{:?} gave too few bytes", self.address))),
            }
        });
        if let Err(error) = &fetched {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        fetched
    }
}
