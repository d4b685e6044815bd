//! A folder to run jobs in, and what came of it.

use highwater::audit::{AuditReport, audit, audit_job};
use highwater::backfill::{BackfillOutcome, BackfillRequest, backfill};
use highwater::deliver::Outcome;
use highwater::engine::{self, RunOptions};
use highwater::error::Error;
use highwater::inspect::inspect;
use highwater::job::{JobSpec, Overrides, plan_job};
use highwater::plan::{Mode, Plan};
use highwater::run::{catch_up, run};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// A folder of its own. The binary is run inside it, so its words name relative paths.
pub struct Lab {
    folder: tempfile::TempDir,
}

/// What the binary said.
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// How a run through the library uses the machine.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    pub threads: usize,
    pub chunk_bytes: usize,
    pub memory: u64,
}

/// One thread, everything in one chunk, and memory for all.
pub const PLAIN: Machine = Machine { threads: 1, chunk_bytes: 1 << 20, memory: 1 << 30 };

struct Silent;

impl engine::Progress for Silent {
    fn reading(&self, _: u64, _: u64) {}
    fn writing(&self) {}
}

impl Lab {
    pub fn new() -> Lab {
        // In memory where there is a place for it: a run syncs its outputs to the disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Lab { folder: folder.unwrap() }
    }

    /// On the disk, where files have stamps that commands trust.
    pub fn on_disk() -> Lab {
        Lab { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file, compressed as its extension says, and the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, compress(name, content.as_ref())).unwrap();
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Runs the binary in the folder.
    pub fn highwater(&self, args: &[&str]) -> Answer {
        self.hear(Command::new(env!("CARGO_BIN_EXE_highwater")).args(args))
    }

    /// Runs a command in the folder; what it says of the folder stands as `@`. Its engines are those of `engines.toml` there.
    pub fn hear(&self, command: &mut Command) -> Answer {
        command.env("HIGHWATER_ENGINES", self.path("engines.toml"));
        let output = command.current_dir(self.root()).output().unwrap();
        let root = self.root().display().to_string();
        let text = |bytes| String::from_utf8(bytes).expect("words are UTF-8").replace(&root, "@");
        Answer {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Writes `job` as `job.toml` and runs it.
    pub fn run(&self, job: &str, args: &[&str]) -> Answer {
        self.write("job.toml", job);
        self.highwater(&[&["run", "job.toml"], args].concat())
    }

    /// As [`Lab::run`], and it has to succeed.
    pub fn done(&self, job: &str, args: &[&str]) -> Answer {
        let answer = self.run(job, args);
        assert_eq!(answer.code, 0, "{}\n{job}", answer.err);
        answer
    }

    /// Runs `job` in this process; its paths stand below the folder, which the job names as `@`.
    pub fn library(&self, job: &str, machine: Machine) -> Result<Outcome, Error> {
        let (plan, options) = self.planned(job, machine, None)?;
        run(&plan, &options, &Silent)
    }

    /// As the command `run` does it: what is in place is heeded.
    pub fn caught_up(&self, job: &str, machine: Machine) -> Result<Outcome, Error> {
        let spec = JobSpec::parse("job.toml", &self.at(job))?;
        let overrides = Overrides { chunk_bytes: machine.chunk_bytes, ..Overrides::default() };
        let plan = plan_job(&spec, &overrides)?;
        catch_up(&plan, &spec, &overrides, &machine.options(), &Silent)
    }

    /// As [`Lab::library`], in this mode whatever the job says.
    pub fn library_as(&self, job: &str, machine: Machine, mode: Mode) -> Result<Outcome, Error> {
        let (plan, options) = self.planned(job, machine, Some(mode))?;
        run(&plan, &options, &Silent)
    }

    /// As [`Lab::library`], a backfill; its files too may stand below `@`.
    pub fn backfill(
        &self,
        job: &str,
        request: BackfillRequest,
        machine: Machine,
    ) -> Result<BackfillOutcome, Error> {
        let place = |path: PathBuf| PathBuf::from(self.at(&path.display().to_string()));
        let request = BackfillRequest {
            files: request.files.into_iter().map(place).collect(),
            from_archive: request.from_archive.map(place),
            ..request
        };
        let spec = JobSpec::parse("job.toml", &self.at(job))?;
        let overrides = Overrides { chunk_bytes: machine.chunk_bytes, ..Overrides::default() };
        backfill(&spec, &overrides, &request, &|_| machine.options(), &Silent)
    }

    /// As [`Lab::library`], an audit.
    pub fn audit(&self, job: &str, machine: Machine, delays: Option<Vec<i64>>) -> Result<AuditReport, Error> {
        let (plan, options) = self.planned(job, machine, Some(Mode::Streamed))?;
        audit(plan, &options, delays, &Silent)
    }

    /// As [`Lab::audit`], with the steps of the job's own mode.
    pub fn audit_job(&self, job: &str, delays: Vec<i64>) -> Result<AuditReport, Error> {
        let (plan, options) = self.planned(job, PLAIN, Some(Mode::Streamed))?;
        let (own, _) = self.planned(job, PLAIN, None)?;
        audit_job(plan, own, &options, Some(delays), &Silent)
    }

    /// As [`Lab::library`], the entries of the state at `at`, each a line of JSON.
    pub fn inspect(&self, job: &str, machine: Machine, at: i64) -> Result<Vec<String>, Error> {
        let (plan, options) = self.planned(job, machine, Some(Mode::Complete))?;
        let zone = plan.zone.clone();
        let state = inspect(plan, at, &[], None, &options, &Silent)?;
        let mut entries = vec![];
        state.entries(&zone, |entry| {
            entries.push(entry.to_string());
            Ok(())
        })?;
        Ok(entries)
    }

    /// The plan of `job`, as [`Lab::library`] runs it.
    pub fn plan(&self, job: &str) -> Result<Plan, Error> {
        self.planned(job, PLAIN, None).map(|(plan, _)| plan)
    }

    fn planned(&self, job: &str, machine: Machine, mode: Option<Mode>) -> Result<(Plan, RunOptions), Error> {
        let spec = JobSpec::parse("job.toml", &self.at(job))?;
        let overrides = Overrides { chunk_bytes: machine.chunk_bytes, mode, ..Overrides::default() };
        Ok((plan_job(&spec, &overrides)?, machine.options()))
    }

    /// `text` with the folder in place of `@`.
    fn at(&self, text: &str) -> String {
        text.replace('@', &self.root().display().to_string())
    }

    /// The bytes of every file below `name`, by path; without what commands remember, which is no result.
    pub fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.all_files(name);
        files.retain(|path, _| !is_memory(Path::new(path)));
        files
    }

    /// As [`Lab::files`], with what commands remember.
    pub fn all_files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let read = |path: &Path| fs::read(path).unwrap();
        below(&self.path(name), &read)
    }

    /// Makes the folder `name` hold these files and nothing else.
    pub fn put<'f>(&self, name: &str, files: impl Iterator<Item = (&'f String, &'f Vec<u8>)>) {
        let _ = fs::remove_dir_all(self.path(name));
        files.for_each(|(path, bytes)| {
            let path = self.path(name).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        });
    }

