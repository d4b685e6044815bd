//! The values of JSON records as Arrow columns.

use super::scanner::{JsonKind, Span, unescape};
use crate::batch::{DataType, NativeBuilder};
use crate::input::csv::{MAX_INLINE, view as text_view};
use crate::input::infer::inferred_hint;
use crate::input::times::TimeRole;
use crate::input::value::ValueError;
use crate::input::written::{Plain, ValueFormat};
use crate::input::{ReadColumn, value};
use crate::time::{TimeParser, TimeRule, Zone};
use arrow_array::builder::make_view;
use arrow_array::{ArrayRef, StringViewArray, TimestampMicrosecondArray};
use arrow_buffer::{Buffer, NullBufferBuilder, ScalarBuffer};
use std::sync::Arc;

/// A value that does not fit its column.
pub(super) struct Unfit {
    pub reason: String,
    pub hint: Option<String>,
}

/// Where the texts of a chunk lie: in the chunk itself, or unescaped beside it.
pub(super) struct ChunkTexts<'a> {
    pub chunk: &'a [u8],
    pub unescaped: &'a mut Vec<u8>,
}

impl<'a> ChunkTexts<'a> {
    /// The text of a value: of strings what they stand for, of others their JSON text.
    #[inline(always)]
    fn of<'b>(&self, span: Span, room: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let raw = &self.chunk[span.start..span.end];
        if span.kind != JsonKind::Escaped {
            return raw;
        }
        room.clear();
        unescape(raw, room);
        room
    }
}

/// A column that is being filled.
pub(super) struct JsonColumn {
    read: ReadColumn,
    values: JsonValues,
    nulls: NullBufferBuilder,
    /// How strings are written, where it is not the plain way.
    written: Option<Arc<ValueFormat>>,
    /// Whether strings are not what stands between their quotes.
    special: bool,
    /// Room for one unescaped value, and for its plain form.
    room: [Vec<u8>; 2],
    parser: TimeParser,
}

enum JsonValues {
    /// The event time or the arrival, which are read already.
    Copy(TimeRole),
    /// Views, and whether any of them points into a buffer.
    Text(Vec<u128>, bool),
    /// Of any other type.
    Native(NativeBuilder),
}

impl JsonColumn {
    /// An empty column; `copied` where it is a copy of a time of the record.
    pub fn new(
        read: &ReadColumn,
        copied: Option<TimeRole>,
        written: Option<Arc<ValueFormat>>,
        zone: &Zone,
    ) -> JsonColumn {
        let values = match (copied, NativeBuilder::new(read.ty, 0)) {
            (Some(role), _) => JsonValues::Copy(role),
            (None, Some(values)) => JsonValues::Native(values),
            (None, None) => JsonValues::Text(vec![], false),
        };
        let parser = TimeParser::new(TimeRule::Iso, zone.clone());
        let (read, nulls, room) = (read.clone(), NullBufferBuilder::new(0), [vec![], vec![]]);
        let special = written.is_some() || read.ty == DataType::Json;
        JsonColumn { read, values, nulls, written, special, room, parser }
    }

    pub fn name(&self) -> &str {
        &self.read.name
    }

    /// Makes room for `rows` rows.
    pub fn reserve(&mut self, rows: usize) {
        match &mut self.values {
            JsonValues::Copy(_) => {}
            JsonValues::Text(views, _) => views.reserve(rows),
            JsonValues::Native(values) => values.reserve(rows),
        }
    }

    /// Appends a value. After an error the column is as before.
    #[inline(always)]
    pub fn push(&mut self, span: Span, texts: &mut ChunkTexts) -> Result<(), Box<Unfit>> {
        // What most columns have, without a call.
        if let JsonValues::Text(views, _) = &mut self.values
            && span.kind == JsonKind::Text
            && !self.special
            && span.end - span.start <= MAX_INLINE
        {
            views.push(text_view(texts.chunk, span.start, span.end));
            self.nulls.append_non_null();
            return Ok(());
        }
        self.push_other(span, texts)
    }

    fn push_other(&mut self, span: Span, texts: &mut ChunkTexts) -> Result<(), Box<Unfit>> {
        if matches!(span.kind, JsonKind::Null | JsonKind::Missing) {
            self.push_null();
            return Ok(());
        }
        if self.special && matches!(span.kind, JsonKind::Text | JsonKind::Escaped) {
            return self.push_special(span, texts);
        }
        self.push_plain(span, texts)
    }

    /// Appends a string of a column of JSON, where it has its quotes and escapes, or one that is written in a way of its own.
    #[inline(never)]
    fn push_special(&mut self, span: Span, texts: &mut ChunkTexts) -> Result<(), Box<Unfit>> {
        match self.read.ty {
            DataType::Json => {
                let whole = Span { kind: JsonKind::Text, start: span.start - 1, end: span.end + 1 };
                self.push_plain(whole, texts)
            }
            _ => self.push_written(span, texts),
        }
    }

    #[inline(always)]
    fn push_plain(&mut self, span: Span, texts: &mut ChunkTexts) -> Result<(), Box<Unfit>> {
        let outcome = match &mut self.values {
            JsonValues::Copy(_) => Ok(()),
            JsonValues::Text(views, long) => {
                // An error must leave the column as it was, so the view is checked before it is added.
                let view = view(span, texts).ok_or_else(too_far)?;
                *long |= view as u32 as usize > MAX_INLINE;
                views.push(view);
                Ok(())
            }
            JsonValues::Native(values) => {
                let text = texts.of(span, &mut self.room[0]);
                push(values, &self.read, span.kind, text, &mut self.parser)
            }
        };
        self.pushed(outcome)
    }

