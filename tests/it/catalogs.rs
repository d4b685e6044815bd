//! Tables in a REST catalog: what its snapshots have, requests that fail or are lost, commits of others, and kills.

use crate::catalog_server::{CatalogServer, Fate, SECRET, TOKEN, commit_of_another};
use crate::crash::{restore, snapshot};
use crate::support::{Answer, Lab, preloaded};
use crate::table_reader::{Table, parquet_rows};
use serde_json::json;
use std::process::Command;

const LOG: &str = "at,code\n2024-02-28T22:10:00Z,A\n2024-02-28T22:50:00Z,B\n2024-02-28T23:00:00Z,A\n2024-02-29T00:05:00Z,\n";
const LATE: &str = "at,code\n2024-02-28T22:20:00Z,A\n2024-03-01T05:00:00Z,C\n";

fn output(out: &str, name: &str, table: &str, more: &str) -> String {
    let select = if name == "views" {
        format!("window = {{ tumbling = \"1h\" }}\nby = [\"code\"]\nselect = {{ n = \"count(*)\" {more} }}\n")
    } else {
        String::new()
    };
    format!("[[output]]\npath = \"{out}/{name}\"\n{table}{select}partition_by = [\"date\"]\n")
}

/// The job with tables in the catalog at `url`, or with plain folders where there is none.
fn job(url: Option<&str>, more: &str) -> String {
    let out = if url.is_some() { "out" } else { "plain" };
    let table = |name: &str| {
        url.map_or_else(String::new, |url| {
            let table = format!("a b.lake.{name}");
            format!("table = \"iceberg\"\ncatalog = {{ uri = \"{url}/\", table = \"{table}\", warehouse = \"w/1\" }}\n")
        })
    };
    let archive = format!("[[output]]\npath = \"{out}/archive\"\narchive = true\n");
    let outputs = ["events", "views"].map(|name| output(out, name, &table(name), more));
    format!("name = \"views\"\n[source]\npath = \"log/*.csv\"\ntime = \"at\"\n{}{archive}", outputs.join(""))
}

fn lab(server: &CatalogServer) -> Lab {
    let lab = Lab::new();
    lab.write("log/1.csv", LOG);
    lab.write("late.csv", LATE);
    describe(&lab, server, "");
    lab
}

fn describe(lab: &Lab, server: &CatalogServer, more: &str) {
    lab.write("table.toml", job(Some(&server.url()), more));
    lab.write("plain.toml", job(None, more));
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(args).env_remove("HIGHWATER_CATALOG_CREDENTIAL");
    command
}

fn highwater(lab: &Lab, server: &CatalogServer, args: &[&str]) -> Answer {
    lab.hear(server.env(&mut command(args)))
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    answer
}

/// The same command on both jobs.
fn both(lab: &Lab, server: &CatalogServer, args: &[&str]) {
    for job in ["table.toml", "plain.toml"] {
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "JOB" { job } else { arg }).collect();
        ok(highwater(lab, server, &args));
    }
}

fn table(lab: &Lab, server: &CatalogServer, name: &str) -> Table {
    let metadata = server.metadata(&format!("a b.lake.{name}")).unwrap();
    Table::of_catalog(lab.path(&format!("out/{name}")), metadata)
}

/// The tables have the rows of the plain folders, and so many snapshots.
fn alike(lab: &Lab, server: &CatalogServer, snapshots: usize, what: &str) {
    for name in ["events", "views"] {
        let table = table(lab, server, name);
        let files = lab.data(&format!("plain/{name}"));
        let of_file = |path: &String| parquet_rows(&lab.path(&format!("plain/{name}/{path}")));
        let mut rows: Vec<String> = files.keys().flat_map(of_file).collect();
        rows.sort();
        assert_eq!(table.rows(table.current()), rows, "{what}: {name}");
        assert_eq!(table.files(table.current()).len(), files.len(), "{what}: {name}");
        assert_eq!(table.snapshots().len(), snapshots, "{what}: {name}");
    }
}

