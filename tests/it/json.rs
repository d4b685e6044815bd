//! Columns of JSON: lists and records that pass through whole.

use crate::support::Lab;

const RECORDS: &str = concat!(
    "{\"t\":\"2024-02-01\",\"k\":1,\"tags\":[1, 2.50,\"a,}\\\"\"],\"user\":{\"id\": 9007199254740993, \"x\":[]}}\n",
    "{\"t\":\"2024-02-02\",\"k\":2,\"tags\":null,\"user\":null}\n",
    "{\"t\":\"2024-02-03\",\"k\":3,\"tags\":[],\"user\":\"an \\u00e9 \\\"\"}\n",
    "{\"t\":\"2024-02-04\",\"k\":4,\"tags\":[[{\"a\":[]}],{}],\"user\":{}}\n",
    "{\"t\":\"2024-02-05\",\"k\":5,\"tags\":[\"]\"],\"user\":-1.0e2}\n",
);

const JOB: &str = "name = \"json\"\n[source]\npath = \"in/*\"\nformat = \"jsonl\"\ntime = \"t\"\ntypes = { user = \"json\" }\n\
    [[output]]\npath = \"raw\"\nformat = \"jsonl\"\npartition_by = [\"date\"]\nselect = [\"t\", \"k\", \"tags\", \"user\"]\n\
    [[output]]\npath = \"days.csv\"\nwindow = { tumbling = \"1 day\" }\nby = [\"tags\"]\nselect = { n = \"count(*)\", m = \"max(user)\" }\n";

fn rows(lab: &Lab, output: &str) -> Vec<String> {
    let files = lab.data(output);
    let text = files.values().map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    let mut rows: Vec<String> =
        text.flat_map(|text| text.lines().map(str::to_string).collect::<Vec<_>>()).collect();
    rows.sort_by_key(|row| serde_json::from_str::<serde_json::Value>(row).unwrap()["t"].to_string());
    rows
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_string).collect()
}

#[test]
fn an_archive_keeps_lists_and_records_as_they_are() {
    for threads in ["1", "4"] {
        let lab = Lab::new();
        lab.write("in/a.jsonl", RECORDS);
        lab.done(JOB, &["--threads", threads]);
        assert_eq!(rows(&lab, "raw"), lines(RECORDS));
        assert!(
            lab.text("days.csv").contains("\"[1, 2.50,\"\"a,}\\\"\"\"\"]\",1,"),
            "{}",
            lab.text("days.csv")
        );
        let verify = lab.highwater(&["verify", "job.toml"]);
        assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
    }
}

#[test]
fn a_backfill_reads_them_back_and_corrects() {
    let lab = Lab::new();
    lab.write("in/a.jsonl", RECORDS);
    lab.done(JOB, &[]);
    let late = "{\"t\":\"2024-02-04\",\"k\":6,\"tags\":[0],\"user\":{\"late\":true}}\n";
    lab.write("late.jsonl", late);
    let backfill = lab.highwater(&["backfill", "job.toml", "late.jsonl"]);
    assert_eq!(backfill.code, 0, "{}", backfill.err);
    let corrected = (rows(&lab, "raw"), lab.text("days.csv"));
    let again = Lab::new();
    again.write("in/a.jsonl", RECORDS);
    again.write("in/b.jsonl", late);
    again.done(JOB, &[]);
    assert_eq!(corrected, (rows(&again, "raw"), again.text("days.csv")));
}

/// Records of records, whose keys come in another order from line to line.
const NESTED: &str = concat!(
    "{\"t\":\"2024-02-01\",\"k\":1,\"user\":{\"name\":\"a\",\"at\":{\"zip\":\"01\",\"no\":7}},\"tags\":[1]}\n",
    "{\"user\":{\"at\":{\"no\":8},\"vip\":true},\"t\":\"2024-02-02\",\"k\":2}\n",
    "{\"t\":\"2024-02-03\",\"k\":3,\"user\":null,\"tags\":[]}\n",
);

