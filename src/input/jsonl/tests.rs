//! `serde_json` is the oracle: what it reads is a record with these values, all else is bad.

use super::*;
use crate::batch::DataType;
use crate::input::{Compression, InputFormat, OnBadRecord, ReadTime, Shape, SourceFile, testing};
use crate::time::TimeUnit;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, StringViewArray};
use proptest::prelude::*;
use serde_json::Value;

fn plan(columns: &[(&str, DataType)], time: &str, rule: TimeRule) -> Arc<ReadPlan> {
    let file = SourceFile {
        path: "log.jsonl".into(),
        ordinal: 0,
        format: InputFormat::JsonLines,
        shape: Shape::of(Compression::None),
        bytes: 0,
        framing: Default::default(),
        partition_columns: vec![],
        unnest: None,
        opened: testing::unread(),
    };
    let time = ReadTime { column: time.into(), rule };
    Arc::new(ReadPlan { files: vec![file], ..testing::plan(columns, time) })
}

fn chunk(offset: u64, text: &[u8]) -> TextChunk {
    TextChunk { file: 0, offset, first_line: 0, bytes: text.to_vec().into(), clean: true }
}

/// Keeps all bad records.
fn all() -> BadRecords<'static> {
    BadRecords::new(OnBadRecord::Reject, None)
}

fn decode(columns: &[(&str, DataType)], text: &str) -> DecodedChunk {
    let plan = plan(columns, "t", TimeRule::Epoch(TimeUnit::Second));
    JsonDecoder::new(&plan).unwrap().decode(chunk(0, text.as_bytes()), all())
}

fn strings(batch: &Batch, column: usize) -> Vec<Option<String>> {
    let array: &StringViewArray = batch.columns[column].as_string_view();
    // What was made unchecked is checked here.
    let (views, buffers, nulls) = array.clone().into_parts();
    StringViewArray::try_new(views, buffers, nulls).unwrap();
    array.iter().map(|s| s.map(str::to_string)).collect()
}

fn reasons(chunk: &DecodedChunk) -> Vec<&str> {
    chunk.bad.records.iter().map(|b| b.reason.as_str()).collect()
}

#[test]
fn values_become_the_columns_types() {
    let decimal = DataType::Decimal { precision: 18, scale: 2 };
    let columns = [
        ("s", DataType::String),
        ("i", DataType::Int64),
        ("f", DataType::Float64),
        ("d", decimal),
        ("b", DataType::Bool),
        ("day", DataType::Date),
        ("at", DataType::Timestamp),
        ("t", DataType::Timestamp),
    ];
    let text = concat!(
        r#"{"t":1,"s":"a long text, past twelve","i":7,"f":1.5,"d":12.30,"b":true,"day":"2024-02-29","at":"2024-02-29T00:00:00Z"}"#,
        "\r\n \t\r\n\n",
        r#" { "t" : "2" , "s" : "é\u00e9\n\ud83d\ude00" , "i" : "-8" , "f":"2","d":"0.1","b":"FALSE" } "#,
        "\n",
        r#"{"t":3e0,"s":null,"i":2.0,"d":1e2,"x":[{}, [1,2 , {"s":1}]]}"#,
    );
    let out = decode(&columns, text);
    assert_eq!(reasons(&out), Vec::<&str>::new());
    let batch = &out.batch;
    assert_eq!(batch.time, [1_000_000, 2_000_000, 3_000_000]);
    let want = [Some("a long text, past twelve".to_string()), Some("éé\n😀".to_string()), None];
    assert_eq!(strings(batch, 0), want);
    let ints: Vec<_> = batch.columns[1].as_primitive::<Int64Type>().iter().collect();
    assert_eq!(ints, [Some(7), Some(-8), Some(2)]);
    let floats: Vec<_> = batch.columns[2].as_primitive::<Float64Type>().iter().collect();
    assert_eq!(floats, [Some(1.5), Some(2.0), None]);
    let decimals: Vec<_> = batch.columns[3].as_primitive::<Decimal128Type>().iter().collect();
    assert_eq!(decimals, [Some(1230), Some(10), Some(10_000)]);
    let bools: Vec<_> = batch.columns[4].as_boolean().iter().collect();
    assert_eq!(bools, [Some(true), Some(false), None]);
    let days: Vec<_> = batch.columns[5].as_primitive::<Date32Type>().iter().collect();
    assert_eq!(days, [Some(19782), None, None]);
    let at: Vec<_> = batch.columns[6].as_primitive::<TimestampMicrosecondType>().iter().collect();
    assert_eq!(at, [Some(19782 * crate::time::DAY), None, None]);
    assert_eq!(batch.columns[7].as_primitive::<TimestampMicrosecondType>().values(), &batch.time[..]);
    for (array, (_, ty)) in batch.columns.iter().zip(columns) {
        assert_eq!(array.data_type(), &ty.arrow());
    }
    assert_eq!(batch.positions.len(), 3);
    assert_eq!(batch.positions[0].place(), 0);
    assert_eq!(batch.positions[1].place(), text.find("\n {").unwrap() as u64 + 1);
}

