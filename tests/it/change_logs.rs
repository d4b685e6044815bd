//! A source that is a change log: the last record of each key counts, in the order of the log.

use crate::support::{Lab, Machine, PLAIN};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const BASE: i64 = 1_717_200_000;

const OUTPUT: &str = "[[output]]\npath = \"@/out.csv\"\nwindow = { tumbling = \"1m\" }\nby = [\"shop\"]\n\
    select = { n = \"count(*)\", total = \"sum(amount)\", most = \"max(amount)\", ids = \"count(distinct id)\" }\n";

/// One record: the id, the minute, the shop, the amount, or a delete.
type Change = (u8, i64, u8, Option<i64>);

/// What stands in the end, by minute and shop: how many rows, their sum, the most, how many ids.
fn slow(log: impl Iterator<Item = Change>) -> Vec<String> {
    let mut rows: BTreeMap<u8, Change> = BTreeMap::new();
    for change in log {
        match change.3 {
            Some(_) => rows.insert(change.0, change),
            None => rows.remove(&change.0),
        };
    }
    let mut groups: BTreeMap<(i64, u8), Vec<i64>> = BTreeMap::new();
    for (_, minute, shop, amount) in rows.values() {
        groups.entry((*minute, *shop)).or_default().push(amount.unwrap());
    }
    let line = |((minute, shop), amounts): (&(i64, u8), &Vec<i64>)| {
        let (n, sum, most) = (amounts.len(), amounts.iter().sum::<i64>(), amounts.iter().max().unwrap());
        format!("{minute},s{shop},{n},{sum},{most},{n}")
    };
    groups.iter().map(line).collect()
}

/// The rows of `out.csv`, with the minute of each window.
fn rows(lab: &Lab) -> Vec<String> {
    let text = lab.text("out.csv");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let start = chrono::DateTime::parse_from_rfc3339(cells[0]).unwrap().timestamp();
        format!("{},{}", (start - BASE) / 60, cells[2..].join(","))
    };
    text.lines().skip(1).map(row).collect()
}

fn upsert(extra: &str) -> String {
    format!(
        "[source]\npath = \"@/log*.csv\"\ntime = \"t\"\ntime_unit = \"s\"\nchangelog = \"upsert\"\nkey = [\"id\"]\ndeleted = \"gone\"\n\
         types = {{ amount = \"int64\", gone = \"bool\", shop = \"string\" }}\n{extra}\n{OUTPUT}"
    )
}

fn csv(log: &[Change]) -> String {
    log.iter().fold("t,id,shop,amount,gone\n".to_string(), |mut out, (id, minute, shop, amount)| {
        let at = BASE + minute * 60 + i64::from(*id);
        let amount_text = amount.map_or(String::new(), |amount| amount.to_string());
        // NULL deletes nothing.
        let gone = if amount.is_none() {
            "true"
        } else if id % 2 == 0 {
            ""
        } else {
            "false"
        };
        let _ = writeln!(out, "{at},{id},s{shop},{amount_text},{gone}");
        out
    })
}

/// The log as change events of Debezium, with tombstones.
fn debezium(log: &[Change]) -> String {
    let mut rows: BTreeMap<u8, Value> = BTreeMap::new();
    let mut out = String::new();
    for (id, minute, shop, amount) in log {
        let ms = (BASE + minute * 60 + i64::from(*id)) * 1000;
        let before = rows.get(id).cloned().unwrap_or(Value::Null);
        let source = json!({ "ts_ms": ms });
        match amount {
            Some(amount) => {
                let after = json!({ "id": id, "shop": format!("s{shop}"), "amount": amount });
                let op = if before.is_null() { "c" } else { "u" };
                let event =
                    json!({ "before": before, "after": after, "op": op, "source": source, "ts_ms": ms + 5 });
                let _ = writeln!(out, "{event}");
                rows.insert(*id, after);
            }
            None if before.is_null() => {}
            None => {
                let event =
                    json!({ "before": before, "after": null, "op": "d", "source": source, "ts_ms": ms + 5 });
                let _ = writeln!(out, "{event}\nnull");
                rows.remove(id);
            }
        }
    }
    out
}

fn machines() -> [Machine; 3] {
    [(1, 64 << 10), (2, 64), (4, 200)].map(|(threads, chunk_bytes)| Machine { threads, chunk_bytes, ..PLAIN })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0u8..6, 0i64..4, 0u8..2, prop::option::weighted(0.7, -20i64..20));
    prop::collection::vec(change, 1..60)
}

