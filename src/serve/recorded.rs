//! A comparison that was kept: the JSON of `highwater verify JOB --json`, in a file `NAME.verify.json`.

use serde_json::Value;
use std::path::Path;

/// What the name of such a file ends with.
pub const ENDING: &str = ".verify.json";
/// Bytes of such a file that are read.
const MOST: u64 = 16 << 20;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Whether all outputs that were compared are the same.
    pub same: bool,
    /// The outputs.
    pub outputs: Vec<Compared>,
    /// Outputs that were not compared, and why.
    pub skipped: Vec<(String, String)>,
    /// Whether it was kept before the last commit.
    pub before: bool,
    /// Outputs of which another number of rows is in place now: the name, the rows that were compared, those in place.
    pub other: Vec<(String, u64, u64)>,
}

/// One output of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its path, as the job has it.
    pub output: String,
    /// Whether nothing differs.
    pub same: bool,
    /// The names of both sides.
    pub sides: [String; 2],
    /// Rows of this side.
    pub here: u64,
    /// Rows that are the same, that differ, only here, only there.
    pub rows: [u64; 4],
    /// Why they differ.
    pub explanations: Vec<String>,
}

/// Whether the file at `path` is of the job `name`.
pub fn is_of(path: &Path, name: &str) -> bool {
    let file = path.file_name().and_then(|file| file.to_str());
    file.and_then(|file| file.strip_suffix(ENDING)).is_some_and(|of| of == name)
}

impl Recorded {
    /// Reads it. `in_place` has the names of outputs with the rows that they have now.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(
        path: &Path,
        bytes: u64,
        before: bool,
        in_place: &[(String, u64)],
    ) -> Result<Recorded, String> {
        if bytes > MOST {
            return Err("it is larger than 16 MB".into());
        }
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let value: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        Recorded::of(&value, before, in_place)
            .ok_or_else(|| "it is not the JSON of `highwater verify JOB --json`".into())
    }

    fn of(value: &Value, before: bool, in_place: &[(String, u64)]) -> Option<Recorded> {
        let text = |value: &Value| Some(value.as_str()?.to_string());
        let output = |one: &Value| {
            let rows = |name: &str| one["rows"][name].as_u64();
            Some(Compared {
                output: text(&one["output"])?,
                same: one["same"].as_bool()?,
                sides: [text(&one["here"]["name"])?, text(&one["there"]["name"])?],
                here: one["here"]["rows"].as_u64()?,
                rows: [rows("matched")?, rows("differing")?, rows("only_here")?, rows("only_there")?],
                explanations: one["explanations"].as_array()?.iter().filter_map(text).collect(),
            })
        };
        let outputs: Option<Vec<Compared>> = value["outputs"].as_array()?.iter().map(output).collect();
        let outputs = outputs?;
        // `verify` computes the job again, and a backfill may have added files that the source of the job does not have.
        let other = outputs.iter().filter_map(|one| {
            let is_it = |name: &str| name == one.output || name.ends_with(&format!("/{}", one.output));
            let (_, rows) = in_place.iter().find(|(name, _)| is_it(name))?;
            (*rows != one.here).then(|| (one.output.clone(), one.here, *rows))
        });
        let other = other.collect();
        let skipped = |one: &Value| Some((text(&one["output"])?, text(&one["why"])?));
        let skipped: Option<Vec<_>> = value["skipped"].as_array()?.iter().map(skipped).collect();
        Some(Recorded { same: value["same"].as_bool()?, outputs, skipped: skipped?, before, other })
    }
}
