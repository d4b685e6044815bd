//! Records of blocks → arrays of the columns that are wanted; the others are stepped over.
//!
//! # Contract
//! * Bytes decide by themselves: a record is read whole or it is broken, and then so is what follows
//!   it, as nothing tells where the next one starts.
//! * No bytes make it panic, go on for ever or ask for more memory than some times their length.

use super::cursor::{AvroCursor, AvroResult, DEEPEST, ENDED, NO_BRANCH, big_endian};
use super::json;
use super::schema::{AvroLogical, AvroSchema, AvroType, Id};
use crate::input::columnar::{CellFault, CellFaults, FileType};
use arrow_array::builder::make_view;
use arrow_array::types::{
    Decimal128Type, Time32MillisecondType, Time64MicrosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{
    ArrayRef, BinaryViewArray, BooleanArray, Date32Array, FixedSizeBinaryArray, Float64Array, Int64Array,
    NullArray, PrimitiveArray, StringViewArray,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, NullBufferBuilder, ScalarBuffer};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// How records of one schema are read.
#[derive(Debug)]
pub(super) struct Program {
    root: AvroOp,
    slots: Vec<SlotType>,
}

/// What happens to a value.
#[derive(Debug)]
enum AvroOp {
    Skip(Id),
    /// A value goes to a slot.
    Read(AvroRead, usize),
    /// The JSON text of a value goes to a slot; of a record, its fields may be read as well.
    Json(Id, usize, Option<Box<AvroOp>>),
    /// A record, that it is there goes to a slot, and its fields.
    Record(Option<usize>, Vec<AvroOp>),
    /// A union with NULL: which branch that is, and the slots that are NULL then.
    Nullable(usize, Box<AvroOp>, Range<usize>),
}

#[derive(Debug, Clone, Copy)]
enum AvroRead {
    Null,
    Bool,
    Int,
    Long,
    Date,
    Float,
    Double,
    Bytes,
    Uuid,
    Enum,
    Decimal,
    FixedDecimal(usize),
}

/// What a slot holds.
#[derive(Debug, Clone)]
struct SlotType {
    column: String,
    /// None where it only tells whether a record is there.
    of: Option<FileType>,
    /// Of an enum.
    symbols: Option<Arc<[String]>>,
    /// Whether it holds JSON texts.
    json: bool,
}

/// How the values of a type are read, if they are plain ones.
fn read_of(node: &AvroType) -> Option<AvroRead> {
    Some(match node {
        AvroType::Null => AvroRead::Null,
        AvroType::Boolean => AvroRead::Bool,
        AvroType::Int(AvroLogical::Date) => AvroRead::Date,
        AvroType::Int(_) => AvroRead::Int,
        AvroType::Long(_) => AvroRead::Long,
        AvroType::Float => AvroRead::Float,
        AvroType::Double => AvroRead::Double,
        AvroType::Bytes(AvroLogical::Decimal(..)) => AvroRead::Decimal,
        AvroType::Bytes(_) | AvroType::String => AvroRead::Bytes,
        AvroType::Fixed(size, AvroLogical::Decimal(..)) => AvroRead::FixedDecimal(*size),
        AvroType::Fixed(16, AvroLogical::Uuid) => AvroRead::Uuid,
        AvroType::Enum(_) => AvroRead::Enum,
        _ => return None,
    })
}

impl SlotType {
    fn of(schema: &AvroSchema, id: Id, column: &str) -> SlotType {
        let symbols =
            if let AvroType::Enum(symbols) = schema.node(id) { Some(symbols[..].into()) } else { None };
        SlotType { column: column.to_string(), of: schema.file_type(id), symbols, json: false }
    }
}

/// The one value of the plain type `id`, not a union, that `bytes` are; or what is wrong with it.
pub(super) fn one_value(schema: &AvroSchema, id: Id, bytes: Vec<u8>) -> Result<ArrayRef, String> {
    let how = read_of(schema.node(id)).ok_or("it is not a plain value")?;
    let mut slot = Slot::new(&SlotType::of(schema, id, ""));
    let mut cursor = AvroCursor { bytes: &bytes, at: 0 };
    match slot.push(how, &mut cursor)? {
        Some(reason) => Err(reason),
        None => Ok(slot.finish(&Buffer::from_vec(bytes))),
    }
}

impl Program {
    /// Reads the columns at the paths `columns`, which are plain values, and whether the records at the
    /// paths `records` are there. Gives the slot of each.
    pub fn new(
        schema: &AvroSchema,
        columns: &[String],
        records: &[String],
    ) -> (Program, Vec<(String, usize)>) {
        let around = |name: &'_ String| -> Vec<String> {
            let dots = name.match_indices('.').map(|(at, _)| name[..at].to_string());
            dots.chain([String::new()]).collect()
        };
        let mut compiler = Compiler {
            schema,
            around: columns.iter().chain(records).flat_map(around).collect(),
            columns: columns.iter().map(String::as_str).collect(),
            records: records.iter().map(String::as_str).collect(),
            slots: vec![],
            found: vec![],
        };
        let root = compiler.op(schema.root(), "", 0);
        let Compiler { slots, found, .. } = compiler;
        (Program { root, slots }, found)
    }

    /// Slots that are empty, with room for `rows` records.
    pub fn slots(&self, rows: usize) -> AvroColumns {
        let slot = |of| {
            let mut slot = Slot::new(of);
            slot.reserve(rows);
            slot
        };
        AvroColumns { slots: self.slots.iter().map(slot).collect(), rows: 0, faults: CellFaults::default() }
    }

    /// Reads one record into `slots`.
    pub fn read(
        &self,
        schema: &AvroSchema,
        cursor: &mut AvroCursor,
        slots: &mut AvroColumns,
    ) -> AvroResult<()> {
        match read(schema, &self.root, cursor, slots) {
            Ok(()) => {
                slots.rows += 1;
                Ok(())
            }
            Err(broken) => {
                // Some of the columns have a value of the broken record already.
                let rows = slots.rows;
                slots.slots.iter_mut().for_each(|slot| slot.truncate(rows));
                slots.faults.retain(|row| row < rows);
                Err(broken)
            }
        }
    }
}

