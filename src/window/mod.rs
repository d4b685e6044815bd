//! Windows: which stretch of event time a row belongs to.
//!
//! # Contract
//! Windows are half-open, `[start, end)`. A window of a fixed length starts at a multiple of its
//! length since 1970-01-01T00:00:00Z, plus the offset. A calendar window starts at local midnight in
//! the job's time zone, plus the offset on the wall clock there: days and weeks (from Monday
//! 1970-01-05), months, quarters and years are counted from 1970, so `2 months` starts in January,
//! March and so on. Of windows that are counted in months the offset may have months, too: they are
//! counted from the first of the start's month, and what else the offset has is added then. Where the local start does not exist, the window starts with the first instant
//! after the gap; where it exists twice, with the earlier. So a day can have 23 or 25 hours, and no
//! instant lies in two tumbling windows or in none.
//!
//! Hopping windows start where tumbling windows of the slide do; cumulative ones where tumbling
//! windows of the size do. A length is elapsed time from the start; calendar units are counted on the
//! local calendar from it. A hopping size need be no multiple of the slide; where the slide is longer,
//! some instants lie in no window. The last of the cumulative windows ends with the size, cut short if
//! the step does not divide it. Time is cut into **slices**, in each of which every instant lies in the
//! same windows: events are folded per slice, and a window is the union of its slices.
//!
//! A session is per key: events that follow one another within the gap. As in Flink, where windows
//! that touch merge, an event exactly one gap after the last still joins (Beam keeps such events
//! apart), and the end is the last event + gap. In a streamed output a session that the watermark has
//! closed is never joined again, so a later one of its key may overlap it.
//!
//! # Examples
//! Events at 08:05, 08:07 and 08:11, UTC:
//! ```text
//! tumbling 10m          08:05, 08:07 in [08:00, 08:10)    08:11 in [08:10, 08:20)
//! hopping 10m by 5m     08:07 in [08:00, 08:10) [08:05, 08:15)
//! hopping 10m by 4m     08:05 in [07:56, 08:06) [08:00, 08:10) [08:04, 08:14)
//!                       08:07 in [08:00, 08:10) [08:04, 08:14)
//! hopping 10m by 15m    08:07 in [08:00, 08:10)           08:11 in none: the next is [08:15, 08:25)
//! cumulative 10m by 4m  08:07 in [08:00, 08:08) [08:00, 08:10)
//!                       08:11 in [08:10, 08:14) [08:10, 08:18) [08:10, 08:20)
//! session 4m            all in [08:05, 08:15): 08:11 is exactly 4 minutes after 08:07
//! ```
//! In Europe/London, where clocks went from 01:00 to 02:00 on 2024-03-31:
//! ```text
//! tumbling 1 day               [03-31 00:00+00:00, 04-01 00:00+01:00): 23 hours
//! tumbling 24h                 [03-31 00:00+00:00, 04-01 01:00+01:00)
//! tumbling 1 day, offset 6h    [03-31 06:00+01:00, 04-01 06:00+01:00), and 23 hours before it
//! 1 year, 3 months 5 days      [2023-04-06 00:00+01:00, 2024-04-06 00:00+01:00)
//! hopping 2 days by 1 day      [03-30 00:00+00:00, 04-01 00:00+01:00): 47 hours
//! cumulative 1 day by 12h      [03-31 00:00+00:00, 13:00+01:00), and to 04-01 00:00+01:00
//! ```

mod assign;
mod calendar;
mod kinds;
mod offset;

pub use assign::Assigner;
pub use offset::Offset;

pub use kinds::Window;
