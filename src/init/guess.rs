//! What the columns are for: which holds the event time, what to group by, what to add up.
//!
//! # Contract
//! Every guess comes with its reason, and with those that came next. What is guessed can be computed exactly, and
//! by SQL: numbers whose digits are known are decimals, and floats are not added up.

use super::column::{ColumnProfile, MOST_DISTINCT};
use super::look::Looked;
use super::split_times::SplitTime;
use super::times::{Candidate, MONTH, YEAR};
use super::when::{When, when};
use super::words;
use super::words::quoted;
use crate::batch::DataType;
use crate::error::Result;
use crate::input::value::grouped;
use crate::input::wire_format::LogColumn;
use crate::sql;
use crate::time::{DAY, FirstAndLast, HOUR, MINUTE, SECOND, TimeRule};

/// What a job is written from.
#[derive(Debug)]
pub struct JobGuess {
    /// The column of the event time, by number.
    pub time: usize,
    /// How it is read.
    pub rule: TimeRule,
    /// The format with day and month the other way round, where the values do not tell.
    pub either: Option<String>,
    /// The first and the last event time, microseconds UTC.
    pub range: FirstAndLast,
    /// Why.
    pub time_why: String,
    /// Other columns with times.
    pub other_times: Vec<String>,
    /// The column that is grouped by.
    pub key: Option<usize>,
    /// Where the event time is computed: of what.
    pub parts: Option<SplitTime>,
    /// Why.
    pub key_why: String,
    /// Others that may be grouped by, with the number of their values.
    pub other_keys: Vec<(usize, String)>,
    /// A column whose values are counted.
    pub counted: Option<usize>,
    /// What is added up, or of which the greatest is shown.
    pub amounts: Vec<AmountColumn>,
    /// A product that is added up.
    pub product: Option<Product>,
    /// The columns that it is one of.
    pub factors: Vec<usize>,
    /// Types that the job declares, by the number of the column.
    pub types: Vec<(usize, DataType, &'static str)>,
    /// The size of the windows.
    pub window: &'static str,
    /// Whether bad records are kept aside, and why.
    pub reject: Option<String>,
}

/// A column of numbers.
#[derive(Debug, Clone)]
pub struct AmountColumn {
    /// Its number.
    pub column: usize,
    /// Whether its sum means something and is exact.
    pub sum: bool,
    /// The decimal type that a float of a file with types is cast to.
    pub cast: Option<DataType>,
}

/// How many times what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// The expression.
    pub sql: String,
}

/// A length of time, in words.
pub fn length(micros: i64) -> String {
    let of =
        |n: i64, what: &str| format!("{} {what}{}", grouped(n.unsigned_abs()), if n == 1 { "" } else { "s" });
    match micros {
        n if n >= 2 * DAY => of(n / DAY, "day"),
        n if n >= 2 * HOUR => of(n / HOUR, "hour"),
        n if n >= 2 * MINUTE => of(n / MINUTE, "minute"),
        n => of(n / SECOND, "second"),
    }
}

