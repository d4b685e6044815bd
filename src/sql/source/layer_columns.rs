//! The columns of the layers between the records of a file and a relation: each reads the layers under it.

use crate::sql::words;
use std::cell::RefCell;

/// How many layers there are: texts, clocks, offsets, and the instants by them.
const DEPTH: usize = 4;

/// The columns of each layer, `sql AS name`.
#[derive(Debug, Default)]
pub(super) struct Layers(RefCell<[Vec<(String, String)>; DEPTH]>);

impl Layers {
    /// The name of a column of layer `depth` that is `sql`.
    pub(super) fn column(&self, depth: usize, stem: &str, sql: String) -> String {
        let mut layers = self.0.borrow_mut();
        let layer = &mut layers[depth];
        if let Some((_, name)) = layer.iter().find(|(known, _)| *known == sql) {
            return name.clone();
        }
        let name = format!("_{stem}_{}", layer.len() + 1);
        layer.push((sql, name.clone()));
        name
    }

    /// `sql` with what the columns of the layers are in place of their names.
    pub(super) fn inlined(&self, sql: &str) -> String {
        let mut out = sql.to_string();
        for layer in self.0.borrow().iter().rev() {
            // From the last, as `_text_1` is the beginning of `_text_10`.
            for (column, name) in layer.iter().rev() {
                out = out.replace(name, &words::closed(column));
            }
        }
        out
    }

    /// The layers as CTEs over `records`, each with a comma before it; and the name of the last.
    pub(super) fn over_records(&self) -> (String, String) {
        let (mut ctes, mut last) = (String::new(), "records".to_string());
        for (layer, name) in self.0.borrow().iter().zip(["texts", "clocks", "offsets", "instants"]) {
            if !layer.is_empty() {
                let columns: Vec<String> =
                    layer.iter().map(|(sql, column)| format!("{sql} AS {column}")).collect();
                ctes += &format!(
                    ",\n{name} AS (\n  SELECT *,\n    {}\n  FROM {last}\n)",
                    columns.join(",\n    ")
                );
                last = name.to_string();
            }
        }
        (ctes, last)
    }
}
