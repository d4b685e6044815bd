//! Logs of web servers, as lines of CSV with commas.
//!
//! # Contract
//! * `-` is NULL. The time is written as ISO-8601.
//! * A line that is not one of the format is a record that cannot be read.

use super::Form;
use super::fields::{push_all, push_whole};
use super::form::LOAD_BALANCER;
use super::lines::{ByLine, EachLine, without_end};
use crate::error::{Error, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The columns that load balancers have always written; the others came later.
const LEAST: usize = 25;

/// The fields of a line: with spaces between them, in quotes or brackets where they have some. None where one of these
/// is not closed.
fn fields(line: &[u8], brackets: bool) -> Option<Vec<Vec<u8>>> {
    let mut out = vec![];
    let mut rest = line.trim_ascii();
    while let Some(first) = rest.first() {
        let mut field = vec![];
        match first {
            b'"' => {
                let mut at = 1;
                loop {
                    match (rest.get(at)?, rest.get(at + 1)) {
                        (b'\\', Some(next @ (b'"' | b'\\'))) => {
                            field.push(*next);
                            at += 2;
                        }
                        (b'"', None | Some(b' ')) => break,
                        // A quote inside is escaped by who writes these logs.
                        (b'"', Some(_)) => return None,
                        (c, _) => {
                            field.push(*c);
                            at += 1;
                        }
                    }
                }
                rest = &rest[at + 1..];
            }
            b'[' if brackets => {
                let end = memchr::memchr(b']', rest)?;
                field.extend_from_slice(&rest[1..end]);
                rest = &rest[end + 1..];
            }
            _ => {
                let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
                field.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
            }
        }
        if field == b"-" {
            field.clear();
        }
        out.push(field);
        rest = rest.trim_ascii_start();
    }
    Some(out)
}

/// `10/Oct/2000:13:55:36 -0700` as ISO-8601.
fn instant(text: &[u8]) -> Option<Vec<u8>> {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let (clock, zone) = text.split_at_checked(20)?;
    let punctuation = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':')];
    let digits = |range: std::ops::Range<usize>| clock[range].iter().all(u8::is_ascii_digit);
    let right = punctuation.iter().all(|(at, c)| clock[*at] == *c)
        && [0..2, 7..11, 12..14, 15..17, 18..20].into_iter().all(digits)
        && zone.len() == 6
        && zone[0] == b' '
        && matches!(zone[1], b'+' | b'-')
        && zone[2..].iter().all(u8::is_ascii_digit);
    if !right {
        return None;
    }
    let month = 1 + MONTHS.iter().position(|name| *name == &clock[3..6])?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (year, day, time) = (text(&clock[7..11]), text(&clock[..2]), text(&clock[12..20]));
    let (hours, minutes) = (text(&zone[1..4]), text(&zone[4..6]));
    Some(format!("{year}-{month:02}-{day}T{time}{hours}:{minutes}").into_bytes())
}

/// What format of web servers some lines are in, with its name as a job says it.
pub fn weblog<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<(Form, &'static str)> {
    let mut found = None;
    for line in lines {
        let all = fields(line, true)?;
        let request = all.len() >= 7 && instant(&all[3]).is_some();
        let balanced =
            all.len() >= LEAST && matches!(&*all[0], b"http" | b"https" | b"h2" | b"grpcs" | b"ws" | b"wss");
        let form = match all.len() {
            7 if request => (Form::Common, "common"),
            9 if request => (Form::Combined, "combined"),
            _ if balanced => (Form::LoadBalancer, "alb"),
            _ => return None,
        };
        if found.as_ref().is_some_and(|known| *known != form) {
            return None;
        }
        found = Some(form);
    }
    found
}

/// The common and the combined format: of their fields the fourth is the time and the fifth the request.
struct Requests;

