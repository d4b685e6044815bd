//! A statement as it grows: common table expressions, one per step or stage, each reading those before.

use super::compact::compact;
use super::{Dialect, POSITION, SqlScript, TIME, words};
use crate::batch::{ColumnId, DataType};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::plan::Plan;
use serde::Serialize;
use std::fmt::Write;

pub(super) use super::select::{Cte, Select};

/// What becomes of rows that a step leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeftOut {
    /// By a filter, or because they are outside of the wanted range of time.
    Filtered,
    /// By dedup.
    Duplicate,
    /// Because they came too late for all windows of streamed outputs.
    Late,
}

/// A column of the events as they are at some step.
#[derive(Debug, Clone)]
enum EventColumn<'a> {
    /// A column of the last relation.
    Plain(String),
    /// The argument of an aggregate: written where it is used, so that an output shows its own alone.
    Inline(&'a Expr),
}

/// A statement as it grows.
pub(super) struct Statement<'a> {
    pub plan: &'a Plan,
    pub dialect: Dialect,
    /// The relation that the next step reads.
    pub last: String,
    /// The columns of the plan's rows so far.
    columns: Vec<EventColumn<'a>>,
    /// Names in lower case that relations have.
    taken: Vec<String>,
    ctes: Vec<Cte>,
    recursive: bool,
    notes: Vec<String>,
    /// Columns of the events that are none of the plan's, and that later steps read: the watermark of a streamed job.
    pub carried: Vec<String>,
    /// Whether the rows of the output have their times behind their columns: see [`super::script_with_times`].
    pub timed: bool,
    /// The relations behind steps that leave rows out, and what becomes of these rows.
    pub passed: Vec<(LeftOut, String)>,
    /// Whether it reads a stream, whose rows come once and in no order but that of arrival.
    pub live: bool,
}

