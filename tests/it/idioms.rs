//! The words of messages: idioms that a reader of English as a second language has to guess are refused.

use std::fs;
use std::path::{Path, PathBuf};

/// Idioms that once stood in messages, each with the plain words for it.
const IDIOMS: [(&str, &str); 13] = [
    ("is no ", "is not a"),
    ("is none", "is not one"),
    ("of no account", "ignored"),
    ("told", "given, contained"),
    ("whoever", "the program that"),
    ("somebody", "another process"),
    ("anybody", "any site"),
    ("nobody", "not"),
    ("so many", "n"),
    ("taken for", "read as"),
    ("anew", "again"),
    ("what came of", "the result of"),
    ("longer than nothing", "longer than 0"),
];

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // The commands print results in words of their own, and tests quote other people's.
        if path.is_dir() && !["cli", "tests", "guide"].contains(&name.as_str()) {
            rust_files(&path, out);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            out.push(path);
        }
    }
}

/// The string literals of a source file, each with its line, without comments and without tests at its end.
fn literals(source: &str) -> Vec<(usize, String)> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let (mut found, mut rest, mut line) = (vec![], source, 1);
    while let Some(at) = rest.find(['"', '/', '\'']) {
        line += rest[..at].matches('\n').count();
        let (from, raw) = (&rest[at..], rest[..at].trim_end_matches('#').ends_with('r'));
        let hashes = rest[..at].chars().rev().take_while(|c| *c == '#').count();
        let end = if from.starts_with("//") {
            from.find('\n').unwrap_or(from.len())
        } else if from.starts_with("'\\") {
            3 + from[3..].find('\'').unwrap_or_default()
        } else if let Some(text) = from.strip_prefix('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let inner = match raw {
                true => text.find(&close).unwrap_or(text.len()),
                false => closing(text),
            };
            found.push((line, text[..inner].to_string()));
            inner + 2
        } else if from.starts_with("'\"'") || from.starts_with("'/'") {
            3
        } else {
            1
        };
        line += from[..end.min(from.len())].matches('\n').count();
        rest = from.get(end..).unwrap_or_default();
    }
    found
}

/// Where the quote is that ends a literal.
fn closing(text: &str) -> usize {
    let mut escaped = false;
    let quote = |c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    text.find(quote).unwrap_or(text.len())
}

#[test]
fn messages_have_plain_words() {
    let mut files = vec![];
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    rust_files(&src, &mut files);
    let mut bad = vec![];
    for path in files {
        let shown = path.strip_prefix(&src).unwrap().display().to_string();
        for (line, text) in literals(&fs::read_to_string(&path).unwrap()) {
            // A continued literal is one sentence.
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\ ", "");
            // A name without a space is not a message.
            let idiom = IDIOMS.iter().find(|(idiom, _)| words.contains(' ') && is_in(&words, idiom));
            if let Some((idiom, plain)) = idiom {
                bad.push(format!("src/{shown}:{line}: `{idiom}` for `{plain}` in: {words}"));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

/// Whether the idiom is in the words, not inside another word; `there is no column` is plain English.
fn is_in(words: &str, idiom: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let idiom = idiom.trim_end();
    words.match_indices(idiom).any(|(at, _)| {
        let before = &words[..at];
        !before.ends_with("there ")
            && !inside(before.chars().next_back())
            && !inside(words[at + idiom.len()..].chars().next())
    })
}

#[test]
fn literals_are_found() {
    let source = "// \"a\"\nlet a = \"b \\\"c\\\" d\"; let q = '\"'; let e = '\\''; let r = r#\"e \"f\"\"#;";
    let found: Vec<String> = literals(source).into_iter().map(|(_, text)| text).collect();
    assert_eq!(found, ["b \\\"c\\\" d", "e \"f\""]);
}
