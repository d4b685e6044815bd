//! Events of OpenLineage: what is in them, where they go, and that a receiver that fails does no harm.

use crate::golden::with_data;
use crate::support::Lab;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const RUN: &str = "0192d4f2-7a3b-7c4d-8e5f-60718293a4b5";

fn events(lab: &Lab, file: &str) -> Vec<Value> {
    lab.text(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(events: &[Value]) -> Vec<String> {
    let kind = |event: &Value| {
        format!("{} {}", event["eventType"].as_str().unwrap(), event["job"]["name"].as_str().unwrap())
    };
    events.iter().map(kind).collect()
}

/// The datasets of a role, by the ends of their names.
fn dataset<'a>(event: &'a Value, role: &str, end: &str) -> &'a Value {
    let all = event[role].as_array().unwrap();
    let found = all.iter().find(|dataset| dataset["name"].as_str().unwrap().ends_with(end));
    found.unwrap_or_else(|| panic!("no {role} {end}: {event:#}"))
}

#[test]
fn a_run_a_backfill_and_a_verification_say_what_they_read_and_write() {
    let lab = with_data();
    let job = "data/jobs/pageviews-archive.toml";
    let run = lab.highwater(&["run", job, "--quiet", "--lineage", "l.jsonl"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let late = "data/pageviews-late/late.csv";
    assert_eq!(lab.highwater(&["backfill", job, late, "--quiet", "--lineage", "l.jsonl"]).code, 0);
    let verify = lab.highwater(&["verify", "data/jobs/big-spenders.toml", "--lineage", "l.jsonl"]);
    assert_eq!(verify.code, 0, "{}", verify.err);
    let events = events(&lab, "l.jsonl");
    assert_eq!(
        kinds(&events),
        [
            "START pageviews-archive",
            "COMPLETE pageviews-archive",
            "START pageviews-archive.backfill",
            "COMPLETE pageviews-archive.backfill",
            "START big-spenders.verify",
            "COMPLETE big-spenders.verify",
        ]
    );
    assert_eq!(events[0]["run"]["runId"], events[1]["run"]["runId"]);
    assert_ne!(events[1]["run"]["runId"], events[2]["run"]["runId"]);
    let input = dataset(&events[1], "inputs", "/data/pageviews");
    assert_eq!(input["namespace"], "file");
    let read = &input["inputFacets"]["inputStatistics"];
    assert_eq!((&read["rowCount"], &read["fileCount"]), (&6000.into(), &2.into()));
    let counts = events[1]["outputs"].as_array().unwrap();
    assert!(!counts.is_empty());
    for output in counts {
        assert!(output["facets"]["schema"]["fields"].as_array().is_some_and(|f| !f.is_empty()), "{output}");
        assert!(output["outputFacets"]["outputStatistics"]["rowCount"].as_u64() > Some(0), "{output}");
    }
    dataset(&events[3], "inputs", "/pageviews-late/late.csv");
    let compared = dataset(&events[5], "inputs", "/out/big-spenders.csv");
    let assertions = compared["inputFacets"]["dataQualityAssertions"]["assertions"].as_array().unwrap();
    assert!(assertions.len() > 2 && assertions.iter().all(|a| a["success"] == true), "{assertions:?}");
    assert_eq!(
        assertions[0]["assertion"],
        "a fresh run of the job gives the same rows as the job's SQL by Polars"
    );
    // The files in place were not read, so nothing is said of how many rows they have.
    assert!(compared["inputFacets"].get("dataQualityMetrics").is_none(), "{compared}");
    assert_eq!(events[5]["outputs"], serde_json::json!([]));
}

#[test]
fn a_second_run_says_that_it_wrote_nothing() {
    let lab = with_data();
    let args = ["run", "data/jobs/pageviews.toml", "--quiet", "--lineage", "l.jsonl"];
    assert_eq!((lab.highwater(&args).code, lab.highwater(&args).code), (0, 0));
    let events = events(&lab, "l.jsonl");
    let wrote = |event: &Value| {
        dataset(event, "outputs", "/view-events")["outputFacets"]["outputStatistics"]["rowCount"].clone()
    };
    assert_eq!((wrote(&events[1]), wrote(&events[3])), (6000.into(), 0.into()));
}

#[test]
fn columns_come_from_where_it_is_known() {
    let lab = Lab::new();
    lab.write("in.csv", "t,k,v,w\n2024-06-01T00:00:00Z,a,1,2\n");
    lab.write("names.csv", "k,name\na,Anna\n");
    lab.write(
        "job.toml",
        r#"
[source]
path = "in.csv"
time = "t"
[[step]]
derive = { both = "v + w" }
[[step]]
enrich = "names"
on = ["k"]
take = ["name"]
[table.names]
path = "names.csv"
[[output]]
path = "o.csv"
window = { tumbling = "1h" }
by = ["k", "name"]
select = { n = "count(*)", total = "sum(both)", share = "sum(v) / count(*)" }
"#,
    );
    let answer = lab.highwater(&["run", "job.toml", "--quiet", "--lineage", "l.jsonl"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let events = events(&lab, "l.jsonl");
    let output = dataset(&events[1], "outputs", "/o.csv");
    let fields = output["facets"]["columnLineage"]["fields"].as_object().unwrap();
    let shown: Vec<String> = fields
        .iter()
        .map(|(name, field)| {
            let from = field["inputFields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap());
            let how = field["inputFields"][0]["transformations"][0]["subtype"].as_str().unwrap();
            format!("{name} {how} {}", from.collect::<Vec<_>>().join(","))
        })
        .collect();
    // `name` is of a table, and `n` counts rows whatever is in them.
    assert_eq!(
        shown,
        [
            "window_start TRANSFORMATION t",
            "window_end TRANSFORMATION t",
            "k IDENTITY k",
            "total AGGREGATION v,w",
            "share AGGREGATION v",
        ]
    );
}

#[test]
fn a_failure_is_an_event_with_its_message_and_parents_come_from_the_environment() {
    let lab = Lab::new();
    lab.write("in.csv", "t,v\n2024-06-01T00:00:00Z,1\nnot-a-time,1\n");
    let job = "[source]\npath = \"in.csv\"\ntime = \"t\"\n[[output]]\npath = \"o.csv\"\nselect = { n = \"count(*)\" }\n";
    lab.write("job.toml", job);
    let run = |file: &str, parent: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(["run", file, "--lineage", "l.jsonl"]).env("OPENLINEAGE_NAMESPACE", "shop");
        command
            .env("OPENLINEAGE_PARENT_ID", parent)
            .env("OPENLINEAGE_ROOT_PARENT_ID", format!("air/dag/{RUN}"));
        lab.hear(&mut command)
    };
    let failed = run("job.toml", &format!("https://air/flow/dag.task/{RUN}"));
    assert_eq!(failed.code, 3, "{}", failed.err);
    let missing = run("none.toml", "nonsense");
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.contains("warning: OPENLINEAGE_PARENT_ID is not NAMESPACE/JOB/RUN"),
        "{}",
        missing.err
    );
    let events = events(&lab, "l.jsonl");
    assert_eq!(kinds(&events), ["START job", "FAIL job", "START none", "FAIL none"]);
    let message = &events[1]["run"]["facets"]["errorMessage"]["message"];
    assert!(failed.err.contains(message.as_str().unwrap()), "{message}");
    let parent = &events[0]["run"]["facets"]["parent"];
    assert_eq!(parent["job"], serde_json::json!({ "namespace": "https://air/flow", "name": "dag.task" }));
    assert_eq!((&parent["run"]["runId"], &parent["root"]["job"]["name"]), (&RUN.into(), &"dag".into()));
    assert!(events[2]["run"]["facets"].get("parent").is_none());
    assert_eq!(events[0]["job"]["namespace"], "shop");
}

#[test]
fn a_file_of_another_kind_is_refused_before_the_work() {
    let lab = with_data();
    lab.write("mine.txt", "precious\n");
    let job = "data/jobs/pageviews.toml";
    for target in ["mine.txt", "out/view-events/l.jsonl", "ftp://h/x", "http://u:pw@h/"] {
        let answer = lab.highwater(&["run", job, "--lineage", target]);
        assert_eq!(answer.code, 2, "{target}: {}", answer.err);
        assert!(!answer.err.contains("pw"), "{}", answer.err);
    }
    assert_eq!(lab.text("mine.txt"), "precious\n");
    assert!(!lab.path("out").exists() || lab.files("out").is_empty(), "{:?}", lab.files("out").keys());
}

/// A server that answers every request with `status` after `delay`; gives its URL and what it got: head and body.
fn server(status: u16, delay: Duration) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), sender) = (stream, sender.clone()) else { return };
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                loop {
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        if reader.read_line(&mut head).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let lower = head.to_lowercase();
                    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                    let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
                    reader.read_exact(&mut body).unwrap();
                    let _ = sender.send((lower, String::from_utf8(body).unwrap()));
                    std::thread::sleep(delay);
                    let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
                    if (&stream).write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, got)
}

