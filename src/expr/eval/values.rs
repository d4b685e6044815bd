//! Values of rows, with the faults of those for which there is none.

use super::Context;
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Decimal128Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Int64Array, PrimitiveArray, StringViewArray, UInt32Array,
};
use arrow_schema::DataType as ArrowType;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    /// A fault, in words.
    pub fn new(words: impl Into<String>) -> Fault {
        Fault(words.into())
    }

    /// A number is too large for its type.
    pub fn overflow(ty: impl fmt::Display) -> Fault {
        Fault(format!("the result is too large for {ty}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Faults by row.
pub type Faults = BTreeMap<usize, Fault>;

/// The values of rows.
#[derive(Debug, Clone)]
pub struct Values {
    /// A value for each row; of a row with a fault anything.
    pub array: ArrayRef,
    /// Whether there is one value, which is that of all rows.
    pub one: bool,
    /// The rows for which there is none.
    pub faults: Faults,
}

impl Values {
    /// A value for each row.
    pub fn of(array: ArrayRef) -> Values {
        Values { array, one: false, faults: Faults::new() }
    }

    /// One value for all rows.
    pub fn one(array: ArrayRef) -> Values {
        Values { array, one: true, faults: Faults::new() }
    }

    /// Where the value of `row` is.
    #[inline]
    pub fn place(&self, row: usize) -> usize {
        if self.one { 0 } else { row }
    }

    /// The fault of `row`.
    pub fn fault(&self, row: usize) -> Option<&Fault> {
        // Faults are rare, and this is asked for every row.
        if self.faults.is_empty() { None } else { self.faults.get(&self.place(row)) }
    }

    /// Whether the value of `row` is NULL.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.array.is_null(self.place(row))
    }

    /// An array of as many rows as there are.
    pub fn array(&self, rows: usize) -> ArrayRef {
        match self.one {
            false => self.array.clone(),
            true if rows == 1 => self.array.clone(),
            true => {
                let places = UInt32Array::from(vec![0; rows]);
                arrow_select::take::take(&self.array, &places, None).expect("row 0 of one row")
            }
        }
    }

    /// Texts.
    pub fn texts(&self) -> Texts<'_> {
        Texts { array: self.array.as_string_view(), one: self.one }
    }

    /// Numbers of the Arrow type `T`.
    pub fn primitives<T: ArrowPrimitiveType>(&self) -> Primitives<'_, T> {
        Primitives { array: self.array.as_primitive(), one: self.one }
    }

    /// Conditions.
    pub fn bools(&self) -> Bools<'_> {
        Bools { array: self.array.as_boolean(), one: self.one }
    }

    /// int64s or decimals, in units of the last digit.
    pub fn exact(&self) -> ExactNumbers<'_> {
        match self.array.data_type() {
            ArrowType::Int64 => ExactNumbers::Int(self.primitives()),
            _ => ExactNumbers::Decimal(self.primitives()),
        }
    }
}

/// Reads texts.
pub struct Texts<'a> {
    array: &'a StringViewArray,
    one: bool,
}

impl<'a> Texts<'a> {
    /// The text of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        let row = if self.one { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }
}

/// Reads numbers.
pub struct Primitives<'a, T: ArrowPrimitiveType> {
    array: &'a PrimitiveArray<T>,
    one: bool,
}

impl<T: ArrowPrimitiveType> Primitives<'_, T> {
    /// The number of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::Native> {
        let row = if self.one { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }
}

/// Reads conditions.
pub struct Bools<'a> {
    array: &'a BooleanArray,
    one: bool,
}

impl Bools<'_> {
    /// The condition of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<bool> {
        let row = if self.one { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }
}

/// Reads exact numbers.
pub enum ExactNumbers<'a> {
    /// int64s.
    Int(Primitives<'a, Int64Type>),
    /// Decimals.
    Decimal(Primitives<'a, Decimal128Type>),
}

impl ExactNumbers<'_> {
    /// The number of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<i128> {
        match self {
            ExactNumbers::Int(ints) => ints.get(row).map(i128::from),
            ExactNumbers::Decimal(decimals) => decimals.get(row),
        }
    }
}

