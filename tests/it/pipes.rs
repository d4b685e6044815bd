//! `highwater run --output -`: one output on stdout. Its bytes are those of a file, and what is cut never looks whole.

use crate::golden::with_data;
use crate::support::{Lab, without_time};
use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use arrow_ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Output, Stdio};

/// Runs the binary in the folder; its stdout may be anything.
fn raw(lab: &Lab, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(args).current_dir(lab.root()).output().unwrap()
}

/// The stream of an output of `job`.
fn piped(lab: &Lab, job: &str, only: &str, format: &str, more: &[&str]) -> Vec<u8> {
    let args = ["run", job, "-q", "--output", "-", "--only", only, "--format", format];
    let output = raw(lab, &[&args[..], more].concat());
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), words.as_ref()), (Some(0), ""), "{only}");
    output.stdout
}

/// The cells of batches as texts, row by row.
fn cells(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut rows = vec![];
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap()).collect());
        }
    }
    rows
}

fn arrow(bytes: &[u8]) -> (Vec<(String, String)>, Vec<Vec<String>>) {
    let reader = StreamReader::try_new(bytes, None).unwrap();
    let columns =
        reader.schema().fields().iter().map(|f| (f.name().clone(), f.data_type().to_string())).collect();
    let batches: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
    (columns, cells(&batches))
}

/// A log of events over three days, which come out of order; with what is hard to write.
fn log(lab: &Lab, rows: usize) {
    let mut text = "at,who,word,amount,flag\n".to_string();
    for row in 0..rows {
        let at = 1_700_000_000 + (row * 7919) % 260_000;
        let word = ["plain", "\"quo\"\"ted\"", "\"a,b\"", "", "\"\"", "größe"][row % 6];
        let flag = ["true", "false", ""][row % 3];
        text += &format!("{at},u{},{word},{}.{:02},{flag}\n", row % 37, row as i64 - 50, row % 100);
    }
    lab.write("log.csv", text);
}

/// Outputs of every kind. `{}` stands for the format of the file, and `{by}` for its folders.
const JOB: &str = r#"
timezone = "Europe/Berlin"
[source]
path = "log.csv"
time = "at"
time_unit = "s"
types = { amount = "decimal(18,2)" }
[[step]]
dedup = ["who", "word"]
within = "1h"
[[step]]
first = ["who"]
as = "newcomer"
[[output]]
path = "out/events"
[[output]]
path = "out/totals"
window = { tumbling = "1h" }
by = ["who"]
select = { total = "sum(amount)", mean = "avg(amount)", words = "count(distinct word)", last = "max(at)" }
[[output]]
path = "out/sessions"
window = { session = "30m" }
by = ["flag"]
select = { n = "count(*)", biggest = "max(amount)" }
top = { n = 3, by = "n desc" }
[[output]]
path = "out/days"
window = { hopping = "2 day", slide = "1 day" }
select = { n = "count(*)", some = "bool_or(flag)" }
having = "n > 10"
"#;
const OUTPUTS: [&str; 4] = ["out/events", "out/totals", "out/sessions", "out/days"];

fn job(format: &str, partitions: &str) -> String {
    let keys = format!("\nformat = \"{format}\"\n{partitions}");
    OUTPUTS.iter().fold(JOB.to_string(), |job, path| {
        job.replace(&format!("path = \"{path}\""), &format!("path = \"{path}\"{keys}"))
    })
}

/// The only file of a folder of outputs.
fn file(lab: &Lab, output: &str) -> Vec<u8> {
    let files = lab.data(output);
    assert_eq!(files.len(), 1, "{:?}", files.keys());
    files.into_values().next().unwrap()
}

#[test]
fn a_stream_has_the_bytes_of_a_file_however_it_is_computed() {
    let lab = Lab::new();
    log(&lab, 3000);
    for format in ["csv", "jsonl"] {
        lab.done(&job(format, ""), &[]);
        // Cut into folders, an output is still one stream, with the columns that name folders.
        lab.write("cut.toml", job(format, "partition_by = [\"date\", \"hour\"]\n"));
        lab.write("years.toml", job("parquet", "partition_by = [\"year\"]\n"));
        for output in OUTPUTS {
            let wanted = file(&lab, output);
            assert!(wanted.len() > 100, "{output}");
            for (job, machine) in [
                ("job.toml", ["1", "1MB", "1GB"]),
                ("job.toml", ["2", "999", "1GB"]),
                ("job.toml", ["4", "10KB", "10KB"]),
                ("cut.toml", ["2", "1MB", "1GB"]),
                ("years.toml", ["4", "999", "10KB"]),
            ] {
                let [threads, chunk, memory] = machine;
                let more = ["--threads", threads, "--chunk-size", chunk, "--memory", memory];
                let stream = piped(&lab, job, output, format, &more);
                assert!(stream == wanted, "{output} as {format} with {job} {machine:?}");
            }
        }
    }
}

