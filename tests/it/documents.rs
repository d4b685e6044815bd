//! JSON that is not an object a line: lists, records over several lines, lists inside of documents and of records.

use crate::support::Lab;

fn job(path: &str, source: &str) -> String {
    format!(
        "[source]\npath = \"{path}\"\ntime = \"t\"\n{source}\n[[output]]\npath = \"out.csv\"\nwindow = {{ tumbling = \"1 day\" }}\n\
         select = {{ n = \"count(*)\", s = \"sum(v)\" }}\n"
    )
}

#[test]
fn every_layout_gives_the_same_bytes() {
    let records: Vec<String> = (0..300)
        .map(|i| format!("{{\"t\":\"2024-02-{:02}\",\"k\":\"[{{\\\"\",\"v\":{i}}}", i % 28 + 1))
        .collect();
    let value: serde_json::Value = serde_json::from_str(&format!("[{}]", records.join(","))).unwrap();
    let pretty: String =
        value.as_array().unwrap().iter().map(|r| serde_json::to_string_pretty(r).unwrap()).collect();
    let inside = serde_json::json!({ "Records": value, "n": 300 });
    let forms = [
        (records.join("\n"), ""),
        (value.to_string(), ""),
        (serde_json::to_string_pretty(&value).unwrap(), ""),
        (pretty, ""),
        (inside.to_string(), "records = \"/Records\""),
        (serde_json::to_string_pretty(&inside).unwrap(), "records = \"/Records\""),
    ];
    let mut first = None;
    for (text, source) in &forms {
        for threads in ["1", "4"] {
            let lab = Lab::new();
            lab.write("x.json", text);
            lab.write("job.toml", job("x.json", source));
            let answer = lab.highwater(&["run", "job.toml", "--threads", threads]);
            assert_eq!(answer.code, 0, "{}", answer.err);
            let out = lab.text("out.csv");
            assert_eq!(first.get_or_insert(out.clone()), &out, "{text}");
        }
    }
}

#[test]
fn each_item_of_a_list_is_an_event_and_knows_its_place() {
    let lab = Lab::new();
    lab.write("x.jsonl", "{\"t\":\"2024-02-01\",\"items\":[{\"sku\":\"a\",\"v\":1},{\"sku\":\"b\",\"v\":2}]}\n{\"t\":\"2024-02-01\",\"items\":[]}\n");
    lab.write("job.toml", job("x.jsonl", "unnest = \"items\"").replace("sum(v)", "sum(\\\"items.v\\\")"));
    let answer = lab.highwater(&["run", "job.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.err.contains("1 record has no item in items"), "{}", answer.err);
    assert!(lab.text("out.csv").ends_with(",2,3\n"), "{}", lab.text("out.csv"));
    assert_eq!(lab.highwater(&["verify", "job.toml"]).code, 0);
}
