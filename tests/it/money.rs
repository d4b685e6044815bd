//! Payments enriched with the country of their session, the residence and birth year of their user, and
//! whether they are the first of their kind: every case of the design's job `money-enrichment`, by hand.

use crate::enrich_jobs::shuffle;
use crate::http_server::{Reply, Server};
use crate::results;
use crate::support::{Lab, account};

const DAY: &str = "2024-06-01T";

/// Payments and others. The time is of the first day, if it does not say otherwise.
const WALLET: [(&str, &str, &str, &str, &str, &str); 14] = [
    // type, id, user, session, time, kind of money
    ("PaymentEvent", "p1", "u1", "s1", "00:03:00", "A"),
    // The same payment again, half a minute after it.
    ("PaymentEvent", "p1", "u1", "s1", "00:03:30", "A"),
    ("TransactionEvent", "p2", "u1", "s1", "00:04:00", "A"),
    ("PaymentEvent", "p3", "u1", "s1", "00:05:00", "B"),
    ("BonusGrantedEvent", "b1", "u1", "s1", "00:06:00", "B"),
    // Old: the session's event is there, and is not to be believed.
    ("PaymentEvent", "p10", "u1", "s9", "09:30:00", "A"),
    // Its session is created three minutes after it.
    ("PaymentEvent", "p6", "u2", "s2", "10:00:00", "A"),
    ("PaymentEvent", "p7", "u1", "", "11:00:00", "C"),
    ("PaymentEvent", "p4", "u1", "s1", "14:00:00", "A"),
    // Two payments of one user in one millisecond.
    ("PaymentEvent", "p8", "u1", "s1", "15:00:00.123", "D"),
    ("PaymentEvent", "p9", "u1", "s1", "15:00:00.123", "D"),
    // Nobody knows its session, and its user is known by nothing.
    ("PaymentEvent", "p11", "u3", "s404", "16:00:00", "A"),
    // A day after the session was created, to the microsecond, and later.
    ("PaymentEvent", "p12", "u1", "s1", "2024-06-02T00:00:00", "B"),
    ("PaymentEvent", "p5", "u1", "s1", "2024-06-02T00:30:00", "A"),
];

const SESSIONS: [(&str, &str, &str, &str); 6] = [
    ("UserSessionCreatedEvent", "s1", "CA", "00:00:00"),
    // The table's filter leaves it out.
    ("UserSessionClosedEvent", "s1", "ZZ", "00:02:00"),
    ("UserSessionCreatedEvent", "s9", "DE", "09:00:00"),
    ("UserSessionCreatedEvent", "s2", "FR", "10:03:00"),
    ("UserSessionCreatedEvent", "s3", "IT", "12:00:00"),
    ("UserSessionClosedEvent", "s3", "ZZ", "12:30:00"),
];

const USERS: [(&str, &str, &str, &str); 6] = [
    // type, user, what changed, time
    ("UserAddressChangedEvent", "u1", "\"residentCountryCode\":\"ES\"", "00:01:00"),
    ("UserBirthDateChangedEvent", "u1", "\"birthYear\":1978", "00:02:00"),
    // Too late for its payment.
    ("UserBirthDateChangedEvent", "u2", "\"birthYear\":1990", "12:00:00"),
    ("UserAddressChangedEvent", "u1", "\"residentCountryCode\":\"PO\"", "13:00:00"),
    ("UserLanguageChangedEvent", "u1", "\"language\":\"es\"", "13:30:00"),
    ("UserAddressChangedEvent", "u2", "\"residentCountryCode\":\"BE\"", "13:45:00"),
];

/// id, country of the session, residence, birth year, first; in replay order.
const ENRICHED: &str = "\
p1 CA ES 1978 true
p2 CA ES 1978 false
p3 CA ES 1978 true
p10 NL ES 1978 false
p6 FR - - true
p7 - ES 1978 true
p4 CA PO 1978 false
p8 CA PO 1978 true
p9 CA PO 1978 false
p11 - - - true
p12 CA PO 1978 false
p5 UK PO 1978 false
";

fn time(text: &str) -> String {
    if text.contains('T') { format!("{text}Z") } else { format!("{DAY}{text}Z") }
}

/// Lines of JSON with their times.
type Lines = Vec<(String, String)>;

