//! A column of numbers, a whole chunk at a time: those that are written plainly, and which ones are not.

use super::simd::{Lanes, NumberForm, dispatch};
use super::table::CsvRecords;

/// How the numbers of a column are written that [`plain_numbers`] reads.
#[derive(Clone, Copy)]
pub(super) struct PlainNumbers {
    form: NumberForm,
    /// The lengths of texts, without a sign.
    least: usize,
    most: usize,
    /// Whether a zero before other digits is plain.
    zeros: bool,
}

impl PlainNumbers {
    /// Integers of up to 16 digits; those that begin with a zero before other digits only if `zeros`.
    pub(super) fn integers(zeros: bool) -> PlainNumbers {
        PlainNumbers { form: NumberForm::new(0), least: 1, most: 16, zeros }
    }

    /// Decimals of up to 15 digits, with as many behind the point as their type has; `None` of types of which none is so.
    pub(super) fn decimals(precision: u8, scale: u8) -> Option<PlainNumbers> {
        let (precision, scale) = (usize::from(precision), usize::from(scale));
        // At least one digit before the point: `.5` is read in other ways.
        let plain = PlainNumbers {
            form: NumberForm::new(scale.min(14)),
            least: scale + 2,
            most: 16.min(precision + 1),
            zeros: true,
        };
        (1..=14).contains(&scale).then_some(plain)
    }
}

dispatch! {
    /// The numbers of a column that are written as `plain` says, less a point: `values[row]` of each row that is not in
    /// `others`, which ascend and of which nothing is said.
    fn plain_numbers(table: CsvRecords, field: usize, plain: PlainNumbers, values: &mut [i64], others: &mut Vec<u32>) -> ()
        = plain_numbers_with
}

#[inline(always)]
fn plain_numbers_with<L: Lanes>(
    lanes: L,
    table: CsvRecords,
    field: usize,
    plain: PlainNumbers,
    values: &mut [i64],
    others: &mut Vec<u32>,
) {
    for (row, value) in values.iter_mut().enumerate() {
        let (start, end) = table.place(row, field);
        match plain_number(lanes, table.text, start, end, &plain) {
            Some(number) => *value = number,
            None => others.push(row as u32),
        }
    }
}

/// The number at `text[start..end]`.
#[inline(always)]
fn plain_number<L: Lanes>(
    lanes: L,
    text: &[u8],
    start: usize,
    end: usize,
    plain: &PlainNumbers,
) -> Option<i64> {
    let minus = text[start] == b'-';
    let start = start + usize::from(minus);
    // A lone minus in front of an empty field would be one of the next field.
    let length = end.wrapping_sub(start);
    if length < plain.least || length > plain.most || (!plain.zeros && length > 1 && text[start] == b'0') {
        return None;
    }
    // At most 16 digits come here, so neither the cast nor the sign can overflow.
    let number = lanes.number(text[..end].last_chunk()?, length, &plain.form)? as i64;
    Some(if minus { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::super::super::value::{parse_decimal, parse_int};
    use super::super::cells::parse_plain_int;
    use super::super::index::find_fields;
    use super::*;
    use proptest::prelude::*;

    /// Each of `texts` that is read is as `slow` has it.
    fn check(texts: &[String], plain: PlainNumbers, slow: impl Fn(&[u8]) -> Option<i64>) {
        let text: String = texts.iter().map(|text| format!("{text},a\n")).collect();
        let mut ends = vec![];
        find_fields(text.as_bytes(), b',', false, &mut ends);
        ends[0] = u32::MAX;
        let table =
            CsvRecords { text: text.as_bytes(), ends: &ends, stride: 2, fields: 2, rows: texts.len() };
        let (mut values, mut others) = (vec![0; texts.len()], vec![]);
        plain_numbers(table, 0, plain, &mut values, &mut others);
        for (row, text) in texts.iter().enumerate() {
            if !others.contains(&(row as u32)) {
                assert_eq!(Some(values[row]), slow(text.as_bytes()), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn plain_numbers_are_those_of_the_readers_of_one(
            texts in prop::collection::vec("[-+]{0,2}[0-9]{0,17}(\\.[0-9]{0,4})?[ \r\"e]?", 1..40),
            precision in 2..=38u8,
            scale in 1..=16u8,
        ) {
            check(&texts, PlainNumbers::integers(true), |text| parse_int(text).ok());
            check(&texts, PlainNumbers::integers(false), |text| parse_plain_int(text).ok());
            let scale = scale.min(precision);
            if let Some(plain) = PlainNumbers::decimals(precision, scale) {
                check(&texts, plain, |text| parse_decimal(text, precision, scale).ok()?.try_into().ok());
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn most_numbers_are_plain() {
        if !super::super::simd::x86::Avx2::is_there() {
            return;
        }
        let text = b"0000000000000000000\n-12.30\n".as_slice();
        let table = CsvRecords { text, ends: &[u32::MAX, 19, 26], stride: 1, fields: 1, rows: 2 };
        let (mut values, mut others) = (vec![7; 2], vec![]);
        plain_numbers(table, 0, PlainNumbers::decimals(18, 2).unwrap(), &mut values, &mut others);
        assert_eq!((values, others), (vec![7, -1230], vec![0]));
    }
}
