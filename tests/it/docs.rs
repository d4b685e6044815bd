//! The README and the pages of the guide do what they say.
//!
//! A page is a story: its blocks run from top to bottom in one folder that has the repository's `data`; those of the
//! tutorial in an empty one.
//! * `console`: lines that start with `$ ` are commands for a shell; what stands below is what they print, both
//!   streams as they come. `…` stands for any text of a line, alone on a line for any lines. A command ends well, unless `# exit code N` says how.
//! * `toml NAME`, `csv NAME`, `json NAME`, `text NAME`, `python NAME`, `sh NAME`: a file of that name.
//! * `toml` without a name: a piece of a job file, of which every key is one that is read.
//! * `sh`: commands that need what a test has not. Each stands in [`ELSEWHERE`], with the reason.

use crate::golden::with_data;
use crate::support::Lab;
use highwater::aggregate::catalog;
use highwater::job::JobSpec;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the commands of `sh` blocks begin with, and who runs them in place of this test.
const ELSEWHERE: [(&str, &str); 17] = [
    ("cargo test --release", "this is it"),
    ("cargo run --release -- run data/jobs/big-spenders.toml", "as `highwater run`, right below"),
    ("eval \"$(scripts/postgres.sh", "CI, before the tests"),
    ("cargo run --release -- run data/jobs/sales-per-seller-postgres.toml", "tests/it/postgres_tables.rs"),
    ("psql -c", "the same table is read by tests/it/postgres_tables.rs"),
    ("kcat -P", "needs a broker; the lines are looked at by tests/it/postgres_tables.rs"),
    ("highwater serve", "does not end; tests/it/serve.rs and scripts/serve.py ask it"),
    ("highwater verify JOB --postgres", "tests/it/referee_postgres.rs"),
    ("highwater run data/jobs/big-spenders.toml --on", "tests/it/help.rs, where DuckDB's library is there"),
    ("highwater verify data/jobs/big-spenders.toml --on", "tests/it/help.rs, likewise"),
    ("highwater backfill job.toml late.csv --on", "tests/it/on.rs"),
    ("highwater sql data/jobs/big-spenders.toml --dialect spark --script", "scripts/spark_script.py"),
    ("duckdb -csv", "tests/it/retail.rs, where DuckDB is there"),
    ("pip install", "people who measure"),
    ("python3 scripts/", "people who measure"),
    ("set -o pipefail", "scripts/pipes.py, as the lines below it"),
    (
        "highwater run data/jobs/big-spenders.toml -q --output -",
        "scripts/pipes.py, which has the Python packages",
    ),
];

struct Block {
    /// What stands behind the fence.
    kind: String,
    line: usize,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = vec![];
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                open = Some(Block { kind: kind.trim().to_string(), line: number + 1, text: String::new() })
            }
            (None, None) => {}
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a fence is open");
    blocks
}

fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_dir(root.join("src/guide")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = guide.filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    paths.sort();
    paths.push(root.join("README.md"));
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// Whether `said` is what `page` shows, line by line.
fn same(page: &[&str], said: &[&str]) -> bool {
    match page.split_first() {
        None => said.is_empty(),
        Some((&"…", rest)) => (0..=said.len()).any(|skip| same(rest, &said[skip..])),
        Some((line, rest)) => said.first().is_some_and(|first| fits(line, first)) && same(rest, &said[1..]),
    }
}

fn fits(line: &str, said: &str) -> bool {
    match line.split_once('…') {
        None => line.trim_end() == said.trim_end(),
        Some((before, rest)) => {
            let Some(said) = said.strip_prefix(before) else { return false };
            let ends = (0..=said.len()).filter(|&i| said.is_char_boundary(i));
            ends.into_iter().any(|skip| fits(rest, &said[skip..]))
        }
    }
}

fn console(lab: &Lab, block: &Block, place: &str) {
    let mut parts: Vec<(&str, Vec<&str>)> = vec![];
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), parts.last_mut()) {
            (Some(command), _) => parts.push((command, vec![])),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("{place}: a console block begins with a command"),
        }
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_highwater"));
    for (command, shown) in parts {
        let (command, code) = match command.split_once("# exit code ") {
            Some((command, code)) => (command.trim(), code.trim().parse().unwrap()),
            None => (command, 0),
        };
        let run = command.replace("cargo run --release --", "highwater");
        let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let script = format!("exec 2>&1\n{run}");
        let answer = lab.hear(Command::new("bash").args(["-c", &script]).env("PATH", path));
        assert_eq!(answer.code, code, "{place}: {command}\n{}", answer.out);
        let said: Vec<&str> = answer.out.trim_end().lines().collect();
        let shown = shown.join("\n");
        let shown: Vec<&str> = shown.trim_end().lines().collect();
        assert!(
            shown.is_empty() || same(&shown, &said),
            "{place}: {command}\nthe page shows\n{}\nand it says\n{}",
            shown.join("\n"),
            said.join("\n")
        );
    }
}

