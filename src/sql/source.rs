//! Relations out of the raw files, in each dialect: views of the columns of a job, with its types.
//!
//! # Contract
//! * A relation has the rows and values that the job reads: NULL is an empty CSV field without quotes (and in any
//!   column but those of text, also one with them) and JSON's null; times without an offset are local to the job's
//!   zone, the earlier of two and the end of a gap; `_position` counts the records of all files in position order.
//! * Records that the job would reject are left out where it rejects them. Where it stops at them, nothing is
//!   checked: a job that stopped has no result.
//! * DuckDB and PostgreSQL are exact, but for numbers of JSON of more than 17 digits, which DuckDB reads as floats.
//!   PostgreSQL reads no files: its statements make a table of text, which is filled by COPY.
//! * In Spark `_position` is no number, but a value that is ordered as positions are.
//! * Flink and BigQuery know no order of records within files: their relations have no `_position`.

mod bigquery;
mod covering;
mod csv_place;
mod decompressed;
mod exact;
mod file_order;
mod files;
mod flink;
mod layer_columns;
mod layers;
mod lines;
mod live;
mod look;
mod outline;
mod spark;
mod spelled;
#[cfg(test)]
mod tests;
mod time;

use super::{ARRIVAL, Dialect, OF_FILE, POSITION, Relation, TIME, relations, words};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::input::derived::DerivedFrom;
use crate::input::{InputFormat, ReadColumn, ReadPlan, ReadTime};
use crate::plan::Plan;
use crate::time::{TimeRule, Zone};
pub use files::unique_names;
use files::{FileSet, RecordLayout};
use layer_columns::Layers;
pub use live::Connector;
pub(super) use live::live_setup;
pub use time::clock_functions;
pub(super) use time::{has_changes, instant_of_local};

/// The statements, each without its semicolon, that make the relations of `plan` out of their files.
///
/// # Errors
/// A job error that names what the dialect cannot read; a data or machine error: a file without a header line that
/// can be read.
pub fn setup(dialect: Dialect, plan: &Plan) -> Result<Vec<String>> {
    if dialect == Dialect::Polars {
        return Ok(vec![]);
    }
    let absolute = plan.pipeline.absolute_paths;
    let of = |relation| of_relation(dialect, &relation, &plan.zone, absolute);
    let all = relations(plan)?.into_iter().map(of).collect::<Result<Vec<_>>>()?;
    Ok(all.concat())
}

/// Those of one relation.
fn of_relation(dialect: Dialect, relation: &Relation, zone: &Zone, absolute: bool) -> Result<Vec<String>> {
    let parts = match dialect {
        Dialect::Spark => files::parts_by_layout(relation.read, &columns_read(relation.read))?,
        _ => files::parts(relation.read, &columns_read(relation.read))?,
    };
    let view = View { dialect, relation, zone, parts: &parts, absolute, layers: Layers::default() };
    view.plain_columns()?;
    match dialect {
        Dialect::Polars => Ok(vec![]),
        Dialect::DuckDb => view.duckdb(),
        Dialect::Postgres => view.postgres(),
        Dialect::Spark => view.spark(),
        Dialect::Flink => view.flink(),
        Dialect::BigQuery => view.bigquery(),
    }
}

/// Whether a relation has texts of CSV files.
pub(super) fn has_texts_of_csv(plan: &Plan) -> bool {
    let reads =
        std::iter::once(&plan.pipeline.read).chain(plan.pipeline.tables.iter().map(|table| &table.read));
    let is_csv = |read: &ReadPlan| read.files.iter().any(|file| file.format == InputFormat::Csv);
    reads.into_iter().any(|read| is_csv(read) && read.columns.iter().any(|column| column.ty.is_text()))
}

