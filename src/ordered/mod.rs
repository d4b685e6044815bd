//! Pieces of work that are done in parallel, and whose results are taken in order.
//!
//! # Contract
//! Who waits does other work of the pool meanwhile, and sleeps once there is none. So a piece of work waits for no other piece:
//! the one that it waited for could lie below it on a stack.

mod turnstile;

pub use turnstile::Turnstile;

use crate::error::Result;
use crate::process::contained;
use rayon::Yield;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How many pieces of work may be under way, so that threads need not wait for one another and not all results lie in memory.
pub fn most_under_way() -> usize {
    2 * rayon::current_num_threads()
}

/// The result of a piece of work that is under way.
pub struct UnderWay<T>(Arc<PieceResult<T>>);

struct PieceResult<T> {
    result: Mutex<Option<Result<T>>>,
    changed: Condvar,
}

impl<T> PieceResult<T> {
    fn new() -> Arc<PieceResult<T>> {
        Arc::new(PieceResult { result: Mutex::new(None), changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Result<T>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work; its panic must come to whoever waits.
    fn fill(&self, work: impl FnOnce() -> Result<T>) {
        let result = contained(work);
        *self.lock() = Some(result);
        self.changed.notify_all();
    }
}

impl<T: Send + 'static> UnderWay<T> {
    /// Begins `work` on the threads of the pool.
    pub fn begin(work: impl FnOnce() -> Result<T> + Send + 'static) -> UnderWay<T> {
        let outcome = PieceResult::new();
        let filled = outcome.clone();
        // First in, first out: what is waited for was begun before what is not.
        rayon::spawn_fifo(move || filled.fill(work));
        UnderWay(outcome)
    }
}

impl<T> UnderWay<T> {
    /// The result; does other work of the pool until it is there.
    ///
    /// # Errors
    /// Those of the work, or its panic.
    pub fn wait(self) -> Result<T> {
        loop {
            if let Some(result) = self.0.lock().take() {
                return result;
            }
            // A thread of the pool that only waited would be missed, and in a pool of one nothing would be done.
            if rayon::yield_now() == Some(Yield::Executed) {
                continue;
            }
            let mut result = self.0.lock();
            while result.is_none() {
                result = self.0.changed.wait(result).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Calls `map` on each of `units`, on all threads, and `sink` with the results, in order, while others are under way.
///
/// # Errors
/// The first in order, of `map` or of `sink`.
pub fn in_order<U: Sync, T: Send>(
    units: &[U],
    map: impl Fn(&U) -> Result<T> + Sync,
    mut sink: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let (stopped, ahead) = (AtomicBool::new(false), most_under_way());
    let (stopped, map) = (&stopped, &map);
    rayon::in_place_scope_fifo(|scope| {
        let begin = |unit| {
            let outcome = PieceResult::new();
            let filled = outcome.clone();
            scope.spawn_fifo(move |_| {
                // After an error nobody wants what is not begun.
                if !stopped.load(Ordering::Relaxed) {
                    filled.fill(|| map(unit));
                }
            });
            UnderWay(outcome)
        };
        let mut rest = units.iter();
        let mut under_way: VecDeque<_> = rest.by_ref().take(ahead).map(begin).collect();
        while let Some(first) = under_way.pop_front() {
            let result = first.wait();
            under_way.extend(rest.next().map(begin));
            if let Err(error) = result.and_then(&mut sink) {
                stopped.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use rayon::prelude::*;
    use std::sync::atomic::AtomicUsize;

    fn in_pool(threads: usize, work: impl FnOnce() + Send) {
        crate::process::pool(threads).unwrap().install(work);
    }

    /// Work that is parallel itself, and longer for some.
    fn work(unit: u64) -> u64 {
        (0..unit % 7 * 1000).into_par_iter().map(|n| n % 3).sum::<u64>() + unit
    }

    #[test]
    fn results_come_in_order_and_few_are_under_way() {
        for threads in [1, 2, 4] {
            in_pool(threads, || {
                let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let units: Vec<u64> = (0..200).collect();
                let map = |&unit: &u64| {
                    most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    Ok(work(unit))
                };
                let mut got = vec![];
                let sink = |result| {
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    got.push(result);
                    Ok(())
                };
                in_order(&units, map, sink).unwrap();
                assert!(got.into_iter().eq(units.iter().map(|&unit| work(unit))));
                assert!(most.into_inner() <= 2 * threads + 1);
                let begun: Vec<_> = (0..50).map(|unit| UnderWay::begin(move || Ok(work(unit)))).collect();
                assert!((0..50).zip(begun).all(|(unit, begun)| begun.wait().unwrap() == work(unit)));
            });
        }
        // Outside of a pool it is the global one that works.
        let mut sum = 0;
        let add = |n| {
            sum += n;
            Ok(())
        };
        in_order(&[1, 2, 3], |&n| Ok(n), add).unwrap();
        assert_eq!(sum, 6);
    }

    #[test]
    fn the_first_error_in_order_ends_it() {
        for threads in [1, 3] {
            in_pool(threads, || {
                let units: Vec<u32> = (0..100).collect();
                let some_fail =
                    |&n: &u32| if n == 7 || n == 8 { Err(Error::data(format!("{n}"))) } else { Ok(n) };
                let mut taken = 0;
                let count = |_| {
                    taken += 1;
                    Ok(())
                };
                let error = in_order(&units, some_fail, count).unwrap_err();
                assert_eq!((error.message(), taken), ("7", 7));
                let sink = |n| if n == 5 { Err(Error::data("sink")) } else { Ok(()) };
                assert_eq!(in_order(&units, |&n| Ok(n), sink).unwrap_err().message(), "sink");
                let panics = |&n: &u32| if n == 3 { panic!("of a unit") } else { Ok(n) };
                assert_eq!(in_order(&units, panics, |_| Ok(())).unwrap_err().kind(), Kind::Fault);
            });
        }
    }
}
