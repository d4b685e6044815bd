//! What users read is in plain words: README, guide, help, and the string literals of the program.
//!
//! The list holds idioms that this project once used and that a non-native reader has to decode. Each entry
//! has the plain words to use instead.

use crate::support::Lab;
use std::fs;
use std::path::{Path, PathBuf};

/// An idiom that user-facing text must not contain.
struct Idiom {
    words: &'static str,
    instead: &'static str,
    /// Longer phrases with these words that are plain.
    except: &'static [&'static str],
}

const fn idiom(words: &'static str, instead: &'static str) -> Idiom {
    Idiom { words, instead, except: &[] }
}

const IDIOMS: &[Idiom] = &[
    Idiom {
        words: "is no",
        instead: "`is not a`",
        except: &["there is no", "is no longer", "is no more than", "is no other"],
    },
    Idiom {
        words: "are no",
        instead: "`are not`",
        except: &["there are no", "are no longer", "are no more than", "are no other"],
    },
    Idiom { words: "was no", instead: "`was not a`", except: &["there was no", "was no longer"] },
    Idiom { words: "were no", instead: "`were not`", except: &["there were no", "were no longer"] },
    Idiom { words: "is none", instead: "`is not one`, or `does not exist`", except: &["there is none"] },
    Idiom { words: "are none", instead: "`are not`, or `do not exist`", except: &["there are none"] },
    idiom("of no account", "`ignored`"),
    idiom("told", "`has`, `contains` or `shown`; `known from`"),
    idiom("tells", "`has`, `contains` or `shows`"),
    idiom("so many", "`this number of`, or the number itself"),
    idiom("whoever", "the name of the person or program"),
    idiom("whatever", "`any`, or `also if`"),
    idiom("somebody", "the name of the person or program, or `another program`"),
    idiom("anybody", "the name of the person or program, or `any program`"),
    idiom("nobody", "a sentence with `not`"),
    idiom("everybody", "`all users`"),
    idiom("what came of", "`the result of`"),
    idiom("what comes of", "`the result of`"),
    idiom("what becomes of", "`what happens to`"),
    idiom("in one go", "`at once`"),
    idiom("anew", "`again`"),
    idiom("put right", "`correct`"),
    idiom("puts right", "`corrects`"),
    idiom("nothing but", "`only`"),
    idiom("as it stands", "`unchanged`"),
    idiom("as they stand", "`unchanged`"),
    idiom("comes again", "`is a duplicate`"),
    idiom("come again", "`are duplicates`"),
    idiom("lies", "`is`"),
    idiom("length of time", "`duration`"),
    idiom("lengths of time", "`durations`"),
    idiom("wrong use", "`usage error`"),
    idiom("sees to", "`makes sure that`"),
    idiom("seen to", "`supported`"),
];

impl Idiom {
    /// Whether `text`, which is in lower case with single blanks, contains the idiom.
    fn is_in(&self, text: &str) -> bool {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        text.match_indices(self.words).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + self.words.len()..]);
            let whole = !is_word(before.chars().next_back()) && !is_word(after.chars().next());
            let plain = self.except.iter().any(|phrase| {
                phrase.find(self.words).is_some_and(|shift| {
                    at.checked_sub(shift)
                        .and_then(|start| text.get(start..))
                        .is_some_and(|t| t.starts_with(phrase))
                })
            });
            whole && !plain
        })
    }
}

/// A sentence for each idiom in `text`. Code between backticks is left out.
fn idioms(place: &str, text: &str) -> Vec<String> {
    let prose = text.split('`').enumerate().map(|(i, part)| if i % 2 == 0 { part } else { "…" });
    let prose = prose.collect::<String>().to_lowercase();
    let prose = prose.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = IDIOMS.iter().filter(|idiom| idiom.is_in(&prose));
    found.map(|idiom| format!("{place}: write {} instead of `{}`", idiom.instead, idiom.words)).collect()
}

/// Generated parts of the guide, which are as plain as the literals that they are made from: the first line of a
/// part begins with the first text, and its last line is the second.
const GENERATED: [(&str, &str); 2] =
    [("<!-- the table of functions -->", "<!-- its end -->"), ("| Aggregate |", "")];

/// The paragraphs of a page, with the number of the line where each begins. Code and generated parts are left out.
fn paragraphs(page: &str) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = vec![];
    let mut skipped_until: Option<&str> = None;
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        if let Some(end) = skipped_until {
            let ended = line == end;
            skipped_until = Some(end).filter(|_| !ended);
            continue;
        }
        let generated = GENERATED.iter().find(|(begin, _)| line.starts_with(begin)).map(|(_, end)| *end);
        skipped_until = generated.or(line.starts_with("```").then_some("```"));
        if skipped_until.is_some() || line.is_empty() {
            inside = false;
            continue;
        }
        match paragraphs.last_mut() {
            Some((_, text)) if inside => {
                text.push('\n');
                text.push_str(line);
            }
            _ => paragraphs.push((number + 1, line.to_string())),
        }
        inside = true;
    }
    paragraphs
}

