//! Sorted runs: values that an accumulator moved to temporary files because they are too many for
//! memory, and their merge.
//!
//! # Contract
//! A run holds the values of some slots: slots ascending, the values of each ascending. The merge gives
//! every value of every run in the order of (slot, value), equal ones one after the other; it holds one
//! value and one buffer per run. The files have no name and vanish with the process.

use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A value that can be written and read back.
pub trait Stored: Ord + Sized {
    /// Appends the value to `out`.
    fn put(&self, out: &mut Vec<u8>);

    /// Bytes that `put` appends.
    fn stored(&self) -> usize;

    /// Reads what `put` wrote.
    fn read(input: &mut impl Read) -> std::io::Result<Self>;
}

macro_rules! stored_integer {
    ($($ty:ty),*) => {$(
        impl Stored for $ty {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn stored(&self) -> usize {
                std::mem::size_of::<$ty>()
            }

            fn read(input: &mut impl Read) -> std::io::Result<$ty> {
                let mut bytes = [0; std::mem::size_of::<$ty>()];
                input.read_exact(&mut bytes)?;
                Ok(<$ty>::from_le_bytes(bytes))
            }
        }
    )*};
}

stored_integer!(u32, u64, i64, i128);

impl Stored for Box<[u8]> {
    fn put(&self, out: &mut Vec<u8>) {
        super::codec::put_bytes(out, self);
    }

    fn stored(&self) -> usize {
        8 + self.len()
    }

    fn read(input: &mut impl Read) -> std::io::Result<Box<[u8]>> {
        let mut bytes = vec![0; u64::read(input)? as usize];
        input.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// The runs of one accumulator.
pub struct Runs<V> {
    folder: PathBuf,
    files: Vec<File>,
    values: PhantomData<fn() -> V>,
}

impl<V: Stored> Runs<V> {
    pub fn new() -> Runs<V> {
        Runs { folder: PathBuf::new(), files: vec![], values: PhantomData }
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Writes one run into a temporary file in `folder`.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn write(&mut self, folder: &Path, slots: impl Iterator<Item = (u32, Vec<V>)>) -> Result<()> {
        self.folder = folder.into();
        self.files.push(write(folder, slots).map_err(|e| Error::io("write spilled values to", folder, e))?);
        Ok(())
    }

    /// Calls `f` with each value of each run and of `rest`, which is in the order of a run.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn merge(&self, rest: impl Iterator<Item = (u32, V)>, mut f: impl FnMut(u32, &V)) -> Result<()> {
        self.walk(rest, &mut f).map_err(|e| Error::io("read spilled values from", &self.folder, e))
    }

    fn walk(
        &self,
        mut rest: impl Iterator<Item = (u32, V)>,
        f: &mut impl FnMut(u32, &V),
    ) -> std::io::Result<()> {
        let mut runs: Vec<Run> = self.files.iter().map(Run::new).collect();
        let mut next = |run: usize| match runs.get_mut(run) {
            Some(run) => run.next(),
            None => Ok(rest.next()),
        };
        let mut heap = BinaryHeap::new();
        for run in 0..=self.files.len() {
            heap.extend(next(run)?.map(|(slot, value)| Reverse((slot, value, run))));
        }
        while let Some(mut head) = heap.peek_mut() {
            let Reverse((slot, value, run)) = &mut *head;
            f(*slot, value);
            match next(*run)? {
                Some(following) => (*slot, *value) = following,
                None => drop(PeekMut::pop(head)),
            }
        }
        Ok(())
    }
}

fn write<V: Stored>(folder: &Path, slots: impl Iterator<Item = (u32, Vec<V>)>) -> std::io::Result<File> {
    let mut out = BufWriter::with_capacity(256 << 10, tempfile::tempfile_in(folder)?);
    let mut bytes = vec![];
    for (slot, values) in slots.filter(|(_, values)| !values.is_empty()) {
        slot.put(&mut bytes);
        (values.len() as u64).put(&mut bytes);
        for value in values {
            value.put(&mut bytes);
            out.write_all(&bytes)?;
            bytes.clear();
        }
    }
    out.into_inner().map_err(std::io::IntoInnerError::into_error)
}

/// One run on its way back.
struct Run<'a> {
    input: BufReader<At<'a>>,
    slot: u32,
    left: u64,
}

/// A file that is read from its start, whatever its own place is.
struct At<'a>(&'a File, u64);

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.read_at(buffer, self.1)?;
        self.1 += n as u64;
        Ok(n)
    }
}

impl<'a> Run<'a> {
    fn new(file: &'a File) -> Run<'a> {
        Run { input: BufReader::with_capacity(64 << 10, At(file, 0)), slot: 0, left: 0 }
    }

    fn next<V: Stored>(&mut self) -> std::io::Result<Option<(u32, V)>> {
        if self.left == 0 {
            if std::io::BufRead::fill_buf(&mut self.input)?.is_empty() {
                return Ok(None);
            }
            (self.slot, self.left) = (u32::read(&mut self.input)?, u64::read(&mut self.input)?);
        }
        self.left -= 1;
        Ok(Some((self.slot, V::read(&mut self.input)?)))
    }
}