#[test]
fn columns_that_name_folders_are_in_the_stream() {
    let lab = Lab::new();
    log(&lab, 3000);
    lab.done(&job("csv", ""), &[]);
    lab.write(
        "cut.toml",
        job("jsonl", "")
            .replace("format = \"jsonl\"\n", "")
            .replace("path = \"out/events\"", "path = \"out/events\"\npartition_by = [\"who\", \"date\"]"),
    );
    let stream = piped(&lab, "cut.toml", "out/events", "csv", &[]);
    assert!(stream == file(&lab, "out/events"));
}

#[test]
fn an_arrow_stream_has_the_rows_and_types_of_parquet() {
    let lab = Lab::new();
    log(&lab, 3000);
    lab.done(&job("parquet", ""), &[]);
    for output in OUTPUTS {
        let mut streams = BTreeMap::new();
        for machine in [["1", "1MB", "1GB"], ["2", "999", "1GB"], ["4", "10KB", "10KB"]] {
            let [threads, chunk, memory] = machine;
            let more = ["--threads", threads, "--chunk-size", chunk, "--memory", memory];
            streams.insert(machine, piped(&lab, "job.toml", output, "arrow", &more));
        }
        let first = streams.values().next().unwrap();
        assert!(streams.values().all(|stream| stream == first), "{output}");
        let path = lab.data(output).into_keys().next().unwrap();
        let reader = File::open(lab.path(output).join(path)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(reader).unwrap().build().unwrap();
        let batches: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
        let schema = batches[0].schema();
        let types: Vec<(String, String)> =
            schema.fields().iter().map(|f| (f.name().clone(), f.data_type().to_string())).collect();
        let (columns, rows) = arrow(first);
        assert_eq!(columns, types, "{output}");
        assert!(rows == cells(&batches) && rows.len() > 2, "{output}");
    }
}

#[test]
fn many_rows_are_cut_alike_by_any_number_of_threads() {
    let lab = Lab::new();
    log(&lab, 300_000);
    let job =
        "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n[[output]]\npath = \"e.jsonl\"\n";
    lab.write("job.toml", job);
    let arrows = ["1", "2", "4"].map(|n| piped(&lab, "job.toml", "e.jsonl", "arrow", &["--threads", n]));
    assert!(arrows[0] == arrows[1] && arrows[1] == arrows[2]);
    let reader = StreamReader::try_new(arrows[0].as_slice(), None).unwrap();
    let rows: Vec<usize> = reader.map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(rows, [65_536, 65_536, 65_536, 65_536, 37_856]);
    lab.done(job, &[]);
    let stream = piped(&lab, "job.toml", "e.jsonl", "jsonl", &["--threads", "2"]);
    assert!(stream == std::fs::read(lab.path("e.jsonl")).unwrap());
}

#[test]
fn an_output_without_rows_still_has_its_columns() {
    let lab = Lab::new();
    log(&lab, 10);
    lab.write("job.toml", job("csv", "").replace("n > 10", "n > 1000000"));
    assert_eq!(piped(&lab, "job.toml", "out/days", "csv", &[]), b"window_start,window_end,n,some\n");
    assert_eq!(piped(&lab, "job.toml", "out/days", "jsonl", &[]), b"");
    let (columns, rows) = arrow(&piped(&lab, "job.toml", "out/days", "arrow", &[]));
    assert_eq!((columns.len(), rows.len()), (4, 0));
    assert_eq!(columns[0], ("window_start".to_string(), "Timestamp(µs, \"UTC\")".to_string()));
}

/// Late events, rejects, other outputs and pages are named, and none of them is written.
#[test]
fn what_is_not_written_is_said_and_nothing_else_is_touched() {
    let lab = Lab::new();
    lab.write("log.csv", "at,n\n1,1\n11,2\n2,3\n12,x\n");
    let job = r#"
mode = "streamed"
[source]
path = "log.csv"
time = "at"
time_unit = "s"
types = { n = "int64" }
on_bad_record = "reject"
rejects = "out/rejects.jsonl"
[late]
path = "out/late.jsonl"
[[output]]
path = "out/sums.csv"
window = { tumbling = "10s" }
select = { n = "sum(n)" }
[[output]]
path = "out/counts"
window = { tumbling = "10s" }
select = { n = "count(*)" }
[[output]]
path = "out/page.html"
of = "out/sums.csv"
[[output]]
path = "-"
window = { tumbling = "10s" }
select = { n = "count(*)" }
"#;
    lab.write("job.toml", job);
    let answer =
        lab.highwater(&["run", "job.toml", "--output", "-", "--only", "out/sums.csv", "--format", "csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    insta::assert_snapshot!(answer.out, @r"
    window_start,window_end,n
    1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,1
    1970-01-01T00:00:10Z,1970-01-01T00:00:20Z,2
    ");
    insta::assert_snapshot!(without_time(&answer.err), @r"
    read 4 = 1 rejected + 0 filtered + 0 duplicate + 1 late + 2 counted
    stdout: 2 rows of out/sums.csv as csv, computed from the source; existing outputs were not read
    not written: out/counts, the table for the terminal, the page out/page.html
    1 rejected record is not written to a file; a run without --output keeps them
    1 late event is not written to out/late.jsonl
    23 B in 1 file, [time]
    ");
    assert_eq!(lab.files("").into_keys().collect::<Vec<_>>(), ["job.toml", "log.csv"]);
    // The terminal's table as a stream has all of its rows.
    let table =
        lab.highwater(&["run", "job.toml", "-q", "--output", "-", "--only", "-", "--format", "jsonl"]);
    assert_eq!((table.code, table.out.lines().count(), table.err.as_str()), (0, 2, ""));
    // What is in place is neither read nor changed.
    lab.done(job, &[]);
    let before = lab.written("out");
    lab.write("log.csv", "at,n\n1,5\n");
    assert!(piped(&lab, "job.toml", "out/sums.csv", "csv", &[]).ends_with(b",5\n"));
    assert_eq!(lab.written("out"), before);
    // An event of the log names what a program may want to know.
    let json = lab.highwater(&[
        "run",
        "job.toml",
        "--output",
        "-",
        "--only",
        "out/counts",
        "--format",
        "csv",
        "--log",
        "json",
    ]);
    assert!(
        json.err.contains("\"event\":\"stdout\"") && json.err.contains("\"event\":\"not_written\""),
        "{}",
        json.err
    );
}

#[test]
fn a_stream_that_nobody_can_mean_is_refused() {
    let lab = Lab::new();
    log(&lab, 10);
    lab.write("job.toml", job("csv", ""));
    let refused = |args: &[&str]| {
        let answer = lab.highwater(&[&["run", "job.toml"], args].concat());
        assert_eq!((answer.code, answer.out.as_str()), (2, ""), "{}", answer.err);
        answer.err
    };
    insta::assert_snapshot!(refused(&["--output", "-", "--format", "csv"]), @r"
    error: the job has 4 outputs, and stdout takes one
      hint: choose one with --only PATH; its outputs are out/events, out/totals, out/sessions, out/days
    ");
    insta::assert_snapshot!(refused(&["--output", "-", "--format", "csv", "--only", "out/totls"]), @r"
    error: the job has no output `out/totls`
      hint: did you mean `out/totals`?
    ");
    for (args, words) in [
        (&["--output", "-"][..], "--format <FORMAT>"),
        (&["--format", "csv"], "--output <->"),
        (&["--only", "out/days"], "--output <->"),
        (&["--output", "x.csv", "--format", "csv"], "invalid value 'x.csv' for '--output <->'"),
        (&["--output", "-", "--format", "parquet"], "[possible values: arrow, csv, jsonl]"),
        (&["--output", "-", "--format", "csv", "--json"], "cannot be used with"),
        (&["--output", "-", "--format", "csv", "--changed", "reload"], "cannot be used with"),
    ] {
        let err = refused(args);
        assert!(err.contains(words), "{args:?}\n{err}");
    }
    assert!(lab.files("out").is_empty());
}

/// `script` gives the program a terminal, as a person has it.
#[test]
fn an_arrow_stream_does_not_go_to_a_terminal() {
    let lab = Lab::new();
    log(&lab, 10);
    lab.write("job.toml", job("csv", ""));
    let line =
        format!("{} run job.toml --output - --only out/days --format", env!("CARGO_BIN_EXE_highwater"));
    let on_terminal = |format: &str| {
        lab.hear(Command::new("script").args(["-qec", &format!("{line} {format}"), "/dev/null"]))
    };
    if Command::new("script").arg("--version").output().is_err() {
        return;
    }
    let arrow = on_terminal("arrow");
    assert_eq!(arrow.code, 2, "{}", arrow.out);
    assert!(arrow.out.contains("stdout is a terminal, and an Arrow stream is not text"), "{}", arrow.out);
    let csv = on_terminal("csv");
    assert!(csv.code == 0 && csv.out.contains("window_start,window_end,n,some"), "{}", csv.out);
}

/// As of `cat` and `sort`: the code is that of a program that SIGPIPE ended, and nothing is said.
#[test]
fn a_reader_that_ends_early_ends_the_run_without_a_word() {
    let lab = Lab::new();
    log(&lab, 200_000);
    let job =
        "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n[[output]]\npath = \"e.jsonl\"\n";
    lab.write("job.toml", job);
    for format in ["arrow", "csv", "jsonl"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_highwater"))
            .args(["run", "job.toml", "--output", "-", "--format", format])
            .current_dir(lab.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut head = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut head).unwrap();
        // The pipe is closed by now, with most of the stream not read.
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), words.as_ref()), (Some(141), ""), "{format}");
    }
    // A disk that is full is a fault as ever.
    let line =
        format!("{} run job.toml -q --output - --format csv > /dev/full", env!("CARGO_BIN_EXE_highwater"));
    let full = lab.hear(Command::new("bash").args(["-c", &line]));
    assert_eq!(full.code, 4);
    assert!(full.err.starts_with("error: cannot write to stdout\n  cause: No space left"), "{}", full.err);
}

/// A fault of the data before the first row leaves the stream empty; one amid the rows leaves a stream that is cut.
#[test]
fn a_fault_leaves_a_stream_that_readers_see_as_cut() {
    let lab = Lab::new();
    lab.write("log.csv", "at,n\n1,1\n2,x\n".to_string() + &"3,1\n".repeat(500));
    let job = "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\ntypes = { n = \"int64\" }\n";
    lab.write("job.toml", format!("{job}[[output]]\npath = \"e.jsonl\"\n"));
    for format in ["arrow", "csv", "jsonl"] {
        let output = raw(&lab, &["run", "job.toml", "--output", "-", "--format", format]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{format}");
    }
    // The last window divides by zero when 300,000 rows before it are written.
    let rows: String = (0..300_000).map(|i| format!("{i},{}\n", i64::from(i < 299_999))).collect();
    lab.write("log.csv", format!("at,n\n{rows}"));
    let output =
        "[[output]]\npath = \"w.csv\"\nwindow = { tumbling = \"1s\" }\nselect = { n = \"100 / sum(n)\" }\n";
    lab.write("job.toml", format!("{job}{output}"));
    for format in ["arrow", "csv"] {
        let output = raw(
            &lab,
            &["run", "job.toml", "--output", "-", "--format", format, "--threads", "1", "--memory", "1MB"],
        );
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{words}");
        assert!(words.starts_with("error: ") && !words.contains("stdout:"), "{words}");
        assert!(
            output.stdout.len() > 1_000_000 && words.contains("the rows on stdout are not complete"),
            "{words}"
        );
        if format == "arrow" {
            let mut reader = StreamReader::try_new(output.stdout.as_slice(), None).unwrap();
            assert!(reader.any(|batch| batch.is_err()), "the stream looks whole");
        }
    }
}

/// The jobs of the samples, as the guide shows them.
#[test]
fn every_output_of_the_sample_jobs_can_be_piped() {
    let lab = with_data();
    for (job, only) in [
        ("big-spenders", "out/big-spenders"),
        ("money-enrichment", "out/money-enriched"),
        ("pageviews-archive", "out/pageviews-archive"),
        ("pageviews-per-postcode", "out/pageviews-per-postcode"),
        ("pageviews-so-far", "out/pageviews-firings.jsonl"),
        ("user-sessions", "out/user-sessions.csv"),
        ("views-of-a-log", "out/views-of-a-log.jsonl"),
    ] {
        let file = format!("data/jobs/{job}.toml");
        let (columns, rows) = arrow(&piped(&lab, &file, only, "arrow", &[]));
        let csv = piped(&lab, &file, only, "csv", &[]);
        let mut reader = csv::Reader::from_reader(csv.as_slice());
        let names: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
        assert_eq!(names, columns.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), "{job}");
        assert_eq!(reader.records().count(), rows.len(), "{job}");
        assert!(!rows.is_empty(), "{job}");
    }
    assert!(lab.files("out").is_empty());
}
