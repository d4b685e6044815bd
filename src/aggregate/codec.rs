//! How states are written to spill files: little-endian integers and length-prefixed bytes.

/// Zeros, for what is missing.
static ZEROS: [u8; 1 << 13] = [0; 1 << 13];

/// Reads states back in the order in which they were written.
pub struct StateReader<'a> {
    rest: &'a [u8],
    /// Whether others may have cut the bytes.
    is_kept: bool,
    is_short: bool,
}

impl<'a> StateReader<'a> {
    /// Of bytes that this process has written, so that a short read is a bug and panics.
    pub fn new(bytes: &'a [u8]) -> StateReader<'a> {
        StateReader { rest: bytes, is_kept: false, is_short: false }
    }

    /// Of bytes of a file that was there before: where they end early, zeros are read, and [`StateReader::is_short`] says so.
    pub fn of_kept(bytes: &'a [u8]) -> StateReader<'a> {
        StateReader { is_kept: true, ..StateReader::new(bytes) }
    }

    /// Whether more was read than there was.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Whether nothing is left to read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, which is still to be read; 0 at the end.
    pub fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let Some((head, tail)) = self.rest.split_at_checked(n) else {
            assert!(self.is_kept, "a state has all bytes that were written");
            (self.rest, self.is_short) = (&[], true);
            // Fixed lengths are below that of the zeros, and any text is as good as another.
            return &ZEROS[..n.min(ZEROS.len())];
        };
        self.rest = tail;
        head
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("N bytes")
    }

    /// The next byte.
    pub fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    /// The next unsigned integer of 32 bits.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// The next unsigned integer of 64 bits.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// The next integer of 64 bits.
    pub fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    /// The next float of 64 bits.
    pub fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.array())
    }

    /// The next integer of 128 bits.
    pub fn i128(&mut self) -> i128 {
        i128::from_le_bytes(self.array())
    }

    /// The next bytes, of which the length stands before them.
    pub fn bytes(&mut self) -> &'a [u8] {
        let n = self.u64() as usize;
        self.take(n)
    }
}

/// Appends length-prefixed bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}
