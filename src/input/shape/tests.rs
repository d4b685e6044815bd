//! Texts that are changed line by line, at all sizes of chunks and numbers of threads.

use super::{Form, LineRules, Shape, encoding};
use crate::input::testing::{TestFolder, scan};
use std::path::Path;

fn text_of(bytes: &[u8], shape: &Shape) -> String {
    let from = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let mut text = super::text(from, shape, Path::new("x")).unwrap();
    let mut out = vec![];
    std::io::Read::read_to_end(&mut text, &mut out).unwrap();
    String::from_utf8_lossy(&out).into_owned()
}

fn ruled(rules: LineRules) -> Shape {
    Shape { rules: Box::new(rules), ..Shape::default() }
}

#[test]
fn lines_that_are_no_records_are_empty_lines() {
    let text = "title\n\na,b\n# x\n1,\"\n# y\"\n2,3\nTotal,5\n";
    let comment = Some("#".to_string());
    let rules = LineRules { skip: 2, comment: comment.clone(), footer: 1, ..LineRules::default() };
    assert_eq!(text_of(text.as_bytes(), &ruled(rules)), "\n\na,b\n\n1,\"\n# y\"\n2,3\n\n");
    let rules = LineRules { skip: 2, comment, until: Some("Total".into()), ..LineRules::default() };
    assert_eq!(text_of(text.as_bytes(), &ruled(rules)), "\n\na,b\n\n1,\"\n# y\"\n2,3\n\n");
    let rules = LineRules { until: Some("a".into()), ..LineRules::default() };
    let long = format!("x\na\n{}", "1\n".repeat(200));
    let mut read =
        super::text(Box::new(std::io::Cursor::new(long.into_bytes())), &ruled(rules), Path::new("x"))
            .unwrap();
    assert!(std::io::Read::read_to_end(&mut read, &mut vec![]).is_err());
}

#[test]
fn escapes_become_doubled_quotes() {
    let rules = || LineRules { escape: Some(b'\\'), ..LineRules::default() };
    let of = |text: &str| text_of(text.as_bytes(), &ruled(rules()));
    assert_eq!(of("\"a\\\"b\",1\n"), "\"a\"\"b\",1\n");
    assert_eq!(of("\"a\\\\\",\"c\"\"d\"\n"), "\"a\\\",\"c\"\"d\"\n");
    assert_eq!(of("a\\b,\"x\\y\"\n"), "a\\b,\"x\\y\"\n");
    assert_eq!(of("\"a\\\"\n\\\"b\"\n"), "\"a\"\"\n\"\"b\"\n");
}

#[test]
fn fields_without_delimiters() {
    let of = |form: Form, text: &str| text_of(text.as_bytes(), &Shape { form, ..Shape::default() });
    assert_eq!(of(Form::Spaces, "  a   b\t\"c d\"\n\n1 2 3,4"), "a,b,c d\n\n1,2,\"3,4\"\n");
    assert_eq!(of(Form::Widths(vec![3, 2]), "a  b\n1234\n12345x\n"), "a,b\n123,4\n123,45,x\n");
    let w3c = "#Version: 1.0\n#Fields: date time x\n2024-06-01\t00:00:01\t-\n#Fields: date time x\n";
    assert_eq!(of(Form::W3c, w3c), "\ndate,time,x,datetime\n2024-06-01,00:00:01,,2024-06-01T00:00:01Z\n\n");
    let common = "h - bob [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.0\" 200 -\nbad line\n";
    let want = "h,,bob,2000-10-10T13:55:36-07:00,GET /a HTTP/1.0,GET,/a,HTTP/1.0,200,\nbad line\n";
    assert_eq!(of(Form::Common, common), want);
}

#[test]
fn bytes_that_an_encoding_does_not_have_make_bad_records() {
    let shape = |label: &str| Shape { encoding: encoding(label).unwrap(), ..Shape::default() };
    assert_eq!(text_of(b"caf\xe9\n", &shape("latin1")), "caf\u{e9}\n");
    assert_eq!(text_of(b"\xff\xfea\0\n\0", &shape("utf-16le")), "a\n");
    // Half of a pair.
    assert_eq!(text_of(b"a\0\0\xd8\n\0", &shape("utf-16le")), "a\u{fffd}\n");
    assert!(encoding("utf-16").is_err() && encoding("utf-8").unwrap().is_none());
}

#[test]
fn shaped_files_are_read_alike_by_any_number_of_threads() {
    let text: String =
        "t,k\n".to_string() + &(0..500).map(|i| format!("{i},caf\u{e9}{i}\n")).collect::<String>();
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let folder = TestFolder::with("a.csv", &text);
    let other = TestFolder::with("a.csv", &wide);
    let want = scan(folder.plan("t", &["k:string"]), 1).unwrap();
    for threads in [1, 2, 4] {
        for chunk_bytes in [10, 1 << 20] {
            let plan = crate::input::ReadPlan { chunk_bytes, ..other.plan("t", &["k:string"]) };
            assert_eq!(scan(plan, threads).unwrap().rows, want.rows);
        }
    }
}
