//! What a pattern stands for: a file, a folder, or what a glob matches.
//!
//! # Contract
//! * Globs are those of a shell: `*`, `?` and `[…]` within one name, `**` for folders of any depth, none included. A
//!   `**` at the end stands for the folders that it matches, each with all that is in it.
//! * A name that begins with a dot is matched by a dot alone, and nothing matches what lies below `_highwater`.
//! * Names are matched as text: one that is not UTF-8 is left out, and told.

use super::entries::{EntryKind, FolderEntry, FolderStep, STATE_FOLDER, is_hidden};
use super::places::{PlaceKind, has_wildcards};
use super::stream;
use super::walk::Walk;
use crate::error::{Error, Result};
use crate::store::StoreAddress;
use crate::table::SnapshotChoice;
use glob::{MatchOptions, Pattern};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// As in a shell, a name that starts with a dot is matched by a dot alone.
const DOTS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// One part of a glob, between slashes.
enum Segment {
    /// A name without wildcards.
    Literal(String),
    /// A name with some.
    Name(Pattern),
    /// `**`: any number of folders.
    Tree,
}

/// Adds to `walk` what `pattern` stands for, which may be nothing.
///
/// # Errors
/// A glob that is none; a folder that cannot be read; a link that leads nowhere.
pub(super) fn expand(pattern: &str, walk: &mut Walk) -> Result<()> {
    let path = Path::new(pattern);
    if stream::is_stdin(path) {
        return walk.named(path);
    }
    if let Some(address) = StoreAddress::of(path) {
        if address.can_list() && !has_wildcards(pattern) && walk.table(path)? {
            return Ok(());
        }
        only_of_tables(pattern, walk)?;
        return on_store(pattern, &address, walk);
    }
    if walk.table(path)? {
        return Ok(());
    }
    only_of_tables(pattern, walk)?;
    // A file may have `*` or `[` in its name: what exists is taken before the text is read as a glob.
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => return walk.folder(path),
        Ok(_) => return walk.named(path),
        Err(cause) => {
            let missing = matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
            // A link that leads nowhere is an entry all the same: it is an error, and not a glob without a
            // match.
            if !missing || path.symlink_metadata().is_ok() {
                return Err(stream::not_there(path, cause));
            }
        }
    }
    // A member of an archive.
    if walk.inputs.has(path) {
        return walk.named(path);
    }
    if !has_wildcards(pattern) {
        return Ok(());
    }
    let plain = pattern.trim_start_matches("./");
    let parts: Vec<&str> = plain.split('/').filter(|part| !part.is_empty()).collect();
    // Folders in front of the first wildcard are not listed: that may be forbidden, and costs time.
    let literal = parts.iter().take_while(|part| !has_wildcards(part)).count();
    let mut base = PathBuf::from(if plain.starts_with('/') { "/" } else { "" });
    base.extend(&parts[..literal]);
    let segments = segments(pattern, &parts[literal..])?;
    match walk.place(&base)? {
        Some(place) => walk.matches(&place, &segments),
        None => Ok(()),
    }
}

/// Refuses to read a snapshot of what is not a table.
fn only_of_tables(pattern: &str, walk: &Walk) -> Result<()> {
    match walk.snapshot {
        SnapshotChoice::Current => Ok(()),
        _ => Err(Error::job(format!("`snapshot` is of a table, and {pattern} is not one"))
            .hint("a table is named by its folder, or by a file of Iceberg's metadata")),
    }
}

/// The parts of a glob from its first wildcard on.
fn segments(pattern: &str, parts: &[&str]) -> Result<Vec<Segment>> {
    let wrong = |e: glob::PatternError| {
        Error::job(format!("`{pattern}` is not a glob"))
            .caused_by(e.msg)
            .hint("`*`, `?` and `[…]` are special; write `[*]` for the character itself")
    };
    Pattern::new(pattern).map_err(wrong)?;
    let segments = parts.iter().map(|part| segment(part)).collect::<std::result::Result<Vec<_>, _>>();
    let mut segments = segments.map_err(wrong)?;
    // Of a slash at the end: folders alone.
    if pattern.ends_with('/') {
        segments.push(Segment::Tree);
    }
    // `**/**` means the same as `**`, but would match each file in several ways.
    segments.dedup_by(|a, b| matches!((a, b), (Segment::Tree, Segment::Tree)));
    Ok(segments)
}

