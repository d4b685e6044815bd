//! The jobs of `data/jobs` on `data`, run several ways against what is kept in `tests/golden`: the text of small
//! results, hashes of the others. `HIGHWATER_BLESS=1` writes them anew.

use crate::support::{Lab, account};
use std::fmt::Write;
use std::path::Path;

/// Results up to this many bytes are kept as they are.
const SMALL: usize = 3000;

/// A lab that sees the repository's `data`.
pub fn with_data() -> Lab {
    let lab = Lab::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    std::os::unix::fs::symlink(data, lab.path("data")).unwrap();
    lab
}

/// Every file of the outputs but manifests: its hash and path, and the text of small ones; then the accounts.
fn summary(lab: &Lab) -> String {
    let mut text = String::new();
    for (path, bytes) in lab.data("out") {
        // The metadata of a table has the place of the lab and the time of the commit; its parts are named by their content.
        if path.contains("/metadata/") {
            continue;
        }
        let hash = xxhash_rust::xxh3::xxh3_128(&bytes);
        writeln!(text, "{hash:032x} {:7} {path}", bytes.len()).unwrap();
        if bytes.len() <= SMALL && !path.ends_with(".parquet") {
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
    for manifest in lab.manifests("out") {
        writeln!(text, "account {:?}", account(&manifest)).unwrap();
    }
    text
}

#[test]
fn jobs_on_the_sample_data_give_what_they_always_gave() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut jobs: Vec<String> = std::fs::read_dir("data/jobs")
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().display().to_string())
        // Those that need a server have a test of their own.
        .filter(|job: &String| !job.ends_with("-postgres"))
        .collect();
    jobs.sort();
    assert!(jobs.len() >= 4, "{jobs:?}");
    for job in jobs {
        let kept = golden.join(format!("{job}.txt"));
        let file = format!("data/jobs/{job}.toml");
        let mut table: Option<String> = None;
        for args in [
            ["1", "1MB", "1GB"],
            ["2", "1MB", "1GB"],
            ["4", "10KB", "1GB"],
            ["2", "1", "1GB"],
            ["2", "999", "10KB"],
        ] {
            let lab = with_data();
            let [threads, chunk, memory] = args;
            let answer = lab.highwater(&[
                "run",
                &file,
                "-q",
                "--threads",
                threads,
                "--chunk-size",
                chunk,
                "--memory",
                memory,
            ]);
            assert_eq!(answer.code, 0, "{}", answer.err);
            let text = summary(&lab) + &answer.out;
            assert!(table.get_or_insert_with(|| text.clone()) == &text, "{job} differs with {args:?}");
        }
        let text = table.unwrap();
        if std::env::var_os("HIGHWATER_BLESS").is_some() {
            std::fs::create_dir_all(&golden).unwrap();
            std::fs::write(&kept, &text).unwrap();
        }
        let want = std::fs::read_to_string(&kept).unwrap_or_default();
        assert!(
            text == want,
            "{job} is not as in {}; HIGHWATER_BLESS=1 writes it anew:\n{text}",
            kept.display()
        );
    }
}
