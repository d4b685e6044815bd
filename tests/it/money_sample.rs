//! The job `money-enrichment` on `data/money` against a plain loop over the lines, and that the sample has every case
//! that the job is for.

use crate::golden::with_data;
use crate::results;
use crate::support::account;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

const DAY: i64 = 24 * 3600 * 1000;
const MINUTE: i64 = 60 * 1000;

/// The lines of a log of `data/money`, with their times in milliseconds, in replay order.
fn log(name: &str) -> Vec<(i64, Value)> {
    let text = std::fs::read_to_string(format!("data/money/{name}/{name}.jsonl")).unwrap();
    let mut rows: Vec<(i64, Value)> = text
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let time = row["processedAt"].as_str().map_or(0, time);
            (time, row)
        })
        .collect();
    rows.sort_by_key(|(time, _)| *time);
    rows
}

fn time(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// A text, or a dash.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What the job should give: a line for each payment that stays, the account, and how often each case occurs.
fn by_hand() -> (Vec<String>, [u64; 6], BTreeMap<&'static str, usize>) {
    let (wallet, sessions, users) = (log("wallet-events"), log("user-session-events"), log("user-events"));
    let answers: HashMap<String, String> = log("session-countries")
        .iter()
        .map(|(_, row)| (text(&row["id"]), text(&row["clientCountryCode"])))
        .collect();
    let mut cases = BTreeMap::new();
    let (mut lines, mut filtered, mut duplicates) = (vec![], 0, 0);
    let (mut stayed, mut first, mut moments) = (HashMap::new(), HashSet::new(), HashSet::new());
    for (at, row) in &wallet {
        let mut case = |name| *cases.entry(name).or_insert(0) += 1;
        if !["PaymentEvent", "TransactionEvent"].contains(&row["type"].as_str().unwrap()) {
            filtered += 1;
            continue;
        }
        let (user, id) = (text(&row["userId"]), text(&row["id"]));
        match stayed.get(&(user.clone(), id.clone())) {
            Some(last) if at - last <= MINUTE => {
                duplicates += 1;
                continue;
            }
            Some(_) => case("again after a minute"),
            None => {}
        }
        stayed.insert((user.clone(), id.clone()), *at);
        if !moments.insert((user.clone(), *at)) {
            case("same millisecond");
        }

        let session = text(&row["userSessionId"]);
        let created = |near: &dyn Fn(i64) -> bool| {
            let of = |row: &Value| row["type"] == "UserSessionCreatedEvent" && text(&row["id"]) == session;
            sessions
                .iter()
                .find(|(time, row)| of(row) && near(*time))
                .map(|(_, row)| text(&row["clientCountryCode"]))
        };
        let old = row["old"] == true;
        let country = if session == "-" {
            case("no session");
            None
        } else if let Some(country) = created(&|time| !old && time <= *at && at - time <= DAY) {
            case("session before");
            Some(country)
        } else if let Some(country) = created(&|time| !old && time >= *at && time - at <= 5 * MINUTE) {
            case("session just after");
            Some(country)
        } else {
            let country = answers.get(&session).cloned();
            match (&country, old, created(&|_| true)) {
                (None, ..) => case("known to nobody"),
                (_, true, _) => case("old"),
                (_, _, Some(_)) => case("after the session's day"),
                (_, _, None) => case("known to the service alone"),
            }
            country
        };

        let last = |column: &str| {
            let known = users.iter().filter(|(time, row)| time <= at && text(&row["userId"]) == user);
            known.map(|(_, row)| &row[column]).rfind(|value| !value.is_null()).cloned().unwrap_or_default()
        };
        let (residence, born) = (last("residentCountryCode"), last("birthYear"));
        let moves = |(time, row): &&(i64, Value)| {
            time <= at && text(&row["userId"]) == user && row["residentCountryCode"].is_string()
        };
        match (residence.is_null(), born.is_null()) {
            (true, true) => case("user unknown"),
            (false, false) if users.iter().filter(moves).count() > 1 => case("user moved"),
            (false, false) => case("address and birth"),
            _ => case("address or birth"),
        }
        let is_first = first.insert((user, text(&row["moneyType"])));
        case(if is_first { "first of its kind" } else { "not the first" });
        lines.push(format!(
            "{at} {id} {} {} {} {is_first}",
            country.as_deref().unwrap_or("-"),
            text(&residence),
            text(&born)
        ));
    }
    let read = wallet.len() as u64;
    let account = [read, 0, filtered, duplicates, 0, lines.len() as u64];
    (lines, account, cases)
}

#[test]
fn the_job_gives_what_a_loop_over_the_lines_gives() {
    let lab = with_data();
    let answer = lab.highwater(&["run", "data/jobs/money-enrichment.toml", "-q"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let (want, counts, _) = by_hand();
    let found: Vec<String> = lab
        .text("out/money-enriched.jsonl")
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let [id, session, residence, born, first] =
                ["id", "sessionCountry", "residentCountry", "birthYear", "firstOccurrence"]
                    .map(|c| text(&row[c]));
            format!(
                "{} {id} {session} {residence} {born} {first}",
                time(row["processedAt"].as_str().unwrap())
            )
        })
        .collect();
    for (found, want) in found.iter().zip(&want) {
        assert_eq!(found, want);
    }
    assert_eq!(found.len(), want.len());
    for manifest in lab.manifests("out") {
        assert_eq!(account(&manifest), counts);
    }
    let parquet: Vec<_> = lab
        .data("out/money-enriched")
        .values()
        .flat_map(|bytes| results::read("parquet", bytes, "UTC"))
        .collect();
    assert_eq!(parquet, results::read("jsonl", lab.text("out/money-enriched.jsonl").as_bytes(), "UTC"));
}

#[test]
fn the_sample_has_every_case() {
    let (_, account, cases) = by_hand();
    assert_eq!(account, [800, 0, 76, 21, 0, 703]);
    let found: Vec<String> = cases.iter().map(|(name, n)| format!("{name}: {n}")).collect();
    let want = [
        "address and birth: 61",
        "address or birth: 417",
        "after the session's day: 12",
        "again after a minute: 1",
        "first of its kind: 226",
        "known to nobody: 2",
        "known to the service alone: 3",
        "no session: 36",
        "not the first: 477",
        "old: 12",
        "same millisecond: 12",
        "session before: 620",
        "session just after: 18",
        "user moved: 9",
        "user unknown: 216",
    ];
    assert_eq!(found, want);
}

/// Arrivals are one more column: the rows are those without it, and no record arrives before its time.
#[test]
fn arrivals_are_a_column_of_their_own() {
    let lab = crate::support::Lab::new();
    let generate = |out: &str, more: &[&str]| {
        let args = [
            "generate",
            "money",
            "--rows",
            "300",
            "--span",
            "6h",
            "--lateness",
            "90%:20s,10%:20m",
            "--out",
            out,
        ];
        let answer = lab.highwater(&[&args[..], more].concat());
        assert_eq!(answer.code, 0, "{}", answer.err);
    };
    generate("plain", &[]);
    generate("timed", &["--arrivals"]);
    let mut late = 0;
    for log in ["wallet-events", "user-session-events", "user-events", "session-countries"] {
        let (plain, timed) =
            (lab.text(&format!("plain/{log}/{log}.jsonl")), lab.text(&format!("timed/{log}/{log}.jsonl")));
        if log == "session-countries" {
            assert_eq!(plain, timed);
            continue;
        }
        for (plain, timed) in plain.lines().zip(timed.lines()) {
            let mut row: Value = serde_json::from_str(timed).unwrap();
            let arrived = row.as_object_mut().unwrap().remove("receivedAt").unwrap();
            assert_eq!(row, serde_json::from_str::<Value>(plain).unwrap());
            let behind = time(&text(&arrived)) - time(&text(&row["processedAt"]));
            assert!(behind >= 0, "{timed}");
            late += usize::from(behind > MINUTE);
        }
        assert_eq!(plain.lines().count(), timed.lines().count());
    }
    assert!(late > 20, "{late}");
    let wrong = lab.highwater(&["generate", "sales", "--rows", "3", "--arrivals"]);
    assert!(wrong.code == 2 && wrong.err.contains("`--arrivals` is for money"), "{}", wrong.err);
}
