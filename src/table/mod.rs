//! Tables: an output whose commit is a snapshot, in a format that other engines read.
//!
//! ```text
//! PATH/data/<partition>/<content hash>.parquet   parts, under names that never come back
//! PATH/data/_highwater/                          lock, journal, staging, change logs, states of groups: as of any output
//! PATH/metadata/                                 what the format has, and the ledgers
//! ```
//!
//! # Contract
//! * **One commit, one snapshot.** A run, a backfill or an edit replaces exactly the files whose rows change. Where nothing
//!   changes there is not a new snapshot.
//! * **The commit point for readers** is one file that is put in place if it is absent: `metadata/vN.metadata.json`; or, of a
//!   table in a catalog, one request ([`commit_to_catalog`]). All that it names lies in place before, under new names, so no
//!   rename over a file is needed and no reader sees a part of a commit.
//! * **The ledger** is the manifest of an output, compressed: which job wrote the table, of which inputs, with which
//!   parts. The summary of a snapshot names the ledger and its hash. So a table that was moved, or that another program has
//!   written to since, is noticed, and never overwritten.
//! * **Pure.** This room reads tables and says what a commit writes: names and bytes. It puts nothing in place: `sink` stages,
//!   journals and commits, and says when a catalog is asked for a commit. Ids are hashes of the history, so equal histories at one path have equal ids; the clock is in
//!   `timestamp-ms` alone, and never in a part.
//! * **Deletion.** A commit deletes nothing. [`expire`] drops old snapshots, and then the files of ours that no snapshot reaches.
//!
//! A further format is a variant of [`TableFormat`] and a folder beside `iceberg`, with the functions that are dispatched here.

mod avro;
mod catalog;
mod delta;
mod format;
mod iceberg;
mod kind;
mod layout;
mod reading;
mod rest;
mod shape;
mod snapshot;
mod value;

pub use catalog::{CatalogTable, TOKEN_VARIABLES, checked as checked_address};
pub use format::{TableFormat, of_data};
pub use iceberg::{
    CommitStep, ExpiredTable, KeepRule, LoadedTable, PlannedExpiry, SnapshotFacts, TableChange,
    TableDescription, TableFileNames, TableHome, blank, column_ids, expire, plan_commit,
};
pub use kind::{TableKind, load};
pub use layout::{DATA, LONGEST_COMMIT, METADATA, conflict, now};
pub use reading::read_snapshot;
pub use rest::{CatalogCommit, commit as commit_to_catalog, metadata_file, stage as begin_in_catalog};
pub use shape::{FolderValue, PartStatistics, TableField, TableFile, TablePartition, TableShape, Transform};
pub use snapshot::{SnapshotChoice, TableSnapshot, missing_file};
pub use value::TableValue;
