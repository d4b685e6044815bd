//! A table that lies in place, and what is ours in it.
//!
//! # Contract
//! The table is ours as long as its newest version has the files, columns, partitions and protocol of our last commit, whatever
//! other programs have committed in between: a restored version is as good as none. Else it is never written over.

use super::actions::{PartitionTexts, TableState};
use super::log::{DeltaLog, LOG, commit_info};
use super::schema::{binding_property, changed_columns};
use crate::error::{Error, Result};
use crate::store::{files, is_on_store};
use crate::table::own_names::is_ledger;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where a commit names the ledger.
pub(super) const LEDGER: &str = "highwater.ledger";
/// Where it has the XXH3-128 of the ledger, in hex.
pub(super) const LEDGER_HASH: &str = "highwater.ledger-xxh3";
/// What the name begins with by which we number our commits (`txn`).
pub(super) const PROGRAM: &str = "highwater:";

/// A table of Delta Lake that lies in place.
#[derive(Debug, Clone)]
pub struct DeltaTable {
    /// The folder of the table, absolute.
    pub folder: PathBuf,
    /// Its newest version.
    pub version: u64,
    pub(super) log: DeltaLog,
    ours: Option<OwnCommit>,
}

/// A commit of Highwater.
#[derive(Debug, Clone)]
pub(super) struct OwnCommit {
    /// Its version.
    pub version: u64,
    /// The file of its ledger, and the hash of that.
    pub ledger: (String, String),
}

impl OwnCommit {
    /// The commit of `version` whose information is `info`, if it is ours.
    pub fn of(version: u64, info: &Value) -> Option<OwnCommit> {
        let (name, hash) = (info[LEDGER].as_str()?, info[LEDGER_HASH].as_str()?);
        is_ledger(name).then(|| OwnCommit { version, ledger: (name.to_string(), hash.to_string()) })
    }
}

impl DeltaTable {
    /// The table in `folder`; `None` if none lies there.
    ///
    /// # Errors
    /// A machine error: its log cannot be read.
    pub fn load(folder: &Path) -> Result<Option<DeltaTable>> {
        let Some(folder) = files::real_folder(folder) else { return Ok(None) };
        if !is_on_store(&folder) && !folder.join(LOG).is_dir() {
            return Ok(None);
        }
        let log = DeltaLog::list(&folder)?;
        let Some(version) = log.newest() else { return Ok(None) };
        let mut ours = None;
        // As a rule the newest is ours.
        for &version in log.commits.iter().rev() {
            ours = OwnCommit::of(version, &commit_info(&log.text(version)?));
            if ours.is_some() {
                break;
            }
        }
        Ok(Some(DeltaTable { folder, version, log, ours }))
    }

    /// The table at its newest version.
    ///
    /// # Errors
    /// Its log cannot be read.
    pub(super) fn state(&self) -> Result<TableState> {
        self.log.state(self.version)
    }

    /// Whether Highwater has committed to it.
    pub fn has_ledger(&self) -> bool {
        let is_numbered =
            || self.state().is_ok_and(|state| state.programs.keys().any(|name| name.starts_with(PROGRAM)));
        self.ours.is_some() || is_numbered()
    }

    /// The version of our last commit.
    pub(super) fn own_version(&self) -> Option<u64> {
        self.ours.as_ref().map(|ours| ours.version)
    }

    /// Where the ledger of our last commit lies.
    pub(super) fn own_ledger(&self) -> Option<PathBuf> {
        self.ours.as_ref().map(|ours| self.folder.join(LOG).join(&ours.ledger.0))
    }

    /// The file of the ledger of our last commit, and its hash.
    ///
    /// # Errors
    /// A machine error: another program has changed the table since, or has cleaned that commit away.
    pub fn ledger(&self) -> Result<(PathBuf, String)> {
        let Some(ours) = &self.ours else {
            return Err(self
                .foreign("it has cleaned away the last commit of Highwater")
                .hint("write the output to another path, or remove the table and run the job again"));
        };
        if ours.version < self.version
            && let Some(what) = self.changed(ours.version)?
        {
            return Err(self.changed_by_others(ours.version, &what)?);
        }
        let (name, hash) = &ours.ledger;
        Ok((self.folder.join(LOG).join(name), hash.clone()))
    }

    /// What is not as it was at our version, in words.
    fn changed(&self, ours: u64) -> Result<Option<String>> {
        let (was, is) = (self.log.state(ours)?, self.state()?);
        let version = |state: &TableState, key: &str| state.protocol.as_ref().map(|all| all[key].clone());
        if ["minReaderVersion", "minWriterVersion"].iter().any(|key| version(&was, key) != version(&is, key))
        {
            return Ok(Some("its protocol was changed".into()));
        }
        let (Some(before), Some(now)) = (&was.metadata, &is.metadata) else {
            return Ok(Some("it does not have metadata".into()));
        };
        if let Some(what) = changed_columns(before, now) {
            return Ok(Some(what));
        }
        if let Some(key) = binding_property(now) {
            return Ok(Some(format!("its property `{key}` was set, which Highwater does not know")));
        }
        let (before, now) = (content(&was), content(&is));
        let (more, less) = (now.difference(&before).count(), before.difference(&now).count());
        let count = |count: usize| if count == 1 { "1 file".to_string() } else { format!("{count} files") };
        Ok((more + less > 0).then(|| format!("{} came and {} went", count(more), count(less))))
    }

    fn foreign(&self, what: &str) -> Error {
        Error::machine(format!(
            "another program has changed the table {} since Highwater wrote to it: {what}",
            self.folder.display()
        ))
    }

    /// The error for a table that is not as it was at our version; `what` says why.
    fn changed_by_others(&self, ours: u64, what: &str) -> Result<Error> {
        // The first commit that does something, else the newest.
        let mut named = self.version;
        for version in ours + 1..=self.version {
            let text = self.log.text(version)?;
            let does = |line: &str| {
                let action: Value = serde_json::from_str(line).unwrap_or_default();
                ["add", "remove", "metaData", "protocol"].iter().any(|kind| action.get(kind).is_some())
            };
            if text.lines().any(does) {
                named = version;
                break;
            }
        }
        let info = commit_info(&self.log.text(named)?);
        let operation = info["operation"].as_str().unwrap_or("commit");
        let by = ["engineInfo", "clientVersion"].iter().find_map(|key| info[*key].as_str());
        let by = by.map(|name| format!(" by {name}")).unwrap_or_default();
        Ok(self
            .foreign(&format!("its version {named} is `{operation}`{by}; {what}"))
            .hint("nothing was changed. To keep that change, write the output to another path")
            .hint(format!(
                "to drop it, let that program restore version {ours}, the last of Highwater, and run again: RESTORE TABLE … TO VERSION AS OF {ours}"
            )))
    }
}

/// What the files of a table are, whenever they came.
fn content(state: &TableState) -> BTreeSet<(&String, &PartitionTexts, i64, bool)> {
    state.files.values().map(|file| (&file.path, &file.partition, file.size, file.has_deletions)).collect()
}