/// Guesses.
///
/// # Errors
/// A data error: no column has times.
pub fn guess(looked: &mut Looked) -> Result<JobGuess> {
    let When {
        time,
        rule,
        either,
        range,
        span,
        resolution,
        why: time_why,
        others: other_times,
        parts,
        unread,
    } = when(looked)?;
    let column = &looked.columns[time];
    let mut types = vec![];
    // Text that ISO-8601 reads is a time whatever the sample says; what is declared is not asked.
    let is_time = matches!(column.ty, DataType::Date | DataType::Timestamp);
    let textual = parts.is_none() && !column.inferred.is_text();
    if looked.format.is_text() && rule == TimeRule::Iso && !is_time && textual {
        types.push((time, DataType::String, "read as a time below"));
    }
    for parts in parts.iter().filter(|parts| parts.rule == TimeRule::Iso) {
        let whole = parts.columns.iter().filter(|i| looked.columns[**i].inferred != DataType::Int64);
        types.extend(whole.map(|i| (*i, DataType::Int64, "all of its values are")));
    }
    let reject = reject(looked, time, unread);
    let of_time: Vec<usize> = parts.iter().flat_map(|parts| &parts.columns).copied().collect();
    let mut keys = keys(&looked.columns, time, looked.records);
    // The hour that the time is made of would group the events by what the window does already.
    keys.retain(|(i, _)| !of_time.contains(i));
    let key = keys.first().filter(|(_, score)| *score > 0.0).map(|(i, _)| *i);
    let others = || keys.iter().skip(usize::from(key.is_some()));
    let key_why = key.map_or_else(
        || "no column has values that repeat".to_string(),
        |i| looked.columns[i].distinct_words(),
    );
    let other_keys: Vec<(usize, String)> =
        others().take(5).map(|(i, _)| (*i, looked.columns[*i].distinct_words())).collect();
    let counted = others().find(|(i, _)| words::key(&looked.columns[*i].name) >= 30.0).map(|(i, _)| *i);
    let mut out = JobGuess {
        time,
        rule,
        either,
        range,
        time_why,
        other_times,
        parts,
        key,
        key_why,
        other_keys,
        counted,
        amounts: vec![],
        product: None,
        factors: vec![],
        types,
        window: window(span, resolution),
        reject,
    };
    for column in [key, counted].into_iter().flatten() {
        out.label(looked, column);
    }
    out.amounts(looked);
    Ok(out)
}

/// Whether values are no times: numbers that look like years are none, unless the name says so.
fn is_no_time(column: &ColumnProfile) -> bool {
    let is_year = |time: &Candidate| time.is_number() && time.resolution() > DAY;
    column.time.as_ref().is_none_or(|time| is_year(time) && words::time(&column.name) <= 0.0)
}

/// Whether SQL needs the name for something else, or a log of Kafka has the column of its own: such a column is not read.
fn is_ours(name: &str) -> bool {
    ["window_start", "window_end", sql::TIME, sql::POSITION].contains(&name)
        || LogColumn::named(name).is_some()
}

