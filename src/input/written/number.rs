//! Numbers with marks between their digits, units and the signs of bookkeeping.

use super::{Plain, ValueFormat};
use crate::batch::DataType;
use crate::input::value::ValueError;

impl ValueFormat {
    /// The plain form of `text`, a value of type `ty`; `room` is overwritten.
    ///
    /// # Errors
    /// It is not written as declared.
    pub fn plain<'a>(
        &self,
        text: &'a [u8],
        ty: DataType,
        room: &'a mut Vec<u8>,
    ) -> Result<Plain<'a>, ValueError> {
        let Some(bare) = self.bare(text) else { return Ok(Plain::Null) };
        Ok(Plain::Text(match ty {
            DataType::String => self.unmarked(bare),
            DataType::Bool => self.boolean(bare),
            ty if ty.is_number() && self.has_numbers() => {
                room.clear();
                plain(self, bare, room).ok_or_else(|| ValueError::not_a(text, ty))?;
                room
            }
            _ => bare,
        }))
    }

    /// The plain form of `text`, whose type is not known: of a number or a boolean where it is written as one, else of
    /// a text; `None` where it is NULL.
    pub fn likely<'a>(&self, text: &'a [u8], room: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let bare = self.bare(text)?;
        room.clear();
        let number = self.has_numbers() && plain(self, bare, room).is_some();
        Some(match () {
            () if number => room,
            () => match self.boolean(bare) {
                same if same == bare => self.unmarked(bare),
                boolean => boolean,
            },
        })
    }
}

/// Spaces that people put between thousands, and before a unit: the plain one, the one without a break, the narrow one
/// and the thin one.
const SPACES: [&str; 4] = [" ", "\u{a0}", "\u{202f}", "\u{2009}"];

/// Marks that look like an apostrophe, as Swiss thousands have it.
const APOSTROPHES: [&str; 2] = ["'", "\u{2019}"];

/// Writes the plain form of the number `text` to `out`: a sign, digits, a point, digits. `None` where it is none.
fn plain(written: &ValueFormat, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if common(written, text, out).is_some() {
        return Some(());
    }
    // What is no such number may be one of another form.
    out.clear();
    of_any_form(written, text, out)
}

/// As [`plain`], of all forms.
fn of_any_form(written: &ValueFormat, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, size) = outside(written, text)?;
    if negative {
        out.push(b'-');
    }
    let decimal = written.decimal.unwrap_or('.');
    let (whole, fraction) = match size.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (size, None),
    };
    // A point that is neither mark.
    if decimal != '.' && written.thousands != Some('.') && whole.contains('.') {
        return None;
    }
    match written.thousands {
        Some(mark) => groups(whole, mark, out)?,
        None => out.extend_from_slice(whole.as_bytes()),
    }
    if let Some(fraction) = fraction {
        // What stands before and behind the mark may be missing, and not both.
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits + whole.len() == 0 || fraction.contains('.') {
            return None;
        }
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
    // An exponent is one of plain numbers, and so are its digits and its sign.
    let first = out.get(usize::from(negative)).copied();
    let plain = out.iter().all(|c| c.is_ascii_digit() || b"-+.eE".contains(c));
    (plain && first.is_some_and(|c| c.is_ascii_digit() || c == b'.')).then_some(())
}

/// As [`plain`], of the form that most numbers have, in one pass: a minus or none, digits in groups of three, and digits
/// behind the mark of fractions.
fn common(written: &ValueFormat, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let ascii = |mark: char| u8::try_from(mark).ok().filter(|mark| matches!(mark, b',' | b'.'));
    let decimal = ascii(written.decimal.unwrap_or('.'))?;
    let thousands = written.thousands.map(ascii);
    if !written.units.is_empty() || thousands == Some(None) {
        return None;
    }
    let thousands = thousands.flatten();
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (&text[..1], rest),
        _ => (&text[..0], text),
    };
    out.extend_from_slice(sign);
    // Digits since the last mark, and whether there was one.
    let (mut run, mut grouped, mut fraction) = (0, false, false);
    for &c in digits {
        match c {
            b'0'..=b'9' => {
                out.push(c);
                run += 1;
                continue;
            }
            _ if fraction || run == 0 || grouped && run != 3 => return None,
            c if c == decimal => {
                out.push(b'.');
                fraction = true;
            }
            c if thousands == Some(c) && run <= 3 && (grouped || digits[0] != b'0') => grouped = true,
            _ => return None,
        }
        run = 0;
    }
    (run > 0 && (fraction || !grouped || run == 3)).then_some(())
}

