//! `columns` of an output: order, names, expressions, records; after a backfill too.

use crate::backfill_cases::{left, same, take};
use crate::support::{Answer, Lab};

const ONE: &str = "at,seller,country,amount\n\
    2024-02-29T10:00:10Z,s1,NL,10.50\n2024-02-29T10:00:20Z,s2,NL,1.00\n2024-02-29T10:01:20Z,s1,DE,2.25\n\
    2024-03-01T09:01:20Z,s1,DE,7.00\n";
const TWO: &str =
    "at,seller,country,amount\n2024-02-29T10:00:30Z,s2,NL,3.00\n2024-02-29T10:02:30Z,s3,NL,4.00\n";

const HEAD: &str = "timezone = \"Europe/Amsterdam\"\n[source]\npath = \"log/*.csv\"\ntime = \"at\"\n\
    types = { amount = \"decimal(10,2)\" }\n[[output]]\nwindow = { tumbling = \"1m\" }\nby = [\"seller\", \"country\"]\n\
    select = { total = \"sum(amount)\", n = \"count(*)\" }\n";

fn job(output: &str) -> String {
    format!("{HEAD}{output}\n")
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
    answer
}

/// A run over [`ONE`], then a backfill of [`TWO`] by `method`: what is left is that of a run over both, and the job's SQL
/// gives the same rows. Gives the folder after the first run and the text of the output.
fn corrected(output: &str, path: &str, method: &str) -> String {
    let lab = Lab::new();
    let job = job(&format!("path = \"out/{path}\"\n{output}"));
    lab.write("log/1.csv", ONE);
    ok(lab.run(&job, &[]));
    let verified = ok(lab.highwater(&["verify", "job.toml"]));
    assert!(verified.out.contains(": same, 4 rows"), "{}", verified.out);
    lab.write("log/2.csv", TWO);
    let told = ok(lab.highwater(&["backfill", "job.toml", "log/2.csv", "--json"]));
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["outputs"][0]["method"], method, "{told}");
    let found = take(&lab);
    ok(lab.highwater(&["run", "job.toml"]));
    same(&found, &left(&lab)).unwrap_or_else(|why| panic!("{output}: {why}"));
    let files = lab.files("out");
    let of = files.iter().filter(|(name, _)| !name.contains("_highwater"));
    of.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
}

