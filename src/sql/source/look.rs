//! A look at CSV files for what Flink and BigQuery read in another way: it knows neither the readers of jobs nor types.

use super::View;
use super::csv_place::CsvPlace;
use super::decompressed::text;
use super::files::RecordLayout;
use crate::error::{Error, Result};
use crate::input::{InputFormat, SourceFile};
use std::io::Read;

impl View<'_> {
    /// Fails where a text that the job reads is empty and between quotes, which is NULL to this dialect or may be.
    pub(super) fn no_empty_texts(&self) -> Result<()> {
        let texts: Vec<&str> = self.columns().filter(|c| c.ty.is_text()).map(|c| c.name.as_str()).collect();
        if texts.is_empty() {
            return Ok(());
        }
        let csv = self.read().files.iter().filter(|file| file.format == InputFormat::Csv);
        for file in csv {
            let fields = self.fields_of(file);
            let wanted: Vec<bool> = fields.iter().map(|name| texts.contains(&name.as_str())).collect();
            if let Some((record, field)) = empty_text(file, self.read().delimiter, &wanted)? {
                return Err(self
                    .cannot(&format!(
                        "the empty text between quotes in `{}`, which is NULL there",
                        fields[field]
                    ))
                    .hint(format!("it is in record {record} of {}", file.path.display()))
                    .hint("write the records as JSON Lines: an [[output]] without a window, a .jsonl file"));
            }
        }
        Ok(())
    }

    /// The names of the fields of a CSV file.
    fn fields_of(&self, file: &SourceFile) -> &[String] {
        let path = file.opened.shell_path().display().to_string();
        let part = self.parts.iter().find(|part| part.paths.contains(&path));
        match part.map(|part| &part.layout) {
            Some(RecordLayout::Csv(names)) => names,
            _ => &[],
        }
    }
}

/// The first record, counted from 1 with the header line, and the field of it that is an empty text between quotes and
/// wanted.
fn empty_text(file: &SourceFile, delimiter: u8, wanted: &[bool]) -> Result<Option<(u64, usize)>> {
    let mut bytes = text(file)?;
    let mut buffer = vec![0; 1 << 16];
    let (mut place, mut record, mut field) = (CsvPlace::Begin, 1, 0);
    loop {
        let count = match bytes.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read", &file.path, error)),
        };
        let is_empty = |place: CsvPlace, field: usize| {
            place == CsvPlace::Quote(false) && wanted.get(field).copied().unwrap_or(false)
        };
        for &byte in &buffer[..count] {
            if (matches!(byte, b'\n' | b'\r') || byte == delimiter) && is_empty(place, field) {
                return Ok(Some((record, field)));
            }
            place = place.after(byte, delimiter);
            match byte {
                _ if place != CsvPlace::Begin => {}
                b'\n' => (record, field) = (record + 1, 0),
                _ => field += 1,
            }
        }
        if count == 0 {
            return Ok(is_empty(place, field).then_some((record, field)));
        }
    }
}
