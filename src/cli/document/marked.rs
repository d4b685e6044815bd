//! Names and values in a sentence, marked for the printers.

use crate::cli::ui::plain;

/// Begin and end of a name or value in a sentence. [`plain`] replaces them in data, so data cannot forge them.
pub const OPEN: char = '\u{1}';
pub const CLOSE: char = '\u{2}';

/// A name or a value, to be put into a sentence.
pub fn data(text: &str) -> String {
    format!("{OPEN}{}{CLOSE}", plain(text))
}

/// A sentence as text: names and values as they are.
pub fn unmarked(text: &str) -> String {
    // The marks go first, as `plain` would show them as replaced characters.
    plain(&text.replace([OPEN, CLOSE], ""))
}
