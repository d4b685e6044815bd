//! The statements that bring a table up to date with what was sent.

use super::shape::ServerTableShape;
use super::spec::{GONE, PUT, PublishSpec, Sent};
use crate::pg::quoted;

/// The names of a table and of what is written to it.
pub(super) struct Sql<'a> {
    spec: PublishSpec<'a>,
    table: &'a str,
    /// Whether it is a partitioned table.
    pub partitioned: bool,
}

impl<'a> Sql<'a> {
    pub fn new(spec: PublishSpec<'a>, shape: &'a ServerTableShape) -> Sql<'a> {
        Sql { spec, table: &shape.name, partitioned: shape.is_partitioned() }
    }

    fn name(&self, column: usize) -> String {
        quoted(&self.spec.schema.fields[column].name)
    }

    fn list(&self, columns: impl Iterator<Item = usize>) -> String {
        columns.map(|column| self.name(column)).collect::<Vec<_>>().join(", ")
    }

    /// Whether two rows have the same key. NULL is looked for where there is one: `=` is what an index serves.
    fn same(&self, a: &str, b: &str, sent: &Sent) -> String {
        let term = |&column: &usize| {
            let equal = if sent.nulls.contains(&column) { "IS NOT DISTINCT FROM" } else { "=" };
            let name = self.name(column);
            format!("{a}.{name} {equal} {b}.{name}")
        };
        self.spec.key.iter().map(term).collect::<Vec<_>>().join(" AND ")
    }

    /// Deletes the rows that are gone.
    pub fn delete(&self, gone: &Sent) -> String {
        format!(
            "DELETE FROM {} AS t USING {GONE} AS g WHERE {} AND NOT EXISTS (SELECT FROM {PUT} AS p WHERE {})",
            self.table,
            self.same("t", "g", gone),
            self.same("p", "g", gone)
        )
    }

    /// How many of the rows to write are there by their key; then 0.
    pub fn there(&self, put: &Sent) -> String {
        let same = self.same("t", "p", put);
        format!("SELECT count(*), 0::bigint FROM {PUT} AS p JOIN {} AS t ON {same}", self.table)
    }

    /// Writes the rows that are not as they should be: how many were inserted, and how many updated. Of a partitioned
    /// table all count as inserted.
    pub fn upsert(&self) -> String {
        let columns = || 0..self.spec.schema.fields.len();
        let values: Vec<String> = columns()
            .filter(|column| !self.spec.key.contains(column))
            .map(|column| self.name(column))
            .collect();
        let set: Vec<String> = values.iter().map(|name| format!("{name} = EXCLUDED.{name}")).collect();
        // A row that has the values already is not written again, so its version in the table stays.
        let [old, new] = ["t", "EXCLUDED"].map(|of| {
            let values: Vec<String> = values.iter().map(|name| format!("{of}.{name}")).collect();
            format!("ROW({})", values.join(", "))
        });
        // `xmax` is 0 in a row that was inserted, and not in one that was updated.
        let all = self.list(columns());
        format!(
            "WITH written AS (INSERT INTO {} AS t ({all}) SELECT {all} FROM {PUT} \
             ON CONFLICT ({}) DO UPDATE SET {} WHERE {old} IS DISTINCT FROM {new} RETURNING {} AS inserted) \
             SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written",
            self.table,
            self.list(self.spec.key.iter().copied()),
            set.join(", "),
            if self.partitioned { "true" } else { "(t.xmax = 0)" }
        )
    }
}
