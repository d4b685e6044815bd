//! Values that are not written in the plain way, read a second time: by regular expressions, and by trying every sign
//! and unit that there may be.

use crate::batch::DataType;
use crate::input::written::ValueFormat;
use regex::Regex;
use std::borrow::Cow;

/// How the texts of one column are taken to their plain form.
#[derive(Debug, Clone)]
pub(super) struct Spelled {
    written: ValueFormat,
    ty: Option<DataType>,
    /// Of numbers: the expressions of their digits, and what may stand around them with whether it says `below zero`.
    digits: Vec<Regex>,
    before: Vec<(String, u8, u8, bool)>,
    after: Vec<(String, u8, u8, bool)>,
}

impl Spelled {
    /// For a column that is read as `ty`; none is said of a time.
    pub(super) fn new(written: &ValueFormat, ty: Option<DataType>) -> Spelled {
        let numeric = ty.is_some_and(DataType::is_number) && marked(written);
        let digits = if numeric { digits(written) } else { vec![] };
        let (before, after) = if numeric { around(written) } else { (vec![], vec![]) };
        Spelled { written: written.clone(), ty, digits, before, after }
    }

    /// The plain form of a value; none where it is NULL. What is not written as it should be is no value of any type.
    pub(super) fn plain<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        let spaces = [' ', '\t', '\n', '\r', '\x0c'];
        let bare = if self.written.trim { text.trim_matches(spaces) } else { text };
        if self.written.null.iter().any(|word| word == bare) || (self.written.trim && bare.is_empty()) {
            return None;
        }
        match self.ty {
            Some(DataType::String | DataType::Json) => {
                let mark = self.written.text_mark.as_deref().unwrap_or("");
                let text = bare.strip_prefix(mark).unwrap_or(bare);
                Some(Cow::Borrowed(text.strip_suffix(mark).unwrap_or(text)))
            }
            Some(DataType::Bool) if self.written.yes.iter().any(|word| word == bare) => Some("true".into()),
            Some(DataType::Bool) if self.written.no.iter().any(|word| word == bare) => Some("false".into()),
            _ if self.digits.is_empty() => Some(Cow::Borrowed(bare)),
            // A number cannot be read from these words, so the record is a bad one.
            _ => Some(
                self.number(bare)
                    .unwrap_or_else(|| format!("{text}, which is not written as declared"))
                    .into(),
            ),
        }
    }

    fn number(&self, text: &str) -> Option<String> {
        for (before, signs, units, below) in &self.before {
            let Some(rest) = text.strip_prefix(before.as_str()) else { continue };
            for (after, more_signs, more_units, more_below) in &self.after {
                // A bracket has to be closed, and a sign or a unit may come once only.
                let open = before.contains('(') == after.contains(')');
                if !open || signs + more_signs > 1 || units + more_units > 1 {
                    continue;
                }
                let Some(core) = rest.strip_suffix(after.as_str()) else { continue };
                if self.digits.iter().any(|digits| digits.is_match(core)) {
                    let minus = if *below || *more_below { "-" } else { "" };
                    return Some(format!("{minus}{}", self.without_marks(core)));
                }
            }
        }
        None
    }

    fn without_marks(&self, core: &str) -> String {
        let decimal = self.written.decimal.unwrap_or('.');
        let digit = |c: char| match c {
            c if c == decimal => Some('.'),
            c if c.is_ascii_alphanumeric() || c == '+' || c == '-' => Some(c),
            _ => None,
        };
        core.chars().filter_map(digit).collect()
    }
}

/// Whether numbers have marks, signs or units of their own.
fn marked(written: &ValueFormat) -> bool {
    written.decimal.is_some()
        || written.thousands.is_some()
        || written.accounting
        || !written.units.is_empty()
}

/// The marks that are as good as `mark`.
fn alike(mark: char) -> Vec<char> {
    match mark {
        // Some languages group thousands by a no-break, narrow or thin space, which looks like a blank.
        ' ' => vec![' ', '\u{a0}', '\u{202f}', '\u{2009}'],
        // An apostrophe between thousands may be the straight or the curly one.
        '\'' => vec!['\'', '\u{2019}'],
        other => vec![other],
    }
}

