//! The questions of a walk, answered for the disk and for stores alike.

use super::inputs::Inputs;
use super::places::{PlaceKind, PlaceName, inside, listed, names_of, root, text};
use crate::error::Result;
use crate::store::{Depth, ObjectState, StoreAddress, is_on_store};
use std::path::Path;

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
