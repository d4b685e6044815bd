//! Streamed steps against the oracle of connected streams, over random jobs and logs; and what must not show in them.

use crate::connected_oracle::{Connected, Item, Look, Met, Outcome, Reach, Record, Step, Stream, simulate};
use crate::laws::cases;
use crate::support::{Lab, Machine, PLAIN};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use std::collections::BTreeMap;

const BASE: i64 = 1_700_000_000_000_000;
/// The length of the windows.
const WINDOW: i64 = 8;
const ALLOWED: i64 = 3;

/// Ways to use the machine. Streamed steps hold their tables in memory.
pub fn machine() -> impl Strategy<Value = Machine> {
    (select(vec![1usize, 2, 4]), select(vec![1usize, 64, 1000, 1 << 20]), select(vec![1u64, 1 << 30]))
        .prop_map(|(threads, chunk_bytes, memory)| Machine { threads, chunk_bytes, memory })
}

fn record() -> impl Strategy<Value = (i64, i64, usize, usize, usize)> {
    (0..3i64, -6..=3i64, 0..2usize, 0..8usize, 0..10usize)
}

/// A stream whose event times go on by small steps, with some that are behind.
fn stream(most: usize) -> impl Strategy<Value = Stream> {
    let records = vec((record(), -2..9i64), 0..=most);
    let idle = prop_oneof![2 => Just(None), 1 => (2..9i64).prop_map(Some)];
    (records, 0..4i64, any::<bool>(), any::<bool>(), idle, -4..5i64).prop_map(
        |(records, out_of_orderness, has_arrivals, partitioned, idle, ahead)| {
            let mut now = 20;
            let records = records.into_iter().enumerate().map(|(i, ((step, behind, p, key, null), came))| {
                now += step;
                let time = BASE + now + if behind > 0 { 0 } else { behind };
                Record {
                    time,
                    arrival: BASE + now + ahead + came,
                    partition: p,
                    key: (key < 7).then_some(key as i64 % 3),
                    value: (null < 8).then_some(i as i64),
                }
            });
            Stream {
                records: records.collect(),
                out_of_orderness,
                has_arrivals,
                partitioned: partitioned && has_arrivals,
                idle: idle.filter(|_| has_arrivals),
            }
        },
    )
}

fn reach() -> impl Strategy<Value = Reach> {
    let look = select(vec![Look::Backward, Look::Forward, Look::Nearest]);
    let within = prop_oneof![1 => Just(None), 4 => (0..7i64).prop_map(Some)];
    (look, within, select(vec![true, true, false])).prop_map(|(look, within, inclusive)| Reach {
        look,
        within,
        inclusive,
    })
}

/// What is tried; a reach that does not say its `within` has that of the step, so each says it or none does.
fn tries() -> impl Strategy<Value = Vec<Item>> {
    (vec(reach(), 1..=3), proptest::option::of(Just(-1i64))).prop_map(|(mut reaches, constant)| {
        if reaches[0].within.is_some() {
            reaches.iter_mut().for_each(|reach| reach.within = reach.within.or(Some(2)));
        }
        let tries = reaches.into_iter().map(Item::Table);
        tries.chain(constant.map(Item::Constant)).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let late = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Item::Constant(-9))),
        1 => reach().prop_map(|reach| Some(Item::Table(Reach { within: reach.within.or(Some(3)), ..reach }))),
    ];
    let within = || proptest::option::of(1..9i64);
    prop_oneof![
        1 => Just(Step::Filter),
        2 => within().prop_map(|within| Step::Dedup { within }),
        2 => within().prop_map(|within| Step::First { within }),
        5 => (0..2usize, tries(), late, any::<bool>())
            .prop_map(|(table, tries, late, fill)| Step::Enrich { table, tries, late, fill }),
    ]
}

pub fn connected(most: usize) -> impl Strategy<Value = Connected> {
    (stream(most), vec(stream(most), 2), vec(step(), 1..=5)).prop_map(|(mut source, mut tables, steps)| {
        // A table that no step asks is not read, so its records do not move the clock.
        for (t, table) in tables.iter_mut().enumerate() {
            if !steps.iter().any(|step| matches!(step, Step::Enrich { table, .. } if *table == t)) {
                table.records.clear();
            }
        }
        // The log of the source has a record, so that it has columns.
        source.records.push(Record { time: BASE, arrival: BASE, partition: 0, key: None, value: None });
        // The source turns idle only where it has partitions.
        source.idle = source.idle.filter(|_| source.partitioned);
        Connected { source, tables, steps }
    })
}

