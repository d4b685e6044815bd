//! Where the text of a file is cut into chunks.

use super::LONGEST_RECORD;
use super::csv::index::{Quotes, check_quotes};
use super::csv::record::{LONGEST_QUOTED, end_of_records};
use super::source_file::{InputFormat, SourceFile};
use crate::error::Error;
use memchr::{memchr, memrchr};

/// A text that is longer is cut where enough of it is told, and a buffer that is larger goes back to the system.
pub(super) const LARGE: usize = 4 << 20;

/// Cuts the text of a file.
pub(super) struct Cutter {
    pub(super) file: SourceFile,
    pub(super) delimiter: u8,
}

/// Where a text can be cut.
pub(super) struct CutPoint {
    /// Behind the last whole record; 0 if there is none.
    pub(super) end: usize,
    /// As [`super::chunk::TextChunk`] has it.
    pub(super) clean: bool,
}

impl Cutter {
    /// Whether quotes tell where records of `text` end.
    pub(super) fn quoted(&self, text: &[u8]) -> bool {
        // In JSON Lines each line end ends a record.
        self.file.format == InputFormat::Csv && memchr(b'"', text).is_some()
    }

    /// Where whole records end in `text`, of which about `size` bytes are wanted; nothing follows it if `whole`. It is
    /// [`Cutter::quoted`], or not.
    pub(super) fn cut(&self, text: &[u8], size: usize, quoted: bool, whole: bool) -> CutPoint {
        // What had to be longer to tell where a record ends is cut where enough of it is told: a quote that is not
        // closed does not make a chunk of all that was read for it.
        let enough = if text.len() > size.max(LARGE) { size } else { text.len() };
        // Without a quote each line end ends a record, as in JSON Lines always: the last one is found from
        // the end.
        if !quoted {
            let end = match memchr(b'\n', &text[enough.saturating_sub(1)..]) {
                Some(length) if enough < text.len() => enough + length,
                _ if whole => text.len(),
                _ => memrchr(b'\n', text).map_or(0, |at| at + 1),
            };
            return CutPoint { end, clean: true };
        }
        // In a longer text a quoted field could be too long, which the masks do not see.
        if text.len() <= LONGEST_QUOTED && enough == text.len() {
            // The masks are quick; the exact scanner below is slower, and is asked only where they cannot
            // tell.
            let Quotes { clean, end } = check_quotes(text, self.delimiter);
            if clean && (!whole || end == text.len()) {
                return CutPoint { end, clean };
            }
        }
        CutPoint { end: end_of_records(text, self.delimiter, whole, enough), clean: false }
    }

    /// Where `text` can be cut, if it is clean: its first `head` bytes are whole records as far as line ends tell, and `rest` is
    /// what [`check_quotes`] says of those behind them. `None` where that does not tell.
    pub(super) fn cut_checked(&self, text: &[u8], head: usize, rest: Quotes) -> Option<CutPoint> {
        // Two clean texts of which the first ends where a record does are clean as one.
        let first = check_quotes(text.get(..head)?, self.delimiter);
        let clean = first.clean && first.end == head && rest.clean && text.len() <= LONGEST_QUOTED.min(LARGE);
        clean.then_some(CutPoint { end: head + rest.end, clean })
    }

    /// Of a text that begins anywhere: behind its first line end, and what [`check_quotes`] says of what follows if a record
    /// begins there.
    pub(super) fn check_behind_line(&self, text: &[u8]) -> Option<(usize, Quotes)> {
        let head = memchr(b'\n', text)? + 1;
        Some((head, check_quotes(&text[head..], self.delimiter)))
    }

    /// The error of a record at byte `offset` that has no end.
    pub(super) fn endless(&self, offset: u64) -> Error {
        let (path, megabytes) = (self.file.path.display(), LONGEST_RECORD >> 20);
        Error::data(format!("{path}: the record at byte {offset} is longer than {megabytes} MiB"))
            .hint("is this a text file with one record a line?")
    }
}
