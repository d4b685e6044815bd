//! Archives: a zip is its members, each a file of its own.
//!
//! # Contract
//! * Members are read where they lie in the archive, as a stream; nothing is unpacked to the disk.
//! * A member that does not come to its checksum is an error, at its end.
//! * What in an archive is no data is left out and told; an archive without data is an error.

use super::super::opened::Opened;
use super::Compression;
use super::content::{Content, content, head_of};
use super::member::ArchiveMember;
use crate::error::{Error, Result};
use crate::input::looks::Looks;
use crate::input::reading::FileReader;
use crate::input::source_file::kind_of;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use zip::{CompressionMethod, ZipArchive};

/// A handle that can be read from any place.
struct Seeking {
    file: FileReader,
    bytes: u64,
}

impl Read for Seeking {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(out)
    }
}

impl Seek for Seeking {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.file.at().checked_add_signed(by),
        };
        let at = at.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        self.file.go_to(at);
        Ok(at)
    }
}

fn opened(file: &Opened) -> Result<ZipArchive<BufReader<Seeking>>> {
    let from = Seeking { file: file.read()?, bytes: file.bytes() };
    ZipArchive::new(BufReader::new(from)).map_err(|cause| {
        Error::data(format!("{} is a zip that cannot be read", file.path().display()))
            .caused_by(cause)
            .hint("it may be damaged or cut short: get it again")
    })
}

/// Checks that a zip is an Excel workbook that can be read.
///
/// # Errors
/// It is another kind of document.
pub(super) fn workbook(file: &Opened) -> Result<()> {
    match document(&opened(file)?) {
        Some(ZipDocument::Workbook) => Ok(()),
        Some(ZipDocument::Other(what, hint)) => {
            Err(Error::data(format!("{} is {what}, which is not supported", file.path().display()))
                .hint(hint))
        }
        None => Err(Error::data(format!(
            "{} is a zip inside another file, which is not supported",
            file.path().display()
        ))
        .hint("unpack it first")),
    }
}

/// What a zip is that is a document and no archive.
enum ZipDocument {
    Workbook,
    Other(&'static str, &'static str),
}

fn document(archive: &ZipArchive<BufReader<Seeking>>) -> Option<ZipDocument> {
    let has = |name: &str| archive.index_for_name(name).is_some();
    if has("xl/workbook.xml") {
        return Some(ZipDocument::Workbook);
    }
    let other = [
        ("xl/workbook.bin", "an Excel file in binary (.xlsb)", "save it as .xlsx or .csv"),
        (
            "word/document.xml",
            "a Word document",
            "records are read from files of text, Parquet, Avro and .xlsx",
        ),
        ("content.xml", "an OpenOffice document (.ods)", "save it as .xlsx or .csv"),
        ("Index/Document.iwa", "an Apple Numbers file", "export it as .xlsx or .csv"),
    ];
    other.iter().find(|(name, ..)| has(name)).map(|(_, what, hint)| ZipDocument::Other(what, hint))
}

/// The data in `file`, in no order, with what is left out, if it is an archive; none where it is not.
///
/// # Errors
/// A data error: the archive is damaged, locked, or without data.
pub(in crate::input) fn members(
    file: &Opened,
    any: bool,
) -> Result<Option<(Vec<ArchiveMember>, Vec<String>)>> {
    if file.member().is_some() || file.looks().has(Looks::SINGLE) {
        return Ok(None);
    }
    if content(&head_of(file)?) != Content::Zip {
        file.note(Looks::SINGLE);
        return Ok(None);
    }
    let mut archive = opened(file)?;
    // A workbook is a zip too, and not an archive: its members are not files of records.
    if document(&archive).is_some() {
        return Ok(None);
    }
    let (mut found, mut left_out) = (vec![], vec![]);
    for i in 0..archive.len() {
        let damaged = |cause| {
            Error::data(format!("{}: its member {} cannot be read", file.path().display(), i + 1))
                .caused_by(cause)
        };
        // Only the directory is asked for, so a member is not unpacked here.
        let member = archive.by_index_raw(i).map_err(damaged)?;
        let name = String::from_utf8_lossy(member.name_raw()).replace('\\', "/");
        // `join` with a name that begins with `/` would drop the path of the archive.
        let path = file.path().join(name.trim_start_matches('/'));
        // macOS puts a shadow of each file into `__MACOSX`.
        let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        if name.ends_with('/') || hidden {
            continue;
        }
        let (format, packed) = kind_of(Path::new(&name));
        // What is compressed inside of a zip is compressed twice, which is not read.
        if format.is_none() && !any || packed != Compression::None {
            left_out.push(name);
            continue;
        }
        if member.encrypted() {
            return Err(
                Error::data(format!("{} is locked by a password", path.display())).hint("unpack it first")
            );
        }
        let compression = match member.compression() {
            CompressionMethod::Stored => Compression::None,
            CompressionMethod::DEFLATE => Compression::Deflate,
            CompressionMethod::BZIP2 => Compression::Bzip2,
            CompressionMethod::ZSTD => Compression::Zstd,
            CompressionMethod::XZ => Compression::Xz,
            other => {
                let what =
                    format!("{} is compressed by a method that is not supported: {other}", path.display());
                return Err(Error::data(what).hint("unpack it first"));
            }
        };
        let Some(start) = member.data_start() else {
            return Err(Error::data(format!("{}: its place in the archive is not known", path.display())));
        };
        let (bytes, crc) = (member.compressed_size(), member.crc32());
        found.push(ArchiveMember { path, start, bytes, compression, crc });
    }
    if found.is_empty() {
        let error = Error::data(format!("{} is a zip without data files", file.path().display()));
        return Err(match left_out.is_empty() {
            true => error,
            false => error.hint(format!("it has {}", left_out.join(", "))).hint(
                "members need a name that ends in .csv .tsv .jsonl .ndjson or .json; or set format = \"csv\"",
            ),
        });
    }
    let notes = match left_out.is_empty() {
        true => vec![],
        false => vec![format!("left out of {}, not data: {}", file.path().display(), left_out.join(", "))],
    };
    Ok(Some((found, notes)))
}

/// The bytes of a member, which have to come to its checksum.
pub(super) struct CheckedMember {
    from: Box<dyn Read + Send>,
    crc: flate2::Crc,
    wanted: u32,
    path: PathBuf,
}

impl CheckedMember {
    pub(super) fn new(from: Box<dyn Read + Send>, wanted: u32, path: &Path) -> CheckedMember {
        CheckedMember { from, crc: flate2::Crc::new(), wanted, path: path.to_path_buf() }
    }
}

impl Read for CheckedMember {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(out)?;
        self.crc.update(&out[..read]);
        // A read into an empty buffer gives 0 too, and is not the end.
        if read == 0 && !out.is_empty() && self.crc.sum() != self.wanted {
            let shown = self.path.display();
            let error = Error::data(format!("{shown} is damaged: its checksum does not match"));
            return Err(std::io::Error::other(error.hint("get the archive again")));
        }
        Ok(read)
    }
}
