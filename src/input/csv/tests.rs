//! The reader against a slow oracle that is written from the rules, and against the csv crate.

use super::super::testing::{ScanResult, TestFolder, scan};
use super::super::{OnBadRecord, ReadPlan};
use crate::time::{LATEST, SECOND};
use proptest::prelude::*;

/// What the rules say of a text without header, of two fields a record, time first.
#[derive(Debug, Default, PartialEq)]
struct Truth {
    rows: Vec<(u64, i64, Option<String>)>,
    /// Byte, line and text.
    bad: Vec<(u64, u64, Vec<u8>)>,
}

#[derive(Clone, Copy)]
enum QuoteState {
    Start,
    Plain,
    Quoted,
    AfterQuote,
    AfterQuoteReturn,
}

/// A record from the start of `text`: its fields (and whether they are quoted), and its length;
/// `None` if it is malformed. One byte at a time, as the rules are read.
#[allow(clippy::type_complexity)]
fn oracle_record(text: &[u8]) -> Option<(Vec<(Vec<u8>, bool)>, usize)> {
    let mut fields = vec![(vec![], false)];
    let mut state = QuoteState::Start;
    for (i, &c) in text.iter().enumerate() {
        let field = fields.last_mut().unwrap();
        state = match (state, c) {
            (QuoteState::Start, b'"') => {
                field.1 = true;
                QuoteState::Quoted
            }
            (QuoteState::Quoted, b'"') => QuoteState::AfterQuote,
            (QuoteState::Quoted, c) => {
                field.0.push(c);
                QuoteState::Quoted
            }
            (QuoteState::AfterQuote, b'"') => {
                field.0.push(b'"');
                QuoteState::Quoted
            }
            (QuoteState::AfterQuote, b'\r') => QuoteState::AfterQuoteReturn,
            (QuoteState::AfterQuoteReturn, b'\n') => return Some((fields, i + 1)),
            (QuoteState::AfterQuoteReturn, _) => return None,
            (_, b',') => {
                fields.push((vec![], false));
                QuoteState::Start
            }
            (QuoteState::AfterQuote, b'\n') => return Some((fields, i + 1)),
            (QuoteState::AfterQuote, _) => return None,
            (_, b'\n') => {
                if field.0.last() == Some(&b'\r') {
                    field.0.pop();
                }
                return Some((fields, i + 1));
            }
            (_, c) => {
                field.0.push(c);
                QuoteState::Plain
            }
        };
    }
    None
}

fn oracle(text: &[u8]) -> Truth {
    let mut text = text.to_vec();
    if text.last().is_some_and(|&c| c != b'\n') {
        text.push(b'\n');
    }
    let (mut truth, mut at) = (Truth::default(), 0);
    while at < text.len() {
        let line_length = text[at..].iter().position(|&c| c == b'\n').unwrap() + 1;
        if matches!(&text[at..at + line_length], b"\n" | b"\r\n") {
            at += line_length;
            continue;
        }
        let record = oracle_record(&text[at..]);
        let length = record.as_ref().map_or(line_length, |r| r.1);
        let raw = &text[at..at + length];
        match record.and_then(|(fields, _)| oracle_row(raw, &fields)) {
            Some((time, value)) => truth.rows.push((at as u64, time, value)),
            None => {
                let line = text[..at].iter().filter(|&&c| c == b'\n').count() as u64 + 1;
                let raw = raw.strip_suffix(b"\n").unwrap();
                truth.bad.push((at as u64, line, raw.strip_suffix(b"\r").unwrap_or(raw).to_vec()));
            }
        }
        at += length;
    }
    truth
}

fn oracle_row(raw: &[u8], fields: &[(Vec<u8>, bool)]) -> Option<(i64, Option<String>)> {
    if raw.contains(&0) || std::str::from_utf8(raw).is_err() {
        return None;
    }
    let [(time, _), (value, quoted)] = fields else { return None };
    let time = String::from_utf8(time.clone()).ok()?.parse::<i64>().ok()?;
    let value = String::from_utf8(value.clone()).ok()?;
    (time < LATEST / SECOND).then_some((time, (*quoted || !value.is_empty()).then_some(value)))
}

fn truth_of(outcome: ScanResult) -> Truth {
    Truth {
        rows: outcome
            .rows
            .into_iter()
            .map(|(p, time, columns)| (p.place(), time, columns[0].clone()))
            .collect(),
        bad: outcome.rejects.into_iter().map(|r| (r.byte.unwrap(), r.line, r.raw)).collect(),
    }
}

fn plan_of(folder: &TestFolder, chunk_bytes: usize) -> ReadPlan {
    let names = Some(vec!["t".to_string(), "v".to_string()]);
    ReadPlan { chunk_bytes, names, ..folder.plan("t", &["v:string"]) }
}

