//! What one commit writes: manifests, their list, the ledger, and a new version of the metadata.

use super::entry::{self, EntryStatus, ManifestEntry, partition_datum, rest_of};
use super::manifest_list::{self, ManifestFile, bounds};
use super::metadata::{LEDGER, LEDGER_HASH, LEDGER_SNAPSHOT, LoadedTable, TableHome, location};
use super::request::request;
use super::schema::{fields, numbered, partition_fields, sort_fields};
use crate::error::{Error, Result};
use crate::table::avro::{self, AvroDatum};
use crate::table::change::{CommitStep, TableChange};
use crate::table::layout::{DATA, METADATA, local};
use crate::table::own_names::{packed, uuid};
use crate::table::shape::{TableFile, TableShape};
use crate::table::value::TableValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Files of a manifest: a commit that touches one of them writes so many entries again.
const FILES_PER_MANIFEST: usize = 256;
/// So many manifests of less than a quarter of that are merged: a table that grows by the hour has not one for each hour.
const SMALL_MANIFESTS: usize = 64;
/// So many earlier versions of the metadata are remembered.
const REMEMBERED: usize = 100;

/// The metadata of a table at `folder` without a snapshot, as a catalog is asked to begin it.
///
/// # Errors
/// A job error: the path is not UTF-8.
pub fn blank(folder: &Path, shape: &TableShape) -> Result<Value> {
    let ids = numbered(None, shape)?;
    let mut metadata = first(shape, &location(folder)?, "");
    schema_id(&mut metadata, shape, &ids);
    spec_id(&mut metadata, shape, &ids);
    order_id(&mut metadata, shape, &ids);
    Ok(metadata)
}

/// The commit by which the table at `folder` has the files `now`, and the ledger `ledger`. `base` is what lies there, and
/// `time` the clock in milliseconds.
///
/// # Errors
/// A column changes its type in a way that is not allowed; the metadata in place cannot be read, or does not have the files
/// `before`, which our last ledger names.
pub fn plan_commit(
    folder: &Path,
    base: Option<&LoadedTable>,
    shape: &TableShape,
    before: &HashSet<&str>,
    now: &[TableFile],
    ledger: &str,
    time: i64,
) -> Result<TableChange> {
    let ids = numbered(base, shape)?;
    let (ledger_name, ledger, hash) = packed(ledger, base.map_or(1, |base| base.version + 1))?;
    let location = base.map_or_else(|| location(folder), LoadedTable::location)?;
    let mut metadata = base.map_or_else(|| first(shape, &location, &hash), |base| base.metadata.clone());
    let schema = schema_id(&mut metadata, shape, &ids);
    let (spec, spec_fields) = spec_id(&mut metadata, shape, &ids);
    let order = order_id(&mut metadata, shape, &ids);
    let sequence = metadata["last-sequence-number"].as_i64().unwrap_or(0) + 1;
    let parent = base.and_then(LoadedTable::current);
    let parent_id = parent.and_then(|parent| parent["snapshot-id"].as_i64());
    let table = metadata["table-uuid"].as_str().unwrap_or_default();
    // A roll back takes no number back, so a snapshot that was dropped and is made again has another id.
    let id = snapshot_id(&format!("{table} {sequence} {parent_id:?} {hash}"));
    let mut manifests = match parent {
        Some(parent) => {
            let list = parent["manifest-list"].as_str().unwrap_or_default();
            manifest_list::read(Path::new(local(list)))?
        }
        None => vec![],
    };
    // A manifest of an earlier snapshot that has no file of the table any more says nothing to a reader.
    manifests.retain(ManifestFile::is_live);
    let commit = Commit {
        shape,
        prefix: format!("{location}/{DATA}/"),
        spec,
        spec_fields: &spec_fields,
        ids: &ids,
        sequence,
        id,
        order,
    };
    let divided = commit.divide(manifests, before, now)?;
    let mut files = vec![];
    // Readers want a table's commits in the order of their times.
    let time = time.max(metadata["last-updated-ms"].as_i64().unwrap_or(0));
    let same = |key: &str| base.is_some_and(|base| base.metadata[key] == metadata[key]);
    let is_as_it_was = same("current-schema-id") && same("default-spec-id") && same("default-sort-order-id");
    // A catalog refuses a commit by the snapshot that it was planned on, and not by properties: of two writers that change the
    // ledger alone, one would lose what it counted.
    let is_in_folder = base.is_some_and(|base| matches!(base.home, TableHome::Folder));
    if let (true, true, true, Some(parent)) = (is_in_folder, divided.is_as_it_was, is_as_it_was, parent_id) {
        // Nothing new for a reader is not a new snapshot.
        let named = [
            (LEDGER, ledger_name.clone()),
            (LEDGER_HASH, hash.clone()),
            (LEDGER_SNAPSHOT, parent.to_string()),
        ];
        if !metadata["properties"].is_object() {
            metadata["properties"] = json!({});
        }
        named.into_iter().for_each(|(key, value)| metadata["properties"][key] = json!(value));
        files.push((ledger_name, ledger));
        return Ok(TableChange { files, step: last_step(base, metadata, &location, time), behind: vec![] });
    }
    let mut list = divided.kept;
    for (number, entries) in divided.written.iter().enumerate() {
        let name = format!("hw-{id:016x}-m{number:x}.avro");
        let (manifest, bytes) =
            commit.manifest(&metadata, entries, &format!("{location}/{METADATA}/{name}"))?;
        list.push(manifest);
        files.push((name, bytes));
    }
    let mut records = vec![];
    list.iter().for_each(|manifest| manifest.push(&mut records));
    let entries = [
        ("format-version", "2".to_string()),
        ("snapshot-id", id.to_string()),
        ("sequence-number", sequence.to_string()),
        ("parent-snapshot-id", parent_id.map_or("null".into(), |id| id.to_string())),
    ];
    let name = format!("snap-hw-{id:016x}.avro");
    files.push((name.clone(), avro::file(&manifest_list::schema(), &entries, list.len(), &records)));
    // The ledger comes last: its time in the file system is behind that of all parts.
    files.push((ledger_name.clone(), ledger));
    let mut summary = divided.summary;
    summary.extend([(LEDGER.to_string(), json!(ledger_name)), (LEDGER_HASH.to_string(), json!(hash))]);
    let mut snapshot = json!({
        "sequence-number": sequence, "snapshot-id": id, "timestamp-ms": time, "summary": summary,
        "manifest-list": format!("{location}/{METADATA}/{name}"), "schema-id": schema,
    });
    if let Some(parent) = parent_id {
        snapshot["parent-snapshot-id"] = json!(parent);
    }
    append(&mut metadata, "snapshots", snapshot);
    append(&mut metadata, "snapshot-log", json!({ "timestamp-ms": time, "snapshot-id": id }));
    metadata["current-snapshot-id"] = json!(id);
    metadata["last-sequence-number"] = json!(sequence);
    if !metadata["refs"].is_object() {
        metadata["refs"] = json!({});
    }
    metadata["refs"]["main"] = json!({ "snapshot-id": id, "type": "branch" });
    Ok(TableChange { files, step: last_step(base, metadata, &location, time), behind: vec![] })
}