pub fn csv(stream: &Stream) -> String {
    let mut text = String::from("id,at,came,p,k,v\n");
    for (id, record) in stream.records.iter().enumerate() {
        let or_nothing = |value: Option<i64>| value.map_or(String::new(), |value| value.to_string());
        let Record { time, arrival, partition, key, value } = record;
        let (key, value) = (or_nothing(*key), or_nothing(*value));
        text.push_str(&format!("{id},{time},{arrival},p{partition},{key},{value}\n"));
    }
    text
}

fn log(name: &str, stream: &Stream) -> String {
    let mut toml = format!(
        "{name}\ntime = \"at\"\ntime_unit = \"us\"\nout_of_orderness = \"{}us\"\n\
         types = {{ id = \"int64\", at = \"int64\", came = \"int64\", p = \"string\", k = \"int64\", v = \"int64\" }}\n",
        stream.out_of_orderness
    );
    if stream.has_arrivals {
        toml.push_str("arrival = \"came\"\n");
    }
    if stream.partitioned {
        toml.push_str("partition = \"p\"\n");
    }
    if let Some(idle) = stream.idle {
        toml.push_str(&format!("idle = \"{idle}us\"\n"));
    }
    toml
}

fn asked(reach: &Reach) -> String {
    let look = match reach.look {
        Look::Backward => "backward",
        Look::Forward => "forward",
        Look::Nearest => "nearest",
    };
    let within = reach.within.map_or(String::new(), |within| format!(", within = \"{within}us\""));
    format!("match = \"{look}\", inclusive = {}{within}", reach.inclusive)
}

fn item(item: &Item, name: &str) -> String {
    match item {
        Item::Table(reach) => format!("{{ {} }}", asked(reach)),
        Item::Constant(value) => format!("{{ constant = {{ {name} = {value} }} }}"),
    }
}

/// Some late events of windows and all of nothing else; `paths` of the source.
pub fn job(case: &Connected, sources: &str) -> String {
    let mut toml =
        format!("mode = \"streamed\"\n{}\n", log(&format!("[source]\npath = \"{sources}\""), &case.source));
    for (t, table) in case.tables.iter().enumerate() {
        let asked = case.steps.iter().any(|step| matches!(step, Step::Enrich { table, .. } if *table == t));
        if asked {
            toml.push_str(&log(&format!("[table.t{t}]\npath = \"@/t{t}.csv\""), table));
        }
    }
    let mut names = vec![];
    for step in &case.steps {
        toml.push_str("[[step]]\n");
        let name = format!("c{}", names.len());
        let within = |within: &Option<i64>| within.map_or(String::new(), |w| format!("within = \"{w}us\"\n"));
        match step {
            Step::Filter => toml.push_str("filter = \"v % 2 = 0\"\n"),
            Step::Dedup { within: w } => toml.push_str(&format!("dedup = [\"k\"]\n{}", within(w))),
            Step::First { within: w } => {
                toml.push_str(&format!("first = [\"k\"]\nas = \"{name}\"\n{}", within(w)));
                names.push(name);
            }
            Step::Enrich { table, tries, late, fill } => {
                let Item::Table(first) = &tries[0] else { panic!("a table comes first") };
                let mut items: Vec<String> = tries[1..].iter().map(|one| item(one, &name)).collect();
                if let Some(late) = late {
                    items.insert(0, format!("{{ late = {} }}", item(late, &name)));
                }
                toml.push_str(&format!(
                    "enrich = \"t{table}\"\non = [\"k\"]\ntake = {{ {name} = \"v\" }}\n{}\n",
                    asked(first).replace(", ", "\n")
                ));
                if *fill {
                    toml.push_str("fill = \"last_value\"\n");
                }
                toml.push_str(&format!("otherwise = [{}]\n", items.join(", ")));
                names.push(name);
            }
        }
    }
    let columns: Vec<String> = names.iter().map(|name| format!(", {name} = \"{name}\"")).collect();
    toml.push_str(&format!(
        "[[output]]\npath = \"@/out/events.jsonl\"\nselect = {{ id = \"id\"{} }}\n\
         [[output]]\npath = \"@/out/windows.jsonl\"\n\
         window = {{ tumbling = \"{WINDOW}us\", allowed_lateness = \"{ALLOWED}us\" }}\n\
         select = {{ n = \"count(*)\", s = \"sum(id)\" }}\n[late]\npath = \"@/out/late.jsonl\"\n",
        columns.concat()
    ));
    toml
}