/// Text from a small alphabet, with good records among it.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => prop::sample::select(vec!["a", ",", "\"", "\n", "\r", "é", "1", "1,", "\r\n"]),
        6 => prop::sample::select(vec![
            "1,a\n", "1,\"a\"\n", "2,\"a,\n\"\"b\"\r\n", "\n1,", "3,\"a long text, quoted\"\n", "\"4\",\n",
            "5,a long text that is not quoted at all\n", "6,\"a long \"\" doubled\"\n", "7,\"\"\n", "\n8,x\"y\n",
        ]),
        1 => prop::sample::select(vec!["\0", "\u{1}", "99999999999,"]),
    ];
    let invalid = prop::bool::weighted(0.05);
    (prop::collection::vec(part, 0..50), invalid).prop_map(|(parts, invalid)| {
        let mut bytes = parts.concat().into_bytes();
        if invalid {
            let middle = bytes.len() / 2;
            bytes.insert(middle, 0xff);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_oracle(text in text()) {
        let want = oracle(&text);
        let folder = TestFolder::with("a.csv", &text);
        for chunk_bytes in (1..20).chain([31, 64, 100, 200, 1 << 20]) {
            let got = truth_of(scan(plan_of(&folder, chunk_bytes), 1).unwrap());
            prop_assert_eq!(&got, &want, "chunks of {}", chunk_bytes);
        }
    }

    #[test]
    fn threads_and_compression_decide_nothing(
        text in text(), chunk_bytes in 1usize..100, threads in prop::sample::select(vec![2usize, 4]),
        name in prop::sample::select(vec!["a.csv", "a.csv.gz", "a.csv.zst"]),
    ) {
        let many = text.repeat(5);
        let folder = TestFolder::with(name, &many);
        let outcome = scan(plan_of(&folder, chunk_bytes), threads).unwrap();
        prop_assert_eq!(outcome.report.inputs[0].bytes, std::fs::metadata(folder.path(name)).unwrap().len());
        prop_assert_eq!(truth_of(outcome), oracle(&many));
    }

    #[test]
    fn the_first_fault_is_reported_whoever_meets_it(text in text(), chunk_bytes in 1usize..50) {
        let many = text.repeat(4);
        let folder = TestFolder::with("a.csv", &many);
        let plan = || ReadPlan { on_bad_record: OnBadRecord::Fail, ..plan_of(&folder, chunk_bytes) };
        let whole = ReadPlan { chunk_bytes: 1 << 20, ..plan() };
        let want = scan(whole, 1).map(|o| o.rows).map_err(|e| e.to_string());
        if let (Err(message), Some((byte, line, _))) = (&want, oracle(&many).bad.first()) {
            let place = format!("line {line}, byte {byte}: ");
            prop_assert!(message.contains(&place), "{} has {}", message, place);
        }
        for threads in [1, 2, 4] {
            let got = scan(plan(), threads).map(|o| o.rows).map_err(|e| e.to_string());
            prop_assert_eq!(&got, &want);
        }
    }

    #[test]
    fn agrees_with_the_csv_crate(
        rows in prop::collection::vec(prop::collection::vec("[a\", \n\ré]{0,14}", 3), 1..30),
        always in prop::bool::ANY, crlf in prop::bool::ANY, chunk_bytes in 1usize..200,
    ) {
        let mut writer = csv::WriterBuilder::new()
            .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .from_writer(vec![]);
        writer.write_record(["x", "t", "y", "z"]).unwrap();
        for row in &rows {
            writer.write_record([&row[0], "1", &row[1], &row[2]]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let folder = TestFolder::with("a.csv", &text);
        let plan = ReadPlan { chunk_bytes, ..folder.plan("t", &["z:string", "x:string", "y:string"]) };
        let outcome = scan(plan, 2).unwrap();
        let got: Vec<Vec<String>> = outcome.rows.into_iter()
            .map(|(_, _, columns)| columns.into_iter().map(Option::unwrap_or_default).collect()).collect();
        let want: Vec<Vec<String>> = csv::Reader::from_reader(&text[..]).records()
            .map(|r| r.unwrap()).map(|r| vec![r[3].to_string(), r[0].to_string(), r[2].to_string()]).collect();
        prop_assert_eq!(got, want);
    }
}

#[test]
fn the_oracle_knows_the_rules() {
    let truth = oracle(b"1,a\r\n\n\"2\",\"b\"\"\nc\"\n3,\n4,\"\"\n5,\"x\n6,y");
    let rows: Vec<_> = truth.rows.iter().map(|(_, time, value)| (*time, value.as_deref())).collect();
    assert_eq!(rows, [(1, Some("a")), (2, Some("b\"\nc")), (3, None), (4, Some("")), (6, Some("y"))]);
    assert_eq!(truth.bad, [(26, 7, b"5,\"x".to_vec())]);
}