impl<'a> Statement<'a> {
    pub fn new(plan: &'a Plan, dialect: Dialect) -> Statement<'a> {
        // A CTE with the name of a relation would hide that relation from the steps after it.
        let tables = plan.pipeline.tables.iter().map(|table| table.name.to_lowercase());
        let taken = std::iter::once("source".to_string()).chain(tables).collect();
        let columns = plan
            .pipeline
            .read
            .columns
            .iter()
            .map(|c| EventColumn::Plain(words::ident(dialect, &c.name)))
            .collect();
        let last = words::ident(dialect, "source");
        let (ctes, notes, carried, passed) = Default::default();
        let (recursive, timed, live) = (false, false, false);
        Statement {
            plan,
            dialect,
            last,
            columns,
            taken,
            ctes,
            recursive,
            notes,
            carried,
            timed,
            passed,
            live,
        }
    }

    /// A name as an identifier.
    pub fn ident(&self, name: &str) -> String {
        words::ident(self.dialect, name)
    }

    /// Adds a CTE of about this name, and gives the name.
    pub fn with(&mut self, name: &str, select: Select) -> String {
        self.with_union(name, vec![select])
    }

    /// The same, of all rows of some SELECTs.
    pub fn with_union(&mut self, name: &str, selects: Vec<Select>) -> String {
        let name = self.free(name);
        self.ctes.push(Cte { name: name.clone(), selects });
        name
    }

    /// The same, where the second SELECT reads what the first and itself gave; it is written by the name.
    pub fn with_recursive(&mut self, name: &str, first: Select, next: impl FnOnce(&str) -> Select) -> String {
        let name = self.free(name);
        let next = next(&name);
        self.ctes.push(Cte { name: name.clone(), selects: vec![first, next] });
        self.recursive = true;
        name
    }

    /// A name that no relation has, and that needs no quotes.
    fn free(&mut self, name: &str) -> String {
        // Engines differ in how they fold the case of an unquoted name; a lower-case one is the same for all.
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let mut name: String = name.chars().map(plain).collect();
        while self.taken.contains(&name) {
            name.push('_');
        }
        self.taken.push(name.clone());
        name
    }

    /// Adds a CTE of all columns of the last relation and some more, which is the last from now on.
    pub fn append(&mut self, name: &str, columns: impl IntoIterator<Item = String>) {
        let all = std::iter::once("*".to_string()).chain(columns);
        self.last = self.with(name, Select::new(all, &self.last));
    }

    /// Says something to the reader of the statement, once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The column of the rows that the next step appends.
    pub fn next_column(&self) -> ColumnId {
        ColumnId::new(self.columns.len())
    }

    /// A column of the rows was appended by a step.
    pub fn push_column(&mut self, name: &str) {
        self.columns.push(EventColumn::Plain(self.ident(name)));
    }

    /// The names of all columns of the events, in order: those of the plan, what is carried, the time, the position.
    pub fn visible(&self) -> Vec<String> {
        let mut names: Vec<String> = vec![];
        for column in &self.columns {
            if let EventColumn::Plain(name) = column
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        names.extend(self.carried.iter().cloned());
        names.extend([TIME, POSITION].map(String::from));
        names
    }

    /// An argument of aggregates is a column of the rows too.
    pub fn push_argument(&mut self, expr: &'a Expr) {
        self.columns.push(EventColumn::Inline(expr));
    }

    /// Makes columns of arguments of aggregates that are expressions, where the dialect computes an expression by
    /// itself where rows are grouped: one that reads no column would be one value of a group, and not one of each row.
    ///
    /// # Errors
    /// A job error that names what the dialect cannot express.
    pub fn settle(&mut self, arguments: impl Iterator<Item = ColumnId>) -> Result<()> {
        if self.dialect != Dialect::Polars {
            return Ok(());
        }
        let mut settled = vec![];
        for c in arguments {
            let EventColumn::Inline(expr) = &self.columns[c.place()] else { continue };
            let (mut sql, name) = (self.translate(expr)?, format!("_arg_{c:?}"));
            // A constant does not read a column that gives its type; Polars would infer one, such as a
            // narrower integer.
            if expr.inputs().is_empty() {
                sql = format!("CAST({sql} AS {})", self.type_name(expr.ty()));
            }
            settled.push(format!("{sql} AS {name}"));
            self.columns[c.place()] = EventColumn::Plain(name);
        }
        if !settled.is_empty() {
            self.append("arguments", settled);
        }
        Ok(())
    }

    /// The SQL of a column of the plan's rows.
    pub fn column(&self, c: ColumnId) -> Result<String> {
        match &self.columns[c.place()] {
            EventColumn::Plain(name) => Ok(name.clone()),
            EventColumn::Inline(expr) => self.translate(expr),
        }
    }

    /// The same as an operand: in parentheses where it is no name.
    pub fn operand(&self, c: ColumnId) -> Result<String> {
        Ok(match &self.columns[c.place()] {
            EventColumn::Plain(name) => name.clone(),
            // Callers append operators such as IS NULL, which bind tighter than an OR within the expression.
            EventColumn::Inline(expr) => format!("({})", self.translate(expr)?),
        })
    }

    /// An expression over the plan's rows.
    pub fn translate(&self, expr: &Expr) -> Result<String> {
        let column = |number: usize| self.ident(&self.plan.pipeline.rows.fields[number].name);
        super::expr::translate(self.dialect, expr, &column)
    }

    /// Microseconds since 1970 of an instant.
    pub fn micros(&self, instant: &str) -> String {
        words::to_micros(self.dialect, instant)
    }

    pub fn type_name(&self, ty: DataType) -> String {
        words::type_name(self.dialect, ty)
    }

    /// The SQL of key columns.
    ///
    /// # Errors
    /// A job error: a type that the dialect cannot take for a key.
    pub fn keys(&self, keys: &[ColumnId]) -> Result<Vec<String>> {
        let float = |c: &&ColumnId| self.plan.pipeline.rows.fields[**c].ty == DataType::Float64;
        // BigQuery does not allow FLOAT64 in PARTITION BY, which most steps over keys need.
        if self.dialect == Dialect::BigQuery
            && let Some(&key) = keys.iter().find(float)
        {
            let name = &self.plan.pipeline.rows.fields[key].name;
            return Err(self.refuse(format!("`{name}`, a float64, as a key")));
        }
        keys.iter().map(|&key| self.column(key)).collect()
    }

    /// The SQL of key columns where rows are told apart by them alone: Polars has no hash of a single decimal, so there
    /// it is its text.
    ///
    /// # Errors
    /// See [`Statement::keys`].
    pub fn partition(&self, keys: &[ColumnId]) -> Result<Vec<String>> {
        let mut names = self.keys(keys)?;
        if let (true, [name]) = (self.is_lone_decimal(keys), &mut names[..]) {
            *name = self.as_text(name);
        }
        Ok(names)
    }

    /// Whether `keys` are one decimal, and the dialect is Polars.
    pub fn is_lone_decimal(&self, keys: &[ColumnId]) -> bool {
        let ty = |key: ColumnId| self.plan.pipeline.rows.fields[key].ty;
        self.dialect == Dialect::Polars
            && matches!(keys, [key] if matches!(ty(*key), DataType::Decimal { .. }))
    }

    /// A value as text.
    pub fn as_text(&self, sql: &str) -> String {
        format!("CAST({sql} AS {})", self.type_name(DataType::String))
    }

    /// The error that this dialect has no words for `what`.
    pub fn refuse(&self, what: impl std::fmt::Display) -> Error {
        Error::job(format!("{what} cannot be expressed in the SQL of {}", self.dialect.name()))
    }

    /// The words by which an engine computes CTE number `i` once, where several read it.
    fn kept(&self, i: usize, last: &Select) -> &'static str {
        let name = &self.ctes[i].name;
        let after = self.ctes[i + 1..].iter().flat_map(|cte| &cte.selects);
        let reads: usize = after.chain([last]).map(|select| select.reads(name)).sum();
        let known = matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres);
        if known && reads > 1 { "MATERIALIZED " } else { "" }
    }

