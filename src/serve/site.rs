//! The pages: the list of jobs and the page of each, and the state by which a page knows whether it is the newest.

use super::catalog::{Catalog, ListedJob};
use super::changes::{Changed, changes};
use super::recorded::Recorded;
use super::snapshot::{Manifests, OutputSnapshot, State, is_still};
use super::stamp::FileStamp;
use crate::report::{Saved, SavedReport, Served, job_page, list_page};
use crate::sink::{Manifest, TOOL};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pages that are kept in memory.
const KEPT: usize = 32;
/// How long a look at the folder is good for, at least; one that takes long is good for ten times as long.
const FRESH: Duration = Duration::from_millis(400);
/// Attempts to find the outputs of a job between two commits: for the list, and for a page, which can wait.
const QUICK: usize = 3;
const PATIENT: usize = 40;
/// Attempts to make a page without a commit in between.
const TRIES: usize = 4;

/// What the page of a job shows that a report does not have.
#[derive(Debug, Default)]
pub struct JobNotes {
    /// Sentences that a reader has to know before the numbers.
    pub notes: Vec<String>,
    /// What is wrong with the job file.
    pub error: Option<String>,
    /// Outputs that cannot be shown, each with the reason.
    pub faults: Vec<(String, String)>,
    /// The last backfills.
    pub changes: Vec<Changed>,
    /// Of each output with more backfills than are shown: its name, and how many there are.
    pub older: Vec<(String, usize)>,
    /// A comparison that was kept, or why it cannot be read.
    pub recorded: Option<Result<Recorded, String>>,
}

/// Says in HTML what a page shows beside a report: what stands before the sections, and what behind those of outputs.
pub type More = fn(&JobNotes) -> [String; 2];

/// The pages of a folder.
pub struct Site {
    root: PathBuf,
    more: More,
    manifests: Manifests,
    listing: Mutex<LastCatalog>,
    pages: Mutex<HashMap<String, (String, Arc<Served>)>>,
    /// Held while a page is made: two of them would need the memory of both.
    making: Mutex<()>,
}

/// The last look at the folder.
struct LastCatalog {
    catalog: Catalog,
    until: Instant,
    jobs: Vec<ListedJob>,
    /// The cards of jobs in their last whole state.
    cards: HashMap<String, Value>,
    state: String,
    json: Value,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    pub fn new(root: PathBuf, more: More) -> Site {
        let listing = LastCatalog {
            catalog: Catalog::new(root.clone()),
            until: Instant::now(),
            jobs: vec![],
            cards: HashMap::new(),
            state: String::new(),
            json: Value::Null,
        };
        Site {
            root,
            more,
            manifests: Manifests::default(),
            listing: Mutex::new(listing),
            pages: Mutex::default(),
            making: Mutex::default(),
        }
    }

