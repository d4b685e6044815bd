//! `watermark = { like, … }`: whose rule the watermark follows, and what that engine does not have.

use super::planner::Planner;
use super::window::leaves_gaps;
use crate::error::Error;
use crate::group::SessionRule;
use crate::job::document::At;
use crate::job::lengths::length;
use crate::job::spec::{OutputSpec, WindowKind, WindowSpec};
use crate::plan::{LogPartition, MicroBatch, WatermarkRule};

impl Planner<'_> {
    /// The delay of the watermark and whose rule it follows, which the outputs need to know.
    pub(super) fn delay(&mut self) {
        let spec = self.spec;
        let text = spec.source.out_of_orderness.as_ref();
        self.watermark.out_of_orderness = text.and_then(|text| length(&spec.document, text)).unwrap_or(0);
        let Some(of) = &spec.source.watermark else { return };
        let batch = of.batch.as_ref().and_then(|batch| self.batch(batch));
        let like = of.like.as_ref();
        self.watermark.rule = match like.map_or("flink", |like| &like.value) {
            "flink" => WatermarkRule::Flink,
            "flink-sql" => WatermarkRule::FlinkSql,
            "kafka-streams" => WatermarkRule::KafkaStreams,
            "spark" => {
                if of.batch.is_none() {
                    let error = Error::job("`like = \"spark\"` needs `batch`, what a micro-batch holds");
                    self.fault(
                        error.hint("such as batch = \"1000 records\" or batch = \"10s of arrival\""),
                        &of.span,
                    );
                }
                WatermarkRule::Spark(batch.unwrap_or(MicroBatch::Records(1)))
            }
            other => {
                let names = ["flink", "flink-sql", "spark", "kafka-streams"];
                let error = Error::job(format!("no engine `{other}` is known"));
                let span = like.map_or(of.span.clone(), |like| like.span.clone());
                let all = "one of flink, flink-sql, spark, kafka-streams";
                self.fault(error.nearest_or(all, other, names), &span);
                return;
            }
        };
        let rule = self.watermark.rule;
        let is_flink = matches!(rule, WatermarkRule::Flink | WatermarkRule::FlinkSql);
        if let Some(batch) = of.batch.as_ref().filter(|_| !matches!(rule, WatermarkRule::Spark(_))) {
            let error = Error::job("`batch` is for `like = \"spark\"`");
            self.fault(error.hint("only Spark's watermark moves between micro-batches"), &batch.span);
        }
        let Some(every) = &of.every else { return };
        if !is_flink {
            let error = Error::job("`every` is for `like = \"flink\"` and `like = \"flink-sql\"`");
            let why = match rule {
                WatermarkRule::Spark(_) => "Spark's watermark moves between micro-batches: give `batch`",
                _ => "the stream time of Kafka Streams moves after every record",
            };
            self.fault(error.hint(why), &every.span);
        }
        self.watermark.every = length(&spec.document, every).filter(|every| *every > 0);
    }

    /// What a micro-batch holds: `1000 records`, `10s of arrival`.
    fn batch(&self, text: &At<String>) -> Option<MicroBatch> {
        let words: Vec<&str> = text.value.split_whitespace().collect();
        let batch = match words.as_slice() {
            [count, "record" | "records"] => {
                count.parse().ok().filter(|count| *count > 0).map(MicroBatch::Records)
            }
            [time @ .., "of", "arrival"] => {
                let time = At { value: time.join(" "), span: text.span.clone() };
                return length(&self.spec.document, &time).filter(|l| *l > 0).map(MicroBatch::Arrival);
            }
            _ => None,
        };
        if batch.is_none() {
            let error = Error::job(format!("`{}` is not a micro-batch", text.value));
            self.fault(error.hint("give \"1000 records\", or \"10s of arrival\""), &text.span);
        }
        batch
    }

    /// How sessions take late events.
    pub(super) fn session_rule(&self) -> SessionRule {
        match self.watermark.rule {
            WatermarkRule::Flink | WatermarkRule::FlinkSql => SessionRule::Flink,
            WatermarkRule::Spark(_) => SessionRule::Spark,
            WatermarkRule::KafkaStreams => SessionRule::KafkaStreams,
        }
    }

    /// Faults what the engine of the watermark has no word for, in a streamed output: a number of another meaning would
    /// have the engine's name.
    pub(super) fn engine_has(&self, output: &OutputSpec, window: &WindowSpec, firings: Option<&At<bool>>) {
        let rule = self.watermark.rule;
        if rule == WatermarkRule::Flink {
            return;
        }
        let like = rule.name();
        if let WindowKind::Hopping { slide, .. } = &window.kind
            && self.window(output).is_some_and(|window| leaves_gaps(&window))
        {
            let error = Error::job(format!("`like = \"{like}\"` does not go with gaps between windows"));
            self.fault(error.hint("there a slide is not longer than the size"), &slide.span);
        }
        if let (Some(allowed), WatermarkRule::Spark(_)) = (&window.allowed_lateness, rule)
            && length(&self.spec.document, allowed).is_some_and(|allowed| allowed > 0)
        {
            let error = Error::job("`like = \"spark\"` does not go with `allowed_lateness`");
            let hint = "Spark's withWatermark has one delay for both: write it as `out_of_orderness`";
            self.fault(error.hint(hint), &allowed.span);
        }
        if let Some(firings) = firings
            && rule != WatermarkRule::FlinkSql
        {
            let error = Error::job(format!("`like = \"{like}\"` does not go with `firings`"));
            let hint = match rule {
                WatermarkRule::Spark(_) => "Spark publishes a window once in its append mode",
                _ => "Kafka Streams updates a window with every record, or publishes it once",
            };
            self.fault(error.hint(hint), &firings.span);
        }
    }

    /// Faults keys of `[source]` that the engine of the watermark has not, and what they need.
    pub(super) fn source_has(&self, partition: Option<LogPartition>, has_arrival: bool) {
        let (rule, source) = (self.watermark.rule, &self.spec.source);
        let like = rule.name();
        let arrival = "`arrival`, the column that says when each event arrived";
        let refuse = |key: &str, text: &Option<At<String>>, hint: &str| {
            if let Some(text) = text {
                let error = Error::job(format!("`like = \"{like}\"` does not go with `{key}`"));
                self.fault(error.hint(hint), &text.span);
            }
        };
        match rule {
            WatermarkRule::Flink | WatermarkRule::FlinkSql => {}
            WatermarkRule::Spark(_) => {
                let hint = "Spark has one watermark for all partitions of a source";
                refuse("partition", &source.partition, hint);
                refuse("partitions", &source.partitions, hint);
                refuse("idle", &source.idle, hint);
            }
            WatermarkRule::KafkaStreams => {
                let hint =
                    "each partition has a stream time of its own there, and no partition waits for another";
                refuse("partitions", &source.partitions, hint);
                refuse("idle", &source.idle, hint);
                if self.watermark.out_of_orderness > 0 {
                    let hint =
                        "the grace of Kafka Streams belongs to the window: write it as `allowed_lateness`";
                    refuse("out_of_orderness", &source.out_of_orderness, hint);
                }
            }
        }
        let of = source.watermark.as_ref();
        let by_arrival = [
            ("every", of.and_then(|of| of.every.as_ref())),
            (
                "batch",
                of.and_then(|of| of.batch.as_ref())
                    .filter(|_| matches!(rule, WatermarkRule::Spark(MicroBatch::Arrival(_)))),
            ),
        ];
        for (key, text) in by_arrival {
            if let Some(text) = text.filter(|_| !has_arrival) {
                let error = Error::job(format!("`{key}` needs `arrival`"));
                self.fault(error.hint(format!("add {arrival}")), &text.span);
            }
        }
        let Some(partitions) = &source.partitions else { return };
        if source.partition.is_none() && !self.log.files.is_empty() && partition.is_none() {
            let error = Error::job("`partitions` needs `partition`");
            self.fault(error.hint("add `partition`, a column, or \"file\""), &partitions.span);
        }
        if partitions.value == "known" && partition == Some(LogPartition::File) && !has_arrival {
            let error = Error::job("`partitions = \"known\"` with partition = \"file\" needs `arrival`");
            let hint = "the files are read one after another, so the last one would hold the watermark until it begins";
            self.fault(error.hint(hint).hint(format!("add {arrival}")), &partitions.span);
        }
    }
}
