//! A row on its way from a log to a file, and the columns that it has.

use super::random::Uuid;
use crate::time::{DAY, HOUR, MINUTE, SECOND, civil_from_days};
use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

/// The type of a generated column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A 64-bit integer.
    Int,
    /// A number with two decimals: `decimal(18,2)` in Parquet.
    Amount,
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// An instant: text, or a number where [`ProducerStyle::epoch`] asks for one.
    Instant,
}

/// How producers write what a log of ours has otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerStyle {
    /// The unit of instants as numbers since 1970, in microseconds; without it they are texts.
    pub epoch: Option<i64>,
    /// Whether amounts are whole numbers.
    pub whole: bool,
    /// New names of columns, each behind the old one.
    pub names: Vec<(String, String)>,
}

impl ProducerStyle {
    /// The columns of a log, as they are written.
    pub fn columns(&self, columns: &[GeneratedColumn]) -> Vec<GeneratedColumn> {
        let written = columns.iter().map(|column| {
            let name = self.names.iter().find(|(old, _)| *old == column.name).map(|(_, new)| new.clone());
            let ty = match column.ty {
                ColumnType::Instant if self.epoch.is_some() => ColumnType::Int,
                ColumnType::Instant => ColumnType::Text,
                ColumnType::Amount if self.whole => ColumnType::Int,
                ty => ty,
            };
            GeneratedColumn { name: name.map_or(column.name.clone(), Cow::Owned), ty }
        });
        written.collect()
    }
}

/// A column of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedColumn {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its type.
    pub ty: ColumnType,
}

impl GeneratedColumn {
    /// A column.
    pub const fn new(name: &'static str, ty: ColumnType) -> GeneratedColumn {
        GeneratedColumn { name: Cow::Borrowed(name), ty }
    }
}

/// The value of one column in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GeneratedCell {
    /// Nothing: an empty field in CSV, no key in JSON.
    Null,
    /// A whole number.
    Int(i64),
    /// A number in hundredths.
    Amount(i64),
    /// True or false.
    Bool(bool),
    /// Bytes of the row's text.
    Text(Range<usize>),
}

/// One row, used again for the next; its cells are pushed in the order of the columns.
#[derive(Debug, Default)]
pub struct Row {
    cells: Vec<GeneratedCell>,
    text: String,
    style: ProducerStyle,
}

impl Row {
    /// A row whose cells are written so.
    pub fn of(style: ProducerStyle) -> Row {
        Row { style, ..Row::default() }
    }

    /// Forgets the last row.
    pub fn clear(&mut self) {
        self.cells.clear();
        self.text.clear();
    }

    /// The cells, in the order of the columns.
    pub fn cells(&self) -> &[GeneratedCell] {
        &self.cells
    }

    /// The text of [`GeneratedCell::Text`].
    pub fn text_of(&self, range: &Range<usize>) -> &str {
        &self.text[range.clone()]
    }

    /// The next cell is empty.
    pub fn null(&mut self) {
        self.cells.push(GeneratedCell::Null);
    }

    /// The next cell is a whole number.
    pub fn int(&mut self, value: i64) {
        self.cells.push(GeneratedCell::Int(value));
    }

    /// The next cell is a number in hundredths.
    pub fn amount(&mut self, hundredths: i64) {
        self.cells.push(match self.style.whole {
            true => GeneratedCell::Int(hundredths / 100),
            false => GeneratedCell::Amount(hundredths),
        });
    }

    /// The next cell is true or false.
    pub fn bool(&mut self, value: bool) {
        self.cells.push(GeneratedCell::Bool(value));
    }

    /// The next cell is this text.
    pub fn text(&mut self, text: &str) {
        self.with_text(|all| all.push_str(text));
    }

    /// The next cell is a UUID.
    pub fn uuid(&mut self, uuid: Uuid) {
        self.with_text(|all| uuid.write(all));
    }

    /// The next cell is the text that `write` appends.
    pub fn with_text(&mut self, write: impl FnOnce(&mut String)) {
        // All texts of a row share one buffer, which the next row uses again: a row does not allocate.
        let start = self.text.len();
        write(&mut self.text);
        self.cells.push(GeneratedCell::Text(start..self.text.len()));
    }

    /// The next cell is an instant as `2024-06-01T12:30:00.250Z`, or as a number since 1970.
    pub fn instant(&mut self, us: i64) {
        if let Some(unit) = self.style.epoch {
            return self.int(us.div_euclid(unit));
        }
        self.with_text(|all| {
            push_date(all, us);
            all.push('T');
            push_time(all, us);
            let ms = us.rem_euclid(SECOND) / 1000;
            all.push('.');
            // Milliseconds have three digits, and `push_two` writes the last two of them.
            all.push((b'0' + (ms / 100) as u8) as char);
            push_two(all, (ms % 100) as u32);
            all.push('Z');
        });
    }

    /// The next cell is an instant as a number of seconds since 1970, or of the unit that is asked for.
    pub fn seconds(&mut self, us: i64) {
        self.int(us.div_euclid(self.style.epoch.unwrap_or(SECOND)));
    }

    /// The next cell is an instant as `2024-06-01 12:30:00`.
    pub fn date_time(&mut self, us: i64) {
        self.with_text(|all| {
            push_date(all, us);
            all.push(' ');
            push_time(all, us);
        });
    }

    /// The next cell is the day of an instant as `2024-06-01`.
    pub fn date(&mut self, us: i64) {
        self.with_text(|all| push_date(all, us));
    }
}

fn push_date(text: &mut String, us: i64) {
    let (year, month, day) = civil_from_days(us.div_euclid(DAY));
    match u32::try_from(year) {
        Ok(year @ 1000..=9999) => {
            push_two(text, year / 100);
            push_two(text, year % 100);
        }
        // A very long span; writing to a String cannot fail.
        _ => _ = write!(text, "{year:04}"),
    }
    text.push('-');
    push_two(text, month);
    text.push('-');
    push_two(text, day);
}

fn push_time(text: &mut String, us: i64) {
    // Euclidean, so that a time before 1970 has a positive time of day.
    let of_day = us.rem_euclid(DAY);
    push_two(text, (of_day / HOUR) as u32);
    text.push(':');
    push_two(text, (of_day % HOUR / MINUTE) as u32);
    text.push(':');
    push_two(text, (of_day % MINUTE / SECOND) as u32);
}

/// Two digits of a number below 100.
fn push_two(text: &mut String, number: u32) {
    text.push((b'0' + (number / 10 % 10) as u8) as char);
    text.push((b'0' + (number % 10) as u8) as char);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_text() {
        let mut row = Row::default();
        let us = 1_717_245_005_007_000;
        row.instant(us);
        row.date_time(us);
        row.date(us - DAY);
        row.amount(-5);
        let texts: Vec<&str> = row
            .cells()
            .iter()
            .filter_map(|c| if let GeneratedCell::Text(r) = c { Some(row.text_of(r)) } else { None })
            .collect();
        assert_eq!(texts, ["2024-06-01T12:30:05.007Z", "2024-06-01 12:30:05", "2024-05-31"]);
        assert_eq!(row.cells()[3], GeneratedCell::Amount(-5));
    }
}
