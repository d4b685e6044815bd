//! Tables of change events: a delete ends the row of its key.

use crate::support::{Lab, Machine, PLAIN};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write;

const BASE: i64 = 1_717_200_000;

/// A change event of a row at the second `at`.
fn change(op: &str, at: i64, before: &Value, after: &Value) -> String {
    let ms = (BASE + at) * 1000;
    let event = json!({"before": before, "after": after, "op": op, "ts_ms": ms + 7, "source": {"ts_ms": ms}});
    format!("{event}\n")
}

/// A job that looks into the table `users` with each event.
fn job(time: &str, table: &str, enrich: &str) -> String {
    format!(
        "[source]\npath = \"e.csv\"\ntime = \"t\"\ntime_unit = \"s\"\n[table.users]\npath = \"users.jsonl\"\ntime = \"{time}\"\n{table}\n\
         [[step]]\nenrich = \"users\"\non = {{ k = \"id\" }}\ntake = [\"v\", \"w\"]\n{enrich}\n[[output]]\npath = \"out.csv\"\nselect = [\"t\", \"v\", \"w\"]\n"
    )
}

/// Events of the key 1 at some seconds.
fn events(at: &[i64]) -> String {
    at.iter().fold("t,k\n".to_string(), |mut out, at| {
        let _ = writeln!(out, "{},1", BASE + at);
        out
    })
}

/// What the events of `e.csv` take: a line each.
fn taken(lab: &Lab) -> Vec<String> {
    let out = lab.text("out.csv");
    out.lines().skip(1).map(|line| line.split_once(',').unwrap().1.to_string()).collect()
}

#[test]
fn a_delete_ends_its_row_from_its_time_on() {
    let lab = Lab::new();
    let (a, b, c) = (
        json!({"id": 1, "v": "a", "w": 1}),
        json!({"id": 1, "v": "b", "w": null}),
        json!({"id": 1, "v": "c", "w": null}),
    );
    let none = Value::Null;
    let log = change("c", 10, &none, &a)
        + &change("u", 20, &a, &b)
        + &change("d", 30, &b, &none)
        + "null\n"
        + &change("c", 40, &none, &c);
    lab.write("users.jsonl", log);
    lab.write("e.csv", events(&[9, 10, 29, 30, 39, 40]));
    let run = |table: &str, enrich: &str| {
        lab.done(&job("_source_ts", table, enrich), &[]);
        taken(&lab)
    };
    assert_eq!(run("", ""), [",", "a,1", "b,", ",", ",", "c,"]);
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    assert_eq!(run("", "fill = \"last_value\""), [",", "a,1", "b,1", ",", ",", "c,"]);
    assert_eq!(run("", "match = \"forward\""), ["a,1", "a,1", "c,", "c,", "c,", "c,"]);
    assert_eq!(run("", "match = \"nearest\""), ["a,1", "a,1", "b,", "c,", "c,", "c,"]);
    assert_eq!(
        run("", "otherwise = [{ constant = { v = \"x\", w = 0 } }]"),
        ["x,0", "a,1", "b,", "x,0", "x,0", "c,"]
    );
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    // A filter of the row's columns leaves no delete out; one of the log's does.
    assert_eq!(run("filter = \"v <> 'b'\"", ""), [",", "a,1", "a,1", ",", ",", "c,"]);
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    assert_eq!(
        run("filter = \"_op <> 'd' AND (v <> 'x' OR w = 3)\"", ""),
        [",", "a,1", "b,", "b,", "b,", "c,"]
    );
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    let explain = lab.highwater(&["explain", "job.toml"]).out;
    assert!(
        explain.contains("deletes: a row ends with the delete of its key, from _source_ts on"),
        "{explain}"
    );
    // What is not put into SQL is refused by name.
    run("", "fill = \"last_value\"");
    let verify = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(verify.code, 2);
    assert!(verify.err.contains("`fill` over a table of change events"), "{}", verify.err);
    let open = lab.run(&job("_source_ts", "filter = \"_op <> 'd' OR v = 'x'\"", ""), &[]);
    assert_eq!(open.code, 2);
    assert!(open.err.contains("mixes columns of the log and of the row"), "{}", open.err);
}