struct Compiler<'a> {
    schema: &'a AvroSchema,
    columns: HashSet<&'a str>,
    records: HashSet<&'a str>,
    /// The paths that columns and records lie in.
    around: HashSet<String>,
    slots: Vec<SlotType>,
    found: Vec<(String, usize)>,
}

impl Compiler<'_> {
    fn op(&mut self, id: Id, path: &str, depth: usize) -> AvroOp {
        let (plain, null) = self.schema.less_null(id);
        let start = self.slots.len();
        let whole = self.columns.contains(path) && self.schema.file_type(plain).is_none();
        let whole = whole.then(|| {
            let of = FileType { ty: ArrowType::Utf8View, uuid: false, name: String::new() };
            self.slot(SlotType { column: path.to_string(), of: Some(of), symbols: None, json: true })
        });
        let inside = self.inside(plain, path, depth);
        let op = match (whole, inside) {
            (Some(slot), inside) => AvroOp::Json(plain, slot, inside.map(Box::new)),
            (None, Some(inside)) => inside,
            (None, None) => return AvroOp::Skip(id),
        };
        match null {
            Some(branch) => AvroOp::Nullable(branch, Box::new(op), start..self.slots.len()),
            None => op,
        }
    }

    /// What is read of a value as a plain one, or of a record's fields.
    fn inside(&mut self, plain: Id, path: &str, depth: usize) -> Option<AvroOp> {
        Some(match self.schema.node(plain) {
            AvroType::Record(fields)
                if depth < DEEPEST && (self.around.contains(path) || self.records.contains(path)) =>
            {
                let presence = self.records.contains(path).then(|| {
                    self.slot(SlotType { column: path.to_string(), of: None, symbols: None, json: false })
                });
                let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
                let ops = fields.iter().map(|f| self.op(f.ty, &format!("{prefix}{}", f.name), depth + 1));
                AvroOp::Record(presence, ops.collect())
            }
            node => {
                let read = read_of(node).filter(|_| self.columns.contains(path))?;
                AvroOp::Read(read, self.slot(SlotType::of(self.schema, plain, path)))
            }
        })
    }

    fn slot(&mut self, of: SlotType) -> usize {
        self.found.push((of.column.clone(), self.slots.len()));
        self.slots.push(of);
        self.slots.len() - 1
    }
}

