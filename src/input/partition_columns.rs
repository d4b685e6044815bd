//! Partition columns: below the folder `region=eu/` every record has the column `region`, as in Hive and Spark.
//!
//! # Contract
//! * A folder `name=value` of a file's path tells a column ([`partition_values`]). Of two folders of one name the inner one counts.
//! * Such a column is read where the job declares its type and no file has it; then the path of every file has to
//!   tell it. What a file has itself is never replaced.

use super::columnar::{FileType, constant, repeated};
use super::wire_format::WireFormat;
use super::{ReadColumn, ReadPlan, SourceFile};
use crate::batch::{Batch, partition_values};
use crate::error::{Error, Result};
use arrow_array::{Array, ArrayRef, StringViewArray};
use std::path::Path;
use std::sync::Arc;

/// What the folders of `path` tell of the column `name`, if anything.
pub fn value(path: &Path, name: &str) -> Option<Option<String>> {
    partition_values(path).into_iter().rev().find_map(|(known, value)| (known == name).then_some(value))
}

/// The columns that the folders of some of `files` tell, each once, and the first value of each, empty where all are
/// NULL. Not of files of Kafka Connect.
pub fn first(files: &[SourceFile]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = vec![];
    // Folders that Kafka Connect makes are not columns of the log.
    let files = files.iter().filter(|file| file.framing.wire_format == WireFormat::Plain);
    for (name, value) in files.flat_map(|file| partition_values(&file.path)) {
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
    fn the_inner_folder_counts() {
        let path = Path::new("k=1/k=2/f.csv");
        assert_eq!(value(path, "k"), Some(Some("2".to_string())));
        assert_eq!(value(path, "K"), None);
    }
}