    /// Appends a string that is written in a way of its own.
    fn push_written(&mut self, span: Span, texts: &mut ChunkTexts) -> Result<(), Box<Unfit>> {
        let Some(written) = self.written.clone() else { return Ok(()) };
        let [room, plain] = &mut self.room;
        let text = match written.plain(texts.of(span, room), self.read.ty, plain) {
            Ok(Plain::Text(text)) => text,
            Ok(Plain::Null) => {
                self.push_null();
                return Ok(());
            }
            Err(error) => return self.pushed(Err(error)),
        };
        let outcome = match &mut self.values {
            JsonValues::Copy(_) => Ok(()),
            JsonValues::Text(views, long) => {
                let start = texts.unescaped.len();
                // Offsets in Arrow's views are signed and have 32 bits.
                let view = (start + text.len() <= FURTHEST).then(|| make_view(text, 1, start as u32));
                views.push(view.ok_or_else(too_far)?);
                *long |= text.len() > MAX_INLINE;
                texts.unescaped.extend_from_slice(text);
                Ok(())
            }
            JsonValues::Native(values) => push(values, &self.read, span.kind, text, &mut self.parser),
        };
        self.pushed(outcome)
    }

    #[inline(always)]
    fn pushed(&mut self, outcome: Result<(), ValueError>) -> Result<(), Box<Unfit>> {
        match outcome {
            Ok(()) => {
                self.nulls.append_non_null();
                Ok(())
            }
            Err(error) => {
                let hint = inferred_hint(&self.read, error.text().as_bytes());
                Err(Box::new(Unfit { reason: error.to_string(), hint }))
            }
        }
    }

    fn push_null(&mut self) {
        self.nulls.append_null();
        match &mut self.values {
            JsonValues::Copy(_) => {}
            JsonValues::Text(views, _) => views.push(0),
            JsonValues::Native(values) => values.push_default(),
        }
    }

    /// Forgets what comes after the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        self.nulls.truncate(rows);
        match &mut self.values {
            JsonValues::Copy(_) => {}
            JsonValues::Text(views, _) => views.truncate(rows),
            JsonValues::Native(values) => values.truncate(rows),
        }
    }

    /// The array of all values so far; the column is empty then. `buffers` are the chunk, and the
    /// unescaped texts; `time` and `arrival` are those of the rows.
    pub fn finish(&mut self, buffers: &[Buffer; 2], time: &[i64], arrival: &[i64]) -> ArrayRef {
        use std::mem::take;
        let nulls = self.nulls.finish();
        let nulls = nulls.filter(|n| n.null_count() > 0);
        match &mut self.values {
            JsonValues::Copy(role) => {
                let times = if *role == TimeRole::EventTime { time } else { arrival };
                Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC"))
            }
            JsonValues::Text(views, long) => {
                // Views of up to 12 bytes hold their text, and need not keep the chunk in memory.
                let buffers = if take(long) { buffers.as_slice() } else { &[] };
                let views = ScalarBuffer::from(take(views));
                // SAFETY: every view was made by `view` from a range of one of the two buffers, in
                // that order. The chunk's lines are known to be UTF-8 and a value starts and ends
                // at an ASCII byte; unescaped text is made of chars and such ranges.
                Arc::new(unsafe { StringViewArray::new_unchecked(views, buffers.into(), nulls) })
            }
            JsonValues::Native(values) => values.finish(nulls),
        }
    }
}

/// Appends the value of a text to a column that is not of texts.
#[inline(always)]
fn push(
    values: &mut NativeBuilder,
    read: &ReadColumn,
    kind: JsonKind,
    text: &[u8],
    parser: &mut TimeParser,
) -> Result<(), ValueError> {
    match values {
        NativeBuilder::Int(ints) => integer(kind, text, read.inferred).map(|v| ints.push(v)),
        values => value::push(values, text, parser),
    }
}

/// How far into its buffer a text may lie for a view to say so.
const FURTHEST: usize = i32::MAX as usize;

#[cold]
fn too_far() -> Box<Unfit> {
    Box::new(Unfit { reason: "its text is past the first 2 GiB of one read".into(), hint: None })
}

/// The integer of a number or a numeric string. JSON knows one kind of number, so `2.0` is 2.
#[inline]
pub(super) fn integer(kind: JsonKind, text: &[u8], inferred: bool) -> Result<i64, ValueError> {
    // In quotes `"007"` is a code, and would lose its zeros; numbers of JSON cannot have them in front.
    if inferred && kind != JsonKind::Number && leading_zero(text) {
        return Err(ValueError::not_a(text, DataType::Int64));
    }
    match value::parse_int(text) {
        Err(error) if kind == JsonKind::Number => whole(text).ok_or(error),
        outcome => outcome,
    }
}

/// The integer of a JSON number that is written with a fraction or an exponent.
#[cold]
fn whole(text: &[u8]) -> Option<i64> {
    value::parse_decimal(text, 38, 0).ok().and_then(|v| i64::try_from(v).ok())
}

fn leading_zero(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    digits.len() > 1 && digits[0] == b'0'
}

/// The view of a text; `None` where it lies too far into its buffer for a view to say so.
#[inline(always)]
fn view(span: Span, texts: &mut ChunkTexts) -> Option<u128> {
    if span.kind == JsonKind::Escaped {
        let start = texts.unescaped.len();
        unescape(&texts.chunk[span.start..span.end], texts.unescaped);
        let text = &texts.unescaped[start..];
        let fits = start + text.len() <= FURTHEST;
        return fits.then(|| make_view(text, 1, start as u32));
    }
    let fits = span.end <= FURTHEST;
    fits.then(|| text_view(texts.chunk, span.start, span.end))
}
