//! Datasets, named as OpenLineage's naming specification has it: files by their absolute path, tables by their server.

use super::facet::facet;
use crate::batch::DataType;
use crate::pg::TableAddress;
use crate::plan::OutputTo;
use crate::sink::owner;
use crate::store::StoreAddress;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What a command reads and writes.
#[derive(Debug, Default)]
pub struct Datasets {
    /// The datasets that it reads.
    pub inputs: Vec<Dataset>,
    /// The datasets that it writes.
    pub outputs: Vec<Dataset>,
}

/// One dataset, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// `file`, or the server.
    pub namespace: String,
    /// The path or the table.
    pub name: String,
    facets: Map<String, Value>,
    /// Those of the role that it has for the command: input or output.
    own: Map<String, Value>,
}

impl Dataset {
    fn new(namespace: impl Into<String>, name: impl Into<String>) -> Dataset {
        Dataset { namespace: namespace.into(), name: name.into(), facets: Map::new(), own: Map::new() }
    }

    /// A file or a folder; none of a pipe or a device, which is not a dataset.
    pub fn of_path(path: &Path) -> Option<Dataset> {
        // The names of OpenLineage: `s3://bucket` and `folder/file`.
        if let Some(address) = StoreAddress::of(path) {
            let name = address.path().display().to_string();
            let name = name.strip_prefix(address.root()).unwrap_or(&name).trim_start_matches('/').to_string();
            return Some(Dataset::new(address.root(), if name.is_empty() { "/".into() } else { name }));
        }
        let place = owner::place(path);
        let is_device = place.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir());
        // A pipe of a shell is `/dev/fd/63`, which leads to `/proc`.
        let is_pipe = path.as_os_str() == "-" || place.starts_with("/proc") || path.starts_with("/dev/fd");
        (!is_device && !is_pipe).then(|| Dataset::new("file", place.to_string_lossy()))
    }

    /// The files of a pattern. Its name is the same however many files there are: the path itself, or of a pattern with
    /// wildcards the folder above the first.
    pub fn of_pattern(pattern: &str) -> Option<Dataset> {
        let path = Path::new(pattern);
        if StoreAddress::of(path).is_some() {
            let plain = pattern
                .find(['*', '?', '['])
                .map_or(pattern, |wild| &pattern[..pattern[..wild].rfind('/').unwrap_or(wild)]);
            return Dataset::of_path(Path::new(plain));
        }
        if path.exists() || !pattern.contains(['*', '?', '[']) {
            return Dataset::of_path(path);
        }
        let plain = path.components().take_while(|part| {
            let text = part.as_os_str().to_string_lossy();
            !text.contains(['*', '?', '['])
        });
        let folder: std::path::PathBuf = plain.collect();
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        Dataset::of_path(folder)
    }

    /// An output of a job; none of the terminal.
    pub fn of_output(to: &OutputTo) -> Option<Dataset> {
        match to {
            OutputTo::Folder(path) | OutputTo::File(path) | OutputTo::Table(path, _) => {
                Dataset::of_path(path)
            }
            OutputTo::Terminal => None,
        }
    }

    /// A table of PostgreSQL; none where its URL leaves out the schema, which the server then chooses.
    pub fn of_table(table: &TableAddress) -> Option<Dataset> {
        let schema = table.schema.as_ref()?;
        let name = format!("{}.{schema}.{}", table.server.database(), table.name);
        Some(Dataset::new(format!("postgres://{}", table.server.place()), name))
    }

    /// Whether a file is in it.
    pub fn contains(&self, path: &Path) -> bool {
        match StoreAddress::of(path) {
            Some(address) if address.root() == self.namespace => {
                self.name == "/" || Path::new(address.key()).starts_with(&self.name)
            }
            Some(_) => false,
            None => self.namespace == "file" && owner::place(path).starts_with(&self.name),
        }
    }

    /// Its columns, with their types as a job writes them.
    pub fn schema<'a>(&mut self, columns: impl Iterator<Item = (&'a str, DataType)>) {
        let field = |(name, ty): (&str, DataType)| json!({ "name": name, "type": ty.to_string() });
        let fields: Vec<Value> = columns.map(field).collect();
        self.facets.insert(
            "schema".into(),
            facet("1-1-1/SchemaDatasetFacet", "SchemaDatasetFacet", json!({ "fields": fields })),
        );
    }

    /// From which columns its columns come.
    pub fn columns_from(&mut self, fields: Map<String, Value>) {
        if !fields.is_empty() {
            let facet = facet(
                "1-2-0/ColumnLineageDatasetFacet",
                "ColumnLineageDatasetFacet",
                json!({ "fields": fields }),
            );
            self.facets.insert("columnLineage".into(), facet);
        }
    }

    /// What was read of it.
    pub fn read(&mut self, files: u64, bytes: u64, records: u64) {
        let facet = facet(
            "1-0-0/InputStatisticsInputDatasetFacet",
            "InputStatisticsInputDatasetFacet",
            json!({ "rowCount": records, "size": bytes, "fileCount": files }),
        );
        self.own.insert("inputStatistics".into(), facet);
    }

    /// What was written of it. Rows are not given where only some of its files were written.
    pub fn wrote(&mut self, files: u64, rows: Option<u64>) {
        let mut content = json!({ "fileCount": files });
        if let Some(rows) = rows {
            content["rowCount"] = json!(rows);
        }
        let facet =
            facet("1-0-2/OutputStatisticsOutputDatasetFacet", "OutputStatisticsOutputDatasetFacet", content);
        self.own.insert("outputStatistics".into(), facet);
    }

    /// How many rows it has.
    pub fn rows(&mut self, rows: u64) {
        let facet = facet(
            "1-0-2/DataQualityMetricsInputDatasetFacet",
            "DataQualityMetricsInputDatasetFacet",
            json!({ "rowCount": rows, "columnMetrics": {} }),
        );
        self.own.insert("dataQualityMetrics".into(), facet);
    }

    /// What was found of it: a sentence, the column that it is about, and whether it is true.
    pub fn assertions(&mut self, found: &[(String, Option<String>, bool)]) {
        let one = |(sentence, column, success): &(String, Option<String>, bool)| {
            let mut value = json!({ "assertion": sentence, "success": success });
            if let Some(column) = column {
                value["column"] = json!(column);
            }
            value
        };
        let facet = facet(
            "1-0-1/DataQualityAssertionsDatasetFacet",
            "DataQualityAssertionsDatasetFacet",
            json!({ "assertions": found.iter().map(one).collect::<Vec<_>>() }),
        );
        self.own.insert("dataQualityAssertions".into(), facet);
    }

    /// Itself as an event has it; `own` is the name of the facets of its role.
    pub(super) fn json(&self, own: &str) -> Value {
        let Dataset { namespace, name, facets, own: of_role } = self;
        let mut value = json!({ "namespace": namespace, "name": name, "facets": facets });
        if !of_role.is_empty() {
            value[own] = json!(of_role);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_named_by_what_is_certain_of_it() {
        let tmp = tempfile::tempdir().unwrap();
        let root = tmp.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("logs")).unwrap();
        let name = |pattern: &str| {
            Dataset::of_pattern(&root.join(pattern).display().to_string()).map(|dataset| dataset.name)
        };
        let logs = Some(root.join("logs").display().to_string());
        assert_eq!(name("logs/*.csv"), logs);
        assert_eq!(name("logs/2024-*/x[12].csv"), logs);
        assert_eq!(name("logs/"), logs);
        assert_eq!(name("logs/a.csv"), Some(root.join("logs/a.csv").display().to_string()));
        assert_eq!(Dataset::of_pattern("/dev/null"), None);
        assert_eq!(Dataset::of_pattern("/dev/fd/63"), None);
        assert_eq!(Dataset::of_pattern("-"), None);
    }

    #[test]
    fn a_table_is_named_where_its_schema_is_known() {
        let of = |url: &str| Dataset::of_table(&TableAddress::parse(url).unwrap());
        let table = of("postgres://me:pw@db:6000/sales/shop.totals").unwrap();
        assert_eq!((&table.namespace[..], &table.name[..]), ("postgres://db:6000", "sales.shop.totals"));
        assert_eq!(of("postgres://me@db/sales/totals"), None);
    }
}
