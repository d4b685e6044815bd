//! Why results differ: each cause that `verify` knows is planted, and found; next to the same cause with another
//! fault, of which it is not told.
//!
//! The other side is a result of this program from a job with the fault in it, written as CSV; so a test plants a
//! fault in a job or in data, and not in a result.

use crate::support::{Answer, Lab};

/// Payments of three shops over two days, in two files; some late, two that come again, one without a shop.
const MORNING: &str = "\
at,shop,amount
2024-03-01T00:00:00Z,north,1.50
2024-03-01T00:00:30Z,north,2.25
2024-03-01T00:01:00Z,south,4.00
2024-03-01T00:01:10Z,south,4.00
2024-03-01T00:02:00Z,north,0.75
2024-03-01T00:00:40Z,south,8.00
2024-03-01T00:02:30Z,,3.50
2024-03-01T00:02:30Z,east,0.00
2024-03-01T00:02:45Z,east,-1.25
2024-03-01T00:02:45Z,east,-1.25
";
const EVENING: &str = "\
at,shop,amount
2024-03-01T20:10:00Z,north,16.00
2024-03-01T20:10:20Z,south,32.50
2024-03-01T23:59:59Z,east,64.25
2024-03-02T00:00:00Z,east,128.00
";

/// A job over those files: what is `in` the source, the steps, and the output.
struct Job {
    top: &'static str,
    source: &'static str,
    steps: &'static str,
    output: &'static str,
}

const PLAIN: Job = Job {
    top: "",
    source: "path = \"in/*.csv\"",
    steps: "",
    output: "window = { tumbling = \"1m\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }",
};

impl Job {
    fn text(&self, path: &str) -> String {
        let Job { top, source, steps, output } = self;
        format!(
            "{top}\n[source]\n{source}\ntime = \"at\"\ntypes = {{ amount = \"decimal(18,2)\" }}\n{steps}\n[[output]]\n\
            path = \"{path}\"\n{output}\n"
        )
    }
}

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("in/1-morning.csv", MORNING);
    lab.write("in/2-evening.csv", EVENING);
    lab
}

/// The job `here` beside the result of the job `there`.
fn verified(lab: &Lab, here: &Job, there: &Job, args: &[&str]) -> Answer {
    lab.done(&there.text("there.csv"), &["--quiet"]);
    lab.write("here.toml", here.text("out/here"));
    lab.highwater(&[&["verify", "here.toml", "--against", "there.csv"], args].concat())
}

/// The line that tells why, if there is one.
fn why(answer: &Answer) -> Option<&str> {
    assert_eq!(answer.code, 1, "{}\n{}", answer.out, answer.err);
    answer.out.lines().find_map(|line| line.strip_prefix("why: "))
}

/// What is told of `here.toml` beside the result in `there`; something has to be.
fn said(lab: &Lab, there: &str) -> String {
    let answer = lab.highwater(&["verify", "here.toml", "--against", there]);
    why(&answer).unwrap_or_else(|| panic!("{}", answer.out)).to_string()
}

/// The planted fault is told, in words that begin so; with one value changed beside it nothing is.
fn told(here: &Job, there: &Job, begin: &str) {
    let lab = lab();
    let answer = verified(&lab, here, there, &[]);
    let said = why(&answer).unwrap_or_else(|| panic!("nothing told, of {begin}:\n{}", answer.out));
    assert!(said.starts_with(begin), "{said}\nin place of {begin}");

    let theirs = lab.text("there.csv");
    let last = theirs.trim_end().lines().last().unwrap();
    let (head, payments) = last.rsplit_once(',').unwrap();
    let wrong = format!("{head},{}", payments.parse::<i64>().unwrap() + 7);
    lab.write("there.csv", theirs.replace(last, &wrong));
    let answer = lab.highwater(&["verify", "here.toml", "--against", "there.csv"]);
    assert_eq!(why(&answer), None, "{begin}: told of a difference that it is not");
}

#[test]
fn nothing_is_told_where_nothing_differs() {
    let lab = lab();
    let answer = verified(&lab, &PLAIN, &PLAIN, &[]);
    assert_eq!(answer.code, 0, "{}\n{}", answer.out, answer.err);
    assert!(!answer.out.contains("why: "), "{}", answer.out);
}

