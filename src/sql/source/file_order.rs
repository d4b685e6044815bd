//! The natural order of files as the order of a text, for an engine that knows a file by its path.
//!
//! # Contract
//! The text of a path is its components with the lowest of characters between, and in them each run of digits as
//! [`DIGITS`] digits. So texts compare as paths do: component by component, runs of digits by their number. Runs of more
//! digits, and names that differ in leading zeros alone, do not; [`is_kept`] tells whether the files are in order.

use crate::input::SourceFile;
use std::path::{Path, PathBuf};

/// So many digits a number has in the text.
const DIGITS: usize = 20;

/// Whether the files of a relation come in the order of their texts, each after the one before it.
pub(super) fn is_kept(files: &[SourceFile]) -> bool {
    let texts: Vec<String> = files.iter().map(|file| text(file.opened.shell_path())).collect();
    files.iter().all(|file| is_known_by_path(file.opened.shell_path()))
        && texts.windows(2).all(|pair| pair[0] < pair[1])
}

/// Whether `next` comes after `file` in the order of their texts.
pub(super) fn is_after(file: &SourceFile, next: &SourceFile) -> bool {
    let [a, b] = [file, next].map(|file| file.opened.shell_path());
    is_known_by_path(a) && is_known_by_path(b) && text(a) < text(b)
}

/// Whether Spark gives the path as it is: it may have others encoded in ways of its own.
fn is_known_by_path(path: &Path) -> bool {
    path.to_str().is_some_and(|path| !path.chars().any(|c| c.is_control()))
}

fn text(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let mut out = String::new();
    let mut digits = String::new();
    for c in path.to_string_lossy().chars().chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            let padded = format!("{digits:0>DIGITS$}");
            out += &padded[padded.len() - DIGITS..];
            digits.clear();
        }
        match c {
            '/' => out.push('\u{1}'),
            '\0' => {}
            c => out.push(c),
        }
    }
    out
}

/// The text of the path of the file that a row is of, in Spark.
pub(super) fn spark_text() -> String {
    // The path is a URI, in which `+` is itself.
    let path = "URL_DECODE(REPLACE(INPUT_FILE_NAME(), '+', '%2B'))";
    let zeros = "0".repeat(DIGITS - 1);
    let padded = format!("REGEXP_REPLACE(REPLACE({path}, '/', '\\u0001'), '([0-9]+)', '{zeros}$1')");
    format!("REGEXP_REPLACE({padded}, '[0-9]*([0-9]{{{DIGITS}}})', '$1')")
}

/// The text of the path `path`, in DuckDB.
pub(super) fn duckdb_text(path: &str) -> String {
    let zeros = "0".repeat(DIGITS - 1);
    let padded = format!("REGEXP_REPLACE(REPLACE({path}, '/', CHR(1)), '([0-9]+)', '{zeros}\\1', 'g')");
    format!("REGEXP_REPLACE({padded}, '[0-9]*([0-9]{{{DIGITS}}})', '\\1', 'g')")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::files::natural_order;
    use proptest::prelude::*;

    proptest! {
        /// Against the order that positions have.
        #[test]
        fn texts_compare_as_paths_do(a in "(/[a0-2.-]{1,6}){1,3}", b in "(/[a0-2.-]{1,6}){1,3}") {
            let dots = |path: &str| path.split('/').any(|part| part == "." || part == "..");
            prop_assume!(!dots(&a) && !dots(&b));
            let (left, right) = (text(Path::new(&a)), text(Path::new(&b)));
            if left != right {
                prop_assert_eq!(left.cmp(&right), natural_order(Path::new(&a), Path::new(&b)));
            }
        }
    }
}
