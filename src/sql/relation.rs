//! The relations that statements read: the source and the tables of a job.

use super::dialect::{POSITION, TIME};
use crate::batch::{DataType, Field};
use crate::error::{Error, Result};
use crate::input::ReadPlan;
use crate::plan::Plan;
use crate::time::TimeRule;

/// A relation that statements read.
#[derive(Debug, Clone)]
pub struct Relation<'a> {
    /// `source`, or the name of a table.
    pub name: String,
    /// How its records are read.
    pub read: &'a ReadPlan,
    /// Its columns: those that are read, `_time` if it has a time, `_position`.
    pub fields: Vec<Field>,
}

/// The relations of `plan`: the source, then each table once.
///
/// # Errors
/// A job error: a column or table whose name is one of ours.
pub fn relations(plan: &Plan) -> Result<Vec<Relation<'_>>> {
    let mut all = vec![relation("source", &plan.pipeline.read)?];
    for table in &plan.pipeline.tables {
        // Some engines tell no cases apart, so none is taken for a difference.
        let same = |known: &&Relation| known.name.to_lowercase() == table.name.to_lowercase();
        let known = all.iter().find(same).map(|known| known.name.clone());
        if known.as_ref() != Some(&table.name) || table.name == "source" {
            match known.as_deref() {
                Some("source") => {
                    let error =
                        format!("a table is called `{}`, which is the name of the source in SQL", table.name);
                    return Err(Error::job(error));
                }
                Some(known) => {
                    let (one, other) = (known, &table.name);
                    return Err(Error::job(format!("`{one}` and `{other}` are one table in SQL")));
                }
                None => {}
            }
            all.push(relation(&table.name, &table.read)?);
        }
    }
    Ok(all)
}

pub(super) fn relation<'a>(name: &str, read: &'a ReadPlan) -> Result<Relation<'a>> {
    let mut fields: Vec<Field> = vec![];
    for column in &read.columns {
        if column.name == TIME || column.name == POSITION {
            return Err(Error::job(format!("the column `{}` has a name that SQL reserves", column.name)));
        }
        // A name may come twice, with other types: statements see the first.
        if !fields.iter().any(|f| f.name == column.name) {
            fields.push(Field::new(&column.name, column.ty));
        }
    }
    if read.time.rule != TimeRule::Untimed {
        fields.push(Field::new(TIME, DataType::Timestamp));
    }
    fields.push(Field::new(POSITION, DataType::Int64));
    Ok(Relation { name: name.to_string(), read, fields })
}
