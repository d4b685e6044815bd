//! Pages: the command `report`, and outputs that end in `.html`.

use crate::golden::with_data;
use crate::support::Lab;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What is in a page.
fn data(html: &str) -> Value {
    let (_, rest) = html.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// The text of a job of `data/jobs`, with a page of all its outputs.
fn with_page(job: &str) -> String {
    let text = fs::read_to_string(format!("data/jobs/{job}.toml")).unwrap();
    format!("{text}\n[[output]]\npath = \"out/page.html\"\n")
}

const SMALL: &str = r#"
name = "small"
timezone = "Asia/Jakarta"
[source]
path = "in.csv"
time = "t"
types = { amount = "decimal(20,2)" }
[[output]]
path = "out/days"
window = { tumbling = "1 day" }
by = ["kind"]
select = { total = "sum(amount)", n = "count(*)", share = "avg(amount)" }
partition_by = ["kind"]
[[output]]
path = "out/page.html"
title = "A <small> page"
of = "out/days/"
"#;

const ROWS: &str = "t,kind,amount\n\
    2024-02-28T23:00:00,a,1.10\n\
    2024-02-28T23:30:00,a,2.20\n\
    2024-02-29T08:00:00,,9007199254740993.00\n\
    2024-03-02T00:00:00,</script><script>alert(1)</script>,-0.05\n";

#[test]
fn a_page_is_the_same_for_any_number_of_threads() {
    for job in ["big-spenders", "pageviews-per-postcode", "money-enrichment"] {
        let mut pages: Option<(String, String)> = None;
        for args in [["1", "1MB", "1GB"], ["2", "10KB", "1GB"], ["4", "999", "10KB"]] {
            let lab = with_data();
            let [threads, chunk, memory] = args;
            let machine = ["--threads", threads, "--chunk-size", chunk, "--memory", memory];
            lab.done(&with_page(job), &[&["-q"], &machine[..]].concat());
            let report = [&["report", "job.toml", "-o", "report.html"], &machine[..]].concat();
            let answer = lab.highwater(&report);
            assert_eq!(answer.code, 0, "{}", answer.err);
            let made = (lab.text("out/page.html"), lab.text("report.html"));
            assert!(pages.get_or_insert_with(|| made.clone()) == &made, "{job} differs with {args:?}");
        }
        // The page of a run is of the files that it wrote, and that of `report` of files of its own.
        let (run, report) = pages.map(|(run, report)| (data(&run), data(&report))).unwrap();
        for output in run["outputs"].as_array().unwrap() {
            let same = |other: &&Value| other["places"].as_array().unwrap().contains(&output["places"][0]);
            let alone =
                |value: &Value| json!([value["rows"], value["about"], value["kind"], value["charts"]]);
            let other = report["outputs"].as_array().unwrap().iter().find(|other| {
                let places = |value: &Value| -> Vec<Value> {
                    value["places"].as_array().unwrap().iter().map(|place| place["name"].clone()).collect()
                };
                same(other) || places(other).contains(&output["places"][0]["name"])
            });
            assert_eq!(alone(output), alone(other.unwrap()), "{job}");
        }
        assert_eq!(run["run"]["account"], report["run"]["account"]);
    }
}

#[test]
fn a_small_page_says_what_it_should() {
    let lab = Lab::new();
    lab.write("in.csv", ROWS);
    let answer = lab.done(SMALL, &[]);
    assert!(answer.err.contains("out/page.html: a page, "), "{}", answer.err);
    let html = lab.text("out/page.html");
    assert_eq!(html.matches("<script").count(), 3, "nothing of the data is an element");
    assert!(html.contains("<title>A &lt;small&gt; page · "));
    let data = data(&html);
    assert_eq!(data["job"]["text"], SMALL);
    let run = &data["run"];
    let account = json!({ "read": 4, "rejected": 0, "filtered": 0, "duplicate": 0, "late": 0, "counted": 4 });
    assert_eq!(run["account"], account);
    assert_eq!(run["source"]["files"][0]["path"], "in.csv");
    assert_eq!(run["times"], json!([1709136000000i64, 1709312400000i64]));
    assert_eq!(data["zone"], json!({ "name": "Asia/Jakarta", "offsets": [data["zone"]["offsets"][0]] }));
    assert_eq!(data["zone"]["offsets"][0][1], 7 * 3_600_000);
    let output = &data["outputs"][0];
    assert_eq!(output["places"], json!([{ "name": "out/days", "link": "./days/" }]));
    let about = json!([["window", "tumbling 1 day"], ["by", "kind"], ["mode", "complete"]]);
    assert_eq!(output["about"], about);
    let columns = output["columns"].as_array().unwrap();
    let of = |name: &str| &columns.iter().find(|column| column["name"] == name).unwrap()["values"];
    // `kind` stands in the paths alone, whose order is that of the rows.
    let keys = json!(["</script><script>alert(1)</script>", null, "a"]);
    assert_eq!(*of("kind"), keys);
    assert_eq!(*of("total"), json!(["-0.05", "9007199254740993.00", "3.30"]));
    assert_eq!(*of("window_start"), json!([1709312400, 1709139600, 1709053200]));
    let charts = &output["charts"];
    // The days between are there too, and have nothing.
    let days = json!([1709053200000i64, 1709139600000i64, 1709226000000i64, 1709312400000i64]);
    assert_eq!((&charts["fine"]["at"], &charts["fine"]["step"]), (&days, &Value::Null));
    assert_eq!(charts["all"][1], json!([2, 1, 0, 1]));
    assert_eq!(charts["all"][2], Value::Null, "averages have no sum");
    let own = &charts["by"][0]["measures"][0];
    assert_eq!(own["rows"], json!(["NULL", "a", "</script><script>alert(1)</script>"]));
    assert_eq!(own["series"][1], json!([3.3, 0, 0, 0]));
    assert_eq!(charts["by"][0]["measures"][2]["series"][1], json!([1.65, null, null, null]));
    assert_eq!(own["rest"], Value::Null);
}

#[test]
fn what_stands_for_several_windows_is_put_together_as_it_may() {
    let lab = Lab::new();
    let rows: Vec<String> = (0..3000)
        .map(|i| {
            format!(
                "2024-01-01T{:02}:{:02}:{:02}Z,k{:02},{}",
                i / 3600 % 24,
                i / 60 % 60,
                i % 60,
                i % 60,
                i % 7
            )
        })
        .collect();
    lab.write("in.csv", format!("t,k,x\n{}\n", rows.join("\n")));
    let job = r#"
        [source]
        path = "in.csv"
        time = "t"
        [[output]]
        path = "out/tumbling.csv"
        window = { tumbling = "1s" }
        by = ["k"]
        select = { n = "count(*)", most = "max(x)", mean = "avg(x)" }
        [[output]]
        path = "out/hopping.csv"
        window = { hopping = "4s", slide = "1s" }
        select = { n = "count(*)" }
        [[output]]
        path = "out/top.csv"
        window = { tumbling = "10m" }
        by = ["x"]
        select = { n = "count(*)" }
        top = { n = 1, by = "n desc" }
        [[output]]
        path = "out/global.csv"
        by = ["k"]
        select = { n = "count(*)" }
        [[output]]
        path = "out/events.csv"
        "#;
    lab.write("job.toml", job);
    let answer = lab.highwater(&["report", "job.toml", "-o", "page.html", "--rows", "7"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(!lab.path("out").exists(), "the outputs of the job are not touched");
    let data = data(&lab.text("page.html"));
    let charts = |i: usize| &data["outputs"][i]["charts"];
    let sum = |line: &Value| line.as_array().unwrap().iter().filter_map(Value::as_f64).sum::<f64>();
    assert_eq!((&data["outputs"][0]["carried"], &data["outputs"][0]["rows"]), (&json!(7), &json!(3000)));
    // 3,000 windows in steps of 10 seconds.
    let tumbling = charts(0);
    assert_eq!(tumbling["fine"]["step"], "10 seconds");
    assert_eq!(tumbling["all"][0].as_array().unwrap().len(), 300);
    assert_eq!(sum(&tumbling["all"][0]), 3000.0);
    let own = &tumbling["by"][0]["measures"][0];
    assert_eq!(own["bars"].as_array().unwrap().len(), 20);
    assert_eq!((&own["bars"][0], &own["others"]), (&json!(["k00", 50]), &json!(2000)));
    let lines = own["series"].as_array().unwrap();
    assert_eq!(lines.iter().map(sum).sum::<f64>() + sum(&own["rest"]), 3000.0);
    assert_eq!(own["heat"].as_array().unwrap().len(), 40);
    assert_eq!(own["heat"].as_array().unwrap().iter().map(sum).sum::<f64>(), 2000.0);
    assert_eq!(tumbling["all"][1][0], 6);
    assert_eq!(tumbling["all"][2], Value::Null);
    // Windows that overlap are not added.
    assert_eq!(charts(1)["measures"][0]["time"], "mean");
    assert_eq!(charts(1)["fine"]["step"], "10 seconds");
    assert_eq!(charts(1)["all"][0], Value::Null, "of one step several windows are not one number");
    // What `top` left out is not nothing.
    assert_eq!((&charts(2)["zero"], &charts(0)["zero"]), (&json!(false), &json!(true)));
    assert!(charts(2)["by"][0]["measures"][0]["series"][1].as_array().unwrap().contains(&Value::Null));
    // Without windows there is no time.
    assert_eq!((&charts(3)["fine"], &charts(3)["by"][0]["keys"]), (&Value::Null, &json!(60)));
    // Events: their number over time, by columns of few values.
    assert_eq!(sum(&charts(4)["all"][0]), 3000.0);
    assert_eq!((&charts(4)["by"][0]["name"], charts(4)["by"].as_array().unwrap().len()), (&json!("k"), 1));
}

#[test]
fn a_page_after_a_backfill_is_that_of_a_run_over_all() {
    let lab = Lab::new();
    let job = with_page("pageviews-archive").replace("data/pageviews/*.csv", "in/*.csv");
    let copy = |from: &str, to: &str| {
        lab.write(to, fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(from)).unwrap());
    };
    copy("pageviews/pageviews-1.csv", "in/1.csv");
    copy("pageviews/pageviews-2.csv", "in/2.csv");
    lab.done(&job, &["-q"]);
    let before = lab.text("out/page.html");
    copy("pageviews-late/late.csv", "in/3.csv");
    let plan = lab.highwater(&["backfill", "job.toml", "in/3.csv", "--plan"]);
    assert!(plan.code == 0 && lab.text("out/page.html") == before, "a plan changes nothing: {}", plan.err);
    let answer = lab.highwater(&["backfill", "job.toml", "in/3.csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.err.contains("out/page.html: a page, "), "{}", answer.err);
    let after = lab.text("out/page.html");
    assert_ne!(before, after);
    fs::remove_dir_all(lab.path("out")).unwrap();
    lab.done(&job, &["-q"]);
    assert!(after == lab.text("out/page.html"));
    let again = lab.done(&job, &[]);
    assert!(again.err.contains("out/page.html: a page, unchanged"), "{}", again.err);
}

#[test]
fn late_events_have_a_section_and_report_an_audit() {
    let lab = with_data();
    lab.done(&with_page("pageviews-per-postcode"), &["-q"]);
    let run = data(&lab.text("out/page.html"));
    let kinds: Vec<&Value> = run["outputs"].as_array().unwrap().iter().map(|o| &o["kind"]).collect();
    assert_eq!(kinds, ["groups", "groups", "late"]);
    assert_eq!(run["outputs"][2]["rows"], 179);
    assert_eq!((&run["audit"], &run["job"]["out_of_orderness_us"]), (&Value::Null, &json!(20_000_000)));
    let answer = lab.highwater(&["report", "job.toml", "-o", "page.html", "-q"]);
    assert_eq!((answer.code, answer.out.as_str(), answer.err.as_str()), (0, "", ""));
    let report = data(&lab.text("page.html"));
    let audit = lab.highwater(&["audit", "job.toml", "--json"]);
    assert_eq!(report["audit"], serde_json::from_str::<Value>(&audit.out).unwrap());
    assert_eq!(report["verify"], Value::Null);
}

#[test]
fn what_verify_finds_is_on_the_page() {
    let lab = with_data();
    let answer = lab.highwater(&["report", "data/jobs/big-spenders.toml", "--verify"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let page = data(&lab.text("out/big-spenders.html"));
    assert_eq!(page["verify"]["same"], true);
    // Three outputs hold the same rows, and are one.
    assert_eq!(page["outputs"].as_array().unwrap().len(), 1);
    let names: Vec<&str> = page["outputs"][0]["places"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["out/big-spenders", "out/big-spenders.csv", "the terminal"]);
    lab.write("a.csv", "k,n\na,1\nb,2\n");
    lab.write("b.csv", "k,n\na,1\nb,3\n");
    let compare = ["verify", "a.csv", "--against", "b.csv", "--key", "k", "--html", "pages/v.html"];
    let answer = lab.highwater(&compare);
    assert_eq!(answer.code, 1, "{}", answer.err);
    let page = data(&lab.text("pages/v.html"));
    assert_eq!(
        (&page["title"], &page["job"], &page["run"]),
        (&json!("a.csv: different"), &Value::Null, &Value::Null)
    );
    assert_eq!(page["verify"]["outputs"][0]["differences"][0]["cells"][0]["there"], "3");
}

#[test]
fn a_page_that_cannot_be_written_is_told_before_the_work() {
    let lab = Lab::new();
    lab.write("in.csv", ROWS);
    lab.write("out", "a file, where a folder is to be");
    let answer = lab.run(&SMALL.replace("out/days", "rows").replace("kind\"]\n[[", "kind\"]\n\n[["), &[]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(!lab.path("rows").exists(), "nothing was done");
    let answer = lab.highwater(&["report", "job.toml"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    let answer = lab.highwater(&["report", "job.toml", "-o", "rows/page.html"]);
    assert!(answer.code == 2 && answer.err.contains("it is in the folder of an output"), "{}", answer.err);
    fs::create_dir(lab.path("folder.html")).unwrap();
    let answer = lab.highwater(&["report", "job.toml", "-o", "folder.html"]);
    assert!(answer.code == 2 && answer.err.contains("it is a folder"), "{}", answer.err);
}

#[test]
fn passwords_are_on_no_page() {
    let lab = Lab::new();
    lab.write("in.csv", ROWS);
    let job = format!("# a table: postgres://me:secret@host/db/t\n{SMALL}");
    lab.done(&job, &["-q"]);
    let html = lab.text("out/page.html");
    assert!(!html.contains("secret") && html.contains("# a table: postgres://"));
}

#[test]
fn explain_names_pages() {
    let lab = Lab::new();
    lab.write("in.csv", ROWS);
    lab.write("job.toml", SMALL);
    let answer = lab.highwater(&["explain", "job.toml"]);
    assert!(answer.out.contains("  out/page.html (html): a page of out/days\n"), "{}", answer.out);
}

#[test]
fn wrong_pages_are_told() {
    let lab = Lab::new();
    lab.write("in.csv", ROWS);
    let rows = "[[output]]\npath = \"out/rows\"\n";
    let job = |outputs: &str| format!("[source]\npath = \"in.csv\"\ntime = \"t\"\n{outputs}");
    let page = |more: &str| job(&format!("{rows}[[output]]\npath = \"p.html\"\n{more}"));
    for (job, says) in [
        (
            page("of = \"out/row\""),
            vec!["the job has no output `out/row`", "did you mean `out/rows`?", "job.toml:8:6"],
        ),
        (
            page("of = [\"out/rows\", \"zzz\"]"),
            vec!["the job has no output `zzz`", "its outputs are out/rows"],
        ),
        (
            page("window = { tumbling = \"1m\" }\nmode = \"x\""),
            vec!["a page has no `window`", "a page has no `mode`"],
        ),
        (page("titel = \"x\""), vec!["unknown key `titel`", "did you mean `title`?"]),
        (job("[[output]]\npath = \"p.html\"\n"), vec!["a page shows other outputs, but the job has none"]),
        (
            job("[[output]]\npath = \"-\"\n[[output]]\npath = \"p.HTML\"\n"),
            vec!["not tables on the terminal"],
        ),
        (page("of = \"-\"\n[[output]]\npath = \"-\"\n"), vec!["not tables on the terminal"]),
        (
            job("[[output]]\npath = \"out/rows\"\nof = \"out/x\"\ntitle = \"t\"\n"),
            vec!["`of` is for a page", "`title` is for a page"],
        ),
        (
            job(&format!("{rows}[[output]]\npath = \"out/rows/p.html\"\n")),
            vec!["the page cannot be written to `out/rows/p.html`: an output is written to this folder"],
        ),
        (
            page("[[output]]\npath = \"p.html\"\n"),
            vec!["the page cannot be written to `p.html`: another page is written to the same file"],
        ),
        (
            job(&format!("{rows}[[output]]\npath = \"page\"\nformat = \"html\"\nby = [\"k\"]\n")),
            vec!["a page has no `by`"],
        ),
    ] {
        let answer = lab.run(&job, &[]);
        assert_eq!(answer.code, 2, "{job}\n{}", answer.err);
        for part in says {
            assert!(answer.err.contains(part), "{part} in {}\n{job}", answer.err);
        }
    }
}