#[test]
fn each_command_is_one_commit_to_the_catalog() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    alike(&lab, &server, 1, "run");
    let (files, tables) = (lab.files("out"), server.metadata("a b.lake.views"));
    server.asked();
    both(&lab, &server, &["run", "JOB"]);
    assert!(server.asked().iter().all(|asked| asked.starts_with("GET ")), "a second run committed");
    assert!(lab.files("out") == files && server.metadata("a b.lake.views") == tables);
    both(&lab, &server, &["backfill", "JOB", "late.csv"]);
    alike(&lab, &server, 2, "backfill");
    both(&lab, &server, &["backfill", "JOB", "late.csv", "--retract"]);
    alike(&lab, &server, 3, "retraction");
    describe(&lab, &server, ", last = \"max(code)\"");
    both(&lab, &server, &["run", "JOB"]);
    // The ledger has the hash of the job, and the rows of this output are what they were.
    let events = table(&lab, &server, "events");
    assert_eq!(events.snapshots().len(), 4, "a catalog tells writers apart by snapshots alone");
    let files: Vec<_> = events.snapshots()[2..].iter().map(|id| events.files(*id)).collect();
    assert!(files[0] == files[1], "only one output was edited");
    let views = table(&lab, &server, "views");
    assert_eq!(views.snapshots().len(), 4);
    let names = |schema: usize| {
        let fields = views.metadata["schemas"][schema]["fields"].as_array().unwrap().iter();
        fields.map(|field| format!("{} {}", field["id"], field["name"])).collect::<Vec<_>>().join(", ")
    };
    insta::assert_snapshot!([names(0), names(1)].join("\n"), @r#"
    1 "window_start", 2 "window_end", 3 "code", 4 "n"
    1 "window_start", 2 "window_end", 3 "code", 4 "n", 5 "last"
    "#);
    // What the catalog says of a new table stays, and what it needs was said.
    assert_eq!(views.metadata["format-version"], json!(2));
    assert_eq!(views.metadata["location"], json!(lab.path("out/views").canonicalize().unwrap()));
    // The folder is not a catalog too.
    assert!(!lab.path("out/views/metadata/version-hint.text").exists());
    let said = ok(highwater(&lab, &server, &["tables", "table.toml", "--json"])).out;
    assert!(said.contains("\"snapshot\"") && !said.contains("\"problem\""), "{said}");
    ok(highwater(&lab, &server, &["expire", "table.toml", "--older-than", "0d"]));
    let views = table(&lab, &server, "views");
    assert_eq!(views.snapshots().len(), 1);
    let parts = lab.files("out/views/data").keys().filter(|path| path.ends_with(".parquet")).count();
    assert_eq!(parts, views.files(views.current()).len());
    both(&lab, &server, &["run", "JOB"]);
    assert_eq!(table(&lab, &server, "views").snapshots().len(), 1, "nothing is new after an expiry");
}

#[test]
fn a_request_that_fails_or_is_lost_is_made_again_and_counts_once() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    let (old, out, plain) = (server.tables(), snapshot(&lab.path("out")), snapshot(&lab.path("plain")));
    server.asked();
    both(&lab, &server, &["backfill", "JOB", "late.csv"]);
    let requests = server.asked();
    assert!(requests.iter().filter(|asked| asked.starts_with("POST ")).count() == 2, "{requests:?}");
    for (n, request) in requests.iter().enumerate() {
        for fate in [Fate::HungUp, Fate::Lost, Fate::Refused(503), Fate::Denied(500)] {
            restore(&lab.path("out"), &out);
            restore(&lab.path("plain"), &plain);
            server.restore(&old);
            server.fates(move |_, before| if before == n { fate } else { Fate::Answered });
            both(&lab, &server, &["backfill", "JOB", "late.csv"]);
            alike(&lab, &server, 2, &format!("{fate:?} at {n} {request}"));
        }
    }
}

