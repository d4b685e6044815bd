//! Named steps of a commit at which a test can stop it.
//!
//! In a release build [`step`] does nothing. In a debug build, `HIGHWATER_FAILPOINT=NAME` aborts the
//! process at the first step of that name, and `HIGHWATER_FAILPOINT=N` at the Nth step of any name.
//! In unit tests a thread can ask for an error at its Nth step, after which destructors clean up
//! nothing, as after a kill.

#[cfg(not(test))]
use crate::error::Result;

/// One step of a commit is about to happen.
#[cfg(not(test))]
#[inline]
pub(super) fn step(name: &str) -> Result<()> {
    #[cfg(debug_assertions)]
    {
        use std::sync::atomic::{AtomicU64, Ordering};
        static STEPS: AtomicU64 = AtomicU64::new(0);
        let number = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
        if let Ok(wanted) = std::env::var("HIGHWATER_FAILPOINT") {
            if wanted == name || wanted.parse() == Ok(number) {
                // `abort` leaves out all destructors, as a kill does.
                std::process::abort();
            }
        }
    }
    let _ = name;
    Ok(())
}

/// Whether the process plays dead, so that destructors must leave everything as it is.
#[cfg(not(test))]
#[inline]
pub(super) fn crashed() -> bool {
    false
}

#[cfg(test)]
pub(super) use testing::{crashed, step};

#[cfg(test)]
pub(super) mod testing {
    use crate::error::{Error, Result};
    use std::cell::RefCell;

    #[derive(Default)]
    struct FailPlan {
        fail_at: Option<usize>,
        steps: Vec<String>,
        crashed: bool,
    }

    thread_local! {
        static PLAN: RefCell<FailPlan> = RefCell::default();
    }

    /// Makes this thread's step number `n` (from 0) fail, or none.
    pub fn fail_at(n: Option<usize>) {
        PLAN.with(|p| *p.borrow_mut() = FailPlan { fail_at: n, ..FailPlan::default() });
    }

    /// The steps since the last [`fail_at`].
    pub fn steps() -> Vec<String> {
        PLAN.with(|p| p.borrow().steps.clone())
    }

    pub fn step(name: &str) -> Result<()> {
        PLAN.with(|p| {
            let p = &mut *p.borrow_mut();
            p.crashed |= p.fail_at == Some(p.steps.len());
            p.steps.push(name.to_string());
            if p.crashed { Err(Error::machine(format!("failpoint {name}"))) } else { Ok(()) }
        })
    }

    pub fn crashed() -> bool {
        PLAN.with(|p| p.borrow().crashed)
    }
}
