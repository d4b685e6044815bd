//! What a store says that it holds.

/// What a store tells of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectState {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its ETag, if the store has one for it.
    pub etag: Option<String>,
    /// When it was changed last, as a server of HTTP writes it.
    pub modified: Option<String>,
}

/// How deep a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All below a prefix.
    All,
    /// What lies directly behind a prefix, and the folders there.
    One,
    /// Whether there is anything: an object, or a few.
    Any,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its name in the bucket.
    pub key: String,
    /// What the store tells of it.
    pub state: ObjectState,
    /// When it was written, in milliseconds since 1970, by the clock of the store.
    pub written: i64,
}

/// What a store holds.
#[derive(Debug, Clone, Default)]
pub struct StoreListing {
    /// Objects, in any order.
    pub objects: Vec<ListedObject>,
    /// The names of folders in the bucket, without a slash at the end; of [`Depth::One`] alone.
    pub folders: Vec<String>,
}

impl StoreListing {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.folders.is_empty()
    }
}