#[test]
fn late_events() {
    let streamed = |mode| Job { top: mode, ..PLAIN };
    // The event of 00:00:40 came when the watermark was at 00:02:00.
    told(
        &streamed("mode = \"streamed\""),
        &PLAIN,
        "late events: this output is streamed, and 1 event came too late",
    );
    told(&PLAIN, &streamed("mode = \"streamed\""), "late events: the other side leaves out the 1 event");
}

#[test]
fn a_time_zone_of_days() {
    let days = "window = { tumbling = \"1 day\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }";
    let zone = |top| Job { top, output: days, ..PLAIN };
    told(&zone("timezone = \"Asia/Jakarta\""), &zone(""), "a time zone: the other side is right for UTC");
    told(&zone(""), &zone("timezone = \"Asia/Jakarta\""), "a time zone: the other side is right for UTC+7");
}

#[test]
fn a_time_zone_of_clocks() {
    let lab = lab();
    lab.done(&PLAIN.text("there.csv"), &["--quiet"]);
    let theirs = lab.text("there.csv");
    let shifted: Vec<String> = theirs
        .lines()
        .map(|line| {
            let fields: Vec<String> = line.split(',').map(later).collect();
            fields.join(",")
        })
        .collect();
    lab.write("shifted.csv", shifted.join("\n") + "\n");
    lab.write("here.toml", PLAIN.text("out/here"));
    let said = said(&lab, "shifted.csv");
    assert!(said.starts_with("a time zone: every time there is 2 hours later than here"), "{said}");
}

/// An instant two hours later; another field as it is.
fn later(field: &str) -> String {
    match chrono::DateTime::parse_from_rfc3339(field) {
        Ok(time) => (time + chrono::TimeDelta::hours(2)).format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => field.to_string(),
    }
}

#[test]
fn bounds_of_windows() {
    // Every event a microsecond earlier, shown a microsecond later: (start, end].
    let lab = lab();
    let output = "window = { tumbling = \"1m\", offset = \"1us\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }";
    lab.done(&Job { output, ..PLAIN }.text("there.csv"), &["--quiet"]);
    let theirs = lab.text("there.csv").replace(".000001Z", "Z");
    lab.write("there.csv", theirs);
    lab.write("here.toml", PLAIN.text("out/here"));
    let said = said(&lab, "there.csv");
    assert!(said.starts_with("bounds: the other side takes a window's end as inside it"), "{said}");
}

#[test]
fn bounds_of_both_ends() {
    let lab = lab();
    let output = "window = { hopping = \"60000001us\", slide = \"1m\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }";
    lab.done(&Job { output, ..PLAIN }.text("there.csv"), &["--quiet"]);
    let theirs = lab.text("there.csv").replace(".000001Z", "Z");
    lab.write("there.csv", theirs);
    lab.write("here.toml", PLAIN.text("out/here"));
    let said = said(&lab, "there.csv");
    assert!(said.starts_with("bounds: the other side takes both bounds"), "{said}");
}

#[test]
fn bounds_of_sessions_and_filters() {
    let sessions = |gap| Job {
        output: match gap {
            10 => {
                "window = { session = \"10s\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }"
            }
            _ => {
                "window = { session = \"9999999us\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }"
            }
        },
        ..PLAIN
    };
    let lab = lab();
    lab.done(&sessions(9).text("there.csv"), &["--quiet"]);
    let exact: Vec<String> = lab.text("there.csv").lines().map(whole_seconds).collect();
    lab.write("there.csv", exact.join("\n") + "\n");
    lab.write("here.toml", sessions(10).text("out/here"));
    let said = said(&lab, "there.csv");
    assert!(said.starts_with("bounds: the other side takes an event exactly one gap after"), "{said}");

    let filtered = |steps| Job { steps, ..PLAIN };
    told(
        &filtered("[[step]]\nfilter = \"amount > 0\""),
        &filtered("[[step]]\nfilter = \"amount >= 0\""),
        "bounds: with the filter `amount >= 0` instead of `amount > 0`",
    );
}

