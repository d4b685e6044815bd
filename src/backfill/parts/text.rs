//! CSV and JSON Lines as our own encoders write them → columns.
//!
//! # Contract
//! This reads what [`crate::sink::csv`] and [`crate::sink::jsonl`] write and nothing else: the columns in their
//! order, no blanks, no record left out. The readers of sources take more, but refuse what an output may hold
//! (instants outside 1900 to 2200, NUL bytes).

use super::rows::batch;
use crate::batch::{DataType, NativeBuilder, Schema};
use crate::input::fields::{FieldKind, FieldRange, csv_field, json_field, undouble, unescape, whole_json};
use crate::input::value::{parse_bool, parse_decimal, parse_float, parse_int};
use crate::sink::jsonl::RowObject;
use crate::sink::{OutputFormat, csv};
use crate::time::{DAY, HOUR, MINUTE, SECOND, days_from_civil, parse_date};
use arrow_array::builder::make_view;
use arrow_array::{ArrayRef, RecordBatch, StringViewArray};
use arrow_buffer::{Buffer, NullBufferBuilder, ScalarBuffer};
use memchr::memchr;
use std::sync::Arc;

/// The rows of the file `text`, of which there should be `rows`. Fails with the byte at which it is not as the
/// encoders write.
pub fn read(format: OutputFormat, schema: &Schema, text: Vec<u8>, rows: usize) -> Result<RecordBatch, usize> {
    // Fields are cut at ASCII bytes, so one check of the text covers every value in it.
    if let Err(e) = simdutf8::compat::from_utf8(&text) {
        return Err(e.valid_up_to());
    }
    let text = Buffer::from_vec(text);
    let mut columns: Vec<PartColumn> = schema.fields.iter().map(|f| PartColumn::new(f.ty, rows)).collect();
    let end = match format {
        OutputFormat::JsonLines => json_lines(&text, schema, &mut columns, false)?,
        OutputFormat::Keyed(_) => json_lines(&text, schema, &mut columns, true)?,
        _ => csv(&text, schema, &mut columns)?,
    };
    let rows = if columns.is_empty() { rows } else { columns[0].len };
    let blocks = blocks(&text);
    let columns = columns.into_iter().map(|c| c.finish(&blocks)).collect();
    batch(schema, columns, rows).map_err(|_| end)
}

fn csv(text: &[u8], schema: &Schema, columns: &mut [PartColumn]) -> Result<usize, usize> {
    let header = csv::header(schema);
    // Another header means other columns, or the same in another order.
    let mut at = if text.starts_with(&header) { header.len() } else { return Err(0) };
    // A NULL that is the only value of its record is written as `""`, or there would be an empty line.
    let lone = columns.len() == 1 && !schema.fields[0].ty.is_text();
    let last = columns.len().saturating_sub(1);
    while at < text.len() && !columns.is_empty() {
        for (i, column) in columns.iter_mut().enumerate() {
            let mut field = csv_field(text, at, [b',', b'\n']).ok_or(at)?;
            let end = field.after();
            if lone && field.kind == FieldKind::Quoted && field.start == field.end {
                field.kind = FieldKind::Null;
            }
            // A record with too few or too many fields must fail here, or its values would shift.
            if text.get(end) != Some(if i == last { &b'\n' } else { &b',' }) {
                return Err(at);
            }
            column.push(text, field, undouble).ok_or(at)?;
            at = end + 1;
        }
    }
    Ok(at)
}

