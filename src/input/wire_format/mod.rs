//! Logs as they are found: records in the wire formats of the tools that copied them out of Kafka.
//!
//! # Contract
//! * A **wire format** frames records: a line of `kcat -J`, a line of the console consumer, a file of Kafka
//!   Connect. An **envelope** is around the value of a record: Connect's schema, Debezium's change event.
//!   Any wire format may hold any envelope.
//! * Text is unwrapped line for line before it is decoded: a record is the fields of its value and the
//!   columns of [`LogColumn`]. Positions, lines and the text of rejects stay those of the file.
//! * The columns of [`LogColumn`] are the log's own: a field of the value with such a name is not seen.
//! * Where the schema in a record names a logical type (decimals, days, instants, times of day), the value is written as what
//!   it is: `logical`. Without a schema nothing can be told of a value.
//! * A line gives one record, or is a bad one, or is a tombstone of a change log, which is no record.
//! * Whether a line can be read does not depend on which columns are wanted, nor on its chunk.

mod connect;
mod console;
mod framing;
mod kcat;
mod logical;
mod parts;
mod recognise;
mod schema;
#[cfg(test)]
mod tests;
mod unwrap;
mod wanted;

pub use connect::ConnectName;
pub use console::ConsoleFields;
pub(super) use logical::ConnectLogical;
pub(super) use recognise::unmistakable;
pub use recognise::{DeclaredFormat, DetectedWireFormat, like, recognise};
pub(super) use schema::TypedPayload;
pub(super) use unwrap::{Unwrapped, UnwrappedLine, Unwrapper};

pub use framing::{Envelope, Framing, LogColumn, LogPlace, WireFormat};
pub(super) use wanted::LogColumnSet;
