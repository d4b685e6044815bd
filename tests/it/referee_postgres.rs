//! PostgreSQL as a referee, on a real server: `HIGHWATER_POSTGRES`, which `scripts/postgres.sh` starts.

use crate::sql_rows::Table;
use crate::support::Lab;
use highwater::error::Error;
use highwater::pg::ServerAddress;
use highwater::sql::SqlScript;
use highwater::verify::server;

/// The server of the tests. Without one the test ends, but not where CI runs it.
pub fn postgres() -> Option<ServerAddress> {
    match std::env::var("HIGHWATER_POSTGRES") {
        Ok(url) => Some(ServerAddress::parse(&url).unwrap_or_else(|e| panic!("{e}"))),
        Err(_) if std::env::var_os("CI").is_some() => {
            panic!("no PostgreSQL: eval \"$(scripts/postgres.sh start)\"")
        }
        Err(_) => {
            println!("skipped: no PostgreSQL; eval \"$(scripts/postgres.sh start)\"");
            None
        }
    }
}

const JOB: &str = "timezone = \"Asia/Jakarta\"\n[source]\npath = \"@/log*.csv\"\ntime = \"at\"\n\
    types = { k = \"string\", m = \"decimal(18,2)\" }\n[[output]]\npath = \"@/out/a.csv\"\nwindow = { tumbling = \"1 month\" }\n\
    by = [\"k\"]\nselect = { total = \"sum(m)\" }\n";

/// What the statements of a relation look like.
const SETUP: [&str; 3] = [
    "SET TIME ZONE 'Asia/Jakarta'",
    "CREATE TEMP TABLE source_text (at text, more text, k text, m text, _position bigint)",
    "CREATE TEMP VIEW source AS SELECT k, CAST(m AS numeric(18,2)) AS m, CAST(at AS timestamptz) AS _time, _position \
    FROM source_text",
];

fn asked(server: &ServerAddress, query: &str) -> Result<Table, Error> {
    let lab = Lab::new();
    lab.write("log1.csv", "at,k,m\n2023-12-31 20:00Z,\"tab\there\\n\",0.10\n2024-01-01 03:00,,\n");
    lab.write(
        "log2.csv",
        "at,k,m\n2024-01-31 18:00Z,\"two\r\nlines\",-100.05\n2024-01-31 18:00Z,\"\",3.00\n",
    );
    let setup = SETUP.map(String::from).to_vec();
    let script = SqlScript { setup, query: query.to_string(), notes: vec![] };
    server::run_own(&lab.plan(JOB)?, &script, server).map(|batch| Table::of(&[batch]))
}

#[test]
fn records_and_results_go_to_the_server_and_back() {
    let Some(server) = postgres() else { return };
    let all = asked(&server, "SELECT k, m, _time, _position FROM source ORDER BY _position");
    let all = all.unwrap_or_else(|e| panic!("{e}"));
    let types: Vec<&str> = all.columns.iter().map(|(_, ty)| ty.as_str()).collect();
    assert_eq!(types, ["string", "Decimal128(18, 2)", "timestamp", "Int64"]);
    // A time without an offset is local to the job's zone.
    let rows: Vec<String> = all.rows.iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        rows,
        [
            "\"tab\\there\\\\n\" 0.1 2023-12-31 20:00:00.000000Z 0",
            "NULL NULL 2023-12-31 20:00:00.000000Z 1",
            "\"two\\r\\nlines\" -100.05 2024-01-31 18:00:00.000000Z 2",
            "\"\" 3 2024-01-31 18:00:00.000000Z 3",
        ]
    );
    let values = "SELECT 1::int2 AS a, 2::int4 AS b, -3::int8 AS c, 1.5::float4 AS d, 'NaN'::float8 AS e, true AS f, \
        date '1969-12-31' AS g, timestamp '2024-01-01 00:00' AS h, 12345678901234567890123456789012345678::numeric AS i, \
        0.000001::numeric AS j, 1e40::numeric AS k, 'x'::varchar(3) AS l, NULL::numeric AS m, sum(_position) AS n, \
        EXTRACT(month FROM max(_time)) AS o FROM source";
    let values = asked(&server, values).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        values.rows[0].join(" "),
        "1 2 -3 1.5 NaN true 1969-12-31 2024-01-01 00:00:00.000000Z 12345678901234567890123456789012345678 0.000001 \
        \"10000000000000000000000000000000000000000\" \"x\" NULL 6 2"
    );
}

#[test]
fn what_the_server_refuses_is_said_with_its_place() {
    let Some(server) = postgres() else { return };
    let wrong = |query: &str| asked(&server, query).expect_err(query);
    insta::assert_snapshot!(wrong("SELECT k,\n  acount\nFROM source"), @r#"
    error: PostgreSQL refuses the statement
     --> the statement:2:3
      |
    2 |   acount
      |   ^^^^^^
      cause: column "acount" does not exist (42703)
    "#);
    insta::assert_snapshot!(wrong("SELECT 1 / (_position - _position) FROM source"), @r"
    error: PostgreSQL cannot compute the statement
      cause: division by zero (22012)
    ");
    insta::assert_snapshot!(wrong("SELECT _time - _time AS apart FROM source"), @r"
    error: the column `apart` of the result has the type interval, which a column cannot hold
      hint: cast it in the statement: apart::text
    ");
}

/// A statement cannot write a table of the user's, and the session leaves nothing.
#[test]
fn nothing_is_left_on_the_server() {
    let Some(server) = postgres() else { return };
    let mut client = server.connect().unwrap_or_else(|e| panic!("{e}"));
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'source%' OR relname = 'of_a_referee'";
    client.batch_execute("DROP TABLE IF EXISTS of_users; CREATE TABLE of_users AS SELECT 1 AS a").unwrap();
    for write in [
        "INSERT INTO of_users VALUES (2) RETURNING a",
        "WITH x AS (DELETE FROM of_users RETURNING a) SELECT a FROM x",
    ] {
        let error = asked(&server, write).expect_err(write).to_string();
        assert!(error.contains("read-only transaction"), "{error}");
    }
    assert!(asked(&server, "SELECT a INTO of_a_referee FROM of_users").is_err());
    assert_eq!(asked(&server, "SELECT a FROM of_users").unwrap().rows, [["1"]]);
    // The server ends a session a moment after its client has gone.
    let gone = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        client.query_one(tables, &[]).unwrap().get::<_, i64>(0) == 0
    });
    client.batch_execute("DROP TABLE of_users").unwrap();
    assert!(gone);
}
