//! What differs, against a table of all values.

use super::*;
use crate::backfill::testing::views;
use crate::batch::{DataType, Field};
use arrow_array::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Window, then two keys, of which NULL is the last.
type RowKey = (i64, (bool, String), (bool, i64));
type RowValues = (Option<i64>, Option<f64>, Option<String>);

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("window_start", DataType::Timestamp),
        Field::new("window_end", DataType::Timestamp),
        Field::new("post.code", DataType::String),
        Field::new("n", DataType::Int64),
        Field::new("views", DataType::Int64),
        Field::new("x", DataType::Float64),
        Field::new("last", DataType::String),
    ])
}

/// The keys of these names with their columns, where the schema has them.
fn keys_of(schema: &Schema, names: &[String]) -> Vec<(String, Option<usize>)> {
    names.iter().map(|name| (name.clone(), schema.index_of(name))).collect()
}

fn rows(keys: &[&RowKey], of: &BTreeMap<RowKey, RowValues>) -> RecordBatch {
    let times = |add: i64| -> ArrayRef {
        let times = keys.iter().map(|k| k.0 * 1_000_000 + add);
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
    };
    let values = || keys.iter().map(|k| &of[k]);
    let texts = keys.iter().map(|k| (!k.1.0).then(|| k.1.1.clone()));
    let columns: Vec<ArrayRef> = vec![
        times(0),
        times(1_000_000),
        Arc::new(texts.collect::<StringViewArray>()),
        Arc::new(keys.iter().map(|k| (!k.2.0).then_some(k.2.1)).collect::<Int64Array>()),
        Arc::new(values().map(|v| v.0).collect::<Int64Array>()),
        Arc::new(values().map(|v| v.1).collect::<Float64Array>()),
        Arc::new(values().map(|v| v.2.clone()).collect::<StringViewArray>()),
    ];
    RecordBatch::try_new(schema().arrow(), columns).unwrap()
}

fn table() -> impl Strategy<Value = BTreeMap<RowKey, RowValues>> {
    let text = prop_oneof![Just(""), Just("b"), Just("a text of some length"), Just("a text of some other")];
    let text = text.prop_map(str::to_string);
    // What stands where NULL is is the same for all NULLs, or two keys would be one.
    let nullable = |(null, text)| if null { (true, String::new()) } else { (false, text) };
    let number = |(null, n)| if null { (true, 0) } else { (false, n) };
    let key = (
        -2..3i64,
        (proptest::bool::weighted(0.2), text.clone()).prop_map(nullable),
        (proptest::bool::weighted(0.2), -1..2i64).prop_map(number),
    );
    let float = proptest::sample::select(vec![0.0, -0.0, f64::NAN, 1.5]);
    btree_map(key, (option::of(0..2i64), option::of(float), option::of(text)), 0..40)
}