#[test]
fn strings_take_the_text_of_other_values() {
    let text = r#"{"t":1,"s":1.50}
{"t":1,"s":true}
{"t":1,"s":[1, "x"]}
{"t":1,"s":{"k" : null}}
{"t":1,"s":""}"#;
    let out = decode(&[("s", DataType::String)], text);
    let got: Vec<String> = strings(&out.batch, 0).into_iter().flatten().collect();
    assert_eq!(got, ["1.50", "true", r#"[1, "x"]"#, r#"{"k" : null}"#, ""]);
}

#[test]
fn paths_lead_into_objects_and_dotted_keys_go_first() {
    let text = r#"{"t":1,"user":{"address":{"city":"Oslo"},"id":1}}
{"t":1,"user.address.city":"Rome","user":{"address":{"city":"Oslo"}}}
{"t":1,"user":{"address":{"city":"Oslo"}},"user":{"id":2}}
{"t":1,"user":{"address":5,"address":{"city":"Bern"},"id":3}}
{"t":1,"user":7}"#;
    let out = decode(
        &[("user.address.city", DataType::String), ("user.id", DataType::Int64), ("user", DataType::String)],
        text,
    );
    assert!(out.bad.records.is_empty());
    let city = |s: &str| Some(s.to_string());
    assert_eq!(strings(&out.batch, 0), [city("Oslo"), city("Rome"), None, city("Bern"), None]);
    let ids: Vec<_> = out.batch.columns[1].as_primitive::<Int64Type>().iter().collect();
    assert_eq!(ids, [Some(1), None, Some(2), Some(3), None]);
    assert_eq!(strings(&out.batch, 2)[2], Some(r#"{"id":2}"#.into()));
    assert_eq!(strings(&out.batch, 2)[4], Some("7".into()));
}

#[test]
fn bad_records_say_why() {
    let mut text = br#"{"t":1,"i":1}
{"t":1,"i":"x"}
{"i":1}
{"t":null}
{"t":"soon"}
{"t":1717200000000}
{"t":1
[{"t":1}]
5
{"t":1} {"t":2}
{"t":1,"i":99999999999999999999}
"#
    .to_vec();
    text.extend_from_slice(b"{\"t\":1,\"s\":\"a\xff\"}\r\n{\"t\":1,\"s\":\"\0\"}\n{\"t\":1,\"i\":2}");
    let plan =
        plan(&[("i", DataType::Int64), ("s", DataType::String)], "t", TimeRule::Epoch(TimeUnit::Second));
    let out = JsonDecoder::new(&plan).unwrap().decode(chunk(1000, &text), all());
    assert_eq!(
        reasons(&out),
        [
            "`x` is not an int64",
            "it has no `t`, which is the event time",
            "`t`, the event time, is null",
            "`soon` is not a time that can be read",
            "`1717200000000` is a time outside the years 1900 to 2200: is the unit right?",
            "not valid JSON at column 6: EOF while parsing an object",
            "not a JSON object: `[{\"t\":1}]`",
            "not a JSON object: `5`",
            "not valid JSON at column 9: trailing characters",
            "`99999999999999999999` does not fit int64",
            "byte 14 of the line is not valid UTF-8",
            "it has a NUL byte",
        ]
    );
    assert_eq!(out.bad.records[0].column.as_deref(), Some("i"));
    assert_eq!(out.bad.records[0].raw, br#"{"t":1,"i":"x"}"#);
    assert_eq!(out.bad.records[0].position, Position::new(0, 1014));
    assert_eq!(out.bad.records[4].hint.as_deref(), Some("time_unit = [\"s\", \"ms\"] reads such times, too"));
    assert_eq!(out.bad.records[10].raw, b"{\"t\":1,\"s\":\"a\xff\"}");
    assert_eq!(out.batch.rows, 2);
    assert_eq!(out.batch.columns[0].as_primitive::<Int64Type>().values(), &[1, 2]);
}

#[test]
fn inferred_integers_have_no_leading_zeros() {
    let mut plan = (*plan(&[("i", DataType::Int64)], "t", TimeRule::Iso)).clone();
    plan.columns[0].inferred = true;
    let text = "{\"t\":\"2024-01-01\",\"i\":\"007\"}\n{\"t\":\"2024-01-01\",\"i\":\"7\"}";
    let out = JsonDecoder::new(&Arc::new(plan)).unwrap().decode(chunk(0, text.as_bytes()), all());
    assert_eq!(out.batch.rows, 1);
    assert!(out.bad.records[0].hint.as_ref().unwrap().contains("declare it"));
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let out = decode(&[], "\u{feff}{\"t\":1}");
    assert_eq!((out.batch.rows, out.bad.records.len()), (1, 0));
}

#[test]
fn nesting_ends_where_serde_json_ends_it() {
    for depth in [1, 120, 125, 126, 127, 128, 200] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let value = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            for key in ["x", "a", "a.a"] {
                let line = format!("{{\"t\":1,\"a\":{value},\"x\":{value}}}");
                let want = serde_json::from_str::<Value>(&line).is_ok();
                let out = decode(&[(key, DataType::String)], &line);
                assert_eq!(out.bad.records.is_empty(), want, "{depth} {open} {key}");
            }
        }
    }
}

/// A source of small numbers, which shrinks to zeros.
struct ShrinkingDice<'a>(std::slice::Iter<'a, u16>);

impl ShrinkingDice<'_> {
    fn roll(&mut self, sides: u16) -> u16 {
        self.0.next().copied().unwrap_or(0) % sides
    }

    fn blank(&mut self, out: &mut String) {
        let blanks = ["", "", "", "", "", "", " ", "\t", "  ", "\r"];
        out.push_str(blanks[usize::from(self.roll(10))]);
    }

    fn text(&mut self, out: &mut String) {
        let pieces = [
            "a",
            "b",
            "long text with spaces",
            "é",
            "😀",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u00e9",
            "\\ud83d\\ude00",
            "\\ud83d",
            "\\udc00",
            "\\u0000",
            "\\x",
            "0123456789",
            "12",
            "{",
            "]",
            ",",
            ":",
            "\u{7f}",
            "\u{1}",
        ];
        out.push('"');
        for _ in 0..self.roll(4) {
            // The wrong ones are rarer.
            let sides = if self.roll(8) == 0 { pieces.len() } else { 11 };
            out.push_str(pieces[usize::from(self.roll(sides as u16))]);
        }
        out.push('"');
    }

    fn value(&mut self, depth: u16, out: &mut String) {
        let numbers = [
            "0",
            "-1",
            "17",
            "1.25",
            "-0.0",
            "1e5",
            "2E-3",
            "1e+2",
            "123456789012345678901234567890",
            "01",
            "1.",
            "-",
            ".5",
        ];
        match self.roll(if depth > 3 { 6 } else { 9 }) {
            0 => out.push_str("null"),
            1 => out.push_str("true"),
            2 => out.push_str(if self.roll(20) == 0 { "fals" } else { "false" }),
            3 => {
                let sides = if self.roll(10) == 0 { numbers.len() } else { 9 };
                out.push_str(numbers[usize::from(self.roll(sides as u16))]);
            }
            4 | 5 => self.text(out),
            6 => {
                out.push('[');
                for i in 0..self.roll(4) {
                    if i > 0 {
                        out.push(',');
                    }
                    self.blank(out);
                    self.value(depth + 1, out);
                    self.blank(out);
                }
                out.push(']');
            }
            _ => self.object(depth + 1, out),
        }
    }

    fn object(&mut self, depth: u16, out: &mut String) {
        let keys = ["a", "b", "u", "u.x", "x", "y", "\\u0061", "other", "b.c", "é"];
        out.push('{');
        self.blank(out);
        let shuffled = self.roll(4) == 0;
        for i in 0..self.roll(6) {
            if i > 0 {
                out.push(',');
                self.blank(out);
            }
            let key = if shuffled { self.roll(10) } else { i };
            out.push_str(&format!("\"{}\"", keys[usize::from(key)]));
            self.blank(out);
            out.push(':');
            self.blank(out);
            self.value(depth, out);
            self.blank(out);
        }
        out.push('}');
    }

    /// A line that is a record, or nearly one.
    fn line(&mut self) -> Vec<u8> {
        let mut out = String::new();
        self.blank(&mut out);
        if self.roll(30) == 0 {
            self.value(0, &mut out)
        } else {
            self.object(0, &mut out)
        }
        self.blank(&mut out);
        let mut out = out.into_bytes();
        if self.roll(6) == 0 && !out.is_empty() {
            let at = usize::from(self.roll(out.len() as u16));
            let junk = [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b'x', 0, 0xff, 0x80, b' '];
            match self.roll(3) {
                0 => drop(out.remove(at)),
                1 => out.insert(at, junk[usize::from(self.roll(14))]),
                _ => out[at] = junk[usize::from(self.roll(14))],
            }
        }
        out
    }
}

/// The values of the names in a line; `None` if it is no record.
fn oracle(line: &[u8], names: &[&str]) -> Option<Vec<Option<Value>>> {
    let record: Value = serde_json::from_slice(line).ok()?;
    let object = record.as_object()?;
    let value = |name: &&str| {
        let path = || name.split('.').try_fold(&record, |at, key| at.as_object()?.get(key));
        object.get(*name).or_else(path).filter(|v| !v.is_null()).cloned()
    };
    Some(names.iter().map(value).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 3000 }))]

    #[test]
    fn reads_what_serde_json_reads(rolls in prop::collection::vec(any::<u16>(), 0..600), count in 1usize..12) {
        let mut dice = ShrinkingDice(rolls.iter());
        let lines: Vec<Vec<u8>> = (0..count).map(|_| dice.line()).collect();
        let names = ["a", "u.x", "u", "b.c", "é", "x"];
        // A constant time that every line has would be one more key; "a" as time does as well.
        let columns: Vec<_> = names.iter().map(|n| (*n, DataType::String)).collect();
        let plan = plan(&columns, "é", TimeRule::format("%Y-%m-%d").unwrap());
        let mut decoder = JsonDecoder::new(&plan).unwrap();
        let text = lines.join(&b'\n');
        let mut reader = ValueFinder::new(None);
        let slots: Vec<_> = names.iter().map(|name| reader.want(name)).collect();
        for line in &lines {
            let mut cursor = JsonCursor { bytes: line, at: 0 };
            cursor.blanks();
            let utf8 = std::str::from_utf8(line).is_ok();
            let read = utf8 && reader.read(&mut cursor).is_ok();
            let want = oracle(line, &names);
            let shown = String::from_utf8_lossy(line);
            prop_assert_eq!(read, want.is_some(), "{}", shown);
            for (wanted, want) in slots.iter().zip(want.into_iter().flatten()) {
                let span = reader.span(wanted);
                let raw = &line[span.start..span.end];
                let got = match span.kind {
                    JsonKind::Missing | JsonKind::Null => None,
                    JsonKind::Text | JsonKind::Escaped => {
                        let mut text = vec![];
                        unescape(raw, &mut text);
                        Some(Value::from(String::from_utf8(text).unwrap()))
                    }
                    _ => Some(serde_json::from_slice(raw).unwrap()),
                };
                prop_assert_eq!(got, want, "{}", shown);
            }
        }
        // All lines are accounted for, whatever the chunks.
        let whole = decoder.decode(chunk(0, &text), all());
        let blank = lines.iter().filter(|l| l.iter().all(|c| b" \t\r".contains(c))).count();
        prop_assert_eq!(whole.batch.rows + whole.bad.records.len() + blank, lines.len());
        let mut at = 0;
        let (mut rows, mut bad) = (0, vec![]);
        for line in &lines {
            let part = decoder.decode(chunk(at as u64, line), all());
            at += line.len() + 1;
            rows += part.batch.rows;
            bad.extend(part.bad.records);
        }
        prop_assert_eq!(rows, whole.batch.rows);
        prop_assert_eq!(bad, whole.bad.records);
    }

    #[test]
    fn rows_are_the_same_in_any_chunks(rolls in prop::collection::vec(any::<u16>(), 0..300), cut in 1usize..9) {
        let mut dice = ShrinkingDice(rolls.iter());
        let lines: Vec<String> = (0..10).map(|i| {
            let mut value = String::new();
            dice.value(2, &mut value);
            format!("{{\"t\":{i},\"s\":{value}}}\n")
        }).collect();
        let plan = plan(&[("s", DataType::String), ("t", DataType::Int64)], "t", TimeRule::Epoch(TimeUnit::Second));
        let mut decoder = JsonDecoder::new(&plan).unwrap();
        let whole = decoder.decode(chunk(0, lines.concat().as_bytes()), all());
        let (mut texts, mut times, mut positions, mut at) = (vec![], vec![], vec![], 0);
        for part in lines.chunks(cut) {
            let text = part.concat();
            let out = decoder.decode(chunk(at, text.as_bytes()), all());
            at += text.len() as u64;
            texts.extend(strings(&out.batch, 0));
            times.extend(out.batch.time);
            positions.extend(out.batch.positions);
        }
        prop_assert_eq!(texts, strings(&whole.batch, 0));
        prop_assert_eq!(times, whole.batch.time);
        prop_assert_eq!(positions, whole.batch.positions);
    }

    #[test]
    fn a_piece_is_found_where_a_text_starts_with_it(text in "[ab]{0,80}", from in 0usize..70, length in 0usize..70, other in "[ab]{0,40}") {
        let piece: &str = text.get(from..(from + length).min(text.len())).unwrap_or(&other);
        for text in [&text, &text[from.min(text.len())..], &other] {
            let found = window::KeyPiece::new(piece.as_bytes()).starts(text.as_bytes());
            prop_assert_eq!(found, text.starts_with(piece), "{} {}", piece, text);
        }
    }
}
