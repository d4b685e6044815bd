//! `catalog`: the keys of a table in a REST catalog.

use super::key::{Described, Key, KeySection, KeyType, Table, Text, about, json, keys};

keys! {
    /// A table of Iceberg in a REST catalog: of an output with `table = "iceberg"`, the catalog that is asked for each commit; of
    /// a log, the table that is read, in the place of `path`.
    CATALOG: Table = "catalog" {
        shared: true,
        of: Some(&IN_CATALOG),
        examples: json!([{ "uri": "https://host/iceberg", "table": "lake.views" }]),
    };
}

keys! {
    /// The address of the catalog, up to its `/v1`. Credentials come from the environment: HIGHWATER_CATALOG_TOKEN, or
    /// HIGHWATER_CATALOG_CREDENTIAL with a client id and secret, `id:secret`.
    CATALOG_URI: Text = "uri" { examples: json!(["https://host/iceberg", "http://127.0.0.1:8181"]) };

    /// The table, as namespace.name. A namespace that is not there is made.
    CATALOG_NAME: Text = "table" { examples: json!(["lake.views"]) };

    /// The warehouse, of a catalog that has several.
    WAREHOUSE: Text = "warehouse" { examples: json!(["analytics", "s3://bucket"]) };

    /// Where a token is asked for with the client id and secret; by default the catalog itself.
    OAUTH2_SERVER_URI: Text = "oauth2_server_uri" { examples: json!(["https://login.host/oauth/tokens"]) };

    /// What the token is for.
    SCOPE: Text = "scope" { default: json!("catalog"), examples: json!(["PRINCIPAL_ROLE:ALL"]) };
}

/// A table in a catalog.
pub const IN_CATALOG: KeySection = KeySection {
    about: "A table of Iceberg in a REST catalog. The files of an output lie at its `path` all the same.",
    sample: "catalog = { uri = \"https://host/iceberg\", table = \"lake.views\" }",
    required: &[("uri", "the address of the catalog"), ("table", "the table, as namespace.name")],
    ..KeySection::new("`catalog`", about! { CATALOG_URI, CATALOG_NAME, WAREHOUSE, OAUTH2_SERVER_URI, SCOPE })
};
