//! Inputs on stores: the same bytes as from the disk, whatever the store does; what is asked of it; and what is said.

use super::store_server::{Asked, Fate, StoreServer};
use super::support::{Answer, Lab};
use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::process::Command;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A log of so many lines, each with a number of its own from `first` on.
fn csv(first: usize, lines: usize) -> String {
    let line = |i: usize| format!("2024-02-{:02}T{:02}:00:00Z,k{},{i}\n", 1 + i % 28, i % 24, i % 5);
    "time,key,amount\n".to_string() + &(first..first + lines).map(line).collect::<String>()
}

fn jsonl(first: usize, lines: usize) -> String {
    let line = |i: usize| {
        format!(
            "{{\"time\":\"2024-02-{:02}T{:02}:00:00Z\",\"key\":\"k{}\",\"amount\":{i}}}\n",
            1 + i % 28,
            i % 24,
            i % 5
        )
    };
    (first..first + lines).map(line).collect()
}

/// A job over `path`, with totals and with the events in their order, which depends on positions.
fn job(path: &str) -> String {
    format!(
        r#"
[source]
path = {path}
time = "time"
types = {{ key = "string", amount = "int64" }}

[[step]]
dedup = ["key"]
within = "2h"

[[output]]
path = "out/days"
window = {{ tumbling = "1 day" }}
by = ["key"]
select = {{ total = "sum(amount)", first = "first(amount)", n = "count(*)" }}

[[output]]
path = "out/events.jsonl"
"#
    )
}

/// What the binary says where `server` is the store.
fn on(server: &StoreServer, lab: &Lab, args: &[&str]) -> Answer {
    lab.hear(server.env(Command::new(env!("CARGO_BIN_EXE_highwater")).args(args)))
}

fn done(server: &StoreServer, lab: &Lab, args: &[&str]) -> Answer {
    let answer = on(server, lab, args);
    assert_eq!(answer.code, 0, "{}", answer.err);
    answer
}

/// Puts the files below `log` of a lab into the bucket.
fn upload(server: &StoreServer, lab: &Lab) {
    for (name, bytes) in lab.files("log") {
        server.put(&format!("bucket/log/{name}"), bytes);
    }
}

/// A lab with a log of every format, in folders, with names whose natural order is not that of their bytes.
fn every_format() -> Lab {
    let lab = Lab::new();
    for (i, name) in
        ["day2.csv", "day10.csv", "b/day1.csv.gz", "b/day03.csv.zst", "a b/ü.csv"].into_iter().enumerate()
    {
        lab.write(&format!("log/{name}"), csv(100 * i, 90));
    }
    lab.write("log/c/x.jsonl", jsonl(1000, 80));
    lab.write("log/c/y.jsonl.gz", jsonl(2000, 80));
    lab.write("log/_hidden/x.csv", csv(700, 10));
    lab.write("log/c/.part.csv.crc", "no data");
    lab.write("log/c/part-0-0.inprogress.7", "not finished");
    for (i, ending) in ["parquet", "avro"].into_iter().enumerate() {
        lab.write("made.csv", csv(5000 + 1000 * i, 300));
        lab.write(
            "make.toml",
            format!(
                "[source]\npath = \"made.csv\"\ntime = \"time\"\ntypes = {{ key = \"string\", amount = \"int64\" }}\n\
                 [[output]]\npath = \"made/x.{ending}\"\n"
            ),
        );
        assert_eq!(lab.highwater(&["run", "make.toml"]).code, 0);
        let made = lab.files("made").remove(&format!("x.{ending}")).unwrap();
        lab.write(&format!("log/d/x.{ending}"), made);
    }
    lab
}

