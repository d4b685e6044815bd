//! Rows that pass through: kept compactly per partition, and given back in replay order.
//!
//! # Contract
//! Rows of a partition come out ordered by (event time, position), a total order, so who decoded
//! them and when does not show. Values come out as they went in.

mod gather;
mod order;
mod packed;
mod partition;
mod store;
mod strings;
mod uuid;

pub use gather::{OrderedRows, RowStream, StoredPartition, gather_partitions};
pub use partition::{PartitionPart, Partitioner};
pub use store::{RowSpace, RowStore};
