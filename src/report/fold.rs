//! All rows of an output folded into charts.
//!
//! # Contract
//! Charts are of all rows, in two passes over them. Integers and decimals are added in 128 bits; what is drawn is the
//! nearest float. Rows come in one order, so the same output gives the same chart.

use super::axis::{Axis, TimeSummary};
use super::frame::{ChartFrame, ChartMeasure, Dimension, MeasureFold, TimeOf};
use super::rows::RowSlice;
use crate::batch::ColumnView;
use crate::error::Result;
use crate::sink::csv::push_value;
use crate::sink::value::TimeText;
use crate::time::Zone;
use hashbrown::HashMap;
use serde_json::{Value, json};

/// The points of a line, and those of a row of a heat map.
const FINE: usize = 400;
const COARSE: usize = 120;
/// Events for which there is a point, and the points that there are for fewer.
const EVENTS: usize = 8;
const FEW: usize = 30;
/// Keys that have a bar, a line, a row of the heat map.
const BARS: usize = 20;
const LINES: usize = 8;
const ROWS: usize = 40;

/// Values folded into one.
#[derive(Debug, Clone, Copy, Default)]
struct FoldedValue {
    n: u64,
    whole: i128,
    float: f64,
}

impl FoldedValue {
    fn take(&mut self, fold: MeasureFold, value: FoldedValue) {
        // The first value is taken as it is: from 0 a least or a greatest value could be wrong.
        if self.n == 0 {
            *self = value;
            return;
        }
        let (whole, float) = (value.whole, value.float);
        match fold {
            MeasureFold::Sum | MeasureFold::Mean => {
                // A picture may stop at the limit of 128 bits, but it must not wrap or fail.
                self.whole = self.whole.saturating_add(whole);
                self.float += float;
            }
            MeasureFold::Max => (self.whole, self.float) = (self.whole.max(whole), self.float.max(float)),
            MeasureFold::Min => (self.whole, self.float) = (self.whole.min(whole), self.float.min(float)),
        }
        self.n += value.n;
    }

    fn value(&self, fold: MeasureFold, scale: u8) -> Option<f64> {
        if self.n == 0 {
            return None;
        }
        // A column is exact or a float, so one of the two is 0.
        let sum = self.whole as f64 / 10f64.powi(i32::from(scale)) + self.float;
        // JSON has neither infinity nor NaN.
        Some(if fold == MeasureFold::Mean { sum / self.n as f64 } else { sum })
            .filter(|value| value.is_finite())
    }
}

fn fold_all(fold: MeasureFold, values: impl Iterator<Item = FoldedValue>) -> FoldedValue {
    let mut all = FoldedValue::default();
    values.for_each(|value| all.take(fold, value));
    all
}

/// Keys with their numbers, from 0 in order of appearance; and of each the totals of the measures, one after the other.
#[derive(Default)]
struct ChartKeys {
    numbers: HashMap<String, u32, foldhash::fast::FixedState>,
    totals: Vec<FoldedValue>,
}

impl ChartKeys {
    fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of `key`, a new one if need be; none where there are `most` others.
    fn number(&mut self, key: &str, most: usize, measures: usize) -> Option<usize> {
        if let Some(number) = self.numbers.get(key) {
            return Some(*number as usize);
        }
        let next = self.numbers.len();
        if next == most {
            return None;
        }
        self.numbers.insert(key.to_string(), next as u32);
        self.totals.resize(self.totals.len() + measures, FoldedValue::default());
        Some(next)
    }
}

/// The first pass: what there is.
pub(super) struct Survey {
    pub frame: ChartFrame,
    zone: Zone,
    times: TimeSummary,
    /// By dimension its keys with a total for each measure; none where there were too many.
    keys: Vec<Option<ChartKeys>>,
    rows: usize,
    text: String,
}

impl Survey {
    pub fn new(frame: ChartFrame, zone: &Zone) -> Survey {
        let keys = frame.dimensions.iter().map(|_| Some(ChartKeys::default())).collect();
        let times = TimeSummary::new(FINE, frame.grid);
        Survey { frame, zone: zone.clone(), times, keys, rows: 0, text: String::new() }
    }

    /// Whether there is anything to chart.
    pub fn is_idle(&self) -> bool {
        self.frame.time.is_none() && self.frame.dimensions.is_empty()
    }

