//! Tables of a real PostgreSQL as outputs: created, brought up to date, and left alone.

use crate::postgres_lab::PgLab;
use crate::support::Lab;

/// Sums by minute and seller into `table`, with what more the output says.
fn totals(table: &str, more: &str) -> String {
    format!(
        "name = \"totals\"\n[source]\npath = \"in/*.csv\"\ntime = \"at\"\ntypes = {{ seller = \"string\", usd = \"decimal(18,2)\" }}\n\
        [[output]]\npath = \"{table}\"\nmirror = \"out/t\"\nwindow = {{ tumbling = \"1m\" }}\nby = [\"seller\"]\n\
        select = {{ total = \"sum(usd)\", n = \"count(*)\" }}\n{more}"
    )
}

const SALES: &str = "at,seller,usd\n2024-06-01T00:00:01Z,a,1.10\n2024-06-01T00:00:02Z,b,2.20\n\
    2024-06-01T00:00:59Z,a,0.01\n2024-06-01T00:01:00Z,a,5.00\n";

/// The lines of words that are about tables.
fn published(words: &str) -> Vec<&str> {
    let lines = words.lines().filter_map(|line| line.strip_prefix("postgres://"));
    lines.map(|line| line.split_once(": ").unwrap().1).collect()
}

#[test]
fn a_table_is_created_with_types_that_hold_every_value() {
    let Some(mut pg) = PgLab::new("types") else { return };
    let big = "99999999999999999999.999999999999999999";
    pg.lab.write(
        "in/a.csv",
        format!(
            "at,k,text,flag,n,x,money,day\n\
            2024-06-01T00:00:01.123456Z,tab\\t,\"a\tb\\c\n\"\"\",true,-9223372036854775808,0.1,{big},0001-01-01\n\
            2024-06-01T00:00:02Z,plain,\"\",false,9223372036854775807,1e300,-{big},9999-12-31\n\
            2024-06-01T00:00:03Z,empty,,,,,,\n"
        ),
    );
    pg.lab.write(
        "job.toml",
        format!(
            "timezone = \"Asia/Jakarta\"\n[source]\npath = \"in/*.csv\"\ntime = \"at\"\n\
            types = {{ at = \"timestamp\", k = \"string\", text = \"string\", flag = \"bool\", n = \"int64\", x = \"float64\", \
            money = \"decimal(38,18)\", day = \"date\" }}\n[[output]]\npath = \"{}\"\nwindow = {{ tumbling = \"1 day\" }}\n\
            by = [\"k\"]\nselect = {{ text = \"min(text)\", flag = \"bool_or(flag)\", n = \"max(n)\", x = \"max(x)\", \
            money = \"sum(money)\", day = \"max(day)\", at = \"max(at)\" }}\n",
            pg.table("everything")
        ),
    );
    let answer = pg.done(&["run", "job.toml"]);
    assert_eq!(published(&answer.err), ["3 inserted"], "{}", answer.err);
    let columns = pg.rows(&format!(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute \
         WHERE attrelid = '{}.everything'::regclass AND attnum > 0 ORDER BY attnum",
        pg.schema
    ));
    assert_eq!(
        columns,
        [
            "window_start|timestamp with time zone|t",
            "window_end|timestamp with time zone|f",
            "k|text|t",
            "text|text|f",
            "flag|boolean|f",
            "n|bigint|f",
            "x|double precision|f",
            "money|numeric(38,18)|f",
            "day|date|f",
            "at|timestamp with time zone|f",
        ]
    );
    let key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'everything'::regclass";
    assert_eq!(pg.rows(key), ["PRIMARY KEY (window_start, k)"]);
    let rows = pg.rows("SELECT * FROM everything ORDER BY k COLLATE \"C\"");
    let window = "2024-05-31 17:00:00+00|2024-06-01 17:00:00+00";
    assert_eq!(
        rows,
        [
            format!("{window}|empty|NULL|NULL|NULL|NULL|NULL|NULL|2024-06-01 00:00:03+00"),
            format!("{window}|plain||f|9223372036854775807|1e+300|-{big}|9999-12-31|2024-06-01 00:00:02+00"),
            format!(
                "{window}|tab\\t|a\tb\\c\n\"|t|-9223372036854775808|0.1|{big}|0001-01-01|2024-06-01 00:00:01.123456+00"
            ),
        ]
    );
}

