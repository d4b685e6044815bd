//! The same payments in files of all kinds at once: marks in numbers, encodings, archives, lines around the records, times in
//! one column or in several. `init` and a run give the numbers of the plain file, or say why not: never another number.

use crate::laws::cases;
use crate::shapes::{bzip2, utf16, western, zipped};
use crate::support::Lab;
use crate::written::{PLAIN, Payment, Style, payments, result, styles};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use zip::CompressionMethod;

/// How the times of the records stand in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Times {
    One,
    DayAndClock,
    InZone,
    Parts,
}

/// What is around the text of the records.
#[derive(Debug, Clone)]
struct Around {
    times: Times,
    before: &'static str,
    total: bool,
    encoding: &'static str,
    packed: &'static str,
    line_end: &'static str,
}

fn around() -> impl Strategy<Value = Around> {
    let before = select(vec!["", "", "Bank of Examples\nAccount: 4711\n\n", "# by hand\n"]);
    let times = select(vec![Times::One, Times::DayAndClock, Times::InZone, Times::Parts]);
    let encoding = select(vec!["utf-8", "bom", "utf-16le", "utf-16be", "windows-1252"]);
    let packed = select(vec!["csv", "csv.gz", "csv.zst", "csv.bz2", "zip"]);
    (times, before, any::<bool>(), encoding, packed, select(vec!["\n", "\r\n"])).prop_map(
        |(times, before, total, encoding, packed, line_end)| Around {
            times,
            before,
            total,
            encoding,
            packed,
            line_end,
        },
    )
}

/// The lines of the file, of which the first is the header.
fn lines(style: &Style, times: Times, payments: &[Payment]) -> Vec<String> {
    let d = style.delimiter.to_string();
    let heads: &[&str] = match times {
        Times::One => &["booked"],
        Times::DayAndClock => &["booked on", "time"],
        Times::InZone => &["booked on", "time", "timezone"],
        Times::Parts => &["year", "month", "day", "hour", "minute", "second"],
    };
    let heads: Vec<String> =
        heads.iter().chain(&["customer", "amount"]).map(|head| style.field(head)).collect();
    let mut out = vec![heads.join(&d)];
    for Payment { at, who, amount } in payments {
        let then = chrono::DateTime::from_timestamp(1_704_067_200 + i64::from(*at), 0).unwrap();
        let formats: &[&str] = match times {
            Times::One => &[style.date],
            Times::DayAndClock => &["%d/%m/%Y", "%H:%M:%S"],
            Times::InZone => &["%d.%m.%Y", "%H:%M:%S", "UTC"],
            Times::Parts => &["%Y", "%-m", "%-d", "%-H", "%-M", "%-S"],
        };
        let mut fields: Vec<String> =
            formats.iter().map(|format| style.field(&then.format(format).to_string())).collect();
        fields.push(style.field(&format!("Zo\u{eb}{who}")));
        fields.push(style.field(&style.amount(*amount)));
        out.push(fields.join(&d));
    }
    out
}

/// The name of the file, and its bytes.
fn file(style: &Style, around: &Around, payments: &[Payment]) -> (String, Vec<u8>) {
    let mut lines = lines(style, around.times, payments);
    if around.total {
        let more = lines[0].matches(style.delimiter).count();
        lines.push(format!("Total{}", style.delimiter.to_string().repeat(more)));
    }
    let text = format!("{}{}\n", around.before, lines.join("\n")).replace('\n', around.line_end);
    let in_latin = text.chars().all(|c| u32::from(c) < 0x80 || (0xa0..0x100).contains(&u32::from(c)));
    let bytes = match around.encoding {
        "bom" => format!("\u{feff}{text}").into_bytes(),
        "utf-16le" => utf16(&text, u16::to_le_bytes),
        "utf-16be" => utf16(&text, u16::to_be_bytes),
        "windows-1252" if in_latin => western(&text),
        _ => text.into_bytes(),
    };
    let name = format!("own.{}", around.packed);
    let bytes = match around.packed {
        // Both take the text alone, so that of other encodings only UTF-8 is packed by them.
        "csv.bz2" | "zip" => match String::from_utf8(bytes) {
            Ok(text) if around.packed == "zip" => zipped(&[("own.csv", &text)], CompressionMethod::Deflated),
            Ok(text) => bzip2(&text),
            Err(error) => return ("own.csv".into(), error.into_bytes()),
        },
        // A lab packs what has such a name.
        _ => bytes,
    };
    (name, bytes)
}

#[test]
fn files_as_they_come_give_the_numbers_of_the_plain_file() {
    let (right, refused) = (Cell::new(0), Cell::new(0));
    let strategy = (payments(), styles(), around());
    let outcome = TestRunner::new(cases(30)).run(&strategy, |(payments, style, around)| {
        let lab = Lab::new();
        let plain = lines(&PLAIN, Times::One, &payments).join("\n") + "\n";
        lab.write("plain.csv", plain);
        let (name, bytes) = file(&style, &around, &payments);
        lab.write(&name, &bytes);
        let want = result(&lab, "plain.csv").map_err(TestCaseError::fail)?;
        match result(&lab, &name) {
            Ok(got) => {
                let shown: String = lines(&style, around.times, &payments)[..4].join("\n");
                prop_assert_eq!(want, got, "{:?} {:?}\n{}\n{}", style, around, shown, lab.text("job.toml"));
                right.set(right.get() + 1);
            }
            Err(why) => {
                // What cannot be told is said, with a way to go on.
                prop_assert!(why.starts_with("error: ") && why.contains("hint: "), "{}", why);
                eprintln!("refused: {style:?} {around:?}\n{why}");
                refused.set(refused.get() + 1);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
    assert!(right.get() > 5 * refused.get(), "{} right, {} refused", right.get(), refused.get());
}