fn zip(members: &[(&str, String)]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(vec![]));
    for (name, text) in members {
        out.start_file(*name, SimpleFileOptions::default()).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// Runs `job` over local `paths`, then over the same below `s3://bucket/`, and gives both trees of files.
fn same_bytes(server: &StoreServer, lab: &Lab, paths: &[&str]) {
    let list = |root: &str| {
        let paths: Vec<String> = paths.iter().map(|path| format!("\"{root}{path}\"")).collect();
        format!("[{}]", paths.join(", "))
    };
    let run = |root: &str| {
        let _ = std::fs::remove_dir_all(lab.path("out"));
        lab.write("job.toml", job(&list(root)));
        let answer = done(server, lab, &["run", "job.toml"]);
        (lab.data("out"), answer)
    };
    let ((local, said), (remote, _)) = (run(""), run("s3://bucket/"));
    assert!(local.len() > 1, "{}", said.err);
    assert!(local == remote, "{paths:?}: {:?} and {:?}", local.keys(), remote.keys());
}

#[test]
fn a_store_gives_the_bytes_that_the_disk_gives() {
    let (server, lab) = (StoreServer::new(), every_format());
    lab.write("log/e/z.zip", zip(&[("one.csv", csv(9000, 50)), ("in/two.csv", csv(9100, 50))]));
    upload(&server, &lab);
    for paths in [
        &["log"][..],
        &["log/"],
        &["log/*.csv"],
        &["log/**/*.csv*"],
        &["log/?/*"],
        &["log/b/day*.csv.*", "log/day2.csv"],
        &["log/c/*.jsonl", "log/c"],
        &["log/d/x.parquet"],
        &["log/d/*.avro"],
        &["log/e/z.zip"],
        &["log/a b/ü.csv", "log/*/"],
    ] {
        same_bytes(&server, &lab, paths);
    }
}

#[test]
fn folders_tell_columns_on_a_store_too() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    for day in ["2024-02-01", "2024-02-02", "2024-02-10"] {
        lab.write(&format!("log/date={day}/kind=a%20b/x.csv"), csv(day.len(), 20));
    }
    upload(&server, &lab);
    // Marks of folders, as consoles make them.
    server.put("bucket/log/date=2024-02-01/", "");
    server.put("bucket/log/", "");
    let run = |path: &str| {
        let _ = std::fs::remove_dir_all(lab.path("out"));
        let text = job(path)
            .replace("types = {", "types = { date = \"date\", kind = \"string\",")
            .replace("by = [\"key\"]", "by = [\"date\", \"kind\"]");
        lab.write("job.toml", text);
        done(&server, &lab, &["run", "job.toml"]);
        lab.data("out")
    };
    let local = run("\"log/date=2024-02-0*\"");
    server.asked();
    let remote = run("\"s3://bucket/log/date=2024-02-0*\"");
    assert_eq!(local, remote);
    // What stands before the first wildcard bounds what is listed.
    let prefixes: BTreeSet<String> =
        server.asked().into_iter().filter(|asked| asked.what == "list").map(|asked| asked.name).collect();
    assert!(prefixes.contains("bucket/log/date=2024-02-0"), "{prefixes:?}");
    assert!(!prefixes.contains("bucket/log/") && !prefixes.contains("bucket/"), "{prefixes:?}");
}

#[test]
fn a_listing_takes_a_request_a_page_however_many_folders_there_are() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    for i in 0..40 {
        lab.write(&format!("log/hour={i}/x.csv"), csv(i, 3));
    }
    upload(&server, &lab);
    lab.write("job.toml", job("\"s3://bucket/log\""));
    done(&server, &lab, &["run", "job.toml"]);
    let asked = server.asked();
    let listings = |asked: &[Asked]| asked.iter().filter(|asked| asked.what == "list").count();
    // 8 pages of 5, and a few questions for tables and marks above.
    assert!(listings(&asked) <= 8 + 16, "{}", listings(&asked));
    let heads = asked.iter().filter(|asked| asked.what == "head").count();
    assert!(heads <= 1, "what is listed needs no request of its own: {heads}");
}

