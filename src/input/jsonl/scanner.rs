//! JSON, byte by byte: finds where a value ends and refuses what RFC 8259 refuses.
//!
//! # Contract
//! A cursor accepts what `serde_json` accepts, with one record to a line: a line feed is no blank.
//! Text is UTF-8 already; that is checked for the whole chunk at once.

/// The deepest nesting that is read, the record's own object counted; `serde_json` has the same.
pub(in crate::input) const DEEPEST: usize = 127;

/// The bytes are no JSON; where and why is found out by reading the line again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct InvalidJson;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum JsonKind {
    /// The record does not have it.
    Missing,
    Null,
    True,
    False,
    Number,
    /// A string without escapes.
    Text,
    /// A string with escapes, all of them right.
    Escaped,
    Object,
    Array,
}

/// A value in the chunk: of strings what is between the quotes, of others all of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct Span {
    pub kind: JsonKind,
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub const MISSING: Span = Span { kind: JsonKind::Missing, start: 0, end: 0 };
}

/// A place in a chunk.
pub(in crate::input) struct JsonCursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl JsonCursor<'_> {
    #[inline(always)]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes spaces, tabs and carriage returns.
    #[inline(always)]
    pub fn blanks(&mut self) {
        // One comparison sends most bytes on; control characters are refused by what follows.
        if self.peek().is_some_and(|c| c <= b' ') {
            self.some_blanks();
        }
    }

    #[inline(never)]
    fn some_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes the byte `wanted`.
    #[inline(always)]
    pub fn expect(&mut self, wanted: u8) -> Result<(), InvalidJson> {
        if self.peek() != Some(wanted) {
            return Err(InvalidJson);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes a value, which starts here; `depth` containers are open around it.
    #[inline(always)]
    pub fn value(&mut self, depth: usize) -> Result<Span, InvalidJson> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => return self.string(),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.other_value(depth)?,
        };
        Ok(Span { kind, start, end: self.at })
    }

    #[inline(never)]
    fn other_value(&mut self, depth: usize) -> Result<JsonKind, InvalidJson> {
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.literal(b"true", JsonKind::True),
            Some(b'f') => self.literal(b"false", JsonKind::False),
            Some(b'n') => self.literal(b"null", JsonKind::Null),
            _ => Err(InvalidJson),
        }
    }

    fn literal(&mut self, text: &[u8], kind: JsonKind) -> Result<JsonKind, InvalidJson> {
        if !self.bytes[self.at..].starts_with(text) {
            return Err(InvalidJson);
        }
        self.at += text.len();
        Ok(kind)
    }

    /// Passes a string, whose first quote is here.
    #[inline(always)]
    pub fn string(&mut self) -> Result<Span, InvalidJson> {
        self.expect(b'"')?;
        let start = self.at;
        let mut kind = JsonKind::Text;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Span { kind, start, end: self.at - 1 });
                }
                Some(b'\\') => {
                    kind = JsonKind::Escaped;
                    let (_, length) = escape(&self.bytes[self.at..]).ok_or(InvalidJson)?;
                    self.at += length;
                }
                _ => return Err(InvalidJson),
            }
        }
    }

    #[inline(always)]
    fn number(&mut self) -> Result<JsonKind, InvalidJson> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            // RFC 8259 does not allow digits behind a zero in front.
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(JsonKind::Number)
    }

    /// Passes one digit or more.
    #[inline(always)]
    fn digits(&mut self) -> Result<(), InvalidJson> {
        let start = self.at;
        while let Some(word) = self.bytes.get(self.at..self.at + 8) {
            let found = no_digits(word_of(word));
            if found != 0 {
                self.at += found.trailing_zeros() as usize / 8;
                return if self.at == start { Err(InvalidJson) } else { Ok(()) };
            }
            self.at += 8;
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(InvalidJson) } else { Ok(()) }
    }

    fn object(&mut self, depth: usize) -> Result<JsonKind, InvalidJson> {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(JsonKind::Object);
        }
        loop {
            self.string()?;
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            self.value(depth + 1)?;
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(InvalidJson),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(JsonKind::Object)
    }

    fn array(&mut self, depth: usize) -> Result<JsonKind, InvalidJson> {
        self.enter(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(JsonKind::Array);
        }
        loop {
            self.value(depth + 1)?;
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(InvalidJson),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(JsonKind::Array)
    }

    /// Passes the bracket that opens a container inside of `depth` others.
    fn enter(&mut self, depth: usize) -> Result<(), InvalidJson> {
        // serde_json has the same bound, and the recursion must not use up the stack.
        if depth >= DEEPEST {
            return Err(InvalidJson);
        }
        self.at += 1;
        self.blanks();
        Ok(())
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[inline(always)]
pub(super) fn word_of(bytes: &[u8]) -> u64 {
    // Callers give eight bytes, so the default is never taken.
    u64::from_le_bytes(bytes.try_into().unwrap_or_default())
}

/// The high bits of those of eight bytes that are no digits.
#[inline(always)]
pub(super) fn no_digits(word: u64) -> u64 {
    // A digit's nibbles are 3 and at most 9; without the carry of one byte into the next.
    let low = (word & !HIGHS ^ (ONES * 0x30)) + ONES * (0x80 - 10);
    (low | word) & HIGHS
}

/// How many bytes stand before the first quote, backslash or control character.
#[inline(always)]
pub(super) fn plain(bytes: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        let (blocks, _) = bytes.as_chunks::<16>();
        for (i, block) in blocks.iter().enumerate() {
            let found = ends_of(block);
            if found != 0 {
                return i * 16 + found.trailing_zeros() as usize;
            }
        }
        let done = blocks.len() * 16;
        return done + plain_words(&bytes[done..]);
    }
    #[allow(unreachable_code)]
    plain_words(bytes)
}

/// A bit for each of 16 bytes that is a quote, a backslash or a control character.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ends_of(block: &[u8; 16]) -> i32 {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 is part of x86-64, and the load is of 16 bytes that need no alignment.
    unsafe {
        let x = _mm_loadu_si128(block.as_ptr().cast());
        let quote = _mm_cmpeq_epi8(x, _mm_set1_epi8(b'"' as i8));
        let escape = _mm_cmpeq_epi8(x, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, escape), control))
    }
}