    /// Sees rows.
    ///
    /// # Errors
    /// None in practice: a column of a type that outputs have not.
    pub fn see(&mut self, piece: &RowSlice) -> Result<()> {
        let columns = piece.columns.iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        let mut names = KeyEncoder::new(&self.zone);
        self.rows += piece.rows;
        for row in 0..piece.rows {
            if let Some(time) = self.frame.time.as_mut().and_then(|of| of.at(&columns, row)) {
                self.times.see(time);
            }
            for (dimension, keys) in self.frame.dimensions.iter().zip(&mut self.keys) {
                let Some(known) = keys else { continue };
                names.key(dimension, &columns, row, &mut self.text);
                let measures = self.frame.measures.len();
                // With more keys than are told apart the dimension is given up, and its memory is freed.
                let Some(number) = known.number(&self.text, dimension.most, measures) else {
                    *keys = None;
                    continue;
                };
                let totals = &mut known.totals[number * measures..][..measures];
                for (total, measure) in totals.iter_mut().zip(&self.frame.measures) {
                    if let Some(value) = measure.value(&columns, row) {
                        total.take(measure.time, value);
                    }
                }
            }
        }
        Ok(())
    }

    /// What the second pass needs.
    pub fn finish(mut self) -> Charts {
        let counts: Vec<Option<usize>> =
            self.keys.iter().map(|keys| keys.as_ref().map(ChartKeys::len)).collect();
        let too_many = self.frame.windows && counts.contains(&None);
        let before = self.frame.dimensions.clone();
        self.frame.keep(&counts);
        let kept: Vec<ChartKeys> = before
            .iter()
            .zip(self.keys)
            .filter(|(dimension, _)| self.frame.dimensions.contains(dimension))
            .filter_map(|(_, keys)| keys)
            .collect();
        // Of a few events at each point a line says nothing.
        let most = if self.frame.windows { FINE } else { (self.rows / EVENTS).clamp(FEW, FINE) };
        let fine = self.times.axis(most, self.frame.windows, &mut self.zone);
        let coarse = self.times.axis(most.min(COARSE), self.frame.windows, &mut self.zone);
        let axes = fine.zip(coarse);
        let measures = &self.frame.measures;
        let by = kept.into_iter().map(|keys| ByKey::new(keys, measures, axes.as_ref())).collect();
        let points = axes.as_ref().map_or(0, |(fine, _)| fine.len());
        let all = vec![vec![FoldedValue::default(); points]; measures.len()];
        Charts { frame: self.frame, zone: self.zone, axes, by, all, too_many, text: String::new() }
    }
}

/// The second pass: values at the points of the charts.
pub(super) struct Charts {
    pub frame: ChartFrame,
    zone: Zone,
    /// Of lines, and of heat maps.
    axes: Option<(Axis, Axis)>,
    by: Vec<ByKey>,
    /// By measure and point, over all keys.
    all: Vec<Vec<FoldedValue>>,
    /// Whether there were too many keys to tell them apart.
    too_many: bool,
    text: String,
}

/// The charts of one dimension.
struct ByKey {
    keys: ChartKeys,
    /// By measure and key number its rank, if it is among the first.
    ranks: Vec<Vec<Option<u8>>>,
    /// By measure, the first keys with their totals.
    first: Vec<Vec<(String, FoldedValue)>>,
    /// By measure the total of the others.
    others: Vec<FoldedValue>,
    /// By measure, rank (the last for the others) and point.
    lines: Vec<Vec<Vec<FoldedValue>>>,
    heat: Vec<Vec<Vec<FoldedValue>>>,
}

impl ByKey {
    fn new(keys: ChartKeys, measures: &[ChartMeasure], axes: Option<&(Axis, Axis)>) -> ByKey {
        let (fine, coarse) = axes.map_or((0, 0), |(fine, coarse)| (fine.len(), coarse.len()));
        let mut by = ByKey {
            keys: ChartKeys::default(),
            ranks: vec![],
            first: vec![],
            others: vec![],
            lines: vec![],
            heat: vec![],
        };
        for (m, measure) in measures.iter().enumerate() {
            let total = |number: u32| keys.totals[number as usize * measures.len() + m];
            // A key without a value comes last.
            let size =
                |number: u32| total(number).value(measure.time, measure.scale).unwrap_or(f64::NEG_INFINITY);
            let mut order: Vec<(&str, u32)> =
                keys.numbers.iter().map(|(key, n)| (key.as_str(), *n)).collect();
            // Ties go by name, so that the same output gives the same chart.
            let by_size =
                |a: &(&str, u32), b: &(&str, u32)| size(b.1).total_cmp(&size(a.1)).then_with(|| a.0.cmp(b.0));
            let most = ROWS.min(order.len());
            // Half a million keys need not be sorted for 40 rows.
            if most < order.len() {
                order.select_nth_unstable_by(most, by_size);
            }
            let others = fold_all(measure.time, order[most..].iter().map(|(_, number)| total(*number)));
            order.truncate(most);
            order.sort_by(by_size);
            let mut ranks = vec![None; keys.len()];
            // At most `ROWS` ranks, so a byte is enough.
            for (rank, (_, number)) in order.iter().enumerate() {
                ranks[*number as usize] = Some(rank as u8);
            }
            by.first.push(order.iter().map(|(key, number)| (key.to_string(), total(*number))).collect());
            by.others.push(others);
            by.ranks.push(ranks);
            let few = LINES.min(most);
            by.lines.push(vec![vec![FoldedValue::default(); fine]; few + 1]);
            by.heat.push(vec![vec![FoldedValue::default(); coarse]; most]);
        }
        by.keys = keys;
        by
    }
}

