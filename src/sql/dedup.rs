//! `dedup` with `within`: a chain that goes from each row that stays to the next that does.
//!
//! # Contract
//! * The first row of a key stays, and after a row that stays the first that comes more than `within` later. Rows at one
//!   instant go by their positions.
//! * A row that comes more than `within` after the row before it stays in any case. So rows fall into segments, each of
//!   which has a chain of its own, from its first row on. Most segments are short, however many rows a key has.
//! * Where the dialect has recursive queries, the chains are walked. Spark walks along the sorted list of a segment.
//! * Elsewhere the chain of a key is doubled: with each round the rows that stay are known twice as far, and rounds are as
//!   many as the longest chain needs that the range of times and the files can hold.

use super::statement::{Select, Statement, numbers, partition_by, replay_order};
use super::{Dialect, POSITION, TIME};
use crate::batch::ColumnId;
use crate::error::Result;
use crate::input::{Compression, SourceFile};
use crate::plan::Plan;
use crate::time::{EARLIEST, LATEST, TimeRange};

/// Appends the rows that stay, step `number` of the job.
///
/// # Errors
/// A job error: the dialect does not know the order of records.
pub(super) fn within(s: &mut Statement, number: usize, keys: &[ColumnId], within: i64) -> Result<()> {
    match s.dialect {
        Dialect::DuckDb | Dialect::Postgres => walked(s, number, keys, within),
        Dialect::Spark => listed(s, number, keys, within),
        Dialect::Polars => doubled(s, number, keys, within),
        Dialect::Flink | Dialect::BigQuery => s.needs_order("`dedup`"),
    }
}

/// Appends `_us`, the microseconds of a row, and `_segment`, and gives what the rows of a segment have alike.
fn segments(s: &mut Statement, n: usize, keys: &[ColumnId], within: i64) -> Result<Vec<String>> {
    let (order, us) = (replay_order(s, keys)?, s.micros(TIME));
    // A row exactly `within` after the one before it may be its duplicate. The first has nothing before it.
    let begins = format!("CASE WHEN {us} - LAG({us}) OVER ({order}) <= {within} THEN 0 ELSE 1 END");
    s.append(&format!("timed_{n}"), [format!("{us} AS _us_{n}"), format!("{begins} AS _begins_{n}")]);
    let so_far = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
    s.append(&format!("segments_{n}"), [format!("SUM(_begins_{n}) OVER ({order} {so_far}) AS _segment_{n}")]);
    let mut names = s.partition(keys)?;
    names.push(format!("_segment_{n}"));
    Ok(names)
}

/// By a recursive query: from each row that stays to the next.
fn walked(s: &mut Statement, n: usize, keys: &[ColumnId], within: i64) -> Result<()> {
    let names = segments(s, n, keys, within)?;
    let by = partition_by(&names);
    // A row exactly `within` after the one that stayed is still a duplicate.
    let far = within.saturating_add(1);
    s.append(
        &format!("numbered_{n}"),
        [
            // One value for each segment: joins by it know NULL.
            format!("MIN({POSITION}) OVER ({}) AS _key_{n}", by.trim_end()),
            // Of rows at one instant at most the first stays.
            format!("ROW_NUMBER() OVER ({}, _us_{n} ORDER BY {POSITION}) AS _twin_{n}", by.trim_end()),
            format!(
                "MIN(_us_{n}) OVER ({by}ORDER BY _us_{n} RANGE BETWEEN {far} FOLLOWING AND UNBOUNDED FOLLOWING) AS _next_{n}"
            ),
            format!("ROW_NUMBER() OVER ({by}ORDER BY {TIME}, {POSITION}) AS _nth_{n}"),
        ],
    );
    let rows = s.last.clone();
    let first = Select::new(["*"], &rows).filter(format!("_nth_{n} = 1"));
    s.last = s.with_recursive(&format!("dedup_{n}"), first, |name| {
        Select::new(["r.*"], format!("{name} AS kept")).join(format!(
            "JOIN {rows} AS r ON r._key_{n} = kept._key_{n} AND r._us_{n} = kept._next_{n} AND r._twin_{n} = 1"
        ))
    });
    Ok(())
}

