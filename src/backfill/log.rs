//! The change log: one file for every backfill, beside what it changed.
//!
//! ```text
//! _highwater/changes/000001.log
//! {"backfill":{"files":[{"path":"late.csv","kind":"new"}],"method":"merged"}}
//! {"window_start":…,"column":"views","before":1,"after":2,"row":"changed"}
//! ```
//! It is put in place by the same commit, and holds no time of day. Lines after the first are those of
//! [`crate::backfill::changes`].

use super::outcome::{GivenFile, GivenKind, Method};
use crate::error::{Error, Result};
use crate::sink::{StateFile, Target, Transaction};
use crate::store::files;
use serde_json::json;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// The folder in the state of an output.
const FOLDER: &str = "changes";

/// The change log of one backfill and one output.
pub struct ChangeLog {
    file: BufWriter<StateFile>,
    path: PathBuf,
}

impl ChangeLog {
    /// Begins the next file of output number `number`.
    ///
    /// # Errors
    /// The disk fails.
    pub fn begin(
        transaction: &Transaction,
        (number, target): (usize, &Target),
        files: &[GivenFile],
        method: Method,
    ) -> Result<ChangeLog> {
        let folder = transaction.state_folder(number).join(FOLDER);
        // Logs are only added, so their number gives the next name.
        let next = files::files_in(&folder)?.len() + 1;
        let name = format!("{FOLDER}/{next:06}.log");
        let file = transaction.stage_state(number, &name)?;
        let mut log = ChangeLog { file: BufWriter::new(file), path: target.state().join(name) };
        let files: Vec<_> = files
            .iter()
            .map(|file| json!({ "path": file.path.display().to_string(), "kind": file.kind.name() }))
            .collect();
        let head = json!({ "backfill": { "files": files, "method": method.name() } });
        writeln!(log.file, "{head}").map_err(failed)?;
        Ok(log)
    }

    /// Where lines go.
    pub fn lines(&mut self) -> &mut dyn Write {
        &mut self.file
    }

    /// Ends the file, and gives the path that it will have.
    ///
    /// # Errors
    /// The disk fails.
    pub fn finish(self) -> Result<PathBuf> {
        // `into_inner` returns the error of the last write, which a drop of the writer would hide.
        let file = self.file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.finish()?;
        Ok(self.path)
    }
}

/// The error of a change log that cannot be written.
pub fn failed(cause: std::io::Error) -> Error {
    Error::machine("cannot write the change log").caused_by(cause)
}

impl GivenKind {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            GivenKind::New => "new",
            GivenKind::Known(_) => "known",
            GivenKind::Late => "late",
            GivenKind::Retracted => "retracted",
            GivenKind::Table(_) => "table",
        }
    }
}

impl Method {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Untouched => "untouched",
            Method::Merged => "merged",
            Method::Recomputed => "recomputed",
            Method::AllAgain => "all again",
        }
    }
}
