//! What an evaluation has beside the tree: rows, columns, the zone.

use crate::batch::DataType;
use crate::expr::types::Type;
use crate::time::Zone;
use arrow_array::ArrayRef;
use std::cell::RefCell;

/// What an evaluation has beside the tree.
pub struct Context {
    /// The number of rows.
    pub rows: usize,
    /// The columns of the tree.
    pub columns: Vec<ArrayRef>,
    /// The job's zone.
    pub zone: RefCell<Zone>,
    /// What a test has planted.
    #[cfg(test)]
    pub fault: Option<crate::planted::InjectedFault>,
}

impl Context {
    /// A context without columns, of one row.
    pub fn of_constants(zone: &Zone) -> Context {
        Context::new(1, vec![], zone)
    }

    /// A context of so many rows.
    pub fn new(rows: usize, columns: Vec<ArrayRef>, zone: &Zone) -> Context {
        // A zone keeps the last offset that it looked up, so that a look-up changes it.
        let zone = RefCell::new(zone.clone());
        Context {
            rows,
            columns,
            zone,
            #[cfg(test)]
            fault: None,
        }
    }
}

/// The Arrow type of values of `ty`.
pub fn arrow(ty: Type) -> arrow_schema::DataType {
    match ty {
        Type::Of(ty) => ty.arrow(),
        // NULL alone needs some type: PostgreSQL makes it text.
        Type::Null | Type::Unknown => DataType::String.arrow(),
        Type::Interval => arrow_schema::DataType::Interval(arrow_schema::IntervalUnit::MonthDayNano),
        Type::Clock => arrow_schema::DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None),
    }
}
