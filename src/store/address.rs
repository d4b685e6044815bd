//! Addresses of files that lie on a store: `s3://bucket/key`, and its like.

use crate::secret::without_secrets;
use std::fmt;
use std::path::{Path, PathBuf};

/// The kinds of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// S3, and what speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage and Data Lake.
    Azure,
    /// A server of HTTP: files that are named one by one.
    Web,
}

/// What addresses begin with.
const SCHEMES: [(&str, StoreKind); 9] = [
    ("s3", StoreKind::S3),
    ("s3a", StoreKind::S3),
    ("gs", StoreKind::Google),
    ("az", StoreKind::Azure),
    ("azure", StoreKind::Azure),
    ("abfs", StoreKind::Azure),
    ("abfss", StoreKind::Azure),
    ("https", StoreKind::Web),
    ("http", StoreKind::Web),
];

/// The address of a file or folder on a store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoreAddress {
    kind: StoreKind,
    /// The scheme and the bucket, container or host: `s3://bucket`.
    root: String,
    /// The rest, without a slash before it.
    key: String,
}

impl StoreAddress {
    /// The address that a path is, if it is one.
    pub fn of(path: &Path) -> Option<StoreAddress> {
        let text = path.to_str()?;
        let (scheme, rest) = text.split_once("://")?;
        let (_, kind) = SCHEMES.iter().find(|(name, _)| *name == scheme)?;
        let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (bucket, key) = rest.split_at(cut);
        let key = key.strip_prefix('/').unwrap_or(key).to_string();
        Some(StoreAddress { kind: *kind, root: format!("{scheme}://{bucket}"), key })
    }

    /// The kind of the store.
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// The scheme and the bucket, container or host.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The name of the object in its bucket.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether the store can say what it holds.
    pub fn can_list(&self) -> bool {
        self.kind != StoreKind::Web
    }

    /// As requests are made: of a server all of it, credentials too.
    pub(super) fn url(&self) -> String {
        format!("{}/{}", self.root, self.key)
    }

    /// The path by which results, manifests and messages name it: without a login, without the query of a signed URL, and
    /// without what else in a query is a credential.
    pub fn path(&self) -> PathBuf {
        let key = match self.kind {
            StoreKind::Web => &self.shown_key(),
            _ => &self.key,
        };
        let root = match (self.kind, self.root.split_once("://")) {
            (StoreKind::Web, Some((scheme, host))) => {
                format!("{scheme}://{}", host.rsplit_once('@').map_or(host, |(_, host)| host))
            }
            _ => self.root.clone(),
        };
        match key.is_empty() {
            true => PathBuf::from(root),
            false => PathBuf::from(format!("{root}/{key}")),
        }
    }

    fn shown_key(&self) -> String {
        let key = self.key.split('#').next().unwrap_or_default();
        let (path, query) = key.split_at(key.find('?').unwrap_or(key.len()));
        let names = || query.split(['?', '&']).filter_map(|pair| Some(pair.split_once('=')?.0));
        // What else stands in a signed query tells when it was signed, and how.
        let signed =
            |name: &str| matches!(name, "X-Amz-Signature" | "X-Goog-Signature" | "sig" | "Signature");
        match names().any(signed) {
            true => path.to_string(),
            false => without_secrets(&format!("s://h/{path}{query}"))["s://h/".len()..].to_string(),
        }
    }
}

/// Without what may be a credential.
impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())
    }
}

/// Whether a path is the address of something on a store.
pub fn is_on_store(path: &Path) -> bool {
    StoreAddress::of(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> StoreAddress {
        StoreAddress::of(Path::new(text)).unwrap()
    }

    #[test]
    fn addresses_have_a_root_and_a_key() {
        let address = of("s3://bucket/logs/a b.csv");
        assert_eq!((address.root(), address.key()), ("s3://bucket", "logs/a b.csv"));
        assert_eq!((of("gs://b").key(), of("gs://b/").key()), ("", ""));
        let azure = of("abfss://files@account.dfs.core.windows.net/x/y.csv");
        assert_eq!((azure.root(), azure.key()), ("abfss://files@account.dfs.core.windows.net", "x/y.csv"));
        for none in ["s3:/b/x", "C://x", "hdfs://h/x", "logs/s3://x", "-"] {
            assert!(StoreAddress::of(Path::new(none)).is_none(), "{none}");
        }
    }

    #[test]
    fn names_have_no_credentials() {
        let signed = of("https://me:pw@h.example:8443/a/x.csv?X-Amz-Signature=abc&v=1#f");
        assert_eq!(signed.path(), Path::new("https://h.example:8443/a/x.csv"));
        assert_eq!(format!("{signed:?}"), "https://h.example:8443/a/x.csv");
        assert_eq!(of("https://h?sig=abc").path(), Path::new("https://h"));
        assert_eq!(
            of("https://h/x.csv?page=2&token=t#f").path(),
            Path::new("https://h/x.csv?page=2&token=***")
        );
        assert_eq!(of("s3://b/what?.csv").path(), Path::new("s3://b/what?.csv"));
    }
}