/// Along the sorted list of the rows of a segment.
fn listed(s: &mut Statement, n: usize, keys: &[ColumnId], within: i64) -> Result<()> {
    let names = segments(s, n, keys, within)?;
    // Time and position come first, so that they alone decide the order.
    let mut columns = vec![TIME.to_string(), POSITION.to_string()];
    columns.extend(s.visible().into_iter().filter(|name| ![TIME, POSITION].contains(&name.as_str())));
    let list = format!("ARRAY_SORT(COLLECT_LIST(STRUCT({})))", columns.join(", "));
    let select = Select::new([format!("{list} AS _row_{n}")], &s.last).group(names);
    let listed = s.with(&format!("listed_{n}"), select);
    let [row, kept] = ["r", "ELEMENT_AT(kept, -1)"].map(|row| s.micros(&format!("{row}.{TIME}")));
    let next = format!("CASE WHEN {row} - {kept} > {within} THEN CONCAT(kept, ARRAY(r)) ELSE kept END");
    let chain = format!("AGGREGATE(_row_{n}, SLICE(_row_{n}, 1, 1), (kept, r) -> {next})");
    s.last = s.with(&format!("dedup_{n}"), Select::new([format!("INLINE({chain})")], listed));
    Ok(())
}

/// Later than every row.
const NEVER: i64 = i64::MAX;

