//! Rows of an output into a table of a PostgreSQL server: created if it is not there, brought up to date in one
//! transaction.
//!
//! # Contract
//! * **Key.** A table has a unique key of the columns that tell the rows of the output apart; rows are written by
//!   `INSERT … ON CONFLICT`, and a row that has the values already is not written again (its `xmin` stays).
//!   Rows of others, by other keys, are not touched.
//! * **NULL in a key.** A primary key has none. A table that is created while a key is NULL gets
//!   `UNIQUE NULLS NOT DISTINCT` in its place, which PostgreSQL 15 brought; where a table cannot hold such a row,
//!   that is an error and no second row.
//! * **Exact.** Values travel as text, and are compared with what the type of the table makes of them: a value that it does
//!   not hold as it is is an error, by name, before anything is written; a type that holds none is refused at the start.
//! * **All or nothing.** Until [`Publishing::commit`] the table is as it was, whatever fails. When the connection
//!   breaks in the commit itself nobody can know, and the error says so; the same command again leads to the same
//!   table either way.

mod copy;
mod fit;
mod shape;
mod spec;
mod sql;

use crate::error::{Error, Result};
use crate::pg::{TableAddress, failed, quoted, sql_type};
use arrow_array::{Array, RecordBatch};
use copy::CopyText;
use postgres::Client;
use shape::{ServerTableShape, UniqueKey};
pub use spec::PublishSpec;
use spec::{GONE, PUT, Sent};
use sql::Sql;
use std::collections::BTreeSet;
use std::io::Write;

/// What became of the rows of an output in its table.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Published {
    /// The table, without a login.
    pub table: String,
    /// Rows that it did not have.
    pub inserted: u64,
    /// Rows that had other values.
    pub updated: u64,
    /// Rows that it had already, of those that were sent.
    pub unchanged: u64,
    /// Rows that the output has no longer.
    pub deleted: u64,
}

/// A table that is being brought up to date, in an open transaction. Dropped, it leaves the table as it was.
pub struct Publishing<'a> {
    spec: PublishSpec<'a>,
    client: Client,
    /// None where the table is not there yet.
    shape: Option<ServerTableShape>,
    put: Sent,
    gone: Sent,
}

impl std::fmt::Debug for Publishing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publishing").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// Whether the server is there, and the table, if it is, can take the rows: for the start of a run, before the work.
///
/// # Errors
/// As [`Publishing::begin`].
pub fn check(spec: PublishSpec) -> Result<()> {
    Publishing::begin(spec).map(drop)
}