/// The columns to group by, the likeliest first.
fn keys(columns: &[ColumnProfile], time: usize, records: u64) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> = vec![];
    for (i, column) in columns.iter().enumerate() {
        let label = words::is_label(&column.name);
        let kind = match column.ty {
            DataType::String => true,
            DataType::Int64 => label || column.distinct <= 50,
            // 17850.0 is what becomes of an integer in a column with gaps.
            DataType::Float64 => label,
            _ => false,
        };
        // Digits that may be a time, and are no time by their name, are labels.
        let is_time =
            column.time.as_ref().is_some_and(|time| !time.is_number() || words::time(&column.name) > 0.0);
        if i == time || !kind || is_time || column.distinct < 2 || is_ours(&column.name) {
            continue;
        }
        let share = column.distinct_share();
        let named = words::key(&column.name);
        // In a few records, all values may differ by chance.
        if records >= 20 && share > 0.5 || column.distinct as usize >= MOST_DISTINCT {
            continue;
        }
        let again = match share {
            0.0..=0.01 => 15.0,
            0.01..=0.1 => 10.0,
            0.1..=0.3 => 0.0,
            _ => -20.0,
        };
        let readable = match column.distinct {
            0..=2 => 0.0,
            3..=200 => 15.0,
            201..=2_000 => 10.0,
            2_001..=20_000 => 0.0,
            _ => -10.0,
        };
        let text = if column.length > 40.0 || column.words > 3.0 { -25.0 } else { 0.0 };
        let number = if column.ty == DataType::Int64 && named <= 0.0 { -10.0 } else { 0.0 };
        // Of columns with equal scores, the one further to the left wins.
        let score = named + again + readable + text + number - 40.0 * column.null_share() - 0.1 * i as f64;
        if score > 0.0 || named > 0.0 && score > -30.0 {
            found.push((i, score));
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

/// Why bad records are kept aside, if they are.
fn reject(looked: &Looked, time: usize, unread: u64) -> Option<String> {
    let name = &looked.columns[time].name;
    match &looked.bad {
        (0, _) if unread > 0 => {
            Some(format!("{} records have no `{name}` that can be read", grouped(unread)))
        }
        (0, _) if looked.sampled => {
            Some("only a sample was read: records that do not fit are set aside".into())
        }
        (0, _) => None,
        (bad, why) => {
            let why = why.as_ref().map_or_else(String::new, |why| format!(", such as {why}"));
            Some(format!("{} records cannot be read{why}", grouped(bad + unread)))
        }
    }
}

/// The size of windows that cuts a span into a readable number of them, and is no less than what times are told by.
fn window(span: i64, resolution: i64) -> &'static str {
    match span.max(match resolution {
        // Years, months, days, and minutes.
        YEAR => 7_306 * DAY,
        MONTH => 201 * DAY,
        DAY => 8 * DAY + 1,
        MINUTE => 2 * MINUTE + 1,
        _ => 0,
    }) {
        s if s <= 2 * MINUTE => "1s",
        s if s <= 3 * HOUR => "1m",
        s if s <= DAY + HOUR => "15m",
        s if s <= 8 * DAY => "1h",
        s if s <= 200 * DAY => "1 day",
        s if s <= 7_305 * DAY => "1 month",
        _ => "1 year",
    }
}

impl JobGuess {
    /// Whether the job reads the column.
    pub fn uses(&self, column: usize) -> bool {
        column == self.time
            || self.parts.as_ref().is_some_and(|parts| parts.columns.contains(&column))
            || [self.key, self.counted].contains(&Some(column))
            || self.amounts.iter().any(|amount| amount.column == column)
            || self.factors.contains(&column)
    }

    /// Declares the type of a column that is grouped by, where a run would infer another or a number.
    fn label(&mut self, looked: &Looked, i: usize) {
        let column = &looked.columns[i];
        // Files such as Parquet have types of their own, which a job does not change.
        if !looked.format.is_text() || column.inferred.is_text() {
            return;
        }
        if column.ty == DataType::Float64 {
            self.types.push((i, DataType::String, "a label, unchanged from the file"));
        } else if column.ty != column.inferred {
            self.types.push((i, column.ty, "not every value is like the first ones"));
        }
    }

    fn amounts(&mut self, looked: &Looked) {
        let columns = &looked.columns;
        let taken = |i: usize| self.uses(i);
        let mut found: Vec<(usize, f64)> = columns
            .iter()
            .enumerate()
            .filter(|(i, c)| !taken(*i) && c.is_number() && c.values > 0 && !is_ours(&c.name))
            .map(|(i, c)| (i, words::amount(&c.name) - i as f64 - 40.0 * c.null_share()))
            .map(|(i, score)| (i, if columns[i].ty == DataType::Int64 { score - 10.0 } else { score }))
            .filter(|(i, score)| *score > -20.0 && (is_no_time(&columns[*i]) || *score > 10.0))
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        let numbers: Vec<usize> = found.iter().map(|(i, _)| *i).collect();
        let of = |is: fn(&str) -> bool| numbers.iter().copied().find(|i| is(&columns[*i].name));
        let total = of(words::is_total);
        // Where the log has a total, quantity times price would be the same number again.
        let pair = of(words::is_quantity).zip(of(words::is_unit_price)).filter(|_| total.is_none());
        let chosen: Vec<usize> = match pair {
            Some((quantity, price)) => vec![quantity, price],
            None => numbers.into_iter().take(2).collect(),
        };
        for i in chosen {
            if let Some(amount) = self.amount(looked, i) {
                self.amounts.push(amount);
            }
        }
        if let Some((quantity, price)) = pair {
            self.product = self.product(looked, quantity, price);
            if self.product.is_some() {
                self.factors = vec![quantity, price];
                self.amounts.retain(|amount| amount.column == quantity);
            }
        }
    }

    /// How a column of numbers is read and added up.
    fn amount(&mut self, looked: &Looked, i: usize) -> Option<AmountColumn> {
        let column = &looked.columns[i];
        let sum = !words::is_level(&column.name);
        let digits = column.numbers;
        let records = u128::from(looked.about_records().max(1));
        match column.ty {
            DataType::Int64 => {
                if column.ty != column.inferred {
                    self.types.push((i, column.ty, "all of its values are"));
                }
                // What the sum may come to, ten times over.
                let most = 10u128.checked_pow(digits.whole).and_then(|most| most.checked_mul(records));
                Some(AmountColumn {
                    column: i,
                    sum: sum && most.is_some_and(|most| most < 1 << 62),
                    cast: None,
                })
            }
            DataType::Decimal { precision, .. } => {
                // A sum has 38 digits at most: 27 leave room for 10^11 records.
                Some(AmountColumn { column: i, sum: sum && precision <= 27, cast: None })
            }
            DataType::Float64 if digits.odd || digits.scale > 9 || digits.whole + digits.scale > 24 => {
                // No sum of floats is the same everywhere, and a NaN has no place among them.
                (!digits.odd || looked.format.is_text()).then_some(())?;
                if column.ty != column.inferred && looked.format.is_text() {
                    self.types.push((i, DataType::Float64, "all of its values are"));
                }
                let plain = digits.whole + digits.scale > 0 && !digits.odd;
                plain.then_some(AmountColumn { column: i, sum: false, cast: None })
            }
            DataType::Float64 => {
                // Room for values that were not seen.
                let scale = if looked.sampled { digits.scale.max(2) + 2 } else { digits.scale };
                // Room for numbers that are larger than those that were seen: they would be bad records.
                let precision = if digits.whole + scale <= 16 { 18 } else { 30 };
                let ty = DataType::Decimal { precision, scale: scale as u8 };
                if looked.format.is_text() {
                    self.types.push((i, ty, "exact, to the last digit"));
                    return Some(AmountColumn { column: i, sum, cast: None });
                }
                Some(AmountColumn { column: i, sum, cast: sum.then_some(ty) })
            }
            _ => None,
        }
    }

    fn product(&self, looked: &Looked, quantity: usize, price: usize) -> Option<Product> {
        let digits = |i: usize| looked.columns[i].numbers;
        let amount = |i: usize| self.amounts.iter().find(|amount| amount.column == i);
        let exact = |i: usize| {
            amount(i).is_some_and(|amount| {
                let known = self.types.iter().find(|(of, _, _)| *of == i).map(|(_, ty, _)| *ty);
                amount.cast.is_none() && known.unwrap_or(looked.columns[i].ty) != DataType::Float64
            })
        };
        let (q, p) = (digits(quantity), digits(price));
        let fits = q.whole + q.scale + p.whole + p.scale <= 24 && q.scale + p.scale <= 9;
        if !(exact(quantity) && exact(price) && fits) {
            return None;
        }
        // Whole numbers stay whole, and their product has to fit.
        if q.scale + p.scale == 0 && q.whole + p.whole > 11 {
            return None;
        }
        let taken = |name: &str| looked.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let name = ["amount", "revenue", "total_amount"].into_iter().find(|name| !taken(name))?;
        let [quantity, price] = [quantity, price].map(|i| quoted(&looked.columns[i].name));
        Some(Product { name: name.into(), sql: format!("{quantity} * {price}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cut_the_span_readably() {
        let of = |span: i64| window(span, 1);
        assert_eq!(of(0), "1s");
        assert_eq!(of(HOUR), "1m");
        assert_eq!(of(DAY), "15m");
        assert_eq!(of(3 * DAY), "1h");
        assert_eq!(of(30 * DAY), "1 day");
        assert_eq!(of(373 * DAY), "1 month");
        assert_eq!(of(40 * 365 * DAY), "1 year");
        assert_eq!(of(2 * MINUTE), "1s");
        assert_eq!([window(0, DAY), window(0, MINUTE), window(400 * DAY, DAY)], ["1 day", "1m", "1 month"]);
        assert_eq!(
            [window(0, MONTH), window(0, YEAR), window(90 * 365 * DAY, MONTH)],
            ["1 month", "1 year", "1 year"]
        );
    }
}
