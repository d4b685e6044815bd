//! Sorted runs: values that an accumulator moved to temporary files because they are too many for
//! memory, and their merge.
//!
//! # Contract
//! A run holds the values of some slots: slots ascending, the values of each ascending. The merge gives
//! every value of every run in the order of (slot, value), equal ones one after the other; it holds one
//! value and one buffer per run. All runs lie in one file, so that their number is not bounded by that of
//! open files; it has no name and vanishes with the process.

use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A value that can be written and read back.
pub trait StoredValue: Ord + Sized {
    /// Appends the value to `out`.
    fn put(&self, out: &mut Vec<u8>);

    /// Bytes that `put` appends.
    fn stored(&self) -> usize;

    /// Reads what `put` wrote.
    fn read(input: &mut impl Read) -> std::io::Result<Self>;
}

macro_rules! stored_integer {
    ($($ty:ty),*) => {$(
        impl StoredValue for $ty {
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

impl StoredValue for Box<[u8]> {
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

/// Bytes that all buffers of a merge take together, unless there are thousands of runs.
const MERGE_BUFFERS: usize = 4 << 20;

/// The runs of one accumulator.
pub struct Runs<V> {
    folder: PathBuf,
    file: Option<File>,
    /// Where each run ends in the file; it begins where the one before ends.
    ends: Vec<u64>,
    values: PhantomData<fn() -> V>,
}

impl<V: StoredValue> Runs<V> {
    pub fn new() -> Runs<V> {
        Runs { folder: PathBuf::new(), file: None, ends: vec![], values: PhantomData }
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Writes one run into the temporary file, which is made in `folder` for the first.
    ///
    /// # Errors
    /// A machine error when the disk fails.
    pub fn write(&mut self, folder: &Path, slots: impl Iterator<Item = (u32, Vec<V>)>) -> Result<()> {
        self.append(folder, slots).map_err(|e| Error::io("write spilled values to", folder, e))
    }

    fn append(&mut self, folder: &Path, slots: impl Iterator<Item = (u32, Vec<V>)>) -> std::io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(folder)?,
        };
        self.folder = folder.into();
        let mut out = BufWriter::with_capacity(256 << 10, self.file.insert(file));
        write(&mut out, slots)?;
        out.flush()?;
        // Reads go by offset, so the file's own place is always the end of the last run.
        self.ends.push(out.stream_position()?);
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
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        // At most 64 KiB a run, and at least 4 KiB, so that a merge of thousands of runs does not read byte
        // by byte.
        let buffer = (MERGE_BUFFERS / self.ends.len().max(1)).clamp(4 << 10, 64 << 10);
        let mut runs: Vec<StateRun> = self
            .file
            .iter()
            .flat_map(|file| {
                starts.clone().zip(&self.ends).map(move |(at, &end)| FileRange { file, at, end })
            })
            .map(|part| StateRun { input: BufReader::with_capacity(buffer, part), slot: 0, left: 0 })
            .collect();
        let mut next = |run: usize| match runs.get_mut(run) {
            Some(run) => run.next(),
            // The number after the last run stands for the values that are still in memory.
            None => Ok(rest.next()),
        };
        let mut heap = BinaryHeap::new();
        for run in 0..=self.ends.len() {
            heap.extend(next(run)?.map(|(slot, value)| Reverse((slot, value, run))));
        }
        // To replace the head in place sifts the heap once, and pop and push would do so twice.
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

fn write<V: StoredValue>(
    out: &mut impl Write,
    slots: impl Iterator<Item = (u32, Vec<V>)>,
) -> std::io::Result<()> {
    let mut bytes = vec![];
    // A header promises at least one value: `StateRun::next` counts down from it.
    for (slot, values) in slots.filter(|(_, values)| !values.is_empty()) {
        slot.put(&mut bytes);
        (values.len() as u64).put(&mut bytes);
        for value in values {
            value.put(&mut bytes);
            out.write_all(&bytes)?;
            bytes.clear();
        }
    }
    Ok(())
}

/// One run on its way back.
struct StateRun<'a> {
    input: BufReader<FileRange<'a>>,
    slot: u32,
    left: u64,
}

/// A part of a file that is read whatever the file's own place is.
struct FileRange<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for FileRange<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min((self.end - self.at) as usize);
        let n = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl StateRun<'_> {
    fn next<V: StoredValue>(&mut self) -> std::io::Result<Option<(u32, V)>> {
        if self.left == 0 {
            // A run ends between two slots. An end anywhere else is an error of the disk.
            if std::io::BufRead::fill_buf(&mut self.input)?.is_empty() {
                return Ok(None);
            }
            (self.slot, self.left) = (u32::read(&mut self.input)?, u64::read(&mut self.input)?);
        }
        self.left -= 1;
        Ok(Some((self.slot, V::read(&mut self.input)?)))
    }
}
