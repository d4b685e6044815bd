//! Lookups of jobs against a server that delays, fails and answers out of order: what becomes of events, how
//! often the service is asked, and what is kept for the next run.

use crate::http_server::{Reply, Server, decoded};
use crate::support::{Answer, Lab, account};

/// Events that ask for `/users/{user}`, with further keys of the step.
fn job(server: &Server, keys: &str) -> String {
    let url = server.url();
    format!(
        r#"
[source]
path = "log.jsonl"
time = "at"
time_unit = "s"
types = {{ at = "int64", user = "string" }}
on_bad_record = "reject"
rejects = "rejects.jsonl"

[[step]]
lookup = "{url}/users/{{user}}"
take = {{ country = "/country", year = "/born/year" }}
types = {{ year = "int64" }}
backoff = "1ms"
{keys}

[[output]]
path = "out.csv"
format = "csv"
"#
    )
}

/// A log of one event a second, of these users; an empty one is NULL.
fn log(users: &[&str]) -> String {
    let line = |(at, user): (usize, &&str)| match *user {
        "" => format!("{{\"at\":{at}}}\n"),
        user => format!("{{\"at\":{at},\"user\":{}}}\n", crate::log::json(user)),
    };
    users.iter().enumerate().map(line).collect()
}

fn one(at: usize, user: &str) -> String {
    format!("{{\"at\":{at},\"user\":\"{user}\"}}\n")
}

fn lab(users: &[&str]) -> Lab {
    let lab = Lab::new();
    lab.write("log.jsonl", log(users));
    lab
}

