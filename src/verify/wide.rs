//! Columns that the job does not read, for statements of users: they may name any column of the files.

use crate::batch::DataType;
use crate::input::infer::Inferred;
use crate::input::{ReadColumn, ReadPlan};
use crate::plan::Plan;
use crate::sql::{POSITION, TIME};

/// The columns of the relation `name` that `query` names and the job does not read, with the types that they are
/// inferred as. A time that is written in a format is a timestamp.
pub fn columns(plan: &Plan, name: &str, query: &str) -> Vec<ReadColumn> {
    if name == "source" {
        return missing(&plan.pipeline.read, &plan.inferred, query);
    }
    let table = plan.pipeline.tables.iter().find(|table| table.name == name);
    table.map(|table| missing(&table.read, &table.inferred, query)).unwrap_or_default()
}

/// Makes the plan read all columns that `query` names.
///
/// A record is then bad, too, where one of these cannot be read as its inferred type.
pub fn widen(plan: &mut Plan, query: &str) {
    let more = missing(&plan.pipeline.read, &plan.inferred, query);
    plan.pipeline.read.columns.extend(more);
    for table in &mut plan.pipeline.tables {
        let more = missing(&table.read, &table.inferred, query);
        table.read.columns.extend(more);
    }
}

fn missing(read: &ReadPlan, inferred: &Inferred, query: &str) -> Vec<ReadColumn> {
    // The statement is not parsed. A column too many costs a read, and a column too few breaks the query.
    let query = query.to_lowercase();
    let all = has_star(&query);
    let wanted = inferred.columns.iter().filter(|column| {
        let known = read.columns.iter().any(|known| known.name == column.name);
        !known
            && !column.derived
            // Each relation has these two already.
            && ![TIME, POSITION].contains(&column.name.as_str())
            && (all || query.contains(&column.name.to_lowercase()))
    });
    let column = |column: &crate::input::infer::InferredColumn| {
        let is = |time: &crate::input::ReadTime| time.is_instant(column);
        let instant = is(&read.time) || read.arrival.as_ref().is_some_and(is);
        let ty = if instant { DataType::Timestamp } else { column.ty };
        ReadColumn { name: column.name.clone(), ty, inferred: !column.declared }
    };
    wanted.map(column).collect()
}

/// Whether a statement takes all columns: `SELECT *`, `s.*`.
fn has_star(query: &str) -> bool {
    query.match_indices('*').any(|(at, _)| {
        let before = query[..at].trim_end();
        let after = query[at + 1..].trim_start();
        let list = before.ends_with(['.', ','])
            || ["select", "distinct", "all"].iter().any(|word| before.ends_with(word));
        // After a star of all columns comes FROM, EXCEPT or EXCLUDE. Any other word is a factor of a product.
        list && !after.starts_with(|c: char| {
            c.is_alphanumeric() && !after.starts_with("from") && !after.starts_with("ex")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_are_columns_or_products() {
        for all in [
            "select * from source",
            "select s.* from source s",
            "select a, * from source",
            "select *, a from source",
        ] {
            assert!(has_star(all), "{all}");
        }
        for some in ["select count(*) from source", "select a * b from source", "select sum(a*b) from source"]
        {
            assert!(!has_star(some), "{some}");
        }
    }
}
