mod record;

use super::testing::{Response, TestServer};
use super::value::Store;
use super::*;
use crate::batch::{ColumnId, DataType};
use crate::error::{Error, Kind};
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, Int64Array, StringViewArray};
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// `/v` of the answers to `<server>/<first column>`.
fn plan(server: &TestServer) -> ServicePlan {
    ServicePlan {
        url: vec![format!("{}/", server.url()), String::new()],
        secrets: Secrets::default(),
        columns: vec![ColumnId::new(0)],
        pointers: vec!["/v".into()],
        types: vec![DataType::String],
        in_flight: 8,
        timeout: Duration::from_secs(10),
        retries: 3,
        backoff: Duration::from_millis(1),
        on_failure: OnFailure::Fail,
    }
}

fn column<T: AsRef<str>>(ids: &[Option<T>]) -> Vec<ArrayRef> {
    vec![Arc::new(ids.iter().map(|id| id.as_ref().map(AsRef::as_ref)).collect::<StringViewArray>())]
}

/// Asks for all of `ids`.
fn ask_all(services: &Services, ids: &[&str]) -> Result<Answers> {
    let columns = column(&ids.iter().map(|id| Some(*id)).collect::<Vec<_>>());
    let rows: Vec<u32> = (0..ids.len() as u32).collect();
    services.answers(&services.ask(0, &columns, &rows)?)
}

/// The values of a text column.
fn texts(answers: &Answers) -> Vec<Option<String>> {
    answers.columns[0].as_string_view().iter().map(|text| text.map(str::to_string)).collect()
}

/// Opens, asks for `ids`, and finishes.
fn run(
    plan: &ServicePlan,
    file: Option<&Path>,
    refresh: bool,
    ids: &[&str],
) -> Result<(Answers, LookupReport)> {
    let services = Services::open(std::slice::from_ref(plan), file, refresh)?;
    let answers = ask_all(&services, ids)?;
    Ok((answers, services.finish()?))
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some(text.to_string())).collect()
}

/// Answers `{"v": "<path>"}`.
fn echo(path: &str) -> Response {
    Response::new(200, format!("{{\"v\": \"{}\"}}", &path[1..]))
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out/job.lookups.jsonl");
    (folder, file)
}

