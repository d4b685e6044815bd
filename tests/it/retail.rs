//! The invoices of a real shop (`../shared/data/online-retail`, or below `HIGHWATER_SHARED`), in all formats.
//! They are not part of this repository; without them the test says so and ends.

use crate::log::{Cell, Kind, Log};
use crate::support::{Lab, account};
use std::path::{Path, PathBuf};
use std::process::Command;

const JOB: &str = r#"
[source]
path = "PATH"
time = "InvoiceDate"
types = { UnitPrice = "decimal(18,3)", InvoiceNo = "string", StockCode = "string" }

[[step]]
derive = { amount = "Quantity * UnitPrice" }

[[step]]
filter = "CustomerID IS NOT NULL"

[[output]]
path = "out/big-customers.csv"
window = { tumbling = "1 month" }
by = ["CustomerID"]
select = { total = "sum(amount)", lines = "count(*)" }
having = "total > 10000"

[[output]]
path = "out/big-customers"
window = { tumbling = "1 month" }
by = ["CustomerID"]
select = { total = "sum(amount)", lines = "count(*)" }
having = "total > 10000"
partition_by = ["year", "month"]
"#;

const HOURS: &str = r#"
[source]
path = "PATH"
time = "InvoiceDate"

[[output]]
path = "hours/hours.csv"
window = { tumbling = "1h" }
by = ["Country"]
select = { lines = "count(*)" }
"#;

fn invoices() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("HIGHWATER_SHARED").map_or_else(beside, PathBuf::from);
    Some(shared.join("data/online-retail")).filter(|folder| folder.is_dir())
}

#[test]
fn big_customers_and_hours_of_a_real_shop() {
    let Some(folder) = invoices() else {
        println!("skipped: ../shared/data/online-retail is not there");
        return;
    };
    let lab = Lab::new();
    let csv = results(&lab, &folder.display().to_string());

    let text = String::from_utf8(csv["out/big-customers.csv"].clone()).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 56);
    let thousandths: i128 = rows.iter().map(|row| row[3].replace('.', "").parse::<i128>().unwrap()).sum();
    assert_eq!(thousandths, 1_199_507_530);
    assert_eq!(rows.iter().map(|row| row[4].parse::<u64>().unwrap()).sum::<u64>(), 11_665);
    let hours = String::from_utf8(csv["hours/hours.csv"].clone()).unwrap();
    assert_eq!(hours.lines().count(), 1 + 4_944);

    for ending in ["csv.gz", "csv.zst", "jsonl", "jsonl.zst", "parquet"] {
        let lab = Lab::new();
        copy(&folder, &lab, ending);
        assert!(results(&lab, "copy") == csv, "{ending} gives other bytes");
    }
}

/// Runs both jobs over `path` and checks their accounts; gives their outputs.
fn results(lab: &Lab, path: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
    lab.done(&JOB.replace("PATH", path), &["--threads", "2"]);
    lab.done(&HOURS.replace("PATH", path), &["--threads", "2"]);
    let accounts: Vec<[u64; 6]> = lab.manifests("out").iter().map(account).collect();
    assert_eq!(accounts, [[541_909, 0, 135_080, 0, 0, 406_829]; 2]);
    let accounts: Vec<[u64; 6]> = lab.manifests("hours").iter().map(account).collect();
    assert_eq!(accounts, [[541_909, 0, 0, 0, 0, 541_909]]);
    let named = |folder: &'static str| {
        lab.data(folder).into_iter().map(move |(name, bytes)| (format!("{folder}/{name}"), bytes))
    };
    named("out").chain(named("hours")).collect()
}

/// Copies every file of the shop to `copy/` in another form.
fn copy(folder: &Path, lab: &Lab, ending: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("copy/{}.{ending}", path.file_stem().unwrap().display());
        let bytes = std::fs::read(&path).unwrap();
        match ending.split('.').next().unwrap() {
            "csv" => lab.write(&name, bytes),
            "jsonl" => lab.write(&name, typed(&bytes).jsonl()),
            _ => lab.write(&name, typed(&bytes).parquet(1000)),
        }
    }
}

/// As people write it: one row for each customer and month of the calendar.
const QUERY: &str = r#"
SELECT * FROM (
  SELECT EXTRACT(year FROM "InvoiceDate") AS year, EXTRACT(month FROM "InvoiceDate") AS month, "CustomerID",
         SUM("Quantity" * "UnitPrice") AS total
  FROM source
  WHERE "CustomerID" IS NOT NULL
  GROUP BY 1, 2, 3
) AS months
WHERE total > 10000;
"#;

/// Their columns as expressions over ours.
const MAP: [&str; 6] = [
    "--output",
    "out/big-customers.csv",
    "--map",
    "year=EXTRACT(year FROM window_start)",
    "--map",
    "month=EXTRACT(month FROM window_start)",
];

