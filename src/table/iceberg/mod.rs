//! Apache Iceberg, format version 2, with the folder of the table as its catalog, or a REST catalog.
//!
//! # Contract
//! * Where the folder is the catalog, the newest `metadata/vN.metadata.json` is the table; `version-hint.text` names one that is
//!   not newer. Fields of it that are not known here stay as they are.
//! * Where there is a REST catalog, a commit is a request with what changes ([`request`]).
//! * A manifest holds some hundred files. A commit writes those again of which a file goes, and one for what comes; it names
//!   the others as they are.
//! * Ids of columns never change their column. A column that an edit adds gets a new id; one that it drops stays in older
//!   schemas.
//!
//! # Why not a crate
//! `iceberg` 0.10 and `iceberg-rust` 0.10 are of Arrow 58, and the first can only append. What is written here is one JSON file
//! and two small Avro schemas.

mod commit;
mod describe;
mod entry;
mod expire;
mod manifest_list;
mod metadata;
mod request;
mod scan;
mod schema;

pub use commit::{blank, plan_commit};
pub use expire::expire;
pub use metadata::{LoadedTable, TableFileNames, TableHome, versions};
pub use request::is_done;
pub use scan::snapshot;
pub use schema::numbered as column_ids;