pub fn write(lab: &Lab, case: &Connected) {
    lab.write("log.csv", csv(&case.source));
    for (t, table) in case.tables.iter().enumerate() {
        lab.write(&format!("t{t}.csv"), csv(table));
    }
}

fn lines(lab: &Lab, name: &str) -> Vec<serde_json::Value> {
    let text = lab.text(name);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the job wrote, in words of the oracle: events by id, windows with count and sum, late events.
type Written = (BTreeMap<usize, Vec<Option<i64>>>, Vec<(i64, i64)>, Vec<usize>);

fn written(lab: &Lab, case: &Connected) -> Written {
    let columns = case.steps.iter().filter(|s| matches!(s, Step::First { .. } | Step::Enrich { .. })).count();
    let mut events = BTreeMap::new();
    for event in lines(lab, "out/events.jsonl") {
        let value = |c: usize| match &event[format!("c{c}")] {
            serde_json::Value::Bool(flag) => Some(i64::from(*flag)),
            value => value.as_i64(),
        };
        let before = events.insert(event["id"].as_u64().unwrap() as usize, (0..columns).map(value).collect());
        assert!(before.is_none(), "an event is written once");
    }
    let windows = lines(lab, "out/windows.jsonl");
    let windows = windows.iter().map(|w| (w["n"].as_i64().unwrap(), w["s"].as_i64().unwrap())).collect();
    let late = lines(lab, "out/late.jsonl");
    let mut late: Vec<usize> = late.iter().map(|event| event["id"].as_u64().unwrap() as usize).collect();
    late.sort_unstable();
    (events, windows, late)
}

/// The same of the oracle: a window is late where its end and the allowed lateness are not after the watermark.
fn expected(case: &Connected, outcome: &Outcome) -> Written {
    let events = outcome.through.iter().map(|event| (event.id, event.columns.clone())).collect();
    let mut windows: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut late = vec![];
    for event in &outcome.through {
        let window = case.source.records[event.id].time.div_euclid(WINDOW);
        let end = (window + 1) * WINDOW;
        if event.watermark.is_some_and(|watermark| end + ALLOWED <= watermark) {
            late.push(event.id);
        } else {
            let sums = windows.entry(window).or_default();
            *sums = (sums.0 + 1, sums.1 + event.id as i64);
        }
    }
    late.sort_unstable();
    (events, windows.into_values().collect(), late)
}

fn run(lab: &Lab, toml: &str, machine: Machine) -> Result<[u64; 6], TestCaseError> {
    let outcome = lab.library(toml, machine).map_err(|e| TestCaseError::fail(format!("{e}\n{toml}")))?;
    Ok(crate::support::account(&serde_json::json!({ "account": outcome.account })))
}

fn agrees(case: &Connected, machine: Machine) -> Result<(), TestCaseError> {
    let lab = Lab::new();
    write(&lab, case);
    let toml = job(case, "@/log.csv");
    let account = run(&lab, &toml, machine)?;
    let outcome = simulate(case);
    let want = expected(case, &outcome);
    prop_assert_eq!(written(&lab, case), want, "{}", toml);
    let late = expected(case, &outcome).2.len() as u64;
    let read = case.source.records.len() as u64;
    let counted = outcome.through.len() as u64 - late;
    prop_assert_eq!(account, [read, 0, outcome.filtered, outcome.duplicates, late, counted], "{}", toml);
    Ok(())
}

/// Random cases meet what they are made for; without this, the laws below could say nothing.
#[test]
fn random_connected_streams_wait_expire_and_come_late() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = connected(40);
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    let mut windows_late = 0;
    for _ in 0..600 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let outcome = simulate(&case);
        windows_late += expected(&case, &outcome).2.len();
        let met: BTreeMap<String, usize> =
            serde_json::from_value(serde_json::to_value(&outcome.met).unwrap()).unwrap();
        met.into_iter().for_each(|(what, count)| *all.entry(what).or_default() += count);
    }
    assert!(all.len() == serde_json::to_value(Met::default()).unwrap().as_object().unwrap().len());
    assert!(all.values().all(|count| *count > 50) && windows_late > 50, "{windows_late} {all:#?}");
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn streamed_steps_give_what_connected_streams_give(case in connected(24), machine in machine()) {
        agrees(&case, machine)?;
    }
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn longer_connected_streams_too(case in connected(300), machine in machine()) {
        agrees(&case, machine)?;
    }

    /// Threads, chunks, and how the source is cut into files.
    #[test]
    fn threads_chunks_and_files_do_not_show_in_streamed_steps(
        case in connected(150),
        cut in 0..150usize,
        threads in select(vec![1usize, 2, 4]),
        chunk_bytes in select(vec![1usize << 7, 1 << 10, 1 << 20]),
    ) {
        let lab = Lab::new();
        write(&lab, &case);
        run(&lab, &job(&case, "@/log.csv"), PLAIN)?;
        let names = ["out/events.jsonl", "out/windows.jsonl", "out/late.jsonl"];
        let want = names.map(|name| lab.text(name));
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        run(&lab, &job(&case, "@/log.csv"), Machine { threads, chunk_bytes, memory: 1 << 30 })?;
        prop_assert_eq!(&names.map(|name| lab.text(name)), &want);
        let text = csv(&case.source);
        let (head, rows) = text.split_once('\n').unwrap();
        let rows: Vec<&str> = rows.lines().collect();
        let cut = cut.min(rows.len());
        lab.write("log-1.csv", format!("{head}\n{}\n", rows[..cut].join("\n")));
        lab.write("log-2.csv", format!("{head}\n{}\n", rows[cut..].join("\n")));
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        run(&lab, &job(&case, "@/log-*.csv"), Machine { threads, chunk_bytes, memory: 1 << 30 })?;
        // The late file names files and lines.
        prop_assert_eq!(&names[..2].iter().map(|name| lab.text(name)).collect::<Vec<_>>(), &want[..2]);
    }

    /// Delay: where every log is given so much out-of-orderness that nothing is behind its watermark, and rows of tables
    /// have arrived before all events, streamed steps that look backward give what `complete` gives.
    #[test]
    fn with_a_delay_that_waits_for_all_and_tables_first_nothing_is_missed(mut case in connected(60)) {
        for (t, stream) in case.tables.iter_mut().chain([&mut case.source]).enumerate() {
            (stream.out_of_orderness, stream.idle, stream.has_arrivals, stream.partitioned) =
                (1_000_000, None, true, false);
            // In the order of event times; the source after the tables.
            let clock = BASE + if t < 2 { -100_000 } else { 0 };
            stream.records.sort_by_key(|record| record.time);
            stream.records.iter_mut().for_each(|record| record.arrival = clock + (record.time - BASE));
        }
        for step in &mut case.steps {
            // Without `within`: streamed state goes by arrival, which here is event time, but it expires one instant before.
            match step {
                Step::Dedup { within } | Step::First { within } => *within = None,
                Step::Filter | Step::Enrich { .. } => {}
            }
        }
        let lab = Lab::new();
        write(&lab, &case);
        let toml = job(&case, "@/log.csv");
        run(&lab, &toml, PLAIN)?;
        let streamed = written(&lab, &case);
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        lab.library_as(&toml, PLAIN, highwater::plan::Mode::Complete).unwrap();
        let text = lab.text("out/events.jsonl");
        lab.write("out/late.jsonl", "");
        let complete = written(&lab, &case);
        prop_assert!(!text.is_empty() || streamed.0.is_empty());
        // An event that waits passes others, which shows in what comes after; windows count all the same.
        let waits = case.steps.iter().any(|step| match step {
            Step::Enrich { tries, .. } => {
                tries.iter().any(|item| matches!(item, Item::Table(reach) if reach.look != Look::Backward))
            }
            _ => false,
        });
        if !waits {
            prop_assert_eq!(&streamed, &complete, "{}", toml);
        }
    }
}
