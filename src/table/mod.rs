//! Tables: an output whose commit is a snapshot, in a format that other engines read.
//!
//! ```text
//! Iceberg                                        Delta Lake
//! PATH/data/<partition>/<content hash>.parquet   PATH/<partition>/<content hash>.parquet   parts, under names that never come back
//! PATH/data/_highwater/                          PATH/_highwater/                          lock, journal, staging: as of any output
//! PATH/metadata/                                 PATH/_delta_log/                          what the format has, and the ledgers
//! ```
//!
//! # Contract
//! * **One commit, one snapshot.** A run, a backfill or an edit replaces exactly the files whose rows change. Where no row
//!   changes but the ledger does, a folder of Iceberg has a new version of the metadata, and every other table a snapshot without new
//!   files: of two writers one has to lose. Where nothing changes nothing is written.
//! * **The commit point for readers** is one file that is put in place if it is absent: `metadata/vN.metadata.json` of Iceberg,
//!   `_delta_log/N.json` of Delta Lake; or, of a table in a catalog, one request ([`commit_to_catalog`]). All that it names lies
//!   in place before, under new names, so no rename over a file is needed and no reader sees a part of a commit.
//! * **The ledger** is the manifest of an output, compressed: which job wrote the table, of which inputs, with which
//!   parts. The summary of a snapshot (of Delta Lake, the information of a commit) names the ledger and its hash. So a table that
//!   another program has written to since is noticed, and never overwritten. Iceberg names files by absolute paths, so a table
//!   of it that was moved is noticed too.
//! * **Pure.** This room reads tables and says what a commit writes: names and bytes. It puts nothing in place: `sink` stages,
//!   journals and commits, and says when a catalog is asked for a commit. Ids are hashes of the history, so equal histories at one path have equal ids; the clock is in
//!   `timestamp-ms` alone, and never in a part.
//! * **Deletion.** A commit deletes nothing. [`expire`] drops old snapshots, and then the files of ours that no snapshot reaches.
//!
//! A further format is a variant of [`TableFormat`] and of [`TableInPlace`], and a folder beside `iceberg`.

mod avro;
mod catalog;
mod change;
mod delta;
mod description;
mod format;
mod iceberg;
mod in_place;
mod kind;
mod layout;
mod own_names;
mod reading;
mod rest;
mod shape;
mod snapshot;
mod store_rule;
mod value;

pub use catalog::{CatalogTable, TOKEN_VARIABLES, checked as checked_address};
pub use change::{CommitStep, ExpiredTable, KeepRule, PlannedExpiry, TableChange};
pub use description::{SnapshotFacts, TableDescription};
pub use format::{TableFormat, of_data};
pub use iceberg::TableFileNames;
pub use in_place::{TableInPlace, begin_in_catalog, column_ids, expire, load, plan_commit};
pub use kind::TableKind;
pub use layout::{LONGEST_COMMIT, METADATA, conflict, now};
pub use reading::read_snapshot;
pub use rest::{CatalogCommit, commit as commit_to_catalog, metadata_file};
pub use shape::{FolderValue, PartStatistics, TableField, TableFile, TablePartition, TableShape, Transform};
pub use snapshot::{SnapshotChoice, TableSnapshot, missing_file};
pub use value::TableValue;
