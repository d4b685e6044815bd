//! The values of columns of fixed width: bools, integers, floats, decimals, dates and instants.
//!
//! # Contract
//! A value has three forms of equal width for all types, so that tables, stores and hashes need not know the types:
//! * [`Native::key`]: values that count as equal have one key. Floats have one zero and one NaN.
//! * [`Native::rank`]: as the key, and ordered as the values are. NaN is the greatest float.
//! * [`Native::word`]: the value bit by bit, for those types that 64 bits hold.
//!
//! A new type of fixed width is one more `impl Native` and one more line of `by_native`.

use super::DataType;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, NullBufferBuilder};
use std::sync::Arc;

/// A value of fixed width. See the contract of the module.
pub trait Native: Copy + Default + Send + Sync + 'static {
    /// Whether a value takes 128 bits.
    const WIDE: bool = false;

    /// The key: equal for values that count as equal.
    fn key(self) -> u128;

    /// The value of a key.
    fn of_key(key: u128) -> Self;

    /// The rank: ordered as the values are.
    fn rank(self) -> i128;

    /// The value of a rank.
    fn of_rank(rank: i128) -> Self;

    /// The word. Of a [wide](Native::WIDE) value the lower half.
    fn word(self) -> i64;

    /// The value of a word.
    fn of_word(word: i64) -> Self;

    /// The value of a number of 128 bits, of which the types that are not wide use the lower half.
    #[inline(always)]
    fn of_wide(wide: i128) -> Self {
        Self::of_word(wide as i64)
    }

    /// The array of a column of type `ty`.
    fn array(ty: DataType, values: Vec<Self>, nulls: Option<NullBuffer>) -> ArrayRef;
}

/// The one float of all that count as equal: −0 is 0, and every NaN is one NaN.
#[inline]
pub fn canonical(x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else if x == 0.0 {
        0.0
    } else {
        x
    }
}

/// The forms of integers: all are the number itself.
macro_rules! integer_forms {
    ($ty:ty) => {
        #[inline(always)]
        fn key(self) -> u128 {
            self as u128
        }

        #[inline(always)]
        fn of_key(key: u128) -> $ty {
            key as $ty
        }

        #[inline(always)]
        fn rank(self) -> i128 {
            self.into()
        }

        #[inline(always)]
        fn of_rank(rank: i128) -> $ty {
            rank as $ty
        }

        #[inline(always)]
        fn word(self) -> i64 {
            self as i64
        }

        #[inline(always)]
        fn of_word(word: i64) -> $ty {
            word as $ty
        }
    };
}

/// Dates, in days since 1970-01-01.
impl Native for i32 {
    integer_forms!(i32);

    fn array(_: DataType, values: Vec<i32>, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(Date32Array::new(values.into(), nulls))
    }
}

/// Integers and instants.
impl Native for i64 {
    integer_forms!(i64);

    fn array(ty: DataType, values: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        match ty {
            DataType::Timestamp => {
                Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
            }
            _ => Arc::new(Int64Array::new(values.into(), nulls)),
        }
    }
}

/// Decimals, in units of their last digit.
impl Native for i128 {
    const WIDE: bool = true;

    integer_forms!(i128);

    #[inline(always)]
    fn of_wide(wide: i128) -> i128 {
        wide
    }

    fn array(ty: DataType, values: Vec<i128>, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(Decimal128Array::new(values.into(), nulls).with_data_type(ty.arrow()))
    }
}

impl Native for bool {
    #[inline(always)]
    fn key(self) -> u128 {
        self.into()
    }

    #[inline(always)]
    fn of_key(key: u128) -> bool {
        key != 0
    }

    #[inline(always)]
    fn rank(self) -> i128 {
        self.into()
    }

    #[inline(always)]
    fn of_rank(rank: i128) -> bool {
        rank != 0
    }

    #[inline(always)]
    fn word(self) -> i64 {
        self.into()
    }

    #[inline(always)]
    fn of_word(word: i64) -> bool {
        word != 0
    }

