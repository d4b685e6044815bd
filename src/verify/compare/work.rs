//! The two sides of a comparison with their columns matched, and how they are read.

use super::limits::Limits;
use super::meaning::Meaning;
use super::side::{CellRows, Side};
use crate::error::Result;
use rayon::prelude::*;

/// A column that is compared.
#[derive(Debug, Clone)]
pub(super) struct ComparedColumn {
    pub name: String,
    pub meaning: Meaning,
    /// The absolute and the relative difference that is none.
    pub tolerance: Option<(f64, f64)>,
}

/// The columns that are compared: those of the key, then the others.
#[derive(Debug)]
pub(super) struct ComparedColumns {
    pub all: Vec<ComparedColumn>,
    /// How many are of the key.
    pub keys: usize,
    /// Rows are paired by all of their columns.
    pub whole: bool,
}

impl ComparedColumns {
    /// The names of the first `n`.
    pub fn names(&self, n: usize) -> Vec<&str> {
        self.all[..n].iter().map(|column| column.name.as_str()).collect()
    }
}

/// A comparison under way.
#[derive(Debug)]
pub(super) struct ComparisonWork {
    pub sides: [Side; 2],
    pub columns: ComparedColumns,
    pub show: usize,
    pub threads: usize,
    pub limits: Limits,
}

impl ComparisonWork {
    /// Reads the columns `names` of the sides `which`; `see` is told the number of the side. In any order, in several threads.
    pub fn scan(
        &self,
        which: &[usize],
        names: &[&str],
        see: impl Fn(usize, &CellRows) -> Result<()> + Sync,
    ) -> Result<()> {
        scan(&self.sides, which, names, |_, _| true, see)
    }

    /// The same of both sides, of the parts that are `wanted`: by side and number.
    pub fn scan_parts(
        &self,
        names: &[&str],
        wanted: impl Fn(usize, usize) -> bool,
        see: impl Fn(usize, &CellRows) -> Result<()> + Sync,
    ) -> Result<()> {
        scan(&self.sides, &[0, 1], names, wanted, see)
    }
}

/// As [`ComparisonWork::scan`].
pub(super) fn scan(
    sides: &[Side; 2],
    which: &[usize],
    names: &[&str],
    wanted: impl Fn(usize, usize) -> bool,
    see: impl Fn(usize, &CellRows) -> Result<()> + Sync,
) -> Result<()> {
    let parts = which.iter().flat_map(|side| (0..sides[*side].parts.len()).map(|part| (*side, part)));
    let parts: Vec<(usize, usize)> = parts.filter(|(side, part)| wanted(*side, *part)).collect();
    // A part is large: one task each lets the threads share them evenly.
    parts
        .into_par_iter()
        .with_max_len(1)
        .try_for_each(|(side, part)| sides[side].read(part, names, &|piece| see(side, piece)))
}
