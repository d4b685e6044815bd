//! Sheets by `calamine`, written out in a second way: by rows, with dates by chrono.

use crate::error::{Error, Result};
use crate::input::SourceFile;
use calamine::{Data, DataType, Reader, Xlsx, open_workbook_from_rs};
use chrono::{NaiveDate, TimeDelta};
use std::io::Cursor;

/// The text of the sheet that is read of a workbook.
pub(super) fn text(bytes: Vec<u8>, file: &SourceFile) -> Result<Vec<u8>> {
    let rules = &file.shape.rules;
    let failed =
        |e: calamine::XlsxError| Error::data(format!("{} cannot be read", file.path.display())).caused_by(e);
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).map_err(failed)?;
    let sheets = book.worksheets();
    let mut wanted = sheets.into_iter().filter(|(name, cells)| match &rules.sheet {
        Some(sheet) => sheet == name,
        None => !cells.is_empty(),
    });
    let Some((_, cells)) = wanted.next() else {
        return Err(Error::data(format!("{} has no such sheet", file.path.display())));
    };
    let (Some(start), Some(end)) = (cells.start(), cells.end()) else { return Ok(vec![]) };
    let (first, last) = corners(rules.range.as_deref(), start, end);
    let cells = cells.range((first.0.max(start.0), first.1), last);
    // An empty row is an empty line.
    let rows = cells.rows().map(|row| match row.iter().all(DataType::is_empty) {
        true => vec![],
        false => row.iter().map(value).collect::<Vec<Vec<u8>>>(),
    });
    // Rows before the first are lines too, for those who count lines.
    let before = first.0.max(start.0) as usize;
    let mut out = vec![b'\n'; before];
    out.extend(csv(rows, file)?);
    Ok(out)
}

/// The corners of a range, or of all cells.
fn corners(range: Option<&str>, start: (u32, u32), end: (u32, u32)) -> ((u32, u32), (u32, u32)) {
    let Some((a, b)) = range.and_then(|range| range.split_once(':')) else { return (start, end) };
    let corner = |text: &str, otherwise: u32| {
        let text = text.replace('$', "").to_uppercase();
        let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        // `A` is 65 in ASCII, and letters count from 1 to 26.
        let column = letters.chars().fold(0, |n, c| n * 26 + (u32::from(c) - 64));
        (digits.parse::<u32>().map_or(otherwise, |row| row - 1), column.saturating_sub(1))
    };
    let (a, b) = (corner(a, 0), corner(b, u32::MAX));
    ((a.0, a.1.max(start.1)), (b.0.min(end.0), b.1.min(end.1)))
}

fn value(cell: &Data) -> Vec<u8> {
    let text = match cell {
        Data::DateTime(moment) => {
            let serial = moment.as_f64();
            // A serial is a float of days: rounding to milliseconds takes off its noise.
            let millis = (serial * 86_400_000.0).round() as i64;
            let (seconds, milli) = (millis / 1000, millis % 1000);
            let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
            let clock =
                |hours: i64| format!("{hours:02}:{:02}:{:02}{fraction}", seconds / 60 % 60, seconds % 60);
            let day = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default();
            // Excel has a 29 February 1900.
            let day = day + TimeDelta::days(seconds / 86_400 + i64::from(serial < 60.0));
            // A serial below 1 is a time of day without a date.
            match (moment.is_duration() || serial < 1.0, serial.fract() == 0.0) {
                (true, _) => clock(seconds / 3600),
                (false, true) => day.to_string(),
                (false, false) => format!("{day}T{}", clock(seconds / 3600 % 24)),
            }
        }
        Data::Empty => String::new(),
        other => other.to_string(),
    };
    text.replace(['\n', '\r'], " ").into_bytes()
}

/// Rows as CSV with commas. An empty field has no quotes: it is NULL.
pub(super) fn csv(rows: impl Iterator<Item = Vec<Vec<u8>>>, file: &SourceFile) -> Result<Vec<u8>> {
    let mut out = vec![];
    for row in rows {
        for (i, field) in row.iter().enumerate() {
            out.extend_from_slice(if i > 0 { b"," } else { b"" });
            if field.iter().any(|c| b",\"\r\n".contains(c)) {
                let text = field.iter().flat_map(|c| if *c == b'"' { vec![b'"', b'"'] } else { vec![*c] });
                out.push(b'"');
                out.extend(text);
                out.push(b'"');
            } else {
                out.extend_from_slice(field);
            }
        }
        out.push(b'\n');
    }
    let _ = file;
    Ok(out)
}
