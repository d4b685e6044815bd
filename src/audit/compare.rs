//! Rows as they would have been, beside the rows with every event counted.
//!
//! # Contract
//! Differences are added exactly (integers and decimals in 128 bits, floats without rounding and rounded
//! once), so the order of rows never shows. NaN equals NaN, and −0 equals 0.

use super::report::ColumnError;
use crate::aggregate::{FloatSum, Function, Pairwise};
use crate::batch::{ColumnView, DataType, canonical};
use crate::deliver::shape::OutputRows;
use crate::error::Result;
use crate::plan::{Grouping, OutputPlan, PlannedColumn, Post};
use crate::sink::value::decimal_text;
use crate::time::TimeRange;
use arrow_array::ArrayRef;

/// A column that is compared.
pub struct AuditedColumn {
    /// Its number in the output.
    column: usize,
    ty: DataType,
    name: String,
    /// Whether a row that is not there has 0 of it, as counts and sums have.
    zero: bool,
}

/// The columns of an output that are no keys and no bounds of windows.
pub fn compared(output: &OutputPlan, post: &Post, grouping: &Grouping) -> Vec<AuditedColumn> {
    let columns = post.columns.iter().enumerate().filter_map(|(column, planned)| {
        let zero = match planned {
            PlannedColumn::Value(v) => matches!(
                grouping.plan.aggregates[*v].0.function,
                Function::CountRows
                    | Function::Count
                    | Function::CountIf
                    | Function::Pairwise(Pairwise::Count)
                    | Function::CountDistinct
                    | Function::ApproxCountDistinct
                    | Function::Sum
            ),
            // What an expression gives without its row is not known.
            PlannedColumn::Computed(_) => false,
            _ => return None,
        };
        let field = &output.columns.fields[column];
        Some(AuditedColumn { column, ty: field.ty, name: field.name.clone(), zero })
    });
    columns.collect()
}

/// A row that differs: its number among the rows as they would have been, and among the true ones.
pub type RowPair = (Option<usize>, Option<usize>);

/// What is wrong at one delay.
#[derive(Default)]
pub struct Wrong {
    pub rows: u64,
    pub missing: u64,
    errors: Vec<Errors>,
    /// The windows of wrong rows, in order; of sessions some may be there several times.
    windows: Vec<TimeRange>,
}

/// The errors of one column.
#[derive(Default)]
pub struct Errors {
    wrong: u64,
    largest: DifferenceSize,
    total: Total,
}

/// The size of a difference.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
enum DifferenceSize {
    #[default]
    None,
    Exact(u128),
    Float(f64),
}

#[derive(Default)]
struct Total {
    exact: u128,
    float: FloatSum,
}

/// Rows that are there, by number; `None` for what is not.
pub fn kept(rows: &OutputRows, present: Option<&[bool]>, len: usize) -> Vec<bool> {
    let mut kept = match &rows.kept {
        None => vec![true; len],
        Some(numbers) => {
            let mut kept = vec![false; len];
            numbers.iter().for_each(|&row| kept[row as usize] = true);
            kept
        }
    };
    if let Some(present) = present {
        kept.iter_mut().zip(present).for_each(|(kept, present)| *kept &= present);
    }
    kept
}

impl Wrong {
    /// Compares pairs of rows in order, each with its window.
    ///
    /// # Errors
    /// As [`ColumnView::of`].
    pub fn compare(
        &mut self,
        columns: &[AuditedColumn],
        would: &AuditedRows,
        truth: &AuditedRows,
        pairs: impl Iterator<Item = (RowPair, TimeRange)>,
    ) -> Result<()> {
        self.errors.resize_with(columns.len(), Errors::default);
        let (would, truth) = (would.views()?, truth.views()?);
        for (pair, span) in pairs {
            let mut wrong = pair.0.is_none() || pair.1.is_none();
            let sides = would.iter().zip(&truth);
            for ((column, errors), (would, truth)) in columns.iter().zip(&mut self.errors).zip(sides) {
                match pair {
                    (Some(w), Some(t)) => {
                        if would.compare(w, truth, t).is_ne() {
                            wrong = true;
                            errors.note(DifferenceSize::between(
                                CellNumber::of(would, w),
                                CellNumber::of(truth, t),
                            ));
                        }
                    }
                    (one, other) => {
                        let there =
                            one.map(|w| CellNumber::of(would, w)).or(other.map(|t| CellNumber::of(truth, t)));
                        // A missing row has lost its whole count or sum. The loss of other values does not
                        // have a size.
                        let amount = match there {
                            Some(number) if column.zero => DifferenceSize::between(number, number.zero()),
                            _ => DifferenceSize::None,
                        };
                        errors.note(amount);
                    }
                }
            }
            if wrong {
                self.rows += 1;
                self.missing += u64::from(pair.0.is_none());
                // Pairs come by window, so most repeats are neighbours; `windows` drops the others.
                if self.windows.last() != Some(&span) {
                    self.windows.push(span);
                }
            }
        }
        Ok(())
    }

