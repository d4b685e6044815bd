//! Damaged files, read in process: nothing panics, and the size of chunks shows neither in rows nor in words.
//!
//! `scripts/mutate.py` does the same to whole commands, and to more than sources.

use crate::alike::{Words, reads_alike};
use crate::laws::cases;
use crate::support::{Lab, compress};
use highwater::job::JobSpec;
use highwater::time::{Duration, TimeFormat, TimeParser, TimeRule, TimeUnit, Zone};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::path::{Path, PathBuf};

/// One mutation of bytes.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index, usize),
    End(Index),
    Again(Index, usize, Index),
    Put(Index, &'static [u8]),
    Over(Index, &'static [u8]),
}

/// What readers of text stumble over.
const WORDS: &[&[u8]] = &[
    b"\"",
    b"\"\"",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-1",
    b"1e400",
    b"9223372036854775808",
    b"170141183460469231731687303715884105728",
    b"007",
    b"NaN",
    b"0.5",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"2024-02-30T00:00:00Z",
    b"2024-06-01T24:00:00",
    b"+99:99",
    b"{\"a\":[[[[",
    b"\"payload\":",
    b"\"at\":",
    b"  ",
];

/// What readers of binary formats stumble over.
const BINARY: &[&[u8]] = &[
    b"\0",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"PAR1",
    b"Obj\x01",
    b"\x1f\x8b\x08\0",
    b"\x28\xb5\x2f\xfd",
    b"\0\0\0\0\0\0\0\0",
];

fn damage(words: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<Index>;
    let len = || select(vec![1usize, 2, 4, 16, 100]);
    let one = prop_oneof![
        (at(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), len()).prop_map(|(at, len)| Damage::Cut(at, len)),
        at().prop_map(Damage::End),
        (at(), len(), at()).prop_map(|(from, len, to)| Damage::Again(from, len, to)),
        (at(), select(words)).prop_map(|(at, word)| Damage::Put(at, word)),
        (at(), select(words)).prop_map(|(at, word)| Damage::Put(at, word)),
        (at(), select(words)).prop_map(|(at, word)| Damage::Over(at, word)),
    ];
    vec(one, 1..5)
}

fn damaged(content: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    for damage in damages {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match damage {
            Damage::Flip(at, bit) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Damage::Set(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Damage::Flip(..) | Damage::Set(..) => {}
            Damage::Cut(at, len) => {
                let at = place(at);
                bytes.drain(at..bytes.len().min(at + len));
            }
            Damage::End(at) => bytes.truncate(place(at)),
            Damage::Again(from, len, to) => {
                let (from, to) = (place(from), place(to));
                let again = bytes[from..bytes.len().min(from + len)].to_vec();
                bytes.splice(to..to, again);
            }
            Damage::Put(at, word) => {
                let at = place(at);
                bytes.splice(at..at, word.iter().copied());
            }
            Damage::Over(at, word) => {
                let at = place(at);
                let end = bytes.len().min(at + word.len());
                bytes.splice(at..end, word.iter().copied());
            }
        }
    }
    bytes
}

fn alike(name: &str, content: &[u8], source: &str, words: Words) -> Result<(), TestCaseError> {
    reads_alike(Lab::new().root(), name, content, source, words).map_err(TestCaseError::fail)
}

/// The sample logs of the repository.
fn logs(folder: &str) -> (String, Vec<u8>) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/logs").join(folder);
    let mut found = vec![];
    collect(&root, &mut found);
    let path = found.into_iter().min().expect("there is a sample");
    let name = path.strip_prefix(root.parent().unwrap()).unwrap().display().to_string();
    (name, std::fs::read(path).unwrap())
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => collect(&path, found),
            false if entry.file_name().to_string_lossy().starts_with('_') => {}
            false => found.push(path),
        }
    }
}

const CSV: &str = "at,k,n,d,t\n\
    2024-06-01T00:00:00Z,a,1,1.50,\"x, y\"\n2024-06-01T00:00:07Z,b,,-2.25,\"say \"\"hi\"\"\"\n\
    2024-06-01T00:01:00+02:00,ü,-7,0.00,\"two\nlines\"\n2024-06-01 00:00:30,,9000000000,99.99,\"\"\n\
    2024-06-01T00:02:00.123456Z,c,3,,07\n2024-06-01T00:02:01Z,a,4,1.00,plain\n";
const JSON: &str = "{\"at\":\"2024-06-01T00:00:00Z\",\"k\":\"a\",\"n\":1,\"d\":1.50,\"in\":{\"x\":[1,{\"y\":null}],\"z\":\"\\u00fc\"}}\n\
    {\"at\":\"2024-06-01T00:00:07Z\",\"k\":null,\"n\":-7,\"d\":\"2.25\",\"in\":{}}\n\n\
    {\"n\":9000000000,\"at\":\"2024-06-01T00:01:00+02:00\",\"k\":\"say \\\"hi\\\"\\n\",\"in\":{\"z\":\"\\ud83d\\udca9\"}}\n\
    {\"at\":\"2024-06-01T00:00:09Z\",\"d\":1e2,\"k\":\"\",\"more\":true}\n";
const TYPES: &str = "types = { k = \"string\", n = \"int64\", d = \"decimal(9,2)\" }";

