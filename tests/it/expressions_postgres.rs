//! Expressions against a real PostgreSQL: the same text over the same rows gives the same value, and an error where it
//! gives an error.

use crate::expressions::{Asked, COLUMNS, Computed, Entry, Value, job, rows, table, text};
use crate::postgres_lab::server;
use crate::support::Lab;
use highwater::batch::DataType;
use postgres::{Client, NoTls, SimpleQueryMessage};
use std::collections::BTreeSet;

/// Zones with a change of clocks in both halves of the world, with half an hour of it, and without any.
pub const ZONES: [&str; 4] = ["Asia/Jakarta", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"];

/// The rows on the server, and a function that computes an expression for one of them.
pub struct Server(pub Client);

impl Server {
    pub fn new(zone: &str) -> Option<Server> {
        let mut client = Client::connect(&server()?, NoTls).unwrap();
        let columns: Vec<String> = COLUMNS.iter().map(|(name, _, ty)| format!("{name} {ty}")).collect();
        let quoted = |value: &Option<String>| match value {
            None => "NULL".to_string(),
            Some(text) => format!("'{}'", text.replace('\'', "''")),
        };
        let values: Vec<String> = rows()
            .iter()
            .map(|row| format!("({})", row.iter().map(quoted).collect::<Vec<_>>().join(", ")))
            .collect();
        client
            .batch_execute(&format!(
                "SET TIME ZONE '{zone}'; CREATE TEMP TABLE rows ({}); INSERT INTO rows VALUES {}; \
                CREATE FUNCTION pg_temp.computed(sql text, id bigint, OUT value text, OUT fault text) AS $$ BEGIN \
                EXECUTE 'SELECT CAST((' || sql || ') AS VARCHAR) FROM rows WHERE id = ' || id INTO value; \
                EXCEPTION WHEN OTHERS THEN fault := SQLERRM; END $$ LANGUAGE plpgsql",
                columns.join(", "),
                values.join(", ")
            ))
            .unwrap();
        Some(Server(client))
    }

    /// The expression as text, of each row; of each for itself where one has no value.
    pub fn texts(&mut self, sql: &str) -> Vec<Value> {
        let all =
            self.0.simple_query(&format!("SELECT CAST(({sql}) AS VARCHAR), NULL FROM rows ORDER BY id"));
        let all = all.or_else(|_| {
            let sql = sql.replace('\'', "''");
            self.0.simple_query(&format!(
                "SELECT (c).value, (c).fault FROM (SELECT pg_temp.computed('{sql}', id) AS c FROM rows ORDER BY id) of_rows"
            ))
        });
        let all = all.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let rows = all.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| row.get(1).map_or(Ok(row.get(0).map(str::to_string)), |why| Err(why.to_string())))
            .collect()
    }
}

/// The same value: a decimal with more zeros behind is no other.
pub fn same(ours: &Value, theirs: &Value, ty: Option<DataType>) -> bool {
    match (ours, theirs) {
        (Ok(Some(ours)), Ok(Some(theirs))) if ours == theirs => true,
        (Ok(Some(ours)), Ok(Some(theirs))) => match ty {
            Some(DataType::Float64) => ours.parse::<f64>() == theirs.parse::<f64>(),
            // Theirs may be a float.
            Some(DataType::Decimal { .. }) if theirs.contains('e') => {
                ours.parse::<f64>() == theirs.parse::<f64>()
            }
            Some(DataType::Decimal { .. } | DataType::Int64) => {
                decimal(ours).is_some() && decimal(ours) == decimal(theirs)
            }
            _ => false,
        },
        (Ok(None), Ok(None)) | (Err(_), Err(_)) => true,
        // What is too small for a float is 0 here, as IEEE 754 has it.
        (Ok(Some(ours)), Err(why)) => why.ends_with("underflow") && matches!(ours.as_str(), "0" | "-0"),
        _ => false,
    }
}

/// A decimal without the zeros at its end; `None` of other texts.
fn decimal(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    is_decimal
        .then(|| if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text })
}

