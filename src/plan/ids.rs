//! Numbers that name parts of a plan, each kind a type, so that one is never taken for another.

use super::{Grouping, OutputPlan};
use std::fmt;
use std::ops::{Index, IndexMut};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $of:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(usize);

        /// As the number: old manifests hold hashes of it.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

        impl Index<$name> for Vec<$of> {
            type Output = $of;

            fn index(&self, id: $name) -> &$of {
                &self[id.0]
            }
        }

        impl IndexMut<$name> for Vec<$of> {
            fn index_mut(&mut self, id: $name) -> &mut $of {
                &mut self[id.0]
            }
        }
    };
}

id!(
    /// An output, by its place in [`Deliveries::outputs`](super::Deliveries::outputs).
    OutputId,
    OutputPlan
);
id!(
    /// A grouping, by its place in [`Pipeline::groupings`](super::Pipeline::groupings).
    GroupingId,
    Grouping
);
