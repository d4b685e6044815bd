//! What is written to buckets.
//!
//! # Contract
//! * An object is there as a whole or not at all: an upload in several requests that fails is taken back.
//! * A write with a condition whose answer was lost is made again, and then meets its own object. So an object that is in the
//!   way is compared before it is called a conflict.

use super::address::StoreKind;
use super::bucket::{StoreBucket, waited};
use super::client::{ObjectClient, PART, PutCondition, PutOutcome};
use super::wire;
use crate::error::{Error, Result};
use bytes::Bytes;
use object_store::{Error as Cause, MultipartUpload, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

/// Stores take at most 10,000 requests of one upload.
const PARTS: u64 = 9_000;
/// Requests of one upload in flight.
const REQUESTS: usize = 4;

pub(super) fn put(
    bucket: &StoreBucket,
    key: &str,
    bytes: &Bytes,
    condition: PutCondition,
) -> Result<PutOutcome> {
    let at = bucket.key(key)?;
    let mode = match condition {
        PutCondition::Always => PutMode::Overwrite,
        PutCondition::Absent => PutMode::Create,
        PutCondition::Unchanged(state) => {
            let (state, google) = (Some(state.to_string()), bucket.kind == StoreKind::Google);
            let (e_tag, version) = if google { (None, state) } else { (state, None) };
            PutMode::Update(UpdateVersion { e_tag, version })
        }
    };
    let (mut wait, mut tries) = (wire::FIRST_WAIT, 0);
    loop {
        let put = waited(bucket.store.put_opts(&at, PutPayload::from(bytes.clone()), mode.clone().into()));
        let cause = match put {
            Ok(_) => return Ok(PutOutcome::Done),
            Err(cause) => cause,
        };
        let refusal = wire::last_refusal();
        match cause {
            Cause::AlreadyExists { .. } | Cause::Precondition { .. } => match holds(bucket, key, bytes)? {
                Some(true) => return Ok(PutOutcome::Done),
                Some(false) => return Ok(PutOutcome::Lost),
                // Of two writes at one time S3 may refuse both.
                None if condition == PutCondition::Absent => {}
                None => return Ok(PutOutcome::Lost),
            },
            _ => {
                // What has a condition `object_store` does not make again.
                if condition == PutCondition::Always || !passes(&refusal) || tries >= wire::RETRIES {
                    return Err(bucket.refused_to("write", key, &cause, &refusal));
                }
            }
        }
        if tries >= wire::RETRIES {
            return Err(bucket.refused_to("write", key, &cause, &refusal));
        }
        std::thread::sleep(wait);
        (wait, tries) = ((wait * 2).min(wire::LONGEST_WAIT), tries + 1);
    }
}

/// Whether an object has these bytes; none where there is no object.
fn holds(bucket: &StoreBucket, key: &str, bytes: &Bytes) -> Result<Option<bool>> {
    let Some(state) = bucket.state(key)? else { return Ok(None) };
    if state.bytes != bytes.len() as u64 || bytes.is_empty() {
        return Ok(Some(state.bytes == bytes.len() as u64));
    }
    bucket.get(key, 0..state.bytes, &state).map(|there| Some(there == *bytes))
}

pub(super) fn upload(bucket: &StoreBucket, key: &str, file: &File, bytes: u64) -> Result<()> {
    let part = PART.max(bytes.div_ceil(PARTS));
    if bytes <= part {
        let content = piece(bucket, key, file, 0, bytes)?;
        return put(bucket, key, &content.into(), PutCondition::Always).map(drop);
    }
    let at = bucket.key(key)?;
    let failed = |cause: &Cause| bucket.refused_to("write", key, cause, &wire::last_refusal());
    let mut upload =
        waited(bucket.store.put_multipart_opts(&at, Default::default())).map_err(|e| failed(&e))?;
    let sent = send_parts(bucket, key, (file, bytes), part, upload.as_mut());
    let ended = sent.and_then(|()| waited(upload.complete()).map(drop).map_err(|e| failed(&e)));
    let Err(error) = ended else { return Ok(()) };
    // Where the last answer was lost, the store has the whole object and does not know the upload any more.
    if bucket.state(key).is_ok_and(|state| state.is_some_and(|state| state.bytes == bytes)) {
        return Ok(());
    }
    // Else the store would keep, and charge for, what no reader sees.
    let _ = waited(upload.abort());
    Err(error)
}

/// Sends the parts of an upload, some of them at a time.
fn send_parts(
    bucket: &StoreBucket,
    key: &str,
    (file, bytes): (&File, u64),
    part: u64,
    upload: &mut dyn MultipartUpload,
) -> Result<()> {
    let next = Mutex::new((0, upload));
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let failed = || failure.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while failed().is_none() {
            // The order in which parts are announced is that in the object, so reading is under the lock too.
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let from = next.0;
            if from >= bytes {
                return;
            }
            let len = part.min(bytes - from);
            let content = match piece(bucket, key, file, from, len) {
                Ok(content) => content,
                Err(error) => {
                    *failed() = Some(error);
                    return;
                }
            };
            next.0 += len;
            let request = next.1.put_part(PutPayload::from(content));
            drop(next);
            if let Err(cause) = waited(request) {
                let error = bucket.refused_to("write", key, &cause, &wire::last_refusal());
                *failed() = Some(error);
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..REQUESTS.min(bytes.div_ceil(part) as usize) {
            // Without a thread there are only fewer requests at a time.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let error = failed().take();
    error.map_or(Ok(()), Err)
}

fn piece(bucket: &StoreBucket, key: &str, file: &File, from: u64, len: u64) -> Result<Vec<u8>> {
    let mut content = vec![0; len as usize];
    let read = file.read_exact_at(&mut content, from);
    let words = |cause: io::Error| {
        Error::machine(format!("cannot write {}: its copy on the disk cannot be read", bucket.path(key)))
            .caused_by(cause)
    };
    read.map(|()| content).map_err(words)
}

/// Google tells states of an object by numbers of its own, the others by ETags.
pub(super) fn version(bucket: &StoreBucket, key: &str) -> Result<Option<String>> {
    match waited(bucket.store.head(&bucket.key(key)?)) {
        Ok(meta) if bucket.kind == StoreKind::Google => Ok(meta.version),
        Ok(meta) => Ok(meta.e_tag),
        Err(Cause::NotFound { .. }) => Ok(None),
        Err(cause) => Err(bucket.failure(key, &cause)),
    }
}

pub(super) fn copy(bucket: &StoreBucket, from: &str, to: &str) -> Result<bool> {
    let (source, at) = (bucket.key(from)?, bucket.key(to)?);
    match waited(bucket.store.copy(&source, &at)) {
        Ok(()) => Ok(true),
        Err(Cause::NotFound { .. }) => Ok(false),
        Err(cause) => Err(bucket.refused_to("write", to, &cause, &wire::last_refusal())),
    }
}

pub(super) fn delete(bucket: &StoreBucket, key: &str) -> Result<()> {
    let at = bucket.key(key)?;
    let (mut wait, mut tries) = (wire::FIRST_WAIT, 0);
    loop {
        let cause = match waited(bucket.store.delete(&at)) {
            Ok(()) | Err(Cause::NotFound { .. }) => return Ok(()),
            Err(cause) => cause,
        };
        let refusal = wire::last_refusal();
        // Where the answer was lost, `object_store` does not ask again.
        if !passes(&refusal) || tries >= wire::RETRIES {
            return Err(bucket.refused_to("remove", key, &cause, &refusal));
        }
        std::thread::sleep(wait);
        (wait, tries) = ((wait * 2).min(wire::LONGEST_WAIT), tries + 1);
    }
}

/// Whether a request that met this may do later.
fn passes(refusal: &wire::Refusal) -> bool {
    match refusal.status {
        Some(status) => wire::may_pass(status),
        None => !refusal.words.is_empty() && !refusal.of_machine,
    }
}
