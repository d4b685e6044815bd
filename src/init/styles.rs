//! How the numbers of a column are written: which marks, units and words for NULL its values have.
//!
//! # Contract
//! * A style is one by which every value that is not NULL is a number; the plain one goes first. What a style makes of a
//!   value is what a run makes of it: the same code reads both.
//! * Where two styles read all values, and not as the same numbers, that is said: it is open.
//! * Words for NULL count only among numbers: `NA` beside names of countries is Namibia.

use super::number_width::Numbers;
use crate::batch::DataType;
use crate::input::infer::Class;
use crate::input::written::{NULL_WORDS, Plain, ValueFormat};
use xxhash_rust::xxh3::xxh3_64;

/// Before the fraction, and between thousands; the likely ones first.
const STYLES: [(char, Option<char>); 8] = [
    ('.', None),
    ('.', Some(',')),
    (',', Some('.')),
    (',', None),
    (',', Some(' ')),
    ('.', Some(' ')),
    ('.', Some('\'')),
    ('.', Some('_')),
];

/// Currencies that are written as words and not by their codes of three letters, and other units.
const UNITS: [&str; 9] = ["Rp", "Rs", "Rs.", "R$", "US$", "kr", "kr.", "zł", "%"];

/// The most different units and words that a column may have.
const MOST_WORDS: usize = 8;

/// The styles that may be meant by the values of a column.
#[derive(Debug)]
pub struct Styles {
    /// In the order of [`STYLES`].
    styles: Vec<Style>,
    nulls: Vec<String>,
    units: Vec<String>,
    accounting: bool,
    /// Values that no style reads.
    others: u64,
    /// The first of them, and the number of its record.
    other: Option<(String, u64)>,
    /// Values that some style reads.
    numbers: u64,
}

#[derive(Debug, Clone)]
struct Style {
    marks: ValueFormat,
    /// Values that others read and this one does not.
    missed: u64,
    digits: Numbers,
    /// Of the numbers that were read; it tells styles apart that read all values.
    sum: u64,
    /// Whether any has a fraction.
    fractions: bool,
}

/// What a column's numbers are, by their style.
#[derive(Debug, Clone)]
pub struct NumberStyles {
    /// The style, if it is not the plain one.
    pub written: Option<ValueFormat>,
    /// The digits of its numbers.
    pub digits: Numbers,
    /// int64, or float64 where there are fractions.
    pub ty: DataType,
    /// Other styles by which all values are other numbers.
    pub open: Vec<ValueFormat>,
}

impl Default for Styles {
    fn default() -> Styles {
        let style = |(decimal, thousands)| Style {
            marks: ValueFormat {
                decimal: Some(decimal).filter(|mark| *mark != '.'),
                thousands,
                ..ValueFormat::default()
            },
            missed: 0,
            digits: Numbers::default(),
            sum: 0,
            fractions: false,
        };
        Styles {
            styles: STYLES.map(style).to_vec(),
            nulls: vec![],
            units: vec![],
            accounting: false,
            others: 0,
            other: None,
            numbers: 0,
        }
    }
}

/// What a value was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StyledValue {
    /// A number of some style.
    Number,
    /// A word for NULL.
    Null,
    /// None of these.
    Other,
}

/// Values that are no numbers, from which on a column is one of something else, if they are the most.
const ENOUGH: u64 = 4096;

impl Styles {
    /// Looks at a value that may be new, without spaces around it; `record` is the number of its record.
    pub fn value(&mut self, text: &str, class: Class, record: u64) -> StyledValue {
        let reading = match self.others >= ENOUGH && self.others > self.numbers {
            true => StyledValue::Other,
            false => self.read(text, class),
        };
        if reading == StyledValue::Other && self.other.is_none() {
            self.other = Some((text.to_string(), record));
        }
        self.again(reading);
        reading
    }

    /// Counts a value, which was taken for this.
    pub fn again(&mut self, reading: StyledValue) {
        match reading {
            StyledValue::Number => self.numbers += 1,
            StyledValue::Other => self.others += 1,
            StyledValue::Null => {}
        }
    }

    fn read(&mut self, text: &str, class: Class) -> StyledValue {
        if class == Class::Int && self.styles.iter().all(|style| style.missed == 0) && self.others == 0 {
            // Digits alone are the same in every style.
            let size = text.trim_start_matches('-').len() as u32;
            self.styles.iter_mut().for_each(|style| style.digits.whole = style.digits.whole.max(size));
            return StyledValue::Number;
        }
        if NULL_WORDS.contains(&text) {
            add(&mut self.nulls, text);
            return StyledValue::Null;
        }
        let number_like =
            matches!(class, Class::Int | Class::Float | Class::Text | Class::TooLarge | Class::LeadingZeros);
        let Some(core) = number_like.then(|| self.core(text)).flatten() else { return StyledValue::Other };
        let read: Vec<Option<String>> = self.styles.iter().map(|style| number(&style.marks, &core)).collect();
        if read.iter().all(Option::is_none) {
            return StyledValue::Other;
        }
        for (style, read) in self.styles.iter_mut().zip(read) {
            match read {
                None => style.missed += 1,
                Some(plain) => {
                    style.fractions |= plain.contains('.');
                    style.digits.value(&plain);
                    // A sum of hashes compares what styles have read, without keeping the numbers; 1.50
                    // counts as 1.5.
                    style.sum = style.sum.wrapping_add(xxh3_64(shortest(&plain).as_bytes()));
                }
            }
        }
        StyledValue::Number
    }

