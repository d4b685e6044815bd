//! Expressions of thousands of parts, and expressions that cannot be computed: values, or an error that points at them.

use crate::support::Lab;

fn job(filter: &str) -> String {
    format!(
        "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\n[[step]]\nfilter = \"{filter}\"\n\n\
         [[output]]\npath = \"out.csv\"\nwindow = {{ tumbling = \"1h\" }}\nselect = {{ n = \"count(*)\" }}\n"
    )
}

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("log.csv", "at,n,t\n0,1,a\n1,2,b\n2,9999,c\n");
    lab
}

/// How many events a filter keeps; the referee keeps as many.
fn kept(filter: &str) -> u64 {
    let lab = lab();
    lab.done(&job(filter), &["-q"]);
    let verified = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    let text = lab.text("out.csv");
    text.lines().nth(1).map_or(0, |line| line.rsplit(',').next().unwrap().parse().unwrap())
}

#[test]
fn long_chains_are_computed() {
    let terms = |of: fn(usize) -> String, link: &str| (0..2_500).map(of).collect::<Vec<_>>().join(link);
    assert_eq!(kept(&terms(|i| format!("n = {i}"), " OR ")), 2);
    assert_eq!(kept(&terms(|i| format!("t LIKE 'b{i}%'"), " OR ")), 0);
    assert_eq!(kept(&format!("t{} = 'b{}'", " || 'x'".repeat(600), "x".repeat(600))), 1);
    assert_eq!(kept(&format!("n{} > 152", " + 1".repeat(150))), 1);
    assert_eq!(kept(&format!("n IN ({})", terms(|i| i.to_string(), ", "))), 2);
}

#[test]
fn chains_beyond_the_limit_are_pointed_at() {
    let lab = lab();
    for (link, kind) in [(" + 1", "200 parts"), (" * n", "200 parts"), ("::bigint", "200 parts")] {
        lab.write("job.toml", job(&format!("n{} > 0", link.repeat(5_000))));
        for command in
            [&["check", "job.toml"][..], &["run", "job.toml"], &["explain", "job.toml"], &["sql", "job.toml"]]
        {
            let answer = lab.highwater(command);
            assert_eq!(answer.code, 2, "{link} {command:?}: {}", answer.err);
            assert!(answer.err.contains(kind), "{link} {command:?}: {}", answer.err);
            assert!(
                answer.err.contains("job.toml:7:10") && answer.err.contains("| ^^^")
                    || answer.err.contains("^^^^")
            );
            assert!(answer.err.len() < 2_000, "{link} {command:?}: {} bytes", answer.err.len());
        }
    }
}

#[test]
fn what_cannot_be_computed_is_an_error_of_the_job() {
    let lab = lab();
    for expression in [
        "GREATEST()",
        "LEAST()",
        "CAST(n AS DECIMAL(76,2))",
        "CAST('a' AS DECIMAL(99,1))",
        "CAST(n > 1 AS DECIMAL(40,2))",
        "CAST(n AS DECIMAL(5,-2))",
        "LOG2([1,2])",
        "100000 // t",
        "row_number() OVER (ORDER BY at)",
        "unnest(t)",
    ] {
        let placed = |key: &str| {
            format!(
                "[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\n\n{key}\n[[output]]\npath = \"-\"\n"
            )
        };
        let derived = placed(&format!("[[step]]\nderive = {{ z = \"{expression}\" }}\n"));
        let selected = placed("") + &format!("select = {{ z = \"{expression}\" }}\n");
        for job in [derived, selected] {
            lab.write("job.toml", &job);
            for command in [
                &["run", "job.toml"][..],
                &["explain", "job.toml"],
                &["check", "job.toml", "--data"],
                &["verify", "job.toml"],
                &["sql", "job.toml"],
            ] {
                let answer = lab.highwater(command);
                assert_eq!(answer.code, 2, "{expression} {command:?}: {}", answer.err);
                assert!(answer.err.contains(expression), "{expression} {command:?}: {}", answer.err);
                assert!(answer.err.contains("^^^"), "{expression} {command:?}: {}", answer.err);
            }
        }
    }
}
