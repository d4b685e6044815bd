//! What of an output is charted: its time, the columns that tell series apart, the measures, and how each adds up.
//!
//! # Contract
//! Values are put together only where that means something: counts and sums of windows that do not overlap are added,
//! the greatest of the greatest is the greatest; of anything else (an average, distinct values, windows that
//! overlap) a point that stands for several rows is their mean, and the page says so.

use super::axis::{AxisStep, Grid};
use super::rows::is_number;
use crate::aggregate::{Function, Pairwise};
use crate::batch::{DataType, Field, Schema};
use crate::plan::{Grouping, OutputKind, OutputPlan, Plan, PlannedColumn, Post};
use crate::time::{CalendarUnit, DAY, Duration, TimeParser, TimeRule, Zone};
use crate::window::{Offset, Window};

/// How values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MeasureFold {
    Sum,
    Max,
    Min,
    Mean,
}

impl MeasureFold {
    pub fn name(self) -> &'static str {
        match self {
            MeasureFold::Sum => "sum",
            MeasureFold::Max => "max",
            MeasureFold::Min => "min",
            MeasureFold::Mean => "mean",
        }
    }
}

/// A number that is charted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChartMeasure {
    pub name: String,
    /// Its column; none counts rows.
    pub column: Option<usize>,
    /// Digits after the point.
    pub scale: u8,
    /// How the values of several keys in one window become one, and those of one key in several windows.
    pub keys: MeasureFold,
    pub time: MeasureFold,
}

/// What tells series apart: the values of these columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dimension {
    pub name: String,
    pub columns: Vec<usize>,
    /// The fewest and the most values that it may have; with others it is left out.
    pub least: usize,
    pub most: usize,
}

/// Where the time of a row stands.
#[derive(Debug, Clone)]
pub(super) enum TimeOf {
    /// In this column of instants.
    Column(usize),
    /// In this column, to be read.
    Parsed(usize, TimeParser),
}

/// What a column of groups holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// The start of the window.
    Start,
    /// Its end.
    End,
    /// A key.
    Key,
    /// The number of the firing.
    Firing,
    /// An aggregate, and how its values become one.
    Value(MeasureFold),
}

/// Groups, as far as charts depend on what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChartGroups {
    pub window: Window,
    pub firings: bool,
    /// Whether `having` or `top` leaves out some of them.
    pub picked: bool,
    pub columns: Vec<Holds>,
}

/// What of an output is charted.
#[derive(Debug, Clone)]
pub(super) struct ChartFrame {
    pub time: Option<TimeOf>,
    /// Whether the times are starts (or ends) of windows.
    pub windows: bool,
    /// Where windows that follow one another start.
    pub grid: Option<Grid>,
    pub dimensions: Vec<Dimension>,
    pub measures: Vec<ChartMeasure>,
    /// Whether a window without a row has the value 0.
    pub zero: bool,
}

/// Values that a column of events may have and be a dimension.
const VALUES: usize = 200;
/// Keys that are told apart; an output with more has no charts by key.
const KEYS: usize = 500_000;
const MEASURES: usize = 6;
const DIMENSIONS: usize = 4;

impl ChartFrame {
    /// What of an output of `plan` is charted.
    pub fn of(plan: &Plan, output: &OutputPlan) -> ChartFrame {
        match &output.kind {
            OutputKind::Groups { grouping, post } => {
                ChartFrame::groups(&plan.pipeline.groupings[*grouping], post, output)
            }
            OutputKind::Rows(columns) | OutputKind::Archive(columns) => {
                let read = &plan.pipeline.read;
                let at = columns.iter().position(|&column| {
                    read.columns.get(column.place()).is_some_and(|of| of.name == read.time.column)
                });
                let time = at.and_then(|at| time_of(at, &output.columns, &read.time.rule, &plan.zone));
                ChartFrame::events(&output.columns, time, at)
            }
        }
    }

