//! How long something took: on the clock on the wall, and in CPU seconds.

use std::time::{Duration, Instant};

/// Measures one stretch of work after another of one thread, or of the whole process.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    clock: libc::clockid_t,
    began: Instant,
    cpu: Duration,
}

/// A stretch of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lap {
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// CPU time, user and system: without what was waited for disks, locks and networks.
    pub cpu: Duration,
}

impl Stopwatch {
    /// Starts, for the thread that calls.
    pub fn of_thread() -> Stopwatch {
        Stopwatch::start(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    /// Starts, for all threads of the process.
    pub fn of_process() -> Stopwatch {
        Stopwatch::start(libc::CLOCK_PROCESS_CPUTIME_ID)
    }

    fn start(clock: libc::clockid_t) -> Stopwatch {
        Stopwatch { clock, began: Instant::now(), cpu: cpu_time(clock) }
    }

    /// What has been done since the start or the last lap.
    pub fn lap(&mut self) -> Lap {
        let now = Stopwatch::start(self.clock);
        let lap = Lap { began: self.began, ended: now.began, cpu: now.cpu.saturating_sub(self.cpu) };
        *self = now;
        lap
    }
}

impl Lap {
    /// From `began` until now, without CPU time: to ask for that is a system call.
    pub fn on_the_wall(began: Instant) -> Lap {
        Lap { began, ended: Instant::now(), cpu: Duration::ZERO }
    }
}

fn cpu_time(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime writes the struct that it is given; where the clock is missing it stays as it is.
    unsafe { libc::clock_gettime(clock, &mut time) };
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.clamp(0, 999_999_999) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_cpu_time_and_waiting_does_not() {
        let mut watch = Stopwatch::of_thread();
        std::thread::sleep(Duration::from_millis(50));
        let waited = watch.lap();
        assert!(waited.ended - waited.began >= Duration::from_millis(50));
        assert!(waited.cpu < Duration::from_millis(25), "{waited:?}");
        let mut x = 1u64;
        while watch.cpu + Duration::from_millis(20) > cpu_time(watch.clock) {
            x = std::hint::black_box(x.wrapping_mul(31));
        }
        let worked = watch.lap();
        assert!(worked.cpu >= Duration::from_millis(20) && worked.began == waited.ended, "{worked:?} {x}");
    }
}
