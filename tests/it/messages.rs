//! Inputs that fail, as people have them, and what is said of each: what is wrong, where, the nearest right thing, and the
//! repair; that records may be kept aside comes last.

use crate::support::{Lab, compress};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A kind of input: its files, what `[source]` says beside `path`, what is selected, and the words of the message, in order.
struct Kind {
    name: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    source: &'static str,
    outputs: &'static str,
    words: &'static [&'static str],
}

const TIME: &str = "time = \"at\"\n";
const SUM: &str = "window = { tumbling = \"1 day\" }\nselect = { s = \"sum(amount)\" }\n";

/// One file, its time in `at`, of which `amount` is added up.
fn sum(
    name: &'static str,
    file: &'static str,
    content: impl AsRef<[u8]>,
    words: &'static [&'static str],
) -> Kind {
    let files = vec![(file, content.as_ref().to_vec())];
    Kind { name, files, source: TIME, outputs: SUM, words }
}

fn log() -> String {
    let row = |i: usize| format!("2024-02-{:02}T10:00:00Z,a,{i}.5\n", i + 1);
    "at,shop,amount\n".to_string() + &(0..5).map(row).collect::<String>()
}

/// More rows than a sample has, before the one that is wrong.
fn late(last: &str) -> String {
    log() + &"2024-02-07T10:00:00Z,a,2.5\n".repeat(300) + last + "\n"
}

