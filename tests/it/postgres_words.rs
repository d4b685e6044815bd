//! Jobs whose output is the table of a server, as far as no server is asked; and lines for kcat.

use crate::support::Lab;

const SALES: &str = "at,seller,country,usd\n2024-06-01T00:00:01Z,a:b,\"x\ty\",1.10\n2024-06-01T00:00:02Z,,,2.20\n\
    2024-06-01T00:01:00Z,\"say \"\"hi\"\"\",nl,5.00\n";

fn job(output: &str) -> String {
    let source = "[source]\npath = \"in/*.csv\"\ntime = \"at\"\ntypes = { usd = \"decimal(18,2)\" }\n";
    format!("{source}[[output]]\n{output}")
}

const GROUPED: &str =
    "window = { tumbling = \"1m\" }\nby = [\"seller\", \"country\"]\nselect = { total = \"sum(usd)\" }\n";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("in/a.csv", SALES);
    lab
}

#[test]
fn what_cannot_be_a_table_is_told_with_its_place_and_without_its_password() {
    let lab = lab();
    let url = "path = \"postgres://me:s3cret@127.0.0.1:1/d/t\"";
    let twice = format!("{url}\n{GROUPED}[[output]]\n{url}\nmirror = \"out/u\"\n{GROUPED}");
    for (output, part) in [
        (format!("{url}\n"), "events cannot be written to the table of a server"),
        (format!("{url}\narchive = true\n"), "events cannot be written"),
        (format!("{url}\nselect = {{ n = \"count(*)\" }}\n"), "only one row"),
        (format!("{url}\nformat = \"csv\"\n{GROUPED}"), "the mirror of a table must be Parquet"),
        (format!("{url}\npartition_by = [\"seller\"]\n{GROUPED}"), "cannot be partitioned by `seller`"),
        (format!("{url}\nkey = [\"seller\"]\n{GROUPED}"), "`key` is for lines that kcat publishes"),
        (
            format!("path = \"out/t\"\nmirror = \"out/u\"\n{GROUPED}"),
            "`mirror` is for an output that is the table",
        ),
        (
            format!("path = \"postgres://me:s3cret@h/d/a.b.c\"\n{GROUPED}"),
            "`a.b.c` is not the name of a table",
        ),
        (format!("path = \"postgres://me:s3cret@h/t\"\n{GROUPED}"), "does not name a database"),
        (format!("path = \"postgres://me:s3cret@h:x/d/t\"\n{GROUPED}"), "is not a port"),
        (
            format!("path = \"postgres://me:s3cret@h/d/t?sslmod=require\"\n{GROUPED}"),
            "did you mean `sslmode`?",
        ),
        (format!("path = \"postgres://me:s3c/ret@h/d/t\"\n{GROUPED}"), "`/` as %2F"),
        (twice, "two outputs are written to postgres://127.0.0.1:1/d/t"),
        (format!("path = \"mysql://me:s3cret@h/d/t\"\n{GROUPED}"), "me:***@h"),
    ] {
        lab.write("job.toml", job(&output));
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"));
        let answer = lab.hear(command.args(["run", "job.toml"]).env_remove("PGDATABASE"));
        assert!(answer.code == 2 && answer.err.contains(part), "{part}: {}", answer.err);
        assert!(answer.err.contains("job.toml:") && !answer.err.contains("s3c"), "{}", answer.err);
    }
    assert!(!lab.path("out").exists());
}

