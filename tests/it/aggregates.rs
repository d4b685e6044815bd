//! Aggregates by hand: each form over a few events, beside the value that a reader finds with a pencil.

use crate::support::{Lab, Machine};

/// Two keys; every column has a NULL in the first.
const EVENTS: &str = "at,k,n,m,f,t,b\n\
    60,a,6,1.50,0.5,x,true\n\
    10,a,3,2.50,1.5,y,false\n\
    30,a,,,,,\n\
    20,a,6,-1.00,2.5,x,true\n\
    50,a,5,2.50,-0.5,it's,true\n\
    15,b,7,,2.0,,\n";

fn job(select: &[(&str, &str)]) -> String {
    let select: Vec<String> = select.iter().map(|(name, sql)| format!("{name} = {sql:?}\n")).collect();
    format!(
        "[source]\npath = \"@/e.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\
        types = {{ n = \"int64\", m = \"decimal(9,2)\", f = \"float64\", b = \"bool\" }}\n\
        [[output]]\npath = \"@/out.jsonl\"\nby = [\"k\"]\n[output.select]\n{}",
        select.concat()
    )
}

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("e.csv", EVENTS);
    lab
}

/// SQL, and its values of the keys `a` and `b` as JSON.
const VALUES: [(&str, &str, &str); 78] = [
    ("spread(n)", "3", "0"),
    ("spread(m)", "3.50", "null"),
    ("spread(n + 1) filter (where n > 4) * 2", "2", "0"),
    ("count(*) filter (where n > 4)", "3", "1"),
    ("count(*) filter (where b is null)", "1", "1"),
    ("count(n) filter (where not b)", "1", "0"),
    ("count(distinct t) filter (where b)", "2", "0"),
    ("sum(n) filter (where b)", "17", "null"),
    ("avg(m) filter (where n = 6)", "0.25", "null"),
    ("min(t) filter (where n < 6)", "\"it's\"", "null"),
    ("first(t) filter (where b)", "\"x\"", "null"),
    ("last(n) filter (where not b)", "3", "null"),
    ("arg_max(t, m) filter (where n > 4)", "\"it's\"", "null"),
    ("median(n) filter (where n > 3)", "6.0", "7.0"),
    ("bool_and(b) filter (where n > 3)", "true", "null"),
    ("stddev_pop(n) filter (where n > 4) > 0", "true", "false"),
    // What is left out is not computed: it would divide by zero.
    ("sum(1 / (n - 6)) filter (where n <> 6)", "-1.3333333333333333", "1.0"),
    ("sum(n) filter (where true) / count(*)", "4.0", "7.0"),
    ("string_agg(t, ', ') filter (where n > 3)", "\"x, it's, x\"", "null"),
    ("corr(n, m) filter (where n = 6)", "null", "null"),
    ("string_agg(t, ', ')", "\"y, x, it's, x\"", "null"),
    ("string_agg(t, E'\\n')", "\"y\\nx\\nit's\\nx\"", "null"),
    ("string_agg(t, '')", "\"yxit'sx\"", "null"),
    ("string_agg(t, '''')", "\"y'x'it's'x\"", "null"),
    ("string_agg(t, '-' order by t)", "\"it's-x-x-y\"", "null"),
    ("string_agg(t, '-' order by t desc, n)", "\"y-x-x-it's\"", "null"),
    ("string_agg(t, '-' order by m desc)", "\"y-it's-x-x\"", "null"),
    ("string_agg(t, '-' order by m desc, n desc)", "\"it's-y-x-x\"", "null"),
    ("string_agg(coalesce(t, '?'), '' order by n nulls first)", "\"?yit'sxx\"", "\"?\""),
    ("string_agg(coalesce(t, '?'), '' order by n)", "\"yit'sxx?\"", "\"?\""),
    ("string_agg(coalesce(t, '?'), '' order by n desc)", "\"?xxit'sy\"", "\"?\""),
    ("string_agg(coalesce(t, '?'), '' order by n desc nulls last)", "\"xxit'sy?\"", "\"?\""),
    ("string_agg(distinct t, '-')", "\"y-x-it's\"", "null"),
    ("string_agg(distinct t, '-' order by t desc)", "\"y-x-it's\"", "null"),
    ("listagg(t, '-') within group (order by f)", "\"it's-x-y-x\"", "null"),
    ("group_concat(t, '-')", "\"y-x-it's-x\"", "null"),
    ("count_if(b)", "3", "0"),
    ("countif(n > 5) filter (where m > 0)", "1", "0"),
    ("every(b)", "false", "null"),
    ("bool_or(b)", "true", "null"),
    ("bit_and(n)", "0", "7"),
    ("bit_or(n)", "7", "7"),
    ("bit_xor(n)", "6", "7"),
    ("bit_and(-n)", "-8", "-7"),
    ("bit_or(n) filter (where n > 100)", "null", "null"),
    ("mode(n)", "6", "7"),
    ("mode(m)", "2.50", "null"),
    ("mode(f)", "-0.5", "2.0"),
    ("mode(t)", "\"x\"", "null"),
    ("mode(b)", "true", "null"),
    ("mode() within group (order by n)", "6", "7"),
    ("sum(distinct n)", "14", "7"),
    ("sum(distinct m)", "3.00", "null"),
    ("avg(distinct m)", "1.0", "null"),
    ("var_pop(distinct n)", "1.5555555555555556", "0.0"),
    ("stddev_samp(distinct f)", "1.2909944487358056", "null"),
    ("min(distinct n)", "3", "7"),
    ("count(distinct n)", "3", "1"),
    ("percentile_cont(0.25) within group (order by n)", "4.5", "7.0"),
    ("quantile_cont(n, 0.25)", "4.5", "7.0"),
    ("regr_count(n, m)", "4", "0"),
    ("regr_avgx(n, m)", "1.375", "null"),
    ("regr_avgy(n, m)", "5.0", "null"),
    ("regr_sxx(n, m)", "8.1875", "null"),
    ("regr_syy(n, m)", "6.0", "null"),
    ("regr_sxy(n, m)", "-4.5", "null"),
    ("covar_pop(n, m)", "-1.125", "null"),
    ("covar_samp(n, m)", "-1.5", "null"),
    ("regr_slope(n, m)", "-0.549618320610687", "null"),
    ("regr_intercept(n, m)", "5.755725190839694", "null"),
    ("regr_r2(n, m)", "0.4122137404580153", "null"),
    ("corr(n, m)", "-0.6420387375057796", "null"),
    ("regr_r2(1, n)", "1.0", "null"),
    ("corr(n, n)", "1.0", "null"),
    ("covar_pop(n, f)", "0.0", "0.0"),
    ("covar_samp(n, f)", "0.0", "null"),
    ("sum(1) + sum(n)", "25", "8"),
    ("string_agg(t, ',') || '!'", "\"y,x,it's,x!\"", "null"),
];

