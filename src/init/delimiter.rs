//! What stands between the fields of a CSV log, and whether its first line has the names of the columns.

use crate::error::{Error, Result};
use crate::input::SourceFile;
use crate::input::infer::{Class, start};
use crate::time::TimeUnit;

/// Delimiters, the likely ones first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// How much of a file is looked at.
const HEAD: usize = 256 << 10;

/// How CSV files are laid out.
pub struct CsvDialect {
    /// The byte between fields.
    pub delimiter: u8,
    /// The fields of the first record.
    pub fields: usize,
    /// Names of our own, where the first line is a record.
    pub names: Option<Vec<String>>,
}

/// The layout of the first of `files` that has a line.
///
/// # Errors
/// All are empty; one cannot be read.
pub fn of(files: &[SourceFile]) -> Result<CsvDialect> {
    for file in files {
        let (text, _) = start(&file.opened, &file.shape, HEAD)?;
        if !text.iter().all(u8::is_ascii_whitespace) {
            return Ok(layout(&text));
        }
    }
    let which = match files {
        [file] => format!("{} is empty", file.path.display()),
        files => format!("all {} files are empty", files.len()),
    };
    Err(Error::data(which).hint("`init` needs records to write a job: name files with records"))
}

fn layout(text: &[u8]) -> CsvDialect {
    // The most fields in all lines alike; of equals the likelier delimiter.
    let fields = |delimiter: &u8| {
        let records = records(text, *delimiter);
        let first = records.first().map_or(0, csv::ByteRecord::len);
        let alike = records.iter().filter(|record| record.len() == first).count();
        // Nine lines of ten are enough, so that a broken line does not decide.
        (first > 1 && alike * 10 >= records.len() * 9).then_some((first, *delimiter))
    };
    let found: Vec<(usize, u8)> = DELIMITERS.iter().filter_map(fields).collect();
    let most = found.iter().map(|(fields, _)| *fields).max();
    let delimiter = found.iter().find(|(fields, _)| Some(*fields) == most).map_or(b',', |(_, d)| *d);
    let records = records(text, delimiter);
    let fields = records.first().map_or(0, csv::ByteRecord::len);
    CsvDialect { delimiter, fields, names: names(&records) }
}

fn records(text: &[u8], delimiter: u8) -> Vec<csv::ByteRecord> {
    // Lines of unequal length are what is looked for; a strict reader would stop at the first.
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text);
    let mut records: Vec<csv::ByteRecord> = reader.byte_records().map_while(|r| r.ok()).take(200).collect();
    if records.len() > 1 && records.len() < 200 && text.len() >= HEAD {
        // Half of a record, maybe.
        records.pop();
    }
    records
}

/// Names where the first record is no header line: it has times or numbers where the others have.
fn names(records: &[csv::ByteRecord]) -> Option<Vec<String>> {
    let (first, second) = (records.first()?, records.get(1)?);
    let class = |field: &[u8]| match Class::of_text(field) {
        Class::Date | Class::Timestamp => 2,
        Class::Int if std::str::from_utf8(field).is_ok_and(is_time) => 2,
        Class::Int | Class::Float | Class::LeadingZeros => 1,
        _ => 0,
    };
    let alike = first.iter().zip(second.iter()).filter(|(a, b)| class(a) > 0 && class(a) == class(b));
    let (times, numbers) =
        alike.fold((0, 0), |(t, n), (a, _)| if class(a) == 2 { (t + 1, n) } else { (t, n + 1) });
    // A year or code may be a name; a time is none, and neither are numbers alone.
    let record = times > 0 || numbers == first.len();
    record.then(|| (1..=first.len()).map(|n| format!("column_{n}")).collect())
}

/// Whether a whole number may be a time since 1970.
fn is_time(digits: &str) -> bool {
    digits.parse().ok().and_then(TimeUnit::likely).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_text(text: &str) -> (char, Option<usize>) {
        let layout = layout(text.as_bytes());
        (layout.delimiter as char, layout.names.map(|names| names.len()))
    }

    #[test]
    fn the_delimiter_cuts_all_lines_alike() {
        assert_eq!(of_text("a,b\n1,2\n"), (',', None));
        assert_eq!(of_text("a;b;c\n1,5;2;3\n1,6;2;3\n"), (';', None));
        assert_eq!(of_text("a\tb\nx, y\tz\n"), ('\t', None));
        assert_eq!(of_text("a|b\n1|2\n"), ('|', None));
        assert_eq!(of_text("a\n1\n"), (',', None));
        assert_eq!(of_text("a,b\n\"1;2\",\"3;4;5\"\n"), (',', None));
    }

    #[test]
    fn a_first_line_of_values_is_no_header() {
        assert_eq!(of_text("2024-01-01,x\n2024-01-02,y\n"), (',', Some(2)));
        assert_eq!(of_text("1717200000,5,x\n1717200001,6,x\n"), (',', Some(3)));
        assert_eq!(of_text("5,6\n7,8\n"), (',', Some(2)));
        assert_eq!(of_text("country,2019,2020\nUK,1,2\n"), (',', None));
        assert_eq!(of_text("t,2019\n2024-01-01,5\n"), (',', None));
    }
}
