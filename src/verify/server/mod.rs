//! PostgreSQL as a referee: the raw records by COPY into temporary tables, and a query over them.
//!
//! # Contract
//! * Everything lies in temporary tables and views of one session, which the server forgets with the connection. Once
//!   they are made, the session is read-only: the query cannot write a table of the user's.
//! * A relation's records go, as text, to the temporary table `<relation>_text`, as soon as a statement of the setup has
//!   made it; its columns are found by name, and those that the job does not read stay NULL.
//! * A statement of a user's runs in the job's time zone, so that `EXTRACT(month FROM …)` is the month there; the setup
//!   of a printed one says which zone it needs.
//! * `numeric` comes back digit by digit: as the decimal type that the server names for a column, else as
//!   `decimal(38, s)` with the most places of its values, or as text where 38 digits do not hold it.

mod rows;

use crate::error::{Error, Result, Snippet};
use crate::pg::{self, ServerAddress};
use crate::plan::Plan;
use crate::sql::{self, Relation, SqlScript};
use crate::verify::raw::{self, text};
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringViewArray};
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;
use std::io::Write;

/// Bytes that are sent at once.
const CHUNK: usize = 1 << 16;

/// Loads the records of `plan` into temporary tables of one session, runs the setup of `script` and its query,
/// and gives the result. Nothing is left on the server.
///
/// # Errors
/// A machine error of the connection; a job error where the server refuses the SQL, with its words and place.
pub fn run(plan: &Plan, script: &SqlScript, server: &ServerAddress) -> Result<RecordBatch> {
    let mut client = server.connect()?;
    set_up(&mut client, plan, script)?;
    answer(&mut client, &script.query)
}

/// As [`run`], for a statement of a user's: an instant is shown in the job's time zone, whatever the setup needs.
///
/// # Errors
/// As of [`run`].
pub fn run_own(plan: &Plan, script: &SqlScript, server: &ServerAddress) -> Result<RecordBatch> {
    let mut client = server.connect()?;
    set_up(&mut client, plan, script)?;
    // The views are computed as the setup wants it, before the zone is another.
    for relation in sql::relations(plan)? {
        let name = pg::quoted(&relation.name);
        let rows = "pg_temp._own_rows";
        let steps = format!(
            "CREATE TEMP TABLE _own_rows AS SELECT * FROM pg_temp.{name}; DROP VIEW pg_temp.{name}; \
             ALTER TABLE {rows} RENAME TO {name}; ANALYZE pg_temp.{name}"
        );
        client
            .batch_execute(&steps)
            .map_err(|e| pg::failed(format!("cannot make the rows of `{}`", relation.name), &e))?;
    }
    let zone = format!("SET TIME ZONE {}", pg::literal(plan.zone.name()));
    client.batch_execute(&zone).map_err(|e| pg::failed("cannot set the time zone", &e))?;
    answer(&mut client, &script.query)
}

/// The relations of a plan, out of its records.
fn set_up(client: &mut Client, plan: &Plan, script: &SqlScript) -> Result<()> {
    // `datestyle` decides how dates become text and back, and a database may set another.
    client
        .batch_execute("SET datestyle TO ISO; SET client_min_messages TO error")
        .map_err(|e| pg::failed("cannot prepare the session", &e))?;
    let relations = sql::relations(plan)?;
    let mut waiting: Vec<&Relation> = relations.iter().collect();
    for statement in &script.setup {
        client.batch_execute(statement).map_err(|e| refused(statement, &e))?;
        // Backwards, as a removal moves only the entries behind it.
        for i in (0..waiting.len()).rev() {
            if load(client, waiting[i])? {
                waiting.remove(i);
            }
        }
    }
    Ok(())
}

/// The result of a statement that may write nothing.
fn answer(client: &mut Client, query: &str) -> Result<RecordBatch> {
    client
        .batch_execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        .map_err(|e| pg::failed("cannot make the session read-only", &e))?;
    let statement = client.prepare(query).map_err(|e| refused(query, &e))?;
    let mut result = rows::ServerRows::of(statement.columns())?;
    let nothing: [&dyn postgres::types::ToSql; 0] = [];
    // Rows come one at a time: `query` would hold the whole answer beside the columns.
    let mut found = client.query_raw(&statement, nothing).map_err(|e| refused(query, &e))?;
    while let Some(row) = found.next().map_err(|e| refused(query, &e))? {
        result.push(&row)?;
    }
    result.finish()
}

