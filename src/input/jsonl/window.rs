//! Short plain members of records, found in a window of bytes, so that no look at a byte is checked.
//!
//! Where a member begins is known once the one before it has ended, so what counts is how long a processor waits for that: a few
//! bytes at a time, and the next ones if it guesses that there are more. All bytes of the window at once, with registers of
//! sixteen bytes or of 64, take fewer instructions and more time.
//!
//! # Contract
//! What is said of a value is what [`super::scanner`] says; nothing is said of other values than strings without escapes and
//! numbers without an exponent, which end in the window with a comma or a brace behind them.

use super::scanner::{JsonKind, Span, no_digits, plain, word_of};

/// The bytes that are looked at: a key, and of its value [`VALUE`] bytes.
pub(super) const WINDOW: usize = 128;
const VALUE: usize = 64;

/// A text that is compared with what stands at many places.
#[derive(Debug)]
pub(super) struct KeyPiece {
    text: Box<[u8]>,
    /// Its first bytes, and a mask of those that count.
    words: [u64; KeyPiece::WORDS],
    masks: [u64; KeyPiece::WORDS],
}

impl KeyPiece {
    const WORDS: usize = 4;
    const HEAD: usize = 8 * KeyPiece::WORDS;

    pub(super) fn new(text: &[u8]) -> KeyPiece {
        let (mut words, mut masks) = ([[0; 8]; KeyPiece::WORDS], [[0; 8]; KeyPiece::WORDS]);
        let bytes = words.as_flattened_mut().iter_mut().zip(masks.as_flattened_mut());
        bytes.zip(text).for_each(|((byte, mask), &c)| (*byte, *mask) = (c, 0xff));
        let (words, masks) = (words.map(u64::from_le_bytes), masks.map(u64::from_le_bytes));
        KeyPiece { text: text.into(), words, masks }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether `bytes` start with it.
    #[inline(always)]
    pub(super) fn starts(&self, bytes: &[u8]) -> bool {
        match bytes.first_chunk() {
            Some(window) if self.text.len() <= KeyPiece::HEAD => self.starts_window(window).is_some(),
            _ => bytes.starts_with(&self.text),
        }
    }

    /// Its length, if it is a short one, and `window` starts with it.
    #[inline(always)]
    pub(super) fn starts_window(&self, window: &[u8; WINDOW]) -> Option<usize> {
        // All words at once: a loop over as many as there are would be guessed wrong where keys are of several lengths.
        let (words, _) = window.as_chunks::<8>();
        let differ = |i: usize| (u64::from_le_bytes(words[i]) ^ self.words[i]) & self.masks[i];
        let same = (differ(0) | differ(1) | differ(2) | differ(3)) == 0;
        (same && self.text.len() <= KeyPiece::HEAD).then_some(self.text.len())
    }
}

/// The value at `start` of `window`, its span counted in the window, and where the comma or brace behind it is.
#[inline(always)]
pub(super) fn plain_value(window: &[u8; WINDOW], start: usize) -> Option<(Span, usize)> {
    // Keys are no longer than that; said so that no look into the window is checked.
    let start = start % (WINDOW - VALUE);
    let value = window[start..].first_chunk::<VALUE>()?;
    let (span, behind) = match value[0] {
        b'"' => {
            // Three times sixteen bytes.
            let end = 1 + plain(&value[1..49]);
            if value[end] != b'"' {
                return None;
            }
            (Span { kind: JsonKind::Text, start: start + 1, end: start + end }, end + 1)
        }
        // Each its own way: with a sign that is added where the digits begin they would wait for it.
        b'-' => plain_number(value, start, 1)?,
        _ => plain_number(value, start, 0)?,
    };
    matches!(value[behind % VALUE], b',' | b'}').then_some((span, start + behind))
}

#[inline(always)]
fn plain_number(value: &[u8; VALUE], start: usize, sign: usize) -> Option<(Span, usize)> {
    let mut end = digits_end(value, sign)?;
    // RFC 8259 does not allow digits behind a zero in front.
    if value[sign] == b'0' && end > sign + 1 {
        return None;
    }
    if value[end] == b'.' {
        end = digits_end(value, end + 1)?;
    }
    Some((Span { kind: JsonKind::Number, start, end: start + end }, end))
}

/// The end of the digits at `start`, of which there are 1 to 15.
#[inline(always)]
fn digits_end(value: &[u8; VALUE], start: usize) -> Option<usize> {
    for at in [start, start + 8] {
        let found = no_digits(word_of(&value[at..at + 8]));
        if found != 0 {
            let end = at + found.trailing_zeros() as usize / 8;
            return (end > start).then_some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::scanner::JsonCursor;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn plain_values_are_those_of_the_scanner(
            key in prop::sample::select(vec![r#""k":"#, r#"  "a longer key than the other":"#, r#""":"#]),
            pieces in prop::collection::vec(prop::sample::select(vec![
                "\"", "a", "a longer text of words", "\\", "\\n", "0", "7", "-", ".", "12345678", "e", "+", ",", "}", "]", " ", "\t", "\u{1f}",
                "é", "true", "\"x\",", "12,", "-1.5}", "{", "\n",
            ]), 0..12),
        ) {
            let text = pieces.concat();
            let mut window = [b'~'; WINDOW];
            let bytes: Vec<u8> = key.bytes().chain(text.bytes()).take(WINDOW).collect();
            window[..bytes.len()].copy_from_slice(&bytes);
            let piece = KeyPiece::new(key.as_bytes());
            prop_assert_eq!(piece.starts_window(&window), Some(key.len()));
            let mut cursor = JsonCursor { bytes: &window, at: key.len() };
            let scanned = cursor.value(1);
            match plain_value(&window, key.len()) {
                Some((value, behind)) => {
                    let scanned = scanned.expect("a value");
                    prop_assert_eq!((value.kind, value.start, value.end), (scanned.kind, scanned.start, scanned.end));
                    prop_assert_eq!(behind, cursor.at);
                    let is_end = matches!(window[behind], b',' | b'}');
                    prop_assert!(is_end);
                }
                // What is short and plain is found.
                None => if let Ok(span) = scanned {
                    let inside = &window[span.start..span.end];
                    let plain = match span.kind {
                        JsonKind::Text => inside.len() < 48,
                        JsonKind::Number => inside.len() < 16 && !inside.iter().any(|c| matches!(c, b'e' | b'E')),
                        _ => false,
                    };
                    let is_end = matches!(window[cursor.at], b',' | b'}');
                    prop_assert!(!plain || !is_end);
                }
            }
        }
    }

    #[test]
    fn a_long_piece_does_not_start_a_window() {
        let text = b"\"a key that has more than the bytes of four words\":";
        let mut window = [b' '; WINDOW];
        window[..text.len()].copy_from_slice(text);
        let piece = KeyPiece::new(text);
        assert!(piece.starts(&window));
        assert_eq!(piece.starts_window(&window), None);
    }
}