#[test]
fn columns_are_written_in_their_order_and_names() {
    let columns = "columns = [\"country\", { vendor = \"seller\", timestamp = \"window_start\" }, \
        { epoch = \"epoch_ms(window_end)\", day = \"CAST(window_end AS DATE)\" }, { \"money.amount\" = \"total\" }, \
        { money.events = \"n\" }]";
    insta::assert_snapshot!(corrected(columns, "a.jsonl", "merged"), @r#"
    {"country":"NL","vendor":"s1","timestamp":"2024-02-29T11:00:00+01:00","epoch":1709200860000,"day":"2024-02-29","money":{"amount":10.50,"events":1}}
    {"country":"NL","vendor":"s2","timestamp":"2024-02-29T11:00:00+01:00","epoch":1709200860000,"day":"2024-02-29","money":{"amount":4.00,"events":2}}
    {"country":"DE","vendor":"s1","timestamp":"2024-02-29T11:01:00+01:00","epoch":1709200920000,"day":"2024-02-29","money":{"amount":2.25,"events":1}}
    {"country":"NL","vendor":"s3","timestamp":"2024-02-29T11:02:00+01:00","epoch":1709200980000,"day":"2024-02-29","money":{"amount":4.00,"events":1}}
    {"country":"DE","vendor":"s1","timestamp":"2024-03-01T10:01:00+01:00","epoch":1709283720000,"day":"2024-03-01","money":{"amount":7.00,"events":1}}
    "#);
}

#[test]
fn an_end_alone_tells_the_window() {
    let columns = "columns = { till = \"window_end\", seller = \"seller\", country = \"country\", n = \"n\" }\n\
        partition_by = [\"date\", \"country\"]";
    let text = corrected(columns, "a", "merged");
    assert!(text.contains("PAR1"), "{text}");
    // Names may change places.
    let swapped = "columns = [{ window_start = \"window_end\" }, { country = \"seller\" }, { seller = \"country\" }, \"n\", \
        { window_end = \"window_start\" }]";
    insta::assert_snapshot!(corrected(swapped, "a.csv", "merged"), @r"
    window_start,country,seller,n,window_end
    2024-02-29T11:01:00+01:00,s1,NL,1,2024-02-29T11:00:00+01:00
    2024-02-29T11:01:00+01:00,s2,NL,2,2024-02-29T11:00:00+01:00
    2024-02-29T11:02:00+01:00,s1,DE,1,2024-02-29T11:01:00+01:00
    2024-02-29T11:03:00+01:00,s3,NL,1,2024-02-29T11:02:00+01:00
    2024-03-01T10:02:00+01:00,s1,DE,1,2024-03-01T10:01:00+01:00
    ");
}

#[test]
fn what_is_left_out_is_computed_again() {
    insta::assert_snapshot!(corrected("columns = [\"total\"]", "a.csv", "all_again"), @r"
    total
    10.50
    4.00
    2.25
    4.00
    7.00
    ");
    // `having` and `top` speak of what `select` names, also where it is not written.
    let kept = "having = \"n >= 1 AND total < 5\"\ntop = { n = 1, by = \"total desc\" }\n\
        columns = [{ n = \"total\" }, \"seller\", \"country\", { from = \"window_start\" }]";
    insta::assert_snapshot!(corrected_of(kept), @r"
    n,seller,country,from
    4.00,s2,NL,2024-02-29T11:00:00+01:00
    2.25,s1,DE,2024-02-29T11:01:00+01:00
    4.00,s3,NL,2024-02-29T11:02:00+01:00
    ");
}

/// As [`corrected`], of an output that has fewer rows than groups.
fn corrected_of(output: &str) -> String {
    let lab = Lab::new();
    lab.write("log/1.csv", ONE);
    ok(lab.run(&job(&format!("path = \"out/a.csv\"\n{output}")), &[]));
    ok(lab.highwater(&["verify", "job.toml"]));
    lab.write("log/2.csv", TWO);
    ok(lab.highwater(&["backfill", "job.toml", "log/2.csv"]));
    let found = take(&lab);
    ok(lab.highwater(&["run", "job.toml"]));
    same(&found, &left(&lab)).unwrap();
    lab.text("out/a.csv")
}

#[test]
fn avro_is_read_back_as_it_was_written() {
    let columns = "columns = [{ money.amount = \"total\" }, \"seller\", { money.events = \"n\" }, \"window_start\", \
        { day = \"CAST(window_start AS DATE)\", share = \"CAST(total AS DOUBLE) / 3\", big = \"total > 5\" }, \"country\"]";
    // A float of an expression is not merged, so the windows are computed again; the others are read from the file.
    let bytes = corrected(columns, "a.avro", "recomputed");
    assert!(bytes.starts_with("Obj\u{1}"), "{bytes}");
    // Our own reader of sources takes the file: records, decimals, instants.
    let lab = Lab::new();
    lab.write("log/1.csv", ONE);
    ok(lab.run(&job(&format!("path = \"out/a.avro\"\n{columns}")), &[]));
    let again = "[source]\npath = \"out/a.avro\"\ntime = \"window_start\"\n[[output]]\npath = \"again.jsonl\"\n\
        columns = [\"money.amount\", \"money.events\", \"seller\", \"day\", \"big\", \"window_start\"]\n";
    lab.write("again.toml", again);
    ok(lab.highwater(&["run", "again.toml"]));
    insta::assert_snapshot!(lab.text("again.jsonl"), @r#"
    {"money":{"amount":10.50,"events":1},"seller":"s1","day":"2024-02-29","big":true,"window_start":"2024-02-29T10:00:00Z"}
    {"money":{"amount":1.00,"events":1},"seller":"s2","day":"2024-02-29","big":false,"window_start":"2024-02-29T10:00:00Z"}
    {"money":{"amount":2.25,"events":1},"seller":"s1","day":"2024-02-29","big":false,"window_start":"2024-02-29T10:01:00Z"}
    {"money":{"amount":7.00,"events":1},"seller":"s1","day":"2024-03-01","big":true,"window_start":"2024-03-01T09:01:00Z"}
    "#);
}

#[test]
fn wrong_columns_are_told() {
    let lab = Lab::new();
    lab.write("log/1.csv", ONE);
    for (columns, words) in [
        ("columns = [\"totl\"]", "the output has no column `totl`"),
        (
            "columns = [{ x = \"sum(amount)\" }]",
            "`sum(amount)` is an aggregate, which is not allowed in `columns`",
        ),
        ("columns = [\"n\", { n = \"total\" }]", "the output has two columns `n`"),
        (
            "columns = [\"n\"]\ntop = { n = 1, by = \"total\" }",
            "`top` orders by `total`, which `columns` leaves out",
        ),
        ("columns = [{ \"a b\" = \"n\" }]\nformat = \"avro\"", "Avro cannot have a column of the name `a b`"),
        ("columns = [1]", "`columns` must be a list of names and of tables"),
    ] {
        let answer = lab.run(&job(&format!("path = \"out/a\"\n{columns}")), &[]);
        assert!(answer.code == 2 && answer.err.contains(words), "{columns}: {}", answer.err);
    }
    let events = "[source]\npath = \"log/*.csv\"\ntime = \"at\"\n[[output]]\npath = \"out/a\"\n\
        select = { a = \"seller\" }\ncolumns = [\"seller\"]\n";
    let answer = lab.run(events, &[]);
    assert!(answer.err.contains("has `select` or `columns`, and not both"), "{}", answer.err);
}

/// Rows of different groups may be equal then, so whole rows are compared.
#[test]
fn rows_that_do_not_tell_their_groups_are_verified_as_a_whole() {
    let lab = Lab::new();
    lab.write(
        "log.csv",
        "at,shop,n\n2024-06-01T10:00:10Z,a,1\n2024-06-01T10:01:10Z,a,1\n2024-06-01T10:02:10Z,a,3\n",
    );
    lab.done(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\n[[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"1m\" }\nby = [\"shop\"]\n\
         select = { total = \"sum(n)\" }\ncolumns = [\"shop\", \"total\"]\n",
        &[],
    );
    assert_eq!(lab.text("out.csv"), "shop,total\na,1\na,1\na,3\n");
    let same = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(same.code, 0, "{}{}", same.out, same.err);
    lab.write("theirs.csv", "shop,total\na,1\na,3\na,3\n");
    let other = lab.highwater(&["verify", "job.toml", "--against", "theirs.csv"]);
    assert_eq!(other.code, 1, "{}{}", other.out, other.err);
    lab.write("theirs.csv", "shop,total\na,3\na,1\na,1\n");
    let other = lab.highwater(&["verify", "job.toml", "--against", "theirs.csv"]);
    assert_eq!(other.code, 0, "{}{}", other.out, other.err);
}
