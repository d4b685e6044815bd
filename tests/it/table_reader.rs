//! A slow reader of Iceberg tables that shares no code with the writer: JSON by `serde_json`, Avro by hand, Parquet by the crate.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::display::array_value_to_string;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A table on the disk.
pub struct Table {
    pub folder: PathBuf,
    pub metadata: Value,
    /// Of a table that was copied from a store: where its buckets lie.
    stores: Option<PathBuf>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    pub path: String,
    pub entry: Value,
}

impl Table {
    /// The newest version, which the hint has to name.
    pub fn open(folder: &Path) -> Table {
        let metadata = folder.join("metadata");
        let hint = fs::read_to_string(metadata.join("version-hint.text")).unwrap();
        let version: u64 = hint.parse().unwrap();
        assert!(!metadata.join(format!("v{}.metadata.json", version + 1)).exists());
        let text = fs::read(metadata.join(format!("v{version}.metadata.json"))).unwrap();
        Table { folder: folder.to_path_buf(), metadata: serde_json::from_slice(&text).unwrap(), stores: None }
    }

    /// A table of a catalog, which has this metadata for it.
    pub fn of_catalog(folder: PathBuf, metadata: Value) -> Table {
        Table { folder, metadata, stores: None }
    }

    /// The same, whose files were copied from S3: the buckets lie in its folder.
    pub fn on_store(self) -> Table {
        Table { stores: Some(self.folder.clone()), ..self }
    }

    /// The table at `path` in a bucket of S3, whose copy lies in the folder of its name below `stores`.
    pub fn of_store(stores: &Path, path: &str) -> Table {
        Table { stores: Some(stores.to_path_buf()), ..Table::open(&stores.join(path)) }
    }

    /// Where a file of the table lies.
    fn at(&self, path: &str) -> PathBuf {
        match &self.stores {
            Some(stores) => stores.join(path.strip_prefix("s3://").expect("an address of S3")),
            None => PathBuf::from(path),
        }
    }

    /// The ids of the snapshots, the oldest first.
    pub fn snapshots(&self) -> Vec<i64> {
        let all = self.metadata["snapshots"].as_array().unwrap();
        all.iter().map(|snapshot| snapshot["snapshot-id"].as_i64().unwrap()).collect()
    }

    pub fn snapshot(&self, id: i64) -> &Value {
        let all = self.metadata["snapshots"].as_array().unwrap();
        all.iter().find(|snapshot| snapshot["snapshot-id"] == json!(id)).unwrap()
    }

    pub fn current(&self) -> i64 {
        self.metadata["current-snapshot-id"].as_i64().unwrap()
    }

    /// The manifests of a snapshot.
    pub fn manifests(&self, id: i64) -> Vec<Value> {
        avro(&self.at(self.snapshot(id)["manifest-list"].as_str().unwrap()))
    }

    /// The files of a snapshot; the counts of manifests have to be those of their entries.
    pub fn files(&self, id: i64) -> Vec<DataFile> {
        let mut files = vec![];
        for manifest in self.manifests(id) {
            let path = self.at(manifest["manifest_path"].as_str().unwrap());
            assert_eq!(manifest["manifest_length"], json!(path.metadata().unwrap().len()));
            let entries = avro(&path);
            for (status, count) in
                [(1, "added_files_count"), (0, "existing_files_count"), (2, "deleted_files_count")]
            {
                let found = entries.iter().filter(|entry| entry["status"] == json!(status)).count();
                assert_eq!(manifest[count], json!(found), "{count}");
            }
            for entry in entries.into_iter().filter(|entry| entry["status"] != json!(2)) {
                let file = &entry["data_file"];
                let path = file["file_path"].as_str().unwrap().to_string();
                assert_eq!(file["file_size_in_bytes"], json!(self.at(&path).metadata().unwrap().len()));
                files.push(DataFile { path, entry: file.clone() });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    /// The rows of a snapshot as text, sorted; the columns that the files have.
    pub fn rows(&self, id: i64) -> Vec<String> {
        let mut rows: Vec<String> =
            self.files(id).iter().flat_map(|file| parquet_rows(&self.at(&file.path))).collect();
        rows.sort();
        rows
    }
}

/// The rows of a Parquet file as text.
pub fn parquet_rows(path: &Path) -> Vec<String> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap().build().unwrap();
    let row = |batch: &RecordBatch, row: usize| {
        let cell = |column: &ArrayRef| array_value_to_string(column, row).unwrap();
        batch.columns().iter().map(cell).collect::<Vec<_>>().join("|")
    };
    reader
        .flat_map(|batch| {
            let batch = batch.unwrap();
            (0..batch.num_rows()).map(|at| row(&batch, at)).collect::<Vec<_>>()
        })
        .collect()
}

/// The records of an Avro file as JSON; bytes are lists of numbers.
fn avro(path: &Path) -> Vec<Value> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut at = &bytes[..];
    assert_eq!(take(&mut at, 4), b"Obj\x01");
    let mut header = HashMap::new();
    loop {
        let entries = long(&mut at);
        if entries == 0 {
            break;
        }
        for _ in 0..entries {
            let key = String::from_utf8(sized(&mut at).to_vec()).unwrap();
            header.insert(key, sized(&mut at).to_vec());
        }
    }
    let schema: Value = serde_json::from_slice(&header["avro.schema"]).unwrap();
    let sync = take(&mut at, 16).to_vec();
    let mut records = vec![];
    while !at.is_empty() {
        let count = long(&mut at);
        let mut block = vec![];
        flate2::read::DeflateDecoder::new(sized(&mut at)).read_to_end(&mut block).unwrap();
        assert_eq!(take(&mut at, 16), sync);
        let mut inside = &block[..];
        records.extend((0..count).map(|_| value(&schema, &mut inside)));
        assert!(inside.is_empty());
    }
    records
}

fn take<'a>(at: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = at.split_at(count);
    *at = rest;
    taken
}

fn long(at: &mut &[u8]) -> i64 {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = take(at, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (value >> 1) as i64 ^ -((value & 1) as i64);
        }
    }
}

fn sized<'a>(at: &mut &'a [u8]) -> &'a [u8] {
    let count = long(at) as usize;
    take(at, count)
}

fn value(schema: &Value, at: &mut &[u8]) -> Value {
    if let Some(branches) = schema.as_array() {
        let branch = long(at) as usize;
        return value(&branches[branch], at);
    }
    match schema.as_str().or(schema["type"].as_str()).unwrap() {
        "null" => Value::Null,
        "boolean" => json!(take(at, 1) == [1]),
        "int" | "long" => json!(long(at)),
        "double" => json!(f64::from_le_bytes(take(at, 8).try_into().unwrap())),
        "string" => json!(std::str::from_utf8(sized(at)).unwrap()),
        "bytes" => json!(sized(at)),
        "fixed" => json!(take(at, schema["size"].as_u64().unwrap() as usize)),
        "record" => {
            let fields = schema["fields"].as_array().unwrap().iter();
            let field =
                |field: &Value| (field["name"].as_str().unwrap().to_string(), value(&field["type"], at));
            Value::Object(fields.map(field).collect::<Map<_, _>>())
        }
        "array" => {
            let mut items = vec![];
            loop {
                let count = long(at);
                if count == 0 {
                    return Value::Array(items);
                }
                assert!(count > 0);
                items.extend((0..count).map(|_| value(&schema["items"], at)));
            }
        }
        other => panic!("the type {other}"),
    }
}
