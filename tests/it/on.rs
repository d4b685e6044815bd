//! Other engines through ADBC: DuckDB by its library, which `HIGHWATER_DUCKDB_LIBRARY` names, and PostgreSQL by its driver,
//! which `HIGHWATER_POSTGRES_DRIVER` names. `scripts/engines.py` installs both.

use crate::crash::{Scene, Snapshot, snapshot};
use crate::support::{Answer, Lab};
use highwater::sink::{Target, Transaction};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The value of a variable that names a library. Without one the test ends, but not where CI runs it.
pub fn library(variable: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(path) => Some(path),
        Err(_) if std::env::var_os("CI").is_some() => {
            panic!("{variable} is not set: eval \"$(scripts/engines.py)\"")
        }
        Err(_) => {
            println!("skipped: {variable} is not set; eval \"$(scripts/engines.py)\"");
            None
        }
    }
}

/// The folder of DuckDB's library, where there is one.
pub fn folder() -> Option<String> {
    Some(Path::new(&library("HIGHWATER_DUCKDB_LIBRARY")?).parent()?.display().to_string())
}

/// A lab with DuckDB as the engine `lake`.
fn lake() -> Option<Lab> {
    let library = library("HIGHWATER_DUCKDB_LIBRARY")?;
    let lab = Lab::new();
    lab.write("engines.toml", format!("[lake]\ndriver = \"{library}\"\n"));
    Some(lab)
}

/// Events of some days, out of order, with empty texts, NULL, quotes, and one event twice.
pub fn log(lab: &Lab) {
    let mut lines = String::from("at,shop,item,amount,qty\n");
    for i in 0..400u32 {
        let (day, hour, minute) = (1 + i * 7 % 5, i * 13 % 24, i * 29 % 60);
        let shop = ["north", "\"so,uth\"", "", "\"\"", "Ölgården"][(i % 5) as usize];
        let amount = if i % 11 == 0 { String::new() } else { format!("{}.{:02}", i % 90, i % 100) };
        lines += &format!(
            "2024-03-{:02}T{hour:02}:{minute:02}:0{},{shop},i{},{amount},{}\n",
            day + 28 - 2,
            i % 10,
            i % 9,
            i % 4
        );
    }
    let twice = lines.lines().nth(7).unwrap().to_string();
    let half = lines.match_indices('\n').nth(200).unwrap().0 + 1;
    lab.write("in/b.csv", format!("at,shop,item,amount,qty\n{twice}\n{}", &lines[half..]));
    lab.write("in/a.csv", &lines[..half]);
}

pub const SOURCE: &str = "timezone = \"Europe/London\"\n[source]\npath = \"in/*.csv\"\ntime = \"at\"\n\
    types = { amount = \"decimal(18,2)\" }\n";

/// Outputs of all kinds: windows of the calendar and of hours, sessions, all of time, events; parts and single files.
pub const OUTPUTS: &str = r#"
[[step]]
filter = "qty < 3"
[[step]]
dedup = ["shop", "item", "at"]
[[step]]
derive = { shop_name = "COALESCE(UPPER(shop), 'none')" }
[[output]]
path = "out/days"
window = { tumbling = "1 day" }
by = ["shop", "item"]
select = { n = "count(*)", total = "sum(amount)", most = "max(amount)", mean = "avg(qty)", items = "count(distinct item)" }
partition_by = ["year", "month", "date"]
[[output]]
path = "out/hours"
format = "csv"
window = { hopping = "3h", slide = "1h" }
by = ["shop"]
select = { n = "count(*)" }
having = "n > 2"
partition_by = ["date", "shop"]
[[output]]
path = "out/sessions.jsonl"
window = { session = "2h" }
by = ["item"]
select = { n = "count(*)", first = "first(shop_name)" }
[[output]]
path = "out/all.csv"
by = ["shop_name"]
select = { n = "count(*)", total = "sum(amount)" }
[[output]]
path = "out/top"
window = { tumbling = "1 day" }
by = ["item"]
select = { total = "sum(amount)" }
top = { n = 2, by = "total desc" }
[[output]]
path = "out/events"
partition_by = ["date", "hour"]
[[output]]
path = "out/one.parquet"
window = { tumbling = "1h" }
select = { n = "count(*)" }
"#;