#[test]
fn the_readme_and_the_guide_are_in_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_dir(root.join("src/guide")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = guide.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root.join("README.md"));
    let mut found = vec![];
    for path in &pages {
        let place = path.strip_prefix(root).unwrap().display();
        for (line, text) in paragraphs(&fs::read_to_string(path).unwrap()) {
            found.extend(idioms(&format!("{place}:{line}"), &text));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_help_is_in_plain_words() {
    let lab = Lab::new();
    let program = highwater::cli::definition();
    let commands = program.get_subcommands().map(|command| vec![command.get_name(), "--help"]);
    let mut found = vec![];
    for arguments in commands.chain([vec!["--help"]]) {
        let answer = lab.highwater(&arguments);
        assert_eq!(answer.code, 0, "{arguments:?}\n{}", answer.err);
        found.extend(idioms(&format!("highwater {}", arguments.join(" ")), &answer.out));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_idiom_is_found_as_whole_words_and_not_in_longer_plain_phrases() {
    let found = |text: &str| idioms("x", text).len();
    assert_eq!(found("`a` is no\n  number"), 1);
    assert_eq!(found("It tells whoever reads it"), 2);
    assert_eq!(found("There is no number. It is no longer there: this noun is notable."), 0);
    assert_eq!(found("There is no number, and this is no number"), 1);
    assert_eq!(found("The column `told` and the value `is none`"), 0);
    let page = "one\ntwo\n\n```sh\ncode\n```\nthree\n\n| Aggregate | x |\n| a |\n\nfour\n";
    let expected = [(1, "one\ntwo".to_string()), (7, "three".to_string()), (12, "four".to_string())];
    assert_eq!(paragraphs(page), expected);
}

/// The string literals of Rust source text, each with the number of its line. Comments are left out.
fn literals(source: &str) -> Vec<(usize, String)> {
    let mut literals = vec![];
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let (length, literal) = token(rest);
        if let Some(literal) = literal {
            literals.push((1 + source[..at].matches('\n').count(), literal));
        }
        at += length;
    }
    literals
}

/// The length of the comment, literal or single character at the start of `rest`, and the text of a string literal.
fn token(rest: &str) -> (usize, Option<String>) {
    let until = |end: &str| rest.find(end).map_or(rest.len(), |i| i + end.len());
    let first = rest.chars().next().map_or(1, char::len_utf8);
    let hashes = rest.strip_prefix('r').map_or(0, |raw| raw.len() - raw.trim_start_matches('#').len());
    if rest.starts_with("//") {
        (until("\n"), None)
    } else if rest.starts_with("/*") {
        (until("*/"), None)
    } else if rest.starts_with('r') && rest[1 + hashes..].starts_with('"') {
        let text = &rest[hashes + 2..];
        let close = format!("\"{}", "#".repeat(hashes));
        let end = text.find(&close).unwrap_or(text.len());
        (hashes + 2 + end + close.len(), Some(text[..end].to_string()))
    } else if let Some(text) = rest.strip_prefix('"') {
        let (length, text) = quoted(text);
        (1 + length, Some(text))
    } else if rest.starts_with("'\\") {
        (rest[3..].find('\'').map_or(rest.len(), |i| i + 4), None)
    } else if rest.starts_with('\'') {
        // A lifetime has no second quote right after its first character.
        let mut characters = rest.char_indices().skip(2);
        (characters.next().filter(|(_, c)| *c == '\'').map_or(first, |(i, _)| i + 1), None)
    } else {
        (first, None)
    }
}

/// The length of a literal behind its first quote, and its text. An escape is a blank, or nothing at the end of a line.
fn quoted(rest: &str) -> (usize, String) {
    let mut text = String::new();
    let mut characters = rest.char_indices().peekable();
    while let Some((i, c)) = characters.next() {
        match c {
            '"' => return (i + 1, text),
            '\\' => match characters.next() {
                Some((_, '\n')) => while characters.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                _ => text.push(' '),
            },
            _ => text.push(c),
        }
    }
    (rest.len(), text)
}

/// The source text of a file without its tests, which are at its end.
fn without_tests(path: &Path, source: &str) -> String {
    let is_test =
        path.iter().any(|part| ["tests", "tests.rs", "testing.rs"].iter().any(|name| part == *name));
    let module = source.match_indices("#[cfg(test)]\n").find(|(at, _)| {
        let item = source[*at..].lines().find(|line| !line.starts_with("#["));
        item.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    let end = if is_test { 0 } else { module.map_or(source.len(), |(at, _)| at) };
    source[..end].to_string()
}

#[test]
fn string_literals_are_in_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![];
    for (path, source) in crate::tidy::sources() {
        let place = path.strip_prefix(root).unwrap().display();
        let source = without_tests(&path, &source);
        let literals = literals(&source);
        let idioms = literals.iter().flat_map(|(line, text)| idioms(&format!("{place}:{line}"), text));
        found.extend(idioms);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn literals_are_found_in_source_text() {
    let source = "// \"comment\" it's\nlet a: &'static str = \"one \\\n   two\\\"\"; '\"'; '\\''; r#\"three \"4\"\"#; b\"five\" /* \"six\" */";
    let texts: Vec<(usize, String)> = literals(source);
    let texts: Vec<(usize, &str)> = texts.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(texts, [(2, "one two "), (3, "three \"4\""), (3, "five")]);
}