fn run_to(lab: &Lab, target: &str) -> (crate::support::Answer, Duration) {
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(["run", "data/jobs/sales-per-seller.toml", "--quiet", "--lineage", target]);
    let answer = lab.hear(command.env("OPENLINEAGE_API_KEY", "s3cret"));
    (answer, began.elapsed())
}

#[test]
fn events_are_posted_with_the_token() {
    let lab = with_data();
    let (url, got) = server(201, Duration::ZERO);
    let (answer, _) = run_to(&lab, &url);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let got: Vec<(String, String)> = got.try_iter().collect();
    assert_eq!(got.len(), 2);
    for ((head, body), kind) in got.iter().zip(["START", "COMPLETE"]) {
        assert!(head.starts_with("post /api/v1/lineage http/1.1"), "{head}");
        assert!(head.contains("authorization: bearer s3cret"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(event["eventType"], kind);
        assert!(!body.contains("s3cret"), "{body}");
    }
}

#[test]
fn a_server_that_fails_or_hangs_gives_a_warning_alone() {
    let lab = with_data();
    let (refuses, _got) = server(500, Duration::ZERO);
    let (answer, _) = run_to(&lab, &refuses);
    assert_eq!(answer.code, 0);
    assert!(
        answer.err.starts_with("warning: a lineage event was not sent to http://127.0.0.1:"),
        "{}",
        answer.err
    );
    assert!(answer.err.contains("the server answered 500"), "{}", answer.err);
    // Nobody listens there.
    let (answer, _) = run_to(&lab, "http://127.0.0.1:9");
    assert!(answer.code == 0 && answer.err.starts_with("warning: "), "{}", answer.err);
    let (hangs, _got) = server(200, Duration::from_secs(60));
    let (answer, took) = run_to(&lab, &hangs);
    assert_eq!(answer.code, 0);
    assert!(answer.err.contains("perhaps not sent") || answer.err.contains("timeout"), "{}", answer.err);
    // Five seconds at the end; the run itself takes less than the rest.
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(!answer.err.contains("s3cret"), "{}", answer.err);
}
