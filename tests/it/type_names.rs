//! A type name means one thing in the crate.

use crate::tidy::sources;
use std::collections::BTreeMap;

/// The name that a line defines, if it defines a struct, an enum, a trait or a type alias.
///
/// An indented `type` is an associated type of a trait or an alias inside a function: neither has a name that another
/// file can see.
fn defined(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.strip_prefix(' ')?,
        None => code,
    };
    let (word, rest) = code.split_once(' ')?;
    let is_definition = match word {
        "struct" | "enum" | "trait" => true,
        "type" => code.len() == line.len() || line.starts_with("pub"),
        _ => false,
    };
    let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
    (is_definition && rest.starts_with(|c: char| c.is_ascii_uppercase())).then(|| &rest[..end])
}

#[test]
fn a_type_name_is_defined_once() {
    let sources = sources();
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, text) in &sources {
        for (number, line) in text.lines().enumerate() {
            if let Some(name) = defined(line) {
                places.entry(name).or_default().push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(places.len() > 500, "the files of the program are not found");
    let twice: Vec<_> = places.into_iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "give each of these types a name of its own: {twice:#?}");
}

#[test]
fn definitions_are_found_whatever_their_visibility() {
    let found = |line| defined(line);
    assert_eq!(found("struct Row;"), Some("Row"));
    assert_eq!(found("pub(in crate::input) enum Line<'a> {"), Some("Line"));
    assert_eq!(found("    struct Full(u8);"), Some("Full"));
    assert_eq!(found("pub type Faults = u8;"), Some("Faults"));
    assert_eq!(found("    type Item = u8;"), None);
    assert_eq!(found("        pub struct $kind;"), None);
    assert_eq!(found("// struct Row"), None);
}
