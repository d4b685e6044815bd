//! How values are written in files of text, where it is not the plain way: words for NULL and for booleans, marks
//! within numbers, signs, units, spaces around.
//!
//! # Contract
//! * What a job declares takes a text to its plain form, which [`super::value`] reads exactly. A text that is not
//!   written as declared is a bad value, also where a laxer reader would find a number in it: `1,5` is none where
//!   commas stand between thousands.
//! * Words are compared as they are, letter by letter; spaces around a value count unless `trim` says that they do not.
//! * Only text is meant: fields of CSV and strings of JSON. Numbers of JSON, and files with types, say themselves what
//!   they are.

mod number;

use crate::batch::DataType;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How the values of a column are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValueFormat {
    /// Texts that stand for NULL.
    pub null: Vec<String>,
    /// Whether spaces and tabs around a value are no part of it.
    pub trim: bool,
    /// What stands before the fraction of a number, if it is not a point.
    pub decimal: Option<char>,
    /// What stands between the thousands of a number.
    pub thousands: Option<char>,
    /// What may stand before or after a number, and says nothing of its size: `$`, `EUR`, `%`.
    pub units: Vec<String>,
    /// Whether signs are those of bookkeeping: `(1.50)`, `1.50-`, `1.50 DR` are below zero, `1.50 CR` is above.
    pub accounting: bool,
    /// What is true, besides `true`.
    pub yes: Vec<String>,
    /// What is false, besides `false`.
    pub no: Vec<String>,
    /// What stands before or after a text to mark it as one, and is no part of it: `'` of spreadsheets.
    pub text_mark: Option<String>,
}

/// What a text is, once it is taken to its plain form.
#[derive(Debug, PartialEq, Eq)]
pub enum Plain<'a> {
    /// NULL.
    Null,
    /// This text.
    Text(&'a [u8]),
}

impl ValueFormat {
    /// The text without spaces around, where those do not count; `None` where it stands for NULL.
    pub fn bare<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let bare = if self.trim { text.trim_ascii() } else { text };
        // Where spaces do not count, a field of spaces alone is an empty one.
        let null = (self.trim && bare.is_empty()) || self.null.iter().any(|word| word.as_bytes() == bare);
        (!null).then_some(bare)
    }

    /// The text without its mark.
    fn unmarked<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let Some(mark) = self.text_mark.as_deref().map(str::as_bytes) else { return text };
        let text = text.strip_prefix(mark).unwrap_or(text);
        text.strip_suffix(mark).unwrap_or(text)
    }

    fn boolean<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let is = |words: &[String]| words.iter().any(|word| word.as_bytes() == text);
        match () {
            () if is(&self.yes) => b"true",
            () if is(&self.no) => b"false",
            () => text,
        }
    }

    /// Whether there are marks within numbers.
    pub fn has_marks(&self) -> bool {
        self.decimal.is_some() || self.thousands.is_some()
    }

    /// Whether numbers are written in a way of their own.
    pub fn has_numbers(&self) -> bool {
        self.has_marks() || self.accounting || !self.units.is_empty()
    }
}

/// As `explain` says it: `, between thousands, NULL as NA`.
impl fmt::Display for ValueFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |words: &[String]| words.join(" or ");
        let mut rules: Vec<String> = vec![];
        rules.extend(self.thousands.map(|mark| format!("`{mark}` between thousands")));
        rules.extend(self.decimal.map(|mark| format!("`{mark}` before fractions")));
        rules.extend((!self.units.is_empty()).then(|| format!("{} next to numbers", list(&self.units))));
        rules.extend(self.accounting.then(|| "accounting signs".to_string()));
        rules.extend((!self.null.is_empty()).then(|| format!("NULL as {}", list(&self.null))));
        rules.extend((!self.yes.is_empty()).then(|| format!("true as {}", list(&self.yes))));
        rules.extend((!self.no.is_empty()).then(|| format!("false as {}", list(&self.no))));
        rules.extend(self.text_mark.as_ref().map(|mark| format!("`{mark}` as a text mark")));
        rules.extend(self.trim.then(|| "spaces around".to_string()));
        f.write_str(&rules.join(", "))
    }
}

