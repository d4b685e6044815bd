//! What Highwater writes, and where: never over what it reads, what it did not write, or another of its own files; and
//! nothing that lies in an output leads out of it.

use crate::support::Lab;
use std::fs;
use std::os::unix::fs::symlink;

const LOG: &str = "at,n,k\n1,1,a\n2,x,b\n3,3,a\n";

fn job(source: &str, rest: &str) -> String {
    format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\ntypes = {{ n = \"int64\" }}\n\
         on_bad_record = \"reject\"\n{source}\n{rest}"
    )
}

fn output(path: &str) -> String {
    format!("[[output]]\npath = \"{path}\"\nselect = [\"at\", \"n\"]\n")
}

#[test]
fn every_path_of_a_job_has_a_place_of_its_own() {
    let table = "[table.names]\npath = \"names.csv\"\non_bad_record = \"reject\"\nREJ\n[[step]]\nenrich = \"names\"\n\
        on = { k = \"k\" }\ntake = { name = \"name\" }\n";
    let (out, page) =
        (output("out/f.csv"), |path: &str| format!("[[output]]\npath = \"{path}\"\nformat = \"html\"\n"));
    let rejects = |path: &str| format!("rejects = \"{path}\"");
    let late = |path: &str| format!("{out}[late]\npath = \"{path}\"\n");
    for (source, rest, says) in [
        (
            rejects("log.csv"),
            out.clone(),
            "rejected records cannot be written to `log.csv`: it is a file of the source",
        ),
        (rejects("sub/../log.csv"), out.clone(), "it is a file of the source"),
        (rejects("link.csv"), out.clone(), "it is a file of the source"),
        (
            rejects("out/f.csv"),
            out.clone(),
            "rejected records cannot be written to `out/f.csv`: an output is written to the same file",
        ),
        (rejects("job.toml"), out.clone(), "it is the job file"),
        (
            rejects("out/p/bad.jsonl"),
            output("out/p"),
            "an output is written to this folder, which must contain nothing else",
        ),
        (rejects("names.csv"), format!("{}{out}", table.replace("REJ", "")), "it is a lookup file of a step"),
        (
            String::new(),
            format!("{}{out}", table.replace("REJ", &rejects("log.csv"))),
            "it is a file of the source",
        ),
        (
            rejects("b.jsonl"),
            format!("{}{out}", table.replace("REJ", &rejects("./b.jsonl"))),
            "rejected records are written to the same file",
        ),
        (
            String::new(),
            output("log.csv"),
            "the output cannot be written to `log.csv`: it is a file of the source",
        ),
        (String::new(), format!("{out}{}", output("./out/f.csv")), "another output is written there"),
        (
            String::new(),
            format!("{}{}", output("out"), output("out/p")),
            "an output is written to this folder",
        ),
        (
            String::new(),
            format!("{}{}", output("out/p/"), output("out")),
            "the output is written into this folder",
        ),
        (String::new(), output("./"), "a file of the source is in it (log.csv)"),
        (String::new(), late("log.jsonl"), "it is a file of the source"),
        (
            String::new(),
            late("out/../out/late.jsonl") + &page("out/late.jsonl"),
            "late events are written to the same file",
        ),
        (
            String::new(),
            format!("{out}{}", page("out/f.csv")),
            "the page cannot be written to `out/f.csv`: an output is written to the same file",
        ),
        (
            String::new(),
            format!("{out}{}", page("log.csv")),
            "the page cannot be written to `log.csv`: it is a file of the source",
        ),
        (
            rejects("p.html"),
            format!("{out}{}", page("p.html")),
            "rejected records are written to the same file",
        ),
    ] {
        let lab = Lab::new();
        lab.write("log.csv", LOG);
        lab.write("names.csv", "k,name\na,A\n");
        symlink(lab.path("log.csv"), lab.path("link.csv")).unwrap();
        symlink(lab.path("log.csv"), lab.path("log.jsonl")).unwrap();
        fs::create_dir(lab.path("sub")).unwrap();
        let job = job(&source, &rest);
        lab.write("job.toml", &job);
        let before = lab.files("");
        for command in ["run", "check"] {
            let answer = lab.highwater(&[command, "job.toml"]);
            assert_eq!(answer.code, 2, "{command}: {}\n{job}", answer.err);
            assert!(answer.err.contains(says), "{says}: {}\n{job}", answer.err);
        }
        assert!(lab.files("") == before, "{job}");
    }
}

#[test]
fn a_file_of_the_user_is_never_replaced() {
    let mine = "precious\n";
    let (rejects, page) = (
        job("rejects = \"mine\"", &output("out/f.csv")),
        job(
            "rejects = \"out/b.jsonl\"",
            &(output("out/f.csv") + "[[output]]\npath = \"mine\"\nformat = \"html\"\n"),
        ),
    );
    let other = job("rejects = \"out/b.jsonl\"", &output("out/f.csv"));
    let streamed = job(
        "",
        "[[output]]\npath = \"out/f.csv\"\nwindow = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\n",
    );
    let commands: [(&str, &str, &[&str]); 8] = [
        (&rejects, "mine", &["run", "job.toml"]),
        (&page, "mine", &["run", "job.toml"]),
        (&other, "mine.html", &["report", "job.toml", "-o", "mine.html"]),
        (&other, "mine.html", &["verify", "job.toml", "--html", "mine.html"]),
        (&other, "mine.prom", &["run", "job.toml", "--metrics", "mine.prom"]),
        (
            &streamed,
            "mine.csv",
            &["inspect", "job.toml", "--at", "1970-01-01T00:00:02Z", "--output", "mine.csv"],
        ),
        (&other, "g/sales.jsonl", &["generate", "sales", "--rows", "10", "--out", "g"]),
        (&other, "m/highwater.1", &["man", "--out", "m"]),
    ];
    for (job, path, args) in commands {
        let lab = Lab::new();
        lab.write("log.csv", LOG);
        lab.write("job.toml", job);
        lab.write(path, mine);
        let answer = lab.highwater(args);
        assert_eq!(answer.code, 2, "{args:?}: {}", answer.err);
        assert!(answer.err.contains(path) && answer.err.contains("hint:"), "{args:?}: {}", answer.err);
        assert_eq!(lab.text(path), mine, "{args:?}");
        // Where nothing is, it is written; and again without a flag, by the same words and by others of its kind.
        fs::remove_file(lab.path(path)).unwrap();
        for _ in 0..2 {
            let answer = lab.highwater(args);
            assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
        }
        assert!(!lab.text(path).is_empty());
        // Not through a link either.
        lab.write("elsewhere", mine);
        fs::remove_file(lab.path(path)).unwrap();
        symlink(lab.path("elsewhere"), lab.path(path)).unwrap();
        let _ = lab.highwater(args);
        assert_eq!(lab.text("elsewhere"), mine, "{args:?}");
    }
}

#[test]
fn files_of_commands_stay_out_of_the_places_of_the_job() {
    let lab = Lab::new();
    lab.write("log.csv", LOG);
    let job = job("rejects = \"out/bad.html\"", &output("out/p"));
    lab.done(&job, &["-q"]);
    lab.write("page.html", "<title>x · Highwater report</title>");
    let before = lab.files("");
    for (path, says) in [
        ("out/p/page.html", "it is in the folder of an output"),
        ("out/../out/bad.html", "it is the job's file of rejected records"),
    ] {
        let answer = lab.highwater(&["report", "job.toml", "-o", path]);
        assert!(answer.code == 2 && answer.err.contains(says), "{}", answer.err);
    }
    let answer = lab.highwater(&["inspect", "job.toml", "--at", "1970-01-01", "--output", "log.csv"]);
    assert!(answer.code == 2 && answer.err.contains("it is a file that the job reads"), "{}", answer.err);
    assert!(lab.files("") == before);
    // A page of before, which says what it is in its title alone, is replaced.
    assert_eq!(lab.highwater(&["report", "job.toml", "-o", "page.html"]).code, 0);
    // By force a file is written over, but not one that is looked at.
    for (args, code) in [
        (&["generate", "sales", "--rows", "10", "--out", "g"][..], 0),
        (&["generate", "sales", "--rows", "11", "--out", "g"], 2),
        (&["generate", "sales", "--rows", "11", "--out", "g", "--force"], 0),
        (&["generate", "sales", "--rows", "11", "--out", "g"], 0),
        (&["init", "log.csv", "-o", "log.csv", "--force"], 2),
    ] {
        let answer = lab.highwater(args);
        assert_eq!(answer.code, code, "{args:?}: {}", answer.err);
    }
    assert_eq!(lab.text("log.csv"), LOG);
}

#[test]
fn a_state_folder_from_elsewhere_does_nothing_beyond_its_output() {
    let commands: [&[&str]; 6] = [
        &["run", "job.toml"],
        &["run", "job.toml", "--changed", "reload"],
        &["explain", "job.toml"],
        &["audit", "job.toml"],
        &["report", "job.toml", "-o", "page.html"],
        &["backfill", "job.toml", "log.csv"],
    ];
    let journal = r#"{"version":1,"id":"x","role":{"primary":[{"root":".","state":"_highwater","renames":
        [{"staged":"0.staged","part":"../../victim/planted","bytes":5}],
        "deletions":["../../victim/precious"],"manifest":null}]}}"#;
    let manifest = r#"{"version":1,"tool":"x","job":{"name":"job","hash":"x"},"output":{"format":"parquet"},"inputs":[],
        "account":{"read":0,"rejected":0,"filtered":0,"duplicate":0,"late":0,"counted":0},
        "parts":[{"path":"../../victim/precious","rows":1,"bytes":9,"hash":"x"}]}"#;
    for (name, text) in [("journal.json", journal), ("manifest.json", manifest)] {
        for command in commands {
            let lab = Lab::new();
            lab.write("log.csv", LOG);
            lab.write("victim/precious", "precious\n");
            lab.write("job.toml", job("", "[[output]]\npath = \"out/p\"\nwindow = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\n"));
            lab.write(&format!("out/p/_highwater/{name}"), text);
            lab.write("out/p/_highwater/staging/0.staged", "plant");
            let before = lab.files("victim");
            let answer = lab.highwater(command);
            let reads_no_manifest = name == "manifest.json" && !matches!(command[0], "run" | "backfill");
            if !reads_no_manifest {
                assert_eq!(answer.code, 4, "{command:?}: {}", answer.err);
                assert!(
                    answer.err.contains(&format!("out/p/_highwater/{name}")),
                    "{command:?}: {}",
                    answer.err
                );
            }
            assert!(lab.files("victim") == before, "{command:?}");
        }
    }
    let lab = Lab::new();
    lab.write("log.csv", LOG);
    lab.write("victim", "precious\n");
    fs::create_dir_all(lab.path("out/_highwater/a.jsonl")).unwrap();
    symlink(lab.path("victim"), lab.path("out/_highwater/a.jsonl/lock")).unwrap();
    let answer = lab.run(&job("", &output("out/a.jsonl")), &["-q"]);
    assert!(
        answer.code == 4 && answer.err.contains("lock") && answer.err.contains("is a link"),
        "{}",
        answer.err
    );
    assert_eq!(lab.text("victim"), "precious\n");
}

