//! The files of a source: what a path, folder, glob or list of them stands for, in natural order.
//!
//! # Contract
//! Natural order compares paths component by component, and runs of digits in them as numbers
//! (`day2.csv` before `day10.csv`). It is the order of files in positions, so it may not depend on
//! the order in which a folder lists its files or in which patterns are given.

use super::entries::real_path;
use super::inputs::Inputs;
use super::looks::Looks;
use super::opened::Opened;
use super::recognised::{by_content, recognised};
use super::shape::{self, Compression, Form, Shape};
use super::source_file::{InputFormat, SourceFile, kind_of};
use super::stream::nothing_matches;
use super::table_files::TableFiles;
use super::walk::Walk;
use super::wire_format::{self, Framing};
use super::{documents, patterns};
use crate::batch::Position;
use crate::error::{Error, Result};
use crate::table::SnapshotChoice;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// Files of a store whose first bytes are asked for before they are looked at.
const FILES_AHEAD: usize = 16;

/// From so many files on, several threads look at them.
const MANY: usize = 512;

/// The files of a source, and what there is to tell of them.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The files, in natural path order.
    pub files: Vec<SourceFile>,
    /// What they were found by: files, folders, globs; none where a table is among them.
    pub patterns: Vec<String>,
    /// The tables among the patterns.
    pub tables: TableFiles,
    /// What a reader of these files should know, a sentence each: what is left out, what is not finished.
    pub notes: Vec<String>,
}

/// The files that `patterns` (files, folders, globs) stand for, each once.
///
/// A folder stands for the data files in it and in its subfolders, less those whose names start
/// with `_` or `.`. The format of a file is `format`, or else what its name ends in, or what a part file without an ending
/// holds. What other programs leave in folders is looked at as `folders` says. The folder of a table, or a file of Iceberg's metadata,
/// stands for the files of its current snapshot. What `inputs` writes itself is left out.
///
/// # Errors
/// A pattern that matches nothing, a name that tells no format, an unreadable folder; a named file that is an output of
/// the job.
pub fn expand(patterns: &[String], format: Option<InputFormat>, inputs: &Inputs) -> Result<Expanded> {
    expand_at(patterns, format, SnapshotChoice::Current, inputs)
}

/// As [`expand`]; of tables the files of the snapshot `at`.
///
/// # Errors
/// As of [`expand`]; `at` is given, and a pattern does not name a table.
pub fn expand_at(
    patterns: &[String],
    format: Option<InputFormat>,
    at: SnapshotChoice,
    inputs: &Inputs,
) -> Result<Expanded> {
    let walk = found(patterns, format, at, inputs)?;
    let notes = walk.notes();
    let given = patterns.len();
    // Other engines would read the folder of a table as loose files, so they are told its files one by one.
    let patterns = if walk.tables.is_empty() { patterns.to_vec() } else { vec![] };
    let tables = TableFiles { alone: walk.tables.len() == given, ..walk.table_files };
    let (files, more) = in_order(walk.paths, format, inputs)?;
    Ok(Expanded { files, patterns, tables, notes: [notes, more].concat() })
}

/// The paths of the files that `patterns` stand for, in any order: as of [`expand_at`], but no file is looked at.
///
/// # Errors
/// As of [`expand_at`].
pub fn paths(
    patterns: &[String],
    format: Option<InputFormat>,
    at: SnapshotChoice,
    inputs: &Inputs,
) -> Result<Vec<PathBuf>> {
    found(patterns, format, at, inputs).map(|walk| walk.paths)
}

fn found<'a>(
    patterns: &[String],
    format: Option<InputFormat>,
    at: SnapshotChoice,
    inputs: &'a Inputs,
) -> Result<Walk<'a>> {
    let mut walk = Walk { snapshot: at, ..Walk::new(format, inputs) };
    for pattern in patterns {
        let before = walk.paths.len();
        patterns::expand(pattern, &mut walk)?;
        // A typing error in one of several patterns would leave out data in silence.
        if walk.paths.len() == before {
            let error = nothing_matches(pattern);
            return Err(match walk.only_left_out() {
                true => walk.notes().into_iter().fold(error, Error::hint),
                false => error,
            });
        }
    }
    Ok(walk)
}

