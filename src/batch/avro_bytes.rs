//! The bytes of numbers and texts in Avro, for all that is written as Avro.

/// What an object container file begins with.
pub(crate) const MAGIC: &[u8] = b"Obj\x01";

/// Appends bytes with their number before them.
pub(crate) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// Appends an integer in zigzag form, seven bits to a byte.
pub(crate) fn push_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