#[test]
fn what_fails_and_may_pass_is_asked_for_again() {
    let (server, lab) = (StoreServer::new(), every_format());
    upload(&server, &lab);
    lab.write("job.toml", job("\"log\""));
    done(&server, &lab, &["run", "job.toml"]);
    let whole = lab.data("out");
    lab.write("job.toml", job("\"s3://bucket/log\""));
    for fate in [Fate::Refused(503, "SlowDown"), Fate::HungUp, Fate::Cut, Fate::Refused(500, "InternalError")]
    {
        let failing = fate.clone();
        // Each third request fails: of a request that is made again hardly ever twice.
        server.fates(move |_, n| if n % 3 == 2 { failing.clone() } else { Fate::Answered });
        let _ = std::fs::remove_dir_all(lab.path("out"));
        let answer = done(&server, &lab, &["run", "job.toml"]);
        assert!(lab.data("out") == whole, "{fate:?}");
        assert!(answer.err.contains("made again; the last one met"), "{fate:?}: {}", answer.err);
        assert!(!answer.err.contains("wJalrXUtnFEMI") && !answer.err.contains("AKID"), "{}", answer.err);
    }
    server.fates(|asked, _| if asked.what == "get" { Fate::Slow(5) } else { Fate::Answered });
    let _ = std::fs::remove_dir_all(lab.path("out"));
    done(&server, &lab, &["run", "job.toml"]);
    assert!(lab.data("out") == whole);
}

#[test]
fn ranges_are_fetched_ahead_in_parallel() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    // 30 MB, which would be eight requests one behind the other.
    lab.write("log/x.csv", csv(0, 1_000_000));
    upload(&server, &lab);
    lab.write("job.toml", job("\"s3://bucket/log\""));
    server.fates(|asked, _| if asked.what == "get" { Fate::Slow(20) } else { Fate::Answered });
    done(&server, &lab, &["run", "job.toml"]);
    assert!(server.most_in_flight() >= 3, "{}", server.most_in_flight());
    // No byte of a log that is read from front to back is asked for twice, but for the sample.
    let size: u64 = lab.files("log")["x.csv"].len() as u64;
    let bytes: u64 = server
        .asked()
        .iter()
        .filter_map(|asked| asked.range)
        .map(|(from, to)| to.min(size - 1) + 1 - from)
        .sum();
    assert!(bytes < size + size / 2, "{bytes} of {size}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    let text = csv(0, 100_000);
    server.put("bucket/log/x.csv", text.clone());
    lab.write("job.toml", job("\"s3://bucket/log\""));
    let server = std::sync::Arc::new(server);
    let other = server.clone();
    // The listing shows one state, and what is read behind the first bytes is another.
    let changed = std::sync::atomic::AtomicBool::new(false);
    server.fates(move |asked, _| {
        let late = asked.what == "get" && asked.range.is_some_and(|(from, _)| from > 0);
        if late && !changed.swap(true, std::sync::atomic::Ordering::SeqCst) {
            other.put("bucket/log/x.csv", text.replace("k1", "k9"));
        }
        Fate::Answered
    });
    let answer = on(&server, &lab, &["run", "job.toml"]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(answer.err.contains("s3://bucket/log/x.csv changed while it was read"), "{}", answer.err);
    assert!(!lab.path("out/events.jsonl").exists());
    // The closure holds the server, so the circle is opened.
    server.fates(|_, _| Fate::Answered);
}

#[test]
fn what_was_counted_is_known_by_its_etag_and_not_read_again() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    server.put("bucket/log/a.csv", csv(0, 2000));
    server.put("bucket/log/b.csv", csv(10_000, 2000));
    let archived = job("\"s3://bucket/log\"")
        .replace("path = \"out/events.jsonl\"", "path = \"out/events\"\narchive = true");
    lab.write("job.toml", archived);
    done(&server, &lab, &["run", "job.toml"]);
    server.asked();
    let again = done(&server, &lab, &["run", "job.toml"]);
    let read: u64 = server.asked().iter().filter_map(|asked| asked.range).map(|(from, to)| to - from).sum();
    assert!(read <= 2 * (256 << 10), "only heads are read: {read}\n{}", again.err);
    let before = lab.data("out");
    // A file of the same name and size with other content is told, not trusted.
    server.put("bucket/log/a.csv", csv(0, 2000).replace("k1", "k7"));
    let changed = on(&server, &lab, &["run", "job.toml"]);
    assert_eq!(changed.code, 3, "{}", changed.err);
    assert!(changed.err.contains("has changed since it was counted"), "{}", changed.err);
    assert!(lab.data("out") == before);
    // One of the same content is known by its content, wherever it lies.
    server.put("bucket/log/a.csv", csv(0, 2000));
    server.put("bucket/log/c.csv", csv(20_000, 50));
    server.put("bucket/late/copy.csv", csv(0, 2000));
    let late =
        done(&server, &lab, &["backfill", "job.toml", "s3://bucket/log/c.csv", "s3://bucket/late/copy.csv"]);
    let corrected = lab.data("out");
    assert!(corrected != before, "{}", late.err);
    let _ = std::fs::remove_dir_all(lab.path("out"));
    done(&server, &lab, &["run", "job.toml"]);
    assert!(lab.data("out") == corrected, "a backfill gives what a run over all gives");
}

