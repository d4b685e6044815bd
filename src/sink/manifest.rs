//! The manifest of an output: what it holds, of what it was made, and the account of the run.
//!
//! # Contract
//! Equal runs write equal manifests: no time of day, no host, no temporary path. Parts are sorted by
//! path. A manifest of a version that this program does not know is an error, never a guess.

use super::{TOOL, fsutil};
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::store::{files, is_on_store};
use serde::{Deserialize, Serialize};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// The version of the manifest's format that this program writes.
pub const VERSION: u32 = 1;
/// Its file name in the state folder.
pub const FILE: &str = "manifest.json";

/// What stands in `_highwater/manifest.json`. The default is that of an output that was never written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub version: u32,
    /// The program that wrote it, with its version.
    pub tool: String,
    /// The job.
    pub job: JobInfo,
    /// The output within the job.
    pub output: OutputInfo,
    /// What decides its rows; manifests that were written before there was one have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// All columns of the source, in its order, with the types that the job declares or its files show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<SourceColumn>,
    /// The files that were read, in position order: those of the source, then those of tables.
    pub inputs: Vec<InputEntry>,
    /// Where every record went.
    pub account: Account,
    /// The first and the last event time, if there was an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermarks: Option<Watermarks>,
    /// The file that the rejected records were written to, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejects: Option<String>,
    /// The files of the output, sorted by path.
    pub parts: Vec<Part>,
    /// The files that say what its groups are made of, if it keeps that, sorted by path; their paths are below the
    /// state folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<Part>,
}

/// All of a manifest that the engine knows; the transaction adds the parts. Fields as in [`Manifest`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestDraft {
    /// The job.
    pub job: JobInfo,
    /// The output within the job.
    pub output: OutputInfo,
    /// What decides its rows.
    pub identity: Option<Identity>,
    /// All columns of the source, in its order.
    pub source: Vec<SourceColumn>,
    /// The files that were read, in position order: those of the source, then those of tables.
    pub inputs: Vec<InputEntry>,
    /// Where every record went.
    pub account: Account,
    /// The first and the last event time, if there was an event.
    pub watermarks: Option<Watermarks>,
    /// The file that the rejected records were written to, if there is one.
    pub rejects: Option<String>,
}

/// Which job made an output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobInfo {
    /// Its name.
    pub name: String,
    /// Hash of the resolved plan: equal jobs have equal hashes.
    pub hash: String,
}

/// What decides the rows of an output beside the data, written out; see `job::identity`, which makes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identity {
    /// The version of `form`.
    pub version: u32,
    /// XXH3-128 of `form` as compact JSON, in hex.
    pub hash: String,
    /// The JSON that is hashed.
    pub form: serde_json::Value,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        // The hash covers the form, so the forms need not be compared.
        (self.version, &self.hash) == (other.version, &other.hash)
    }
}

impl Eq for Identity {}

/// What an output is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputInfo {
    /// The format of its parts.
    pub format: String,
    /// The window as the job writes it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// The columns that rows are grouped by.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Of a streamed output how late an event may be, as the job writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streamed: Option<String>,
    /// Whether it is an archive: the records of the source as they were read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archive: bool,
    /// The table of a server that it is the mirror of, without a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// A column of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// Its type as a job file writes it.
    pub r#type: String,
}

impl SourceColumn {
    /// A column of the type `ty`.
    pub fn new(name: impl Into<String>, ty: DataType) -> SourceColumn {
        SourceColumn { name: name.into(), r#type: ty.to_string() }
    }

    /// Its type; `None` where the text is that of no type.
    pub fn ty(&self) -> Option<DataType> {
        DataType::parse(&self.r#type)
    }
}

/// One input file. It is known by its content, not by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputEntry {
    /// The path as the job's source gives it.
    pub path: String,
    /// Its size, as it lies on the disk.
    pub bytes: u64,
    /// XXH3-128 of its bytes, in hex.
    pub hash: String,
    /// Its ETag, if it lies on a store where equal ones mean equal bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Records read from it.
    pub records: u64,
    /// The table that it is a file of; none for a file of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// Where every record went: `read = rejected + filtered + duplicate + late + counted`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Records read.
    pub read: u64,
    /// Records that could not be read as rows.
    pub rejected: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that dedup left out.
    pub duplicate: u64,
    /// Late events.
    pub late: u64,
    /// Events counted.
    pub counted: u64,
}

/// How far event time reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermarks {
    /// The least event time, microseconds UTC.
    #[serde(with = "instant")]
    pub min_event_time: i64,
    /// The greatest event time, microseconds UTC.
    #[serde(with = "instant")]
    pub max_event_time: i64,
    /// The watermark when the log ended, microseconds UTC, where an output is streamed.
    #[serde(default, with = "instant_if", skip_serializing_if = "Option::is_none")]
    pub watermark: Option<i64>,
}

