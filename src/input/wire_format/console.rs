//! Lines of `kafka-console-consumer`, whose `DefaultMessageFormatter` prints what its properties ask for,
//! with tabs between: `CreateTime:1717200000000 Partition:0 Offset:5 Delivery:1 NO_HEADERS key value`.

use super::parts::{LogText, RecordParts, RecordValue};

/// What the lines of a file hold before the value, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConsoleFields {
    /// `print.timestamp`: `CreateTime:…`, `LogAppendTime:…` or `NO_TIMESTAMP`.
    pub timestamp: bool,
    /// `print.partition`: `Partition:…`.
    pub partition: bool,
    /// `print.offset`: `Offset:…`.
    pub offset: bool,
    /// `print.delivery`: `Delivery:…`.
    pub delivery: bool,
    /// `print.headers`: `name:value,…` or `NO_HEADERS`.
    pub headers: bool,
    /// `print.key`.
    pub key: bool,
}

/// The literal that stands for no key and no value.
const NULL: &[u8] = b"null";

impl ConsoleFields {
    /// The properties that print these lines, if they are unmistakably lines of the console consumer:
    /// the first begins with a time, a partition or an offset.
    pub(super) fn of(lines: &[&[u8]]) -> Option<ConsoleFields> {
        let mut rest = *lines.first()?;
        let mut fields = ConsoleFields {
            timestamp: timestamp(&mut rest).is_some(),
            partition: numbered(&mut rest, b"Partition:").is_some(),
            offset: numbered(&mut rest, b"Offset:").is_some(),
            delivery: delivery(&mut rest),
            ..ConsoleFields::default()
        };
        if !(fields.timestamp || fields.partition || fields.offset) {
            return None;
        }
        // What is left of each line that begins so: headers, key, value.
        let rests: Vec<Vec<&[u8]>> = lines
            .iter()
            .filter_map(|line| {
                fields.prefix(line).ok().map(|(_, rest)| rest.split(|&c| c == b'\t').collect())
            })
            .collect();
        let least = rests.iter().map(Vec::len).min()?;
        let first = |test: fn(&[u8]) -> bool| rests.iter().all(|parts| test(parts[0]));
        let none = rests.iter().any(|parts| parts[0] == b"NO_HEADERS");
        // A key may look like headers, so a third field or `NO_HEADERS` is asked for.
        fields.headers = least > 1 && first(are_headers) && (none || least > 2);
        fields.key = least > 1 + usize::from(fields.headers);
        Some(fields)
    }

    /// What a line says before headers, key and value, and the rest of it; or what was expected.
    fn prefix<'a>(&self, line: &'a [u8]) -> Result<(RecordParts<'a>, &'a [u8]), &'static str> {
        let (mut rest, mut parts) = (line, RecordParts::default());
        if self.timestamp {
            let expected = "`CreateTime:…`, `LogAppendTime:…` or `NO_TIMESTAMP`";
            parts.timestamp = timestamp(&mut rest).ok_or(expected)?;
        }
        if self.partition {
            parts.partition = Some(numbered(&mut rest, b"Partition:").ok_or("`Partition:…`")?);
        }
        if self.offset {
            parts.offset = Some(numbered(&mut rest, b"Offset:").ok_or("`Offset:…`")?);
        }
        if self.delivery && !delivery(&mut rest) {
            return Err("`Delivery:…`");
        }
        Ok((parts, rest))
    }

    /// The parts of a line; or what was expected and is not there.
    pub(super) fn parts<'a>(&self, line: &'a [u8]) -> Result<RecordParts<'a>, &'static str> {
        let (mut parts, mut rest) = self.prefix(line)?;
        if self.headers {
            field(&mut rest).ok_or("headers, or `NO_HEADERS`, and a tab")?;
        }
        if self.key {
            let key = field(&mut rest).ok_or("a key and a tab")?;
            parts.key = if key == NULL { LogText::Null } else { LogText::Plain(key) };
        }
        parts.value = RecordValue::of_text(rest);
        Ok(parts)
    }

    /// The properties in words, as the console consumer has them.
    pub fn words(&self) -> String {
        let named = [
            (self.timestamp, "print.timestamp"),
            (self.partition, "print.partition"),
            (self.offset, "print.offset"),
            (self.delivery, "print.delivery"),
            (self.headers, "print.headers"),
            (self.key, "print.key"),
        ];
        let named: Vec<&str> = named.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        named.join(", ")
    }
}

fn are_headers(field: &[u8]) -> bool {
    field == b"NO_HEADERS" || (field.contains(&b':') && !field.starts_with(b"{"))
}

/// Passes the next field with its tab; none where there is no tab.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = memchr::memchr(b'\t', rest)?;
    let field = &rest[..end];
    *rest = &rest[end + 1..];
    Some(field)
}

/// Passes `name` and a number, which may be negative.
fn numbered<'a>(rest: &mut &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut after = *rest;
    let number = field(&mut after)?.strip_prefix(name)?;
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    // Kafka's numbers have 64 bits, and so 19 digits at most.
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    *rest = after;
    Some(number)
}

/// Passes the time of a record; the inner one is none where it has none.
fn timestamp<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    for name in [&b"CreateTime:"[..], b"LogAppendTime:"] {
        if let Some(number) = numbered(rest, name) {
            // Kafka writes -1 for a record without a time.
            return Some(Some(number).filter(|number| !number.starts_with(b"-")));
        }
    }
    let mut after = *rest;
    let none = field(&mut after)? == b"NO_TIMESTAMP";
    if none {
        *rest = after;
    }
    none.then_some(None)
}

fn delivery(rest: &mut &[u8]) -> bool {
    let mut after = *rest;
    let is = field(&mut after).is_some_and(|field| field.starts_with(b"Delivery:"));
    if is {
        *rest = after;
    }
    is
}
