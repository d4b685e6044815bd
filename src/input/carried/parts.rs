//! The parts of a wrapped record: key, value, topic, partition, offset, timestamp.

use crate::input::value::shown;

/// Why a line is no record.
#[derive(Debug)]
pub(in crate::input) struct Fault {
    pub reason: String,
}

impl Fault {
    pub(super) fn new(reason: String) -> Fault {
        Fault { reason }
    }
}

/// A text of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// The carrier does not tell it.
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
pub(super) enum Value<'a> {
    #[default]
    Null,
    /// It begins and ends like an object of JSON.
    Object(&'a [u8]),
    Text(&'a [u8]),
    /// As it stands between the quotes of JSON.
    Escaped(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The value that `text` is.
    pub fn of_text(text: &'a [u8]) -> Value<'a> {
        match text.trim_ascii() {
            b"null" => Value::Null,
            object if object.starts_with(b"{") => Value::Object(object),
            _ => Value::Text(text),
        }
    }
}

/// What a carrier says of a record.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub topic: Text<'a>,
    /// Digits.
    pub partition: Option<&'a [u8]>,
    /// Digits.
    pub offset: Option<&'a [u8]>,
    /// Digits.
    pub timestamp: Option<&'a [u8]>,
    pub key: Text<'a>,
    pub value: Value<'a>,
}

/// What is wrong with `text`, which `what` should have as one object of JSON.
#[cold]
pub(super) fn json_fault(what: &str, text: &[u8]) -> Fault {
    Fault::new(match serde_json::from_slice::<serde_json::Value>(text) {
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
