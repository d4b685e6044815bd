//! Writers of one table that meet: what one of them was told is counted, and an expiry takes nothing that is in use.

use super::catalog_server::CatalogServer;
use super::store_server::{Asked, Fate, StoreServer};
use super::support::{Answer, Lab};
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const FORMATS: [&str; 2] = ["iceberg", "delta"];

/// Counts per code of which small ones are hidden, so that a late event may change nothing that a reader sees.
fn job(table: &str, hidden: i64) -> String {
    format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\npath = \"s3://bucket/lake/views\"\n{table}\
         by = [\"code\"]\nselect = {{ n = \"count(*)\" }}\nhaving = \"n > {hidden}\"\n"
    )
}

fn of_format(format: &str) -> String {
    format!("table = \"{format}\"\n")
}

/// A store, a catalog, and machines that know nothing of each other.
#[derive(Clone)]
struct Scene {
    store: Arc<StoreServer>,
    catalog: Arc<CatalogServer>,
    job: String,
}

impl Scene {
    /// The job has run over one event.
    fn new(job: impl FnOnce(&CatalogServer) -> String) -> Scene {
        let (store, catalog) = (Arc::new(StoreServer::new()), Arc::new(CatalogServer::new()));
        store.put("bucket/other", "precious");
        let job = job(&catalog);
        let scene = Scene { store, catalog, job };
        scene.ok(&["run", "job.toml"]);
        scene
    }

