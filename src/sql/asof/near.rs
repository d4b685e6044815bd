//! Enrichments as one pass: events and rows of a table stand together in the order of time, and each event takes the last
//! row before it.
//!
//! # Contract
//! * An event and the rows of its key are one partition of one window: the work is a sort of both, however many rows a key
//!   has. No join is made for a table with times, and events are read once.
//! * Of rows at one instant the last by position comes last, before the events of that instant or, if those are not
//!   to take it, after them. Forward is the same with time turned around.
//! * A row that is taken may have NULL in it. So a struct is carried along, or in PostgreSQL, which carries no value past
//!   NULLs, the number of rows so far: the first of each number is the row. With `fill` each column is carried by itself.
//! * A row without a key has no event, and is left out. An event without a key finds no row, and stays.
//! * A table without times has one row of each key, its last: that is a join by the key.
//! * Columns that steps before have made for themselves end here: SELECTs name all columns of the events.

use super::tables::{constant, deletes_can_be_said, no_service, rows, short};
use crate::asof::{Direction, Reach};
use crate::batch::ColumnId;
use crate::error::Result;
use crate::plan::{EnrichPlan, TableId, TablePlan, Try};
use crate::sql::statement::{Select, Statement, partition_by};
use crate::sql::{Dialect, POSITION, TIME, aggregate_parts};
use crate::time::TimeRule;

/// A try that looks into a table: its number, from 1, and what it says.
#[derive(Clone, Copy)]
struct TableTry<'a> {
    number: usize,
    table: TableId,
    on: &'a [ColumnId],
    reach: &'a Reach,
    take: &'a [usize],
}

/// What a try found for an event, as SQL.
struct TryMatch {
    /// Whether a row is in reach.
    found: String,
    /// Whether `values` are NULL where none is.
    complete: bool,
    values: Vec<String>,
}

impl TryMatch {
    /// Column number `c`, NULL where no row is in reach.
    fn value(&self, c: usize) -> String {
        let TryMatch { found, complete, values } = self;
        if *complete { values[c].clone() } else { format!("CASE WHEN {found} THEN {} END", values[c]) }
    }
}

/// Appends an enrichment, step `number` of the job.
pub(super) fn enrich<'a>(s: &mut Statement<'a>, number: usize, enrich: &'a EnrichPlan) -> Result<()> {
    let (tries, constants) = tries(s, enrich)?;
    let alone = tries.len() == 1 && constants.is_none();
    let mut columns = s.visible();
    let events = columns.len();
    let mut answers: Vec<TryMatch> = vec![];
    let mut last = Select::new(columns.clone(), &s.last);
    let mut at = 0;
    while at < tries.len() {
        if at > 0 {
            s.last = kept(s, number, &mut columns, &mut answers, last);
        }
        // Tries of the same rows look into them at once.
        let alike = tries[at..].iter().take_while(|next| next.is_like(&tries[at])).count();
        let (select, found) = ask(s, number, &columns, (&tries[at..at + alike], alone))?;
        last = select;
        answers.extend(found);
        at += alike;
    }
    // The events' own columns, as the last SELECT names them; helpers of earlier tries are only read.
    last.columns.truncate(events);
    for (c, field) in enrich.take.iter().enumerate() {
        let sql = match (&answers[..], &constants) {
            ([], Some(values)) => values[c].clone(),
            ([answer], None) => answer.value(c),
            (answers, constants) => {
                let arms = answers.iter().map(|a| format!(" WHEN {} THEN {}", a.found, a.values[c]));
                let otherwise = constants.as_ref().map(|values| format!(" ELSE {}", values[c]));
                format!("CASE{}{} END", arms.collect::<String>(), otherwise.unwrap_or_default())
            }
        };
        last.columns.push(format!("{sql} AS {}", s.ident(&field.name)));
    }
    s.last = s.with(&format!("enrich_{}_{number}", short(&enrich.from)), last);
    enrich.take.iter().for_each(|field| s.push_column(&field.name));
    Ok(())
}