    /// Takes in what comes after, in order.
    pub fn append(&mut self, next: Wrong) {
        self.rows += next.rows;
        self.missing += next.missing;
        self.windows.extend(next.windows);
        self.errors.resize_with(next.errors.len().max(self.errors.len()), Errors::default);
        for (errors, next) in self.errors.iter_mut().zip(next.errors) {
            errors.wrong += next.wrong;
            errors.largest = errors.largest.max(next.largest);
            // A sum of errors is read by people: at its limit it may stop, but not wrap.
            errors.total.exact = errors.total.exact.saturating_add(next.total.exact);
            errors.total.float.merge(&next.total.float);
        }
    }

    /// Windows with a wrong row.
    pub fn windows(&self) -> u64 {
        // Blocks and buckets of keys can share a window.
        let mut windows = self.windows.clone();
        windows.sort_unstable();
        windows.dedup();
        windows.len() as u64
    }

    /// The errors of each column, for the report.
    pub fn columns(&self, columns: &[AuditedColumn]) -> Vec<ColumnError> {
        let none = Errors::default();
        let errors = (0..columns.len()).map(|i| self.errors.get(i).unwrap_or(&none));
        let text = |column: &AuditedColumn, errors: &Errors| match (column.ty, column.ty.scale()) {
            (DataType::Int64, _) => {
                let largest = errors.largest.exact().to_string();
                (Some(largest), Some(errors.total.exact.to_string()))
            }
            (_, Some(scale)) => {
                // A total can leave the range of a decimal, and then shows the greatest one.
                let text = |n: u128| decimal_text(i128::try_from(n).unwrap_or(i128::MAX), scale);
                (Some(text(errors.largest.exact())), Some(text(errors.total.exact)))
            }
            (DataType::Float64, _) => {
                let largest = if let DifferenceSize::Float(x) = errors.largest { x } else { 0.0 };
                (Some(largest.to_string()), Some(errors.total.float.value().to_string()))
            }
            _ => (None, None),
        };
        let error = |(column, errors): (&AuditedColumn, &Errors)| {
            let (largest, total) = text(column, errors);
            ColumnError { column: column.name.clone(), wrong: errors.wrong, largest, total }
        };
        columns.iter().zip(errors).map(error).collect()
    }
}

impl Errors {
    fn note(&mut self, amount: DifferenceSize) {
        self.wrong += 1;
        match amount {
            DifferenceSize::None => {}
            DifferenceSize::Exact(n) => self.total.exact = self.total.exact.saturating_add(n),
            DifferenceSize::Float(x) => self.total.float.add(x),
        }
        self.largest = self.largest.max(amount);
    }
}

impl DifferenceSize {
    fn between(a: CellNumber, b: CellNumber) -> DifferenceSize {
        match (a, b) {
            (CellNumber::Exact(a), CellNumber::Exact(b)) => DifferenceSize::Exact(a.abs_diff(b)),
            (CellNumber::Float(a), CellNumber::Float(b)) => DifferenceSize::Float((a - b).abs()),
            _ => DifferenceSize::None,
        }
    }

    fn max(self, other: DifferenceSize) -> DifferenceSize {
        // Variants compare in their order, so any amount is above `None`. A NaN is not above anything.
        if other > self { other } else { self }
    }

    fn exact(self) -> u128 {
        if let DifferenceSize::Exact(n) = self { n } else { 0 }
    }
}

/// A value as a number.
#[derive(Debug, Clone, Copy)]
enum CellNumber {
    /// NULL, or no number.
    None,
    Exact(i128),
    Float(f64),
}

impl CellNumber {
    fn of(column: &ColumnView, row: usize) -> CellNumber {
        match column {
            _ if column.is_null(row) => CellNumber::None,
            ColumnView::Int(values) => CellNumber::Exact(values.value(row).into()),
            ColumnView::Decimal(values, _) => CellNumber::Exact(values.value(row)),
            ColumnView::Float(values) => CellNumber::Float(canonical(values.value(row))),
            _ => CellNumber::None,
        }
    }

    fn zero(self) -> CellNumber {
        match self {
            CellNumber::None => CellNumber::None,
            CellNumber::Exact(_) => CellNumber::Exact(0),
            CellNumber::Float(_) => CellNumber::Float(0.0),
        }
    }
}

/// The compared columns of some rows.
pub struct AuditedRows(Vec<ArrayRef>);

impl AuditedRows {
    /// Of the rows of an output.
    pub fn new(columns: &[AuditedColumn], rows: &OutputRows) -> AuditedRows {
        AuditedRows(columns.iter().map(|c| rows.columns[c.column].clone()).collect())
    }

    fn views(&self) -> Result<Vec<ColumnView<'_>>> {
        self.0.iter().map(ColumnView::of).collect()
    }
}