fn read(
    schema: &AvroSchema,
    op: &AvroOp,
    cursor: &mut AvroCursor,
    slots: &mut AvroColumns,
) -> AvroResult<()> {
    match op {
        AvroOp::Skip(id) => cursor.skip(schema, *id, 0),
        AvroOp::Record(presence, ops) => {
            if let Some(slot) = presence {
                slots.slots[*slot].nulls.append_non_null();
            }
            ops.iter().try_for_each(|op| read(schema, op, cursor, slots))
        }
        AvroOp::Nullable(null, inner, inside) => {
            let branch = cursor.length()?;
            if branch == *null {
                slots.slots[inside.clone()].iter_mut().for_each(Slot::push_null);
                return Ok(());
            }
            if branch > 1 {
                return Err(NO_BRANCH);
            }
            read(schema, inner, cursor, slots)
        }
        AvroOp::Json(id, slot, fields) => {
            let start = cursor.at;
            let (mut text, mut fault) = (String::new(), None);
            json::write(schema, *id, cursor, &mut text, &mut fault)?;
            let (at, slot) = (slots.rows, &mut slots.slots[*slot]);
            match fault {
                // A union of plain values is its value.
                None if text == "null" => slot.push_json(None),
                None => slot.push_json(Some(serde_json::from_str::<String>(&text).unwrap_or(text))),
                Some(reason) => {
                    slot.push_json(None);
                    let column = slot.of.column.clone();
                    slots.faults.push(CellFault { row: at, column, reason, hint: None, aside: false });
                }
            }
            match fields {
                None => Ok(()),
                Some(fields) => {
                    // The fields are read from the same bytes once more, and must end at the same place.
                    let end = std::mem::replace(&mut cursor.at, start);
                    read(schema, fields, cursor, slots)?;
                    debug_assert_eq!(cursor.at, end);
                    Ok(())
                }
            }
        }
        AvroOp::Read(how, slot) => {
            let at = slots.rows;
            let slot = &mut slots.slots[*slot];
            if let Some(reason) = slot.push(*how, cursor)? {
                let column = slot.of.column.clone();
                slots.faults.push(CellFault { row: at, column, reason, hint: None, aside: false });
            }
            Ok(())
        }
    }
}

/// Columns that are being filled.
pub(super) struct AvroColumns {
    slots: Vec<Slot>,
    /// Records that were read whole.
    pub rows: usize,
    /// Values that are not what the schema says of them.
    pub faults: CellFaults,
}

impl AvroColumns {
    /// The arrays of all slots; texts lie in `bytes`, which is what was read.
    pub fn finish(self, bytes: &Buffer) -> (Vec<ArrayRef>, CellFaults) {
        (self.slots.into_iter().map(|slot| slot.finish(bytes)).collect(), self.faults)
    }
}

struct Slot {
    of: SlotType,
    values: AvroValues,
    nulls: NullBufferBuilder,
}

/// Not a [`crate::batch::NativeBuilder`]: these are the types of Avro, which has more of them (UUIDs, enums, times of day,
/// instants of other units), and views of texts and symbols.
enum AvroValues {
    /// Only whether they are there.
    None,
    Bool(BooleanBufferBuilder),
    Long(Vec<i64>),
    Date(Vec<i32>),
    Double(Vec<f64>),
    Decimal(Vec<i128>, u8),
    Uuid(Vec<u8>),
    /// Views into what is read, or of an enum into its symbols.
    Text(Vec<u128>),
    Enum(Vec<u128>, Vec<u128>, Buffer),
    /// JSON texts.
    Json(Vec<Option<String>>),
}

impl Slot {
    fn new(of: &SlotType) -> Slot {
        let ty = of.of.as_ref().map(|of| &of.ty);
        let values = match ty {
            _ if of.json => AvroValues::Json(vec![]),
            None | Some(ArrowType::Null) => AvroValues::None,
            Some(ArrowType::Boolean) => AvroValues::Bool(BooleanBufferBuilder::new(0)),
            Some(ArrowType::Date32) => AvroValues::Date(vec![]),
            Some(ArrowType::Float64) => AvroValues::Double(vec![]),
            Some(ArrowType::Decimal128(precision, _)) => AvroValues::Decimal(vec![], *precision),
            Some(ArrowType::FixedSizeBinary(_)) => AvroValues::Uuid(vec![]),
            _ if of.symbols.is_some() => {
                // The view of each symbol is made once: a value is a copy of it.
                let mut texts = vec![];
                let view = |symbol: &String| {
                    let start = texts.len() as u32;
                    texts.extend_from_slice(symbol.as_bytes());
                    make_view(symbol.as_bytes(), 1, start)
                };
                let views = of.symbols.iter().flat_map(|s| s.iter()).map(view).collect();
                AvroValues::Enum(vec![], views, Buffer::from_vec(texts))
            }
            Some(ArrowType::Utf8View | ArrowType::BinaryView) => AvroValues::Text(vec![]),
            Some(_) => AvroValues::Long(vec![]),
        };
        Slot { of: of.clone(), values, nulls: NullBufferBuilder::new(0) }
    }