pub fn on(lab: &Lab, more: &[&str]) -> Answer {
    lab.highwater(&[&["run", "job.toml", "--on", "lake"], more].concat())
}

/// The files of `out`.
pub fn out(lab: &Lab) -> Snapshot {
    snapshot(&lab.path("out"))
}

pub fn same(is: &Snapshot, wanted: &Snapshot) {
    let names = |a: &Snapshot, b: &Snapshot| -> Vec<String> {
        a.iter()
            .filter(|(path, content)| b.get(*path) != Some(content))
            .map(|(path, _)| path.clone())
            .collect()
    };
    assert!(is == wanted, "{:?} beside {:?}", names(is, wanted), names(wanted, is));
}

/// Without the logs of changes, which a backfill here alone writes.
pub fn without_logs(files: Snapshot) -> Snapshot {
    files.into_iter().filter(|(path, _)| !path.contains("/changes")).collect()
}

/// The backfill that [`like_a_run_here`] makes on the engine.
const ADD: [&str; 5] = ["backfill", "job.toml", "late.csv", "--on", "lake"];

/// What [`like_a_run_here`] has seen: the files of a run and of a backfill here, and answers of the engine.
pub struct LikeHere {
    here: Snapshot,
    corrected: Snapshot,
    repeated: Answer,
    added: Answer,
}