/// The names of the columns that are read of the files, each once.
fn columns_read(read: &ReadPlan) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    let times = own_time(read).into_iter().chain(read.arrival.as_ref()).map(|time| &time.column);
    for name in read.columns.iter().map(|c| &c.name).chain(times) {
        if !names.contains(name) && !read.derives(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The event time, where there is one.
fn own_time(read: &ReadPlan) -> Option<&ReadTime> {
    Some(&read.time).filter(|time| time.rule != TimeRule::Untimed)
}

/// A SELECT of `columns` where all `conditions` hold.
fn selected(columns: &[String], from: &str, conditions: &[String]) -> String {
    let mut out = format!("SELECT\n  {}\nFROM {from}", columns.join(",\n  "));
    if !conditions.is_empty() {
        out += &format!("\nWHERE {}", conditions.join("\n  AND "));
    }
    out
}

/// What a view is made of.
struct View<'a> {
    dialect: Dialect,
    relation: &'a Relation<'a>,
    zone: &'a Zone,
    parts: &'a [FileSet],
    /// Whether Spark is given absolute paths.
    absolute: bool,
    /// What instants are computed of, in Flink and BigQuery.
    layers: Layers,
}

/// A column of the files before its cast.
enum RawColumnSql<'a> {
    /// Text. Of CSV an empty one is NULL, unless text is wanted.
    Text {
        /// The SQL.
        sql: String,
        /// Whether it is a field of CSV.
        csv: bool,
    },
    /// A value with the type that a Parquet file gives it.
    Typed {
        /// The SQL.
        sql: String,
        /// Its type in the file.
        ty: &'a arrow_schema::DataType,
    },
}

