//! Files written here, by hand and by arrow-avro, are read back.

use super::writer::{SYNC, file, long, of_json, record, text};
use super::*;
use crate::batch::DataType;
use crate::error::Kind;
use crate::input::testing::{ScanResult, ScannedRow, TestFolder, scan};
use crate::input::{OnBadRecord, ReadTime};
use crate::time::{DAY, HOUR, SECOND, TimeRule, TimeUnit, Zone};
use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType as ArrowType, Field, Fields, Schema as ArrowSchema};
use serde_json::{Value, json};

const T: (&str, &str) = ("t", r#""long""#);

/// The rows of `file` for these columns; the event time is `t`, in seconds.
fn read(file: &[u8], columns: &[&str]) -> Result<ScanResult> {
    let folder = TestFolder::with("log.avro", file);
    scan(folder.plan("t", columns), 2)
}

/// The texts of the rows' columns.
fn values(rows: &[ScannedRow]) -> Vec<Vec<&str>> {
    rows.iter().map(|(.., c)| c.iter().map(|v| v.as_deref().unwrap_or("NULL")).collect()).collect()
}

/// What the column `c` of type `ty`, of these values, is as `want`: values, and reasons of rejects.
fn converted(ty: &str, json: &[Value], want: &str) -> (Vec<String>, Vec<String>) {
    let records: Vec<Value> = json.iter().map(|v| json!({"t": 1, "c": v})).collect();
    let outcome = read(&of_json(&record(&[T, ("c", ty)]), &records), &[&format!("c:{want}")]).unwrap();
    let values = values(&outcome.rows).into_iter().map(|row| row[0].to_string()).collect();
    (values, outcome.rejects.into_iter().map(|r| r.reason).collect())
}

fn all(ty: &str, json: &[Value], want: &str) -> Vec<String> {
    let (values, rejects) = converted(ty, json, want);
    assert_eq!(rejects, Vec::<String>::new());
    values
}

/// The error of reading `c` of type `ty` as `want`.
fn clash(ty: &str, json: Value, want: &str) -> String {
    let file = of_json(&record(&[T, ("c", ty)]), &[json!({"t": 1, "c": json})]);
    read(&file, &[&format!("c:{want}")]).unwrap_err().to_string()
}

#[test]
fn types_are_read_as_the_plan_wants_them() {
    let logical = |ty: &str, logical: &str| format!(r#"{{"type":"{ty}","logicalType":"{logical}"}}"#);
    let fixed = |rest: &str| format!(r#"{{"type":"fixed","name":"F",{rest}}}"#);
    assert_eq!(all(r#""int""#, &[json!(-7)], "int64"), ["-7"]);
    assert_eq!(all(r#""long""#, &[json!(i64::MIN)], "int64"), [i64::MIN.to_string()]);
    assert_eq!(all(r#""long""#, &[json!(7)], "float64"), ["7.0"]);
    assert_eq!(all(r#""long""#, &[json!(7)], "decimal(9,2)"), ["7.00"]);
    assert_eq!(all(r#""long""#, &[json!(7)], "string"), ["7"]);
    assert_eq!(all(r#""float""#, &[json!(1.5)], "float64"), ["1.5"]);
    assert_eq!(all(r#""double""#, &[json!(2.0)], "int64"), ["2"]);
    assert_eq!(all(r#""boolean""#, &[json!(true), json!(false)], "bool"), ["true", "false"]);
    assert_eq!(all(r#""string""#, &[json!("é"), json!("a text of more than twelve")], "string")[0], "é");
    assert_eq!(all(r#""string""#, &[json!("12.5")], "decimal(9,2)"), ["12.50"]);
    assert_eq!(all(r#""bytes""#, &[json!("x")], "string"), ["x"]);
    assert_eq!(all(r#"["null","string"]"#, &[json!(null), json!("x")], "string"), ["NULL", "x"]);
    assert_eq!(all(r#"["long","null"]"#, &[json!(4), json!(null)], "int64"), ["4", "NULL"]);
    assert_eq!(all(r#""null""#, &[json!(null)], "int64"), ["NULL"]);
    assert_eq!(all(&logical("int", "date"), &[json!(19782)], "date"), ["2024-02-29"]);
    assert_eq!(all(&logical("int", "date"), &[json!(19782)], "timestamp"), ["2024-02-29T00:00:00Z"]);
    let stamps = [("millis", 1_000i64), ("micros", 1_000_000), ("nanos", 1_000_000_000)];
    for (unit, second) in stamps {
        let at = [json!(19782 * 86_400 * second)];
        let got = all(&logical("long", &format!("timestamp-{unit}")), &at, "timestamp");
        assert_eq!(got, ["2024-02-29T00:00:00Z"], "{unit}");
    }
    assert_eq!(all(&logical("string", "uuid"), &[json!("not looked at")], "string"), ["not looked at"]);
    let uuid = json!("\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\u{9}\u{a}\u{b}\u{c}\u{d}\u{e}\u{ff}");
    assert_eq!(
        all(&fixed(r#""size":16,"logicalType":"uuid""#), &[uuid], "string"),
        ["00010203-0405-0607-0809-0a0b0c0d0eff"]
    );
    let color = r#"{"type":"enum","name":"E","symbols":["RED","A_VERY_LONG_SYMBOL"]}"#;
    let got = all(color, &[json!("A_VERY_LONG_SYMBOL"), json!("RED")], "string");
    assert_eq!(got, ["A_VERY_LONG_SYMBOL", "RED"]);
    // A logical type that is unknown, or does not go with its type, is none.
    assert_eq!(all(&logical("long", "timestamp-weeks"), &[json!(7)], "int64"), ["7"]);
    assert_eq!(all(&logical("long", "date"), &[json!(7)], "int64"), ["7"]);
}

#[test]
fn decimals_are_bytes_of_two_s_complement() {
    let bytes = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let fixed = r#"{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":9,"scale":2}"#;
    let wide = r#"{"type":"fixed","name":"F","size":18,"logicalType":"decimal","precision":38}"#;
    let texts = [json!("\u{4}\u{ce}"), json!("\u{fb}\u{32}"), json!("")];
    assert_eq!(all(bytes, &texts, "decimal(9,2)"), ["12.30", "-12.30", "0.00"]);
    assert_eq!(all(bytes, &texts[..1], "decimal(12,4)"), ["12.3000"]);
    assert_eq!(all(fixed, &[json!("\u{ff}\u{ff}\u{fb}\u{32}")], "decimal(9,2)"), ["-12.30"]);
    let minus_two = json!("\u{ff}".repeat(17) + "\u{fe}");
    assert_eq!(all(wide, &[minus_two], "decimal(38,0)"), ["-2"]);
    // What is more than the schema says is a bad record, as one is that the plan's type cannot hold.
    let (got, rejects) =
        converted(wide, &[json!("\u{1}".repeat(18)), json!("\u{0}".repeat(18))], "decimal(38,0)");
    assert_eq!(
        (got, rejects),
        (vec!["0".into()], vec!["its 18 bytes have more digits than a decimal(38,0) can hold".into()])
    );
    let (_, rejects) =
        converted(bytes, &[json!("\u{7f}\u{ff}\u{ff}\u{ff}"), json!("\u{4}\u{cf}")], "decimal(9,1)");
    assert_eq!(
        rejects,
        ["its 4 bytes have more digits than a decimal(9,2) can hold", "`12.31` does not fit decimal(9,1)"]
    );
}

#[test]
fn a_bad_value_is_a_bad_record_with_its_number() {
    let schema = record(&[T, ("c", r#""string""#)]);
    let of = |t: i64, c: &[u8]| [long(t), text(c)].concat();
    let blocks =
        [vec![of(1, b"1"), of(2, b"x")], vec![of(3, b"\xff"), of(9_999_999_999_999, b"4"), of(5, b"5")]];
    let folder = TestFolder::with("log.avro", file(&schema, "null", &blocks));
    let outcome = scan(folder.plan("t", &["c:int64"]), 2).unwrap();
    assert_eq!(values(&outcome.rows), [["1"], ["5"]]);
    assert_eq!(outcome.rows[1].0, Position::new(0, 4));
    let rejects: Vec<_> = outcome.rejects.iter().map(|r| (r.line, r.byte, r.reason.as_str())).collect();
    assert_eq!(rejects[0], (2, None, "`x` is not an int64"));
    assert_eq!(rejects[1], (3, None, "not valid UTF-8"));
    assert!(rejects[2].0 == 4 && rejects[2].2.contains("outside the years 1900 to 2200"), "{rejects:?}");
    assert_eq!(String::from_utf8_lossy(&outcome.rejects[0].raw), r#"{"t":2,"c":"x"}"#);
    let mut plan = folder.plan("t", &["c:int64"]);
    plan.on_bad_record = OnBadRecord::Fail;
    let error = scan(plan, 2).unwrap_err().to_string();
    assert!(error.contains("log.avro, record 2: column `c`: `x` is not an int64"), "{error}");
}

#[test]
fn event_times_follow_the_columns_type() {
    let noon = 19782 * DAY + 12 * HOUR;
    let time = |ty: &str, value: Value, rule: TimeRule, zone: &str| {
        let folder = TestFolder::with("log.avro", of_json(&record(&[("t", ty)]), &[json!({"t": value})]));
        let mut plan = folder.plan("t", &["t:timestamp"]);
        plan.time = ReadTime { column: "t".into(), rule };
        plan.zone = Zone::named(zone).unwrap();
        let outcome = scan(plan, 1)?;
        assert_eq!(outcome.rejects.len(), 0, "{:?}", outcome.rejects);
        Ok::<i64, Error>(outcome.rows[0].1 * SECOND)
    };
    let one = |ty: &str, value: Value, rule, zone: &str| time(ty, value, rule, zone).unwrap();
    let logical = |name: &str| format!(r#"["null",{{"type":"long","logicalType":"{name}"}}]"#);
    let millis = || TimeRule::Epoch(TimeUnit::Milli);
    assert_eq!(one(r#""long""#, json!(noon / 1000), millis(), "UTC"), noon);
    assert_eq!(
        one(r#""int""#, json!(20240229), TimeRule::format("%Y%m%d").unwrap(), "UTC"),
        noon - 12 * HOUR
    );
    assert_eq!(
        one(r#""string""#, json!("2024-02-29T12:00:00"), TimeRule::Iso, "Asia/Jakarta"),
        noon - 7 * HOUR
    );
    let half = (noon + 500_000) as f64 / 1e6;
    assert_eq!(one(r#""double""#, json!(half), TimeRule::Epoch(TimeUnit::Second), "UTC"), noon);
    let days = TimeRule::Epoch(TimeUnit::Day);
    assert_eq!(one(r#""int""#, json!(19782), days, "Asia/Jakarta"), noon - 19 * HOUR);
    assert_eq!(one(&logical("timestamp-millis"), json!(noon / 1000), TimeRule::Iso, "Asia/Jakarta"), noon);
    assert_eq!(one(&logical("timestamp-micros"), json!(noon), TimeRule::Iso, "Asia/Jakarta"), noon);
    assert_eq!(one(&logical("timestamp-nanos"), json!(noon * 1000 + 999), TimeRule::Iso, "UTC"), noon);
    let local = one(&logical("local-timestamp-micros"), json!(noon), TimeRule::Iso, "Asia/Jakarta");
    assert_eq!(local, noon - 7 * HOUR);
    let error = time(r#""long""#, json!(1), TimeRule::Iso, "UTC").unwrap_err().to_string();
    assert!(error.contains("is long, which is not a time") && error.contains("time_unit"), "{error}");
    let other = of_json(&record(&[("u", r#""long""#)]), &[]);
    let error = read(&other, &[]).unwrap_err().to_string();
    assert!(error.contains("has no column `t`, the source's time"), "{error}");
}

#[test]
fn records_are_dotted_names_and_what_is_not_read_is_stepped_over() {
    // Each kind of thing that is not read stands before something that is.
    let node = r#"["null",{"type":"record","name":"Node","namespace":"n.s","fields":[
        {"name":"v","type":"int"},{"name":"next","type":["null","Node"]}]}]"#;
    let schema = record(&[
        ("list", r#"{"type":"array","items":{"type":"array","items":"string"}}"#),
        ("map", r#"{"type":"map","values":["null","double"]}"#),
        ("empty", r#"{"type":"array","items":"null"}"#),
        ("any", r#"["int","string","null"]"#),
        (
            "user",
            r#"["null",{"type":"record","name":"User","fields":[
            {"name":"f","type":"float"},{"name":"id","type":"long"},
            {"name":"home","type":{"type":"record","name":"Home","fields":[
                {"name":"city","type":["string","null"]},{"name":"at","type":{"type":"fixed","name":"At","size":3}}]}}]}]"#,
        ),
        ("node", node),
        ("again", r#"["null","n.s.Node"]"#),
        T,
    ]);
    // The schema's names, written out for the one who writes; what is `again` is NULL there.
    let plain =
        schema.replace(r#"["null","n.s.Node"]"#, r#"["null"]"#).replace(r#"["null","Node"]"#, r#"["null"]"#);
    let user = json!({"f": 0.5, "id": 7, "home": {"city": "Oslo", "at": "abc"}});
    let rows = [
        json!({"list": [["a"], [], ["b", "c"]], "map": {"x": 1.5, "y": null}, "empty": [null, null], "any": "s",
            "user": user, "node": {"v": 1, "next": null}, "again": null, "t": 1}),
        json!({"list": [], "map": {}, "empty": [], "any": null, "user": null, "node": null, "again": null, "t": 2}),
        json!({"list": [], "map": {}, "empty": [], "any": 3, "user": {"f": 1.0, "id": 8, "home": {"city": null, "at": "xyz"}},
            "node": null, "again": null, "t": 3}),
    ];
    let written = of_json(&plain, &rows);
    let at = written.windows(plain.len()).position(|w| w == plain.as_bytes()).unwrap();
    let header = [&b"Obj\x01"[..], &long(1), &text("avro.schema"), &text(&schema), &long(0), &SYNC].concat();
    let body = &written[at + plain.len() + text("avro.codec").len() + text("null").len() + 1 + 16..];
    let whole = [&header, body].concat();
    let outcome =
        read(&whole, &["user.id:int64", "user.home.city:string", "node.v:int64", "again.v:int64"]).unwrap();
    assert_eq!(
        values(&outcome.rows),
        [["7", "Oslo", "1", "NULL"], ["NULL", "NULL", "NULL", "NULL"], ["8", "NULL", "NULL", "NULL"]]
    );
    // All is stepped over; and the columns are those that can be named.
    assert_eq!(read(&whole, &[]).unwrap().rows.len(), 3);
    let folder = TestFolder::with("log.avro", &whole);
    let described = describe(&folder.plan("t", &[]).files[0]).unwrap();
    let got: Vec<String> = described
        .columns
        .iter()
        .map(|c| format!("{}: {} {:?}", c.name, c.type_name, c.ty.map(|ty| ty.to_string())))
        .collect();
    let some = |ty: &str| format!("Some({ty:?})");
    assert_eq!(
        got,
        [
            "list: array None".to_string(),
            "map: map None".into(),
            "empty: array None".into(),
            "any: union None".into(),
            format!("user.f: float {}", some("float64")),
            format!("user.id: long {}", some("int64")),
            format!("user.home.city: string {}", some("string")),
            "user.home.at: fixed(3) None".into(),
            format!("node.v: int {}", some("int64")),
            "node.next: record None".into(),
            format!("again.v: int {}", some("int64")),
            "again.next: record None".into(),
            format!("t: long {}", some("int64")),
        ]
    );
    assert_eq!(described.records, ["user.home", "user", "node", "again"]);
    let id = &described.columns[5];
    assert_eq!((id.nulls, id.example.as_deref()), (true, Some("7")));
}

#[test]
fn a_list_inside_of_itself_is_stepped_over_to_a_depth() {
    let node = r#"{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}"#;
    let schema = record(&[("node", node), T]);
    let of_depth = |depth: usize| vec![[long(1).repeat(depth), long(0), long(5)].concat()];
    assert_eq!(read(&file(&schema, "null", &[of_depth(50)]), &[]).unwrap().rows[0].1, 5);
    let error = read(&file(&schema, "null", &[of_depth(1_000_000)]), &[]).unwrap_err();
    assert!(error.to_string().contains("nested too deep"), "{error}");
}

#[test]
fn what_can_never_be_is_an_error_before_a_row_is_read() {
    let error = clash(r#""double""#, json!(0.5), "decimal(9,2)");
    assert!(error.contains("column `c` of") && error.contains("log.avro is double"), "{error}");
    clash(r#""boolean""#, json!(true), "int64");
    clash(r#"{"type":"int","logicalType":"time-millis"}"#, json!(1), "int64");
    clash(
        r#"{"type":"bytes","logicalType":"decimal","precision":40,"scale":39}"#,
        json!("\u{1}"),
        "decimal(38,0)",
    );
    clash(
        r#"{"type":"fixed","name":"D","size":12,"logicalType":"duration"}"#,
        json!("abcdefghijkl"),
        "string",
    );
    let error = clash(r#"["int","string"]"#, json!("x"), "int64");
    assert!(error.contains("is a union and cannot be read as int64"), "{error}");
    assert_eq!(all(r#"["int","string"]"#, &[json!("x"), json!("a\"")], "string"), ["x", "a\""]);
    let error = clash(r#"{"type":"array","items":"int"}"#, json!([1]), "int64");
    assert!(error.contains("is an array"), "{error}");
    let scalar = of_json(&record(&[T, ("user", r#""string""#)]), &[json!({"t": 1, "user": "x"})]);
    let error = read(&scalar, &["user.id:int64"]).unwrap_err().to_string();
    assert!(error.contains("`user` is string there"), "{error}");
}

/// A log of `n` records in blocks of 1, 2, 3 and so on.
fn log(codec: &str, n: i64) -> Vec<u8> {
    let schema = record(&[("s", r#"["null","string"]"#), T, ("i", r#""int""#)]);
    let mut records = (0..n).map(|i| {
        let s = if i % 7 == 0 { long(0) } else { [long(1), text(format!("value number {i}"))].concat() };
        [s, long(1_717_200_000 + i), long(i)].concat()
    });
    let mut blocks = vec![];
    for size in 1.. {
        let block: Vec<Vec<u8>> = records.by_ref().take(size).collect();
        if block.is_empty() {
            break;
        }
        blocks.push(block);
    }
    file(&schema, codec, &blocks)
}

#[test]
fn codecs_threads_and_chunk_sizes_decide_nothing() {
    let want: Vec<(i64, Option<String>)> =
        (0..500).map(|i| (1_717_200_000 + i, (i % 7 != 0).then(|| format!("value number {i}")))).collect();
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        let bytes = log(codec, 500);
        let folder = TestFolder::with("log.avro", &bytes);
        for (threads, chunk_bytes) in [(1, 1 << 20), (3, 1), (2, 300), (4, 5000)] {
            let plan = ReadPlan { chunk_bytes, ..folder.plan("t", &["s:string", "i:int64"]) };
            let outcome = scan(plan, threads).unwrap();
            let rows: Vec<_> = outcome.rows.iter().map(|(_, t, c)| (*t, c[0].clone())).collect();
            assert_eq!(rows, want, "{codec}");
            assert!(outcome.rows.iter().enumerate().all(|(i, r)| r.0 == Position::new(0, i as u64)));
            assert!(outcome.rows.iter().enumerate().all(|(i, r)| r.2[1] == Some(i.to_string())));
            let pieces = if chunk_bytes == 1 { 32 } else { outcome.pieces.len() };
            assert_eq!(outcome.pieces.len(), pieces, "a block each");
            let input = &outcome.report.inputs[0];
            assert_eq!((input.bytes, input.records), (bytes.len() as u64, 500));
            assert_eq!(input.hash, format!("xxh3:{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes)));
        }
    }
    assert_eq!(read(&log("null", 0), &["i:int64"]).unwrap().rows.len(), 0);
    let folder = TestFolder::with("log.avro", log("null", 500));
    let about = about_records(&folder.plan("t", &[]).files[0]).unwrap();
    assert!((400..700).contains(&about), "{about}");
}

#[test]
fn records_of_nothing_but_null_are_records() {
    let schema = record(&[("n", r#""null""#)]);
    let folder = TestFolder::with("log.avro", file(&schema, "null", &[vec![vec![]; 5]]));
    let mut plan = folder.plan("", &["n:int64"]);
    plan.time.rule = TimeRule::Untimed;
    assert_eq!(values(&scan(plan, 1).unwrap().rows), vec![["NULL"]; 5]);
}

#[test]
fn damaged_files_are_data_errors_and_lose_no_record_in_silence() {
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        let good = log(codec, 30);
        // Whole blocks may be all there is; in any other place the cut is seen.
        let mut whole = 0;
        for length in 0..good.len() {
            match read(&good[..length], &["s:string", "i:int64"]) {
                Ok(outcome) => {
                    whole += 1;
                    assert!(good[..length].ends_with(&SYNC), "{codec} {length}: {} rows", outcome.rows.len());
                }
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Data);
                    assert!(error.message().contains("log.avro"), "{error}");
                }
            }
        }
        assert_eq!(whole, 8, "{codec}");
        // Any byte may be wrong: the outcome is rows or an error, and no panic.
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x55;
            if let Err(error) = read(&bytes, &["s:string", "i:int64"]) {
                assert_eq!(error.kind(), Kind::Data);
            }
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |bytes: &[u8]| read(bytes, &["i:int64"]).unwrap_err().to_string();
    let good = log("null", 30);
    for bytes in [&b""[..], b"PAR1....", b"{\"a\":1}\n"] {
        assert!(error(bytes).contains("is not an Avro object container file"));
    }
    let cut = error(&good[..good.len() - 20]);
    assert!(cut.contains("is cut short: it ends inside a block"), "{cut}");
    let mut sync = good.clone();
    *sync.last_mut().unwrap() ^= 1;
    assert!(error(&sync).contains("does not end in the file's sync marker"), "{}", error(&sync));
    let unknown = error(&log("bzip2", 1));
    assert!(
        unknown.contains("the codec `bzip2`") && unknown.contains("deflate, snappy and zstandard"),
        "{unknown}"
    );
    let int = file(r#""int""#, "null", &[vec![long(1)]]);
    assert!(error(&int).contains("are of type int, but only records can be read"), "{}", error(&int));
    let lost = file(&record(&[("t", r#""Lost""#)]), "null", &[]);
    assert!(format!("{:?}", read(&lost, &[]).unwrap_err()).contains("there is no type `Lost`"));
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_what_is_bad_before_it_comes_first() {
    let schema = record(&[T, ("c", r#"["null","int"]"#)]);
    let of = |branch: i64| [long(1), long(branch), long(7)].concat();
    // A union of two has no third branch.
    let good = vec![of(1), of(1)];
    let bytes = file(&schema, "null", &[good.clone(), vec![of(1), of(2), of(1)], good.clone()]);
    let error = read(&bytes, &["c:int64"]).unwrap_err();
    assert!(error.message().contains("log.avro, record 4: it and what follows it cannot be read"), "{error}");
    assert!(format!("{error:?}").contains("a union in it has no such branch"), "{error:?}");
    // Neither may a record leave bytes behind, nor take those of the next block.
    let bytes = file(&schema, "null", &[vec![[of(1), long(1)].concat()]]);
    assert!(format!("{:?}", read(&bytes, &["c:int64"]).unwrap_err()).contains("1 bytes follow"));
    let short = file(&schema, "null", &[vec![of(1)[..2].to_vec()], good.clone()]);
    assert!(read(&short, &["c:int64"]).unwrap_err().message().contains("record 1"));
    let bad = [long(i64::MAX), long(0)].concat();
    let folder = TestFolder::with("log.avro", file(&schema, "null", &[vec![of(1), bad, of(2)]]));
    let mut plan = folder.plan("t", &["c:int64"]);
    plan.on_bad_record = OnBadRecord::Fail;
    let error = scan(plan, 2).unwrap_err();
    assert!(error.message().contains("record 2: column `t`"), "{error}");
}

#[test]
fn files_of_another_writer_are_read() {
    let inner =
        Fields::from(vec![Field::new("x", ArrowType::Utf8, false), Field::new("y", ArrowType::Int32, true)]);
    let xs: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let ys: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let absent = NullBuffer::from(vec![true, true, false]);
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("lists", Arc::new(lists)),
        (
            "t",
            Arc::new(
                TimestampMicrosecondArray::from(vec![SECOND, 2 * SECOND, 3 * SECOND]).with_timezone("UTC"),
            ),
        ),
        ("nested", Arc::new(StructArray::new(inner, vec![xs, ys], Some(absent)))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("i", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(-1), None]))),
        ("f", Arc::new(Float32Array::from(vec![1.5, -0.0, 3.25]))),
        ("d", Arc::new(Decimal128Array::from(vec![-123, 0, 99_999]).with_precision_and_scale(9, 2).unwrap())),
        ("day", Arc::new(Date32Array::from(vec![-1, 0, 19782]))),
        ("s", Arc::new(StringArray::from(vec![Some(""), None, Some("longer than twelve bytes")]))),
        ("raw", Arc::new(BinaryArray::from(vec![&b"x"[..], b"y", b"z"]))),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, a)| Field::new(*name, a.data_type().clone(), true)).collect();
    let schema = ArrowSchema::new(fields);
    let batch =
        RecordBatch::try_new(Arc::new(schema.clone()), columns.into_iter().map(|(_, array)| array).collect());
    let mut writer = arrow_avro::writer::AvroWriter::new(vec![], schema).unwrap();
    writer.write(&batch.unwrap()).unwrap();
    writer.finish().unwrap();
    let wanted = [
        "b:bool",
        "i:int64",
        "f:float64",
        "d:decimal(9,2)",
        "day:date",
        "s:string",
        "raw:string",
        "nested.x:string",
        "nested.y:int64",
        "t:timestamp",
    ];
    let folder = TestFolder::with("log.avro", writer.into_inner());
    let mut plan = folder.plan("t", &wanted);
    plan.time.rule = TimeRule::Iso;
    assert_eq!(
        values(&scan(plan, 2).unwrap().rows),
        [
            [
                "true",
                "-9223372036854775808",
                "1.5",
                "-1.23",
                "1969-12-31",
                "",
                "x",
                "a",
                "1",
                "1970-01-01T00:00:01Z"
            ],
            ["NULL", "-1", "-0.0", "0.00", "1970-01-01", "NULL", "y", "b", "NULL", "1970-01-01T00:00:02Z"],
            [
                "false",
                "NULL",
                "3.25",
                "999.99",
                "2024-02-29",
                "longer than twelve bytes",
                "z",
                "NULL",
                "NULL",
                "1970-01-01T00:00:03Z"
            ],
        ]
    );
    let types: Vec<_> =
        describe(&folder.plan("t", &[]).files[0]).unwrap().columns.into_iter().map(|c| c.ty).collect();
    assert_eq!(types[0], None);
    assert_eq!(types[1], Some(DataType::Timestamp));
}
