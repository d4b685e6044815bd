//! Values of Avro that are no plain ones as the JSON text that they are: see [`crate::input::columnar`] for how values are written.
//!
//! A union is the value of its branch. An enum is its symbol, a fixed or bytes is base64.

use super::cursor::{AvroCursor, AvroResult, DEEPEST, InvalidAvro, NO_BRANCH, big_endian};
use super::schema::{AvroLogical, AvroSchema, AvroType, Id};
use crate::input::columnar::{time_of_day, with_point};
use crate::input::json_text::{self, quoted};
use arrow_schema::TimeUnit;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Whether there is a JSON text for all that `id` may hold.
pub(super) fn has_text(schema: &AvroSchema, id: Id) -> bool {
    let (mut seen, mut open) = (vec![], vec![id]);
    while let Some(id) = open.pop() {
        // A type may hold itself: each one is looked at once.
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        match schema.node(id) {
            AvroType::Bytes(AvroLogical::BigDecimal) | AvroType::Fixed(_, AvroLogical::Duration) => {
                return false;
            }
            AvroType::Array(inside) | AvroType::Map(inside) => open.push(*inside),
            AvroType::Union(branches) => open.extend(branches),
            AvroType::Record(fields) => open.extend(fields.iter().map(|field| field.ty)),
            _ => {}
        }
    }
    true
}

/// Reads a value and appends its text; `fault` is why it has none.
pub(super) fn write(
    schema: &AvroSchema,
    id: Id,
    cursor: &mut AvroCursor,
    out: &mut String,
    fault: &mut Option<String>,
) -> Result<(), InvalidAvro> {
    AvroJsonWriter { schema, fault }.value(id, cursor, out, 0)
}

struct AvroJsonWriter<'a> {
    schema: &'a AvroSchema,
    fault: &'a mut Option<String>,
}