impl<'a> Publishing<'a> {
    /// Connects, and looks at the table. Another process of ours that writes to it is waited for.
    ///
    /// # Errors
    /// A machine error: no connection. A job error: the table that is there does not fit the output.
    pub fn begin(spec: PublishSpec<'a>) -> Result<Publishing<'a>> {
        let mut client = spec.address.server.connect()?;
        let wrong =
            |e: postgres::Error| failed(format!("cannot look at the table {}", spec.address.url()), &e);
        // Settings of the server must not decide how times are read, or end the session while rows are made.
        client
            .batch_execute(
                "BEGIN; SET LOCAL DateStyle = 'ISO, YMD'; \
                 SET LOCAL client_min_messages = warning; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .map_err(wrong)?;
        // Local times of the table are those of the zone that the job declares.
        let zone = spec.zone.unwrap_or("UTC").replace('\'', "''");
        client.batch_execute(&format!("SET LOCAL TIME ZONE '{zone}'")).map_err(wrong)?;
        // Two that bring one table up to date would wait for each other's rows, in no order.
        client
            .query("SELECT pg_advisory_xact_lock(1751607668, hashtext($1))", &[&spec.address.quoted()])
            .map_err(wrong)?;
        let shape = ServerTableShape::look(&mut client, spec.address).map_err(wrong)?;
        shape.as_ref().map_or(Ok(()), |shape| shape.fits(spec))?;
        Ok(Publishing { spec, client, shape, put: Sent::default(), gone: Sent::default() })
    }

    /// Whether the table was there.
    pub fn is_there(&self) -> bool {
        self.shape.is_some()
    }

    /// Sends rows to be written: batches with the columns of the schema. Once.
    ///
    /// # Errors
    /// Those of the batches; a data error: a text that PostgreSQL cannot hold; a machine error: the connection.
    pub fn put(&mut self, rows: impl Iterator<Item = Result<RecordBatch>>) -> Result<()> {
        let all: Vec<usize> = (0..self.spec.schema.fields.len()).collect();
        self.put = copy(&mut self.client, self.spec, PUT, &all, rows)?;
        self.check_values()
    }

    /// Whether the table holds every value that was sent, as it is.
    fn check_values(&mut self) -> Result<()> {
        let PublishSpec { address, schema, .. } = self.spec;
        let Some(shape) = &self.shape else { return Ok(()) };
        for (column, ty, condition) in shape.conditions(self.spec) {
            let name = &schema.fields[column].name;
            let own = quoted(name);
            let sql = format!(
                "SELECT {own}::text FROM {PUT} WHERE {own} IS NOT NULL AND NOT ({}) LIMIT 1",
                condition.replace('$', &own)
            );
            let wrong = |e| failed(format!("cannot look at the rows for the table {}", address.url()), &e);
            if let Some(row) = self.client.query_opt(&sql, &[]).map_err(wrong)? {
                let (value, url) = (row.get::<_, String>(0), address.url());
                return Err(Error::data(format!(
                    "`{value}` of `{name}` does not fit the column of the table {url}, which is {ty}"
                ))
                .hint("the table is unchanged")
                .hint(format!(
                    "ALTER TABLE {} ALTER COLUMN {own} TYPE {}",
                    shape.name,
                    sql_type(schema.fields[column].ty)
                )));
            }
        }
        Ok(())
    }

    /// Sends the keys of rows that the output had: batches with the columns of the key. Those that are not among the
    /// rows to be written are deleted. Once.
    ///
    /// # Errors
    /// As [`Publishing::put`].
    pub fn take_out(&mut self, keys: impl Iterator<Item = Result<RecordBatch>>) -> Result<()> {
        self.gone = copy(&mut self.client, self.spec, GONE, self.spec.key, keys)?;
        Ok(())
    }

    /// Brings the table up to date, all but the commit.
    ///
    /// # Errors
    /// A data error: a key is NULL, and the table cannot hold that. A machine error: the server refuses, or the
    /// connection breaks.
    pub fn apply(&mut self) -> Result<Published> {
        let created = self.shape.is_none();
        if created {
            self.create()?;
        }
        let PublishSpec { address, schema, .. } = self.spec;
        let shape = self.shape.as_ref().expect("the table is there by now");
        if let (Some(null), UniqueKey::NullsDiffer) = (self.put.nulls.first(), shape.key(self.spec)) {
            return Err(no_null(address, &schema.fields[*null].name));
        }
        let sql = Sql::new(self.spec, shape);
        let mut done = Published { table: address.url(), ..Published::default() };
        let wrong = |e: postgres::Error| {
            failed(format!("cannot write to the table {}", address.url()), &e).hint("the table is unchanged")
        };
        // A table that was just created does not have a row to delete.
        if self.gone.rows > 0 && !created {
            // Autovacuum does not look at temporary tables, so the planner would guess their sizes.
            self.client.batch_execute(&format!("ANALYZE {PUT}; ANALYZE {GONE}")).map_err(wrong)?;
            done.deleted = self.client.execute(&sql.delete(&self.gone), &[]).map_err(wrong)?;
        }
        let mut count = |sql: &str| -> Result<[u64; 2]> {
            let row = self.client.query_one(sql, &[]).map_err(wrong)?;
            Ok([0, 1].map(|i| row.get::<_, i64>(i) as u64))
        };
        // Of a partitioned table no row says whether it was there.
        let [there, _] = if sql.partitioned { count(&sql.there(&self.put))? } else { [0, 0] };
        let [inserted, updated] = count(&sql.upsert())?;
        (done.inserted, done.updated) = (inserted, updated);
        if sql.partitioned {
            done.inserted = self.put.rows.saturating_sub(there);
            done.updated = (inserted + updated).saturating_sub(done.inserted);
        }
        done.unchanged = self.put.rows.saturating_sub(done.inserted + done.updated);
        // What waits for the commit to be checked is checked here, where nothing else has happened yet.
        self.client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").map_err(wrong)?;
        Ok(done)
    }

    fn create(&mut self) -> Result<()> {
        let PublishSpec { address, schema, key, .. } = self.spec;
        let wrong = |e: postgres::Error| failed(format!("cannot create the table {}", address.url()), &e);
        let columns = schema.fields.iter().map(|f| format!("{} {}", quoted(&f.name), sql_type(f.ty)));
        let keys: Vec<String> = key.iter().map(|&k| quoted(&schema.fields[k].name)).collect();
        let unique = match self.put.nulls.first() {
            None => "PRIMARY KEY",
            Some(null) => {
                let version = self.client.query_one("SELECT current_setting('server_version_num')::int", &[]);
                // `NULLS NOT DISTINCT` came with PostgreSQL 15.
                if version.map_err(wrong)?.get::<_, i32>(0) < 150_000 {
                    return Err(no_null(address, &schema.fields[*null].name));
                }
                "UNIQUE NULLS NOT DISTINCT"
            }
        };
        let columns: Vec<String> = columns.chain([format!("{unique} ({})", keys.join(", "))]).collect();
        let sql = format!("CREATE TABLE {} (\n  {}\n)", address.quoted(), columns.join(",\n  "));
        self.client.batch_execute(&sql).map_err(wrong)?;
        self.shape = ServerTableShape::look(&mut self.client, address).map_err(wrong)?;
        Ok(())
    }

    /// Rows of the table that are none of those that were sent: of others, by other keys.
    ///
    /// # Errors
    /// A machine error: the server refuses, or the connection breaks.
    pub fn others(&mut self) -> Result<u64> {
        let Some(shape) = &self.shape else { return Ok(0) };
        let wrong = |e| failed(format!("cannot count the rows of the table {}", self.spec.address.url()), &e);
        let all =
            self.client.query_one(&format!("SELECT count(*) FROM {}", shape.name), &[]).map_err(wrong)?;
        Ok((all.get::<_, i64>(0) as u64).saturating_sub(self.put.rows))
    }

    /// Makes it so.
    ///
    /// # Errors
    /// A machine error: the server refuses, and the table is as it was; or the connection breaks, and nobody knows.
    pub fn commit(mut self) -> Result<()> {
        let table = self.spec.address.url();
        self.client.batch_execute("COMMIT").map_err(|e| {
            let error = failed(format!("cannot commit what was written to the table {table}"), &e);
            // An answer of the server means that it did not commit; a broken connection leaves that open.
            match e.as_db_error() {
                Some(_) => error.hint("the table is unchanged"),
                None => {
                    error.hint("the table has all of the change or none of it: run the same command again, which gives the same result")
                }
            }
        })
    }
}

/// Sends rows to a table of the connection, with these of the columns.
fn copy(
    client: &mut Client,
    spec: PublishSpec,
    to: &str,
    columns: &[usize],
    rows: impl Iterator<Item = Result<RecordBatch>>,
) -> Result<Sent> {
    let wrong = |e: &postgres::Error| {
        failed(format!("cannot send rows for the table {}", spec.address.url()), e)
            .hint("the table is unchanged")
    };
    let fields: Vec<_> = columns.iter().map(|&i| &spec.schema.fields[i]).collect();
    let typed: Vec<String> =
        fields.iter().map(|f| format!("{} {}", quoted(&f.name), sql_type(f.ty))).collect();
    let sql = format!("CREATE TEMPORARY TABLE {to} ({}) ON COMMIT DROP", typed.join(", "));
    client.batch_execute(&sql).map_err(|e| wrong(&e))?;
    let names: Vec<String> = fields.iter().map(|f| quoted(&f.name)).collect();
    let mut writer =
        client.copy_in(&format!("COPY {to} ({}) FROM STDIN", names.join(", "))).map_err(|e| wrong(&e))?;
    let mut text = CopyText::new(fields.iter().map(|f| f.name.as_str()));
    let mut nulls = BTreeSet::new();
    for batch in rows {
        let batch = batch?;
        let keys = columns.iter().zip(batch.columns()).filter(|(column, _)| spec.key.contains(column));
        nulls.extend(keys.filter(|(_, values)| values.null_count() > 0).map(|(column, _)| *column));
        let sent = writer.write_all(text.of(&batch)?).and_then(|()| writer.flush());
        sent.map_err(|e| {
            // The driver wraps the answer of the server in an error of I/O.
            let cause = e.get_ref().and_then(|cause| cause.downcast_ref::<postgres::Error>());
            let unsaid =
                || Error::machine(format!("cannot send rows for {}", spec.address.url())).caused_by(&e);
            cause.map_or_else(unsaid, wrong)
        })?;
    }
    Ok(Sent { rows: writer.finish().map_err(|e| wrong(&e))?, nulls })
}

fn no_null(address: &TableAddress, column: &str) -> Error {
    let url = address.url();
    Error::data(format!("the key `{column}` is NULL in a row, and the table {url} cannot hold that"))
        .hint(format!(
            "leave out such events: [[step]] filter = \"{column} IS NOT NULL\"; or give them a value"
        ))
        .hint(
            "a table with UNIQUE NULLS NOT DISTINCT instead of its primary key can hold one (PostgreSQL 15)",
        )
}