#[test]
fn each_row_gets_the_answer_to_its_own_key_whatever_came_first() {
    // The later a key, the sooner its answer.
    let server = TestServer::start(|path, _| {
        let n: u64 = path[1..].parse().unwrap();
        if n % 10 == 3 { Response::new(404, "none") } else { echo(path) }.after(80 - n)
    });
    let ids: Vec<String> = (0..80).map(|n| n.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (answers, report) = run(&plan(&server), None, false, &ids).unwrap();
    let want: Vec<_> = ids.iter().map(|id| (!id.ends_with('3')).then(|| id.to_string())).collect();
    assert_eq!(texts(&answers), want);
    assert_eq!(answers.matched, want.iter().map(Option::is_some).collect::<Vec<_>>());
    assert_eq!(report, LookupReport { asked: 80, ..Default::default() });
}

#[test]
fn in_flight_is_reached_and_never_exceeded() {
    let server = TestServer::start(|path, _| echo(path).after(30));
    let services = Services::open(&[plan(&server)], None, false).unwrap();
    let asked: Vec<PendingAnswers> = (0..4)
        .map(|part| {
            let ids: Vec<_> = (0..20).map(|n| Some(format!("{part}-{n}"))).collect();
            services.ask(0, &column(&ids), &(0..20).collect::<Vec<_>>()).unwrap()
        })
        .collect();
    // Asking has not waited.
    assert!(!services.is_answered(&asked[3]));
    for asked in &asked {
        assert_eq!(services.answers(asked).unwrap().matched, [true; 20]);
        assert!(services.is_answered(asked));
    }
    let seen = server.seen();
    assert_eq!((seen.most, seen.requests()), (8, 80));
    assert!(seen.connections <= 8, "{} connections are kept alive", seen.connections);
}

#[test]
fn no_more_threads_than_there_is_to_ask() {
    let server = TestServer::start(|path, _| echo(path));
    let services = Services::open(&[plan(&server)], None, false).unwrap();
    for n in 0..20 {
        ask_all(&services, &[&n.to_string()]).unwrap();
        // An idle thread takes the next; give it time to be so.
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(services.threads.lock().unwrap().len() <= 2);
}

#[test]
fn a_url_is_asked_for_once_by_all_rows_batches_and_services() {
    let server = TestServer::start(|_, _| Response::new(200, r#"{"v": "x", "n": 7}"#).after(20));
    let number = ServicePlan { pointers: vec!["/n".into()], types: vec![DataType::Int64], ..plan(&server) };
    let services = Services::open(&[plan(&server), number], None, false).unwrap();
    let columns = column(&[Some("a"), Some("b"), Some("a")]);
    let asked: Vec<PendingAnswers> =
        (0..6).map(|i| services.ask(i % 2, &columns, &[0, 1, 2, 2]).unwrap()).collect();
    for (i, asked) in asked.iter().enumerate() {
        let answers = services.answers(asked).unwrap();
        assert_eq!(answers.matched, [true; 4]);
        match i % 2 {
            0 => assert_eq!(texts(&answers), some(&["x"; 4])),
            _ => assert_eq!(answers.columns[0].as_primitive::<Int64Type>().values(), &[7; 4]),
        }
    }
    assert_eq!(services.finish().unwrap(), LookupReport { asked: 2, ..Default::default() });
    assert_eq!(server.seen().requests(), 2);
}

#[test]
fn null_is_not_asked_for() {
    let server = TestServer::start(|path, _| echo(path));
    let services = Services::open(&[plan(&server)], None, false).unwrap();
    let asked = services.ask(0, &column(&[Some("a"), None, Some("c")]), &[2, 1]).unwrap();
    let answers = services.answers(&asked).unwrap();
    assert_eq!(answers.matched, [true, false]);
    assert_eq!(texts(&answers), [Some("c".to_string()), None]);
    let asked = services.ask(0, &column(&[None::<&str>]), &[0]).unwrap();
    assert!(services.is_answered(&asked));
    assert!(
        services
            .answers(&services.ask(0, &column(&[None::<&str>]), &[]).unwrap())
            .unwrap()
            .matched
            .is_empty()
    );
    assert_eq!(server.seen().hits.keys().collect::<Vec<_>>(), ["/c"]);
}

#[test]
fn values_are_percent_encoded() {
    let server = TestServer::start(|_, _| Response::new(200, "{}"));
    let plan = ServicePlan {
        url: vec![format!("{}/a/", server.url()), "/b?q=".into(), "&x=1".into()],
        columns: ColumnId::first(2).collect(),
        ..plan(&server)
    };
    let services = Services::open(&[plan], None, false).unwrap();
    let keys = ["plain-1._~", "a b", "a/b", "ü€", "100%", "?&#=+:{}\"", ""];
    let mut columns = column(&keys.map(Some));
    columns.push(Arc::new(Int64Array::from(vec![-1; keys.len()])));
    let answers = services.answers(&services.ask(0, &columns, &[0, 1, 2, 3, 4, 5, 6]).unwrap()).unwrap();
    // The empty key would ask for `/a//b`, which is something else.
    assert_eq!(answers.matched, [true, true, true, true, true, true, false]);
    assert_eq!(answers.columns[0].null_count(), 7);
    let seen = server.seen();
    let paths: Vec<&str> = seen.hits.keys().map(String::as_str).collect();
    let mut want =
        ["plain-1._~", "a%20b", "a%2Fb", "%C3%BC%E2%82%AC", "100%25", "%3F%26%23%3D%2B%3A%7B%7D%22"]
            .map(|key| format!("/a/{key}/b?q=-1&x=1"));
    want.sort_unstable();
    assert_eq!(paths, want);
    assert!(seen.headers.contains(&format!("user-agent: highwater/{}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn values_of_every_type_are_written_as_json_lines_have_them() {
    let mut bools = BooleanBuilder::new();
    bools.append_value(true);
    let mut floats = Float64Builder::new();
    floats.append_value(1.0);
    let mut decimals = Decimal128Builder::new().with_precision_and_scale(9, 2).unwrap();
    decimals.append_value(-1250);
    let mut dates = Date32Builder::new();
    dates.append_value(19_782);
    let mut times = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    times.append_value(1_709_164_800_500_000);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(bools.finish()),
        Arc::new(floats.finish()),
        Arc::new(decimals.finish()),
        Arc::new(dates.finish()),
        Arc::new(times.finish()),
    ];
    let server = TestServer::start(|_, _| Response::new(404, ""));
    let mut pieces = vec!["/".to_string(); 6];
    pieces[0] = format!("{}/", server.url());
    pieces[5].clear();
    let plan = ServicePlan { url: pieces, columns: ColumnId::first(5).collect(), ..plan(&server) };
    let services = Services::open(&[plan], None, false).unwrap();
    services.answers(&services.ask(0, &columns, &[0]).unwrap()).unwrap();
    let want = "/true/1.0/-12.50/2024-02-29/2024-02-29T00%3A00%3A00.5Z";
    assert_eq!(server.seen().hits.keys().collect::<Vec<_>>(), [want]);
}

#[test]
fn failures_are_retried_and_then_answered() {
    let server = TestServer::start(|path, before| match (path, before) {
        ("/busy", 0) => Response::new(503, "busy"),
        ("/many", 0) => Response::new(429, ""),
        ("/broken", 0) => Response { cut: Some(3), ..echo(path) },
        ("/slow", 0) => echo(path).after(2000),
        ("/worse", 0..3) => Response::new(500, ""),
        _ => echo(path),
    });
    let plan = ServicePlan { timeout: Duration::from_secs(1), ..plan(&server) };
    let ids = ["busy", "many", "broken", "slow", "worse", "fine"];
    let (answers, report) = run(&plan, None, false, &ids).unwrap();
    assert_eq!(texts(&answers), some(&ids));
    assert_eq!(report, LookupReport { asked: 6, retried: 7, ..Default::default() });
}

#[test]
fn retries_wait_as_the_plan_and_the_service_say() {
    let server = TestServer::start(|path, before| match (path, before) {
        ("/plan", 0..3) => Response::new(500, ""),
        ("/service", 0) => Response::new(429, "").header("Retry-After", "1"),
        // No longer than the timeout.
        ("/long", 0) => Response::new(503, "").header("Retry-After", "3600"),
        _ => echo(path),
    });
    let wait = |id: &str, backoff, timeout| {
        let started = Instant::now();
        let (backoff, timeout) = (Duration::from_millis(backoff), Duration::from_millis(timeout));
        run(&ServicePlan { backoff, timeout, ..plan(&server) }, None, false, &[id]).unwrap();
        started.elapsed().as_millis()
    };
    assert!((140..2500).contains(&wait("plan", 20, 10_000)));
    assert!((1000..5000).contains(&wait("service", 1, 10_000)));
    assert!((500..5000).contains(&wait("long", 1, 500)));
}

/// The error of asking for `id` alone.
fn error_of(server: &TestServer, id: &str) -> Error {
    let plan = ServicePlan { timeout: Duration::from_millis(300), ..plan(server) };
    run(&plan, None, false, &[id]).unwrap_err()
}

#[test]
fn failures_for_good_end_the_run_and_say_what_happened() {
    let server = TestServer::start(|path, _| match path {
        "/gone" => Response::new(500, "{\"error\":\n \"out of order\"}"),
        "/wrong" => Response::new(400, ""),
        "/slow" => echo(path).after(2000),
        "/broken" => Response { cut: Some(0), ..echo(path) },
        "/html" => Response::new(200, "<html>"),
        "/empty" => Response::new(204, ""),
        "/long" => Response::new(200, format!("\"{}\"", "x".repeat(1 << 20))),
        "/round" => Response::new(302, "").header("Location", "/round"),
        _ => unreachable!(),
    });
    let says = |id: &str| {
        let error = error_of(&server, id);
        assert_eq!(error.kind(), Kind::Machine);
        assert_eq!(error.message(), format!("no answer from {}/{id}", server.url()));
        let text = error.to_string();
        assert!(text.contains("hint: with on_failure = \"null\""), "{text}");
        text.lines().find_map(|line| line.trim().strip_prefix("cause: ")).unwrap().to_string()
    };
    assert_eq!(
        says("gone"),
        r#"500 Internal Server Error: `{"error":\n "out of order"}`, requested 4 times"#
    );
    assert_eq!(says("wrong"), "400 Bad Request");
    assert_eq!(says("slow"), "timeout after 300ms, requested 4 times");
    assert_eq!(says("broken"), "the connection broke, requested 4 times");
    assert_eq!(says("html"), "the answer is not JSON (expected value at line 1 column 1): `<html>`");
    assert_eq!(says("empty"), "the answer is empty, not JSON");
    assert_eq!(says("long"), "the answer has more than 1 MiB");
    assert_eq!(says("round"), "more than 5 redirects");
    let hits = &server.seen().hits;
    assert_eq!((hits["/gone"], hits["/wrong"], hits["/html"]), (4, 1, 1));
}

#[test]
fn a_service_that_is_not_there_is_an_error() {
    let server = TestServer::start(|path, _| echo(path));
    let mut plan = plan(&server);
    drop(server);
    // The address is free now; a connection to it is refused.
    std::thread::sleep(Duration::from_millis(50));
    let error = run(&plan, None, false, &["a"]).unwrap_err().to_string();
    assert!(error.contains("cause: connection refused, requested 4 times"), "{error}");
    plan.url[0] = "http://no.such.host.invalid/".into();
    (plan.on_failure, plan.retries, plan.timeout) = (OnFailure::Null, 0, Duration::from_secs(1));
    assert_eq!(run(&plan, None, false, &["a"]).unwrap().1.failed, 1);
    plan.url[0] = "http://a b/".into();
    let (_, report) = run(&plan, None, false, &["a"]).unwrap();
    assert_eq!(report, LookupReport { asked: 1, failed: 1, ..Default::default() });
}

#[test]
fn https_wants_a_server_that_speaks_it() {
    let server = TestServer::start(|path, _| echo(path));
    let url = vec![format!("{}/", server.url().replace("http:", "https:")), String::new()];
    let plan = ServicePlan { url, retries: 1, timeout: Duration::from_secs(2), ..plan(&server) };
    let error = run(&plan, None, false, &["a"]).unwrap_err().to_string();
    assert!(error.starts_with("error: no answer from https://127.0.0.1"), "{error}");
    assert!(error.contains("requested 2 times"), "{error}");
    assert_eq!(server.seen().hits.get("/a"), None);
}

#[test]
fn a_failure_ends_all_waits_at_once() {
    let server = TestServer::start(|path, _| match path {
        "/bad" => Response::new(400, "").after(50),
        _ => echo(path).after(5000),
    });
    let (_folder, file) = file();
    let services = Services::open(&[plan(&server)], Some(&file), false).unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        let slow = [scope.spawn(|| ask_all(&services, &["s1"])), scope.spawn(|| ask_all(&services, &["s2"]))];
        let bad = ask_all(&services, &["bad"]).unwrap_err();
        assert!(bad.to_string().contains("job.lookups.jsonl.partial: run again"), "{bad}");
        for slow in slow {
            assert_eq!(slow.join().unwrap().unwrap_err().message(), bad.message());
        }
    });
    assert!(ask_all(&services, &["later"]).is_err());
    assert!(services.finish().is_err());
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(!file.exists());
}

#[test]
fn failures_may_be_null_or_rejected() {
    let server = TestServer::start(|path, _| match path {
        "/bad" => Response::new(400, "no"),
        "/type" => Response::new(200, r#"{"v": {"x": [1.50, true]}}"#),
        "/none" => Response::new(404, ""),
        _ => Response::new(200, r#"{"v": 3}"#),
    });
    let ids = ["ok", "bad", "none", "type"];
    let run = |on_failure| {
        run(&ServicePlan { on_failure, types: vec![DataType::Int64], ..plan(&server) }, None, false, &ids)
    };
    let (answers, report) = run(OnFailure::Null).unwrap();
    assert_eq!(answers.matched, [true, false, false, false]);
    assert_eq!(
        answers.columns[0].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(),
        [Some(3), None, None, None]
    );
    assert!(answers.rejected.is_empty());
    assert_eq!(report, LookupReport { asked: 4, failed: 2, ..Default::default() });

    let (answers, _) = run(OnFailure::Reject).unwrap();
    assert_eq!(answers.matched, [true, false, false, false]);
    let url = server.url();
    assert_eq!(
        answers.rejected,
        [
            (1, format!("{url}/bad: 400 Bad Request: `no`")),
            (3, format!("{url}/type: /v: `{{\"x\":[1.50,true]}}` is not an int64")),
        ]
    );
}

#[test]
fn an_answer_that_does_not_fit_is_an_error_also_from_the_record() {
    let server = TestServer::start(|_, _| Response::new(200, r#"{"v": "text"}"#));
    let (_folder, file) = file();
    run(&plan(&server), Some(&file), false, &["a"]).unwrap();
    let number = ServicePlan { types: vec![DataType::Int64], ..plan(&server) };
    for (file, requests) in [(Some(file.as_path()), 1), (None, 2)] {
        let error = run(&number, file, false, &["a"]).unwrap_err();
        assert_eq!(error.kind(), Kind::Machine);
        let text = error.to_string();
        assert!(text.contains(r#"cause: /v: `"text"` is not an int64"#), "{text}");
        assert!(text.contains("--refresh-lookups"), "{text}");
        assert_eq!(server.seen().requests(), requests);
    }
}

#[test]
fn values_are_taken_exactly() {
    let body = r#"{
        "s": "a long text of more than 12 bytes", "o": {"b": [1, 2.50, "x y"], "a": null}, "n": -12.50,
        "b": true, "i": 9223372036854775807, "w": 2.0, "d": 12345678901234567890.10,
        "day": "2024-02-29", "t": "2024-02-29T12:00:00+02:00", "local": "2024-02-29 12:00:00.25",
        "null": null, "a/b": {"~": ["x", "y"]}
    }"#;
    let server = TestServer::start(move |_, _| Response::new(200, body));
    let decimal = DataType::Decimal { precision: 22, scale: 2 };
    let take = [
        ("/s", DataType::String),
        ("/o", DataType::String),
        ("/n", DataType::String),
        ("/b", DataType::String),
        ("/b", DataType::Bool),
        ("/i", DataType::Int64),
        ("/w", DataType::Int64),
        ("/n", DataType::Float64),
        ("/d", decimal),
        ("/n", decimal),
        ("/day", DataType::Date),
        ("/t", DataType::Timestamp),
        ("/local", DataType::Timestamp),
        ("/null", DataType::Int64),
        ("/nothing/here", DataType::Date),
        ("/a~1b/~0/1", DataType::String),
    ];
    let plan = ServicePlan {
        pointers: take.iter().map(|(p, _)| p.to_string()).collect(),
        types: take.iter().map(|(_, t)| *t).collect(),
        ..plan(&server)
    };
    let (_folder, file) = file();
    for _ in ["asked", "recorded"] {
        let (answers, _) = run(&plan, Some(&file), false, &["a"]).unwrap();
        let columns = &answers.columns;
        for (column, ty) in columns.iter().zip(&plan.types) {
            assert_eq!(column.data_type(), &ty.arrow());
        }
        let text = |i: usize| columns[i].as_string_view().value(0);
        assert_eq!(text(0), "a long text of more than 12 bytes");
        assert_eq!(text(1), r#"{"b":[1,2.50,"x y"],"a":null}"#);
        assert_eq!((text(2), text(3)), ("-12.50", "true"));
        assert!(columns[4].as_boolean().value(0));
        assert_eq!(columns[5].as_primitive::<Int64Type>().value(0), i64::MAX);
        assert_eq!(columns[6].as_primitive::<Int64Type>().value(0), 2);
        assert_eq!(columns[7].as_primitive::<Float64Type>().value(0), -12.5);
        assert_eq!(columns[8].as_primitive::<Decimal128Type>().value(0), 1_234_567_890_123_456_789_010);
        assert_eq!(columns[9].as_primitive::<Decimal128Type>().value(0), -1250);
        assert_eq!(columns[10].as_primitive::<Date32Type>().value(0), 19_782);
        let instant = |i: usize| columns[i].as_primitive::<TimestampMicrosecondType>().value(0);
        assert_eq!(instant(11), 1_709_200_800_000_000);
        assert_eq!(instant(12), 1_709_208_000_250_000);
        assert!(columns[13].is_null(0) && columns[14].is_null(0));
        assert_eq!(text(15), "y");
    }
    assert_eq!(server.seen().requests(), 1);
}

#[test]
fn what_is_no_value_of_a_type_does_not_fit() {
    let decimal = DataType::Decimal { precision: 5, scale: 2 };
    for (body, ty, why) in [
        ("1.5", DataType::Int64, "`1.5` is not an int64"),
        ("9223372036854775808", DataType::Int64, "`9223372036854775808` does not fit int64"),
        ("\"1\"", DataType::Int64, "`\"1\"` is not an int64"),
        ("1.001", decimal, "`1.001` does not fit decimal(5,2)"),
        ("1000", decimal, "`1000` does not fit decimal(5,2)"),
        ("1", DataType::Bool, "`1` is not a bool"),
        ("20240229", DataType::Date, "`20240229` is not a date"),
        ("\"2023-02-29\"", DataType::Date, "`2023-02-29` is not a date"),
        ("\"noon\"", DataType::Timestamp, "`\"noon\"` is not a timestamp"),
        ("[]", DataType::Float64, "`[]` is not a float64"),
    ] {
        let reader = AnswerReader::new(&[String::new()], &[ty]);
        let row = reader.read(&serde_json::from_str(body).unwrap());
        let mut store = Store::default();
        assert!(row.is_unfit() && store.insert(3, &row) && !store.insert(3, &row));
        let Some(AnswerCells::Unfit(text)) = store.get(3) else { panic!("{body} is taken as {ty}") };
        assert_eq!(text, format!(": {why}"));
    }
}

#[test]
fn redirects_are_followed() {
    let server = TestServer::start(|path, _| match path {
        "/a" => Response::new(302, "").header("Location", "/b"),
        _ => echo(path),
    });
    let (_folder, file) = file();
    let (answers, _) = run(&plan(&server), Some(&file), false, &["a"]).unwrap();
    assert_eq!(texts(&answers), some(&["b"]));
    assert!(fs::read_to_string(&file).unwrap().contains("/a\""));
}

/// What a service does with a key, in turn: seen by how often it was asked for.
#[derive(Debug, Clone)]
struct ServiceScript {
    misses: usize,
    delay: u64,
    answer: Option<i64>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Random delays, failures, threads and cuts into batches and runs: the rows get what the script says,
    /// and the file of answers has the same bytes as that of one plain run.
    #[test]
    fn answers_and_record_do_not_depend_on_who_was_first(
        scripts in proptest::collection::vec(
            (0usize..3, 0u64..4, proptest::option::of(any::<i64>()))
                .prop_map(|(misses, delay, answer)| ServiceScript { misses, delay, answer }),
            1..30,
        ),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..80),
        in_flight in 1usize..6,
        batch in 1usize..20,
        restart in 1usize..4,
    ) {
        let shared = scripts.clone();
        let server = TestServer::start(move |path, before| {
            let script = &shared[path[1..].parse::<usize>().unwrap()];
            match script.answer {
                _ if before < script.misses => Response::new(500, ""),
                Some(v) => Response::new(200, format!("{{\"v\":{v}}}")),
                None => Response::new(404, ""),
            }.after(script.delay)
        });
        let plan = ServicePlan { types: vec![DataType::Int64], in_flight, ..plan(&server) };
        let (_folder, file) = file();
        let keys: Vec<usize> = order.iter().map(|i| i.index(scripts.len())).collect();
        let columns = column(&keys.iter().map(|k| Some(k.to_string())).collect::<Vec<_>>());
        let rows: Vec<u32> = (0..keys.len() as u32).collect();
        for part in rows.chunks(keys.len().div_ceil(restart)) {
            let services = Services::open(std::slice::from_ref(&plan), Some(&file), false).unwrap();
            let asked: Vec<_> = part.chunks(batch).map(|rows| (rows, services.ask(0, &columns, rows).unwrap())).collect();
            for (rows, asked) in asked.iter().rev() {
                let answers = services.answers(asked).unwrap();
                let want: Vec<_> = rows.iter().map(|&row| scripts[keys[row as usize]].answer).collect();
                prop_assert_eq!(answers.columns[0].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), want.clone());
                prop_assert_eq!(answers.matched, want.iter().map(Option::is_some).collect::<Vec<_>>());
            }
            services.finish().unwrap();
        }
        let mut asked: Vec<usize> = keys;
        asked.sort_unstable();
        asked.dedup();
        for &key in &asked {
            prop_assert_eq!(server.seen().hits[&format!("/{key}")], scripts[key].misses + 1);
        }
        let mut lines: Vec<(String, String)> = asked.iter().map(|&key| {
            let url = format!("{}/{key}", server.url());
            let rest = scripts[key].answer.map_or("\"status\":404".into(), |v| format!("\"status\":200,\"body\":{{\"v\":{v}}}"));
            (url.clone(), format!("{{\"url\":\"{url}\",{rest}}}\n"))
        }).collect();
        lines.sort();
        let want: String = lines.into_iter().map(|(_, line)| line).collect();
        prop_assert_eq!(fs::read_to_string(&file).unwrap(), want);
    }
}

/// `cargo test --release lookups_of_100_000 -- --ignored --nocapture`
#[test]
#[ignore = "takes 20 seconds"]
fn lookups_of_100_000_keys_come_near_the_bound() {
    let server = TestServer::start(|path, _| echo(path).after(20));
    let plan = ServicePlan { in_flight: 100, ..plan(&server) };
    let (_folder, file) = file();
    for run in ["asked", "recorded"] {
        let started = Instant::now();
        let services = Services::open(std::slice::from_ref(&plan), Some(&file), false).unwrap();
        let opened = started.elapsed();
        let asked: Vec<_> = (0..100)
            .map(|part| {
                let ids: Vec<_> = (0..1000).map(|n| Some(format!("key-{}", part * 1000 + n))).collect();
                services.ask(0, &column(&ids), &(0..1000).collect::<Vec<_>>()).unwrap()
            })
            .collect();
        for asked in &asked {
            assert!(services.answers(asked).unwrap().matched.iter().all(|matched| *matched));
        }
        let answered = started.elapsed();
        let report = services.finish().unwrap();
        println!("{run}: open {opened:?}, answered {answered:?}, in all {:?}; {report:?}", started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    let seen = server.seen();
    assert_eq!((seen.requests(), seen.most), (100_000, 100));
}
