//! Whatever a column is called: its name is that of no column of ours, and no text is a name.

use crate::support::{Lab, PLAIN};
use proptest::prelude::*;

/// Records of three columns and a time, whose names are given: a group, a number, another number.
fn records(names: [&str; 3]) -> String {
    let mut out = String::new();
    for i in 0..24i64 {
        let group = ["a", "b", "__agg_0"][(i % 3) as usize];
        let record = serde_json::json!({
            "t": 1_700_000_000 + i * 100,
            names[0]: group,
            names[1]: i,
            names[2]: i * i % 7,
        });
        out += &format!("{record}\n");
    }
    out
}

/// A name as SQL, and that as a string of TOML.
fn sql(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as a string of TOML, which JSON's are too.
fn toml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

const SOURCE: &str = "[source]\npath = \"@/in.jsonl\"\ntime = \"t\"\ntime_unit = \"s\"\n";

/// The rows of CSV without their header line.
fn rows(lab: &Lab, name: &str) -> String {
    lab.text(name).split_once('\n').unwrap().1.to_string()
}

#[test]
fn columns_that_are_called_as_ours_were_are_columns_like_others() {
    for name in
        ["__agg_0", "__agg_1", "__arg_0", "__arg_4", "__arg_5", "__call_0_", "value", "_position", "_time"]
    {
        let lab = Lab::new();
        lab.write("in.jsonl", records(["g", name, "x"]));
        let job = format!(
            "{SOURCE}[[output]]\npath = \"@/out.csv\"\nby = [{0}, \"g\"]\n\
            select = {{ a = \"sum(x) + 0\", b = '{1} + sum(x * 2) - max(x * 3)', c = 'sum({1} * 10)' }}\n\
            having = '{1} + count(*) > {1}'\n",
            toml(name),
            sql(name)
        );
        lab.library(&job, PLAIN).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut expected: Vec<[i64; 4]> =
            (0..24).map(|i| (i, i * i % 7)).map(|(i, x)| [i, x, i - x, 10 * i]).collect();
        expected.sort_unstable();
        let got: Vec<[i64; 4]> = rows(&lab, "out.csv")
            .lines()
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                [0, 2, 3, 4].map(|i| cells[i].parse().unwrap())
            })
            .collect();
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn a_derived_column_may_be_called_as_ours_were() {
    let lab = Lab::new();
    lab.write("in.jsonl", records(["g", "n", "x"]));
    let job = format!(
        "{SOURCE}[[step]]\nderive = {{ __arg_4 = \"n + 1\", __agg_0 = \"n + 2\" }}\n\
        [[output]]\npath = \"@/groups.csv\"\nby = []\n\
        select = {{ __agg_1 = \"sum(n * 2)\", b = \"sum(__arg_4 * 1)\", c = \"sum(__agg_0) + max(n)\" }}\n\
        having = \"__agg_1 = 552 AND b > 0\"\n\
        [[output]]\npath = \"@/events.csv\"\nselect = {{ y = \"__arg_4 - n\", z = \"__agg_0 - n\" }}\n\
        [[output]]\npath = \"@/all.csv\"\n"
    );
    lab.library(&job, PLAIN).unwrap();
    assert_eq!(lab.text("groups.csv"), "__agg_1,b,c\n552,300,347\n");
    assert_eq!(rows(&lab, "events.csv"), "1,2\n".repeat(24));
    let all = lab.text("all.csv");
    // Every column of the events, and none of ours.
    assert_eq!(all.lines().next(), Some("t,g,n,x,__arg_4,__agg_0"));
}

#[test]
fn a_name_of_ours_is_no_column_of_the_job() {
    let lab = Lab::new();
    lab.write("in.jsonl", records(["g", "n", "x"]));
    for (select, having) in [
        ("a = \"sum(n * 2)\", b = \"__agg_0 + count(*)\"", "TRUE"),
        ("a = \"sum(n * 2)\"", "__agg_0 > 1"),
        ("a = \"sum(n * 2)\", b = \"max(__arg_4)\"", "TRUE"),
    ] {
        let job = format!(
            "{SOURCE}[[output]]\npath = \"@/out.csv\"\nby = [\"g\"]\nselect = {{ {select} }}\nhaving = \"{having}\"\n"
        );
        let error = lab.plan(&job).unwrap_err().to_string();
        assert!(error.contains("unknown column `__a"), "{error}");
    }
}

#[test]
fn texts_are_left_as_they_are_written() {
    let lab = Lab::new();
    lab.write("in.jsonl", records(["g", "n", "x"]));
    let job = format!(
        "{SOURCE}[[step]]\nfilter = \"g <> '__agg_1' AND g <> '__arg_4' AND g <> 'it''''s'\"\n\
        [[output]]\npath = \"@/out.csv\"\nby = [\"g\"]\n\
        select = {{ n = \"count(*) + 0\", a = \"CASE WHEN max(n) > 0 THEN '__agg_0' ELSE '__call_0_' END\", \
        b = \"CASE WHEN max(n) > sum(x) - 1000 THEN 'it''''s \\\"__agg_1\\\" \\\\' END\" }}\n\
        having = \"g || '__agg_0' <> 'a__agg_0' AND sum(n) > 0 AND max(x) >= 0\"\n"
    );
    lab.library(&job, PLAIN).unwrap();
    assert_eq!(
        lab.text("out.csv"),
        "g,n,a,b\n__agg_0,8,__agg_0,\"it''s \"\"__agg_1\"\" \\\"\nb,8,__agg_0,\"it''s \"\"__agg_1\"\" \\\"\n"
    );
}

#[test]
fn the_state_of_groups_is_kept_whatever_their_keys_are_called() {
    let keys = ["__agg_0", "__agg_1"];
    let lab = Lab::new();
    let half = |from: usize, to: usize| -> String {
        records([keys[0], keys[1], "x"])
            .lines()
            .skip(from)
            .take(to - from)
            .map(|line| format!("{line}\n"))
            .collect()
    };
    let job = |path: &str, out: &str| {
        format!(
            "[source]\npath = \"@/{path}\"\ntime = \"t\"\ntime_unit = \"s\"\n[[step]]\nderive = {{ k = '\"__agg_1\" % 2' }}\n\
            [[output]]\npath = \"@/{out}\"\nformat = \"csv\"\nstate = true\nby = [\"__agg_0\", \"k\"]\n\
            select = {{ n = \"count(*)\", s = \"sum(x)\", a = \"avg(x)\" }}\n"
        )
    };
    lab.write("a/1.jsonl", half(0, 12));
    lab.library(&job("a/*.jsonl", "out"), PLAIN).unwrap();
    lab.write("late.jsonl", half(12, 24));
    let request =
        highwater::backfill::BackfillRequest { files: vec!["@/late.jsonl".into()], ..Default::default() };
    lab.backfill(&job("a/*.jsonl", "out"), request, PLAIN).unwrap();
    lab.write("both/1.jsonl", half(0, 12));
    lab.write("both/2.jsonl", half(12, 24));
    lab.library(&job("both/*.jsonl", "fresh"), PLAIN).unwrap();
    assert_eq!(lab.data("out"), lab.data("fresh"));
}

/// A name that gives trouble somewhere: quotes, dots, spaces, words of SQL, patterns, names that are ours.
fn hostile() -> impl Strategy<Value = String> {
    let listed = prop::sample::select(vec![
        "__agg_0",
        "__agg_1",
        "__arg_0",
        "__arg_4",
        "__arg_5",
        "__call_0_",
        "_position",
        "_time",
        "_file",
        "_place",
        "_us",
        "_start",
        "_value_1",
        "value",
        "window_start",
        "window_end",
        "firing",
        "select",
        "from",
        "sum",
        "max",
        "user",
        "a.b",
        "a.b.c",
        "\"",
        "\"\"",
        "a\"b",
        "a\"\"b",
        "'",
        "''",
        "*",
        "^.*$",
        "^a$",
        "é",
        "ß",
        "ẞ",
        "日本",
        "🦀",
        "A",
        "a",
        " ",
        " a ",
        "a b",
        "a,b",
        "a;--",
        "\\",
        "a\\",
        "{}",
        "%s",
        "$1",
        "?",
        "NULL",
        "true",
        "0",
        "1",
        "column 2",
        "column 3",
        "sum(x)",
        "count(*)",
        "NFC",
        "interval",
        "e",
        "r",
        "m1",
        "source",
        "events",
        "grouped",
    ]);
    prop_oneof![3 => listed.prop_map(String::from), 1 => "[\\PC&&[^@]]{1,6}"]
}

/// A job over columns of these names, which counts and adds what a job over other names does.
fn job(names: &[String; 5]) -> String {
    let [group, number, other, derived, first] = names.each_ref().map(|name| sql(name));
    let name = |i: usize| toml(&names[i]);
    let say = |text: String| toml(&text);
    format!(
        "{SOURCE}\
        [[step]]\nfilter = {filter}\n\
        [[step]]\nderive = {{ {derived_name} = {derive} }}\n\
        [[step]]\nfirst = [{group_name}]\nas = {first_name}\n\
        [[output]]\npath = \"@/groups.csv\"\nby = [{group_name}]\n\
        select = {{ s1 = {s1}, s2 = {s2}, s3 = {s3}, s4 = {s4}, s5 = \"count(*)\", s6 = {s6} }}\nhaving = {having}\n\
        top = {{ n = 3, by = \"s2 desc\" }}\n\
        [[output]]\npath = \"@/events.csv\"\nselect = {{ e1 = {e1}, e2 = {e2}, e3 = {derived}, e4 = {first} }}\n\
        [[output]]\npath = \"@/all.csv\"\n",
        filter = say(format!("{number} <> 5 AND {group} <> 'sum'")),
        derived_name = name(3),
        derive = say(format!("{number} * 2 + {other}")),
        group_name = name(0),
        first_name = name(4),
        s1 = say(format!("sum({number})")),
        s2 = say(format!("sum({derived} * 2) - max({other}) / 2")),
        s3 = say(format!("sum(CASE WHEN {first} THEN 1 ELSE 0 END)")),
        s4 = say(format!("CASE WHEN {group} = '__agg_0' THEN min({other}) ELSE max({other} + {number}) END")),
        s6 = say(format!("arg_max({number}, {other})")),
        having = say(format!("{group} <> 'b' AND sum({number} + 1) > 0 AND s1 > 0")),
        e1 = say(format!("{number} + {other}")),
        e2 = say(number.clone()),
        derived = say(derived.clone()),
        first = say(first.clone()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn names_change_no_number(names in prop::collection::hash_set(hostile(), 5)) {
        let names: Vec<String> = names.into_iter().filter(|name| name != "t").collect();
        prop_assume!(names.len() == 5);
        let names: [String; 5] = names.try_into().unwrap();
        let plain = ["gg", "nn", "oo", "dd", "ff"].map(String::from);
        let of = |names: &[String; 5]| {
            let lab = Lab::new();
            lab.write("in.jsonl", records([&names[0], &names[1], &names[2]]));
            let job = job(names);
            lab.library(&job, PLAIN).unwrap_or_else(|e| panic!("{e}\n{job}"));
            // Columns of files are in the order of their names in JSON.
            let mut all: Vec<Vec<String>> = vec![];
            for record in csv::Reader::from_path(lab.path("all.csv")).unwrap().deserialize() {
                let record: std::collections::HashMap<String, String> = record.unwrap();
                all.push(names.iter().map(|name| record[name].clone()).collect());
            }
            let values = rows(&lab, "groups.csv");
            (values, lab.text("events.csv"), all)
        };
        prop_assert_eq!(of(&names), of(&plain));
    }
}
