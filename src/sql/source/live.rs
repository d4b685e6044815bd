//! Flink's table of a live source, with its time attribute and its watermark, and a view of the columns of a job.

use super::files::{FileSet, RecordLayout};
use super::layer_columns::Layers;
use super::{View, columns_read, files, own_time, selected};
use crate::error::{Error, Result};
use crate::input::Compression;
use crate::plan::{LogPartition, Plan, WatermarkPlan, WatermarkRule};
use crate::sql::{Dialect, TIME, relations, words};
use crate::time::MILLISECOND;

/// What a live job reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connector {
    /// The files of the job.
    Filesystem,
    /// A topic of Kafka, whose values are records as the files have them.
    Kafka,
}

/// The statements that make the relation `source` of a stream.
///
/// # Errors
/// A job error that names what a stream of Flink cannot read.
pub(in crate::sql) fn live_setup(plan: &Plan, connector: Connector) -> Result<Vec<String>> {
    let all = relations(plan)?;
    // The source is the first.
    let [relation, ..] = all.as_slice() else { return Err(Error::job("the job has no source")) };
    let parts = files::parts(relation.read, &columns_read(relation.read))?;
    let view = View {
        dialect: Dialect::Flink,
        relation,
        zone: &plan.zone,
        parts: &parts,
        absolute: false,
        layers: Layers::default(),
    };
    let mut out = vec![
        "SET 'table.local-time-zone' = 'UTC'".to_string(),
        "SET 'execution.runtime-mode' = 'streaming'".to_string(),
        // A watermark for each record.
        "SET 'pipeline.auto-watermark-interval' = '0 ms'".to_string(),
        // Files of a sink are finished by checkpoints.
        "SET 'execution.checkpointing.interval' = '10 s'".to_string(),
    ];
    if connector == Connector::Filesystem {
        // Records arrive in the order of the file.
        out.push("SET 'parallelism.default' = '1'".to_string());
    }
    out.extend(view.live(&plan.pipeline.watermark, connector)?);
    Ok(out)
}