/// One file of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its path below the output's folder, with `/` between names.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// XXH3-128 of its bytes, in hex.
    pub hash: String,
    /// The least event time of its rows, of groups the least `window_start`, microseconds UTC; none without rows,
    /// and where there is neither time nor window.
    #[serde(default, with = "instant_if", skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// The greatest event time of its rows, of groups the greatest `window_end`; as [`Part::first`].
    #[serde(default, with = "instant_if", skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// Of a file that another program wrote, and that was adopted: how it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<AdoptedFile>,
}

/// How a file is read that another program wrote, or that was written as that program does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedFile {
    /// The zone of its times without one.
    pub zone: String,
    /// Whether it is CSV without a header line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_header: bool,
}

impl Account {
    /// Adds the records of another account.
    pub fn add(&mut self, other: &Account) {
        self.each(other, |own, other| own + other);
    }

    /// Takes out the records of another account, which were in this one.
    pub fn take(&mut self, other: &Account) {
        // Counts of a manifest come from outside, and a wrong one must not overflow here.
        self.each(other, u64::saturating_sub);
    }

    fn each(&mut self, other: &Account, f: impl Fn(u64, u64) -> u64) {
        // The counts are named one by one, so that a new one cannot be forgotten here.
        let Account { read, rejected, filtered, duplicate, late, counted } = other;
        self.read = f(self.read, *read);
        self.rejected = f(self.rejected, *rejected);
        self.filtered = f(self.filtered, *filtered);
        self.duplicate = f(self.duplicate, *duplicate);
        self.late = f(self.late, *late);
        self.counted = f(self.counted, *counted);
    }
}

impl ManifestDraft {
    /// A hash of the state of the output that it speaks of.
    pub fn digest(&self) -> u128 {
        let mut hash = Xxh3::new();
        let identity = self.identity.as_ref().map_or("", |identity| &identity.hash);
        for text in [&self.job.name, &self.job.hash, identity] {
            add(&mut hash, text);
        }
        for input in &self.inputs {
            for text in [&input.path, &input.hash, input.table.as_deref().unwrap_or_default()] {
                add(&mut hash, text);
            }
            hash.update(&input.records.to_le_bytes());
        }
        let Account { read, rejected, filtered, duplicate, late, counted } = self.account;
        for count in [read, rejected, filtered, duplicate, late, counted] {
            hash.update(&count.to_le_bytes());
        }
        hash.digest128()
    }
}

