//! `highwater sample`: the data and jobs of the examples, from the program alone.

use crate::support::Lab;
use std::collections::BTreeMap;
use std::path::Path;

fn repository() -> BTreeMap<String, Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    let mut folders = vec![root.join("data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(root).unwrap().display().to_string();
                    files.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
    }
    files
}

/// The logs are generated, so a change of the generator shows here too.
#[test]
fn the_sample_is_the_data_of_the_repository() {
    let lab = Lab::new();
    let answer = lab.highwater(&["sample", "try it"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    insta::assert_snapshot!(answer.out, @r"
    wrote 12 jobs and 18 logs, 1.5 MB, to try it. Now:
      cd 'try it'
      highwater run data/jobs/big-spenders.toml
      highwater report data/jobs/big-spenders.toml
      highwater verify data/jobs/big-spenders.toml
    The examples of every help page work there; `highwater --help` lists the commands.
    ");
    let written = lab.files("try it");
    let repository = repository();
    for (name, bytes) in &written {
        assert!(repository.get(name) == Some(bytes), "{name} is not as in the repository");
    }
    // What the sample leaves out is not a log or a job that an example names.
    let left_out: Vec<&String> = repository.keys().filter(|name| !written.contains_key(*name)).collect();
    let known = [
        "data/logs/",
        "data/monitoring/",
        "data/orchestration/",
        "data/README.md",
        "data/job.schema.json",
        "data/report.png",
    ];
    assert!(left_out.iter().all(|name| known.iter().any(|known| name.starts_with(known))), "{left_out:?}");
}

#[test]
fn a_sample_overwrites_nothing() {
    let lab = Lab::new();
    lab.write("here/data/sales/sales-2.jsonl", "mine\n");
    let answer = lab.highwater(&["sample", "here"]);
    assert_eq!(answer.code, 2);
    insta::assert_snapshot!(answer.err, @r"
    error: here/data/sales/sales-2.jsonl already exists
      hint: sample does not overwrite files: name a folder that does not have them, such as a new one
    ");
    assert_eq!(lab.files("here").len(), 1);
    // Other files of the folder are not in the way.
    lab.write("there/notes.txt", "mine\n");
    assert_eq!(lab.highwater(&["sample", "there", "--json"]).code, 0);
    assert_eq!(lab.text("there/notes.txt"), "mine\n");
    assert_eq!(lab.highwater(&["sample", "there"]).code, 2);
    // A link leads elsewhere, and is not written through.
    lab.write("linked/data/jobs/x", "");
    std::os::unix::fs::symlink("/nowhere", lab.path("linked/data/jobs/pageviews.toml")).unwrap();
    assert_eq!(lab.highwater(&["sample", "linked"]).code, 2);
}