    /// The digits and marks of a number, without the signs and the unit around it, which are noted.
    fn core(&mut self, text: &str) -> Option<String> {
        let starts = |at: usize, c: char| {
            c.is_ascii_digit()
                || matches!(c, '.' | ',') && text[at + 1..].starts_with(|next: char| next.is_ascii_digit())
        };
        // The point of `Rs.5` belongs to the unit and not to the number.
        let (start, _) =
            text.char_indices().find(|(at, c)| starts(*at, *c) && !text[..*at].ends_with("Rs"))?;
        let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
        let (before, core, after) = (&text[..start], &text[start..end.max(start)], &text[end.max(start)..]);
        // A longer text is not a number with a unit; the bounds keep it cheap.
        if core.is_empty() || core.len() > 40 || before.len() > 8 || after.len() > 8 {
            return None;
        }
        let mut unit = None;
        let (mut signs, mut accounting) = (0, false);
        for part in [before, after] {
            let behind = !std::ptr::eq(part, before);
            let mut rest = part.trim();
            if behind {
                for word in ["DR", "CR"] {
                    // The check of the boundary comes first: a slice within a letter would panic.
                    let at = rest.len().checked_sub(2).filter(|at| rest.is_char_boundary(*at));
                    if at.is_some_and(|at| rest[at..].eq_ignore_ascii_case(word)) {
                        rest = rest[..rest.len() - 2].trim();
                        (signs, accounting) = (signs + 1, true);
                    }
                }
            }
            let sign = |c: char| matches!(c, '-' | '+' | '\u{2212}' | '(' | ')');
            let count = rest.chars().filter(|c| sign(*c) && *c != ')').count();
            accounting |= rest.contains(['(', ')']) || behind && count > 0;
            signs += count;
            // A code that is joined to digits is most often one of something else.
            let joined = if behind {
                !part.starts_with(char::is_whitespace)
            } else {
                !part.ends_with(char::is_whitespace)
            };
            if joined && CURRENCIES.iter().any(|code| rest.contains(code)) {
                return None;
            }
            let word: String = rest.chars().filter(|c| !sign(*c) && !c.is_whitespace()).collect();
            if !word.is_empty() && unit.replace(word).is_some() {
                return None;
            }
        }
        let open = before.contains('(') == after.contains(')');
        if signs > 1 || !open || unit.as_deref().is_some_and(|unit| !is_unit(unit)) {
            return None;
        }
        self.accounting |= accounting;
        if let Some(unit) = unit {
            add(&mut self.units, &unit);
        }
        Some(core.to_string())
    }

    /// Its numbers, where all values are some; `like` is how other columns write theirs.
    pub fn conclude(&self, like: &[ValueFormat]) -> Option<NumberStyles> {
        let usable = self.numbers > 0
            && self.others == 0
            && self.units.len() <= MOST_WORDS
            && self.nulls.len() <= MOST_WORDS;
        let mut read: Vec<&Style> = self.styles.iter().filter(|style| usable && style.missed == 0).collect();
        if let Some(known) = read.iter().position(|style| like.contains(&style.marks)) {
            let known = read[known];
            // What another column tells for sure is told of this one too.
            read = std::iter::once(known).chain(read.into_iter().filter(|s| s.sum == known.sum)).collect();
        }
        let style = *read.first()?;
        let open =
            read.iter().skip(1).filter(|other| other.sum != style.sum).map(|other| other.marks.clone());
        let written = ValueFormat {
            null: self.nulls.clone(),
            units: self.units.clone(),
            accounting: self.accounting,
            ..style.marks.clone()
        };
        // What an int64 may not hold is a decimal, as fractions are.
        let whole = !style.fractions && !style.digits.odd && style.digits.whole < 19;
        let ty = if whole { DataType::Int64 } else { DataType::Float64 };
        Some(NumberStyles {
            written: Some(written).filter(|written| *written != ValueFormat::default()),
            digits: style.digits,
            ty,
            open: open.collect(),
        })
    }

    /// The marks of its numbers, where only one way to read them is open and that is not the plain one.
    pub fn telling(&self) -> Option<ValueFormat> {
        let found = self.conclude(&[])?;
        let written = found.written.filter(|written| written.has_marks() && found.open.is_empty())?;
        Some(ValueFormat { decimal: written.decimal, thousands: written.thousands, ..ValueFormat::default() })
    }