/// A run on the engine `lake`, its repetition and a backfill leave the files of those here.
pub fn like_a_run_here(lab: &Lab, checks: &[&str]) -> LikeHere {
    log(lab);
    lab.done(&format!("{SOURCE}{OUTPUTS}"), &[]);
    let here = out(lab);
    fs::remove_dir_all(lab.path("out")).unwrap();
    for check in checks {
        let answer = on(lab, &["--check", check]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        same(&out(lab), &here);
    }
    // Nothing changes the second time.
    let repeated = on(lab, &[]);
    assert!(repeated.err.contains("unchanged") && !repeated.err.contains(" written"), "{}", repeated.err);
    assert!(repeated.err.contains("read 401 = 0 rejected + 100 filtered + 31 duplicate"), "{}", repeated.err);
    assert!(repeated.err.contains("out/days by lake: a sample computed here too"), "{}", repeated.err);
    // A backfill goes on from there, here and on the engine.
    lab.write(
        "late.csv",
        "at,shop,item,amount,qty\n2024-03-31T01:30:00,north,i1,5.00,1\n2024-04-09T10:00:00,new,i1,1.00,1\n",
    );
    let answer = lab.highwater(&["backfill", "job.toml", "late.csv", "-q"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let corrected = without_logs(out(lab));
    fs::remove_dir_all(lab.path("out")).unwrap();
    assert_eq!(on(lab, &["-q"]).code, 0);
    let added = lab.highwater(&ADD);
    assert_eq!(added.code, 0, "{}", added.err);
    same(&without_logs(out(lab)), &corrected);
    LikeHere { here, corrected, repeated, added }
}

#[test]
fn a_run_on_duckdb_leaves_the_files_of_a_run() {
    let Some(lab) = lake() else { return };
    let LikeHere { here, corrected, repeated, added } = like_a_run_here(&lab, &["sample", "all"]);
    assert!(repeated.err.contains("out/top by lake: all rows computed here too"), "{}", repeated.err);
    assert!(added.out.contains("out/events: 272 rows in 90 files, 88 unchanged"), "{}", added.out);
    let answer = lab.highwater(&ADD);
    assert_eq!(
        (answer.code, answer.out.trim()),
        (0, "nothing changes: the outputs have counted these files")
    );
    same(&without_logs(out(&lab)), &corrected);
    // Taken out again, all is as it was.
    let answer = lab.highwater(&["backfill", "job.toml", "late.csv", "--retract", "--on", "lake", "-q"]);
    assert_eq!((answer.code, answer.out.as_str()), (0, ""), "{}", answer.err);
    same(&out(&lab), &here);
}

/// Steps that look at one record, and outputs whose parts go by time.
pub const BY_RECORD: &str = r#"
[[step]]
filter = "qty < 3"
[[step]]
derive = { shop_name = "COALESCE(UPPER(shop), 'none')" }
[[output]]
path = "out/days"
window = { tumbling = "1 day" }
by = ["shop", "item"]
select = { n = "count(*)", total = "sum(amount)" }
having = "n > 1"
partition_by = ["date", "shop"]
[[output]]
path = "out/lengths"
window = { tumbling = "30m" }
select = { n = "count(*)", first = "first(shop_name)" }
partition_by = ["year", "month", "date"]
[[output]]
path = "out/events"
partition_by = ["date", "hour"]
"#;

/// The files of a backfill of `late` on the engine `lake`: those of a run over all files. Gives what it printed.
pub fn backfilled(lab: &Lab, late: &str) -> String {
    let late = format!("at,shop,item,amount,qty\n{late}");
    fs::remove_dir_all(lab.path("out")).unwrap();
    lab.write("in/z.csv", &late);
    assert_eq!(lab.highwater(&["run", "job.toml", "-q"]).code, 0);
    let full = out(lab);
    fs::remove_dir_all(lab.path("out")).unwrap();
    fs::remove_file(lab.path("in/z.csv")).unwrap();
    assert_eq!(lab.highwater(&["run", "job.toml", "-q"]).code, 0);
    lab.write("in/z.csv", &late);
    let answer = lab.highwater(&["backfill", "job.toml", "in/z.csv", "--on", "lake", "--check", "all"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    same(&out(lab), &full);
    answer.out
}

#[test]
fn a_backfill_on_an_engine_computes_what_new_files_touch() {
    let Some(lab) = lake() else { return };
    log(&lab);
    lab.done(&format!("{SOURCE}{BY_RECORD}"), &["-q"]);
    let again = |late: &str, from: &str, to: &str| {
        let told = backfilled(&lab, late);
        assert!(told.contains(&format!("computed again by lake: from {from} to {to}\n")), "{told}");
    };
    again(
        "2024-03-29T01:30:00,north,i1,5.00,1\n2024-03-29T10:00:00,new,i1,1.00,1\n",
        "2024-03-29T00:00:00Z",
        "2024-03-30T00:00:00Z",
    );
    // London puts its clocks forward on 31 March, a day of 23 hours; the second event is filtered.
    again(
        "2024-03-31T02:30:00,north,i1,5.00,1\n2024-04-01T23:10:00,north,i2,5.00,9\n",
        "2024-03-31T00:00:00Z",
        "2024-03-31T23:00:00Z",
    );
    again("2024-04-09T10:00:00,new,i1,1.00,1\n", "2024-04-08T23:00:00Z", "2024-04-09T23:00:00Z");
    // A column that was of integers, and steps that look at several records: all is computed again.
    let told = backfilled(&lab, "2024-03-29T01:30:00,north,i1,5.00,1.5\n");
    assert!(!told.contains("computed again"), "{told}");
    // An output that is no folder of parts.
    let job = lab.text("job.toml");
    lab.write("job.toml", format!("{job}[[output]]\npath = \"-\"\nselect = {{ n = \"count(*)\" }}\n"));
    let told = backfilled(&lab, "2024-03-29T01:30:00,north,i1,5.00,1\n");
    assert!(!told.contains("computed again"), "{told}");
    lab.write("job.toml", job);
    // In summer days begin an hour before midnight, and windows of 90 minutes never then.
    let job = lab.text("job.toml");
    lab.write("job.toml", job.replace("30m", "90m"));
    let told = backfilled(&lab, "2024-04-09T10:00:00,new,i1,1.00,1\n");
    assert!(!told.contains("computed again"), "{told}");
    let job = job.replace("[[step]]\nderive", "[[step]]\ndedup = [\"shop\", \"at\"]\n[[step]]\nderive");
    lab.write("job.toml", job);
    let told = backfilled(&lab, "2024-03-29T01:30:00,north,i1,5.00,1\n");
    assert!(!told.contains("computed again"), "{told}");
}

#[test]
fn a_backfill_on_an_engine_refuses_what_it_cannot_do() {
    let Some(lab) = lake() else { return };
    log(&lab);
    lab.done(&format!("{SOURCE}[[output]]\npath = \"out\"\nselect = {{ n = \"count(*)\" }}\n"), &[]);
    let here = out(&lab);
    lab.write("late.csv", "at,shop,item,amount,qty\n2024-03-31T01:30:00,north,i1,5.00,1\n");
    let answer = lab.highwater(&["backfill", "job.toml", "late.csv", "--on", "lake", "--plan"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("--plan does not go with --on"), "{}", answer.err);
    fs::remove_file(lab.path("in/b.csv")).unwrap();
    let answer = lab.highwater(&["backfill", "job.toml", "late.csv", "--on", "lake"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(
        answer.err.contains("in/b.csv was counted and is gone, so an engine cannot read it"),
        "{}",
        answer.err
    );
    same(&out(&lab), &here);
}

#[test]
fn tables_and_ranges_are_those_of_a_run() {
    let Some(lab) = lake() else { return };
    log(&lab);
    lab.write("shops.csv", "shop,city,since\nnorth,Oslo,2024-03-01T00:00:00Z\nnorth,Bergen,2024-03-30T00:00:00Z\nÖlgården,Lund,2024-01-01T00:00:00Z\n");
    let job = format!(
        "{SOURCE}[table.shops]\npath = \"shops.csv\"\ntime = \"since\"\n[[step]]\nenrich = \"shops\"\n\
         on = {{ shop = \"shop\" }}\ntake = {{ city = \"city\" }}\n[[step]]\nfirst = [\"shop\"]\nas = \"is_first\"\n\
         [[output]]\npath = \"out/cities\"\nwindow = {{ tumbling = \"1 week\" }}\nby = [\"city\"]\n\
         select = {{ n = \"count(*)\", firsts = \"count_if(is_first)\" }}\n[[output]]\npath = \"-\"\nby = [\"city\"]\n\
         select = {{ n = \"count(*)\" }}\n"
    );
    let range = ["--from", "2024-03-28T00:00:00", "--to", "2024-03-31T12:00:00"];
    let here = lab.done(&job, &range);
    let files = out(&lab);
    fs::remove_dir_all(lab.path("out")).unwrap();
    let there = on(&lab, &range);
    assert_eq!(there.code, 0, "{}", there.err);
    assert_eq!(there.out, here.out);
    same(&out(&lab), &files);
}

#[test]
fn what_an_engine_cannot_do_is_refused_before_anything_starts() {
    let Some(lab) = lake() else { return };
    log(&lab);
    let job = format!(
        "{SOURCE}out_of_orderness = \"1h\"\non_bad_record = \"reject\"\nrejects = \"out/bad.jsonl\"\n\
         [late]\npath = \"out/late.jsonl\"\n\
         [[output]]\npath = \"out/streamed\"\nmode = \"streamed\"\nwindow = {{ tumbling = \"1h\" }}\nselect = {{ n = \"count(*)\" }}\n\
         [[output]]\npath = \"out/archive\"\narchive = true\n\
         [[output]]\npath = \"out/kept\"\nstate = true\nwindow = {{ tumbling = \"1h\" }}\nselect = {{ n = \"count(*)\" }}\n\
         [[output]]\npath = \"out/about\"\nselect = {{ n = \"approx_count_distinct(item)\" }}\n\
         [[output]]\npath = \"out/mean\"\nselect = {{ n = \"avg(CAST(qty AS DOUBLE PRECISION))\" }}\n\
         [[output]]\npath = \"out/right\"\nselect = {{ n = \"sum(qty) / count(*)\", m = \"1 / NULLIF(sum(qty), 0)\" }}\n\
         [[output]]\npath = \"out/share\"\nselect = {{ n = \"count(*) / sum(qty)\" }}\n"
    );
    lab.write("job.toml", job);
    let answer = on(&lab, &[]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(!lab.path("out").exists());
    insta::assert_snapshot!(answer.err, @r#"
    error: out/archive is an archive: an engine does not show the file and the place of each record
      hint: run the job without --on

    error: out/kept keeps the state of its groups (`state`), which an engine does not give
      hint: take `state` away, or run the job without --on

    error: out/about has an approx_count_distinct: an engine gives other digits than a run
      hint: count(distinct …) is exact; or run the job without --on

    error: out/mean has an average of float64: an engine gives other digits than a run
      hint: read the column as a decimal: types = { COLUMN = "decimal(18,2)" }; or run the job without --on

    error: `count(*) / sum(qty)` divides by what may be zero: a run stops there, and an engine gives NULL
      hint: say what is meant: x / NULLIF(y, 0) is NULL in both; or run the job without --on

    error: an engine does not give late events, so [late] is not written on it
      hint: run the job without --on

    error: an engine does not show which records it rejects, so `rejects` is not written on it
      hint: run the job without --on
    "#);
}

/// Jobs that leave late events out, each with something that decides which these are.
pub const STREAMED: [&str; 5] = [
    "out_of_orderness = \"1h\"\n[[output]]\npath = \"out/hours\"\nwindow = { tumbling = \"1h\" }\nby = [\"shop\"]\n\
     select = { n = \"count(*)\", total = \"sum(amount)\" }\n",
    // Of two outputs the one that takes an event longer decides; an output of events has all of them.
    "[[step]]\nfilter = \"qty < 3\"\n[[step]]\ndedup = [\"shop\", \"item\", \"at\"]\n[[output]]\npath = \"out/hours\"\n\
     window = { tumbling = \"1h\", allowed_lateness = \"2h\" }\nselect = { n = \"count(*)\" }\n[[output]]\npath = \"out/days\"\n\
     window = { tumbling = \"1 day\" }\nby = [\"item\"]\nselect = { n = \"count(*)\" }\n[[output]]\npath = \"out/events\"\n",
    // Windows with gaps between them.
    "[[output]]\npath = \"out/hours\"\nwindow = { hopping = \"1h\", slide = \"3h\" }\nselect = { n = \"count(*)\" }\n",
    "out_of_orderness = \"10m\"\n[[output]]\npath = \"out/hops\"\nwindow = { hopping = \"3h\", slide = \"1h\" }\n\
     select = { n = \"count(*)\" }\n[[output]]\npath = \"out/days\"\nwindow = { cumulative = \"12h\", step = \"3h\" }\n\
     by = [\"shop\"]\nselect = { n = \"count(distinct item)\" }\n",
    // A slow partition holds the watermark back.
    "out_of_orderness = \"5m\"\npartition = \"shop\"\n[[output]]\npath = \"out/hours\"\nwindow = { tumbling = \"1h\" }\n\
     by = [\"shop\"]\nselect = { n = \"count(*)\", last = \"last(item)\" }\n",
];

/// Runs streamed jobs here and on the engine `lake`: their files are the same, late events are counted alike.
pub fn streamed_jobs(lab: &Lab, jobs: &[&str]) {
    log(lab);
    let mut late = 0;
    for job in jobs {
        let here = lab.done(&format!("{SOURCE}{job}"), &["--mode", "streamed", "--json"]);
        let files = out(lab);
        let account =
            |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["account"].clone();
        late += account(&here.out)["late"].as_u64().unwrap();
        for check in ["sample", "all"] {
            fs::remove_dir_all(lab.path("out")).unwrap();
            let answer = on(lab, &["--mode", "streamed", "--check", check, "--json"]);
            assert_eq!(answer.code, 0, "{job}: {}", answer.err);
            same(&out(lab), &files);
            assert_eq!(account(&answer.out), account(&here.out), "{job}");
        }
        fs::remove_dir_all(lab.path("out")).unwrap();
    }
    assert!(late > 100, "{late}");
}

#[test]
fn streamed_outputs_are_those_of_a_run() {
    let Some(lab) = lake() else { return };
    streamed_jobs(&lab, &STREAMED);
    // Sessions that leave late events out have no statement, and a backfill counts these.
    let session =
        "[[output]]\npath = \"out\"\nwindow = { session = \"1h\" }\nselect = { n = \"count(*)\" }\n";
    lab.write("job.toml", format!("{SOURCE}{session}"));
    let answer = on(&lab, &["--mode", "streamed"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    lab.done(&format!("{SOURCE}{}", STREAMED[0]), &["--mode", "streamed"]);
    lab.write("late.csv", "at,shop,item,amount,qty\n2024-03-31T01:30:00,north,i1,5.00,1\n");
    let job =
        lab.text("job.toml").replace("path = \"out/hours\"", "path = \"out/hours\"\nmode = \"streamed\"");
    lab.write("job.toml", job);
    let answer = lab.highwater(&["backfill", "job.toml", "late.csv", "--on", "lake"]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("the job is streamed: a backfill counts its late events"), "{}", answer.err);
}

#[test]
fn engines_that_are_not_there_are_refused() {
    let lab = Lab::new();
    log(&lab);
    lab.write("job.toml", format!("{SOURCE}[[output]]\npath = \"out\"\nselect = {{ n = \"count(*)\" }}\n"));
    lab.write(
        "engines.toml",
        "[lake]\ndriver = \"/no/such/libduckdb.so\"\n[store]\ndriver = \"adbc_driver_postgresql\"\n\
         uri = \"postgresql://me:${HIGHWATER_NO_SUCH}@db/x\"\n[big]\ndriver = \"adbc_driver_bigquery\"\n\
         [odd]\ndriver = \"x\"\ndialect = \"duckdbb\"\n",
    );
    let mut words = String::new();
    for engine in ["lak", "lake", "store", "big", "odd", "grpc://host:1"] {
        let answer = lab.highwater(&["run", "job.toml", "--on", engine]);
        assert_eq!(answer.code, 2, "{engine}: {}", answer.err);
        assert!(!lab.path("out").exists(), "{engine}");
        words += &answer.err;
    }
    insta::assert_snapshot!(words, @r#"
    error: there is no engine `lak`
      hint: did you mean `lake`?
      hint: an engine is an entry of @/engines.toml, or a URI: duckdb:…, postgresql://…, postgres://…, sc://…
    error: the driver `/no/such/libduckdb.so` of the engine `lake` cannot be loaded
      cause: Error with dynamic library: /no/such/libduckdb.so: cannot open shared object file: No such file or directory
      hint: install the driver, and name its library in engines.toml: driver = "/path/lib….so"
      hint: or put the folder of the library into ADBC_DRIVER_PATH
    error: the engine `store` needs the variable HIGHWATER_NO_SUCH, which is not set
    error: the engine `big` reads the SQL of bigquery, whose statements need a place for the files that is not known here
      hint: print them with `highwater sql`, put the place in, and run them there
    error: the engine `odd` reads the SQL of duckdbb, which is not a dialect
      hint: did you mean `duckdb`?
    error: the URI `grpc://…` does not say which engine answers
      hint: URIs with a known engine are duckdb:…, postgresql://…, postgres://…, sc://…
      hint: for another one write its driver, uri and dialect into @/engines.toml, and give the name of that entry
    "#);
}

#[test]
fn a_record_that_cannot_be_read_stops_the_run() {
    let Some(lab) = lake() else { return };
    lab.write("in/a.csv", "at,amount\n2024-01-01T00:00:00Z,1.50\n2024-01-01T00:00:00Z,1.x\n");
    lab.write(
        "job.toml",
        format!("{SOURCE}[[output]]\npath = \"out\"\nselect = {{ n = \"sum(amount)\" }}\n"),
    );
    let answer = on(&lab, &[]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(answer.err.contains("the engine `lake` cannot compute the statement"), "{}", answer.err);
    // Text that DuckDB takes for a number and a run does not.
    lab.write("in/a.csv", "at,amount\n2024-01-01T00:00:00Z,1.50\n2024-01-01T00:00:00Z,1_0\n");
    let answer = on(&lab, &[]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(!lab.path("out").exists());
}

#[test]
fn an_engine_that_gives_other_rows_is_found_out() {
    let Some(library) = library("HIGHWATER_DUCKDB_LIBRARY") else { return };
    let lab = Lab::new();
    log(&lab);
    // It adds a microsecond to the bounds of windows.
    let setup = "CREATE TEMP MACRO make_timestamp(us) AS TIMESTAMP '1970-01-01' + TO_MICROSECONDS(us + 1)";
    lab.write("engines.toml", format!("[lake]\ndriver = \"{library}\"\nsetup = [\"{setup}\"]\n"));
    let job = format!(
        "{SOURCE}[[output]]\npath = \"out\"\nwindow = {{ tumbling = \"90m\" }}\nby = [\"item\"]\nselect = {{ n = \"count(*)\" }}\n"
    );
    lab.write("job.toml", job);
    let answer = on(&lab, &[]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(answer.err.contains("the engine `lake` gives other rows for out than a run"), "{}", answer.err);
    assert!(!lab.path("out").exists());
    let answer = lab.highwater(&["verify", "job.toml", "--on", "lake"]);
    assert_eq!(answer.code, 1, "{}", answer.err);
}

#[test]
fn verify_runs_the_sql_of_the_job_on_an_engine() {
    let Some(lab) = lake() else { return };
    log(&lab);
    lab.write("job.toml", format!("{SOURCE}{OUTPUTS}"));
    let answer = lab.highwater(&["verify", "job.toml", "--on", "lake", "--json"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    let verdict: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(verdict["same"], true);
    assert_eq!(verdict["outputs"].as_array().unwrap().len(), 7);
    assert_eq!(verdict["outputs"][0]["there"]["name"], "the job's SQL by lake");
}

#[test]
fn postgresql_answers_through_its_driver() {
    let (Some(driver), Some(_)) = (library("HIGHWATER_POSTGRES_DRIVER"), crate::referee_postgres::postgres())
    else {
        return;
    };
    let lab = Lab::new();
    log(&lab);
    lab.write(
        "engines.toml",
        format!("[lake]\ndriver = \"{driver}\"\nuri = \"${{HIGHWATER_POSTGRES}}\"\ndialect = \"postgres\"\n"),
    );
    lab.done(&format!("{SOURCE}{OUTPUTS}"), &[]);
    let here = out(&lab);
    let answer = lab.highwater(&["verify", "job.toml", "--on", "lake"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    fs::remove_dir_all(lab.path("out")).unwrap();
    let answer = on(&lab, &[]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    same(&out(&lab), &here);
}

/// Three outputs: events, windows as folders, windows as a file.
pub const CRASH: &str = r#"
[source]
path = "in/*.jsonl"
time = "at"
[[output]]
path = "out/events"
partition_by = ["date"]
[[output]]
path = "out/hours"
format = "csv"
window = { tumbling = "1h" }
by = ["k"]
select = { n = "count(*)", sum = "sum(v)" }
partition_by = ["date"]
[[output]]
path = "out/days.jsonl"
window = { tumbling = "1d" }
select = { n = "count(*)" }
"#;

/// Events of some days.
pub fn events(days: std::ops::Range<u32>, v: u32) -> String {
    let event = |day, i| {
        format!("{{\"at\":\"2024-05-{day:02}T{:02}:10:00Z\",\"k\":\"k{}\",\"v\":{v}}}\n", i * 7, i % 2)
    };
    days.flat_map(|day| (0..3).map(move |i| event(day, i))).collect()
}

/// A run on the engine over outputs that are in place: parts stay, are replaced, come and go.
fn scene() -> Option<Scene> {
    let lab = lake()?;
    lab.write("job.toml", CRASH);
    lab.write("in/a.jsonl", events(2..4, 1));
    lab.write("in/c.jsonl", events(6..7, 1));
    let answer = on(&lab, &["-q", "--threads", "1"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    fs::remove_file(lab.path("in/c.jsonl")).unwrap();
    lab.write("in/b.jsonl", events(3..5, 2));
    Some(Scene::new(lab, &["run", "job.toml", "--on", "lake", "-q", "--threads", "1"]))
}

#[test]
fn a_run_on_an_engine_that_is_killed_leaves_the_old_outputs_or_the_new() {
    let Some(scene) = scene() else { return };
    scene.killed_at_every_call();
}

#[test]
fn of_two_runs_at_once_one_wins_and_the_other_is_told() {
    let Some(lab) = lake() else { return };
    log(&lab);
    lab.write("job.toml", format!("{SOURCE}[[output]]\npath = \"out\"\nselect = {{ n = \"count(*)\" }}\n"));
    let first = Transaction::begin(&[Target::folder(lab.path("out"))]).unwrap();
    let answer = on(&lab, &[]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("is being written by"), "{}", answer.err);
    drop(first);
    assert_eq!(on(&lab, &[]).code, 0);
}

#[test]
fn the_jobs_of_the_repository_are_the_same_on_duckdb() {
    let Some(lab) = lake() else { return };
    let (done, refused) = jobs_of_the_repository(&lab);
    println!("{done} jobs the same, {} refused: {refused:?}", refused.len());
    assert!(done >= 50, "{done}");
}

/// Runs the jobs of the repository here and on the engine `lake`: their files are the same, or the job is refused. Gives how
/// many are the same, and the numbers of those that are refused.
pub fn jobs_of_the_repository(lab: &Lab) -> (usize, Vec<String>) {
    std::os::unix::fs::symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("data"), lab.path("data")).unwrap();
    std::os::unix::fs::symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), lab.path("tests"))
        .unwrap();
    let mut jobs: Vec<_> =
        fs::read_dir(lab.path("tests/sql")).unwrap().map(|entry| entry.unwrap().path()).collect();
    jobs.push(lab.path("data/jobs/big-spenders.toml"));
    jobs.sort();
    let (mut done, mut refused) = (0, vec![]);
    for job in jobs.iter().filter(|job| job.extension().is_some_and(|e| e == "toml")) {
        let run = |more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
            lab.hear(command.arg("run").arg(job).args(["-q", "--rows", "3"]).args(more))
        };
        assert_eq!(run(&[]).code, 0, "{}", job.display());
        let here = out(lab);
        fs::remove_dir_all(lab.path("out")).unwrap();
        let answer = run(&["--on", "lake"]);
        match answer.code {
            0 => {
                same(&out(lab), &here);
                fs::remove_dir_all(lab.path("out")).unwrap();
                done += 1;
            }
            2 => refused.push(job.file_stem().unwrap().to_string_lossy()[..2].to_string()),
            code => panic!("{} ends with {code}: {}", job.display(), answer.err),
        }
        assert!(!lab.path("out").exists());
    }
    (done, refused)
}
