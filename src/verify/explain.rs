//! Why two results differ: causes that are known to come up, tried in order.
//!
//! # Contract
//! A cause is told only if it accounts for the whole difference: with it taken away both sides are the same, in
//! every row and value that is compared. What merely looks like a cause is not told. Each is one run of the job
//! changed in one way, or a look at the difference itself.

use super::GroupOf;
use super::case::{OutputCheck, group_of, instant, instants, naming};
use super::compare::{Comparison, ComparisonRules, ResultTable, WhichSide};
use super::variation::Variation;
use crate::batch::DataType;
use crate::error::Result;
use crate::explain::trace;
use crate::expr::walk::change_expressions;
use crate::input::value::grouped;
use crate::job::{self, Overrides, SourceFiles};
use crate::plan::{Mode, OutputKind, Plan, Step};
use crate::time::{Duration, HOUR, Zone};
use crate::window::Window;
use sqlparser::ast::{BinaryOperator, Expr as Ast};
use std::path::PathBuf;

/// What accounts for a difference, in words, if anything known does.
pub fn explain(case: &OutputCheck, found: &Comparison, here: &ResultTable) -> Result<Option<String>> {
    // Columns that are not there are told as such, and nothing is the same without them.
    if !found.schema.is_empty() {
        return Ok(None);
    }
    // These are closures, as most causes run the job again: those after the first that fits never run.
    let causes: [&dyn Fn() -> Result<Option<String>>; 9] = [
        &|| late(case),
        &|| zone(case, found, here),
        &|| bounds(case),
        &|| noise(case, found, here),
        &|| duplicates(case),
        &|| null_groups(case, found),
        &|| files(case, found),
        &|| filters(case),
        &|| values(case, found),
    ];
    for cause in causes {
        if let Some(found) = cause()? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Late events, which one side counts.
fn late(case: &OutputCheck) -> Result<Option<String>> {
    let OutputKind::Groups { grouping, .. } = case.output().kind else { return Ok(None) };
    let streamed = case.plan.pipeline.groupings[grouping].plan.lateness.is_some();
    let mode = if streamed { Mode::Complete } else { Mode::Streamed };
    let overrides = |mode| Some(Overrides { mode: Some(mode), ..case.overrides.clone() });
    let Some(account) = case.same_with(&Variation { overrides: overrides(mode), ..Variation::default() })?
    else {
        return Ok(None);
    };
    if !streamed {
        let late = count(account.late, "event that a live job", "events that a live job");
        return Ok(Some(format!(
            "late events: the other side leaves out the {late} would have called late; with `mode = \"streamed\"` \
            both sides are the same"
        )));
    }
    // How many they are the streamed run tells.
    let rules = ComparisonRules { show: 0, ..case.rules()? };
    let streamed = Variation { overrides: overrides(Mode::Streamed), ..Variation::default() };
    let late = case.vary_by(&streamed, &rules)?.map_or(0, |varied| varied.account.late);
    Ok(Some(format!(
        "late events: this output is streamed, and {} came too late to be counted; with `mode = \"complete\"` both \
        sides are the same",
        count(late, "event", "events")
    )))
}

/// Instants that are shown hours off, or windows of another time zone.
fn zone(case: &OutputCheck, found: &Comparison, here: &ResultTable) -> Result<Option<String>> {
    let columns: Vec<String> = instants(&case.output().columns).map(str::to_string).collect();
    let firsts = firsts(found);
    if let Some((ours, theirs)) = firsts {
        let hours = (theirs - ours) / HOUR;
        // Zones lie between UTC-12 and UTC+14, so two of them are at most 26 hours apart.
        if hours * HOUR == theirs - ours && hours != 0 && hours.abs() <= 26 {
            let later: Vec<(String, i64)> = columns.iter().map(|name| (name.clone(), hours * HOUR)).collect();
            // Only shown instants move, so the result at hand is rewritten and the job does not run again.
            let shown = case.later(here, &later)?;
            if case.compare(&shown.table, 0)?.same() {
                let hours = count(hours.unsigned_abs(), "hour", "hours");
                let way = if theirs > ours { "later" } else { "earlier" };
                return Ok(Some(format!(
                    "a time zone: every time there is {hours} {way} than here, and everything else is equal: the same wall-clock times are read in another zone"
                )));
            }
        }
    }
    for name in zones(case, firsts.map(|(_, theirs)| theirs)) {
        let change = |job: &mut toml::Table| {
            job.insert("timezone".into(), toml::Value::String(name.clone()));
        };
        if case.same_with(&Variation { job: Some(&change), ..Variation::default() })?.is_some() {
            return Ok(Some(format!(
                "a time zone: the other side is right for {}, but the job says {}; with `timezone = \"{name}\"` both sides are the same",
                in_words(&name),
                case.plan.zone.name()
            )));
        }
    }
    Ok(None)
}

/// The first `window_start` that only this side has, and the first that only the other has.
fn firsts(found: &Comparison) -> Option<(i64, i64)> {
    let first = |side| {
        let rows = found.rows.iter().filter(|row| row.only == Some(side));
        let starts = rows
            .filter_map(|row| instant(row.key.iter().find(|(name, _)| name == "window_start")?.1.as_ref()?));
        starts.min()
    };
    Some((first(WhichSide::Here)?, first(WhichSide::There)?))
}

/// Zones that the other side may have taken: UTC, that in which its first day begins at midnight, and all whole
/// hours where windows go by the calendar. Only where the job's zone matters at all.
fn zones(case: &OutputCheck, start: Option<i64>) -> Vec<String> {
    let own = case.plan.zone.name();
    let mut all: Vec<String> = vec!["UTC".to_string()];
    let fixed = |hours: i64| match hours {
        0 => "UTC".to_string(),
        // The names of these zones have the sign of POSIX.
        1.. => format!("Etc/GMT-{hours}"),
        _ => format!("Etc/GMT+{}", -hours),
    };
    if let Some(start) = start {
        let hours = -start.div_euclid(HOUR).rem_euclid(24);
        // Midnight tells the offset up to 24 hours, and UTC-10 and UTC+14 both exist: each is tried.
        all.push(fixed(if hours < -12 { hours + 24 } else { hours }));
        all.push(fixed(if hours + 24 <= 14 { hours + 24 } else { hours }));
    }
    // Only calendar windows move with the zone, and each try is a run.
    if case.window().is_some_and(is_calendar) {
        all.extend((-12..=14).map(fixed));
    }
    let mut seen = vec![];
    all.retain(|name| {
        let new = name != own && !seen.contains(name) && Zone::named(name).is_some();
        seen.push(name.clone());
        new
    });
    all
}

fn is_calendar(window: Window) -> bool {
    let is = |size: Duration| size.as_length().is_none();
    match window {
        Window::Tumbling { size, .. } => is(size),
        Window::Hopping { size, slide, .. } => is(size) || is(slide),
        Window::Cumulative { size, step, .. } => is(size) || is(step),
        Window::Global | Window::Session { .. } => false,
    }
}

fn in_words(zone: &str) -> String {
    match zone.strip_prefix("Etc/GMT") {
        Some(offset) if offset.starts_with('-') => format!("UTC+{}", &offset[1..]),
        Some(offset) if offset.starts_with('+') => format!("UTC-{}", &offset[1..]),
        _ => zone.to_string(),
    }
}

/// Bounds that count among the window, or do not; and those of filters.
fn bounds(case: &OutputCheck) -> Result<Option<String>> {
    let starts = |by: i64| vec![("window_start".to_string(), by), ("window_end".to_string(), by)];
    let end = |by: i64| vec![("window_end".to_string(), by)];
    let length = Duration::Length;
    // Each: the window, how its bounds are shown then, and what that means.
    type WindowAttempt = (Window, Vec<(String, i64)>, &'static str);
    let mut tries: Vec<WindowAttempt> = vec![];
    let closed = "both bounds of a window as inside it: an event on a bound counts twice";
    let late = "a window's end as inside it and its start as outside: (start, end]";
    match case.window() {
        Some(Window::Tumbling { size, offset }) => {
            // Instants are whole microseconds: (start, end] holds the same events as [start + 1, end + 1).
            tries.push((Window::Tumbling { size, offset: offset.plus(1) }, starts(-1), late));
            if let Some(micros) = size.as_length() {
                // [start, end] is a hopping window that is one microsecond longer than its slide.
                let window = Window::Hopping { size: length(micros + 1), slide: size, offset };
                tries.push((window, end(-1), closed));
            }
        }
        Some(Window::Hopping { size, slide, offset }) => {
            tries.push((Window::Hopping { size, slide, offset: offset.plus(1) }, starts(-1), late));
            if let Some(micros) = size.as_length() {
                tries.push((Window::Hopping { size: length(micros + 1), slide, offset }, end(-1), closed));
            }
        }
        Some(Window::Cumulative { size, step, offset }) => {
            tries.push((Window::Cumulative { size, step, offset: offset.plus(1) }, starts(-1), late));
        }
        Some(Window::Session { gap }) => {
            let apart =
                "an event exactly one gap after the last as the start of another session, as Beam does";
            // A gap one microsecond shorter parts events that are exactly one gap apart; the end is then
            // shown as before.
            tries.push((Window::Session { gap: gap - 1 }, end(1), apart));
        }
        Some(Window::Global) | None => {}
    }
    for (window, later, what) in tries {
        let change = |plan: Plan| plan.with_window(case.index, window);
        let variation = Variation { plan: Some(&change), later, ..Variation::default() };
        if case.same_with(&variation)?.is_some() {
            return Ok(Some(format!(
                "bounds: the other side takes {what}; if this side does so too, both sides are the same"
            )));
        }
    }
    for (at, filter) in filters_of(case) {
        for other in other_bounds(&filter) {
            if case
                .same_with(&Variation {
                    job: Some(&set_filter(at, Some(other.clone()))),
                    ..Variation::default()
                })?
                .is_some()
            {
                return Ok(Some(format!(
                    "bounds: with the filter `{other}` instead of `{filter}` both sides are the same"
                )));
            }
        }
    }
    Ok(None)
}

/// The filters of the job's steps: number of the step, and SQL.
fn filters_of(case: &OutputCheck) -> Vec<(usize, String)> {
    let steps = case.plan.pipeline.steps.iter().enumerate();
    steps
        .filter_map(
            |(i, step)| if let Step::Filter(expr) = step { Some((i, expr.sql().to_string())) } else { None },
        )
        .collect()
}

/// Sets the filter of step number `at`, or removes it.
fn set_filter(at: usize, filter: Option<String>) -> impl Fn(&mut toml::Table) {
    move |job| {
        let Some(steps) = job.get_mut("step").and_then(toml::Value::as_array_mut) else { return };
        // A step of several keys has been planned as several; they are counted as they are written.
        let Some(place) = place_of(steps, at) else { return };
        match &filter {
            Some(filter) => {
                if let Some(step) = steps[place].as_table_mut() {
                    step.insert("filter".into(), toml::Value::String(filter.clone()));
                }
            }
            None => {
                steps.remove(place);
            }
        }
    }
}

/// The `[[step]]` that planned step number `at` is of: a `derive` of several columns is several steps.
fn place_of(steps: &[toml::Value], at: usize) -> Option<usize> {
    let mut before = 0;
    for (place, step) in steps.iter().enumerate() {
        let derives = step.get("derive").and_then(toml::Value::as_table).map_or(1, toml::Table::len);
        if (before..before + derives).contains(&at) {
            return Some(place);
        }
        before += derives;
    }
    None
}

/// The most comparisons of a filter that are tried with another bound: each is a run.
const MOST_BOUNDS: usize = 20;

/// `filter` with one of its comparisons made to include its bound, or to exclude it.
fn other_bounds(filter: &str) -> Vec<String> {
    // The parser calls itself once for each operator of a chain, so a long filter needs a large stack.
    crate::expr::with_stack(|| with_other_bounds(filter))
}

fn with_other_bounds(filter: &str) -> Vec<String> {
    let Ok(ast) = crate::expr::parse(filter) else { return vec![] };
    let twin = |op: &BinaryOperator| match op {
        BinaryOperator::Gt => Some(BinaryOperator::GtEq),
        BinaryOperator::GtEq => Some(BinaryOperator::Gt),
        BinaryOperator::Lt => Some(BinaryOperator::LtEq),
        BinaryOperator::LtEq => Some(BinaryOperator::Lt),
        _ => None,
    };
    let mut out = vec![];
    for wanted in 0..MOST_BOUNDS {
        // One comparison at a time: each try is a run, and combinations of them would be exponential.
        let (mut changed, mut seen, mut done) = (ast.clone(), 0, false);
        change_expressions(&mut changed, |node| {
            if let Ast::BinaryOp { op, .. } = node
                && let Some(other) = twin(op)
            {
                if seen == wanted {
                    (*op, done) = (other, true);
                }
                seen += 1;
            }
        });
        if !done {
            break;
        }
        out.push(changed.to_string());
    }
    out
}

/// The last digits of floats, which depend on the order of additions elsewhere.
fn noise(case: &OutputCheck, found: &Comparison, here: &ResultTable) -> Result<Option<String>> {
    // Rounding changes values, but not which groups there are.
    if found.only_here + found.only_there > 0 {
        return Ok(None);
    }
    let columns = &case.output().columns;
    let there = case.columns_there()?;
    let mut noisy = vec![];
    for count in found.columns.iter().filter(|c| c.null_here + c.null_there + c.different > 0) {
        let float_there = there.contains(&(count.name.clone(), Some(DataType::Float64)));
        match columns.type_of(&count.name) {
            Some(DataType::Float64) => noisy.push(count.name.clone()),
            // A decimal is exact; it differs by noise from what was added up in floats only.
            Some(ty) if ty.scale().is_some() && (float_there || all_long(found, &count.name)) => {
                noisy.push(count.name.clone())
            }
            _ => return Ok(None),
        }
    }
    let mut rules = ComparisonRules { show: 0, ..case.rules()? };
    // The comparison takes the first tolerance of a name, so an earlier one has to go.
    rules.tolerance.retain(|(name, ..)| !noisy.contains(name));
    rules.tolerance.extend(noisy.iter().map(|name| (name.clone(), 0.0, NOISE)));
    if !case.compare_by(here, &rules)?.same() {
        return Ok(None);
    }
    // The values of the first row are not for all eyes.
    let shown = if case.request.hide_values { &[][..] } else { &found.rows };
    let of_first = shown.iter().flat_map(|row| &row.cells).find(|(name, ..)| noisy.contains(name));
    let first = of_first.map(|(name, ours, theirs)| {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".into());
        format!(", first `{name}`: {} exactly, {} there", text(ours), text(theirs))
    });
    Ok(Some(format!(
        "floating-point noise: what differs, differs by less than one part in 10^9. The other side adds floats one by one \
        and rounds each time; here sums are exact and rounded once{}",
        first.unwrap_or_default()
    )))
}

/// More than this relative difference is no noise.
const NOISE: f64 = 1e-9;

/// Whether all values there that differ are of 15 digits or more, as those of floats are that have been added up.
fn all_long(found: &Comparison, column: &str) -> bool {
    let values: Vec<&str> = found
        .rows
        .iter()
        .flat_map(|row| &row.cells)
        .filter(|(name, ..)| name == column)
        .filter_map(|(_, _, there)| there.as_deref())
        .collect();
    // A float64 has 15 to 17 digits, and a sum with an error in the last place prints nearly all of them.
    !values.is_empty()
        && values
            .iter()
            .all(|value| value.bytes().filter(u8::is_ascii_digit).count() >= 15 || value.contains(['e', 'E']))
}

/// Events that come again, which one side counts.
fn duplicates(case: &OutputCheck) -> Result<Option<String>> {
    let dedups =
        case.plan.pipeline.steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Dedup { .. }));
    let dedups: Vec<usize> = dedups.map(|(i, _)| i).collect();
    for &at in &dedups {
        if case.same_with(&Variation { job: Some(&set_filter(at, None)), ..Variation::default() })?.is_some()
        {
            return Ok(Some(
                "duplicates: the other side counts the events that the job's `dedup` leaves out; without that step \
                both sides are the same"
                    .into(),
            ));
        }
    }
    let read = &case.plan.pipeline.read;
    let mut columns: Vec<String> = vec![];
    for name in std::iter::once(&read.time.column).chain(read.columns.iter().map(|column| &column.name)) {
        if !columns.contains(name) && !read.derives(name) {
            columns.push(name.clone());
        }
    }
    if columns.is_empty() {
        return Ok(None);
    }
    let change = |job: &mut toml::Table| {
        let names = columns.iter().cloned().map(toml::Value::String).collect();
        let step = toml::Table::from_iter([("dedup".to_string(), toml::Value::Array(names))]);
        match job.get_mut("step").and_then(toml::Value::as_array_mut) {
            // Before all other steps: the other side drops copies of records, not of what the steps make of
            // them.
            Some(steps) => steps.insert(0, toml::Value::Table(step)),
            None => {
                job.insert("step".into(), toml::Value::Array(vec![toml::Value::Table(step)]));
            }
        }
    };
    let Some(account) = case.same_with(&Variation { job: Some(&change), ..Variation::default() })? else {
        return Ok(None);
    };
    Ok(Some(format!(
        "duplicates: {} that {} an earlier one in all columns the job reads; the other side counts only the first; if this side does so too, both sides are the same",
        count(account.duplicate, "event", "events"),
        if account.duplicate == 1 { "equals" } else { "equal" }
    )))
}

/// Groups of which a key is NULL.
fn null_groups(case: &OutputCheck, found: &Comparison) -> Result<Option<String>> {
    let OutputKind::Groups { grouping, .. } = case.output().kind else { return Ok(None) };
    let keys = &case.plan.pipeline.groupings[grouping].keys;
    // An engine that leaves out NULL keys lacks whole groups, so this side must have rows of its own.
    if keys.is_empty() || found.only_here == 0 {
        return Ok(None);
    }
    let condition: Vec<String> =
        keys.iter().map(|key| format!("\"{}\" IS NOT NULL", key.replace('"', "\"\""))).collect();
    let change = |job: &mut toml::Table| append_filter(job, &condition.join(" AND "));
    if case.same_with(&Variation { job: Some(&change), ..Variation::default() })?.is_none() {
        return Ok(None);
    }
    Ok(Some(format!(
        "NULL groups: {} here with a key that is NULL; the other side leaves NULL out, and without them both sides are the same",
        if found.only_here == 1 {
            "there is 1 group".to_string()
        } else {
            format!("there are {} groups", grouped(found.only_here))
        }
    )))
}

fn append_filter(job: &mut toml::Table, filter: &str) {
    let step = toml::Table::from_iter([("filter".to_string(), toml::Value::String(filter.to_string()))]);
    let steps = job.entry("step").or_insert_with(|| toml::Value::Array(vec![]));
    if let Some(steps) = steps.as_array_mut() {
        steps.push(toml::Value::Table(step));
    }
}

/// A file that the other side has not read, or has read twice.
fn files(case: &OutputCheck, found: &Comparison) -> Result<Option<String>> {
    let all: Vec<PathBuf> = case.plan.pipeline.read.files.iter().map(|file| file.path.clone()).collect();
    let mut suspects = all.clone();
    // A file that is missing there is in every group that differs, so the events of a few tell.
    if all.len() > FEW_FILES {
        suspects = suspected(case, found)?;
    }
    for file in suspects {
        let name = file.display().to_string();
        let rest: Vec<PathBuf> = all.iter().filter(|other| **other != file).cloned().collect();
        let overrides = |files| {
            let source = Some(SourceFiles { files, ..SourceFiles::default() });
            Some(Overrides { source, ..case.overrides.clone() })
        };
        let missing = Variation { overrides: overrides(rest), ..Variation::default() };
        // Without its only file the job has nothing to read.
        if all.len() > 1 && case.same_with(&missing)?.is_some() {
            return Ok(Some(format!(
                "an input file: the other side has not read {name}; without it both sides are the same"
            )));
        }
        // The folder is held, as it is deleted with its handle, and the run has to read the copy.
        let Some((_folder, copy)) = copied(&file) else { continue };
        let files = all.iter().cloned().chain([copy]).collect();
        let twice = Variation { overrides: overrides(files), ..Variation::default() };
        if case.same_with(&twice)?.is_some() {
            return Ok(Some(format!(
                "an input file: the other side has read {name} twice; if this side does so too, both sides are the same"
            )));
        }
    }
    Ok(None)
}

/// So many files are tried one by one.
const FEW_FILES: usize = 8;

/// The files that have events in each of some groups that differ.
fn suspected(case: &OutputCheck, found: &Comparison) -> Result<Vec<PathBuf>> {
    let keys = naming(case.plan, case.output());
    let groups: Vec<GroupOf> =
        found.rows.iter().filter_map(|row| group_of(&row.key, &keys)).take(3).collect();
    if groups.is_empty() {
        return Ok(vec![]);
    }
    let plan = job::plan_job(case.spec, case.overrides)?.with_steps_of(case.index);
    // Each of the files counts here, so the number of events is not limited.
    let traced = trace(plan, &groups, usize::MAX, case.request.options, case.request.progress)?;
    let mut of_groups = traced.iter().map(|group| {
        let mut files: Vec<PathBuf> = group.rows.iter().map(|row| row.file.clone()).collect();
        files.sort();
        files.dedup();
        files
    });
    let mut files = of_groups.next().unwrap_or_default();
    for other in of_groups {
        files.retain(|file| other.contains(file));
    }
    // Each file may cost two runs of the job.
    files.truncate(2 * FEW_FILES);
    Ok(files)
}

/// A copy of the file, in a folder that is deleted with its handle. A source reads each path once, so the file is read twice
/// only under another path.
fn copied(file: &std::path::Path) -> Option<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::Builder::new().prefix("highwater-verify-").tempdir().ok()?;
    let copy = folder.path().join(file.file_name()?);
    std::fs::copy(file, &copy).ok()?;
    Some((folder, copy))
}