fn source() -> impl Strategy<Value = String> {
    (any::<bool>(), any::<bool>()).prop_map(|(typed, reject)| {
        let types = if typed { TYPES } else { "" };
        let bad = if reject { "on_bad_record = \"reject\"" } else { "" };
        format!("time = \"at\"\n{types}\n{bad}")
    })
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn damaged_csv_is_read_alike_in_chunks_of_any_size(damages in damage(WORDS), source in source()) {
        alike("a.csv", &damaged(CSV.as_bytes(), &damages), &source, Words::Same)?;
    }

    #[test]
    fn damaged_json_lines_are_read_alike_in_chunks_of_any_size(damages in damage(WORDS), source in source()) {
        alike("a.jsonl", &damaged(JSON.as_bytes(), &damages), &source, Words::Same)?;
    }

    #[test]
    fn damaged_captures_are_read_alike_in_chunks_of_any_size(
        folder in select(vec!["kcat", "kcat-json", "console", "debezium", "debezium-schema", "kcat-debezium", "schema", "connect-json-schema", "connect-hdfs"]),
        damages in damage(WORDS),
        reject in any::<bool>(),
    ) {
        let (name, content) = logs(folder);
        // A few lines are enough, and quicker.
        let few = content.split_inclusive(|&c| c == b'\n').take(6).flatten().copied().collect::<Vec<u8>>();
        let bad = if reject { "on_bad_record = \"reject\"" } else { "" };
        alike(&name, &damaged(&few, &damages), &format!("time = \"viewed_at\"\ntime_unit = \"ms\"\n{bad}"), Words::Same)?;
    }

    #[test]
    fn damaged_gzip_and_zstandard_are_read_alike_in_chunks_of_any_size(
        name in select(vec!["a.csv.gz", "a.csv.zst"]),
        damages in damage(BINARY),
        source in source(),
    ) {
        alike(name, &damaged(&compress(name, CSV.as_bytes()), &damages), &source, Words::Same)?;
    }

    #[test]
    fn damaged_avro_is_read_alike_in_chunks_of_any_size(damages in damage(BINARY), reject in any::<bool>()) {
        let (name, content) = logs("connect-avro");
        let bad = if reject { "on_bad_record = \"reject\"" } else { "" };
        alike(&name, &damaged(&content, &damages), &format!("time = \"viewed_at\"\ntime_unit = \"ms\"\n{bad}"), Words::Any)?;
    }

    #[test]
    fn damaged_parquet_is_read_alike_in_chunks_of_any_size(
        folder in select(vec!["connect-parquet", "spark"]),
        damages in damage(BINARY),
        reject in any::<bool>(),
    ) {
        let (name, content) = logs(folder);
        let bad = if reject { "on_bad_record = \"reject\"" } else { "" };
        let source = format!("time = \"viewed_at\"\ntime_unit = \"ms\"\ntypes = {{ shard = \"int64\" }}\n{bad}");
        alike(&name, &damaged(&content, &damages), &source, Words::Any)?;
    }
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn any_text_by_any_rule_is_a_time_or_an_error(
        letters in vec(select("YmdHMSfyjbBaAeIpPzZsTFDRuwUWGVCklc%.3:#-_q".chars().collect::<Vec<_>>()), 0..6),
        glue in select(vec!["", "-", " ", ":", "T", "é"]),
        damages in damage(WORDS),
        zone in select(vec!["UTC", "Europe/London", "America/St_Johns", "Australia/Lord_Howe", "Africa/Monrovia"]),
    ) {
        let format: String = letters.iter().map(|letter| format!("%{letter}{glue}")).collect();
        let text = damaged(b"2024-06-01T10:00:00.5Z", &damages);
        let rules = [TimeRule::Iso, TimeRule::Epoch(TimeUnit::Second), TimeRule::Epoch(TimeUnit::Day)];
        // With a date before them more of the formats are such that times are read by.
        let formats = [format.clone(), format!("%Y-%m-%dT{format}"), format!("%Y-%m-%dT%H:%M:%S{format}")];
        let formats = formats.iter().filter_map(|format| TimeRule::format(format).ok());
        for rule in rules.into_iter().chain(formats) {
            let mut parser = TimeParser::new(rule, Zone::named(zone).unwrap());
            let first = parser.text(&text);
            // What it remembers of the last time shows in no other.
            let _ = parser.text(b"2024-06-01T10:00:00Z");
            prop_assert_eq!(first, parser.text(&text));
        }
    }

    #[test]
    fn any_text_is_a_length_of_time_or_none(damages in damage(WORDS), text in select(vec!["90s", "1 day", "2 quarters", "250ms", "-1h"])) {
        if let Ok(text) = String::from_utf8(damaged(text.as_bytes(), &damages)) {
            let _ = Duration::parse(&text).and_then(Duration::as_length);
        }
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn damaged_job_files_are_read_or_refused_by_name(
        job in select(vec!["big-spenders", "money-enrichment", "pageviews-archive", "pageviews-so-far", "views-of-a-log"]),
        damages in damage(WORDS),
    ) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("data/jobs/{job}.toml"));
        if let Ok(text) = String::from_utf8(damaged(&std::fs::read(path).unwrap(), &damages))
            && let Err(error) = JobSpec::parse("job.toml", &text)
        {
            prop_assert_eq!(error.kind().exit_code(), 2, "{}", error);
        }
    }
}