/// What `f` gives for each row, of which the inputs may have faults.
///
/// One row is computed where all inputs are one.
pub fn rows<T>(
    cx: &Context,
    inputs: &[&Values],
    mut f: impl FnMut(usize) -> Result<Option<T>, Fault>,
) -> (Vec<Option<T>>, bool, Faults) {
    let one = inputs.iter().all(|input| input.one);
    let count = if one { 1 } else { cx.rows };
    let mut faults = Faults::new();
    // Asked once: a batch without faults skips the search in each of its rows.
    let given = inputs.iter().any(|input| !input.faults.is_empty());
    let mut out = Vec::with_capacity(count);
    for row in 0..count {
        if given && let Some(fault) = inputs.iter().find_map(|input| input.fault(row)) {
            faults.insert(row, fault.clone());
            out.push(None);
            continue;
        }
        out.push(f(row).unwrap_or_else(|fault| {
            faults.insert(row, fault);
            None
        }));
    }
    (out, one, faults)
}

/// Numbers of the Arrow type `T`, in arrays of the type `ty`.
pub fn primitives<T: ArrowPrimitiveType>(
    cx: &Context,
    inputs: &[&Values],
    ty: &ArrowType,
    f: impl FnMut(usize) -> Result<Option<T::Native>, Fault>,
) -> Values {
    let (values, one, faults) = rows(cx, inputs, f);
    // The numbers alone do not tell their scale or zone; the type that the binder found does.
    let array: PrimitiveArray<T> = values.into_iter().collect();
    Values { array: Arc::new(array.with_data_type(ty.clone())), one, faults }
}

/// int64s.
pub fn ints(cx: &Context, inputs: &[&Values], f: impl FnMut(usize) -> Result<Option<i64>, Fault>) -> Values {
    let (values, one, faults) = rows(cx, inputs, f);
    Values { array: Arc::new(Int64Array::from(values)), one, faults }
}

/// Decimals of the type `ty`.
pub fn decimals(
    cx: &Context,
    inputs: &[&Values],
    ty: &ArrowType,
    f: impl FnMut(usize) -> Result<Option<i128>, Fault>,
) -> Values {
    let (values, one, faults) = rows(cx, inputs, f);
    Values { array: Arc::new(Decimal128Array::from(values).with_data_type(ty.clone())), one, faults }
}

/// Conditions.
pub fn bools(
    cx: &Context,
    inputs: &[&Values],
    f: impl FnMut(usize) -> Result<Option<bool>, Fault>,
) -> Values {
    let (values, one, faults) = rows(cx, inputs, f);
    Values { array: Arc::new(BooleanArray::from(values)), one, faults }
}

/// Texts. `f` writes the text of a row into what it gets, which is empty, and gives true; or false, for NULL.
pub fn texts(
    cx: &Context,
    inputs: &[&Values],
    mut f: impl FnMut(usize, &mut String) -> Result<bool, Fault>,
) -> Values {
    // One buffer serves all rows: a text of its own for each would be an allocation per row.
    let mut text = String::new();
    let mut builder = StringViewBuilder::new();
    let mut done = 0;
    let (_, one, faults) = rows::<()>(cx, inputs, |row| {
        // Rows that were not computed.
        (done..row).for_each(|_| builder.append_null());
        done = row + 1;
        text.clear();
        match f(row, &mut text) {
            Ok(true) => builder.append_value(&text),
            Ok(false) => builder.append_null(),
            Err(fault) => {
                builder.append_null();
                return Err(fault);
            }
        }
        Ok(None)
    });
    let count = if one { 1 } else { cx.rows };
    // The last rows have faults, so that the closure was not called for them.
    (done..count).for_each(|_| builder.append_null());
    Values { array: Arc::new(builder.finish()), one, faults }
}
