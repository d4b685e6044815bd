//! The shape of a text file: how the text of its records is got from the bytes on the disk.
//!
//! # Contract
//! * There is one way from bytes to text (`text`), and all who read a text go it: samples, runs, and who counts lines.
//! * The text is a stream: no file is held in memory whole, but for a sheet, which is.
//! * A line of the text is a line of the file, and a row of a sheet. What is no record (a title, a comment, a total) is an
//!   empty line in the text, so that numbers of lines in errors are those that an editor shows.
//! * What cannot be read becomes a record that cannot be read, or an error. It is never left out.

mod archive;
mod drop;
mod encoding;
mod fields;
mod lines;
mod magic;
mod sheet;
#[cfg(test)]
mod tests;
mod weblog;

pub(super) use archive::{Member, members};
pub use encoding::encoding;
pub(super) use magic::found;
pub use sheet::check_range;

use super::documents::{self, Layout, Marks, Stopped};
use crate::error::{Error, Result};
use encoding_rs::Encoding;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

pub use weblog::weblog;

/// Read at once from the disk.
const BLOCK: usize = 256 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, also of several members.
    Gzip,
    /// Zstandard, also of several frames.
    Zstd,
    /// bzip2, also of several streams.
    Bzip2,
    /// xz, also of several streams.
    Xz,
    /// Bare Deflate: a member of a zip.
    Deflate,
}

impl Compression {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => "gzip",
            Compression::Zstd => "Zstandard",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
            Compression::Deflate => "zip",
        }
    }
}

/// What the lines of a text are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Form {
    /// Records, as their format has them.
    #[default]
    Plain,
    /// Fields with spaces or tabs between them, any number.
    Spaces,
    /// Fields of so many characters each.
    Widths(Vec<usize>),
    /// A log of a web server in the common format.
    Common,
    /// One in the combined format.
    Combined,
    /// A log of a load balancer of AWS.
    LoadBalancer,
    /// The extended format of the W3C, with `#Fields:`.
    W3c,
    /// A sheet of an Excel workbook.
    Sheet,
}

impl Form {
    /// What it is, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Form::Plain => "plain text",
            Form::Spaces => "text with spaces between fields",
            Form::Widths(_) => "text with fixed widths",
            Form::Common => "a log in the common format",
            Form::Combined => "a log in the combined format",
            Form::LoadBalancer => "a log of a load balancer",
            Form::W3c => "a log in the extended format of the W3C",
            Form::Sheet => "an Excel workbook",
        }
    }

    /// The names of the columns, where the lines do not have them.
    pub fn columns(&self) -> Option<&'static [&'static str]> {
        match self {
            Form::Common => Some(&weblog::COMMON),
            Form::Combined => Some(&weblog::COMBINED),
            Form::LoadBalancer => Some(&weblog::LOAD_BALANCER),
            _ => None,
        }
    }
}

/// How the text of a file is got from its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// How it is compressed.
    pub compression: Compression,
    /// Of JSON that is not an object a line: how its records are found.
    pub documents: Option<Layout>,
    /// What the unpacked bytes of a member of a zip come to.
    crc: Option<u32>,
    /// Its encoding, where it is not UTF-8.
    pub encoding: Option<&'static Encoding>,
    /// The delimiter that its first line tells: `sep=;`.
    pub sep: Option<u8>,
    /// What its lines are.
    pub form: Form,
    /// What the job says of its lines.
    pub rules: Box<Rules>,
}

/// What the job says of the lines of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Lines before the header.
    pub skip: usize,
    /// What a line that is none begins with.
    pub comment: Option<String>,
    /// Lines at the end that are no records; empty ones do not count.
    pub footer: usize,
    /// What the first line that is no record any more begins with.
    pub until: Option<String>,
    /// What stands before a quote in a quoted field, beside another quote.
    pub escape: Option<u8>,
    /// What stands between fields: needed where quotes are followed.
    pub delimiter: Option<u8>,
    /// The name of a sheet.
    pub sheet: Option<String>,
    /// The cells of it that are read, such as `A3:F200`.
    pub range: Option<String>,
    /// The encoding.
    pub encoding: Option<Said>,
    /// What the lines are, where they are not plain.
    pub form: Option<Form>,
}

