//! Codes, hashes and JSON.

use super::Context;
use super::values::{Fault, Values, texts as build};
use crate::expr::ready::Ready;
use crate::expr::tree::{Call, Op};
use crate::expr::words::shown;
use arrow_array::types::Int64Type;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;
use std::fmt::Write;

/// Operations that give a text.
pub fn texts(call: &Call, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    if call.op == Op::ToHex {
        let of = args[0].primitives::<Int64Type>();
        return build(cx, &inputs, |row, out| {
            let value = of.get(row);
            if let Some(value) = value {
                let _ = write!(out, "{value:x}");
            }
            Ok(value.is_some())
        });
    }
    let of = args[0].texts();
    build(cx, &inputs, |row, out| {
        let Some(text) = of.get(row) else { return Ok(false) };
        match call.op {
            Op::Md5 => hex(out, &md5::Md5::digest(text)),
            Op::Sha256 => hex(out, &sha2::Sha256::digest(text)),
            Op::Hex => {
                hex(out, text.as_bytes());
                // `out` is empty before each row, so that only this text is changed.
                out.make_ascii_uppercase();
            }
            Op::ToBase64 => STANDARD.encode_string(text, out),
            Op::FromHex => out.push_str(&decoded(text, unhex(text), "hexadecimal digits")?),
            Op::FromBase64 => out.push_str(&decoded(text, STANDARD.decode(text).ok(), "Base64")?),
            _ => return json(call, text, out),
        }
        Ok(true)
    })
}

fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    // With an odd number of digits the last chunk has one, which is not a byte.
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8);
    bytes.chunks(2).map(pair).collect()
}

/// The text that bytes are.
fn decoded(text: &str, bytes: Option<Vec<u8>>, what: &str) -> Result<String, Fault> {
    let bytes = bytes.ok_or_else(|| Fault::new(format!("`{}` is not a text in {what}", shown(text))))?;
    String::from_utf8(bytes)
        .map_err(|_| Fault::new(format!("the bytes of `{}` are not valid UTF-8", shown(text))))
}

fn json(call: &Call, text: &str, out: &mut String) -> Result<bool, Fault> {
    // The binder refuses a path that is not a literal, so there always is one here.
    let Ready::Path(path) = &call.ready else { unreachable!("a path is made ready") };
    let found = match call.op {
        Op::JsonText => path.text(text),
        _ => path.find(text).map(|found| found.map(str::to_string)),
    };
    let found = found.map_err(Fault::new)?;
    found.iter().for_each(|text| out.push_str(text));
    Ok(found.is_some())
}
