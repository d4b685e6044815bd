//! A slow reader of tables of Delta Lake that shares no code with the writer: the log by `serde_json`, Parquet by the crate.

use crate::table_reader::parquet_rows;
use arrow_array::cast::AsArray;
use arrow_array::{Array, StructArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The log of a table on the disk.
pub struct DeltaLogReader {
    pub folder: PathBuf,
    /// The actions of each version that has a commit.
    pub commits: BTreeMap<u64, Vec<Value>>,
}

impl DeltaLogReader {
    pub fn open(folder: &Path) -> DeltaLogReader {
        let mut commits = BTreeMap::new();
        for entry in fs::read_dir(folder.join("_delta_log")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let Some(number) = name.strip_suffix(".json").filter(|number| number.len() == 20) else {
                continue;
            };
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.ends_with('\n'));
            let actions = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            commits.insert(number.parse().unwrap(), actions);
        }
        DeltaLogReader { folder: folder.to_path_buf(), commits }
    }

    pub fn current(&self) -> u64 {
        *self.commits.keys().next_back().unwrap()
    }

    /// The newest action of a kind up to a version.
    pub fn last(&self, version: u64, kind: &str) -> &Value {
        let actions = self.commits.range(..=version).flat_map(|(_, actions)| actions);
        actions.filter_map(|action| action.get(kind)).next_back().unwrap()
    }

    /// The names and types of the columns, and the partition columns.
    pub fn columns(&self, version: u64) -> (Vec<String>, Value) {
        let metadata = self.last(version, "metaData");
        let schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
        let field = |field: &Value| {
            assert_eq!(field["nullable"], Value::Bool(true));
            format!("{} {}", field["name"].as_str().unwrap(), field["type"].as_str().unwrap())
        };
        (
            schema["fields"].as_array().unwrap().iter().map(field).collect(),
            metadata["partitionColumns"].clone(),
        )
    }

    /// The files of a version by their paths, and what the log says of them: from the first commit on, without checkpoints.
    pub fn files(&self, version: u64) -> BTreeMap<String, Value> {
        let mut files = BTreeMap::new();
        assert!(self.commits.contains_key(&0), "the log is cut");
        for actions in self.commits.range(..=version).map(|(_, actions)| actions) {
            for remove in actions.iter().filter_map(|action| action.get("remove")) {
                let gone = files.remove(remove["path"].as_str().unwrap());
                let gone: Value = gone.expect("only a file that is there can go");
                assert_eq!(
                    (&gone["size"], &gone["partitionValues"]),
                    (&remove["size"], &remove["partitionValues"])
                );
            }
            for add in actions.iter().filter_map(|action| action.get("add")) {
                let path = add["path"].as_str().unwrap();
                let size = self.place(path).metadata().map(|there| there.len());
                // A file of an old version may have expired.
                assert!(size.is_err() || size.unwrap() == add["size"].as_u64().unwrap(), "{path}");
                files.insert(path.to_string(), add.clone());
            }
        }
        files
    }

    /// Where a file lies: its path has the escapes of a URL.
    pub fn place(&self, path: &str) -> PathBuf {
        let mut bytes = vec![];
        let mut rest = path.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let code = std::str::from_utf8(after.get(..2).unwrap_or_default()).unwrap_or_default();
            match u8::from_str_radix(code, 16) {
                Ok(byte) if *first == b'%' => {
                    bytes.push(byte);
                    rest = &after[2..];
                }
                _ => {
                    bytes.push(*first);
                    rest = after;
                }
            }
        }
        self.folder.join(String::from_utf8(bytes).unwrap())
    }

    /// The rows of a version as text, sorted; the columns that the files have. Files tell how many rows they have.
    pub fn rows(&self, version: u64) -> Vec<String> {
        let mut rows = vec![];
        for (path, add) in self.files(version) {
            let of_file = parquet_rows(&self.place(&path));
            let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            assert_eq!(stats["numRecords"], of_file.len(), "{path}");
            rows.extend(of_file);
        }
        rows.sort();
        rows
    }

    /// What each commit did: its operation, and how many files came and went.
    pub fn operations(&self) -> Vec<String> {
        let of = |actions: &Vec<Value>| {
            let count = |kind: &str| actions.iter().filter(|action| action.get(kind).is_some()).count();
            let info = actions.iter().find_map(|action| action.get("commitInfo")).unwrap();
            format!("{} +{} -{}", info["operation"].as_str().unwrap(), count("add"), count("remove"))
        };
        self.commits.values().map(of).collect()
    }

    /// The versions that have a checkpoint.
    pub fn checkpoints(&self) -> Vec<u64> {
        let names = fs::read_dir(self.folder.join("_delta_log")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(".checkpoint.parquet")?.parse().ok()).collect()
    }

    /// The paths of the files in the checkpoint of a version.
    pub fn checkpoint(&self, version: u64) -> BTreeSet<String> {
        let path = self.folder.join(format!("_delta_log/{version:020}.checkpoint.parquet"));
        let file = fs::File::open(path).unwrap();
        let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let mut paths = BTreeSet::new();
        for batch in batches {
            let batch = batch.unwrap();
            let add: &StructArray = batch.column_by_name("add").unwrap().as_struct();
            let names = add.column_by_name("path").unwrap().as_string::<i32>();
            paths.extend(
                (0..names.len()).filter(|at| add.is_valid(*at)).map(|at| names.value(at).to_string()),
            );
        }
        paths
    }
}
