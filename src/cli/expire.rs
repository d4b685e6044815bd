//! `highwater expire`: old snapshots of tables go.

use super::document::{FormatArgs, ReportDocument, data};
use super::ui::{self, count, human_bytes};
use crate::error::{Error, Result, exit};
use crate::job;
use crate::sink::{Target, expire};
use crate::table::{ExpiredTable, KeepRule, now};
use crate::time::Duration;
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::PathBuf;

/// Drop old snapshots of the tables of a job, and the files that no remaining snapshot needs. The current snapshot stays, and
/// so does each that a branch or a tag of another program names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    highwater expire data/jobs/pageviews-iceberg.toml --plan\n  \
    highwater expire data/jobs/pageviews-iceberg.toml --older-than 30d --keep 10")]
pub struct ExpireArgs {
    /// The job file
    #[arg(value_hint = ValueHint::FilePath)]
    job: PathBuf,
    /// How long a snapshot has not been the current one: a query that runs longer may still read it
    #[arg(long, value_name = "LENGTH", default_value = "7d")]
    older_than: String,
    /// How many of the newest snapshots stay, also if they are old
    #[arg(long, value_name = "N", default_value_t = 1)]
    keep: usize,
    /// Say what would go, and change nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    format: FormatArgs,
    /// Print only errors
    #[arg(long, short)]
    quiet: bool,
}

impl ExpireArgs {
    pub fn run(&self) -> Result<u8> {
        let age = age(&self.older_than)?;
        let spec = job::read(&self.job)?;
        let named = job::named(&spec);
        let tables: Vec<&Target> = named.outputs.iter().filter(|target| target.is_table()).collect();
        if tables.is_empty() {
            return Err(Error::job("the job has no tables").hint("an [[output]] with `table` is one"));
        }
        let rule = KeepRule { since: now().saturating_sub(age), newest: self.keep };
        let mut done = vec![];
        for table in tables {
            done.push((table, expire(table, &named, rule, self.plan)?));
        }
        if self.quiet {
            return Ok(exit::DONE);
        }
        let in_json = || {
            let tables = done.iter().map(|(table, expired)| {
                let expired = expired.unwrap_or_default();
                json!({
                    "path": table.path.display().to_string(), "snapshots": expired.snapshots, "kept": expired.kept,
                    "parts": expired.parts, "metadata": expired.metadata, "bytes": expired.bytes,
                })
            });
            json!({ "applied": !self.plan, "tables": tables.collect::<Vec<_>>() })
        };
        self.format.print(in_json, || {
            let mut out = ReportDocument::default();
            for (table, expired) in &done {
                let path = data(&table.path.display().to_string());
                out.line(match expired {
                    None => format!("{path}: was not written yet"),
                    Some(expired) => format!("{path}: {}", words(expired, self.plan)),
                });
            }
            if self.plan {
                out.line("this is a plan: nothing was changed");
            }
            out
        })?;
        Ok(exit::DONE)
    }
}

fn words(expired: &ExpiredTable, plan: bool) -> String {
    let ExpiredTable { snapshots, kept, parts, metadata, bytes } = *expired;
    let number = |n: usize, one: &str, many: &str| count(n as u64, one, many);
    if snapshots + parts + metadata == 0 {
        return format!("nothing is old enough; {} kept", number(kept, "snapshot", "snapshots"));
    }
    format!(
        "{} {}, {} kept; {} and {} removed, {}",
        number(snapshots, "snapshot", "snapshots"),
        if plan { "to drop" } else { "dropped" },
        ui::grouped(kept as u64),
        number(parts, "data file", "data files"),
        number(metadata, "metadata file", "metadata files"),
        human_bytes(bytes)
    )
}

/// A length of time in milliseconds; of days, a day is 24 hours.
fn age(text: &str) -> Result<i64> {
    let days = text.trim().strip_suffix('d').and_then(|days| days.trim().parse::<i64>().ok());
    if let Some(days) = days.filter(|days| *days >= 0) {
        return Ok(days.saturating_mul(86_400_000));
    }
    let length = Duration::parse(text).and_then(|length| length.as_length());
    length.filter(|length| *length >= 0).map(|us| us / 1000).ok_or_else(|| {
        Error::job(format!("--older-than `{text}` is not a duration")).hint("such as 7d, 12h or 30m")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_lengths() {
        assert_eq!(age("7d").unwrap(), 7 * 86_400_000);
        assert_eq!(age("0d").unwrap(), 0);
        assert_eq!(age("12h").unwrap(), 12 * 3_600_000);
        for wrong in ["", "-1d", "1 month", "x"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