#[test]
fn rows_that_are_as_they_were_are_not_written_and_others_are() {
    let Some(mut pg) = PgLab::new("upsert") else { return };
    pg.lab.write("in/a.csv", SALES);
    pg.lab.write("job.toml", totals(&pg.table("t"), ""));
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["3 inserted"]);
    pg.client
        .batch_execute("INSERT INTO t VALUES ('2024-06-01 00:00Z', '2024-06-01 00:01Z', 'theirs', 7, 7)")
        .unwrap();
    let all = "SELECT window_start, seller, total, n, xmin FROM t ORDER BY 1, 2";
    let before = pg.rows(all);
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["3 unchanged"]);
    assert_eq!(pg.rows(all), before);
    // One row has another value, one is new, one is gone.
    let changed = SALES.replace("b,2.20", "c,2.20").replace("0.01", "0.02");
    pg.lab.write("in/a.csv", changed);
    let answer = pg.done(&["run", "job.toml"]);
    assert_eq!(published(&answer.err), ["1 inserted, 1 updated, 1 deleted, 1 unchanged"]);
    let values = "SELECT window_start, seller, total, n FROM t ORDER BY 1, 2";
    assert_eq!(
        pg.rows(values),
        [
            "2024-06-01 00:00:00+00|a|1.12|2",
            "2024-06-01 00:00:00+00|c|2.20|1",
            "2024-06-01 00:00:00+00|theirs|7.00|7",
            "2024-06-01 00:01:00+00|a|5.00|1",
        ]
    );
    let after = pg.rows(all);
    // Theirs, and the one that stayed.
    assert_eq!((&after[2], &after[3]), (&before[2], &before[3]));
    // What somebody did to the table is set right by a run, and a table that is gone is there again.
    pg.client.batch_execute("UPDATE t SET total = 0 WHERE seller = 'c'").unwrap();
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["1 updated, 2 unchanged"]);
    pg.client.batch_execute("DROP TABLE t").unwrap();
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["3 inserted"]);
}

#[test]
fn a_check_and_a_report_leave_the_table_alone() {
    let Some(mut pg) = PgLab::new("looked_at") else { return };
    pg.lab.write("in/a.csv", SALES);
    pg.lab.write("job.toml", totals(&pg.table("t"), ""));
    pg.done(&["run", "job.toml"]);
    // A run would set this right.
    pg.client.batch_execute("UPDATE t SET total = 0 WHERE seller = 'b'").unwrap();
    let all = "SELECT window_start, seller, total, n, xmin FROM t ORDER BY 1, 2";
    let before = pg.rows(all);
    pg.done(&["verify", "job.toml"]);
    pg.done(&["report", "job.toml", "-o", "page.html"]);
    assert_eq!(pg.rows(all), before);
}

