//! `highwater generate`: recorded logs to try the tool on.

use super::document::{FormatArgs, ReportDocument, data};
use super::ui;
use crate::error::{Error, Result, exit};
use crate::generate::{LatenessShares, LogKind, Options, ProducerStyle, Sellers, run};
use crate::input::{Compression, InputFormat};
use crate::time::{DAY, Duration, HOUR, MILLISECOND, MINUTE, SECOND};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Generate sample logs. The same options give the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  highwater generate pageviews --rows 100000 --out out/generated/pageviews
  highwater generate transactions --rows 6000 --files 3 --compress gzip
  highwater generate sales --sellers LNK,OMA,KC,DEN --rate 10/s --epoch ms --whole")]
pub struct GenerateArgs {
    /// What to generate
    #[arg(value_name = "KIND")]
    kind: KindArg,
    /// Number of rows; with `money`, of wallet events (sessions and users follow in proportion)
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    rows: u64,
    /// The random seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The folder to write to [default: out/generated/KIND]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The format [default: csv for transactions and pageviews, jsonl for sales and money]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatArg>,
    /// Number of files to split each log into
    #[arg(long, value_name = "N", default_value_t = 1)]
    files: u32,
    /// How to compress csv and jsonl
    #[arg(long, value_name = "HOW", default_value = "none")]
    compress: CompressArg,
    /// Time from the first arrival to the last, such as `12h` [default: sales 1d, pageviews 3d, money 7d, transactions 1095d]
    #[arg(long, value_name = "LENGTH")]
    span: Option<String>,
    /// Lateness of events: percentage:length, uniform up to the length
    /// [default: pageviews `80%:20s,10%:1d,10%:2d`, transactions `100%:1h`, others `100%:20s`]
    #[arg(long, value_name = "PROFILE")]
    lateness: Option<String>,
    /// Rows per time, such as `50/s` or `1000/m`; sets the span
    #[arg(long, value_name = "RATE", conflicts_with = "span")]
    rate: Option<String>,
    /// With `sales`: number of sellers, or their names with commas between
    #[arg(long, value_name = "SELLERS")]
    sellers: Option<String>,
    /// With `money`: write when each record arrived, in the column `receivedAt`
    #[arg(long)]
    arrivals: bool,
    /// Write times as numbers since 1970, in this unit
    #[arg(long, value_name = "UNIT")]
    epoch: Option<EpochArg>,
    /// Write amounts as whole numbers
    #[arg(long)]
    whole: bool,
    /// Another name for a column; can be given several times
    #[arg(long, value_name = "OLD=NEW")]
    rename: Vec<String>,
    /// Overwrite existing files that have other content
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    report: FormatArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    /// seller_id, amount_usd, sale_ts
    Sales,
    /// account_no, date, details, value_date, amount, balance
    Transactions,
    /// user_id, postcode, webpage, timestamp
    Pageviews,
    /// Wallet events, user session events, user events, and the countries that a service would answer
    Money,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Csv,
    Jsonl,
    Parquet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompressArg {
    None,
    Gzip,
    Zstd,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EpochArg {
    S,
    Ms,
    Us,
}

impl GenerateArgs {
    pub fn run(&self) -> Result<u8> {
        let summary = run(&self.options()?)?;
        self.report.print(
            || &summary,
            || {
                let mut out = ReportDocument::default();
                for file in &summary.files {
                    let path = data(&file.path.display().to_string());
                    out.line(format!(
                        "{path}: {} rows, {}",
                        ui::grouped(file.rows),
                        ui::human_bytes(file.bytes)
                    ));
                }
                out
            },
        )?;
        Ok(exit::DONE)
    }

    fn options(&self) -> Result<Options> {
        let kind = match self.kind {
            KindArg::Sales => LogKind::Sales,
            KindArg::Transactions => LogKind::Transactions,
            KindArg::Pageviews => LogKind::PageViews,
            KindArg::Money => LogKind::Money,
        };
        let format = self.format.map(|format| match format {
            FormatArg::Csv => InputFormat::Csv,
            FormatArg::Jsonl => InputFormat::JsonLines,
            FormatArg::Parquet => InputFormat::Parquet,
        });
        let compression = match self.compress {
            CompressArg::None => Compression::None,
            CompressArg::Gzip => Compression::Gzip,
            CompressArg::Zstd => Compression::Zstd,
        };
        let span = match &self.rate {
            Some(rate) => Some(rated(rate, self.rows)?),
            None => self.span.as_deref().map(length).transpose()?,
        };
        let style = ProducerStyle {
            epoch: self.epoch.map(|unit| match unit {
                EpochArg::S => SECOND,
                EpochArg::Ms => MILLISECOND,
                EpochArg::Us => 1,
            }),
            whole: self.whole,
            names: self.rename.iter().map(|text| renamed(text)).collect::<Result<_>>()?,
        };
        // A folder for each kind, so that two logs do not mix.
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from("out/generated").join(kind.name()));
        Ok(Options {
            kind,
            rows: self.rows,
            seed: self.seed,
            out,
            format,
            files: self.files,
            compression,
            span,
            lateness: self.lateness.as_deref().map(LatenessShares::parse).transpose()?,
            force: self.force,
            sellers: self.sellers.as_deref().map(sellers),
            style,
            arrivals: self.arrivals,
        })
    }
}

/// The span of so many rows at a rate.
fn rated(text: &str, rows: u64) -> Result<i64> {
    let wrong =
        || Error::job(format!("`--rate {text}` is not a rate")).hint("rates are `50/s`, `1000/m`, `20000/h`");
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let count: u64 = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    let unit = match unit.trim() {
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return Err(wrong()),
    };
    // A log of one row has a span too.
    let span = i128::from(rows) * i128::from(unit) / i128::from(count);
    Ok(i64::try_from(span.max(1)).unwrap_or(i64::MAX))
}

/// A number of sellers, or their names.
fn sellers(text: &str) -> Sellers {
    match text.trim().parse() {
        Ok(count) => Sellers::Count(count),
        Err(_) => {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            Sellers::Names(names.map(String::from).collect())
        }
    }
}

/// `OLD=NEW`.
fn renamed(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_string(), new.to_string())),
        _ => {
            Err(Error::job(format!("`--rename {text}` is not OLD=NEW"))
                .hint("such as --rename seller_id=seller"))
        }
    }
}

fn length(text: &str) -> Result<i64> {
    // A month does not have a fixed length, so `as_length` refuses it.
    Duration::parse(text).and_then(Duration::as_length).ok_or_else(|| {
        Error::job(format!("`--span {text}` is not a duration")).hint("lengths are `90s`, `30m`, `12h`, `3d`")
    })
}