/// Adds to `walk` what `pattern`, an address of a store, stands for.
fn on_store(pattern: &str, address: &StoreAddress, walk: &mut Walk) -> Result<()> {
    let path = Path::new(pattern);
    if !address.can_list() {
        // In addresses of servers `?` begins the query, and they have no listing that a glob could be matched with.
        if address.key().split('?').next().is_some_and(|path| path.contains('*')) {
            let shown = address.path();
            return Err(Error::job(format!(
                "{}: a server cannot be asked what files it has",
                shown.display()
            ))
            .hint("name each file: path = [\"https://…\", \"https://…\"]"));
        }
        return match walk.inputs.has(path) {
            true => walk.named(path),
            // Why there is nothing the server has said.
            false => walk.inputs.file(path).map(drop),
        };
    }
    let wild = has_wildcards(pattern);
    let kind = match walk.inputs.kind_of(path) {
        // Who may list may not be allowed to look at any name.
        Err(_) if wild => PlaceKind::Nothing,
        kind => kind?,
    };
    match kind {
        PlaceKind::Folder => return walk.folder(Path::new(pattern.trim_end_matches('/'))),
        PlaceKind::File => return walk.named(path),
        PlaceKind::Nothing if walk.inputs.has(path) => return walk.named(path),
        PlaceKind::Nothing if !wild => return Ok(()),
        PlaceKind::Nothing => {}
    }
    let parts: Vec<&str> = address.key().split('/').filter(|part| !part.is_empty()).collect();
    let literal = parts.iter().take_while(|part| !has_wildcards(part)).count();
    let mut base = PathBuf::from(address.root());
    base.extend(&parts[..literal]);
    let segments = segments(pattern, &parts[literal..])?;
    let Some(place) = walk.place(&base)? else { return Ok(()) };
    // What stands before the first wildcard bounds what is listed.
    let first = parts[literal];
    let fixed = &first[..first.find(['*', '?', '[']).unwrap_or(first.len())];
    let names = walk.inputs.beginning_with(&base, fixed, segments.len() > 1 || first == "**")?;
    walk.matching = Some((base, names));
    let matched = walk.matches(&place, &segments);
    // Another pattern may ask for more of the same folder.
    walk.matching = None;
    matched
}

fn segment(part: &str) -> std::result::Result<Segment, glob::PatternError> {
    Ok(match part {
        "**" => Segment::Tree,
        part if has_wildcards(part) => Segment::Name(Pattern::new(part)?),
        part => Segment::Literal(part.to_string()),
    })
}

impl Walk<'_> {
    /// Where a glob begins; none where nothing of it is read.
    fn place(&mut self, base: &Path) -> Result<Option<FolderStep>> {
        let Some(place) = FolderStep::of_folder(base)? else { return Ok(None) };
        let state = base.components().any(|part| part.as_os_str() == STATE_FOLDER);
        Ok((!state && !self.is_own(&place)).then_some(place))
    }

    /// Adds what `segments` match in the folder at `place`.
    fn matches(&mut self, place: &FolderStep, segments: &[Segment]) -> Result<()> {
        let Some((first, rest)) = segments.split_first() else { return Ok(()) };
        if let (Segment::Tree, []) = (first, rest) {
            return self.folder(&place.path);
        }
        // `**` matches zero folders too, so the rest of the pattern is tried here as well.
        if let Segment::Tree = first {
            self.matches(place, rest)?;
        }
        if let Segment::Literal(name) = first {
            // Beside names of entries it may be `..`, which is not among them.
            return match self.entry(place, name.as_ref())? {
                Some(entry) => self.go_on(entry, segments, rest),
                None => Ok(()),
            };
        }
        for entry in self.entries(place)? {
            let name = entry.name();
            let fits = match first {
                Segment::Name(pattern) => pattern.matches_with(&name, DOTS),
                _ => entry.kind == EntryKind::Folder && !name.starts_with('.'),
            };
            if fits {
                self.go_on(entry, segments, rest)?;
            }
        }
        Ok(())
    }

    /// Goes on with an entry that the first of `segments` matches.
    fn go_on(&mut self, entry: FolderEntry, segments: &[Segment], rest: &[Segment]) -> Result<()> {
        if entry.place.path.file_name().is_some_and(|name| name == STATE_FOLDER) || self.leaves_out(&entry) {
            return Ok(());
        }
        match (&entry.kind, &segments[0]) {
            (EntryKind::Folder, Segment::Tree) => self.matches(&entry.place, segments),
            (EntryKind::Folder, _) if matches!(rest, [Segment::Tree]) && is_hidden(&entry.place.path) => {
                Ok(())
            }
            (EntryKind::Folder, _) if !rest.is_empty() => self.matches(&entry.place, rest),
            (EntryKind::Folder, _) if is_hidden(&entry.place.path) => Ok(()),
            (EntryKind::Folder, _) => self.folder(&entry.place.path),
            _ if rest.is_empty() => self.matched(entry),
            _ => Ok(()),
        }
    }
}
