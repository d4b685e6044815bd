//! `--json` and `--markdown` of every command that reports.

use crate::golden::with_data;

/// In turn, in one folder: a backfill needs the outputs of a run.
const COMMANDS: [(&str, &str); 13] = [
    ("init data/sales -o out/sales-first.toml --force", "guesses"),
    ("run data/jobs/pageviews-archive.toml", "account"),
    ("run data/jobs/big-spenders.toml", "outputs"),
    ("backfill data/jobs/pageviews-archive.toml data/pageviews-late/late.csv --plan", "history"),
    ("audit data/jobs/sales-per-seller.toml", "lateness"),
    ("verify data/jobs/big-spenders.toml", "same"),
    ("explain data/jobs/pageviews-per-postcode.toml", "columns"),
    ("explain data/jobs/big-spenders.toml --at window_start=2021-02-01,account_no=099765000015", "counted"),
    ("check data/jobs/big-spenders.toml data/jobs/pageviews.toml --data", "valid"),
    ("sql data/jobs/big-spenders.toml", "outputs"),
    ("report data/jobs/big-spenders.toml", "path"),
    ("inspect data/jobs/user-sessions.toml --at 2024-06-01T12:00", "entries"),
    ("generate sales --rows 10 --out out/generated", "files"),
];

#[test]
fn every_command_that_reports_has_json_and_markdown() {
    let lab = with_data();
    for (command, field) in COMMANDS {
        let words: Vec<&str> = command.split(' ').collect();
        let answer = |flag: &str| lab.highwater(&[&words[..], &[flag]].concat());
        let json = answer("--json");
        assert_eq!(json.code, 0, "{command}: {}", json.err);
        let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert!(!value[field].is_null(), "{command}: {value}");
        let markdown = answer("--markdown");
        assert_eq!(markdown.code, 0, "{command}: {}", markdown.err);
        assert!(!markdown.out.trim().is_empty(), "{command}");
        // A line of a table or of text would be markup somewhere.
        assert!(!markdown.out.contains("───") || markdown.out.contains("```text"), "{}", markdown.out);
    }
    let both = lab.highwater(&["run", "data/jobs/big-spenders.toml", "--json", "--markdown"]);
    assert_eq!(both.code, 2, "{}", both.err);
}

#[test]
fn markdown_has_headings_code_and_lists() {
    let lab = with_data();
    let answer =
        lab.highwater(&["inspect", "data/jobs/user-sessions.toml", "--at", "2024-05-01", "--markdown"]);
    insta::assert_snapshot!(answer.out, @r"
    ### windows of the terminal: 0 groups open

    ### windows of `out/user-sessions.csv`: 0 groups open
    ");
    let answer = lab.highwater(&["sql", "data/jobs/pageviews.toml", "--markdown"]);
    assert!(answer.out.starts_with("```sql\n-- ") && answer.out.ends_with(";\n```\n"), "{}", answer.out);
    let answer = lab.highwater(&["check", "data/jobs/pageviews.toml", "--markdown"]);
    insta::assert_snapshot!(answer.out, @r"
    `data/jobs/pageviews.toml`: valid (data not checked): time zone UTC, 0 tables, 0 steps, 4 outputs, 4 expressions

    - not checked: that files and their columns exist, and the types of expressions; --data checks samples
    ");
}