/// What makes `metadata` the newest of the table whose newest is `base`.
pub fn last_step(base: Option<&LoadedTable>, metadata: Value, location: &str, time: i64) -> CommitStep {
    let request = |table, base| CommitStep::Request(request(table, base, &metadata).to_string().into_bytes());
    match base.map(|base| (&base.home, &base.metadata)) {
        Some((TableHome::Catalog(table), base)) => request(table, Some(base)),
        Some((TableHome::Staged(table), _)) => request(table, None),
        Some((TableHome::Folder, _)) | None => {
            let version = base.map_or(1, |base| base.version + 1);
            CommitStep::Version(version, next_metadata(base, metadata, location, time))
        }
    }
}

/// The next version of the metadata as it is written; the one before it goes into its log.
fn next_metadata(base: Option<&LoadedTable>, mut metadata: Value, location: &str, time: i64) -> Vec<u8> {
    if let Some(base) = base {
        let file = format!("{location}/{METADATA}/v{}.metadata.json", base.version);
        append(
            &mut metadata,
            "metadata-log",
            json!({ "timestamp-ms": base.metadata["last-updated-ms"], "metadata-file": file }),
        );
    }
    if let Some(log) = metadata["metadata-log"].as_array_mut() {
        let more = log.len().saturating_sub(REMEMBERED);
        log.drain(..more);
    }
    metadata["last-updated-ms"] = json!(time);
    let mut text = serde_json::to_vec_pretty(&metadata).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Appends to a list of the metadata, which may lack it.
fn append(metadata: &mut Value, key: &str, item: Value) {
    match metadata[key].as_array_mut() {
        Some(list) => list.push(item),
        None => metadata[key] = json!([item]),
    }
}

fn snapshot_id(of: &str) -> i64 {
    // The id of a snapshot is above zero.
    let hash = xxhash_rust::xxh3::xxh3_64(of.as_bytes()) & (i64::MAX as u64);
    i64::try_from(hash).unwrap_or(1).max(1)
}

/// The metadata of a table without a snapshot.
fn first(shape: &TableShape, location: &str, ledger: &str) -> Value {
    let uuid = uuid(&format!("{} {location} {ledger}", shape.job));
    json!({
        "format-version": 2, "table-uuid": uuid, "location": location, "last-sequence-number": 0,
        "last-updated-ms": 0, "last-column-id": 0, "current-schema-id": 0, "schemas": [],
        "default-spec-id": 0, "partition-specs": [], "last-partition-id": 999,
        "default-sort-order-id": 0, "sort-orders": [],
        "properties": { "write.format.default": "parquet", "write.parquet.compression-codec": "zstd" },
        "current-snapshot-id": null, "refs": {}, "snapshots": [], "statistics": [], "partition-statistics": [],
        "snapshot-log": [], "metadata-log": [],
    })
}

/// The id of the item of a list of the metadata whose fields are `fields`, a new one if there is none.
fn id_of(
    metadata: &mut Value,
    list: &str,
    key: &str,
    fields: &Value,
    first: i64,
    new: impl Fn(i64) -> Value,
) -> i64 {
    let all = metadata[list].as_array().map_or(&[][..], Vec::as_slice);
    let same = |item: &&Value| is_same(fields, &item["fields"]);
    if let Some(id) = all.iter().find(same).and_then(|item| item[key].as_i64()) {
        return id;
    }
    let id =
        all.iter().filter_map(|item| item[key].as_i64()).max().map_or(first, |last| (last + 1).max(first));
    append(metadata, list, new(id));
    id
}

/// Whether fields of ours are those that another program has written: it may say more of them, and has its own spaces.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(_)) => {
            ours.iter().all(|(key, value)| is_same(value, &theirs[key]))
        }
        (Value::String(ours), Value::String(theirs)) => {
            ours == theirs || ours.starts_with("decimal(") && ours.replace(' ', "") == theirs.replace(' ', "")
        }
        _ => ours == theirs,
    }
}

