//! Streaming statements of Flink: what they say, and what is refused by name. `scripts/flink.py` runs them.

use super::*;
use crate::sql::Connector;

/// A job with one output.
fn output(rest: &str) -> String {
    format!("[[output]]\npath = \"@/out.csv\"\nselect = {{ n = \"count(*)\" }}\n{rest}")
}

fn printed(zone: &str, job: &str, connector: Connector) -> Result<SqlScript> {
    crate::sql::live(&plan(zone, job), OutputId::new(0), connector)
}

#[track_caller]
fn has(job: &str, connector: Connector, parts: &[&str]) {
    let script = printed("UTC", job, connector).unwrap_or_else(|error| panic!("{error}"));
    let text = format!("{}\n{}", script.setup.join(";\n"), script.query);
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn the_watermark_is_a_millisecond_behind_and_the_time_an_attribute() {
    has(
        &output("window = { tumbling = \"1m\" }\nby = [\"user\"]"),
        Connector::Filesystem,
        &[
            "SET 'execution.runtime-mode' = 'streaming'",
            "SET 'pipeline.auto-watermark-interval' = '0 ms'",
            "`_time` AS CASE WHEN (`at` = 'at' AND `user` = 'user') IS NOT TRUE THEN CAST(TIMESTAMPADD(",
            "ELSE CAST(TIMESTAMP '1900-01-01 00:00:00' AS TIMESTAMP(3)) END",
            "WATERMARK FOR `_time` AS `_time` - INTERVAL '0 00:00:00.001' DAY(2) TO SECOND(3)",
            "INSERT INTO `live_out`\nWITH grouped AS (\n  SELECT window_start, window_end, `user`, COUNT(*) AS `n`",
            "FROM TABLE(TUMBLE(TABLE live_events, DESCRIPTOR(_time), INTERVAL '0 00:01:00.000' DAY(2) TO SECOND(3)))",
            "GROUP BY window_start, window_end, `user`",
        ],
    );
}

#[test]
fn windows_are_table_valued_functions() {
    let of = |window: &str| output(&format!("window = {window}\nby = [\"user\"]"));
    let is = |window: &str, function: &str| has(&of(window), Connector::Filesystem, &[function]);
    is(
        "{ hopping = \"10m\", slide = \"5m\", offset = \"1m\" }",
        "HOP(TABLE live_events, DESCRIPTOR(_time), INTERVAL '0 00:05:00.000' DAY(2) TO SECOND(3), \
         INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3), INTERVAL '0 00:01:00.000' DAY(2) TO SECOND(3))",
    );
    is(
        "{ cumulative = \"1 day\", step = \"6h\" }",
        "CUMULATE(TABLE live_events, DESCRIPTOR(_time), INTERVAL '0 06:00:00.000' DAY(2) TO SECOND(3), \
         INTERVAL '1 00:00:00.000' DAY(2) TO SECOND(3))",
    );
    is(
        "{ session = \"30m\" }",
        "SESSION(TABLE live_events PARTITION BY `user`, DESCRIPTOR(_time), INTERVAL '0 00:30:00.000' DAY(2) TO SECOND(3))",
    );
}

#[test]
fn late_events_have_an_insert_of_their_own() {
    let late = "[late]\npath = \"@/late.jsonl\"\n";
    let job = |window: &str| format!("{late}{}", output(&format!("mode = \"streamed\"\nwindow = {window}")));
    has(
        &job("{ tumbling = \"1m\" }"),
        Connector::Filesystem,
        &[
            "EXECUTE STATEMENT SET\nBEGIN\nINSERT INTO",
            "CURRENT_WATERMARK(_time)",
            "INSERT INTO `live_out_late`",
        ],
    );
    let script = printed("UTC", &job("{ session = \"1m\" }"), Connector::Filesystem).unwrap();
    assert!(
        script.query.starts_with("INSERT INTO")
            && script.notes.join("\n").contains("late events have no table")
    );
}

#[test]
fn a_topic_is_read_record_by_record() {
    has(
        &output("window = { tumbling = \"1m\" }"),
        Connector::Kafka,
        &[
            "'connector' = 'kafka'",
            "'scan.watermark.emit.strategy' = 'on-event'",
            "`_time` AS CAST(TIMESTAMPADD(",
        ],
    );
}

#[test]
fn what_a_stream_has_not_is_refused_by_name() {
    let window = "window = { tumbling = \"1m\" }";
    let streamed = "mode = \"streamed\"\n";
    let refused = |zone: &str, job: &str, words: &str| {
        let error = printed(zone, job, Connector::Filesystem).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("flink"), "{error}");
    };
    refused("UTC", &output(""), "one window for all of time");
    refused("UTC", &output("window = { tumbling = \"1 month\" }"), "windows of the calendar in UTC");
    refused(
        "Europe/London",
        &output("window = { tumbling = \"1 day\" }"),
        "windows of the calendar in Europe/London",
    );
    refused("UTC", &output("window = { hopping = \"3m\", slide = \"2m\" }"), "not a multiple of the slide");
    refused("UTC", &output("window = { hopping = \"1m\", slide = \"2m\" }"), "not a multiple of the slide");
    refused("UTC", &output("window = { cumulative = \"3m\", step = \"2m\" }"), "not a multiple of the step");
    refused("UTC", &output(&format!("{window}\nby = [\"user\"]\ntop = {{ n = 1, by = \"n\" }}")), "`top`");
    let late = format!("{streamed}window = {{ tumbling = \"1m\", allowed_lateness = \"1h\" }}");
    refused("UTC", &output(&late), "`allowed_lateness`");
    let median = format!("[[output]]\npath = \"@/out\"\n{window}\nselect = {{ n = \"median(amount)\" }}");
    refused("UTC", &median, "the rows of a window in an order");
    let dedup = format!("[[step]]\ndedup = [\"user\"]\n{}", output(window));
    refused("UTC", &dedup, "needs the order of records");
}

#[test]
fn a_table_of_flink_sql_has_the_watermark_of_its_own() {
    let job = |rule: &str| {
        format!(
            "watermark = {{ {rule} }}\nout_of_orderness = \"20s\"\n{}mode = \"streamed\"",
            output("window = { tumbling = \"1m\" }\n")
        )
    };
    has(
        &job("like = \"flink-sql\""),
        Connector::Filesystem,
        &["WATERMARK FOR `_time` AS `_time` - INTERVAL '0 00:00:20.000' DAY(2) TO SECOND(3)"],
    );
    let spark = printed("UTC", &job("like = \"spark\", batch = \"3 records\""), Connector::Filesystem);
    let error = spark.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("`like = \"spark\"`"), "{error}");
}
