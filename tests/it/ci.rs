//! What `check` and `verify` give to systems of continuous integration: JUnit, SARIF, annotations, limits, exit codes.

use crate::golden::with_data;
use crate::support::{Answer, Lab};
use serde_json::Value;

const JOB: &str = r#"
[source]
path = "in.csv"
time = "t"
types = { k = "string" }
[[output]]
path = "o.csv"
window = { tumbling = "1h" }
by = ["k"]
select = { n = "count(*)", total = "sum(v)" }
"#;

/// Four groups of one event each; `k` is a secret word.
const LOG: &str = "t,k,v\n2024-06-01T00:00:00Z,swordfish1,1\n2024-06-01T00:00:00Z,swordfish2,2\n\
    2024-06-01T00:00:00Z,swordfish3,3\n2024-06-01T00:00:00Z,swordfish4,4\n";

/// A lab with the job, its output, and a copy of it in which one of four rows is another.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("in.csv", LOG);
    lab.done(JOB, &["--quiet"]);
    let theirs = lab.text("o.csv");
    lab.write("same.csv", &theirs);
    lab.write("other.csv", theirs.replace("swordfish4,1,4", "swordfish4,1,777777777777"));
    lab
}

fn against(lab: &Lab, theirs: &str, args: &[&str]) -> Answer {
    lab.highwater(&[&["verify", "job.toml", "--against", theirs], args].concat())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn rows_that_differ_are_accepted_up_to_the_limit_and_still_reported() {
    let lab = lab();
    // One of four rows: 25 %.
    for (limit, code) in [("0", 1), ("1", 0), ("24.999999%", 1), ("25%", 0), ("49%", 0), ("0%", 1)] {
        let answer = against(&lab, "other.csv", &["--max-different", limit]);
        assert_eq!(answer.code, code, "{limit}: {}{}", answer.out, answer.err);
        assert!(answer.out.contains("o.csv: different, 1 of 4 rows"), "{}", answer.out);
        assert!(answer.out.contains("777777777777"), "{}", answer.out);
        let word =
            if code == 0 { "  accepted: at most" } else { "  not accepted: more rows differ; at most" };
        assert!(answer.out.contains(word), "{}", answer.out);
    }
    assert_eq!(against(&lab, "other.csv", &[]).code, 1);
    let value = json(&against(&lab, "other.csv", &["--max-different", "25%", "--json"]).out);
    assert_eq!((&value["same"], &value["accepted"]), (&false.into(), &true.into()));
    let output = &value["outputs"][0];
    assert_eq!(output["same"], false);
    assert_eq!(
        output["max_different"],
        serde_json::json!({ "given": "25%", "rows": 1, "different": 1, "accepted": true, "why": null })
    );
    // Without the flag the report has no such key.
    let plain = json(&against(&lab, "other.csv", &["--json"]).out);
    assert!(plain.get("accepted").is_none() && plain["outputs"][0].get("max_different").is_none(), "{plain}");
    let markdown = against(&lab, "other.csv", &["--max-different", "1", "--markdown"]).out;
    assert!(markdown.starts_with("### `o.csv`: different") && !markdown.contains('✅'), "{markdown}");
}

#[test]
fn what_is_not_a_row_that_differs_is_never_accepted() {
    let lab = lab();
    let all = ["--max-different", "100%"];
    lab.write("empty.csv", "window_start,window_end,k,n,total\n");
    let head = lab.text("o.csv");
    let column = head.replace(",total\n", ",sum\n");
    lab.write("column.csv", column);
    lab.write("twice.csv", head.clone() + head.lines().last().unwrap() + "\n");
    let why = [
        ("empty.csv", "one side has no rows"),
        ("column.csv", "the columns are not the same"),
        ("twice.csv", "keys come more than once"),
    ];
    for (theirs, why) in why {
        let answer = against(&lab, theirs, &all);
        assert_eq!(answer.code, 1, "{theirs}: {}{}", answer.out, answer.err);
        assert!(answer.out.contains(&format!("not accepted: {why}")), "{}", answer.out);
    }
    // Errors keep their codes.
    assert_eq!(against(&lab, "missing.csv", &all).code, 2);
    lab.write("bad.csv", "a,a\n1,2\n");
    assert_eq!(against(&lab, "bad.csv", &all).code, 3);
    for wrong in ["-1", "1.5", "101%", "x", "0.0000001%"] {
        let answer = against(&lab, "same.csv", &["--max-different", wrong]);
        assert_eq!(answer.code, 2, "{wrong}: {}", answer.err);
    }
}

#[test]
fn counts_only_shows_no_value_anywhere() {
    let lab = lab();
    // A key that comes twice, a word for NULL, and a row that only one side has.
    let theirs = lab.text("other.csv") + "2024-06-01T00:00:00Z,2024-06-01T01:00:00Z,swordfish9,5,N/A\n";
    let twice = theirs.lines().last().unwrap().to_string() + "\n";
    lab.write("theirs.csv", theirs + &twice);
    // With values they are there, or the test would not show anything.
    let open = against(&lab, "theirs.csv", &[]);
    assert!(
        open.code == 1 && open.out.contains("swordfish4") && open.out.contains("777777777777"),
        "{}",
        open.out
    );
    assert!(open.out.contains("N/A"), "{}", open.out);
    let files = ["--junit", "r.xml", "--html", "r.html", "--lineage", "l.jsonl", "--metrics", "m.prom"];
    for format in [&[][..], &["--json"], &["--markdown"], &["--log", "github"], &["--log", "json"]] {
        let answer = against(&lab, "theirs.csv", &[&["--counts-only"], format, &files].concat());
        assert_eq!(answer.code, 1, "{}{}", answer.out, answer.err);
        let all = answer.out
            + &answer.err
            + &["r.xml", "r.html", "l.jsonl", "m.prom"].map(|name| lab.text(name)).concat();
        for value in ["swordfish", "777777777777", "N/A"] {
            assert!(!all.contains(value), "{value} is shown with {format:?}");
        }
        for count in ["different", "total", "o.csv"] {
            assert!(all.contains(count), "{count} is missing with {format:?}");
        }
    }
    let value = json(&against(&lab, "theirs.csv", &["--counts-only", "--json"]).out);
    assert_eq!(value["counts_only"], true);
    assert_eq!(value["outputs"][0]["rows"]["differing"], 1);
    assert_eq!(value["outputs"][0]["duplicate_keys"], 1);
    assert_eq!(against(&lab, "theirs.csv", &["--counts-only", "--explain"]).code, 2);
    assert_eq!(against(&lab, "same.csv", &["--counts-only"]).code, 0);
}

#[test]
fn counts_only_hides_the_values_of_errors_too() {
    let lab = lab();
    lab.write("in.csv", LOG.replace(",4\n", ",swordfish\n"));
    let job = JOB.replace("types = {", "types = { v = \"int64\",");
    lab.write("job.toml", job);
    let open = lab.highwater(&["verify", "job.toml"]);
    assert!(open.code == 3 && open.err.contains("swordfish"), "{}", open.err);
    let args = ["verify", "job.toml", "--counts-only", "--lineage", "l.jsonl", "--junit", "r.xml"];
    for log in ["text", "json", "github"] {
        let answer = lab.highwater(&[&args[..], &["--log", log]].concat());
        assert_eq!(answer.code, 3, "{}", answer.err);
        let all = answer.out + &answer.err + &lab.text("l.jsonl") + &lab.text("r.xml");
        assert!(!all.contains("swordfish"), "{all}");
    }
    assert!(lab.text("r.xml").contains("errors=\"1\""), "{}", lab.text("r.xml"));
}

#[test]
fn junit_has_a_case_for_each_output() {
    let lab = with_data();
    let answer = lab.highwater(&["verify", "data/jobs/big-spenders.toml", "--junit", "r.xml"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let xml = lab.text("r.xml");
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"highwater verify\" tests=\"3\" failures=\"0\" errors=\"0\" "), "{xml}");
    for output in ["out/big-spenders", "out/big-spenders.csv", "-"] {
        assert!(
            xml.contains(&format!("<testcase name=\"{output}\" classname=\"highwater.verify\">")),
            "{xml}"
        );
    }
    let other = crate::ci::lab();
    assert_eq!(against(&other, "other.csv", &["--junit", "r.xml"]).code, 1);
    let xml = other.text("r.xml");
    assert!(xml.contains("<failure type=\"different\" message=\"o.csv: different, 1 of 4 rows\">"), "{xml}");
    assert!(xml.contains("777777777777"), "the failure has the diff: {xml}");
    // Accepted differences are a test that passed, with the report.
    assert_eq!(against(&other, "other.csv", &["--junit", "r.xml", "--max-different", "1"]).code, 0);
    let xml = other.text("r.xml");
    assert!(xml.contains("failures=\"0\"") && xml.contains("<system-out>o.csv: different, 1 of 4"), "{xml}");
    // A command that fails leaves no old success behind.
    assert_eq!(against(&other, "missing.csv", &["--junit", "r.xml"]).code, 2);
    let xml = other.text("r.xml");
    assert!(xml.contains("errors=\"1\"") && xml.contains("missing.csv does not exist"), "{xml}");
}

#[test]
fn values_cannot_break_the_xml() {
    let lab = Lab::new();
    lab.write("a.csv", "k,v\n1,plain\n");
    lab.write("b.csv", "k,v\n1,\"</failure>]]>&\u{1}\u{1b}[31m\"\n");
    let answer = lab.highwater(&["verify", "a.csv", "--against", "b.csv", "--key", "k", "--junit", "r.xml"]);
    assert_eq!(answer.code, 1, "{}", answer.err);
    let xml = lab.text("r.xml");
    assert_eq!(xml.matches("</failure>").count(), 1, "{xml}");
    assert!(!xml.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{xml:?}");
}

#[test]
fn a_report_never_takes_the_place_of_an_output() {
    let lab = lab();
    std::fs::remove_file(lab.path("o.csv")).unwrap();
    let answer = lab.highwater(&["verify", "job.toml", "--junit", "o.csv"]);
    assert!(answer.code == 2 && answer.err.contains("it is an output of the job"), "{}", answer.err);
    assert!(!lab.path("o.csv").exists());
    let answer = lab.highwater(&["verify", "job.toml", "--junit", "job.toml"]);
    assert!(answer.code == 2 && lab.text("job.toml") == JOB, "{}", answer.err);
}

/// A valid job, one with two faults, and one that is not there.
fn faulty() -> Lab {
    let lab = Lab::new();
    lab.write("in.csv", LOG);
    lab.write("good.toml", JOB);
    lab.write("bad, 50%.toml", JOB.replace("by = [", "bye = [").replace("path = \"in.csv\"", "path = 3"));
    lab
}

#[test]
fn check_gives_junit_and_sarif_of_all_faults() {
    let lab = faulty();
    let args = ["check", "good.toml", "bad, 50%.toml", "no.toml", "--junit", "c.xml", "--sarif", "c.sarif"];
    let answer = lab.highwater(&args);
    assert_eq!(answer.code, 2);
    let xml = lab.text("c.xml");
    assert!(xml.contains("tests=\"3\" failures=\"2\" errors=\"0\""), "{xml}");
    assert!(
        xml.contains("<testcase name=\"good.toml\" classname=\"highwater.check\">\n    </testcase>"),
        "{xml}"
    );
    let log = json(&lab.text("c.sarif"));
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let found: Vec<String> = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
            format!(
                "{} {} {}",
                result["ruleId"], place["artifactLocation"]["uri"], place["region"]["startLine"]
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "\"wrong-type\" \"bad%2C%2050%25.toml\" 3",
            "\"unknown-key\" \"bad%2C%2050%25.toml\" 9",
            "\"job\" \"no.toml\" null",
        ]
    );
    // Without a fault both say so.
    let good = lab.highwater(&["check", "good.toml", "--junit", "c.xml", "--sarif", "c.sarif"]);
    assert_eq!(good.code, 0, "{}", good.err);
    assert!(lab.text("c.xml").contains("tests=\"1\" failures=\"0\" errors=\"0\""));
    assert_eq!(json(&lab.text("c.sarif"))["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn files_of_others_are_not_replaced() {
    let lab = faulty();
    lab.write("mine.txt", "precious");
    for flag in ["--junit", "--sarif"] {
        for file in ["mine.txt", "good.toml"] {
            let answer = lab.highwater(&["check", "good.toml", flag, file]);
            assert_eq!(answer.code, 2, "{flag} {file}: {}", answer.err);
        }
    }
    assert_eq!(lab.text("mine.txt"), "precious");
    assert_eq!(lab.text("good.toml"), JOB);
}

#[test]
fn errors_are_annotations_for_github() {
    let lab = faulty();
    let answer = lab.highwater(&["check", "bad, 50%.toml", "--log", "github"]);
    assert_eq!(answer.code, 2);
    let lines: Vec<&str> = answer.err.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(lines.len(), 2, "{}", answer.err);
    assert!(
        lines[0].starts_with(
            "::error file=bad%2C 50%25.toml,line=3,col=8,endColumn=8,title=highwater%3A wrong-type::"
        ),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("line=9,col=1,endColumn=3,title=highwater%3A unknown-key::"), "{}", lines[1]);
    assert!(lines[1].contains("%0Ahint: did you mean `by`?"), "{}", lines[1]);
    // People read the same words as without it.
    let text = lab.highwater(&["check", "bad, 50%.toml"]).err;
    assert!(answer.err.starts_with(&text), "{}", answer.err);
    let other = crate::ci::lab();
    let differs = against(&other, "other.csv", &["--log", "github"]).err;
    assert_eq!(differs, "::error title=highwater verify job.toml::o.csv: different, 1 of 4 rows\n");
    let accepted = against(&other, "other.csv", &["--log", "github", "--max-different", "1"]).err;
    assert!(accepted.starts_with("::warning title="), "{accepted}");
}

/// The table of the guide, as `verify` and `check` end.
#[test]
fn exit_codes_are_those_of_the_guide() {
    let lab = lab();
    assert_eq!(against(&lab, "same.csv", &[]).code, 0);
    assert_eq!(against(&lab, "other.csv", &[]).code, 1);
    assert_eq!(against(&lab, "other.csv", &["--output", "missing"]).code, 2);
    lab.write("in.csv", "t,k,v\n2024-06-01T00:00:00Z,a,1\nnot-a-time,a,1\n");
    let bad = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(bad.code, 3, "{}", bad.err);
    // The folder of the report cannot be made: a file has its place.
    let machine = lab.highwater(&["verify", "job.toml", "--junit", "in.csv/x/r.xml"]);
    assert_eq!(machine.code, 4, "{}", machine.err);
    assert_eq!(lab.highwater(&["check", "job.toml"]).code, 0);
    assert_eq!(lab.highwater(&["check", "none.toml"]).code, 2);
    assert_eq!(lab.highwater(&["check"]).code, 2);
}
