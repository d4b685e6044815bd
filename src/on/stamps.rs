//! Files that stay as they are while an engine reads them: it opens them by their paths, and the pass here opens them too.

use crate::error::{Error, Result};
use crate::plan::Plan;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How the files of a plan were before the engine read them.
pub(super) struct Stamps(Vec<(PathBuf, FileBefore)>);

/// A file at some time: its identity, its size, its last change. Nothing for a file that is not there.
type FileBefore = Option<[i64; 5]>;

fn stamp(path: &Path) -> FileBefore {
    let there = path.metadata().ok()?;
    let (device, file) = (there.dev() as i64, there.ino() as i64);
    Some([device, file, there.size() as i64, there.ctime(), there.ctime_nsec()])
}

impl Stamps {
    /// Of the files of the source and of tables.
    pub fn of(plan: &Plan) -> Stamps {
        let tables = plan.pipeline.tables.iter().flat_map(|table| &table.read.files);
        let files = plan.pipeline.read.files.iter().chain(tables);
        Stamps(files.map(|file| (file.path.clone(), stamp(&file.path))).collect())
    }

    /// Fails where a file is not as it was.
    ///
    /// # Errors
    /// A data error that names it.
    pub fn check(&self) -> Result<()> {
        let changed = self.0.iter().find(|(path, was)| stamp(path) != *was);
        changed.map_or(Ok(()), |(path, _)| {
            Err(Error::data(format!("{} changed while the engine read it", path.display()))
                .hint("nothing was written; run again when the files stay as they are"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_is_not_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let change = |change: &dyn Fn()| {
            std::fs::write(&path, "1").unwrap();
            let stamps = Stamps(vec![(path.clone(), stamp(&path))]);
            assert!(stamps.check().is_ok());
            change();
            stamps.check().unwrap_err().to_string()
        };
        let other = folder.path().join("b.csv");
        let all: [&dyn Fn(); 3] = [
            &|| std::fs::write(&path, "12").unwrap(),
            &|| {
                std::fs::write(&other, "1").unwrap();
                std::fs::rename(&other, &path).unwrap();
            },
            &|| std::fs::remove_file(&path).unwrap(),
        ];
        for way in all {
            assert!(change(way).contains("changed while the engine read it"));
        }
    }
}