fn digits(written: &ValueFormat) -> Vec<Regex> {
    let decimal = regex::escape(&written.decimal.unwrap_or('.').to_string());
    let exponent = "(?:[eE][+-]?[0-9]+)?";
    let mut all =
        vec![format!("^[0-9]+(?:{decimal}[0-9]*)?{exponent}$"), format!("^{decimal}[0-9]+{exponent}$")];
    for mark in written.thousands.into_iter().flat_map(alike) {
        let mark = regex::escape(&mark.to_string());
        let fraction = format!("(?:{decimal}[0-9]*{exponent})?");
        all.push(format!("^[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+{fraction}$"));
        // Indian grouping: three digits at the end, and groups of two before them, as in 12,34,567.
        all.push(format!("^[1-9][0-9]?(?:{mark}[0-9]{{2}})+{mark}[0-9]{{3}}{fraction}$"));
    }
    all.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
}

/// What may stand before a number and after it: the text, its signs, its units, whether it means `below zero`.
#[allow(clippy::type_complexity)]
fn around(written: &ValueFormat) -> (Vec<(String, u8, u8, bool)>, Vec<(String, u8, u8, bool)>) {
    let spaces: Vec<String> =
        std::iter::once(String::new()).chain(alike(' ').into_iter().map(String::from)).collect();
    let mut signs = vec![
        ("".to_string(), 0, false),
        ("-".into(), 1, true),
        ("\u{2212}".into(), 1, true),
        ("+".into(), 1, false),
    ];
    let mut ends = vec![("".to_string(), 0, false)];
    if written.accounting {
        signs.push(("(".into(), 1, true));
        ends.push((")".into(), 0, false));
        ends.extend([("-".to_string(), 1, true), ("+".into(), 1, false)]);
        for (word, below) in [
            ("DR", true),
            ("Dr", true),
            ("dR", true),
            ("dr", true),
            ("CR", false),
            ("Cr", false),
            ("cR", false),
            ("cr", false),
        ] {
            ends.push((word.to_string(), 1, below));
        }
    }
    let units: Vec<(String, u8)> = std::iter::once((String::new(), 0))
        .chain(written.units.iter().map(|unit| (unit.clone(), 1)))
        .collect();
    let (mut before, mut after) = (vec![], vec![]);
    for (unit, one) in &units {
        for first in &spaces {
            for second in &spaces {
                // No space where nothing stands before it.
                for (sign, signs, below) in &signs {
                    for text in
                        [format!("{sign}{first}{unit}{second}"), format!("{unit}{first}{sign}{second}")]
                    {
                        if !text.starts_with(|c: char| alike(' ').contains(&c)) {
                            before.push((text, *signs, *one, *below));
                        }
                    }
                }
                for (end, signs, below) in &ends {
                    for text in [format!("{first}{end}{second}{unit}"), format!("{first}{unit}{second}{end}")]
                    {
                        if !text.ends_with(|c: char| alike(' ').contains(&c)) {
                            after.push((text, *signs, *one, *below));
                        }
                    }
                }
            }
        }
    }
    // Different spaces give the same text several times, and each text is tried once.
    before.sort();
    before.dedup();
    after.sort();
    after.dedup();
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::written::Plain;
    use proptest::prelude::*;

    proptest! {
        /// Texts made of the parts of numbers mean the same to the engine, or nothing to both.
        #[test]
        fn texts_mean_what_the_engine_takes_them_for(
            parts in prop::collection::vec(
                prop::sample::select(vec!["1", "12", "000", "234", ",", ".", " ", "-", "+", "(", ")", "$", "EUR", "DR", "cr", "\u{a0}", "e3", "'", "0"]),
                1..7,
            ),
            style in 0usize..6,
        ) {
            let units = vec!["$".to_string(), "EUR".to_string()];
            let written = match style {
                0 => ValueFormat { thousands: Some(','), ..ValueFormat::default() },
                1 => ValueFormat { thousands: Some('.'), decimal: Some(','), units, accounting: true, ..ValueFormat::default() },
                2 => ValueFormat { decimal: Some(','), accounting: true, ..ValueFormat::default() },
                3 => ValueFormat { thousands: Some(' '), units, trim: true, ..ValueFormat::default() },
                4 => ValueFormat { thousands: Some('\''), accounting: true, ..ValueFormat::default() },
                _ => ValueFormat { units, accounting: true, null: vec!["-".into()], ..ValueFormat::default() },
            };
            let text = parts.concat();
            let ty = DataType::Decimal { precision: 38, scale: 4 };
            let read = |plain: &str| crate::input::value::parse_decimal(plain.as_bytes(), 38, 4).ok();
            let mut room = vec![];
            let ours = match written.plain(text.as_bytes(), ty, &mut room) {
                Ok(Plain::Null) => None,
                Ok(Plain::Text(plain)) => Some(read(std::str::from_utf8(plain).unwrap())),
                Err(_) => Some(None),
            };
            let theirs = Spelled::new(&written, Some(ty)).plain(&text).map(|plain| read(&plain));
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}