    /// As [`Lab::files`], without manifests: they name inputs, which may be others for the same result.
    pub fn data(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files(name);
        files.retain(|path, _| !path.contains("_highwater"));
        files
    }

    /// Which file lies at each path below `name`, and when it was written.
    pub fn written(&self, name: &str) -> BTreeMap<String, (u64, SystemTime)> {
        let stamp = |path: &Path| {
            let metadata = path.metadata().unwrap();
            (metadata.ino(), metadata.modified().unwrap())
        };
        let mut written = below(&self.path(name), &stamp);
        written.retain(|path, _| !is_memory(Path::new(path)));
        written
    }

    /// The manifests below `name`.
    pub fn manifests(&self, name: &str) -> Vec<serde_json::Value> {
        let files = self.files(name).into_iter();
        let manifests = files.filter(|(path, _)| path.ends_with("manifest.json"));
        manifests.map(|(_, bytes)| serde_json::from_slice(&bytes).unwrap()).collect()
    }
}

impl Machine {
    fn options(self) -> RunOptions {
        RunOptions {
            threads: self.threads,
            memory: self.memory,
            spill_folder: std::env::temp_dir(),
            table_rows: 20,
            refresh_lookups: false,
        }
    }
}

impl Answer {
    /// The exit code and the words on stderr, for a snapshot. The time that a run took is left out.
    pub fn words(&self) -> String {
        format!("exit {}\n{}", self.code, without_time(&self.err))
    }
}

/// `text` without the seconds and the rate at the end of a run.
pub fn without_time(text: &str) -> String {
    let timed = |line: &str| line.ends_with(" MB/s") && line.contains(" s, ");
    let lines = text.lines().map(|line| match line.find(", ").filter(|_| timed(line)) {
        Some(comma) => format!("{}, [time]", &line[..comma]),
        None => line.to_string(),
    });
    lines.map(|line| line + "\n").collect()
}

/// The account of a manifest or of `--json`: read, rejected, filtered, duplicate, late, counted.
pub fn account(value: &serde_json::Value) -> [u64; 6] {
    ["read", "rejected", "filtered", "duplicate", "late", "counted"]
        .map(|name| value["account"][name].as_u64().unwrap_or_else(|| panic!("{name} in {value}")))
}

/// A library of this folder that tests preload into the binary, compiled; with the folder that it lies in.
pub fn preloaded(source: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(source);
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).output();
    let cc = cc.expect("these tests need a C compiler, and there is no `cc` in the PATH");
    assert!(cc.status.success(), "cc: {}", String::from_utf8_lossy(&cc.stderr));
    (folder, library)
}

/// Bytes as they stand in a file of this name.
pub fn compress(name: &str, content: &[u8]) -> Vec<u8> {
    if name.ends_with(".gz") {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    } else if name.ends_with(".zst") {
        zstd::encode_all(content, 1).unwrap()
    } else {
        content.to_vec()
    }
}

/// Whether a file of a state folder is one by which a command remembers what it has read: it is no part of a result, and
/// may be there or not.
pub fn is_memory(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    (name == "stamps" || name == "stamps.tmp") && path.components().any(|c| c.as_os_str() == "_highwater")
}

fn below<T>(folder: &Path, of: &dyn Fn(&Path) -> T) -> BTreeMap<String, T> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        if next.is_file() {
            found.insert(next.strip_prefix(folder).unwrap().display().to_string(), of(&next));
            continue;
        }
        let entries = fs::read_dir(&next).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path()));
    }
    found
}