    /// Fails where `what` needs the order of records, and the dialect does not know it.
    ///
    /// # Errors
    /// A job error that names both.
    pub fn needs_order(&self, what: &str) -> Result<()> {
        match self.dialect.knows_order() {
            true => Ok(()),
            false => Err(self
                .refuse(format!("{what}, which needs the order of records at one instant,"))
                .hint(format!("{} does not know the order of records within a file", self.dialect.title()))),
        }
    }

    /// The columns of replay order, as far as the dialect knows it.
    pub fn in_replay_order(&self) -> &'static [&'static str] {
        if self.dialect.knows_order() { &[TIME, POSITION] } else { &[TIME] }
    }

    /// The statement that ends in `select`.
    pub fn finish(mut self, select: Select) -> SqlScript {
        SqlScript { setup: vec![], query: self.take(select), notes: self.notes }
    }

    /// What a reader should know.
    pub fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// The text of all CTEs and of `select`; what comes later has none of them.
    pub fn take(&mut self, mut select: Select) -> String {
        compact(self.dialect, &mut self.ctes, &mut select);
        let mut query = String::new();
        for (i, Cte { name, selects }) in self.ctes.iter().enumerate() {
            // RECURSIVE belongs to the whole WITH clause, also where the recursive CTE is not the first.
            let with = match (i, self.recursive) {
                (0, true) => "WITH RECURSIVE ",
                (0, false) => "WITH ",
                _ => "",
            };
            let _ = writeln!(query, "{with}{name} AS {}(", self.kept(i, &select));
            for (j, select) in selects.iter().enumerate() {
                if j > 0 {
                    query.push_str("  UNION ALL\n");
                }
                select.write(&mut query, "  ");
            }
            query.push_str(if i + 1 < self.ctes.len() { "),\n" } else { ")\n" });
        }
        select.write(&mut query, "");
        self.ctes.clear();
        query.trim_end().to_string()
    }
}

/// The rows of a key in replay order.
pub(super) fn replay_order(s: &Statement, keys: &[ColumnId]) -> Result<String> {
    let by = partition_by(&s.partition(keys)?);
    Ok(format!("{by}ORDER BY {TIME}, {POSITION}"))
}

/// `PARTITION BY … `, or nothing where there is nothing to tell apart.
pub(super) fn partition_by(keys: &[String]) -> String {
    if keys.is_empty() { String::new() } else { format!("PARTITION BY {} ", keys.join(", ")) }
}

/// A CTE of the column `_k`, a 64-bit integer: `count` numbers from `first` on.
pub(super) fn numbers(s: &mut Statement, name: &str, first: i64, count: i64) -> String {
    let last = first + count - 1;
    let int = s.type_name(crate::batch::DataType::Int64);
    let listed = |numbers: std::ops::RangeInclusive<i64>, dialect: Dialect| {
        let numbers =
            numbers.map(|k| if dialect == Dialect::BigQuery { k.to_string() } else { format!("({k})") });
        let list = numbers.collect::<Vec<_>>().join(", ");
        match dialect {
            // BigQuery lacks VALUES as a table.
            Dialect::BigQuery => format!("UNNEST([{list}]) AS _k"),
            _ => format!("(VALUES {list}) AS listed(_k)"),
        }
    };
    let number = format!("CAST(_k AS {int}) AS _k");
    let from = match s.dialect {
        dialect if count <= 16 => listed(first..=last, dialect),
        Dialect::DuckDb | Dialect::Postgres => format!("GENERATE_SERIES({first}, {last}) AS series(_k)"),
        Dialect::Spark => {
            // RANGE of Spark leaves its end out.
            let select =
                Select::new([format!("CAST(id AS {int}) AS _k")], format!("RANGE({first}, {})", last + 1));
            return s.with(name, select);
        }
        Dialect::BigQuery => format!("UNNEST(GENERATE_ARRAY({first}, {last})) AS _k"),
        // By their digits.
        dialect @ (Dialect::Polars | Dialect::Flink) => {
            let digits = s.with("digits", Select::new([number], listed(0..=9, dialect)));
            // `ilog10` of 0 panics; one number has one digit too.
            let places = (count - 1).max(1).ilog10() + 1;
            let sum: Vec<String> = (0..places).map(|p| format!("d{p}._k * {}", 10i64.pow(p))).collect();
            let mut select =
                Select::new([format!("{} + {first} AS _k", sum.join(" + "))], format!("{digits} AS d0"));
            for p in 1..places {
                select = select.join(format!("CROSS JOIN {digits} AS d{p}"));
            }
            let all = s.with(name, select);
            return s.with(name, Select::new(["*"], all).filter(format!("_k <= {last}")));
        }
    };
    s.with(name, Select::new([number], from))
}
