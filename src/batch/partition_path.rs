//! The path of a partition below its output: folders `key=value`, as Hive and Spark lay tables out.
//!
//! # Contract
//! * Here alone such folders are written, escaped and parsed. No two values share a folder, and each reads back as the value.
//! * In keys and values `%3A` stands for `:`, and `__HIVE_DEFAULT_PARTITION__` is NULL. `%00` is the empty text, and `%00%00` a
//!   text of one NUL.

use std::fmt;
use std::path::{Path, PathBuf};

/// What Hive calls the folder of NULL.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// The folders of a partition, from the outermost, below the folder of its output; without any it is the one partition of
/// an output that has one alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartitionPath(String);

/// As the text: messages quote it.
impl fmt::Debug for PartitionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PartitionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartitionPath {
    /// Of these folders, each as [`partition_folder`] writes it, from the outermost.
    pub fn of_folders(folders: &[String]) -> PartitionPath {
        PartitionPath(folders.join("/"))
    }

    /// The partition that the file at `path`, below its output, lies in.
    pub fn of_file(path: &str) -> PartitionPath {
        PartitionPath(path.rsplit_once('/').map_or(String::new(), |(folders, _)| folders.to_string()))
    }

    /// The same below the folder `below`, if it lies there; else itself.
    pub fn below(self, below: &str) -> PartitionPath {
        match self.0.strip_prefix(below) {
            Some(rest) => PartitionPath(rest.trim_start_matches('/').to_string()),
            None => self,
        }
    }

    /// The path of its file `name`, below the output.
    pub fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name)
    }

    /// The values of its folders, from the outermost; NULL is none.
    pub fn values(&self) -> impl Iterator<Item = Option<String>> {
        self.0.split('/').filter_map(|folder| Some(parsed(folder)?.1))
    }
}

/// The folder of a value of the column `key`.
pub fn partition_folder(key: &str, value: Option<&str>) -> String {
    let mut folder = escaped(key);
    // A name that begins with a dot is hidden, and would not be read back.
    if folder.starts_with('.') {
        folder.replace_range(..1, "%2E");
    }
    folder + "=" + &folder_name(value)
}

/// The columns that the folders of the file at `path` tell, from the outermost, and their values. Other folders tell
/// nothing.
pub fn partition_values(path: &Path) -> Vec<(String, Option<String>)> {
    let folders = path.parent().into_iter().flat_map(|folder| folder.components());
    folders.filter_map(|folder| parsed(&folder.as_os_str().to_string_lossy())).collect()
}

/// The key and the value that a folder's name stands for, if it is `key=value`.
fn parsed(folder: &str) -> Option<(String, Option<String>)> {
    let (key, value) = folder.split_once('=')?;
    (!key.is_empty()).then(|| (text(key), folder_value(value)))
}

/// The value that the part of a folder's name behind `=` stands for. NULL is none.
fn folder_value(name: &str) -> Option<String> {
    match name {
        NULL_FOLDER => None,
        // No NUL would be an empty name, so a text of NULs alone is written with one more.
        name => match text(name) {
            nuls if !nuls.is_empty() && nuls.bytes().all(|byte| byte == 0) => Some(nuls[1..].to_string()),
            text => Some(text),
        },
    }
}

fn text(name: &str) -> String {
    String::from_utf8_lossy(&unescaped(name)).into_owned()
}

