//! What lies where: on the disk, or on a store, of which listings are kept.
//!
//! # Contract
//! * A store has no folders: a folder is what the names of objects have before a slash.
//! * A listing is asked for once in a command. All below a folder takes a request for each 1,000 objects, however many
//!   folders they lie in.
//! * An empty object with the name of a folder is that folder: consoles make such marks.

use crate::error::{Error, Kind, Result};
use crate::store;
use crate::store::{Depth, ObjectState, StoreAddress, StoreKind, StoreListing};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceKind {
    File,
    Folder,
    Nothing,
}

/// The name of what lies in a folder, and whether it is one.
pub(super) type PlaceName = (String, PlaceKind);

/// What is known of stores.
#[derive(Debug, Default)]
pub(super) struct KnownPlaces {
    /// Objects by path.
    pub(super) objects: BTreeMap<String, ObjectState>,
    /// All objects whose paths begin with one of these are known.
    pub(super) whole: Vec<String>,
    /// What lies in folders of which no more is known.
    pub(super) folders: HashMap<String, Vec<PlaceName>>,
    /// The addresses of files of servers, by the names that have no credentials.
    pub(super) addresses: HashMap<PathBuf, StoreAddress>,
    /// Whether anything lies below a path.
    pub(super) below: HashMap<String, bool>,
}

impl KnownPlaces {
    pub(super) fn knows_all(&self, prefix: &str) -> bool {
        self.whole.iter().any(|known| prefix.starts_with(known.as_str()))
    }

    pub(super) fn starting_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a ObjectState)> {
        let from = self.objects.range(prefix.to_string()..);
        from.map(|(path, state)| (path.as_str(), state)).take_while(move |(path, _)| path.starts_with(prefix))
    }

    /// Takes a listing of the store at `root`.
    pub(super) fn take(&mut self, root: &str, listing: &StoreListing) {
        let path = |key: &str| format!("{root}/{key}");
        self.objects.extend(listing.objects.iter().map(|object| (path(&object.key), object.state.clone())));
    }

    /// What lies in a folder, of the objects that begin with `prefix`, which begins with that of the folder.
    pub(super) fn names(&self, folder: &str, prefix: &str) -> Vec<PlaceName> {
        let (mut folders, mut files) = (BTreeSet::new(), vec![]);
        for (path, state) in self.starting_with(prefix) {
            match path[folder.len()..].split_once('/') {
                Some((name, _)) => drop(folders.insert(name)),
                None => files.push((&path[folder.len()..], state)),
            }
        }
        // An object and a folder of one name are both there, but for the mark of a folder.
        let files = files.into_iter().filter(|(name, state)| state.bytes > 0 || !folders.contains(name));
        let files = files.map(|(name, _)| (name.to_string(), PlaceKind::File));
        files.chain(folders.iter().map(|name| (name.to_string(), PlaceKind::Folder))).collect()
    }
}

/// The path of a folder as the beginning of the paths in it.
pub(super) fn inside(folder: &str) -> String {
    format!("{}/", folder.trim_end_matches('/'))
}

pub(super) fn text(path: &Path) -> &str {
    // Addresses are text, or they would not be addresses.
    path.to_str().unwrap_or_default()
}

/// What a listing by [`Depth::One`] has in a folder.
pub(super) fn names_of(folder: &str, listing: &StoreListing) -> Vec<PlaceName> {
    let root = root(folder);
    let name = |key: &str| {
        let path = format!("{root}/{key}");
        // The mark of the folder itself is not in it.
        path.strip_prefix(folder).filter(|name| !name.is_empty()).map(str::to_string)
    };
    let folders: BTreeSet<String> = listing.folders.iter().filter_map(|key| name(key)).collect();
    let files = listing.objects.iter().filter_map(|object| Some((name(&object.key)?, object.state.bytes)));
    let files = files.filter(|(name, bytes)| *bytes > 0 || !folders.contains(name));
    let files: Vec<PlaceName> = files.map(|(name, _)| (name, PlaceKind::File)).collect();
    files.into_iter().chain(folders.into_iter().map(|name| (name, PlaceKind::Folder))).collect()
}