/// Values as the log and as a change have them.
fn json_of(value: &RowValues) -> [(&'static str, serde_json::Value); 3] {
    let float = value.1.filter(|x| !x.is_nan()).map(|x| if x == 0.0 { 0.0 } else { x });
    [("views", value.0.into()), ("x", float.into()), ("last", value.2.clone().into())]
}

/// As `json_of`, but telling NaN from NULL: two are equal where these are.
fn told(value: &RowValues) -> [String; 3] {
    [format!("{:?}", value.0), format!("{:?}", value.1.map(|x| x + 0.0)), format!("{:?}", value.2)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changes_are_those_of_the_table(
        old in table(), other in table(), mix in vec(0..3u8, 40), ranks in vec(any::<u32>(), 80), ranked in any::<bool>(),
    ) {
        // New rows: some of the old ones as they were, some with other values, some gone, some new.
        let mut new = old.clone();
        for ((key, value), mix) in old.iter().zip(&mix) {
            match mix {
                0 => { new.remove(key); }
                1 => { new.insert(key.clone(), other.values().next().unwrap_or(value).clone()); }
                _ => {}
            }
        }
        new.extend(other.into_iter().filter(|(key, _)| key.2.1 == 1));
        let rows = |table: &BTreeMap<RowKey, RowValues>, ranks: &[u32]| {
            let mut keys: Vec<(&RowKey, u32)> = table.keys().zip(ranks.iter().copied()).collect();
            if ranked {
                keys.sort_by_key(|(key, rank)| (key.0, *rank));
            }
            rows(&keys.iter().map(|k| k.0).collect::<Vec<_>>(), table)
        };
        let (a, b) = (rows(&old, &ranks), rows(&new, &ranks[40.min(ranks.len())..]));

        let mut want = vec![];
        let mut windows = vec![];
        let mut count = 0;
        let keys: std::collections::BTreeSet<&RowKey> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            let row = match (before, after) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            };
            let lines = want.len();
            for column in 0..3 {
                if row == "changed" && told(before.unwrap())[column] == told(after.unwrap())[column] {
                    continue;
                }
                let name = json_of(before.or(after).unwrap())[column].0;
                let value = |v: Option<&RowValues>| v.map_or(serde_json::Value::Null, |v| json_of(v)[column].1.clone());
                want.push((key.0, key.1.clone(), key.2, name, value(before), value(after), row));
            }
            if want.len() > lines {
                count += 1;
                windows.push(key.0);
            }
        }
        windows.dedup();

        let names = ["post.code".to_string(), "n".to_string()];
        let differ = Differ::new(&schema(), Some(WindowColumns::both(0, 1)), keys_of(&schema(), &names), &Zone::utc(), 5);
        let mut log = vec![];
        let found = differ.diff(&[], &a, &b, &mut log).unwrap();
        let mut times = TimeText::utc();
        let lines: Vec<serde_json::Value> =
            std::str::from_utf8(&log).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let zero = |v: &serde_json::Value| if *v == serde_json::json!(-0.0) { serde_json::json!(0.0) } else { v.clone() };
        let got: Vec<_> = lines.iter().map(|l| {
            ["window_start", "window_end", "keys", "column", "before", "after", "row"].map(|k| zero(&l[k]))
        }).collect();
        let want: Vec<_> = want.into_iter().map(|(w, k, n, column, before, after, row)| {
            let keys = serde_json::json!({"post.code": (!k.0).then_some(k.1), "n": (!n.0).then_some(n.1)});
            let bound = |w: i64| -> String { TimeText::utc().text(w * 1_000_000) };
            [bound(w).into(), bound(w + 1).into(), keys, column.into(), before, after, row.into()]
        }).collect();
        prop_assert_eq!(&got, &want);
        prop_assert_eq!(found.values, want.len() as u64);
        prop_assert_eq!(found.rows, count);
        let spans: Vec<i64> = found.windows.iter().map(|w| w.unwrap().start / 1_000_000).collect();
        prop_assert_eq!(spans, windows);
        prop_assert_eq!(found.changes.len(), want.len().min(5));
        for (change, want) in found.changes.iter().zip(&want) {
            let word = match change.row {
                RowChange::Added => "added",
                RowChange::Removed => "removed",
                RowChange::Changed => "changed",
            };
            let text = times.text(change.window.unwrap().start);
            let got = [text, change.column.clone(), word.to_string()].map(serde_json::Value::from);
            prop_assert_eq!(got, [0, 3, 6].map(|i| want[i].clone()));
        }
    }
}

fn two(column: Vec<Option<i64>>, city: Vec<Option<&str>>) -> (Schema, RecordBatch) {
    let schema = Schema::new(vec![
        Field::new("city", DataType::String),
        Field::new("total", DataType::Decimal { precision: 38, scale: 2 }),
        Field::new("last", DataType::Timestamp),
    ]);
    let decimals = column.iter().map(|v| v.map(i128::from)).collect::<Decimal128Array>();
    let times = TimestampMicrosecondArray::from(column.clone()).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from(city)),
        Arc::new(decimals.with_precision_and_scale(38, 2).unwrap()),
        Arc::new(times),
    ];
    let batch = RecordBatch::try_new(schema.arrow(), columns).unwrap();
    (schema, batch)
}