/// The keys of `written` by which `text` is likely to be meant, where it is no plain value of a number's type `ty`: marks
/// between its digits, spaces around, a word for NULL.
#[cold]
pub fn likely_keys(text: &[u8], ty: DataType) -> Option<String> {
    let shown = std::str::from_utf8(text).ok().filter(|_| ty.is_number())?;
    if NULL_WORDS.contains(&shown) {
        return Some(format!("null = [{shown:?}]"));
    }
    let reads = |decimal, thousands| {
        let written = ValueFormat { decimal, thousands, trim: true, ..ValueFormat::default() };
        let mut room = vec![];
        matches!(written.plain(text, ty, &mut room), Ok(Plain::Text(plain)) if super::value::parse_float(plain).is_ok())
    };
    let with_unit = || {
        let digit = |c: char| c.is_ascii_digit();
        let (first, last) = (shown.find(digit)?, shown.rfind(digit)?);
        let accounting = shown.starts_with('(') && shown.ends_with(')');
        let outside =
            |c: char| c.is_whitespace() || matches!(c, '-' | '+' | '(' | ')' | '.' | ',' | '\u{a0}');
        let (before, after) = (shown[..first].trim_matches(outside), shown[last + 1..].trim_matches(outside));
        let units: Vec<String> =
            [before, after].iter().filter(|unit| !unit.is_empty()).map(|unit| unit.to_string()).collect();
        // Any other text is one with a number in it.
        if units.len() > 1 || !units.iter().all(|unit| is_likely_unit(unit)) {
            return None;
        }
        // The first way that reads the text is the one that needs the fewest keys.
        for (decimal, thousands) in [(None, None), (None, Some(',')), (Some(','), Some('.'))] {
            let written = ValueFormat {
                decimal,
                thousands,
                units: units.clone(),
                accounting,
                trim: true,
                ..ValueFormat::default()
            };
            let mut room = vec![];
            let plain = written.plain(text, ty, &mut room);
            if !matches!(plain, Ok(Plain::Text(plain)) if super::value::parse_float(plain).is_ok()) {
                continue;
            }
            let mut keys = vec![];
            keys.extend(decimal.map(|mark| format!("decimal = \"{mark}\"")));
            keys.extend(thousands.map(|mark| format!("thousands = \"{mark}\"")));
            keys.extend(units.first().map(|unit| format!("units = [{}]", super::value::basic(unit))));
            keys.extend(accounting.then(|| "accounting = true".to_string()));
            return Some(keys.join(", "));
        }
        None
    };
    match () {
        () if reads(None, None) => (text.trim_ascii() != text).then(|| "trim = true".to_string()),
        () if reads(None, Some(',')) => Some("thousands = \",\"".into()),
        () if reads(Some(','), Some('.')) => Some("decimal = \",\", thousands = \".\"".into()),
        () => with_unit(),
    }
}

/// Whether a text beside a number is likely to be its unit: a currency by its sign or its code, or percent.
fn is_likely_unit(unit: &str) -> bool {
    const WORDS: [&str; 9] = ["Rp", "Rs", "Rs.", "R$", "US$", "kr", "kr.", "zł", "%"];
    let sign = |c: char| matches!(c, '$' | '£' | '¥' | '\u{20a0}'..='\u{20cf}');
    let code = unit.len() == 3 && unit.bytes().all(|c| c.is_ascii_uppercase());
    WORDS.contains(&unit) || code || unit.chars().all(sign)
}

/// What stands for NULL where people or programs write something, among numbers.
pub const NULL_WORDS: [&str; 20] = [
    "NA", "N/A", "#N/A", "n/a", "na", "NULL", "null", "Null", "\\N", "-", "--", "?", "None", "none", "nan",
    "NaN", "NAN", "nil", "(null)", ".",
];

/// How the values of the columns of a log are written, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrittenColumns {
    all: Option<Arc<ValueFormat>>,
    of: BTreeMap<String, Arc<ValueFormat>>,
}

impl WrittenColumns {
    /// All columns in the plain way.
    pub const PLAIN: WrittenColumns = WrittenColumns { all: None, of: BTreeMap::new() };

    /// All columns as `all` says, and those of `of` as is said of them.
    pub fn new(all: Option<ValueFormat>, of: BTreeMap<String, ValueFormat>) -> WrittenColumns {
        let of = of.into_iter().map(|(name, written)| (name, Arc::new(written))).collect();
        WrittenColumns { all: all.map(Arc::new), of }
    }

    /// How `column` is written, if that is said.
    pub fn of(&self, column: &str) -> Option<&Arc<ValueFormat>> {
        self.of.get(column).or(self.all.as_ref())
    }

    /// The columns that have a word of their own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.of.keys().map(String::as_str)
    }

    /// What is said of all columns.
    pub fn all(&self) -> Option<&ValueFormat> {
        self.all.as_deref()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.of.is_empty()
    }
}

#[cfg(test)]
mod tests;
