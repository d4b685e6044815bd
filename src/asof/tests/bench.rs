//! How fast: the tables of the measured job. `cargo test --release asof::tests::bench -- --ignored --nocapture`

use super::*;
use rayon::prelude::*;
use std::time::Instant;

fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ (x >> 32)
}

fn uuid(n: u64) -> String {
    let (a, b) = (mix(n), mix(n + 1_000_000_007));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    )
}

fn texts(n: impl Iterator<Item = u64>, of: impl Fn(u64) -> String) -> ArrayRef {
    Arc::new(n.map(|n| Some(of(n))).collect::<StringViewArray>())
}

const DAY: u64 = 86_400_000_000;

fn table(rows: u64, keys: u64, memory: usize, fill: bool) -> AsOfTable {
    let plan = AsOfPlan { keep_keys: false, ..plan(DataType::String, DataType::String, fill) };
    let country = |n: u64| {
        String::from_utf8(vec![b'A' + (mix(n) % 14) as u8, b'A' + (mix(n) / 14 % 14) as u8]).unwrap()
    };
    let batches: Vec<Batch> = (0..rows)
        .step_by(4_000)
        .map(|from| {
            let own = || from..(from + 4_000).min(rows);
            let key = texts(own().map(|n| mix(n) % keys), uuid);
            let mut value = texts(own(), country);
            if fill {
                let kept = own().map(|n| (!n.is_multiple_of(3)).then(|| country(n)));
                value = Arc::new(kept.collect::<StringViewArray>());
            }
            batch(vec![key, value], own().map(|n| (n * DAY / rows / 1_000 * 1_000) as i64).collect(), from)
        })
        .collect();
    let started = Instant::now();
    let stores = batches.par_chunks(batches.len().div_ceil(2)).map(|own| {
        let mut store = AsOfRows::new(&plan, space());
        own.iter().for_each(|batch| store.push(batch).unwrap());
        store
    });
    let stores: Vec<AsOfRows> = stores.collect();
    let (pushed, held) = (started.elapsed(), stores.iter().map(AsOfRows::bytes).sum::<usize>());
    let started = Instant::now();
    let table = AsOfTable::build(&plan, stores, memory).unwrap();
    println!(
        "{rows} rows: pushed {pushed:?} ({} a row), built {:?}, {:.1} bytes a row",
        held as u64 / rows,
        started.elapsed(),
        table.bytes() as f64 / rows as f64
    );
    table
}

fn probe(table: &AsOfTable, keys: u64, events: u64, reach: &Reach) {
    // Not all keys are in the table, which has some 1 - 1/e of them.
    let batches: Vec<(crate::keyed::KeyHashes, Vec<i64>)> = (0..events)
        .step_by(4_000)
        .map(|from| {
            let own = || from..from + 4_000;
            let key = texts(own().map(|n| mix(n * 31) % keys), uuid);
            (hash_keys(&[&key], 4_000), own().map(|n| (n * DAY / events) as i64).collect())
        })
        .collect();
    let rows: Vec<u32> = (0..4_000).collect();
    for _ in 0..3 {
        let started = Instant::now();
        let matched: usize = batches
            .par_iter()
            .map(|(keys, times)| {
                let got = table.probe(keys, times, &rows, reach, &[0]).unwrap();
                got.matched.iter().filter(|m| **m).count()
            })
            .sum();
        let taken = started.elapsed();
        let threads = rayon::current_num_threads() as u128;
        println!(
            "  {events} probes: {taken:?}, {} ns each on each thread, {matched} matched",
            taken.as_nanos() * threads / u128::from(events)
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn in_memory() {
    let sessions = table(600_000, 600_000, usize::MAX, false);
    probe(&sessions, 600_000, 5_000_000, &Reach { within: Some(DAY as i64), ..BACKWARD });
    let users = table(400_000, 200_000, usize::MAX, false);
    probe(&users, 200_000, 5_000_000, &BACKWARD);
    let users = table(400_000, 200_000, usize::MAX, true);
    probe(&users, 200_000, 5_000_000, &BACKWARD);
}

#[test]
#[ignore = "a measurement"]
fn spilled() {
    let sessions = table(600_000, 600_000, 0, false);
    probe(&sessions, 600_000, 5_000_000, &BACKWARD);
    let users = table(400_000, 200_000, 0, true);
    probe(&users, 200_000, 5_000_000, &BACKWARD);
}