proptest! {
    #![proptest_config(crate::laws::cases(48))]

    /// Whatever the event times and the files: the state at the end of the log, at any number of threads.
    #[test]
    fn the_last_record_of_each_key_counts(log in changes(), cut in 0usize..60) {
        let lab = Lab::new();
        let cut = cut.min(log.len());
        lab.write("log1.csv", csv(&log[..cut]));
        lab.write("log2.csv", csv(&log[cut..]));
        let want = slow(log.iter().copied());
        for machine in machines() {
            let outcome = lab.library(&upsert(""), machine).unwrap();
            prop_assert_eq!(rows(&lab), want.clone());
            prop_assert_eq!(outcome.account.read, log.len() as u64);
        }
        lab.write("job.toml", upsert("").replace("@/", ""));
        let verify = lab.highwater(&["verify", "job.toml"]);
        prop_assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    }

    /// By a column of arrivals, however the files lie.
    #[test]
    fn arrivals_order_a_change_log(log in changes(), seed in any::<u64>()) {
        let lab = Lab::new();
        let text = csv(&log);
        let mut lines: Vec<String> = text.lines().skip(1).enumerate().map(|(i, line)| format!("{},{line}", BASE + i as i64)).collect();
        lines.sort_by_key(|line| (seed ^ 0x9E37_79B9).wrapping_mul(line.bytes().map(u64::from).sum()));
        lab.write("log1.csv", format!("seen,t,id,shop,amount,gone\n{}\n", lines.join("\n")));
        let job = upsert("arrival = \"seen\"");
        for machine in machines() {
            lab.library(&job, machine).unwrap();
            prop_assert_eq!(rows(&lab), slow(log.iter().copied()));
        }
        lab.write("job.toml", job.replace("@/", ""));
        let verify = lab.highwater(&["verify", "job.toml"]);
        prop_assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    }

    #[test]
    fn change_events_of_debezium_take_back_what_was_counted(log in changes()) {
        let lab = Lab::new();
        let mut text = debezium(&log);
        // The sample of a log that is empty has no columns.
        text += &debezium(&[(9, 3, 1, Some(7))]);
        lab.write("log.jsonl", text);
        let job = format!(
            "[source]\npath = \"@/log.jsonl\"\ntime = \"_source_ts\"\nchangelog = \"debezium\"\nkey = [\"id\"]\ntypes = {{ amount = \"int64\" }}\n{OUTPUT}"
        );
        let want = slow(log.iter().copied().chain([(9, 3, 1, Some(7))]));
        for machine in machines() {
            lab.library(&job, machine).unwrap();
            prop_assert_eq!(rows(&lab), want.clone());
        }
        lab.write("job.toml", job.replace("@/", ""));
        let verify = lab.highwater(&["verify", "job.toml"]);
        prop_assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    }

    /// The law of split: files that are added change what a whole run would change.
    #[test]
    fn a_backfill_of_a_change_log_is_a_run_over_all_of_it(log in changes(), cut in 1usize..60) {
        let cut = cut.min(log.len());
        let whole = Lab::new();
        whole.write("log1.csv", csv(&log[..cut]));
        whole.write("log2.csv", csv(&log[cut..]));
        whole.library(&upsert(""), PLAIN).unwrap();
        let parts = Lab::new();
        parts.write("log1.csv", csv(&log[..cut]));
        parts.done(&upsert("").replace("@/", ""), &["--quiet"]);
        parts.write("more/log2.csv", csv(&log[cut..]));
        let answer = parts.highwater(&["backfill", "job.toml", "more/log2.csv"]);
        prop_assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
        prop_assert_eq!(parts.text("out.csv"), whole.text("out.csv"));
    }
}

/// The firings that a job of our own wrote are a change log: the last of each window is what it published in the end.
#[test]
fn firings_are_a_change_log_by_window_and_key() {
    let lab = Lab::new();
    let mut text = "t,k\n".to_string();
    for (at, key) in [(10, "a"), (50, "a"), (130, "b"), (20, "a"), (400, "a"), (30, "a")] {
        let _ = writeln!(text, "{},{key}", BASE + at);
    }
    lab.write("in.csv", text);
    let job = |firings: &str, path: &str| {
        format!(
            "mode = \"streamed\"\n[source]\npath = \"in.csv\"\ntime = \"t\"\ntime_unit = \"s\"\n[[output]]\npath = \"{path}\"\n\
             window = {{ tumbling = \"1m\", allowed_lateness = \"5m\" }}\nby = [\"k\"]\nselect = {{ n = \"count(*)\" }}\n{firings}\n"
        )
    };
    lab.done(&job("firings = true", "firings.csv"), &[]);
    assert!(lab.text("firings.csv").lines().count() > 4, "{}", lab.text("firings.csv"));
    lab.done(&job("", "final.csv"), &[]);
    let last = "[source]\npath = \"firings.csv\"\ntime = \"window_start\"\nchangelog = \"upsert\"\nkey = [\"window_start\", \"k\"]\n\
        [[output]]\npath = \"last.csv\"\nwindow = { tumbling = \"1m\" }\nby = [\"k\"]\nselect = { n = \"sum(n)\" }\n";
    lab.done(last, &[]);
    assert_eq!(lab.text("last.csv"), lab.text("final.csv"));
}

