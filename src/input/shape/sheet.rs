//! Sheets of Excel workbooks, as CSV with commas.
//!
//! # Contract
//! * A row is a line, also one that is empty, so that line numbers are those of rows. Line ends in cells are spaces.
//! * Values are those that the workbook holds and not what its formats show: `1234.5` where it shows `1,235`; dates and
//!   times in ISO-8601, without a zone. A formula whose value was not stored is an error: it has no value.
//! * A workbook is held in memory.

use super::LineRules;
use super::fields::push;
use crate::error::{Error, Result};
use calamine::{Data, ExcelDateTime, Range, Reader, SheetType, Xlsx, open_workbook_from_rs};
use std::io::{Cursor, Read};
use std::path::Path;

/// The text of a sheet.
pub(super) fn text(
    mut from: Box<dyn Read + Send>,
    rules: &LineRules,
    path: &Path,
) -> std::io::Result<Cursor<Vec<u8>>> {
    // A zip has its directory at its end, so a workbook is needed whole.
    let mut bytes = vec![];
    from.read_to_end(&mut bytes)?;
    of_workbook(bytes, rules, path).map(Cursor::new).map_err(std::io::Error::other)
}

type Workbook = Xlsx<Cursor<Vec<u8>>>;

fn of_workbook(bytes: Vec<u8>, rules: &LineRules, path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let damaged = |cause: calamine::XlsxError| {
        Error::data(format!("{shown} is a workbook that cannot be read")).caused_by(cause)
    };
    let mut book: Workbook = open_workbook_from_rs(Cursor::new(bytes)).map_err(damaged)?;
    let (name, cells) = chosen(&mut book, rules, path)?;
    let bounds = match &rules.range {
        Some(range) => bounds(range)?,
        None => Bounds { first: (0, 0), last: (u32::MAX, u32::MAX) },
    };
    let formulas = book.worksheet_formula(&name).map_err(damaged)?;
    if let Some((row, column)) = without_value(&cells, &formulas, &bounds) {
        let cell = cell_name(row, column);
        return Err(Error::data(format!(
            "{shown}: the cell {cell} of `{name}` has a formula whose value is not stored"
        ))
        .hint("open the workbook in Excel or LibreOffice and save it: that computes the values")
        .hint("or read other cells: range = \"A1:F200\""));
    }
    written(&cells, &bounds, path)
}

/// The sheet that is read, with its name: the one that the job names, or the only one that has cells.
fn chosen(book: &mut Workbook, rules: &LineRules, path: &Path) -> Result<(String, Range<Data>)> {
    let shown = path.display();
    // Sheets of charts and macros do not have rows.
    let all: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|s| s.typ == SheetType::WorkSheet)
        .map(|s| s.name.clone())
        .collect();
    if let Some(wanted) = &rules.sheet {
        if !all.contains(wanted) {
            return Err(Error::data(format!("{shown} has no sheet `{wanted}`"))
                .nearest(wanted, all.iter().map(String::as_str))
                .hint(format!("its sheets: {}", all.join(", "))));
        }
        return Ok((wanted.clone(), cells(book, wanted, path)?));
    }
    let mut found: Vec<(String, Range<Data>)> = vec![];
    for name in &all {
        let cells = cells(book, name, path)?;
        // Older versions of Excel made three sheets, of which two often stay empty.
        if !cells.is_empty() {
            found.push((name.clone(), cells));
        }
    }
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Error::data(format!("{shown} has {} sheets: {}", names.len(), names.join(", ")))
            .hint(format!("name the sheet to read: sheet = {:?}", names[0])));
    }
    found.pop().ok_or_else(|| Error::data(format!("{shown} has no cells")))
}

fn cells(book: &mut Workbook, name: &str, path: &Path) -> Result<Range<Data>> {
    book.worksheet_range(name).map_err(|cause| {
        Error::data(format!("{}: the sheet `{name}` cannot be read", path.display())).caused_by(cause)
    })
}

/// The first and the last cell that are read: row and column, from 0.
struct Bounds {
    first: (u32, u32),
    last: (u32, u32),
}

/// `A3:F200`; rows may be left out: `A:F`.
fn bounds(range: &str) -> Result<Bounds> {
    let wrong = || {
        Error::job(format!("`{range}` is not a range of cells"))
            .hint("such as A3:F200, or A:F for whole columns")
    };
    let (first, last) = range.split_once(':').ok_or_else(wrong)?;
    let first = cell(first, 0).ok_or_else(wrong)?;
    let last = cell(last, u32::MAX).ok_or_else(wrong)?;
    if first.0 > last.0 || first.1 > last.1 {
        return Err(wrong());
    }
    Ok(Bounds { first, last })
}

