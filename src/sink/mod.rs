//! Outputs: pieces of a result become files, and files become visible all at once.
//!
//! ```text
//! RecordBatch ── Encoder (parallel, pure) ──▶ Encoded ── PartWriter (in order) ──▶ staged file ── commit ──▶ part
//! ```
//!
//! # Contract
//! * **Bytes.** What an [`Encoder`] gives depends on the rows of its piece and on nothing else: not on
//!   threads, nor on whether a text column comes plain or as a dictionary. A part is its pieces in the
//!   order in which they were appended. So equal rows in equal pieces are equal bytes.
//! * **Commit.** Nothing under an output's path changes before the commit point, which is the rename of
//!   the primary journal (see [`commit`]). After it, everything the journal lists happens, if need be at
//!   the next start, whichever command that is.
//! * **Readers** see each part whole, old or new. Parts of several partitions change one after the
//!   other: a reader that lists the folder during a commit may see some old and some new.
//! * **Repeat.** A part with the content it had is not written again, and a manifest neither.
//! * **Stores.** An output on a store has neither locks nor renames: what is put in which order is in `remote`.
//! * **Trust.** What lies in place may have been changed by anybody: it is compared by its content before it is kept,
//!   and no path in a manifest, journal or lock leads out of the outputs that the job names (`guard`).

mod altered;
pub mod arrow;
pub mod avro;
pub mod commit;
mod committed;
pub mod csv;
pub mod encode;
mod expiry;
mod failpoint;
pub mod fields;
pub(crate) mod fsutil;
mod guard;
mod journal;
mod journal_parts;
pub mod jsonl;
pub mod keyed;
mod ledger;
mod lock;
pub mod manifest;
pub mod owner;
pub mod parquet;
mod part;
pub mod place;
pub mod publish;
pub mod rejects;
mod remote;
mod remote_foreign;
mod remote_names;
mod remote_probe;
mod snapshot;
pub mod stage;
mod stamps;
pub mod stream;
pub mod table;
mod target;
pub mod value;
mod versions;

pub use altered::{ANEW, altered, first_altered};
pub use commit::{Transaction, recover};
pub use committed::{CommitReport, OutputReport, StateFile};
pub use encode::{Encoded, Encoder, LineKey, OutputFormat};
pub use expiry::expire;
pub use guard::NamedPaths;
pub use manifest::{
    Account, AdoptedFile, Identity, InputEntry, JobInfo, Manifest, ManifestDraft, OutputInfo, Part,
    SourceColumn, Watermarks,
};
pub use part::{PartWriter, encoder};
pub use place::{Target, TargetKind};
pub use rejects::{RejectedRecord, RejectsWriter};
pub use stage::StagedFile;
pub use stamps::{read_stamps, write_stamps};
pub use stream::{StreamFormat, StreamWriter, stream_encoder};
pub use target::foreign_files;

/// What writes the files: goes into manifests and Parquet footers.
pub const TOOL: &str = concat!("highwater ", env!("CARGO_PKG_VERSION"));
/// The folder inside an output that holds its state. Readers skip names that begin with `_`.
pub const STATE_FOLDER: &str = "_highwater";
