//! The sample data and jobs, so that an installed program has something to run: the logs are generated, and the jobs are
//! a part of the program.
//!
//! # Contract
//! * Every file has the bytes of the one in the repository's `data`, so what the guide shows holds for it.
//! * Nothing is written where one of the files exists.

use super::{LatenessShares, LogKind, Options, run};
use crate::error::{Error, Result};
use crate::sink::fields;
use crate::time::HOUR;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file of the program: its path below the folder, and its text.
macro_rules! own {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../", $path)))),*]
    };
}

/// Jobs, and the logs that are written by hand.
const OWN: [(&str, &str); 15] = own![
    "data/jobs/big-spenders.toml",
    "data/jobs/money-enrichment.toml",
    "data/jobs/money-live.toml",
    "data/jobs/pageviews-archive.toml",
    "data/jobs/pageviews-iceberg.toml",
    "data/jobs/pageviews-per-postcode.toml",
    "data/jobs/pageviews-so-far.toml",
    "data/jobs/pageviews.toml",
    "data/jobs/sales-per-seller-postgres.toml",
    "data/jobs/sales-per-seller.toml",
    "data/jobs/user-sessions.toml",
    "data/jobs/views-of-a-log.toml",
    "data/logs/kcat/views-1.jsonl",
    "data/logs/kcat/views-2.jsonl",
    "data/pageviews-late/late.csv",
];

/// The logs that are generated, and the files of each.
const GENERATED: [(LogKind, u64, u32, &str, &[&str]); 5] = [
    (
        LogKind::Transactions,
        6000,
        3,
        "data/transactions",
        &["transactions-1.csv", "transactions-2.csv", "transactions-3.csv"],
    ),
    (LogKind::Sales, 2000, 2, "data/sales", &["sales-1.jsonl", "sales-2.jsonl"]),
    (LogKind::PageViews, 6000, 2, "data/pageviews", &["pageviews-1.csv", "pageviews-2.csv"]),
    (LogKind::Money, 800, 1, "data/money", &MONEY),
    (LogKind::Money, 400, 1, LIVE, &MONEY),
];

/// The files of a money log.
const MONEY: [&str; 4] = [
    "session-countries/session-countries.jsonl",
    "user-events/user-events.jsonl",
    "user-session-events/user-session-events.jsonl",
    "wallet-events/wallet-events.jsonl",
];

/// The folder of the money log whose records say when they arrived: some are late, and some sessions too.
const LIVE: &str = "data/money-live";

/// The options of a log in `folder`, which is generated into `at` below it.
fn options(
    (kind, rows, parts, at, _): &(LogKind, u64, u32, &str, &[&str]),
    folder: &Path,
) -> Result<Options> {
    let own = Options { files: *parts, ..Options::new(*kind, *rows, folder.join(at)) };
    Ok(match *at {
        LIVE => Options {
            span: Some(8 * HOUR),
            lateness: Some(LatenessShares::parse("90%:20s,10%:20m")?),
            arrivals: true,
            ..own
        },
        _ => Options { span: (*kind == LogKind::Sales).then_some(HOUR), ..own },
    })
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The folder.
    #[serde(serialize_with = "fields::path")]
    pub folder: PathBuf,
    /// The files, by their paths below it, sorted.
    pub files: Vec<String>,
    /// Bytes in all.
    pub bytes: u64,
}

/// Writes the sample data and jobs below `folder`, which is made if it does not exist.
///
/// # Errors
/// A job error: one of the files exists. A machine error: a file cannot be written.
pub fn write_sample(folder: &Path) -> Result<Sample> {
    let own = OWN.iter().map(|(path, _)| path.to_string());
    let generated =
        GENERATED.iter().flat_map(|(_, _, _, at, names)| names.iter().map(move |n| format!("{at}/{n}")));
    let mut files: Vec<String> = own.chain(generated).collect();
    files.sort();
    // Not `exists`, which does not see a link whose target is missing.
    if let Some(file) = files.iter().find(|file| folder.join(file).symlink_metadata().is_ok()) {
        return Err(Error::job(format!("{} already exists", folder.join(file).display())).hint(
            "sample does not overwrite files: name a folder that does not have them, such as a new one",
        ));
    }
    let mut bytes = 0;
    for (path, text) in OWN {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| Error::io("create the folder", parent, e))?;
        // `create_new` fails if another program made the file since the check.
        let mut file = File::create_new(&path).map_err(|e| Error::io("create", &path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io("write", &path, e))?;
        bytes += text.len() as u64;
    }
    for log in &GENERATED {
        bytes += run(&options(log, folder)?)?.bytes();
    }
    Ok(Sample { folder: folder.to_path_buf(), files, bytes })
}