    fn array(_: DataType, values: Vec<bool>, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls))
    }
}

impl Native for f64 {
    #[inline(always)]
    fn key(self) -> u128 {
        canonical(self).to_bits().into()
    }

    #[inline(always)]
    fn of_key(key: u128) -> f64 {
        f64::from_bits(key as u64)
    }

    #[inline(always)]
    fn rank(self) -> i128 {
        i128::from(total_order(canonical(self).to_bits() as i64))
    }

    #[inline(always)]
    fn of_rank(rank: i128) -> f64 {
        f64::from_bits(total_order(rank as i64) as u64)
    }

    #[inline(always)]
    fn word(self) -> i64 {
        self.to_bits() as i64
    }

    #[inline(always)]
    fn of_word(word: i64) -> f64 {
        f64::from_bits(word as u64)
    }

    fn array(_: DataType, values: Vec<f64>, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(Float64Array::new(values.into(), nulls))
    }
}

/// The bits of a float as an integer in the order of `f64::total_cmp`, and back.
#[inline(always)]
fn total_order(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// Runs `$body` with `$native` as the [`Native`] type of the values of a column of type `$ty`; of texts, `$text`.
macro_rules! by_native {
    ($ty:expr, $native:ident => $body:expr, text => $text:expr) => {
        match $ty {
            $crate::batch::DataType::String | $crate::batch::DataType::Json => $text,
            $crate::batch::DataType::Bool => {
                type $native = bool;
                $body
            }
            $crate::batch::DataType::Int64 | $crate::batch::DataType::Timestamp => {
                type $native = i64;
                $body
            }
            $crate::batch::DataType::Float64 => {
                type $native = f64;
                $body
            }
            $crate::batch::DataType::Decimal { .. } => {
                type $native = i128;
                $body
            }
            $crate::batch::DataType::Date => {
                type $native = i32;
                $body
            }
        }
    };
}
pub(crate) use by_native;

/// The array of a column of type `ty` with these values.
pub fn collect_array<T: Native>(ty: DataType, values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    let expected = values.size_hint().0;
    let (mut out, mut nulls) = (Vec::with_capacity(expected), NullBufferBuilder::new(expected));
    for value in values {
        nulls.append(value.is_some());
        out.push(value.unwrap_or_default());
    }
    T::array(ty, out, nulls.finish())
}

/// A column of NULLs of type `ty`.
pub fn null_array(ty: DataType, rows: usize) -> ArrayRef {
    match ty {
        // Without the room of a buffer, which a general array of views has.
        ty if ty.is_text() => Arc::new(StringViewArray::new_null(rows)),
        _ => new_null_array(&ty.arrow(), rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn floats() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>(), Just(-0.0), Just(0.0), Just(f64::NAN), Just(-f64::NAN), Just(f64::INFINITY)]
    }

    proptest! {
        #[test]
        fn forms_of_floats_keep_equality_and_order(a in floats(), b in floats()) {
            let (x, y) = (canonical(a), canonical(b));
            prop_assert_eq!(a.key() == b.key(), x.to_bits() == y.to_bits());
            prop_assert_eq!(a.rank().cmp(&b.rank()), x.total_cmp(&y));
            prop_assert_eq!(f64::of_rank(a.rank()).to_bits(), x.to_bits());
            prop_assert_eq!(f64::of_key(a.key()).to_bits(), x.to_bits());
            prop_assert_eq!(f64::of_word(a.word()).to_bits(), a.to_bits());
        }

        #[test]
        fn forms_of_integers_read_back(a in any::<i128>(), b in any::<i64>(), c in any::<i32>()) {
            prop_assert_eq!((i128::of_key(a.key()), i128::of_rank(a.rank()), i128::of_wide(a)), (a, a, a));
            prop_assert_eq!((i64::of_key(b.key()), i64::of_rank(b.rank()), i64::of_word(b.word())), (b, b, b));
            prop_assert_eq!((i32::of_key(c.key()), i32::of_rank(c.rank()), i32::of_wide(c.into())), (c, c, c));
        }
    }
}