    fn reserve(&mut self, rows: usize) {
        match &mut self.values {
            AvroValues::None => {}
            AvroValues::Bool(out) => out.reserve(rows),
            AvroValues::Long(out) => out.reserve(rows),
            AvroValues::Date(out) => out.reserve(rows),
            AvroValues::Double(out) => out.reserve(rows),
            AvroValues::Decimal(out, _) => out.reserve(rows),
            AvroValues::Uuid(out) => out.reserve(16 * rows),
            AvroValues::Text(out) | AvroValues::Enum(out, ..) => out.reserve(rows),
            AvroValues::Json(out) => out.reserve(rows),
        }
    }

    /// Reads a value; one that its type cannot hold is NULL, and the reason is given.
    #[inline]
    fn push(&mut self, how: AvroRead, cursor: &mut AvroCursor) -> AvroResult<Option<String>> {
        match (&mut self.values, how) {
            (AvroValues::Long(out), AvroRead::Long) => out.push(cursor.long()?),
            (AvroValues::Long(out), _) => out.push(cursor.int()?.into()),
            (AvroValues::Date(out), _) => out.push(cursor.int()?),
            (AvroValues::Bool(out), _) => out.append(cursor.bool()?),
            (AvroValues::Double(out), AvroRead::Float) => {
                let bytes = cursor.take(4)?.try_into().map_err(|_| ENDED)?;
                out.push(f32::from_le_bytes(bytes).into());
            }
            (AvroValues::Double(out), _) => {
                out.push(f64::from_le_bytes(cursor.take(8)?.try_into().map_err(|_| ENDED)?));
            }
            (AvroValues::Text(out), _) => {
                let length = cursor.length()?;
                let start = cursor.at;
                let text = cursor.take(length)?;
                out.push(make_view(text, 0, start as u32));
            }
            (AvroValues::Enum(out, views, _), _) => {
                let view = views.get(cursor.length()?).ok_or("an enum in it has no such symbol")?;
                out.push(*view);
            }
            (AvroValues::Uuid(out), _) => out.extend_from_slice(cursor.take(16)?),
            (AvroValues::Decimal(out, precision), how) => {
                let length = if let AvroRead::FixedDecimal(size) = how { size } else { cursor.length()? };
                let bytes = cursor.take(length)?;
                // 10^38 fits into 128 bits, and the type has at most 38 digits.
                let bound = 10i128.pow((*precision).into());
                match big_endian(bytes).filter(|v| -bound < *v && *v < bound) {
                    Some(value) => out.push(value),
                    None => {
                        self.push_null();
                        let name = self.of.of.as_ref().map_or("", |of| &of.name);
                        return Ok(Some(format!(
                            "its {length} bytes have more digits than a {name} can hold"
                        )));
                    }
                }
            }
            (AvroValues::None | AvroValues::Json(_), _) => {
                self.nulls.append_null();
                return Ok(None);
            }
        }
        self.nulls.append_non_null();
        Ok(None)
    }

    /// Appends a JSON text.
    fn push_json(&mut self, text: Option<String>) {
        self.nulls.append(text.is_some());
        if let AvroValues::Json(out) = &mut self.values {
            out.push(text);
        }
    }

    fn push_null(&mut self) {
        self.nulls.append_null();
        match &mut self.values {
            AvroValues::None => {}
            AvroValues::Bool(out) => out.append(false),
            AvroValues::Long(out) => out.push(0),
            AvroValues::Date(out) => out.push(0),
            AvroValues::Double(out) => out.push(0.0),
            AvroValues::Decimal(out, _) => out.push(0),
            AvroValues::Uuid(out) => out.extend([0; 16]),
            AvroValues::Text(out) | AvroValues::Enum(out, ..) => out.push(0),
            AvroValues::Json(out) => out.push(None),
        }
    }

