//! What the targets share: a folder for each process, and a file of which chunks of all sizes give the same.

#[path = "../../tests/it/alike.rs"]
mod alike;

pub use alike::Words;
use std::path::Path;
use std::sync::LazyLock;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder for the file that is read")
});

/// A folder of this process.
pub fn folder() -> &'static Path {
    FOLDER.path()
}

/// Reads `content` as a file of this name, whole and in chunks. The first byte says whether columns have types, and
/// what becomes of bad records.
///
/// # Panics
/// Where what is read depends on the chunks.
pub fn reads_alike(name: &str, content: &[u8], time: &str, types: &str, words: Words) {
    let Some((&first, content)) = content.split_first() else { return };
    let types = if first & 1 == 0 { types } else { "" };
    let bad = if first & 2 == 0 { "on_bad_record = \"reject\"" } else { "" };
    let source = format!("{time}\n{types}\n{bad}");
    if let Err(why) = alike::reads_alike(folder(), name, content, &source, words) {
        panic!("{why}");
    }
}