/// By rounds, each of which knows the rows that stay twice as far.
fn doubled(s: &mut Statement, n: usize, keys: &[ColumnId], within: i64) -> Result<()> {
    let names = s.partition(keys)?;
    let key = match names.is_empty() {
        true => "1".to_string(),
        // A number for each key: joins by it know NULL.
        false => format!("MIN({POSITION}) OVER ({})", partition_by(&names).trim_end()),
    };
    let us = s.micros(TIME);
    s.append(&format!("timed_{n}"), [format!("{us} AS _us_{n}"), format!("{key} AS _key_{n}")]);
    let nth = format!("ROW_NUMBER() OVER ({}) AS _nth_{n}", replay_order(s, keys)?);
    // Of rows at one instant at most the first stays.
    let twin = format!("ROW_NUMBER() OVER (PARTITION BY _key_{n}, _us_{n} ORDER BY {POSITION}) AS _twin_{n}");
    s.append(&format!("numbered_{n}"), [nth, twin]);
    let rows = s.last.clone();
    let both = numbers(s, &format!("both_{n}"), 0, 2);
    // Each row, and the instant from which on the next may stay: going back in time, the last row before that
    // instant is the next. Instants that are in no row are ordered with those that are.
    let twins = Select::new(
        [
            format!("e._key_{n}"),
            format!("e._us_{n}"),
            format!("e.{POSITION} AS _row_{n}"),
            format!("CASE WHEN e._nth_{n} = 1 THEN 1 ELSE 0 END AS _kept_{n}"),
            format!("b._k AS _k_{n}"),
            format!("CASE WHEN b._k = 0 THEN e._us_{n} ELSE e._us_{n} + {within} END AS _at_{n}"),
            format!("CASE WHEN b._k = 0 THEN e._us_{n} ELSE {NEVER} END AS _then_{n}"),
        ],
        format!("{rows} AS e"),
    )
    .join(format!("CROSS JOIN {both} AS b"))
    .filter(format!("e._twin_{n} = 1"));
    let twins = s.with(&format!("reaching_{n}"), twins);
    let next = format!(
        "MIN(_then_{n}) OVER (PARTITION BY _key_{n} ORDER BY _at_{n} DESC, _k_{n} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _next_{n}"
    );
    let reached = s.with(&format!("reached_{n}"), Select::new(["*".to_string(), next], twins));
    let columns = ["_key", "_us", "_row", "_kept", "_next"].map(|name| format!("{name}_{n}"));
    let mut chain = s.with(&format!("next_{n}"), Select::new(columns, reached).filter(format!("_k_{n} = 1")));

    let TimeRange { start: from, end: to } = s.plan.pipeline.range;
    let span = to.min(LATEST).saturating_sub(from.max(EARLIEST)).max(0);
    // Rows that stay are at least `within` and a microsecond apart, which bounds the length of a chain.
    let links = span / within.saturating_add(1) + 1;
    let rows_of_files = most_rows(s.plan).filter(|rows| *rows < links);
    if let Some(rows) = rows_of_files {
        s.note(format!(
            "the statement follows `dedup` with `within` for {rows} rows of a key, as many as these files can have: more files need a new statement"
        ));
    }
    let links = rows_of_files.unwrap_or(links);
    // Each round doubles how far a chain is known. `links` is at least 1, so `ilog2` cannot panic.
    for round in 1..=links.ilog2() + 1 {
        // Each row, and the row that it leads to; that row's own next lies twice as far.
        let columns = [
            format!("c._key_{n}"),
            format!("c._us_{n}"),
            format!("c._row_{n}"),
            format!("b._k AS _k_{n}"),
            format!("CASE WHEN b._k = 0 THEN c._us_{n} ELSE c._next_{n} END AS _at_{n}"),
            format!("CASE WHEN b._k = 0 THEN c._next_{n} ELSE -{NEVER} END AS _then_{n}"),
            format!("c._kept_{n}"),
            format!("CASE WHEN b._k = 0 THEN 0 ELSE c._kept_{n} END AS _leads_{n}"),
        ];
        let doubled = Select::new(columns, format!("{chain} AS c")).join(format!("CROSS JOIN {both} AS b"));
        let doubled = s.with(&format!("doubled_{n}_{round}"), doubled);
        let after = format!(
            "MAX(_then_{n}) OVER (PARTITION BY _key_{n} ORDER BY _at_{n}, _k_{n} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS _after_{n}"
        );
        let led = format!("MAX(_leads_{n}) OVER (PARTITION BY _key_{n}, _at_{n}) AS _led_{n}");
        let led = s.with(&format!("led_{n}_{round}"), Select::new(["*".to_string(), after, led], doubled));
        let select = Select::new(
            [
                format!("_key_{n}"),
                format!("_us_{n}"),
                format!("_row_{n}"),
                format!("MAX(CASE WHEN _k_{n} = 0 AND _led_{n} = 1 THEN 1 ELSE _kept_{n} END) AS _kept_{n}"),
                format!("MAX(CASE WHEN _k_{n} = 1 THEN _after_{n} END) AS _next_{n}"),
            ],
            led,
        )
        .group([format!("_key_{n}"), format!("_us_{n}"), format!("_row_{n}")]);
        chain = s.with(&format!("chain_{n}_{round}"), select);
    }
    let kept = s.with(&format!("kept_{n}"), Select::new(["*"], chain).filter(format!("_kept_{n} = 1")));
    let select = Select::new(["e.*"], format!("{rows} AS e"))
        .join(format!("JOIN {kept} AS k ON k._row_{n} = e.{POSITION}"));
    s.last = s.with(&format!("dedup_{n}"), select);
    Ok(())
}

/// The most records that the files of the source can have, if their sizes tell.
fn most_rows(plan: &Plan) -> Option<i64> {
    let of_file = |file: &SourceFile| {
        // A record is a character and the end of a line, at least. Deflate makes at most 1032 bytes of one.
        let bytes = match file.shape.compression {
            _ if !file.format.is_text() => None,
            Compression::None => Some(file.bytes),
            Compression::Gzip => file.bytes.checked_mul(1032),
            _ => None,
        };
        i64::try_from(bytes? / 2 + 1).ok()
    };
    plan.pipeline.read.files.iter().try_fold(1i64, |rows, file| rows.checked_add(of_file(file)?))
}