/// What is not the same, with the columns that the expression reads.
fn differences(zone: &str, entry: &Entry, computed: &Computed, theirs: &[Value]) -> Vec<String> {
    let (inputs, ours, ty) = (rows(), computed.texts(&entry.sql), computed.ty(&entry.sql));
    // The rules by which clocks are changed end here with the year 2099: no engine knows better, but theirs go on.
    let known =
        |row: usize| zone == ZONES[0] || !inputs[row].iter().flatten().any(|text| text.starts_with("21"));
    let words = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let read: Vec<usize> =
        (0..COLUMNS.len()).filter(|at| entry.sql.split(words).any(|word| word == COLUMNS[*at].0)).collect();
    let shown = |row: usize| {
        let inputs = read.iter().map(|at| format!("{}={:?}", COLUMNS[*at].0, inputs[row][*at]));
        format!("{}: ours {:?}, theirs {:?}", inputs.collect::<Vec<_>>().join(" "), ours[row], theirs[row])
    };
    let found: BTreeSet<String> = (0..ours.len())
        .filter(|row| known(*row) && !same(&ours[*row], &theirs[*row], ty))
        .map(shown)
        .collect();
    found.into_iter().collect()
}

/// Whether a zone changes what the expression gives.
pub fn of_times(sql: &str) -> bool {
    sql.contains("TIME")
        || sql.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| ["t", "v", "a", "w"].contains(&word))
}

#[test]
fn expressions_are_what_they_are_in_postgresql() {
    let mut wrong = vec![];
    for (at, zone) in ZONES.iter().enumerate() {
        let Some(mut server) = Server::new(zone) else { return };
        let computed = Computed::new(zone);
        for entry in table().iter().filter(|entry| at == 0 || of_times(&entry.sql)) {
            let asked = if let Asked::Text(text) = &entry.postgres { text } else { &entry.sql };
            let found = differences(zone, entry, &computed, &server.texts(asked));
            match &entry.postgres {
                Asked::Unlike(_) if found.is_empty() && at == 0 => {
                    wrong.push(format!("{}\n  is no exception any more", entry.sql));
                }
                Asked::Unlike(_) => {}
                _ if found.is_empty() => {}
                _ => {
                    let shown: Vec<_> = found.iter().take(6).map(String::as_str).collect();
                    wrong.push(format!(
                        "{zone}: {}: {} kinds of rows\n  {}",
                        entry.sql,
                        found.len(),
                        shown.join("\n  ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a row has for itself, a run over all rows has: the values that were compared above are those of a run.
#[test]
fn a_run_computes_what_each_row_has_for_itself() {
    for zone in [ZONES[0], ZONES[3]] {
        let computed = Computed::new(zone);
        let table = table();
        let values: Vec<Vec<Value>> = table.iter().map(|entry| computed.texts(&entry.sql)).collect();
        let faulty =
            |values: &[Value]| (0..values.len()).filter(|row| values[*row].is_err()).collect::<Vec<_>>();
        let asked: Vec<(&str, Vec<usize>)> =
            table.iter().zip(&values).map(|(entry, values)| (entry.sql.as_str(), faulty(values))).collect();
        // What has no value in any row is no expression.
        let asked: Vec<_> = asked.into_iter().filter(|(_, without)| without.len() < computed.rows).collect();
        let lab = Lab::new();
        lab.write("rows.csv", text("rows.csv"));
        lab.done(&job(zone, &asked), &[]);
        let run: Vec<serde_json::Value> =
            lab.text("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(run.len(), computed.rows);
        let mut compared = 0;
        for (at, (sql, without)) in asked.iter().enumerate() {
            let place = table.iter().position(|entry| entry.sql == *sql).unwrap();
            for (row, line) in run.iter().enumerate().filter(|(row, _)| !without.contains(row)) {
                let value = line[format!("x{at}")].as_str().map(str::to_string);
                assert_eq!(Ok(value), values[place][row], "{sql} in row {row}");
                compared += 1;
            }
        }
        assert!(compared > 50_000, "{compared}");
    }
}
