//! Highwater replays recorded events through event-time windows and enrichment, over plain files.
//!
//! This library is the program in parts, for its binary and its tests. It has no stable API: what is stable is the
//! command line, the job file, the JSON that commands print, and the files that they write.
//!
//! ```text
//! files → chunks → batches → steps → windows → outputs
//! input            batch     expr    group      sink
//!                                    rows       (staged, then committed together)
//! ```
//!
//! # Modules
//! Dependencies point downward only; `tests/it/tidy.rs` holds the order.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`cli`] | the command line, and the only printer |
//! | [`serve`] | jobs and outputs of a folder in a browser: requests to pages; reads only |
//! | [`report`] | outputs as a page to look at: charts, tables, the account, late data, differences |
//! | [`lineage`] | events of OpenLineage: which datasets a command reads and writes |
//! | [`on`] | a run on another engine: its rows, checked here, committed as those of a run |
//! | [`adopt`] | results that another program published, as the state of outputs |
//! | [`verify`] | results beside those of SQL, files and servers, and why they differ |
//! | [`init`] | a first job for a log: what its columns are, and what they are for |
//! | [`run`] | one run of a job: all outputs, committed together |
//! | [`backfill`] | outputs in place, corrected where late events and wrong files touch them |
//! | [`audit`] | how late events come, and what each delay of the watermark would have cost |
//! | [`inspect`] | what a live job would hold at an instant |
//! | [`explain`] | the events behind a row, and those that were left out of it |
//! | [`deliver`] | results of a pass → staged parts, late rows, tables of servers; the commit |
//! | [`engine`] | one pass over the events: plan → groups and rows; it knows no transaction and no command |
//! | [`sql`] | the statement that gives an output, in six dialects |
//! | [`job`] | the job file: as written, checked against the data, resolved into a plan |
//! | [`plan`] | what is computed and where it goes, and its variants |
//! | [`generate`] | seeded sample logs |
//! | [`asof`] | tables by key and event time, of which an event takes the nearest row |
//! | [`rows`] | events that pass through: kept compactly, given back in replay order |
//! | [`group`] | (window, key) → partial aggregates by slice, key and lateness, merged exactly |
//! | [`input`] | files, chunks, CSV, JSON Lines, Parquet, Avro → batches; bad records; type inference |
//! | [`sink`] | staging, journalled commit, manifest; Parquet, CSV, JSON Lines, tables |
//! | [`table`] | Iceberg and Delta Lake: metadata, snapshots, expiry |
//! | [`keyed`] | who came first of a key, and who came again |
//! | [`lookup`] | answers of a service, asked for once and recorded |
//! | [`expr`] | SQL expressions of one row: a typed tree, evaluated on Arrow arrays |
//! | [`aggregate`] | one file per family; the merge law of each |
//! | [`window`] | which windows an instant lies in, and its slice of time |
//! | [`pg`] | PostgreSQL: connections, rows by COPY |
//! | [`store`] | files on S3, Google Cloud Storage, Azure and servers of HTTP, read by ranges |
//! | [`adbc`] | other engines: drivers, sessions, results as values of ours |
//! | [`batch`], [`time`] | the ground floor: schema, position, instants, zones, durations |
//! | [`clock`] | how long something took |
//! | [`secret`] | variables of the environment, and what is not shown |
//! | [`process`] | panics as errors, and threads that may not start |
//! | [`error`] | kinds, causes, hints, exit codes |
//!
//! # Laws
//! * order: shuffle the arrival order of the input, and the results are the same.
//! * partition: any number of threads, chunk size or file split gives the same bytes.
//! * account: read = rejected + filtered + duplicate + late + counted.
//! * repeat: a run done twice changes nothing the second time.
//! * edit: a run after an edit of the job leaves what a run of the edited job leaves where nothing was in place.
//! * delay: a streamed run with a delay longer than the log gives what a complete one gives, and what an
//!   audit says of a delay is what runs with it show.

pub mod adbc;
pub mod adopt;
pub mod aggregate;
pub mod asof;
pub mod audit;
pub mod backfill;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod deliver;
pub mod engine;
pub mod error;
pub mod explain;
pub mod expr;
pub mod generate;
pub mod group;
pub mod init;
pub mod input;
pub mod inspect;
pub mod job;
pub mod keyed;
pub mod lineage;
pub mod lookup;
pub mod on;
pub mod ordered;
pub mod pg;
pub mod plan;
#[cfg(test)]
mod planted;
pub mod process;
pub mod report;
pub mod rows;
pub mod run;
pub mod secret;
pub mod serve;
pub mod sink;
pub mod sql;
pub mod store;
pub mod table;
pub mod time;
pub mod verify;
pub mod window;
