//! Columns that a log derives as its records are read, and an event time that is one of them or an expression itself.

use super::log::CheckedLog;
use super::rows::{compiled, fault, taken};
use super::texts::{TextColumns, names_in};
use super::times::time_rule;
use crate::batch::{ColumnId, DataType, Field, Schema};
use crate::error::Error;
use crate::expr::parse;
use crate::expr::walk::expressions;
use crate::input::ReadTime;
use crate::input::derived::{Derived, DerivedFrom, FILE};
use crate::input::infer::InferredColumn;
use crate::job::document::{At, Document};
use crate::job::spec::LogSpec;
use crate::time::{TimeRule, Zone};
use sqlparser::ast::Expr as Ast;
use std::collections::BTreeSet;
use std::ops::Range;

/// Whether the event time of a log is none of the columns `known` of its files, but derived from them.
pub(super) fn derives_time(spec: &LogSpec, known: &[&str]) -> bool {
    let Some(time) = &spec.time else { return false };
    if known.contains(&time.value.as_str()) {
        return false;
    }
    let own = spec.derive.iter().map(|(name, _)| name.value.as_str());
    let all: Vec<&str> = known.iter().copied().chain(own.clone()).chain([FILE]).collect();
    own.clone().any(|name| name == time.value) || is_expression(&time.value, &all)
}

/// Whether a text that is no name of a column is an expression, and not a name that is misspelt: `sent-at` is one only
/// where both of its names are columns.
fn is_expression(text: &str, known: &[&str]) -> bool {
    let Ok(ast) = parse(text) else { return false };
    // A name by itself that is not a column is misspelt, rather than an expression.
    if matches!(ast, Ast::Identifier(_) | Ast::CompoundIdentifier(_)) {
        return false;
    }
    // A call, a cast or a literal is never a part of a name.
    let mut computes = false;
    expressions(&ast, |node| {
        computes |= matches!(node, Ast::Function(_) | Ast::Cast { .. } | Ast::Value(_) | Ast::TypedString(_));
    });
    computes || names_in(&ast).iter().all(|name| known.contains(&name.as_str()))
}

impl CheckedLog {
    /// Adds the columns that `spec` derives, and the event time where it is one of them. Faults are noted.
    pub(super) fn derive(&mut self, document: &Document, spec: &LogSpec, zone: &Zone) {
        let known: Vec<String> = self.inferred.names().map(str::to_string).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let of_time = !known.is_empty() && derives_time(spec, &known);
        // Empty files have not told their columns, so every name would be a fault.
        if known.is_empty() || !(spec.derive_first || of_time) {
            return;
        }
        self.derives = true;
        let texts = TextColumns::new(&self.inferred, self.files.iter().all(|file| file.format.is_text()));
        let mut deriving = Deriving { document, zone, texts, schema: self.schema(), log: self };
        deriving.file(spec);
        for (name, sql) in &spec.derive {
            if deriving.schema.index_of(&name.value).is_some() {
                taken(document, name, "a derived column needs a new name");
                continue;
            }
            let is_time = of_time && spec.time.as_ref().is_some_and(|time| time.value == name.value);
            deriving.column(&name.value, sql, is_time.then_some(spec));
        }
        let time = spec.time.as_ref().filter(|_| of_time);
        if let Some(time) = time.filter(|time| deriving.schema.index_of(&time.value).is_none()) {
            // It goes by its SQL, and no name finds it.
            deriving.log.hidden.push(time.value.clone());
            deriving.column(&time.value, time, Some(spec));
        }
    }

    /// The numbers of the columns that files have.
    pub(super) fn columns_of_files(&self) -> Vec<ColumnId> {
        let columns = &self.inferred.columns;
        let of_files = |column: &ColumnId| !columns[column.place()].derived;
        ColumnId::first(columns.len()).filter(of_files).collect()
    }

    /// Whether the event time is computed.
    pub(super) fn derives_time(&self) -> bool {
        let names = self.derived.iter().map(|(column, _)| &self.inferred.columns[*column].name);
        self.time.as_ref().is_some_and(|time| names.clone().any(|name| *name == time.column))
    }

    /// Adds to the columns that are used those that they are computed from.
    pub(super) fn use_inputs(&self, used: &mut BTreeSet<usize>, arrival: Option<&ReadTime>) {
        let times = self.time.iter().chain(arrival).map(|time| time.column.as_str());
        let names: Vec<&str> = times.collect();
        // Backwards, as a derived column reads only columns that come before it.
        for (column, from) in self.derived.iter().rev() {
            let name = self.inferred.columns[*column].name.as_str();
            if names.contains(&name) {
                used.insert(*column);
            }
            if let (true, DerivedFrom::Sql(expr)) = (used.contains(column), from) {
                used.extend(expr.inputs());
            }
        }
    }

