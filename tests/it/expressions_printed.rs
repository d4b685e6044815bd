//! The SQL that expressions are printed as gives the values that they have here: in a real PostgreSQL, and in DuckDB,
//! where `HIGHWATER_DUCKDB` names a Python that has it. Of a row in which an expression has no value, nothing is said.

use crate::expressions::{COLUMNS, Computed, Value, rows, table};
use crate::expressions_postgres::{Server, ZONES, of_times, same};
use highwater::batch::DataType;
use highwater::expr::{Expr, functions};
use highwater::sql::expr::translate;
use highwater::sql::{Dialect, source, words};
use highwater::time::Zone;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// Text that engines do not agree on: letters whose case has several characters, or another in a language.
fn is_odd(text: &str) -> bool {
    text.contains(['ß', 'İ', 'ı', 'ſ', 'ŉ', 'ς', 'Σ', 'ﬁ', 'ǆ', 'ǅ', 'K'])
}

/// An expression as it is printed, or why it is not.
fn printed(dialect: Dialect, sql: &str, computed: &Computed, zone: &Zone) -> Option<Result<String, String>> {
    let expr = Expr::compile(sql, &computed.schema, zone).ok()?;
    let column = |number: usize| words::ident(dialect, COLUMNS[number].0);
    Some(translate(dialect, &expr, &column).map_err(|error| error.to_string()))
}

/// The same value; NaN is written in several ways.
fn alike(ours: &Value, theirs: &Value, ty: Option<DataType>) -> bool {
    let nan = |value: &Value| matches!(value, Ok(Some(text)) if text.to_lowercase().ends_with("nan"));
    same(ours, theirs, ty) || ty == Some(DataType::Float64) && nan(ours) && nan(theirs)
}

/// The rows in which the values are others.
fn differences(
    sql: &str,
    ours: &[Value],
    theirs: &[Value],
    ty: Option<DataType>,
    zone: &str,
) -> BTreeSet<String> {
    let inputs = rows();
    // The rules by which clocks are changed end here with the year 2099: no engine knows better, but theirs go on.
    let known =
        |row: usize| zone == ZONES[0] || !inputs[row].iter().flatten().any(|text| text.starts_with("21"));
    let cased =
        ["UPPER", "LOWER", "INITCAP", "ILIKE", "~*"].iter().any(|word| sql.to_uppercase().contains(word));
    let fits = |row: usize| !cased || !inputs[row].iter().flatten().any(|text| is_odd(text));
    (0..ours.len())
        .filter(|row| {
            ours[*row].is_ok() && known(*row) && fits(*row) && !alike(&ours[*row], &theirs[*row], ty)
        })
        .map(|row| format!("ours {:?}, theirs {:?}", ours[row], theirs[row]))
        .collect()
}

fn told(wrong: &mut Vec<String>, zone: &str, sql: &str, printed: &str, found: &BTreeSet<String>) {
    if !found.is_empty() {
        let some: Vec<&str> = found.iter().take(4).map(String::as_str).collect();
        wrong.push(format!("{zone}: {sql}\n  is {printed}\n  {}", some.join("\n  ")));
    }
}

