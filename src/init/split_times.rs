//! Times that are split over columns: a day and its clock, or numbers of year, month and day.

use super::clocks::ZONE;
use super::column::ColumnProfile;
use super::words::{quoted, words};
use crate::batch::DataType;
use crate::time::{DAY, HOUR, MINUTE, TimeRule};

/// An event time that is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitTime {
    /// The expression.
    pub sql: String,
    /// The columns that it is made of.
    pub columns: Vec<usize>,
    /// The rule of its values.
    pub rule: TimeRule,
    /// What all times are whole numbers of, microseconds.
    pub resolution: i64,
    /// How it is told, in words.
    pub why: String,
}

/// The day in column number `date`, read by `rule`, with the time of day that another column has, in the zone that a third
/// one may have.
pub fn with_clock(columns: &[ColumnProfile], date: usize, rule: &TimeRule) -> Option<SplitTime> {
    let day = match rule {
        TimeRule::Iso => "%Y-%m-%d",
        TimeRule::Format(format) => format.text(),
        _ => return None,
    };
    let named = |list: &[&str], zone: bool| {
        let says = |name: &str| words(name).iter().any(|word| list.contains(&word.as_str()));
        let fits = |column: &ColumnProfile| column.clock.is_some_and(|clock| (clock == ZONE) == zone);
        columns.iter().position(|column| fits(column) && says(&column.name))
    };
    let clock = named(&TIME_OF_DAY, false).filter(|clock| *clock != date)?;
    // `||` with NULL is NULL: a record without a zone would lose its event time.
    let zone = named(&["timezone", "zone", "tz"], true).filter(|zone| columns[*zone].nulls == 0);
    let (name, format) = (&columns[clock].name, columns[clock].clock?);
    let date_name = &columns[date].name;
    let mut sql = format!("{} || ' ' || {}", quoted(date_name), quoted(name));
    let mut why = format!("the day of `{date_name}` and the time of day of `{name}`");
    let mut format = format!("{day} {format}");
    if let Some(zone) = zone.map(|zone| &columns[zone].name) {
        sql += &format!(" || ' ' || {}", quoted(zone));
        why += &format!(", in the zone of `{zone}`");
        format += " %Z";
    }
    Some(SplitTime {
        sql,
        columns: std::iter::once(clock).chain(zone).collect(),
        resolution: if format.contains("%S") { 1 } else { MINUTE },
        rule: TimeRule::format(&format).ok()?,
        why,
    })
}

pub(super) const TIME_OF_DAY: [&str; 7] = ["time", "clock", "hour", "uhrzeit", "zeit", "hora", "heure"];

/// A day and its hour, or year, month, day and what there is of hour, minute and second, in columns of whole numbers.
/// `date` is a column of days, with its rule.
pub fn of_numbers(columns: &[ColumnProfile], date: Option<(usize, &TimeRule)>) -> Option<SplitTime> {
    let find = |names: &[&str], digits: u32, most: u64| {
        let fits = |column: &ColumnProfile| {
            column.ty == DataType::Int64
                && (1..=digits).contains(&column.numbers.whole)
                && column.distinct <= most
                && column.nulls == 0
        };
        columns.iter().position(|c| names.contains(&c.name.to_lowercase().as_str()) && fits(c))
    };
    let hour = find(&["hour", "hr", "hh", "hour_of_day"], 2, 24);
    // ISO-8601 has two digits of each: 9 o'clock is `09`.
    let two = |i: usize| format!("LPAD(CAST({} AS VARCHAR), 2, '0')", quoted(&columns[i].name));
    let (mut parts, day, mut why) = match date {
        Some((date, TimeRule::Iso)) => {
            hour?;
            (vec![], quoted(&columns[date].name), format!("the day of `{}`", columns[date].name))
        }
        // A day in another format and an hour do not make a text that ISO-8601 reads.
        Some(_) => return None,
        None => {
            let year = find(&["year", "yyyy", "yr"], 4, 300).filter(|i| columns[*i].numbers.whole == 4)?;
            let month = find(&["month", "mon", "mm"], 2, 12)?;
            let day = find(&["day", "dd", "mday", "day_of_month", "dayofmonth"], 2, 31)?;
            let [y, m, d] = [year, month, day].map(|i| quoted(&columns[i].name));
            let why =
                format!("`{}`, `{}` and `{}`", columns[year].name, columns[month].name, columns[day].name);
            (vec![year, month, day], format!("MAKE_DATE({y}, {m}, {d})"), why)
        }
    };
    let minute = hour.and_then(|_| find(&["minute", "min", "mi"], 2, 60));
    // Seconds without minutes do not tell a time.
    let second = minute.and_then(|_| find(&["second", "sec", "ss"], 2, 60));
    let mut sql = day;
    let mut resolution = DAY;
    if let Some(hour) = hour {
        let minutes = minute.map_or_else(|| "'00'".to_string(), two);
        sql = format!("{sql} || ' ' || {} || ':' || {minutes}", two(hour));
        sql = second.map_or(sql.clone(), |second| format!("{sql} || ':' || {}", two(second)));
        resolution = match (minute, second) {
            (None, _) => HOUR,
            (_, None) => MINUTE,
            _ => 1,
        };
        let clock: Vec<usize> = [Some(hour), minute, second].into_iter().flatten().collect();
        let names: Vec<String> = clock.iter().map(|i| format!("`{}`", columns[*i].name)).collect();
        why = format!("{why} with {}", names.join(", "));
        parts.extend(clock);
    }
    Some(SplitTime {
        sql: sql.replace(" || ':' || '00'", " || ':00'"),
        columns: parts,
        rule: TimeRule::Iso,
        resolution,
        why,
    })
}