/// These files, in natural path order, each once. The format of a file is as in [`expand`].
///
/// # Errors
/// A file that is not there or is a folder, a name that tells no format.
pub fn listed(paths: &[PathBuf], format: Option<InputFormat>, inputs: &Inputs) -> Result<Vec<SourceFile>> {
    // Of two ways to write one file, the one that comes first in natural order stays.
    let mut paths = paths.to_vec();
    paths.sort_by(|a, b| natural_order(a, b));
    in_order(paths, format, inputs).map(|(files, _)| files)
}

/// The files at `paths` in natural order, and what there is to tell of them; the first of those that are the same file.
fn in_order(
    paths: Vec<PathBuf>,
    format: Option<InputFormat>,
    inputs: &Inputs,
) -> Result<(Vec<SourceFile>, Vec<String>)> {
    // Looking at a small file is work of the kernel, so several threads do it; of a store the first bytes are on their way.
    let look = |(i, path): (usize, &PathBuf)| {
        paths.iter().skip(i + FILES_AHEAD).take(1).for_each(|next| inputs.expect_start(next));
        let (opened, notes) = inputs.files(path, format.is_some())?;
        let source = |opened: Opened| (opened.clone(), source_file(opened, format, inputs));
        Ok((opened.into_iter().map(source).collect(), notes))
    };
    // Streams are read in this order: one writer may fill several of them, one after the other.
    paths.iter().try_for_each(|path| inputs.file(path).map(drop))?;
    paths.iter().take(FILES_AHEAD).for_each(|next| inputs.expect_start(next));
    let looked: Vec<Result<(Vec<SeenFile>, Vec<String>)>> = by_threads(&paths, look);
    let mut notes = vec![];
    let mut found: Vec<SeenFile> = Vec::with_capacity(paths.len());
    // The same file may be meant by two patterns, or be written in two ways.
    let mut by_inode: HashMap<(u64, u64), Vec<usize>> = HashMap::with_capacity(paths.len());
    for looked in looked {
        let (files, of_archive) = looked?;
        notes.extend(of_archive);
        for file in files {
            let alike = by_inode.entry(file.0.inode()).or_default();
            if !alike.iter().any(|&known: &usize| is_one(&found[known].0, &file.0)) {
                alike.push(found.len());
                found.push(file);
            }
        }
    }
    // Positions follow this order, so it must not depend on the order of patterns or of folder listings.
    found.sort_by(|a, b| natural_order(a.0.path(), b.0.path()));
    if found.len() > Position::MAX_FILES {
        let most = Position::MAX_FILES;
        return Err(Error::job(format!("{} files in one source; at most {most} are allowed", found.len())));
    }
    let mut files: Vec<SourceFile> = Vec::with_capacity(found.len());
    for (ordinal, (_, file)) in (0..).zip(found) {
        files.push(SourceFile { ordinal, ..file? });
    }
    notes.extend(shapes(&files));
    Ok((files, notes))
}

/// Whether two files of one inode are one: two names on the disk are two files of equal content.
fn is_one(a: &Opened, b: &Opened) -> bool {
    a.path() == b.path() || real_path(a.path()) == real_path(b.path())
}

/// What `look` says of each path and its number, in their order. Of many paths several threads look.
fn by_threads<T: Send>(paths: &[PathBuf], look: impl Fn((usize, &PathBuf)) -> T + Sync) -> Vec<T> {
    let threads = match paths.len() {
        0..MANY => 1,
        _ => std::thread::available_parallelism().map_or(1, NonZero::get),
    };
    let size = paths.len().div_ceil(threads).max(1);
    let of_chunk = |(number, chunk): (usize, &[PathBuf])| -> Vec<T> {
        (number * size..).zip(chunk).map(&look).collect()
    };
    std::thread::scope(|scope| {
        let chunks = paths.chunks(size).enumerate();
        // A machine that gives no thread looks at the files in this one.
        let started = chunks.map(|chunk| match chunk.0 {
            0 => Err(chunk),
            _ => std::thread::Builder::new().spawn_scoped(scope, move || of_chunk(chunk)).map_err(|_| chunk),
        });
        let started: Vec<_> = started.collect();
        let joined = started.into_iter().flat_map(|started| match started {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(chunk) => of_chunk(chunk),
        });
        joined.collect()
    })
}

