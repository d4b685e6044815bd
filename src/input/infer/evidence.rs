//! What is known of one column, and the type that follows from it.

use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::input::value::{as_string, grouped, shown};
use crate::time::{TimeParser, TimeRule, TimeUnit, Zone, parse_date};

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Bool,
    Int,
    Float,
    Date,
    Timestamp,
    /// Digits that begin with a zero: a code and no number.
    LeadingZeros,
    /// A whole number that int64 does not hold.
    TooLarge,
    /// An array of JSON.
    List,
    Text,
}

impl Class {
    /// What a field of CSV looks like.
    pub fn of_text(text: &[u8]) -> Class {
        if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false") {
            return Class::Bool;
        }
        match text {
            [b'-', b'0'..=b'9' | b'.', ..] | [b'0'..=b'9' | b'.', ..] => match Class::of_number(text) {
                Class::Text => Class::of_time(text),
                class => class,
            },
            _ => Class::Text,
        }
    }

    /// What a number looks like; `Text` if it is none.
    pub fn of_number(text: &[u8]) -> Class {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let whole = digits.iter().take_while(|c| c.is_ascii_digit()).count();
        let zeros = whole > 1 && digits[0] == b'0';
        if whole == digits.len() && whole > 0 {
            let fits = std::str::from_utf8(text).is_ok_and(|t| t.parse::<i64>().is_ok());
            return match (zeros, fits) {
                (true, _) => Class::LeadingZeros,
                (false, true) => Class::Int,
                (false, false) => Class::TooLarge,
            };
        }
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse::<f64>().ok());
        match number {
            Some(v) if v.is_finite() && digits[0] != b'+' => {
                if zeros {
                    Class::LeadingZeros
                } else {
                    Class::Float
                }
            }
            _ => Class::Text,
        }
    }

    /// A date, a timestamp, or `Text`.
    pub fn of_time(text: &[u8]) -> Class {
        if parse_date(text).is_some() {
            return Class::Date;
        }
        // Most texts fail here, so that a parser is seldom made for one.
        let dashes = text.len() > 10 && text[4] == b'-' && text[7] == b'-';
        if dashes && TimeParser::new(TimeRule::Iso, Zone::utc()).text(text).is_ok() {
            return Class::Timestamp;
        }
        Class::Text
    }

    /// The type of values of text that look like these; `None` where there are none.
    pub fn type_of(classes: impl Iterator<Item = Class>) -> Option<DataType> {
        classes.map(Class::data_type).reduce(|a, b| match (a, b) {
            (a, b) if a == b => a,
            (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
            (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => {
                DataType::Timestamp
            }
            _ => DataType::String,
        })
    }

    /// The type of values that all look like this.
    fn data_type(self) -> DataType {
        match self {
            Class::Bool => DataType::Bool,
            Class::Int => DataType::Int64,
            Class::Float => DataType::Float64,
            Class::Date => DataType::Date,
            Class::Timestamp => DataType::Timestamp,
            Class::List => DataType::Json,
            Class::LeadingZeros | Class::TooLarge | Class::Text => DataType::String,
        }
    }
}

/// The values of one class.
#[derive(Debug)]
struct ClassEvidence {
    class: Class,
    values: u64,
    example: String,
    file: String,
    /// The line of the example; 0 where it has none.
    line: u64,
}

impl ClassEvidence {
    /// The example and its place, as the begin of a sentence or the end of one.
    fn at(&self) -> (String, &'static str) {
        let ClassEvidence { example, file, line, .. } = self;
        match line {
            0 => (format!("`{example}` in {file}"), ""),
            line => (format!("`{example}` in {file}, line {line}"), ","),
        }
    }
}

/// A type that Parquet and Avro files give a column.
#[derive(Debug)]
struct Given {
    ty: Option<DataType>,
    name: String,
    files: usize,
    file: String,
}

/// What is known of one column.
#[derive(Debug, Default)]
pub(super) struct ColumnEvidence {
    /// Files that have it.
    pub files: usize,
    /// The number, from 1, of the file that was counted last; 0 where there is none.
    pub last_file: usize,
    /// Whether it is NULL somewhere.
    pub nulls: bool,
    /// Whether a value that is not NULL stands for it in files that lack it.
    pub default: bool,
    /// Whether it is a list, record or map in a file with types, of which the JSON text can be read.
    pub nested: bool,
    /// Whether it is of a type that is not read in any way.
    pub unread: bool,
    /// The unit of its numbers, where schemas in the records tell it.
    pub unit: Option<TimeUnit>,
    /// In the order in which they were first seen.
    seen: Vec<ClassEvidence>,
    given: Vec<Given>,
    /// The kinds of values in JSON, with the first file that has them.
    kinds: Vec<(&'static str, String)>,
    /// A value of a Parquet or Avro file.
    given_example: Option<String>,
}

impl ColumnEvidence {
    /// A value of a text file that is not NULL, and its file and line; the line is 0 where it has none.
    pub fn value(&mut self, class: Class, text: &[u8], (file, line): (&str, u64)) {
        match self.seen.iter_mut().find(|s| s.class == class) {
            Some(seen) => seen.values += 1,
            None => {
                let (example, file) = (shown(text), file.to_string());
                self.seen.push(ClassEvidence { class, values: 1, example, file, line });
            }
        }
    }

    /// The kind of a value of a JSON Lines file.
    pub fn json(&mut self, kind: &'static str, file: &str) {
        if self.kinds.iter().all(|(k, _)| *k != kind) {
            self.kinds.push((kind, file.to_string()));
        }
    }

    /// The type that a Parquet or Avro file gives the column (`None`: one that is not read).
    pub fn given(&mut self, ty: Option<DataType>, name: &str, example: Option<String>, file: &str) {
        self.given_example = self.given_example.take().or(example);
        match self.given.iter_mut().find(|g| g.name == name) {
            Some(given) => {
                given.files += 1;
                // Decimals with a scale of their own: the longest counts.
                let scale = |ty: Option<DataType>| ty.and_then(DataType::scale);
                if let (Some(own), Some(known)) = (scale(ty), scale(given.ty))
                    && own > known
                {
                    given.ty = ty;
                }
            }
            None => self.given.push(Given { ty, name: name.to_string(), files: 1, file: file.to_string() }),
        }
    }

    /// Why the column cannot be read at all, if so.
    pub fn unsupported(&self, name: &str) -> Option<String> {
        let given = self.given.iter().find(|g| g.ty.is_none())?;
        let article = match given.name.as_str() {
            name if name.starts_with("fixed bytes") => "of ",
            name if name.starts_with(['a', 'e', 'i', 'o']) => "an ",
            _ => "a ",
        };
        let text = match self.nested {
            true => format!(", but for its JSON text: {}", as_string(name)),
            false => String::new(),
        };
        Some(format!("{article}{} in {}, which is not supported{text}", given.name, given.file))
    }

    /// Whether it is a list, record or map in all files with types, and the JSON text of these can be read.
    pub fn is_whole(&self) -> bool {
        self.nested && !self.unread && self.given.iter().all(|given| given.ty.is_none())
    }

    /// A value of each kind that was seen.
    pub fn examples(&self) -> Vec<String> {
        let seen: Vec<String> = self.seen.iter().map(|s| s.example.clone()).collect();
        if seen.is_empty() { self.given_example.iter().cloned().collect() } else { seen }
    }

    /// Whether nothing that was seen tells the type.
    pub fn is_open(&self) -> bool {
        self.seen.is_empty() && self.given.is_empty()
    }

    pub fn example(&self) -> Option<String> {
        self.seen.first().map(|s| s.example.clone()).or_else(|| self.given_example.clone())
    }

    /// The type, and why. `record` is the first file in which the column is a record, if there is one,
    /// and whether that is JSON.
    pub fn conclude(&self, name: &str, record: Option<&(String, bool)>) -> Result<(DataType, String)> {
        self.check_kinds(name, record)?;
        if self.given.is_empty() {
            return Ok(self.of_values());
        }
        let mut ty: Option<(DataType, &Given)> = None;
        for given in &self.given {
            let Some(next) = given.ty.or_else(|| self.is_whole().then_some(DataType::Json)) else { continue };
            ty = Some(match ty {
                None => (next, given),
                Some((before, first)) => match common(before, next) {
                    Some(both) => (both, first),
                    None => return Err(clash(name, (&first.name, &first.file), (&given.name, &given.file))),
                },
            });
        }
        let Some((given, first)) = ty else { return Ok(self.of_values()) };
        let ty = match self.of_values().0 {
            // A column of strings holds all that CSV may have.
            _ if self.seen.is_empty() || given == DataType::String => given,
            values => common(given, values).ok_or_else(|| {
                clash(name, (&first.name, &first.file), (&values.to_string(), &self.seen[0].file))
            })?,
        };
        let files: usize = self.given.iter().map(|g| g.files).sum();
        let names: Vec<&str> = self.given.iter().map(|g| g.name.as_str()).collect();
        let why = format!("{ty}: {} in the schema of {}", names.join(" and "), count(files as u64, "file"));
        Ok((ty, why))
    }

    /// Fails where what is one thing in a file is another in a later one.
    fn check_kinds(&self, name: &str, record: Option<&(String, bool)>) -> Result<()> {
        if let Some((first, in_first)) = self.kinds.first()
            && let Some((other, in_other)) = self.kinds.iter().find(|(_, file)| file != in_first)
        {
            return Err(clash(name, (first, in_first), (other, in_other)));
        }
        let given = self.given.iter().find(|g| g.ty.is_some()).map(|g| (g.name.as_str(), &g.file));
        let plain = self.kinds.first().map(|(kind, file)| (*kind, file)).or(given);
        let (Some((plain, in_plain)), Some((file, json))) = (plain, record) else { return Ok(()) };
        match (in_plain == file, *json && self.given.is_empty()) {
            (true, _) => Ok(()),
            (false, true) => Err(clash(name, (plain, in_plain), ("a record", file))),
            (false, false) => {
                let what = format!("column `{name}` is {plain} in {in_plain} and a record in {file}");
                let alone = as_string(name);
                Err(Error::data(what)
                    .hint("read the files in which it is a record as a separate source")
                    .hint(format!("or, if the column is not used, declare it: {alone}")))
            }
        }
    }

    /// The type of the values of text files, and why.
    fn of_values(&self) -> (DataType, String) {
        let Some(first) = self.seen.first() else {
            return (DataType::String, "string: no value in the sample".into());
        };
        let ty = Class::type_of(self.seen.iter().map(|s| s.class)).unwrap_or(DataType::String);
        (ty, self.why(ty, first))
    }

    fn why(&self, ty: DataType, first: &ClassEvidence) -> String {
        let seen = |class| self.seen.iter().find(|s| s.class == class);
        let of_type = self.seen.iter().find(|s| s.class.data_type() == ty);
        if ty == DataType::Json {
            return format!("json: lists, such as the one in {}", first.file);
        }
        if ty == DataType::String {
            let number = self.seen.iter().find(|s| matches!(s.class, Class::Int | Class::Float));
            if let Some(s) = seen(Class::LeadingZeros) {
                let (value, comma) = s.at();
                return format!("string: {value}{comma} has leading zeros");
            }
            if let Some(s) = seen(Class::TooLarge) {
                let (value, comma) = s.at();
                return format!("string: {value}{comma} does not fit int64");
            }
            if let (Some(_), Some(s)) = (number, seen(Class::Text)) {
                let (value, comma) = s.at();
                return format!("string: {value}{comma} is not a number");
            }
            if let Some(other) = self.seen.iter().find(|s| s.class != first.class) {
                let ((a, _), (b, comma)) = (first.at(), other.at());
                return format!("string: {a} and {b}{comma} have no other type in common");
            }
        }
        let values = self.seen.iter().map(|s| s.values).sum();
        let example = &of_type.unwrap_or(first).example;
        let (values, files) = (count(values, "value"), count(self.files as u64, "file"));
        format!("{ty}: {values} in {files}, e.g. {example}")
    }
}

/// The smallest type that holds the values of both, if any does.
fn common(a: DataType, b: DataType) -> Option<DataType> {
    use DataType::{Date, Decimal, Float64, Int64, Json, String, Timestamp};
    Some(match (a, b) {
        (a, b) if a == b => a,
        (Json, String) | (String, Json) => String,
        // A value that the float does not hold exactly is a bad record when it is read.
        (Int64, Float64) | (Float64, Int64) => Float64,
        (Decimal { .. }, Float64) | (Float64, Decimal { .. }) => Float64,
        (Date, Timestamp) | (Timestamp, Date) => Timestamp,
        // An int64 has up to 19 digits.
        (Int64, d @ Decimal { .. }) | (d @ Decimal { .. }, Int64) => {
            return common(d, Decimal { precision: 19, scale: 0 });
        }
        (Decimal { precision: p, scale: s }, Decimal { precision: q, scale: t }) => {
            let scale = s.max(t);
            // A scale is never larger than its precision, so the differences are not below zero.
            let precision = (p - s).max(q - t) + scale;
            if precision > 38 {
                return None;
            }
            Decimal { precision, scale }
        }
        _ => return None,
    })
}

fn clash(name: &str, (a, in_a): (&str, &str), (b, in_b): (&str, &str)) -> Error {
    Error::data(format!("column `{name}` is {a} in {in_a} and {b} in {in_b}"))
        .hint(format!("declare a type that holds both: {}", as_string(name)))
}

/// `6,100 values`, `1 file`.
fn count(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}
