//! Steps and tables: the table that a step names, and what it asks of it.

use super::planner::Planner;
use super::table::{Ask, same};
use crate::batch::ColumnId;
use crate::error::Error;
use crate::job::document::At;
use crate::job::spec::{LogSpec, StepSpec, TableSpec};
use crate::plan::TableId;

impl<'a> Planner<'a> {
    /// The table of the job that has this name.
    pub(super) fn table_named(&self, name: &At<String>) -> Option<usize> {
        let names = || self.spec.tables.iter().map(|table| table.name.value.as_str());
        let found = names().position(|known| known == name.value);
        if found.is_none() {
            let error = Error::job(format!("the job has no table `{}`", name.value));
            let error = match (crate::error::nearest(&name.value, names()), self.spec.tables.is_empty()) {
                (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
                (None, true) => {
                    let text =
                        format!("[table.{}] with `path`, `time` and so on, as in [source]", name.value);
                    error.hint(format!("write {text}"))
                }
                (None, false) => {
                    error.hint(format!("the tables are {}", names().collect::<Vec<_>>().join(", ")))
                }
            };
            self.fault(error, &name.span);
        }
        found
    }

    /// The table of a lookup in files.
    pub(super) fn table_of(&self, files: &LogSpec) -> Option<usize> {
        self.tables.iter().position(|table| table.spec.is_none() && same(table.keys, files))
    }

    /// Asks a table for `columns` by `keys`: the table of the plan, and those of the columns in it.
    pub(super) fn ask(
        &mut self,
        table: usize,
        keys: &[ColumnId],
        columns: &[ColumnId],
        fill: bool,
    ) -> (TableId, Vec<usize>) {
        // The table reads these columns for each ask, so that all plans of one table read the same.
        self.tables[table].rows.read(keys.iter().chain(columns).copied());
        let same = |ask: &Ask| ask.table == table && ask.keys == keys && ask.fill == fill;
        let index = self.asks.iter().position(same).unwrap_or_else(|| {
            self.asks.push(Ask { table, keys: keys.to_vec(), columns: vec![], fill });
            self.asks.len() - 1
        });
        let known = &mut self.asks[index].columns;
        let number = |column: &ColumnId| match known.iter().position(|k| k == column) {
            Some(number) => number,
            None => {
                known.push(*column);
                known.len() - 1
            }
        };
        (TableId::new(index), columns.iter().map(number).collect())
    }

    /// Faults tables that no step names.
    pub(super) fn tables_are_used(&self) {
        // The nearest to a wrong name is meant by it.
        let names = || self.spec.tables.iter().map(|table| table.name.value.as_str());
        let named: Vec<&str> = self
            .spec
            .steps
            .iter()
            .filter_map(|step| match step {
                StepSpec::Enrich(enrich) => crate::error::nearest(&enrich.table.value, names()),
                _ => None,
            })
            .collect();
        // A step that cannot be read may be the one that uses it.
        let unreadable = self.spec.steps.iter().any(|step| matches!(step, StepSpec::Unreadable));
        let unused = |table: &&TableSpec| !unreadable && !named.contains(&table.name.value.as_str());
        for table in self.spec.tables.iter().filter(unused) {
            let name = &table.name.value;
            let error = Error::job(format!("no step uses [table.{name}]"));
            self.fault(error.hint(format!("a [[step]] with enrich = \"{name}\"")), &table.name.span);
        }
    }
}