impl<'a> View<'a> {
    fn read(&self) -> &'a ReadPlan {
        self.relation.read
    }

    fn ident(&self, name: &str) -> String {
        words::ident(self.dialect, name)
    }

    /// Whether the relation has a column of ours.
    fn has(&self, name: &str) -> bool {
        self.relation.fields.iter().any(|field| field.name == name)
    }

    /// Whether its records tell their files. The dialects in which they do not refuse what needs it.
    fn has_files(&self) -> bool {
        matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres) && self.has(OF_FILE)
    }

    /// The columns of the relation that are read, each name once.
    fn columns(&self) -> impl Iterator<Item = &'a ReadColumn> {
        let all = &self.read().columns;
        all.iter().enumerate().filter(|(i, c)| !all[..*i].iter().any(|b| b.name == c.name)).map(|(_, c)| c)
    }

    /// The time of the record that `column` is a copy of.
    fn copied(&self, column: &ReadColumn) -> Option<&'a ReadTime> {
        let is = |time: &&ReadTime| column.ty == DataType::Timestamp && time.column == column.name;
        own_time(self.read()).filter(is).or(self.read().arrival.as_ref().filter(is))
    }

    /// Fails where a list, record or map is read as its JSON text: each engine has a text of its own.
    fn plain_columns(&self) -> Result<()> {
        let json = self.read().columns.iter().find(|column| column.ty == DataType::Json);
        let fields = self.parts.iter().filter_map(|part| match &part.layout {
            RecordLayout::Parquet(fields) => Some(fields),
            _ => None,
        });
        let nested = fields.flatten().find(|(_, ty)| ty.is_nested()).map(|(name, _)| name);
        match json.map(|column| &column.name).or(nested) {
            Some(name) => Err(self
                .cannot(&format!("the JSON text of the lists, records or maps in `{name}`"))
                .hint("`verify` without a server checks such a job with its own second reader")),
            None => Ok(()),
        }
    }

    /// The raw column `name`: all parts are of text, or all of Parquet with one type of it.
    fn raw(&self, name: &str) -> Result<RawColumnSql<'a>> {
        let sql = self.ident(name);
        let mut typed = None;
        for part in self.parts {
            match &part.layout {
                RecordLayout::Parquet(fields) => {
                    let Some((_, ty)) = fields.iter().find(|(field, _)| field == name) else { continue };
                    if typed.is_some_and(|known| known != ty) {
                        return Err(self.cannot(&format!("the types of `{name}`, which differ by file")));
                    }
                    typed = Some(ty);
                }
                _ if self.parts.iter().any(|p| matches!(p.layout, RecordLayout::Parquet(_))) => {
                    return Err(self.cannot("files of text and of Parquet as one"));
                }
                _ => {}
            }
        }
        let csv = self.parts.iter().any(|part| matches!(part.layout, RecordLayout::Csv(_)));
        Ok(match typed {
            Some(ty) => RawColumnSql::Typed { sql, ty },
            None => RawColumnSql::Text { sql, csv },
        })
    }

    fn cannot(&self, what: &str) -> Error {
        let (dialect, name) = (self.dialect.name(), &self.relation.name);
        Error::job(format!("the SQL of {dialect} cannot read {what}, of `{name}`"))
    }

    /// The SELECT of the relation's columns from `records`.
    fn select(&self, from: &str) -> Result<String> {
        self.select_where(from, vec![])
    }

    /// The same, where all `conditions` hold.
    fn select_where(&self, from: &str, conditions: Vec<String>) -> Result<String> {
        let (columns, more) = self.columns_and_conditions()?;
        let records = selected(&columns, from, &[conditions, more].concat());
        match self.read().derived.is_empty() {
            true => Ok(records),
            false => {
                self.with_derived(records, self.read().on_bad_record == crate::input::OnBadRecord::Reject)
            }
        }
    }

    /// The relation's columns of the files, and what bad records are left out by.
    fn columns_and_conditions(&self) -> Result<(Vec<String>, Vec<String>)> {
        let read = self.read();
        let reject = read.on_bad_record == crate::input::OnBadRecord::Reject;
        let (mut columns, mut conditions) = (vec![], vec![]);
        for column in self.columns().filter(|column| !read.derives(&column.name)) {
            // A column that is the time of the record is read by the rule of that time, not by its type
            // alone.
            let sql = match self.copied(column) {
                Some(time) => self.time(time)?,
                None => {
                    let (value, valid) = self.value(column, reject)?;
                    conditions.extend(valid);
                    value
                }
            };
            let name = self.ident(&column.name);
            columns.push(if sql == name { name } else { format!("{sql} AS {name}") });
        }
        // A derived time is computed later, in `with_derived`: its column is not in the files.
        if let Some(time) = own_time(read).filter(|time| !read.derives(&time.column)) {
            let sql = self.time(time)?;
            columns.push(format!("{sql} AS {}", self.ident(TIME)));
            if reject {
                conditions.push(format!("{sql} IS NOT NULL"));
            }
            if let (Some(arrival), Some(most)) = (&read.arrival, read.max_ahead) {
                let micros = |sql: &str| words::to_micros(self.dialect, sql);
                conditions.push(format!("{} <= {} + {most}", micros(&sql), micros(&self.time(arrival)?)));
            }
        }
        if let Some(arrival) = &read.arrival
            && reject
        {
            conditions.push(format!("{} IS NOT NULL", self.time(arrival)?));
        }
        if self.has(ARRIVAL)
            && let Some(arrival) = &read.arrival
        {
            columns.push(format!("{} AS {}", self.time(arrival)?, self.ident(ARRIVAL)));
        }
        if self.has_files() {
            columns.push(self.ident(OF_FILE));
        }
        if self.dialect.knows_order() {
            columns.push(self.ident(POSITION));
        }
        Ok((columns, conditions))
    }

    /// Fails where columns are derived as records are read.
    fn no_derived(&self) -> Result<()> {
        match self.read().derived.is_empty() {
            true => Ok(()),
            false => Err(self.cannot("columns that are derived as records are read (`derive`, `time`)")),
        }
    }

    /// The SELECT of the relation's columns from the SELECT of those of the files: each derived column sees those before
    /// it, and the event time may be one of them.
    fn with_derived(&self, records: String, reject: bool) -> Result<String> {
        let read = self.read();
        if !matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres | Dialect::Spark) {
            self.no_derived()?;
        }
        if read.max_ahead.is_some() || read.arrival.as_ref().is_some_and(|time| read.derives(&time.column)) {
            return Err(self.cannot("arrivals together with derived columns"));
        }
        let mut last = records;
        let name = |column: usize| self.ident(&read.columns[column].name);
        let mut time = own_time(read).map(|_| self.ident(TIME));
        for (number, derived) in read.derived.iter().enumerate() {
            let DerivedFrom::Sql(expr) = &derived.from else {
                return Err(self.cannot("the names of its files (`_file`)"));
            };
            let sql = super::expr::translate(self.dialect, expr, &name)?;
            let column = format!("{sql} AS {}", name(derived.column));
            // Each column has a SELECT of its own: a select list cannot read its own aliases in PostgreSQL.
            last = format!("SELECT *, {column}\nFROM (\n{last}\n) AS {}", self.layer(number));
            if read.columns[derived.column].name == read.time.column {
                let (column, rule) = (name(derived.column), &read.time.rule);
                time = Some(match expr.ty() {
                    DataType::Timestamp => column,
                    DataType::String => self.instant_of_text(&column, rule, reject)?,
                    // PostgreSQL has been given texts of what files have, and here it has the value.
                    DataType::Date => self.instant_of_local(&format!("CAST({column} AS TIMESTAMP)"))?,
                    _ if self.dialect == Dialect::Postgres => {
                        let text = words::type_name(self.dialect, DataType::String);
                        self.instant_of_text(&format!("CAST({column} AS {text})"), rule, reject)?
                    }
                    ty => self.instant_of_typed(&column, &ty.arrow(), rule)?,
                });
            }
        }
        let (mut columns, mut conditions) = (vec![], vec![]);
        for column in self.columns() {
            let own = self.ident(&column.name);
            columns.push(match &time {
                Some(time)
                    if column.name == read.time.column && read.derives(&column.name) && *time != own =>
                {
                    format!("{time} AS {own}")
                }
                _ => own,
            });
        }
        if let Some(time) = time {
            if reject {
                conditions.push(format!("{time} IS NOT NULL"));
            }
            columns.push(if time == self.ident(TIME) {
                time
            } else {
                format!("{time} AS {}", self.ident(TIME))
            });
        }
        columns.extend(self.has(ARRIVAL).then(|| self.ident(ARRIVAL)));
        columns.extend(self.has_files().then(|| self.ident(OF_FILE)));
        columns.push(self.ident(POSITION));
        let from = format!("(\n{last}\n) AS {}", self.layer(read.derived.len()));
        Ok(selected(&columns, &from, &conditions))
    }

    /// The name of a SELECT within others.
    fn layer(&self, number: usize) -> String {
        self.ident(&format!("_derived_{number}"))
    }

    /// The value of a column that is no copy of a time; where bad records are rejected also whether it is good.
    fn value(&self, column: &ReadColumn, reject: bool) -> Result<(String, Option<String>)> {
        match self.raw(&column.name)? {
            RawColumnSql::Text { sql, csv: _ } if column.ty.is_text() => {
                Ok((self.plain(&column.name, sql, Some(column.ty))?, None))
            }
            RawColumnSql::Text { sql, csv } => {
                let sql = self.plain(&column.name, sql, Some(column.ty))?;
                let text = if csv { format!("NULLIF({sql}, '')") } else { sql };
                let value = match column.ty {
                    DataType::Timestamp => self.instant_of_text(&text, &TimeRule::Iso, reject)?,
                    ty => format!("CAST({text} AS {})", words::type_name(self.dialect, ty)),
                };
                if !reject {
                    return Ok((value, None));
                }
                let good = self.good(&text, column)?;
                // A condition in WHERE is not enough: an engine may compute the cast before it filters.
                let value = match column.ty {
                    DataType::Timestamp => value,
                    _ => format!("CASE WHEN {good} THEN {value} END"),
                };
                // NULL is a value: it does not make a record bad.
                Ok((value, Some(format!("({text} IS NULL OR {good})"))))
            }
            RawColumnSql::Typed { sql, ty } => {
                if reject {
                    return Err(self.cannot("Parquet and leave bad records out"));
                }
                Ok((self.typed_value(&sql, ty, column)?, None))
            }
        }
    }

    /// The instant of a time of the record.
    fn time(&self, time: &ReadTime) -> Result<String> {
        let reject = self.read().on_bad_record == crate::input::OnBadRecord::Reject;
        match self.raw(&time.column)? {
            RawColumnSql::Text { sql, csv } => {
                let sql = self.plain(&time.column, sql, None)?;
                let text = if csv { format!("NULLIF({sql}, '')") } else { sql };
                self.instant_of_text(&text, &time.rule, reject)
            }
            RawColumnSql::Typed { sql, ty } => self.instant_of_typed(&sql, ty, &time.rule),
        }
    }

    /// The name of the relation of raw records, which is none of the job's.
    fn text_name(&self) -> String {
        format!("{}_text", self.relation.name)
    }

    /// Fails where there are Avro files.
    fn no_avro(&self) -> Result<()> {
        if self.read().files.iter().any(|file| file.format == InputFormat::Avro) {
            return Err(self.cannot("Avro files"));
        }
        Ok(())
    }

    /// Fails where bad records are to be left out.
    fn no_rejects(&self) -> Result<()> {
        if self.read().on_bad_record == crate::input::OnBadRecord::Reject {
            return Err(self.cannot("records of which bad ones are left out (`on_bad_record = \"reject\"`)"));
        }
        Ok(())
    }
}
