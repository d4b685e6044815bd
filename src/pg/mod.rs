//! PostgreSQL: addresses, logins, connections; names, types and errors as it has them.
//!
//! # Contract
//! A password is nowhere but in a [`ServerAddress`] and on its connection: not in its URL, nor in an error, a log or a
//! manifest. [`ServerAddress`] says where it comes from.

mod pass;
mod server;
mod table;
mod tls;
mod url;

pub use server::ServerAddress;
pub use table::{TableAddress, table_name};

use crate::batch::DataType;
use crate::error::Error;

/// Whether a path is the URL of a server, and none of a file system.
pub fn is_url(path: &str) -> bool {
    url::rest(path).is_some()
}

/// A name as SQL has it, whatever is in it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal of SQL, in whatever mode the server reads backslashes.
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// The type of a column that holds all values of `ty`, as `format_type` spells it.
pub fn sql_type(ty: DataType) -> String {
    match ty {
        DataType::String | DataType::Json => "text".into(),
        DataType::Bool => "boolean".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float64 => "double precision".into(),
        DataType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        DataType::Date => "date".into(),
        DataType::Timestamp => "timestamp with time zone".into(),
    }
}

/// What went wrong at the server or on the way: `what` is the message, with its `cannot`; the words of the server or
/// of the connection are its causes.
pub fn failed(what: impl Into<String>, cause: &postgres::Error) -> Error {
    let mut error = Error::machine(what);
    match cause.as_db_error() {
        Some(db_error) => {
            error = error.caused_by(format!("{} ({})", db_error.message(), db_error.code().code()));
            if let Some(detail) = db_error.detail() {
                error = error.caused_by(detail);
            }
            if let Some(hint) = db_error.hint().or_else(|| advice(db_error.code().code())) {
                error = error.hint(hint);
            }
        }
        None => {
            // The client's own message is often only that it could not connect: the reason is among its
            // sources.
            let mut links = vec![];
            let mut link: Option<&dyn std::error::Error> = Some(cause);
            while let Some(one) = link {
                links.push(one.to_string());
                link = one.source();
            }
            // A wrapper may repeat the words of its cause.
            links.dedup();
            error = error.caused_by(links.join(": "));
        }
    }
    error
}

/// What to do about an error of this SQLSTATE, where the server does not say.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => {
            "a password comes from PGPASSWORD, or from ~/.pgpass (or the file that PGPASSFILE names)"
        }
        "3D000" => "create it: createdb NAME",
        "42501" => "the user of the URL needs the permission: GRANT … TO …",
        "53100" => "the disk of the server is full; nothing was changed there",
        "53300" => "the server has no free connection; try again later",
        "55P03" | "57014" => {
            "another session holds the table, or the statement took longer than the server allows"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }
}
