//! Faults that tests plant in the engine, to see that `verify` finds them. No program has them: tests alone compile this.
//!
//! A fault is planted where an expression or a format is made, and goes with it to whatever thread computes by it.

use std::cell::Cell;

/// A fault that the engine once had, or might have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// ROUND of a decimal half goes to the even digit.
    RoundToEven,
    /// `%` has the sign of the divisor.
    SignOfDivisor,
    /// The day of an instant is that of UTC.
    DayInUtc,
    /// A text or a day beside an instant is a time of UTC.
    LiteralInUtc,
    /// IS TRUE of NULL is NULL.
    TruthOfNull,
    /// An int64 that is too large wraps.
    Wraps,
    /// The hour of an instant is that of UTC.
    HourInUtc,
    /// A constant stands in the first row of a batch alone, so that `sum(1)` counts it once.
    ConstantOnce,
    /// A time that is read by a format has no time of day.
    Midnight,
    /// The fraction of a format counts nanoseconds.
    FractionOfNanos,
    /// The word `UTC` of a format is passed over.
    UtcIgnored,
    /// A zone that is read by a format is passed over.
    ZoneSkipped,
}

thread_local! {
    static PLANTED: Cell<Option<InjectedFault>> = const { Cell::new(None) };
}

/// The fault of what is made now on this thread.
pub fn now() -> Option<InjectedFault> {
    PLANTED.get()
}

/// Does `work`, with the fault in what it makes.
pub fn with<T>(fault: Option<InjectedFault>, work: impl FnOnce() -> T) -> T {
    PLANTED.set(fault);
    let done = work();
    PLANTED.set(None);
    done
}
