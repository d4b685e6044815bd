//! What the values of a column are compared as, which the types of both sides decide.

/// The type of a column in one file or table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ColumnKind {
    /// NULL alone.
    Nothing,
    Bool,
    Int,
    Float,
    /// Exact, of so many digits, and so many of them after the point.
    Decimal(u8, u8),
    Date,
    Time,
    Text,
    /// Text of a file that has no types.
    Untyped,
    /// A type that no result of ours has, by its name.
    Foreign(String),
}

impl ColumnKind {
    /// Its name as schemas have it.
    pub fn name(&self) -> String {
        match self {
            ColumnKind::Nothing => "null".to_string(),
            ColumnKind::Bool => "bool".to_string(),
            ColumnKind::Int => "int64".to_string(),
            ColumnKind::Float => "float64".to_string(),
            ColumnKind::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            ColumnKind::Date => "date".to_string(),
            ColumnKind::Time => "timestamp".to_string(),
            ColumnKind::Text => "string".to_string(),
            ColumnKind::Untyped => "text".to_string(),
            ColumnKind::Foreign(name) => name.clone(),
        }
    }
}

/// What values are compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// There are none.
    Nothing,
    Text,
    Bool,
    /// Exact numbers, in units of so many digits after the point.
    Number(u8),
    /// The floats that are nearest.
    Float,
    /// Nanoseconds since 1970.
    Instant,
}

impl Meaning {
    /// Digits after the point of what is an exact number.
    pub fn scale(self) -> u8 {
        match self {
            Meaning::Number(scale) => scale,
            Meaning::Instant => INSTANT_SCALE,
            _ => 0,
        }
    }
}

/// How a column of these kinds, of all files of both sides, is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnVerdict {
    As(Meaning),
    /// All of it is text without types: its values decide.
    ByValues,
    /// There is no such value that both types have.
    Apart,
}

/// See the contract of [`super`]. With a `tolerance` numbers are to be subtracted.
pub(super) fn verdict<'a>(kinds: impl IntoIterator<Item = &'a ColumnKind>, tolerance: bool) -> ColumnVerdict {
    // A file in which the column is NULL throughout does not decide its type.
    let kinds: Vec<&ColumnKind> = kinds.into_iter().filter(|kind| **kind != ColumnKind::Nothing).collect();
    let untyped = kinds.contains(&&ColumnKind::Untyped);
    let typed: Vec<&ColumnKind> = kinds.into_iter().filter(|kind| **kind != ColumnKind::Untyped).collect();
    let all = |is: fn(&ColumnKind) -> bool| typed.iter().all(|kind| is(kind));
    let any = |is: fn(&ColumnKind) -> bool| typed.iter().any(|kind| is(kind));
    let meaning = match () {
        () if typed.is_empty() && untyped => return ColumnVerdict::ByValues,
        () if typed.is_empty() => Meaning::Nothing,
        () if all(|kind| *kind == ColumnKind::Text) => Meaning::Text,
        () if all(|kind| *kind == ColumnKind::Bool) => Meaning::Bool,
        () if all(|kind| matches!(kind, ColumnKind::Date | ColumnKind::Time)) => Meaning::Instant,
        () if all(|kind| matches!(kind, ColumnKind::Int | ColumnKind::Float | ColumnKind::Decimal(..))) => {
            let float = any(|kind| *kind == ColumnKind::Float);
            let scale =
                |kind: &&ColumnKind| if let ColumnKind::Decimal(_, scale) = kind { *scale } else { 0 };
            let scale = typed.iter().map(scale).max().unwrap_or(0);
            match (float, tolerance) {
                (true, true) => Meaning::Float,
                // Among whole numbers a float is one of them or none.
                (true, false) if scale == 0 && !all(|kind| *kind == ColumnKind::Float) => Meaning::Number(0),
                (true, false) => Meaning::Float,
                // What a text has of digits past the scale is to be subtracted too.
                (false, true) if untyped => Meaning::Number(scale.max(18)),
                (false, _) => Meaning::Number(scale),
            }
        }
        () => return ColumnVerdict::Apart,
    };
    ColumnVerdict::As(meaning)
}

/// Digits after the point of an instant in seconds.
pub(super) const INSTANT_SCALE: u8 = 9;
