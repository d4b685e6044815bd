//! Values that are not written in the plain way, in SQL: words for NULL and booleans, marks within numbers.

use super::View;
use crate::batch::DataType;
use crate::error::Result;
use crate::input::written::ValueFormat;
use crate::input::{InputFormat, OnBadRecord};
use crate::sql::{Dialect, words};

impl View<'_> {
    /// The plain form of the text `sql` of the column `name`, which is read as `ty`; none is said of a time.
    ///
    /// # Errors
    /// What the dialect has no exact words for.
    pub(super) fn plain(&self, name: &str, sql: String, ty: Option<DataType>) -> Result<String> {
        let Some(written) = self.read().written.of(name) else { return Ok(sql) };
        let numeric = matches!(ty, Some(DataType::Int64 | DataType::Float64 | DataType::Decimal { .. }));
        let around = !written.units.is_empty() || written.accounting;
        if around && numeric || written.text_mark.is_some() && ty == Some(DataType::String) {
            return Err(
                self.cannot(&format!("the units, signs or text marks that `written` says of `{name}`"))
            );
        }
        let marks = numeric && (written.decimal.is_some() || written.thousands.is_some());
        let json = self.read().files.iter().any(|file| file.format != InputFormat::Csv);
        if marks && (json || self.read().on_bad_record == OnBadRecord::Reject) {
            // A number of JSON has marks of its own, and which records are bad is told by more than their digits.
            return Err(self.cannot(&format!(
                "the marks in the numbers of `{name}`, where some records are not read by them"
            )));
        }
        let mut sql = self.trimmed(written, name, sql)?;
        if !written.null.is_empty() {
            sql = format!("CASE WHEN {sql} NOT IN ({}) THEN {sql} END", self.list(&written.null));
        }
        if marks {
            sql = self.without_marks(written, name, sql)?;
        }
        if ty == Some(DataType::Bool) && !(written.yes.is_empty() && written.no.is_empty()) {
            let case = |words: &[String], value: &str| match words {
                [] => String::new(),
                words => format!(" WHEN {sql} IN ({}) THEN '{value}'", self.list(words)),
            };
            sql = format!("CASE{}{} ELSE {sql} END", case(&written.yes, "true"), case(&written.no, "false"));
        }
        Ok(sql)
    }

    fn list(&self, texts: &[String]) -> String {
        texts.iter().map(|text| words::text(self.dialect, text)).collect::<Vec<_>>().join(", ")
    }

    fn trimmed(&self, written: &ValueFormat, name: &str, sql: String) -> Result<String> {
        match (written.trim, self.dialect) {
            (false, _) => Ok(sql),
            // The characters are those of `trim_ascii`, which a run takes away.
            (true, Dialect::Postgres) => Ok(format!("NULLIF(BTRIM({sql}, E' \\t\\n\\r\\f'), '')")),
            (true, Dialect::DuckDb) => {
                Ok(format!("NULLIF(TRIM({sql}, ' ' || CHR(9) || CHR(10) || CHR(12) || CHR(13)), '')"))
            }
            (true, _) => Err(self.cannot(&format!("`{name}` without the spaces around its values"))),
        }
    }

    fn without_marks(&self, written: &ValueFormat, name: &str, mut sql: String) -> Result<String> {
        // These go first: a decimal comma becomes a point below, which may be the mark between thousands
        // here.
        if let Some(mark) = written.thousands {
            if matches!(mark, ' ' | '\'') {
                return Err(self
                    .cannot(&format!("the marks between thousands of `{name}`, which have several forms")));
            }
            sql = format!("REPLACE({sql}, {}, '')", words::text(self.dialect, &mark.to_string()));
        }
        if let Some(mark) = written.decimal {
            sql = format!("REPLACE({sql}, {}, '.')", words::text(self.dialect, &mark.to_string()));
        }
        Ok(sql)
    }
}