/// The tries of tables, and the constants after them.
fn tries<'a>(s: &Statement, enrich: &'a EnrichPlan) -> Result<(Vec<TableTry<'a>>, Option<Vec<String>>)> {
    let mut all = vec![];
    for (number, attempt) in (1..).zip(&enrich.tries) {
        match attempt {
            Try::AsOf { table, on, reach, take } => {
                all.push(TableTry { number, table: *table, on, reach, take });
            }
            Try::Constant(values) => {
                let values = values.iter().zip(&enrich.take);
                let literals = values.map(|(value, field)| constant(s.dialect, value, field.ty));
                return Ok((all, Some(literals.collect())));
            }
            Try::Service(_) => return Err(no_service(s, enrich)),
        }
    }
    Ok((all, None))
}

impl TableTry<'_> {
    /// Whether both look into the same rows for the same columns.
    fn is_like(&self, other: &TableTry) -> bool {
        self.table == other.table && self.on == other.on && self.take == other.take
    }

    /// The columns that are taken, as they are called on the way.
    fn taken(&self) -> Vec<String> {
        (1..=self.take.len()).map(|c| format!("_taken_{}_{c}", self.number)).collect()
    }

    fn gone(&self) -> String {
        format!("_gone_{}", self.number)
    }

    /// A name of its own for a CTE.
    fn suffix(&self, step: usize, table: &TablePlan) -> String {
        let again = if self.number > 1 { format!("_{}", self.number) } else { String::new() };
        format!("{}_{step}{again}", short(&table.name))
    }
}

/// Adds a CTE of what the last try of `answers` found, as columns that the next one hands on.
fn kept(
    s: &mut Statement,
    step: usize,
    columns: &mut Vec<String>,
    answers: &mut [TryMatch],
    mut last: Select,
) -> String {
    for (t, answer) in (1..).zip(answers.iter_mut()) {
        let found = format!("_found_{t}");
        if columns.contains(&found) {
            continue;
        }
        last.columns.push(format!("CASE WHEN {} THEN 1 ELSE 0 END AS {found}", answer.found));
        columns.push(found.clone());
        for c in 0..answer.values.len() {
            let name = format!("_value_{t}_{}", c + 1);
            last.columns.push(format!("{} AS {name}", answer.value(c)));
            columns.push(name.clone());
            answer.values[c] = name;
        }
        (answer.found, answer.complete) = (format!("{found} = 1"), true);
    }
    s.with(&format!("tried_{step}_{}", answers.len()), last)
}

/// A SELECT of `columns` from which the answers of tries of the same rows can be read.
fn ask(
    s: &mut Statement,
    step: usize,
    columns: &[String],
    (tries, alone): (&[TableTry], bool),
) -> Result<(Select, Vec<TryMatch>)> {
    let table = &s.plan.pipeline.tables[tries[0].table];
    for attempt in tries {
        deletes_can_be_said(s, table, attempt.reach)?;
    }
    let rows = rows(s, (step, tries[0].number), table)?;
    if table.read.time.rule != TimeRule::Untimed {
        return beside(s, step, columns, (table, &rows), (tries, alone));
    }
    // Without times the reach says nothing: all of them have one answer.
    let (select, answer) = last_rows(s, step, columns, (table, &rows), tries[0])?;
    let again = |_| TryMatch { found: answer.found.clone(), complete: true, values: answer.values.clone() };
    Ok((select, tries.iter().map(again).collect()))
}

/// Key columns of the rows, and of the events.
fn keys(s: &Statement, table: &TablePlan, on: &[ColumnId]) -> Result<(Vec<String>, Vec<String>)> {
    let field = |(key, _): &(ColumnId, _)| s.ident(&table.rows.fields[*key].name);
    Ok((table.index.keys.iter().map(field).collect(), s.keys(on)?))
}