impl View<'_> {
    fn live(&self, watermark: &WatermarkPlan, connector: Connector) -> Result<Vec<String>> {
        self.can_be_live(watermark, connector)?;
        let [part] = self.parts else { return Err(self.cannot("files of several layouts, as one stream")) };
        let table = self.part_name(0);
        let (columns, _) = self.columns_and_conditions()?;
        let header = match connector {
            Connector::Filesystem => self.without_header(part),
            Connector::Kafka => String::new(),
        };
        let mut definitions = self.outline_columns(part)?;
        definitions.extend(self.time_attribute(watermark, &header)?);
        let mut out = vec![format!(
            "CREATE TEMPORARY TABLE {table} (\n  {}\n) WITH (\n{}\n)",
            definitions.join(",\n  "),
            self.live_options(part, connector, watermark.idle)?
        )];
        let time = self.ident(TIME);
        let is_time = |column: &String| column.ends_with(&format!(" AS {time}"));
        let mut columns: Vec<String> = columns
            .iter()
            .filter(|column| !is_time(column))
            .map(|column| self.layers.inlined(column))
            .collect();
        columns.push(time);
        let name = self.ident(&self.relation.name);
        let from = format!(
            "(\n  SELECT {}, {} FROM {table}{header}\n) AS records",
            self.outline_raw(part).join(", "),
            self.ident(TIME)
        );
        out.push(format!("CREATE TEMPORARY VIEW {name} AS\n{}", selected(&columns, &from, &[])));
        Ok(out)
    }

    /// Fails where a stream would not be read as the job reads what was recorded.
    fn can_be_live(&self, watermark: &WatermarkPlan, connector: Connector) -> Result<()> {
        self.no_rejects()?;
        self.no_derived()?;
        self.no_empty_texts()?;
        let rule = watermark.rule;
        if !matches!(rule, WatermarkRule::Flink | WatermarkRule::FlinkSql) {
            return Err(self
                .cannot(&format!("`like = \"{}\"`, another engine's watermark, in a stream", rule.name())));
        }
        if watermark.every.is_some() {
            return Err(self
                .cannot("`every`, whose times are those of a run, in a stream")
                .hint("without it, the statement moves the watermark after every record"));
        }
        let of_topics = matches!(watermark.partition, Some(LogPartition::Topics { .. }));
        if of_topics && !watermark.known && connector == Connector::Kafka {
            return Err(self
                .cannot("`partitions = \"seen\"`, where a topic has all of its partitions from the start,"));
        }
        let read = self.read();
        if read.time.column.contains('.') && self.parts.iter().any(|part| part.layout == RecordLayout::Json) {
            return Err(self.cannot("a time that is a field of an object, in a stream"));
        }
        if read.max_ahead.is_some() {
            return Err(self.cannot("`max_ahead`, by the arrival of a record, in a stream"));
        }
        if connector == Connector::Kafka {
            return match watermark.partition {
                Some(LogPartition::Column(_)) => Err(self.cannot(
                    "a partition that is a column (`partition`), where a topic has its own, in a stream",
                )),
                _ => Ok(()),
            };
        }
        if read.arrival.is_some() {
            return Err(self
                .cannot("an order of arrival that is not that of the files (`arrival`), in a stream")
                .hint("`--connector kafka` reads records as they arrive"));
        }
        match watermark.partition {
            None => {}
            Some(LogPartition::File) if read.files.len() == 1 => {}
            Some(_) => {
                return Err(self
                    .cannot("partitions of which each has a watermark (`partition`), in a stream of files")
                    .hint("`--connector kafka` has a watermark for each partition of the topic"));
            }
        }
        match read.files.as_slice() {
            [_] => Ok(()),
            // Which of several files Flink reads first is not said.
            _ => Err(self
                .cannot("several files in their order, in a stream")
                .hint("give one file as the `path`")),
        }
    }

    /// The column of the event time, and the watermark that follows it.
    fn time_attribute(&self, watermark: &WatermarkPlan, header: &str) -> Result<Vec<String>> {
        let Some(time) = own_time(self.read()) else { return Err(self.cannot("records without a time")) };
        let instant = format!("CAST({} AS TIMESTAMP(3))", self.layers.inlined(&self.time(time)?));
        // The header line has to have a time too, before it is left out: one that no watermark follows.
        let instant = match header.strip_prefix(" WHERE ") {
            Some(is_record) => format!(
                "CASE WHEN {is_record} THEN {instant} ELSE CAST(TIMESTAMP '1900-01-01 00:00:00' AS TIMESTAMP(3)) END"
            ),
            None => instant,
        };
        // A window ends by a watermark of its last millisecond. A run's is so much behind the greatest time, but for
        // Flink SQL's own.
        let behind = MILLISECOND - watermark.rule.ahead();
        let delay = words::flink_interval(watermark.out_of_orderness + behind)
            .ok_or_else(|| self.cannot("an `out_of_orderness` with parts of a millisecond, in a stream"))?;
        let time = self.ident(TIME);
        Ok(vec![format!("{time} AS {instant}"), format!("WATERMARK FOR {time} AS {time} - {delay}")])
    }

    fn live_options(&self, part: &FileSet, connector: Connector, idle: Option<i64>) -> Result<String> {
        match connector {
            Connector::Filesystem => {
                let (path, format) = (self.flink_path(part)?, self.flink_file_format(part)?);
                Ok(format!("  'connector' = 'filesystem',\n{path},\n{format}"))
            }
            Connector::Kafka => {
                if part.compression != Compression::None
                    || !matches!(part.layout, RecordLayout::Csv(_) | RecordLayout::Json)
                {
                    return Err(self.cannot("records of files that are not plain text, as values of a topic"));
                }
                let idle = match idle {
                    Some(micros) => {
                        format!("  'scan.watermark.idle-timeout' = '{} ms',\n", micros.div_euclid(1000))
                    }
                    None => String::new(),
                };
                Ok(format!(
                    "  'connector' = 'kafka',\n  'topic' = 'YOUR_TOPIC',\n  \
                     'properties.bootstrap.servers' = 'YOUR_SERVERS',\n  'scan.startup.mode' = 'earliest-offset',\n  \
                     'scan.watermark.emit.strategy' = 'on-event',\n{idle}{}",
                    self.flink_file_format(part)?
                ))
            }
        }
    }
}