#[test]
fn a_delete_has_the_time_of_its_envelope() {
    let lab = Lab::new();
    let row = json!({"id": 1, "v": "a", "w": 1, "at": (BASE + 10) * 1000 + 1});
    // The database keeps the key alone of what was before.
    let key = json!({"id": 1, "v": null, "w": null, "at": null});
    lab.write("e.csv", events(&[10, 11, 29, 30, 31]));
    let run = |before: &Value, at: i64| {
        lab.write(
            "users.jsonl",
            change("c", 10, &Value::Null, &row) + &change("d", at, before, &Value::Null),
        );
        lab.done(&job("at", "time_unit = \"ms\"", ""), &[]);
        taken(&lab)
    };
    for before in [&row, &key] {
        assert_eq!(run(before, 30), [",", "a,1", "a,1", ",", ","]);
    }
    // A row does not go before it came.
    assert_eq!(run(&row, 10), [",", ",", ",", ",", ","]);
    let verify = lab.highwater(&["verify", "job.toml"]);
    assert!(verify.err.contains("an event time that is not the log's own"), "{}", verify.err);
}

#[test]
fn what_ends_no_row_for_certain_is_refused() {
    let lab = Lab::new();
    lab.write("e.csv", events(&[10]));
    let row = json!({"id": 1, "v": "a", "w": 1});
    let run = |delete: String, time: &str, table: &str| {
        lab.write("users.jsonl", change("c", 10, &Value::Null, &row) + &delete);
        lab.run(&job(time, table, ""), &[])
    };
    let no_row = change("d", 30, &Value::Null, &Value::Null);
    let truncate = change("t", 30, &Value::Null, &Value::Null);
    let untimed = "{\"before\":{\"id\":1},\"after\":null,\"op\":\"d\",\"source\":{}}\n".to_string();
    let all = [
        run(no_row.clone(), "_timestamp", "").words(),
        run(truncate.clone(), "_timestamp", "").words(),
        run(untimed, "w", "time_unit = \"s\"").words(),
    ]
    .join("\n");
    insta::assert_snapshot!(all, @r##"
exit 3
error: users.jsonl, line 2, byte 111: it is a delete without `id`, the key of the row that it ends
  hint: log the old row: ALTER TABLE … REPLICA IDENTITY FULL in PostgreSQL; or leave such changes out: filter = "_op <> 'd'" in [table.users]
  hint: on_bad_record = "reject" sets such records aside and continues

exit 3
error: users.jsonl, line 2, byte 111: it is a truncate, which ends all rows of the table; that is not supported
  hint: read the log from after it; or leave such changes out: filter = "_op <> 't'" in [table.users]
  hint: on_bad_record = "reject" sets such records aside and continues

exit 3
error: users.jsonl, line 2, byte 111: it is a delete without a time: it has neither `source.ts_ms` nor `ts_ms`
 --> users.jsonl:2:1
  |
2 | {"before":{"id":1},"after":null,"op":"d","source":{}}
  | ^
  hint: on_bad_record = "reject" sets such records aside and continues
"##);
    for (log, op) in [(&no_row, "d"), (&truncate, "t")] {
        let rejected = run(log.clone(), "_timestamp", "on_bad_record = \"reject\"\nrejects = \"r.jsonl\"");
        assert_eq!(rejected.code, 0, "{}", rejected.err);
        assert_eq!(lab.text("r.jsonl").lines().count(), 1);
        assert_eq!(run(log.clone(), "_timestamp", &format!("filter = \"_op <> '{op}'\"")).code, 0);
    }
}

#[test]
fn a_source_says_that_deletes_are_events() {
    let lab = Lab::new();
    let row = json!({"id": 1, "v": 2});
    lab.write("users.jsonl", change("c", 10, &Value::Null, &row) + &change("d", 20, &row, &Value::Null));
    let job = |filter: &str| {
        format!(
            "[source]\npath = \"users.jsonl\"\ntime = \"_source_ts\"\n{filter}\n[[output]]\npath = \"out.csv\"\nwindow = {{ tumbling = \"1 day\" }}\nselect = {{ n = \"count(*)\" }}\n"
        )
    };
    let all = lab.done(&job(""), &[]);
    assert!(
        all.err.contains("note: each change event counts as an event, and a delete has the old row"),
        "{}",
        all.err
    );
    assert!(lab.text("out.csv").ends_with(",2\n"));
    let some = lab.done(&job("[[step]]\nfilter = \"NOT _deleted\""), &[]);
    assert!(!some.err.contains("note:"), "{}", some.err);
    assert!(lab.text("out.csv").ends_with(",1\n"));
}

#[test]
fn change_events_that_are_not_unwrapped_are_told() {
    let lab = Lab::new();
    lab.write("e.csv", events(&[10]));
    let event = json!({"ts": BASE, "op": "c", "before": {"id": null}, "after": {"id": 1, "v": "a", "w": 1}});
    lab.write("users.jsonl", format!("{event}\n"));
    let table = |filter: &str| {
        let job = job("ts", &format!("time_unit = \"s\"\nenvelope = \"none\"\n{filter}"), "");
        job.replace("k = \"id\"", "k = \"after.id\"")
            .replace("[\"v\", \"w\"]\n", "{ v = \"after.v\", w = \"after.w\" }\n")
    };
    let told = lab.done(&table(""), &[]).err;
    assert!(
        told.contains(
            "note: [table.users] has change events that are not unwrapped, so a delete cannot end a row"
        ),
        "{told}"
    );
    assert!(!lab.done(&table("filter = \"op <> 'd'\""), &[]).err.contains("note:"));
}

/// Key, second, what it does, and the two values.
type Change = (u8, i64, char, Option<u8>, Option<u8>);

/// What an event at `at` of the key `key` finds: one loop over the log, in order.
fn slow(log: &[Change], key: u8, at: i64, way: &str) -> Option<(Option<u8>, Option<u8>)> {
    let mut own: Vec<_> = log.iter().filter(|change| change.0 == key).collect();
    own.sort_by_key(|change| change.1);
    let fill = way == "fill = \"last_value\"";
    let mut state: Option<(Option<u8>, Option<u8>)> = None;
    let mut since = i64::MIN;
    for (_, time, op, v, w) in own.iter().filter(|change| change.1 <= at) {
        since = *time;
        state = match (op, state) {
            ('d', _) => None,
            (_, Some((old_v, old_w))) if fill => Some((v.or(old_v), w.or(old_w))),
            _ => Some((*v, *w)),
        };
    }
    // The first instant from here on whose last change is no delete.
    let mut next = None;
    for (i, change) in own.iter().enumerate().filter(|(_, change)| change.1 >= at) {
        let last = own.get(i + 1).is_none_or(|other| other.1 != change.1);
        if last && change.2 != 'd' {
            next = Some((change.1, (change.3, change.4)));
            break;
        }
    }
    match way {
        "match = \"forward\"" => next.map(|(_, row)| row),
        "match = \"nearest\"" => match (state, next) {
            (Some(row), Some((time, other))) => Some(if at - since <= time - at { row } else { other }),
            (row, next) => row.or(next.map(|(_, row)| row)),
        },
        _ => state,
    }
}

proptest! {
    #![proptest_config(crate::laws::cases(32))]

    #[test]
    fn lookups_find_what_a_slow_loop_finds(
        log in prop::collection::vec((0u8..3, 0i64..12, prop_oneof![3 => Just('u'), 2 => Just('d')],
            prop::option::of(0u8..9), prop::option::of(0u8..9)), 0..40),
        events in prop::collection::vec((0u8..4, -1i64..13), 1..20),
        way in prop_oneof![Just(""), Just("fill = \"last_value\""), Just("match = \"forward\""), Just("match = \"nearest\"")],
        key_alone in any::<bool>(),
    ) {
        let lab = Lab::new();
        let mut text = change("c", 0, &Value::Null, &json!({"id": 99, "v": 1, "w": 1}));
        for (key, at, op, v, w) in &log {
            let row = json!({"id": key, "v": v, "w": w});
            let before = if key_alone { json!({"id": key}) } else { row.clone() };
            let rest = json!({"before": if *op == 'd' { before } else { Value::Null }, "after": if *op == 'd' { Value::Null } else { row },
                "op": op.to_string(), "source": {"ts_ms": (BASE + at) * 1000}, "ts_ms": 1});
            text += &format!("{rest}\n");
            if *op == 'd' {
                text += "null\n";
            }
        }
        lab.write("users.jsonl", text);
        let mut rows = "t,k\n".to_string();
        let mut order = events.clone();
        order.sort_by_key(|(_, at)| *at);
        order.iter().for_each(|(key, at)| { let _ = writeln!(rows, "{},{key}", BASE + at); });
        lab.write("e.csv", rows);
        let job = job("_source_ts", "", way);
        let want: Vec<String> = order.iter().map(|(key, at)| {
            let (v, w) = slow(&log, *key, *at, way).unwrap_or((None, None));
            let text = |value: Option<u8>| value.map_or(String::new(), |value| value.to_string());
            format!("{},{}", text(v), text(w))
        }).collect();
        let at = job.replace("path = \"", "path = \"@/");
        for (threads, memory) in [(1, 1 << 30), (2, 1 << 30), (4, 1 << 20)] {
            lab.library(&at, Machine { threads, memory, ..PLAIN }).unwrap();
            prop_assert_eq!(&taken(&lab), &want, "{} threads, {}\n{}", threads, way, lab.text("users.jsonl"));
        }
        if way.is_empty() {
            lab.write("job.toml", &job);
            let verify = lab.highwater(&["verify", "job.toml"]);
            prop_assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
        }
    }
}