/// A file that was looked at, and what it is.
type SeenFile = (Opened, Result<SourceFile>);

/// What a file is; its place among the others is not known yet.
fn source_file(opened: Opened, format: Option<InputFormat>, inputs: &Inputs) -> Result<SourceFile> {
    let path = opened.path().to_path_buf();
    let (named, compression) = kind_of(opened.place());
    let declared = format.or(named);
    // What has types is for its own reader to look at.
    let plain = (Shape::of(compression), None);
    let (shape, shown) = match declared.is_none_or(InputFormat::is_text) {
        true if !opened.looks().has(Looks::PLAIN) => {
            let found = shape::found(&opened, compression)?;
            if found == plain {
                opened.note(Looks::PLAIN);
            }
            found
        }
        // What an earlier command saw of the same bytes need not be looked at again.
        _ => plain,
    };
    let by_wire_format = || wire_format::unmistakable(&opened, &shape).then_some(InputFormat::JsonLines);
    let by_content = || match opened.is_stream() || shape.compression != compression {
        true => recognised(&opened, &shape),
        false => by_content(&path, inputs),
    };
    if let (Some(declared), Some(typed)) = (declared, shown.filter(|format| !format.is_text()))
        && declared.is_text()
    {
        return Err(not_text(&opened, typed));
    }
    let sheet = shape.form == Form::Sheet;
    if sheet && declared == Some(InputFormat::JsonLines) {
        return Err(Error::job(format!("{} is an Excel workbook, not JSON", path.display())));
    }
    let Some(format) = declared.or(shown).or_else(by_wire_format).or_else(by_content) else {
        return Err(no_format(&opened));
    };
    if !format.is_text() && (compression != Compression::None || shape.is_member()) {
        let how = if opened.member().is_some() { "a zip" } else { "gzip, Zstandard, bzip2 or xz" };
        return Err(Error::job(format!("{}: {} inside {how} cannot be read", path.display(), format.name()))
            .hint(format!("{} files are compressed inside; unpack this one first", format.name())));
    }
    let looks = opened.looks();
    let documents = match format {
        InputFormat::JsonLines if !looks.has(Looks(Looks::PLAIN.0 | Looks::LINES.0)) => {
            let documents = documents::recognise(&opened, &shape);
            if documents.is_none() && looks.has(Looks::PLAIN) {
                opened.note(Looks::LINES);
            }
            documents
        }
        _ => None,
    };
    let shape = shape.with_documents(documents);
    let (bytes, framing, partition_columns) = (opened.bytes(), Framing::default(), vec![]);
    let ordinal = 0;
    Ok(SourceFile { path, ordinal, format, shape, bytes, framing, partition_columns, unnest: None, opened })
}

fn no_format(opened: &Opened) -> Error {
    let what = if opened.is_stream() { "the content of" } else { "the name of" };
    Error::job(format!("{what} {} does not show the format", opened.place().display()))
        .hint("known endings: .csv .tsv .jsonl .ndjson .json .parquet .avro .xlsx .zip, the text formats also with .gz, .zst, .bz2 or .xz")
        .hint("or name the format: format = \"csv\"")
}

/// The error for a file that is to be text and is not.
fn not_text(opened: &Opened, typed: InputFormat) -> Error {
    let (path, name) = (opened.path().display(), typed.name());
    let (word, article) = (name.to_lowercase(), if typed == InputFormat::Avro { "an" } else { "a" });
    Error::data(format!("{path} is {article} {name} file, not text"))
        .hint(format!("set format = \"{word}\"; or rename it so that it ends in .{word}"))
}