    /// What of late events is charted.
    pub fn late(schema: &Schema) -> ChartFrame {
        let time = schema.index_of("_event_time").map(TimeOf::Column);
        let mut frame = ChartFrame::events(schema, time, None);
        // The late output's own columns say where an event came from, and do not make series.
        frame.dimensions.retain(|dimension| !dimension.name.starts_with('_'));
        frame.measures.retain(|measure| measure.column.is_none());
        frame.measures.extend(schema.index_of("_late_by").map(|column| ChartMeasure {
            name: "_late_by".to_string(),
            column: Some(column),
            scale: schema.fields[column].ty.scale().unwrap_or(0),
            keys: MeasureFold::Max,
            time: MeasureFold::Max,
        }));
        frame
    }

    pub fn events(schema: &Schema, time: Option<TimeOf>, at: Option<usize>) -> ChartFrame {
        let fields = || schema.fields.iter().enumerate();
        let dimensions = fields()
            .filter(|(i, field)| {
                Some(*i) != at
                    && matches!(field.ty, DataType::String | DataType::Bool)
                    && !field.name.starts_with('_')
            })
            .map(|(i, field)| Dimension {
                name: field.name.clone(),
                columns: vec![i],
                least: 2,
                most: VALUES,
            });
        let rows = ChartMeasure {
            name: "events".into(),
            column: None,
            scale: 0,
            keys: MeasureFold::Sum,
            time: MeasureFold::Sum,
        };
        // Integers of events are mostly names of things; amounts have a point.
        let amounts = fields().filter(|(_, f)| f.ty.is_number() && f.ty != DataType::Int64);
        let sums = amounts.map(|(i, field)| ChartMeasure {
            name: field.name.clone(),
            column: Some(i),
            scale: field.ty.scale().unwrap_or(0),
            keys: MeasureFold::Sum,
            time: MeasureFold::Sum,
        });
        ChartFrame {
            time,
            windows: false,
            grid: None,
            dimensions: dimensions.collect(),
            measures: std::iter::once(rows).chain(sums).take(MEASURES).collect(),
            zero: true,
        }
    }

    fn groups(grouping: &Grouping, post: &Post, output: &OutputPlan) -> ChartFrame {
        let plan = &grouping.plan;
        let of = |column: &PlannedColumn| match column {
            PlannedColumn::WindowStart => Holds::Start,
            PlannedColumn::WindowEnd => Holds::End,
            PlannedColumn::Key(_) => Holds::Key,
            PlannedColumn::Value(value) => Holds::Value(fold(&plan.aggregates[*value].0.function)),
            PlannedColumn::Computed(_) => Holds::Value(MeasureFold::Mean),
            PlannedColumn::Firing => Holds::Firing,
        };
        ChartFrame::grouped(
            &output.columns.fields,
            &ChartGroups {
                window: plan.window,
                firings: plan.firings,
                picked: post.having.is_some() || post.top.is_some(),
                columns: post.columns.iter().map(of).collect(),
            },
        )
    }

    /// Nothing is charted.
    pub fn nothing() -> ChartFrame {
        ChartFrame {
            time: None,
            windows: false,
            grid: None,
            dimensions: vec![],
            measures: vec![],
            zero: false,
        }
    }

