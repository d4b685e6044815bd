//! `verify` of results of other people: how they write NULL, times, numbers and headers.

use crate::support::Lab;

const OURS: &str = "day,k,total\n2024-06-01,A,10.50\n2024-06-02,B,\n2024-06-03,C,-3.00\n";

/// What `verify` says of `ours` and `theirs`, and its exit code.
fn verified(ours: &str, theirs: &str, args: &[&str]) -> (i32, String) {
    let lab = Lab::new();
    lab.write("a.csv", ours);
    lab.write("b.csv", theirs);
    let answer = lab.highwater(&[&["verify", "a.csv", "--against", "b.csv"], args].concat());
    (answer.code, answer.out + &answer.err)
}

fn same(ours: &str, theirs: &str, args: &[&str]) -> String {
    let (code, said) = verified(ours, theirs, args);
    assert_eq!(code, 0, "{theirs}{said}");
    said
}

#[test]
fn a_word_for_null_among_numbers_is_null_and_said() {
    for word in ["NULL", "\\N", "NA", "None", "\"null\""] {
        let theirs = format!("day,k,total\n2024-06-01,A,10.5\n2024-06-02,B,{word}\n2024-06-03,C,-3\n");
        let said = same(OURS, &theirs, &["--key", "day,k"]);
        let word = word.trim_matches('"');
        assert!(
            said.contains(&format!("note: `{word}` is read as NULL in `total` there (b.csv, line 3)")),
            "{said}"
        );
    }
    // A number where they have none is one row that differs.
    let theirs = "day,k,total\n2024-06-01,A,NULL\n2024-06-02,B,NULL\n2024-06-03,C,-3\n";
    let (code, said) = verified(OURS, theirs, &["--key", "day,k"]);
    assert!(code == 1 && said.contains("1 of 3 rows"), "{said}");
}

#[test]
fn a_word_for_null_among_texts_is_a_text_unless_it_is_said() {
    let ours = "k,country\n1,US\n2,\n3,NA\n";
    let theirs = "k,country\n1,US\n2,NULL\n3,NA\n";
    let (code, said) = verified(ours, theirs, &["--key", "k"]);
    assert!(code == 1 && said.contains("1 of 3 rows"), "{said}");
    assert!(
        said.contains("`NULL` is a text in `country` there (b.csv, line 3); --null 'NULL' reads it as NULL"),
        "{said}"
    );
    same(ours, theirs, &["--key", "k", "--null", "NULL"]);
}

#[test]
fn delimiters_are_found_where_one_alone_is_possible() {
    for (delimiter, shown) in [(";", ";"), ("|", "|"), ("\t", "\\t")] {
        let said = same(OURS, &OURS.replace(',', delimiter), &["--key", "day,k"]);
        assert!(said.contains(&format!("b.csv: fields are separated by `{shown}`")), "{said}");
    }
    let (code, said) = verified(OURS, "a;b|c\n1;2|3\n", &[]);
    assert!(
        code == 3 && said.contains("may be separated by `;` or `|`") && said.contains("--delimiter"),
        "{said}"
    );
    same("a,b\n1,2\n", "a:b\n1:2\n", &["--delimiter", ":"]);
}

#[test]
fn a_file_without_a_header_has_the_names_here_or_those_that_are_given() {
    let body = OURS.split_once('\n').unwrap().1;
    same(OURS, body, &["--key", "day,k", "--no-header"]);
    let turned = "A,10.50,2024-06-01\nB,,2024-06-02\nC,-3.00,2024-06-03\n";
    same(OURS, turned, &["--key", "day,k", "--columns", "k,total,day"]);
    let (code, said) = verified(OURS, "A,1\n", &["--no-header"]);
    assert!(code == 3 && said.contains("2 fields, but the columns are day, k, total"), "{said}");
}

#[test]
fn names_in_other_case_and_order_are_paired_and_said() {
    let theirs = "TOTAL,K,Day\n10.5,A,2024-06-01\n,B,2024-06-02\n-3,C,2024-06-03\n";
    let said = same(OURS, theirs, &["--key", "day,k"]);
    assert!(said.contains("`TOTAL` there is compared with `total` here"), "{said}");
    // Two that could be meant are nobody's.
    let (code, said) = verified("k,v\n1,2\n", "k,V,v \n1,2,3\n", &["--key", "k"]);
    assert!(code == 1 && !said.contains("there is compared with"), "{said}");
}

#[test]
fn times_of_every_engine_are_one_instant() {
    let ours = "t,n\n2024-06-01T10:00:00Z,1\n";
    for time in [
        "2024-06-01 10:00:00+00",
        "2024-06-01 10:00:00 UTC",
        "2024-06-01T17:00:00.000+07:00",
        "2024-06-01 10:00:00",
    ] {
        same(ours, &format!("t,n\n{time},1\n"), &["--key", "t"]);
    }
    let local = "t,n\n2024-06-01 17:00:00,1\n";
    assert_eq!(verified(ours, local, &["--key", "t"]).0, 1);
    same(ours, local, &["--key", "t", "--zone", "Asia/Jakarta"]);
    // What has an offset keeps it.
    same(ours, ours, &["--key", "t", "--zone", "Asia/Jakarta"]);
}

#[test]
fn decimal_commas_are_declared_and_spaces_are_none_of_a_number() {
    let ours = "k,v\n1,1234.50\n2,-3\n";
    let theirs = "k;v\n1;1.234,5\n2; -3 \n";
    same(ours, theirs, &["--key", "k", "--decimal-comma"]);
    assert_eq!(verified(ours, theirs, &["--key", "k"]).0, 1);
    // A point that parts no thousands is no number then, and never another one.
    assert_eq!(verified(ours, "k;v\n1;1234.5\n2;-3\n", &["--key", "k", "--decimal-comma"]).0, 1);
}

#[test]
fn what_is_said_of_a_result_needs_one() {
    let lab = Lab::new();
    lab.write("a.csv", OURS);
    lab.write("q.sql", "SELECT 1");
    let answer = lab.highwater(&["verify", "a.csv", "--against", "q.sql", "--null", "NA"]);
    assert!(answer.code == 2 && answer.err.contains("--against is not a result"), "{}", answer.err);
    let answer = lab.highwater(&["verify", "a.csv", "--against", "a.csv", "--zone", "Mars"]);
    assert!(answer.code == 2 && answer.err.contains("not a zone"), "{}", answer.err);
}
