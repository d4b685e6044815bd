//! Steps that depend on order, worked by hand: small logs, every line of which has a reason; and keys that do
//! not fit into memory.

use crate::log::{Cell, Kind, Log};
use crate::support::{Lab, Machine, account};

/// Runs `steps` over a log of CSV and gives the output without its header, and the account.
fn run(log: &str, files: &[(&str, &str)], steps: &str) -> (String, [u64; 6]) {
    let lab = Lab::new();
    lab.write("log.csv", log);
    files.iter().for_each(|(name, text)| lab.write(name, text));
    let job =
        format!("[source]\npath = \"log.csv\"\ntime = \"at\"\n{steps}\n[[output]]\npath = \"out.csv\"\n");
    let answer = lab.done(&job, &["--json"]);
    let text = lab.text("out.csv");
    let rows = text.split_once('\n').unwrap().1.replace("2024-05-01T", "").replace("00Z", "00");
    (rows, account(&serde_json::from_str(&answer.out).unwrap()))
}

/// A log of a key, a time of day and a name.
fn log(events: &[(&str, &str, &str)]) -> String {
    let line = |(at, k, id): &(&str, &str, &str)| format!("2024-05-01T{at}Z,{k},{id}\n");
    format!("at,k,id\n{}", events.iter().map(line).collect::<String>())
}

/// The names in the last column of a `run`.
fn names(rows: &str) -> String {
    rows.lines().map(|line| line.split(',').nth(2).unwrap()).collect::<Vec<_>>().join(" ")
}

const MINUTE: &str = "[[step]]\ndedup = [\"k\"]\nwithin = \"1m\"\n";

#[test]
fn a_duplicate_inside_within_at_exactly_within_and_after_it() {
    let at = |second: &str| {
        let (rows, account) = run(&log(&[("00:00:00", "a", "first"), (second, "a", "second")]), &[], MINUTE);
        (names(&rows), account[3])
    };
    assert_eq!(at("00:00:00"), ("first".into(), 1));
    assert_eq!(at("00:00:59.999999"), ("first".into(), 1));
    assert_eq!(at("00:01:00"), ("first".into(), 1));
    assert_eq!(at("00:01:00.000001"), ("first second".into(), 0));
    assert_eq!(at("00:02:00"), ("first second".into(), 0));
}

/// What counts is the distance to the one that stayed, not to the one before.
#[test]
fn chains_of_duplicates() {
    let chain = log(&[
        ("00:00:00", "a", "kept"),
        ("00:00:40", "a", "dropped"),
        // 40 s after the last, but 80 s after the one that stayed.
        ("00:01:20", "a", "kept-too"),
        ("00:02:00", "a", "dropped-too"),
        ("00:02:20", "a", "at-exactly-within"),
        ("00:02:20.000001", "a", "kept-at-last"),
        ("00:00:50", "b", "another-key"),
    ]);
    let (rows, account) = run(&chain, &[], MINUTE);
    assert_eq!(names(&rows), "kept another-key kept-too kept-at-last");
    assert_eq!(account, [7, 0, 0, 3, 0, 4]);
    let (rows, account) = run(&chain, &[], "[[step]]\ndedup = [\"k\"]\n");
    assert_eq!((names(&rows).as_str(), account[3]), ("kept another-key", 5));
}

/// The first in replay order is not the first that came; of one instant it is.
#[test]
fn the_first_in_replay_order_stays() {
    let log = log(&[
        ("00:00:30", "a", "came-first"),
        ("00:00:00", "a", "was-first"),
        ("00:00:00", "a", "was-first-too"),
        ("00:01:00", "a", "in-time"),
        ("00:01:30", "a", "later"),
    ]);
    assert_eq!(names(&run(&log, &[], MINUTE).0), "was-first later");
    let (rows, _) = run(&log, &[], "[[step]]\nfirst = [\"k\"]\nas = \"one\"\n");
    assert_eq!(
        rows,
        "00:00:00,a,was-first,true\n00:00:00,a,was-first-too,false\n00:00:30,a,came-first,false\n\
         00:01:00,a,in-time,false\n00:01:30,a,later,false\n"
    );
}