fn logs() -> [(&'static str, Lines); 3] {
    let wallet = WALLET.map(|(kind, id, user, session, at, money)| {
        let at = time(at);
        let session =
            if session.is_empty() { String::new() } else { format!("\"userSessionId\":\"{session}\",") };
        let old = if id == "p10" { ",\"old\":true" } else { "" };
        let line = format!(
            "{{\"type\":\"{kind}\",\"id\":\"{id}\",\"userId\":\"{user}\",{session}\"processedAt\":\"{at}\",\
             \"moneyType\":\"{money}\",\"amount\":10.00{old}}}"
        );
        (at, line)
    });
    let sessions = SESSIONS.map(|(kind, id, country, at)| {
        let at = time(at);
        let line = format!(
            "{{\"type\":\"{kind}\",\"id\":\"{id}\",\"clientCountryCode\":\"{country}\",\"processedAt\":\"{at}\"}}"
        );
        (at, line)
    });
    let users = USERS.map(|(kind, user, change, at)| {
        let at = time(at);
        (
            at.clone(),
            format!("{{\"type\":\"{kind}\",\"userId\":\"{user}\",\"processedAt\":\"{at}\",{change}}}"),
        )
    });
    [
        ("wallet-events/wallet.jsonl", wallet.to_vec()),
        ("user-session-events/sessions.jsonl", sessions.to_vec()),
        ("user-events/users.jsonl", users.to_vec()),
    ]
}

fn write(lab: &Lab, logs: &[(&str, Lines)]) {
    for (name, lines) in logs {
        let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        lab.write(name, text);
    }
}

/// The lines in another order; those of one time stay in theirs.
fn shuffled(lines: &Lines, seed: u64) -> Lines {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    shuffle(&mut order, seed);
    let mut found: Lines = vec![];
    for &i in &order {
        let before = found.iter().filter(|(at, _)| *at == lines[i].0).count();
        found.push(lines.iter().filter(|(at, _)| *at == lines[i].0).nth(before).unwrap().clone());
    }
    found
}

fn job(server: &Server) -> String {
    let url = server.url();
    format!(
        r#"
name = "money-enrichment"
[source]
path = "wallet-events/*.jsonl"
time = "processedAt"
types = {{ amount = "decimal(12,2)", old = "bool" }}
out_of_orderness = "20s"

[table.sessions]
path = "user-session-events/*.jsonl"
time = "processedAt"
filter = "type = 'UserSessionCreatedEvent'"

[table.users]
path = "user-events/*.jsonl"
time = "processedAt"

[[step]]
filter = "type IN ('PaymentEvent', 'TransactionEvent')"
[[step]]
dedup = ["userId", "id"]
within = "1m"
[[step]]
derive = {{ session = "CASE WHEN old THEN NULL ELSE userSessionId END" }}
[[step]]
enrich = "sessions"
on = {{ session = "id" }}
within = "1d"
take = {{ sessionCountry = "clientCountryCode" }}
otherwise = [
  {{ match = "forward", within = "5m" }},
  {{ lookup = "{url}/sessions/{{userSessionId}}", backoff = "1ms" }},
]
[[step]]
enrich = "users"
on = {{ userId = "userId" }}
fill = "last_value"
take = {{ residentCountry = "residentCountryCode", birthYear = "birthYear" }}
[[step]]
first = ["userId", "moneyType"]
as = "firstOccurrence"

[[output]]
path = "out/money"
partition_by = ["date", "hour"]
[[output]]
path = "out/money.jsonl"
"#
    )
}

/// Knows two sessions. It has moved one of them when it is asked again, and is slow to tell of it, so that the
/// answers come out of order.
fn service() -> Server {
    Server::new(|path, before| match (path, before) {
        ("/sessions/s1", 0) => Reply::ok(r#"{"id":"s1","clientCountryCode":"UK"}"#).after(80),
        ("/sessions/s1", _) => Reply::ok(r#"{"id":"s1","clientCountryCode":"IE"}"#),
        ("/sessions/s9", _) => Reply::ok(r#"{"clientCountryCode":"NL","more":[1,2,3]}"#).after(20),
        _ => Reply::status(404),
    })
}

/// The lines of [`ENRICHED`] that a run left as JSON Lines.
fn enriched(lab: &Lab) -> String {
    let line = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let column = |name: &str| match &row[name] {
            serde_json::Value::Null => "-".into(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let columns = ["id", "sessionCountry", "residentCountry", "birthYear", "firstOccurrence"];
        format!("{}\n", columns.map(column).join(" "))
    };
    lab.text("out/money.jsonl").lines().map(line).collect()
}

/// Removes what a run left, but not the answers.
fn forget(lab: &Lab) {
    std::fs::remove_dir_all(lab.path("out/money")).unwrap();
    std::fs::remove_file(lab.path("out/money.jsonl")).unwrap();
}

#[test]
fn every_case_of_the_design() {
    let (lab, server) = (Lab::new(), service());
    write(&lab, &logs());
    lab.done(&job(&server), &[]);
    assert_eq!(enriched(&lab), ENRICHED);
    for manifest in lab.manifests("out") {
        // Of 14, one is a bonus and one a duplicate.
        assert_eq!(account(&manifest), [14, 0, 1, 1, 0, 12]);
    }
    let asked: Vec<(String, usize)> = server.asked().into_iter().collect();
    let once = ["/sessions/s1", "/sessions/s404", "/sessions/s9"].map(|path| (path.to_string(), 1));
    assert_eq!(asked, once, "one request for each, and none without a session");
}

#[test]
fn parquet_by_hour_holds_the_same_rows() {
    let (lab, server) = (Lab::new(), service());
    write(&lab, &logs());
    lab.done(&job(&server), &[]);
    let mut rows = vec![];
    let mut counts = String::new();
    for (name, bytes) in lab.data("out/money") {
        let found = results::read("parquet", &bytes, "UTC");
        let folder = name.rsplit_once('/').unwrap().0;
        counts.push_str(&format!("{folder} {}\n", found.len()));
        rows.extend(found);
    }
    assert_eq!(
        counts,
        "date=2024-06-01/hour=00 3\ndate=2024-06-01/hour=09 1\ndate=2024-06-01/hour=10 1\n\
         date=2024-06-01/hour=11 1\ndate=2024-06-01/hour=14 1\ndate=2024-06-01/hour=15 2\n\
         date=2024-06-01/hour=16 1\ndate=2024-06-02/hour=00 2\n"
    );
    assert_eq!(rows, results::read("jsonl", lab.text("out/money.jsonl").as_bytes(), "UTC"));
}

#[test]
fn a_second_run_asks_nobody() {
    let (lab, server) = (Lab::new(), service());
    write(&lab, &logs());
    lab.done(&job(&server), &[]);
    let (files, written) = (lab.files("out"), lab.written("out"));
    assert!(lab.path("out/money.lookups.jsonl").exists());

    lab.done(&job(&server), &[]);
    assert_eq!(server.requests(), 3);
    assert_eq!(lab.written("out"), written, "nothing is written again");

    // Not because the outputs are there; and it need not be up.
    let job = job(&server);
    drop(server);
    forget(&lab);
    lab.done(&job, &[]);
    assert!(lab.files("out") == files);
}

#[test]
fn lookups_are_refreshed_if_asked_for() {
    let (lab, server) = (Lab::new(), service());
    write(&lab, &logs());
    lab.done(&job(&server), &[]);
    lab.done(&job(&server), &["--refresh-lookups"]);
    assert!(server.asked().values().all(|times| *times == 2), "{:?}", server.asked());
    assert_eq!(enriched(&lab), ENRICHED.replace("UK", "IE"));

    // The new answers are those that are kept.
    let files = lab.files("out");
    forget(&lab);
    lab.done(&job(&server), &[]);
    assert_eq!(server.requests(), 6);
    assert!(lab.files("out") == files);
}

#[test]
fn the_order_of_arrival_does_not_show() {
    // This one does not change its mind.
    let server = Server::new(|path, before| match path {
        "/sessions/s1" => {
            Reply::ok(r#"{"clientCountryCode":"UK"}"#).after(if before % 2 == 0 { 30 } else { 0 })
        }
        "/sessions/s9" => Reply::ok(r#"{"clientCountryCode":"NL"}"#).after(10),
        _ => Reply::status(404),
    });
    let lab = Lab::new();
    write(&lab, &logs());
    lab.done(&job(&server), &[]);
    assert_eq!(enriched(&lab), ENRICHED);
    for seed in 0..6 {
        let other = Lab::new();
        let shuffled = logs().map(|(name, lines)| (name, shuffled(&lines, seed)));
        assert_ne!(shuffled, logs());
        write(&other, &shuffled);
        lab_done(&other, &server, seed);
        // The answers among them.
        assert!(other.data("out") == lab.data("out"), "seed {seed}: {}", enriched(&other));
    }
}

/// A run with another number of threads and another chunk size for each seed.
fn lab_done(lab: &Lab, server: &Server, seed: u64) {
    let threads = ["1", "2", "4"][seed as usize % 3];
    let chunk = ["64", "1000", "1MB"][seed as usize / 2 % 3];
    lab.done(&job(server), &["--threads", threads, "--chunk-size", chunk]);
}

/// The wallet alone split into two files, and a memory in which nothing fits.
#[test]
fn files_and_memory_do_not_show() {
    let (lab, server) = (Lab::new(), service());
    write(&lab, &logs());
    lab.done(&job(&server), &[]);
    let whole = lab.data("out");
    let [(_, wallet), sessions, users] = logs();
    let (a, b) = wallet.split_at(5);
    std::fs::remove_dir_all(lab.path("wallet-events")).unwrap();
    write(
        &lab,
        &[("wallet-events/1.jsonl", a.to_vec()), ("wallet-events/2.jsonl.gz", b.to_vec()), sessions, users],
    );
    let asks_nobody = job(&server);
    drop(server);
    forget(&lab);
    let job = asks_nobody.replace("wallet-events/*.jsonl", "wallet-events");
    lab.done(&job, &["--memory", "64KB", "--chunk-size", "100"]);
    assert!(lab.data("out") == whole);
}