/// An encoding that a job says; none is UTF-8.
pub type Said = Option<&'static Encoding>;

impl Rules {
    /// Whether lines are left out or changed.
    pub fn any(&self) -> bool {
        self.skip > 0
            || self.footer > 0
            || self.comment.is_some()
            || self.until.is_some()
            || self.escape.is_some()
    }

    /// Whether they speak of a sheet.
    pub fn of_sheet(&self) -> bool {
        self.sheet.is_some() || self.range.is_some()
    }
}

impl Shape {
    /// Text that is compressed, and nothing else.
    pub fn of(compression: Compression) -> Shape {
        Shape { compression, ..Shape::default() }
    }

    /// The same, with its documents laid out so.
    pub fn with_documents(&self, documents: Option<Layout>) -> Shape {
        Shape { documents, ..self.clone() }
    }

    /// Whether the bytes on the disk are the text.
    pub fn is_plain(&self) -> bool {
        self.compression == Compression::None && self.is_unpacked_only()
    }

    /// Whether the bytes on the disk are the text, or only have to be unpacked by what unpacks and hashes in one pass.
    pub(super) fn is_unpacked_only(&self) -> bool {
        matches!(self.compression, Compression::None | Compression::Gzip | Compression::Zstd)
            && self.is_text()
    }

    /// Whether what is unpacked is the text: then every program that unpacks it reads the same.
    pub fn is_text(&self) -> bool {
        self.crc.is_none()
            && self.encoding.is_none()
            && self.sep.is_none()
            && self.form == Form::Plain
            && !self.rules.any()
            && self.documents.is_none()
    }

    /// Takes what the job says of the file at `path`, after what its first bytes show.
    ///
    /// # Errors
    /// A data error: these do not agree.
    pub fn take(&mut self, rules: &Rules, path: &Path) -> Result<()> {
        let path = path.display();
        if let Some(said) = rules.encoding {
            let name = said.map_or("UTF-8", Encoding::name);
            if let (Some(seen), true) = (self.encoding, self.encoding != said) {
                let seen = seen.name();
                return Err(Error::data(format!(
                    "{path} begins with the byte order mark of {seen}, but `encoding` is {name}"
                ))
                .hint("leave `encoding` out: the byte order mark sets it"));
            }
            self.encoding = said;
        }
        if let Some(form) = &rules.form {
            let sheet = |form: &Form| *form == Form::Sheet;
            if sheet(form) && !sheet(&self.form) {
                return Err(Error::data(format!("{path} is not an Excel workbook (.xlsx)")));
            }
            if self.form != Form::Plain && self.form != *form {
                let (is, said) = (self.form.name(), form.name());
                return Err(Error::data(format!("{path} is {is}, but the job says that it is {said}")));
            }
            self.form = form.clone();
        }
        if rules.of_sheet() && self.form != Form::Sheet {
            return Err(Error::data(format!("{path} is not an Excel workbook: it has no sheets")));
        }
        if self.form == Form::Sheet && rules.escape.is_some() {
            return Err(Error::data(format!("{path} is an Excel workbook: it has no escapes")));
        }
        *self.rules = rules.clone();
        Ok(())
    }

    /// Whether it is a member of a zip.
    pub fn is_member(&self) -> bool {
        self.crc.is_some()
    }

    /// What is done to the text, in words; none where nothing is.
    pub fn words(&self) -> Option<String> {
        let mut out: Vec<String> = vec![];
        out.extend(self.encoding.map(|encoding| format!("its encoding is {}", encoding.name())));
        out.extend(self.sep.map(|sep| format!("its first line sets the delimiter {}", shown(sep))));
        let form = match self.form {
            Form::W3c => Some(
                "a log in the extended format of the W3C: its columns are those of `#Fields:`, and `datetime` of its date and time",
            ),
            _ => None,
        };
        out.extend(form.map(str::to_string));
        (!out.is_empty()).then(|| out.join("; "))
    }
}