/// What rows of a table may be taken: those that are rows, and have a key.
fn candidates(s: &Statement, table: &TablePlan, keys: &[String]) -> Vec<String> {
    let mut filters: Vec<String> = keys.iter().map(|key| format!("{key} IS NOT NULL")).collect();
    if let Some(op) = table.index.op {
        // A message or a truncate has no row.
        let op = s.ident(&table.rows.fields[op].name);
        filters.push(format!("{op} <> 'm' AND {op} <> 't'"));
    }
    filters
}

/// The last row of each key, joined by the key.
fn last_rows(
    s: &mut Statement,
    step: usize,
    columns: &[String],
    (table, rows): (&TablePlan, &str),
    attempt: TableTry,
) -> Result<(Select, TryMatch)> {
    let t = attempt.number;
    let (of_rows, of_events) = keys(s, table, attempt.on)?;
    let on: Vec<String> = (1..=of_rows.len()).map(|k| format!("_on_{t}_{k}")).collect();
    let mut numbered = Select::new(Vec::<String>::new(), rows);
    numbered.columns.extend(of_rows.iter().zip(&on).map(|(key, name)| format!("{key} AS {name}")));
    let taken = attempt.taken();
    for (&column, name) in attempt.take.iter().zip(&taken) {
        let field = &table.rows.fields[table.index.columns[column].0];
        numbered.columns.push(format!("{} AS {name}", s.ident(&field.name)));
    }
    if let Some(op) = table.index.op {
        numbered.columns.push(format!("{} AS {}", s.ident(&table.rows.fields[op].name), attempt.gone()));
    }
    numbered.filters = candidates(s, table, &of_rows);
    let by = partition_by(&of_rows);
    let suffix = attempt.suffix(step, table);
    let latest = if table.index.fill {
        for (c, &column) in (1..).zip(attempt.take) {
            let name = s.ident(&table.rows.fields[table.index.columns[column].0].name);
            let order = format!("CASE WHEN {name} IS NULL THEN 1 ELSE 0 END, {POSITION} DESC");
            numbered.columns.push(format!("ROW_NUMBER() OVER ({by}ORDER BY {order}) AS _nth_{t}_{c}"));
        }
        let numbered = s.with(&format!("numbered_{suffix}"), numbered);
        let mut filled = Select::new(on.clone(), numbered).group(on.clone());
        for ((c, &column), name) in (1..).zip(attempt.take).zip(&taken) {
            let value = format!("CASE WHEN _nth_{t}_{c} = 1 THEN {name} END");
            let ty = table.index.columns[column].1;
            filled.columns.push(format!("{} AS {name}", aggregate_parts::greatest(s.dialect, ty, &value)));
        }
        // NULL of no rows, where there are no keys to group by.
        filled.columns.push(format!("MAX(1) AS _nth_{t}"));
        filled
    } else {
        numbered.columns.push(format!("ROW_NUMBER() OVER ({by}ORDER BY {POSITION} DESC) AS _nth_{t}"));
        let numbered = s.with(&format!("numbered_{suffix}"), numbered);
        let ended = table.index.op.map(|_| format!(" AND {} <> 'd'", attempt.gone())).unwrap_or_default();
        Select::new(["*"], numbered).filter(format!("_nth_{t} = 1{ended}"))
    };
    let latest = s.with(&format!("latest_{suffix}"), latest);
    let pairs = on.iter().zip(&of_events).map(|(row, event)| format!("m.{row} = e.{event}"));
    let mut pairs = pairs.collect::<Vec<_>>().join(" AND ");
    if pairs.is_empty() {
        pairs = "TRUE".into();
    }
    let select = Select::new(columns.iter().map(|column| format!("e.{column}")), format!("{} AS e", s.last))
        .join(format!("LEFT JOIN {latest} AS m ON {pairs}"));
    let values = taken.iter().map(|name| format!("m.{name}")).collect();
    // A row without a match has NULL, as a row of an outer join does.
    Ok((select, TryMatch { found: format!("m._nth_{t} IS NOT NULL"), complete: true, values }))
}

