//! What the logs must be: the same bytes for the same seed, the rows asked for, their shape.

use super::*;
use std::collections::{HashMap, HashSet};
use std::io::Read;

fn generate(options: &Options) -> Summary {
    run(options).unwrap_or_else(|e| panic!("{e}"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn bytes(summary: &Summary) -> Vec<Vec<u8>> {
    summary.files.iter().map(|f| std::fs::read(&f.path).unwrap()).collect()
}

fn records(summary: &Summary) -> Vec<csv::StringRecord> {
    let read = |file: &WrittenFile| {
        csv::Reader::from_path(&file.path).unwrap().records().map(|r| r.unwrap()).collect::<Vec<_>>()
    };
    summary.files.iter().flat_map(read).collect()
}

fn objects(path: &Path) -> Vec<serde_json::Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    for kind in LogKind::ALL {
        for format in [InputFormat::Csv, InputFormat::JsonLines, InputFormat::Parquet] {
            let (a, b, c) = (folder(), folder(), folder());
            let options = |out: &tempfile::TempDir| Options {
                format: Some(format),
                ..Options::new(kind, 500, out.path())
            };
            let (first, again) = (generate(&options(&a)), generate(&options(&b)));
            assert!(bytes(&first) == bytes(&again), "{kind:?} {format:?}");
            let other = generate(&Options { seed: 2, ..options(&c) });
            assert!(bytes(&first) != bytes(&other), "{kind:?} {format:?}");
        }
    }
}

/// A change here is a change of everyone's data: `data/` must be made anew, and the notes say so.
#[test]
fn the_bytes_are_pinned() {
    let hash = |kind| {
        let out = folder();
        let all = bytes(&generate(&Options::new(kind, 1000, out.path()))).concat();
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&all))
    };
    assert_eq!(LogKind::ALL.map(hash), PINNED);
}
const PINNED: [&str; 4] = [
    "319894974972f274b6f70d2faff2f818",
    "5a7d9936fde0d8407ccb5223ccd49224",
    "c2762bf4dc048db2a75372ef61d3e577",
    "149d4fd4eae8838cbb5acd16f84b0fb4",
];

#[test]
fn splitting_and_compressing_do_not_change_the_rows() {
    let (one, three, zipped, packed) = (folder(), folder(), folder(), folder());
    let options = Options::new(LogKind::PageViews, 1000, one.path());
    let whole = generate(&options);
    let split = generate(&Options { files: 3, out: three.path().into(), ..options.clone() });
    assert_eq!(split.files.iter().map(|f| f.rows).collect::<Vec<_>>(), [333, 333, 334]);
    assert_eq!(records(&whole), records(&split));

    let out = zipped.path().into();
    let gzip = generate(&Options { out, compression: Compression::Gzip, ..options.clone() });
    let mut text = vec![];
    flate2::read::GzDecoder::new(&bytes(&gzip)[0][..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, bytes(&whole)[0]);
    let out = packed.path().into();
    let zstd = generate(&Options { out, compression: Compression::Zstd, ..options });
    assert_eq!(zstd::decode_all(&bytes(&zstd)[0][..]).unwrap(), text);
    assert!(zstd.files[0].path.ends_with("pageviews.csv.zst"));
}

#[test]
fn formats_hold_the_same_rows() {
    let (text, json, columns) = (folder(), folder(), folder());
    let options = Options::new(LogKind::Transactions, 2000, text.path());
    let csv = records(&generate(&options));
    let written = generate(&Options {
        format: Some(InputFormat::JsonLines),
        out: json.path().into(),
        ..options.clone()
    });
    let names = ["account_no", "date", "details", "value_date", "amount", "balance"];
    for (record, object) in csv.iter().zip(objects(&written.files[0].path)) {
        for (at, name) in names.iter().enumerate() {
            let value = &object[name];
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            assert_eq!(&record[at], text, "{name}");
        }
    }
    let written =
        generate(&Options { format: Some(InputFormat::Parquet), out: columns.path().into(), ..options });
    let file = std::fs::File::open(&written.files[0].path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(|b| b.unwrap()).collect();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), csv.len());
    let shown = arrow_cast::display::array_value_to_string;
    for (column, text) in batches[0].columns().iter().zip(&csv[17]) {
        assert_eq!(shown(column, 17).unwrap(), text);
    }
}