/// The bytes of a text in which `%3A` stands for `:`.
pub fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (vec![], text.as_bytes());
    while let [first, after @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let code = match after {
            // `from_str_radix` would take a sign: `%+5` stands for itself.
            [high, low, ..] if *first == b'%' => digit(high).zip(digit(low)),
            _ => None,
        };
        match code {
            Some((high, low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            // A `%` without two digits behind it stands for itself, as in Hive.
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// A value as a folder's name, as Hive and Spark write it; what these give a name of something else has one of its own.
fn folder_name(value: Option<&str>) -> String {
    match value {
        None => NULL_FOLDER.into(),
        Some(NULL_FOLDER) => format!("%5F{}", &NULL_FOLDER[1..]),
        // An empty text has no name, so a text of NULs alone is written with one more.
        Some(nuls) if nuls.bytes().all(|byte| byte == 0) => "%00".repeat(nuls.len() + 1),
        Some(text) => escaped(text),
    }
}

/// Percent-encodes what cannot stand in a folder's name, as Hive and Spark do.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_control() || "\"#%'*/:=?\\{}[]^<>|".contains(c) {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
    // `.` and `..` mean something else to the file system.
    match out.as_str() {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that are most like one another's names, and random ones.
    fn hostile() -> Vec<String> {
        let pieces = [
            "",
            "\0",
            "%",
            "%00",
            "%2E",
            "%5F",
            "_",
            ".",
            "..",
            "/",
            "=",
            NULL_FOLDER,
            "a",
            "ä",
            "💩",
            "\u{85}",
            "0",
            "2",
            "E",
            "F",
            " ",
            "\n",
            "\\",
            "A",
        ];
        let mut all: Vec<String> = pieces.iter().map(|piece| piece.to_string()).collect();
        all.extend(pieces.iter().flat_map(|a| pieces.iter().map(move |b| format!("{a}{b}"))));
        let mut random = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..4 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(random >> 33) as usize % pieces.len()]);
            }
            all.push(text);
        }
        all.extend([
            format!("{NULL_FOLDER}x"),
            NULL_FOLDER.to_lowercase(),
            format!("%5F{}", &NULL_FOLDER[1..]),
        ]);
        all
    }

    #[test]
    fn every_value_has_a_folder_of_its_own_that_reads_back() {
        let mut names = std::collections::BTreeMap::from([(folder_name(None), None)]);
        for text in hostile() {
            let name = folder_name(Some(&text));
            assert!(
                !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..",
                "{text:?}"
            );
            assert_eq!(folder_value(&name).as_deref(), Some(text.as_str()), "{name}");
            let before = names.insert(name, Some(text.clone()));
            assert!(before.is_none_or(|before| before == Some(text)));
        }
        assert_eq!(folder_value(NULL_FOLDER), None);
        assert!(names.len() > 15_000);
        // Those that folders had before stay where they are.
        let before = [("", "%00"), ("a/b", "a%2Fb"), (".", "%2E"), ("50%", "50%25"), ("größe", "größe")];
        assert!(before.iter().all(|(text, name)| folder_name(Some(text)) == *name));
    }

    #[test]
    fn folders_tell_names_and_values() {
        let told = |path: &str| partition_values(Path::new(path));
        let some = |name: &str, value: &str| (name.to_string(), Some(value.to_string()));
        assert_eq!(
            told("x/region=eu/day=2024-06-01/part-0.csv"),
            [some("region", "eu"), some("day", "2024-06-01")]
        );
        assert_eq!(told("a%3Db=c%3A d%/f.csv"), [some("a=b", "c: d%")]);
        assert_eq!(told("k=__HIVE_DEFAULT_PARTITION__/f.csv"), [("k".to_string(), None)]);
        assert_eq!(told("k=%00/k=/f.csv"), [some("k", ""), some("k", "")]);
        assert_eq!(
            told("k=%00%00/k=%5F_HIVE_DEFAULT_PARTITION__/f.csv"),
            [some("k", "\0"), some("k", NULL_FOLDER)]
        );
        assert_eq!(told("=x/y/z=1.csv"), []);
        assert_eq!(told("k=%+5/k=%/k=%4/f.csv"), [some("k", "%+5"), some("k", "%"), some("k", "%4")]);
    }

    #[test]
    fn a_path_knows_its_folders_and_its_files() {
        let path = PartitionPath::of_file("a=1/b=%00/data.csv");
        assert_eq!(
            path,
            PartitionPath::of_folders(&[partition_folder("a", Some("1")), partition_folder("b", Some(""))])
        );
        assert_eq!(path.values().collect::<Vec<_>>(), [Some("1".to_string()), Some(String::new())]);
        assert_eq!(path.file("x"), Path::new("a=1/b=%00/x"));
        assert_eq!(PartitionPath::of_file("data.csv"), PartitionPath::default());
        let below = |path| PartitionPath::of_file(path).below("state").to_string();
        assert_eq!((below("state/a=1/x"), below("state/x")), ("a=1".to_string(), String::new()));
    }
}