    fn on(&self, args: &[&str]) -> Answer {
        let lab = Lab::new();
        lab.write("job.toml", &self.job);
        lab.write("log.csv", "at,code\n2024-01-01T00:00:00Z,A\n");
        for (hour, name) in ["a", "b", "c", "d"].iter().enumerate() {
            lab.write(&format!("{name}.csv"), format!("at,code\n2024-01-01T0{}:00:00Z,A\n", hour + 1));
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        lab.hear(self.catalog.env(self.store.env(command.args(args))))
    }

    fn ok(&self, args: &[&str]) -> Answer {
        let answer = self.on(args);
        assert_eq!(answer.code, 0, "{args:?}: {}{}", answer.out, answer.err);
        answer
    }

    fn backfill(&self, name: &str) {
        self.ok(&["backfill", "job.toml", &format!("{name}.csv")]);
    }

    /// Has `happens` done once, just before the first request to the store that `is` names.
    fn before(
        &self,
        is: impl Fn(&Asked) -> bool + Send + Sync + 'static,
        happens: impl Fn(&Scene) + Send + Sync + 'static,
    ) {
        let (done, scene) = (AtomicBool::new(false), self.clone());
        self.store.fates(move |asked, _| {
            if is(asked) && !done.swap(true, Ordering::SeqCst) {
                happens(&scene);
            }
            Fate::Answered
        });
    }

    /// Counts `a.csv`, as often as the command is told to run again; gives how often that was.
    fn persists(&self) -> usize {
        for again in 0..4 {
            let answer = self.on(&["backfill", "job.toml", "a.csv"]);
            self.store.fates(|_, _| Fate::Answered);
            if answer.code == 0 {
                return again;
            }
            assert_eq!(answer.code, 4, "{}", answer.err);
            assert!(answer.err.contains("has committed to"), "{}", answer.err);
        }
        panic!("told to run again and again");
    }

    /// The count of the one group that is left.
    fn count(&self) -> i64 {
        let lab = Lab::new();
        let mut source = "s3://bucket/lake/views".to_string();
        if let Some(metadata) = self.catalog.metadata("lake.views") {
            // This catalog writes nothing to the store.
            source.push_str("/metadata/now.metadata.json");
            self.store.put(&source["s3://".len()..], metadata.to_string());
        }
        lab.write(
            "read.toml",
            format!(
                "[source]\npath = \"{source}\"\ntime = \"n\"\ntime_unit = \"s\"\n\
                 [[output]]\npath = \"n.csv\"\nselect = {{ n = \"sum(n)\" }}\n"
            ),
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        let answer = lab.hear(self.catalog.env(self.store.env(command.args(["run", "read.toml"]))));
        assert_eq!(answer.code, 0, "{}", answer.err);
        lab.text("n.csv").lines().last().unwrap().parse().unwrap()
    }
}

/// The put that makes a version of a table.
fn is_version(asked: &Asked) -> bool {
    let name = asked.name.rsplit('/').next().unwrap_or_default();
    let is_commit = name.len() == 25 && name.ends_with(".json");
    asked.what == "put" && (name.ends_with(".metadata.json") || is_commit)
}

fn is_journal(asked: &Asked) -> bool {
    asked.what == "put" && asked.name.contains("/journal-")
}

fn is_write(asked: &Asked) -> bool {
    !matches!(asked.what, "list" | "head" | "get")
}

#[test]
fn of_two_writers_that_change_no_file_neither_loses_what_it_counted() {
    for format in FORMATS {
        for at in [is_write, is_journal, is_version] {
            let scene = Scene::new(|_| job(&of_format(format), 2));
            scene.before(at, |scene| scene.backfill("b"));
            scene.persists();
            // The fourth event shows the group, and its count has all four.
            scene.backfill("c");
            assert_eq!(scene.count(), 4, "{format}");
        }
    }
}

#[test]
fn the_same_holds_in_a_catalog() {
    let scene = || {
        Scene::new(|catalog| {
            let catalog = format!("catalog = {{ uri = \"{}\", table = \"lake.views\" }}\n", catalog.url());
            job(&format!("table = \"iceberg\"\n{catalog}"), 2)
        })
    };
    for at in [is_write, is_journal] {
        let scene = scene();
        scene.before(at, |scene| scene.backfill("b"));
        assert_eq!(scene.persists(), 1, "it is told that another one was faster");
        scene.backfill("c");
        assert_eq!(scene.count(), 4);
    }
    // Behind its journal, its commit comes first, by the other command.
    let scene = scene();
    let (other, done) = (scene.clone(), AtomicBool::new(false));
    scene.catalog.fates(move |asked, _| {
        if asked.starts_with("POST ") && !done.swap(true, Ordering::SeqCst) {
            other.backfill("b");
        }
        super::catalog_server::Fate::Answered
    });
    assert_eq!(scene.persists(), 0);
    scene.backfill("c");
    assert_eq!(scene.count(), 4);
}

#[test]
fn a_commit_that_comes_when_its_version_has_expired_is_not_taken_for_done() {
    for format in FORMATS {
        for at in [is_journal, is_version] {
            let scene = Scene::new(|_| job(&of_format(format), 0));
            scene.before(at, |scene| {
                scene.backfill("b");
                scene.backfill("c");
                scene.store.written("2015-10-21");
                scene.ok(&["expire", "job.toml", "--older-than", "0d"]);
                scene.store.written("2099-01-01");
            });
            assert_eq!(scene.persists(), 1, "{format}");
            assert_eq!(scene.count(), 4, "{format}");
            scene.backfill("d");
            assert_eq!(scene.count(), 5, "{format}");
            let objects = scene.store.objects("bucket");
            if let Some(hint) = objects.get("lake/views/metadata/version-hint.text") {
                let named = format!("lake/views/metadata/v{}.metadata.json", String::from_utf8_lossy(hint));
                assert!(objects.contains_key(&named), "{named}: {:?}", objects.keys());
            }
        }
    }
}

#[test]
fn an_expiry_of_one_output_does_not_part_it_from_the_others() {
    for at in [is_write, is_journal, is_version] {
        let scene = Scene::new(|_| {
            let file = "[[output]]\npath = \"s3://bucket/lake/n.csv\"\nby = [\"code\"]\nselect = { n = \"count(*)\" }\n";
            job(&of_format("iceberg"), 0).replace("[[output]]\n", &format!("{file}[[output]]\n"))
        });
        scene.backfill("b");
        scene.before(at, |scene| drop(scene.ok(&["expire", "job.toml", "--older-than", "0d"])));
        scene.persists();
        assert_eq!(scene.count(), 3);
        assert_eq!(scene.store.objects("bucket")["lake/n.csv"], b"code,n\nA,3\n");
        scene.backfill("c");
        assert_eq!(scene.count(), 4);
    }
}

#[test]
fn a_hint_does_not_go_back() {
    let scene = Scene::new(|_| job(&of_format("iceberg"), 0));
    let hint = || {
        let objects = scene.store.objects("bucket");
        String::from_utf8(objects["lake/views/metadata/version-hint.text"].clone()).unwrap()
    };
    let is_hint = |asked: &Asked| asked.what == "put" && asked.name.ends_with("version-hint.text");
    scene.before(is_hint, |scene| scene.backfill("b"));
    assert_eq!((scene.persists(), hint().as_str()), (0, "3"));
    // One that names what is not there is no later one.
    scene.store.put("bucket/lake/views/metadata/version-hint.text", "99");
    scene.backfill("c");
    assert_eq!((scene.count(), hint().as_str()), (4, "4"));
}

#[test]
fn an_expiry_does_not_leave_a_hint_to_what_it_removes() {
    for on_store in [false, true] {
        let scene = Scene::new(|_| job(&of_format("iceberg"), 0));
        let lab = Lab::new();
        for (name, hour) in [("log", 0), ("late", 1)] {
            lab.write(&format!("{name}.csv"), format!("at,code\n2024-01-01T0{hour}:00:00Z,A\n"));
        }
        let text = scene
            .job
            .replace("s3://bucket/lake/views", if on_store { "s3://bucket/l/views" } else { "views" });
        lab.write("job.toml", text);
        scene.store.written("2015-10-21");
        let ok = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
            let answer = lab.hear(scene.store.env(command.args(args)));
            assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
        };
        let expire = ["expire", "job.toml", "--older-than", "0d"];
        ok(&["run", "job.toml"]);
        ok(&["backfill", "job.toml", "late.csv"]);
        ok(&expire);
        // As a kill leaves it behind the third version, which drops a snapshot, and before its hint.
        let (hint, key) = ("views/metadata/version-hint.text", "bucket/l/views/metadata/version-hint.text");
        if on_store {
            scene.store.put(key, "2")
        } else {
            lab.write(hint, "2")
        }
        ok(&expire);
        let objects = scene.store.objects("bucket");
        let named = if on_store {
            objects["l/views/metadata/version-hint.text"].clone()
        } else {
            lab.text(hint).into()
        };
        assert_eq!(String::from_utf8(named).unwrap(), "3", "{on_store}");
        let old = "views/metadata/v2.metadata.json";
        assert!(!lab.path(old).exists() && !objects.contains_key(&format!("l/{old}")), "{on_store}");
    }
}

#[test]
fn a_store_that_ignores_conditions_is_refused_before_anything_is_written() {
    for (output, is_refused) in [
        ("path = \"s3://bucket/lake/views\"\ntable = \"iceberg\"\n", true),
        ("path = \"s3://bucket/lake/views\"\ntable = \"delta\"\n", true),
        ("path = \"s3://bucket/lake/n.csv\"\n", true),
        ("path = \"out/n.csv\"\n", false),
    ] {
        let (store, lab) = (StoreServer::new(), Lab::new());
        store.put("bucket/other", "precious");
        store.ignores_conditions();
        lab.write("log.csv", "at,code\n2024-01-01T00:00:00Z,A\n");
        lab.write("job.toml", format!("[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\n{output}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        let answer = lab.hear(store.env(command.args(["run", "job.toml"])));
        assert_eq!(answer.code, if is_refused { 4 } else { 0 }, "{output}: {}", answer.err);
        assert_eq!(answer.err.contains("ignores conditions of puts"), is_refused, "{output}: {}", answer.err);
        assert_eq!(store.objects("bucket").into_keys().collect::<Vec<_>>(), ["other"], "{output}");
    }
}

/// Changes the JSON of a file.
fn change(lab: &Lab, path: &str, change: impl FnOnce(&mut Value)) {
    let mut json: Value = serde_json::from_str(&lab.text(path)).unwrap();
    change(&mut json);
    lab.write(path, json.to_string());
}

#[test]
fn a_snapshot_that_was_current_until_now_does_not_expire_however_old_it_is() {
    for format in FORMATS {
        let lab = Lab::new();
        lab.write("job.toml", job(&of_format(format), 0).replace("s3://bucket/lake/views", "views"));
        lab.write("log.csv", "at,code\n2024-01-01T00:00:00Z,A\n");
        lab.write("late.csv", "at,code\n2024-01-01T01:00:00Z,A\n");
        let ok = |args: &[&str]| {
            let answer = lab.highwater(args);
            assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
            answer.out
        };
        ok(&["run", "job.toml"]);
        ok(&["backfill", "job.toml", "late.csv"]);
        // As if the first commit was made in the year 2001.
        if format == "iceberg" {
            change(&lab, "views/metadata/v1.metadata.json", |json| {
                json["last-updated-ms"] = 1_000_000_000_000_i64.into();
            });
            change(&lab, "views/metadata/v2.metadata.json", |json| {
                for list in ["snapshots", "snapshot-log"] {
                    json[list][0]["timestamp-ms"] = 1_000_000_000_000_i64.into();
                }
            });
        } else {
            let path = "views/_delta_log/00000000000000000000.json";
            let (info, rest) =
                lab.text(path).split_once('\n').map(|(a, b)| (a.to_string(), b.to_string())).unwrap();
            let mut info: Value = serde_json::from_str(&info).unwrap();
            info["commitInfo"]["timestamp"] = 1_000_000_000_000_i64.into();
            lab.write(path, format!("{info}\n{rest}"));
        }
        let before = lab.files("views");
        let said = ok(&["expire", "job.toml"]);
        assert!(said.contains("nothing is old enough; 2 snapshots kept"), "{format}: {said}");
        assert!(lab.files("views") == before, "{format}");
        let said = ok(&["expire", "job.toml", "--older-than", "0d"]);
        assert!(said.contains("1 snapshot dropped, 1 kept; 1 data file"), "{format}: {said}");
    }
}
