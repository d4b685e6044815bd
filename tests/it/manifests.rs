//! What manifests say of parts, of the source and of tables.

use crate::support::Lab;
use std::fmt::Write;

const EVENTS: &str = "at,k,v\n\
    2024-05-01T10:20:00Z,a,1.50\n\
    2024-05-01T23:50:00Z,a,2.50\n\
    2024-05-02T00:10:00Z,b,3.50\n\
    2024-05-01T09:00:00Z,b,4.50\n";

const JOB: &str = r#"
[source]
path = "log.csv"
time = "at"
types = { v = "decimal(9,2)" }
[table.names]
path = "names.csv"
[[step]]
enrich = "names"
on = { k = "k" }
take = { name = "name" }
[[output]]
path = "out/events"
partition_by = ["date"]
[[output]]
path = "out/hours"
window = { tumbling = "1h" }
by = ["name"]
select = { n = "count(*)" }
having = "name = 'A'"
partition_by = ["date"]
[[output]]
path = "out/sessions.csv"
window = { session = "30m" }
select = { n = "count(*)" }
[[output]]
path = "out/all.csv"
select = { n = "count(*)" }
[[output]]
path = "out/none.csv"
window = { tumbling = "1h" }
select = { n = "count(*)" }
having = "n > 100"
"#;

#[test]
fn parts_have_the_first_and_last_instant_of_their_rows() {
    let lab = Lab::new();
    lab.write("log.csv", EVENTS);
    lab.write("names.csv", "k,name\na,A\nb,B\n");
    lab.done(JOB, &["-q"]);
    let mut text = String::new();
    for (path, bytes) in lab.files("out") {
        let Some(output) = path.strip_suffix("/manifest.json") else { continue };
        let manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        for part in manifest["parts"].as_array().unwrap() {
            let (first, last) = (part["first"].as_str(), part["last"].as_str());
            let span = [first, last].map(|instant| instant.unwrap_or("-").replace("2024-05-", "")).join(" ");
            writeln!(text, "{output} {}: {span}", part["path"].as_str().unwrap()).unwrap();
        }
    }
    insta::assert_snapshot!(text, @r"
    _highwater/all.csv all.csv: - -
    _highwater/none.csv none.csv: - -
    _highwater/sessions.csv sessions.csv: 01T09:00:00Z 02T00:40:00Z
    events/_highwater date=2024-05-01/data.parquet: 01T09:00:00Z 01T23:50:00Z
    events/_highwater date=2024-05-02/data.parquet: 02T00:10:00Z 02T00:10:00Z
    hours/_highwater date=2024-05-01/data.parquet: 01T10:00:00Z 02T00:00:00Z
    ");
}

#[test]
fn manifests_name_the_columns_of_the_source_and_the_files_of_tables() {
    let lab = Lab::new();
    lab.write("log.csv", EVENTS);
    lab.write("names.csv", "k,name\na,A\nb,B\n");
    lab.done(JOB, &["-q"]);
    for manifest in lab.manifests("out") {
        let source: Vec<String> =
            manifest["source"].as_array().unwrap().iter().map(|c| c.to_string()).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(source.join("\n"), @r#"
            {"name":"at","type":"timestamp"}
            {"name":"k","type":"string"}
            {"name":"v","type":"decimal(9,2)"}
            "#);
        }
        let inputs = manifest["inputs"].as_array().unwrap();
        let named = |i: usize| (inputs[i]["path"].as_str().unwrap(), inputs[i]["table"].as_str());
        assert_eq!((named(0), named(1), inputs.len()), (("log.csv", None), ("names.csv", Some("names")), 2));
    }
}
