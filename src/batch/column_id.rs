//! The number of a column of a batch, as a type.

use super::{Field, Schema};
use arrow_array::ArrayRef;
use std::ops::{Index, IndexMut};

/// Defines a type for the numbers of one list, so that they are never taken for those of another. With `in` the items of
/// such a list are found by it.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident $(in $of:ty)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(usize);

        /// As the number: old manifests hold hashes of it.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $name {
            /// The one at this place of its list.
            pub const fn new(place: usize) -> $name {
                $name(place)
            }

            /// Its place in its list.
            pub const fn place(self) -> usize {
                self.0
            }
        }

        $(
            impl std::ops::Index<$name> for Vec<$of> {
                type Output = $of;

                fn index(&self, id: $name) -> &$of {
                    &self[id.0]
                }
            }

            impl std::ops::IndexMut<$name> for Vec<$of> {
                fn index_mut(&mut self, id: $name) -> &mut $of {
                    &mut self[id.0]
                }
            }
        )?
    };
}

pub(crate) use id;

id!(
    /// A column of a batch, by its place in [`Batch::columns`](super::Batch::columns) and in the schema of the batch.
    ColumnId in Field
);

impl ColumnId {
    /// The ids of the first `count` columns.
    pub fn first(count: usize) -> impl Iterator<Item = ColumnId> {
        (0..count).map(ColumnId)
    }
}

impl Schema {
    /// The job's column `name`, of a schema of a batch.
    pub fn id_of(&self, name: &str) -> Option<ColumnId> {
        self.index_of(name).map(ColumnId::new)
    }
}

impl Index<ColumnId> for Vec<ArrayRef> {
    type Output = ArrayRef;

    fn index(&self, column: ColumnId) -> &ArrayRef {
        &self[column.0]
    }
}

impl IndexMut<ColumnId> for Vec<ArrayRef> {
    fn index_mut(&mut self, column: ColumnId) -> &mut ArrayRef {
        &mut self[column.0]
    }
}