#[test]
fn what_is_printed_for_postgresql_has_the_same_values() {
    let (mut wrong, mut compared) = (vec![], 0);
    for (at, name) in ZONES.iter().enumerate() {
        let Some(mut server) = Server::new(name) else { return };
        let (zone, computed) = (Zone::named(name).unwrap(), Computed::new(name));
        let texts = ["s", "u", "n", "w", "x"].map(|name| format!("ALTER {name} TYPE text COLLATE \"C\""));
        let setup = format!("ALTER TABLE rows ALTER k TYPE bigint, {}", texts.join(", "));
        server.0.batch_execute(&setup).unwrap();
        for statement in source::clock_functions(Dialect::Postgres, &zone) {
            server.0.batch_execute(&statement).unwrap();
        }
        for entry in table().iter().filter(|entry| at == 0 || of_times(&entry.sql)) {
            let Some(Ok(printed)) = printed(Dialect::Postgres, &entry.sql, &computed, &zone) else {
                continue;
            };
            let (ours, theirs) = (computed.texts(&entry.sql), server.texts(&printed));
            compared += 1;
            let found = differences(&entry.sql, &ours, &theirs, computed.ty(&entry.sql), name);
            told(&mut wrong, name, &entry.sql, &printed, &found);
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 800, "{compared}");
}

#[test]
fn what_is_printed_for_duckdb_has_the_same_values() {
    let Ok(python) = std::env::var("HIGHWATER_DUCKDB") else {
        assert!(std::env::var_os("CI").is_none(), "HIGHWATER_DUCKDB names no Python that has DuckDB");
        println!("skipped: HIGHWATER_DUCKDB names no Python that has DuckDB");
        return;
    };
    let (mut wrong, mut compared) = (vec![], 0);
    for (at, name) in ZONES.iter().enumerate() {
        let (zone, computed) = (Zone::named(name).unwrap(), Computed::new(name));
        let mut asked = vec![];
        for entry in table().into_iter().filter(|entry| at == 0 || of_times(&entry.sql)) {
            let Some(Ok(printed)) = printed(Dialect::DuckDb, &entry.sql, &computed, &zone) else { continue };
            // What is an instant here shows UTC there.
            let ty = computed.ty(&entry.sql);
            let (sql, printed) = match ty {
                Some(DataType::Timestamp) => {
                    (format!("epoch_us({})", entry.sql), format!("EPOCH_US({printed})"))
                }
                _ => (entry.sql, printed),
            };
            asked.push((computed.texts(&sql), sql, printed, ty));
        }
        let setup = source::clock_functions(Dialect::DuckDb, &zone);
        let answers = duckdb(
            &python,
            &setup,
            &asked.iter().map(|(ours, _, printed, _)| query(printed, ours)).collect::<Vec<_>>(),
        );
        for ((ours, sql, printed, ty), answer) in asked.iter().zip(answers) {
            compared += 1;
            let ty = if *ty == Some(DataType::Timestamp) { Some(DataType::Int64) } else { *ty };
            let found = match answer {
                Err(error) => BTreeSet::from([error]),
                Ok(values) => {
                    let mut values = values.into_iter();
                    let theirs: Vec<Value> = ours
                        .iter()
                        .map(|ours| match ours {
                            Ok(_) => Ok(values.next().flatten()),
                            Err(why) => Err(why.clone()),
                        })
                        .collect();
                    differences(sql, ours, &theirs, ty, name)
                }
            };
            told(&mut wrong, name, sql, printed, &found);
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 800, "{compared}");
}

/// The values of the rows that have one here.
fn query(printed: &str, ours: &[Value]) -> String {
    let without: Vec<String> =
        (0..ours.len()).filter(|row| ours[*row].is_err()).map(|row| row.to_string()).collect();
    let rows = match without.is_empty() {
        true => String::new(),
        false => format!(" WHERE id NOT IN ({})", without.join(", ")),
    };
    format!("SELECT CAST(({printed}) AS VARCHAR) FROM (SELECT * FROM of_rows{rows}) ORDER BY id")
}

/// What DuckDB answers to each query.
fn duckdb(python: &str, setup: &[String], queries: &[String]) -> Vec<Result<Vec<Option<String>>, String>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expressions/in_duckdb.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = serde_json::to_string(setup).unwrap() + "\n";
    queries.iter().for_each(|query| input += &(serde_json::to_string(query).unwrap() + "\n"));
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            match answer["error"].as_str() {
                Some(error) => Err(error.to_string()),
                None => {
                    let values = answer["values"].as_array().unwrap();
                    Ok(values.iter().map(|value| value.as_str().map(str::to_string)).collect())
                }
            }
        })
        .collect();
    assert_eq!(answers.len(), queries.len());
    answers
}

/// What a dialect has no words for is refused by name; nothing else is in the table.
#[test]
fn every_function_is_printed_or_refused_by_name() {
    let zone = Zone::utc();
    let none = highwater::batch::Schema::new(vec![]);
    for dialect in Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Polars) {
        let mut refused = BTreeSet::new();
        for function in functions::all().flat_map(|(_, functions)| functions) {
            let sql = function.example.0;
            let expr = Expr::compile(sql, &none, &zone).unwrap_or_else(|e| panic!("{sql}: {e}"));
            if let Err(error) = translate(dialect, &expr, &|_| unreachable!("no column")) {
                let error = error.to_string();
                assert!(
                    error.contains(&format!("cannot be expressed in the SQL of {}", dialect.name())),
                    "{error}"
                );
                assert!(!error.contains("this operation"), "{error}");
                refused.insert(function.name);
            }
        }
        let refused: Vec<&str> = refused.into_iter().collect();
        let path = format!("{}/tests/expressions/refused-{}.txt", env!("CARGO_MANIFEST_DIR"), dialect.name());
        let text = refused.join("\n") + "\n";
        if std::env::var_os("HIGHWATER_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(known == text, "{path} is not what is refused: {refused:?}; HIGHWATER_BLESS=1 writes it");
    }
}
