//! Which folder or globs stand for exactly some files, for an engine that lists folders itself: so the text of a
//! statement does not grow with the number of files.
//!
//! # Contract
//! * Folders and globs are as Hadoop reads them: a folder stands for all files below it but hidden ones; in globs `*`
//!   and `?` match within one name, and a folder that a glob matches stands for what is below it.
//! * Each candidate is tried on the disk. One that stands for other files than the wanted ones is not taken.

use glob::Pattern;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Files as an engine is told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamedFiles {
    /// What folders, files and globs stand for; of it the files whose names match, where a pattern is given.
    Matched { paths: Vec<String>, names: Option<String> },
    /// One by one.
    Listed(Vec<String>),
}

/// What stands for exactly the files `paths`, of those that `patterns` found.
pub(super) fn named(patterns: &[String], paths: &[String]) -> NamedFiles {
    let wanted: BTreeSet<PathBuf> = paths.iter().map(|path| plain(Path::new(path))).collect();
    let candidates = candidates(patterns, paths);
    let exact = |candidate: &NamedFiles| found(candidate).is_some_and(|found| found == wanted);
    candidates.into_iter().find(exact).unwrap_or_else(|| NamedFiles::Listed(paths.to_vec()))
}

fn candidates(patterns: &[String], paths: &[String]) -> Vec<NamedFiles> {
    let ending = common_ending(paths).map(|ending| format!("*{ending}"));
    // What a list of globs would be ambiguous by is not tried: commas part globs, and the others are Hadoop's alone.
    let strange = |pattern: &String| pattern.contains(['[', ']', '{', '}', '\\', ',']);
    let grows = |pattern: &String| pattern.contains(['*', '?']) || Path::new(pattern).is_dir();
    if !patterns.iter().any(grows) || patterns.iter().any(strange) {
        return vec![];
    }
    if let [pattern] = patterns
        && let Some((base, name)) = pattern.split_once("**/")
    {
        // `**` is no glob of Hadoop's; a folder with a pattern of names means the same.
        let base = if base.is_empty() { ".".to_string() } else { base.trim_end_matches('/').to_string() };
        let plain = !base.contains(['*', '?']) && !name.contains('/');
        let folder = NamedFiles::Matched { paths: vec![base], names: Some(name.to_string()) };
        return if plain { vec![folder] } else { vec![] };
    }
    if patterns.iter().any(|pattern| pattern.contains("**")) {
        return vec![];
    }
    let matched = |names| NamedFiles::Matched { paths: patterns.to_vec(), names };
    std::iter::once(matched(None)).chain(ending.map(|ending| matched(Some(ending)))).collect()
}

/// What all names end in, from their first point on.
fn common_ending(paths: &[String]) -> Option<String> {
    let ending = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.find('.').map(|at| name[at..].to_string())
    };
    let first = ending(paths.first()?)?;
    let plain = first.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    (plain && paths.iter().all(|path| ending(path).as_ref() == Some(&first))).then_some(first)
}

/// The files that are found on the disk; none where it cannot be told.
fn found(files: &NamedFiles) -> Option<BTreeSet<PathBuf>> {
    let NamedFiles::Matched { paths, names } = files else { return None };
    let mut all = BTreeSet::new();
    for path in paths {
        let parts: Vec<Component> = Path::new(path).components().collect();
        matched(PathBuf::new(), &parts, &mut all)?;
    }
    if let Some(names) = names {
        let names = Pattern::new(names).ok()?;
        all.retain(|path| path.file_name().is_some_and(|name| names.matches(&name.to_string_lossy())));
    }
    Some(all)
}

/// Adds what `parts` match from `at` on.
fn matched(at: PathBuf, parts: &[Component], all: &mut BTreeSet<PathBuf>) -> Option<()> {
    let Some((first, rest)) = parts.split_first() else {
        // A file that is hidden is left out even where it is named.
        return if at.is_dir() {
            below(&at, all)
        } else {
            if at.is_file() && !is_hidden(&at) {
                all.insert(plain(&at));
            }
            Some(())
        };
    };
    let name = first.as_os_str().to_str()?;
    if !name.contains(['*', '?']) {
        return matched(at.join(name), rest, all);
    }
    let pattern = Pattern::new(name).ok()?;
    let here = if at.as_os_str().is_empty() { Path::new(".") } else { &at };
    for entry in std::fs::read_dir(here).ok()? {
        let name = entry.ok()?.file_name();
        if pattern.matches(name.to_str()?) {
            matched(at.join(name), rest, all)?;
        }
    }
    Some(())
}

/// Adds all files below a folder.
fn below(folder: &Path, all: &mut BTreeSet<PathBuf>) -> Option<()> {
    for entry in std::fs::read_dir(folder).ok()? {
        let path = folder.join(entry.ok()?.file_name());
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            below(&path, all)?;
        } else {
            all.insert(plain(&path));
        }
    }
    Some(())
}

/// Whether Spark takes no notice of a file or folder of this name.
pub(super) fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let hidden = name.starts_with('_') && !name.contains('=') || name.starts_with('.');
    (hidden || name.ends_with("._COPYING_"))
        && !name.starts_with("_metadata")
        && !name.starts_with("_common_metadata")
}

/// A path without the points that say nothing.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn of(folder: &tempfile::TempDir, patterns: &[&str], paths: &[&str]) -> String {
        let at = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| folder.path().join(name).display().to_string()).collect()
        };
        let shown = match named(&at(patterns), &at(paths)) {
            NamedFiles::Listed(paths) => format!("listed {}", paths.join(" ")),
            NamedFiles::Matched { paths, names } => {
                format!("{} {}", paths.join(" "), names.unwrap_or_default())
            }
        };
        shown.replace(&format!("{}/", folder.path().display()), "").trim().to_string()
    }

    #[test]
    fn folders_and_globs_are_taken_where_they_stand_for_the_files() {
        let folder = tree(&["a/1.csv", "a/2.csv", "a/b/3.csv", "a/_x/4.csv", "a/notes.md", "c/1.csv"]);
        let below = ["a/1.csv", "a/2.csv", "a/b/3.csv"];
        assert_eq!(of(&folder, &["a"], &below), "a *.csv");
        assert_eq!(of(&folder, &["a/**/*.csv"], &below), "a *.csv");
        assert_eq!(of(&folder, &["a/*.csv"], &["a/1.csv", "a/2.csv"]), "a/*.csv");
        assert_eq!(of(&folder, &["a/?.csv", "c"], &["a/1.csv", "a/2.csv", "c/1.csv"]), "a/?.csv c");
        assert_eq!(of(&folder, &["c"], &["c/1.csv"]), "c");
    }

    #[test]
    fn other_files_are_listed() {
        let folder = tree(&["a/1.csv", "a/2.csv", "a/_3.csv", "a/.4.csv", "a/5.CSV"]);
        // Not all that the glob stands for, and more than it.
        assert_eq!(of(&folder, &["a/*.csv"], &["a/1.csv"]), "listed a/1.csv");
        assert_eq!(
            of(&folder, &["a/*.csv"], &["a/1.csv", "a/2.csv", "a/_3.csv"]),
            "listed a/1.csv a/2.csv a/_3.csv"
        );
        assert_eq!(of(&folder, &["a/[12].csv"], &["a/1.csv", "a/2.csv"]), "listed a/1.csv a/2.csv");
        assert_eq!(of(&folder, &[], &["a/1.csv"]), "listed a/1.csv");
    }
}
