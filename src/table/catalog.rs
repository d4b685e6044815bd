//! REST catalogs of Iceberg, as a job names them: which table of which catalog.

use crate::error::{Error, Result};
use std::fmt;

/// The environment variables with a token, and with a client id and secret for one.
pub const TOKEN_VARIABLES: [&str; 2] = ["HIGHWATER_CATALOG_TOKEN", "HIGHWATER_CATALOG_CREDENTIAL"];

/// A table of a REST catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogTable {
    /// The address of the catalog, without a slash at its end.
    pub uri: String,
    /// The warehouse of it, where it has several.
    pub warehouse: Option<String>,
    /// The namespace, by its levels.
    pub namespace: Vec<String>,
    /// The name in it.
    pub name: String,
    /// Where tokens are asked for; by default the catalog itself.
    pub oauth2_server_uri: Option<String>,
    /// What tokens are for; by default `catalog`.
    pub scope: Option<String>,
}

impl CatalogTable {
    /// What the name of a note begins with.
    pub const NOTE: &str = "catalog-";

    /// The table `table`, as `namespace.name`, of the catalog at `uri`.
    ///
    /// # Errors
    /// A job error: one of them is not what it should be.
    pub fn new(uri: &str, table: &str) -> Result<CatalogTable> {
        let uri = checked(uri)?;
        let mut namespace: Vec<String> = table.split('.').map(str::to_string).collect();
        let name = namespace.pop().unwrap_or_default();
        if namespace.is_empty() || name.is_empty() || namespace.iter().any(String::is_empty) {
            return Err(Error::job(format!("`{table}` is not the name of a table in a catalog"))
                .hint("write its namespace and its name: table = \"lake.views\""));
        }
        Ok(CatalogTable { uri, warehouse: None, namespace, name, oauth2_server_uri: None, scope: None })
    }

    /// The name and content of the file by which the folder of a table tells which catalog has it.
    pub fn note(&self) -> (String, Vec<u8>) {
        let table = format!("{}.{}", self.namespace_name(), self.name);
        let text = serde_json::json!({ "uri": self.uri, "warehouse": self.warehouse, "table": table });
        let text = format!("{text:#}\n");
        let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        (format!("{}{hash:016x}.json", CatalogTable::NOTE), text.into_bytes())
    }

    /// Whether a file of the metadata has the name of such a note.
    pub fn is_note(name: &str) -> bool {
        let hash = name.strip_prefix(CatalogTable::NOTE).and_then(|rest| rest.strip_suffix(".json"));
        hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// The namespace, as people write it.
    pub fn namespace_name(&self) -> String {
        self.namespace.join(".")
    }
}

/// The address of a server, without a slash at its end.
///
/// # Errors
/// A job error: it is not an address of HTTP, or has a login or a query.
pub fn checked(uri: &str) -> Result<String> {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        return Err(Error::job(format!("`{uri}` is not the address of a catalog"))
            .hint("write an address such as https://host/iceberg"));
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        // The address is not repeated: it has a password.
        let [token, credential] = TOKEN_VARIABLES;
        return Err(Error::job("the address of the catalog has a login")
            .hint(format!("set {token} or {credential} in the environment instead")));
    }
    if rest.contains(['?', '#']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Error::job(format!("`{uri}` is not the address of a catalog"))
            .hint("leave out what follows the path"));
    }
    Ok(uri.trim_end_matches('/').to_string())
}

impl fmt::Display for CatalogTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} of the catalog {}", self.namespace_name(), self.name, self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_namespace_and_a_name() {
        let table = CatalogTable::new("https://host/iceberg/", "a.b.views").unwrap();
        assert_eq!((table.namespace_name().as_str(), table.name.as_str()), ("a.b", "views"));
        assert_eq!(table.to_string(), "a.b.views of the catalog https://host/iceberg");
        let other = CatalogTable::new("https://host/iceberg", "a.b.view").unwrap();
        assert!(CatalogTable::is_note(&table.note().0) && table.note().0 != other.note().0);
        assert!(!CatalogTable::is_note("catalog-.json") && !CatalogTable::is_note("v1.metadata.json"));
        for wrong in ["views", "", ".views", "a.", "a..b"] {
            assert!(CatalogTable::new("https://host", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_has_no_login_and_no_query() {
        for wrong in
            ["", "host", "s3://b", "http://", "http:///x", "http://h/x?a=b", "http://h/#x", "http://h h"]
        {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
        let error = checked("http://me:secret@h/x").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
