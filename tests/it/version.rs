//! `--version` says which build it is, and `-V` the version alone.

use crate::support::Lab;
use std::path::Path;
use std::process::Command;

#[test]
fn the_version_names_the_commit_and_the_features() {
    let lab = Lab::new();
    let number = env!("CARGO_PKG_VERSION");
    assert_eq!(lab.highwater(&["-V"]).out, format!("highwater {number}\n"));
    let long = lab.highwater(&["--version"]).out;
    let rest = long.strip_prefix(&format!("highwater {number} (")).unwrap_or_else(|| panic!("{long}"));
    let (commit, features) = rest.strip_suffix(")\n").unwrap().split_once("; features: ").unwrap();
    assert!(!features.is_empty(), "{long}");
    if commit == "commit unknown" {
        return;
    }
    // A build by the script of packages adds the date, and says where the clone was changed.
    let hash = commit.split([',', '-']).next().unwrap();
    assert!(hash.len() >= 10 && hash.chars().all(|c| c.is_ascii_hexdigit()), "{long}");
    // In a clone it is one of its commits. It need not be the newest: a commit may come after the build.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if root.join(".git").exists() {
        let git = Command::new("git").args(["cat-file", "-t", hash]).current_dir(root).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&git.stdout), "commit\n", "{long}");
    }
}
