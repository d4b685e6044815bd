//! `highwater check`: what can be told of a job without its data.

use crate::golden::with_data;
use crate::support::Lab;

/// Every job that runs is right, and nothing of its data is looked at.
#[test]
fn jobs_that_run_are_right_without_their_data() {
    let lab = Lab::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut jobs = 0;
    for folder in ["data/jobs", "tests/sql"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                let path = path.display().to_string();
                let answer = lab.highwater(&["check", &path]);
                assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{path}");
                assert!(answer.out.contains(": right, as far as can be told without the data"), "{}", answer.out);
                jobs += 1;
            }
        }
    }
    assert!(jobs > 60, "{jobs}");
}

#[test]
fn data_is_looked_at_when_it_is_asked_for() {
    let lab = with_data();
    let answer = lab.highwater(&["check", "data/jobs/pageviews-per-postcode.toml", "--data"]);
    insta::assert_snapshot!(format!("{}{}", answer.out, answer.err), @"");
    lab.write("job.toml", lab.text("data/jobs/pageviews-per-postcode.toml").replace("postcode", "postkode"));
    assert_eq!(lab.highwater(&["check", "job.toml"]).code, 0);
    let answer = lab.highwater(&["check", "job.toml", "--data"]);
    assert!(answer.code == 2 && answer.err.contains("did you mean `postcode`?"), "{}", answer.err);
}

/// One of each kind of fault, all told in one go, of two files.
#[test]
fn all_that_is_wrong_is_told_in_one_go() {
    let lab = Lab::new();
    lab.write(
        "job.toml",
        r#"
timezone = "Europe/Lodnon"
memory = "much"
mode = "stremed"

[source]
path = "none/*.csv"
format = "cvs"
time = "at"
time_unit = "sec"
types = { v = "integer" }
delimiter = ";;"
on_bad_record = "ignore"
idle = "1 month"
max_ahead = "soon"
out_of_orderness = "20 sce"

[table.unused]
path = "t.csv"
filter = "a >"

[[step]]
filter = "uper(x) = 'A'"

[[step]]
derive = { y = "sum(x)" }

[[step]]
dedup = ["id"]
within = "1 fortnight"

[[step]]
enrich = "prces"
on = ["id"]
take = ["price"]
match = "back"

[[step]]
lookup = "ftp://host/{id}"
take = { country = "country" }
on_failure = "ignore"

[[output]]
path = "out.xyz"
window = { tumbling = "1 fortnite" }
select = { n = "sum(max(x))" }

[[output]]
path = "out/a.csv"
window = { session = "0s", allowed_lateness = "never" }
by = ["k"]

[[output]]
path = "out/b.csv"
select = { x = "lowre(x)" }
top = { n = 1, by = "x" }

[late]
path = "late.csv"
"#,
    );
    lab.write("form.toml", "[source]\npath = \"x.csv\"\ntime = \"t\"\n[[output]]\npth = \"o\"\n");
    let answer = lab.highwater(&["check", "job.toml", "form.toml"]);
    assert_eq!((answer.code, answer.out.as_str()), (2, ""));
    insta::assert_snapshot!(answer.err, @"");
}

/// What is found without data, planning finds too.
#[test]
fn no_fault_is_told_that_a_run_would_not_tell() {
    let lab = Lab::new();
    lab.write("log.csv", "at,k,v\n1,a,2\n");
    let source = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n";
    for rest in [
        "[[output]]\npath = \"x.csv\"\nselect = { y = \"lowre(k)\" }\n",
        "[[output]]\npath = \"x.csv\"\nwindow = { tumbling = \"1x\" }\nselect = { n = \"count(*)\" }\n",
        "[[output]]\npath = \"x.csv\"\nby = [\"k\"]\n",
        "[[output]]\npath = \"x.csv\"\nhaving = \"v > 1\"\n",
        "[[output]]\npath = \"x.abc\"\n",
        "[[step]]\nfilter = \"v >\"\n[[output]]\npath = \"x.csv\"\n",
        "[[step]]\nderive = { m = \"max(v)\" }\n[[output]]\npath = \"x.csv\"\n",
        "[[output]]\npath = \"x.csv\"\n[late]\npath = \"late.csv\"\n",
    ] {
        lab.write("job.toml", format!("{source}{rest}"));
        let (check, run) = (lab.highwater(&["check", "job.toml"]), lab.highwater(&["run", "job.toml"]));
        assert_eq!((check.code, run.code), (2, 2), "{rest}{}{}", check.err, run.err);
        assert_eq!(check.err, run.err, "{rest}");
    }
}