/// `…:09.999999Z` as the second after it.
fn whole_seconds(line: &str) -> String {
    let fields = line.split(',').map(|field| match chrono::DateTime::parse_from_rfc3339(field) {
        Ok(time) if time.timestamp_subsec_micros() == 999_999 => {
            (time + chrono::TimeDelta::microseconds(1)).to_rfc3339()
        }
        _ => field.to_string(),
    });
    fields.collect::<Vec<_>>().join(",")
}

#[test]
fn noise_of_floats() {
    let lab = Lab::new();
    let rows: String = (0..50).map(|i| format!("2024-03-01T00:00:{i:02}Z,north,0.1\n")).collect();
    lab.write("in/1.csv", format!("at,shop,amount\n{rows}"));
    let job = PLAIN.text("out/here").replace("decimal(18,2)", "float64");
    lab.write("here.toml", &job);
    // Fifty times 0.1, one after the other.
    let sum = (0..50).fold(0.0, |sum, _| sum + 0.1);
    let theirs = |sum: f64| {
        format!(
            "window_start,window_end,shop,total,payments\n2024-03-01T00:00:00Z,2024-03-01T00:01:00Z,north,{sum:?},50\n"
        )
    };
    assert_ne!(sum, 5.0);
    lab.write("there.csv", theirs(sum));
    let said = said(&lab, "there.csv");
    assert!(said.starts_with("floating-point noise"), "{said}");
    assert!(said.contains("`total`: 5.0 exactly"), "{said}");
    // A digit further to the left is none.
    lab.write("there.csv", theirs(5.000_001));
    let said = lab.highwater(&["verify", "here.toml", "--against", "there.csv"]);
    assert!(!why(&said).unwrap_or("").contains("noise"), "{}", said.out);

    // Decimals here, and floats that were added up there.
    lab.write("here.toml", PLAIN.text("out/here"));
    lab.write("there.csv", theirs(sum));
    let answer = lab.highwater(&["verify", "here.toml", "--against", "there.csv"]);
    assert!(why(&answer).unwrap_or("").starts_with("floating-point noise"), "{}", answer.out);
    lab.write("there.csv", theirs(5.01));
    let answer = lab.highwater(&["verify", "here.toml", "--against", "there.csv"]);
    assert!(!why(&answer).unwrap_or("").contains("noise"), "{}", answer.out);
}

#[test]
fn duplicates_counted_or_not() {
    let steps = "[[step]]\ndedup = [\"at\", \"shop\", \"amount\"]";
    told(&PLAIN, &Job { steps, ..PLAIN }, "duplicates: 1 event that equals an earlier one");
    told(
        &Job { steps, ..PLAIN },
        &PLAIN,
        "duplicates: the other side counts the events that the job's `dedup`",
    );
}

#[test]
fn null_groups_left_out() {
    let steps = "[[step]]\nfilter = \"shop IS NOT NULL\"";
    told(&PLAIN, &Job { steps, ..PLAIN }, "NULL groups: there is 1 group here with a key that is NULL");
}

#[test]
fn a_file_missing_or_read_twice() {
    told(
        &PLAIN,
        &Job { source: "path = \"in/1-morning.csv\"", ..PLAIN },
        "an input file: the other side has not read in/2-evening.csv",
    );
    let lab = lab();
    lab.write("again/2-evening.csv", EVENING);
    let there = Job { source: "path = [\"in/*.csv\", \"again/*.csv\"]", ..PLAIN };
    let answer = verified(&lab, &PLAIN, &there, &[]);
    let said = why(&answer).unwrap_or_else(|| panic!("{}", answer.out));
    assert!(said.starts_with("an input file: the other side has read in/2-evening.csv twice"), "{said}");
}