/// Fills the table of a relation, if there is one by now.
fn load(client: &mut Client, relation: &Relation) -> Result<bool> {
    let failed = |e| pg::failed(format!("cannot load the records of `{}`", relation.name), &e);
    let table = format!("pg_temp.{}", pg::quoted(&format!("{}_text", relation.name)));
    // `to_regclass` gives NULL where the table does not exist yet; a cast to `regclass` would fail.
    let columns = client
        .query(
            "SELECT attname::text FROM pg_attribute \
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            &[&table],
        )
        .map_err(failed)?;
    let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    if columns.is_empty() {
        return Ok(false);
    }
    let raw = raw::read(relation)?;
    // Of the fields of the files those that the job reads.
    let (mut names, mut arrays) = (vec![], vec![]);
    for name in &columns {
        if let Some(array) = raw.column(name) {
            names.push(pg::quoted(name));
            arrays.push(text::of(array)?);
        }
    }
    let texts: Vec<&StringViewArray> = arrays.iter().map(|array| array.as_string_view()).collect();
    let sent = |e| Error::machine(format!("cannot load the records of `{}`", relation.name)).caused_by(e);
    let mut copy =
        client.copy_in(&format!("COPY {table} ({}) FROM STDIN", names.join(", "))).map_err(failed)?;
    let mut buffer = Vec::with_capacity(2 * CHUNK);
    for row in 0..raw.rows {
        for (i, values) in texts.iter().enumerate() {
            if i > 0 {
                buffer.push(b'\t');
            }
            // In COPY's text format NULL is `\N`, and an empty field is the empty text.
            match values.is_null(row) {
                true => buffer.extend_from_slice(b"\\N"),
                false => escape(values.value(row), &mut buffer),
            }
        }
        buffer.push(b'\n');
        if buffer.len() >= CHUNK {
            copy.write_all(&buffer).map_err(sent)?;
            buffer.clear();
        }
    }
    copy.write_all(&buffer).map_err(sent)?;
    copy.finish().map_err(failed)?;
    // Without it the server takes the table for a small one.
    client.batch_execute(&format!("ANALYZE {table}")).map_err(failed)?;
    Ok(true)
}

/// A value in COPY's text format.
fn escape(text: &str, out: &mut Vec<u8>) {
    for c in text.bytes() {
        match c {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.push(c),
        }
    }
}

/// The error for a statement that the server does not run: its words, and its place in the statement.
fn refused(statement: &str, cause: &postgres::Error) -> Error {
    let Some(db_error) = cause.as_db_error() else {
        return pg::failed("the connection to the server failed", cause);
    };
    let code = db_error.code().code();
    // The first two of the five characters of a SQLSTATE are its class.
    let mut error = match &code[..2] {
        // Values that cannot be computed, as a division by zero.
        "22" => Error::data("PostgreSQL cannot compute the statement"),
        // Connection, resources, locks, shutdown and system: faults of the machine, not of the statement.
        "08" | "53" | "55" | "57" | "58" | "XX" => {
            return pg::failed("PostgreSQL does not run the statement", cause);
        }
        _ => Error::job("PostgreSQL refuses the statement"),
    };
    error = error.caused_by(format!("{} ({code})", db_error.message()));
    for more in [db_error.detail(), db_error.where_()].into_iter().flatten() {
        error = error.caused_by(more);
    }
    if let Some(hint) = db_error.hint() {
        error = error.hint(hint);
    }
    match db_error.position() {
        Some(postgres::error::ErrorPosition::Original(character)) => {
            error.at(place(statement, *character as usize))
        }
        _ => error,
    }
}

/// The word at a character of the statement, counted from 1.
fn place(statement: &str, character: usize) -> Snippet {
    let byte = |n: usize| statement.char_indices().nth(n).map_or(statement.len(), |(at, _)| at);
    let start = byte(character.saturating_sub(1));
    let rest = &statement[start..];
    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Snippet::of("the statement", statement, start..start + length)
}
