//! Patterns: LIKE, regular expressions, and formats of times.

use regex::{Regex, RegexBuilder};

/// A pattern of LIKE.
#[derive(Debug)]
pub struct Likeness(Regex);

impl Likeness {
    /// The pattern `text`: `%` is any text, `_` one character, and what follows `escape` is itself.
    pub fn new(text: &str, escape: Option<char>, any_case: bool) -> Result<Likeness, String> {
        let mut out = String::from(if any_case { "(?is)^" } else { "(?s)^" });
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                c if Some(c) == escape => match rest.next() {
                    Some(next) => out += &regex::escape(next.encode_utf8(&mut [0; 4])),
                    None => return Err(format!("the pattern '{text}' ends with its escape `{c}`")),
                },
                '%' => out += ".*",
                '_' => out.push('.'),
                c => out += &regex::escape(c.encode_utf8(&mut [0; 4])),
            }
        }
        built(&(out + "$")).map(Likeness)
    }

    /// Whether `text` is like it.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The escape of a LIKE: one character, or none.
pub fn escape(text: Option<&str>) -> Result<Option<char>, String> {
    let mut chars = text.ok_or("ESCAPE is followed by one character in quotes")?.chars();
    match (chars.next(), chars.next()) {
        (one, None) => Ok(one),
        _ => Err("ESCAPE is followed by one character in quotes".into()),
    }
}

/// A regular expression, in the syntax of the crate `regex`.
pub fn regex(text: &str, any_case: bool) -> Result<Regex, String> {
    built(&if any_case { format!("(?i){text}") } else { text.to_string() })
}

fn built(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).build().map_err(|error| {
        let why = error.to_string();
        let last = why.lines().last().unwrap_or_default();
        format!("the regular expression cannot be read: {}", last.trim_start_matches("error: "))
    })
}

/// The flags of a replacement.
pub struct Flags {
    /// `i`.
    pub any_case: bool,
    /// `g`.
    pub all: bool,
}

/// Reads `g`, `i` and both.
pub fn flags(text: Option<&str>) -> Result<Flags, String> {
    let mut flags = Flags { any_case: false, all: false };
    for flag in text.unwrap_or_default().chars() {
        match flag {
            'i' => flags.any_case = true,
            'g' => flags.all = true,
            _ => {
                return Err(format!(
                    "the flag `{flag}` is not known: 'i' ignores the case, 'g' replaces all"
                ));
            }
        }
    }
    Ok(flags)
}

/// Whether the flags of a match say that the case of letters is ignored.
pub fn any_case(text: Option<&str>) -> Result<bool, String> {
    match flags(text)? {
        Flags { all: true, .. } => Err("the flag `g` is for regexp_replace".into()),
        Flags { any_case, .. } => Ok(any_case),
    }
}

/// PostgreSQL's `\1` and `\&` of a replacement, as the crate `regex` has them.
pub fn replacement(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('$', _) => out += "$$",
            ('\\', Some(digit @ '0'..='9')) => {
                out += &format!("${{{digit}}}");
                rest.next();
            }
            ('\\', Some('&')) => {
                out += "${0}";
                rest.next();
            }
            ('\\', Some('\\')) => {
                out.push('\\');
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// PostgreSQL's patterns of TO_CHAR and TO_TIMESTAMP, and what strftime has for them; longer ones first.
const POSTGRES: [(&str, &str); 32] = [
    ("FMMonth", "%B"),
    ("FMDay", "%A"),
    ("FMMM", "%-m"),
    ("FMDD", "%-d"),
    ("FMHH24", "%-H"),
    ("FMHH12", "%-I"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("TZH:TZM", "%:z"),
    ("TZHTZM", "%z"),
    ("DDD", "%j"),
    ("Mon", "%b"),
    ("FF1", ""),
    ("FF3", "%3f"),
    ("FF6", "%6f"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
    ("US", "%6f"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("am", "%P"),
    ("pm", "%P"),
    ("Dy", "%a"),
    ("IW", "%V"),
    ("ID", "%u"),
];

/// The format of strftime that means what a pattern of PostgreSQL does.
pub fn strftime(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix('"') {
            let (text, after) = inner.split_once('"').ok_or("a quote in the pattern is not closed")?;
            out += &text.replace('%', "%%");
            rest = after;
            continue;
        }
        if c.is_ascii_alphabetic() {
            let found = POSTGRES.iter().find(|(name, format)| rest.starts_with(name) && !format.is_empty());
            let Some((name, format)) = found else {
                let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
                return Err(format!(
                    "the pattern `{word}` is not known: use YYYY, MM, DD, HH24, HH12, MI, SS, MS, US, AM, Mon, FMMonth, Dy, FMDay, DDD, IYYY, IW, ID, TZH:TZM, and text in double quotes"
                ));
            };
            out += format;
            rest = &rest[name.len()..];
            continue;
        }
        out += if c == '%' { "%%" } else { &rest[..c.len_utf8()] };
        rest = &rest[c.len_utf8()..];
    }
    Ok(out)
}
