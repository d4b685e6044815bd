//! What programs see of a run: `--log json`, `--metrics`, and the table of `--verbose`.

use crate::golden::with_data;
use crate::support::{Answer, Lab};
use serde_json::Value;

/// The lines of a log for programs; each is an object with a time, a level and an event.
fn events(err: &str) -> Vec<Value> {
    let lines = err.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{err}"));
        let time = event["time"].as_str().expect(line);
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok() && time.ends_with('Z'), "{line}");
        assert!(["info", "warning", "error"].contains(&event["level"].as_str().expect(line)), "{line}");
        assert!(!event["event"].as_str().expect(line).is_empty(), "{line}");
        event
    });
    lines.collect()
}

const BAD: &str = "[source]\npath = \"bad.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n[[output]]\npath = \"x.csv\"\n\
    by = [\"k\"]\nselect = { n = \"sum(v)\" }\n";

fn lab() -> Lab {
    let lab = with_data();
    lab.write("bad.csv", format!("at,k,v\n{}3,a,x\n", "1,a,2\n".repeat(300)));
    lab.write("bad.toml", BAD.replace("sum(v)", "count(*)"));
    lab.write("typed.toml", BAD.replace("time_unit", "types = { v = \"int64\" }\ntime_unit"));
    lab.write("wrong.toml", "nmae = \"x\"\n[source]\npath = 1\ntime = \"t\"\n[[output]]\npth = \"o\"\n");
    lab.write(
        "secret.toml",
        BAD.replace("x.csv", "postgres://me:s3cret@localhost:1/d/t").replace("sum(v)", "count(*)"),
    );
    lab.write("other.csv", "account_no,total\n1,2\n");
    lab
}

/// Whatever a command says on stderr, fails at, or is misused by.
#[test]
fn every_line_of_a_log_for_programs_is_an_object() {
    let lab = lab();
    let commands: [(&str, i32); 24] = [
        ("run data/jobs/big-spenders.toml", 0),
        ("run data/jobs/big-spenders.toml --quiet", 0),
        ("run data/jobs/big-spenders.toml --json", 0),
        ("run data/jobs/pageviews-per-postcode.toml --verbose --mode streamed", 0),
        ("run data/jobs/pageviews-archive.toml", 0),
        ("backfill data/jobs/pageviews-archive.toml data/pageviews-late/late.csv --plan", 0),
        ("backfill data/jobs/pageviews-archive.toml data/pageviews-late/late.csv --verbose", 0),
        ("audit data/jobs/sales-per-seller.toml", 0),
        ("inspect data/jobs/user-sessions.toml --at 2024-06-01T12:00", 0),
        ("verify data/jobs/big-spenders.toml", 0),
        ("verify out/big-spenders.csv --against other.csv", 1),
        ("explain data/jobs/pageviews.toml", 0),
        ("sql data/jobs/pageviews.toml", 0),
        ("generate sales --rows 10 --out out/generated", 0),
        ("check data/jobs/pageviews.toml", 0),
        ("check wrong.toml", 2),
        ("run wrong.toml", 2),
        ("run bad.toml", 0),
        ("run typed.toml", 3),
        ("run secret.toml", 4),
        ("run no-such.toml", 2),
        ("run data/jobs/pageviews.toml --metrics no-such-folder/x.prom", 2),
        ("schema", 0),
        ("man nothing", 2),
    ];
    for (line, code) in commands {
        let words: Vec<&str> = line.split(' ').collect();
        let text = lab.highwater(&words);
        let answer = lab.highwater(&[&words[..], &["--log", "json"]].concat());
        assert_eq!((answer.code, text.code), (code, code), "{line}\n{}\n{}", answer.err, text.err);
        let events = events(&answer.err);
        let (first, last) = (events.first().expect(line), events.last().expect(line));
        assert_eq!((first["event"].as_str(), first["command"].as_str()), (Some("start"), Some(words[0])));
        assert_eq!((last["event"].as_str(), last["exit_code"].as_i64()), (Some("end"), Some(code.into())));
        assert!(last["seconds"].as_f64().is_some(), "{last}");
        let errors: Vec<&Value> = events.iter().filter(|event| event["level"] == "error").collect();
        assert_eq!(errors.is_empty(), code <= 1, "{line}: {}", answer.err);
        for error in &errors {
            assert_eq!(error["exit_code"], code, "{error}");
            let kind = [(2, "job"), (3, "data"), (4, "machine")].iter().find(|(c, _)| *c == code).unwrap().1;
            assert_eq!(error["kind"], kind, "{error}");
            let message = error["message"].as_str().expect(line);
            assert!(text.err.contains(&format!("error: {message}")), "{message}\n{}", text.err);
            for hint in error["hints"].as_array().expect(line) {
                assert!(text.err.contains(&format!("hint: {}", hint.as_str().unwrap())), "{hint}");
            }
        }
        assert_eq!(errors.len(), text.err.matches("error: ").count(), "{line}\n{}", text.err);
        assert!(!answer.err.contains("s3cret"), "{}", answer.err);
    }
}