/// Hashes a text with its length, so that two texts are not taken for two others.
fn add(hash: &mut Xxh3, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

impl Manifest {
    /// The manifest of a draft, its parts and those of its state.
    pub(super) fn new(draft: ManifestDraft, mut parts: Vec<Part>, mut state: Vec<Part>) -> Manifest {
        // Threads finish parts in any order, and equal runs must write equal manifests.
        parts.sort_by(|a, b| a.path.cmp(&b.path));
        state.sort_by(|a, b| a.path.cmp(&b.path));
        let ManifestDraft { job, output, identity, source, inputs, account, watermarks, rejects } = draft;
        let tool = TOOL.to_string();
        let version = VERSION;
        Manifest {
            version,
            tool,
            job,
            output,
            identity,
            source,
            inputs,
            account,
            watermarks,
            rejects,
            parts,
            state,
        }
    }

    /// All but the parts.
    pub fn draft(&self) -> ManifestDraft {
        let Manifest { job, output, identity, source, inputs, account, watermarks, rejects, .. } =
            self.clone();
        ManifestDraft { job, output, identity, source, inputs, account, watermarks, rejects }
    }

    /// The manifest in the state folder `state`, as it is written; `None` if there is none. What it names is
    /// looked at by [`super::Target::manifest`].
    ///
    /// # Errors
    /// The file cannot be read, is no manifest, or is one of a version that is not known.
    pub(super) fn load(state: &Path) -> Result<Option<Manifest>> {
        let path = state.join(FILE);
        let text = match is_on_store(&path) {
            true => files::read(&path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            false => fsutil::read_own(&path)?,
        };
        text.map(|text| parse_versioned(&text, VERSION, "manifest", &path)).transpose()
    }

    /// The manifest as it is written: pretty JSON with a line end.
    pub(super) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plain data has a JSON form");
        text.push('\n');
        text
    }
}

/// Reads a state file that carries a `version`, and refuses a version other than `known`.
pub(super) fn parse_versioned<T: for<'a> Deserialize<'a>>(
    text: &str,
    known: u32,
    what: &str,
    path: &Path,
) -> Result<T> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let broken = |e: serde_json::Error| {
        Error::machine(format!("{} is not a {what} that can be read", path.display())).caused_by(e)
    };
    // The version is read first, since another version may have other fields. It stands in front where this program wrote it,
    // and of many inputs there are megabytes behind it.
    let version = match text.strip_prefix(&format!("{{\n  \"version\": {known},\n")) {
        Some(_) => known,
        None => serde_json::from_str::<Version>(text).map_err(broken)?.version,
    };
    if version != known {
        return Err(Error::machine(format!("{} is a {what} of version {version}", path.display())).hint(
            format!("{TOOL} reads version {known}: use the release that wrote it, or another output path."),
        ));
    }
    serde_json::from_str(text).map_err(broken)
}

/// Instants as RFC 3339 text in UTC.
mod instant {
    use crate::sink::value::TimeText;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(us: &i64, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&TimeText::utc().text(*us))
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(d: D) -> Result<i64, D::Error> {
        let text = String::deserialize(d)?;
        let time = chrono::DateTime::parse_from_rfc3339(&text).map_err(D::Error::custom)?;
        Ok(time.timestamp_micros())
    }
}

