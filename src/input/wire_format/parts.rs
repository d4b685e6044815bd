//! The parts of a wrapped record: key, value, topic, partition, offset, timestamp.

use crate::input::value::shown;

/// Why a line is not a record.
#[derive(Debug)]
pub(in crate::input) struct EnvelopeFault {
    pub reason: String,
}

impl EnvelopeFault {
    pub(super) fn new(reason: String) -> EnvelopeFault {
        EnvelopeFault { reason }
    }
}

/// A text of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LogText<'a> {
    /// The wire format does not have it.
    #[default]
    Untold,
    Null,
    /// As it is.
    Plain(&'a [u8]),
    /// As it stands between the quotes of JSON.
    Escaped(&'a [u8]),
}

/// The value of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RecordValue<'a> {
    #[default]
    Null,
    /// It begins and ends like an object of JSON.
    Object(&'a [u8]),
    Text(&'a [u8]),
    /// As it stands between the quotes of JSON.
    Escaped(&'a [u8]),
}

impl<'a> RecordValue<'a> {
    /// The value that `text` is.
    pub fn of_text(text: &'a [u8]) -> RecordValue<'a> {
        match text.trim_ascii() {
            b"null" => RecordValue::Null,
            object if object.starts_with(b"{") => RecordValue::Object(object),
            _ => RecordValue::Text(text),
        }
    }
}

/// The parts of a record, as its wire format has them.
#[derive(Debug, Default)]
pub(super) struct RecordParts<'a> {
    pub topic: LogText<'a>,
    /// Digits.
    pub partition: Option<&'a [u8]>,
    /// Digits.
    pub offset: Option<&'a [u8]>,
    /// Digits.
    pub timestamp: Option<&'a [u8]>,
    pub key: LogText<'a>,
    pub value: RecordValue<'a>,
}

/// What is wrong with `text`, which `what` should have as one object of JSON.
#[cold]
pub(super) fn json_fault(what: &str, text: &[u8]) -> EnvelopeFault {
    EnvelopeFault::new(match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(value) if !value.is_object() => format!("`{}` is not a JSON object", shown(text)),
        // Not reached as far as is known: serde_json reads what was refused.
        Ok(_) => format!("{what} is not a JSON object that can be read"),
        Err(error) => {
            let message = error.to_string();
            let why = message.split(" at line ").next().unwrap_or(&message);
            format!("{what} is not valid JSON at column {}: {why}", error.column())
        }
    })
}
