//! The log of a table: its commits and checkpoints by version, and the state that they make.

use super::actions::TableState;
use super::checkpoint;
use crate::error::{Error, Result};
use crate::store::files;
use crate::table::layout::DAMAGED;
use crate::table::snapshot::{SnapshotChoice, refused, shown};
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The format, as people call it.
pub(super) const NAME: &str = "Delta Lake";
/// The folder of the log.
pub(in crate::table) const LOG: &str = "_delta_log";
/// The file that names the newest checkpoint.
pub(super) const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// The commits and checkpoints of a table that are there.
#[derive(Debug, Clone)]
pub(super) struct DeltaLog {
    /// The folder of the table.
    table: PathBuf,
    /// Versions with a commit.
    pub commits: BTreeSet<u64>,
    /// Checkpoints by version: their files, if all are there.
    pub checkpoints: BTreeMap<u64, Vec<PathBuf>>,
}

/// A file of the log, by its name.
enum LogFile {
    /// The commit of a version.
    Commit(u64),
    /// Part `1` of `2`, and so on, of the checkpoint of a version.
    Checkpoint(u64, usize, usize),
}

impl LogFile {
    /// What a file of this name is, if it is either.
    fn named(name: &str) -> Option<LogFile> {
        let (version, rest) = name.split_once('.')?;
        let version: u64 = Some(version).filter(|digits| digits.len() == 20)?.parse().ok()?;
        // The numbers of versions are of 63 bits.
        let version = i64::try_from(version).ok().filter(|version| *version < i64::MAX).map(|_| version)?;
        match rest.split('.').collect::<Vec<_>>()[..] {
            ["json"] => Some(LogFile::Commit(version)),
            ["checkpoint", "parquet"] => Some(LogFile::Checkpoint(version, 1, 1)),
            ["checkpoint", part, parts, "parquet"] => {
                Some(LogFile::Checkpoint(version, part.parse().ok()?, parts.parse().ok()?))
            }
            _ => None,
        }
    }
}

impl DeltaLog {
    /// The log of the table in `folder`.
    ///
    /// # Errors
    /// A machine error: it cannot be listed.
    pub fn list(table: &Path) -> Result<DeltaLog> {
        let folder = table.join(LOG);
        let mut commits = BTreeSet::new();
        let mut parts: BTreeMap<(u64, usize), BTreeMap<usize, PathBuf>> = BTreeMap::new();
        for file in files::files_in(&folder)? {
            match file.path.file_name().and_then(|name| name.to_str()).and_then(LogFile::named) {
                Some(LogFile::Commit(version)) => drop(commits.insert(version)),
                Some(LogFile::Checkpoint(version, part, of)) => {
                    parts.entry((version, of)).or_default().insert(part, file.path);
                }
                None => {}
            }
        }
        // A checkpoint whose writer was killed lacks parts.
        let whole = parts.into_iter().filter(|((_, of), parts)| parts.keys().copied().eq(1..=*of));
        let checkpoints = whole.map(|((version, _), parts)| (version, parts.into_values().collect()));
        Ok(DeltaLog { table: table.to_path_buf(), commits, checkpoints: checkpoints.collect() })
    }

    /// The newest version; none where nothing was committed.
    pub fn newest(&self) -> Option<u64> {
        self.commits.last().max(self.checkpoints.keys().next_back()).copied()
    }

    /// The oldest version from which on each can be read; none where nothing was committed.
    pub fn oldest(&self) -> Option<u64> {
        let newest = self.newest()?;
        let starts = self.checkpoints.keys().copied().chain(self.commits.contains(&0).then_some(0));
        let is_whole = |start: &u64| (start + 1..=newest).all(|version| self.commits.contains(&version));
        starts.filter(is_whole).min()
    }

    /// The version that is asked for.
    ///
    /// # Errors
    /// A job error: there is none.
    pub fn version(&self, choice: SnapshotChoice) -> Result<u64> {
        let table = self.table.display();
        let newest = self
            .newest()
            .ok_or_else(|| Error::data(format!("the log of the table {table} does not have a commit")))?;
        match choice {
            SnapshotChoice::Current => Ok(newest),
            SnapshotChoice::Number(number) => {
                u64::try_from(number).ok().filter(|version| *version <= newest).ok_or_else(|| {
                    Error::job(format!("the table {table} does not have a version {number}"))
                        .hint(format!("its newest version is {newest}"))
                })
            }
            SnapshotChoice::AsOf(instant) => self.as_of(instant),
        }
    }

    /// The last version that was committed up to `instant`.
    fn as_of(&self, instant: i64) -> Result<u64> {
        let (mut found, mut latest) = (None, i64::MIN);
        for &version in &self.commits {
            let Some(time) = self.time(version)? else {
                return Err(refused(
                    &self.table,
                    NAME,
                    &format!("its version {version} does not tell when it was committed"),
                )
                .hint("name a version by its number: snapshot = \"3\""));
            };
            // Clocks of writers differ, and versions do not go back in time.
            latest = latest.max(time);
            if latest > instant {
                break;
            }
            found = Some(version);
        }
        found.ok_or_else(|| {
            Error::job(format!(
                "the log of the table {} does not have a version from before {}",
                self.table.display(),
                shown(instant)
            ))
        })
    }