fn zipped(members: &[(&str, &str)]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(vec![]));
    for (name, text) in members {
        out.start_file(*name, SimpleFileOptions::default()).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn values() -> Vec<Kind> {
    let with = |row: &str| log() + row + "\n";
    vec![
        sum(
            "thousands in the sample",
            "x.csv",
            with("2024-02-09,a,\"1,250,000.00\""),
            &[
                "error: `sum` takes a number, and its argument is of type string",
                "cause: `amount` is read as a string: `1,250,000.00` in x.csv, line 7, is not a number",
                "hint: written = { amount = { thousands = \",\" } } reads `1,250,000.00` as a number",
                "hint: types =",
            ],
        ),
        sum(
            "thousands behind the sample",
            "x.csv",
            late("2024-02-09,a,\"1,250,000,000.00\""),
            &[
                "error: x.csv, line 307, byte",
                "column `amount`: `1,250,000,000.00` is not a float64",
                "written = { amount = { thousands = \",\" } }",
            ],
        ),
        sum(
            "a word for NULL in the sample",
            "x.csv",
            with("2024-02-09,a,NA"),
            &[
                "`NA` in x.csv, line 7, is not a number",
                "hint: written = { amount = { null = [\"NA\"] } } reads the column, with `NA` for no value",
                "hint: types =",
                "hint: CAST(NULLIF(amount, 'NA')",
            ],
        ),
        sum(
            "another word for no value",
            "x.csv",
            with("2024-02-09,a,unknown"),
            &[
                "`unknown` in x.csv, line 7, is not a number",
                "written = { amount = { null = [\"unknown\"] } }",
            ],
        ),
        sum(
            "a word for NULL behind the sample",
            "x.csv",
            late("2024-02-09,a,NA"),
            &[
                "error: x.csv, line 307, byte",
                "`NA` is not a float64",
                "written = { amount = { null = [\"NA\"] } }",
            ],
        ),
        sum(
            "a currency",
            "x.csv",
            with("2024-02-09,a,\"$1,250.50\""),
            &[
                "`$1,250.50` in x.csv, line 7, is not a number",
                "written = { amount = { thousands = \",\", units = [\"$\"] } } reads `$1,250.50` as a number",
            ],
        ),
        sum(
            "a decimal comma",
            "x.csv",
            "at,shop,amount\n2024-02-01,a,\"1,50\"\n",
            &[
                "e.g. 1,50",
                "written = { amount = { decimal = \",\", thousands = \".\" } } reads `1,50` as a number",
            ],
        ),
        sum(
            "numbers below zero in parentheses",
            "x.csv",
            with("2024-02-09,a,(12.50)"),
            &[
                "`(12.50)` in x.csv, line 7, is not a number",
                "written = { amount = { accounting = true } } reads `(12.50)` as a number",
            ],
        ),
        sum(
            "fractions behind the sample",
            "x.csv",
            format!("at,amount\n{}2024-03-01,1.5\n", "2024-03-01,1\n".repeat(300)),
            &[
                "error: x.csv, line 302, byte",
                "`1.5` is not an int64",
                "inferred as int64 from a sample; declare it: types = { amount = \"decimal(18,1)\" }",
            ],
        ),
        sum(
            "a total behind the rows",
            "x.csv",
            with("Total,,12.5"),
            &[
                "error: x.csv, line 7, byte",
                "column `at`: `Total` is not a time that can be read",
                "hint: if the records end there: until = \"Total\" in [source]",
            ],
        ),
    ]
}

fn times() -> Vec<Kind> {
    let millis = "at,amount\n1706745600000,1\n";
    vec![
        sum(
            "a unit that is not said",
            "x.csv",
            millis,
            &[
                "error: `at` contains integers, such as 1706745600000, but their unit is not given",
                "--> job.toml:3:8",
                "hint: add time_unit = \"ms\"",
            ],
        ),
        Kind {
            source: "time = \"at\"\ntime_unit = \"s\"\n",
            ..sum(
                "another unit",
                "x.csv",
                millis,
                &["outside the years 1900 to 2200", "hint: it looks like time_unit = \"ms\""],
            )
        },
        sum(
            "a format that is not said",
            "x.csv",
            "at,amount\n29/02/2024 13:00,1\n",
            &[
                "error: `at` contains `29/02/2024 13:00`, which is not a time that can be read",
                "hint: it looks like time_format = \"%d/%m/%Y %H:%M\"",
            ],
        ),
        sum(
            "days or months",
            "x.csv",
            "at,amount\n01/02/2024,1\n",
            &["`at` contains `01/02/2024`", "time_format = \"%d/%m/%Y\", or \"%m/%d/%Y\""],
        ),
        sum("a month", "x.csv", "at,amount\n2024-03,1\n", &["it looks like time_format = \"%Y-%m\""]),
        Kind {
            source: "time = \"at\"\ntime_format = \"%m/%d/%Y %H:%M\"\n",
            ..sum(
                "another format",
                "x.csv",
                "at,amount\n29/02/2024 13:00,1\n",
                &["`29/02/2024 13:00`", "it looks like time_format = \"%d/%m/%Y %H:%M\""],
            )
        },
        sum(
            "another format behind the sample",
            "x.csv",
            late("29/02/2024,a,1"),
            &[
                "error: x.csv, line 307, byte",
                "`29/02/2024` is not a time that can be read",
                "time_format = [\"iso\", \"%d/%m/%Y\"] reads such times, too",
            ],
        ),
        sum(
            "another format in JSON",
            "x.jsonl",
            "{\"at\":\"2024-02-01\",\"amount\":1}\n".repeat(300) + "{\"at\":\"29/02/2024\",\"amount\":1}\n",
            &[
                "error: x.jsonl, line 301, byte",
                "time_format = [\"iso\", \"%d/%m/%Y\"] reads such times, too",
            ],
        ),
        Kind {
            source: "time = \"ts\"\ndelimiter = \";\"\n[[step]]\nderive = { ts = \"Date || ' ' || Time\" }\n",
            outputs: "select = { n = \"count(*)\" }\n",
            ..sum(
                "a time that a step makes",
                "x.csv",
                "Date;Time;power\n16/12/2006;17:24:00;4.216\n",
                &[
                    "error: `ts` is derived by a step, but steps run after the event time is read",
                    "--> job.toml:3:8",
                    "hint: derive it in [source]: derive = { ts = \"Date || ' ' || Time\" }",
                ],
            )
        },
    ]
}

fn columns() -> Vec<Kind> {
    let other =
        |select: &'static str, name, words| Kind { outputs: select, ..sum(name, "x.csv", log(), words) };
    let latin: Vec<u8> = log().replace(",a,", ",Caf\u{e9},").chars().map(|c| c as u8).collect();
    let wide: Vec<u8> = log().encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        sum(
            "another delimiter",
            "x.csv",
            log().replace(',', ";"),
            &[
                "error: no file has a column `at`",
                "hint: line 1 of x.csv looks like the header, `at;shop;amount`: delimiter = \";\"",
                "hint: as it is read now, the columns are at;shop;amount",
            ],
        ),
        Kind {
            outputs: "by = [\"shop\"]\nselect = { n = \"count(*)\" }\n",
            ..sum(
                "an old encoding",
                "x.csv",
                latin,
                &[
                    "error: x.csv, line 2, byte 15: column `shop`: not UTF-8: the byte 0xE9",
                    "hint: name the encoding of the file in [source]: encoding = \"windows-1252\"",
                ],
            )
        },
        sum(
            "UTF-16 without its mark",
            "x.csv",
            wide,
            &["error: no file has a column `at`", "hint: every second byte is zero: encoding = \"utf-16le\""],
        ),
        other(
            "select = { s = \"sum(amuont)\" }\n",
            "a column misspelt",
            &["error: unknown column `amuont`", "--> job.toml:6:16", "hint: did you mean `amount`?"],
        ),
        other(
            "by = [\"shp\"]\nselect = { n = \"count(*)\" }\n",
            "a key misspelt",
            &["error: no file has a column `shp`", "hint: did you mean `shop`?"],
        ),
        Kind {
            source: "time = \"att\"\n",
            ..sum("the time misspelt", "x.csv", log(), &["no file has a column `att`", "did you mean `at`?"])
        },
        sum(
            "no header",
            "x.csv",
            log().split_once('\n').unwrap().1,
            &[
                "error: no file has a column `at`",
                "the first line of x.csv looks like a record, `2024-02-01T10:00:00Z,a,0.5`",
                "columns = [\"at\", \"column_2\", \"column_3\"]",
            ],
        ),
        sum(
            "lines before the header, and a total",
            "x.csv",
            "Account:,1\nPeriod:,2\n\nat,shop,amount\n2024-02-01,a,1\nTotal,,1\n",
            &[
                "error: no file has a column `at`",
                "hint: line 4 of x.csv looks like the header, `at,shop,amount`: skip = 3",
                "hint: the records end before Total,,1: until = \"Total\"",
                "hint: as it is read now, the columns are Account:, 1",
            ],
        ),
        sum(
            "a title before the header",
            "x.csv",
            "Report of 2024\n\nat,shop,amount\n2024-02-01,a,1\n",
            &[
                "error: x.csv:3: 3 fields, but 1 are expected",
                "hint: line 3 of x.csv looks like the header, `at,shop,amount`: skip = 2",
            ],
        ),
        sum(
            "a comment before the header",
            "x.csv",
            "# made by hand\nat,shop,amount\n2024-02-01,a,1\n",
            &["hint: line 2 of x.csv looks like the header, `at,shop,amount`: comment = \"#\""],
        ),
        sum(
            "a row of more fields",
            "x.csv",
            log() + "2024-02-09,a,1,2\n",
            &[
                "error: x.csv, line 7, byte 150: 4 fields, but 3 are expected",
                "hint: fields that contain the delimiter or a line end must be quoted",
            ],
        ),
        sum(
            "a row of fewer fields",
            "x.csv",
            log() + "2024-02-09,a\n",
            &["error: x.csv, line 7, byte 150: 2 fields, but 3 are expected"],
        ),
        sum(
            "rows of more fields than the header",
            "x.csv",
            "at,shop,amount\n2024-02-01,a,1,5\n2024-02-01,a,2,5\n",
            &[
                "error: x.csv:2: 4 fields, but 3 are expected",
                "in the sample, the number of fields never equals the number of names in the header line",
            ],
        ),
        Kind {
            outputs: "by = [\"items.sku\"]\nselect = { q = \"sum(\\\"items.qty\\\")\" }\n",
            ..sum(
                "a list in JSON",
                "x.jsonl",
                "{\"at\":\"2024-02-01\",\"items\":[{\"sku\":\"a\",\"qty\":1}]}\n",
                &[
                    "error: `items.sku` is inside `items`, which is a list",
                    "hint: unnest = \"items\" in [source] makes an event of each item of the list; its `sku` is then the column `items.sku`",
                    "error: `items.qty` is inside `items`, which is a list",
                ],
            )
        },
        sum(
            "a list inside of one object",
            "x.json",
            "{\"data\":[{\"at\":\"2024-02-01\",\"amount\":1}]}",
            &[
                "error: no file has a column `at`",
                "hint: x.json is one object with a list in it: records = \"/data\" reads that list",
            ],
        ),
    ]
}