#[inline(always)]
fn plain_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let x = u64::from_le_bytes(*word);
        let zero = |v: u64| v.wrapping_sub(ONES) & !v;
        // The lowest bit of each term is right; those above it may not be (a borrow), nor matter.
        let control = x.wrapping_sub(ONES * 0x20) & !x;
        let found = (zero(x ^ (ONES * b'"' as u64)) | zero(x ^ (ONES * b'\\' as u64)) | control) & HIGHS;
        if found != 0 {
            return i * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let in_rest = rest.iter().position(|&c| c == b'"' || c == b'\\' || c < 0x20);
    words.len() * 8 + in_rest.unwrap_or(rest.len())
}

/// The character of the escape at the start of `bytes`, and how many bytes the escape has; `None`
/// where it is no escape, or half of a surrogate pair.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    Some(match bytes.get(1)? {
        b'"' => ('"', 2),
        b'\\' => ('\\', 2),
        b'/' => ('/', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => match unit(bytes)? {
            high @ 0xd800..0xdc00 => {
                let low = unit(bytes.get(6..)?).filter(|low| (0xdc00..0xe000).contains(low))?;
                (char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 12)
            }
            unit => (char::from_u32(unit)?, 6),
        },
        _ => return None,
    })
}

/// The UTF-16 unit of `\uXXXX` at the start of `bytes`.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &c| Some(unit * 16 + char::from(c).to_digit(16)?))
}

/// Appends what the inside of a string stands for. Its escapes are known to be right.
pub(in crate::input) fn unescape(mut inside: &[u8], out: &mut Vec<u8>) {
    while let Some(next) = memchr::memchr(b'\\', inside) {
        out.extend_from_slice(&inside[..next]);
        // The escapes were checked by `string`, so this does not happen.
        let Some((c, length)) = escape(&inside[next..]) else { break };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        inside = &inside[next + length..];
    }
    out.extend_from_slice(inside);
}