    /// When a version was committed, in microseconds, if its commit says it.
    fn time(&self, version: u64) -> Result<Option<i64>> {
        Ok(time_of(&commit_info(&self.text(version)?)).and_then(|ms| ms.checked_mul(1000)))
    }

    /// The table at a version.
    ///
    /// # Errors
    /// A job error: commits of it were cleaned away. A data error: a file of the log is damaged.
    pub fn state(&self, version: u64) -> Result<TableState> {
        let mut state = TableState::default();
        let base = self.checkpoints.range(..=version).next_back();
        for path in base.into_iter().flat_map(|(_, parts)| parts) {
            let bytes = read_listed(path)?;
            checkpoint::read(bytes, &mut state).map_err(|why| {
                Error::data(format!("{} is not a checkpoint that can be read: {why}", path.display()))
                    .hint(DAMAGED)
            })?;
        }
        let first = base.map_or(0, |(base, _)| base + 1);
        for version in first..=version {
            self.apply(version, &mut state)?;
        }
        Ok(state)
    }

    /// Does to `state`, the table at the version before, what the commit of `version` says.
    ///
    /// # Errors
    /// As of [`DeltaLog::state`].
    pub fn apply(&self, version: u64, state: &mut TableState) -> Result<()> {
        if !self.commits.contains(&version) {
            return Err(Error::job(format!(
                "the log of the table {} does not have the commit {version} any more",
                self.table.display()
            ))
            .hint("old commits are cleaned away: read a newer version"));
        }
        state.commit(&self.text(version)?).map_err(|line| {
            Error::data(format!("{}:{line} is not an action of a log", self.path(version).display()))
                .hint(DAMAGED)
        })
    }

    fn path(&self, version: u64) -> PathBuf {
        self.table.join(LOG).join(commit_name(version))
    }

    /// The actions of a commit, a line each.
    ///
    /// # Errors
    /// A machine error: it cannot be read.
    pub fn text(&self, version: u64) -> Result<String> {
        let path = self.path(version);
        let bytes = read_listed(&path)?;
        let damaged = |what: &str| Error::data(format!("{} is {what}", path.display())).hint(DAMAGED);
        let text = String::from_utf8(bytes.into()).map_err(|_| damaged("not text in UTF-8"))?;
        // Every writer says something in a commit. A file system that lost power may have its name, and not what was in it.
        if text.trim().is_empty() { Err(damaged("empty, so that commit is lost")) } else { Ok(text) }
    }
}

/// Reads a file of the log that was listed.
fn read_listed(path: &Path) -> Result<Bytes> {
    files::read_whole(path).map_err(|error| match files::is_file(path) {
        Ok(false) => error
            .hint("an expiry or a cleaning may have removed it just now: run the command again")
            .hint("if it stays away, restore it from a copy"),
        _ => error,
    })
}

/// The name of the commit of a version.
pub(in crate::table) fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

/// What a commit says of itself: who made it, and when. NULL where it says nothing.
pub(super) fn commit_info(text: &str) -> Value {
    let infos = text.lines().filter(|line| line.contains("\"commitInfo\""));
    let infos = infos.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    infos.filter_map(|mut line| line.get_mut("commitInfo").map(Value::take)).next_back().unwrap_or_default()
}

/// When a commit was made, in milliseconds since 1970, if it says it.
pub(super) fn time_of(info: &Value) -> Option<i64> {
    info["inCommitTimestamp"].as_i64().or_else(|| info["timestamp"].as_i64())
}

/// Whether a commit of `version` puts a file of this name behind itself.
pub(in crate::table) fn is_behind(name: &str, version: u64) -> bool {
    name == LAST_CHECKPOINT || name == checkpoint_name(version)
}

/// The name of the checkpoint of a version.
pub(super) fn checkpoint_name(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

/// The file of the log that a commit to the table in `folder` made last.
pub(in crate::table) fn newest_file(folder: &Path) -> PathBuf {
    folder.join(LOG).join(commit_name(newest(folder).unwrap_or_default()))
}

/// The versions that the log of the table in `folder` has, as commits or checkpoints.
///
/// # Errors
/// A machine error: it cannot be listed.
pub(in crate::table) fn versions(folder: &Path) -> Result<BTreeSet<u64>> {
    let log = DeltaLog::list(folder)?;
    Ok(log.commits.into_iter().chain(log.checkpoints.into_keys()).collect())
}

/// The newest version of the table in `folder`, if it can be listed and has one.
pub(in crate::table) fn newest(folder: &Path) -> Option<u64> {
    DeltaLog::list(folder).ok()?.newest()
}