#[test]
fn a_backfill_writes_the_rows_that_changed_and_no_others() {
    let Some(mut pg) = PgLab::new("backfill") else { return };
    pg.lab.write("in/a.csv", SALES);
    pg.lab.write("job.toml", totals(&pg.table("t"), "partition_by = [\"date\"]\n"));
    pg.done(&["run", "job.toml"]);
    // A row that a backfill has no business with, which a run would set right.
    pg.client.batch_execute("UPDATE t SET total = 0 WHERE seller = 'b'").unwrap();
    let untouched = "SELECT xmin, * FROM t WHERE (seller, total) NOT IN (('a', 1.11), ('a', 3.11)) AND seller <> 'new' \
        ORDER BY window_start, seller";
    let before = pg.rows(untouched);
    assert_eq!(before.len(), 2);
    pg.lab.write("late.csv", "at,seller,usd\n2024-06-01T00:00:30Z,a,2.00\n2024-06-02T00:00:30Z,new,1.00\n");
    let plan = pg.done(&["backfill", "job.toml", "late.csv", "--plan"]);
    assert!(published(&plan.err).is_empty() && pg.rows(untouched) == before, "{}", plan.err);
    let answer = pg.done(&["backfill", "job.toml", "late.csv"]);
    assert_eq!(published(&answer.err), ["1 inserted, 1 updated"], "{}", answer.err);
    assert_eq!(pg.rows(untouched), before);
    let changed = pg.rows("SELECT seller, total, n FROM t WHERE seller = 'new' OR n = 3");
    assert_eq!(changed, ["a|3.11|3", "new|1.00|1"]);
    // Again: nothing. Out again: as it was.
    assert!(published(&pg.done(&["backfill", "job.toml", "late.csv"]).err).is_empty());
    let answer = pg.done(&["backfill", "job.toml", "late.csv", "--retract"]);
    assert_eq!(published(&answer.err), ["1 updated, 1 deleted"], "{}", answer.err);
    assert_eq!(pg.rows("SELECT count(*) FROM t WHERE seller = 'new' OR n = 3"), ["0"]);
    assert_eq!(pg.rows(untouched), before);
    // A table that is not there gets all.
    pg.client.batch_execute("DROP TABLE t").unwrap();
    let answer = pg.done(&["backfill", "job.toml", "late.csv", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(json["published"][0]["inserted"], 4);
}

#[test]
fn a_job_with_an_archive_publishes_all_on_every_run() {
    let Some(mut pg) = PgLab::new("archive") else { return };
    pg.lab.write("in/a.csv", SALES);
    let archive = "[[output]]\npath = \"out/archive\"\narchive = true\n";
    pg.lab.write("job.toml", totals(&pg.table("t"), archive));
    pg.done(&["run", "job.toml"]);
    pg.client.batch_execute("DELETE FROM t WHERE seller = 'b'").unwrap();
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["1 inserted, 2 unchanged"]);
    pg.client.batch_execute("DELETE FROM t WHERE seller = 'b'").unwrap();
    pg.lab.write("in/b.csv", "at,seller,usd\n2024-06-01T00:01:30Z,a,1.00\n");
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["1 inserted, 1 updated, 1 unchanged"]);
    assert_eq!(
        pg.rows("SELECT seller, total FROM t ORDER BY window_start, seller"),
        ["a|1.11", "b|2.20", "a|6.00"]
    );
}

#[test]
fn a_null_key_has_one_row_or_none() {
    let Some(mut pg) = PgLab::new("nulls") else { return };
    pg.lab.write("in/a.csv", SALES);
    pg.lab.write("job.toml", totals(&pg.table("t"), ""));
    pg.done(&["run", "job.toml"]);
    // A primary key cannot hold it, and the table stays as it is.
    let with_null = SALES.replace("b,2.20", ",2.20").replace("5.00", "6.00");
    pg.lab.write("in/a.csv", &with_null);
    let before = pg.rows("SELECT * FROM t ORDER BY 1, 3");
    let files = pg.lab.files("out");
    let answer = pg.highwater(&["run", "job.toml"]);
    assert_eq!(answer.code, 3, "{}", answer.err);
    assert!(
        answer.err.contains("the key `seller` is NULL") && answer.err.contains("IS NOT NULL"),
        "{}",
        answer.err
    );
    assert_eq!((pg.rows("SELECT * FROM t ORDER BY 1, 3"), pg.lab.files("out")), (before, files));
    // One that is created with it can, from version 15 on.
    pg.client.batch_execute("DROP TABLE t").unwrap();
    let version = pg.rows("SHOW server_version_num")[0].parse::<u32>().unwrap();
    let answer = pg.highwater(&["run", "job.toml"]);
    if version < 150_000 {
        return assert_eq!(answer.code, 3, "{}", answer.err);
    }
    assert_eq!(published(&answer.err), ["3 inserted"]);
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["3 unchanged"]);
    pg.lab.write("in/a.csv", with_null.replace("2.20", "2.30"));
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["1 updated, 2 unchanged"]);
    pg.lab.write("in/a.csv", SALES);
    assert_eq!(
        published(&pg.done(&["run", "job.toml"]).err),
        ["1 inserted, 1 updated, 1 deleted, 1 unchanged"]
    );
    let key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 't'::regclass";
    assert_eq!(pg.rows(key), ["UNIQUE NULLS NOT DISTINCT (window_start, seller)"]);
}

