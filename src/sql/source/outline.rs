//! What Spark, Flink and BigQuery have in common: views of columns as the files have them.

use super::files::{FileSet, RecordLayout};
use super::{View, columns_read, selected};
use crate::batch::DataType;
use crate::error::Result;
use crate::sql::{Dialect, words};
use arrow_schema::DataType as ArrowType;

impl View<'_> {
    pub(super) fn text(&self, value: &str) -> String {
        words::text(self.dialect, value)
    }

    /// The name of the table of one layout.
    pub(super) fn part_name(&self, number: usize) -> String {
        match self.parts.len() {
            1 => self.ident(&self.text_name()),
            _ => self.ident(&format!("{}_{number}", self.text_name())),
        }
    }

    /// What a view of the relation's name is, over these SELECTs of raw records.
    pub(super) fn over(&self, selects: &[String]) -> Result<String> {
        self.no_derived()?;
        let records = selects.join("\n  UNION ALL\n");
        let name = self.ident(&self.relation.name);
        let (columns, conditions) = self.columns_and_conditions()?;
        // The columns have said what the layers are.
        let (layers, last) = self.layers.over_records();
        let select = selected(&columns, &last, &conditions);
        Ok(format!("{name} AS\nWITH records AS (\n{records}\n){layers}\n{select}"))
    }

    /// The definitions of the columns of the files.
    pub(super) fn outline_columns(&self, part: &FileSet) -> Result<Vec<String>> {
        let text = words::type_name(self.dialect, DataType::String);
        match &part.layout {
            RecordLayout::Csv(names) => {
                Ok(names.iter().map(|name| format!("{} {text}", self.ident(name))).collect())
            }
            RecordLayout::Json => {
                let mut roots: Vec<(String, Vec<String>)> = vec![];
                for name in columns_read(self.read()) {
                    let (root, field) = match name.split_once('.') {
                        Some((_, path)) if path.contains('.') => {
                            return Err(self.cannot(&format!("`{name}`, more than one object deep")));
                        }
                        Some((root, field)) => (root.to_string(), vec![field.to_string()]),
                        None => (name, vec![]),
                    };
                    // An object is one column, in whose type all of its wanted fields stand.
                    match roots.iter_mut().find(|(known, _)| *known == root) {
                        Some((_, fields)) => fields.extend(field),
                        None => roots.push((root, field)),
                    }
                }
                let whole = columns_read(self.read()).into_iter().filter(|name| name.contains('.'));
                let whole = whole.filter(|_| self.dialect == Dialect::Spark);
                Ok(roots
                    .iter()
                    .map(|(root, fields)| {
                        let pair = |field: &String| match self.dialect {
                            Dialect::Spark => format!("{}: {text}", self.ident(field)),
                            _ => format!("{} {text}", self.ident(field)),
                        };
                        let fields: Vec<String> = fields.iter().map(pair).collect();
                        match (fields.is_empty(), self.dialect) {
                            (true, _) => format!("{} {text}", self.ident(root)),
                            (_, Dialect::Flink) => format!("{} ROW<{}>", self.ident(root), fields.join(", ")),
                            _ => format!("{} STRUCT<{}>", self.ident(root), fields.join(", ")),
                        }
                    })
                    .chain(whole.map(|name| format!("{} {text}", self.ident(&name))))
                    .collect())
            }
            RecordLayout::Parquet(fields) => fields
                .iter()
                .map(|(name, ty)| Ok(format!("{} {}", self.ident(name), self.file_type(name, ty)?)))
                .collect(),
            RecordLayout::Avro => Err(self.cannot("Avro files")),
        }
    }

    /// The type that a column of a Parquet file has here.
    fn file_type(&self, name: &str, ty: &ArrowType) -> Result<String> {
        let of = |ty: DataType| Ok(words::type_name(self.dialect, ty));
        match ty {
            ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => of(DataType::String),
            ArrowType::Boolean => of(DataType::Bool),
            ArrowType::Int32 => Ok("INT".into()),
            ArrowType::Int64 => of(DataType::Int64),
            ArrowType::Float32 => Ok("FLOAT".into()),
            ArrowType::Float64 => of(DataType::Float64),
            ArrowType::Date32 => of(DataType::Date),
            ArrowType::Decimal128(precision, scale @ 0..) => {
                of(DataType::Decimal { precision: *precision, scale: *scale as u8 })
            }
            ArrowType::Timestamp(_, _) => of(DataType::Timestamp),
            _ => Err(self.cannot(&format!("`{name}`, which is {ty}"))),
        }
    }

    /// The columns that are wanted, by their names; NULL where the files have them not.
    pub(super) fn outline_raw(&self, part: &FileSet) -> Vec<String> {
        let text = words::type_name(self.dialect, DataType::String);
        let raw = |name: &String| {
            let quoted = self.ident(name);
            match &part.layout {
                RecordLayout::Csv(names) if names.contains(name) => quoted,
                RecordLayout::Parquet(fields) if fields.iter().any(|(field, _)| field == name) => quoted,
                RecordLayout::Json => match name.split_once('.') {
                    // The whole name may be a key of its own, which goes before the path.
                    Some((root, field)) if self.dialect == Dialect::Spark => {
                        format!("COALESCE({quoted}, {}.{}) AS {quoted}", self.ident(root), self.ident(field))
                    }
                    Some((root, field)) => {
                        format!("{}.{} AS {quoted}", self.ident(root), self.ident(field))
                    }
                    None => quoted,
                },
                _ => format!("CAST(NULL AS {text}) AS {quoted}"),
            }
        };
        columns_read(self.read()).iter().map(raw).collect()
    }
}
