//! What columns are that have no type on either side.

use super::column::Cells;
use super::meaning::Meaning;
use super::side::Side;
use super::value::{instant, surely_number};
use super::work::{ComparedColumn, scan};
use super::written::{ResultFormat, is_null_word};
use crate::error::Result;
use std::sync::Mutex;

/// What all values seen so far could be.
#[derive(Debug, Clone, Copy)]
struct TypeGuess {
    any: bool,
    number: bool,
    scale: u8,
    instant: bool,
    bool: bool,
}

impl TypeGuess {
    const OPEN: TypeGuess = TypeGuess { any: false, number: true, scale: 0, instant: true, bool: true };

    fn see(&mut self, text: &str, written: &ResultFormat) {
        // The empty text is NULL in all types but text, and so are words for it.
        if text.is_empty() || is_null_word(text) {
            return;
        }
        let text = text.trim();
        self.any = true;
        if self.number {
            match written.number(text).and_then(|text| surely_number(&text)) {
                Some(scale) => self.scale = self.scale.max(scale),
                None => self.number = false,
            }
        }
        self.instant = self.instant && instant(text).is_some();
        // `t`, `f`, `1` and `0` may be names or numbers: they are truth values only beside a column of
        // booleans.
        self.bool = self.bool && matches!(text, "true" | "false");
    }

    fn both(self, other: TypeGuess) -> TypeGuess {
        TypeGuess {
            any: self.any | other.any,
            number: self.number & other.number,
            scale: self.scale.max(other.scale),
            instant: self.instant & other.instant,
            bool: self.bool & other.bool,
        }
    }

    fn meaning(self) -> Meaning {
        match self {
            TypeGuess { any: false, .. } => Meaning::Text,
            TypeGuess { number: true, scale, .. } => Meaning::Number(scale),
            TypeGuess { instant: true, .. } => Meaning::Instant,
            TypeGuess { bool: true, .. } => Meaning::Bool,
            _ => Meaning::Text,
        }
    }
}

/// Gives `columns` the meaning that all of their values have.
pub(super) fn meanings(sides: &[Side; 2], columns: Vec<&mut ComparedColumn>) -> Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let guesses = Mutex::new(vec![TypeGuess::OPEN; names.len()]);
    scan(
        sides,
        &[0, 1],
        &names,
        |_, _| true,
        |_, piece| {
            // A guess for each piece, so that the lock is taken once for a piece rather than for a value.
            let mut seen = vec![TypeGuess::OPEN; piece.cells.len()];
            for (guess, cells) in seen.iter_mut().zip(&piece.cells) {
                match cells {
                    Cells::Untyped(texts, written) => {
                        texts.iter().flatten().for_each(|text| guess.see(text, written));
                    }
                    Cells::Constant(Some(text)) => guess.see(text, &ResultFormat::default()),
                    _ => {}
                }
            }
            let mut guesses = guesses.lock().unwrap_or_else(|e| e.into_inner());
            // `both` does not depend on order, so the result is the same for any number of threads.
            guesses.iter_mut().zip(seen).for_each(|(guess, seen)| *guess = guess.both(seen));
            Ok(())
        },
    )?;
    let guesses = guesses.into_inner().unwrap_or_else(|e| e.into_inner());
    for (column, guess) in columns.into_iter().zip(guesses) {
        column.meaning = match (guess.meaning(), column.tolerance) {
            // What is subtracted is not to be cut; of NULL alone nothing is.
            (Meaning::Number(scale), Some(_)) => Meaning::Number(scale.max(18)),
            (_, Some(_)) if !guess.any => Meaning::Number(18),
            (meaning, _) => meaning,
        };
    }
    Ok(())
}
