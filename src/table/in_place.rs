//! A table that lies in place, whatever its format.

use super::catalog::CatalogTable;
use super::change::{KeepRule, PlannedExpiry, TableChange};
use super::delta::{self, DeltaTable};
use super::description::TableDescription;
use super::format::TableFormat;
use super::iceberg::{self, LoadedTable, TableHome};
use super::kind::TableKind;
use super::rest;
use super::shape::{TableFile, TableShape};
use crate::error::Result;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A table that lies in place.
#[derive(Debug, Clone)]
pub enum TableInPlace {
    /// One of Iceberg.
    Iceberg(LoadedTable),
    /// One of Delta Lake.
    Delta(DeltaTable),
}

impl TableInPlace {
    /// Its folder, absolute.
    pub fn folder(&self) -> &Path {
        match self {
            TableInPlace::Iceberg(table) => &table.folder,
            TableInPlace::Delta(table) => &table.folder,
        }
    }

    /// The version of its metadata.
    pub fn version(&self) -> u64 {
        match self {
            TableInPlace::Iceberg(table) => table.version,
            TableInPlace::Delta(table) => table.version,
        }
    }

    /// The folder and the version that a hint in it should name, where the folder is the catalog of a table of Iceberg.
    pub fn hinted(&self) -> Option<(&Path, u64)> {
        match self {
            TableInPlace::Iceberg(table) if matches!(table.home, TableHome::Folder) => {
                Some((&table.folder, table.version))
            }
            _ => None,
        }
    }

    /// Whether a commit of Highwater wrote one of its snapshots.
    pub fn has_ledger(&self) -> bool {
        match self {
            TableInPlace::Iceberg(table) => table.has_ledger(),
            TableInPlace::Delta(table) => table.has_ledger(),
        }
    }

    /// The file of the ledger of its current snapshot, and its hash.
    ///
    /// # Errors
    /// A machine error: another program has changed it since our last commit; it was moved, and its format does not bear that.
    pub fn ledger(&self) -> Result<(PathBuf, String)> {
        match self {
            TableInPlace::Iceberg(table) => table.ledger(),
            TableInPlace::Delta(table) => table.ledger(),
        }
    }

    /// The table for people.
    ///
    /// # Errors
    /// Its metadata cannot be read.
    pub fn describe(&self) -> Result<TableDescription> {
        match self {
            TableInPlace::Iceberg(table) => Ok(table.describe()),
            TableInPlace::Delta(table) => table.describe(),
        }
    }

    fn iceberg(&self) -> Option<&LoadedTable> {
        match self {
            TableInPlace::Iceberg(table) => Some(table),
            TableInPlace::Delta(_) => None,
        }
    }

    fn delta(&self) -> Option<&DeltaTable> {
        match self {
            TableInPlace::Iceberg(_) => None,
            TableInPlace::Delta(table) => Some(table),
        }
    }
}

/// The table in `folder`, or that its catalog has there; `None` if there is none.
///
/// # Errors
/// A machine error: its metadata cannot be read, or is of a version that is not known; its catalog cannot be reached.
pub fn load(folder: &Path, kind: &TableKind) -> Result<Option<TableInPlace>> {
    Ok(match (&kind.catalog, kind.format) {
        (Some(catalog), _) => rest::load(catalog, folder)?.map(TableInPlace::Iceberg),
        (None, TableFormat::Iceberg) => LoadedTable::load(folder)?.map(TableInPlace::Iceberg),
        (None, TableFormat::Delta) => DeltaTable::load(folder)?.map(TableInPlace::Delta),
    })
}

/// Has a catalog begin the table `shape` in `folder`.
///
/// # Errors
/// A machine error: the catalog refuses, or begins another table than was asked for.
pub fn begin_in_catalog(
    catalog: &Arc<CatalogTable>,
    folder: &Path,
    shape: &TableShape,
) -> Result<TableInPlace> {
    rest::stage(catalog, folder, &iceberg::blank(folder, shape)?).map(TableInPlace::Iceberg)
}

/// The ids by which the parts of a table and the statistics of them name the columns of `shape`. `base` is the table at
/// `folder`.
///
/// # Errors
/// A job error: a column does not fit the format, or changes its type in a way that the format does not allow.
pub fn column_ids(
    folder: &Path,
    base: Option<&TableInPlace>,
    shape: &TableShape,
) -> Result<BTreeMap<String, i32>> {
    match shape.format {
        TableFormat::Iceberg => iceberg::column_ids(base.and_then(TableInPlace::iceberg), shape),
        TableFormat::Delta => delta::column_ids(folder, base.and_then(TableInPlace::delta), shape),
    }
}

/// The commit by which the table at `folder` has the files `now`, and the ledger `ledger`. `base` is what lies there, and
/// `time` the clock in milliseconds.
///
/// # Errors
/// A column changes its type in a way that is not allowed; the metadata in place cannot be read, or does not have the files
/// `before`, which our last ledger names.
pub fn plan_commit(
    folder: &Path,
    base: Option<&TableInPlace>,
    shape: &TableShape,
    (before, now): (&HashSet<&str>, &[TableFile]),
    ledger: &str,
    time: i64,
) -> Result<TableChange> {
    match shape.format {
        TableFormat::Iceberg => {
            let base = base.and_then(TableInPlace::iceberg);
            iceberg::plan_commit(folder, base, shape, before, now, ledger, time)
        }
        TableFormat::Delta => {
            let base = base.and_then(TableInPlace::delta);
            delta::plan_commit(folder, base, shape, (before, now), ledger, time)
        }
    }
}

/// What an expiry of `table` by `rule` does; `time` is the clock.
///
/// # Errors
/// A machine error: the table was moved, or changed by others in a way that is not known; its files cannot be read.
pub fn expire(table: &TableInPlace, rule: KeepRule, time: i64) -> Result<PlannedExpiry> {
    match table {
        TableInPlace::Iceberg(table) => iceberg::expire(table, rule, time),
        TableInPlace::Delta(table) => delta::expire(table, rule, time),
    }
}
