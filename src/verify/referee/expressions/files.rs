//! The expressions of tests/expressions, which other engines compute too, in Polars; and the whole table of functions.

use super::{Evaluated, RelationRows, compared};
use crate::batch::{DataType, Field, Schema};
use crate::expr::functions;
use crate::job::{self, JobSpec, Overrides};
use crate::time::Zone;
use arrow_array::{ArrayRef, Int64Array};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expressions").join(name)
}

/// The columns of `rows.csv`.
const COLUMNS: [(&str, DataType); 20] = {
    use DataType::{Bool, Date, Decimal, Float64, Int64, String, Timestamp};
    [
        ("id", Int64),
        ("at", Timestamp),
        ("i", Int64),
        ("j", Int64),
        ("k", Int64),
        ("f", Float64),
        ("g", Float64),
        ("d", Decimal { precision: 18, scale: 4 }),
        ("e", Decimal { precision: 30, scale: 10 }),
        ("s", String),
        ("u", String),
        ("b", Bool),
        ("c", Bool),
        ("t", Timestamp),
        ("v", Timestamp),
        ("a", Date),
        ("z", Date),
        ("n", String),
        ("w", String),
        ("x", String),
    ]
};

/// The rows of `rows.csv`, as the referee reads them.
fn rows(zone: &str) -> RelationRows {
    let types: Vec<String> = COLUMNS
        .iter()
        .filter(|(name, _)| *name != "at")
        .map(|(name, ty)| format!("{name} = \"{ty}\""))
        .collect();
    let job = format!(
        "timezone = \"{zone}\"\n[source]\npath = {:?}\ntime = \"at\"\ntypes = {{ {} }}\n\
        [[output]]\npath = \"/nowhere.jsonl\"\n",
        file("rows.csv"),
        types.join(", ")
    );
    let spec = JobSpec::parse("job.toml", &job).unwrap();
    let plan = job::plan_job(&spec, &Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let query = format!("SELECT {} FROM source ORDER BY id", names.join(", "));
    let batch = super::super::run(&plan, &query).unwrap_or_else(|e| panic!("{e}"));
    let fields = COLUMNS.iter().map(|(name, ty)| Field::new(*name, *ty)).collect();
    RelationRows::new(Schema::new(fields), batch.columns().to_vec())
}

/// The expressions of a file: what is indented is said to other engines.
fn expressions(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file(name)).unwrap();
    let own = |line: &&str| !line.is_empty() && !line.starts_with(['#', ' ']);
    text.lines().filter(own).map(str::to_string).collect()
}

/// How many were compared.
fn agree(names: &[&str], zones: &[&str]) -> usize {
    let (mut count, mut wrong, mut refused) = (0, vec![], BTreeMap::<String, usize>::new());
    for zone in zones {
        let rows = rows(zone);
        let zone = Zone::named(zone).unwrap();
        for sql in names.iter().flat_map(|name| expressions(name)) {
            match compared(&sql, &rows, &[1, 17], &zone) {
                Evaluated::Compared(found) => {
                    wrong.extend(found.into_iter().take(1));
                    count += 1;
                }
                Evaluated::Refused(why) => *refused.entry(why).or_default() += 1,
            }
        }
    }
    println!("{count} compared, refused: {refused:#?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    count
}

#[test]
fn polars_computes_the_table_of_expressions() {
    let count = agree(&["table.txt"], &["America/New_York"]);
    assert!(count > 450, "{count}");
}

#[test]
fn polars_computes_random_expressions() {
    let count = agree(&["random.txt"], &["Australia/Lord_Howe"]);
    assert!(count > 250, "{count}");
}

/// What the SQL of Polars does not say exactly, as it is built here, and what its function of that name is.
const UNSAID: [(&str, &str); 20] = [
    ("power", "a product of factors in a batch of one row, and another function in others"),
    ("log10", "a quotient of two logarithms"),
    ("log2", "a quotient of two logarithms"),
    ("to_hex", "it is not there"),
    ("chr", "it is not there"),
    ("initcap", "it is not built in"),
    ("reverse", "of what is seen as one character, not of Unicode's"),
    ("ascii", "it is not there"),
    ("overlay", "it is not there"),
    ("regexp_extract", "it is not there"),
    ("regexp_substr", "it is not there"),
    ("regexp_replace", "it is not there"),
    ("md5", "it is not there"),
    ("sha256", "it is not there"),
    ("hex", "it is not there"),
    ("from_hex", "it is not there"),
    ("to_base64", "it is not there"),
    ("from_base64", "it is not there"),
    ("json_extract_string", "it is of structs, not of texts"),
    ("json_extract", "it is of structs, not of texts"),
];

#[test]
fn each_function_is_said_to_polars_or_listed() {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64)]);
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let rows = RelationRows::new(schema, vec![ids]);
    let (mut wrong, mut unsaid) = (vec![], vec![]);
    for function in functions::all().flat_map(|(_, functions)| functions) {
        match compared(function.example.0, &rows, &[0], &Zone::utc()) {
            Evaluated::Compared(found) => wrong.extend(found),
            Evaluated::Refused(_) => unsaid.push(function.name),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(unsaid, UNSAID.map(|(name, _)| name));
}