fn schema_id(metadata: &mut Value, shape: &TableShape, ids: &BTreeMap<String, i32>) -> i64 {
    let fields = fields(shape, ids);
    let new = |id| json!({ "type": "struct", "schema-id": id, "fields": fields });
    let id = id_of(metadata, "schemas", "schema-id", &fields, 0, new);
    let last = ids.values().copied().max().map_or(0, i64::from);
    metadata["last-column-id"] = json!(metadata["last-column-id"].as_i64().unwrap_or(0).max(last));
    metadata["current-schema-id"] = json!(id);
    id
}

fn spec_id(metadata: &mut Value, shape: &TableShape, ids: &BTreeMap<String, i32>) -> (i64, Vec<Value>) {
    let mut last = metadata["last-partition-id"].as_i64().unwrap_or(999);
    let old = metadata["partition-specs"].as_array().cloned().unwrap_or_default();
    let fields = partition_fields(shape, ids, &old, &mut last);
    let list = Value::Array(fields.clone());
    let id = id_of(
        metadata,
        "partition-specs",
        "spec-id",
        &list,
        0,
        |id| json!({ "spec-id": id, "fields": list }),
    );
    metadata["last-partition-id"] = json!(last);
    metadata["default-spec-id"] = json!(id);
    (id, fields)
}

fn order_id(metadata: &mut Value, shape: &TableShape, ids: &BTreeMap<String, i32>) -> i64 {
    let list = Value::Array(sort_fields(shape, ids));
    // The order without fields is number 0 in every table.
    let first = i64::from(!shape.sort.is_empty());
    let id = id_of(
        metadata,
        "sort-orders",
        "order-id",
        &list,
        first,
        |id| json!({ "order-id": id, "fields": list }),
    );
    metadata["default-sort-order-id"] = json!(id);
    id
}

/// What all manifests of a commit share.
struct Commit<'a> {
    shape: &'a TableShape,
    /// What the paths of parts begin with.
    prefix: String,
    spec: i64,
    spec_fields: &'a [Value],
    ids: &'a BTreeMap<String, i32>,
    sequence: i64,
    id: i64,
    order: i64,
}