    /// A path as it is shown: below the folder.
    fn below(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).unwrap_or(path).display().to_string();
        if below.is_empty() { ".".to_string() } else { visible(&below) }
    }

    /// The name of the folder.
    fn name(&self) -> String {
        self.root
            .file_name()
            .map_or_else(|| self.root.display().to_string(), |name| name.to_string_lossy().into_owned())
    }

    /// All jobs as JSON, and the state that this is.
    pub fn list(&self) -> (String, Value) {
        let listing = self.looked();
        (listing.state.clone(), listing.json.clone())
    }

    /// The page of all jobs.
    pub fn list_page(&self) -> Served {
        list_page(&self.name(), &self.list().1)
    }

    /// The page at the address of a job that is not there, or not there any more.
    pub fn gone(&self) -> Served {
        let mut json = self.list().1;
        json["gone"] = json!(true);
        list_page(&self.name(), &json)
    }

    /// The folder as it is now, or was a moment ago.
    fn looked(&self) -> MutexGuard<'_, LastCatalog> {
        let mut listing = locked(&self.listing);
        if listing.until > Instant::now() {
            return listing;
        }
        let began = Instant::now();
        let (jobs, whole) = listing.catalog.jobs(&self.manifests);
        let mut cards = vec![];
        for job in &jobs {
            let mut card = match self.manifests.state(&job.outputs, QUICK) {
                Some(state) => self.card(job, Some(&state)),
                // The last whole state, as half of a new one would be numbers of two runs.
                None => {
                    let known = listing.cards.get(&job.id).cloned();
                    let mut card = known.unwrap_or_else(|| self.card(job, None));
                    card["committing"] = json!(true);
                    card
                }
            };
            cards.push(card.clone());
            card["committing"] = json!(false);
            listing.cards.insert(job.id.clone(), card);
        }
        listing.cards.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        listing.jobs = jobs;
        // The page has the same data as a report, as far as its scripts need them.
        let json = json!({
            "tool": TOOL, "title": self.name(), "zone": { "name": "UTC", "offsets": [[0, 0]] },
            "folder": self.root.display().to_string(), "whole": whole, "jobs": cards,
        });
        listing.state = hash(&json.to_string());
        listing.json = json;
        listing.json["state"] = json!(listing.state);
        listing.until = Instant::now() + FRESH.max(began.elapsed() * 10);
        listing
    }

    /// What the list says of a job.
    fn card(&self, job: &ListedJob, state: Option<&State>) -> Value {
        let outputs = state.map_or(&[][..], |state| &state.outputs);
        let manifests: Vec<&Manifest> =
            outputs.iter().filter_map(|output| output.manifest.as_deref().ok()).collect();
        let of = |output: &OutputSnapshot| {
            let name = self.below(&output.target.path);
            match &output.manifest {
                Ok(manifest) => {
                    json!({ "name": name, "rows": rows(manifest), "table": manifest.output.table })
                }
                Err(error) => json!({ "name": name, "error": self.inside(error) }),
            }
        };
        let backfills = outputs.iter().map(|output| changes_of(&output.target)).max().unwrap_or(0);
        let recorded = job.recorded.as_ref().map(|(path, stamp)| {
            let before = is_before(*stamp, state);
            match Recorded::read(path, stamp.bytes(), before, &self.rows(outputs)) {
                Ok(of) => json!({ "same": of.same, "before": before, "other": !of.other.is_empty() }),
                Err(error) => json!({ "error": error }),
            }
        });
        json!({
            "id": job.id,
            "name": job.name,
            "file": job.file.as_ref().map(|(file, _)| file),
            "error": job.error.as_ref().map(|error| self.inside(error)),
            "outputs": outputs.iter().map(of).collect::<Vec<_>>(),
            "missing": job.missing,
            "account": manifests.first().map(|manifest| manifest.account),
            "mixed": is_mixed(&manifests),
            "committed": state.and_then(|state| state.committed),
            "backfills": backfills,
            "verify": recorded,
        })
    }

    /// The outputs that can be read, with their rows.
    fn rows(&self, outputs: &[OutputSnapshot]) -> Vec<(String, u64)> {
        let of = |output: &OutputSnapshot| {
            Some((self.below(&output.target.path), rows(output.manifest.as_deref().ok()?)))
        };
        outputs.iter().filter_map(of).collect()
    }

    /// An error without the path of the folder, which a page need not say again and again.
    fn inside(&self, error: &str) -> String {
        let root = format!("{}/", self.root.display());
        if root.len() > 1 { error.replace(&root, "") } else { error.to_string() }
    }

    fn job(&self, id: &str) -> Option<ListedJob> {
        self.looked().jobs.iter().find(|job| job.id == id).cloned()
    }

    /// The state of a job: by `state` a page knows whether it is the one that it shows.
    pub fn job_state(&self, id: &str) -> Option<Value> {
        let job = self.job(id)?;
        let state = self.manifests.state(&job.outputs, QUICK);
        Some(json!({ "state": state.as_ref().map(|state| mark(&job, state)), "committing": state.is_none() }))
    }

    /// The page of a job.
    pub fn job_page(&self, id: &str) -> Option<Arc<Served>> {
        let job = self.job(id)?;
        let _making = locked(&self.making);
        for _ in 0..TRIES {
            let Some(state) = self.manifests.state(&job.outputs, PATIENT) else { break };
            let mark = mark(&job, &state);
            if let Some((_, page)) = locked(&self.pages).get(id).filter(|(known, _)| *known == mark) {
                return Some(Arc::clone(page));
            }
            let page = Arc::new(self.page(&job, &state, &mark));
            // A part may have become that of another commit while it was read.
            if is_still(&job.outputs, &state) {
                let mut pages = locked(&self.pages);
                if pages.len() >= KEPT {
                    pages.clear();
                }
                pages.insert(id.to_string(), (mark, Arc::clone(&page)));
                return Some(page);
            }
        }
        // The last whole state; its script says that a commit is under way.
        let known = locked(&self.pages).get(id).map(|(_, page)| Arc::clone(page));
        Some(known.unwrap_or_else(|| Arc::new(self.waiting(&job))))
    }

    /// The page of a job of which there is nothing whole to show.
    fn waiting(&self, job: &ListedJob) -> Served {
        let note = "A commit is under way, or was interrupted. The numbers are shown when it is complete; the next run of \
            the job completes one that was interrupted.";
        let shown = JobNotes { notes: vec![note.to_string()], error: self.error(job), ..JobNotes::default() };
        self.made(job, &[], shown, "")
    }

    fn error(&self, job: &ListedJob) -> Option<String> {
        job.error.as_ref().map(|error| self.inside(error))
    }

    fn page(&self, job: &ListedJob, state: &State, mark: &str) -> Served {
        let mut shown = JobNotes { error: self.error(job), ..JobNotes::default() };
        let mut saved = vec![];
        for output in &state.outputs {
            let name = self.below(&output.target.path);
            match &output.manifest {
                Ok(manifest) => {
                    let (changed, count) = changes(&output.target, &name);
                    if count > changed.len() {
                        shown.older.push((name.clone(), count));
                    }
                    shown.changes.extend(changed);
                    let (target, manifest) = (output.target.clone(), Manifest::clone(manifest));
                    saved.push(Saved { target, name, manifest });
                }
                Err(error) => shown.faults.push((name, self.inside(error))),
            }
        }
        shown.notes = notes(job, state, &saved);
        shown.recorded = job.recorded.as_ref().map(|(path, stamp)| {
            Recorded::read(path, stamp.bytes(), is_before(*stamp, Some(state)), &self.rows(&state.outputs))
        });
        self.made(job, &saved, shown, mark)
    }

    fn made(&self, job: &ListedJob, saved: &[Saved], mut shown: JobNotes, mark: &str) -> Served {
        let title = visible(&job.name);
        let file = job.file.as_ref().map(|(file, text)| (title.clone(), visible(file), text.clone()));
        let report = SavedReport { title, job: file, outputs: saved };
        let (mut json, faults) = report.json();
        shown.faults.extend(faults.into_iter().map(|(name, error)| (name, self.inside(&error.to_string()))));
        json["live"] = json!({ "job": job.id, "state": mark, "committed": saved.iter().filter_map(|saved| {
            FileStamp::of(&saved.target.manifest_file()).map(FileStamp::milliseconds)
        }).max() });
        let [before, behind] = (self.more)(&shown);
        let more = format!("<div id=\"before\">{before}</div><div id=\"behind\">{behind}</div>");
        job_page(&report.title, &json, &more)
    }
}