impl Charts {
    /// Sees the same rows again.
    ///
    /// # Errors
    /// As [`Survey::see`].
    pub fn see(&mut self, piece: &RowSlice) -> Result<()> {
        let Some((fine, coarse)) = &self.axes else { return Ok(()) };
        let columns = piece.columns.iter().map(ColumnView::of).collect::<Result<Vec<_>>>()?;
        let mut names = KeyEncoder::new(&self.zone);
        let mut zone = self.zone.clone();
        let mut values = vec![];
        // Rows come by window, so the points of a time are looked up once.
        let mut last = (i64::MIN, 0, 0);
        for row in 0..piece.rows {
            let Some(time) = self.frame.time.as_mut().and_then(|of| of.at(&columns, row)) else { continue };
            if last.0 != time {
                last = (time, fine.point(time, &mut zone), coarse.point(time, &mut zone));
            }
            let (_, at, at_coarse) = last;
            values.clear();
            values.extend(self.frame.measures.iter().map(|measure| measure.value(&columns, row)));
            for (m, measure) in self.frame.measures.iter().enumerate() {
                if let Some(value) = values[m] {
                    self.all[m][at].take(measure.keys, value);
                }
            }
            for (dimension, by) in self.frame.dimensions.iter().zip(&mut self.by) {
                names.key(dimension, &columns, row, &mut self.text);
                let Some(number) = by.keys.numbers.get(self.text.as_str()) else { continue };
                for (m, measure) in self.frame.measures.iter().enumerate() {
                    let Some(value) = values[m] else { continue };
                    let rank = by.ranks[m][*number as usize].map(usize::from);
                    let rest = by.lines[m].len() - 1;
                    match rank.filter(|rank| *rank < rest) {
                        Some(rank) => by.lines[m][rank][at].take(measure.time, value),
                        // The rest is several keys at a point, so it is folded as keys are.
                        None => by.lines[m][rest][at].take(measure.keys, value),
                    }
                    if let Some(rank) = rank {
                        by.heat[m][rank][at_coarse].take(measure.time, value);
                    }
                }
            }
        }
        Ok(())
    }

    /// The charts; null where there is nothing to draw.
    pub fn json(&self) -> Value {
        if self.axes.is_none() && self.by.is_empty() {
            return Value::Null;
        }
        let mut zone = self.zone.clone();
        let mut axis = |axis: &Axis| {
            let starts = axis.starts(&mut zone);
            // Browsers count in milliseconds.
            json!({ "at": starts.iter().map(|at| at.div_euclid(1000)).collect::<Vec<_>>(), "step": axis.step() })
        };
        let measures: Vec<Value> = (self.frame.measures.iter())
            .map(
                |m| json!({ "name": m.name, "scale": m.scale, "time": m.time.name(), "keys": m.keys.name() }),
            )
            .collect();
        let all: Vec<Value> = (0..self.frame.measures.len())
            .map(|m| {
                if self.adds_up(m) {
                    self.points(&self.all[m], m, self.frame.measures[m].keys)
                } else {
                    Value::Null
                }
            })
            .collect();
        json!({
            "fine": self.axes.as_ref().map(|(fine, _)| axis(fine)),
            "coarse": self.axes.as_ref().map(|(_, coarse)| axis(coarse)),
            "windows": self.frame.windows,
            "zero": self.frame.zero,
            "too_many": self.too_many,
            "measures": measures,
            "all": all,
            "by": self.frame.dimensions.iter().zip(&self.by).map(|(of, by)| self.by_json(of, by)).collect::<Vec<_>>(),
        })
    }

    /// Whether the values of several keys at a point are one that means something.
    fn adds_up(&self, m: usize) -> bool {
        let measure = &self.frame.measures[m];
        // Where a point is more than one window, keys may be folded only as time is.
        let whole = self.axes.as_ref().is_none_or(|(fine, _)| fine.step().is_none());
        measure.keys != MeasureFold::Mean && (whole || measure.keys == measure.time)
    }

