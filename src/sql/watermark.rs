//! The watermark before each event, and which events are late by it.
//!
//! # Contract
//! * Records pass in the order of their arrival: by `_arrival` where the log tells it, then by `_position`. All records of
//!   the source pass, also those that the range of time or a filter leaves out later.
//! * `_reached` is the greatest event time before the event, in microseconds; of several partitions it is the least of
//!   theirs, each counted from its first record or, where it is known, from the start, without those that have been silent for longer than `idle`. It never goes
//!   back. Before the first event it is NULL or [`NEVER`], which lies before all times.
//! * An event is late for a window when the window's end, the allowed lateness and the delay together are not after
//!   `_reached`. So the result of a window is that of all its events that were not late when they came: what it last
//!   published. A session is refused, as what it takes depends on what it took before.

use super::dialect::{ARRIVAL, OF_FILE};
use super::statement::{Select, Statement, partition_by};
use super::{Dialect, POSITION, TIME, words};
use crate::error::Result;
use crate::group::{GroupPlan, Lateness};
use crate::plan::{LogPartition, WatermarkPlan, WatermarkRule};
use crate::time::MINUTE;
use crate::window::Window;

/// Before all times, and far enough from the ends of 64 bits that a difference of two does not overflow.
const NEVER: i64 = -100_000_000_000_000_000;

/// Rows that one task looks at, where an engine has many tasks.
const STRIDE: i64 = 1 << 16;

/// The greatest over a row and all before it.
const SO_FAR: &str = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";

/// The greatest over all rows before a row.
const BEFORE: &str = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING";

/// Whether events can be late for the windows of a grouping.
pub(super) fn is_streamed(plan: &GroupPlan) -> bool {
    plan.lateness.is_some() && plan.window != Window::Global
}

/// Appends `_reached` to the records of the source.
///
/// # Errors
/// A job error that names what the dialect cannot express.
pub(super) fn append(s: &mut Statement) -> Result<()> {
    if matches!(s.dialect, Dialect::Flink | Dialect::BigQuery) {
        let what = "`mode = \"streamed\"`, which needs the order of the records,";
        let error = s.refuse(what).hint("`--mode complete` counts every event, which SQL can say");
        return Err(match s.dialect {
            Dialect::Flink => error.hint("`--live` prints the streaming statement"),
            _ => error,
        });
    }
    let watermark = s.plan.pipeline.watermark.clone();
    can_say(s, &watermark)?;
    let time = match watermark.rule.ahead() {
        0 => s.micros(TIME),
        ahead => format!("{} + {ahead}", s.micros(TIME)),
    };
    let Some(partition) = watermark.partition else {
        greatest_before(s, &time, "_reached");
        return Ok(());
    };
    let keys = match partition {
        LogPartition::File if s.dialect == Dialect::Spark => {
            let what = "`partition = \"file\"`, which needs the file of each record,";
            return Err(s.refuse(what).hint("the dialects polars, duckdb and postgres have it"));
        }
        LogPartition::File => vec![s.ident(OF_FILE)],
        partition => s.partition(&partition.columns())?,
    };
    // A number for each partition: joins by it know the partition whose name is NULL.
    let lane = format!("MIN({POSITION}) OVER ({}) AS _lane", partition_by(&keys).trim_end());
    let mut columns = vec![format!("{time} AS _event_us"), lane];
    if watermark.idle.is_some() {
        columns.push(format!("{} AS _arrival_us", s.micros(ARRIVAL)));
    }
    s.append("arrived", columns);
    match watermark.idle {
        None => of_partitions(s, watermark.known),
        Some(idle) => of_awake_partitions(s, idle, watermark.known),
    }
    Ok(())
}

/// Fails where the rule of the watermark is not one that a statement has words for.
fn can_say(s: &Statement, watermark: &WatermarkPlan) -> Result<()> {
    let what = match watermark.rule {
        WatermarkRule::Spark(_) => "`like = \"spark\"`, whose watermark moves between micro-batches,",
        WatermarkRule::KafkaStreams if watermark.partition.is_some() => {
            "`like = \"kafka-streams\"` with partitions that have times of their own"
        }
        _ if watermark.every.is_some() => "`every`, a watermark that moves from time to time,",
        _ => return Ok(()),
    };
    Err(s.refuse(what).hint("`--mode complete` counts every event, which SQL can say"))
}

/// The columns of an event that are read after the steps.
pub(super) fn carried(s: &Statement) -> Vec<String> {
    let arrival = s.plan.pipeline.read.arrival.is_some().then(|| ARRIVAL.to_string());
    arrival.into_iter().chain(["_reached".to_string()]).collect()
}

