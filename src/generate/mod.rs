//! Recorded logs to try the tool on: page views, transactions, sales, wallet events with their
//! sessions and users. Seeded, of any number of rows, in flat memory.
//!
//! # Contract
//! * The same options give the same bytes, on every machine.
//! * The seed, the number of rows, the span and the lateness profile decide the rows; format,
//!   compression and the number of files only how they are written.
//! * The order of rows is the order of arrival. An event's time is its arrival less a lateness that
//!   the profile gives.

mod lateness;
mod money;
mod pageviews;
mod random;
mod row;
mod sales;
mod sample;
mod sample_log;
mod transactions;
mod write;

pub use lateness::LatenessShares;
pub use row::ProducerStyle;
pub use sales::Sellers;
pub use sample::{Sample, write_sample};

use crate::error::{Error, Result};
use crate::input::{Compression, InputFormat};
use crate::sink::fields;
use crate::time::{DAY, HOUR, SECOND};
use row::{ColumnType, GeneratedColumn, Row};
use sample_log::{LogShape, START, SampleLog};
use serde::Serialize;
use std::path::{Path, PathBuf};
use write::FileWriter;

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// Sales of sellers, in dollars.
    Sales,
    /// Bank transactions of accounts.
    Transactions,
    /// Page views by postcode, many of them late.
    PageViews,
    /// Wallet events, the sessions they were made in, the users' changes, and what a service would answer.
    Money,
}

impl LogKind {
    /// All kinds.
    pub const ALL: [LogKind; 4] = [LogKind::Sales, LogKind::Transactions, LogKind::PageViews, LogKind::Money];

    /// The name on the command line, which is also the name of the files.
    pub fn name(self) -> &'static str {
        match self {
            LogKind::Sales => "sales",
            LogKind::Transactions => "transactions",
            LogKind::PageViews => "pageviews",
            LogKind::Money => "money",
        }
    }

    /// The format where none is asked for.
    pub fn format(self) -> InputFormat {
        match self {
            LogKind::Transactions | LogKind::PageViews => InputFormat::Csv,
            LogKind::Sales | LogKind::Money => InputFormat::JsonLines,
        }
    }

    /// The time from the first to the last arrival where none is asked for, in microseconds.
    pub fn span(self) -> i64 {
        match self {
            LogKind::Sales => DAY,
            LogKind::Transactions => 3 * 365 * DAY,
            LogKind::PageViews => 3 * DAY,
            LogKind::Money => 7 * DAY,
        }
    }

    /// The lateness profile where none is asked for.
    pub fn lateness(self) -> LatenessShares {
        match self {
            LogKind::PageViews => LatenessShares::default(),
            LogKind::Transactions => LatenessShares::up_to(HOUR),
            LogKind::Sales | LogKind::Money => LatenessShares::up_to(20 * SECOND),
        }
    }
}

/// What to generate, how much of it, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What.
    pub kind: LogKind,
    /// Rows in all; of [`LogKind::Money`] wallet events, and sessions and users in proportion.
    pub rows: u64,
    /// Decides all draws.
    pub seed: u64,
    /// The folder to write to; made if it is not there.
    pub out: PathBuf,
    /// The format; `None` for the kind's own.
    pub format: Option<InputFormat>,
    /// How many files to split each log into, at least one.
    pub files: u32,
    /// How to compress text formats.
    pub compression: Compression,
    /// Microseconds from the first arrival to the last; `None` for the kind's own.
    pub span: Option<i64>,
    /// How late events come; `None` for the kind's own profile.
    pub lateness: Option<LatenessShares>,
    /// Whether files that are there are written over, whatever is in them; else only those with the same bytes stay.
    pub force: bool,
    /// Of [`LogKind::Sales`] who sells.
    pub sellers: Option<Sellers>,
    /// How values and names are written.
    pub style: ProducerStyle,
    /// Of [`LogKind::Money`] whether each record says when it arrived, in the column [`ARRIVAL`].
    pub arrivals: bool,
}

/// The column of arrivals.
pub const ARRIVAL: &str = "receivedAt";

impl Options {
    /// The options of `kind` where only the rows and the folder are given.
    pub fn new(kind: LogKind, rows: u64, out: impl Into<PathBuf>) -> Options {
        Options {
            kind,
            rows,
            seed: 1,
            out: out.into(),
            format: None,
            files: 1,
            compression: Compression::None,
            span: None,
            lateness: None,
            force: false,
            sellers: None,
            style: ProducerStyle::default(),
            arrivals: false,
        }
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenFile {
    /// Where it is.
    #[serde(serialize_with = "fields::path")]
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// Its size on disk.
    pub bytes: u64,
}

/// What was generated: the files, log by log, in the order of their rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// The files.
    pub files: Vec<WrittenFile>,
}

impl Summary {
    /// Rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|f| f.rows).sum()
    }

    /// Bytes of all files on disk.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }
}

