//! Texts that are not UTF-8.

use crate::error::{Error, Result};
use encoding_rs::{Decoder, DecoderResult, Encoding};
use std::io::Read;

/// The byte that stands in the text for one that its encoding does not have. It is in no UTF-8, so that the record that
/// has it is one that cannot be read.
const UNREADABLE: u8 = 0xff;

/// The encoding of this name; UTF-8 is none that needs one.
///
/// # Errors
/// A job error that names the nearest.
pub fn encoding(label: &str) -> Result<Option<&'static Encoding>> {
    // Which says no order of bytes, and the web takes it for little-endian.
    let lower = label.to_ascii_lowercase();
    let error = || Error::job(format!("unknown encoding `{label}`"));
    if lower == "utf-16" || lower == "utf16" {
        return Err(error()
            .hint("give the byte order: encoding = \"utf-16le\" or \"utf-16be\"")
            .hint("a file that begins with a UTF-16 byte order mark needs no `encoding`"));
    }
    let label = match lower.as_str() {
        "cp1252" | "ansi" => "windows-1252",
        "cp850" | "cp437" | "ibm850" | "ibm437" => {
            return Err(error()
                .hint("DOS encodings are not supported: convert the file with iconv -f CP850 -t UTF-8"));
        }
        label => label,
    };
    match Encoding::for_label(label.as_bytes()) {
        Some(found) if found == encoding_rs::UTF_8 => Ok(None),
        Some(found) if found == encoding_rs::REPLACEMENT || found == encoding_rs::X_USER_DEFINED => Err(error()),
        Some(found) => Ok(Some(found)),
        None => Err(error()
            .nearest(label, ["utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-2", "iso-8859-15", "shift_jis", "gbk", "koi8-r"])
            .hint("use a name of the WHATWG encoding standard, such as windows-1252, utf-16le, iso-8859-15, windows-1251, shift_jis, gbk, big5 or euc-kr")),
    }
}

/// A text in UTF-8, of one that is not.
pub(super) struct Transcoded<R> {
    from: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Of `raw`, what is not decoded yet.
    begin: usize,
    end: usize,
    ended: bool,
    out: Vec<u8>,
    given: usize,
}

impl<R: Read> Transcoded<R> {
    pub(super) fn new(from: R, encoding: &'static Encoding) -> Transcoded<R> {
        let decoder = encoding.new_decoder_with_bom_removal();
        Transcoded {
            from,
            decoder,
            raw: vec![0; 64 << 10],
            begin: 0,
            end: 0,
            ended: false,
            out: vec![],
            given: 0,
        }
    }

    /// Decodes what is read; whether there may be more.
    fn fill(&mut self) -> std::io::Result<bool> {
        if self.ended && self.begin == self.end {
            return Ok(false);
        }
        if self.begin == self.end {
            (self.begin, self.end) = (0, self.from.read(&mut self.raw)?);
            self.ended = self.end == 0;
        }
        self.out.resize(4 * (self.end - self.begin) + 64, 0);
        self.given = 0;
        let mut filled = 0;
        loop {
            let from = &self.raw[self.begin..self.end];
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(from, &mut self.out[filled..], self.ended);
            (self.begin, filled) = (self.begin + read, filled + written);
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => self.out.resize(2 * self.out.len() + 64, 0),
                DecoderResult::Malformed(..) => {
                    if filled == self.out.len() {
                        self.out.push(0);
                    }
                    self.out[filled] = UNREADABLE;
                    filled += 1;
                }
            }
        }
        self.out.truncate(filled);
        Ok(!(self.ended && filled == 0))
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            if !self.fill()? {
                return Ok(0);
            }
        }
        let n = out.len().min(self.out.len() - self.given);
        out[..n].copy_from_slice(&self.out[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// A text without the byte order mark of UTF-8.
pub(super) struct WithoutMark<R> {
    from: R,
    /// What was read to look for the mark; none before that.
    head: Option<(Vec<u8>, usize)>,
}

impl<R: Read> WithoutMark<R> {
    pub(super) fn new(from: R) -> WithoutMark<R> {
        WithoutMark { from, head: None }
    }
}

impl<R: Read> Read for WithoutMark<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.head.is_none() {
            let mut head = vec![];
            self.from.by_ref().take(3).read_to_end(&mut head)?;
            let given = if head == b"\xef\xbb\xbf" { 3 } else { 0 };
            self.head = Some((head, given));
        }
        if let Some((head, given)) = &mut self.head
            && *given < head.len()
        {
            let n = out.len().min(head.len() - *given);
            out[..n].copy_from_slice(&head[*given..*given + n]);
            *given += n;
            return Ok(n);
        }
        self.from.read(out)
    }
}