/// The part of the path of an object before its name in the bucket.
pub(super) fn root(path: &str) -> &str {
    let from = path.find("://").map_or(0, |at| at + 3);
    &path[..path[from..].find('/').map_or(path.len(), |end| from + end)]
}

pub(super) fn listed(prefix: &str, depth: Depth) -> Result<StoreListing> {
    match StoreAddress::of(Path::new(prefix)) {
        Some(address) => store::list(&address, depth),
        None => Err(Error::fault(format!("{prefix} is not on a store"))),
    }
}

/// The folder that holds a path; none where it is a store's own.
pub(super) fn folder_of(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    match StoreAddress::of(path) {
        Some(address) => (!address.key().is_empty()).then(|| parent.to_path_buf()),
        None => Some(parent.to_path_buf()),
    }
}

/// Whether a path is a glob.
pub(super) fn has_wildcards(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The error for a pattern on a store that stands for nothing.
pub(super) fn nothing_on_store(pattern: &str, address: &StoreAddress) -> Error {
    let shown = address.path();
    let shown = shown.display();
    if address.kind() == StoreKind::Web {
        return Error::job(format!("there is no file {shown}"))
            .hint("the server said 404: is the address right, and is it public?");
    }
    if has_wildcards(pattern) {
        return Error::job(format!("no file matches {shown}"));
    }
    let error = Error::job(format!("there is no file or folder {shown}"));
    let Some(folder) = folder_of(Path::new(pattern)) else { return error };
    let prefix = inside(text(&folder));
    let listing = match listed(&prefix, Depth::One) {
        Ok(listing) => listing,
        // There is no such bucket.
        Err(cause) if cause.kind() == Kind::Job => return cause,
        Err(_) => return error,
    };
    let near: Vec<String> =
        names_of(&prefix, &listing).into_iter().map(|(name, _)| format!("{prefix}{name}")).collect();
    match near.is_empty() {
        true => error.hint(format!("there is nothing below {}", folder.display())),
        false => error.nearest(pattern.trim_end_matches('/'), near.iter().map(String::as_str)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ListedObject;

    fn listing(keys: &[(&str, u64)], folders: &[&str]) -> StoreListing {
        let object = |(key, bytes): &(&str, u64)| ListedObject {
            key: key.to_string(),
            state: ObjectState { bytes: *bytes, ..ObjectState::default() },
            written: 0,
        };
        StoreListing {
            objects: keys.iter().map(object).collect(),
            folders: folders.iter().map(|name| name.to_string()).collect(),
        }
    }

    #[test]
    fn folders_are_what_names_have_before_a_slash() {
        let mut known = KnownPlaces::default();
        known.take(
            "s3://b",
            &listing(
                &[("a/x.csv", 1), ("a/c", 0), ("a/c/y.csv", 2), ("a/d", 3), ("a/d/z", 1), ("ab", 1)],
                &[],
            ),
        );
        let mut names = known.names("s3://b/a/", "s3://b/a/");
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let of = |name: &str, kind| (name.to_string(), kind);
        let (file, folder) = (PlaceKind::File, PlaceKind::Folder);
        assert_eq!(names, [of("c", folder), of("d", file), of("d", folder), of("x.csv", file)]);
        assert_eq!(known.names("s3://b/a/", "s3://b/a/x"), [of("x.csv", file)]);
        let one = listing(&[("a", 0), ("a/x.csv", 1), ("a/c", 0)], &["a/c"]);
        assert_eq!(names_of("s3://b/a/", &one), [of("x.csv", file), of("c", folder)]);
    }

    #[test]
    fn what_was_listed_is_known_and_nothing_else() {
        let known = KnownPlaces { whole: vec!["s3://b/a/d=".into()], ..KnownPlaces::default() };
        assert!(known.knows_all("s3://b/a/d=1/"));
        assert!(!known.knows_all("s3://b/a/") && !known.knows_all("s3://b/a/e/"));
    }

    #[test]
    fn a_bucket_lies_in_no_folder() {
        assert_eq!(folder_of(Path::new("s3://b/a/x")), Some(PathBuf::from("s3://b/a")));
        assert_eq!(folder_of(Path::new("s3://b/x")), Some(PathBuf::from("s3://b")));
        assert_eq!(folder_of(Path::new("s3://b")), None);
        assert_eq!(root("s3://b/a/x"), "s3://b");
    }
}