#[test]
fn every_form_gives_what_a_pencil_gives() {
    let lab = lab();
    let names: Vec<String> = (0..VALUES.len()).map(|i| format!("v{i}")).collect();
    let select: Vec<(&str, &str)> =
        names.iter().zip(VALUES).map(|(name, (sql, ..))| (name.as_str(), sql)).collect();
    for (threads, chunk_bytes) in [(1, 1 << 20), (2, 16), (4, 60)] {
        lab.library(&job(&select), Machine { threads, chunk_bytes, memory: 1 << 30 })
            .unwrap_or_else(|e| panic!("{e}"));
        let text = lab.text("out.jsonl");
        let rows: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut wrong = vec![];
        for (name, (sql, a, b)) in names.iter().zip(VALUES) {
            for (row, want) in rows.iter().zip([a, b]) {
                let found = row[name].to_string();
                if found.trim_matches('"') != want.trim_matches('"') {
                    wrong.push(format!("{sql} of {}: {found} is not {want}", row["k"]));
                }
            }
        }
        assert!(wrong.is_empty(), "{threads} threads\n{}", wrong.join("\n"));
    }
}

#[test]
fn another_name_of_an_aggregate_gives_the_same() {
    let pairs = [
        ("mean(n)", "avg(n)"),
        ("variance(n)", "var_samp(n)"),
        ("stddev(m)", "stddev_samp(m)"),
        ("any_value(t)", "first(t)"),
        ("min_by(t, n)", "arg_min(t, n)"),
        ("max_by(t, n)", "arg_max(t, n)"),
        ("every(b)", "bool_and(b)"),
    ];
    let lab = lab();
    for (one, other) in pairs {
        let of = |sql| {
            lab.write("e.csv", EVENTS);
            lab.library(&job(&[("v", sql)]), crate::support::PLAIN).unwrap();
            lab.text("out.jsonl")
        };
        assert_eq!(of(one), of(other), "{one}");
    }
}

