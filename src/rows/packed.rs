//! Columns of a few thousand rows in as few bytes as their range needs.

use crate::error::Result;
use arrow_buffer::Buffer;
use std::io::{Read, Write};

/// Integers as a least value and the distances from it, each in 0, 1, 2, 4 or 8 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    base: i64,
    width: u8,
    bytes: Vec<u8>,
}

impl Packed {
    pub fn new(values: &[i64]) -> Packed {
        let base = values.iter().copied().min().unwrap_or(0);
        // The distance may be more than an i64 holds, and as a u64 it is right.
        let range = values.iter().map(|&v| v.wrapping_sub(base) as u64).max().unwrap_or(0);
        let width = match range {
            0 => 0,
            1..=0xFF => 1,
            0x100..=0xFFFF => 2,
            0x1_0000..=0xFFFF_FFFF => 4,
            _ => 8,
        };
        let mut bytes = vec![0; values.len() * width as usize];
        let distances = values.iter().map(|&v| v.wrapping_sub(base) as u64);
        match width {
            // A column with one value in all rows of the block does not take any bytes.
            0 => {}
            1 => bytes.iter_mut().zip(distances).for_each(|(byte, d)| *byte = d as u8),
            2 => fill(&mut bytes, distances.map(|d| (d as u16).to_le_bytes())),
            4 => fill(&mut bytes, distances.map(|d| (d as u32).to_le_bytes())),
            _ => fill(&mut bytes, distances.map(u64::to_le_bytes)),
        }
        Packed { base, width, bytes }
    }

    /// All values, in `out`, which they take the place of.
    pub fn unpack(&self, rows: usize, out: &mut Vec<i64>) {
        let value = |distance: u64| self.base.wrapping_add(distance as i64);
        out.clear();
        match self.width {
            0 => out.resize(rows, self.base),
            1 => out.extend(self.bytes.iter().map(|&d| value(d.into()))),
            2 => out.extend(self.bytes.as_chunks().0.iter().map(|&d| value(u16::from_le_bytes(d).into()))),
            4 => out.extend(self.bytes.as_chunks().0.iter().map(|&d| value(u32::from_le_bytes(d).into()))),
            _ => out.extend(self.bytes.as_chunks().0.iter().map(|&d| value(u64::from_le_bytes(d)))),
        }
    }

    /// The value of row `i`.
    #[inline]
    pub fn get(&self, i: usize) -> i64 {
        let distance = match self.width {
            0 => 0,
            1 => u64::from(self.bytes[i]),
            2 => u64::from(u16::from_le_bytes([self.bytes[2 * i], self.bytes[2 * i + 1]])),
            4 => {
                let at = &self.bytes[4 * i..4 * i + 4];
                u64::from(u32::from_le_bytes([at[0], at[1], at[2], at[3]]))
            }
            _ => {
                let at = &self.bytes[8 * i..8 * i + 8];
                u64::from_le_bytes([at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]])
            }
        };
        self.base.wrapping_add(distance as i64)
    }

    pub fn bytes(&self) -> usize {
        self.bytes.capacity() + 40
    }

    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(&self.base.to_le_bytes())?;
        out.write_all(&[self.width])?;
        write_bytes(out, &self.bytes)
    }

    pub fn read(input: &mut impl Read) -> std::io::Result<Packed> {
        let base = i64::from_le_bytes(read_array(input)?);
        let [width] = read_array(input)?;
        Ok(Packed { base, width, bytes: read_bytes(input)? })
    }
}

/// Fills `bytes` with `words`.
fn fill<const N: usize>(bytes: &mut [u8], words: impl Iterator<Item = [u8; N]>) {
    bytes.as_chunks_mut().0.iter_mut().zip(words).for_each(|(place, word)| *place = word);
}

pub fn write_bytes(out: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    out.write_all(&(bytes.len() as u64).to_le_bytes())?;
    out.write_all(bytes)
}

pub fn read_array<const N: usize>(input: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub fn read_bytes(input: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let len = u64::from_le_bytes(read_array(input)?) as usize;
    let mut bytes = vec![0; len];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A column of a block. By width and not by type: blocks are kept in memory and on disk by the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackedColumn {
    /// Integers, dates, instants, bools, float bits, or codes of strings.
    Words(Packed),
    /// Decimals that do not fit 64 bits.
    Wide(Vec<i128>),
    /// Strings end to end, and where each ends.
    Text(Packed, Buffer),
    /// Strings all of which are UUIDs, or NULL.
    Uuids(Vec<[u8; 16]>),
}

/// A column of a block, and which of its rows are NULL (all valid where empty).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockColumn {
    pub values: PackedColumn,
    pub nulls: Vec<bool>,
}

impl BlockColumn {
    pub fn is_null(&self, i: usize) -> bool {
        !self.nulls.is_empty() && self.nulls[i]
    }

    /// The words of a column of which no row is NULL.
    pub fn whole_words(&self) -> Option<&Packed> {
        match &self.values {
            PackedColumn::Words(packed) if !self.nulls.contains(&true) => Some(packed),
            _ => None,
        }
    }

    /// The word of row `i` of a column of words.
    #[inline]
    pub fn word(&self, i: usize) -> i64 {
        match &self.values {
            PackedColumn::Words(packed) => packed.get(i),
            PackedColumn::Wide(values) => values[i] as i64,
            PackedColumn::Text(..) | PackedColumn::Uuids(_) => unreachable!("text has no words"),
        }
    }

    /// The number of row `i` of a decimal column.
    pub fn wide(&self, i: usize) -> i128 {
        match &self.values {
            PackedColumn::Words(packed) => packed.get(i).into(),
            PackedColumn::Wide(values) => values[i],
            PackedColumn::Text(..) | PackedColumn::Uuids(_) => unreachable!("text is not a number"),
        }
    }

    pub fn bytes(&self) -> usize {
        let values = match &self.values {
            PackedColumn::Words(packed) => packed.bytes(),
            PackedColumn::Wide(values) => values.capacity() * 16,
            PackedColumn::Text(ends, text) => ends.bytes() + text.capacity(),
            PackedColumn::Uuids(values) => values.capacity() * 16,
        };
        values + self.nulls.capacity() + 24
    }
}

/// Some rows of a partition, in position order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedBlock {
    pub rows: usize,
    pub time: Packed,
    pub positions: Packed,
    pub columns: Vec<BlockColumn>,
}