#[test]
fn nulls_of_keys_are_one_value() {
    let log =
        log(&[("00:00:00", "", "x"), ("00:00:01", "", "y"), ("00:00:02", "a", "z"), ("00:00:03", "", "w")]);
    let (rows, account) = run(&log, &[], "[[step]]\ndedup = [\"k\"]\nwithin = \"2s\"\n");
    assert_eq!((names(&rows).as_str(), account[3]), ("x z w", 1));
    let (rows, _) = run(&log, &[], "[[step]]\nfirst = [\"k\"]\nas = \"one\"\n");
    let flags: Vec<&str> = rows.lines().map(|line| line.rsplit_once(',').unwrap().1).collect();
    assert_eq!(flags, ["true", "false", "true", "false"]);
}

/// A flag is of the rows that reach the step: what is filtered after it does not change it, what is before does.
#[test]
fn steps_run_in_the_order_written() {
    let log = log(&[("00:00:00", "a", "x"), ("00:00:10", "a", "y"), ("00:05:00", "a", "z")]);
    let first = "[[step]]\nfirst = [\"k\"]\nas = \"one\"\n";
    let filter = "[[step]]\nfilter = \"id <> 'x'\"\n";
    assert_eq!(run(&log, &[], &[first, filter].concat()).0, "00:00:10,a,y,false\n00:05:00,a,z,false\n");
    assert_eq!(run(&log, &[], &[filter, first].concat()).0, "00:00:10,a,y,true\n00:05:00,a,z,false\n");
    let (rows, account) = run(&log, &[], &[MINUTE, filter, first].concat());
    assert_eq!((rows.as_str(), account), ("00:05:00,a,z,true\n", [3, 0, 1, 1, 0, 1]));
    let (rows, account) = run(&log, &[], &[filter, MINUTE, first].concat());
    assert_eq!((rows.as_str(), account), ("00:00:10,a,y,true\n00:05:00,a,z,false\n", [3, 0, 1, 0, 0, 2]));
    // On the flag, and deduplicated again.
    let (rows, account) =
        run(&log, &[], &[MINUTE, first, "[[step]]\nfilter = \"NOT one\"\n", MINUTE].concat());
    assert_eq!((rows.as_str(), account), ("00:05:00,a,z,false\n", [3, 0, 1, 1, 0, 1]));
}

/// A table of a key, times of day and names.
const TABLE: &str = "[table.t]\npath = \"t.csv\"\ntime = \"at\"\n";

/// The row that one event at noon takes of a table.
fn matched(rows: &[(&str, &str, &str)], keys: &str) -> String {
    let table = log(rows).replace("at,k,id", "at,key,name");
    let steps = format!(
        "{TABLE}[[step]]\nenrich = \"t\"\non = {{ k = \"key\" }}\ntake = {{ name = \"name\" }}\n{keys}\n"
    );
    let (rows, account) = run(&log(&[("12:00:00", "a", "e")]), &[("t.csv", &table)], &steps);
    assert_eq!(account, [1, 0, 0, 0, 0, 1], "the event stays");
    let name = rows.trim_end().rsplit_once(',').unwrap().1;
    if name.is_empty() { "nothing".into() } else { name.into() }
}

#[test]
fn the_nearest_row_in_each_direction() {
    let rows = [
        ("11:58:00", "a", "two-before"),
        ("11:59:00", "a", "one-before"),
        ("11:59:30", "b", "of-another"),
        ("11:59:40", "", "of-nobody"),
        ("12:01:00", "a", "one-after"),
        ("12:02:00", "a", "two-after"),
    ];
    assert_eq!(matched(&rows, ""), "one-before");
    assert_eq!(matched(&rows, "match = \"backward\""), "one-before");
    assert_eq!(matched(&rows, "match = \"forward\""), "one-after");
    // At equal distance the earlier.
    assert_eq!(matched(&rows, "match = \"nearest\""), "one-before");
    assert_eq!(matched(&rows[3..], "match = \"nearest\""), "one-after");
    assert_eq!(matched(&[rows[0], rows[4]], "match = \"nearest\""), "one-after");
    assert_eq!(matched(&rows[3..], ""), "nothing");
    assert_eq!(matched(&rows[..2], "match = \"forward\""), "nothing");
}