#[test]
fn page_views_come_late_as_the_profile_says() {
    let out = folder();
    let rows = 20_000;
    let csv = records(&generate(&Options::new(LogKind::PageViews, rows, out.path())));
    let start = sample_log::START / SECOND;
    let span = 3 * DAY / SECOND;
    let late: Vec<i64> = csv
        .iter()
        .enumerate()
        .map(|(row, r)| start + row as i64 * span / rows as i64 - r[3].parse::<i64>().unwrap())
        .collect();
    // The last third of the log is old enough for all of the profile.
    let late = &late[late.len() * 2 / 3..];
    let share = |to: i64| late.iter().filter(|&&l| l <= to).count() as f64 / late.len() as f64;
    assert!((share(20) - 0.80).abs() < 0.02, "{}", share(20));
    assert!((share(DAY / SECOND) - 0.95).abs() < 0.02, "{}", share(DAY / SECOND));
    assert_eq!(share(2 * DAY / SECOND), 1.0);
}

#[test]
fn wallet_events_repeat_and_find_their_sessions() {
    let out = folder();
    let written = generate(&Options::new(LogKind::Money, 20_000, out.path()));
    assert_eq!(written.files.iter().map(|f| f.rows).collect::<Vec<_>>(), [20_000, 5_000, 1_666, 2_633]);
    let [wallet, sessions, users, answers] = [0, 1, 2, 3].map(|n| objects(&written.files[n].path));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();

    let ids: HashSet<String> = wallet.iter().map(|e| text(&e["id"])).collect();
    assert_eq!(ids.len(), 19_400);
    let created: HashMap<String, &serde_json::Value> = sessions
        .iter()
        .filter(|s| s["type"] == "UserSessionCreatedEvent")
        .map(|s| (text(&s["id"]), s))
        .collect();
    assert_eq!(created.len(), 2500);
    let answers: HashSet<String> = answers.iter().map(|a| text(&a["id"])).collect();
    assert!(answers.len() == 2_633 && created.keys().all(|id| answers.contains(id)));
    let (mut without, mut unknown, mut answered, mut before) = (0, 0, 0, 0);
    for event in &wallet {
        match created.get(&text(&event["userSessionId"])) {
            None if event["userSessionId"].is_null() => without += 1,
            None => {
                unknown += 1;
                answered += usize::from(answers.contains(&text(&event["userSessionId"])));
            }
            Some(session) => {
                assert_eq!(session["userId"], event["userId"]);
                // ISO texts of one form are in the order of their times.
                before += usize::from(text(&event["processedAt"]) < text(&session["processedAt"]));
            }
        }
    }
    assert!((900..1800).contains(&without), "{without}");
    assert!(
        (130..270).contains(&unknown) && (unknown / 2..unknown).contains(&answered),
        "{unknown} {answered}"
    );
    assert!((300..500).contains(&before), "{before}");
    // Some are old, and some come in the same millisecond as another of their user.
    let old = wallet.iter().filter(|e| e["old"] == true).count();
    assert!((270..450).contains(&old), "{old}");
    let twins: HashSet<[String; 3]> =
        wallet.iter().map(|e| ["userId", "processedAt", "id"].map(|c| text(&e[c]))).collect();
    let moments: HashSet<&[String]> = twins.iter().map(|t| &t[..2]).collect();
    let twins = twins.len() - moments.len();
    assert!((130..270).contains(&twins), "{twins}");
    for log in [&sessions, &users] {
        assert!(log.is_sorted_by_key(|e| text(&e["processedAt"])));
    }
    assert!(
        users.iter().any(|u| u["birthYear"].is_i64())
            && users.iter().any(|u| u["residentCountryCode"].is_string())
    );
}