/// Events and rows together, and what is carried from rows to events.
fn beside(
    s: &mut Statement,
    step: usize,
    columns: &[String],
    (table, rows): (&TablePlan, &str),
    (tries, alone): (&[TableTry], bool),
) -> Result<(Select, Vec<TryMatch>)> {
    let first = tries[0];
    let (of_rows, of_events) = keys(s, table, first.on)?;
    let mut events = Select::new(columns.to_vec(), &s.last);
    let shared = |column: &String| match column.as_str() {
        both @ (TIME | POSITION) => both.to_string(),
        _ => "NULL".to_string(),
    };
    let mut union = Select::new(columns.iter().map(shared), rows);
    let mut on = vec![];
    let types = first.on.iter().zip(&table.index.keys).map(|(&event, &(row, _))| {
        let (event, row) = (s.plan.pipeline.rows.fields[event].ty, table.rows.fields[row].ty);
        // Decimals of one scale: what is summed holds both.
        (event != row).then(|| s.type_name(row.summed()))
    });
    let types: Vec<Option<String>> = types.collect();
    for (k, ((row, event), ty)) in (1..).zip(of_rows.iter().zip(of_events).zip(&types)) {
        let [row, event] = [row, &event].map(|side| match ty {
            Some(ty) => format!("CAST({side} AS {ty})"),
            None => side.clone(),
        });
        on.push(format!("_on_{}_{k}", first.number));
        events.columns.push(format!("{event} AS _on_{}_{k}", first.number));
        union.columns.push(row);
    }
    let taken = first.take.iter().map(|&column| table.index.columns[column].0);
    let mut names = first.taken();
    names.extend(table.index.op.map(|_| first.gone()));
    for (column, name) in taken.chain(table.index.op).zip(&names) {
        let field = &table.rows.fields[column];
        // With its type: in a recursive query DuckDB takes the types of the first SELECT.
        events.columns.push(format!("CAST(NULL AS {}) AS {name}", s.type_name(field.ty)));
        union.columns.push(s.ident(&field.name));
    }
    events.columns.push("1 AS _side".into());
    union.columns.push("0".into());
    union.filters = candidates(s, table, &of_rows);
    let suffix = first.suffix(step, table);
    let beside = s.with_union(&format!("beside_{suffix}"), vec![events, union]);

    let mut carried = Carried { dialect: s.dialect, by: on, rows: vec![] };
    let plan = |t: &TableTry| Near::new(&mut carried, t.reach, (table.index.fill, &names), alone);
    let near: Vec<Near> = tries.iter().map(plan).collect();
    let last = carried.append(s, &suffix, beside);
    let gone = table.index.op.map(|_| first.gone());
    let answer = |(near, t): (&Near, &TableTry)| {
        let sides = |rows| Sides { s, carried: &carried, rows, reach: t.reach };
        near.answer(&sides, &first.taken(), gone.as_deref())
    };
    let answers = near.iter().zip(tries).map(answer).collect();
    Ok((Select::new(columns.to_vec(), last).filter("_side = 1"), answers))
}

/// A row that is carried along a window, to the events after it.
#[derive(PartialEq, Eq)]
struct CarriedRow {
    direction: Direction,
    inclusive: bool,
    /// The columns of it; the first is its instant, if that is wanted.
    columns: Vec<String>,
    /// The column that is not NULL in it; of all rows without.
    has: Option<String>,
}

/// What is carried from rows to events.
struct Carried {
    dialect: Dialect,
    by: Vec<String>,
    rows: Vec<CarriedRow>,
}

impl Carried {
    /// The number of a row; tries that want the same one share it.
    fn push(&mut self, row: CarriedRow) -> usize {
        self.rows.iter().position(|known| *known == row).unwrap_or_else(|| {
            self.rows.push(row);
            self.rows.len() - 1
        })
    }

