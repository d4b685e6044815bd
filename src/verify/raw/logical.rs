//! Values of logical types in records of Kafka Connect that have their schema, written out by `serde_json`, `chrono` and sums
//! of decimal digits: the second reader of them.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike};
use serde_json::{Number, Value};

/// The JSON text `payload`, with the values written out of which `schema` says that they are no plain ones; none where they
/// are not what it says.
pub(super) fn plain(schema: &Value, payload: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(payload).ok()?;
    let changed = rewrite(schema, &mut value)?;
    // An unchanged payload keeps its own text; serde_json would write it anew.
    Some(if changed { value.to_string() } else { payload.to_string() })
}

/// The schema of the field `name` of a record.
pub(super) fn field<'a>(schema: &'a Value, name: &str) -> &'a Value {
    let fields = schema["fields"].as_array();
    fields.and_then(|all| all.iter().find(|field| field["field"] == name)).unwrap_or(&Value::Null)
}

/// Writes out what is in `value`; says whether there was anything.
fn rewrite(schema: &Value, value: &mut Value) -> Option<bool> {
    let mut changed = false;
    match (logical(schema), schema["type"].as_str()) {
        (Some(_), _) if value.is_null() => {}
        (Some(read), _) => {
            *value = read(schema, value)?;
            changed = true;
        }
        (None, Some("struct")) => {
            for (key, value) in value.as_object_mut().into_iter().flatten() {
                changed |= rewrite(field(schema, key), value)?;
            }
        }
        (None, Some("map")) => {
            for (_, value) in value.as_object_mut().into_iter().flatten() {
                changed |= rewrite(&schema["values"], value)?;
            }
        }
        (None, Some("array")) => {
            for value in value.as_array_mut().into_iter().flatten() {
                changed |= rewrite(&schema["items"], value)?;
            }
        }
        _ => {}
    }
    Some(changed)
}

/// What makes a value plain.
type Convert = fn(&Value, &Value) -> Option<Value>;

fn logical(schema: &Value) -> Option<Convert> {
    let name = schema["name"].as_str()?;
    let (package, name) = name.rsplit_once('.')?;
    Some(match (package, name) {
        ("org.apache.kafka.connect.data", "Decimal") => |schema, value| match value {
            Value::Number(_) => Some(value.clone()),
            Value::String(text) => {
                let scale = &schema["parameters"]["scale"];
                let scale = scale.as_str().map_or_else(|| scale.as_i64(), |digits| digits.parse().ok())?;
                decimal(text, scale)
            }
            _ => None,
        },
        ("io.debezium.data", "VariableScaleDecimal") => {
            |_, value| decimal(value["value"].as_str()?, value["scale"].as_i64()?)
        }
        ("org.apache.kafka.connect.data" | "io.debezium.time", "Date") => |_, value| {
            let days = value.as_i64()?;
            let date = TimeDelta::try_days(days)
                .and_then(|days| NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(days));
            // A date outside these years does not have ten characters, so its number stays.
            let date = date.filter(|date| (1..=9999).contains(&date.year()));
            Some(date.map_or(value.clone(), |date| date.format("%Y-%m-%d").to_string().into()))
        },
        ("org.apache.kafka.connect.data" | "io.debezium.time", "Timestamp") => |_, v| instant(v, 1_000),
        ("io.debezium.time", "MicroTimestamp") => |_, value| instant(value, 1_000_000),
        ("io.debezium.time", "NanoTimestamp") => |_, value| instant(value, 1_000_000_000),
        ("org.apache.kafka.connect.data" | "io.debezium.time", "Time") => |_, value| clock(value, 1_000),
        ("io.debezium.time", "MicroTime") => |_, value| clock(value, 1_000_000),
        ("io.debezium.time", "NanoTime") => |_, value| clock(value, 1_000_000_000),
        _ => return None,
    })
}

/// `.f`, without zeros at the end; nothing where it is zero.
fn fraction(nanos: u32) -> String {
    let digits = format!(".{nanos:09}");
    digits.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// The instant of a number, of which there are `per` to a second.
fn instant(value: &Value, per: i64) -> Option<Value> {
    let number = value.as_i64()?;
    // Before 1970 numbers are negative; the fraction has to stay positive.
    let (seconds, rest) = (number.div_euclid(per), number.rem_euclid(per));
    let nanos = u32::try_from(rest * (1_000_000_000 / per)).ok()?;
    let found = DateTime::from_timestamp(seconds, nanos).filter(|at| (1..=9999).contains(&at.year()));
    Some(found.map_or(value.clone(), |at| {
        format!("{}{}Z", at.format("%Y-%m-%dT%H:%M:%S"), fraction(at.nanosecond())).into()
    }))
}

/// The time of day of a number, of which there are `per` to a second.
fn clock(value: &Value, per: u64) -> Option<Value> {
    let number = value.as_i64()?;
    let (minus, all) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    let nanos = u32::try_from(all % per * (1_000_000_000 / per)).ok()?;
    let minutes = all / per / 60;
    let (hours, minute, second) = (minutes / 60, minutes % 60, all / per % 60);
    Some(format!("{minus}{hours:02}:{minute:02}:{second:02}{}", fraction(nanos)).into())
}

/// The number of all digits that the base64 of a big-endian integer in two's complement stands for, over 10 to the `scale`.
fn decimal(text: &str, scale: i64) -> Option<Value> {
    let mut bytes = base64(text)?;
    let negative = *bytes.first()? >= 128;
    if negative {
        // The magnitude: all bits turned round, and one more.
        let mut more = 1;
        for byte in bytes.iter_mut().rev() {
            let sum = u16::from(!*byte) + more;
            (*byte, more) = (sum as u8, sum >> 8);
        }
        if more == 1 {
            bytes.insert(0, 1);
        }
    }
    // Digits of ten, the last first.
    let mut digits = vec![0_u32];
    for byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            let sum = *digit * 256 + carry;
            (*digit, carry) = (sum % 10, sum / 10);
        }
        while carry > 0 {
            digits.push(carry % 10);
            carry /= 10;
        }
    }
    let zero = digits.iter().all(|digit| *digit == 0);
    // A scale from a file must not make a text of gigabytes.
    if !(-1000..=1000).contains(&scale) {
        return None;
    }
    let after = usize::try_from(scale).unwrap_or(0);
    let zeros = if zero { 0 } else { usize::try_from(-scale).unwrap_or(0) };
    digits.splice(0..0, std::iter::repeat_n(0, zeros));
    while digits.len() <= after {
        digits.push(0);
    }
    let mut out = String::from(if negative { "-" } else { "" });
    for (place, digit) in digits.iter().enumerate().rev() {
        out.extend(char::from_digit(*digit, 10));
        if place == after && after > 0 {
            out.push('.');
        }
    }
    serde_json::from_str::<Number>(&out).ok().map(Value::Number)
}

/// The bytes of base64 with its padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let padding = text.bytes().rev().take_while(|c| *c == b'=').count();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let (mut bits, mut held, mut out) = (0_u32, 0, vec![]);
    for c in text[..text.len() - padding].bytes() {
        bits = bits << 6 | u32::from(value(c)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // What is left is padding of zeros.
    (bits == 0).then_some(out)
}