/// The law "split" where keys that name folders look like the names of one another.
#[test]
fn hostile_keys_in_folders_are_corrected_as_a_run_counts_them() {
    let keys = [
        "null",
        "\"\"",
        "\"\\u0000\"",
        "\"\\u0000\\u0000\"",
        "\"__HIVE_DEFAULT_PARTITION__\"",
        "\"%00\"",
        "\"%\"",
        "\".\"",
        "\"..\"",
        "\"../x\"",
        "\"a/b\"",
        "\"a%2Fb\"",
        "\"%5F_HIVE_DEFAULT_PARTITION__\"",
        "\"x=y\"",
        "\"ä\"",
        "\"\\n\"",
    ];
    let lines = |value: usize| -> String {
        keys.iter()
            .enumerate()
            .map(|(i, key)| format!("{{\"t\":{i},\"k\":{key},\"_id\":{key},\"n\":{}}}\n", value + i))
            .collect()
    };
    for by in ["k", "_id"] {
        let job = format!(
            "[source]\npath = \"in/*.jsonl\"\ntime = \"t\"\ntime_unit = \"s\"\ntypes = {{ k = \"string\", _id = \"string\", n = \"int64\" }}\n\
             [[output]]\npath = \"out/p\"\nby = [\"{by}\"]\nselect = {{ s = \"sum(n)\" }}\npartition_by = [\"{by}\"]\nformat = \"jsonl\"\n"
        );
        let (lab, want) = (Lab::new(), Lab::new());
        lab.write("in/1.jsonl", lines(1));
        lab.done(&job, &["-q"]);
        lab.write("in/2.jsonl", lines(100));
        let answer = lab.highwater(&["backfill", "job.toml", "in/2.jsonl"]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        want.write("in/1.jsonl", lines(1));
        want.write("in/2.jsonl", lines(100));
        want.done(&job, &["-q"]);
        assert!(lab.data("out") == want.data("out") && lab.manifests("out") == want.manifests("out"));
        assert_eq!(lab.data("out").len(), keys.len());
        // Folders tell the keys, and are read back.
        let back = format!(
            "[source]\npath = \"out/p\"\ntime = \"s\"\ntime_unit = \"s\"\ntypes = {{ {by} = \"string\", s = \"int64\" }}\n\
             [[output]]\npath = \"back.jsonl\"\nselect = [\"{by}\", \"s\"]\n"
        );
        lab.done(&back, &["-q"]);
        let mut found: Vec<String> = lab.text("back.jsonl").lines().map(str::to_string).collect();
        let mut expected: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(i, key)| {
                let key: serde_json::Value = serde_json::from_str(key).unwrap();
                format!("{{\"{by}\":{key},\"s\":{}}}", 101 + 2 * i)
            })
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_key_that_is_too_long_for_a_folder_is_named() {
    let lab = Lab::new();
    lab.write("log.csv", format!("at,n,k\n1,1,begin{}\n", "x".repeat(300)));
    let answer = lab.run(&job("", "[[output]]\npath = \"out/p\"\npartition_by = [\"k\"]\n"), &["-q"]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(
        answer.err.contains("a value of `k` is too long") && answer.err.contains("`beginxxx"),
        "{}",
        answer.err
    );
    assert!(!lab.path("out").exists());
}
