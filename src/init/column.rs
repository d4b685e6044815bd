//! What the values of a column are: their type, how many there are, how often they come again.

use super::times::{Candidate, Times};
use crate::batch::DataType;
use crate::input::infer::Class;
use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct values that are counted; there may be more.
pub const MOST_DISTINCT: usize = 1 << 18;

/// The values of a column so far.
#[derive(Debug, Default)]
pub struct Evidence {
    values: u64,
    nulls: u64,
    classes: Vec<(Class, u64)>,
    hashes: HashSet<u64>,
    example: Option<String>,
    bytes: u64,
    words: u64,
    numbers: Numbers,
    times: Times,
}

/// The digits of numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers {
    /// The most digits before the point.
    pub whole: u32,
    /// The most digits after it, zeros at the end included.
    pub scale: u32,
    /// Whether any has an exponent, or is not finite.
    pub odd: bool,
}

/// A column, looked at.
#[derive(Debug)]
pub struct Column {
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
}

impl Evidence {
    /// Looks at a value; `None` is NULL.
    pub fn value(&mut self, value: Option<&str>) {
        let Some(text) = value else {
            self.nulls += 1;
            return;
        };
        self.values += 1;
        let class = Class::of_text(text.as_bytes());
        match self.classes.iter_mut().find(|(c, _)| *c == class) {
            Some((_, count)) => *count += 1,
            None => self.classes.push((class, 1)),
        }
        if self.hashes.len() < MOST_DISTINCT {
            self.hashes.insert(xxh3_64(text.as_bytes()));
        }
        if self.example.is_none() {
            self.example = Some(text.to_string());
        }
        self.bytes += text.len() as u64;
        self.words += text.bytes().filter(|c| *c == b' ').count() as u64;
        if matches!(class, Class::Int | Class::Float) {
            self.numbers.value(text);
        }
        if class != Class::Bool {
            self.times.value(text);
        }
    }

    /// The column that these are of, which a run takes to be of type `inferred`; `typed` says that the files
    /// themselves do.
    pub fn conclude(self, name: String, inferred: DataType, typed: bool) -> Column {
        let found = Class::type_of(self.classes.iter().map(|(class, _)| *class));
        let ty = match found {
            _ if typed => inferred,
            // Texts of JSON that look like numbers are texts.
            Some(_) if inferred == DataType::String => DataType::String,
            Some(found) => found,
            None => inferred,
        };
        let values = self.values.max(1) as f64;
        Column {
            name,
            ty,
            inferred,
            values: self.values,
            nulls: self.nulls,
            distinct: self.hashes.len() as u64,
            example: self.example,
            length: self.bytes as f64 / values,
            words: self.words as f64 / values,
            numbers: self.numbers,
            time: self.times.best(),
        }
    }
}

impl Numbers {
    fn value(&mut self, text: &str) {
        let digits = text.trim_start_matches(['-', '+']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            self.odd = true;
            return;
        }
        self.whole = self.whole.max(whole.len() as u32);
        self.scale = self.scale.max(fraction.len() as u32);
    }
}

impl Column {
    /// The share of NULLs.
    pub fn null_share(&self) -> f64 {
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
        matches!(self.ty, DataType::Int64 | DataType::Float64 | DataType::Decimal { .. })
    }
}