#[test]
fn a_kill_at_any_call_is_made_good_by_the_repeat() {
    let shim = preloaded("shim.c");
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    ok(highwater(&lab, &server, &["backfill", "plain.toml", "late.csv"]));
    let (old, out) = (server.tables(), snapshot(&lab.path("out")));
    let mut killed = 0;
    // Not each call: the steps of a commit are many, and those beside each other are alike.
    for at in (1..).step_by(2) {
        restore(&lab.path("out"), &out);
        server.restore(&old);
        let mut stopped = command(&["backfill", "table.toml", "late.csv", "--threads", "1"]);
        stopped.env("LD_PRELOAD", &shim.1).env("SHIM_ROOT", lab.path("out")).env("SHIM_AT", at.to_string());
        let answer = lab.hear(server.env(stopped.env("SHIM_MODE", "after")));
        if answer.code == 0 {
            break;
        }
        killed += 1;
        ok(highwater(&lab, &server, &["backfill", "table.toml", "late.csv"]));
        alike(&lab, &server, 2, &format!("killed at {at}"));
        assert!(!lab.files("out").keys().any(|path| path.ends_with("journal.json")), "killed at {at}");
    }
    assert!(killed > 15, "{killed}");
}

#[test]
fn a_commit_that_was_heard_before_a_kill_is_known() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    for held in [1, 2] {
        let commits = std::sync::atomic::AtomicUsize::new(0);
        server.fates(move |asked, _| {
            let is_commit = asked.starts_with("POST ");
            let number = commits.fetch_add(usize::from(is_commit), std::sync::atomic::Ordering::SeqCst) + 1;
            if is_commit && number == held { Fate::Held } else { Fate::Answered }
        });
        let late = format!("late{held}.csv");
        lab.write(&late, format!("{LATE}2024-03-02T0{held}:00:00Z,D\n"));
        let mut child = command(&["backfill", "table.toml", &late]);
        let mut child = server.env(&mut child).current_dir(lab.root()).spawn().unwrap();
        let mut seen = 0;
        while seen < held {
            std::thread::sleep(std::time::Duration::from_millis(20));
            seen += server.asked().iter().filter(|asked| asked.starts_with("POST ")).count();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        child.kill().unwrap();
        child.wait().unwrap();
        server.fates(|_, _| Fate::Answered);
        ok(highwater(&lab, &server, &["backfill", "table.toml", &late]));
        ok(highwater(&lab, &server, &["backfill", "plain.toml", &late]));
        alike(&lab, &server, held + 1, &format!("held at commit {held}"));
    }
}

#[test]
fn where_the_state_of_a_commit_is_not_known_nothing_is_said_and_the_next_command_looks() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    let is_heard = std::sync::atomic::AtomicBool::new(false);
    server.fates(move |asked, _| {
        let was = is_heard.fetch_or(asked.starts_with("POST "), std::sync::atomic::Ordering::SeqCst);
        match (was, asked.starts_with("POST ")) {
            (false, true) => Fate::Lost,
            (false, false) => Fate::Answered,
            (true, _) => Fate::HungUp,
        }
    });
    let answer = highwater(&lab, &server, &["backfill", "table.toml", "late.csv"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("does not say whether a b.lake.events"), "{}", answer.err);
    assert!(answer.err.contains("the commit is recorded"), "{}", answer.err);
    server.fates(|_, _| Fate::Answered);
    ok(highwater(&lab, &server, &["backfill", "table.toml", "late.csv"]));
    ok(highwater(&lab, &server, &["backfill", "plain.toml", "late.csv"]));
    alike(&lab, &server, 2, "lost and then down");
}