/// What there is to tell of how the texts of files are got from their bytes, a sentence for each kind.
fn shapes(files: &[SourceFile]) -> Vec<String> {
    let mut seen: Vec<(String, &SourceFile, usize)> = vec![];
    for file in files {
        let Some(words) = file.shape.words() else { continue };
        match seen.iter_mut().find(|(known, ..)| *known == words) {
            Some((_, _, more)) => *more += 1,
            None => seen.push((words, file, 0)),
        }
    }
    let note = |(words, file, more): (String, &SourceFile, usize)| match more {
        0 => format!("{}: {words}", file.path.display()),
        more => format!("{} and {more} more: {words}", file.path.display()),
    };
    seen.into_iter().map(note).collect()
}

/// Compares paths component by component, runs of digits by their number.
pub fn natural_order(a: &Path, b: &Path) -> Ordering {
    if let Some((left, right)) = names_in_one_folder(a, b) {
        return natural_text_order(left, right).then_with(|| a.cmp(b));
    }
    let (mut left, mut right) = (a.components(), b.components());
    loop {
        let order = match (left.next(), right.next()) {
            // `day02` and `day2` are equal so far: the order of positions must still tell them apart.
            (None, None) => return a.cmp(b),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(l), Some(r)) => {
                natural_text_order(l.as_os_str().as_encoded_bytes(), r.as_os_str().as_encoded_bytes())
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The names of two files, if their paths are spelled alike up to these: most files that are compared lie beside one another.
fn names_in_one_folder<'p>(a: &'p Path, b: &'p Path) -> Option<(&'p [u8], &'p [u8])> {
    let (a, b) = (a.as_os_str().as_encoded_bytes(), b.as_os_str().as_encoded_bytes());
    let (folder, left) = a.split_at(memchr::memrchr(b'/', a)? + 1);
    let right = b.strip_prefix(folder)?;
    // A path may end in `/`, `.` or `..`, which are not names.
    let is_name = |name: &[u8]| !name.is_empty() && !name.contains(&b'/') && name.iter().any(|c| *c != b'.');
    (is_name(left) && is_name(right)).then_some((left, right))
}

fn natural_text_order(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let order = match (a.first(), b.first()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (number_a, rest_a) = leading_number(a);
                let (number_b, rest_b) = leading_number(b);
                (a, b) = (rest_a, rest_b);
                // Without leading zeros the longer number is the larger.
                number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b))
            }
            (Some(x), Some(y)) => {
                (a, b) = (&a[1..], &b[1..]);
                x.cmp(y)
            }
            // One text has ended here: `None` sorts before all bytes.
            (x, y) => return x.cmp(&y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits that `text` starts with, less leading zeros, and the rest.
fn leading_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let zeros = text[..end].iter().take_while(|&&c| c == b'0').count();
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        folder
    }

    fn names(folder: &tempfile::TempDir, patterns: &[&str], format: Option<InputFormat>) -> Vec<String> {
        let patterns: Vec<String> =
            patterns.iter().map(|p| folder.path().join(p).display().to_string()).collect();
        let files = expand(&patterns, format, &Inputs::default()).unwrap().files;
        assert!(files.iter().enumerate().all(|(i, f)| f.ordinal as usize == i));
        files.iter().map(|f| f.path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
    }

    #[test]
    fn what_threads_look_at_stays_in_order() {
        for count in [0, 1, MANY - 1, MANY, 3 * MANY + 1] {
            let paths: Vec<PathBuf> = (0..count).map(|n| PathBuf::from(n.to_string())).collect();
            let seen = by_threads(&paths, |(number, path)| (number, path.clone()));
            assert_eq!(seen, paths.into_iter().enumerate().collect::<Vec<_>>());
        }
    }

    fn refused(patterns: &[String]) -> String {
        expand(patterns, None, &Inputs::default()).unwrap_err().to_string()
    }

    #[test]
    fn folders_globs_and_lists_in_natural_order() {
        let folder = folder(&[
            "f10.csv",
            "f2.csv",
            "f2.csv.gz",
            "sub/a.jsonl",
            "_highwater/manifest.json",
            ".x.csv",
            "notes.md",
            "p.parquet",
        ]);
        assert_eq!(
            names(&folder, &[""], None),
            ["f2.csv", "f2.csv.gz", "f10.csv", "p.parquet", "sub/a.jsonl"]
        );
        assert_eq!(names(&folder, &["*.csv"], None), ["f2.csv", "f10.csv"]);
        assert_eq!(names(&folder, &["f10.csv", "f*.csv", "sub"], None), ["f2.csv", "f10.csv", "sub/a.jsonl"]);
        assert_eq!(names(&folder, &["notes.md"], Some(InputFormat::JsonLines)), ["notes.md"]);
        assert_eq!(names(&folder, &["s*"], None), ["sub/a.jsonl"]);
    }

    #[test]
    fn natural_order_is_a_total_order_of_numbers() {
        let mut paths = ["a/10", "a/9", "a-b/1", "a/010", "b", "a", "a/9x"].map(PathBuf::from);
        paths.sort_by(|a, b| natural_order(a, b));
        assert_eq!(paths, ["a", "a/9", "a/9x", "a/010", "a/10", "a-b/1", "b"].map(PathBuf::from));
    }

    #[test]
    fn files_of_one_folder_are_ordered_as_all_others() {
        let by_components = |a: &Path, b: &Path| {
            let texts = |path: &Path| -> Vec<Vec<u8>> {
                path.components().map(|c| c.as_os_str().as_encoded_bytes().to_vec()).collect()
            };
            let (left, right) = (texts(a), texts(b));
            let each = left.iter().zip(&right).map(|(l, r)| natural_text_order(l, r));
            let first = each.into_iter().find(|order| *order != Ordering::Equal);
            let ends = left.len().cmp(&right.len()).then_with(|| a.cmp(b));
            first.unwrap_or(ends)
        };
        let names =
            ["", ".", "..", "...", "1", "01", "a", "a1", "a01", "a10", "a/", "a/b", "/a", "./a", "..a", "a."];
        let folders = ["", "a/", "a//", "/", "./", "a/./", "b/"];
        let paths =
            folders.iter().flat_map(|folder| names.map(|name| PathBuf::from(format!("{folder}{name}"))));
        let paths: Vec<PathBuf> = paths.collect();
        for (a, b) in paths.iter().flat_map(|a| paths.iter().map(move |b| (a, b))) {
            assert_eq!(natural_order(a, b), by_components(a, b), "{} {}", a.display(), b.display());
        }
    }

    #[test]
    fn kinds_come_from_names() {
        let kind = |name: &str| kind_of(Path::new(name));
        assert_eq!(kind("x.TSV.zst"), (Some(InputFormat::Csv), Compression::Zstd));
        assert_eq!(kind("x.ndjson"), (Some(InputFormat::JsonLines), Compression::None));
        assert_eq!(kind("x.avro"), (Some(InputFormat::Avro), Compression::None));
        assert_eq!(kind("csv"), (None, Compression::None));
    }

    #[test]
    fn errors_say_what_may_be_meant() {
        let folder = folder(&["pageviews.csv", "data.parquet.gz", "x.txt"]);
        let at = |name: &str| vec![folder.path().join(name).display().to_string()];
        assert!(refused(&at("pageview.csv")).contains("pageviews.csv`?"), "{}", refused(&at("pageview.csv")));
        assert!(refused(&at("*.jsonl")).contains("no file matches"));
        assert!(refused(&at("x.txt")).contains("does not show the format"));
        assert!(refused(&at("data.parquet.gz")).contains("cannot be read"));
        assert!(refused(&at("no/such/dir.csv")).contains("there is no file or folder"));
    }
}
