//! What `highwater --version` says beside the version: the features, and the commit where it is known.
//!
//! This script must not run again at each commit: all of the crate would be built again. In a clone it therefore
//! does not read the commit. It writes code that reads the log of HEAD, and only `main.rs` includes that code.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=HIGHWATER_FEATURES={}", features().join(", "));
    let folder = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&folder).join("commit.rs"), commit()).expect("OUT_DIR is writable");
}

/// The features of this build, as Cargo.toml names them.
fn features() -> Vec<String> {
    let mut names: Vec<String> = env::vars()
        .filter_map(|(key, _)| {
            key.strip_prefix("CARGO_FEATURE_").map(|name| name.to_lowercase().replace('_', "-"))
        })
        .filter(|name| name != "default")
        .collect();
    names.sort();
    names
}

/// An expression of the type `Option<[u8; 10]>`: the start of the commit's hash.
fn commit() -> String {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    // In a crate from crates.io: {"git": {"sha1": "…"}}; with `"dirty": true` the hash would mislead.
    if let Ok(info) = fs::read_to_string(root.join(".cargo_vcs_info.json")) {
        let hash = info
            .split_once("\"sha1\"")
            .and_then(|(_, rest)| rest.split('"').nth(1))
            .and_then(|hash| hash.get(..10));
        return match hash.filter(|_| !info.contains("\"dirty\": true")) {
            Some(hash) => format!("Some(*b{hash:?})"),
            None => "None".to_string(),
        };
    }
    let Some(git) = git_folder(&root.join(".git")) else { return "None".to_string() };
    let log = git.join("logs/HEAD");
    // A file that stays the same as long as the clone is there: without it this script must run again.
    let Some(stays) =
        ["commondir", "description", "config"].iter().map(|name| git.join(name)).find(|p| p.exists())
    else {
        return "None".to_string();
    };
    if !log.exists() {
        return "None".to_string();
    }
    println!("cargo::rerun-if-changed={}", stays.display());
    format!("highwater::cli::version::newest(include_str!({log:?}))")
}

/// In a worktree or a submodule, `.git` is a file that names the folder.
fn git_folder(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_path_buf());
    }
    let text = fs::read_to_string(git).ok()?;
    Some(git.parent()?.join(text.strip_prefix("gitdir:")?.trim()))
}