    /// The derived columns among those that are `kept`, by their new numbers.
    pub(super) fn derived(&self, kept: &[usize], number: impl Fn(usize) -> usize) -> Vec<Derived> {
        let used = self.derived.iter().filter(|(column, _)| kept.contains(column));
        let one = |(column, from): &(usize, DerivedFrom)| {
            let mut from = from.clone();
            if let DerivedFrom::Sql(expr) = &mut from {
                expr.renumber(&number);
            }
            Derived { column: number(*column), from }
        };
        used.map(one).collect()
    }
}

/// The columns of a log while others are derived from them.
struct Deriving<'a> {
    document: &'a Document,
    zone: &'a Zone,
    texts: TextColumns,
    /// As expressions see them.
    schema: Schema,
    log: &'a mut CheckedLog,
}

impl Deriving<'_> {
    /// Adds the name of the file, where an expression speaks of it and no file has a column of that name.
    fn file(&mut self, spec: &LogSpec) {
        let texts = spec.derive.iter().map(|(_, sql)| sql).chain(&spec.time);
        let speaks = |sql: &At<String>| parse(&sql.value).is_ok_and(|ast| names_in(&ast).contains(FILE));
        if self.schema.index_of(FILE).is_none() && texts.into_iter().any(speaks) {
            self.log.hidden.push(FILE.to_string());
            self.push(FILE, DataType::String, "the path of the file".to_string(), DerivedFrom::File);
        }
    }

    /// Adds the column of an expression; `of_time` says how it is read where it is the event time.
    fn column(&mut self, name: &str, sql: &At<String>, of_time: Option<&LogSpec>) {
        let made =
            compiled(sql, &self.schema, self.zone, |error, ast| self.texts.with_column_reasons(error, ast));
        let expr = match made {
            Ok(expr) => expr,
            Err(error) => {
                fault(self.document, false, error, &sql.span);
                // The column stays, so that what names it is not a second fault.
                self.log.faulty.push(name.to_string());
                self.push(name, DataType::String, String::new(), DerivedFrom::File);
                return;
            }
        };
        let mut ty = expr.ty();
        if let Some(spec) = of_time {
            match rule(self.document, spec, name, ty, &sql.span) {
                Some(rule) => self.log.time = Some(ReadTime { column: name.to_string(), rule }),
                None => self.log.faulty.push(name.to_string()),
            }
            // In a batch the event time is an instant, whatever the expression gives.
            ty = DataType::Timestamp;
        }
        self.push(name, ty, format!("derived: {}", sql.value.trim()), DerivedFrom::Sql(Box::new(expr)));
    }

    fn push(&mut self, name: &str, ty: DataType, why: String, from: DerivedFrom) {
        self.log.derived.push((self.log.inferred.columns.len(), from));
        self.schema.fields.push(Field::new(name, ty));
        self.log.inferred.columns.push(InferredColumn {
            name: name.to_string(),
            ty,
            declared: true,
            why,
            missing_in: 0,
            default: false,
            nulls: true,
            unit: None,
            derived: true,
            nested: false,
            open: false,
            example: None,
            examples: vec![],
        });
    }
}

/// How a derived event time of this type is read; `None` after a fault.
fn rule(
    document: &Document,
    spec: &LogSpec,
    name: &str,
    ty: DataType,
    span: &Range<usize>,
) -> Option<TimeRule> {
    let rule = time_rule(document, spec)?;
    let error = match (ty, &rule) {
        (DataType::Timestamp | DataType::Date, TimeRule::Iso) | (DataType::String, _) => return Some(rule),
        (DataType::Int64, TimeRule::Epoch(_) | TimeRule::Format(_) | TimeRule::AnyOf(_)) => {
            return Some(rule);
        }
        (DataType::Float64 | DataType::Decimal { .. }, TimeRule::Epoch(_)) => return Some(rule),
        (DataType::Timestamp | DataType::Date, _) => {
            Error::job(format!("`{}` is a {ty}, which needs neither a unit nor a format", name))
                .hint("leave `time_unit` and `time_format` out, or derive a text")
        }
        (DataType::Bool, _) => Error::job(format!("`{}` is a bool, which is not a time", name)),
        _ => Error::job(format!("`{}` is {ty}, but its unit is not given", name))
            .hint("add the unit of its numbers, such as time_unit = \"s\", \"ms\", \"us\" or \"d\""),
    };
    document.fault(error, span);
    None
}