#[test]
fn a_global_window_has_no_bounds_and_a_part_names_keys() {
    let (schema, old) = two(vec![Some(1250), Some(7), Some(0)], vec![Some("Bonn"), Some("Ulm"), None]);
    let (_, new) = two(vec![None, Some(1250), Some(0)], vec![Some("\"A\""), Some("Bonn"), None]);
    let keys = ["land".to_string(), "city".to_string()];
    let differ =
        Differ::new(&schema, None, keys_of(&schema, &keys), &Zone::named("Asia/Jakarta").unwrap(), 9);
    let mut log = vec![];
    let land = [("land".to_string(), Some("de\n".to_string()))];
    let found = differ.diff(&land, &old, &new, &mut log).unwrap();
    insta::assert_snapshot!(String::from_utf8(log).unwrap(), @r#"
    {"keys":{"land":"de\n","city":"\"A\""},"column":"total","before":null,"after":null,"row":"added"}
    {"keys":{"land":"de\n","city":"\"A\""},"column":"last","before":null,"after":null,"row":"added"}
    {"keys":{"land":"de\n","city":"Ulm"},"column":"total","before":0.07,"after":null,"row":"removed"}
    {"keys":{"land":"de\n","city":"Ulm"},"column":"last","before":"1970-01-01T07:00:00.000007+07:00","after":null,"row":"removed"}
    "#);
    assert_eq!((found.values, found.rows, found.windows.len()), (4, 2, 1));
    assert_eq!(found.changes[2].before.as_deref(), Some("0.07"));
    assert_eq!(found.changes[2].keys[0], land[0]);
    assert_eq!(found.changes[3].before.as_deref(), Some("1970-01-01T07:00:00.000007+07:00"));
}

#[test]
fn rows_of_keys_alone_are_one_change() {
    let schema = Schema::new(vec![Field::new("city", DataType::String)]);
    let of = |city: &str| {
        let column: ArrayRef = Arc::new(StringViewArray::from(vec![city]));
        RecordBatch::try_new(schema.arrow(), vec![column]).unwrap()
    };
    let differ = Differ::new(&schema, None, keys_of(&schema, &["city".to_string()]), &Zone::utc(), 9);
    let mut log = vec![];
    let found = differ.diff(&[], &of("a"), &of("b"), &mut log).unwrap();
    log_part(&mut log, Path::new("date=2024-02-29/data.parquet"), 3, 5).unwrap();
    insta::assert_snapshot!(String::from_utf8(log).unwrap(), @r#"
    {"keys":{"city":"a"},"row":"removed"}
    {"keys":{"city":"b"},"row":"added"}
    {"part":"date=2024-02-29/data.parquet","rows_before":3,"rows_after":5}
    "#);
    assert_eq!((found.values, found.rows), (2, 2));
}

#[test]
fn differences_of_parts_are_added_up() {
    let span = |start| Some(TimeRange { start, end: start + 1 });
    let part = |starts: &[i64], column: &str| Differences {
        changes: starts
            .iter()
            .map(|&s| ValueChange {
                window: span(s),
                keys: vec![],
                column: column.into(),
                before: None,
                after: None,
                row: RowChange::Added,
            })
            .collect(),
        values: starts.len() as u64,
        rows: starts.len() as u64,
        windows: starts.iter().map(|&s| span(s)).collect(),
    };
    let mut all = Differences::default();
    all.absorb(part(&[1, 3], "a"), 4);
    all.absorb(part(&[1, 2], "b"), 4);
    all.absorb(part(&[4, 5], "c"), 4);
    assert_eq!((all.values, all.rows), (6, 6));
    assert_eq!(all.windows, [1, 2, 3, 4, 5].map(span));
    let first: Vec<_> = all.changes.iter().map(|c| (c.window.unwrap().start, c.column.as_str())).collect();
    assert_eq!(first, [(1, "a"), (1, "b"), (2, "b"), (3, "a")]);
}

/// `cargo test --release changes::tests::timings -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn timings() {
    let old = views(1_000_000, 1, 0);
    let fields = ["window_start", "window_end", "postcode", "views", "total", "most"];
    let schema = Schema::new(fields.map(|name| Field::new(name, DataType::Int64)).to_vec());
    let differ = Differ::new(
        &schema,
        Some(WindowColumns::both(0, 1)),
        keys_of(&schema, &["postcode".to_string()]),
        &Zone::utc(),
        20,
    );
    for (what, new) in [
        ("equal rows", views(1_000_000, 1, 0)),
        ("every 1000th row gone", {
            let keep: BooleanArray = (0..1_000_000).map(|i| Some(i % 1000 != 0)).collect();
            arrow_select::filter::filter_record_batch(&old, &keep).unwrap()
        }),
        ("the first row gone, one more at the end", views(1_000_000, 1, 1)),
    ] {
        let clock = std::time::Instant::now();
        let found = differ.diff(&[], &old, &new, &mut std::io::sink()).unwrap();
        println!("{what}: {} values changed, {:.1?}", found.values, clock.elapsed());
    }
}

#[test]
fn a_log_that_cannot_be_written_is_told() {
    struct FullDisk;
    impl Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (schema, old) = two(vec![Some(1)], vec![Some("Bonn")]);
    let (_, new) = two(vec![Some(2)], vec![Some("Bonn")]);
    let differ = Differ::new(&schema, None, keys_of(&schema, &["city".to_string()]), &Zone::utc(), 0);
    let error = differ.diff(&[], &old, &new, &mut FullDisk).unwrap_err().to_string();
    assert!(error.contains("the disk is full"), "{error}");
}
