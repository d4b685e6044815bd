//! Outputs on a store: tables and single files have what those on the disk have, from any machine, whatever the store does.

use super::delta_reader::DeltaLogReader;
use super::store_server::{Asked, Fate, StoreServer};
use super::support::{Answer, Lab};
use super::table_reader::Table;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

const LOG: &str = "at,user,code,price\n\
    2024-02-28T22:10:00Z,u1,A,1.50\n2024-02-28T22:59:59.999999Z,u2,B,2.25\n2024-02-28T23:00:00Z,u1,A,0.25\n\
    2024-02-29T00:05:00Z,u3,,10.00\n2024-02-29T00:06:00Z,u3,C,7.00\n2024-03-01T05:00:00Z,u4,A,0.01\n";
const LATE: &str = "at,user,code,price\n2024-02-28T22:20:00Z,u9,A,100.00\n2024-02-28T22:20:30Z,u9,C,1.00\n";
const TABLES: [&str; 2] = ["events", "views"];
const FORMATS: [&str; 2] = ["iceberg", "delta"];
const FILES: [&str; 2] = ["days.csv", "codes.jsonl"];

/// The job with its outputs below `out`, of which the tables are of `format`.
fn job(format: &str, out: &str, more: &str) -> String {
    format!(
        "name = \"views\"\n[source]\npath = \"log/*.csv\"\ntime = \"at\"\ntypes = {{ price = \"decimal(9,2)\" }}\n\
         [[output]]\npath = \"{out}/events\"\ntable = \"{format}\"\narchive = true\npartition_by = [\"date\"]\n\
         [[output]]\npath = \"{out}/views\"\ntable = \"{format}\"\nwindow = {{ tumbling = \"1m\" }}\nby = [\"code\"]\n\
         select = {{ n = \"count(*)\", total = \"sum(price)\" {more} }}\npartition_by = [\"date\", \"hour\"]\n\
         [[output]]\npath = \"{out}/days.csv\"\nwindow = {{ tumbling = \"1 day\" }}\nby = [\"code\"]\n\
         select = {{ n = \"count(*)\" }}\n\
         [[output]]\npath = \"{out}/codes.jsonl\"\nby = [\"code\"]\nselect = {{ n = \"count(*)\" }}\n"
    )
}

const ON_STORE: &str = "s3://bucket/lake";

/// A store with a bucket that has something else in it.
fn bucket() -> StoreServer {
    let server = StoreServer::new();
    server.put("bucket/other", "precious");
    server
}

/// A machine that has the log and the job, and nothing else.
fn machine(format: &str, out: &str, more: &str) -> Lab {
    let lab = Lab::new();
    lab.write("log/1.csv", LOG);
    lab.write("late.csv", LATE);
    lab.write("job.toml", job(format, out, more));
    lab
}

fn command(server: &StoreServer, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    server.env(command.args(args));
    command
}

fn on(server: &StoreServer, lab: &Lab, args: &[&str]) -> Answer {
    lab.hear(&mut command(server, args))
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    answer
}

