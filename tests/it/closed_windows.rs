//! `emit = "closed"`: windows that the watermark has reached alone. And late events as lines for kcat.

use crate::support::Lab;

const LOG: &str = "at,k,n\n2024-05-01T00:00:10Z,a,1\n2024-05-01T00:01:10Z,a,2\n2024-05-01T00:02:30Z,b,4\n\
    2024-05-01T00:00:20Z,a,8\n2024-05-01T00:03:00Z,a,16\n";

fn job(output: &str) -> String {
    format!(
        "mode = \"streamed\"\n[source]\npath = \"log/*\"\ntime = \"at\"\nout_of_orderness = \"10s\"\n{output}"
    )
}

fn output(more: &str) -> String {
    job(&format!("[[output]]\npath = \"out/a.csv\"\nby = [\"k\"]\nselect = {{ n = \"sum(n)\" }}\n{more}\n"))
}

#[test]
fn windows_that_are_open_are_no_rows() {
    let lab = Lab::new();
    lab.write("log/1.csv", LOG);
    // The watermark ends at 00:02:50: the window of 00:02 is open.
    let closed = output("window = { tumbling = \"1m\" }\nemit = \"closed\"");
    lab.done(&closed, &[]);
    insta::assert_snapshot!(lab.text("out/a.csv"), @r"
    window_start,window_end,k,n
    2024-05-01T00:00:00Z,2024-05-01T00:01:00Z,a,1
    2024-05-01T00:01:00Z,2024-05-01T00:02:00Z,a,2
    ");
    // With allowed lateness a window closes later, and the late event counts.
    lab.done(&output("window = { tumbling = \"1m\", allowed_lateness = \"90s\" }\nemit = \"closed\""), &[]);
    insta::assert_snapshot!(lab.text("out/a.csv"), @r"
    window_start,window_end,k,n
    2024-05-01T00:00:00Z,2024-05-01T00:01:00Z,a,9
    ");
    lab.done(&closed, &["--mode", "complete"]);
    assert_eq!(lab.text("out/a.csv").lines().count(), 5);
    lab.done(&closed, &[]);
    let refused = lab.highwater(&["sql", "job.toml"]);
    assert!(refused.err.contains("`emit = \"closed\"`"), "{}", refused.err);
    lab.write("log/2.csv", "at,k,n\n2024-05-01T00:04:00Z,a,1\n");
    let refused = lab.highwater(&["backfill", "job.toml", "log/2.csv"]);
    assert!(refused.code == 2 && refused.err.contains("cannot be corrected"), "{}", refused.err);
    // With an archive, a run counts new files as a backfill does, where that is right.
    let archive = "[[output]]\npath = \"out/raw\"\narchive = true\n";
    std::fs::remove_file(lab.path("log/2.csv")).unwrap();
    std::fs::remove_dir_all(lab.path("out")).unwrap();
    let both = output(&format!("window = {{ tumbling = \"1m\" }}\nemit = \"closed\"\n{archive}"));
    lab.done(&both, &[]);
    lab.write("log/2.csv", "at,k,n\n2024-05-01T00:04:00Z,a,1\n");
    lab.done(&both, &[]);
    let found = lab.text("out/a.csv");
    std::fs::remove_dir_all(lab.path("out")).unwrap();
    lab.done(&both, &[]);
    assert_eq!(lab.text("out/a.csv"), found);
    assert!(found.contains("00:02:00Z"), "{found}");
}

#[test]
fn emit_is_for_streamed_windows() {
    let lab = Lab::new();
    lab.write("log/1.csv", LOG);
    for (more, words) in [
        ("emit = \"closed\"", "`emit` is for windows that have an end"),
        ("window = { tumbling = \"1m\" }\nmode = \"complete\"\nemit = \"closed\"", "is for streamed windows"),
        ("window = { tumbling = \"1m\" }\nfirings = true\nemit = \"closed\"", "does not go with `firings`"),
        ("window = { tumbling = \"1m\" }\nstate = true\nemit = \"closed\"", "does not go with `state`"),
        ("window = { tumbling = \"1m\" }\nemit = \"open\"", "unknown value `open` of `emit`"),
    ] {
        let answer = lab.run(&output(more), &[]);
        assert!(answer.code == 2 && answer.err.contains(words), "{more}: {}", answer.err);
    }
}

#[test]
fn late_events_are_lines_for_kcat() {
    let lab = Lab::new();
    lab.write("log/1.csv", LOG);
    let window = "window = { tumbling = \"1m\" }\n";
    lab.done(&output(&format!("{window}[late]\npath = \"out/late.kcat\"")), &[]);
    insta::assert_snapshot!(lab.text("out/late.kcat"), @r#"a	{"at":"2024-05-01T00:00:20Z","k":"a","n":8,"_file":"log/1.csv","_line":5,"_event_time":"2024-05-01T00:00:20Z","_watermark":"2024-05-01T00:02:20Z","_missed":"2024-05-01T00:00:00Z/2024-05-01T00:01:00Z","_late_by":80.000000}"#);
    let refused = lab.highwater(&["backfill", "job.toml", "out/late.kcat"]);
    assert!(refused.code == 2 && refused.err.contains("lines for kcat"), "{}", refused.err);
    lab.done(&output(&format!("{window}[late]\npath = \"out/late.kcat\"\nkey = [\"n\", \"k\"]")), &[]);
    assert!(lab.text("out/late.kcat").starts_with("[8,\"a\"]\t{"));
    for (late, words) in [
        ("path = \"out/late.kcat\"\nkey = [\"x\"]", "no file has a column `x`"),
        ("path = \"out/late.jsonl\"\nkey = [\"k\"]", "`key` is for lines that kcat publishes"),
    ] {
        let answer = lab.run(&output(&format!("{window}[late]\n{late}")), &[]);
        assert!(answer.code == 2 && answer.err.contains(words), "{late}: {}", answer.err);
    }
}