/// Lines of JSON; `keyed` ones have it after a tab, and what comes before is in it too.
fn json_lines(text: &[u8], schema: &Schema, columns: &mut [PartColumn], keyed: bool) -> Result<usize, usize> {
    let keys = RowObject::of(schema);
    let mut at = 0;
    while at < text.len() && !columns.is_empty() {
        if keyed {
            at += memchr(b'\t', &text[at..]).ok_or(at)? + 1;
        }
        for place in &keys.places {
            let start = at + place.before.len();
            let field = text[at..].starts_with(&place.before).then(|| match place.json {
                true => whole_json(text, start),
                false => json_field(text, start),
            });
            let field = field.flatten().ok_or(at)?;
            columns[place.column].push(text, field, unescape).ok_or(at)?;
            at = field.after();
        }
        let rest = text[at..].strip_prefix(&keys.end[..]).and_then(|rest| rest.strip_prefix(b"\n"));
        at = text.len() - rest.ok_or(at)?.len();
    }
    Ok(at)
}

/// Views name a place in a buffer by 31 bits, so the text is many buffers, of twice a block, one a block.
const BLOCK: usize = 1 << 30;

fn blocks(text: &Buffer) -> Vec<Buffer> {
    let starts = (0..text.len()).step_by(BLOCK);
    starts.map(|start| text.slice_with_length(start, (text.len() - start).min(2 * BLOCK - 1))).collect()
}

/// A column that is being filled.
struct PartColumn {
    len: usize,
    nulls: NullBufferBuilder,
    values: PartValues,
}

enum PartValues {
    Text(PartTexts),
    Native(NativeBuilder),
}

#[derive(Default)]
struct PartTexts {
    views: Vec<u128>,
    /// Whether a view names the text of the file.
    refers: bool,
    /// What stood there with escapes, behind the blocks of the file.
    own: Vec<Vec<u8>>,
    /// How many blocks the file has.
    blocks: usize,
}

impl PartColumn {
    fn new(ty: DataType, rows: usize) -> PartColumn {
        let texts = || PartTexts { views: Vec::with_capacity(rows), ..PartTexts::default() };
        let values =
            NativeBuilder::new(ty, rows).map_or_else(|| PartValues::Text(texts()), PartValues::Native);
        PartColumn { len: 0, nulls: NullBufferBuilder::new(rows), values }
    }

    /// Appends a value; `plain` undoes its escapes.
    #[inline]
    fn push(
        &mut self,
        text: &[u8],
        field: FieldRange,
        plain: impl Fn(&[u8], &mut Vec<u8>) -> Option<()>,
    ) -> Option<()> {
        self.len += 1;
        let null = field.kind == FieldKind::Null;
        self.nulls.append(!null);
        let value = &text[field.start..field.end];
        match &mut self.values {
            // A view of zeros is the empty text, which is valid behind a NULL.
            PartValues::Text(texts) if null => texts.views.push(0),
            PartValues::Text(texts) => texts.push(text, field, plain)?,
            PartValues::Native(values) if null => values.push_default(),
            PartValues::Native(values) => match values {
                NativeBuilder::Bool(v) => v.append(parse_bool(value).ok()?),
                NativeBuilder::Int(v) => v.push(parse_int(value).ok()?),
                NativeBuilder::Float(v) => v.push(parse_float(value).ok()?),
                NativeBuilder::Decimal(v, p, s) => v.push(parse_decimal(value, *p, *s).ok()?),
                NativeBuilder::Date(v) => v.push(day(value)?),
                NativeBuilder::Time(v) => v.push(instant(value)?),
            },
        }
        Some(())
    }

    /// The array; `blocks` are those of the file.
    fn finish(mut self, blocks: &[Buffer]) -> ArrayRef {
        let nulls = self.nulls.finish();
        match self.values {
            PartValues::Text(texts) => {
                let mut buffers = vec![];
                if texts.refers || !texts.own.is_empty() {
                    buffers.extend_from_slice(blocks);
                    buffers.extend(texts.own.into_iter().map(Buffer::from_vec));
                }
                let views = ScalarBuffer::from(texts.views);
                // SAFETY: `PartTexts::push` made every view of a range of one of these buffers. The text of the file
                // is UTF-8 and its fields are cut at ASCII bytes; what had escapes is made of such ranges and
                // of strings.
                Arc::new(unsafe { StringViewArray::new_unchecked(views, buffers.into(), nulls) })
            }
            PartValues::Native(mut values) => values.finish(nulls),
        }
    }
}

