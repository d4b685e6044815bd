//! Where a reader of CSV stands in a field: what looks at quotes goes by this, and by no reader of jobs.

/// Where a reader of CSV stands in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CsvPlace {
    /// Before its first character.
    Begin,
    /// In one without quotes, or behind those that it had.
    Plain,
    /// Between quotes; whether there is a character.
    Quoted(bool),
    /// Behind a quote, which ends the text or is the first of two.
    Quote(bool),
}

impl CsvPlace {
    /// Where it stands after one more byte.
    pub fn after(self, byte: u8, delimiter: u8) -> CsvPlace {
        match (self, byte) {
            (CsvPlace::Quoted(some), b'"') => CsvPlace::Quote(some),
            (CsvPlace::Quoted(_), _) | (CsvPlace::Quote(_), b'"') => CsvPlace::Quoted(true),
            (CsvPlace::Begin, b'"') => CsvPlace::Quoted(false),
            (_, byte) if byte == b'\n' || byte == delimiter => CsvPlace::Begin,
            _ => CsvPlace::Plain,
        }
    }

    /// Whether it stands between quotes.
    pub fn is_quoted(self) -> bool {
        matches!(self, CsvPlace::Quoted(_))
    }
}
