//! The functions of expressions: one table, from which calls are resolved, and of which the guide and the help are made.
//!
//! # Contract
//! * A function that is not in [`all`] cannot be called. A new one is an entry here, its `Op`, what the op computes, and
//!   how the dialects say it. The example of each entry is true, and a test computes it.

mod moments;
mod numbers;
mod signature;
mod texts;

use crate::aggregate::catalog;
pub use signature::{FunctionForm, Gives, Make, Take};

/// Every function, in the order of the guide.
pub fn all() -> impl Iterator<Item = (&'static str, &'static [FunctionForm])> {
    [
        ("Choices", &numbers::CHOICES[..]),
        ("Numbers", &numbers::NUMBERS[..]),
        ("Text", &texts::TEXTS[..]),
        ("Patterns", &texts::PATTERNS[..]),
        ("Codes, hashes and JSON", &texts::CODES[..]),
        ("Times", &moments::MOMENTS[..]),
    ]
    .into_iter()
}

/// The forms of the function `name`, which is in lower case.
pub fn named(name: &str) -> Vec<&'static FunctionForm> {
    let is = |function: &&FunctionForm| function.name == name || function.aliases.contains(&name);
    all().flat_map(|(_, functions)| functions).filter(is).collect()
}

/// All names, with those that are read and not written first.
pub fn names() -> impl Iterator<Item = &'static str> {
    all()
        .flat_map(|(_, functions)| functions)
        .flat_map(|f| std::iter::once(f.name).chain(f.aliases.iter().copied()))
}

/// The operators and other words of the language, beside its functions: what is written, and what it gives.
pub const OPERATORS: [(&str, &str); 16] = [
    (
        "`+` `-` `*`",
        "Sum, difference and product. A result that does not fit is an error. A product of decimals has all of its digits.",
    ),
    (
        "`/`",
        "The quotient: a float for two int64s, a decimal with at least 6 digits after the point if one side is a decimal. Division by zero is an error.",
    ),
    ("`//` `DIV`", "The quotient cut towards zero."),
    ("`%`", "The remainder, with the sign of the dividend."),
    ("`^`", "The power, a float."),
    (
        "`=` `<>` `<` `<=` `>` `>=`",
        "Comparisons. Texts compare by bytes; a text in quotes that is compared with a time or a day is read as one.",
    ),
    ("`IS [NOT] DISTINCT FROM`, `IS [NOT] NULL`, `IS [NOT] TRUE`, `IS [NOT] FALSE`", "Never NULL."),
    ("`BETWEEN`, `IN (…)`", "For values of any type."),
    ("`AND` `OR` `NOT`", "After a FALSE of AND, or a TRUE of OR, the rest is not evaluated."),
    (
        "`CASE WHEN … THEN … ELSE … END`, `CASE x WHEN …`",
        "The first branch that is true; errors in the other branches are ignored.",
    ),
    ("`a || b`", "Texts, one after the other; if one side is a text, the other becomes text."),
    (
        "`LIKE`, `ILIKE`, `~`, `~*`, `^@`",
        "Patterns, with ESCAPE; regular expressions of the crate `regex`; the beginning of a text.",
    ),
    ("`&` `|` `<<` `>>` `~`", "Bits of int64s."),
    (
        "`json ->> 'key'`, `json ->> 0`, `json #>> '{a,0}'`, `->`, `#>`",
        "A value in a JSON text, as text, or as JSON as it is written; NULL if there is none.",
    ),
    (
        "`CAST(x AS type)`, `x::type`, `TRY_CAST`",
        "To VARCHAR, BOOLEAN, BIGINT, DOUBLE, DECIMAL(p, s), DATE, TIMESTAMP. TRY_CAST gives NULL where CAST is an error.",
    ),
    (
        "`time + INTERVAL '1 day 2 hours'`, `date + 1`, `date - date`, `EXTRACT(hour FROM time)`, `time AT TIME ZONE 'zone'`",
        "Months and days on the clock of the zone, hours in time.",
    ),
];

/// What editors show where an expression is written.
pub fn help() -> String {
    let mut out = "An SQL expression of one row, with PostgreSQL's meaning.".to_string();
    for (group, functions) in all() {
        let mut names: Vec<&str> = functions.iter().map(|function| function.name).collect();
        names.dedup();
        out += &format!("\n\n{group}: {}.", names.join(", "));
    }
    let mut aggregates: Vec<&str> = catalog::ALL.iter().map(|form| form.names[0]).collect();
    aggregates.dedup();
    out + &format!("\n\nAggregates, of outputs with groups: {}.", aggregates.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// The tables of the guide's page of expressions.
    fn page() -> String {
        let mut out = String::from("| operator | what it gives |\n| --- | --- |\n");
        for (operator, meaning) in OPERATORS {
            let _ = writeln!(out, "| {} | {meaning} |", operator.replace('|', "\\|"));
        }
        for (group, functions) in all() {
            let _ =
                write!(out, "\n### {group}\n\n| function | what it gives | example |\n| --- | --- | --- |\n");
            for function in functions {
                let (call, value) = function.example;
                let also = match function.aliases {
                    [] => String::new(),
                    aliases => format!(" Also `{}`.", aliases.join("`, `")),
                };
                let example = format!("{call} = {value}").replace('|', "\\|");
                let _ =
                    writeln!(out, "| `{}` | {}{also} | `{example}` |", function.signature(), function.help);
            }
        }
        out
    }

    #[test]
    fn the_page_of_expressions_has_every_function() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide/expressions.md");
        let kept = std::fs::read_to_string(path).unwrap();
        let (begin, end) = ("<!-- the table of functions -->\n", "<!-- its end -->");
        let (head, rest) = kept.split_once(begin).unwrap();
        let (table, tail) = rest.split_once(end).unwrap();
        if std::env::var_os("HIGHWATER_BLESS").is_some() {
            std::fs::write(path, format!("{head}{begin}\n{}\n{end}{tail}", page())).unwrap();
            return;
        }
        assert!(
            table.trim() == page().trim(),
            "{path} is not the table of functions; HIGHWATER_BLESS=1 writes it"
        );
    }

    #[test]
    fn a_name_is_that_of_one_function() {
        let mut known: Vec<&str> = vec![];
        for (_, functions) in all() {
            for function in functions {
                for name in std::iter::once(function.name).chain(function.aliases.iter().copied()) {
                    let again = named(name).iter().all(|form| form.name == function.name);
                    assert!(again, "{name} is a name of several functions");
                    known.push(name);
                }
            }
        }
        assert!(known.len() > 100, "{}", known.len());
    }
}
