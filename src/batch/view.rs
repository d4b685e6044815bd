//! A column that is read where it lies: one enum of the types, for every reader of arrays.

use super::Native;
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt32Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray, StringViewArray};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::{DataType as ArrowType, TimeUnit};

/// A column of one of the types of [`DataType`](super::DataType), ready to be read row by row.
#[derive(Debug, Clone, Copy)]
pub enum ColumnView<'a> {
    /// Texts.
    Text(TextView<'a>),
    /// Bools.
    Bool(BoolView<'a>),
    /// Integers.
    Int(NativeView<'a, i64>),
    /// Floats.
    Float(NativeView<'a, f64>),
    /// Decimals, and their digits after the point.
    Decimal(NativeView<'a, i128>, u8),
    /// Days since 1970-01-01.
    Date(NativeView<'a, i32>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Time(NativeView<'a, i64>),
}

/// Values of fixed width. What a NULL row holds is not said.
#[derive(Debug, Clone, Copy)]
pub struct NativeView<'a, T> {
    values: &'a [T],
    /// Only where there is a NULL, so that hot loops can ask once.
    nulls: Option<&'a NullBuffer>,
}

/// Bools.
#[derive(Debug, Clone, Copy)]
pub struct BoolView<'a>(&'a BooleanArray);

/// A text column, plain or as a dictionary.
#[derive(Debug, Clone, Copy)]
pub enum TextView<'a> {
    /// Views.
    View(&'a StringViewArray),
    /// Offsets.
    Utf8(&'a StringArray),
    /// Codes of a dictionary, as our groups have them.
    Codes32(&'a PrimitiveArray<UInt32Type>, TextValues<'a>),
    /// Codes of a dictionary, as Parquet has them.
    CodesI32(&'a PrimitiveArray<Int32Type>, TextValues<'a>),
}

/// The values of a dictionary.
#[derive(Debug, Clone, Copy)]
pub enum TextValues<'a> {
    /// Views.
    View(&'a StringViewArray),
    /// Offsets.
    Utf8(&'a StringArray),
}

/// Runs `$body` with `$values` as the values of fixed width of a [`ColumnView`], or `$text` with `$texts` as its texts.
/// `$body` may use what [`NativeView`] and [`BoolView`] have in common.
macro_rules! each_view {
    ($view:expr, $values:ident => $body:expr, $texts:ident => $text:expr) => {
        match $view {
            $crate::batch::ColumnView::Text($texts) => $text,
            $crate::batch::ColumnView::Bool($values) => $body,
            $crate::batch::ColumnView::Int($values) | $crate::batch::ColumnView::Time($values) => $body,
            $crate::batch::ColumnView::Float($values) => $body,
            $crate::batch::ColumnView::Decimal($values, _) => $body,
            $crate::batch::ColumnView::Date($values) => $body,
        }
    };
}
pub(crate) use each_view;

impl<'a, T: Native> NativeView<'a, T> {
    fn of<A: ArrowPrimitiveType<Native = T>>(array: &'a ArrayRef) -> NativeView<'a, T>
    where
        T: ArrowNativeType,
    {
        let array = array.as_primitive::<A>();
        NativeView { values: array.values(), nulls: array.nulls().filter(|n| n.null_count() > 0) }
    }

    /// The value of a row.
    #[inline(always)]
    pub fn value(&self, row: usize) -> T {
        self.values[row]
    }

    /// The values of all rows.
    #[inline(always)]
    pub fn values(&self) -> &'a [T] {
        self.values
    }

    /// The values of all rows, in order.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = T> + Clone + use<'a, T> {
        self.values.iter().copied()
    }

    /// Which rows are NULL, where any is.
    #[inline(always)]
    pub fn nulls(&self) -> Option<&'a NullBuffer> {
        self.nulls
    }

    /// Whether the row is NULL.
    #[inline(always)]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }
}

impl<'a> BoolView<'a> {
    /// The value of a row.
    #[inline(always)]
    pub fn value(&self, row: usize) -> bool {
        self.0.value(row)
    }

    /// The values of all rows, in order.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = bool> + Clone + use<'a> {
        let bits = self.0.values();
        (0..bits.len()).map(|row| bits.value(row))
    }

    /// Which rows are NULL, where any is.
    #[inline(always)]
    pub fn nulls(&self) -> Option<&'a NullBuffer> {
        self.0.nulls().filter(|n| n.null_count() > 0)
    }

    /// Whether the row is NULL.
    #[inline(always)]
    pub fn is_null(&self, row: usize) -> bool {
        self.0.is_null(row)
    }
}