#[test]
fn a_column_of_a_parquet_file_is_read_by_ranges() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    lab.write("made.csv", csv(0, 200_000));
    lab.write(
        "make.toml",
        "[source]\npath = \"made.csv\"\ntime = \"time\"\n[[output]]\npath = \"made/x.parquet\"\n",
    );
    assert_eq!(lab.highwater(&["run", "make.toml"]).code, 0);
    let file = lab.files("made").remove("x.parquet").unwrap();
    let size = file.len() as u64;
    server.put("bucket/x.parquet", file);
    lab.write("job.toml", job("\"s3://bucket/x.parquet\""));
    let explained = done(&server, &lab, &["explain", "job.toml"]);
    let asked = server.asked();
    let bytes: u64 = asked.iter().filter_map(|asked| asked.range).map(|(from, to)| to + 1 - from).sum();
    assert!(
        bytes < size.max(1 << 20),
        "explain reads the head and the footer: {bytes} of {size}\n{}",
        explained.out
    );
    assert!(
        asked.iter().filter(|asked| asked.what == "get").all(|asked| asked.headers.contains_key("if-match"))
    );
}

#[test]
fn a_server_of_http_gives_files_too() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    lab.write("log/x.csv", csv(0, 20_000));
    upload(&server, &lab);
    lab.write("job.toml", job("\"log/x.csv\""));
    done(&server, &lab, &["run", "job.toml"]);
    let local = lab.data("out");
    let url = format!("{}/bucket/log/x.csv", server.url());
    lab.write("job.toml", job(&format!("\"{url}?token=hush&v=1\"")));
    let run = |fates: Fate| {
        server.fates(
            move |asked, _| if asked.name.starts_with("bucket") { fates.clone() } else { Fate::Answered },
        );
        let _ = std::fs::remove_dir_all(lab.path("out"));
        let answer = done(&server, &lab, &["run", "job.toml"]);
        assert!(lab.data("out") == local, "{}", answer.err);
        lab.manifests("out")
    };
    let manifests = run(Fate::Answered);
    let text = serde_json::to_string(&manifests).unwrap();
    assert!(text.contains("/bucket/log/x.csv?token=***&v=1") && !text.contains("hush"), "{text}");
    // The ETag of a server may be anything, so it is not kept.
    assert!(!text.contains("etag"), "{text}");
    run(Fate::Whole);
    server.put("other/x.csv", lab.files("log").remove("x.csv").unwrap());
    run(Fate::Redirected(format!("{}/other/x.csv", server.url())));
    for fate in [Fate::Cut, Fate::HungUp, Fate::Refused(503, "busy")] {
        server.asked();
        server.fates(move |_, n| if n % 3 == 0 { fate.clone() } else { Fate::Answered });
        let _ = std::fs::remove_dir_all(lab.path("out"));
        let answer = done(&server, &lab, &["run", "job.toml"]);
        assert!(lab.data("out") == local && answer.err.contains("made again"), "{}", answer.err);
    }
}

