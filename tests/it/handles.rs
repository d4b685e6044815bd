//! Inputs that change while they are read: what comes out is of one content, or nothing does.
//!
//! `meddle.c`, preloaded, replaces, lengthens or overwrites the file before each call in turn that looks at it or reads
//! it. The binary has no part in it.

use crate::support::{Lab, compress, preloaded};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_avro::writer::AvroWriter;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

const ROWS: i64 = 60;

/// A log of [`ROWS`] records, each with this `n`, in the format of the file's name.
fn log(name: &str, n: i64) -> Vec<u8> {
    let at: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
    let ns: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS).map(|_| n)));
    let batch = RecordBatch::try_from_iter([("at", at), ("n", ns)]).unwrap();
    if name.ends_with(".parquet") {
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(20)).build();
        let mut writer = ArrowWriter::try_new(vec![], batch.schema(), Some(groups)).unwrap();
        writer.write(&batch).unwrap();
        return writer.into_inner().unwrap();
    }
    if name.ends_with(".avro") {
        let mut writer = AvroWriter::new(vec![], batch.schema().as_ref().clone()).unwrap();
        (0..3).for_each(|block| writer.write(&batch.slice(block * 20, 20)).unwrap());
        writer.finish().unwrap();
        return writer.into_inner();
    }
    let lines: String = match name.contains(".csv") {
        true => std::iter::once("at,n\n".into()).chain((0..ROWS).map(|i| format!("{i},{n}\n"))).collect(),
        false => (0..ROWS).map(|i| format!("{{\"at\":{i},\"n\":{n}}}\n")).collect(),
    };
    compress(name, lines.as_bytes())
}

fn job(name: &str) -> String {
    format!(
        r#"
[source]
path = "{name}"
time = "at"
time_unit = "s"
[[output]]
path = "out/sums.csv"
window = {{ tumbling = "1h" }}
select = {{ c = "count(*)", s = "sum(n)" }}
"#
    )
}

/// The library that is preloaded, compiled once.
fn shim() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, std::path::PathBuf)> = OnceLock::new();
    &BUILT.get_or_init(|| preloaded("meddle.c")).1
}

/// A folder with a job over the file `name`, which was run over another content.
struct Scene {
    lab: Lab,
    name: &'static str,
    before: BTreeMap<String, Vec<u8>>,
    /// The old content and the new one: writers of Avro never write the same bytes twice.
    logs: [Vec<u8>; 2],
    /// Descriptors that the process may have.
    descriptors: u64,
    command: Vec<&'static str>,
}

impl Scene {
    fn new(name: &'static str, job: &str) -> Scene {
        Scene::with(name, job, &[])
    }

    /// As [`Scene::new`], with other files too.
    fn with(name: &'static str, job: &str, others: &[(&str, &str)]) -> Scene {
        let lab = Lab::new();
        others.iter().for_each(|(name, text)| lab.write(name, text));
        lab.write("job.toml", job);
        fs::write(lab.path(name), log(name, 3)).unwrap();
        assert_eq!(lab.highwater(&["run", "job.toml"]).code, 0);
        let before = lab.files("out");
        Scene {
            lab,
            name,
            before,
            logs: [log(name, 1), log(name, 2)],
            descriptors: 256,
            command: vec!["run", "job.toml"],
        }
    }

    /// The sum and the hash of the input that a run over a content gives, undisturbed.
    fn of(&self, content: &[u8]) -> (String, String) {
        self.restore();
        fs::write(self.lab.path(self.name), content).unwrap();
        let answer = self.lab.highwater(&self.command);
        assert_eq!(answer.code, 0, "{}", answer.err);
        self.found()
    }

    /// Puts the outputs in place as they were.
    fn restore(&self) {
        fs::remove_dir_all(self.lab.path("out")).unwrap();
        for (path, bytes) in &self.before {
            self.lab.write(&format!("out/{path}"), bytes);
        }
    }

    /// What comes in the place of the old content, or at its end.
    fn comes(&self, how: &str) -> &[u8] {
        let header = if how == "append" && self.name.ends_with(".csv") { "at,n\n".len() } else { 0 };
        &self.logs[1][header..]
    }

    fn found(&self) -> (String, String) {
        let sums = self.lab.text("out/sums.csv").lines().nth(1).unwrap_or_default().to_string();
        let manifests = self.lab.manifests("out");
        let inputs = manifests[0]["inputs"].as_array().unwrap();
        let input = inputs.iter().find(|input| input["path"] == self.name);
        (sums, input.map_or(String::new(), |input| input["hash"].to_string()))
    }

