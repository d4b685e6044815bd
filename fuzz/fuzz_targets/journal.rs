#![no_main]

//! A manifest and a journal from outside, split at the first zero byte: a recovery touches no file beside the output.

use highwater::sink::{NamedPaths, Target, recover};
use std::fs;

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let root = highwater_fuzz::folder();
    let state = root.join("out/_highwater");
    let _ = fs::remove_dir_all(root.join("out"));
    let at = content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
    let (manifest, journal) = (&content[..at], content.get(at + 1..).unwrap_or_default());
    let written = fs::create_dir_all(state.join("staging"))
        .and_then(|()| fs::write(root.join("victim"), "mine"))
        .and_then(|()| fs::write(state.join("staging/part-0"), "staged"))
        .and_then(|()| fs::write(root.join("out/part.csv"), "part"))
        .and_then(|()| fs::write(state.join("manifest.json"), manifest))
        .and_then(|()| fs::write(state.join("journal.json"), journal));
    written.expect("the folder can be written");
    let _ = recover(&[Target::folder(root.join("out"))], &NamedPaths::default());
    assert_eq!(fs::read(root.join("victim")).ok().as_deref(), Some(&b"mine"[..]), "a file beside the output");
    let mut names: Vec<_> =
        fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, ["out", "victim"], "files beside the output");
});
