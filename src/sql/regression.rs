//! `corr`, `covar_*`, `regr_*`: from sums over the pairs of which neither side is NULL.
//!
//! Of integers and decimals the sums are exact, and divided once, as variances are.

use super::aggregate_parts::{Aggregated, above_least, average, counted, floats, unit, wide};
use super::statement::Statement;
use super::{Dialect, words};
use crate::aggregate::{Aggregate, Pairwise};
use crate::batch::{ColumnId, DataType};
use crate::error::Result;

/// Aggregate number `i`, of (y, x).
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn pairwise(
    s: &mut Statement,
    i: usize,
    what: Pairwise,
    (aggregate, args): (&Aggregate, &[ColumnId]),
    group: &[String],
) -> Result<Aggregated> {
    let (y, x) = (s.operand(args[0])?, s.operand(args[1])?);
    let is_float = aggregate.args.contains(&DataType::Float64);
    let float = |sql: &str, ty| match is_float && ty != DataType::Float64 {
        true => words::to_double(s.dialect, sql),
        false => sql.to_string(),
    };
    // Each side is NULL where the other is, so that SUM and COUNT leave out the whole pair.
    let sides = [
        format!("CASE WHEN {x} IS NOT NULL THEN {} END AS _of_{i}", float(&y, aggregate.args[0])),
        format!("CASE WHEN {y} IS NOT NULL THEN {} END AS _by_{i}", float(&x, aggregate.args[1])),
    ];
    let types = if is_float { [DataType::Float64; 2] } else { [aggregate.args[0], aggregate.args[1]] };
    let [y, x] = [format!("_of_{i}"), format!("_by_{i}")];
    let mut made = Aggregated { prepared: sides.into(), ..Aggregated::default() };
    let mut factors = [y.clone(), x.clone()];
    if is_float {
        floats(s, DataType::Float64, "covariances and regressions");
        // From the least values on, as variances.
        for (k, factor) in factors.iter_mut().enumerate() {
            made.ranked.push(format!("{} AS _above_{i}_{}", above_least(factor, group), k + 1));
            *factor = format!("_above_{i}_{}", k + 1);
        }
    }
    if matches!(what, Pairwise::Corr | Pairwise::R2) {
        s.note("corr and regr_r2 may differ in the last digits: ours is rounded once");
    }
    let sides = RegressionColumns { dialect: s.dialect, types, values: [y, x], factors };
    made.value = sides.value(what);
    Ok(made)
}

/// The columns of y and of x.
struct RegressionColumns {
    dialect: Dialect,
    types: [DataType; 2],
    values: [String; 2],
    /// The values, or their distances from the least of them.
    factors: [String; 2],
}

impl RegressionColumns {
    fn count(&self) -> String {
        counted(self.dialect, &self.values[0])
    }

    fn is_float(&self) -> bool {
        self.types[0] == DataType::Float64
    }

    fn double(&self, sql: &str) -> String {
        if self.is_float() { format!("({sql})") } else { words::to_double(self.dialect, sql) }
    }

    /// A side as a whole number of units.
    fn whole(&self, side: usize) -> String {
        let factor = &self.factors[side];
        match unit(self.types[side]) {
            _ if self.is_float() => factor.clone(),
            1 => format!("CAST({factor} AS {})", wide(self.dialect)),
            unit => format!("CAST({factor} * {unit} AS {})", wide(self.dialect)),
        }
    }

    /// What a product of two sides is divided by.
    fn units(&self, a: usize, b: usize) -> f64 {
        unit(self.types[a]) as f64 * unit(self.types[b]) as f64
    }

    /// n times the sum of products of distances from the means, in units.
    fn spread(&self, a: usize, b: usize) -> String {
        let (n, a, b) = (self.count(), self.whole(a), self.whole(b));
        format!("{n} * SUM({a} * {b}) - SUM({a}) * SUM({b})")
    }

    /// A spread divided by `below`, a whole number.
    fn over(&self, (a, b): (usize, usize), below: &str) -> String {
        let above = self.double(&self.spread(a, b));
        let below = format!("NULLIF({}, 0)", words::to_double(self.dialect, below));
        match self.units(a, b) {
            1.0 => format!("{above} / {below}"),
            units => format!("{above} / ({below} * {units:?})"),
        }
    }

    /// The slope of the line of least squares.
    fn slope(&self) -> String {
        // The spreads are in units of last digits: their quotient is to be multiplied by the unit of x over
        // that of y.
        let above = self.times(self.double(&self.spread(0, 1)), unit(self.types[1]));
        let below = self.times(self.double(&self.spread(1, 1)), unit(self.types[0]));
        format!("{above} / NULLIF({below}, 0)")
    }

    fn times(&self, sql: String, unit: i64) -> String {
        if unit == 1 { sql } else { format!("({sql} * {:?})", unit as f64) }
    }

    fn value(&self, what: Pairwise) -> String {
        let n = self.count();
        let mean = |side: usize| average(self.dialect, self.types[side], &self.values[side]);
        let double = |a, b| self.double(&self.spread(a, b));
        match what {
            Pairwise::Count => n,
            Pairwise::AvgY => mean(0),
            Pairwise::AvgX => mean(1),
            Pairwise::Syy => self.over((0, 0), &n),
            Pairwise::Sxx => self.over((1, 1), &n),
            Pairwise::Sxy => self.over((0, 1), &n),
            Pairwise::CovarPop => self.over((0, 1), &format!("{n} * {n}")),
            Pairwise::CovarSamp => self.over((0, 1), &format!("{n} * ({n} - 1)")),
            Pairwise::Slope => self.slope(),
            Pairwise::Intercept => match self.is_float() {
                true => format!("({}) - ({}) * ({})", mean(0), self.slope(), mean(1)),
                // Of exact numbers this is one division; the means and the slope would each be rounded
                // before.
                false => {
                    let (y, x) = (format!("SUM({})", self.whole(0)), format!("SUM({})", self.whole(1)));
                    let above = format!("{y} * ({}) - {x} * ({})", self.spread(1, 1), self.spread(0, 1));
                    let below = format!("{n} * ({})", self.spread(1, 1));
                    let below = self.times(self.double(&below), unit(self.types[0]));
                    format!("{} / NULLIF({below}, 0)", self.double(&above))
                }
            },
            Pairwise::Corr => {
                format!("{} / NULLIF(SQRT({} * {}), 0)", double(0, 1), double(0, 0), double(1, 1))
            }
            Pairwise::R2 => {
                let (yx, yy, xx) = (double(0, 1), double(0, 0), double(1, 1));
                let squared = format!("{yx} * {yx} / ({xx} * {yy})");
                // As PostgreSQL has it: NULL where x is constant, 1 where y is.
                format!("CASE WHEN {xx} = 0 THEN NULL WHEN {yy} = 0 THEN 1.0 ELSE {squared} END")
            }
        }
    }
}
