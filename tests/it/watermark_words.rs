//! `watermark` of a job: what is refused by name, and what `explain` says of the rule.

use crate::support::Lab;

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", "at,seen,shard\n2024-01-01T00:00:00Z,2024-01-01T00:00:01Z,a\n");
    lab
}

fn job(source: &str, window: &str) -> String {
    format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\n{source}\n[[output]]\npath = \"out.csv\"\nmode = \"streamed\"\n\
         window = {{ {window} }}\nselect = {{ n = \"count(*)\" }}\n"
    )
}

const MINUTE: &str = "tumbling = \"1m\"";

/// The first lines of the errors, and their hints.
fn errors(source: &str, window: &str) -> Vec<String> {
    let answer = lab().run(&job(source, window), &[]);
    assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{}", answer.err);
    let told = answer.err.lines().map(str::trim);
    told.filter_map(|line| line.strip_prefix("error: ").or(line.strip_prefix("hint: ")))
        .map(String::from)
        .collect()
}

#[test]
fn what_an_engine_does_not_have_is_refused_by_its_name() {
    let spark = "watermark = { like = \"spark\", batch = \"100 records\" }";
    let kafka = "watermark = { like = \"kafka-streams\" }";
    let none = "does not go with";
    let cases = [
        (
            spark,
            "",
            "tumbling = \"1m\", allowed_lateness = \"1s\"",
            format!("`like = \"spark\"` {none} `allowed_lateness`"),
        ),
        (spark, "partition = \"shard\"", MINUTE, format!("`like = \"spark\"` {none} `partition`")),
        (
            spark,
            "",
            "hopping = \"1m\", slide = \"2m\"",
            format!("`like = \"spark\"` {none} gaps between windows"),
        ),
        (
            kafka,
            "out_of_orderness = \"20s\"",
            MINUTE,
            format!("`like = \"kafka-streams\"` {none} `out_of_orderness`"),
        ),
        (
            kafka,
            "partition = \"shard\"\npartitions = \"known\"",
            MINUTE,
            format!("`like = \"kafka-streams\"` {none} `partitions`"),
        ),
        (
            "watermark = { like = \"spark\" }",
            "",
            MINUTE,
            "`like = \"spark\"` needs `batch`, what a micro-batch holds".into(),
        ),
        ("watermark = { like = \"sparc\" }", "", MINUTE, "no engine `sparc` is known".into()),
        ("watermark = { batch = \"3 records\" }", "", MINUTE, "`batch` is for `like = \"spark\"`".into()),
        ("watermark = { every = \"200ms\" }", "", MINUTE, "`every` needs `arrival`".into()),
        (
            "watermark = { like = \"spark\", batch = \"many\" }",
            "",
            MINUTE,
            "`many` is not a micro-batch".into(),
        ),
        (
            "watermark = { like = \"spark\", batch = \"0 records\" }",
            "",
            MINUTE,
            "`0 records` is not a micro-batch".into(),
        ),
        (
            "watermark = { like = \"spark\", batch = \"10s of arrival\" }",
            "",
            MINUTE,
            "`batch` needs `arrival`".into(),
        ),
        (
            "partitions = \"known\"",
            "partition = \"file\"",
            MINUTE,
            "`partitions = \"known\"` with partition = \"file\" needs `arrival`".into(),
        ),
        ("partitions = \"known\"", "", MINUTE, "`partitions` needs `partition`".into()),
    ];
    for (rule, source, window, want) in cases {
        let told = errors(&format!("{rule}\n{source}"), window);
        assert!(told.contains(&want), "{rule} {source}: {told:?}");
    }
}

#[test]
fn explain_says_the_rule_in_words() {
    let explain = |source: &str| {
        let lab = lab();
        lab.write("job.toml", job(source, MINUTE));
        let answer = lab.highwater(&["explain", "job.toml"]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        let words = answer.out.split("\nwatermark: ").nth(1).unwrap_or_default();
        words.split("\n\n").next().unwrap_or_default().to_string()
    };
    insta::assert_snapshot!(explain("watermark = { like = \"flink-sql\", every = \"200ms\" }\narrival = \"seen\"\npartition = \"shard\"\npartitions = \"known\""), @r"
    0s behind the greatest event time so far, in order of arrival
      as in Flink SQL, one millisecond ahead of the DataStream API
      it moves every 200ms, by arrival
      the least of those of the partitions by shard, each from the start of the log
    ");
    insta::assert_snapshot!(explain("watermark = { like = \"spark\", batch = \"1000 records\" }"), @r"
    0s behind the greatest event time so far, in order of position
      as in Spark, between micro-batches of 1000 records; an event is late by the watermark of the batch before
    ");
    insta::assert_snapshot!(explain("watermark = { like = \"kafka-streams\" }\npartition = \"shard\""), @r"
    0s behind the greatest event time so far, in order of position
      as in Kafka Streams, where it is the stream time
      for each of the partitions by shard apart
    ");
}

#[test]
fn printed_sql_says_the_rule_or_refuses_it() {
    let printed = |source: &str| {
        let lab = lab();
        lab.write("job.toml", job(source, MINUTE));
        lab.highwater(&["sql", "job.toml", "--dialect", "duckdb"])
    };
    let said = printed("watermark = { like = \"flink-sql\" }");
    assert!(said.code == 0 && said.out.contains("EPOCH_US(_time) + 1000"), "{}{}", said.out, said.err);
    for rule in ["like = \"spark\", batch = \"3 records\"", "every = \"1s\""] {
        let answer = printed(&format!("watermark = {{ {rule} }}\narrival = \"seen\""));
        assert_eq!(answer.code, 2, "{}", answer.out);
        assert!(
            answer.err.contains("`like = \"spark\"`") || answer.err.contains("`every`"),
            "{}",
            answer.err
        );
    }
}