/// The columns that order arrivals.
pub(super) fn order(s: &Statement) -> Vec<String> {
    let arrival = s.plan.pipeline.read.arrival.is_some().then(|| ARRIVAL.to_string());
    arrival.into_iter().chain([POSITION.to_string()]).collect()
}

/// The watermark generator of a log in partitions, `arrived`: looks at all partitions where one of them goes on.
fn of_partitions(s: &mut Statement, known: bool) {
    let (arrived, order) = (s.last.clone(), order(s));
    let of_lane = format!("PARTITION BY _lane ORDER BY {}", order.join(", "));
    let mut columns = order.clone();
    columns.extend(["_lane".to_string(), "_event_us".into()]);
    columns.push(format!("MAX(_event_us) OVER ({of_lane} {SO_FAR}) AS _clock"));
    let clocks = s.with("clocks", Select::new(columns, &arrived));
    let before = format!("LAG(_clock) OVER ({of_lane}) AS _clock_before");
    let clocks = s.with("clocks_before", Select::new(["*".to_string(), before], clocks));
    let advances = Select::new(["*"], clocks).filter("(_clock_before IS NULL OR _clock > _clock_before)");
    let advances = s.with("advances", advances);
    let seen = shown_to_all(s, &arrived, &advances, &order, &[("_tick", "_event_us")]);

    let shown = format!("MAX(_tick) OVER ({of_lane} {SO_FAR}) AS _clock");
    let clocks = s.with("all_clocks", Select::new(["*".to_string(), shown], seen));
    // A partition of which nothing has come yet does not hold the others, unless it is known.
    let least = match known {
        true => "MIN(_clock) AS _least".to_string(),
        false => format!("MIN(CASE WHEN _clock > {NEVER} THEN _clock END) AS _least"),
    };
    let least = Select::new(["_of".to_string(), least], clocks).group(["_of".to_string()]);
    let least = s.with("least_clocks", least);
    let led = format!("COALESCE(l._least, {NEVER}) AS _led");
    let select = Select::new(["e.*".to_string(), led], format!("{arrived} AS e"))
        .join(format!("LEFT JOIN {least} AS l ON l._of = e.{POSITION}"));
    s.last = s.with("led", select);
    greatest_before(s, "_led", "_reached");
}

/// The same where a partition that is silent no longer counts: each arrival looks at all partitions, before and after it.
fn of_awake_partitions(s: &mut Statement, idle: i64, known: bool) {
    let (arrived, mut order) = (s.last.clone(), order(s));
    let of_lane = format!("PARTITION BY _lane ORDER BY {}", order.join(", "));
    order.push("_arrival_us".into());
    let ticks = [("_tick", "_event_us"), ("_sign", "_arrival_us")];
    let seen = shown_to_all(s, &arrived, &arrived, &order, &ticks);
    let so_far = |column: &str, name: &str| format!("MAX({column}) OVER ({of_lane} {SO_FAR}) AS {name}");
    let mut columns = vec!["*".to_string(), so_far("_tick", "_clock"), so_far("_sign", "_heard")];
    if known {
        columns.push("MIN(_arrival_us) OVER (PARTITION BY _lane) AS _begun".into());
    }
    let clocks = s.with("all_clocks", Select::new(columns, seen));
    let lag = |column: &str| format!("LAG({column}) OVER ({of_lane}) AS {column}_before");
    let columns = ["*".to_string(), lag("_clock"), lag("_heard")];
    let clocks = s.with("clocks_before", Select::new(columns, clocks));
    let least = |after: &str, name: &str| {
        if known {
            // A partition that nothing has come of was there when the log began.
            let heard = format!("CASE WHEN _heard{after} > {NEVER} THEN _heard{after} ELSE _begun END");
            return format!(
                "COALESCE(MIN(CASE WHEN _arrival_us - {heard} <= {idle} THEN COALESCE(_clock{after}, {NEVER}) END), \
                 {NEVER}) AS {name}"
            );
        }
        format!(
            "COALESCE(MIN(CASE WHEN _clock{after} > {NEVER} AND _arrival_us - _heard{after} <= {idle} \
             THEN _clock{after} END), {NEVER}) AS {name}"
        )
    };
    let columns = ["_of".to_string(), least("_before", "_least_before"), least("", "_least")];
    let least = s.with("least_clocks", Select::new(columns, clocks).group(["_of".to_string()]));
    let later = |a: &str, b: &str| format!("CASE WHEN {a} > {b} THEN {a} ELSE {b} END");
    let led = format!("{} AS _led", later("l._least_before", "l._least"));
    let select = Select::new(["e.*".to_string(), "l._least_before".into(), led], format!("{arrived} AS e"))
        .join(format!("JOIN {least} AS l ON l._of = e.{POSITION}"));
    s.last = s.with("led", select);
    greatest_before(s, "_led", "_gone");
    // Partitions turn idle as time goes on, so the watermark moves before the event too.
    let reached = "CASE WHEN _gone > _least_before THEN _gone ELSE _least_before END AS _reached".to_string();
    s.append("watermarked", [reached]);
}

