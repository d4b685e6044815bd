//! The page itself: the template with everything in it, and the file that it goes to.
//!
//! # Contract
//! What is put into the template cannot leave its place: the title is escaped, the JSON has no `<`, and the style and
//! the scripts are ours. The policy names the scripts by their hashes, so no other runs, and nothing is fetched.

use crate::error::Result;
use crate::sink::TOOL;
use crate::sink::owner::{self, Made};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Component, Path, PathBuf};

const TEMPLATE: &str = include_str!("page/report.html");
const STYLE: &str = include_str!("page/report.css");
const VENDOR: &str = include_str!("page/vendor.js");
/// The scripts of a report, in order: each uses what stands before it.
pub(super) const SCRIPTS: [&str; 5] = [
    include_str!("page/values.js"),
    include_str!("page/charts.js"),
    include_str!("page/tables.js"),
    include_str!("page/parts.js"),
    include_str!("page/report.js"),
];

/// The scripts of a page without charts and tables.
pub(super) const PARTS: [&str; 2] = [SCRIPTS[0], SCRIPTS[3]];

/// What a page is made of beside its title and its data.
pub(super) struct PageParts<'a> {
    /// The scripts, in order.
    pub scripts: &'a [&'a str],
    /// Whether these need the libraries of charts and tables.
    pub vendor: bool,
    /// Style after that of every page.
    pub style: &'a str,
    /// HTML below the place of the page.
    pub more: &'a str,
    /// Whether the page may ask the server that it comes from.
    pub asks: bool,
}

/// The page of a report, which is a file.
pub(super) const FILE: PageParts =
    PageParts { scripts: &SCRIPTS, vendor: true, style: "", more: "", asks: false };

/// The page with this title and these data; and its policy, as a server says it again.
pub(super) fn fill(title: &str, data: &Value, make: &PageParts) -> (String, String) {
    // The policy has the hash of the very text between the tags, line ends included.
    let script = format!("\"use strict\";\n(() => {{\n{}}})();\n", make.scripts.concat());
    let vendor = if make.vendor { VENDOR } else { "" };
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'{}",
        hash(vendor),
        hash(&script),
        if make.asks { "; connect-src 'self'" } else { "" }
    );
    let mut out = String::with_capacity(vendor.len() + (1 << 20));
    let mut rest = TEMPLATE;
    // One pass over the template: braces in the data are never looked at.
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(before);
        match name {
            "title" => out.push_str(&escaped(title)),
            "policy" => out.push_str(&policy),
            "tool" => out.push_str(TOOL),
            "style" => {
                out.push_str(STYLE);
                out.push_str(make.style);
            }
            "more" => out.push_str(make.more),
            "data" => out.push_str(&json(data)),
            "vendor" => out.push_str(vendor),
            "script" => out.push_str(&script),
            _ => {}
        }
        rest = after;
    }
    out.push_str(rest);
    (out, policy)
}

/// A script as a policy names it.
fn hash(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)))
}

/// A text as HTML and XML both take it; what XML cannot hold is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// JSON that can stand in a script element: what could end it, or a line of an old browser's script, only comes in
/// strings, and is escaped there.
fn json(data: &Value) -> String {
    let mut out = String::new();
    for c in data.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// The link from a page to the file or folder at `to`: relative, so that both can be moved together. It always begins with
/// a dot, so nothing in it can be a scheme.
pub(super) fn link(page: &Path, to: &Path) -> Option<String> {
    let absolute = |path: &Path| {
        // By names alone, as `canonicalize` would put the target of a link into the page.
        let path = std::path::absolute(path).ok()?;
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                Component::CurDir => {}
                part => plain.push(part),
            }
        }
        Some(plain)
    };
    let (page, target) = (absolute(page)?, absolute(to)?);
    let base = page.parent()?;
    let shared = base.components().zip(target.components()).take_while(|(a, b)| a == b).count();
    let up = base.components().count() - shared;
    let mut out = if up == 0 { ".".to_string() } else { vec![".."; up].join("/") };
    for part in target.components().skip(shared) {
        out.push('/');
        // A browser takes `?` and `#` in a path for a query and a fragment.
        for byte in part.as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    out.push(char::from(*byte))
                }
                byte => out.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    if to.is_dir() {
        out.push('/');
    }
    Some(out)
}

/// Finds out whether a page can be written to `path`, before hours of work.
///
/// # Errors
/// As of [`owner::check`].
pub fn check(path: &Path) -> Result<()> {
    owner::check(path, Made::Page)
}

/// Puts a page in its place as a whole; gives whether it was not the same before.
///
/// # Errors
/// As of [`owner::put`].
pub fn write(path: &Path, html: &str) -> Result<bool> {
    owner::put(path, Made::Page, html.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_in_the_data_ends_its_element() {
        let hostile = "</script><script>alert(1)</script><!--\u{2028}&amp;{{script}}";
        let text = super::json(&json!({ hostile: hostile }));
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({ hostile: hostile }));
    }

    #[test]
    fn the_page_has_its_parts_and_no_others() {
        let hostile = "</title><script>alert(1)</script>{{script}}";
        let (html, _) = fill(hostile, &json!({ "title": hostile }), &FILE);
        assert!(html.contains(owner::GENERATOR), "by this a page is known");
        assert_eq!(html.matches("<script").count(), 3, "data, vendor, script");
        assert_eq!(html.matches("</script").count(), 3);
        assert!(html.contains("<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{script}}"));
        assert!(!html.contains("<!--"), "a comment in a script changes how the rest is read");
        for part in ["{{policy}}", "{{style}}", "{{data}}", "{{vendor}}"] {
            assert!(!html.contains(part), "{part}");
        }
        // Nothing is fetched: no address outside of the notices of licences, and of names of the SVG standard.
        for part in
            TEMPLATE.lines().chain(STYLE.lines()).chain(SCRIPTS.iter().flat_map(|script| script.lines()))
        {
            assert!(!part.contains("http:") && !part.contains("https:") && !part.contains("url("), "{part}");
        }
    }

    #[test]
    fn the_policy_names_the_scripts_by_their_hashes() {
        // As `printf %s 'alert(1)' | openssl dgst -sha256 -binary | base64` gives it.
        assert_eq!(hash("alert(1)"), "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='");
    }

    #[test]
    fn scripts_are_read_as_they_are_hashed() {
        // A browser reads CR LF and replaces NUL, and the hash would be that of another text.
        for script in SCRIPTS.iter().chain([&VENDOR]) {
            assert!(!script.contains(['\r', '\0']));
        }
    }

    #[test]
    fn links_are_relative_and_have_no_scheme() {
        let of = |page: &str, to: &str| link(Path::new(page), Path::new(to)).unwrap();
        assert_eq!(of("out/a.html", "out/b.csv"), "./b.csv");
        assert_eq!(of("out/pages/a.html", "out/b c/d#.csv"), "../b%20c/d%23.csv");
        assert_eq!(of("a.html", "javascript:alert(1)"), "./javascript%3Aalert%281%29");
        assert_eq!(of("/x/y/a.html", "/z/./q/../b.csv"), "../../z/b.csv");
        assert_eq!(of("a.html", "src"), "./src/");
    }
}