    /// The order in which rows come to events.
    fn order(&self, row: &CarriedRow) -> String {
        let time = if row.direction == Direction::Forward { " DESC" } else { "" };
        let side = if row.inclusive { "" } else { " DESC" };
        format!("ORDER BY {TIME}{time}, _side{side}, {POSITION}")
    }

    /// Column `column` of row number `k`, where an event is.
    fn column(&self, k: usize, column: &str) -> String {
        let row = &self.rows[k];
        let place = row.columns.iter().position(|own| own == column).expect("a column of the row");
        match self.dialect {
            Dialect::Postgres => format!("_near_{}_{}", k + 1, place + 1),
            _ if row.columns.len() == 1 && row.has.is_some() => format!("_near_{}", k + 1),
            _ => format!("_near_{}.{column}", k + 1),
        }
    }

    /// Adds CTEs with the carried columns to those of `from`, and gives the last one's name.
    fn append(&self, s: &mut Statement, suffix: &str, from: String) -> String {
        let by = partition_by(&self.by);
        let so_far = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW";
        let is_one = |row: &CarriedRow| match &row.has {
            Some(name) => format!("{name} IS NOT NULL"),
            None => "_side = 0".to_string(),
        };
        let mut select = Select::new(["*"], from);
        if self.dialect == Dialect::Postgres {
            for (k, row) in (1..).zip(&self.rows) {
                let count = format!("COUNT(CASE WHEN {} THEN 1 END)", is_one(row));
                let over = format!("{by}{} {so_far}", self.order(row));
                select.columns.push(format!("{count} OVER ({over}) AS _led_{k}"));
            }
            let counted = s.with(&format!("counted_{suffix}"), select);
            select = Select::new(["*"], counted);
            for (k, row) in (1..).zip(&self.rows) {
                let by = partition_by(&[&self.by[..], &[format!("_led_{k}")]].concat());
                for (c, column) in (1..).zip(&row.columns) {
                    let value = format!("FIRST_VALUE(CASE WHEN {} THEN {column} END)", is_one(row));
                    let over = format!("{by}{}", self.order(row));
                    select.columns.push(format!("{value} OVER ({over}) AS _near_{k}_{c}"));
                }
            }
            return s.with(&format!("carried_{suffix}"), select);
        }
        for (k, row) in (1..).zip(&self.rows) {
            let value = match (&row.columns[..], &row.has) {
                ([column], Some(_)) => column.clone(),
                (columns, _) => {
                    format!("CASE WHEN {} THEN {} END", is_one(row), packed(self.dialect, columns))
                }
            };
            let value = match self.dialect {
                Dialect::Spark => format!("LAST_VALUE({value}) IGNORE NULLS"),
                _ => format!("LAST_VALUE({value} IGNORE NULLS)"),
            };
            select.columns.push(format!("{value} OVER ({by}{} {so_far}) AS _near_{k}", self.order(row)));
        }
        s.with(&format!("carried_{suffix}"), select)
    }
}

/// A struct of columns, by their names.
fn packed(dialect: Dialect, columns: &[String]) -> String {
    match dialect {
        Dialect::DuckDb => {
            let fields: Vec<String> = columns.iter().map(|name| format!("'{name}': {name}")).collect();
            format!("{{{}}}", fields.join(", "))
        }
        _ => format!("STRUCT({})", columns.join(", ")),
    }
}

/// The carried rows before and after an event, by number, each if it is looked for.
type BothSides = [Option<usize>; 2];

/// The rows that one try reads: the row as a whole, or with `fill` those of each column.
struct Near {
    /// None where `fill` alone gives the answer.
    whole: Option<BothSides>,
    filled: Vec<BothSides>,
}

