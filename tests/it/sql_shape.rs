//! The shape of printed statements: what is short, and what reads its source once.

use std::path::Path;
use std::process::Command;

/// The queries that `highwater sql` prints for a job of the repository, one for each output, without what makes their
/// relations. None where the dialect refuses the job.
fn queries(job: &str, dialect: &str) -> Option<Vec<String>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["sql", job, "--dialect", dialect])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let statements = text.split(";\n").map(|statement| {
        let lines = statement.lines().filter(|line| !line.starts_with("--") && !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    });
    let queries = statements
        .filter(|s| s.starts_with("WITH ") || s.starts_with("SELECT\n") || s.starts_with("SELECT "));
    output.status.success().then(|| queries.collect())
}

#[test]
fn the_query_of_the_first_job_has_twenty_lines() {
    for dialect in ["duckdb", "postgres", "spark", "bigquery"] {
        let queries = queries("data/jobs/big-spenders.toml", dialect).unwrap();
        assert!(!queries.is_empty(), "{dialect}");
        for query in queries {
            assert!(query.lines().count() <= 20, "{dialect}\n{query}");
        }
    }
}

/// Where an engine computes a CTE again for each of its readers, a source that is read twice is read twice indeed.
#[test]
fn statements_read_their_source_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["tests/sql", "data/jobs"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            if !name.ends_with(".toml") {
                continue;
            }
            let job = format!("{folder}/{name}");
            for (dialect, source) in [("duckdb", "\"source\""), ("spark", "`source`")] {
                for query in queries(&job, dialect).unwrap_or_default() {
                    assert_eq!(query.matches(source).count(), 1, "{job} {dialect}\n{query}");
                    // Of a streamed output the clocks are read beside the events.
                    if query.contains("_reached") {
                        continue;
                    }
                    // And no CTE that reads it has two readers, unless it is kept.
                    for cte in query.lines().filter_map(|line| line.strip_suffix(" AS (")) {
                        let cte = cte.trim_start_matches("WITH ").trim_start_matches("RECURSIVE ");
                        assert!(!reads_source_twice(&query, cte, source), "{job} {dialect} {cte}\n{query}");
                    }
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 120, "{seen}");
}

/// Whether a CTE that reads the source itself has several readers.
fn reads_source_twice(query: &str, cte: &str, source: &str) -> bool {
    let body = query.split(&format!("{cte} AS (\n")).nth(1).and_then(|rest| rest.split("\n)").next());
    let readers = |what: &str| {
        let reads = |line: &&str| {
            let mut words = line.split_whitespace();
            words.any(|word| word == "FROM" || word == "JOIN")
                && line.split_whitespace().any(|word| word == what)
        };
        query.lines().filter(reads).count()
    };
    body.is_some_and(|body| body.contains(source)) && readers(cte) > 1
}