#[test]
fn wrong_use_is_an_object_too() {
    let lab = lab();
    for line in
        ["", "rnu", "run", "run job.toml --thread 2", "run job.toml --memory much", "sql x --dialect y"]
    {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        for log in [&["--log", "json"][..], &["--log=json"]] {
            let Answer { code, out, err } = lab.highwater(&[log, &words[..]].concat());
            assert_eq!((code, out.as_str()), (2, ""), "{line}");
            let events = events(&err);
            let [error] = &events[..] else { panic!("{line}: {err}") };
            assert_eq!((error["event"].as_str(), error["kind"].as_str()), (Some("error"), Some("usage")));
            assert!(!error["message"].as_str().unwrap().is_empty() && error["exit_code"] == 2, "{error}");
        }
    }
    let tip = events(&lab.highwater(&["--log", "json", "run", "job.toml", "--thread", "2"]).err);
    assert_eq!(tip[0]["message"], "unexpected argument '--thread' found");
    assert_eq!(tip[0]["hints"][0], "a similar argument exists: '--threads'");
    // What was asked for is an answer.
    let help = lab.highwater(&["--log", "json", "run", "--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
}

/// The log of a run, without what is new each time.
#[test]
fn a_run_logs_its_account_and_its_outputs() {
    let lab = lab();
    let log = |words: &[&str]| {
        let answer = lab.highwater(&[words, &["--log", "json", "--threads", "1"]].concat());
        let mut text = String::new();
        for mut event in events(&answer.err) {
            for key in ["time", "seconds", "version", "cpu_seconds", "wall_seconds", "peak_bytes"] {
                if event.get(key).is_some() {
                    event[key] = "…".into();
                }
            }
            for (name, keys) in
                [("read", &["message"][..]), ("stage", &["message"]), ("memory", &["message"])]
            {
                if event["event"] == name {
                    keys.iter().for_each(|key| event[*key] = "…".into());
                }
            }
            text.push_str(&format!("{event}\n"));
        }
        text
    };
    insta::assert_snapshot!(log(&["run", "data/jobs/user-sessions.toml", "--verbose"]), @r#"
    {"time":"…","level":"info","event":"start","command":"run","version":"…","arguments":["run","data/jobs/user-sessions.toml","--verbose","--log","json","--threads","1"]}
    {"time":"…","level":"info","event":"account","message":"read 800 = 0 rejected + 0 filtered + 0 duplicate + 0 late + 800 counted","read":800,"rejected":0,"filtered":0,"duplicate":0,"late":0,"counted":800}
    {"time":"…","level":"info","event":"output","message":"out/user-sessions.csv: 361 rows","path":"out/user-sessions.csv","rows":361,"written":1,"unchanged":0,"removed":0}
    {"time":"…","level":"info","event":"output","path":"-","rows":24,"written":0,"unchanged":0,"removed":0}
    {"time":"…","level":"info","event":"read","message":"…","bytes":208487,"files":1,"seconds":"…"}
    {"time":"…","level":"info","event":"stage","message":"…","stage":"read","rows":0,"bytes":208487,"cpu_seconds":"…","wall_seconds":"…"}
    {"time":"…","level":"info","event":"stage","message":"…","stage":"decode","rows":800,"bytes":208487,"cpu_seconds":"…","wall_seconds":"…"}
    {"time":"…","level":"info","event":"stage","message":"…","stage":"fold","rows":800,"bytes":0,"cpu_seconds":"…","wall_seconds":"…"}
    {"time":"…","level":"info","event":"stage","message":"…","stage":"write","rows":385,"bytes":42837,"cpu_seconds":"…","wall_seconds":"…"}
    {"time":"…","level":"info","event":"stage","message":"…","stage":"commit","rows":0,"bytes":0,"cpu_seconds":"…","wall_seconds":"…"}
    {"time":"…","level":"info","event":"memory","message":"…","peak_bytes":"…"}
    {"time":"…","level":"info","event":"end","exit_code":0,"seconds":"…"}
    "#);
    insta::assert_snapshot!(log(&["run", "wrong.toml"]), @r#"
    {"time":"…","level":"info","event":"start","command":"run","version":"…","arguments":["run","wrong.toml","--log","json","--threads","1"]}
    {"time":"…","level":"error","event":"error","message":"unknown key `nmae` in the job","kind":"job","causes":[],"hints":["did you mean `name`?"],"exit_code":2,"place":{"file":"wrong.toml","line":1,"column":1,"text":"nmae = \"x\""}}
    {"time":"…","level":"error","event":"error","message":"`path` must be a string or a list of strings, not integer","kind":"job","causes":[],"hints":[],"exit_code":2,"place":{"file":"wrong.toml","line":3,"column":8,"text":"path = 1"}}
    {"time":"…","level":"error","event":"error","message":"an [[output]] has no `path`","kind":"job","causes":[],"hints":["a folder, a file, postgres://…/table, a page (.html), or \"-\" for the terminal"],"exit_code":2,"place":{"file":"wrong.toml","line":5,"column":1,"text":"[[output]]"}}
    {"time":"…","level":"error","event":"error","message":"unknown key `pth` in [[output]]","kind":"job","causes":[],"hints":["did you mean `path`?"],"exit_code":2,"place":{"file":"wrong.toml","line":6,"column":1,"text":"pth = \"o\""}}
    {"time":"…","level":"info","event":"end","exit_code":2,"seconds":"…"}
    "#);
    insta::assert_snapshot!(log(&["run", "typed.toml"]), @r#"
    {"time":"…","level":"info","event":"start","command":"run","version":"…","arguments":["run","typed.toml","--log","json","--threads","1"]}
    {"time":"…","level":"error","event":"error","message":"bad.csv, line 302, byte 1807: column `v`: `x` is not an int64","kind":"data","causes":[],"hints":["on_bad_record = \"reject\" sets such records aside and continues"],"exit_code":3,"place":{"file":"bad.csv","line":302,"column":5,"text":"3,a,x"}}
    {"time":"…","level":"info","event":"end","exit_code":3,"seconds":"…"}
    "#);
}

#[test]
fn verbose_shows_each_stage_that_worked() {
    let lab = lab();
    let answer = lab.highwater(&["run", "data/jobs/pageviews-per-postcode.toml", "--verbose"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let lines: Vec<&str> = answer.err.lines().skip_while(|line| !line.starts_with("stage")).collect();
    let table: Vec<Vec<&str>> = lines.iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(table[0], ["stage", "rows", "bytes", "cpu", "wall", "MB/s"]);
    let rows: Vec<(&str, &str)> = table[1..table.len() - 1].iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(
        rows,
        [
            ("read", "-"),
            ("decode", "6,000"),
            ("order", "6,000"),
            ("fold", "6,000"),
            ("write", "12,005"),
            ("commit", "-"),
        ]
    );
    assert_eq!(table[1][2..4], ["340.5", "kB"]);
    assert!(lines.last().unwrap().starts_with("the most memory: "), "{}", answer.err);
    // Nothing of it without the word.
    assert!(!lab.highwater(&["run", "data/jobs/pageviews-per-postcode.toml"]).err.contains("stage"));
}

/// The value of a metric, by the beginning of its line.
fn metric(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| line.starts_with(name));
    let line = lines.next()?;
    assert!(lines.next().is_none(), "{name} is not one series\n{text}");
    line.rsplit(' ').next().unwrap().parse().ok()
}

#[test]
fn metrics_are_written_whatever_comes_of_a_run() {
    let lab = lab();
    lab.write("metrics/.keep", "");
    let run = |words: &[&str]| {
        let answer = lab.highwater(&[words, &["--metrics", "metrics/job.prom"]].concat());
        (answer.code, lab.text("metrics/job.prom"), answer.err)
    };
    let (code, text, err) = run(&["run", "data/jobs/pageviews-per-postcode.toml"]);
    assert_eq!(code, 0, "{err}");
    let of = |name: &str| metric(&text, name);
    assert_eq!(
        of("highwater_last_run_success{command=\"run\",job_name=\"pageviews-per-postcode\"} "),
        Some(1.0)
    );
    let records = |outcome: &str| {
        of(&format!(
            "highwater_records{{command=\"run\",job_name=\"pageviews-per-postcode\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!((records("late"), records("counted")), (Some(179.0), Some(5821.0)));
    assert_eq!(of("highwater_input_files{"), Some(2.0));
    let decoded =
        "highwater_stage_rows{command=\"run\",job_name=\"pageviews-per-postcode\",stage=\"decode\"}";
    assert_eq!(of(decoded), Some(6000.0));
    let (last, lag) =
        (of("highwater_event_time_max_timestamp_seconds{").unwrap(), of("highwater_lag_seconds{").unwrap());
    let ended = of("highwater_last_run_timestamp_seconds{").unwrap();
    assert!((ended - last - lag).abs() < 0.01, "{ended} − {last} is not {lag}");
    assert!(of("highwater_watermark_timestamp_seconds{").unwrap() <= last);
    let succeeded = of("highwater_last_success_timestamp_seconds{");
    assert_eq!(succeeded, Some(ended));

    for (words, code) in [(["run", "typed.toml"], 3), (["run", "wrong.toml"], 2), (["run", "gone.toml"], 2)] {
        let (found, text, _) = run(&words);
        assert_eq!(found, code, "{words:?}");
        assert_eq!(metric(&text, "highwater_last_run_success{"), Some(0.0), "{text}");
        assert_eq!(metric(&text, "highwater_last_success_timestamp_seconds{"), succeeded, "{text}");
        let name = words[1].trim_end_matches(".toml");
        assert!(text.contains(&format!("job_name=\"{name}\"")), "{text}");
    }
    for words in [
        &["audit", "data/jobs/pageviews-per-postcode.toml"][..],
        &["verify", "data/jobs/big-spenders.toml"],
        &["backfill", "data/jobs/pageviews-per-postcode.toml", "out/pageviews-late.jsonl"],
    ] {
        let (code, text, err) = run(words);
        assert_eq!(code, 0, "{words:?}: {err}");
        assert!(text.contains(&format!("highwater_last_run_success{{command=\"{}\"", words[0])), "{text}");
    }
    // Nothing is left beside it.
    assert_eq!(lab.files("metrics").into_keys().collect::<Vec<_>>(), [".keep", "job.prom"]);
    let wrong = lab.highwater(&["run", "data/jobs/pageviews.toml", "--metrics", "metrics/job.txt"]);
    insta::assert_snapshot!(wrong.words(), @r#"
    exit 2
    error: the metrics cannot be written to metrics/job.txt
      hint: a node exporter's textfile collector reads only files that end in .prom
    "#);
}