impl AvroJsonWriter<'_> {
    fn value(&mut self, id: Id, cursor: &mut AvroCursor, out: &mut String, depth: usize) -> AvroResult<()> {
        if depth > DEEPEST {
            return Err("it is nested too deep");
        }
        match self.schema.node(id) {
            AvroType::Array(items) => {
                out.push('[');
                self.blocks(cursor, out, |writer, cursor, out| writer.value(*items, cursor, out, depth + 1))?;
                out.push(']');
            }
            AvroType::Map(values) => {
                out.push('{');
                self.blocks(cursor, out, |writer, cursor, out| {
                    writer.text(cursor, out)?;
                    out.push(':');
                    writer.value(*values, cursor, out, depth + 1)
                })?;
                out.push('}');
            }
            AvroType::Union(branches) => {
                let branch = *branches.get(cursor.length()?).ok_or(NO_BRANCH)?;
                self.value(branch, cursor, out, depth + 1)?;
            }
            AvroType::Record(fields) => {
                out.push('{');
                for (i, field) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    json_text::string(&field.name, out);
                    out.push(':');
                    self.value(field.ty, cursor, out, depth + 1)?;
                }
                out.push('}');
            }
            plain => self.plain(plain, cursor, out)?,
        }
        Ok(())
    }

    /// The items of a list or map, with commas between.
    fn blocks(
        &mut self,
        cursor: &mut AvroCursor,
        out: &mut String,
        mut item: impl FnMut(&mut Self, &mut AvroCursor, &mut String) -> AvroResult<()>,
    ) -> AvroResult<()> {
        let mut first = true;
        loop {
            let mut count = cursor.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // Their size follows.
                cursor.length()?;
                // The least `i64` does not have a counterpart above zero.
                count = count.checked_neg().ok_or("a list in it has too many items")?;
            }
            for _ in 0..count {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                let before = cursor.at;
                item(self, cursor, out)?;
                // Items without bytes cost nothing to claim: a few bytes could ask for a text without end.
                if cursor.at == before && out.len() > MOST {
                    return Err("a list in it does not end");
                }
            }
        }
    }

    /// A string; one that is not UTF-8 has no text.
    fn text(&mut self, cursor: &mut AvroCursor, out: &mut String) -> AvroResult<()> {
        let length = cursor.length()?;
        match std::str::from_utf8(cursor.take(length)?) {
            Ok(text) => json_text::string(text, out),
            Err(_) => self.no_text("a text in it is not valid UTF-8".into()),
        }
        Ok(())
    }

    fn no_text(&mut self, why: String) {
        // Reading goes on after a fault, as the bytes behind it still have to be passed.
        self.fault.get_or_insert(why);
    }

    fn plain(&mut self, node: &AvroType, cursor: &mut AvroCursor, out: &mut String) -> AvroResult<()> {
        match node {
            AvroType::Null => out.push_str("null"),
            AvroType::Boolean => out.push_str(if cursor.bool()? { "true" } else { "false" }),
            AvroType::Int(AvroLogical::Date) => {
                let date = json_text::date(cursor.int()?.into());
                self.quote(date, out);
            }
            AvroType::Int(AvroLogical::TimeMillis) => {
                self.clock(cursor.int()?.into(), TimeUnit::Millisecond, out)
            }
            AvroType::Long(AvroLogical::TimeMicros) => self.clock(cursor.long()?, TimeUnit::Microsecond, out),
            AvroType::Long(AvroLogical::Timestamp(unit, utc)) => {
                let value = cursor.long()?;
                let day = 86_400
                    * match unit {
                        TimeUnit::Nanosecond => 1_000_000_000,
                        TimeUnit::Microsecond => 1_000_000,
                        _ => 1_000,
                    };
                let clock = time_of_day(value.rem_euclid(day), *unit).unwrap_or_default();
                let date = json_text::date(value.div_euclid(day));
                self.quote(date.map(|date| format!("{date}T{clock}{}", if *utc { "Z" } else { "" })), out);
            }
            AvroType::Int(_) => out.push_str(&cursor.int()?.to_string()),
            AvroType::Long(_) => out.push_str(&cursor.long()?.to_string()),
            AvroType::Float => {
                let bytes = cursor.take(4)?.try_into().map_err(|_| "it ends too soon")?;
                self.float(f32::from_le_bytes(bytes).into(), out);
            }
            AvroType::Double => {
                let bytes = cursor.take(8)?.try_into().map_err(|_| "it ends too soon")?;
                self.float(f64::from_le_bytes(bytes), out);
            }
            AvroType::String => self.text(cursor, out)?,
            AvroType::Enum(symbols) => {
                let symbol = symbols.get(cursor.length()?).ok_or("an enum in it has no such symbol")?;
                json_text::string(symbol, out);
            }
            AvroType::Bytes(logical) => {
                let length = cursor.length()?;
                self.bytes(cursor.take(length)?, *logical, out);
            }
            AvroType::Fixed(size, logical) => self.bytes(cursor.take(*size)?, *logical, out),
            AvroType::Array(_) | AvroType::Map(_) | AvroType::Union(_) | AvroType::Record(_) => {
                unreachable!("these are not plain values")
            }
        }
        Ok(())
    }

    fn quote(&mut self, text: Result<String, String>, out: &mut String) {
        match text {
            Ok(text) => quoted(&text, out),
            Err(why) => self.no_text(why),
        }
    }

    fn clock(&mut self, value: i64, unit: TimeUnit, out: &mut String) {
        let text = time_of_day(value, unit);
        self.quote(text.ok_or_else(|| format!("`{value}` is not a time of day")), out);
    }

    fn float(&mut self, value: f64, out: &mut String) {
        if let Err(why) = json_text::float(value, out) {
            self.no_text(why);
        }
    }

    fn bytes(&mut self, bytes: &[u8], logical: AvroLogical, out: &mut String) {
        match (logical, bytes.len()) {
            (AvroLogical::Decimal(_, scale), _) => match big_endian(bytes) {
                Some(value) => out.push_str(&with_point(value.to_string(), scale as i8)),
                None => self
                    .no_text(format!("its {} bytes have more digits than a decimal can hold", bytes.len())),
            },
            (AvroLogical::Uuid, 16) => {
                let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
                quoted(&parts.join("-"), out);
            }
            _ => quoted(&STANDARD.encode(bytes), out),
        }
    }
}

/// The most bytes of a text of items that have no bytes themselves.
const MOST: usize = 16 << 20;
