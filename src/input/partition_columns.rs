//! Partition columns: below the folder `region=eu/` every record has the column `region`, as in Hive and Spark.
//!
//! # Contract
//! * A folder `name=value` of a file's path tells a column; in both `%3A` stands for `:`, and
//!   `__HIVE_DEFAULT_PARTITION__` is NULL. `%00` is the empty text, and `%00%00` a text of one NUL. Of two folders of one name the inner one counts.
//! * Such a column is read where the job declares its type and no file has it; then the path of every file has to
//!   tell it. What a file has itself is never replaced.

use super::columnar::{FileType, constant, repeated};
use super::wire_format::WireFormat;
use super::{ReadColumn, ReadPlan, SourceFile};
use crate::batch::Batch;
use crate::error::{Error, Result};
use arrow_array::{Array, ArrayRef, StringViewArray};
use std::path::Path;
use std::sync::Arc;

/// What Hive calls the folder of NULL.
pub const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// The value that a folder's name stands for. NULL is none.
pub fn folder_value(name: &str) -> Option<String> {
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
pub(super) fn unescaped(text: &str) -> Vec<u8> {
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

/// The columns that the folders of `path` tell, from the outermost, and their values.
pub fn of_path(path: &Path) -> Vec<(String, Option<String>)> {
    let folders = path.parent().into_iter().flat_map(|folder| folder.components());
    let one = |folder: &str| {
        let (name, value) = folder.split_once('=')?;
        (!name.is_empty()).then(|| (text(name), folder_value(value)))
    };
    folders.filter_map(|folder| one(&folder.as_os_str().to_string_lossy())).collect()
}

/// What the folders of `path` tell of the column `name`, if anything.
pub fn value(path: &Path, name: &str) -> Option<Option<String>> {
    of_path(path).into_iter().rev().find_map(|(known, value)| (known == name).then_some(value))
}

/// The columns that the folders of some of `files` tell, each once, and the first value of each, empty where all are
/// NULL. Not of files of Kafka Connect.
pub fn first(files: &[SourceFile]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = vec![];
    // Folders that Kafka Connect makes are not columns of the log.
    let files = files.iter().filter(|file| file.framing.wire_format == WireFormat::Plain);
    for (name, value) in files.flat_map(|file| of_path(&file.path)) {
        match found.iter_mut().find(|(known, _)| *known == name) {
            // NULL does not show the type of a column, so a later value takes its place.
            Some((_, first)) if first.is_empty() => *first = value.unwrap_or_default(),
            Some(_) => {}
            None => found.push((name, value.unwrap_or_default())),
        }
    }
    found
}

/// The columns that the folders of some of `files` tell, each once.
pub fn names(files: &[SourceFile]) -> Vec<String> {
    first(files).into_iter().map(|(name, _)| name).collect()
}

/// Notes that the folders of `files` tell the column `name`; or gives the path of the first that does not.
pub fn note<'a>(files: &'a mut [SourceFile], name: &str) -> Option<&'a Path> {
    if let Some(at) = files.iter().position(|file| value(&file.path, name).is_none()) {
        return Some(&files[at].path);
    }
    files.iter_mut().for_each(|file| file.partition_columns.push(name.to_string()));
    None
}

/// The values of partition columns in each file.
pub(super) struct PartitionColumns {
    /// By file, columns of the plan and their one value.
    files: Vec<Vec<(usize, ArrayRef)>>,
}

impl PartitionColumns {
    /// Those of the files of `plan`.
    ///
    /// # Errors
    /// A data error: a path has no value, or one that is not of the column's type.
    pub fn of(plan: &ReadPlan) -> Result<PartitionColumns> {
        // Read once for each file, before any record: a wrong name of a folder fails at the start.
        let of_file = |file: &SourceFile| {
            let columns = plan.columns.iter().enumerate();
            let own = columns.filter(|(_, column)| file.partition_columns.contains(&column.name));
            own.map(|(i, column)| Ok((i, one(plan, file, column)?))).collect()
        };
        Ok(PartitionColumns { files: plan.files.iter().map(of_file).collect::<Result<_>>()? })
    }

    /// Puts the values of file number `file` into a batch of it.
    pub fn fill(&self, file: u32, batch: &mut Batch) {
        for (column, value) in &self.files[file as usize] {
            batch.columns[*column] =
                repeated(value, batch.rows, None).expect("zeros are numbers of one value");
        }
    }
}

/// The value of a column that the folders of a file tell, an array of one.
fn one(plan: &ReadPlan, file: &SourceFile, column: &ReadColumn) -> Result<ArrayRef> {
    let value = value(&file.path, &column.name).ok_or_else(|| missing(&file.path, &column.name))?;
    // It is read like a text of a file, so that the same rules hold for columns of folders and of files.
    let text: ArrayRef = Arc::new(StringViewArray::from(vec![value.as_deref()]));
    let of = FileType { ty: text.data_type().clone(), uuid: false, name: "string".into() };
    constant(&text, &of, column, &plan.zone, &file.path)?.map_err(|why| {
        let path = file.path.display();
        Error::data(format!("`{}`, from the folder names of {path}, cannot be read: {why}", column.name))
    })
}

/// The error for a file whose path does not have the column `name`.
pub fn missing(path: &Path, name: &str) -> Error {
    Error::data(format!(
        "no file has a column `{name}`, and no folder of {} is named {name}=VALUE",
        path.display()
    ))
    .hint("put the file into such a folder, or leave the column out of `types`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_names_and_values() {
        let columns = |path: &str| of_path(Path::new(path));
        let some = |name: &str, value: &str| (name.to_string(), Some(value.to_string()));
        assert_eq!(
            columns("x/region=eu/day=2024-06-01/part-0.csv"),
            [some("region", "eu"), some("day", "2024-06-01")]
        );
        assert_eq!(columns("a%3Db=c%3A d%/f.csv"), [some("a=b", "c: d%")]);
        assert_eq!(columns("k=__HIVE_DEFAULT_PARTITION__/f.csv"), [("k".to_string(), None)]);
        assert_eq!(columns("k=%00/k=/f.csv"), [some("k", ""), some("k", "")]);
        assert_eq!(
            columns("k=%00%00/k=%5F_HIVE_DEFAULT_PARTITION__/f.csv"),
            [some("k", "\0"), some("k", NULL_FOLDER)]
        );
        assert_eq!(columns("=x/y/z=1.csv"), []);
        assert_eq!(columns("k=%+5/k=%/k=%4/f.csv"), [some("k", "%+5"), some("k", "%"), some("k", "%4")]);
    }

    #[test]
    fn the_inner_folder_counts() {
        let path = Path::new("k=1/k=2/f.csv");
        assert_eq!(value(path, "k"), Some(Some("2".to_string())));
        assert_eq!(value(path, "K"), None);
    }
}