#[test]
fn what_lies_in_a_record_is_written_in_it() {
    let job = JOB
        .replace("types = { user = \"json\" }\n", "")
        .replace("select = [\"t\", \"k\", \"tags\", \"user\"]\n", "");
    let job = job.replace("max(user)", "max(\\\"user.at.no\\\")");
    for threads in ["1", "4"] {
        let lab = Lab::new();
        lab.write("in/a.jsonl", NESTED);
        lab.done(&job, &["--threads", threads]);
        let written = rows(&lab, "raw");
        assert_eq!(
            written[..2],
            [
                "{\"t\":\"2024-02-01\",\"k\":1,\"user\":{\"name\":\"a\",\"at\":{\"zip\":\"01\",\"no\":7},\"vip\":null},\"tags\":[1]}",
                "{\"t\":\"2024-02-02\",\"k\":2,\"user\":{\"name\":null,\"at\":{\"zip\":null,\"no\":8},\"vip\":true},\"tags\":null}",
            ]
        );
        let verify = lab.highwater(&["verify", "job.toml"]);
        assert_eq!(verify.code, 0, "{}{}", verify.out, verify.err);
        // It is read as it was, and corrected as it was.
        let late = "{\"t\":\"2024-02-02\",\"k\":4,\"user\":{\"at\":{\"no\":9}}}\n";
        lab.write("late.jsonl", late);
        let backfill = lab.highwater(&["backfill", "job.toml", "late.jsonl"]);
        assert_eq!(backfill.code, 0, "{}", backfill.err);
        let corrected = (rows(&lab, "raw"), lab.text("days.csv"));
        let again = Lab::new();
        again.write("in/a.jsonl", [NESTED, late].concat());
        again.done(&job, &[]);
        assert_eq!(corrected, (rows(&again, "raw"), again.text("days.csv")));
        // A key of the files that has a dot in it is that key.
        let dotted = Lab::new();
        dotted.write("in/a.jsonl", "{\"t\":\"2024-02-01\",\"k\":1,\"user.at.no\":7,\"tags\":[]}\n");
        dotted.done(&job, &[]);
        assert_eq!(rows(&dotted, "raw"), ["{\"t\":\"2024-02-01\",\"k\":1,\"user.at.no\":7,\"tags\":[]}"]);
    }
}

#[test]
fn a_result_with_records_is_compared_with_others() {
    let lab = Lab::new();
    lab.write("in/a.jsonl", NESTED);
    let output = |path: &str| format!("[[output]]\npath = \"{path}\"\n");
    let source = "[source]\npath = \"in/*\"\ntime = \"t\"\n";
    lab.done(&[source, &output("all.jsonl"), &output("all.parquet"), &output("all.csv")].concat(), &[]);
    for there in ["all.jsonl", "all.parquet", "all.csv"] {
        let there_too = format!("there-{there}");
        lab.write(&there_too, std::fs::read(lab.path(there)).unwrap());
        for here in ["all.jsonl", "all.csv"] {
            let same = lab.highwater(&["verify", "job.toml", "--output", here, "--against", &there_too]);
            assert_eq!(same.code, 0, "{here} {there}: {}{}", same.out, same.err);
        }
    }
    lab.write("there-all.jsonl", lab.text("all.jsonl").replace("\"no\":8", "\"no\":9"));
    let differs =
        lab.highwater(&["verify", "job.toml", "--output", "all.csv", "--against", "there-all.jsonl"]);
    assert_eq!(differs.code, 1, "{}{}", differs.out, differs.err);
    assert!(differs.out.contains("user.at.no"), "{}", differs.out);
}

#[test]
fn in_columns_of_text_it_is_checked() {
    let lab = Lab::new();
    let job = |source: &str| {
        format!(
            "[source]\npath = \"x.csv\"\ntime = \"t\"\ntypes = {{ p = \"json\" }}\n{source}\n[[output]]\npath = \"out.jsonl\"\nselect = [\"p\"]\n"
        )
    };
    lab.write("x.csv", "t,p\n2024-02-01,\"{\"\"a\"\": [1]}\"\n2024-02-02,\n2024-02-03,\"\"\n2024-02-04,12\n");
    lab.done(&job(""), &[]);
    assert_eq!(lab.text("out.jsonl"), "{\"p\":{\"a\": [1]}}\n{\"p\":null}\n{\"p\":null}\n{\"p\":12}\n");
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    lab.write("x.csv", "t,p\n2024-02-01,{a}\n2024-02-02,[1]\n");
    for written in ["", "written = { p = { null = [\"NA\"] } }"] {
        let failed = lab.run(&job(written), &[]);
        assert_eq!(failed.code, 3, "{}", failed.err);
        assert!(failed.err.contains("x.csv:2") && failed.err.contains("`{a}` is not JSON"), "{}", failed.err);
        lab.done(&job(&format!("{written}\non_bad_record = \"reject\"")), &[]);
        assert_eq!(lab.text("out.jsonl"), "{\"p\":[1]}\n");
        assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
    }
}

#[test]
fn an_engine_of_another_text_refuses_it() {
    let lab = Lab::new();
    lab.write("in/a.jsonl", RECORDS);
    lab.write("job.toml", JOB);
    for dialect in ["duckdb", "postgres", "spark"] {
        let sql = lab.highwater(&["sql", "job.toml", "--dialect", dialect]);
        assert_eq!(sql.code, 2, "{}", sql.out);
        assert!(sql.err.contains("JSON text of the lists, records or maps in `"), "{}", sql.err);
    }
}