    /// What of groups is charted.
    pub fn grouped(fields: &[Field], groups: &ChartGroups) -> ChartFrame {
        let of = |wanted: Holds| groups.columns.iter().position(|column| *column == wanted);
        // Cumulative windows start together, and are told apart by their ends.
        let time = match groups.window {
            Window::Cumulative { .. } => of(Holds::End),
            _ => of(Holds::Start),
        };
        let apart = !matches!(groups.window, Window::Hopping { .. } | Window::Cumulative { .. });
        let mut measures: Vec<ChartMeasure> = vec![];
        let numbers = groups.columns.iter().zip(fields).enumerate();
        for (i, (column, field)) in numbers.filter(|(_, (_, field))| is_number(field.ty)) {
            let Holds::Value(fold) = *column else { continue };
            // Windows that overlap count an event several times, so their sums are not added over time.
            let time = if fold == MeasureFold::Sum && !apart { MeasureFold::Mean } else { fold };
            measures.push(ChartMeasure {
                name: field.name.clone(),
                column: Some(i),
                scale: field.ty.scale().unwrap_or(0),
                keys: fold,
                time,
            });
        }
        measures.truncate(MEASURES);
        if groups.firings || measures.is_empty() {
            // Each firing repeats its window, so nothing but their number adds up.
            let name = if groups.firings { "firings" } else { "rows" };
            let (keys, time) = (MeasureFold::Sum, MeasureFold::Sum);
            measures = vec![ChartMeasure { name: name.into(), column: None, scale: 0, keys, time }];
        }
        let keys: Vec<usize> =
            (0..groups.columns.len()).filter(|&i| groups.columns[i] == Holds::Key).collect();
        // A total is kept for each key and measure, so with more measures there are fewer keys.
        let most = KEYS / measures.len();
        let dimension = |columns: Vec<usize>| {
            let names: Vec<&str> = columns.iter().map(|&i| fields[i].name.as_str()).collect();
            Dimension { name: names.join(" · "), columns, least: 1, most }
        };
        let mut dimensions: Vec<Dimension> =
            keys.first().map(|_| dimension(keys.clone())).into_iter().collect();
        // A chart by one of several keys folds the others, which has to mean the same as a fold over time.
        if keys.len() > 1 && measures.iter().all(|measure| measure.keys == measure.time) {
            dimensions.extend(keys.iter().map(|&key| dimension(vec![key])).take(DIMENSIONS - 1));
        }
        ChartFrame {
            time: time.map(TimeOf::Column),
            windows: !matches!(groups.window, Window::Session { .. }),
            grid: grid(&groups.window),
            dimensions,
            measures,
            // `having` and `top` leave out groups that had events, so a missing row is not 0.
            zero: !groups.picked && apart,
        }
    }

    /// Leaves out the dimensions that do not tell anything apart, or too much, by how many values each has.
    pub fn keep(&mut self, values: &[Option<usize>]) {
        let mut values = values.iter();
        self.dimensions
            .retain(|dimension| values.next().is_some_and(|n| n.is_some_and(|n| n >= dimension.least)));
        self.dimensions.truncate(DIMENSIONS);
    }
}

fn fold(function: &Function) -> MeasureFold {
    match function {
        Function::CountRows | Function::Count | Function::CountIf | Function::Sum => MeasureFold::Sum,
        Function::Pairwise(Pairwise::Count) => MeasureFold::Sum,
        Function::Max => MeasureFold::Max,
        Function::Min => MeasureFold::Min,
        _ => MeasureFold::Mean,
    }
}

/// Where windows start that follow one another, if they do.
fn grid(window: &Window) -> Option<Grid> {
    Some(match *window {
        Window::Tumbling { size: Duration::Length(step), offset } => {
            Grid::Length { step, start: offset.micros }
        }
        Window::Tumbling { size: Duration::Calendar { count: 1, unit }, offset }
            if offset == Offset::default() =>
        {
            Grid::Local(match unit {
                CalendarUnit::Day => AxisStep::Length(DAY),
                CalendarUnit::Week => AxisStep::Length(7 * DAY),
                CalendarUnit::Month => AxisStep::Months(1),
                CalendarUnit::Quarter => AxisStep::Months(3),
                CalendarUnit::Year => AxisStep::Months(12),
            })
        }
        _ => return None,
    })
}

/// How the event time in column `at` of an output is read.
pub(super) fn time_of(at: usize, schema: &Schema, rule: &TimeRule, zone: &Zone) -> Option<TimeOf> {
    match (schema.fields[at].ty, rule) {
        (DataType::Timestamp, _) => Some(TimeOf::Column(at)),
        (DataType::Int64, TimeRule::Epoch(_))
        | (DataType::String, TimeRule::Iso | TimeRule::Format(_) | TimeRule::AnyOf(_)) => {
            Some(TimeOf::Parsed(at, TimeParser::new(rule.clone(), zone.clone())))
        }
        _ => None,
    }
}
