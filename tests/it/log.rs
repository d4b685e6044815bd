//! A log as a table of values, and as the files that can hold it.

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Text(String),
    Int(i64),
    Float(f64),
    /// An integer over 10 to the power of the scale.
    Decimal(i128, u8),
    Bool(bool),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970; only in results, a log holds its time as an integer or a text.
    Time(i64),
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Text,
    Int,
    Float,
    Decimal(u8),
    Bool,
    Date,
}

/// Rows in arrival order.
#[derive(Debug, Clone)]
pub struct Log {
    pub columns: Vec<(String, Kind)>,
    pub rows: Vec<Vec<Cell>>,
}

impl Kind {
    /// The type as a job declares it.
    pub fn declared(self) -> String {
        match self {
            Kind::Text => "string".into(),
            Kind::Int => "int64".into(),
            Kind::Float => "float64".into(),
            Kind::Decimal(scale) => format!("decimal(18,{scale})"),
            Kind::Bool => "bool".into(),
            Kind::Date => "date".into(),
        }
    }
}

/// The text of a decimal.
pub fn decimal_text(value: i128, scale: u8) -> String {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// `2024-02-29`.
pub fn date_text(days: i32) -> String {
    let date = chrono::NaiveDate::from_epoch_days(days).unwrap();
    date.format("%Y-%m-%d").to_string()
}

impl Log {
    pub fn new(columns: &[(&str, Kind)], rows: Vec<Vec<Cell>>) -> Log {
        Log { columns: columns.iter().map(|(name, kind)| (name.to_string(), *kind)).collect(), rows }
    }

    pub fn index(&self, name: &str) -> usize {
        self.columns.iter().position(|(n, _)| n == name).unwrap_or_else(|| panic!("no column {name}"))
    }

    /// The same log with these columns, in this order.
    pub fn pick(&self, names: &[&str]) -> Log {
        let picked: Vec<usize> = names.iter().map(|n| self.index(n)).collect();
        Log {
            columns: picked.iter().map(|&i| self.columns[i].clone()).collect(),
            rows: self.rows.iter().map(|row| picked.iter().map(|&i| row[i].clone()).collect()).collect(),
        }
    }

    /// A part of the rows.
    pub fn slice(&self, rows: std::ops::Range<usize>) -> Log {
        Log { columns: self.columns.clone(), rows: self.rows[rows].to_vec() }
    }

    /// File and line of each row, where so many rows lie in each of these files. In a text of CSV, a line end
    /// is one.
    pub fn places(&self, files: &[(String, usize)]) -> Vec<(String, usize)> {
        let mut places = vec![];
        for (file, count) in files {
            let csv = file.contains(".csv");
            let mut line = if csv { 2 } else { 1 };
            for row in &self.rows[places.len()..places.len() + count] {
                places.push((file.clone(), line));
                let breaks = |cell: &Cell| match cell {
                    Cell::Text(text) if csv => text.matches('\n').count(),
                    _ => 0,
                };
                line += 1 + row.iter().map(breaks).sum::<usize>();
            }
        }
        places
    }

    /// `types = { … }` of a job.
    pub fn types(&self) -> String {
        let types: Vec<String> =
            self.columns.iter().map(|(n, kind)| format!("{n} = \"{}\"", kind.declared())).collect();
        format!("types = {{ {} }}", types.join(", "))
    }

    pub fn csv(&self) -> Vec<u8> {
        self.csv_with(",", "\n", true)
    }

    /// CSV with this delimiter and line end. NULL is an empty field, and the empty text is `""`.
    pub fn csv_with(&self, delimiter: &str, line_end: &str, header: bool) -> Vec<u8> {
        let quote = |text: &str| {
            let plain = !text.is_empty() && !text.contains(['"', '\n', '\r']) && !text.contains(delimiter);
            if plain { text.to_string() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
        };
        let mut lines = vec![];
        if header {
            lines.push(self.columns.iter().map(|(n, _)| quote(n)).collect::<Vec<_>>());
        }
        lines.extend(self.rows.iter().map(|row| {
            let field = |cell: &Cell| match cell {
                Cell::Text(text) => quote(text),
                other => other.plain(),
            };
            row.iter().map(field).collect()
        }));
        lines.iter().map(|fields| fields.join(delimiter) + line_end).collect::<String>().into_bytes()
    }

    pub fn jsonl(&self) -> Vec<u8> {
        let line = |row: &Vec<Cell>| {
            let pairs = self.columns.iter().zip(row);
            let fields = pairs.map(|((name, _), cell)| format!("{}:{}", json(name), cell.json()));
            format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
        };
        self.rows.iter().map(line).collect::<String>().into_bytes()
    }

    /// The records as a batch.
    pub fn batch(&self) -> RecordBatch {
        let arrays = self.columns.iter().enumerate().map(|(i, (name, kind))| {
            let cells = self.rows.iter().map(|row| &row[i]);
            (name.as_str(), array(*kind, cells), true)
        });
        RecordBatch::try_from_iter_with_nullable(arrays).unwrap()
    }

    /// Parquet with row groups of this many rows.
    pub fn parquet(&self, group: usize) -> Vec<u8> {
        let batch = self.batch();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
        let mut writer = ArrowWriter::try_new(vec![], batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }
}

fn array<'a>(kind: Kind, cells: impl Iterator<Item = &'a Cell>) -> ArrayRef {
    macro_rules! collect {
        ($array:ty, $cell:pat => $value:expr) => {
            cells
                .map(|cell| match cell {
                    Cell::Null => None,
                    $cell => Some($value),
                    other => panic!("{other:?} in a column of {kind:?}"),
                })
                .collect::<$array>()
        };
    }
    match kind {
        Kind::Text => Arc::new(collect!(StringArray, Cell::Text(v) => v.clone())),
        Kind::Int => Arc::new(collect!(Int64Array, Cell::Int(v) => *v)),
        Kind::Float => Arc::new(collect!(Float64Array, Cell::Float(v) => *v)),
        Kind::Bool => Arc::new(collect!(BooleanArray, Cell::Bool(v) => *v)),
        Kind::Date => Arc::new(collect!(Date32Array, Cell::Date(v) => *v)),
        Kind::Decimal(scale) => {
            let array = collect!(Decimal128Array, Cell::Decimal(v, _) => *v);
            Arc::new(array.with_precision_and_scale(18, scale as i8).unwrap())
        }
    }
}

impl Cell {
    /// The value as CSV has it, without quotes.
    pub fn plain(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Int(v) => v.to_string(),
            Cell::Float(v) => serde_json::to_string(v).unwrap(),
            Cell::Decimal(v, scale) => decimal_text(*v, *scale),
            Cell::Bool(v) => v.to_string(),
            Cell::Date(v) => date_text(*v),
            Cell::Time(_) => panic!("a log has no times"),
        }
    }

    /// The value as JSON has it.
    pub fn json(&self) -> String {
        match self {
            Cell::Null => "null".into(),
            Cell::Text(text) => json(text),
            Cell::Date(_) => json(&self.plain()),
            _ => self.plain(),
        }
    }
}

/// A JSON string.
pub fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

const START: i64 = 1_711_843_200_000_000;

/// Sales of so many rows, with a column of each type and NULLs in most; `note` gives the text of a row.
pub fn sales(rows: i64, note: impl Fn(i64) -> Cell) -> Log {
    use Cell::{Bool, Date, Decimal, Float, Int, Null};
    let rows = (0..rows).map(|i| {
        vec![
            Int(START + i * 977_000_000 % 90_000_000_000),
            note(i),
            if i % 7 == 3 { Null } else { Int(i * i - 5000) },
            if i % 5 == 4 { Null } else { Decimal(i128::from(i * 1001 - 60_000), 2) },
            Float((i - 100) as f64 * 0.37),
            if i % 3 == 0 { Null } else { Bool(i % 2 == 0) },
            Date(19_800 + (i % 40) as i32),
        ]
    });
    let columns = [
        ("at", Kind::Int),
        ("note", Kind::Text),
        ("n", Kind::Int),
        ("amount", Kind::Decimal(2)),
        ("ratio", Kind::Float),
        ("ok", Kind::Bool),
        ("day", Kind::Date),
    ];
    Log::new(&columns, rows.collect())
}
