//! How the text of a file is got from its bytes: compression, encoding, form.

use crate::error::{Error, Result};
use crate::input::documents::RecordPath;
use encoding_rs::Encoding;
use std::path::Path;

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
    /// The names that a job has for the formats that become lines of CSV as they are read.
    pub const NAMED: [(&str, Form); 6] = [
        ("xlsx", Form::Sheet),
        ("common", Form::Common),
        ("combined", Form::Combined),
        ("w3c", Form::W3c),
        ("cloudfront", Form::W3c),
        ("alb", Form::LoadBalancer),
    ];

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
            Form::Common => Some(&COMMON),
            Form::Combined => Some(&COMBINED),
            Form::LoadBalancer => Some(&LOAD_BALANCER),
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
    pub documents: Option<RecordPath>,
    /// What the unpacked bytes of a member of a zip come to.
    pub(in crate::input) crc: Option<u32>,
    /// Its encoding, where it is not UTF-8.
    pub encoding: Option<&'static Encoding>,
    /// The delimiter that its first line tells: `sep=;`.
    pub sep: Option<u8>,
    /// What its lines are.
    pub form: Form,
    /// What the job says of its lines.
    pub rules: Box<LineRules>,
}

/// What the job says of the lines of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineRules {
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
    pub encoding: Option<DeclaredEncoding>,
    /// What the lines are, where they are not plain.
    pub form: Option<Form>,
}

/// An encoding that a job says; none is UTF-8.
pub type DeclaredEncoding = Option<&'static Encoding>;

impl LineRules {
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
    pub fn with_documents(&self, documents: Option<RecordPath>) -> Shape {
        Shape { documents, ..self.clone() }
    }

    /// Whether the bytes on the disk are the text.
    pub fn is_plain(&self) -> bool {
        self.compression == Compression::None && self.is_unpacked_only()
    }

    /// Whether the bytes on the disk are the text, or only have to be unpacked by what unpacks and hashes in one pass.
    pub(in crate::input) fn is_unpacked_only(&self) -> bool {
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
    pub fn take(&mut self, rules: &LineRules, path: &Path) -> Result<()> {
        let path = path.display();
        if let Some(declared) = rules.encoding {
            let name = declared.map_or("UTF-8", Encoding::name);
            if let (Some(seen), true) = (self.encoding, self.encoding != declared) {
                let seen = seen.name();
                return Err(Error::data(format!(
                    "{path} begins with the byte order mark of {seen}, but `encoding` is {name}"
                ))
                .hint("leave `encoding` out: the byte order mark sets it"));
            }
            self.encoding = declared;
        }
        if let Some(form) = &rules.form {
            let sheet = |form: &Form| *form == Form::Sheet;
            if sheet(form) && !sheet(&self.form) {
                return Err(Error::data(format!("{path} is not an Excel workbook (.xlsx)")));
            }
            if self.form != Form::Plain && self.form != *form {
                let (is, declared) = (self.form.name(), form.name());
                return Err(Error::data(format!("{path} is {is}, but the job says that it is {declared}")));
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

/// The columns of the common format.
pub(in crate::input) const COMMON: [&str; 10] =
    ["host", "ident", "user", "time", "request", "method", "path", "protocol", "status", "bytes"];

/// The columns of the combined format.
pub(in crate::input) const COMBINED: [&str; 12] = [
    "host",
    "ident",
    "user",
    "time",
    "request",
    "method",
    "path",
    "protocol",
    "status",
    "bytes",
    "referer",
    "user_agent",
];

/// The columns of the access logs of an application load balancer, as AWS documents them.
pub(in crate::input) const LOAD_BALANCER: [&str; 33] = [
    "type",
    "time",
    "elb",
    "client",
    "target",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
    "transformed_host",
    "transformed_uri",
    "request_transform_status",
];

/// A delimiter, for people.
pub(in crate::input) fn shown(byte: u8) -> String {
    if byte == b'\t' { "tab".into() } else { format!("`{}`", byte as char) }
}