impl PackedBlock {
    pub fn bytes(&self) -> usize {
        self.time.bytes()
            + self.positions.bytes()
            + self.columns.iter().map(BlockColumn::bytes).sum::<usize>()
    }

    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(&(self.rows as u64).to_le_bytes())?;
        self.time.write(out)?;
        self.positions.write(out)?;
        for column in &self.columns {
            let nulls: Vec<u8> = column.nulls.iter().map(|&n| n.into()).collect();
            write_bytes(out, &nulls)?;
            match &column.values {
                PackedColumn::Words(packed) => {
                    out.write_all(&[0])?;
                    packed.write(out)?;
                }
                PackedColumn::Wide(values) => {
                    out.write_all(&[1])?;
                    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    write_bytes(out, &bytes)?;
                }
                PackedColumn::Text(ends, text) => {
                    out.write_all(&[2])?;
                    ends.write(out)?;
                    write_bytes(out, text)?;
                }
                PackedColumn::Uuids(values) => {
                    out.write_all(&[3])?;
                    write_bytes(out, values.as_flattened())?;
                }
            }
        }
        Ok(())
    }

    pub fn read(input: &mut impl Read, columns: usize) -> std::io::Result<PackedBlock> {
        let rows = u64::from_le_bytes(read_array(input)?) as usize;
        let (time, positions) = (Packed::read(input)?, Packed::read(input)?);
        let mut read = || -> std::io::Result<BlockColumn> {
            let nulls = read_bytes(input)?.iter().map(|&n| n != 0).collect();
            let [kind] = read_array(input)?;
            let values = match kind {
                0 => PackedColumn::Words(Packed::read(input)?),
                1 => {
                    let bytes = read_bytes(input)?;
                    let words =
                        bytes.chunks_exact(16).map(|c| i128::from_le_bytes(c.try_into().expect("16 bytes")));
                    PackedColumn::Wide(words.collect())
                }
                2 => PackedColumn::Text(Packed::read(input)?, read_bytes(input)?.into()),
                _ => PackedColumn::Uuids(read_bytes(input)?.as_chunks().0.to_vec()),
            };
            Ok(BlockColumn { values, nulls })
        };
        let columns = (0..columns).map(|_| read()).collect::<std::io::Result<_>>()?;
        Ok(PackedBlock { rows, time, positions, columns })
    }
}

/// Maps an error of a spill file.
pub fn spill_error(folder: &std::path::Path) -> impl Fn(std::io::Error) -> crate::error::Error + '_ {
    |cause| crate::error::Error::io("spill rows to", folder, cause)
}

/// Reads a block from bytes.
pub fn read_block(bytes: &[u8], columns: usize, folder: &std::path::Path) -> Result<PackedBlock> {
    PackedBlock::read(&mut &bytes[..], columns).map_err(spill_error(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_values_come_back(values in proptest::collection::vec(
            prop_oneof![any::<i64>(), 0..300i64, 1_700_000_000_000_000..1_700_000_003_600_000i64], 0..50)) {
            let packed = Packed::new(&values);
            for (i, &v) in values.iter().enumerate() {
                prop_assert_eq!(packed.get(i), v);
            }
            let mut unpacked = vec![7];
            packed.unpack(values.len(), &mut unpacked);
            prop_assert_eq!(&unpacked, &values);
            let block = PackedBlock {
                rows: values.len(),
                time: packed.clone(),
                positions: packed.clone(),
                columns: vec![
                    BlockColumn { values: PackedColumn::Words(packed.clone()), nulls: vec![true; values.len()] },
                    BlockColumn { values: PackedColumn::Wide(values.iter().map(|&v| i128::from(v) << 40).collect()), nulls: vec![] },
                    BlockColumn { values: PackedColumn::Text(packed, b"abc".to_vec().into()), nulls: vec![] },
                    BlockColumn { values: PackedColumn::Uuids(vec![[7; 16]; values.len()]), nulls: vec![] },
                ],
            };
            let mut bytes = vec![];
            block.write(&mut bytes).unwrap();
            prop_assert_eq!(PackedBlock::read(&mut &bytes[..], 4).unwrap(), block);
        }
    }
}