/// What lies in the bucket: the rows of each snapshot of each table, and the bytes of files.
fn content(format: &str, server: &StoreServer) -> BTreeMap<String, Vec<String>> {
    let copy = Lab::new();
    for (name, bytes) in server.objects("bucket") {
        let path = copy.path("stores/bucket").join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let table = |name: &str| match format {
        "delta" => of_delta(&copy.path(&format!("stores/bucket/lake/{name}"))),
        _ => of_iceberg(&Table::of_store(&copy.path("stores"), &format!("bucket/lake/{name}"))),
    };
    let file = |name: &str| copy.text(&format!("stores/bucket/lake/{name}"));
    described(table, file)
}

/// The rows of each version of a table of Delta Lake.
fn of_delta(folder: &Path) -> Vec<Vec<String>> {
    let table = DeltaLogReader::open(folder);
    table.commits.keys().map(|version| table.rows(*version)).collect()
}

/// The rows of each snapshot of an Iceberg table.
fn of_iceberg(table: &Table) -> Vec<Vec<String>> {
    assert_eq!(table.snapshots().last(), Some(&table.current()));
    table.snapshots().into_iter().map(|id| table.rows(id)).collect()
}

fn described(
    table: impl Fn(&str) -> Vec<Vec<String>>,
    file: impl Fn(&str) -> String,
) -> BTreeMap<String, Vec<String>> {
    let mut content = BTreeMap::new();
    for name in TABLES {
        let rows = table(name).into_iter().enumerate();
        content.extend(rows.map(|(number, rows)| (format!("{name} at {number}"), rows)));
    }
    content.extend(FILES.map(|name| (name.to_string(), vec![file(name)])));
    content
}

/// The same of outputs on the disk.
fn local(format: &str, lab: &Lab) -> BTreeMap<String, Vec<String>> {
    let table = |name: &str| match (format, lab.path(&format!("out/{name}"))) {
        ("delta", folder) => of_delta(&folder),
        (_, folder) => of_iceberg(&Table::open(&folder)),
    };
    described(table, |name| lab.text(&format!("out/{name}")))
}

/// Nothing of a commit is left to do.
fn is_clean(server: &StoreServer) {
    let left: Vec<String> = server.objects("bucket").into_keys().collect();
    let left = left.iter().filter(|name| name.contains("/journal-") || name.contains("/staged-"));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(server.open_uploads(), 0);
}

fn writes(asked: &[Asked]) -> usize {
    asked.iter().filter(|asked| !is_read(asked)).count()
}

fn is_read(asked: &Asked) -> bool {
    matches!(asked.what, "list" | "head" | "get")
}

#[test]
fn a_store_has_what_the_disk_has_from_any_machine() {
    FORMATS.into_iter().for_each(a_store_has_what_the_disk_has_from_any_machine_of);
}

fn a_store_has_what_the_disk_has_from_any_machine_of(format: &str) {
    let (server, disk) = (bucket(), machine(format, "out", ""));
    // Each command of the store runs on a machine that knows nothing of the others.
    let step = |args: &[&str], more: &str| {
        disk.write("job.toml", job(format, "out", more));
        ok(disk.highwater(args));
        server.asked();
        let answer = ok(on(&server, &machine(format, ON_STORE, more), args));
        assert_eq!(content(format, &server), local(format, &disk), "{args:?}: {}", answer.err);
        is_clean(&server);
        writes(&server.asked())
    };
    assert!(step(&["run", "job.toml"], "") > 0);
    assert_eq!(step(&["run", "job.toml"], ""), 0, "where nothing is new nothing is written");
    assert!(step(&["backfill", "job.toml", "late.csv"], "") > 0);
    assert_eq!(step(&["backfill", "job.toml", "late.csv"], ""), 0);
    step(&["backfill", "job.toml", "--retract", "late.csv"], "");
    step(&["run", "job.toml"], ", most = \"max(price)\"");
    let logs = |objects: BTreeMap<String, Vec<u8>>| {
        let logs = objects.into_iter().filter(|(name, _)| name.contains("/changes/"));
        // They name parts, which have the version of the table behind their hash.
        let text = |bytes| {
            (1..9).fold(String::from_utf8(bytes).unwrap(), |text, version| {
                text.replace(&format!("-{version}.parquet"), ".parquet")
            })
        };
        logs.map(|(name, bytes)| (name.replace("lake/", ""), text(bytes))).collect::<BTreeMap<_, _>>()
    };
    let (there, here) = (logs(server.objects("bucket")), logs(disk.files("out")));
    assert!(there == here && there.len() == 8, "{there:#?}\n{here:#?}");
    for args in [
        &["tables", "job.toml"][..],
        &["verify", "job.toml"],
        &["explain", "job.toml"],
        &["report", "job.toml", "--output", "page.html"],
        &["inspect", "job.toml", "--at", "2024-02-29T00:00:00Z"],
    ] {
        server.asked();
        ok(on(&server, &machine(format, ON_STORE, ", most = \"max(price)\""), args));
        assert_eq!(writes(&server.asked()), 0, "{args:?} reads alone");
    }
    let args = ["expire", "job.toml", "--older-than", "0d"];
    if format == "iceberg" {
        step(&args, ", most = \"max(price)\"");
    } else {
        // The reader of logs wants all versions, and another command reads what is left.
        ok(disk.highwater(&args));
        ok(on(&server, &machine(format, ON_STORE, ", most = \"max(price)\""), &args));
        ok(on(&server, &machine(format, ON_STORE, ", most = \"max(price)\""), &["verify", "job.toml"]));
    }
    // What is left is what the current snapshots have, and nothing is missing.
    let parts = |objects: BTreeMap<String, Vec<u8>>| {
        objects.into_keys().filter(|name| name.ends_with(".parquet")).count()
    };
    assert_eq!(parts(server.objects("bucket")), parts(disk.files("out")));
}

/// Runs a command of `lab` that is killed at its write number `at`, before it is done or after.
fn killed(server: &StoreServer, lab: &Lab, args: &[&str], at: usize, done: bool) {
    let (pid, count) = (Arc::new(AtomicU32::new(0)), AtomicUsize::new(0));
    let victim = pid.clone();
    server.fates(move |asked, _| {
        if is_read(asked) || count.fetch_add(1, Ordering::SeqCst) < at {
            return Fate::Answered;
        }
        let pid = victim.load(Ordering::SeqCst).to_string();
        Command::new("kill").args(["-9", &pid]).stderr(Stdio::null()).status().unwrap();
        if done { Fate::HungUp } else { Fate::Dropped }
    });
    let mut command = command(server, args);
    let command = command.current_dir(lab.root()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    pid.store(child.id(), Ordering::SeqCst);
    assert!(!child.wait().unwrap().success(), "it was killed at {at}");
    server.fates(|_, _| Fate::Answered);
}

#[test]
fn killed_at_any_write_the_repeat_brings_what_an_undisturbed_command_brings() {
    FORMATS.into_iter().for_each(killed_at_any_write_the_repeat_brings_what_an_undisturbed_command_brings_of);
}

fn killed_at_any_write_the_repeat_brings_what_an_undisturbed_command_brings_of(format: &str) {
    let server = bucket();
    for args in [&["run", "job.toml"][..], &["backfill", "job.toml", "late.csv"]] {
        let before = server.objects("bucket");
        server.asked();
        ok(on(&server, &machine(format, ON_STORE, ""), args));
        let (wanted, count) = (content(format, &server), writes(&server.asked()));
        assert!(count > 10, "{count}");
        for at in 0..count {
            for done in [false, true] {
                server.restore("bucket", &before);
                server.asked();
                killed(&server, &machine(format, ON_STORE, ""), args, at, done);
                // A day later what was staged is old, and a journal still needs it.
                server.written(if at % 2 == 0 { "2015-10-21" } else { "2099-01-01" });
                let answer = on(&server, &machine(format, ON_STORE, ""), args);
                let request = server.asked().into_iter().filter(|asked| !is_read(asked)).nth(at);
                assert_eq!(answer.code, 0, "{args:?}, killed at {request:?}, done: {done}: {}", answer.err);
                assert!(content(format, &server) == wanted, "{args:?}, killed at {request:?}, done: {done}");
                server.written("2099-01-01");
                is_clean_of_journals(&server);
            }
        }
    }
}

#[test]
fn outputs_on_the_disk_and_on_a_store_are_committed_together() {
    let server = bucket();
    let job = "[source]\npath = \"log/*.csv\"\ntime = \"at\"\n\
         [[output]]\npath = \"s3://bucket/lake/views\"\ntable = \"iceberg\"\nby = [\"code\"]\nselect = { n = \"count(*)\" }\n\
         [[output]]\npath = \"out/plain\"\nby = [\"code\"]\nselect = { n = \"count(*)\" }\n\
         [[output]]\npath = \"s3://bucket/lake/n.csv\"\nby = [\"code\"]\nselect = { n = \"count(*)\" }\n";
    let made = || {
        let lab = machine("iceberg", "out", "");
        lab.write("job.toml", job);
        ok(on(&server, &lab, &["run", "job.toml"]));
        lab
    };
    let rows = |lab: &Lab| {
        let objects = server.objects("bucket");
        let views = objects.keys().filter(|name| name.starts_with("lake/views/metadata/v")).count();
        (views, objects["lake/n.csv"].clone(), lab.data("out/plain"))
    };
    let empty = server.objects("bucket");
    let args = ["backfill", "job.toml", "late.csv"];
    let lab = made();
    let before = rows(&lab);
    server.asked();
    ok(on(&server, &lab, &args));
    let (wanted, count) = (rows(&lab), writes(&server.asked()));
    assert!(wanted.1 != before.1 && wanted.2 != before.2 && count > 6, "{count}");
    for at in 0..count {
        server.restore("bucket", &empty);
        let lab = made();
        killed(&server, &lab, &args, at, at % 2 == 0);
        let answer = ok(on(&server, &lab, &args));
        assert!(rows(&lab) == wanted, "killed at {at}: {}", answer.err);
        is_clean_of_journals(&server);
        assert!(!lab.path("out/plain/_highwater/journal.json").exists());
    }
}

fn is_clean_of_journals(server: &StoreServer) {
    let left = server.objects("bucket");
    assert!(!left.keys().any(|name| name.contains("/journal-")), "{:?}", left.keys());
}

#[test]
fn what_fails_once_at_any_request_is_made_again_and_an_own_object_is_not_a_conflict() {
    let server = bucket();
    ok(on(&server, &machine("iceberg", ON_STORE, ""), &["run", "job.toml"]));
    let before = server.objects("bucket");
    let args = ["backfill", "job.toml", "late.csv"];
    server.asked();
    ok(on(&server, &machine("iceberg", ON_STORE, ""), &args));
    let (wanted, count) = (content("iceberg", &server), writes(&server.asked()));
    for at in 0..count {
        for fate in [Fate::HungUp, Fate::Dropped, Fate::Refused(503, "SlowDown")] {
            // Each write loses its answer; the others are tried in turn.
            if fate != Fate::HungUp && (at + usize::from(fate == Fate::Dropped)) % 3 != 0 {
                continue;
            }
            server.restore("bucket", &before);
            let (seen, failing) = (AtomicUsize::new(0), fate.clone());
            server.fates(move |asked, _| {
                let hit = !is_read(asked) && seen.fetch_add(1, Ordering::SeqCst) == at;
                if hit { failing.clone() } else { Fate::Answered }
            });
            let answer = ok(on(&server, &machine("iceberg", ON_STORE, ""), &args));
            server.fates(|_, _| Fate::Answered);
            assert!(content("iceberg", &server) == wanted, "{fate:?} at {at}");
            assert!(!answer.err.contains("has committed"), "{fate:?} at {at}: {}", answer.err);
            is_clean(&server);
        }
    }
}

#[test]
fn of_two_writers_at_once_one_wins_and_the_other_can_run_again() {
    let server = bucket();
    ok(on(&server, &machine("iceberg", ON_STORE, ""), &["run", "job.toml"]));
    let (mut all, mut lost) = (LOG.to_string(), 0);
    for round in 0..12 {
        let both = Barrier::new(2);
        let late = |writer: usize| {
            format!("2024-02-28T22:{:02}:00Z,w{writer},A,{}.00\n", 10 + round, 1 + round * 2 + writer)
        };
        let write = |writer: usize| {
            let lab = machine("iceberg", ON_STORE, "");
            let file = format!("late-{round}-{writer}.csv");
            lab.write(&file, format!("at,user,code,price\n{}", late(writer)));
            both.wait();
            let mut tries = 0;
            loop {
                let answer = on(&server, &lab, &["backfill", "job.toml", &file]);
                if answer.code == 0 {
                    return tries;
                }
                assert_eq!(answer.code, 4, "{}", answer.err);
                let words = ["has committed to", "another command may have committed to it just now"];
                assert!(words.iter().any(|words| answer.err.contains(words)), "{}", answer.err);
                tries += 1;
                assert!(tries < 8, "{}", answer.err);
            }
        };
        lost += std::thread::scope(|scope| {
            let other = scope.spawn(|| write(1));
            write(0) + other.join().unwrap()
        });
        all.push_str(&(late(0) + &late(1)));
    }
    let disk = machine("iceberg", "out", "");
    disk.write("log/1.csv", all);
    ok(disk.highwater(&["run", "job.toml"]));
    let newest = |content: BTreeMap<String, Vec<String>>| {
        // A map has the snapshots of a table by their numbers as text, so the longest list of rows is looked for by hand.
        let views = content.iter().filter(|(name, _)| name.starts_with("views")).map(|(_, rows)| rows);
        let rows = views.max_by_key(|rows| total(rows)).unwrap().clone();
        (rows, content["days.csv"].clone(), content["codes.jsonl"].clone())
    };
    let (there, here) = (newest(content("iceberg", &server)), newest(local("iceberg", &disk)));
    assert!(there == here, "{there:#?}\n{here:#?}");
    assert!(lost > 0, "no two writers met");
}

/// The count of all rows of a table of views.
fn total(rows: &[String]) -> i64 {
    rows.iter().map(|row| row.split('|').nth(3).unwrap().parse::<i64>().unwrap()).sum()
}

#[test]
fn a_large_file_is_written_in_parts_and_a_failed_one_leaves_nothing() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    let line =
        |i: usize| format!("2024-02-{:02}T{:02}:00:00Z,key-{:020},{i}\n", 1 + i % 28, i % 24, i * 7919);
    let text = "time,key,amount\n".to_string() + &(0..220_000).map(line).collect::<String>();
    lab.write("log.csv", text);
    let job =
        |out: &str| format!("[source]\npath = \"log.csv\"\ntime = \"time\"\n[[output]]\npath = \"{out}\"\n");
    lab.write("job.toml", job("out/x.csv"));
    ok(lab.highwater(&["run", "job.toml"]));
    lab.write("job.toml", job("s3://bucket/x.csv"));
    server.put("bucket/other", "x");
    server.fates(
        |asked, _| if asked.what == "part" { Fate::Refused(403, "AccessDenied") } else { Fate::Answered },
    );
    let answer = on(&server, &lab, &["run", "job.toml"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("cannot write s3://bucket/"), "{}", answer.err);
    assert_eq!(server.objects("bucket").into_keys().collect::<Vec<_>>(), ["other"]);
    assert_eq!(server.open_uploads(), 0);
    server.fates(|_, _| Fate::Answered);
    ok(on(&server, &lab, &["run", "job.toml"]));
    assert!(server.objects("bucket")["x.csv"] == lab.files("out")["x.csv"]);
    assert!(server.asked().iter().filter(|asked| asked.what == "part").count() > 1);
    is_clean(&server);
}

#[test]
fn an_object_that_was_changed_from_outside_is_noticed() {
    let server = bucket();
    ok(on(&server, &machine("iceberg", ON_STORE, ""), &["run", "job.toml"]));
    let right = content("iceberg", &server);
    let days = server.objects("bucket")["lake/days.csv"].clone();
    // The same size, so that only the bytes tell it.
    server.put("bucket/lake/days.csv", String::from_utf8(days).unwrap().replace("A,2", "A,3"));
    let answer = ok(on(&server, &machine("iceberg", ON_STORE, ""), &["run", "job.toml"]));
    assert!(content("iceberg", &server) == right, "{}", answer.err);
    let objects = server.objects("bucket");
    let part = objects.keys().find(|name| name.starts_with("lake/views/data/date")).unwrap();
    server.restore(
        "bucket",
        &objects.iter().filter(|(name, _)| *name != part).map(|(n, b)| (n.clone(), b.clone())).collect(),
    );
    let answer = ok(on(&server, &machine("iceberg", ON_STORE, ""), &["run", "job.toml"]));
    assert_eq!(server.objects("bucket").get(part), objects.get(part), "{}", answer.err);
}

#[test]
fn what_a_dead_command_has_staged_goes_a_day_later_and_pages_are_put_whole() {
    let server = bucket();
    let paged = |lab: Lab| {
        let page = "[[output]]\npath = \"s3://bucket/page.html\"\nof = [\"s3://bucket/lake/views\"]\n";
        lab.write("job.toml", job("iceberg", ON_STORE, "") + page);
        lab
    };
    ok(on(&server, &paged(machine("iceberg", ON_STORE, "")), &["run", "job.toml"]));
    let page = server.objects("bucket")["page.html"].clone();
    assert!(String::from_utf8(page).unwrap().contains("<html"));
    let staged = ["lake/views/data/_highwater/staged-x-1", "lake/_highwater/days.csv/staged-x-1"];
    staged.iter().for_each(|name| server.put(&format!("bucket/{name}"), "left"));
    let run = || {
        ok(on(&server, &paged(machine("iceberg", ON_STORE, "")), &["run", "job.toml"]));
        let objects = server.objects("bucket");
        staged.iter().filter(|name| objects.contains_key(**name)).count()
    };
    assert_eq!(run(), 2, "another command may be about to need them");
    server.written("2015-10-21");
    assert_eq!(run(), 0);
    // A page takes the place of a page alone.
    server.put("bucket/page.html", "precious");
    let answer = on(&server, &paged(machine("iceberg", ON_STORE, "")), &["run", "job.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("refusing to replace s3://bucket/page.html"), "{}", answer.err);
}

#[test]
fn what_cannot_be_on_a_store_is_refused_by_name() {
    let (server, lab) = (bucket(), machine("iceberg", "out", ""));
    let of = |outputs: &str| format!("[source]\npath = \"log/*.csv\"\ntime = \"at\"\n{outputs}");
    for (outputs, words) in [
        (
            "[[output]]\npath = \"s3://bucket/days\"\n",
            "`s3://bucket/days` cannot be written: a folder of files on a store",
        ),
        (
            "[[output]]\npath = \"https://host/days.csv\"\n",
            "`https://host/days.csv` cannot be written: a web server is only read",
        ),
        (
            "[[output]]\npath = \"out/x\"\n[late]\npath = \"az://bucket/late.jsonl\"\n",
            "late events are written to the disk",
        ),
        (
            "rejects = \"gs://b/r.jsonl\"\n[[output]]\npath = \"out/x\"\n",
            "rejected records are written to the disk",
        ),
    ] {
        lab.write("job.toml", of(outputs));
        let answer = lab.highwater(&["check", "job.toml"]);
        assert_eq!(answer.code, 2, "{outputs}: {}", answer.err);
        assert!(answer.err.contains(words), "{outputs}: {}", answer.err);
    }
    // Nothing of others is replaced.
    server.put("bucket/lake/days.csv", "precious");
    server.put("bucket/lake/views/precious.txt", "precious");
    lab.write("job.toml", job("iceberg", ON_STORE, ""));
    let answer = on(&server, &lab, &["run", "job.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    for words in
        ["refusing to replace s3://bucket/lake/days.csv", "files that Highwater did not write (precious.txt)"]
    {
        assert!(answer.err.contains(words), "{}", answer.err);
    }
    assert_eq!(server.objects("bucket").len(), 3);
}

#[test]
fn a_table_on_a_store_is_an_input() {
    let (server, writer) = (bucket(), machine("iceberg", ON_STORE, ""));
    ok(on(&server, &writer, &["run", "job.toml"]));
    ok(on(&server, &writer, &["backfill", "job.toml", "late.csv"]));
    let lab = Lab::new();
    let read = |path: &str, snapshot: &str| {
        lab.write(
            "read.toml",
            format!(
                "[source]\npath = \"{path}\"\ntime = \"window_start\"\n{snapshot}\
                 [[output]]\npath = \"out/n.csv\"\nby = [\"code\"]\nselect = {{ n = \"sum(n)\" }}\n"
            ),
        );
        let _ = std::fs::remove_dir_all(lab.path("out"));
        on(&server, &lab, &["run", "read.toml"])
    };
    let sums = |path: &str, snapshot: &str| {
        ok(read(path, snapshot));
        lab.text("out/n.csv")
    };
    let (old, new) = ("code,n\nA,3\nB,1\nC,1\n,1\n", "code,n\nA,4\nB,1\nC,2\n,1\n");
    assert_eq!(sums("s3://bucket/lake/views", ""), new);
    assert_eq!(sums("s3://bucket/lake/views/", ""), new);
    assert_eq!(sums("s3://bucket/lake/views/metadata/v1.metadata.json", ""), old);
    let tables = ok(on(&server, &writer, &["tables", "job.toml", "--json"])).out;
    let tables: serde_json::Value = serde_json::from_str(&tables).unwrap();
    let id = tables[1]["history"][0]["snapshot"].as_i64().unwrap();
    assert_eq!(sums("s3://bucket/lake/views", &format!("snapshot = \"{id}\"\n")), old);
    // The same rows as a log of Delta Lake names them.
    let objects = server.objects("bucket");
    let parts = objects.iter().filter(|(name, _)| name.starts_with("lake/views/data/date"));
    let parts: Vec<_> =
        parts.map(|(name, bytes)| (name.replace("lake/views/data/", ""), bytes.clone())).collect();
    let mut log = "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n\
         {\"metaData\":{\"id\":\"x\",\"format\":{\"provider\":\"parquet\"},\"schemaString\":\"{}\",\
         \"partitionColumns\":[],\"configuration\":{}}}\n"
        .to_string();
    let (first, rest) = parts.split_first().unwrap();
    for (name, bytes) in &parts {
        server.put(&format!("bucket/delta/{name}"), bytes.clone());
    }
    let add = |name: &str| format!("{{\"add\":{{\"path\":\"{name}\",\"partitionValues\":{{}}}}}}\n");
    log.push_str(&add(&first.0));
    server.put("bucket/delta/_delta_log/00000000000000000000.json", log);
    let more: String = rest.iter().map(|(name, _)| add(name)).collect();
    server.put("bucket/delta/_delta_log/00000000000000000001.json", more);
    let all = sums("s3://bucket/delta", "");
    assert_ne!(sums("s3://bucket/delta", "snapshot = \"0\"\n"), all);
    // A run over the log and the late file has the rows that the table has by now.
    writer.write("log/2.csv", LATE);
    ok(on(
        &server,
        &writer,
        &["verify", "job.toml", "--output", "s3://bucket/lake/views", "--against", "s3://bucket/lake/views"],
    ));
    // A file that a snapshot names and that is gone is named.
    let gone: BTreeMap<_, _> = server
        .objects("bucket")
        .into_iter()
        .filter(|(name, _)| *name != format!("delta/{}", first.0))
        .collect();
    server.restore("bucket", &gone);
    let answer = read("s3://bucket/delta", "");
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(answer.err.contains("is part of the table s3://bucket/delta, but is missing"), "{}", answer.err);
    for (path, words) in [
        ("s3://bucket/lake/views/data", "name the folder of the table itself"),
        ("s3://bucket/lake", "is a table of Apache Iceberg"),
    ] {
        let answer = read(path, "");
        assert_eq!(answer.code, 2, "{}", answer.err);
        assert!(answer.err.contains(words), "{path}: {}", answer.err);
    }
    let answer = read("s3://bucket/lake/codes.jsonl", "snapshot = \"1\"\n");
    assert!(
        answer.err.contains("`snapshot` is of a table, and s3://bucket/lake/codes.jsonl is not one"),
        "{}",
        answer.err
    );
}

#[test]
fn a_listing_of_50_000_objects_takes_a_request_for_each_1_000() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    server.pages(1000);
    for i in 0..50_000 {
        server.put(
            &format!("bucket/log/date=2024-02-{:02}/{i}.csv", 1 + i % 28),
            "at,n\n2024-02-01T00:00:00Z,1\n",
        );
    }
    lab.write(
        "job.toml",
        "[source]\npath = \"s3://bucket/log/**/7.csv\"\ntime = \"at\"\n[[output]]\npath = \"out/n.csv\"\nselect = { n = \"count(*)\" }\n",
    );
    let answer = ok(on(&server, &lab, &["explain", "job.toml"]));
    let asked = server.asked();
    let lists = asked.iter().filter(|asked| asked.what == "list").count();
    assert!(lists <= 50 + 12, "{lists}: {}", answer.out);
    assert!(asked.len() <= 50 + 16, "{}", asked.len());
}

#[test]
fn a_table_of_delta_lake_on_a_store_has_checkpoints() {
    let server = bucket();
    let job = "[source]\npath = \"log/*.csv\"\ntime = \"at\"\n\
         [[output]]\npath = \"s3://bucket/lake/views\"\ntable = \"delta\"\nby = [\"code\"]\nselect = { n = \"count(*)\" }\n";
    let log = |until: usize| {
        let lab = Lab::new();
        (0..=until).for_each(|n| lab.write(&format!("log/{n}.csv"), format!("at,code\n{n},A\n")));
        lab.write("job.toml", job.replace("time = \"at\"", "time = \"at\"\ntime_unit = \"s\""));
        lab
    };
    for until in 0..12 {
        let command = if until == 0 { &["run", "job.toml"][..] } else { &["backfill", "job.toml"] };
        ok(on(&server, &log(until), command));
        is_clean(&server);
    }
    let names: Vec<String> = server.objects("bucket").into_keys().collect();
    for name in ["00000000000000000010.checkpoint.parquet", "_last_checkpoint", "00000000000000000011.json"] {
        assert!(names.contains(&format!("lake/views/_delta_log/{name}")), "{name}: {names:?}");
    }
    ok(on(&server, &log(11), &["verify", "job.toml"]));
    ok(on(&server, &log(11), &["expire", "job.toml", "--older-than", "0d"]));
    ok(on(&server, &log(11), &["verify", "job.toml"]));
    let names: Vec<String> = server.objects("bucket").into_keys().collect();
    let commits = names.iter().filter(|name| name.contains("/_delta_log/0") && name.ends_with(".json"));
    assert_eq!(commits.count(), 1, "{names:?}");
}