/// SQL, and what is wrong with it.
const WRONG: [(&str, &str); 37] = [
    ("sum(max(n))", "`max` inside `sum` in `sum(max(n))`: aggregates do not nest"),
    ("sum(n) filter (where max(n) > 1)", "`max` inside `sum` in"),
    ("string_agg(t, ',' order by sum(n))", "`sum` inside `string_agg` in"),
    ("sum(n) filter (where n)", "the condition of FILTER must be a bool, but its type is int64"),
    ("sum(n) filter (where nn > 1)", "unknown column `nn`"),
    ("sum(n) filter", "FILTER in `sum(n) filter` needs a condition"),
    ("sum(n) filter (n > 1)", "FILTER in `sum(n) filter (n > 1)` needs a condition"),
    ("sum(n) over ()", "`sum` in `sum(n) over ()` takes no OVER"),
    ("first(n order by m)", "ORDER BY is not for `first` in"),
    ("first(n) respect nulls", "`first` in `first(n) respect nulls` takes no RESPECT NULLS"),
    ("string_agg(t separator ',')", "`string_agg` in `string_agg(t separator ',')` takes no SEPARATOR"),
    ("string_agg(t, ',' limit 2)", "takes no `LIMIT 2`"),
    ("string_agg(t)", "`string_agg` in `string_agg(t)` takes two arguments, not 1"),
    ("string_agg(t, k)", "the second argument of `string_agg` is a text such as ', ', not `k`"),
    ("string_agg(n, ',')", "`string_agg` takes a string, and its argument is of type int64"),
    ("string_agg(distinct t, ',' order by n)", "the distinct values of `string_agg` in"),
    ("string_agg(t, ',') within group (order by n) || k", ""),
    ("sum()", "`sum` in `sum()` takes one argument, not 0"),
    ("sum(n, m)", "`sum` in `sum(n, m)` takes one argument, not 2"),
    ("sum(*)", "`sum` in `sum(*)` cannot take `*`"),
    ("count(*, n)", "`count` in `count(*, n)` cannot take `*`"),
    ("count(distinct)", "wrong expression"),
    ("bit_and(f)", "`bit_and` takes an int64, and its argument is of type float64"),
    ("bit_xor(distinct n)", "DISTINCT is not for `bit_xor` in"),
    ("mode(distinct n)", "DISTINCT is not for `mode` in"),
    ("count_if(n)", "`count_if` takes a bool, and its argument is of type int64"),
    ("corr(n)", "`corr` in `corr(n)` takes two arguments, not 1"),
    ("corr(n, t)", "`corr` takes a number, and its second argument is of type string"),
    ("corr(t, n)", "`corr` takes a number, and its first argument is of type string"),
    ("percentile_cont(n, 0.5)", "`percentile_cont` in `percentile_cont(n, 0.5)` needs WITHIN GROUP"),
    ("percentile_cont(0.5) within group (order by n desc)", "cannot be ordered descending"),
    (
        "percentile_cont(2) within group (order by n)",
        "the argument of `percentile_cont` is a number from 0 to 1, not `2`",
    ),
    ("mode() within group (order by n desc)", "cannot be ordered descending"),
    ("sum(n) within group (order by m)", "WITHIN GROUP is not for `sum` in"),
    ("quantile(n, m)", "the second argument of `quantile` is a number from 0 to 1, not `m`"),
    ("quantile(n)", "`quantile` in `quantile(n)` takes two arguments, not 1"),
    ("sum(n)(m)", "`sum` in `sum(n)(m)` has arguments twice"),
];

#[test]
fn what_is_wrong_with_an_aggregate_is_told_by_name() {
    let lab = lab();
    for (sql, words) in WRONG {
        let outcome = lab.library(&job(&[("v", sql)]), crate::support::PLAIN);
        match (outcome, words) {
            // It has a key beside it.
            (Ok(_), "") => {}
            (Ok(_), _) => panic!("{sql} is right"),
            (Err(error), words) => {
                assert!(error.message().contains(words) && error.place().is_some(), "{sql}: {error}");
            }
        }
    }
}

#[test]
fn a_sum_of_texts_says_which_value_made_them_texts() {
    let lab = Lab::new();
    lab.write("x.csv", "t,k,v\n2024-02-01,a,12.50\n2024-02-01,b,NA\n");
    lab.write("h.csv", "t,k,v\n");
    let job = |path: &str| {
        format!(
            "[source]\npath = \"{path}\"\ntime = \"t\"\n[[output]]\npath = \"-\"\nselect = {{ s = \"sum(v)\" }}\n"
        )
    };
    insta::assert_snapshot!(lab.run(&job("x.csv"), &[]).err, @r#"
    error: `sum` takes a number, and its argument is of type string
     --> job.toml:6:16
      |
    6 | select = { s = "sum(v)" }
      |                ^^^^^^^^
      cause: `v` is read as a string: `NA` in x.csv, line 3, is not a number
      hint: written = { v = { null = ["NA"] } } reads the column, with `NA` for no value
      hint: types = { v = "decimal(18,2)" } declares it a number
      hint: CAST(NULLIF(v, 'NA') AS DECIMAL(18,2)) reads it if `NA` means NULL
    "#);
    // No value is no text: a file of a header alone is an input of no events.
    assert_eq!(lab.run(&job("h.csv"), &[]).code, 0);
    // So does an expression, where a number is wanted.
    for sql in ["sum(v * 2)", "sum(v) FILTER (WHERE v > 3)"] {
        let said = lab.run(&job("x.csv").replace("sum(v)", sql), &[]).err;
        assert!(
            said.contains("cause: `v` is read as a string: `NA` in x.csv, line 3, is not a number"),
            "{sql}: {said}"
        );
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
    }
    // And the way that it names is one.
    let cast = job("x.csv").replace("sum(v)", "sum(CAST(NULLIF(v, 'NA') AS DECIMAL(18,2)))");
    assert!(lab.done(&cast, &[]).out.contains("12.50"));
}

#[test]
fn the_referee_counts_a_constant_for_each_event() {
    let lab = lab();
    let select = [
        ("a", "sum(1)"),
        ("b", "count(1)"),
        ("c", "avg(2)"),
        ("d", "max('x')"),
        ("e", "sum(3) filter (where b)"),
    ];
    let job = job(&select).replace("@/", "");
    lab.done(&job, &[]);
    let answer = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(answer.code, 0, "{}{}", answer.out, answer.err);
}
