//! The steps on one batch.

use super::stage_log::{StageLog, numbers};
use super::stages::Stage;
use super::streams::{ArrivingTable, StepClocks, WaitingEvents};
use crate::asof::AsOfTable;
use crate::batch::{Batch, ColumnId};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::keyed::hash_keys;
use crate::lookup::{PendingAnswers, Services};
use crate::plan::{EnrichPlan, PerId, Plan, Step, StepId, TableId, Try};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, new_empty_array, new_null_array};
use arrow_select::interleave::interleave;
use std::borrow::Cow;

/// The tables and services that steps look into.
#[derive(Default)]
pub struct Sources {
    pub tables: PerId<TableId, AsOfTable>,
    /// Of streamed steps, those whose rows count from their arrival on.
    pub arriving: PerId<TableId, Option<ArrivingTable>>,
    pub services: Option<Services>,
}

/// A batch in the midst of its steps.
pub struct Passing {
    batch: Batch,
    /// The step that comes next, or is under way.
    step: StepId,
    /// What an enrichment under way has so far, and what it waits for.
    tried: Option<Tried>,
}

/// Rows that a service did not answer, and why.
pub type Refused = Vec<(crate::batch::Position, String)>;

/// How far a batch has come.
pub enum Passed {
    /// Through all steps of the stage.
    Through(Batch),
    /// It waits for answers.
    Waiting(Passing),
}

/// An enrichment under way.
struct Tried {
    /// The try that comes next.
    next: usize,
    /// The rows without a match so far, ascending.
    open: Vec<u32>,
    /// Rows, and their values per column.
    found: Vec<(Vec<u32>, Vec<ArrayRef>)>,
    /// Rows to reject.
    refused: Vec<(u32, String)>,
    pending: Option<PendingAnswers>,
    /// The rows that are not behind the watermark, while those that are have their own try.
    in_time: Option<Vec<u32>>,
    /// Of the state at an instant, rows that wait, which go no further.
    held: Vec<u32>,
    waiting: Vec<WaitingEvents>,
}

impl Passing {
    /// A batch before the steps of `stage`.
    pub fn new(stage: &Stage, batch: Batch) -> Passing {
        Passing { batch, step: stage.steps.start, tried: None }
    }

    /// Whether it can go on without waiting.
    pub fn is_ready(&self, sources: &Sources) -> bool {
        let pending = self.tried.as_ref().and_then(|tried| tried.pending.as_ref());
        match (pending, &sources.services) {
            (Some(pending), Some(services)) => services.is_answered(pending),
            _ => true,
        }
    }
}

/// The steps of one stage.
pub struct StageSteps<'a> {
    pub plan: &'a Plan,
    pub stage: &'a Stage,
    pub sources: &'a Sources,
    /// The watermarks of steps, where steps are streamed.
    pub clocks: Option<&'a StepClocks>,
}

