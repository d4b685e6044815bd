//! A live payments job, by hand: four cases in which it publishes what a replay in event time does not. Each gives its
//! logs arrival times, and what must come out is what the live job would have published.

use crate::support::{Lab, PLAIN};
use highwater::plan::Mode;
use std::fmt::Write;

/// Time and arrival as minutes and seconds of the hour, and the rest of the record.
type Lines<'a> = &'a [(&'a str, &'a str, &'a str)];

pub const STEPS: &str = r#"
mode = "streamed"

[source]
path = "@/payments.jsonl"
time = "at"
arrival = "came"
types = { id = "string", user = "string", session = "string", kind = "string", old = "bool", tick = "bool" }

[table.sessions]
path = "@/sessions.jsonl"
time = "at"
arrival = "came"
types = { id = "string", country = "string" }

[table.users]
path = "@/users.jsonl"
time = "at"
arrival = "came"
types = { user = "string", home = "string", born = "string" }

[[step]]
filter = "tick IS NOT TRUE"

[[step]]
dedup = ["user", "id"]
within = "1m"

[[step]]
derive = { known = "CASE WHEN old THEN NULL ELSE session END" }

[[step]]
enrich = "sessions"
on = { known = "id" }
within = "30m"
take = { country = "country" }
otherwise = [
    { late = { lookup = "@/service.jsonl", on = { session = "id" } } },
    { match = "forward", within = "5m" },
    { lookup = "@/service.jsonl", on = { session = "id" } },
]

[[step]]
enrich = "users"
on = ["user"]
fill = "last_value"
take = { home = "home", born = "born" }

[[step]]
first = ["user", "kind"]
as = "first"

[[output]]
path = "@/out.jsonl"
select = { id = "id", country = "country", home = "home", born = "born", first = "first" }
"#;

/// What the job publishes: id, country, home, birth year and whether it is the first of its kind; `-` for nothing.
fn published(lab: &Lab, mode: Mode) -> String {
    lab.library_as(STEPS, PLAIN, mode).unwrap();
    rows(lab)
}

fn rows(lab: &Lab) -> String {
    let mut out = String::new();
    for line in lab.text("out.jsonl").lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| event[name].as_str().unwrap_or("-").to_string();
        let (country, home, born) = (text("country"), text("home"), text("born"));
        writeln!(out, "{} {country} {home} {born} {}", text("id"), event["first"]).unwrap();
    }
    out
}

pub fn lab(payments: Lines, sessions: Lines, users: Lines, service: &[(&str, &str)]) -> Lab {
    let lab = Lab::new();
    let text = |lines: Lines| {
        let line = |(at, came, rest): &(&str, &str, &str)| {
            let instant = |of: &str| format!("2024-03-01T07:{of}Z");
            format!("{{\"at\": \"{}\", \"came\": \"{}\", {rest}}}\n", instant(at), instant(came))
        };
        lines.iter().map(line).collect::<String>()
    };
    lab.write("payments.jsonl", text(payments));
    lab.write("sessions.jsonl", text(sessions));
    lab.write("users.jsonl", text(users));
    let answer = |(id, country): &(&str, &str)| format!("{{\"id\": \"{id}\", \"country\": \"{country}\"}}\n");
    lab.write("service.jsonl", service.iter().map(answer).collect::<String>());
    lab
}

/// Moves the watermark of the payments.
pub const TICK: &str = r#""tick": true, "session": null"#;
pub const PAYMENT: &str = r#""id": "m", "user": "ann", "session": "s1", "kind": "card", "old": false"#;

/// Moves the watermark of a table, and is of nobody.
const OTHER_SESSION: &str = r#""id": "other", "country": "XX""#;
const OTHER_USER: &str = r#""user": "other", "home": "XX", "born": "1900""#;

#[test]
fn a_payment_behind_the_watermark_is_asked_of_the_service_though_its_session_is_known() {
    let lab = lab(
        // The payment of minute 20 arrives when all logs stand at minute 40.
        &[("40:00", "40:01", TICK), ("20:00", "41:00", PAYMENT)],
        &[("01:00", "01:00", r#""id": "s1", "country": "SE""#), ("40:00", "40:00", OTHER_SESSION)],
        &[
            ("02:00", "02:00", r#""user": "ann", "home": "NO""#),
            ("03:00", "03:00", r#""user": "ann", "born": "1970""#),
            ("40:00", "40:00", OTHER_USER),
        ],
        &[("s1", "DK")],
    );
    assert_eq!(published(&lab, Mode::Streamed), "m DK NO 1970 true\n");
    assert_eq!(published(&lab, Mode::Complete), "m SE NO 1970 true\n");
}

#[test]
fn so_is_one_of_which_no_user_is_known() {
    let lab = lab(
        &[("40:00", "40:01", TICK), ("20:00", "41:00", PAYMENT)],
        &[("01:00", "01:00", r#""id": "s1", "country": "SE""#), ("40:00", "40:00", OTHER_SESSION)],
        &[("40:00", "40:00", OTHER_USER)],
        &[("s1", "DK")],
    );
    assert_eq!(published(&lab, Mode::Streamed), "m DK - - true\n");
    assert_eq!(published(&lab, Mode::Complete), "m SE - - true\n");
}

#[test]
fn a_payment_does_not_have_what_is_said_of_its_user_after_it_is_published() {
    let payment = |id: &str| format!(r#""id": "{id}", "user": "ann", "kind": "card", "old": false"#);
    let (first, second) = (payment("m1"), payment("m2"));
    let lab = lab(
        &[("03:00", "03:00", &first), ("05:00", "09:00", &second), ("20:00", "20:00", TICK)],
        &[("00:01", "00:01", OTHER_SESSION), ("20:00", "21:00", OTHER_SESSION)],
        // Both are of before the first payment, and come after it is published.
        &[
            ("01:00", "08:30", r#""user": "ann", "born": "1970""#),
            ("02:00", "08:40", r#""user": "ann", "home": "NO""#),
        ],
        &[("none", "XX")],
    );
    // A payment without a session is published at once where no session is waited for.
    let toml = STEPS.replace("    { match = \"forward\", within = \"5m\" },\n", "");
    lab.library(&toml, PLAIN).unwrap();
    assert_eq!(rows(&lab), "m1 - - - true\nm2 - NO 1970 false\n");
    // Where one is waited for, both are published when the watermark has passed them, and the user is known by then.
    assert_eq!(published(&lab, Mode::Streamed), "m1 - NO 1970 true\nm2 - NO 1970 false\n");
    assert_eq!(published(&lab, Mode::Complete), "m1 - NO 1970 true\nm2 - NO 1970 false\n");
}

#[test]
fn a_payment_waits_for_its_session_and_an_old_or_late_one_is_asked_of_the_service() {
    let payment = |id: &str, user: &str, session: &str, kind: &str, old: bool| {
        format!(r#""id": "{id}", "user": "{user}", "session": "{session}", "kind": "{kind}", "old": {old}"#)
    };
    let p1 = payment("p1", "ann", "s1", "card", false);
    let p2 = payment("p2", "ann", "s1", "card", false);
    let p3 = payment("p3", "ann", "s1", "cash", false);
    let p4 = payment("p4", "ann", "s1", "card", false);
    let p5 = payment("p1", "bob", "s2", "card", false);
    let p6 = payment("p6", "ann", "s3", "card", true);
    let p7 = payment("p7", "ann", "s1", "card", false);
    let lab = lab(
        &[
            ("03:00", "03:01", &p1),
            // The same again, within a minute of its arrival.
            ("03:00", "03:02", &p1),
            ("04:00", "04:01", &p2),
            ("05:00", "05:01", &p3),
            ("15:00", "15:01", &p4),
            // Its session is created two minutes after it, by its own clock, and arrives a minute later.
            ("40:00", "40:01", &p5),
            // Of an old payment the sessions are not asked.
            ("41:00", "41:01", &p6),
            ("41:00", "41:02", &p6),
            // It arrives when the watermark has passed it.
            ("29:00", "44:00", &p7),
            ("59:00", "58:00", TICK),
        ],
        &[
            ("00:00", "00:01", r#""id": "s1", "country": "SE""#),
            ("42:00", "43:00", r#""id": "s2", "country": "FI""#),
            ("58:00", "58:01", OTHER_SESSION),
        ],
        &[
            ("01:00", "01:01", r#""user": "ann", "home": "NO""#),
            ("02:00", "02:01", r#""user": "ann", "born": "1970""#),
            ("14:00", "14:01", r#""user": "ann", "home": "IS""#),
            ("58:00", "58:02", OTHER_USER),
        ],
        &[("s1", "DK"), ("s2", "DK"), ("s3", "DK")],
    );
    let live = "\
        p1 SE NO 1970 true\n\
        p2 SE NO 1970 false\n\
        p3 SE NO 1970 true\n\
        p4 SE IS 1970 false\n\
        p7 DK IS 1970 false\n\
        p1 FI - - true\n\
        p6 DK IS 1970 false\n";
    assert_eq!(published(&lab, Mode::Streamed), live);
    // With every event in its place, the payment that came late has its session.
    let replayed = live.replace("p7 DK", "p7 SE");
    assert_eq!(published(&lab, Mode::Complete), replayed);
}

/// The entries of a kind of the state at a time of the hour, as (key, time, value).
fn held(lab: &Lab, kind: &str, at: &str) -> Vec<String> {
    lab.write("job.toml", STEPS.replace("@/", ""));
    let at = format!("2024-03-01T07:{at}Z");
    let answer = lab.highwater(&["inspect", "job.toml", "--at", &at, "--json"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let state: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let entries = state["entries"].as_array().unwrap().iter().filter(|entry| entry["state"] == kind);
    let text = |value: &serde_json::Value| value.to_string().replace("2024-03-01T07:", "");
    entries
        .map(|entry| format!("{} {} {}", entry["key"], text(&entry["time"]), text(&entry["value"])))
        .collect()
}

#[test]
fn the_state_is_that_of_the_live_job_with_the_events_that_wait() {
    let lab = lab(
        &[
            ("03:00", "03:01", PAYMENT),
            ("03:00", "03:02", PAYMENT),
            ("04:00", "09:00", r#""id": "n", "user": "bob", "session": "s2", "kind": "card", "old": false"#),
            // The same again: it does not wait.
            ("04:00", "09:10", r#""id": "n", "user": "bob", "session": "s2", "kind": "card", "old": false"#),
            ("20:00", "20:00", TICK),
        ],
        &[
            ("01:00", "01:00", r#""id": "s1", "country": "SE""#),
            ("05:00", "10:00", r#""id": "s2", "country": "FI""#),
            ("20:00", "21:00", OTHER_SESSION),
        ],
        &[("01:00", "08:30", r#""user": "ann", "home": "NO", "born": "1970""#)],
        &[("none", "XX")],
    );
    // The payment of bob waits until the watermark has passed minute 9.
    assert_eq!(held(&lab, "waiting", "09:30"), [r#"{"known":"s2"} "04:00Z" {"until":"09:00Z"}"#]);
    // Keys are held for a minute of arrival, and not of event time.
    assert_eq!(held(&lab, "dedup", "09:30"), [r#"{"user":"bob","id":"n"} "09:00Z" null"#]);
    assert_eq!(held(&lab, "dedup", "03:30"), [r#"{"user":"ann","id":"m"} "03:01Z" null"#]);
    // What waits has not come to `first`, and a row that has not arrived is not held.
    assert_eq!(held(&lab, "first", "09:30"), [r#"{"user":"ann","kind":"card"} "03:01Z" null"#]);
    let sessions = |at: &str| {
        let held = held(&lab, "table", at);
        held.into_iter().filter(|entry| entry.contains("country")).collect::<Vec<_>>()
    };
    assert_eq!(sessions("09:30"), [r#"{"id":"s1"} "01:00Z" {"country":"SE"}"#]);
    assert_eq!(sessions("10:00").len(), 2);
    // After all records nothing has passed minute 9 before the session of minute 20 came.
    assert_eq!(held(&lab, "waiting", "20:59").len(), 1);
    assert_eq!(held(&lab, "waiting", "21:00"), Vec::<String>::new());
}

#[test]
fn what_a_streamed_step_cannot_have_is_told() {
    let lab = Lab::new();
    lab.write("log.csv", "at,k,v\n2024-03-01T07:00:00Z,a,1\n");
    lab.write("t.csv", "at,k,w\n2024-03-01T07:00:00Z,a,1\n");
    let job = |step: &str, output: &str| {
        format!(
            "mode = \"streamed\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n[table.t]\npath = \"t.csv\"\ntime = \"at\"\n\
             [[step]]\nenrich = \"t\"\non = [\"k\"]\ntake = [\"w\"]\n{step}\n[[output]]\npath = \"out.csv\"\n{output}\n"
        )
    };
    let told = |job: String, args: &[&str]| {
        lab.write("job.toml", job);
        let answer = lab.highwater(args);
        assert_eq!(answer.code, 2, "{}{}", answer.out, answer.err);
        answer.err
    };
    let run = ["run", "job.toml"];
    let all = "window = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\nmode = \"complete\"";
    let service = "otherwise = [{ lookup = \"http://127.0.0.1:9/{k}\", on_failure = \"reject\" }]";
    let both = format!("{}[[output]]\npath = \"b.csv\"\n", job(service, all));
    assert!(told(both, &run).contains("rejects other events for outputs in `complete` mode"));
    let twice = "otherwise = [{ late = { constant = { w = 0 } } }, { late = { match = \"forward\" } }]";
    assert!(told(job(twice, ""), &run).contains("a step has one item for late events"));
    assert!(told(job("", ""), &["sql", "job.toml"]).contains("`enrich` in `streamed` mode"));
    assert!(
        told(job("", ""), &["run", "job.toml", "--on", "duckdb"]).contains("`enrich` in `streamed` mode")
    );
    let untimed = job("", "").replace("path = \"t.csv\"\ntime = \"at\"", "path = \"t.csv\"\nidle = \"1m\"");
    assert!(told(untimed, &run).contains("`idle` needs times, but [table.t] has no `time`"));
    lab.write("job.toml", job("", ""));
    assert_eq!(lab.highwater(&run).code, 0);
    // Late events of such a job would have been seen by its steps.
    let counts =
        "window = { tumbling = \"1m\" }\nselect = { n = \"count(*)\" }\n[late]\npath = \"late.jsonl\"";
    lab.write("t.csv", "at,k,w\n2024-03-01T07:00:00Z,a,1\n2024-03-01T07:09:00Z,z,1\n");
    lab.write("log.csv", "at,k,v\n2024-03-01T07:09:00Z,a,1\n2024-03-01T07:00:00Z,a,1\n");
    lab.done(&job("", counts), &[]);
    let late = told(job("", counts), &["backfill", "job.toml", "late.jsonl"]);
    assert!(late.contains("late events of a job with streamed steps cannot be counted"), "{late}");
    // An archive does not have the order of arrivals.
    let archived = format!(
        "{}[[output]]\npath = \"raw\"\narchive = true\n",
        job("", counts).replace("log.csv", "l*g.csv")
    );
    lab.done(&archived, &[]);
    std::fs::rename(lab.path("log.csv"), lab.path("gone.csv")).unwrap();
    lab.write("lag.csv", "at,k,v\n2024-03-01T07:01:00Z,a,1\n");
    let gone = told(archived, &["backfill", "job.toml", "lag.csv"]);
    assert!(gone.contains("streamed steps need all records in the order of their arrival"), "{gone}");
}