/// Sees to it that a piece of a job file has no key that is not read: by itself, or below the head of some table.
fn piece(block: &Block, place: &str) {
    let heads = ["", "[source]\n", "[[step]]\n", "[[output]]\n", "[late]\n"];
    let wrong = |head: &&str| {
        let fault = JobSpec::parse("job.toml", &format!("{head}{}", block.text)).err()?.to_string();
        let wrong = ["unknown key", "TOML:", "must be"].iter().any(|words| fault.contains(words));
        wrong.then_some(fault)
    };
    let faults: Vec<String> = heads.iter().filter_map(wrong).collect();
    assert!(faults.len() < heads.len(), "{place}: {}", faults[0]);
}

fn story(place: &str, page: &str) {
    // The tutorial begins in an empty folder.
    let lab = if place.ends_with("/tutorial.md") { Lab::new() } else { with_data() };
    for block in blocks(page) {
        let place = format!("{place}:{}", block.line);
        match block.kind.split_once(' ') {
            Some((_, name)) => lab.write(name, &block.text),
            None => match block.kind.as_str() {
                "console" => console(&lab, &block, &place),
                "toml" => piece(&block, &place),
                "sh" => {
                    for line in block.text.lines().filter(|line| !line.trim().is_empty()) {
                        let known = ELSEWHERE.iter().any(|(command, _)| line.starts_with(command));
                        assert!(known, "{place}: nobody runs {line}");
                    }
                }
                "text" | "csv" | "json" | "sql" => {}
                other => panic!("{place}: no kind of block is `{other}`"),
            },
        }
    }
}

#[test]
fn every_command_of_the_readme_and_the_guide_does_what_it_says() {
    let pages = pages();
    assert!(pages.len() > 6, "{}", pages.len());
    for (name, page) in pages {
        story(&name, &page);
    }
}

#[test]
fn every_page_is_linked_and_every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages();
    let mut linked = vec![];
    for (name, page) in &pages {
        let folder = root.join(name).parent().unwrap().to_path_buf();
        for part in page.split("](").skip(1) {
            let target = part.split(')').next().unwrap();
            if target.starts_with("http") || target.starts_with('#') {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = folder.join(file);
            assert!(path.exists(), "{name}: {target} leads nowhere");
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(
                    text.lines().any(|line| line.starts_with('#') && slug(line) == anchor),
                    "{name}: {target}"
                );
            }
            linked.push(path.canonicalize().unwrap());
        }
    }
    for (name, _) in pages.iter().filter(|(name, _)| name != "README.md") {
        assert!(linked.contains(&root.join(name).canonicalize().unwrap()), "nothing links to {name}");
    }
}

/// The anchor that GitHub and rustdoc make of a heading.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_');
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The table of aggregates, as the catalog has it.
fn table_of_aggregates() -> String {
    let rows = catalog::ALL.iter().map(|form| {
        let others: Vec<String> = form.names[1..].iter().map(|name| format!("`{name}`")).collect();
        let others = if others.is_empty() { String::new() } else { format!("; also {}", others.join(", ")) };
        let distinct = if form.distinct == catalog::DistinctRule::Once { "; takes `distinct`" } else { "" };
        format!("| `{}` | {} | {}{distinct}{others} |\n", form.call, form.gives, form.help)
    });
    format!("| Aggregate | Result | What it is |\n| --- | --- | --- |\n{}", rows.collect::<String>())
}

#[test]
fn the_table_of_aggregates_is_the_catalog() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/semantics.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("| Aggregate |").expect("a table of aggregates");
    let (_, after) = rest.split_once("\n\n").expect("text behind the table");
    let wanted = format!("{before}{}\n{after}", table_of_aggregates());
    if std::env::var_os("HIGHWATER_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(
        page == wanted,
        "the table of aggregates is not that of the catalog; HIGHWATER_BLESS=1 writes it"
    );
}

#[test]
fn every_aggregate_says_what_it_is() {
    let mut names = BTreeSet::new();
    for form in catalog::ALL {
        let start = form.call.split('(').next();
        assert!(form.names.contains(&start.unwrap_or("")), "{} is not called so", form.call);
        assert!(
            !form.help.is_empty() && !form.gives.is_empty() && !form.help.ends_with('.'),
            "{}",
            form.call
        );
        let lower = form.names.iter().all(|name| name.to_lowercase() == **name);
        let once = form.names.iter().all(|name| names.insert(*name) || *name == "count");
        assert!(lower && once, "{:?}", form.names);
    }
}
