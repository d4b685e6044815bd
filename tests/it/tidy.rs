//! The house rules that no compiler checks: the direction of dependencies, and the size of files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, from the top; a module may use those below it, and its neighbours not.
const LAYERS: [&[&str]; 25] = [
    &["cli"],
    &["serve"],
    &["report", "lineage"],
    &["on", "adopt"],
    &["verify", "init"],
    // `run` over outputs in place is a backfill of what is new.
    &["run"],
    &["audit", "backfill", "explain", "inspect"],
    &["deliver"],
    &["engine", "sql"],
    &["job", "generate"],
    &["plan"],
    &["asof"],
    &["rows"],
    &["group"],
    &["keyed", "lookup"],
    &["input", "sink", "window"],
    &["table"],
    // Columns that are derived as records are read are expressions.
    &["expr"],
    &["aggregate"],
    &["adbc", "pg", "store"],
    &["batch"],
    &["ordered"],
    &["time", "clock", "process"],
    &["error"],
    &["secret", "planted"],
];

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|l| l.contains(&module)).unwrap_or_else(|| panic!("no layer has `{module}`"))
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The files of the program with their texts, by path.
pub fn sources() -> Vec<(PathBuf, String)> {
    let mut files = vec![];
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn dependencies_point_downward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = BTreeSet::new();
    for (path, text) in sources() {
        let relative = path.strip_prefix(&root).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "main" {
            continue;
        }
        for part in text.split("crate::").skip(1) {
            let used: String = part.chars().take_while(|c| c.is_ascii_lowercase()).collect();
            if used != module && !used.is_empty() && layer(&used) <= layer(&module) {
                wrong.insert(format!("{}: {module} uses {used}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let long: Vec<_> = sources()
        .iter()
        .map(|(path, text)| (path.display().to_string(), text.lines().count()))
        .filter(|(_, lines)| *lines > 700)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn modules_say_what_they_are() {
    let bare: Vec<_> =
        sources().iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path.clone()).collect();
    assert!(bare.is_empty() || bare.iter().all(|p| p.ends_with("tests.rs")), "{bare:?}");
}