#[test]
fn any_number_of_rows_is_fine() {
    for kind in LogKind::ALL {
        for rows in [0, 1, 2, 11] {
            let out = folder();
            let options =
                Options { files: 4, format: Some(InputFormat::Csv), ..Options::new(kind, rows, out.path()) };
            let written = generate(&options);
            assert_eq!(written.files.iter().take(4).map(|f| f.rows).sum::<u64>(), rows, "{kind:?}");
            for file in &written.files {
                let lines = std::fs::read_to_string(&file.path).unwrap().lines().count() as u64;
                assert_eq!(lines, file.rows + 1, "{}", file.path.display());
            }
        }
    }
}

#[test]
fn senseless_options_and_strange_files_are_refused() {
    let out = folder();
    let options = Options::new(LogKind::Sales, 10, out.path());
    let parquet =
        Options { format: Some(InputFormat::Parquet), compression: Compression::Gzip, ..options.clone() };
    for wrong in
        [Options { files: 0, ..options.clone() }, parquet, Options { span: Some(0), ..options.clone() }]
    {
        assert_eq!(run(&wrong).unwrap_err().kind(), crate::error::Kind::Job);
    }
    generate(&options);
    // Again is fine; under other names the rows would count twice.
    generate(&options);
    let error = run(&Options { files: 2, ..options.clone() }).unwrap_err();
    assert!(error.to_string().contains("sales.jsonl exists"), "{error}");

    let blocked = Options { out: out.path().join("sales.jsonl"), ..options };
    assert_eq!(run(&blocked).unwrap_err().kind(), crate::error::Kind::Machine);
}

/// Producers of live jobs write whole amounts and times as numbers, under names of their own, at a rate.
#[test]
fn sales_are_written_as_their_producers_write_them() {
    let out = folder();
    let names = vec!["LNK".to_string(), "OMA".into()];
    let style =
        ProducerStyle { epoch: Some(1000), whole: true, names: vec![("seller_id".into(), "seller".into())] };
    let options = Options {
        sellers: Some(Sellers::Names(names)),
        style: style.clone(),
        span: Some(50 * SECOND),
        ..Options::new(LogKind::Sales, 500, out.path())
    };
    let sales = objects(&generate(&options).files[0].path);
    let plain = folder();
    let plain = objects(
        &generate(&Options { style: ProducerStyle::default(), out: plain.path().into(), ..options.clone() })
            .files[0]
            .path,
    );
    for (sale, text) in sales.iter().zip(&plain) {
        assert!(["LNK", "OMA"].contains(&sale["seller"].as_str().unwrap()));
        assert_eq!(sale["amount_usd"].as_i64().unwrap(), text["amount_usd"].as_f64().unwrap() as i64);
        let at = chrono::DateTime::parse_from_rfc3339(text["sale_ts"].as_str().unwrap()).unwrap();
        assert_eq!(sale["sale_ts"].as_i64().unwrap(), at.timestamp_millis());
    }
    let times: Vec<i64> = sales.iter().map(|sale| sale["sale_ts"].as_i64().unwrap()).collect();
    let span = times.iter().max().unwrap() - times.iter().min().unwrap();
    assert!((29_000..80_000).contains(&span), "{span}");
    // Parquet has numbers too, and a name that no log has is not passed over.
    let columnar = folder();
    let parquet =
        Options { format: Some(InputFormat::Parquet), out: columnar.path().into(), ..options.clone() };
    assert_eq!(generate(&parquet).rows(), 500);
    let unknown = ProducerStyle { names: vec![("seler_id".into(), "s".into())], ..style };
    let error = run(&Options { style: unknown, ..options.clone() }).unwrap_err().to_string();
    assert!(error.contains("no column `seler_id`"), "{error}");
    let wrong = run(&Options { kind: LogKind::PageViews, ..options }).unwrap_err().to_string();
    assert!(wrong.contains("`--sellers` is for sales"), "{wrong}");
}
