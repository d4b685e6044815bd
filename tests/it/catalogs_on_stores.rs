//! A table in a REST catalog whose files lie on a store: the catalog and the store are different servers, and each may fail.

use crate::catalog_server::{CatalogServer, Fate};
use crate::store_server::StoreServer;
use crate::support::{Answer, Lab};
use crate::table_reader::{Table, parquet_rows};
use std::fs;
use std::process::Command;

const JOB: &str = "name = \"views\"\n[source]\npath = \"log/*.csv\"\ntime = \"at\"\n";
const LOG: &str = "at,code\n2024-02-28T22:10:00Z,A\n2024-02-28T22:50:00Z,B\n2024-02-29T00:05:00Z,\n";
const LATE: &str = "at,code\n2024-02-28T22:20:00Z,A\n2024-03-01T05:00:00Z,C\n";

fn outputs(out: &str, catalog: Option<&CatalogServer>) -> String {
    let table = |name: &str| match catalog {
        Some(server) => {
            let catalog = format!("catalog = {{ uri = \"{}\", table = \"lake.{name}\" }}", server.url());
            format!("path = \"{out}/{name}\"\ntable = \"iceberg\"\n{catalog}\n")
        }
        None => format!("path = \"{out}/{name}\"\n"),
    };
    format!(
        "[[output]]\n{}partition_by = [\"date\"]\n[[output]]\n{}window = {{ tumbling = \"1h\" }}\nby = [\"code\"]\n\
         select = {{ n = \"count(*)\" }}\npartition_by = [\"date\"]\n[[output]]\npath = \"{}archive\"\narchive = true\n",
        table("events"),
        table("views"),
        if catalog.is_some() { "kept/" } else { "plain/" },
    )
}

struct Scene {
    catalog: CatalogServer,
    store: StoreServer,
    lab: Lab,
}

impl Scene {
    fn new() -> Scene {
        let (catalog, store, lab) = (CatalogServer::new(), StoreServer::new(), Lab::new());
        store.put("bucket/other", "precious");
        lab.write("log/1.csv", LOG);
        lab.write("late.csv", LATE);
        lab.write("table.toml", JOB.to_string() + &outputs("s3://bucket/lake", Some(&catalog)));
        lab.write("plain.toml", JOB.to_string() + &outputs("plain", None));
        Scene { catalog, store, lab }
    }

    fn highwater(&self, args: &[&str]) -> Answer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        self.lab.hear(self.catalog.env(self.store.env(command.args(args))))
    }

    fn both(&self, args: &[&str]) {
        for job in ["table.toml", "plain.toml"] {
            let args: Vec<&str> = args.iter().map(|arg| if *arg == "JOB" { job } else { arg }).collect();
            let answer = self.highwater(&args);
            assert_eq!(answer.code, 0, "{args:?}: {}{}", answer.out, answer.err);
        }
    }

    /// The tables have the rows of the plain folders, and so many snapshots.
    fn alike(&self, snapshots: usize, what: &str) {
        let copy = Lab::new();
        for (name, bytes) in self.store.objects("bucket") {
            let path = copy.path("stores/bucket").join(&name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        for name in ["events", "views"] {
            let metadata = self.catalog.metadata(&format!("lake.{name}")).unwrap();
            let table = Table::of_catalog(copy.path("stores"), metadata).on_store();
            let files = self.lab.data(&format!("plain/{name}"));
            let of_file = |path: &String| parquet_rows(&self.lab.path(&format!("plain/{name}/{path}")));
            let mut rows: Vec<String> = files.keys().flat_map(of_file).collect();
            rows.sort();
            assert_eq!(table.rows(table.current()), rows, "{what}: {name}");
            assert_eq!(table.snapshots().len(), snapshots, "{what}: {name}");
        }
        let left: Vec<String> = self.store.objects("bucket").into_keys().collect();
        assert!(
            !left.iter().any(|name| name.contains("/journal-") || name.contains("version-hint")),
            "{what}: {left:?}"
        );
    }
}

#[test]
fn each_command_is_one_commit_to_the_catalog() {
    let scene = Scene::new();
    scene.both(&["run", "JOB"]);
    scene.alike(1, "run");
    let objects = scene.store.objects("bucket");
    scene.both(&["run", "JOB"]);
    assert!(scene.store.objects("bucket") == objects, "a second run put something");
    scene.both(&["backfill", "JOB", "late.csv"]);
    scene.alike(2, "backfill");
    scene.both(&["backfill", "JOB", "late.csv", "--retract"]);
    scene.alike(3, "retraction");
    let answer = scene.highwater(&["expire", "table.toml", "--older-than", "0d"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    scene.alike(1, "expiry");
    scene.both(&["run", "JOB"]);
    scene.alike(1, "after an expiry");
}

#[test]
fn a_commit_whose_answer_is_lost_comes_once() {
    for fate in [Fate::Lost, Fate::HungUp, Fate::Denied(502)] {
        for lost in [0, 1] {
            let scene = Scene::new();
            scene.both(&["run", "JOB"]);
            let commits = std::sync::atomic::AtomicUsize::new(0);
            scene.catalog.fates(move |asked, _| {
                let is_commit = asked.starts_with("POST ");
                let number = commits.fetch_add(usize::from(is_commit), std::sync::atomic::Ordering::SeqCst);
                if is_commit && number == lost { fate } else { Fate::Answered }
            });
            scene.both(&["backfill", "JOB", "late.csv"]);
            scene.alike(2, &format!("{fate:?} at commit {lost}"));
        }
    }
}

#[test]
fn of_two_writers_one_wins_and_the_other_can_run_again() {
    let scene = Scene::new();
    scene.both(&["run", "JOB"]);
    let old = scene.catalog.tables();
    scene.catalog.fates(|asked, _| if asked.starts_with("POST ") { Fate::Raced } else { Fate::Answered });
    let answer = scene.highwater(&["backfill", "table.toml", "late.csv"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(
        answer.err.contains("another program has committed to lake.events of the catalog"),
        "{}",
        answer.err
    );
    scene.catalog.fates(|_, _| Fate::Answered);
    scene.catalog.restore(&old);
    scene.both(&["backfill", "JOB", "late.csv"]);
    scene.alike(2, "after a roll back");
}

#[test]
fn a_place_on_a_store_belongs_to_one_table() {
    let scene = Scene::new();
    scene.both(&["run", "JOB"]);
    let objects = scene.store.objects("bucket");
    let other = CatalogServer::new();
    scene.lab.write("table.toml", JOB.to_string() + &outputs("s3://bucket/lake", Some(&other)));
    let answer = scene.highwater(&["run", "table.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("which is a table of another catalog"), "{}", answer.err);
    let bare = outputs("s3://bucket/lake", None).replace("events\"\n", "events\"\ntable = \"iceberg\"\n");
    let bare =
        bare.replace("views\"\n", "views\"\ntable = \"iceberg\"\n").replace("plain/archive", "kept/archive");
    scene.lab.write("table.toml", JOB.to_string() + &bare);
    let answer = scene.highwater(&["run", "table.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("which is a table of another catalog"), "{}", answer.err);
    assert!(scene.store.objects("bucket") == objects);
}