/// The files of a commit, divided among manifests.
struct Divided {
    /// Manifests that stay.
    kept: Vec<ManifestFile>,
    /// The entries of those that are written.
    written: Vec<Vec<ManifestEntry>>,
    summary: serde_json::Map<String, Value>,
    /// Whether the table has the files that it had.
    is_as_it_was: bool,
}

impl Commit<'_> {
    fn divide(
        &self,
        manifests: Vec<ManifestFile>,
        before: &HashSet<&str>,
        now: &[TableFile],
    ) -> Result<Divided> {
        let wanted: HashMap<&str, &TableFile> = now.iter().map(|file| (file.path.as_str(), file)).collect();
        let there: HashSet<&str> = before.iter().copied().filter(|path| wanted.contains_key(path)).collect();
        let leaving: HashSet<&str> =
            before.iter().copied().filter(|path| !wanted.contains_key(path)).collect();
        let folders: HashSet<&str> = leaving.iter().map(|path| folder_of(path)).collect();
        let touched: Vec<Vec<Option<TableValue>>> =
            folders.iter().filter_map(|folder| self.shape.partition_of(&format!("{folder}/")).ok()).collect();
        // Where a path does not tell its partition, every manifest may have it.
        let all = touched.len() < folders.len();
        let known: i64 = manifests.iter().map(|manifest| manifest.files[0] + manifest.files[1]).sum();
        let mut found = 0;
        let (mut kept, mut written) = (vec![], vec![]);
        let (mut gone, mut gone_rows, mut gone_bytes) = (0i64, 0, 0);
        let mut partitions: HashSet<&str> = HashSet::new();
        let small = |manifest: &ManifestFile| {
            manifest.spec == self.spec
                && manifest.files[0] + manifest.files[1] < FILES_PER_MANIFEST as i64 / 4
        };
        let merge = manifests.iter().filter(|manifest| small(manifest)).count() >= SMALL_MANIFESTS;
        let mut merged = vec![];
        for manifest in manifests {
            let own = manifest.spec == self.spec;
            let hit = all || touched.iter().any(|partition| manifest.may_have(partition));
            if own && !hit && !(merge && small(&manifest)) {
                kept.push(manifest);
                continue;
            }
            let path = local(&manifest.path).to_string();
            let mut entries = entry::read_live(Path::new(&path), manifest.sequence, manifest.snapshot)?;
            let mut changed = false;
            for entry in &mut entries {
                let below = entry.path.strip_prefix(&self.prefix).unwrap_or(&entry.path);
                if wanted.contains_key(below) {
                    entry.status = EntryStatus::Existing;
                } else {
                    found += usize::from(leaving.contains(below));
                    (changed, gone) = (true, gone + 1);
                    (gone_rows, gone_bytes) = (gone_rows + entry.rows, gone_bytes + entry.bytes);
                    (entry.status, entry.snapshot) = (EntryStatus::Deleted, self.id);
                }
            }
            if manifest.spec != self.spec {
                // Manifests have one spec each: what stays of an older one is listed by the new one.
                for mut entry in entries.into_iter().filter(|entry| entry.status == EntryStatus::Existing) {
                    entry.partition = self.partition(&entry.path)?.iter().map(datum).collect();
                    merged.push(entry);
                }
            } else if merge && small(&manifest) {
                merged.append(&mut entries);
            } else if changed {
                written.push(entries);
            } else {
                kept.push(manifest);
            }
        }
        // The counts of the list and the files that go are looked at; that all others are there, each commit leaves so.
        if known != before.len() as i64 || found != leaving.len() || gone != found as i64 {
            return Err(Error::machine(format!(
                "the files of the table at {} are not those of its ledger",
                self.prefix
            ))
            .hint("the metadata of the table is damaged: remove the table, and run the job again"));
        }
        let (mut new, mut new_rows, mut new_bytes) = (vec![], 0, 0);
        for file in now.iter().filter(|file| !there.contains(file.path.as_str())) {
            (new_rows, new_bytes) = (new_rows + file.rows, new_bytes + file.bytes);
            partitions.insert(folder_of(&file.path));
            new.push(self.added(file)?);
        }
        let added = new.len();
        partitions.extend(&folders);
        self.place(&mut written, &mut new);
        merged.append(&mut new);
        merged.sort_by(|a, b| a.path.cmp(&b.path));
        written.extend(merged.chunks(FILES_PER_MANIFEST).map(<[ManifestEntry]>::to_vec));
        let sum = |of: &dyn Fn(&TableFile) -> u64| now.iter().map(of).sum::<u64>();
        let operation = match (added, gone) {
            (_, 0) => "append",
            (0, _) => "delete",
            _ => "overwrite",
        };
        let mut summary = serde_json::Map::from_iter([("operation".to_string(), json!(operation))]);
        let count = |name: &str, value: String| (name.to_string(), json!(value));
        summary.extend([
            count("added-data-files", added.to_string()),
            count("deleted-data-files", gone.to_string()),
            count("added-records", new_rows.to_string()),
            count("deleted-records", gone_rows.to_string()),
            count("added-files-size", new_bytes.to_string()),
            count("removed-files-size", gone_bytes.to_string()),
            count("changed-partition-count", partitions.len().to_string()),
            count("total-records", sum(&|file| file.rows).to_string()),
            count("total-files-size", sum(&|file| file.bytes).to_string()),
            count("total-data-files", now.len().to_string()),
            count("total-delete-files", "0".into()),
            count("total-position-deletes", "0".into()),
            count("total-equality-deletes", "0".into()),
            count("engine-name", "highwater".into()),
            count("engine-version", env!("CARGO_PKG_VERSION").into()),
        ]);
        Ok(Divided { kept, written, summary, is_as_it_was: added == 0 && gone == 0 })
    }

    /// Puts new files into the manifests that are written again for their partitions.
    fn place(&self, written: &mut [Vec<ManifestEntry>], new: &mut Vec<ManifestEntry>) {
        let mut by_folder: HashMap<String, usize> = HashMap::new();
        for (number, entries) in written.iter().enumerate() {
            by_folder.extend(entries.iter().map(|entry| (folder_of(&entry.path).to_string(), number)));
        }
        let mut left = vec![];
        for entry in new.drain(..) {
            match by_folder.get(folder_of(&entry.path)) {
                Some(&number) => written[number].push(entry),
                None => left.push(entry),
            }
        }
        *new = left;
    }

    /// The values of the partition of a file, by its absolute path.
    fn partition(&self, path: &str) -> Result<Vec<Option<TableValue>>> {
        self.shape.partition_of(path.strip_prefix(&self.prefix).unwrap_or(path))
    }

    fn added(&self, file: &TableFile) -> Result<ManifestEntry> {
        let partition = self.shape.partition_of(&file.path)?;
        self.shape.is_partition_of(&partition, file, self.ids)?;
        Ok(ManifestEntry {
            status: EntryStatus::Added,
            snapshot: self.id,
            sequence: None,
            path: format!("{}{}", self.prefix, file.path),
            partition: partition.iter().map(datum).collect(),
            rows: i64::try_from(file.rows).unwrap_or(i64::MAX),
            bytes: i64::try_from(file.bytes).unwrap_or(i64::MAX),
            rest: rest_of(&file.statistics, self.order),
        })
    }

    /// A manifest of these entries at `path`, and its bytes.
    fn manifest(
        &self,
        metadata: &Value,
        entries: &[ManifestEntry],
        path: &str,
    ) -> Result<(ManifestFile, Vec<u8>)> {
        let schema = entry::schema(self.shape, self.spec_fields);
        let mut records = vec![];
        entries.iter().for_each(|entry| entry.push(&mut records));
        let schemas = metadata["schemas"].as_array().map_or(&[][..], Vec::as_slice);
        let current = schemas.iter().find(|schema| schema["schema-id"] == metadata["current-schema-id"]);
        let header = [
            ("schema", current.map_or_else(String::new, Value::to_string)),
            ("schema-id", metadata["current-schema-id"].to_string()),
            ("partition-spec", Value::Array(self.spec_fields.to_vec()).to_string()),
            ("partition-spec-id", self.spec.to_string()),
            ("format-version", "2".to_string()),
            ("content", "data".to_string()),
        ];
        let bytes = avro::file(&schema, &header, entries.len(), &records);
        let mut manifest = ManifestFile::of(entries, self.sequence, self.id, self.spec);
        (manifest.path, manifest.length) = (path.to_string(), bytes.len() as i64);
        let partitions =
            entries.iter().map(|entry| self.partition(&entry.path)).collect::<Result<Vec<_>>>()?;
        manifest.partitions = bounds(&partitions, self.spec_fields.len());
        Ok((manifest, bytes))
    }
}

/// The value of a partition, as a manifest has it.
fn datum(value: &Option<TableValue>) -> AvroDatum {
    partition_datum(value.as_ref())
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
