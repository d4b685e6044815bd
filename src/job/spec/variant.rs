//! Tables that are one of several things, such as a step or a window.

use crate::error::Error;
use crate::job::document::Document;
use crate::job::keys::key::{Variant, Variants};
use crate::job::reader::TableReader;

/// The key of the one thing that a table is, and whether the other keys fit it. Faults those that do not, and says
/// which are missing; `None` after a fault that leaves open what the table is.
pub(super) fn variant(document: &Document, table: &TableReader) -> Option<(&'static str, bool)> {
    let variants = table.section().variants?;
    let variant = named(document, table, variants)?;
    // From here on it is known what the table is: faults make it wrong, but leave nothing open.
    let before = document.count();
    for (i, of) in variants.all.iter().enumerate() {
        // A key may go with several variants, and one fault for it is enough.
        let new = |key: &&str| !variants.all[..i].iter().any(|other| other.keys().any(|known| known == *key));
        let wrong = of.keys().filter(new).filter(|key| !variant.keys().any(|known| known == *key));
        for (key, place) in wrong.filter_map(|key| Some((key, table.place_of(key)?))) {
            let with = variants.all.iter().filter(|other| other.keys().any(|known| known == key));
            let with = listed(with.map(|other| other.name), "or");
            let (this, kind) = (variants.this, variant.name);
            document.fault(Error::job(format!("`{key}` goes with {with}, but {this} is `{kind}`")), &place);
        }
    }
    for (key, hint) in variant.never {
        let Some(place) = table.place_of(key) else { continue };
        document.fault(Error::job(format!("a {} has no `{key}`", variant.name)).hint(*hint), &place);
    }
    for need in variant.needs.iter().filter(|need| table.place_of(need.key).is_none()) {
        let colon = if need.meaning.is_empty() { "" } else { ": " };
        let error = format!("`{}` needs `{}`{colon}{}", variant.name, need.key, need.meaning);
        document.fault(hinted(Error::job(error), need.hint), &table.span);
    }
    Some((variant.name, document.count() == before))
}

/// The one variant whose key the table has.
fn named(document: &Document, table: &TableReader, variants: &'static Variants) -> Option<&'static Variant> {
    // By key and not by value: a variant whose value is wrong is still named.
    let named = variants.all.iter().filter(|variant| table.place_of(variant.name).is_some());
    let error = match named.collect::<Vec<&Variant>>()[..] {
        [one] => return Some(one),
        [] => {
            let all = listed(variants.all.iter().map(|variant| variant.name), "or");
            Error::job(format!("{} needs {all}", variants.what))
        }
        ref several => {
            let named = listed(several.iter().map(|variant| variant.name), "and");
            hinted(Error::job(format!("{} {named}", variants.several)), variants.hint)
        }
    };
    document.fault(error, &table.span);
    None
}

/// The error with a hint, if there is one.
fn hinted(error: Error, hint: &str) -> Error {
    if hint.is_empty() { error } else { error.hint(hint) }
}

/// `a`, `b` or `c`.
fn listed<'a>(names: impl Iterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}