/// Each row of `from` once for every partition of `arrived`: `_of`, `order`, the partition as `_lane`, and of `ticks` the
/// name and the value that the partition has of it, [`NEVER`] where the row is of another.
fn shown_to_all(
    s: &mut Statement,
    arrived: &str,
    from: &str,
    order: &[String],
    ticks: &[(&str, &str)],
) -> String {
    let lanes = Select::new(["_lane"], arrived).group(["_lane".to_string()]);
    let lanes = s.with("lanes", lanes);
    let mut columns = vec![format!("a.{POSITION} AS _of"), "p._lane".into()];
    columns.extend(order.iter().map(|column| format!("a.{column}")));
    columns.extend(ticks.iter().map(|(name, value)| {
        format!("CASE WHEN a._lane = p._lane THEN a.{value} ELSE {NEVER} END AS {name}")
    }));
    let select = Select::new(columns, format!("{from} AS a")).join(format!("CROSS JOIN {lanes} AS p"));
    s.with("seen", select)
}

/// Appends the greatest `value` of all rows that arrived before a row; NULL at the first.
fn greatest_before(s: &mut Statement, value: &str, name: &str) {
    let order = order(s).join(", ");
    match s.dialect {
        // Its frames end with the row.
        Dialect::Polars => {
            s.append("running", [format!("MAX({value}) OVER (ORDER BY {order} {SO_FAR}) AS _running")]);
            s.append("watermarked", [format!("LAG(_running) OVER (ORDER BY {order}) AS {name}")]);
        }
        Dialect::Spark => by_strides(s, value, name, &order),
        _ => s.append("watermarked", [format!("MAX({value}) OVER (ORDER BY {order} {BEFORE}) AS {name}")]),
    }
}

/// The same in two levels: a window over all rows would be one task, so it is one over the greatest of each stretch of
/// rows, and one within each stretch.
fn by_strides(s: &mut Statement, value: &str, name: &str, order: &str) {
    let stride = match s.plan.pipeline.read.arrival {
        Some(_) => words::floor_div(s.dialect, &s.micros(ARRIVAL), MINUTE),
        // Stretches of what one task reads.
        None => {
            let stretch = words::floor_div(s.dialect, &format!("{POSITION}.row"), STRIDE);
            format!("NAMED_STRUCT('task', {POSITION}.task, 'stretch', {stretch})")
        }
    };
    s.append("strides", [format!("{stride} AS _stride")]);
    let top = format!("MAX({value}) AS _top");
    let tops = Select::new(["_stride".to_string(), top], &s.last).group(["_stride".to_string()]);
    let tops = s.with("tops", tops);
    let base = format!("MAX(_top) OVER (ORDER BY _stride {BEFORE}) AS _base");
    let bases = s.with("bases", Select::new(["_stride".to_string(), base], tops));
    let within = format!("MAX({value}) OVER (PARTITION BY _stride ORDER BY {order} {BEFORE}) AS _within");
    s.append("within_strides", [within]);
    // It leaves NULL out.
    let greatest = format!("GREATEST(b._base, e._within) AS {name}");
    let select = Select::new(["e.*".to_string(), greatest], format!("{} AS e", s.last))
        .join(format!("JOIN {bases} AS b ON b._stride = e._stride"));
    s.last = s.with("watermarked", select);
}

/// How long after its end a window takes events, counted on the greatest event time.
pub(super) fn kept(lateness: &Lateness, window: &Window) -> i64 {
    // No time is as far from another as this.
    lateness.kept(window).min(-NEVER)
}

/// Leaves out what is late for its window, which ends at `end`, microseconds.
pub(super) fn leave_out_late(s: &mut Statement, plan: &GroupPlan, end: &str) {
    if let Some(lateness) = &plan.lateness {
        let in_time = format!("(_reached IS NULL OR _reached - ({end}) < {})", kept(lateness, &plan.window));
        let select = Select::new(["*"], &s.last).filter(in_time);
        s.last = s.with("in_time", select);
    }
}