/// User, country and year of each event.
fn answers(lab: &Lab) -> Vec<String> {
    let text = lab.text("out.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("at,user,country,year"));
    lines.map(|line| line.split_once(',').unwrap().1.to_string()).collect()
}

fn asked(server: &Server) -> Vec<(String, usize)> {
    server.asked().into_iter().collect()
}

/// What the service says of a user whom it knows.
fn known(path: &str) -> Reply {
    let user = path.strip_prefix("/users/").unwrap();
    Reply::ok(format!("{{\"country\":\"of {user}\",\"born\":{{\"year\":{}}}}}", 1900 + user.len()))
}

#[test]
fn each_user_is_asked_for_once() {
    let server = Server::new(|path, _| known(path));
    let lab = lab(&["a", "bb", "a", "", "bb", "a"]);
    lab.done(&job(&server, ""), &["--chunk-size", "16", "--threads", "4"]);
    assert_eq!(
        answers(&lab),
        ["a,of a,1901", "bb,of bb,1902", "a,of a,1901", ",,", "bb,of bb,1902", "a,of a,1901"]
    );
    assert_eq!(asked(&server), [("/users/a".to_string(), 1), ("/users/bb".to_string(), 1)]);

    // A further user costs one more request, in the next run.
    lab.write("log.jsonl", log(&["bb", "ccc"]));
    lab.done(&job(&server, ""), &[]);
    assert_eq!(answers(&lab), ["bb,of bb,1902", "ccc,of ccc,1903"]);
    assert_eq!(server.requests(), 3);
}

#[test]
fn many_are_in_flight_but_no_more_than_asked_for() {
    // The first asked for come last.
    let server = Server::new(|path, _| {
        let number: u64 = path.strip_prefix("/users/u").unwrap().parse().unwrap();
        known(path).after(40 - number)
    });
    let users: Vec<String> = (0..40).map(|i| format!("u{i}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let lab = lab(&users);
    lab.done(&job(&server, "in_flight = 4"), &[]);
    assert_eq!(server.requests(), 40);
    assert!((2..=4).contains(&server.most_in_flight()), "{}", server.most_in_flight());
    let want: Vec<String> =
        users.iter().map(|user| format!("{user},of {user},{}", 1900 + user.len())).collect();
    assert_eq!(answers(&lab), want);

    // Twenty at once, each of which takes 100 ms.
    let server = Server::new(|path, _| known(path).after(100));
    let started = std::time::Instant::now();
    lab.done(&job(&server, "in_flight = 20"), &[]);
    assert!(server.most_in_flight() > 10, "{}", server.most_in_flight());
    assert!(started.elapsed().as_millis() < 2_500, "one after the other they take 4 s");
}

#[test]
fn whom_the_service_does_not_know_has_no_answer_and_is_not_asked_for_again() {
    let server = Server::new(|path, _| match path {
        "/users/lost" => Reply::status(404),
        "/users/gone" => Reply::status(410),
        path => known(path),
    });
    let lab = lab(&["lost", "a", "gone"]);
    let answer = lab.done(&job(&server, ""), &["--json"]);
    assert_eq!(answers(&lab), ["lost,,", "a,of a,1901", "gone,,"]);
    assert_eq!(account(&serde_json::from_str(&answer.out).unwrap()), [3, 0, 0, 0, 0, 3]);
    lab.done(&job(&server, ""), &[]);
    assert!(server.asked().values().all(|times| *times == 1), "{:?}", server.asked());
}

#[test]
fn what_fails_is_asked_again() {
    let fails: [fn() -> Reply; 5] = [
        || Reply::status(500),
        || Reply::status(503),
        || Reply::status(429),
        Reply::hang_up,
        || Reply::ok("").after(1_400),
    ];
    for fail in fails {
        // It fails twice, and then knows.
        let server = Server::new(move |path, before| if before < 2 { fail() } else { known(path) });
        let lab = lab(&["a", "bb", "a"]);
        lab.done(&job(&server, "timeout = \"700ms\"\nretries = 2"), &[]);
        assert_eq!(answers(&lab), ["a,of a,1901", "bb,of bb,1902", "a,of a,1901"], "{:?}", fail());
        assert_eq!(
            asked(&server),
            [("/users/a".to_string(), 3), ("/users/bb".to_string(), 3)],
            "{:?}",
            fail()
        );
    }
}

/// A run of users `a`, `sick` and `c`, of whom the service fails at one.
fn sick(reply: fn() -> Reply, keys: &str) -> (Lab, Server, Answer) {
    let server = Server::new(move |path, _| if path == "/users/sick" { reply() } else { known(path) });
    let lab = lab(&["a", "sick", "c", "sick"]);
    let answer = lab.run(&job(&server, keys), &[]);
    (lab, server, answer)
}

#[test]
fn a_service_that_fails_ends_the_run() {
    for (reply, requests) in [(Reply::status(500), 3), (Reply::hang_up(), 3), (Reply::status(403), 1)] {
        let status = reply.clone();
        let server =
            Server::new(move |path, _| if path == "/users/sick" { status.clone() } else { known(path) });
        let lab = lab(&["a", "sick", "c", "sick"]);
        let answer = lab.run(&job(&server, "retries = 2"), &[]);
        assert_eq!(answer.code, 4, "{}", answer.err);
        assert!(answer.err.contains("/users/sick"), "it says what it asked for: {}", answer.err);
        assert!(!lab.path("out.csv").exists());
        assert_eq!(server.asked()["/users/sick"], requests, "{reply:?}");
    }
    let (_, _, answer) = sick(|| Reply::status(503), "on_failure = \"fail\"\nretries = 0");
    assert_eq!(answer.code, 4);
    assert!(answer.err.contains("503"), "{}", answer.err);
}

#[test]
fn or_the_event_has_no_answer() {
    let (lab, server, answer) = sick(|| Reply::status(500), "on_failure = \"null\"\nretries = 1");
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(answers(&lab), ["a,of a,1901", "sick,,", "c,of c,1901", "sick,,"]);
    assert_eq!(server.asked()["/users/sick"], 2);

    // A failure is not an answer: the next run asks again, and for nothing else.
    lab.done(&job(&server, "on_failure = \"null\"\nretries = 1"), &[]);
    assert_eq!((server.asked()["/users/sick"], server.requests()), (4, 6));
}

#[test]
fn or_the_event_is_rejected() {
    let (lab, server, answer) = sick(|| Reply::status(500), "on_failure = \"reject\"\nretries = 1");
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(answers(&lab), ["a,of a,1901", "c,of c,1901"]);
    assert_eq!(server.asked()["/users/sick"], 2);
    let rejects = lab.text("rejects.jsonl");
    let lines: Vec<serde_json::Value> =
        rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{rejects}");
    for (line, number) in lines.iter().zip([2, 4]) {
        assert_eq!((&line["file"], &line["line"]), (&"log.jsonl".into(), &number.into()), "{line}");
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.contains("/users/sick") && reason.contains("500"), "{reason}");
    }
    for manifest in lab.manifests("") {
        assert_eq!(account(&manifest), [4, 2, 0, 0, 0, 2]);
    }
    assert!(!lab.manifests("").is_empty());
}

/// A window asks for no positions of its own; what is rejected before it needs them.
#[test]
fn or_the_event_is_rejected_before_a_window() {
    let server = Server::new(|path, _| if path == "/users/sick" { Reply::status(500) } else { known(path) });
    let lab = lab(&["a", "sick", "c", "sick"]);
    let windowed = "window = \"global\"\nselect = { n = \"count(*)\" }\n";
    lab.done(&(job(&server, "on_failure = \"reject\"\nretries = 0") + windowed), &[]);
    assert_eq!(lab.text("out.csv"), "n\n2\n");
    let rejects = lab.text("rejects.jsonl");
    let raw = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["raw"].to_string();
    let raw: Vec<String> = rejects.lines().map(raw).collect();
    assert_eq!(raw.len(), 2);
    assert!(raw.iter().all(|raw| raw.contains("sick")), "{rejects}");
}

/// Rejects of records and of lookups are in one file, in the order of the log.
#[test]
fn rejects_of_records_and_of_lookups_lie_together() {
    let server = Server::new(|path, _| if path == "/users/sick" { Reply::status(400) } else { known(path) });
    let lab = Lab::new();
    let bad = "{\"at\":\"x\",\"user\":\"a\"}\n";
    lab.write("log.jsonl", [one(1, "sick"), bad.into(), one(3, "a"), one(2, "sick"), bad.into()].concat());
    lab.done(&job(&server, "on_failure = \"reject\""), &["--chunk-size", "20"]);
    let rejects = lab.text("rejects.jsonl");
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["line"].clone();
    assert_eq!(rejects.lines().map(number).collect::<Vec<_>>(), [1, 2, 4, 5], "{rejects}");
    assert_eq!(answers(&lab), ["a,of a,1901"]);
}

#[test]
fn a_service_that_does_not_come_back_is_given_up() {
    let started = std::time::Instant::now();
    let keys = "timeout = \"100ms\"\nretries = 1\non_failure = \"null\"";
    let (lab, server, answer) = sick(|| known("/users/sick").after(4_000), keys);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(answers(&lab)[1], "sick,,");
    assert_eq!(server.asked()["/users/sick"], 2);
    assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
}

#[test]
fn nobody_listens() {
    let server = Server::new(|path, _| known(path));
    let text = job(&server, "retries = 1");
    drop(server);
    let lab = lab(&["a"]);
    let answer = lab.run(&text, &[]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("/users/a"), "{}", answer.err);
    lab.done(&text.replace("retries = 1", "retries = 0\non_failure = \"null\""), &[]);
    assert_eq!(answers(&lab), ["a,,"]);
}

#[test]
fn answers_that_cannot_be_read_are_failures() {
    let bodies: [fn() -> Reply; 4] = [
        || Reply::ok("<html>"),
        || Reply::ok(""),
        || Reply::ok(r#"{"country":"ES","born":{"year":"MCMLXXVIII"}}"#),
        || Reply::ok(r#"{"country":"ES","born":{"year":19.5}}"#),
    ];
    for body in bodies {
        let (_, _, answer) = sick(body, "retries = 0");
        assert_eq!(answer.code, 4, "{:?}: {}", body(), answer.err);
        assert!(answer.err.contains("/users/sick"), "{}", answer.err);
        let (lab, _, answer) = sick(body, "retries = 0\non_failure = \"null\"");
        assert_eq!(answer.code, 0, "{}", answer.err);
        assert_eq!(answers(&lab)[1], "sick,,");
    }
}

/// A pointer to nothing or to null is NULL, and an answer all the same; values are of the types of the job.
#[test]
fn pointers_and_types() {
    let server = Server::new(|_, _| {
        Reply::ok(
            r#"{"text":"é\n","number":0.1,"limit":12345678901234.50,"vip":true,"since":"2020-02-29",
                "list":[1,{"a/b":"deep"}],"nothing":null,"n":-3}"#,
        )
    });
    let lab = lab(&["a"]);
    let take = [
        ("text", "/text", "string"),
        ("number", "/number", "float64"),
        ("limit", "/limit", "decimal(18,2)"),
        ("vip", "/vip", "bool"),
        ("since", "/since", "date"),
        ("deep", "/list/1/a~1b", "string"),
        ("nothing", "/nothing", "int64"),
        ("missing", "/list/7", "int64"),
        ("n", "/n", "int64"),
    ];
    let pairs = |of: fn(&(&str, &str, &str)) -> String| take.iter().map(of).collect::<Vec<_>>().join(", ");
    let text = job(&server, "")
        .replace(
            "country = \"/country\", year = \"/born/year\"",
            &pairs(|(c, pointer, _)| format!("{c} = \"{pointer}\"")),
        )
        .replace("year = \"int64\"", &pairs(|(c, _, kind)| format!("{c} = \"{kind}\"")))
        .replace("out.csv\"\nformat = \"csv\"", "out.jsonl\"");
    let want = "{\"at\":0,\"user\":\"a\",\"text\":\"é\\n\",\"number\":0.1,\"limit\":12345678901234.50,\"vip\":true,\
                \"since\":\"2020-02-29\",\"deep\":\"deep\",\"nothing\":null,\"missing\":null,\"n\":-3}\n";
    lab.done(&text, &[]);
    assert_eq!(lab.text("out.jsonl"), want);

    // And the same of the recorded answer.
    std::fs::remove_file(lab.path("out.jsonl")).unwrap();
    lab.done(&text, &[]);
    assert_eq!((lab.text("out.jsonl").as_str(), server.requests()), (want, 1));
}

/// Values stand in a URL as text, and none of their characters means anything there.
#[test]
fn urls_hold_columns_of_any_type() {
    let server = Server::new(|path, _| Reply::ok(format!("{{\"was\":{}}}", crate::log::json(path))));
    let lab = Lab::new();
    lab.write(
        "log.jsonl",
        "{\"at\":\"2024-02-29T12:00:00.5Z\",\"s\":\"a/b ü?&#%{x}+\",\"n\":-7,\"b\":true,\"d\":\"2024-02-29\",\"m\":1.50}\n\
         {\"at\":\"2024-02-29T12:00:01Z\",\"s\":\"..\",\"n\":-7,\"b\":true,\"d\":null,\"m\":1.50}\n",
    );
    let job = format!(
        r#"
[source]
path = "log.jsonl"
time = "at"
types = {{ s = "string", n = "int64", b = "bool", d = "date", m = "decimal(9,2)" }}
[[step]]
lookup = "{}/x/{{s}}/{{n}}?b={{b}}&d={{d}}&m={{m}}&at={{at}}&s={{s}}"
take = {{ was = "/was" }}
[[output]]
path = "out.jsonl"
"#,
        server.url()
    );
    lab.done(&job, &[]);
    let asked = asked(&server);
    assert_eq!(asked.len(), 1, "not with a NULL in it: {asked:?}");
    let s = "a/b ü?&#%{x}+";
    let path = &asked[0].0;
    assert_eq!(
        decoded(path),
        format!("/x/{s}/-7?b=true&d=2024-02-29&m=1.50&at=2024-02-29T12:00:00.5Z&s={s}")
    );
    let within: Vec<&str> = path.split('/').collect();
    assert_eq!(within.len(), 4, "{path}");
    assert!(path.chars().all(|c| c.is_ascii_alphanumeric() || "-._~%/?&=:+".contains(c)), "{path}");
    assert!(
        !within[2].contains(['+', '&', '?']) && !path.rsplit_once("s=").unwrap().1.contains(['+', '&', '?'])
    );
    let rows: Vec<serde_json::Value> =
        lab.text("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[0]["was"], &rows[1]["was"]), (&path.as_str().into(), &serde_json::Value::Null));
}

/// One service after the other, and then a constant; a failure that is null goes on as well.
#[test]
fn otherwise_another_service_and_then_a_constant() {
    let first = Server::new(|path, _| match path {
        "/users/a" => known(path),
        "/users/sick" => Reply::status(500),
        _ => Reply::status(404),
    });
    let second = Server::new(|path, _| match path {
        "/people?of=b" => Reply::ok(r#"[{"nation":"second","year":7}]"#),
        _ => Reply::status(404),
    });
    let lab = lab(&["a", "b", "c", "", "sick"]);
    let otherwise = format!(
        "retries = 0\non_failure = \"null\"\notherwise = [{{ lookup = \"{}/people?of={{user}}\", \
         take = {{ country = \"/0/nation\", year = \"/0/year\" }} }}, {{ constant = {{ country = \"XX\" }} }}]",
        second.url()
    );
    lab.done(&job(&first, &otherwise), &[]);
    assert_eq!(answers(&lab), ["a,of a,1901", "b,second,7", "c,XX,", ",XX,", "sick,XX,"]);
    assert_eq!((first.requests(), first.asked()["/users/a"]), (4, 1));
    let people = ["/people?of=b", "/people?of=c", "/people?of=sick"].map(|path| (path.to_string(), 1));
    assert_eq!(asked(&second), people, "not for a, nor for nobody");
}

/// Only events that reach the step are asked for; so duplicates and what is filtered cost nothing.
#[test]
fn steps_before_a_lookup_spare_requests() {
    let server = Server::new(|path, _| known(path));
    let lab = lab(&["a", "b", "a", "c", "b"]);
    let steps = "[[step]]\ndedup = [\"user\"]\n[[step]]\nfilter = \"\\\"user\\\" <> 'b'\"\n[[step]]\nlookup";
    lab.done(&job(&server, "").replace("[[step]]\nlookup", steps), &[]);
    assert_eq!(answers(&lab), ["a,of a,1901", "c,of c,1901"]);
    assert_eq!(asked(&server), [("/users/a".to_string(), 1), ("/users/c".to_string(), 1)]);
    assert!(lab.manifests("").iter().all(|manifest| account(manifest) == [5, 0, 1, 2, 0, 2]));
}

/// The answer is a column like any other: filtered, deduplicated, grouped by.
#[test]
fn answers_are_columns_for_further_steps() {
    let server = Server::new(|path, _| match path {
        "/users/d" => Reply::status(404),
        "/users/a" => Reply::ok(r#"{"country":"ES","born":{"year":1978}}"#).after(30),
        _ => Reply::ok(r#"{"country":"PO","born":{"year":1990}}"#),
    });
    let lab = lab(&["a", "b", "d", "c", "a", "c"]);
    let text = job(&server, "").replace(
        "[[output]]\npath = \"out.csv\"",
        "[[step]]\nfilter = \"country IS NOT NULL\"\n[[step]]\nfirst = [\"country\"]\nas = \"fresh\"\n[[output]]\n\
         path = \"out.csv\"\nwindow = { tumbling = \"4s\" }\nby = [\"country\"]\n\
         select = { n = \"count(*)\", fresh = \"bool_or(fresh)\", y = \"max(year)\" }",
    );
    lab.done(&text, &[]);
    let want = "ES,1,true,1978|PO,2,true,1990|ES,1,false,1978|PO,1,false,1990";
    let text = lab.text("out.csv");
    let rows: Vec<String> =
        text.lines().skip(1).map(|line| line.splitn(3, ',').nth(2).unwrap().to_string()).collect();
    assert_eq!(rows.join("|"), want, "{text}");
}

/// What is late is found after the steps, so a stream asks for the same as a replay.
#[test]
fn a_streamed_job_asks_the_same() {
    let server = Server::new(|path, _| known(path));
    let lab = Lab::new();
    lab.write("log.jsonl", [(0, "a"), (90, "bb"), (1, "ccc")].map(|(at, user)| one(at, user)).concat());
    let text = job(&server, "")
        + "window = { tumbling = \"1m\" }\nby = [\"country\"]\nselect = { n = \"count(*)\" }\n";
    lab.done(&text, &[]);
    let rows = lab.text("out.csv");
    lab.done(&text, &["--mode", "streamed"]);
    assert_eq!(
        lab.text("out.csv"),
        rows.lines().filter(|line| !line.contains("ccc")).map(|l| format!("{l}\n")).collect::<String>()
    );
    assert!(rows.contains("ccc"));
    assert_eq!(server.requests(), 3);
}

/// A value is a part of the path, and not a way out of it: as a whole segment `.`, `..` and nothing ask for something
/// else, and so they are not asked for.
#[test]
fn a_value_does_not_lead_out_of_its_place_in_the_path() {
    let answer = |path: &str, _| Reply::ok(format!("{{\"country\":{}}}", crate::log::json(&decoded(path))));
    let server = Server::new(answer);
    let lab = lab(&["..", ".", "a/../b", "...", "x"]);
    lab.write("log.jsonl", log(&["..", ".", "a/../b", "..."]) + "{\"at\":9,\"user\":\"\"}\n");
    lab.done(&job(&server, ""), &[]);
    let users: Vec<String> = answers(&lab);
    assert_eq!(users, ["..,,", ".,,", "a/../b,/users/a/../b,", "...,/users/...,", "\"\",,"]);
    assert_eq!(server.requests(), 2);

    // In a query they are values as others.
    let job = job(&server, "").replace("/users/{user}", "/find?user={user}");
    lab.done(&job, &[]);
    let found = answers(&lab);
    assert_eq!(found[0], "..,/find?user=..,");
    assert_eq!(found[4], "\"\",/find?user=,");
}
