//! Checkpoints that are written: what a reader then need not gather from commits.
//!
//! # Contract
//! A checkpoint has all that the version has, and the files that went within a week: programs that clean tables keep those.
//! It has columns for the features of protocol 1 and 2 alone, so it is written of such a table only.

use super::actions::{AddedFile, PartitionTexts, RemovedFile, TableState};
use super::log::{LAST_CHECKPOINT, checkpoint_name};
use crate::error::{Error, Result};
use arrow_array::builder::{MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;

/// How long files that went are named, in milliseconds: a week, as Delta Lake has it by default.
const KEPT: i64 = 7 * 24 * 3_600_000;

/// A file of the log: its name and its content.
pub(super) type NamedFile = (String, Vec<u8>);

/// The checkpoint of `version`, at which the table is as `state` says, and the file that names it; `time` is the clock in
/// milliseconds.
///
/// # Errors
/// A fault: it cannot be encoded.
pub(super) fn files(state: &TableState, version: u64, time: i64) -> Result<[NamedFile; 2]> {
    let rows = CheckpointRows::of(state, time);
    let bytes = rows.parquet().map_err(|e| Error::fault("a checkpoint cannot be encoded").caused_by(e))?;
    let last = json!({
        "version": version, "size": rows.total, "sizeInBytes": bytes.len(), "numOfAddFiles": state.files.len(),
    });
    Ok([(checkpoint_name(version), bytes), (LAST_CHECKPOINT.to_string(), last.to_string().into_bytes())])
}

/// The rows of a checkpoint: one of the protocol, one of the metadata, then one for each program and file.
struct CheckpointRows<'a> {
    state: &'a TableState,
    removed: Vec<&'a RemovedFile>,
    total: usize,
}