/// Whether a number is below zero, and its text without signs and units.
fn outside<'a>(written: &ValueFormat, text: &'a str) -> Option<(bool, &'a str)> {
    let (mut rest, mut negative) = (text, false);
    let (mut signs, mut units, mut open) = (0, 0, false);
    // From the left: signs, a unit and an open parenthesis, in any order.
    loop {
        let before = rest;
        if let Some(inner) = rest.strip_prefix(['-', '\u{2212}']) {
            (rest, negative, signs) = (inner, true, signs + 1);
        } else if let Some(inner) = rest.strip_prefix('+') {
            (rest, signs) = (inner, signs + 1);
        } else if let Some(inner) = rest.strip_prefix('(').filter(|_| written.accounting && !open) {
            (rest, negative, signs, open) = (inner, true, signs + 1, true);
        } else if let Some(inner) = unit(written, |unit| rest.strip_prefix(unit)) {
            (rest, units) = (inner, units + 1);
        }
        if rest.len() == before.len() {
            break;
        }
        rest = without_space(rest, |rest, space| rest.strip_prefix(space));
    }
    // From the right: a closing parenthesis, a unit, and the signs of bookkeeping.
    loop {
        let before = rest;
        if let Some(inner) = rest.strip_suffix(')').filter(|_| open) {
            (rest, open) = (inner, false);
        } else if let Some((inner, below)) = bookkeeping(rest).filter(|_| written.accounting) {
            (rest, negative, signs) = (inner, negative || below, signs + 1);
        } else if let Some(inner) = unit(written, |unit| rest.strip_suffix(unit)) {
            (rest, units) = (inner, units + 1);
        }
        if rest.len() == before.len() {
            break;
        }
        rest = without_space(rest, |rest, space| rest.strip_suffix(space));
    }
    // Two signs, or two units, say nothing that is sure.
    (signs <= 1 && units <= 1 && !open).then_some((negative, rest))
}

/// What is left without a sign behind the number, and whether that is one of numbers below zero.
fn bookkeeping(text: &str) -> Option<(&str, bool)> {
    const WORDS: [(&str, bool); 4] = [("-", true), ("+", false), ("DR", true), ("CR", false)];
    WORDS.iter().find_map(|(word, below)| {
        let at = text.len().checked_sub(word.len()).filter(|at| text.is_char_boundary(*at))?;
        text[at..].eq_ignore_ascii_case(word).then_some((&text[..at], *below))
    })
}

/// What is left without the longest unit that `strip` takes off.
fn unit<'a>(written: &ValueFormat, strip: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    written.units.iter().filter_map(|unit| strip(unit)).min_by_key(|rest| rest.len())
}

fn without_space<'a>(text: &'a str, strip: impl Fn(&'a str, &str) -> Option<&'a str>) -> &'a str {
    let mut text = text;
    while let Some(rest) = SPACES.iter().find_map(|space| strip(text, space)) {
        text = rest;
    }
    text
}

/// Writes the digits of a whole number to `out`: without marks, or in groups of three from the right, of which those
/// above the first may all be of two, as in India.
fn groups(whole: &str, mark: char, out: &mut Vec<u8>) -> Option<()> {
    let digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
    let parts: Vec<&str> = split(whole, mark);
    let [first, inner @ .., last] = parts.as_slice() else {
        out.extend_from_slice(whole.as_bytes());
        return Some(());
    };
    let of_three = inner.iter().all(|part| part.len() == 3) && (1..=3).contains(&first.len());
    let of_two = inner.iter().all(|part| part.len() == 2) && (1..=2).contains(&first.len());
    let right = last.len() == 3 && (of_three || of_two) && parts.iter().all(|part| digits(part));
    // `0,500` is half of one to somebody else.
    if !right || first.starts_with('0') {
        return None;
    }
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    Some(())
}

/// The parts between marks; where the mark is a space or an apostrophe, its sisters count too, but one number has one.
fn split(whole: &str, mark: char) -> Vec<&str> {
    let mut buffer = [0; 4];
    let own: &str = mark.encode_utf8(&mut buffer);
    let alike: &[&str] = match own {
        own if SPACES.contains(&own) => &SPACES,
        own if APOSTROPHES.contains(&own) => &APOSTROPHES,
        own => &[own],
    };
    let used = alike.iter().find(|mark| whole.contains(**mark));
    used.map_or_else(|| vec![whole], |mark| whole.split(*mark).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is read in one pass is what it is in all.
        #[test]
        fn the_common_form_is_one_of_all(
            text in "-?[0-9]{1,4}([,.][0-9]{2,4}){0,3}[,.]?[0-9]{0,2}",
            marks in prop::sample::select(vec![(None, Some(',')), (Some(','), Some('.')), (Some(','), None), (None, None)]),
        ) {
            let written = ValueFormat { decimal: marks.0, thousands: marks.1, ..ValueFormat::default() };
            let (mut one, mut all) = (vec![], vec![]);
            if common(&written, text.as_bytes(), &mut one).is_some() {
                prop_assert_eq!(of_any_form(&written, text.as_bytes(), &mut all), Some(()), "{}", text);
                prop_assert_eq!(String::from_utf8(one), String::from_utf8(all), "{}", text);
            }
        }
    }
}
