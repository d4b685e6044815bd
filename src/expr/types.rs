//! The types of the parts of an expression, and how two of them meet.

use crate::batch::DataType;
use std::fmt;

/// The type of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// One that a column can have.
    Of(DataType),
    /// NULL as it is written: it takes the type of what it stands beside.
    Null,
    /// A length of time: months, days and microseconds, each for itself.
    Interval,
    /// What a clock shows, in no zone: `t AT TIME ZONE 'Asia/Tokyo'`.
    Clock,
    /// Not known, after a fault elsewhere or before the columns are: it goes with every type.
    Unknown,
}

use DataType::{Bool, Date, Decimal, Float64, Int64, String, Timestamp};

impl Type {
    /// Text.
    pub const TEXT: Type = Type::Of(String);
    /// true or false.
    pub const BOOL: Type = Type::Of(Bool);
    /// A 64-bit integer.
    pub const INT: Type = Type::Of(Int64);
    /// A 64-bit float.
    pub const FLOAT: Type = Type::Of(Float64);
    /// A day.
    pub const DATE: Type = Type::Of(Date);
    /// An instant.
    pub const TIME: Type = Type::Of(Timestamp);

    /// The type of a decimal of `scale` digits after the point that arithmetic gives: as wide as can be.
    pub fn decimal(scale: u8) -> Type {
        Type::Of(Decimal { precision: MOST_DIGITS, scale })
    }

    /// Whether it is a number, or may be one.
    pub fn is_number(self) -> bool {
        matches!(self, Type::Of(Int64 | Float64 | Decimal { .. }) | Type::Null | Type::Unknown)
    }

    /// Whether nothing is known of it, as of NULL.
    pub fn is_open(self) -> bool {
        matches!(self, Type::Null | Type::Unknown)
    }

    /// The digits after the point of an exact number; `None` for anything else.
    pub fn scale(self) -> Option<u8> {
        match self {
            Type::Of(Int64) => Some(0),
            Type::Of(Decimal { scale, .. }) => Some(scale),
            _ => None,
        }
    }

    /// Whether it is a decimal.
    pub fn is_decimal(self) -> bool {
        matches!(self, Type::Of(Decimal { .. }))
    }

    /// Whether it is a day, an instant or the time of a clock.
    pub fn is_moment(self) -> bool {
        matches!(self, Type::Of(Date | Timestamp) | Type::Clock)
    }

    /// The type in which values of both can be compared and stand in one column, if there is one.
    pub fn with(self, other: Type) -> Option<Type> {
        Some(match (self, other) {
            // Unknown stands for a fault that is told already: it must not lead to a second one.
            (Type::Unknown, _) | (_, Type::Unknown) => Type::Unknown,
            (Type::Null, one) | (one, Type::Null) => one,
            (one, two) if one == two => one,
            (Type::FLOAT, Type::Of(Int64 | Decimal { .. }))
            | (Type::Of(Int64 | Decimal { .. }), Type::FLOAT) => Type::FLOAT,
            (Type::Of(one), Type::Of(two)) if self.is_number() && other.is_number() => {
                let (a, b) = (digits(one), digits(two));
                let scale = a.1.max(b.1);
                // Where the digits of both do not fit, a value that needs them is a fault of its row.
                let precision = (a.0.max(b.0) + scale).min(MOST_DIGITS);
                Type::Of(Decimal { precision, scale })
            }
            (Type::DATE, Type::TIME) | (Type::TIME, Type::DATE) => Type::TIME,
            (Type::DATE, Type::Clock) | (Type::Clock, Type::DATE) => Type::Clock,
            _ => return None,
        })
    }
}

/// The most digits of a decimal.
pub const MOST_DIGITS: u8 = 38;

/// The digits before and after the point of an exact number.
fn digits(ty: DataType) -> (u8, u8) {
    match ty {
        Decimal { precision, scale } => (precision - scale, scale),
        // An int64 has up to 19 digits.
        _ => (19, 0),
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Of(ty) => ty.fmt(f),
            Type::Null => f.write_str("NULL"),
            Type::Interval => f.write_str("interval"),
            Type::Clock => f.write_str("a time without a zone"),
            Type::Unknown => f.write_str("of a type that is not known"),
        }
    }
}