#[test]
fn within_and_the_event_s_own_instant() {
    let before = [("11:59:00", "a", "before")];
    assert_eq!(matched(&before, "within = \"1m\""), "before");
    assert_eq!(matched(&before, "within = \"59999ms\""), "nothing");
    assert_eq!(matched(&before, "within = \"59999ms\"\nmatch = \"nearest\""), "nothing");
    let after = [("12:01:00", "a", "after")];
    assert_eq!(matched(&after, "match = \"forward\"\nwithin = \"1m\""), "after");
    assert_eq!(matched(&after, "match = \"forward\"\nwithin = \"59999999us\""), "nothing");

    let around = [("11:59:00", "a", "before"), ("12:00:00", "a", "now"), ("12:02:00", "a", "after")];
    for (direction, exclusive) in [("backward", "before"), ("forward", "after"), ("nearest", "before")] {
        let direction = format!("match = \"{direction}\"\n");
        assert_eq!(matched(&around, &direction), "now");
        assert_eq!(matched(&around, &format!("{direction}inclusive = true")), "now");
        assert_eq!(matched(&around, &format!("{direction}inclusive = false")), exclusive);
    }
}

#[test]
fn of_one_instant_the_last_by_position() {
    let rows = [
        ("12:01:00", "a", "after-1"),
        ("11:59:00", "a", "before-1"),
        ("12:00:00", "a", "now-1"),
        ("12:01:00", "a", "after-2"),
        ("11:59:00", "a", "before-2"),
        ("12:00:00", "a", "now-2"),
    ];
    for (direction, inclusive, name) in [
        ("backward", true, "now-2"),
        ("forward", true, "now-2"),
        ("nearest", true, "now-2"),
        ("backward", false, "before-2"),
        ("forward", false, "after-2"),
        ("nearest", false, "before-2"),
    ] {
        let keys = format!("match = \"{direction}\"\ninclusive = {inclusive}");
        assert_eq!(matched(&rows, &keys), name, "{keys}");
    }
}

#[test]
fn otherwise_goes_on_from_the_step() {
    let after = [("12:01:00", "a", "after")];
    assert_eq!(matched(&after, "otherwise = [{ match = \"forward\" }]"), "after");
    // `within` is the step's, if the item does not say otherwise.
    assert_eq!(matched(&after, "within = \"59s\"\notherwise = [{ match = \"forward\" }]"), "nothing");
    assert_eq!(
        matched(&after, "within = \"59s\"\notherwise = [{ match = \"forward\", within = \"60s\" }]"),
        "after"
    );
    let now = [("12:00:00", "a", "now")];
    let otherwise = "inclusive = false\notherwise = [{ match = \"forward\" }]";
    assert_eq!(matched(&now, otherwise), "nothing");
    let otherwise = "inclusive = false\notherwise = [{ match = \"forward\", inclusive = true }]";
    assert_eq!(matched(&now, otherwise), "now");
    let constant = "otherwise = [{ match = \"forward\", within = \"1s\" }, { constant = { name = \"XX\" } }]";
    assert_eq!(matched(&after, constant), "XX");
    assert_eq!(matched(&now, constant), "now");
    // A match whose column is NULL is a match.
    assert_eq!(matched(&[("11:00:00", "a", "")], constant), "nothing");
}