fn files() -> Vec<Kind> {
    let gzip = compress("x.gz", log().as_bytes());
    let folder = |source: &'static str, files, name, words| Kind {
        name,
        files,
        source,
        outputs: "by = [\"day\"]\nselect = { n = \"count(*)\" }\n",
        words,
    };
    let told = || vec![("d/day=1/x.csv", log().into_bytes())];
    let untold = || vec![("d/day=1/x.csv", log().into_bytes()), ("d/x.csv", log().into_bytes())];
    vec![
        sum("an empty file", "x.csv", "", &["error: x.csv is empty", "hint: its columns are not known"]),
        sum("an empty file of JSON", "x.json", "", &["error: x.json is empty"]),
        sum("an empty list", "x.json", "[]", &["error: x.json has no record"]),
        sum(
            "gzip that is cut short",
            "x.csv.gz",
            &gzip[..gzip.len() - 12],
            &[
                "error: x.csv.gz is cut short: its gzip data ends in the middle",
                "hint: the file was not copied or written completely; get it again",
            ],
        ),
        sum(
            "text by the name of gzip",
            "x.csv.gz",
            log(),
            &[
                "error: x.csv.gz is not a gzip file: it begins with the text at,shop,amount",
                "hint: rename it",
            ],
        ),
        sum(
            "JSON that is cut short",
            "x.jsonl",
            "{\"at\":\"2024-02-01\",\"amount\":1}\n{\"at\":\"2024-02-0",
            &["error: x.jsonl, line 2, byte 31: not valid JSON"],
        ),
        sum(
            "a zip of unlike members",
            "x.zip",
            zipped(&[("a.csv", &log()), ("b.csv", "time;x\n1;2\n")]),
            &["error: x.zip/b.csv has no column `at`", "hint: its columns: time;x"],
        ),
        sum(
            "a zip without data",
            "x.zip",
            zipped(&[("a.txt", "hi")]),
            &["error: x.zip is a zip without data files", "hint: it has a.txt"],
        ),
        folder(
            TIME,
            told(),
            "a column that folders tell",
            &[
                "error: no file has a column `day`",
                "hint: folder names contain `day`; declare its type to read it: types = { day = \"string\" }",
            ],
        ),
        folder(
            "time = \"at\"\ntypes = { day = \"string\" }\n",
            untold(),
            "a file outside of such folders",
            &[
                "error: no file has a column `day`, and no folder of d/x.csv is named day=VALUE",
                "hint: put the file into such a folder",
            ],
        ),
    ]
}

