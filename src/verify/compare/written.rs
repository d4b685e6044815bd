//! How others write their results as text, as far as it is not told by the files themselves.
//!
//! # Contract
//! * A word for NULL ([`NULL_WORDS`]) is NULL where the column is of numbers, times or truth values, which have no such
//!   value; in a column of texts it is a text, unless it is declared. Whatever is taken for NULL by its word is said in a
//!   note, with the first place.
//! * A delimiter is found where the header line has one field by the usual one and several by one other alone.
//! * Nothing else is guessed: zones of times without an offset, decimal commas and missing header lines are declared.

use super::meaning::Meaning;
use super::value::{Value, instant_in, read};
use crate::time::{EARLIEST, LATEST, Zone};
use std::borrow::Cow;

/// The words for NULL of psql, MySQL, BigQuery, DuckDB, Hive, R, pandas, Python and JavaScript.
const NULL_WORDS: [&str; 13] =
    ["NULL", "null", "Null", "\\N", "NA", "N/A", "n/a", "<NA>", "None", "none", "<null>", "NaT", "undefined"];

/// Whether `text` is a word for NULL wherever it cannot be a value.
pub(super) fn is_null_word(text: &str) -> bool {
    // The longest word is `undefined`, so longer texts are not searched.
    text.len() <= 9 && NULL_WORDS.contains(&text.trim())
}

/// Where the names of the columns of CSV are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ColumnNames {
    /// In the first line.
    #[default]
    Header,
    /// Nowhere: they are those of the other result, in its order.
    Same,
    /// Nowhere: they are these.
    Are(Vec<String>),
}

/// How a result of somebody else is written.
#[derive(Debug, Clone, Default)]
pub struct ResultFormat {
    /// The byte between the fields of CSV; found if there is none.
    pub delimiter: Option<u8>,
    /// The names of the columns.
    pub names: ColumnNames,
    /// Words that are NULL in every column.
    pub nulls: Vec<String>,
    /// Whose local times those without an offset are; UTC if there is none.
    pub zone: Option<Zone>,
    /// Numbers have a comma before their fraction, and points between thousands or none.
    pub decimal_comma: bool,
}

impl ResultFormat {
    /// Whether nothing is said.
    pub fn is_plain(&self) -> bool {
        let ResultFormat { delimiter, names, nulls, zone, decimal_comma } = self;
        delimiter.is_none()
            && *names == ColumnNames::Header
            && nulls.is_empty()
            && zone.is_none()
            && !decimal_comma
    }

    /// Reads a text as a value of `meaning`. The empty text and words for NULL are NULL, but where texts are meant.
    pub(super) fn read(&self, text: &str, meaning: Meaning) -> Value {
        match meaning {
            Meaning::Text | Meaning::Nothing => return read(text, meaning),
            _ if is_null_word(text) => return Value::Null,
            Meaning::Instant if self.zone.is_some() => {
                let found = instant_in(text.trim(), |local| self.instant(local));
                return found.map_or_else(|| read(text, meaning), Value::Scaled);
            }
            _ => {}
        }
        match (self.number(text.trim()), meaning) {
            (Some(number), Meaning::Number(_) | Meaning::Float) => read(&number, meaning),
            (None, Meaning::Number(_) | Meaning::Float) => Value::Unread(text.to_string()),
            _ => read(text.trim(), meaning),
        }
    }

    /// A number with a point before its fraction; none where a comma is declared and it is not written so.
    pub(super) fn number<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        if !self.decimal_comma {
            return Some(Cow::Borrowed(text));
        }
        let (whole, fraction) = text.split_once(',').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let (sign, unsigned) = whole.split_at(usize::from(whole.starts_with(['-', '+'])));
        let mut groups = unsigned.split('.');
        let first = groups.next()?;
        let mut number = format!("{sign}{first}");
        let grouped = unsigned.contains('.');
        for group in groups {
            // Thousands have groups of three. In any other group the point is a decimal point, and this is
            // not guessed.
            if group.len() != 3 || !digits(group) {
                return None;
            }
            number.push_str(group);
        }
        if !digits(first) || grouped && !(1..=3).contains(&first.len()) || !digits(fraction) {
            return None;
        }
        Some(Cow::Owned(if fraction.is_empty() { number } else { format!("{number}.{fraction}") }))
    }

    /// The instant of a local time, both in nanoseconds.
    pub(super) fn instant(&self, local: i128) -> i128 {
        let Some(zone) = &self.zone else { return local };
        let micros = i64::try_from(local.div_euclid(1000)).unwrap_or(i64::MAX);
        // Zones resolve local times in the range of event times only.
        match (EARLIEST..LATEST).contains(&micros) {
            true => i128::from(zone.clone().instant(micros)) * 1000 + local.rem_euclid(1000),
            false => local,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_commas_are_those_that_are_grouped_right() {
        let commas = ResultFormat { decimal_comma: true, ..ResultFormat::default() };
        let of = |text: &'static str| commas.number(text).map(Cow::into_owned);
        assert_eq!(of("1.234.567,89").as_deref(), Some("1234567.89"));
        assert_eq!(of("-3,5").as_deref(), Some("-3.5"));
        assert_eq!(of("1234,5").as_deref(), Some("1234.5"));
        assert_eq!([of("1.23"), of("1234.567"), of("1,2,3"), of("x")], [const { None }; 4]);
    }

    #[test]
    fn words_for_null_are_texts_among_texts() {
        let plain = ResultFormat::default();
        assert_eq!(plain.read("\\N", Meaning::Number(2)), Value::Null);
        assert_eq!(plain.read(" NULL ", Meaning::Instant), Value::Null);
        assert_eq!(plain.read("NA", Meaning::Text), Value::Text("NA".into()));
        assert_eq!(plain.read("nil", Meaning::Number(0)), Value::Unread("nil".into()));
    }
}