#[test]
fn windows_that_start_together_and_firings_are_told_apart() {
    let Some(mut pg) = PgLab::new("keys") else { return };
    pg.lab.write("in/a.csv", SALES);
    let source = "[source]\npath = \"in/*.csv\"\ntime = \"at\"\n";
    for (window, more, key) in [
        ("{ cumulative = \"2m\", step = \"1m\" }", "", "window_start, window_end, seller"),
        ("{ hopping = \"2m\", slide = \"1m\" }", "", "window_start, seller"),
        ("{ session = \"30s\" }", "", "window_start, seller"),
        (
            "{ tumbling = \"1m\", allowed_lateness = \"1m\" }",
            "mode = \"streamed\"\nfirings = true\n",
            "window_start, seller, firing",
        ),
        ("\"global\"", "", "seller"),
    ] {
        let table = pg.table("k");
        let output = format!(
            "[[output]]\npath = \"{table}\"\nwindow = {window}\nby = [\"seller\"]\nselect = {{ n = \"count(*)\" }}\n{more}"
        );
        pg.lab.write("job.toml", format!("{source}{output}"));
        let rows = pg.done(&["run", "job.toml", "--json"]);
        let rows: serde_json::Value = serde_json::from_str(&rows.out).unwrap();
        assert_eq!(rows["published"][0]["inserted"], rows["outputs"][0]["rows"], "{window}");
        let defined =
            pg.rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'k'::regclass");
        assert_eq!(defined, [format!("PRIMARY KEY ({key})")], "{window}");
        assert!(published(&pg.done(&["run", "job.toml"]).err)[0].ends_with(" unchanged"));
        pg.client.batch_execute("DROP TABLE k").unwrap();
        std::fs::remove_dir_all(pg.lab.path("out")).unwrap();
    }
}

#[test]
fn a_session_that_begins_earlier_leaves_no_row_behind() {
    let Some(mut pg) = PgLab::new("sessions") else { return };
    pg.lab.write("in/a.csv", SALES);
    let job = totals(&pg.table("t"), "").replace("tumbling = \"1m\"", "session = \"30s\"");
    pg.lab.write("job.toml", job);
    pg.done(&["run", "job.toml"]);
    pg.lab.write("late.csv", "at,seller,usd\n2024-06-01T00:00:30Z,a,2.00\n");
    let answer = pg.done(&["backfill", "job.toml", "late.csv"]);
    assert_eq!(published(&answer.err), ["1 updated, 1 deleted"], "{}", answer.err);
    assert_eq!(pg.rows("SELECT seller, total FROM t ORDER BY 1"), ["a|8.11", "b|2.20"]);
}

#[test]
fn a_table_that_is_there_is_written_to_if_it_holds_every_row() {
    let Some(mut pg) = PgLab::new("shape") else { return };
    pg.lab.write("in/a.csv", SALES);
    pg.lab.write("job.toml", totals(&pg.table("t"), ""));
    // More columns, wider types, another order, partitions of PostgreSQL's own.
    pg.client
        .batch_execute(
            "CREATE TABLE t (seller varchar NOT NULL, noted timestamptz DEFAULT now(), n numeric, total numeric, \
             window_end timestamptz, window_start timestamptz, UNIQUE (seller, window_start)) \
             PARTITION BY LIST (seller); CREATE TABLE t1 PARTITION OF t DEFAULT",
        )
        .unwrap();
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["3 inserted"]);
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["3 unchanged"]);
    pg.lab.write("in/a.csv", SALES.replace("5.00", "6.00"));
    assert_eq!(published(&pg.done(&["run", "job.toml"]).err), ["1 updated, 2 unchanged"]);

    pg.client
        .batch_execute(
            "DROP TABLE t; CREATE TABLE t (window_start timestamp, window_end timestamptz, seller char(3), \
             totals numeric(38,2), n real, why text NOT NULL, UNIQUE (seller))",
        )
        .unwrap();
    let files = pg.lab.files("out");
    let answer = pg.highwater(&["run", "job.toml"]);
    assert_eq!((answer.code, pg.lab.files("out")), (2, files), "{}", answer.err);
    for part in [
        "`window_start`",
        "timestamp without time zone",
        "AT TIME ZONE 'UTC'",
        "table_timezone = \"UTC\"",
        "`seller`",
        "no column `total`",
        "did you mean `totals`?",
        "`n`",
        "needs a value for `why`",
        "no unique key of window_start, seller",
    ] {
        assert!(answer.err.contains(part), "{part} in {}", answer.err);
    }
    pg.client.batch_execute("DROP TABLE t; CREATE VIEW t AS SELECT 1 AS a").unwrap();
    assert!(pg.highwater(&["run", "job.toml"]).err.contains("is not a table"));
    pg.lab.write("job.toml", totals(&format!("{}/nowhere.t", pg.url), ""));
    let answer = pg.highwater(&["run", "job.toml"]);
    assert!(answer.code == 4 && answer.err.contains("nowhere"), "{}", answer.err);
}

