//! The expressions of tests/expressions, which engines compute over the same rows: `table.txt` over `rows.csv`.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray, UInt32Array};
use highwater::batch::{DataType, Field, Schema};
use highwater::expr::Expr;
use highwater::time::Zone;
use std::path::Path;
use std::sync::Arc;

/// The columns of `rows.csv`, and their types here and in PostgreSQL.
pub const COLUMNS: [(&str, DataType, &str); 20] = {
    use DataType::{Bool, Date, Decimal, Float64, Int64, String, Timestamp};
    [
        ("id", Int64, "bigint"),
        ("at", Timestamp, "timestamptz"),
        ("i", Int64, "bigint"),
        ("j", Int64, "bigint"),
        ("k", Int64, "integer"),
        ("f", Float64, "double precision"),
        ("g", Float64, "double precision"),
        ("d", Decimal { precision: 18, scale: 4 }, "numeric(18,4)"),
        ("e", Decimal { precision: 30, scale: 10 }, "numeric(30,10)"),
        ("s", String, "text"),
        ("u", String, "text"),
        ("b", Bool, "boolean"),
        ("c", Bool, "boolean"),
        ("t", Timestamp, "timestamptz"),
        ("v", Timestamp, "timestamptz"),
        ("a", Date, "date"),
        ("z", Date, "date"),
        ("n", String, "text"),
        ("w", String, "text"),
        ("x", String, "text"),
    ]
};

/// What another engine is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// The same text.
    Same,
    /// Another text of the same meaning.
    Text(String),
    /// The same text, whose result is another for this reason.
    Unlike(String),
}

/// An expression of the table.
#[derive(Debug, Clone)]
pub struct Entry {
    pub sql: String,
    pub postgres: Asked,
}

/// A file of tests/expressions.
pub fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expressions").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The table.
pub fn table() -> Vec<Entry> {
    let mut entries: Vec<Entry> = vec![];
    for line in text("table.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(more) = line.strip_prefix("    ") else {
            entries.push(Entry { sql: line.to_string(), postgres: Asked::Same });
            continue;
        };
        let (engine, asked) = more.split_once(": ").unwrap_or_else(|| panic!("{line}"));
        let asked = match asked.strip_prefix("≠ ") {
            Some(reason) => Asked::Unlike(reason.to_string()),
            None => Asked::Text(asked.to_string()),
        };
        match engine {
            "postgres" => entries.last_mut().expect("an expression above").postgres = asked,
            "duckdb" => {}
            _ => panic!("an engine of this name is not asked: {line}"),
        }
    }
    entries
}

/// The rows as texts; `None` is NULL.
pub fn rows() -> Vec<Vec<Option<String>>> {
    text("rows.csv").split_inclusive('\n').fold(Reader::default(), Reader::line).rows.split_off(1)
}

/// Reads CSV in which a field between quotes is no NULL.
#[derive(Default)]
struct Reader {
    rows: Vec<Vec<Option<String>>>,
    open: String,
}

impl Reader {
    fn line(mut self, line: &str) -> Reader {
        self.open += line;
        if self.open.matches('"').count().is_multiple_of(2) {
            let line = std::mem::take(&mut self.open);
            self.rows.push(fields(line.trim_end_matches('\n')));
        }
        self
    }
}

fn fields(line: &str) -> Vec<Option<String>> {
    let (mut out, mut field, mut quoted, mut inside) = (vec![], String::new(), false, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => (inside, quoted) = (!inside, true),
            ',' if !inside => {
                let field = std::mem::take(&mut field);
                out.push((quoted || !field.is_empty()).then_some(field));
                quoted = false;
            }
            c => field.push(c),
        }
    }
    out.push((quoted || !field.is_empty()).then_some(field));
    out
}

/// The rows in memory, to compute expressions over.
pub struct Computed {
    pub schema: Schema,
    columns: Vec<ArrayRef>,
    pub rows: usize,
    zone: Zone,
}