#[test]
fn a_result_is_compared_with_a_table_of_the_catalog_at_a_snapshot() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    ok(highwater(&lab, &server, &["run", "table.toml"]));
    let old = table(&lab, &server, "views").current().to_string();
    let against = |more: &[&str]| {
        let args = ["verify", "table.toml", "--output", "out/views", "--against", "out/views"];
        highwater(&lab, &server, &[&args, more].concat())
    };
    ok(against(&[]));
    let text = lab.text("late.csv");
    lab.write("log/2.csv", text);
    ok(highwater(&lab, &server, &["run", "table.toml"]));
    ok(against(&[]));
    let answer = against(&["--snapshot", &old]);
    assert_eq!(answer.code, 1, "{}{}", answer.out, answer.err);
    assert!(answer.out.contains("out/views: different, 2 of 5 rows"), "{}", answer.out);
    let answer = against(&["--snapshot", "7"]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("does not have a snapshot 7"), "{}", answer.err);
    let answer =
        highwater(&lab, &server, &["verify", "table.toml", "--against", "log/1.csv", "--snapshot", "7"]);
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("`snapshot` is of a table"), "{}", answer.err);
}

#[test]
fn a_recorded_commit_is_not_dropped_where_the_catalog_refuses_a_later_command() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    server.fates(|asked, _| if asked.starts_with("POST ") { Fate::HungUp } else { Fate::Answered });
    let answer = highwater(&lab, &server, &["backfill", "table.toml", "late.csv"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("the commit is recorded"), "{}", answer.err);
    // One that may only read.
    server.fates(|asked, _| if asked.starts_with("POST ") { Fate::Refused(403) } else { Fate::Answered });
    for args in [&["tables", "table.toml"][..], &["run", "table.toml"]] {
        let answer = highwater(&lab, &server, args);
        assert_eq!(answer.code, 4, "{args:?}: {}", answer.err);
        assert!(answer.err.contains("refuses a commit to the table a b.lake.events: 403"), "{}", answer.err);
        assert!(answer.err.contains("the commit of an earlier command is recorded in "), "{}", answer.err);
    }
    server.fates(|_, _| Fate::Answered);
    ok(highwater(&lab, &server, &["tables", "table.toml"]));
    ok(highwater(&lab, &server, &["backfill", "plain.toml", "late.csv"]));
    alike(&lab, &server, 2, "lost, then refused");
}

#[test]
fn of_two_writers_one_wins_and_the_other_is_told() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    let old = server.tables();
    server.fates(|asked, _| if asked.starts_with("POST ") { Fate::Raced } else { Fate::Answered });
    let answer = highwater(&lab, &server, &["backfill", "table.toml", "late.csv"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(
        answer.err.contains("another program has committed to a b.lake.events of the catalog"),
        "{}",
        answer.err
    );
    server.fates(|_, _| Fate::Answered);
    // The commit of the other program is named, and is not written over.
    let answer = highwater(&lab, &server, &["backfill", "table.toml", "late.csv"]);
    assert_eq!(answer.code, 4);
    assert!(answer.err.contains("its snapshot 77 is an `append` by spark"), "{}", answer.err);
    server.restore(&old);
    both(&lab, &server, &["backfill", "JOB", "late.csv"]);
    alike(&lab, &server, 2, "after a roll back");
    server.change("a b.lake.views", commit_of_another);
    let answer = highwater(&lab, &server, &["run", "table.toml"]);
    assert_eq!(answer.code, 4);
    assert!(answer.err.contains("another program has changed the table"), "{}", answer.err);
}

#[test]
fn a_refusal_leaves_all_as_it_was_and_tells_no_secret() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    // The server repeats what it was sent, so the words of the program have to be free of it.
    let mut wrong = command(&["run", "table.toml"]);
    let answer = lab.hear(wrong.env("HIGHWATER_CATALOG_TOKEN", "tok-wrong-9"));
    assert_eq!(answer.code, 4);
    assert!(answer.err.contains("refuses its configuration: 401"), "{}", answer.err);
    assert!(answer.err.contains("HIGHWATER_CATALOG_TOKEN"), "{}", answer.err);
    assert!(!answer.err.contains("tok-wrong-9"), "{}", answer.err);
    let mut wrong = command(&["run", "table.toml"]);
    let answer = lab.hear(
        wrong.env_remove("HIGHWATER_CATALOG_TOKEN").env("HIGHWATER_CATALOG_CREDENTIAL", "me:not-the-secret"),
    );
    assert_eq!(answer.code, 4);
    assert!(answer.err.contains("refuses a token: 401"), "{}", answer.err);
    assert!(!answer.err.contains("not-the-secret"), "{}", answer.err);
    // The client id and secret give the token.
    let credential = format!("me:{SECRET}");
    let mut right = command(&["run", "table.toml"]);
    ok(lab
        .hear(right.env_remove("HIGHWATER_CATALOG_TOKEN").env("HIGHWATER_CATALOG_CREDENTIAL", &credential)));
    ok(highwater(&lab, &server, &["run", "plain.toml"]));
    server.fates(|asked, _| if asked.starts_with("POST ") { Fate::Refused(403) } else { Fate::Answered });
    let (files, tables) = (lab.files("out"), server.metadata("a b.lake.views"));
    let answer = highwater(&lab, &server, &["backfill", "table.toml", "late.csv"]);
    assert_eq!(answer.code, 4);
    assert!(
        answer.err.contains("refuses a commit to the table a b.lake.events: 403: as the test says"),
        "{}",
        answer.err
    );
    assert_eq!(server.metadata("a b.lake.views"), tables);
    let journals =
        lab.files("out").into_keys().filter(|path| path.contains("journal") || path.contains("staging"));
    assert_eq!(journals.count(), 0);
    server.fates(|_, _| Fate::Answered);
    both(&lab, &server, &["backfill", "JOB", "late.csv"]);
    alike(&lab, &server, 2, "after a refusal");
    for (path, bytes) in lab.files("out").into_iter().chain(files) {
        for secret in [TOKEN, SECRET] {
            assert!(
                !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{secret} is in {path}"
            );
        }
    }
}