impl PartTexts {
    #[inline]
    fn push(
        &mut self,
        text: &[u8],
        field: FieldRange,
        plain: impl Fn(&[u8], &mut Vec<u8>) -> Option<()>,
    ) -> Option<()> {
        let value = &text[field.start..field.end];
        if field.kind != FieldKind::Escaped {
            // Arrow keeps texts of up to 12 bytes in the view itself, so these do not need a buffer.
            self.refers |= value.len() > arrow_data::MAX_INLINE_VIEW_LEN as usize;
            let (block, offset) = (field.start / BLOCK, field.start % BLOCK);
            self.views.push(make_view(value, block as u32, offset as u32));
            // A buffer is two blocks long, so a text of one block fits behind any start in the first.
            return (value.len() <= BLOCK).then_some(());
        }
        if self.own.last().is_none_or(|own| own.len() + value.len() > BLOCK) {
            self.blocks = text.len().div_ceil(BLOCK);
            self.own.push(vec![]);
        }
        let block = self.blocks + self.own.len() - 1;
        let own = self.own.last_mut()?;
        let start = own.len();
        plain(value, own)?;
        self.views.push(make_view(&own[start..], block as u32, start as u32));
        (value.len() <= BLOCK).then_some(())
    }
}

/// The day of a date, of whatever year.
fn day(text: &[u8]) -> Option<i32> {
    match days(text)? {
        (days, []) => i32::try_from(days).ok(),
        _ => None,
    }
}

/// Days since 1970-01-01 of the date that `text` begins with, and what follows it.
#[inline]
fn days(text: &[u8]) -> Option<(i64, &[u8])> {
    let (date, rest) = text.split_at_checked(10)?;
    match parse_date(date) {
        Some(days) => Some((days.into(), rest)),
        None => far_days(text),
    }
}

/// The same for years that are not of four digits, which have a sign.
#[cold]
fn far_days(text: &[u8]) -> Option<(i64, &[u8])> {
    let dash = 1 + memchr(b'-', text.get(1..)?)?;
    let year = parse_int(&text[..dash]).ok()?;
    let (month_day, rest) = text[dash..].split_at_checked(6)?;
    match *month_day {
        [b'-', a, b, b'-', c, d] => Some((days_from_civil(year, two(a, b)? as u32, two(c, d)? as u32), rest)),
        _ => None,
    }
}

/// The number of two digits.
#[inline]
fn two(a: u8, b: u8) -> Option<i64> {
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    (a < 10 && b < 10).then(|| i64::from(a) * 10 + i64::from(b))
}

/// The instant of a time as `TimeText` writes it, of whatever year.
#[inline]
fn instant(text: &[u8]) -> Option<i64> {
    let (days, rest) = days(text)?;
    let [b'T', h, i, b':', m, n, b':', s, t, rest @ ..] = rest else { return None };
    let (hours, minutes, seconds) = (two(*h, *i)?, two(*m, *n)?, two(*s, *t)?);
    let mut time = hours * HOUR + minutes * MINUTE + seconds * SECOND;
    let mut rest = rest;
    if let [b'.', fraction @ ..] = rest {
        let mut unit = SECOND;
        rest = fraction;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            unit /= 10;
            time += i64::from(digit - b'0') * unit;
            rest = after;
        }
    }
    let offset = match *rest {
        [b'Z'] => 0,
        [b'+', h, i, b':', m, n] => two(h, i)? * HOUR + two(m, n)? * MINUTE,
        [b'-', h, i, b':', m, n] => -(two(h, i)? * HOUR + two(m, n)? * MINUTE),
        _ => return None,
    };
    // The day of the first and the last instants may begin before or end after them: the sum is right all the same.
    Some(days.wrapping_mul(DAY).wrapping_add(time - offset))
}