mod instant_if {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(us: &Option<i64>, s: S) -> Result<S::Ok, S::Error> {
        match us {
            Some(us) => super::instant::serialize(us, s),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(d: D) -> Result<Option<i64>, D::Error> {
        #[derive(Deserialize)]
        struct Instant(#[serde(with = "super::instant")] i64);
        Ok(Option::<Instant>::deserialize(d)?.map(|instant| instant.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::FirstAndLast;

    pub fn sample() -> Manifest {
        let input = |path: &str, table: Option<&str>| InputEntry {
            path: path.into(),
            bytes: 10,
            hash: "aa".into(),
            etag: None,
            records: 2,
            table: table.map(str::to_string),
        };
        let draft = ManifestDraft {
            job: JobInfo { name: "views".into(), hash: "00ff".into() },
            output: OutputInfo {
                format: "parquet".into(),
                window: Some("tumbling 1m".into()),
                keys: vec!["postcode".into()],
                streamed: Some("allowed lateness 24h".into()),
                archive: false,
                table: None,
            },
            identity: Some(Identity {
                version: 1,
                hash: "11ee".into(),
                form: serde_json::json!({ "timezone": "UTC", "range": { "from": -1 } }),
            }),
            source: vec![
                SourceColumn::new("time", DataType::Timestamp),
                SourceColumn::new("price", DataType::Decimal { precision: 9, scale: 2 }),
            ],
            inputs: vec![input("a.csv", None), input("rates.csv", Some("rates"))],
            account: Account { read: 2, counted: 2, ..Account::default() },
            watermarks: Some(Watermarks {
                min_event_time: 1_500_000,
                max_event_time: 2_000_000,
                watermark: Some(-1),
            }),
            rejects: None,
        };
        let part = |path: &str, span: Option<FirstAndLast>| Part {
            path: path.into(),
            rows: 1,
            bytes: 5,
            hash: "bb".into(),
            first: span.map(|span| span.first),
            last: span.map(|span| span.last),
            adopted: None,
        };
        let parts = vec![part("b", None), part("a", Some(FirstAndLast::new(0, 60_000_000)))];
        Manifest::new(draft, parts, vec![])
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let tmp = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::load(tmp.path()).unwrap(), None);
        std::fs::write(tmp.path().join(FILE), sample().to_json()).unwrap();
        assert_eq!(Manifest::load(tmp.path()).unwrap(), Some(sample()));
    }

    #[test]
    fn its_text_is_fixed() {
        insta::assert_snapshot!(sample().to_json(), @r#"
        {
          "version": 1,
          "tool": "highwater 0.1.0",
          "job": {
            "name": "views",
            "hash": "00ff"
          },
          "output": {
            "format": "parquet",
            "window": "tumbling 1m",
            "keys": [
              "postcode"
            ],
            "streamed": "allowed lateness 24h"
          },
          "identity": {
            "version": 1,
            "hash": "11ee",
            "form": {
              "timezone": "UTC",
              "range": {
                "from": -1
              }
            }
          },
          "source": [
            {
              "name": "time",
              "type": "timestamp"
            },
            {
              "name": "price",
              "type": "decimal(9,2)"
            }
          ],
          "inputs": [
            {
              "path": "a.csv",
              "bytes": 10,
              "hash": "aa",
              "records": 2
            },
            {
              "path": "rates.csv",
              "bytes": 10,
              "hash": "aa",
              "records": 2,
              "table": "rates"
            }
          ],
          "account": {
            "read": 2,
            "rejected": 0,
            "filtered": 0,
            "duplicate": 0,
            "late": 0,
            "counted": 2
          },
          "watermarks": {
            "min_event_time": "1970-01-01T00:00:01.5Z",
            "max_event_time": "1970-01-01T00:00:02Z",
            "watermark": "1969-12-31T23:59:59.999999Z"
          },
          "parts": [
            {
              "path": "a",
              "rows": 1,
              "bytes": 5,
              "hash": "bb",
              "first": "1970-01-01T00:00:00Z",
              "last": "1970-01-01T00:01:00Z"
            },
            {
              "path": "b",
              "rows": 1,
              "bytes": 5,
              "hash": "bb"
            }
          ]
        }
        "#);
    }

    #[test]
    fn columns_of_the_source_keep_their_types() {
        for column in sample().source {
            assert_eq!(SourceColumn::new(&column.name, column.ty().unwrap()), column);
        }
        assert_eq!(SourceColumn { name: "x".into(), r#type: "money".into() }.ty(), None);
    }

    #[test]
    fn a_manifest_of_before_is_read() {
        let tmp = tempfile::tempdir().unwrap();
        let text = r#"{"version": 1, "tool": "t", "job": {"name": "j", "hash": "h"}, "output": {"format": "csv"},
            "inputs": [{"path": "a.csv", "bytes": 1, "hash": "aa", "records": 2}],
            "account": {"read": 2, "rejected": 0, "filtered": 0, "duplicate": 0, "late": 0, "counted": 2},
            "parts": [{"path": "p", "rows": 1, "bytes": 2, "hash": "cc"}]}"#;
        std::fs::write(tmp.path().join(FILE), text).unwrap();
        let old = Manifest::load(tmp.path()).unwrap().unwrap();
        assert_eq!((old.parts[0].first, old.inputs[0].table.as_deref()), (None, None));
        assert!(old.source.is_empty() && !old.output.archive);
    }

    #[test]
    fn a_later_version_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join(FILE), r#"{"version": 2, "new": true}"#).unwrap();
        let error = Manifest::load(tmp.path()).unwrap_err();
        assert!(error.message().contains("of version 2"), "{error}");
        std::fs::write(tmp.path().join(FILE), "{").unwrap();
        assert!(Manifest::load(tmp.path()).unwrap_err().message().contains("not a manifest"));
    }
}
