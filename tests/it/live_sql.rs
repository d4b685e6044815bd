//! `highwater sql --live`: streaming statements of Flink. `scripts/flink.py` runs them in a real one.

use crate::support::Lab;

const JOB: &str = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"ms\"\nout_of_orderness = \"20s\"\n\
    [late]\npath = \"late.jsonl\"\n\
    [[output]]\npath = \"counts.csv\"\nmode = \"streamed\"\nwindow = { tumbling = \"1m\" }\nby = [\"k\"]\n\
    select = { n = \"count(*)\" }\n";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", "k,at\na,1717236010000\n");
    lab.write("job.toml", JOB);
    lab
}

#[test]
fn a_job_goes_live_with_its_watermark() {
    let live = lab().highwater(&["sql", "job.toml", "--dialect", "flink", "--live"]);
    assert_eq!(live.code, 0, "{}", live.err);
    for part in [
        "-- Flink publishes what `run --mode streamed` does",
        "WATERMARK FOR `_time` AS `_time` - INTERVAL '0 00:00:20.001' DAY(2) TO SECOND(3)",
        "FROM TABLE(TUMBLE(TABLE live_events, DESCRIPTOR(_time)",
        "INSERT INTO `live_counts_late`",
        "\nEND;\n",
    ] {
        assert!(live.out.contains(part), "{part} is not in\n{}", live.out);
    }
    let topic = lab().highwater(&["sql", "job.toml", "--dialect", "flink", "--live", "--connector", "kafka"]);
    assert!(topic.out.contains("'connector' = 'kafka'"), "{}{}", topic.out, topic.err);
}

#[test]
fn only_flink_has_streaming_statements() {
    let other = lab().highwater(&["sql", "job.toml", "--dialect", "duckdb", "--live"]);
    assert_eq!(other.code, 2);
    assert!(other.err.contains("only Flink has streaming statements"), "{}", other.err);
    let alone = lab().highwater(&["sql", "job.toml", "--dialect", "flink", "--connector", "kafka"]);
    assert_eq!(alone.code, 2);
    assert!(alone.err.contains("--live"), "{}", alone.err);
}

#[test]
fn a_streamed_output_is_not_a_batch_of_flink() {
    let batch = lab().highwater(&["sql", "job.toml", "--dialect", "flink"]);
    assert_eq!(batch.code, 2);
    assert!(
        batch.err.contains("needs the order of the records") && batch.err.contains("--live"),
        "{}",
        batch.err
    );
}
