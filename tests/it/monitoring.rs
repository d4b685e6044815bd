//! The alerts, the dashboard and the action name metrics and flags that the program has.

use crate::golden::with_data;
use std::collections::BTreeSet;
use std::path::Path;

/// The words of `text` that begin with `prefix`, as far as they have small letters, digits and `_`.
fn words<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let word = |(at, _): (usize, &str)| {
        let rest = &text[at + prefix.len()..];
        &text[at..at + prefix.len() + rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
    };
    text.match_indices(prefix).map(word).collect()
}

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn alerts_and_dashboard_name_metrics_and_labels_that_are_written() {
    let lab = with_data();
    let run = lab.highwater(&["run", "data/jobs/pageviews-per-postcode.toml", "-q", "--metrics", "run.prom"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let verify = lab.highwater(&["verify", "data/jobs/sales-per-seller.toml", "--metrics", "verify.prom"]);
    assert_eq!(verify.code, 0, "{}", verify.err);
    let written = lab.text("run.prom") + &lab.text("verify.prom");
    let metrics = words(&written, "highwater_");
    // `job` and `instance` come from Prometheus itself.
    let mut labels: BTreeSet<&str> = BTreeSet::from(["instance"]);
    for line in written.lines().filter(|line| !line.starts_with('#')) {
        let (_, rest) = line.split_once('{').unwrap();
        labels.extend(rest.split("\",").filter_map(|pair| pair.split_once("=\"").map(|(name, _)| name)));
    }
    assert!(labels.contains("outcome") && labels.contains("stage"), "{labels:?}");
    for name in ["data/monitoring/highwater.rules.yml", "data/monitoring/highwater.dashboard.json"] {
        let text = file(name);
        let used = words(&text, "highwater_");
        assert!(used.len() > 4, "{used:?}");
        let unknown: Vec<_> = used.difference(&metrics).collect();
        assert!(unknown.is_empty(), "{name} uses {unknown:?}, which no run writes: {metrics:?}");
        let of_legend =
            text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(name, _)| name.trim());
        for label in of_legend.filter(|label| !label.contains("$value")) {
            let label = label.trim_start_matches("$labels.");
            assert!(labels.contains(label), "{name} uses the label {label}, which no metric has: {labels:?}");
        }
    }
}

/// The action, the hook and the units call the program with flags that it has.
#[test]
fn flags_of_the_action_and_the_units_exist() {
    let mut program = highwater::cli::definition();
    program.build();
    let flags: BTreeSet<String> = program
        .get_subcommands()
        .flat_map(|command| command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_string))
        .collect();
    let files = [
        ("action.yml", &["markdown", "junit", "log", "against", "max-different", "counts-only"][..]),
        (".pre-commit-hooks.yaml", &["quiet"]),
        ("data/monitoring/highwater@.service", &["quiet", "log", "metrics"]),
        ("data/monitoring/highwater.cron", &["quiet", "log", "metrics", "counts-only", "json"]),
    ];
    for (name, wanted) in files {
        let text = file(name);
        for flag in wanted {
            assert!(text.contains(&format!("--{flag}")), "{name} does not use --{flag}");
            assert!(flags.contains(*flag), "{name} uses --{flag}, which does not exist");
        }
    }
}