/// A filter the other way round, or none.
fn filters(case: &OutputCheck) -> Result<Option<String>> {
    for (at, filter) in filters_of(case) {
        // Rows for which the filter is NULL stay out both times, as in SQL.
        let flipped = format!("NOT ({filter})");
        let change = set_filter(at, Some(flipped.clone()));
        if case.same_with(&Variation { job: Some(&change), ..Variation::default() })?.is_some() {
            return Ok(Some(format!(
                "a filter: with `{flipped}` instead of `{filter}` both sides are the same"
            )));
        }
        if case.same_with(&Variation { job: Some(&set_filter(at, None)), ..Variation::default() })?.is_some()
        {
            return Ok(Some(format!("a filter: without `{filter}` both sides are the same")));
        }
    }
    let index = case.index.place();
    let without = |job: &mut toml::Table| {
        let outputs = job.get_mut("output").and_then(toml::Value::as_array_mut);
        if let Some(output) = outputs.and_then(|all| all.get_mut(index)).and_then(toml::Value::as_table_mut) {
            output.remove("having");
        }
    };
    let has = matches!(&case.output().kind, OutputKind::Groups { post, .. } if post.having.is_some());
    if has && case.same_with(&Variation { job: Some(&without), ..Variation::default() })?.is_some() {
        return Ok(Some("a filter: without `having` both sides are the same".into()));
    }
    Ok(None)
}

