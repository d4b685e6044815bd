//! Documents against lines: the same records, whatever the layout and the size of blocks.

use super::look::is_document;
use super::scanner::{Mark, RecordMarks};
use super::{Lines, Pointer, RecordPath, Stopped};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::io::Read;

/// A text that comes in blocks of `size` bytes.
struct Blocks<'a>(&'a [u8], usize);

impl Read for Blocks<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let taken = self.1.min(self.0.len()).min(out.len());
        out[..taken].copy_from_slice(&self.0[..taken]);
        self.0 = &self.0[taken..];
        Ok(taken)
    }
}

/// The lines of `text`, and where it stops being JSON.
fn made(text: &str, pointer: Option<&str>, size: usize) -> (String, Option<Stopped>, Vec<Mark>) {
    let layout = RecordPath { records: pointer.map(|text| Pointer::parse(text).unwrap()) };
    let marks = RecordMarks::default();
    let mut lines = Lines::of(Blocks(text.as_bytes(), size), &layout, Some(marks.clone()));
    let mut out = vec![];
    let stopped = lines.read_to_end(&mut out).err();
    let stopped = stopped.map(|e| e.get_ref().unwrap().downcast_ref::<Stopped>().unwrap().clone());
    let marks = marks.lock().unwrap().iter().copied().collect();
    (String::from_utf8(out).unwrap(), stopped, marks)
}

fn lines(text: &str, pointer: Option<&str>) -> String {
    let (all, stopped, marks) = made(text, pointer, 1 << 20);
    assert_eq!(stopped, None, "{text}");
    for size in 1..20 {
        assert_eq!(made(text, pointer, size), (all.clone(), None, marks.clone()), "{size}: {text}");
    }
    all
}

/// Where and how `text` stops, after the lines that are given.
fn stops(text: &str, pointer: Option<&str>) -> (String, String) {
    let (out, stopped, _) = made(text, pointer, 1 << 20);
    for size in 1..9 {
        let (again, same, _) = made(text, pointer, size);
        assert_eq!((&again, &same), (&out, &stopped), "{size}: {text}");
    }
    let Stopped { line, byte, what } = stopped.unwrap_or_else(|| panic!("{text} gives {out}"));
    (out, format!("{line}:{byte} {what}"))
}

#[test]
fn what_is_written_stays_as_it_is() {
    let odd = r#"{"a":1.50e+00,"a":-0,"b" : "x\"\\ \u00e9 [{","c":[ 1 , 2 ],"d":{}}"#;
    let compact = "{\"a\":1.50e+00,\"a\":-0,\"b\":\"x\\\"\\\\ \\u00e9 [{\",\"c\":[1,2],\"d\":{}}\n";
    assert_eq!(lines(odd, None), compact);
    assert_eq!(lines(&format!("\u{feff}[\r\n  {odd}\r\n,{odd} ]\n"), None), compact.repeat(2));
    assert_eq!(lines(&format!("{odd}{odd}\n\n[{odd}] []"), None), compact.repeat(3));
    assert_eq!(lines("", None), "");
    assert_eq!(lines(" [ ] ", None), "");
}

#[test]
fn what_is_no_object_is_a_record_that_cannot_be_read() {
    // Two words are never made one: that would be another number.
    assert_eq!(lines("[{\"a\":1 2}, {\"a\":-\n1}, tru, \"x\" , 7]", None).lines().count(), 5);
    assert!(lines("[{\"a\":1 2}]", None).contains("1 2"));
    assert_eq!(lines("[[1,{\"a\":2}],null]", None), "[1,{\"a\":2}]\nnull\n");
}

#[test]
fn a_pointer_leads_to_the_list_of_each_document() {
    let text = "{\"n\":2,\"a\\u002fb\":{\"~\":[0,[{\"v\":1},{\"v\":2}]]},\"m\":{\"x\":[{\"v\":9}]}}\n";
    assert_eq!(lines(text, Some("/a~1b/~0/1")), "{\"v\":1}\n{\"v\":2}\n");
    assert_eq!(lines(&text.repeat(2), Some("/m/x")), "{\"v\":9}\n{\"v\":9}\n");
    assert_eq!(lines("[{\"v\":1}][{\"v\":2}]", Some("")), "{\"v\":1}\n{\"v\":2}\n");
    for (text, why) in [
        ("{\"a\":1}", "1:6 the document that ends here has no list at `/Records`"),
        ("{\"Records\":{}}", "1:11 `records` leads to `/Records`, which is an object and not a list"),
        ("{\"Records\":null}", "1:11 `records` leads to `/Records`, which is a value and not a list"),
        ("{\"Records\":[],\n\"Records\":[]}", "2:25 `/Records` occurs twice in one document"),
        ("[{\"Records\":[]}]", "1:15 the document that ends here has no list at `/Records`"),
        ("{\"Records\":[],\"x\":tru}", "1:21 `tru` is not JSON"),
    ] {
        assert_eq!(stops(text, Some("/Records")).1, why, "{text}");
    }
}