/// Two columns filled apart, of a row that has neither; and within the reach alone.
#[test]
fn fill_takes_each_column_of_the_nearest_row_that_has_it() {
    let table = "at,key,address,born\n2024-05-01T10:00:00Z,a,ES,\n2024-05-01T11:00:00Z,a,,1978\n\
                 2024-05-01T11:30:00Z,b,XX,1900\n2024-05-01T11:40:00Z,a,,\n2024-05-01T12:30:00Z,a,PO,\n";
    let events = log(&[("10:30:00", "a", "x"), ("12:00:00", "a", "y"), ("13:00:00", "a", "z")]);
    let take = |keys: &str| {
        let steps = format!(
            "{TABLE}types = {{ born = \"int64\" }}\n[[step]]\nenrich = \"t\"\non = {{ k = \"key\" }}\n\
             take = {{ address = \"address\", born = \"born\" }}\n{keys}\n"
        );
        let (rows, _) = run(&events, &[("t.csv", table)], &steps);
        rows.lines().map(|line| line.splitn(3, ',').nth(2).unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(take(""), ["x,ES,", "y,,", "z,PO,"]);
    assert_eq!(take("fill = \"last_value\""), ["x,ES,", "y,ES,1978", "z,PO,1978"]);
    assert_eq!(take("fill = \"last_value\"\nwithin = \"90m\""), ["x,ES,", "y,,1978", "z,PO,"]);
}

/// A table without a time holds at any time, before 1970 as well; of a key, its last row.
#[test]
fn tables_without_a_time_and_files_of_lookups() {
    let events = "at,k,id\n1969-01-01T00:00:00Z,a,x\n2024-05-01T00:00:00Z,b,y\n2024-05-01T00:01:00Z,c,z\n";
    let table = "key,name\na,one\nb,two\na,three\n,nobody\n";
    let take = "on = { k = \"key\" }\ntake = { name = \"name\" }\n";
    let names = |steps: &str| {
        let (rows, _) = run(events, &[("t.csv", table), ("u.csv", "key,name\nc,four\n")], steps);
        rows.lines().map(|line| line.rsplit_once(',').unwrap().1.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(&format!("[table.t]\npath = \"t.csv\"\n[[step]]\nenrich = \"t\"\n{take}")),
        "three two "
    );
    assert_eq!(names(&format!("[[step]]\nlookup = \"t.csv\"\n{take}")), "three two ");
    let otherwise =
        "otherwise = [{ lookup = \"u.csv\", on = { k = \"key\" }, take = { name = \"name\" } }]\n";
    assert_eq!(names(&format!("[[step]]\nlookup = \"t.csv\"\n{take}{otherwise}")), "three two four");
}

/// A time without offset is read in the job's zone, in a table as in the source.
#[test]
fn tables_have_the_job_s_time_zone() {
    let lab = Lab::new();
    lab.write("log.csv", "at,k\n2024-05-01T00:00:00Z,a\n");
    lab.write("t.csv", "at,k,name\n2024-05-01 01:59:59,a,before\n2024-05-01 02:00:01,a,after\n");
    let job = "timezone = \"Europe/Madrid\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\n[table.t]\npath = \"t.csv\"\n\
               time = \"at\"\n[[step]]\nenrich = \"t\"\non = { k = \"k\" }\ntake = { name = \"name\" }\n\
               [[output]]\npath = \"out.jsonl\"\n";
    lab.done(job, &[]);
    assert!(lab.text("out.jsonl").contains("\"before\""), "{}", lab.text("out.jsonl"));
}

/// A table is read whole, whatever the range of the run; and its bad records are not the source's.
#[test]
fn a_table_is_read_whole_and_has_rejects_of_its_own() {
    let lab = Lab::new();
    lab.write("log.csv", log(&[("12:00:00", "a", "x"), ("18:00:00", "a", "y")]));
    lab.write(
        "t.csv",
        "at,key,name\n2024-05-01T01:00:00Z,a,early\nyesterday,a,never\n2024-05-01T17:00:00Z,a,late\n",
    );
    let job = format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\n{TABLE}on_bad_record = \"reject\"\n[[step]]\nenrich = \"t\"\n\
         on = {{ k = \"key\" }}\ntake = {{ name = \"name\" }}\notherwise = [{{ match = \"forward\" }}]\n\
         [[output]]\npath = \"out.csv\"\n"
    );
    let answer = lab.done(&job, &["--json", "--to", "2024-05-01T13:00:00Z"]);
    assert!(lab.text("out.csv").ends_with(",a,x,early\n"), "{}", lab.text("out.csv"));
    assert_eq!(account(&serde_json::from_str(&answer.out).unwrap())[1], 0);
    let rejects = lab.text("out.csv.t.rejects.jsonl");
    assert_eq!(rejects.lines().count(), 1, "{rejects}");
    assert!(rejects.contains("t.csv") && rejects.contains("yesterday"), "{rejects}");
    // What comes after the range is in reach.
    lab.write("t.csv", "at,key,name\n2024-05-01T17:00:00Z,a,late\n");
    lab.done(&job, &["--to", "2024-05-01T13:00:00Z"]);
    assert!(lab.text("out.csv").ends_with(",a,x,late\n"), "{}", lab.text("out.csv"));
}

/// Keys and rows of the order of `memory` and far beyond it.
const KEYS: i64 = 200_000;
const SMALL: Machine = Machine { threads: 2, chunk_bytes: 1 << 18, memory: 1 << 20 };
const LARGE: Machine = Machine { threads: 4, chunk_bytes: 1 << 20, memory: 1 << 30 };

/// So many keys in a mixed order.
fn mixed() -> impl Iterator<Item = i64> {
    (0..KEYS).map(|i| i * 77_773 % KEYS)
}

/// Each key comes twice: 30 s after the first if it is even, else a minute or a second more than that.
#[test]
fn dedup_and_first_of_keys_that_do_not_fit_into_memory() {
    let mut rows = vec![];
    for key in mixed() {
        let again = [30, 60, 30, 61][key as usize % 4];
        let id = Cell::Text(format!("key-{key}"));
        rows.push(vec![Cell::Int(key % 1000 + again), id.clone()]);
        rows.push(vec![Cell::Int(key % 1000), id]);
    }
    let lab = Lab::new();
    lab.write("log.parquet", Log::new(&[("at", Kind::Int), ("id", Kind::Text)], rows).parquet(20_000));
    let job = "[source]\npath = \"@/log.parquet\"\ntime = \"at\"\ntime_unit = \"s\"\n[[step]]\ndedup = [\"id\"]\n\
               within = \"1m\"\n[[step]]\nfirst = [\"id\"]\nas = \"fresh\"\n\
               [[output]]\npath = \"@/out/rows.parquet\"\n\
               [[output]]\npath = \"@/out/count.csv\"\nby = [\"fresh\"]\nselect = { n = \"count(*)\", s = \"sum(at)\" }\n";
    let outcome = lab.library(job, SMALL).unwrap_or_else(|e| panic!("{e}"));
    let n = KEYS as u64;
    let found = account(&serde_json::json!({ "account": outcome.account }));
    assert_eq!(found, [2 * n, 0, 0, n * 3 / 4, 0, n + n / 4]);
    let (mut first, mut again) = (0, 0);
    for key in 0..KEYS {
        first += key % 1000;
        again += if key % 4 == 3 { key % 1000 + 61 } else { 0 };
    }
    let want = format!("fresh,n,s\nfalse,{},{again}\ntrue,{n},{first}\n", n / 4);
    assert_eq!(lab.text("out/count.csv"), want);
    let small = lab.data("out");
    lab.library(job, LARGE).unwrap_or_else(|e| panic!("{e}"));
    assert!(lab.data("out") == small);
}

/// Each key changes once; an event comes before the change, and one at its instant.
#[test]
fn a_table_that_does_not_fit_into_memory() {
    let (mut events, mut rows) = (vec![], vec![]);
    for key in mixed() {
        let (at, id) = (key % 1000, Cell::Text(format!("key-{key}")));
        events.push(vec![Cell::Int(at + 50), id.clone()]);
        events.push(vec![Cell::Int(at + 49), id.clone()]);
        rows.push(vec![Cell::Int(at + 50), id.clone(), Cell::Int(key), Cell::Null]);
        rows.push(vec![Cell::Int(at), id, Cell::Int(-1), Cell::Text(format!("of {}", key % 3))]);
    }
    let lab = Lab::new();
    let columns = [("at", Kind::Int), ("id", Kind::Text), ("w", Kind::Int), ("v", Kind::Text)];
    lab.write("log.parquet", Log::new(&columns[..2], events).parquet(20_000));
    lab.write("t.parquet", Log::new(&columns, rows).parquet(20_000));
    let job = "[source]\npath = \"@/log.parquet\"\ntime = \"at\"\ntime_unit = \"s\"\n\
               [table.t]\npath = \"@/t.parquet\"\ntime = \"at\"\ntime_unit = \"s\"\n[[step]]\nenrich = \"t\"\n\
               on = { id = \"id\" }\ntake = { w = \"w\", v = \"v\" }\nfill = \"last_value\"\n\
               [[output]]\npath = \"@/out/rows.parquet\"\n\
               [[step]]\nderive = { changed = \"CASE WHEN w >= 0 THEN w ELSE 0 END\", old = \"w < 0\" }\n\
               [[output]]\npath = \"@/out/count.csv\"\nby = [\"v\", \"old\"]\n\
               select = { n = \"count(*)\", s = \"sum(changed)\" }\n";
    lab.library(job, SMALL).unwrap_or_else(|e| panic!("{e}"));
    let mut want = "v,old,n,s\n".to_string();
    for kind in 0..3 {
        let keys: Vec<i64> = (0..KEYS).filter(|key| key % 3 == kind).collect();
        let n = keys.len();
        let sum = keys.iter().sum::<i64>();
        want.push_str(&format!("of {kind},false,{n},{sum}\nof {kind},true,{n},0\n"));
    }
    assert_eq!(lab.text("out/count.csv"), want);
    let small = lab.data("out");
    lab.library(job, LARGE).unwrap_or_else(|e| panic!("{e}"));
    assert!(lab.data("out") == small);
}