/// A name in which characters of control can be seen.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn rows(manifest: &Manifest) -> u64 {
    manifest.parts.iter().map(|part| part.rows).sum()
}

/// How many backfills have changed an output.
fn changes_of(target: &crate::sink::Target) -> usize {
    let folder = target.state().join("changes");
    if !folder.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        return 0;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".log")).count()
}

/// Whether a comparison was kept before the last commit.
fn is_before(stamp: FileStamp, state: Option<&State>) -> bool {
    state.and_then(|state| state.committed).is_some_and(|committed| stamp.milliseconds() < committed)
}

/// Whether outputs are of more than one run: all outputs of a run have one list of inputs, and those whose steps see the
/// same events one account.
fn is_mixed(manifests: &[&Manifest]) -> bool {
    let seen =
        |manifest: &Manifest| manifest.identity.as_ref().and_then(|of| of.form.get("steps_see").cloned());
    let streamed = manifests.iter().any(|manifest| seen(manifest).is_some());
    let alike = |one: &Manifest, other: &Manifest| {
        let (a, b) = (&one.account, &other.account);
        // An archive has records before any step, so its manifest does not say what steps see.
        let archive = streamed && (one.output.archive || other.output.archive);
        let same_steps = !archive && seen(one) == seen(other);
        let same = if same_steps { a == b } else { (a.read, a.rejected) == (b.read, b.rejected) };
        same && one.inputs == other.inputs
    };
    manifests.iter().enumerate().any(|(i, one)| manifests[..i].iter().any(|other| !alike(one, other)))
}

/// What a reader has to know before the numbers.
fn notes(job: &ListedJob, state: &State, saved: &[Saved]) -> Vec<String> {
    let mut notes = vec![];
    if job.outputs.is_empty() {
        notes.push("This job has no output in place below this folder. It was not run yet, or its outputs are elsewhere.".into());
    } else if !job.missing.is_empty() {
        notes.push(format!("Not in place below this folder: {}.", job.missing.join(", ")));
    }
    let manifests: Vec<&Manifest> = saved.iter().map(|saved| &saved.manifest).collect();
    if let (true, Some(first)) = (is_mixed(&manifests), saved.first()) {
        notes.push(format!(
            "These outputs are not of one run. The account and the input files are those of {}.",
            first.name
        ));
    }
    let edited = job.edited.is_some_and(|edited| state.committed.is_some_and(|committed| edited > committed));
    if edited {
        notes.push("The job file was changed after the last commit. This page shows what was committed; the text of the job at the end is the new one.".into());
    }
    notes
}

/// What tells the state of a job from every other.
fn mark(job: &ListedJob, state: &State) -> String {
    let recorded = job.recorded.as_ref().map(|(_, stamp)| stamp);
    let mut hasher = DefaultHasher::new();
    (state.number, &job.file, &job.error, &job.missing, recorded).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn hash(text: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}
