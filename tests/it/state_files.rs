//! The files of `inspect`: their columns are those that the guide documents, and a reader has the entries back.

use crate::live_payments;
use crate::support::Lab;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// A table of the guide that begins with this head: the code of its first column, and the names and types that its second
/// begins with.
fn documented(head: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/late-data.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let lines = guide.lines().skip_while(|line| !line.starts_with(head)).skip(2);
    let mut found = BTreeMap::new();
    for line in lines.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let names: Vec<&str> = cells[1].split('`').skip(1).step_by(2).collect();
        let column = |text: &str| {
            let (name, ty) = text.trim().strip_prefix('`')?.split_once("` ")?;
            Some((name.to_string(), ty.to_string()))
        };
        let columns: Vec<_> = cells[2].split(',').map_while(column).collect();
        // A file is known by its kind.
        let kinds = names.iter().map(|name| name.trim_end_matches("-1").to_string());
        kinds.for_each(|kind| {
            found.insert(kind, columns.clone());
        });
    }
    assert!(!found.is_empty(), "{head}");
    found
}

/// The columns of a Parquet file in words of the guide, and its number of rows.
fn parquet(lab: &Lab, name: &str) -> (Vec<(String, String)>, usize) {
    use arrow_schema::DataType;
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(lab.path(name)).unwrap()).unwrap();
    let ty = |ty: &DataType| match ty {
        DataType::Timestamp(_, Some(_)) => "timestamp".to_string(),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "string".to_string(),
        other => other.to_string().to_lowercase(),
    };
    let columns = reader.schema().fields().iter().map(|field| (field.name().clone(), ty(field.data_type())));
    let columns = columns.collect();
    (columns, reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum())
}

/// The columns of an Avro file, from the schema in its header.
fn avro(lab: &Lab, name: &str) -> Vec<(String, String)> {
    let bytes = std::fs::read(lab.path(name)).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let from = text.find("{\"type\":\"record\"").unwrap_or_else(|| panic!("{text}"));
    let schema = serde_json::Deserializer::from_str(&text[from..]).into_iter::<serde_json::Value>().next();
    let schema = schema.unwrap().unwrap();
    let ty = |ty: &serde_json::Value| {
        let text = ty.to_string();
        match text {
            text if text.contains("timestamp-micros") => "timestamp".to_string(),
            text if text.contains("\"string\"") => "string".to_string(),
            text if text.contains("\"long\"") => "int64".to_string(),
            text => text,
        }
    };
    let fields = schema["fields"].as_array().unwrap();
    fields.iter().map(|field| (field["name"].as_str().unwrap().to_string(), ty(&field["type"]))).collect()
}