impl StageSteps<'_> {
    /// Runs steps until the batch is through or has to wait for answers that it has just asked for; if it
    /// has asked before, waits for those.
    ///
    /// # Errors
    /// An expression that cannot be computed, a service that fails, a disk that fails.
    pub fn pass(&self, mut passing: Passing, log: &mut StageLog, refused: &mut Refused) -> Result<Passed> {
        while passing.step < self.stage.steps.end && passing.batch.rows > 0 {
            let batch = &mut passing.batch;
            match &self.plan.pipeline.steps[passing.step] {
                Step::Filter(expr) => {
                    let kept = filtered(expr, batch)?;
                    log.note_filtered(batch, &kept);
                    *batch = kept;
                }
                Step::Derive(_, expr) => derive(expr, batch)?,
                Step::Dedup { keys, .. } => self.note(passing.step, keys, batch, log)?,
                Step::Latest { keys, .. } => {
                    self.has_keys(keys, batch)?;
                    self.note(passing.step, keys, batch, log)?;
                }
                Step::First { keys, .. } => {
                    self.note(passing.step, keys, batch, log)?;
                    // Known later.
                    batch.columns.push(new_null_array(&arrow_schema::DataType::Null, batch.rows));
                }
                Step::Enrich(enrich) => {
                    // A batch that waited goes on with what it has found so far.
                    let begin = || Tried::new(self.rows_in_time(passing.step, enrich, batch));
                    let mut tried = passing.tried.take().unwrap_or_else(begin);
                    if !self.enrich(passing.step, enrich, batch, &mut tried)? {
                        passing.tried = Some(tried);
                        return Ok(Passed::Waiting(passing));
                    }
                    log.held_back.append(&mut tried.waiting);
                    *batch = finish(enrich, std::mem::take(batch), tried, refused)?;
                }
            }
            passing.step = passing.step.next();
        }
        let mut batch = passing.batch;
        if batch.rows == 0 {
            // Steps that an empty batch skipped would have added columns.
            batch.columns =
                self.plan.pipeline.rows.fields.iter().map(|f| new_empty_array(&f.ty.arrow())).collect();
        }
        Ok(Passed::Through(batch))
    }

    /// Fails where a record of a change log does not say which row it is of: it would replace every other such record.
    fn has_keys(&self, keys: &[ColumnId], batch: &Batch) -> Result<()> {
        for &key in keys {
            let column = &batch.columns[key];
            // Most columns have none, and tell so at once.
            if column.null_count() == 0 {
                continue;
            }
            let Some(row) = (0..batch.rows).find(|&row| column.is_null(row)) else { continue };
            let file = batch.positions[row].file();
            let file = self.plan.pipeline.read.files.iter().find(|one| one.ordinal == file);
            let place = file.map_or(String::new(), |file| format!("{}: ", file.path.display()));
            let name = &self.plan.pipeline.rows.fields[key].name;
            let error =
                Error::data(format!("{place}a record of the change log has no value in its key `{name}`"));
            return Err(error.hint(
                "a truncated table, or a delete whose row the database does not tell, is such a record",
            ));
        }
        Ok(())
    }

    /// Notes the keys of a batch for `step`.
    fn note(&self, step: StepId, keys: &[ColumnId], batch: &mut Batch, log: &mut StageLog) -> Result<()> {
        log.number(batch);
        let columns: Vec<&ArrayRef> = keys.iter().map(|&c| &batch.columns[c]).collect();
        let hashes = hash_keys(&columns, batch.rows);
        let place = self.stage.ordered.iter().position(|&s| s == step).expect("a step of the stage");
        let order = match &self.plan.pipeline.steps[step] {
            // Change logs are ordered as they were written, whatever event times their records have.
            Step::Latest { by_arrival: true, .. } => Cow::Borrowed(&batch.arrival[..]),
            Step::Latest { .. } => Cow::Owned(vec![0; batch.rows]),
            _ => Cow::Borrowed(&batch.time[..]),
        };
        let placed = self.plan.pipeline.is_by_arrival(step);
        match placed {
            true => log.logs[place].push_placed(&hashes, &batch.places, &batch.positions, &batch.numbers),
            false => log.logs[place].push(&hashes, &order, &batch.positions, &batch.numbers),
        }
        let Some(store) = log.kept.get_mut(place) else { return Ok(()) };
        let mut columns: Vec<ArrayRef> = columns.into_iter().cloned().collect();
        columns.push(numbers(&batch.numbers));
        let time = match placed {
            true => batch.places.iter().map(|place| place.moment.clock).collect(),
            false => order.into_owned(),
        };
        let positions = batch.positions.clone();
        store.push(&Batch { columns, time, positions, rows: batch.rows, ..Batch::default() })
    }

    /// The rows that are behind the watermark of `step`, which have a try of their own if there is one, and the others.
    fn rows_in_time(&self, step: StepId, plan: &EnrichPlan, batch: &Batch) -> (Vec<u32>, Vec<u32>) {
        match (self.clocks, plan.late) {
            (Some(clocks), Some(_)) => clocks.behind(step, batch),
            _ => (vec![], (0..batch.rows as u32).collect()),
        }
    }

    /// Tries on; false where answers have been asked for.
    fn enrich(&self, step: StepId, plan: &EnrichPlan, batch: &mut Batch, tried: &mut Tried) -> Result<bool> {
        let services = || self.sources.services.as_ref().expect("a plan with a service has services");
        if let Some(pending) = tried.pending.take() {
            let mut answers = services().answers(&pending)?;
            for (i, why) in answers.rejected {
                tried.refused.push((tried.open[i], why));
                // Nothing further is tried for it.
                answers.matched[i] = true;
            }
            tried.take(&answers.matched, answers.columns);
            tried.go_on();
        }
        // Late events first: theirs is the only try, so what is open after it stays without a match.
        if tried.in_time.is_some() && tried.open.is_empty() {
            tried.go_on();
        }
        while let Some(number) = tried.number(plan) {
            if tried.open.is_empty() {
                break;
            }
            match &plan.tries[number] {
                Try::AsOf { table, on, reach, take } => {
                    let columns: Vec<&ArrayRef> = on.iter().map(|&c| &batch.columns[c]).collect();
                    let keys = hash_keys(&columns, batch.rows);
                    let arriving = self.sources.arriving.get(*table).and_then(Option::as_ref);
                    let matches = if let (Some(arriving), Some(clocks)) = (arriving, self.clocks) {
                        let held = clocks.wait(step, reach, batch, &tried.open);
                        if !held.is_empty() {
                            tried.hold(WaitingEvents::new(step, on, batch, &held), held);
                        }
                        let events = (&keys, &batch.time[..], &batch.places[..]);
                        arriving.table.probe(events, &tried.open, reach, take)
                    } else {
                        self.sources.tables[*table].probe(&keys, &batch.time, &tried.open, reach, take)?
                    };
                    tried.take(&matches.matched, matches.columns);
                }
                Try::Service(service) => {
                    // The worker reads on while the answers are under way.
                    tried.pending = Some(services().ask(*service, &batch.columns, &tried.open)?);
                    return Ok(false);
                }
                Try::Constant(values) => {
                    let every = vec![0u32; tried.open.len()];
                    let indices = arrow_array::UInt32Array::from(every);
                    let columns = values.iter().map(|value| {
                        arrow_select::take::take(value, &indices, None).expect("an array of one value")
                    });
                    let columns = columns.collect();
                    tried.take(&vec![true; tried.open.len()], columns);
                }
            }
            tried.go_on();
        }
        Ok(true)
    }
}