#[test]
fn explain_names_the_table_and_asks_nobody() {
    let lab = lab();
    lab.write("job.toml", job(&format!("path = \"postgres://me:s3cret@127.0.0.1:1/d/s.t\"\n{GROUPED}")));
    let answer = lab.highwater(&["explain", "job.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.out.contains("out/s.t (parquet)"), "{}", answer.out);
    let table = "published to postgres://127.0.0.1:1/d/s.t, key window_start, seller, country\n";
    assert!(answer.out.contains(table) && !answer.out.contains("s3cret"), "{}", answer.out);
    // Nobody is there: that is known before the work, and leaves nothing.
    let answer = lab.highwater(&["run", "job.toml"]);
    assert_eq!(answer.code, 4);
    assert!(
        answer.err.starts_with("error: cannot connect to postgres://me@127.0.0.1:1/d\n"),
        "{}",
        answer.err
    );
    assert!(!lab.path("out").exists());
}

#[test]
fn lines_for_kcat_have_their_key_before_the_tab() {
    let lab = lab();
    lab.done(&job(&format!("path = \"out/t.kcat\"\nkey = [\"seller\"]\n{GROUPED}")), &[]);
    let row = |key: &str, start: &str, end: &str, rest: &str| {
        format!(
            "{key}\t{{\"window_start\":\"2024-06-01T{start}Z\",\"window_end\":\"2024-06-01T{end}Z\",{rest}}}\n"
        )
    };
    let expected = [
        row("a:b", "00:00:00", "00:01:00", r#""seller":"a:b","country":"x\ty","total":1.10"#),
        row("", "00:00:00", "00:01:00", r#""seller":null,"country":null,"total":2.20"#),
        row("say \"hi\"", "00:01:00", "00:02:00", r#""seller":"say \"hi\"","country":"nl","total":5.00"#),
    ];
    assert_eq!(lab.text("out/t.kcat"), expected.concat());
    // By default all of `by`; several columns are an array, in which a tab is no tab.
    lab.done(
        &job(&format!("path = \"out/u\"\nformat = \"kcat\"\npartition_by = [\"date\"]\n{GROUPED}")),
        &[],
    );
    let text = lab.text("out/u/date=2024-06-01/data.kcat");
    let keys: Vec<Vec<Option<String>>> = text
        .lines()
        .map(|line| {
            let (key, value) = line.split_once('\t').unwrap();
            let value: serde_json::Value = serde_json::from_str(value).unwrap();
            let key: Vec<Option<String>> = serde_json::from_str(key).unwrap();
            assert_eq!(value["seller"].as_str(), key[0].as_deref());
            key
        })
        .collect();
    let some = |texts: [&str; 2]| texts.map(|text| Some(text.to_string())).to_vec();
    assert_eq!(keys, [some(["a:b", "x\ty"]), vec![None, None], some(["say \"hi\"", "nl"])]);
}

#[test]
fn a_key_that_would_break_its_line_and_one_that_is_not_there_are_told() {
    let lab = lab();
    for (output, code, part) in [
        (
            format!("path = \"out/t.kcat\"\nkey = [\"country\"]\n{GROUPED}"),
            3,
            "a value of `country` contains a tab",
        ),
        (format!("path = \"out/t.kcat\"\nkey = [\"county\"]\n{GROUPED}"), 2, "did you mean `country`?"),
        ("path = \"out/t.kcat\"\n".to_string(), 2, "lines for kcat need a key"),
        (format!("path = \"out/t.jsonl\"\nkey = [\"seller\"]\n{GROUPED}"), 2, "format = \"kcat\""),
        (
            format!("path = \"out/t\"\nformat = \"kcat\"\npartition_by = [\"seller\"]\n{GROUPED}"),
            2,
            "`seller` is a partition column",
        ),
    ] {
        let answer = lab.run(&job(&output), &[]);
        assert!(answer.code == code && answer.err.contains(part), "{part}: {}", answer.err);
    }
    assert!(!lab.path("out").exists());
}

#[test]
fn late_events_are_merged_into_keyed_lines() {
    let (lab, whole) = (lab(), lab());
    let late = "at,seller,country,usd\n2024-06-01T00:00:50Z,,,0.05\n2024-06-01T00:05:00Z,new,{},1.00\n";
    let events = "[[output]]\npath = \"out/events.kcat\"\nkey = [\"usd\"]\n";
    let job = job(&format!("path = \"out/t.kcat\"\nkey = [\"seller\"]\n{GROUPED}{events}"));
    lab.done(&job, &[]);
    lab.write("late.csv", late);
    let answer = lab.highwater(&["backfill", "job.toml", "late.csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    whole.write("in/late.csv", late);
    whole.done(&job, &[]);
    assert_eq!(lab.data("out"), whole.data("out"));
}