    fn truncate(&mut self, rows: usize) {
        self.nulls.truncate(rows);
        match &mut self.values {
            AvroValues::None => {}
            AvroValues::Bool(out) => out.truncate(rows),
            AvroValues::Long(out) => out.truncate(rows),
            AvroValues::Date(out) => out.truncate(rows),
            AvroValues::Double(out) => out.truncate(rows),
            AvroValues::Decimal(out, _) => out.truncate(rows),
            AvroValues::Uuid(out) => out.truncate(16 * rows),
            AvroValues::Text(out) | AvroValues::Enum(out, ..) => out.truncate(rows),
            AvroValues::Json(out) => out.truncate(rows),
        }
    }

    fn finish(mut self, bytes: &Buffer) -> ArrayRef {
        let rows = self.nulls.len();
        let nulls = self.nulls.finish().filter(|n| n.null_count() > 0);
        let ty = self.of.of.as_ref().map(|of| of.ty.clone());
        let views = |views: Vec<u128>, symbols: Buffer| -> ArrayRef {
            let buffers = [bytes.clone(), symbols];
            // SAFETY: every view was made by `make_view` of a range of one of the two buffers, in that
            // order; `bytes` is what the cursor read, and shorter than 2 GiB.
            let binary = unsafe {
                BinaryViewArray::new_unchecked(ScalarBuffer::from(views), buffers.into(), nulls.clone())
            };
            // Those that are no UTF-8 are told apart where they are converted.
            match binary.clone().to_string_view() {
                Ok(texts) if ty == Some(ArrowType::Utf8View) => Arc::new(texts),
                _ => Arc::new(binary),
            }
        };
        match self.values {
            AvroValues::None if ty.is_none() => {
                Arc::new(BooleanArray::new(BooleanBuffer::new_set(rows), nulls))
            }
            AvroValues::None => Arc::new(NullArray::new(rows)),
            AvroValues::Bool(mut out) => Arc::new(BooleanArray::new(out.finish(), nulls)),
            AvroValues::Date(out) => Arc::new(Date32Array::new(out.into(), nulls)),
            AvroValues::Double(out) => Arc::new(Float64Array::new(out.into(), nulls)),
            AvroValues::Decimal(out, _) => {
                let plain = PrimitiveArray::<Decimal128Type>::new(out.into(), nulls);
                Arc::new(plain.with_data_type(ty.unwrap_or(ArrowType::Decimal128(38, 0))))
            }
            AvroValues::Uuid(out) => Arc::new(FixedSizeBinaryArray::new(16, Buffer::from_vec(out), nulls)),
            AvroValues::Json(out) => Arc::new(out.into_iter().collect::<StringViewArray>()),
            AvroValues::Text(out) => views(out, Buffer::from_vec(Vec::<u8>::new())),
            AvroValues::Enum(out, _, symbols) => views(out, symbols),
            AvroValues::Long(out) => {
                let out: ScalarBuffer<i64> = out.into();
                match ty {
                    Some(ArrowType::Timestamp(TimeUnit::Millisecond, zone)) => Arc::new(
                        PrimitiveArray::<TimestampMillisecondType>::new(out, nulls).with_timezone_opt(zone),
                    ),
                    Some(ArrowType::Timestamp(TimeUnit::Nanosecond, zone)) => Arc::new(
                        PrimitiveArray::<TimestampNanosecondType>::new(out, nulls).with_timezone_opt(zone),
                    ),
                    Some(ArrowType::Timestamp(_, zone)) => Arc::new(
                        PrimitiveArray::<TimestampMicrosecondType>::new(out, nulls).with_timezone_opt(zone),
                    ),
                    Some(ArrowType::Time32(_)) => {
                        // What no int holds is no time of day either.
                        let out = out.iter().map(|v| i32::try_from(*v).unwrap_or(-1)).collect();
                        Arc::new(PrimitiveArray::<Time32MillisecondType>::new(out, nulls))
                    }
                    Some(ArrowType::Time64(_)) => {
                        Arc::new(PrimitiveArray::<Time64MicrosecondType>::new(out, nulls))
                    }
                    _ => Arc::new(Int64Array::new(out, nulls)),
                }
            }
        }
    }
}