/// A delimiter, for people.
pub(super) fn shown(byte: u8) -> String {
    if byte == b'\t' { "tab".into() } else { format!("`{}`", byte as char) }
}

/// The text of the file at `path`, whose bytes `from` gives.
///
/// # Errors
/// The bytes are not what the shape asks for.
pub(super) fn text(
    from: Box<dyn Read + Send>,
    shape: &Shape,
    path: &Path,
) -> std::io::Result<Box<dyn Read + Send>> {
    marked_text(from, shape, path, None)
}

/// As [`text`]; where the records of documents begin is told to `marks`.
///
/// # Errors
/// As of [`text`].
pub(super) fn marked_text(
    from: Box<dyn Read + Send>,
    shape: &Shape,
    path: &Path,
    marks: Option<Marks>,
) -> std::io::Result<Box<dyn Read + Send>> {
    let mut text = decompressed(from, shape.compression)?;
    if let Some(crc) = shape.crc {
        text = Box::new(archive::Checked::new(text, crc, path));
    }
    if shape.form == Form::Sheet {
        text = Box::new(sheet::text(text, &shape.rules, path)?);
    } else if let Some(encoding) = shape.encoding {
        text = Box::new(encoding::Transcoded::new(text, encoding));
    } else if !shape.is_text() && shape.documents.is_none() {
        text = Box::new(encoding::WithoutMark::new(text));
    }
    if shape.rules.any() || shape.sep.is_some() {
        text = Box::new(lines::ByLine::new(text, drop::Drop::new(shape, path), path));
    }
    if let Some(layout) = &shape.documents {
        return Ok(Box::new(documents::Lines::of(text, layout, marks)));
    }
    Ok(match &shape.form {
        Form::Plain | Form::Sheet => text,
        Form::Spaces => Box::new(lines::ByLine::new(text, fields::Spaces, path)),
        Form::Widths(widths) => Box::new(lines::ByLine::new(text, fields::Widths(widths.clone()), path)),
        Form::Common => Box::new(lines::ByLine::new(text, weblog::Requests, path)),
        Form::Combined => Box::new(lines::ByLine::new(text, weblog::Requests, path)),
        Form::LoadBalancer => Box::new(lines::ByLine::new(text, weblog::Balanced, path)),
        Form::W3c => Box::new(lines::ByLine::new(text, weblog::Extended::new(path), path)),
    })
}

/// The error for a text that cannot be read, of a file that is compressed by `kind`, if by anything. Adapters put errors
/// of ours into theirs.
pub(super) fn failed(path: &Path, kind: &str, cause: std::io::Error) -> Error {
    let ours = cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(error) = ours {
        return error.clone();
    }
    let shown = path.display();
    if let Some(Stopped { line, byte, what }) = cause.get_ref().and_then(|inner| inner.downcast_ref()) {
        return Error::data(format!("{shown}, line {line}, byte {byte}: {what}"))
            .hint("a JSON document is read as a whole: nothing after this place can be read");
    }
    match cause.kind() {
        _ if kind.is_empty() => Error::io("read", path, cause),
        ErrorKind::UnexpectedEof => {
            Error::data(format!("{shown} is cut short: its {kind} data ends in the middle"))
                .hint("the file was not copied or written completely; get it again")
        }
        _ => Error::data(format!("{shown} is not a valid {kind} file")).caused_by(cause),
    }
}

/// The bytes of `from`, unpacked.
fn decompressed(
    from: Box<dyn Read + Send>,
    compression: Compression,
) -> std::io::Result<Box<dyn Read + Send>> {
    let buffered = |from| BufReader::with_capacity(BLOCK, from);
    Ok(match compression {
        Compression::None => from,
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(from))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered(from))?),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(from))),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new(buffered(from), true)),
        Compression::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(buffered(from))),
    })
}
