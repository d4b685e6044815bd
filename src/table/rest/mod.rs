//! REST catalogs of Iceberg: which metadata a table has is asked of a server, and a commit is a request to it.
//!
//! # Contract
//! * The files of the table lie at the output's path, as they do where the folder is the catalog. The catalog writes the
//!   metadata; the ledger, manifests and their list are ours, and lie in place before the request.
//! * A commit names what it was planned on: the table's UUID, the snapshot of `main`, its columns, partitions and order. The
//!   catalog refuses it where one is another (409), and nothing is lost.
//! * A request whose answer is lost may have been heard. So the table is looked at before it is made again, and before anything
//!   is said of it.
//! * Credentials come from the environment, and are in no error, no file and no name.

mod commit;
mod session;

pub use commit::{CatalogCommit, commit, load, metadata_file, stage};