#[test]
fn a_folder_belongs_to_one_table() {
    let (server, other) = (CatalogServer::new(), CatalogServer::new());
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    let files = lab.files("out");
    // Another catalog, which does not have the table: its expiry would take the files of the first.
    describe(&lab, &other, "");
    let answer = highwater(&lab, &other, &["run", "table.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("out/events, which is a table of another catalog"), "{}", answer.err);
    // The folder as the catalog.
    let job = lab.text("table.toml");
    let bare: Vec<&str> = job.lines().filter(|line| !line.starts_with("catalog")).collect();
    lab.write("table.toml", bare.join("\n"));
    let answer = highwater(&lab, &other, &["run", "table.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("out/events, which is a table of another catalog"), "{}", answer.err);
    assert!(lab.files("out") == files);
    // A table whose catalog is the folder.
    lab.write("table.toml", bare.join("\n").replace("out/", "folder/"));
    ok(highwater(&lab, &other, &["run", "table.toml"]));
    lab.write("table.toml", job.replace("out/", "folder/").replace(&server.url(), &other.url()));
    let answer = highwater(&lab, &other, &["run", "table.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(
        answer.err.contains("folder/events, which is a table whose catalog is that folder"),
        "{}",
        answer.err
    );
    // A table that another program has made.
    describe(&lab, &server, "");
    for table in ["a b.lake.events", "a b.lake.views"] {
        server.change(table, |metadata| {
            for snapshot in metadata["snapshots"].as_array_mut().unwrap() {
                snapshot["summary"] = json!({ "operation": "append" });
            }
        });
    }
    let answer = highwater(&lab, &server, &["run", "table.toml"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("a b.lake.events of the catalog"), "{}", answer.err);
    assert!(answer.err.contains("which Highwater did not write"), "{}", answer.err);
}

#[test]
fn a_first_commit_that_is_refused_is_made_by_the_next_run() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    server.fates(|asked, _| {
        if asked.starts_with("POST ") && asked.ends_with("/tables/views") {
            Fate::Refused(403)
        } else {
            Fate::Answered
        }
    });
    let answer = highwater(&lab, &server, &["run", "table.toml"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(server.metadata("a b.lake.events").is_some() && server.metadata("a b.lake.views").is_none());
    assert!(answer.err.contains("the other outputs of the job were committed"), "{}", answer.err);
    server.fates(|_, _| Fate::Answered);
    both(&lab, &server, &["run", "JOB"]);
    alike(&lab, &server, 1, "after a refusal of the first commit");
}

#[test]
fn a_table_of_a_catalog_is_an_input() {
    let server = CatalogServer::new();
    let lab = lab(&server);
    both(&lab, &server, &["run", "JOB"]);
    let reader = |more: &str| {
        let table =
            format!("catalog = {{ uri = \"{}\", table = \"a b.lake.events\" }}\n{more}", server.url());
        let output = "[[output]]\npath = \"codes.csv\"\nby = [\"code\"]\nselect = { n = \"count(*)\" }\n";
        lab.write("reader.toml", format!("[source]\n{table}time = \"at\"\n{output}"));
        highwater(&lab, &server, &["run", "reader.toml"])
    };
    ok(reader(""));
    assert_eq!(lab.text("codes.csv"), "code,n\nA,2\nB,1\n,1\n");
    let first = table(&lab, &server, "events").current();
    both(&lab, &server, &["backfill", "JOB", "late.csv"]);
    ok(reader(""));
    assert_eq!(lab.text("codes.csv"), "code,n\nA,3\nB,1\nC,1\n,1\n");
    ok(reader(&format!("snapshot = \"{first}\"\n")));
    assert_eq!(lab.text("codes.csv"), "code,n\nA,2\nB,1\n,1\n");
    let answer = reader("path = \"log/*.csv\"\n");
    assert_eq!(answer.code, 2);
    assert!(answer.err.contains("a log has `path` or `catalog`, but this one has both"), "{}", answer.err);
    server.restore(&CatalogServer::new().tables());
    let answer = reader("");
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("there is no table a b.lake.events of the catalog"), "{}", answer.err);
}

#[test]
fn what_is_wrong_with_the_keys_is_told() {
    let lab = Lab::new();
    lab.write("log/1.csv", LOG);
    let said = |output: &str| {
        let head = "[source]\npath = \"log/*.csv\"\ntime = \"at\"\n";
        let answer = lab.run(&format!("{head}[[output]]\npath = \"out/a\"\n{output}\n"), &[]);
        assert_eq!(answer.code, 2, "{}", answer.err);
        answer.err.lines().find(|line| line.starts_with("error")).unwrap_or_default().to_string()
    };
    let iceberg = |catalog: &str| said(&format!("table = \"iceberg\"\ncatalog = {{ {catalog} }}"));
    let second = "[[output]]\npath = \"out/b\"\ntable = \"iceberg\"\ncatalog = { uri = \"http://h\", table = \"a.b\" }";
    insta::assert_snapshot!([
        said("catalog = { uri = \"http://h\", table = \"a.b\" }"),
        iceberg("uri = \"http://h\""),
        iceberg("table = \"a.b\""),
        iceberg("uri = \"s3://h\", table = \"a.b\""),
        iceberg("uri = \"http://me:pw@h\", table = \"a.b\""),
        iceberg("uri = \"http://h?x=y\", table = \"a.b\""),
        iceberg("uri = \"http://h\", table = \"b\""),
        iceberg("uri = \"http://h\", table = \"a.b\", oauth2_server_uri = \"login\""),
        iceberg("uri = \"http://h\", table = \"a.b\", token = \"x\""),
        said(&format!("table = \"iceberg\"\ncatalog = {{ uri = \"http://h/\", table = \"a.b\" }}\n{second}")),
    ].join("\n"), @r"
    error: `catalog` is for tables
    error: catalog has no `table`
    error: catalog has no `uri`
    error: `s3://h` is not the address of a catalog
    error: the address of the catalog has a login
    error: `http://h?x=y` is not the address of a catalog
    error: `b` is not the name of a table in a catalog
    error: `login` is not the address of a catalog
    error: unknown key `token` in catalog
    error: two outputs are the table `a.b`
    ");
}
