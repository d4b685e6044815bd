//! Numbers that name parts of a plan, each kind a type, so that one is never taken for another.

use super::{Grouping, OutputPlan, Step, TablePlan};
use crate::batch::id;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut, Range};

id!(
    /// An output, by its place in [`Deliveries::outputs`](super::Deliveries::outputs).
    OutputId in OutputPlan
);
id!(
    /// A grouping, by its place in [`Pipeline::groupings`](super::Pipeline::groupings).
    GroupingId in Grouping
);
id!(
    /// A step, by its place in [`Pipeline::steps`](super::Pipeline::steps).
    StepId in Step
);
id!(
    /// A table, by its place in [`Pipeline::tables`](super::Pipeline::tables).
    TableId in TablePlan
);

impl StepId {
    /// The step after it.
    #[must_use]
    pub const fn next(self) -> StepId {
        StepId::new(self.place() + 1)
    }

    /// The steps of a range, in order.
    pub fn each(steps: &Range<StepId>) -> impl Iterator<Item = StepId> + use<> {
        (steps.start.place()..steps.end.place()).map(StepId::new)
    }
}

/// The ids of one kind.
pub trait PlanId: Copy {
    /// The one at this place of its list.
    fn at(place: usize) -> Self;
    /// Its place in its list.
    fn place_of(self) -> usize;
}

macro_rules! listed {
    ($($name:ident),*) => {
        $(impl PlanId for $name {
            fn at(place: usize) -> $name {
                $name::new(place)
            }

            fn place_of(self) -> usize {
                self.place()
            }
        })*
    };
}

listed!(OutputId, GroupingId, TableId);

/// A value for each output, grouping or table of a plan, in the plan's order; only ids of that kind find one.
#[derive(Clone, PartialEq, Eq)]
pub struct PerId<I, T>(Vec<T>, PhantomData<I>);

impl<I: PlanId, T> PerId<I, T> {
    /// The values, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// The values, in order.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    /// The value of an id, if there is one.
    pub fn get(&self, id: I) -> Option<&T> {
        self.0.get(id.place_of())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the value of the next id.
    pub fn push(&mut self, value: T) {
        self.0.push(value);
    }

    /// The values with their ids, in order; nothing of the list is left.
    pub fn into_with_ids(self) -> impl Iterator<Item = (I, T)> {
        self.0.into_iter().enumerate().map(|(place, value)| (I::at(place), value))
    }

    /// The values with their ids, in order.
    pub fn with_ids(&self) -> impl Iterator<Item = (I, &T)> {
        self.0.iter().enumerate().map(|(place, value)| (I::at(place), value))
    }
}

impl<I, T> Default for PerId<I, T> {
    fn default() -> PerId<I, T> {
        PerId(vec![], PhantomData)
    }
}

impl<I, T> From<Vec<T>> for PerId<I, T> {
    fn from(values: Vec<T>) -> PerId<I, T> {
        PerId(values, PhantomData)
    }
}

impl<I, T> FromIterator<T> for PerId<I, T> {
    fn from_iter<V: IntoIterator<Item = T>>(values: V) -> PerId<I, T> {
        PerId(values.into_iter().collect(), PhantomData)
    }
}

impl<I, T> IntoIterator for PerId<I, T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, I, T> IntoIterator for &'a PerId<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// As the list of values.
impl<I, T: std::fmt::Debug> std::fmt::Debug for PerId<I, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<I: PlanId, T> Index<I> for PerId<I, T> {
    type Output = T;

    fn index(&self, id: I) -> &T {
        &self.0[id.place_of()]
    }
}

impl<I: PlanId, T> IndexMut<I> for PerId<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.0[id.place_of()]
    }
}
