//! How states are written to spill files: little-endian integers and length-prefixed bytes.

/// Reads states back in the order in which they were written. The bytes are our own, so a short
/// read is a bug and panics.
pub struct StateReader<'a>(pub &'a [u8]);

impl<'a> StateReader<'a> {
    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
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
