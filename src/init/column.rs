//! What the values of a column are: their type, how many there are, how often they come again.

use super::clocks::ClockFormats;
use super::number_width::Numbers;
use super::styles::{NumberStyles, StyledValue, Styles};
use super::times::{Candidate, TimeRules};
use crate::batch::DataType;
use crate::input::infer::Class;
use crate::input::written::ValueFormat;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct values that are counted; there may be more.
pub const MOST_DISTINCT: usize = 1 << 18;

/// The values of a column so far.
#[derive(Debug, Default)]
pub struct ValueEvidence {
    values: u64,
    nulls: u64,
    classes: Vec<(Class, u64)>,
    /// By its hash, what each value is.
    known: HashMap<u64, (Class, StyledValue)>,
    example: Option<String>,
    bytes: u64,
    words: u64,
    numbers: Numbers,
    range: Option<(i64, i64)>,
    times: TimeRules,
    clocks: ClockFormats,
    styles: Styles,
    /// Values with spaces around them.
    spaced: u64,
}

/// What the values are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnSource {
    /// Fields of CSV.
    Csv,
    /// Values of JSON.
    Json,
    /// Values of files with types.
    Typed,
}

/// A column, looked at.
#[derive(Debug)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// The type of all values.
    pub ty: DataType,
    /// The type that a run infers, if it is another.
    pub inferred: DataType,
    /// Values that are not NULL.
    pub values: u64,
    /// NULLs.
    pub nulls: u64,
    /// Different values; [`MOST_DISTINCT`] where there are as many or more.
    pub distinct: u64,
    /// The first value.
    pub example: Option<String>,
    /// Bytes to a value.
    pub length: f64,
    /// Spaces to a value.
    pub words: f64,
    /// Its numbers, if it has numbers.
    pub numbers: Numbers,
    /// How its times are read, if they are times.
    pub time: Option<Candidate>,
    /// How its times of day are written, if they are such.
    pub clock: Option<&'static str>,
    /// The least and the greatest of its whole numbers.
    pub range: Option<(i64, i64)>,
    /// How its values are written, if not in the plain way.
    pub written: Option<ValueFormat>,
    /// Other ways to read its numbers, as other numbers, which the values leave open.
    pub open: Vec<ValueFormat>,
    /// Why it is none of numbers, where it nearly is one.
    pub nearly: Option<String>,
}

impl ValueEvidence {
    /// Looks at a value; `None` is NULL.
    pub fn value(&mut self, value: Option<&str>) {
        let Some(text) = value else {
            self.nulls += 1;
            return;
        };
        let (whole, text) = (text, text.trim_ascii());
        self.spaced += u64::from(whole.len() != text.len());
        if text.is_empty() && !whole.is_empty() {
            // Spaces alone.
            self.nulls += 1;
            return;
        }
        self.values += 1;
        self.bytes += text.len() as u64;
        self.words += text.bytes().filter(|c| *c == b' ').count() as u64;
        // The hash and not the text is kept, which bounds the memory. Two texts of one hash would count as
        // one.
        let hash = xxh3_64(text.as_bytes());
        let class = match self.known.get(&hash) {
            // What comes again says nothing new but how often, and, of a time, after which other.
            Some((class, reading)) => {
                self.styles.again(*reading);
                *class
            }
            None => self.new_value(text, hash),
        };
        match self.classes.iter_mut().find(|(c, _)| *c == class) {
            Some((_, count)) => *count += 1,
            None => self.classes.push((class, 1)),
        }
        // Values that come again are looked at too: the order of times tells days from months.
        if class != Class::Bool {
            self.times.value(text);
        }
    }

    /// Looks at a value that did not come before, as far as is known.
    fn new_value(&mut self, text: &str, hash: u64) -> Class {
        let class = Class::of_text(text.as_bytes());
        if self.example.is_none() {
            self.example = Some(text.to_string());
        }
        if matches!(class, Class::Int | Class::Float) {
            self.numbers.value(text);
        }
        if let Ok(whole) = text.parse::<i64>() {
            let (least, greatest) = self.range.unwrap_or((whole, whole));
            self.range = Some((least.min(whole), greatest.max(whole)));
        }
        self.clocks.value(text);
        let reading = self.styles.value(text, class, self.values + self.nulls);
        if self.known.len() < MOST_DISTINCT {
            self.known.insert(hash, (class, reading));
        }
        class
    }

    /// The marks of its numbers, where there is no doubt about them and they are not the plain ones.
    pub fn telling(&self) -> Option<ValueFormat> {
        self.styles.telling()
    }

    /// The column that these are of, which a run takes to be of type `inferred`. Of fields of CSV, how other columns write
    /// their numbers is `like`; of files with types the types are theirs.
    pub fn conclude(
        self,
        name: String,
        inferred: DataType,
        source: ColumnSource,
        like: &[ValueFormat],
    ) -> ColumnProfile {
        let found = Class::type_of(self.classes.iter().map(|(class, _)| *class));
        let ty = match found {
            _ if source == ColumnSource::Typed => inferred,
            // Texts of JSON that look like numbers are texts; so are fields of CSV, but for those that spaces make texts.
            Some(_) if inferred.is_text() && !(source == ColumnSource::Csv && self.spaced > 0) => {
                DataType::String
            }
            Some(found) => found,
            None => inferred,
        };
        let values = self.values.max(1) as f64;
        let time = self.times.best();
        // What all reads as times is none of numbers, but for the marks of large ones.
        let numbers = match source {
            ColumnSource::Csv if time.is_none() => self.styles.conclude(like),
            _ => None,
        };
        // Large whole numbers in the plain way are codes.
        let own = numbers.as_ref().filter(|found| found.written.is_some() && ty == DataType::String);
        let found_type = own.map(|found| found.ty);
        let marked = numbers.as_ref().filter(|_| found_type.is_some() || ty == DataType::Float64);
        let trim = source == ColumnSource::Csv && self.spaced > 0;
        let written = marked.and_then(|found| found.written.clone());
        let written = match (trim, written) {
            (true, written) => Some(ValueFormat { trim, ..written.unwrap_or_default() }),
            (false, written) => written,
        };
        ColumnProfile {
            nearly: self.styles.nearly().filter(|_| source == ColumnSource::Csv && ty == DataType::String),
            open: marked.map_or_else(Vec::new, |found| found.open.clone()),
            written,
            name,
            ty: found_type.unwrap_or(ty),
            inferred,
            values: self.values,
            nulls: self.nulls,
            distinct: self.known.len() as u64,
            example: self.example,
            length: self.bytes as f64 / values,
            words: self.words as f64 / values,
            numbers: marked.map_or(self.numbers, |found: &NumberStyles| found.digits),
            time,
            clock: self.clocks.best(),
            range: self.range,
        }
    }
}

impl ColumnProfile {
    /// The share of NULLs.
    pub fn null_share(&self) -> f64 {
        // Without the 1, a column without records would have the share NaN.
        self.nulls as f64 / (self.values + self.nulls).max(1) as f64
    }

    /// The share of values that are the first of their kind.
    pub fn distinct_share(&self) -> f64 {
        self.distinct as f64 / self.values.max(1) as f64
    }

    /// How many different values there are, in words.
    pub fn distinct_words(&self) -> String {
        let n = crate::input::value::grouped(self.distinct);
        match self.distinct as usize >= MOST_DISTINCT {
            true => format!("{n} or more values"),
            false if self.distinct == 1 => "1 value".into(),
            false => format!("{n} values"),
        }
    }

    /// Whether it holds numbers.
    pub fn is_number(&self) -> bool {
        self.ty.is_number()
    }
}