/// The entries of a file, as a job over it has them.
fn read(lab: &Lab, file: &str) -> Vec<String> {
    let time = match file.split('/').next_back().unwrap().split('-').next().unwrap() {
        "window" => "_window_start",
        "dedup" | "first" => "_arrival",
        _ => "_time",
    };
    let job = format!("[source]\npath = \"{file}\"\ntime = \"{time}\"\n[[output]]\npath = \"read.csv\"\n");
    lab.write("read.toml", job);
    let answer = lab.highwater(&["run", "read.toml"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    lab.text("read.csv").lines().map(str::to_string).collect()
}

/// Four kinds of state of a live payments job: keys by arrival, a table, and an event that waits.
fn live() -> Lab {
    let payment = live_payments::PAYMENT;
    let other = r#""id": "n", "user": "bob", "session": "s2", "kind": "card", "old": false"#;
    let lab = live_payments::lab(
        &[("03:00", "03:01", payment), ("04:00", "09:00", other), ("20:00", "20:00", live_payments::TICK)],
        &[("01:00", "01:00", r#""id": "s1", "country": "SE""#)],
        &[("01:00", "08:30", r#""user": "ann", "home": "NO", "born": "1970""#)],
        &[("none", "XX")],
    );
    let minutes = "\n[[output]]\npath = \"@/minutes.csv\"\nwindow = { tumbling = \"10m\" }\nby = [\"user\"]\nselect = { n = \"count(*)\" }\n";
    let root = lab.root().display().to_string();
    lab.write("job.toml", format!("{}{minutes}", live_payments::STEPS).replace('@', &root));
    lab
}

#[test]
fn a_folder_has_a_file_for_each_step_table_and_output_with_the_documented_columns() {
    let lab = live();
    let at = ["inspect", "job.toml", "--at", "2024-03-01T07:09:30Z", "--output"];
    let done = lab.highwater(&[&at[..], &["state"]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(lab.highwater(&[&at[..], &["avro", "--format", "avro"]].concat()).code, 0);
    let names: Vec<String> = lab.data("state").into_keys().collect();
    assert_eq!(
        names,
        [
            "dedup-1.parquet",
            "first-1.parquet",
            "table-1.parquet",
            "table-2.parquet",
            "waiting-1.parquet",
            "window-1.parquet"
        ]
    );
    let documented = documented("| file |");
    let expected: [(&str, &[&str], usize); 6] = [
        ("dedup-1", &["user", "id"], 1),
        ("first-1", &["user", "kind"], 1),
        ("table-1", &["id", "country"], 1),
        ("table-2", &["user", "home", "born"], 1),
        ("waiting-1", &["known"], 1),
        ("window-1", &["user", "n"], 1),
    ];
    for (name, own, rows) in expected {
        let kind = name.split_once('-').unwrap().0;
        let (columns, found) = parquet(&lab, &format!("state/{name}.parquet"));
        let mut fixed = documented[kind].clone();
        if ["dedup", "first"].contains(&kind) {
            // The keys of streamed steps go by arrival.
            fixed
                .iter_mut()
                .filter(|column| column.0 == "_time")
                .for_each(|column| column.0 = "_arrival".into());
        }
        assert_eq!(columns[..fixed.len()], fixed[..], "{name}");
        let rest: Vec<&str> = columns[fixed.len()..].iter().map(|column| column.0.as_str()).collect();
        assert_eq!((rest, found), (own.to_vec(), rows), "{name}");
        assert_eq!(avro(&lab, &format!("avro/{name}.avro")), columns, "{name}");
        // Both have the same entries for a reader.
        assert_eq!(
            read(&lab, &format!("state/{name}.parquet")),
            read(&lab, &format!("avro/{name}.avro")),
            "{name}"
        );
    }
    assert_eq!(
        read(&lab, "state/waiting-1.parquet"),
        ["_name,_time,_until,known", "enrich(sessions),2024-03-01T07:04:00Z,2024-03-01T07:09:00Z,s2",]
    );
    assert_eq!(
        read(&lab, "state/dedup-1.parquet"),
        ["_name,_arrival,user,id", "\"dedup(user, id)\",2024-03-01T07:09:00Z,bob,n",]
    );
    // A state of another time replaces all files of the one before.
    let later =
        ["inspect", "job.toml", "--at", "2024-03-01T07:00:00Z", "--output", "state", "--key", "known=s1"];
    let later = lab.highwater(&later[..6]);
    assert_eq!(later.code, 0, "{}", later.err);
    assert!(!lab.path("state/waiting-1.parquet").exists());
    lab.write("mine/x.parquet", "mine");
    assert_eq!(lab.highwater(&[&at[..], &["mine"]].concat()).code, 2);
    assert_eq!(lab.text("mine/x.parquet"), "mine");
}

#[test]
fn one_file_has_the_documented_columns_in_every_format() {
    let lab = live();
    let columns: Vec<(String, String)> = {
        let documented = documented("| column |");
        let order = ["state", "name", "key", "time", "window_start", "window_end", "value"];
        assert_eq!(documented.len(), order.len());
        order.iter().map(|name| (name.to_string(), documented[*name][0].1.clone())).collect()
    };
    for name in ["state.parquet", "state.avro", "state.csv"] {
        let done = lab.highwater(&["inspect", "job.toml", "--at", "2024-03-01T07:09:30Z", "--output", name]);
        assert_eq!(done.code, 0, "{}", done.err);
    }
    let (found, rows) = parquet(&lab, "state.parquet");
    assert_eq!((&found, rows), (&columns, 6));
    assert_eq!(avro(&lab, "state.avro"), columns);
    let head: Vec<&str> = columns.iter().map(|column| column.0.as_str()).collect();
    assert_eq!(lab.text("state.csv").lines().next(), Some(head.join(",").as_str()));
}