#[test]
fn a_file_of_many() {
    let lab = Lab::new();
    for n in 0..30 {
        let rows: String =
            (0..20).map(|i| format!("2024-03-{:02}T00:00:{i:02}Z,north,{n}.25\n", n % 28 + 1)).collect();
        lab.write(&format!("in/{n}.csv"), format!("at,shop,amount\n{rows}"));
    }
    lab.done(&PLAIN.text("all.csv"), &["--quiet"]);
    std::fs::rename(lab.path("in/17.csv"), lab.path("17.csv")).unwrap();
    lab.done(&PLAIN.text("there.csv"), &["--quiet"]);
    std::fs::rename(lab.path("17.csv"), lab.path("in/17.csv")).unwrap();
    lab.write("here.toml", PLAIN.text("out/here"));
    let said = said(&lab, "there.csv");
    assert!(said.starts_with("an input file: the other side has not read in/17.csv"), "{said}");
}

#[test]
fn a_filter_flipped_or_left_out() {
    let filtered = |steps| Job { steps, ..PLAIN };
    let here = filtered("[[step]]\nfilter = \"amount > 3\"");
    told(&here, &filtered("[[step]]\nfilter = \"NOT amount > 3\""), "a filter: with `NOT (amount > 3)`");
    told(&here, &PLAIN, "a filter: without `amount > 3`");
    let having = Job {
        output: "window = { tumbling = \"1m\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }\nhaving = \"total > 3\"",
        ..PLAIN
    };
    told(&having, &PLAIN, "a filter: without `having`");
}

/// With columns of the other side's own, a changed job is compared by them too, in whatever order it selects.
#[test]
fn a_cause_beside_columns_of_another_name() {
    let lab = lab();
    let having = Job {
        output: "window = { tumbling = \"1m\" }\nby = [\"shop\"]\nselect = { total = \"sum(amount)\", payments = \"count(*)\" }\nhaving = \"total > 3\"",
        ..PLAIN
    };
    lab.done(&PLAIN.text("there.csv"), &["--quiet"]);
    let theirs =
        lab.text("there.csv").replace("window_start,window_end,shop,total", "begin,window_end,shop,sum");
    lab.write("there.csv", theirs);
    lab.write("here.toml", having.text("out/here"));
    let map = ["--map", "begin=window_start", "--map", "sum=total"];
    let answer = lab.highwater(&[&["verify", "here.toml", "--against", "there.csv"], &map[..]].concat());
    assert_eq!(why(&answer), Some("a filter: without `having` both sides are the same"), "{}", answer.out);
}

#[test]
fn a_value_that_is_another() {
    let lab = lab();
    let answer = verified(&lab, &PLAIN, &PLAIN, &[]);
    assert_eq!(answer.code, 0);
    let theirs = lab.text("there.csv");
    lab.write("there.csv", theirs.replace("16.00", "16.01"));
    let answer = lab.highwater(&["verify", "here.toml", "--against", "there.csv", "--explain"]);
    let said = why(&answer).unwrap_or_else(|| panic!("{}", answer.out));
    assert!(said.starts_with("values: the numbers of events agree in every group (`payments`)"), "{said}");
    // The event, by file and line.
    assert!(answer.out.contains("in/2-evening.csv:2"), "{}", answer.out);
    assert!(!answer.out.contains("in/2-evening.csv:3"), "{}", answer.out);
}

/// `GROUP BY date_trunc('month', t)::date` on a clock of the job's zone.
#[test]
fn a_window_by_the_day_of_the_jobs_zone_is_the_same() {
    let lab = Lab::new();
    lab.write(
        "job.toml",
        "timezone = \"Asia/Jakarta\"\n[source]\npath = \"x.csv\"\ntime = \"t\"\n[[output]]\npath = \"out.csv\"\n\
        window = { tumbling = \"1 month\" }\nby = [\"k\"]\nselect = { s = \"sum(v)\" }\n",
    );
    lab.write("x.csv", "t,k,v\n2022-05-07 01:30:00,b,3\n2022-06-01 02:00:00,b,4\n");
    let map = ["--map", "month=CAST(window_start AS DATE)"];
    let against = |months: [&str; 2]| {
        lab.write("sql.csv", format!("month,k,s\n{},b,3\n{},b,4\n", months[0], months[1]));
        lab.highwater(&[&["verify", "job.toml", "--against", "sql.csv"], &map[..]].concat()).code
    };
    assert_eq!(against(["2022-05-01", "2022-06-01"]), 0);
    assert_eq!(against(["2022-04-30", "2022-05-31"]), 1);
}