impl EachLine for Requests {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let line = without_end(line);
        if line.trim_ascii().is_empty() {
            out.push(b'\n');
            return Ok(());
        }
        let Some(mut all) = fields(line, true).filter(|all| all.len() >= 7) else {
            push_whole(out, line);
            return Ok(());
        };
        let Some(time) = instant(&all[3]) else {
            push_whole(out, line);
            return Ok(());
        };
        all[3] = time;
        let request = all[4].clone();
        let parts: Vec<&[u8]> = request.split(|c| *c == b' ').collect();
        let parts: [&[u8]; 3] = match parts.as_slice() {
            [method, path, protocol] if protocol.starts_with(b"HTTP/") => [method, path, protocol],
            _ => [b"", b"", b""],
        };
        let (before, after) = all.split_at(5);
        let before = before.iter().map(Vec::as_slice);
        push_all(out, before.chain(parts).chain(after.iter().map(Vec::as_slice)));
        Ok(())
    }
}

/// The text of a log as lines of CSV; the text itself where `form` is not one of those here.
pub(super) fn lines(text: Box<dyn Read + Send>, form: &Form, path: &Path) -> Box<dyn Read + Send> {
    match form {
        Form::Common | Form::Combined => Box::new(ByLine::new(text, Requests, path)),
        Form::LoadBalancer => Box::new(ByLine::new(text, Balanced, path)),
        Form::W3c => Box::new(ByLine::new(text, Extended::new(path), path)),
        Form::Plain | Form::Spaces | Form::Widths(_) | Form::Sheet => text,
    }
}

/// Access logs of load balancers.
struct Balanced;

impl EachLine for Balanced {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let line = without_end(line);
        if line.trim_ascii().is_empty() {
            out.push(b'\n');
            return Ok(());
        }
        match fields(line, false) {
            Some(mut all) if all.len() >= LEAST => {
                all.resize(all.len().max(LOAD_BALANCER.len()), vec![]);
                push_all(out, all.iter().map(Vec::as_slice));
            }
            _ => push_whole(out, line),
        }
        Ok(())
    }
}

/// The extended format of the W3C: IIS, CloudFront.
struct Extended {
    path: PathBuf,
    /// The columns, once `#Fields:` has told them.
    names: Option<Vec<u8>>,
    /// Which of them are `date` and `time`.
    moment: Option<(usize, usize)>,
}

impl Extended {
    pub(super) fn new(path: &Path) -> Extended {
        Extended { path: path.to_path_buf(), names: None, moment: None }
    }

    /// Takes the names of the columns.
    fn fields(&mut self, names: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if let Some(known) = &self.names {
            out.push(b'\n');
            return match known == names {
                true => Ok(()),
                false => Err(Error::data(format!(
                    "{}: its `#Fields:` change from `{}` to `{}`",
                    self.path.display(),
                    String::from_utf8_lossy(known),
                    String::from_utf8_lossy(names)
                ))
                .hint("make a separate file of each part: a file has one set of columns")),
            };
        }
        let mut all: Vec<&[u8]> =
            names.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()).collect();
        let place = |wanted: &[u8]| all.iter().position(|name| *name == wanted);
        self.moment = place(b"date").zip(place(b"time"));
        if self.moment.is_some() {
            all.push(b"datetime");
        }
        self.names = Some(names.to_vec());
        push_all(out, all);
        Ok(())
    }
}

impl EachLine for Extended {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let line = without_end(line);
        if let Some(names) = line.strip_prefix(b"#Fields:") {
            return self.fields(names.trim_ascii(), out);
        }
        if line.starts_with(b"#") || line.trim_ascii().is_empty() {
            out.push(b'\n');
            return Ok(());
        }
        if self.names.is_none() {
            let shown = self.path.display();
            return Err(Error::data(format!(
                "{shown}: records come before a line `#Fields:`, so its columns are not known"
            )));
        }
        let all: Option<Vec<Vec<u8>>> = match line.contains(&b'\t') {
            true => Some(line.split(|c| *c == b'\t').map(<[u8]>::to_vec).collect()),
            false => fields(line, false),
        };
        let Some(mut all) = all else {
            push_whole(out, line);
            return Ok(());
        };
        all.iter_mut().filter(|field| *field == b"-").for_each(Vec::clear);
        if let Some((date, time)) = self.moment {
            // In UTC, as the format has it.
            let of = |i: usize| all.get(i).filter(|field| !field.is_empty());
            let moment =
                of(date).zip(of(time)).map(|(date, time)| [date, b"T".as_slice(), time, b"Z"].concat());
            all.push(moment.unwrap_or_default());
        }
        push_all(out, all.iter().map(Vec::as_slice));
        Ok(())
    }
}