/// Generates what `options` ask for.
///
/// # Errors
/// Of kind job, if the options make no sense or the folder holds other files that a job would read
/// along; of kind machine, if a file cannot be written.
pub fn run(options: &Options) -> Result<Summary> {
    let format = options.format.unwrap_or(options.kind.format());
    check(options, format)?;
    let shape = LogShape {
        seed: options.seed,
        rows: options.rows,
        span: options.span.unwrap_or(options.kind.span()),
        lateness: options.lateness.clone().unwrap_or(options.kind.lateness()),
    };
    let logs: Vec<Box<dyn SampleLog>> = match options.kind {
        LogKind::Sales => vec![Box::new(sales::Sales::new(shape, options.sellers.as_ref()))],
        LogKind::Transactions => vec![Box::new(transactions::Transactions::new(shape))],
        LogKind::PageViews => vec![Box::new(pageviews::PageViews::new(shape))],
        LogKind::Money => money::logs(shape),
    };
    // A name that no log has would be a name that stays as it was.
    for (old, _) in &options.style.names {
        let all: Vec<&str> =
            logs.iter().flat_map(|log| log.columns()).map(|column| column.name.as_ref()).collect();
        if !all.contains(&old.as_str()) {
            return Err(Error::job(format!("no column `{old}` to rename")).nearest(old, all));
        }
    }
    let mut summary = Summary::default();
    for mut log in logs {
        write_log(log.as_mut(), options, format, &mut summary)?;
    }
    Ok(summary)
}

fn check(options: &Options, format: InputFormat) -> Result<()> {
    let names = options.style.names.iter().map(|(_, name)| name);
    let sellers = match &options.sellers {
        Some(Sellers::Names(names)) => names.as_slice(),
        _ => &[],
    };
    if let Some(name) = names.chain(sellers).find(|name| name.contains(char::is_control)) {
        return Err(Error::job(format!("{name:?} has a control character")));
    }
    if options.sellers.is_some() && options.kind != LogKind::Sales {
        return Err(Error::job("`--sellers` is for sales"));
    }
    if options.arrivals && options.kind != LogKind::Money {
        return Err(Error::job("`--arrivals` is for money; other logs are in the order of arrival"));
    }
    if options.sellers == Some(Sellers::Count(0)) || options.sellers == Some(Sellers::Names(vec![])) {
        return Err(Error::job("sales need a seller"));
    }
    if options.files == 0 {
        return Err(Error::job("a log cannot be split into 0 files"));
    }
    if format == InputFormat::Parquet && options.compression != Compression::None {
        return Err(Error::job("a Parquet file cannot be compressed as a whole")
            .hint("its columns are compressed (zstd) as they are; leave `--compress` out"));
    }
    // Beyond this the years have five digits, which no reader takes.
    if options.span.is_some_and(|span| span <= 0 || span > 200 * 365 * DAY) {
        return Err(Error::job("the span must be longer than 0 and at most 200 years"));
    }
    Ok(())
}

fn write_log(
    log: &mut dyn SampleLog,
    options: &Options,
    format: InputFormat,
    summary: &mut Summary,
) -> Result<()> {
    let folder = options.out.join(log.folder());
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create the folder", &folder, e))?;
    let files = u64::from(options.files);
    let extension = write::extension(format, options.compression);
    let paths: Vec<PathBuf> = (1..=files)
        .map(|n| match files {
            1 => format!("{}.{extension}", log.name()),
            _ => format!("{}-{n}.{extension}", log.name()),
        })
        .map(|name| folder.join(name))
        .collect();
    refuse_strangers(&folder, &paths)?;

    // One row and its buffers serve for the whole log.
    let (mut row, rows) = (Row::of(options.style.clone()), log.rows());
    let mut columns = options.style.columns(log.columns());
    // Only the answers of the service do not arrive.
    let arrivals = options.arrivals && log.arrived().is_some();
    if arrivals {
        columns.extend(options.style.columns(&[GeneratedColumn::new(ARRIVAL, ColumnType::Instant)]));
    }
    // Each end is a share of the whole log, so that its rows are the same in any number of files.
    let ends = (1..=files).map(|n| (u128::from(rows) * u128::from(n) / u128::from(files)) as u64);
    let mut done = 0;
    for (path, end) in paths.into_iter().zip(ends) {
        let mut writer = FileWriter::create(path, &columns, format, options.compression)?;
        for _ in done..end {
            row.clear();
            log.next(&mut row);
            if let Some(arrived) = log.arrived().filter(|_| arrivals) {
                row.instant(START + arrived);
            }
            writer.write(&row)?;
        }
        let (path, bytes) = writer.finish(options.force)?;
        summary.files.push(WrittenFile { path, rows: end - done, bytes });
        done = end;
    }
    Ok(())
}

/// A log of an earlier run under another name would be read along by a job that names the folder,
/// and count double.
fn refuse_strangers(folder: &Path, ours: &[PathBuf]) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io("read the folder", folder, e))?;
    for entry in entries {
        let path = entry.map_err(|e| Error::io("read the folder", folder, e))?.path();
        // A job that reads a folder passes over hidden files, such as what is left of a run that was killed.
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && write::is_log(&path) && !ours.contains(&path) {
            return Err(Error::job(format!(
                "{} exists: a job that reads the folder would read it too",
                path.display()
            ))
            .hint("remove it, or choose another folder with `--out`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