    /// Why it is no column of numbers, where it nearly is one.
    pub fn nearly(&self) -> Option<String> {
        let (text, record) = self.other.as_ref()?;
        let all = self.numbers + self.others;
        (self.numbers * 10 >= all * 9).then(|| {
            let text = crate::input::value::shown(text.as_bytes());
            let grouped = crate::input::value::grouped;
            format!(
                "{} of {} are numbers; record {} has `{text}`",
                grouped(self.numbers),
                grouped(all),
                grouped(*record)
            )
        })
    }
}

fn add(words: &mut Vec<String>, word: &str) {
    if words.len() <= MOST_WORDS && words.iter().all(|known| known != word) {
        words.push(word.to_string());
    }
}

/// The currencies of most of the world's payments, by their codes: other three letters before digits are a code of
/// something else, such as `FRA2`.
const CURRENCIES: [&str; 40] = [
    "AED", "ARS", "AUD", "BDT", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP",
    "HKD", "HUF", "IDR", "ILS", "INR", "JPY", "KES", "KRW", "MXN", "MYR", "NGN", "NOK", "NZD", "PHP", "PKR",
    "PLN", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "USD", "ZAR",
];

/// A sign of a currency, its code, or a unit that is known.
fn is_unit(word: &str) -> bool {
    let code = CURRENCIES.contains(&word);
    let sign = word.chars().count() == 1 && word.chars().all(|c| "$€£¥₹₽₩₫₺₴₦₱฿¢".contains(c));
    code || sign || UNITS.contains(&word)
}

/// The plain form of a number that is written so.
fn number(marks: &ValueFormat, core: &str) -> Option<String> {
    let mut room = vec![];
    let ty = DataType::Decimal { precision: 38, scale: 18 };
    let plain = match marks.plain(core.as_bytes(), ty, &mut room).ok()? {
        Plain::Text(text) => std::str::from_utf8(text).ok()?.to_string(),
        Plain::Null => return None,
    };
    matches!(Class::of_text(plain.as_bytes()), Class::Int | Class::Float | Class::TooLarge).then_some(plain)
}

/// A number without the zeros at its end that say nothing.
fn shortest(plain: &str) -> &str {
    if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Styles {
        let mut styles = Styles::default();
        for (value, record) in values.iter().zip(1..) {
            styles.value(value, Class::of_text(value.as_bytes()), record);
        }
        styles
    }

    fn found(values: &[&str]) -> String {
        match of(values).conclude(&[]) {
            None => "none".into(),
            Some(found) => {
                let written =
                    found.written.map_or_else(|| "plain".to_string(), |written| written.to_string());
                let open = if found.open.is_empty() { "" } else { ", or else" };
                format!("{} {written}{open}", found.ty)
            }
        }
    }

    #[test]
    fn the_style_that_reads_all_is_taken() {
        for (values, want) in [
            (&["1.5", "2"][..], "float64 plain"),
            (&["1", "2"], "int64 plain"),
            (&["1,000,000.50", "3"], "float64 `,` between thousands"),
            (&["1.234,56", "-34,50"], "float64 `.` between thousands, `,` before fractions"),
            (&["12,5", "3,25"], "float64 `.` between thousands, `,` before fractions"),
            (&["1 234,5", "1"], "float64 ` ` between thousands, `,` before fractions"),
            (&["$1,250.00", "($3.00)"], "float64 `,` between thousands, $ next to numbers, accounting signs"),
            (&["10 EUR", "20 EUR"], "int64 EUR next to numbers"),
            (&["1.50", "NA", "?"], "float64 NULL as NA or ?"),
            (&["500.000", "250.000"], "float64 plain, or else"),
            (&["500.000", "1.500.000"], "int64 `.` between thousands, `,` before fractions"),
            (&["1,000", "25,000"], "int64 `,` between thousands, or else"),
            (&["12,34,567", "5"], "int64 `,` between thousands"),
            (&["a", "1"], "none"),
            (&["2024-01-01"], "none"),
            (&["NA"], "none"),
            (&["10.0.0.1", "10.0.0.2"], "none"),
            (&["1-2", "3"], "none"),
            (&["FRA2", "FRA3"], "none"),
            (&["EUR2", "EUR3"], "none"),
        ] {
            assert_eq!(found(values), want, "{values:?}");
        }
    }

    #[test]
    fn other_columns_tell_what_is_open() {
        let german = of(&["1.234,56"]).telling().unwrap();
        let open = of(&["500.000"]);
        let like = open.conclude(&[german]).unwrap();
        assert_eq!((like.ty, like.open.is_empty()), (DataType::Int64, true));
        assert!(open.telling().is_none());
    }

    #[test]
    fn what_is_nearly_a_number_is_told() {
        let mut values = vec!["1"; 20];
        values.push("soon");
        assert_eq!(of(&values).nearly().unwrap(), "20 of 21 are numbers; record 21 has `soon`");
        assert_eq!(of(&["a", "b", "1"]).nearly(), None);
    }
}
