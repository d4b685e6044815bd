//! One plain log in every shape that a text file comes in: a job from `init` gives the same bytes, and the referee the same
//! rows, or the file is refused by name.

use crate::support::{Lab, compress};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Lines of a log, the header first.
fn lines() -> Vec<String> {
    let shops = ["Café", "Büro", "Ilha"];
    let row = |i: usize| {
        format!("2024-02-01T{:02}:{:02}:00Z,{},{}", i / 20, i % 20 * 3, shops[i * 7 % 3], i * 13 % 50 + 1)
    };
    std::iter::once("time,shop,amount".to_string()).chain((0..60).map(row)).collect()
}

fn joined(lines: &[String], end: &str) -> String {
    lines.iter().map(|line| format!("{line}{end}")).collect()
}

fn plain() -> String {
    joined(&lines(), "\n")
}

pub fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect()
}

pub fn western(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

pub fn zipped(members: &[(&str, &str)], how: CompressionMethod) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(vec![]));
    for (name, text) in members {
        out.start_file(*name, SimpleFileOptions::default().compression_method(how)).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    }
    out.finish().unwrap().into_inner()
}

pub fn bzip2(text: &str) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// A workbook of sheets: cells of numbers are numbers.
pub fn workbook(sheets: &[(&str, Vec<Vec<String>>)]) -> Vec<u8> {
    let ns = "http://schemas.openxmlformats.org";
    let mut members = vec![];
    let mut list = String::new();
    let mut links = String::new();
    for (i, (name, rows)) in sheets.iter().enumerate() {
        let n = i + 1;
        list += &format!("<sheet name=\"{name}\" sheetId=\"{n}\" r:id=\"r{n}\"/>");
        links += &format!(
            "<Relationship Id=\"r{n}\" Type=\"{ns}/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        );
        let mut data = String::new();
        for (r, row) in rows.iter().enumerate() {
            data += &format!("<row r=\"{}\">", r + 1);
            for (c, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
                let at = format!("{}{}", char::from(b'A' + c as u8), r + 1);
                data += &match cell.parse::<f64>() {
                    Ok(_) => format!("<c r=\"{at}\"><v>{cell}</v></c>"),
                    Err(_) => format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
                };
            }
            data += "</row>";
        }
        let sheet = format!(
            "<?xml version=\"1.0\"?><worksheet xmlns=\"{ns}/spreadsheetml/2006/main\"><sheetData>{data}</sheetData></worksheet>"
        );
        members.push((format!("xl/worksheets/sheet{n}.xml"), sheet));
    }
    members.push(("xl/workbook.xml".into(), format!("<?xml version=\"1.0\"?><workbook xmlns=\"{ns}/spreadsheetml/2006/main\" xmlns:r=\"{ns}/officeDocument/2006/relationships\"><sheets>{list}</sheets></workbook>")));
    members.push(("xl/_rels/workbook.xml.rels".into(), format!("<?xml version=\"1.0\"?><Relationships xmlns=\"{ns}/package/2006/relationships\">{links}</Relationships>")));
    members.push(("_rels/.rels".into(), format!("<?xml version=\"1.0\"?><Relationships xmlns=\"{ns}/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"{ns}/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>")));
    let members: Vec<(&str, &str)> =
        members.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    zipped(&members, CompressionMethod::Stored)
}

fn cells(lines: &[String]) -> Vec<Vec<String>> {
    lines.iter().map(|line| line.split(',').map(str::to_string).collect()).collect()
}

/// What a job from `init` for this file puts out, the job, and what `init` says.
fn first_job(name: &str, content: &[u8]) -> (BTreeMap<String, Vec<u8>>, String, String) {
    let lab = Lab::new();
    lab.write(name, content);
    let made = lab.highwater(&["init", name, "-o", "first.toml", "--force"]);
    assert_eq!(made.code, 0, "{name}: {}", made.err);
    let job = lab.text("first.toml");
    for command in ["run", "verify", "explain"] {
        let answer = lab.highwater(&[command, "first.toml"]);
        assert_eq!(answer.code, 0, "{name}: {command}\n{job}\n{}{}", answer.out, answer.err);
    }
    (lab.data("out/log"), job, made.out + &made.err)
}

#[test]
fn a_log_in_all_shapes_gives_the_same_bytes() {
    let (text, all) = (plain(), lines());
    let (want, ..) = first_job("log.csv", text.as_bytes());
    assert!(!want.is_empty());
    let with = |before: &str, after: &str| format!("{before}{text}{after}").into_bytes();
    let mut commented = all.clone();
    commented.insert(20, "# a remark".into());
    let trailing: Vec<String> =
        all.iter().enumerate().map(|(i, l)| if i == 0 { l.clone() } else { format!("{l},") }).collect();
    let halves = |range: std::ops::Range<usize>| joined(&[&all[..1], &all[range]].concat(), "\n");
    let titled: Vec<Vec<String>> = [vec![vec!["Bookings".to_string()], vec![]], cells(&all)].concat();
    let (deflate, stored) = (CompressionMethod::Deflated, CompressionMethod::Stored);
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        ("log.csv", utf16(&text, u16::to_le_bytes)),
        ("log.csv", utf16(&text, u16::to_be_bytes)),
        ("log.csv", utf16(&text, u16::to_le_bytes)[2..].to_vec()),
        ("log.csv", western(&text)),
        ("log.csv", with("\u{feff}", "")),
        ("log.csv", joined(&all, "\r\n").into_bytes()),
        ("log.csv.bz2", bzip2(&text)),
        ("log.csv", bzip2(&text)),
        ("log.csv", compress("x.gz", text.as_bytes())),
        ("log.csv.gz", utf16(&text, u16::to_le_bytes)),
        ("log.zip", zipped(&[("a.csv", &text)], deflate)),
        ("log.zip", zipped(&[("a.csv", &text)], stored)),
        (
            "log.zip",
            zipped(
                &[("day10.csv", &halves(31..61)), ("day2.csv", &halves(1..31)), ("__MACOSX/._a.csv", "x")],
                deflate,
            ),
        ),
        ("log.xlsx", workbook(&[("Sheet1", cells(&all))])),
        ("log.xlsx", workbook(&[("Sheet1", titled)])),
        ("log.csv", joined(&all, "\n").replace(',', ";").into_bytes()),
        ("log.csv", format!("sep=;\r\n{}", joined(&all, "\r\n").replace(',', ";")).into_bytes()),
        ("log.csv", with("Account:,123\nPeriod:,01.2024\n\n", "")),
        ("log.csv", with("", "Total,,1530\n")),
        ("log.csv", with("Account:,123\n\n", "\nTotal,,1530\n")),
        ("log.csv", with("# made by hand\n", "")),
        ("log.csv", joined(&commented, "\n").into_bytes()),
        ("log.csv", joined(&trailing, "\n").into_bytes()),
        ("log.csv", format!("{},\n{}", all[0], joined(&all[1..], "\n")).into_bytes()),
        ("log.csv", text.replacen("time,shop,amount", " time, \"shop\", amount", 1).into_bytes()),
        ("log.csv", joined(&all, "\n").replace(',', "   ").into_bytes()),
    ];
    for (i, (name, content)) in shapes.into_iter().enumerate() {
        let (got, job, said) = first_job(name, &content);
        assert!(got == want, "shape {i}, {name}\n{job}\n{said}\n{:?}\n{:?}", got.keys(), want.keys());
    }
}

#[test]
fn logs_of_web_servers_are_read() {
    let lab = Lab::new();
    let line = |i: usize| {
        format!(
            "10.0.0.{} - - [01/Jun/2024:00:{:02}:00 +0200] \"GET /a,{i} HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0 (X11, \\\"x\\\")\"\n",
            i % 3,
            i,
            if i == 5 { "-".into() } else { (i * 100).to_string() }
        )
    };
    lab.write("access.log", (0..30).map(line).collect::<String>());
    let made = lab.highwater(&["init", "access.log", "-o", "first.toml"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(lab.text("first.toml").contains("format = \"combined\""), "{}", lab.text("first.toml"));
    for command in ["run", "verify"] {
        let answer = lab.highwater(&[command, "first.toml"]);
        assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    }
    let w3c = "#Version: 1.0\n#Fields: date time cs-method sc-bytes\n2024-06-01 00:00:01 GET 1000\n2024-06-01 00:00:02 GET -\n";
    lab.write("u.log", w3c);
    let job = "[source]\npath = \"u.log\"\ntime = \"datetime\"\n[[output]]\npath = \"-\"\nselect = { at = \"datetime\", b = '\"sc-bytes\"' }\n";
    let answer = lab.done(job, &[]);
    assert!(answer.out.contains("2024-06-01T00:00:02Z"), "{}", answer.out);
}

#[test]
fn what_is_not_read_is_named() {
    let refused = |name: &str, content: &[u8], words: &str| {
        let lab = Lab::new();
        lab.write(name, content);
        let job = format!(
            "[source]\npath = \"{name}\"\nformat = \"csv\"\ntime = \"time\"\n[[output]]\npath = \"-\"\nwindow = {{ tumbling = \"1h\" }}\nselect = {{ n = \"count(*)\" }}\n"
        );
        let answer = lab.run(&job, &[]);
        assert!(answer.code == 2 || answer.code == 3, "{name}: {}", answer.code);
        assert!(answer.err.contains(words), "{name}: {}", answer.err);
    };
    refused("a.csv", b"%PDF-1.7\n", "is a PDF document");
    refused("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "Excel 1997-2003");
    refused("a.csv", b"SQLite format 3\0\0\0", "an SQLite database");
    refused("a.csv", b"7z\xbc\xaf\x27\x1c\0", "a 7z archive");
    refused("a.csv", b"PAR1\0\0\0\0", "is a Parquet file, not text");
    refused("a.csv", b"\x80\x04\x95\0\0", "a Python pickle");
    refused(
        "a.zip",
        &zipped(&[("readme.md", "x")], CompressionMethod::Stored)[..20],
        "is a zip that cannot be read",
    );
    refused("b.xlsx", &workbook(&[("A", cells(&lines())), ("B", cells(&lines()))]), "2 sheets: A, B");
    let mut damaged = zipped(&[("a.csv", &plain())], CompressionMethod::Stored);
    damaged[60] ^= 1;
    refused("c.zip", &damaged, "its checksum does not match");
    refused("d.csv", b"time,shop\n2024-02-01,a,1\n2024-02-02,b,2\n", "3 fields, but 2 are expected");
    refused("e.csv", b"sep=;\ntime,shop\n", "the columns are time,shop");
}

#[test]
fn lines_keep_their_numbers() {
    let text = "title\n\ntime,n\n# remark\n2024-02-01,1\n2024-02-02,x\n";
    let job = "[source]\npath = \"a.csv\"\nskip = 1\ncomment = \"#\"\ntime = \"time\"\ntypes = { n = \"int64\" }\n[[output]]\npath = \"-\"\nselect = { n = \"n\" }\n";
    for content in [text.as_bytes().to_vec(), utf16(text, u16::to_be_bytes), bzip2(text)] {
        let lab = Lab::new();
        lab.write("a.csv", content);
        let answer = lab.run(job, &[]);
        assert_eq!(answer.code, 3, "{}", answer.err);
        assert!(answer.err.contains("line 6"), "{}", answer.err);
    }
}

/// A zip stands for its members in a backfill too, when it is given and when it is taken out, also after it is gone.
#[test]
fn a_backfill_counts_the_members_of_a_zip_once() {
    let lab = Lab::new();
    let zip = |members: &[(&str, &str)]| zipped(members, CompressionMethod::Deflated);
    let day = |minute: u32, v: i64| format!("t,k,v\n2024-02-29T10:{minute:02}:30Z,a,{v}\n");
    lab.write("in/one.zip", zip(&[("day1.csv", &day(0, 1)), ("day2.csv", &day(1, 2))]));
    let toml = "[source]\npath = \"in/*.zip\"\ntime = \"t\"\n\
        [[output]]\npath = \"out\"\nformat = \"csv\"\nwindow = { tumbling = \"1m\" }\nby = [\"k\"]\n\
        select = { n = \"count(*)\", total = \"sum(v)\" }\n[[output]]\npath = \"archive\"\narchive = true\n";
    let out = || {
        let text = String::from_utf8(lab.data("out").into_values().next().unwrap()).unwrap();
        text.lines().skip(1).map(|line| line.split_once("a,").unwrap().1.to_string()).collect::<Vec<_>>()
    };
    lab.done(toml, &[]);
    lab.write("in/two.zip", zip(&[("day3.csv", &day(0, 4)), ("day4.csv", &day(1, 8))]));
    let hear = |args: &[&str]| {
        let answer = lab.highwater(args);
        assert_eq!(answer.code, 0, "{args:?}\n{}", answer.err);
    };
    hear(&["backfill", "job.toml", "./in/two.zip"]);
    assert_eq!(out(), ["2,5", "2,10"]);
    // Neither a second time nor a run counts them again.
    for args in [&["backfill", "job.toml", "in/two.zip"][..], &["backfill", "job.toml"], &["run", "job.toml"]]
    {
        hear(args);
        assert_eq!(out(), ["2,5", "2,10"], "{args:?}");
    }
    let kept = std::fs::read(lab.path("in/two.zip")).unwrap();
    std::fs::remove_file(lab.path("in/two.zip")).unwrap();
    hear(&["backfill", "job.toml", "--retract", "in/two.zip"]);
    assert_eq!(out(), ["1,1", "1,2"]);
    lab.write("in/two.zip", kept);
    hear(&["run", "job.toml"]);
    assert_eq!(out(), ["2,5", "2,10"]);
    hear(&["backfill", "job.toml", "--retract", "in/two.zip"]);
    assert_eq!(out(), ["1,1", "1,2"]);
}

#[test]
fn fixed_widths_cells_of_a_sheet_and_logs_of_balancers_are_read() {
    let lab = Lab::new();
    let verified = |name: &str, job: &str| {
        lab.write(name, job);
        let run = lab.highwater(&["run", name, "-q"]);
        assert_eq!(run.code, 0, "{}", run.err);
        let verified = lab.highwater(&["verify", name]);
        assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
        run.out
    };
    lab.write("w.txt", "day       shop  n\n2024-02-01Caf\u{e9}   3\n2024-02-02Berlin42\n");
    let job = "[source]\npath = \"w.txt\"\nformat = \"csv\"\nwidths = [10, 6, 2]\ntime = \"day\"\n\
        [[output]]\npath = \"-\"\nselect = { shop = \"shop\", n = \"n\" }\n";
    insta::assert_snapshot!(verified("w.toml", job), @r#"
    shop     n
    ──────  ──
    Café     3
    Berlin  42
    "#);
    let mut rows = vec![vec!["Report".to_string()], vec![]];
    rows.extend(cells(&["when,who,amount".to_string()]));
    rows.extend(cells(&(0..4).map(|i| format!("2024-02-29T10:0{i}:00,c{},{i}", i % 2)).collect::<Vec<_>>()));
    rows.extend(cells(&["Total,,6".to_string()]));
    lab.write("b.xlsx", workbook(&[("Bookings", rows), ("Other", vec![])]));
    let job = "[source]\npath = \"b.xlsx\"\nsheet = \"Bookings\"\nrange = \"A3:C7\"\ntime = \"when\"\n\
        [[output]]\npath = \"-\"\nwindow = { tumbling = \"1h\" }\nby = [\"who\"]\nselect = { total = \"sum(amount)\" }\n";
    insta::assert_snapshot!(verified("b.toml", job), @r#"
    window_start          window_end            who  total
    ────────────────────  ────────────────────  ───  ─────
    2024-02-29T10:00:00Z  2024-02-29T11:00:00Z  c0       2
    2024-02-29T10:00:00Z  2024-02-29T11:00:00Z  c1       4
    "#);
    let line = |second: u32, code: u32| {
        format!(
            "https 2018-07-02T22:23:{second:02}.186641Z app/a/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 \
             0.037 {code} {code} 0 57 \"GET https://www.example.com:443/?a=\\x22 HTTP/1.1\" \"curl/7.46.0\" - - \
             arn:aws:elasticloadbalancing:x \"Root=1\" \"-\" \"-\" 1 2018-07-02T22:22:48.364000Z \"forward\" \"-\" \"-\" \
             \"10.0.0.1:80\" \"200\" \"-\" \"-\"\n"
        )
    };
    lab.write("lb.log", [line(0, 200), line(1, 404), line(2, 200)].concat());
    let made = lab.highwater(&["init", "lb.log", "-o", "first.toml"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(lab.text("first.toml").contains("format = \"alb\""), "{}", lab.text("first.toml"));
    let job = "[source]\npath = \"lb.log\"\nformat = \"alb\"\ntime = \"time\"\n[[output]]\npath = \"-\"\n\
        window = { tumbling = \"1m\" }\nby = [\"elb_status_code\"]\nselect = { n = \"count(*)\", sent = \"sum(sent_bytes)\" }\n";
    insta::assert_snapshot!(verified("lb.toml", job), @r#"
    window_start          window_end            elb_status_code  n  sent
    ────────────────────  ────────────────────  ───────────────  ─  ────
    2018-07-02T22:23:00Z  2018-07-02T22:24:00Z              200  2   114
    2018-07-02T22:23:00Z  2018-07-02T22:24:00Z              404  1    57
    "#);
}