impl<'a> TextValues<'a> {
    fn of(values: &'a ArrayRef) -> Option<TextValues<'a>> {
        match values.data_type() {
            ArrowType::Utf8View => Some(TextValues::View(values.as_string_view())),
            ArrowType::Utf8 => Some(TextValues::Utf8(values.as_string())),
            _ => None,
        }
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        match self {
            TextValues::View(v) => v.len(),
            TextValues::Utf8(v) => v.len(),
        }
    }

    /// The value of a code; `None` where the dictionary holds a NULL.
    pub fn get(self, code: usize) -> Option<&'a str> {
        match self {
            TextValues::View(v) => v.is_valid(code).then(|| v.value(code)),
            TextValues::Utf8(v) => v.is_valid(code).then(|| v.value(code)),
        }
    }
}

impl<'a> TextView<'a> {
    fn of(array: &'a ArrayRef) -> Option<TextView<'a>> {
        Some(match array.data_type() {
            ArrowType::Utf8View => TextView::View(array.as_string_view()),
            ArrowType::Utf8 => TextView::Utf8(array.as_string()),
            ArrowType::Dictionary(codes, _) => match codes.as_ref() {
                ArrowType::UInt32 => {
                    let a = array.as_dictionary::<UInt32Type>();
                    TextView::Codes32(a.keys(), TextValues::of(a.values())?)
                }
                ArrowType::Int32 => {
                    let a = array.as_dictionary::<Int32Type>();
                    TextView::CodesI32(a.keys(), TextValues::of(a.values())?)
                }
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The text of a row; `None` for NULL.
    #[inline]
    pub fn get(self, row: usize) -> Option<&'a str> {
        match self {
            TextView::View(a) => a.is_valid(row).then(|| a.value(row)),
            TextView::Utf8(a) => a.is_valid(row).then(|| a.value(row)),
            TextView::Codes32(codes, values) => {
                if codes.is_null(row) {
                    None
                } else {
                    values.get(codes.value(row) as usize)
                }
            }
            TextView::CodesI32(codes, values) => {
                if codes.is_null(row) {
                    None
                } else {
                    values.get(codes.value(row) as usize)
                }
            }
        }
    }
}

impl<'a> ColumnView<'a> {
    /// The column `array`.
    ///
    /// # Errors
    /// A machine error: its type is not one that columns have, which is a fault of the program.
    pub fn of(array: &'a ArrayRef) -> Result<ColumnView<'a>> {
        Ok(match array.data_type() {
            ArrowType::Boolean => ColumnView::Bool(BoolView(array.as_boolean())),
            ArrowType::Int64 => ColumnView::Int(NativeView::of::<Int64Type>(array)),
            ArrowType::Float64 => ColumnView::Float(NativeView::of::<Float64Type>(array)),
            ArrowType::Decimal128(_, scale) if *scale >= 0 => {
                ColumnView::Decimal(NativeView::of::<Decimal128Type>(array), *scale as u8)
            }
            ArrowType::Date32 => ColumnView::Date(NativeView::of::<Date32Type>(array)),
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                ColumnView::Time(NativeView::of::<TimestampMicrosecondType>(array))
            }
            ty => return TextView::of(array).map(ColumnView::Text).ok_or_else(|| foreign(ty)),
        })
    }

    /// Whether the row is NULL.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        each_view!(self, values => values.is_null(row), texts => texts.get(row).is_none())
    }

    /// Whether its values are numbers, which tables align on the right.
    pub fn is_number(&self) -> bool {
        matches!(self, ColumnView::Int(_) | ColumnView::Float(_) | ColumnView::Decimal(..))
    }
}

fn foreign(ty: &ArrowType) -> Error {
    Error::machine(format!("a result column has the type {ty}, which cannot be written or compared"))
}