    /// Runs the command, disturbed before call number `at`; gives its exit code and words, or none where it has not so
    /// many calls.
    fn disturbed(&self, how: &str, at: usize) -> Option<(i32, String)> {
        let (old, new) = (self.lab.path(self.name), self.lab.path("new"));
        let _ = fs::remove_file(self.lab.path("done"));
        fs::write(&new, self.comes(how)).unwrap();
        // Another file than that of the last time, and an older one: clocks of file systems tick slowly.
        fs::write(self.lab.path("old"), &self.logs[0]).unwrap();
        let hour = SystemTime::now() - Duration::from_secs(3600);
        fs::File::options().write(true).open(self.lab.path("old")).unwrap().set_modified(hour).unwrap();
        fs::rename(self.lab.path("old"), &old).unwrap();
        self.restore();
        let mut run = Command::new(env!("CARGO_BIN_EXE_highwater"));
        run.args(&self.command).args(["--threads", "1"]).env("LD_PRELOAD", shim());
        for (name, value) in [("NAME", self.name), ("WITH", "new"), ("HOW", how), ("DONE", "done")] {
            run.env(format!("MEDDLE_{name}"), value);
        }
        let limit = libc::rlimit { rlim_cur: self.descriptors, rlim_max: self.descriptors };
        // SAFETY: between fork and exec it makes one call, which allocates nothing.
        unsafe {
            run.pre_exec(move || {
                libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
                Ok(())
            })
        };
        let answer = self.lab.hear(run.env("MEDDLE_AT", at.to_string()));
        self.lab.path("done").exists().then_some((answer.code, answer.err))
    }
}

/// Disturbs a run before each of its calls in turn: either it is refused and nothing has changed, or what was read is
/// the old content, or the new one. Gives how often it was refused.
fn is_of_one_content(scene: &Scene, how: &str) -> usize {
    let start = if how == "append" { &scene.logs[0][..] } else { &[] };
    let old = scene.of(&scene.logs[0]);
    let new = scene.of(&[start, scene.comes(how)].concat());
    let (mut refused, mut calls) = (0, 1);
    while let Some((code, words)) = scene.disturbed(how, calls) {
        let context = format!("{}, {how}, call {calls}: {words}", scene.name);
        if code == 3 {
            assert!(words.contains(&format!("{} changed while it was read", scene.name)), "{context}");
            assert_eq!(scene.lab.files("out"), scene.before, "{context}");
            refused += 1;
        } else {
            assert_eq!(code, 0, "{context}");
            let found = scene.found();
            assert!(found == old || found == new, "{found:?}: {context}");
        }
        calls += 1;
    }
    refused
}

#[test]
fn a_file_that_changes_while_it_is_read_is_told_or_read_whole() {
    for name in ["in.csv", "in.jsonl.gz", "in.parquet", "in.avro"] {
        let scene = Scene::new(name, &job(name));
        // What is appended to a Parquet file has a footer of its own, and leads to places in the old one.
        let text = !name.ends_with("parquet") && !name.ends_with("avro");
        for how in ["rename", "overwrite", "append"].into_iter().filter(|how| text || *how != "append") {
            let refused = is_of_one_content(&scene, how);
            assert!(refused > 2, "{name}, {how}: {refused}");
        }
    }
}

#[test]
fn a_file_that_is_opened_for_each_reader_has_to_be_the_same_file() {
    let mut scene = Scene::new("in.parquet", &job("in*"));
    // A quarter of the descriptors holds input files open, and these come first.
    (0..6).for_each(|i| fs::write(scene.lab.path(&format!("in-{i}.csv")), "at,n\n").unwrap());
    scene.descriptors = 24;
    for how in ["rename", "overwrite"] {
        let refused = is_of_one_content(&scene, how);
        assert!(refused > 2, "{how}: {refused}");
    }
}

#[test]
fn a_table_that_changes_while_it_is_read_is_told() {
    let job = job("log.csv").replace(
        "[[output]]",
        "[table.n]\npath = \"in.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\
        [[step]]\nenrich = \"n\"\non = { k = \"at\" }\ntake = [\"n\"]\n[[output]]",
    );
    let scene = Scene::with("in.csv", &job, &[("log.csv", "at,k\n100,1\n200,2\n")]);
    let refused = is_of_one_content(&scene, "rename");
    assert!(refused > 2, "{refused}");
}

#[test]
fn a_file_that_changes_while_it_is_backfilled_is_told_or_read_whole() {
    for keep in ["", "[[output]]\npath = \"out/archive\"\narchive = true\n"] {
        let job = job("log.csv") + keep;
        let mut scene = Scene::with("in.parquet", &job, &[("log.csv", "at,n\n100,1\n200,2\n")]);
        scene.command = vec!["backfill", "job.toml", "in.parquet"];
        for how in ["rename", "overwrite"] {
            let refused = is_of_one_content(&scene, how);
            assert!(refused > 2, "{how}: {refused}");
        }
    }
}

#[test]
fn verify_reads_the_same_file_twice() {
    let mut scene = Scene::new("in.csv", &job("in.csv"));
    scene.command = vec!["verify", "job.toml"];
    let (mut refused, mut calls) = (0, 1);
    while let Some((code, words)) = scene.disturbed("rename", calls) {
        assert!(code == 0 || code == 3, "call {calls}: {code}: {words}");
        refused += usize::from(code == 3);
        calls += 1;
    }
    assert!(refused > 2, "{refused}");
}