/// The same events with other values: where the counts of events agree, and sums do not.
fn values(case: &OutputCheck, found: &Comparison) -> Result<Option<String>> {
    let OutputKind::Groups { grouping, post } = &case.output().kind else { return Ok(None) };
    if found.only_here + found.only_there + found.duplicate_keys > 0 {
        return Ok(None);
    }
    let aggregates = &case.plan.pipeline.groupings[*grouping].plan.aggregates;
    let names = case.output().columns.fields.iter().map(|f| &f.name).zip(&post.columns);
    let mut counted = None;
    for (name, column) in names {
        // Only count(*) counts every event of a group: count(x) leaves out NULL.
        let counts = matches!(column, crate::plan::PlannedColumn::Value(i)
            if aggregates[*i].0.function == crate::aggregate::Function::CountRows);
        let Some(count) = found.columns.iter().find(|c| c.name == *name) else { continue };
        if counts && count.null_here + count.null_there + count.different == 0 {
            counted = Some(name.clone());
        }
    }
    let Some(counted) = counted else { return Ok(None) };
    let differing: Vec<String> = found
        .columns
        .iter()
        .filter(|c| c.different + c.null_here + c.null_there > 0)
        .map(|c| format!("`{}`", c.name))
        .collect();
    Ok(Some(format!(
        "values: the numbers of events agree in every group (`{counted}`), so events are not missing, repeated or in another group; the events of {} have other values there ({}){}",
        count(found.differing, "group", "groups"),
        differing.join(", "),
        if case.request.trace { "" } else { "; --explain lists them" }
    )))
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}