#[test]
fn a_broken_document_gives_its_records_and_then_an_error() {
    let first = "{\"v\":1}\n".to_string();
    for (text, why) in [
        ("[{\"v\":1},", "1:9 the text ends, and the list that begins on line 1 has no `]`: it is cut short"),
        ("[{\"v\":1}\n", "2:9 the text ends, and the list that begins on line 1 has no `]`: it is cut short"),
        ("[{\"v\":1},]", "1:9 `]` where a value is expected: it is not JSON from here on"),
        ("[{\"v\":1} {\"v\":2}]", "1:9 `{` where `,` or `]` is expected: it is not JSON from here on"),
        ("[{\"v\":1}}", "1:8 `}` where `,` or `]` is expected: it is not JSON from here on"),
        ("{\"v\":1},{\"v\":2}", "1:7 `,` where an object or a list is expected: it is not JSON from here on"),
    ] {
        assert_eq!(stops(text, None), (first.clone(), why.to_string()), "{text}");
    }
    assert_eq!(stops("[{\"v\":\n[1}]", None).1, "2:9 `}` where `]` is expected");
    assert_eq!(stops("[{\"v\":\"a\nb\"}]", None).1, "1:8 a line ends inside of a string");
    assert_eq!(
        stops("{\"v\":1,\n\n", None).1,
        "3:9 the text ends inside the record that begins on line 1: it is cut short"
    );
    assert_eq!(stops("{\"x\":\"a\nb\"}", Some("/r")).1, "1:7 a line ends inside of a string");
    let deep = "[".repeat(10_001);
    assert!(stops(&deep, Some("/x")).1.ends_with("it is nested deeper than 10000 levels"));
    assert!(stops(&format!("[{deep}"), None).1.ends_with("a record is nested deeper than 10000 levels"));
}

#[test]
fn records_know_their_lines() {
    let (out, _, marks) = made("[\n{\"v\":\n1},{\"v\":2},\n\n{\"v\":3}]", None, 3);
    assert_eq!(out, "{\"v\":1}\n{\"v\":2}\n{\"v\":3}\n");
    let marks: Vec<(u64, u64)> = marks.iter().map(|mark| (mark.out, mark.line)).collect();
    assert_eq!(marks, [(0, 2), (8, 3), (16, 5)]);
}

#[test]
fn only_what_is_unmistakable_is_a_document() {
    for text in [
        "[",
        " \n[{}]",
        "{\n\"a\":1}",
        "{\"a\":1}{\"a\":2}\n",
        "{\"a\":[\n1,",
        "{\"a\":1,\n\"b\":2}\n{\"a\":3",
    ] {
        assert_eq!(is_document(text.as_bytes(), true), Some(true), "{text}");
    }
    for text in [
        "",
        "{\"a\":1}\n{\"a\":2}",
        "{\"a\":\n",
        "{\"a\":1\n{\"a\":2}",
        "{\"a\":\"x\ny\"}",
        "{\"a\":1} x",
        "k\t{}",
        "{a\n:1}",
    ] {
        assert_eq!(is_document(text.as_bytes(), true), Some(false), "{text}");
    }
    assert_eq!(is_document(b"{\"a\":1,", false), None);
}

#[test]
fn pointers_are_read_or_refused() {
    let wrong = |text| Pointer::parse(text).unwrap_err();
    assert_eq!(wrong("Records").1, "records = \"/Records\"");
    assert_eq!(wrong("$.data.items").1, "records = \"/data/items\"");
    assert_eq!(wrong("/a~b").1, "records = \"/a~0b\"");
    assert_eq!(Pointer::of(&["a/b".into(), "~".into()]).text(), "/a~1b/~0");
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~\u{e9}\n\t]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c{\\\\\"]{0,3}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn record() -> impl Strategy<Value = Value> {
    prop::collection::vec(("[a-d]{1,3}", values()), 0..5)
        .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<String, Value>>()))
}

proptest! {
    #[test]
    fn all_layouts_give_the_same_lines(records in prop::collection::vec(record(), 0..8), size in 1..64_usize) {
        let want: String = records.iter().map(|record| format!("{record}\n")).collect();
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let list = Value::from(records.clone());
        let inside = serde_json::json!({ "Records": list, "next": [1, {"Records": []}], "z": {"Records": [{}]} });
        let joined: String = records.iter().map(pretty).collect();
        let several: String = records.iter().map(|record| pretty(record) + "\r\n").collect();
        for (text, pointer) in [
            (list.to_string(), None),
            (pretty(&list), None),
            (pretty(&list).replace('\n', "\r\n"), None),
            (joined, None),
            (several, None),
            (want.clone(), None),
            (inside.to_string(), Some("/Records")),
            (pretty(&inside), Some("/Records")),
        ] {
            let (out, stopped, marks) = made(&text, pointer, size);
            prop_assert_eq!(&out, &want);
            prop_assert_eq!(stopped, None);
            prop_assert_eq!(marks.len(), records.len());
            // Cut anywhere, a list is an error, and what came before is part of it.
            if text.starts_with('[') || pointer.is_some() {
                let at = (0..text.len().saturating_sub(1)).rev().step_by(7).find(|at| text.is_char_boundary(*at));
                let (out, stopped, _) = made(&text[..at.unwrap_or(0)], pointer, size);
                let lost = at.is_none_or(|at| text[..at].trim().is_empty());
                prop_assert!(stopped.is_some() || lost, "{}", text);
                prop_assert!(want.starts_with(&out[..out.rfind('\n').map_or(0, |end| end + 1)]));
            }
        }
    }
}