impl<'a> CheckpointRows<'a> {
    fn of(state: &'a TableState, time: i64) -> CheckpointRows<'a> {
        // Where the table has a time of its own, all are kept: too many do no harm.
        let own =
            state.metadata.as_ref().map(|all| &all["configuration"]["delta.deletedFileRetentionDuration"]);
        let since = if own.is_some_and(Value::is_string) { i64::MIN } else { time.saturating_sub(KEPT) };
        let is_kept = |file: &&RemovedFile| file.time.is_none_or(|time| time >= since);
        let removed: Vec<_> = state.removed.values().filter(is_kept).collect();
        let total = 2 + state.programs.len() + removed.len() + state.files.len();
        CheckpointRows { state, removed, total }
    }

    fn parquet(&self) -> parquet::errors::Result<Vec<u8>> {
        let programs = 2..2 + self.state.programs.len();
        let removed = programs.end..programs.end + self.removed.len();
        let added = removed.end..self.total;
        let columns = [
            ("txn", self.programs(programs)),
            ("add", self.added(added)),
            ("remove", self.removed(removed)),
            ("metaData", self.metadata(1..2)),
            ("protocol", self.protocol(0..1)),
        ];
        let field = |(name, column): &(&str, StructArray)| {
            Field::new(*name, DataType::Struct(column.fields().clone()), true)
        };
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Fields>()));
        let arrays = columns.into_iter().map(|(_, column)| Arc::new(column) as ArrayRef).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(vec![], schema, options)?;
        writer.write(&batch)?;
        writer.into_inner()
    }

    fn programs(&self, at: Range<usize>) -> StructArray {
        let all = || self.state.programs.iter();
        self.column(
            &at,
            vec![
                ("appId", self.texts(&at, all().map(|(name, _)| Some(name.as_str())))),
                ("version", self.longs(&at, all().map(|(_, program)| Some(program.version)))),
                ("lastUpdated", self.longs(&at, all().map(|(_, program)| program.time))),
            ],
        )
    }

    fn added(&self, at: Range<usize>) -> StructArray {
        let all = || self.state.files.values();
        // A file of a checkpoint is no change of the data.
        let change = all().map(|_| Some(false));
        self.column(
            &at,
            vec![
                ("path", self.texts(&at, all().map(|file| Some(file.path.as_str())))),
                ("partitionValues", self.maps(&at, all().map(|file: &AddedFile| Some(&file.partition)))),
                ("size", self.longs(&at, all().map(|file| Some(file.size)))),
                ("modificationTime", self.longs(&at, all().map(|file| Some(file.modified)))),
                ("dataChange", self.bools(&at, change)),
                ("stats", self.texts(&at, all().map(|file| file.stats.as_deref()))),
            ],
        )
    }

    fn removed(&self, at: Range<usize>) -> StructArray {
        let all = || self.removed.iter();
        let is_told = |file: &&RemovedFile| Some(file.partition.is_some() && file.size.is_some());
        self.column(
            &at,
            vec![
                ("path", self.texts(&at, all().map(|file| Some(file.path.as_str())))),
                ("deletionTimestamp", self.longs(&at, all().map(|file| file.time))),
                ("dataChange", self.bools(&at, all().map(|_| Some(false)))),
                ("extendedFileMetadata", self.bools(&at, all().map(is_told))),
                ("partitionValues", self.maps(&at, all().map(|file| file.partition.as_ref()))),
                ("size", self.longs(&at, all().map(|file| file.size))),
            ],
        )
    }

    fn metadata(&self, at: Range<usize>) -> StructArray {
        let metadata = self.state.metadata.clone().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_string);
        let one = |value: &Value| self.texts(&at, [text(value).as_deref()].into_iter());
        let map = |value: &Value| -> PartitionTexts {
            let entries = value.as_object().into_iter().flatten();
            entries.map(|(name, value)| (name.clone(), text(value))).collect()
        };
        let maps = |value: &Value| self.maps(&at, [Some(&map(value))].into_iter());
        let format = self.column(
            &at,
            vec![
                ("provider", one(&metadata["format"]["provider"])),
                ("options", maps(&metadata["format"]["options"])),
            ],
        );
        let names: Vec<String> =
            metadata["partitionColumns"].as_array().into_iter().flatten().filter_map(text).collect();
        self.column(
            &at,
            vec![
                ("id", one(&metadata["id"])),
                ("name", one(&metadata["name"])),
                ("description", one(&metadata["description"])),
                ("format", Arc::new(format)),
                ("schemaString", one(&metadata["schemaString"])),
                ("partitionColumns", self.list(&at, names)),
                ("createdTime", self.longs(&at, [metadata["createdTime"].as_i64()].into_iter())),
                ("configuration", maps(&metadata["configuration"])),
            ],
        )
    }

    fn protocol(&self, at: Range<usize>) -> StructArray {
        let protocol = self.state.protocol.as_ref();
        let version = |key: &str| -> ArrayRef {
            let version = protocol.and_then(|protocol| i32::try_from(protocol[key].as_i64()?).ok());
            Arc::new(self.spread(&at, [version].into_iter()).collect::<Int32Array>())
        };
        self.column(
            &at,
            vec![
                ("minReaderVersion", version("minReaderVersion")),
                ("minWriterVersion", version("minWriterVersion")),
            ],
        )
    }

    /// The values of the rows `at`, with NULL before and behind.
    fn spread<T>(
        &self,
        at: &Range<usize>,
        values: impl Iterator<Item = Option<T>>,
    ) -> impl Iterator<Item = Option<T>> {
        let none = |count| std::iter::repeat_with(|| None).take(count);
        none(at.start).chain(values.take(at.len())).chain(none(self.total - at.end))
    }

    fn texts<'t>(&self, at: &Range<usize>, values: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
        Arc::new(self.spread(at, values).collect::<StringArray>())
    }

    fn longs(&self, at: &Range<usize>, values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        Arc::new(self.spread(at, values).collect::<Int64Array>())
    }

    fn bools(&self, at: &Range<usize>, values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
        Arc::new(self.spread(at, values).collect::<BooleanArray>())
    }

    fn maps<'t>(
        &self,
        at: &Range<usize>,
        values: impl Iterator<Item = Option<&'t PartitionTexts>>,
    ) -> ArrayRef {
        let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
        let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for map in self.spread(at, values) {
            for (name, value) in map.into_iter().flatten() {
                maps.keys().append_value(name);
                maps.values().append_option(value.as_deref());
            }
            // Keys and values are appended in pairs, which is all that can be wrong.
            let _ = maps.append(map.is_some());
        }
        Arc::new(maps.finish())
    }

    /// One list in the row `at`.
    fn list(&self, at: &Range<usize>, names: Vec<String>) -> ArrayRef {
        let lengths = self.spread(at, [Some(names.len())].into_iter()).map(Option::unwrap_or_default);
        let offsets = OffsetBuffer::from_lengths(lengths);
        let valid = NullBuffer::from_iter((0..self.total).map(|row| at.contains(&row)));
        let element = Arc::new(Field::new("element", DataType::Utf8, true));
        Arc::new(ListArray::new(element, offsets, Arc::new(StringArray::from(names)), Some(valid)))
    }

    /// A column of actions, which the rows `at` have.
    fn column(&self, at: &Range<usize>, children: Vec<(&str, ArrayRef)>) -> StructArray {
        let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let fields: Fields = children.iter().map(field).collect();
        let arrays = children.into_iter().map(|(_, array)| array).collect();
        let valid = NullBuffer::from_iter((0..self.total).map(|row| at.contains(&row)));
        StructArray::new(fields, arrays, Some(valid))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint;
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let lines = [
            json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } }),
            json!({ "metaData": { "id": "x", "format": { "provider": "parquet", "options": {} }, "schemaString": "{\"type\":\"struct\"}",
                "partitionColumns": ["k", "d"], "configuration": { "owner": "me" }, "createdTime": 5 } }),
            json!({ "txn": { "appId": "highwater:j", "version": 3, "lastUpdated": 9 } }),
            json!({ "add": { "path": "k=a/1.parquet", "partitionValues": { "k": "a", "d": null }, "size": 4,
                "modificationTime": 7, "dataChange": true, "stats": "{\"numRecords\":2}" } }),
            json!({ "add": { "path": "2.parquet", "partitionValues": {}, "size": 5, "modificationTime": 8, "dataChange": true } }),
            json!({ "remove": { "path": "3.parquet", "deletionTimestamp": KEPT, "dataChange": true,
                "extendedFileMetadata": true, "partitionValues": { "k": null }, "size": 6 } }),
            json!({ "remove": { "path": "old.parquet", "deletionTimestamp": 1, "dataChange": true } }),
        ];
        let mut state = TableState::default();
        state.commit(&lines.map(|line| line.to_string()).join("\n")).unwrap();
        let [(name, bytes), (last, pointer)] = files(&state, 12, KEPT + 2).unwrap();
        assert_eq!(
            (name.as_str(), last.as_str()),
            ("00000000000000000012.checkpoint.parquet", "_last_checkpoint")
        );
        let pointer: Value = serde_json::from_slice(&pointer).unwrap();
        assert_eq!(
            (&pointer["version"], &pointer["size"], &pointer["numOfAddFiles"]),
            (&json!(12), &json!(6), &json!(2))
        );
        let mut read = TableState::default();
        checkpoint::read(bytes.into(), &mut read).unwrap();
        // What went long ago is not told any more, and NULL stands for what the metadata leaves out.
        state.removed.remove("old.parquet");
        if let Some(metadata) = read.metadata.as_mut().and_then(Value::as_object_mut) {
            metadata.retain(|_, value| !value.is_null());
        }
        assert_eq!(read, state);
    }
}