    fn by_json(&self, dimension: &Dimension, by: &ByKey) -> Value {
        let of = |m: usize| {
            let measure = &self.frame.measures[m];
            let first = &by.first[m];
            let value = |total: &FoldedValue| number(total.value(measure.time, measure.scale));
            let bars = first.iter().take(BARS).map(|(key, total)| json!([label(key), value(total)]));
            let lines = by.lines[m].len() - 1;
            let series = (0..lines).map(|rank| self.points(&by.lines[m][rank], m, measure.time));
            let more = by.keys.len() > lines;
            let rest = (more && self.adds_up(m)).then(|| self.points(&by.lines[m][lines], m, measure.keys));
            let mut others = by.others[m];
            first.iter().skip(BARS).for_each(|(_, total)| others.take(measure.time, *total));
            let heat = by.heat[m].iter().map(|row| self.points(row, m, measure.time));
            json!({
                "bars": bars.collect::<Vec<_>>(),
                "others": (by.keys.len() > BARS && measure.time == MeasureFold::Sum).then(|| value(&others)),
                "series": series.collect::<Vec<_>>(),
                "rest": rest,
                "rows": first.iter().map(|(key, _)| label(key)).collect::<Vec<_>>(),
                "heat": heat.collect::<Vec<_>>(),
            })
        };
        let measures: Vec<Value> = (0..self.frame.measures.len()).map(of).collect();
        json!({ "name": dimension.name, "keys": by.keys.len(), "measures": measures })
    }

    fn points(&self, points: &[FoldedValue], m: usize, fold: MeasureFold) -> Value {
        let measure = &self.frame.measures[m];
        // A sum without a row is 0, but other values have a gap there.
        let none = (self.frame.zero && fold == MeasureFold::Sum).then_some(0.0);
        let number = |point: &FoldedValue| number(point.value(fold, measure.scale).or(none));
        Value::Array(points.iter().map(number).collect())
    }
}

impl ChartMeasure {
    /// The value of a row; none for NULL and for what is no number.
    fn value(&self, columns: &[ColumnView], row: usize) -> Option<FoldedValue> {
        let Some(column) = self.column else { return Some(FoldedValue { n: 1, whole: 1, float: 0.0 }) };
        let column = &columns[column];
        if column.is_null(row) {
            return None;
        }
        match column {
            ColumnView::Int(a) => Some(FoldedValue { n: 1, whole: i128::from(a.value(row)), float: 0.0 }),
            ColumnView::Decimal(a, _) => Some(FoldedValue { n: 1, whole: a.value(row), float: 0.0 }),
            ColumnView::Float(a) if a.value(row).is_finite() => {
                Some(FoldedValue { n: 1, whole: 0, float: a.value(row) })
            }
            _ => None,
        }
    }
}

impl TimeOf {
    fn at(&mut self, columns: &[ColumnView], row: usize) -> Option<i64> {
        match self {
            TimeOf::Column(at) => match &columns[*at] {
                ColumnView::Time(a) if !columns[*at].is_null(row) => Some(a.value(row)),
                _ => None,
            },
            TimeOf::Parsed(at, parser) => match &columns[*at] {
                ColumnView::Int(a) if !columns[*at].is_null(row) => parser.integer(a.value(row)).ok(),
                ColumnView::Text(a) => parser.text(a.get(row)?.as_bytes()).ok(),
                _ => None,
            },
        }
    }
}

/// A value to be drawn; whole numbers without `.0` are shorter.
fn number(value: Option<f64>) -> Value {
    match value {
        // Below 2^53, about 9.007e15, each whole float is exact as an integer.
        Some(value) if value.fract() == 0.0 && value.abs() < 9e15 => json!(value as i64),
        value => json!(value),
    }
}

/// Between the values of a key, and in place of NULL.
const BETWEEN: char = '\u{1f}';
const NULL: char = '\u{0}';

/// Makes keys of rows.
struct KeyEncoder {
    times: TimeText,
    bytes: Vec<u8>,
}

impl KeyEncoder {
    fn new(zone: &Zone) -> KeyEncoder {
        KeyEncoder { times: TimeText::new(zone), bytes: vec![] }
    }

    /// The values of a row's key, with [`BETWEEN`] between them.
    fn key(&mut self, dimension: &Dimension, columns: &[ColumnView], row: usize, out: &mut String) {
        out.clear();
        for (i, &at) in dimension.columns.iter().enumerate() {
            if i > 0 {
                out.push(BETWEEN);
            }
            let column = &columns[at];
            if column.is_null(row) {
                out.push(NULL);
                continue;
            }
            self.bytes.clear();
            push_value(&mut self.bytes, column, row, &mut self.times, false);
            out.push_str(&String::from_utf8_lossy(&self.bytes));
        }
    }
}

/// A key as people read it.
fn label(key: &str) -> String {
    let value = |value: &str| match value {
        "" => "(empty)".to_string(),
        value if value.starts_with(NULL) => "NULL".to_string(),
        value => match value.char_indices().nth(80) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value.to_string(),
        },
    };
    key.split(BETWEEN).map(value).collect::<Vec<_>>().join(" · ")
}