#[test]
fn the_job_of_the_readme_takes_its_server_from_the_environment() {
    let Some(mut pg) = PgLab::new("sales") else { return };
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    std::os::unix::fs::symlink(data, pg.lab.path("data")).unwrap();
    let file = "data/jobs/sales-per-seller-postgres.toml";
    let login = pg.url.strip_prefix("postgres://").unwrap().to_string();
    let (login, database) = login.split_once('/').unwrap();
    let (login, place) = login.rsplit_once('@').unwrap();
    let ((user, password), (host, port)) = (login.split_once(':').unwrap(), place.rsplit_once(':').unwrap());
    // Its table is in whatever schema the user's path begins with.
    pg.client.batch_execute("DROP TABLE IF EXISTS public.aggregated_sales").unwrap();
    let run = || {
        let mut command = pg.command(&["run", file]);
        let vars = [
            ("PGHOST", host),
            ("PGPORT", port),
            ("PGUSER", user),
            ("PGPASSWORD", password),
            ("PGDATABASE", database),
        ];
        command.envs(vars);
        pg.lab.hear(&mut command)
    };
    let answer = run();
    assert_eq!(answer.code, 0, "{}", answer.err);
    let lines = pg.lab.text("out/aggregated-sales.kcat");
    assert_eq!(published(&run().err), [format!("{} unchanged", lines.lines().count())]);
    // Key and value as kcat takes them apart, and every line is a row of the table.
    let from_table =
        pg.rows("SELECT seller_id, total FROM public.aggregated_sales ORDER BY window_start, seller_id");
    let from_lines = lines.lines().map(|line| {
        let (key, value) = line.split_once('\t').unwrap();
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        assert_eq!(value["seller_id"], key);
        format!("{key}|{}", value["total"])
    });
    assert_eq!(from_table, from_lines.collect::<Vec<_>>());
    pg.client.batch_execute("DROP TABLE public.aggregated_sales").unwrap();
    // Without the environment nobody is asked.
    let answer = pg.highwater(&["run", file]);
    assert!(answer.code == 2 && answer.err.contains("does not name a database"), "{}", answer.err);
}

#[test]
fn a_mirror_is_an_output_as_any_other() {
    let Some(pg) = PgLab::new("mirror") else { return };
    pg.lab.write("in/a.csv", SALES);
    pg.lab.write("job.toml", totals(&pg.table("t"), ""));
    pg.done(&["run", "job.toml"]);
    let folder = Lab::new();
    folder.write("in/a.csv", SALES);
    folder.done(&totals("out/t", "").replace("mirror = \"out/t\"\n", ""), &[]);
    assert_eq!(pg.lab.data("out"), folder.data("out"));
    let (mut mirror, plain) = (pg.lab.manifests("out").remove(0), folder.manifests("out").remove(0));
    let table = mirror["output"].as_object_mut().unwrap().remove("table").unwrap();
    assert_eq!(mirror, plain);
    let password = pg.url.split(':').nth(2).unwrap().split('@').next().unwrap();
    let login = format!("{password}@");
    assert!(
        table.as_str().unwrap().ends_with(&format!("/{}.t", pg.schema))
            && !table.to_string().contains(&login)
    );
}
