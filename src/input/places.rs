//! What lies where: on the disk, or on a store, of which listings are kept.
//!
//! # Contract
//! * A store has no folders: a folder is what the names of objects have before a slash.
//! * A listing is asked for once in a command. All below a folder takes a request for each 1,000 objects, however many
//!   folders they lie in.
//! * An empty object with the name of a folder is that folder: consoles make such marks.

use super::inputs::Inputs;
use crate::error::{Error, Kind, Result};
use crate::store;
use crate::store::{Depth, ObjectState, StoreAddress, StoreKind, StoreListing, is_on_store};
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
    objects: BTreeMap<String, ObjectState>,
    /// All objects whose paths begin with one of these are known.
    whole: Vec<String>,
    /// What lies in folders of which no more is known.
    folders: HashMap<String, Vec<PlaceName>>,
    /// The addresses of files of servers, by the names that have no credentials.
    pub(super) addresses: HashMap<PathBuf, StoreAddress>,
    /// Whether anything lies below a path.
    below: HashMap<String, bool>,
}

impl KnownPlaces {
    fn knows_all(&self, prefix: &str) -> bool {
        self.whole.iter().any(|known| prefix.starts_with(known.as_str()))
    }

    fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a ObjectState)> {
        let from = self.objects.range(prefix.to_string()..);
        from.map(|(path, state)| (path.as_str(), state)).take_while(move |(path, _)| path.starts_with(prefix))
    }

    /// Takes a listing of the store at `root`.
    fn take(&mut self, root: &str, listing: &StoreListing) {
        let path = |key: &str| format!("{root}/{key}");
        self.objects.extend(listing.objects.iter().map(|object| (path(&object.key), object.state.clone())));
    }

    /// What lies in a folder, of the objects that begin with `prefix`, which begins with that of the folder.
    fn names(&self, folder: &str, prefix: &str) -> Vec<PlaceName> {
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
fn inside(folder: &str) -> String {
    format!("{}/", folder.trim_end_matches('/'))
}

fn text(path: &Path) -> &str {
    // Addresses are text, or they would not be addresses.
    path.to_str().unwrap_or_default()
}

impl Inputs {
    /// What a path leads to, links followed.
    ///
    /// # Errors
    /// The store does not say.
    pub(super) fn kind_of(&self, path: &Path) -> Result<PlaceKind> {
        let Some(address) = StoreAddress::of(path) else {
            return Ok(match path.metadata() {
                Ok(there) if there.is_dir() => PlaceKind::Folder,
                Ok(_) => PlaceKind::File,
                Err(_) => PlaceKind::Nothing,
            });
        };
        if address.can_list() && address.key().is_empty() {
            return Ok(PlaceKind::Folder);
        }
        let known = self.places().knows_all(text(path));
        if known && self.places().objects.get(text(path)).is_none_or(|state| state.bytes == 0) {
            let below = self.places().starting_with(&inside(text(path))).next().is_some();
            return Ok(match below {
                true => PlaceKind::Folder,
                false if self.places().objects.contains_key(text(path)) => PlaceKind::File,
                false => PlaceKind::Nothing,
            });
        }
        match self.object(path)? {
            Some(_) => Ok(PlaceKind::File),
            None if self.is_folder(path) => Ok(PlaceKind::Folder),
            None => Ok(PlaceKind::Nothing),
        }
    }

    /// Whether a path leads to a folder. A store that does not say has none there.
    pub fn is_folder(&self, path: &Path) -> bool {
        let Some(address) = StoreAddress::of(path) else { return path.is_dir() };
        let prefix = inside(text(path));
        if !address.can_list() {
            return false;
        }
        if self.places().knows_all(&prefix) {
            return self.places().starting_with(&prefix).next().is_some();
        }
        let known = self.places().below.get(&prefix).copied();
        known.unwrap_or_else(|| {
            let found = listed(&prefix, Depth::Any).is_ok_and(|listing| !listing.is_empty());
            self.places().below.insert(prefix, found);
            found
        })
    }

    /// Learns all that lies below a folder of a store, if it is one.
    ///
    /// # Errors
    /// The store does not say.
    pub(super) fn learn(&self, folder: &Path) -> Result<()> {
        match is_on_store(folder) {
            true => self.learn_all(&inside(text(folder))),
            false => Ok(()),
        }
    }

    fn learn_all(&self, prefix: &str) -> Result<()> {
        if self.places().knows_all(prefix) {
            return Ok(());
        }
        let listing = listed(prefix, Depth::All)?;
        let mut places = self.places();
        places.take(root(prefix), &listing);
        places.whole.push(prefix.to_string());
        Ok(())
    }

    /// What lies in the folder of a store where a glob begins, as far as it begins with `fixed`: all below these names is
    /// learned too if `deep`.
    ///
    /// # Errors
    /// The store does not say.
    pub(super) fn beginning_with(&self, folder: &Path, fixed: &str, deep: bool) -> Result<Vec<PlaceName>> {
        let (folder, prefix) = (inside(text(folder)), format!("{}{fixed}", inside(text(folder))));
        if deep || self.places().knows_all(&prefix) {
            self.learn_all(&prefix)?;
            return Ok(self.places().names(&folder, &prefix));
        }
        let listing = listed(&prefix, Depth::One)?;
        self.places().take(root(&prefix), &listing);
        Ok(names_of(&folder, &listing))
    }

    /// What lies in a folder of a store.
    ///
    /// # Errors
    /// The store does not say.
    pub(super) fn names_in(&self, folder: &Path) -> Result<Vec<PlaceName>> {
        let prefix = inside(text(folder));
        if self.places().knows_all(&prefix) {
            return Ok(self.places().names(&prefix, &prefix));
        }
        if let Some(known) = self.places().folders.get(&prefix) {
            return Ok(known.clone());
        }
        let listing = listed(&prefix, Depth::One)?;
        let names = names_of(&prefix, &listing);
        let mut places = self.places();
        places.take(root(&prefix), &listing);
        places.folders.insert(prefix, names.clone());
        Ok(names)
    }

    /// The names in a folder of any kind; none where it cannot be read.
    pub(super) fn names(&self, folder: &Path) -> Vec<String> {
        if is_on_store(folder) {
            let found = self.names_in(folder).unwrap_or_default();
            return found.into_iter().map(|(name, _)| name).collect();
        }
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// What a listing told of an object.
    pub(super) fn listed_state(&self, path: &Path) -> Option<ObjectState> {
        self.places().objects.get(text(path)).cloned()
    }
}

/// What a listing by [`Depth::One`] has in a folder.
fn names_of(folder: &str, listing: &StoreListing) -> Vec<PlaceName> {
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
fn root(path: &str) -> &str {
    let from = path.find("://").map_or(0, |at| at + 3);
    &path[..path[from..].find('/').map_or(path.len(), |end| from + end)]
}

fn listed(prefix: &str, depth: Depth) -> Result<StoreListing> {
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

/// The error for a pattern on a store that stands for nothing.
pub(super) fn nothing_on_store(pattern: &str, address: &StoreAddress) -> Error {
    let shown = address.path();
    let shown = shown.display();
    if address.kind() == StoreKind::Web {
        return Error::job(format!("there is no file {shown}"))
            .hint("the server said 404: is the address right, and is it public?");
    }
    if super::patterns::has_wildcards(pattern) {
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
