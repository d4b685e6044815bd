//! A cursor over the bytes of an Avro block.

use super::schema::{AvroSchema, AvroType, Id};

/// Why bytes are no record.
pub(super) type InvalidAvro = &'static str;

pub(super) type AvroResult<T> = Result<T, InvalidAvro>;

/// How deep records, lists and maps may lie in one another.
pub(super) const DEEPEST: usize = 200;

pub(super) const ENDED: InvalidAvro = "it continues past the end of its block";

/// Bytes that are being read.
pub(super) struct AvroCursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> AvroCursor<'a> {
    #[inline]
    pub fn take(&mut self, length: usize) -> AvroResult<&'a [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or(ENDED)?;
        self.at += length;
        Ok(taken)
    }

    #[inline]
    pub fn long(&mut self) -> AvroResult<i64> {
        // Most numbers, lengths and branches have one byte.
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1))
            }
            _ => self.longer(),
        }
    }

    pub(super) fn longer(&mut self) -> AvroResult<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(ENDED)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err("a number in it does not end")
    }

    #[inline]
    pub fn int(&mut self) -> AvroResult<i32> {
        i32::try_from(self.long()?).map_err(|_| "an int in it has more than 32 bits")
    }

    #[inline]
    pub fn length(&mut self) -> AvroResult<usize> {
        usize::try_from(self.long()?).map_err(|_| "a length in it is below zero")
    }

    pub fn bool(&mut self) -> AvroResult<bool> {
        match self.take(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a boolean in it is neither 0 nor 1"),
        }
    }

    /// Steps over a value.
    pub(super) fn skip(&mut self, schema: &AvroSchema, id: Id, depth: usize) -> AvroResult<()> {
        // A type may hold itself, so bytes decide how deep it goes: the stack must not overflow.
        if depth > DEEPEST {
            return Err("it is nested too deep");
        }
        match schema.node(id) {
            AvroType::Null => {}
            AvroType::Boolean => drop(self.bool()?),
            AvroType::Int(_) | AvroType::Enum(_) => drop(self.int()?),
            AvroType::Long(_) => drop(self.long()?),
            AvroType::Float => drop(self.take(4)?),
            AvroType::Double => drop(self.take(8)?),
            AvroType::Fixed(size, _) => drop(self.take(*size)?),
            AvroType::Bytes(_) | AvroType::String => {
                let length = self.length()?;
                self.take(length)?;
            }
            AvroType::Array(items) => self.skip_blocks(|c| c.skip(schema, *items, depth + 1))?,
            AvroType::Map(values) => self.skip_blocks(|c| {
                let length = c.length()?;
                c.take(length)?;
                c.skip(schema, *values, depth + 1)
            })?,
            AvroType::Union(branches) => {
                let branch = *branches.get(self.length()?).ok_or(NO_BRANCH)?;
                self.skip(schema, branch, depth + 1)?;
            }
            AvroType::Record(fields) => {
                for field in fields {
                    self.skip(schema, field.ty, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Steps over the blocks of a list or map.
    pub(super) fn skip_blocks(
        &mut self,
        mut skip: impl FnMut(&mut Self) -> AvroResult<()>,
    ) -> AvroResult<()> {
        loop {
            match self.long()? {
                0 => return Ok(()),
                // Their size follows.
                ..0 => {
                    let size = self.length()?;
                    self.take(size)?;
                }
                items => {
                    for _ in 0..items {
                        let before = self.at;
                        skip(self)?;
                        // Values without bytes are all the same, however many there are.
                        if self.at == before {
                            break;
                        }
                    }
                }
            }
        }
    }
}

pub(super) const NO_BRANCH: InvalidAvro = "a union in it has no such branch";

/// The integer of two's complement bytes, the greatest first, if 128 bits hold it.
pub(super) fn big_endian(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|b| *b >= 0x80);
    let (fill, start) = (if negative { 0xff } else { 0 }, bytes.len().saturating_sub(16));
    let (before, bytes) = bytes.split_at(start);
    let mut out = [fill; 16];
    out[16 - bytes.len()..].copy_from_slice(bytes);
    let value = i128::from_be_bytes(out);
    // Bytes in front of the last 16 may only repeat the sign.
    (before.iter().all(|b| *b == fill) && (value < 0) == negative).then_some(value)
}