#[test]
fn big_customers_as_a_query_of_others_has_them() {
    let Some(folder) = invoices() else {
        println!("skipped: ../shared/data/online-retail is not there");
        return;
    };
    let lab = Lab::new();
    lab.write("q.sql", QUERY);
    lab.write("job.toml", JOB.replace("PATH", &format!("{}/*.csv", folder.display())));
    let verify = |args: &[&str]| lab.highwater(&[&["verify", "job.toml"], &MAP[..], args].concat());
    let answer = verify(&["--against", "q.sql"]);
    assert_eq!(answer.code, 0, "{}\n{}", answer.out, answer.err);
    assert!(answer.out.starts_with("out/big-customers.csv: same, 56 rows"), "{}", answer.out);
    // The query of another threshold is another.
    lab.write("other.sql", QUERY.replace("10000", "20000"));
    assert_eq!(verify(&["--against", "other.sql"]).code, 1);
    if let Ok(server) = std::env::var("HIGHWATER_POSTGRES") {
        let answer = verify(&["--against", "q.sql", "--postgres", &server]);
        assert_eq!(answer.code, 0, "{}\n{}", answer.out, answer.err);
    }

    // What DuckDB prints comes on stdin.
    let python = format!(
        "import duckdb; c = duckdb.connect(); c.execute(\"CREATE VIEW source AS SELECT * FROM read_csv('{}/*.csv', \
        types = {{{{'UnitPrice': 'DECIMAL(18,3)', 'InvoiceNo': 'VARCHAR', 'StockCode': 'VARCHAR'}}}})\"); \
        c.execute('COPY (' + open('q.sql').read().strip().rstrip(';') + \") TO 'duckdb.csv' (HEADER)\")",
        folder.display()
    )
    .replace("{{", "{")
    .replace("}}", "}");
    if lab.hear(Command::new("python3").args(["-c", "import duckdb"])).code == 0 {
        let answer = lab.hear(Command::new("python3").args(["-c", &python]));
        assert_eq!(answer.code, 0, "{}", answer.err);
        let csv = std::fs::File::open(lab.path("duckdb.csv")).unwrap();
        let mut verify = Command::new(env!("CARGO_BIN_EXE_highwater"));
        let answer =
            lab.hear(verify.args(["verify", "job.toml"]).args(MAP).args(["--against", "-"]).stdin(csv));
        assert_eq!(answer.code, 0, "{}\n{}", answer.out, answer.err);
    } else {
        println!("left out: DuckDB's Python package is not there");
    }

    // One price of one line is a thousandth off: one row, one column.
    lab.done(&JOB.replace("PATH", &format!("{}/*.csv", folder.display())), &["--quiet"]);
    lab.write("golden.csv", lab.text("out/big-customers.csv"));
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        if file.path().extension().is_some_and(|e| e == "csv") {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let line = text.lines().find(|line| line.contains(",17450.0,"));
            let name = file.file_name().into_string().unwrap();
            let text = match line.filter(|_| name == "2011-09-20.csv") {
                Some(line) => {
                    let price = line.split(',').nth_back(2).unwrap();
                    text.replacen(
                        line,
                        &line.replace(&format!(",{price},17450"), &format!(",{price}1,17450")),
                        1,
                    )
                }
                None => text,
            };
            lab.write(&format!("copy/{name}"), text);
        }
    }
    lab.write("copy.toml", JOB.replace("PATH", "copy/*.csv"));
    let args = [
        "verify",
        "copy.toml",
        "--against",
        "golden.csv",
        "--output",
        "out/big-customers.csv",
        "--explain",
        "--json",
    ];
    let answer = lab.highwater(&args);
    assert_eq!(answer.code, 1, "{}\n{}", answer.out, answer.err);
    let told: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let output = &told["outputs"][0];
    assert_eq!(output["rows"]["differing"], 1, "{}", answer.out);
    assert_eq!((&output["rows"]["only_here"], &output["rows"]["only_there"]), (&0.into(), &0.into()));
    let cells = output["differences"][0]["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 1, "{}", answer.out);
    assert_eq!(cells[0]["column"], "total");
    let why = output["explanations"][0].as_str().unwrap();
    assert!(why.starts_with("values: the numbers of events agree in every group (`lines`)"), "{why}");
    // The invoice whose price it is, by file and line.
    let first = output["events"][0]["first"].as_array().unwrap();
    assert!(output["events"][0]["events"].as_u64().unwrap() >= first.len() as u64 && !first.is_empty());
    assert!(first.iter().all(|event| event["values"]["CustomerID"] == "17450.0"), "{first:?}");
}

/// The invoices as values of their types.
fn typed(csv: &[u8]) -> Log {
    let mut reader = csv::Reader::from_reader(csv);
    let kind = |name: &str| match name {
        "Quantity" => Kind::Int,
        "UnitPrice" => Kind::Decimal(3),
        "CustomerID" => Kind::Float,
        _ => Kind::Text,
    };
    let columns: Vec<(String, Kind)> =
        reader.headers().unwrap().iter().map(|name| (name.to_string(), kind(name))).collect();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        record.iter().zip(&columns).map(|(field, (_, kind))| cell(field, *kind)).collect()
    });
    let rows = rows.collect();
    Log { columns, rows }
}

fn cell(field: &str, kind: Kind) -> Cell {
    match kind {
        _ if field.is_empty() => Cell::Null,
        Kind::Int => Cell::Int(field.parse().unwrap()),
        Kind::Float => Cell::Float(field.parse().unwrap()),
        Kind::Decimal(scale) => {
            let (whole, part) = field.split_once('.').unwrap_or((field, ""));
            let digits = format!("{whole}{part:0<width$}", width = usize::from(scale));
            Cell::Decimal(digits.parse().unwrap(), scale)
        }
        _ => Cell::Text(field.into()),
    }
}