/// The row and column of `F200`; `row` where it names none.
fn cell(name: &str, row: u32) -> Option<(u32, u32)> {
    // `$A$3` is how Excel writes a fixed reference.
    let name = name.trim().replace('$', "").to_ascii_uppercase();
    let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
    // Any number of letters may stand here, so the sum saturates; more than three are refused below.
    let column = name[..letters]
        .bytes()
        .fold(0u32, |n, c| n.saturating_mul(26).saturating_add(u32::from(c - b'A') + 1));
    let row = match &name[letters..] {
        "" => row,
        digits => digits.parse::<u32>().ok()?.checked_sub(1)?,
    };
    (1..=3).contains(&letters).then_some((row, column.checked_sub(1)?))
}

/// Checks a range of cells.
///
/// # Errors
/// It is none.
pub fn check_range(range: &str) -> Result<()> {
    bounds(range).map(|_| ())
}

fn cell_name(row: u32, mut column: u32) -> String {
    let mut letters = vec![];
    loop {
        letters.insert(0, char::from(b'A' + (column % 26) as u8));
        if column < 26 {
            break;
        }
        // Letters do not have a zero: after `Z` comes `AA`.
        column = column / 26 - 1;
    }
    format!("{}{}", letters.into_iter().collect::<String>(), u64::from(row) + 1)
}

/// The first cell with a formula and without a value.
fn without_value(cells: &Range<Data>, formulas: &Range<String>, bounds: &Bounds) -> Option<(u32, u32)> {
    let start = formulas.start()?;
    let place = |row: usize, column: usize| (start.0 + row as u32, start.1 + column as u32);
    let inside = |at: (u32, u32)| {
        at.0 >= bounds.first.0 && at.0 <= bounds.last.0 && at.1 >= bounds.first.1 && at.1 <= bounds.last.1
    };
    let mut all = formulas.used_cells().map(|(row, column, formula)| (place(row, column), formula));
    let empty = |at: (u32, u32)| cells.get_value(at).is_none_or(|value| *value == Data::Empty);
    all.find(|(at, formula)| !formula.is_empty() && inside(*at) && empty(*at)).map(|(at, _)| at)
}

/// The rows of a sheet as lines.
fn written(cells: &Range<Data>, bounds: &Bounds, path: &Path) -> Result<Vec<u8>> {
    let mut out = vec![];
    let (Some(start), Some(end)) = (cells.start(), cells.end()) else { return Ok(out) };
    let (first, last) = (start.1.max(bounds.first.1), end.1.min(bounds.last.1));
    // Rows above the range become empty lines, so that the numbers of lines are those of rows.
    for row in 0..=end.0.min(bounds.last.0) {
        let line = out.len();
        let mut some = false;
        if row >= bounds.first.0 && row >= start.0 {
            for column in first..=last.max(first) {
                if column > first {
                    out.push(b',');
                }
                let value = cells.get_value((row, column)).unwrap_or(&Data::Empty);
                some |= *value != Data::Empty;
                let text = value_text(value).ok_or_else(|| {
                    let cell = cell_name(row, column);
                    Error::data(format!(
                        "{}: the cell {cell} contains a time that Excel cannot show",
                        path.display()
                    ))
                })?;
                match value {
                    // Excel knows no other empty text than that of a formula.
                    Data::String(text) if text.is_empty() => {}
                    _ => push(&mut out, text.replace(['\r', '\n'], " ").as_bytes()),
                }
            }
        }
        if !some {
            out.truncate(line);
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// A value as text; none where it is a time that is none.
fn value_text(value: &Data) -> Option<String> {
    Some(match value {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(flag) => flag.to_string(),
        // Such as #DIV/0!, which no number is.
        Data::Error(error) => error.to_string(),
        Data::DateTime(moment) => moment_text(moment)?,
    })
}

fn moment_text(moment: &ExcelDateTime) -> Option<String> {
    let value = moment.as_f64();
    // Below 0 there is no time, and the numbers end with the year 9999.
    if !(0.0..2_958_466.0).contains(&value) {
        return None;
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    let clock = format!("{hour:02}:{minute:02}:{second:02}{fraction}");
    if moment.is_duration() {
        // The float of a whole number of hours may lie just below it.
        let hours = (value * 24.0 + 1e-9).floor();
        return Some(format!("{hours:02}:{minute:02}:{second:02}{fraction}"));
    }
    Some(match (value < 1.0, value.fract() == 0.0) {
        (true, _) => clock,
        (false, true) => format!("{year:04}-{month:02}-{day:02}"),
        (false, false) => format!("{year:04}-{month:02}-{day:02}T{clock}"),
    })
}
