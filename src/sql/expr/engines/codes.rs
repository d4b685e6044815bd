//! Codes, hashes and JSON.

use super::DialectPrinter;
use crate::error::Result;
use crate::expr::tree::{Call, Op};
use crate::sql::Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};

impl DialectPrinter<'_> {
    /// Hashes, hexadecimal digits and Base64.
    pub(super) fn coded(&self, call: &Call) -> Result<String> {
        let sql = if call.op == Op::ToHex { self.long(&call.args[0])? } else { self.sql(&call.args[0])? };
        // These hash and encode bytes and not texts: the bytes are UTF-8, as they are to a run.
        let bytes = match self.dialect {
            Postgres => format!("CONVERT_TO({sql}, 'UTF8')"),
            BigQuery => format!("CAST({sql} AS BYTES)"),
            _ => sql.clone(),
        };
        Ok(match (call.op, self.dialect) {
            (Op::Md5, BigQuery) => format!("TO_HEX(MD5({sql}))"),
            (Op::Md5, _) => format!("MD5({sql})"),
            (Op::Sha256, Postgres) => format!("ENCODE(SHA256({bytes}), 'hex')"),
            (Op::Sha256, BigQuery) => format!("TO_HEX(SHA256({sql}))"),
            (Op::Sha256, Spark) => format!("SHA2({sql}, 256)"),
            (Op::Sha256, _) => format!("SHA256({sql})"),
            (Op::Hex, Postgres) => format!("UPPER(ENCODE({bytes}, 'hex'))"),
            (Op::Hex, BigQuery) => format!("UPPER(TO_HEX({bytes}))"),
            (Op::Hex, _) => format!("HEX({sql})"),
            (Op::FromHex, DuckDb) => format!("DECODE(UNHEX({sql}))"),
            (Op::FromHex, Postgres) => format!("CONVERT_FROM(DECODE({sql}, 'hex'), 'UTF8')"),
            (Op::FromHex, Spark) => format!("DECODE(UNHEX({sql}), 'UTF-8')"),
            (Op::FromHex, BigQuery) => format!("CAST(FROM_HEX({sql}) AS STRING)"),
            (Op::ToHex, Postgres) => format!("TO_HEX({sql})"),
            // Their HEX gives capitals; `to_hex` gives small letters, as in PostgreSQL.
            (Op::ToHex, DuckDb | Spark | Flink) => format!("LOWER(HEX({sql}))"),
            (Op::ToBase64, DuckDb) => format!("TO_BASE64(ENCODE({sql}))"),
            // These break lines of 76 letters.
            (Op::ToBase64, Postgres) => format!("REPLACE(ENCODE({bytes}, 'base64'), CHR(10), '')"),
            (Op::ToBase64, Spark) => format!("REPLACE(BASE64({sql}), '\\r\\n', '')"),
            (Op::ToBase64, _) => format!("TO_BASE64({bytes})"),
            (Op::FromBase64, DuckDb) => format!("DECODE(FROM_BASE64({sql}))"),
            (Op::FromBase64, Postgres) => format!("CONVERT_FROM(DECODE({sql}, 'base64'), 'UTF8')"),
            (Op::FromBase64, Spark) => format!("DECODE(UNBASE64({sql}), 'UTF-8')"),
            (Op::FromBase64, BigQuery) => format!("CAST(FROM_BASE64({sql}) AS STRING)"),
            (Op::FromBase64, Flink) => format!("FROM_BASE64({sql})"),
            _ => return Err(self.no_op(call.op)),
        })
    }

    /// Places in JSON. The digits of numbers and the blanks of what is no text are each engine's own, and what stands at a
    /// place is not known before.
    pub(super) fn json(&self, call: &Call) -> Result<String> {
        Err(self
            .no_op(call.op)
            .hint("name the field in the source's `columns` or `types`, so that it is a column"))
    }
}