#[test]
fn a_message_has_what_where_the_nearest_right_thing_and_the_repair() {
    let mut wrong = String::new();
    for Kind { name, files, source, outputs, words } in
        [values(), times(), columns(), files()].into_iter().flatten()
    {
        let lab = Lab::new();
        for (path, content) in &files {
            let path = lab.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let path = if files[0].0.starts_with("d/") { "d" } else { files[0].0 };
        let answer = lab
            .run(&format!("[source]\npath = \"{path}\"\n{source}[[output]]\npath = \"-\"\n{outputs}"), &[]);
        let mut rest = answer.err.as_str();
        for word in words {
            match rest.find(word) {
                Some(at) => rest = &rest[at + word.len()..],
                None => wrong += &format!("{name}: no `{word}`\n"),
            }
        }
        let last = answer.err.lines().rfind(|line| line.contains("hint: ")).unwrap_or_default();
        if answer.code < 2 || answer.err.contains("on_bad_record") && !last.contains("on_bad_record") {
            wrong += &format!("{name}: exit {}\n", answer.code);
        }
        if wrong.contains(name) {
            wrong += &answer.err;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is said where the first part of a repair is written into the job.
#[test]
fn what_a_message_names_is_a_repair() {
    let text =
        "Account:,1\nPeriod:,2\n\nat,shop,amount\n2024-02-01,a,\"1,250.50\"\n2024-02-01,b,NA\nTotal,,1\n";
    let lab = Lab::new();
    lab.write("x.csv", text);
    let keys = "skip = 3\nuntil = \"Total\"\nwritten = { amount = { thousands = \",\", null = [\"NA\"] } }\n";
    let answer =
        lab.done(&format!("[source]\npath = \"x.csv\"\n{TIME}{keys}[[output]]\npath = \"-\"\n{SUM}"), &[]);
    assert!(answer.out.contains("1250.5"), "{}", answer.out);
}