#[test]
fn what_a_change_log_cannot_give_is_refused_by_name() {
    let lab = Lab::new();
    lab.write("log1.csv", csv(&[(1, 0, 0, Some(4)), (2, 1, 0, Some(5)), (1, 2, 0, None)]));
    let job = upsert("").replace("@/", "");
    let run = |job: &str, args: &[&str]| lab.run(job, args).words();
    let mut all = vec![
        run(&job, &["--from", "2024-06-01T00:01:00Z"]),
        run(&job, &["--mode", "streamed"]),
        run(&job.replace("key = [\"id\"]\n", ""), &[]),
        run(&job.replace("\"id\"", "\"ip\""), &[]),
        run(&job.replace("changelog = \"upsert\"\n", ""), &[]),
        run(&job.replace("upsert", "debezium"), &[]),
        run(&format!("{job}[[output]]\npath = \"archive\"\narchive = true\n"), &[]),
    ];
    lab.write("job.toml", &job);
    for command in [&["inspect", "job.toml", "--at", "2024-06-01T00:01:00Z"][..], &["audit", "job.toml"]] {
        all.push(lab.highwater(command).words());
    }
    lab.write("log1.csv", format!("{}{},,s0,3,\n", csv(&[(1, 0, 0, Some(4))]), BASE));
    all.push(run(&job, &[]));
    insta::assert_snapshot!(all.join("\n"), @r##"
exit 2
error: the source is a change log (`changelog`), of which `--from` and `--to` would leave out records that replace others
  hint: take `changelog` away to look at its records one by one

exit 2
error: a change log is not read in mode = "streamed": what a live job published is not what its last records say
 --> job.toml:5:13
  |
5 | changelog = "upsert"
  |             ^^^^^^^^
  hint: mode = "complete" counts the last record of each key

exit 2
error: a change log needs `key`: the columns whose values say which row a record is of
 --> job.toml:5:13
  |
5 | changelog = "upsert"
  |             ^^^^^^^^
  hint: key = ["id"], say

exit 2
error: no file has a column `ip`
 --> job.toml:6:8
  |
6 | key = ["ip"]
  |        ^^^^
  hint: did you mean `id`?

exit 2
error: `key` and `deleted` are of change logs alone
 --> job.toml:5:8
  |
5 | key = ["id"]
  |        ^^^^
  hint: add changelog = "upsert" to `[source]`

exit 2
error: a change event of Debezium says itself whether it is a delete
 --> job.toml:7:11
  |
7 | deleted = "gone"
  |           ^^^^^^
  hint: take `deleted` away

exit 2
error: archive is an archive, which is in the order of event time: it would lose the order of the change log
 --> job.toml:5:13
  |
5 | changelog = "upsert"
  |             ^^^^^^^^
  hint: keep the files of the log

exit 2
error: the source is a change log (`changelog`), of which the state at an event time is not known: its records are ordered as they were written
  hint: take `changelog` away to look at its records one by one

exit 2
error: a change log is not read in mode = "streamed": what a live job published is not what its last records say
 --> job.toml:5:13
  |
5 | changelog = "upsert"
  |             ^^^^^^^^
  hint: mode = "complete" counts the last record of each key

exit 3
error: log1.csv: a record of the change log has no value in its key `id`
  hint: a truncated table, or a delete whose row the database does not tell, is such a record
"##);
}

#[test]
fn explain_says_which_record_was_replaced() {
    let lab = Lab::new();
    lab.write(
        "log1.csv",
        csv(&[(1, 0, 0, Some(4)), (2, 0, 0, Some(5)), (1, 0, 0, Some(6)), (2, 0, 0, None)]),
    );
    lab.done(&upsert("").replace("@/", ""), &["--quiet"]);
    let explain = lab.highwater(&["explain", "job.toml"]).out;
    assert!(
        explain.contains("a change log: the last record by id counts, in the order of the files"),
        "{explain}"
    );
    let row = lab.highwater(&["explain", "job.toml", "--at", "window_start=2024-06-01T00:00:00Z,shop=s0"]);
    insta::assert_snapshot!(row.out, @r##"
out.csv: from 2024-06-01T00:00:00Z to 2024-06-01T00:01:00Z, shop = s0
window_start          window_end            shop  n  total  most  ids
────────────────────  ────────────────────  ────  ─  ─────  ────  ───
2024-06-01T00:00:00Z  2024-06-01T00:01:00Z  s0    1  6      6     1

1 event counted, in replay order:
file:line   event time            id  shop  amount  gone
──────────  ────────────────────  ──  ────  ──────  ─────
log1.csv:4  2024-06-01T00:00:01Z  1   s0    6       false

3 events left out:
file:line   event time            id  shop  amount  gone   why
──────────  ────────────────────  ──  ────  ──────  ─────  ───
log1.csv:2  2024-06-01T00:00:01Z  1   s0    4       false  a later record of the change log replaces it, by id
log1.csv:3  2024-06-01T00:00:02Z  2   s0    5              a later record of the change log replaces it, by id
log1.csv:5  2024-06-01T00:00:02Z  2   s0            true   it deletes its key in the change log
"##);
}
