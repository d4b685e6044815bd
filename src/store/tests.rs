//! Objects that are read ahead, of a store that is made here.

use super::address::StoreAddress;
use super::ahead;
use super::client::ObjectClient;
use super::listing::{Depth, ObjectState, StoreListing};
use super::object::StoreObject;
use crate::error::{Error, Result};
use bytes::Bytes;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A store of one object, whose byte at `i` is `i` modulo 251.
#[derive(Debug, Default)]
struct Counting {
    asked: Mutex<Vec<Range<u64>>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    /// Requests that fail, by their number.
    failing: Vec<usize>,
}

fn content(range: Range<u64>) -> Vec<u8> {
    range.map(|i| (i % 251) as u8).collect()
}

impl ObjectClient for Counting {
    fn list(&self, _: &str, _: Depth) -> Result<StoreListing> {
        Ok(StoreListing::default())
    }

    fn state(&self, _: &str) -> Result<Option<ObjectState>> {
        Ok(None)
    }

    fn get(&self, _: &str, range: Range<u64>, _: &ObjectState) -> Result<Bytes> {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(range.clone());
            asked.len() - 1
        };
        std::thread::sleep(Duration::from_millis(20));
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        match self.failing.contains(&number) {
            true => Err(Error::machine("as the test says")),
            false => Ok(content(range).into()),
        }
    }
}

fn object(bytes: u64, client: &Arc<Counting>) -> Arc<StoreObject> {
    let address = StoreAddress::of(Path::new("s3://bucket/x")).unwrap();
    let state = ObjectState { bytes, etag: Some("\"a\"".into()), modified: None };
    StoreObject::new(address, client.clone(), state)
}

#[test]
fn bytes_are_those_of_the_object_however_they_are_read() {
    let client = Arc::new(Counting::default());
    let object = object(3_000_000, &client);
    for (at, most) in
        [(2_999_992, 8), (0, 4096), (5, 100), (1_000_000, 2_500_000), (2_999_999, 9), (3_000_000, 9)]
    {
        let (mut out, mut filled) = (vec![0; most], 0);
        while filled < most {
            match object.read_at(&mut out[filled..], at + filled as u64).unwrap() {
                0 => break,
                read => filled += read,
            }
        }
        assert!(out[..filled] == content(at..(at + most as u64).min(3_000_000)), "{at}, {most}");
    }
    // No byte was asked for twice.
    let mut asked = client.asked.lock().unwrap().clone();
    asked.sort_by_key(|range| range.start);
    assert!(asked.windows(2).all(|pair| pair[0].end <= pair[1].start), "{asked:?}");
}

#[test]
fn what_is_expected_comes_in_parallel_and_is_asked_for_once() {
    let client = Arc::new(Counting::default());
    let object = object(20 << 20, &client);
    object.expect(0..20 << 20);
    let mut out = vec![0; 20 << 20];
    let mut filled = 0;
    while filled < out.len() {
        filled += object.read_at(&mut out[filled..], filled as u64).unwrap();
    }
    assert!(out == content(0..20 << 20));
    assert_eq!(client.asked.lock().unwrap().len(), 5);
    assert!(client.most_in_flight.load(Ordering::SeqCst) > 1);
}

#[test]
fn a_failed_range_is_asked_for_again_by_its_reader() {
    let client = Arc::new(Counting { failing: vec![0, 2], ..Counting::default() });
    let object = object(1000, &client);
    let mut out = [0; 10];
    let error = object.read_at(&mut out, 0).unwrap_err();
    assert!(error.get_ref().is_some_and(|inner| inner.is::<Error>()));
    assert_eq!(object.failure().map(|error| error.message().to_string()), Some("as the test says".into()));
    assert_eq!(object.read_at(&mut out, 0).unwrap(), 10);
    assert!(out == content(0..10)[..]);
}

#[test]
fn a_dropped_object_leaves_nothing() {
    let client = Arc::new(Counting::default());
    let object = object(1000, &client);
    object.read_at(&mut [0; 10], 0).unwrap();
    let number = object.number;
    assert!(ahead::holds(number));
    drop(object);
    assert!(!ahead::holds(number));
}