#[test]
fn what_cannot_be_read_is_said_in_a_sentence() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    server.put("bucket/log/views.csv", csv(0, 10));
    let said = |path: &str| {
        lab.write("job.toml", job(&format!("\"{path}\"")));
        let answer = on(&server, &lab, &["explain", "job.toml"]);
        (answer.code, answer.err)
    };
    let (code, err) = said("s3://bucket/log/view.csv");
    assert!(code == 2 && err.contains("there is no file or folder s3://bucket/log/view.csv"), "{err}");
    assert!(err.contains("did you mean `s3://bucket/log/views.csv`?"), "{err}");
    let (code, err) = said("s3://bucket/log/*.jsonl");
    assert!(code == 2 && err.contains("no file matches s3://bucket/log/*.jsonl"), "{err}");
    let (code, err) = said("s3://bukket/log");
    assert!(code == 2 && err.contains("there is no bucket s3://bukket"), "{err}");
    let (code, err) = said("hdfs://host/log");
    assert!(code == 2 && err.contains("stores are s3://, gs://, az://"), "{err}");
    let (code, err) = said(&format!("{}/bucket/log/none.csv", server.url()));
    assert!(code == 2 && err.contains("there is no file http://127.0.0.1"), "{err}");
    let (code, err) = said(&format!("{}/bucket/log/*.csv", server.url()));
    assert!(code == 2 && err.contains("a server cannot be asked what files it has"), "{err}");
    server.fates(|_, _| Fate::Refused(403, "AccessDenied"));
    let (code, err) = said("s3://bucket/log");
    assert!(code == 4 && err.contains("cannot read s3://bucket/log"), "{code}: {err}");
    assert!(err.contains("403 Forbidden") && err.contains("AWS_ACCESS_KEY_ID"), "{err}");
    assert!(!err.contains("wJalrXUtnFEMI") && !err.contains("AKIDEXAMPLE"), "{err}");
    let (code, err) = said(&format!("{}/bucket/log/views.csv?sig=hush", server.url()));
    assert!(code == 4 && err.contains("403") && !err.contains("hush"), "{err}");
}

#[test]
fn a_profile_is_refused_with_the_way_to_export_it() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    lab.write("job.toml", job("\"s3://bucket/log\""));
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    server
        .env(&mut command)
        .args(["explain", "job.toml"])
        .env("AWS_PROFILE", "work")
        .env_remove("AWS_ACCESS_KEY_ID");
    let answer = lab.hear(&mut command);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(
        answer.err.contains("aws configure export-credentials --profile work --format env"),
        "{}",
        answer.err
    );
    assert_eq!(server.asked(), []);
}

#[test]
fn a_table_on_a_store_is_not_read_as_loose_files() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    server.put("bucket/lake/t/_delta_log/00000000000000000000.json", "{}");
    server.put("bucket/lake/t/part-1.csv", csv(0, 5));
    server.put("bucket/lake/t/date=2024-01-01/part-2.csv", csv(0, 5));
    for path in
        ["s3://bucket/lake", "s3://bucket/lake/t/*.csv", "s3://bucket/lake/t/date=2024-01-01/part-2.csv"]
    {
        lab.write("job.toml", job(&format!("\"{path}\"")));
        let answer = on(&server, &lab, &["explain", "job.toml"]);
        assert_eq!(answer.code, 2, "{path}: {}", answer.err);
        assert!(answer.err.contains("s3://bucket/lake/t is a table of Delta Lake"), "{path}: {}", answer.err);
    }
}

#[test]
fn other_commands_read_stores_too() {
    let (server, lab) = (StoreServer::new(), Lab::new());
    let text = csv(0, 500);
    server.put("bucket/log/x.csv", text.clone());
    lab.write("x.csv", text);
    let local = done(&server, &lab, &["init", "x.csv", "-o", "-"]);
    let remote = done(&server, &lab, &["init", "s3://bucket/log/x.csv", "-o", "-"]);
    assert_eq!(local.out.replace("x.csv", "s3://bucket/log/x.csv"), remote.out);
    lab.write("job.toml", job("\"s3://bucket/log\""));
    done(&server, &lab, &["run", "job.toml"]);
    // What was written is put on the store, and compared from there.
    let written = lab.data("out").remove("events.jsonl").unwrap();
    server.put("bucket/published/events.jsonl", written);
    let args = [
        "verify",
        "job.toml",
        "--output",
        "out/events.jsonl",
        "--against",
        "s3://bucket/published/events.jsonl",
    ];
    let verified = on(&server, &lab, &args);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    // The referee reads the store by its own readers.
    let by_referee = on(&server, &lab, &["verify", "job.toml", "--output", "out/days"]);
    assert_eq!(by_referee.code, 0, "{}{}", by_referee.out, by_referee.err);
}
