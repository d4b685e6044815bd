//! Work that is done in parallel, and passes one point in order.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A state that pieces of work pass in the order of their numbers, 0, 1, 2 and so on.
///
/// Numbers are handed out in order, so whoever waits waits for work that somebody has.
pub struct Turnstile<T> {
    inner: Mutex<TurnstileState<T>>,
    changed: Condvar,
}

struct TurnstileState<T> {
    next: u64,
    failed: bool,
    state: T,
}

impl<T> Turnstile<T> {
    /// Number 0 passes first.
    pub fn new(state: T) -> Turnstile<T> {
        Turnstile {
            inner: Mutex::new(TurnstileState { next: 0, failed: false, state }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, TurnstileState<T>> {
        // A panic of a worker is raised where its thread is joined; here it must not become a second one.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `number` could pass without waiting.
    pub fn is_open(&self, number: u64) -> bool {
        self.lock().next == number
    }

    /// Waits until it is the turn of `number`, and lets it pass: `f` sees the state. The turn goes on
    /// to the next number if `last`. `None` when the turnstile has failed.
    pub fn pass<R>(&self, number: u64, last: bool, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut inner = self.lock();
        // A worker that failed never takes its turn, so those behind it would wait forever.
        while inner.next != number && !inner.failed {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.failed {
            return None;
        }
        let result = f(&mut inner.state);
        if last {
            inner.next += 1;
            // Each waiter waits for a number of its own, so to wake one of them could wake the wrong one.
            self.changed.notify_all();
        }
        Some(result)
    }

    /// Lets nothing pass from now on: a number that others wait for will not come.
    pub fn fail(&self) {
        self.lock().failed = true;
        self.changed.notify_all();
    }

    /// The state, after everything has passed.
    pub fn into_state(self) -> T {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner).state
    }
}