/// A value as text, `None` for NULL; or why there is none.
pub type Value = Result<Option<String>, String>;

impl Computed {
    pub fn new(zone: &str) -> Computed {
        let (rows, zone) = (rows(), Zone::named(zone).unwrap());
        let columns = COLUMNS.iter().enumerate().map(|(at, (name, ty, _))| {
            let texts: StringViewArray = rows.iter().map(|row| row[at].as_deref()).collect();
            let schema = Schema::new(vec![Field::new(*name, DataType::String)]);
            let cast = Expr::compile(&format!("CAST({name} AS {ty})"), &schema, &zone).unwrap();
            let texts: ArrayRef = Arc::new(texts);
            cast.evaluate(rows.len(), |_| &texts).unwrap_or_else(|e| panic!("{name}: {e}"))
        });
        let columns = columns.collect();
        let schema = Schema::new(COLUMNS.iter().map(|(name, ty, _)| Field::new(*name, *ty)).collect());
        Computed { schema, columns, rows: rows.len(), zone }
    }

    /// The expression over the rows.
    pub fn compile(&self, sql: &str) -> Result<Expr, highwater::error::Error> {
        Expr::compile(sql, &self.schema, &self.zone)
    }

    /// The values of so many rows from one on; the cause where there are none.
    pub fn part(&self, expr: &Expr, from: usize, count: usize) -> Result<ArrayRef, String> {
        let columns: Vec<ArrayRef> = self.columns.iter().map(|column| column.slice(from, count)).collect();
        expr.evaluate(count, |at| &columns[at]).map_err(|e| e.to_string())
    }

    /// The values of the rows at these places.
    pub fn taken(&self, expr: &Expr, places: &UInt32Array) -> Result<ArrayRef, String> {
        let take = |column: &ArrayRef| arrow_select::take::take(column, places, None).unwrap();
        let columns: Vec<ArrayRef> = self.columns.iter().map(take).collect();
        expr.evaluate(places.len(), |at| &columns[at]).map_err(|e| e.to_string())
    }

    /// The type of the expression, if it is one.
    pub fn ty(&self, sql: &str) -> Option<DataType> {
        self.compile(sql).ok().map(|expr| expr.ty())
    }

    /// The expression as text, of each row for itself.
    pub fn texts(&self, sql: &str) -> Vec<Value> {
        let expr = match self.compile(&format!("CAST(({sql}) AS VARCHAR)")) {
            Ok(expr) => expr,
            Err(error) => return vec![Err(error.to_string()); self.rows],
        };
        let of = |row| {
            let value = self.part(&expr, row, 1)?;
            let value = value.as_string_view();
            Ok(value.is_valid(0).then(|| value.value(0).to_string()))
        };
        (0..self.rows).map(of).collect()
    }
}

/// A job that computes each of the expressions as text, for the rows of which it says that there is a value; they are
/// columns `x0`, `x1`, … of `out.jsonl`.
pub fn job(zone: &str, expressions: &[(&str, Vec<usize>)]) -> String {
    let types: Vec<String> = COLUMNS[2..].iter().map(|(name, ty, _)| format!("{name} = \"{ty}\"")).collect();
    let derived = expressions.iter().enumerate().map(|(at, (sql, without))| {
        let without: Vec<String> = without.iter().map(usize::to_string).collect();
        let sql = format!("CAST(({sql}) AS VARCHAR)");
        let guarded = match without.is_empty() {
            true => sql,
            false => format!("CASE WHEN id IN ({}) THEN NULL ELSE {sql} END", without.join(", ")),
        };
        format!("x{at} = {}\n", toml::Value::from(guarded))
    });
    format!(
        "timezone = \"{zone}\"\n[source]\npath = \"rows.csv\"\ntime = \"at\"\ntypes = {{ id = \"int64\", {} }}\n\
        [[step]]\n[step.derive]\n{}[[output]]\npath = \"out.jsonl\"\n",
        types.join(", "),
        derived.collect::<String>()
    )
}