impl Near {
    fn new(carried: &mut Carried, reach: &Reach, (fill, names): (bool, &[String]), alone: bool) -> Near {
        let mut both = |columns: &[String], has: Option<&String>| {
            [Direction::Backward, Direction::Forward].map(|direction| {
                let wanted = reach.direction == direction || reach.direction == Direction::Nearest;
                wanted.then(|| {
                    let (columns, has) = (columns.to_vec(), has.cloned());
                    carried.push(CarriedRow { direction, inclusive: reach.inclusive, columns, has })
                })
            })
        };
        let with_time = |own: &[String]| [&[TIME.to_string()], own].concat();
        if !fill {
            return Near { whole: Some(both(&with_time(names), None)), filled: vec![] };
        }
        let timed = reach.within.is_some() || reach.direction == Direction::Nearest;
        let mut filled = vec![];
        for name in names {
            let own = std::slice::from_ref(name);
            filled.push(if timed { both(&with_time(own), Some(name)) } else { both(own, Some(name)) });
        }
        // Whether there is a row at all is asked where there is another answer.
        Near { whole: (!alone).then(|| both(&with_time(&[]), None)), filled }
    }

    fn answer<'a>(
        &self,
        sides: &dyn Fn(BothSides) -> Sides<'a>,
        taken: &[String],
        gone: Option<&str>,
    ) -> TryMatch {
        let mut found = self.whole.map_or_else(|| "TRUE".into(), |rows| sides(rows).in_reach());
        if let (Some(gone), Some(rows)) = (gone, self.whole) {
            // A delete wins over older rows before it is dropped.
            found += &format!(" AND {} <> 'd'", sides(rows).nearest(gone));
        }
        match self.whole.filter(|_| self.filled.is_empty()) {
            Some(rows) => {
                let complete = sides(rows).reach.within.is_none() && gone.is_none();
                let values = taken.iter().map(|name| sides(rows).nearest(name)).collect();
                TryMatch { found, complete, values }
            }
            None => {
                let values = self.filled.iter().zip(taken).map(|(&rows, name)| sides(rows).filled(name));
                TryMatch { found, complete: true, values: values.collect() }
            }
        }
    }
}

/// The nearest rows on both sides of an event, and what is in reach of it.
struct Sides<'a> {
    s: &'a Statement<'a>,
    carried: &'a Carried,
    rows: BothSides,
    reach: &'a Reach,
}

impl Sides<'_> {
    /// The microseconds between the event and each row that is looked for.
    fn distances(&self) -> Vec<String> {
        let event = self.s.micros(TIME);
        let row = |k: usize| self.s.micros(&self.carried.column(k, TIME));
        let [before, after] = self.rows;
        let before = before.map(|k| format!("{event} - {}", row(k)));
        before.into_iter().chain(after.map(|k| format!("{} - {event}", row(k)))).collect()
    }

    /// Whether there is a row in reach.
    fn in_reach(&self) -> String {
        let all: Vec<String> = match self.reach.within {
            // The distance of no row is NULL.
            Some(within) => self.distances().iter().map(|apart| format!("{apart} <= {within}")).collect(),
            None => {
                let rows = self.rows.iter().flatten();
                rows.map(|&k| format!("{} IS NOT NULL", self.carried.column(k, TIME))).collect()
            }
        };
        if let [one] = &all[..] { one.clone() } else { format!("({})", all.join(" OR ")) }
    }

    /// The column of the nearest row, also if that is out of reach.
    fn nearest(&self, name: &str) -> String {
        match self.rows {
            [Some(before), Some(after)] => {
                let distances = self.distances();
                let none = format!("{} IS NULL", self.carried.column(after, TIME));
                let [before, after] = [before, after].map(|k| self.carried.column(k, name));
                // At equal distance the earlier.
                let nearer = format!("{none} OR {}", distances.join(" <= "));
                format!("CASE WHEN {nearer} THEN {before} ELSE {after} END")
            }
            [before, after] => before.or(after).map_or_else(String::new, |k| self.carried.column(k, name)),
        }
    }

    /// The column of the nearest row in reach that has it.
    fn filled(&self, name: &str) -> String {
        match self.reach.within {
            Some(_) => format!("CASE WHEN {} THEN {} END", self.in_reach(), self.nearest(name)),
            None => self.nearest(name),
        }
    }
}
