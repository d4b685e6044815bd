//! The relations that statements read: the source and the tables of a job.

use super::dialect::{ARRIVAL, OF_FILE, POSITION, TIME};
use crate::batch::{DataType, Field};
use crate::error::{Error, Result};
use crate::input::ReadPlan;
use crate::plan::{LogPartition, Plan};
use crate::time::TimeRule;

/// A relation that statements read.
#[derive(Debug, Clone)]
pub struct Relation<'a> {
    /// `source`, or the name of a table.
    pub name: String,
    /// How its records are read.
    pub read: &'a ReadPlan,
    /// Its columns: those that are read, `_time` if it has a time, what tells arrivals where a watermark needs it, and
    /// `_position`.
    pub fields: Vec<Field>,
}

/// The relations of `plan`: the source, then each table once.
///
/// # Errors
/// A job error: a column or table whose name is one of ours.
pub fn relations(plan: &Plan) -> Result<Vec<Relation<'_>>> {
    let mut source = relation("source", &plan.pipeline.read)?;
    let before_position = source.fields.len() - 1;
    source.fields.splice(before_position..before_position, of_arrivals(plan)?);
    let mut all = vec![source];
    for table in &plan.pipeline.tables {
        // Some engines tell no cases apart, so none is taken for a difference.
        let same = |known: &&Relation| known.name.to_lowercase() == table.name.to_lowercase();
        let known = all.iter().find(same).map(|known| known.name.clone());
        // The plan has a table once for each set of keys; its relation is the same each time.
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

/// The columns that tell in which order and partition the records arrived, where a streamed output or a change log needs them.
fn of_arrivals(plan: &Plan) -> Result<Vec<Field>> {
    let read = &plan.pipeline.read;
    let streamed = plan.pipeline.groupings.iter().any(|grouping| grouping.plan.lateness.is_some())
        || plan.pipeline.steps_are_streamed();
    let changes = plan.pipeline.latest().is_some_and(|(_, by_arrival)| by_arrival);
    let wanted = [
        (ARRIVAL, DataType::Timestamp, read.arrival.is_some() && (streamed || changes)),
        (
            OF_FILE,
            DataType::String,
            streamed && plan.pipeline.watermark.partition == Some(LogPartition::File),
        ),
    ];
    let mut fields = vec![];
    for (name, ty, _) in wanted.into_iter().filter(|(_, _, needed)| *needed) {
        if read.columns.iter().any(|column| column.name == name) {
            return Err(Error::job(format!("the column `{name}` has a name that SQL reserves")));
        }
        fields.push(Field::new(name, ty));
    }
    Ok(fields)
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
    // Untimed tables have a position too: it breaks ties, and it is their only order.
    fields.push(Field::new(POSITION, DataType::Int64));
    Ok(Relation { name: name.to_string(), read, fields })
}