impl Tried {
    /// Of rows behind the watermark, and of the others.
    fn new((behind, rows): (Vec<u32>, Vec<u32>)) -> Tried {
        let (open, in_time) = if behind.is_empty() { (rows, None) } else { (behind, Some(rows)) };
        Tried {
            next: 0,
            open,
            found: vec![],
            refused: vec![],
            pending: None,
            in_time,
            held: vec![],
            waiting: vec![],
        }
    }

    /// Holds rows back that wait.
    fn hold(&mut self, waiting: WaitingEvents, rows: Vec<u32>) {
        // Both ascend.
        let mut held = rows.iter().peekable();
        self.open.retain(|row| held.next_if_eq(&row).is_none());
        self.held.extend(rows);
        self.waiting.push(waiting);
    }

    /// The number of the try that the open rows have next.
    fn number(&self, plan: &EnrichPlan) -> Option<usize> {
        match (&self.in_time, plan.late) {
            (Some(_), Some(late)) => Some(late),
            _ => plan.in_time().nth(self.next).map(|(number, _)| number),
        }
    }

    /// Goes to the next try; after that of late rows, to the first of the others.
    fn go_on(&mut self) {
        match self.in_time.take() {
            Some(rows) => self.open = rows,
            None => self.next += 1,
        }
    }

    /// Takes what a try found for the open rows.
    fn take(&mut self, matched: &[bool], columns: Vec<ArrayRef>) {
        let open = std::mem::take(&mut self.open);
        let still = open.iter().zip(matched).filter(|(_, matched)| !**matched).map(|(row, _)| *row);
        self.open = still.collect();
        self.found.push((open, columns));
    }
}

/// The batch with the columns of an enrichment that has come to its end, and without the rows refused.
fn finish(plan: &EnrichPlan, mut batch: Batch, tried: Tried, refused: &mut Refused) -> Result<Batch> {
    let mut found = tried.found;
    let whole = found.first().is_some_and(|(rows, _)| rows.len() == batch.rows);
    // One try over all rows gives the columns as they are; to interleave them would only copy.
    if found.len() == 1 && whole {
        batch.columns.extend(found.pop().into_iter().flat_map(|(_, columns)| columns));
    } else {
        // Of several tries a row takes the last that it was open for: those before had nothing.
        let mut place = vec![(0, 0); batch.rows];
        for (t, (rows, _)) in found.iter().enumerate() {
            rows.iter().enumerate().for_each(|(i, &row)| place[row as usize] = (t + 1, i));
        }
        for (c, field) in plan.take.iter().enumerate() {
            let null = new_null_array(&field.ty.arrow(), 1);
            let mut arrays: Vec<&dyn Array> = vec![&null];
            arrays.extend(found.iter().map(|(_, columns)| columns[c].as_ref()));
            batch.columns.push(interleave(&arrays, &place).expect("columns of one type"));
        }
    }
    if tried.refused.is_empty() && tried.held.is_empty() {
        return Ok(batch);
    }
    let mut keep = vec![true; batch.rows];
    tried.held.iter().for_each(|&row| keep[row as usize] = false);
    for (row, why) in tried.refused {
        keep[row as usize] = false;
        refused.push((batch.positions[row as usize], why));
    }
    Ok(batch.filter(&BooleanArray::from(keep)))
}

/// The value of `expr` for each row of a batch.
fn evaluate(expr: &Expr, batch: &Batch) -> Result<ArrayRef> {
    expr.evaluate(batch.rows, |number| &batch.columns[number])
}

/// The rows for which `expr` is true.
fn filtered(expr: &Expr, batch: &Batch) -> Result<Batch> {
    Ok(batch.filter(evaluate(expr, batch)?.as_boolean()))
}

/// Appends the value of `expr`.
fn derive(expr: &Expr, batch: &mut Batch) -> Result<()> {
    let value = evaluate(expr, batch)?;
    batch.columns.push(value);
    Ok(())
}

/// The steps of a table: filters and derived columns.
///
/// # Errors
/// An expression that cannot be computed.
pub fn local(steps: &[Step], mut batch: Batch) -> Result<Batch> {
    for step in steps {
        if batch.rows == 0 {
            break;
        }
        match step {
            Step::Filter(expr) => batch = filtered(expr, &batch)?,
            Step::Derive(_, expr) => derive(expr, &mut batch)?,
            Step::Dedup { .. } | Step::Latest { .. } | Step::First { .. } | Step::Enrich(_) => {
                unreachable!("a table has filters and derived columns")
            }
        }
    }
    Ok(batch)
}
