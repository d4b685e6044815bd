use super::*;
use crate::verify::compare::{
    ColumnCount, Comparison, Duplicate, RowDifference, SchemaDifference, WhichSide,
};

fn verified(comparison: &Comparison) -> Verified {
    Verified {
        output: "out/totals".into(),
        here: "highwater".into(),
        against: "totals.sql in Polars".into(),
        comparison: comparison.clone(),
        explanation: None,
        traces: vec![],
        notes: vec![],
    }
}

fn key(seller: &str) -> Vec<(String, Option<String>)> {
    vec![
        ("window_start".into(), Some("2024-03-01T00:00:00Z".into())),
        ("seller_id".into(), Some(seller.into())),
    ]
}

fn cell(name: &str, here: Option<&str>, there: Option<&str>) -> (String, Option<String>, Option<String>) {
    (name.into(), here.map(String::from), there.map(String::from))
}

fn column(name: &str, [matched, null_here, null_there, different]: [u64; 4]) -> ColumnCount {
    ColumnCount { name: name.into(), matched, null_here, null_there, different }
}

fn same() -> Comparison {
    Comparison {
        here: 12_345,
        there: 12_345,
        matched: 12_345,
        columns: vec![column("total", [12_345, 0, 0, 0])],
        ..Comparison::default()
    }
}

fn one_cell() -> Comparison {
    Comparison {
        matched: 12_344,
        differing: 1,
        columns: vec![
            column("window_end", [12_345, 0, 0, 0]),
            column("total", [12_344, 0, 0, 1]),
            column("n", [12_345, 0, 0, 0]),
        ],
        rows: vec![RowDifference {
            key: key("abc"),
            only: None,
            cells: vec![cell("total", Some("12.50"), Some("12.501"))],
        }],
        ..same()
    }
}

/// Rows that a side lacks, and NULLs.
fn missing_and_extra() -> Comparison {
    let row = |seller, only, here, there| RowDifference {
        key: key(seller),
        only,
        cells: vec![cell("name", here, there), cell("total", here.map(|_| "1.00"), there.map(|_| "1.00"))],
    };
    Comparison {
        here: 3_000_000,
        there: 3_000_001,
        matched: 2_999_998,
        only_here: 1,
        only_there: 2,
        differing: 1,
        columns: vec![column("name", [2_999_998, 1, 0, 0]), column("total", [2_999_999, 0, 0, 0])],
        rows: vec![
            row("a", Some(WhichSide::Here), Some("Ann"), None),
            row("b", Some(WhichSide::There), None, Some("")),
            RowDifference { key: key("c"), only: None, cells: vec![cell("name", None, Some("NULL"))] },
        ],
        ..Comparison::default()
    }
}

fn other_columns() -> Comparison {
    Comparison {
        schema: vec![
            SchemaDifference::Types("n".into(), "int64".into(), "string".into()),
            SchemaDifference::Only(WhichSide::Here, "Total".into()),
            SchemaDifference::Only(WhichSide::Here, "amount".into()),
            SchemaDifference::Only(WhichSide::There, "total".into()),
            SchemaDifference::Only(WhichSide::There, "amuont".into()),
            SchemaDifference::Only(WhichSide::There, "colour".into()),
        ],
        ..same()
    }
}

fn keys_that_come_again() -> Comparison {
    let again = |seller, side, rows| Duplicate { side, key: key(seller), rows };
    Comparison {
        duplicates: vec![
            again("a", WhichSide::Here, 2),
            again("a", WhichSide::There, 2),
            again("b", WhichSide::There, 1000),
        ],
        duplicate_keys: 7,
        ..same()
    }
}

/// Values that would break a table, a terminal or the reader's eye.
fn hostile() -> Comparison {
    let long = |end: &str| format!("{}{end}", "x".repeat(60));
    let cells = vec![
        cell("a|b`c", Some("x|y"), Some("x\\|y")),
        cell("<b>", Some("``"), Some("<img src=x>@you #1")),
        cell("n", Some("1\n2"), Some("1\u{1b}[2J2")),
        cell("hidden", Some("a\u{200b}b\u{a0}c"), Some("ab c")),
        cell("blank", Some("a "), Some("a")),
        cell("long", Some(&long("one")), Some(&long("two"))),
    ];
    Comparison {
        here: 1,
        there: 1,
        differing: 1,
        columns: vec![column("a|b`c", [0, 0, 0, 1])],
        rows: vec![RowDifference { key: vec![("k|".into(), Some("a | b".into()))], only: None, cells }],
        ..Comparison::default()
    }
}

/// Rows that are paired by all of their columns.
fn without_keys() -> Comparison {
    let row = |seller, side| RowDifference { key: key(seller), only: Some(side), cells: vec![] };
    Comparison {
        here: 10,
        there: 11,
        matched: 9,
        only_here: 1,
        only_there: 2,
        rows: vec![row("a", WhichSide::Here), row("b", WhichSide::There)],
        ..Comparison::default()
    }
}

fn text(comparison: &Comparison) -> String {
    document::document(&verified(comparison), None).text()
}

fn markdown(comparison: &Comparison) -> String {
    document::document(&verified(comparison), None).markdown()
}

#[test]
fn shares_are_never_rounded_to_nothing_or_all() {
    let texts = [(0, 3), (1, 3), (1, 1_000_000), (999_999, 1_000_000), (3, 3), (0, 0)]
        .map(|(n, total)| words::percent(n, total));
    assert_eq!(texts, ["0 %", "33.33 %", "<0.01 %", ">99.99 %", "100 %", "0 %"]);
}

#[test]
fn text_of_the_same() {
    insta::assert_snapshot!(text(&same()), @r"
    out/totals: same, 12,345 rows
      here   highwater, 12,345 rows
      there  totals.sql in Polars, 12,345 rows
    ");
}

#[test]
fn text_of_one_cell() {
    let explanation = Some("floating-point noise: the exact value is `12.5`\u{7}".to_string());
    let verified = Verified { explanation, ..verified(&one_cell()) };
    insta::assert_snapshot!(document::document(&verified, None).text(), @r"
    out/totals: different, 1 of 12,345 rows
      here   highwater, 12,345 rows
      there  totals.sql in Polars, 12,345 rows
    why: floating-point noise: the exact value is `12.5`�

    rows
    ──────────  ──────  ───────
    matched     12,344  99.99 %
    only here        0      0 %
    only there       0      0 %
    differing        1   0.01 %

                    NULL   NULL
    column    same  here  there  different
    ──────  ──────  ────  ─────  ─────────
    total   12,344     0      0          1
    the same in all: window_end and n

    window_start          seller_id  column   here   there
    ────────────────────  ─────────  ──────  ─────  ──────
    2024-03-01T00:00:00Z  abc        total   12.50  12.501
    ");
}

#[test]
fn text_of_rows_that_a_side_lacks() {
    insta::assert_snapshot!(text(&missing_and_extra()), @r#"
    out/totals: different, 4 of 3,000,002 rows
      here   highwater, 3,000,000 rows
      there  totals.sql in Polars, 3,000,001 rows

    rows
    ──────────  ─────────  ────────
    matched     2,999,998  >99.99 %
    only here           1   <0.01 %
    only there          2   <0.01 %
    differing           1   <0.01 %

                       NULL   NULL
    column       same  here  there  different
    ──────  ─────────  ────  ─────  ─────────
    name    2,999,998     1      0          0
    the same in all: total

    window_start          seller_id  column  here  there
    ────────────────────  ─────────  ──────  ────  ──────  ──────────
    2024-03-01T00:00:00Z  a          name    Ann           only here
    2024-03-01T00:00:00Z  a          total   1.00          only here
    2024-03-01T00:00:00Z  b          name          ""      only there
    2024-03-01T00:00:00Z  b          total         1.00    only there
    2024-03-01T00:00:00Z  c          name    NULL  "NULL"
    … and 1 row more
    "#);
}

#[test]
fn text_of_other_columns() {
    insta::assert_snapshot!(text(&other_columns()), @r"
    out/totals: different, the columns are not the same
      here   highwater, 12,345 rows
      there  totals.sql in Polars, 12,345 rows
      `n` is `int64` here and `string` there: its values are not compared
      `Total` here is `total` there: upper and lower case are two in names
      `amount` is only here
      `amuont` is only there; is `amount` meant, which is only here?
      `colour` is only there

    rows
    ──────────  ──────  ─────
    matched     12,345  100 %
    only here        0    0 %
    only there       0    0 %
    differing        0    0 %
    ");
}

#[test]
fn text_of_keys_that_come_again() {
    insta::assert_snapshot!(text(&keys_that_come_again()), @r"
    out/totals: different, keys come more than once
      here   highwater, 12,345 rows
      there  totals.sql in Polars, 12,345 rows

    rows
    ──────────  ──────  ─────
    matched     12,345  100 %
    only here        0    0 %
    only there       0    0 %
    differing        0    0 %

    7 keys come more than once
    window_start          seller_id  side    rows
    ────────────────────  ─────────  ─────  ─────
    2024-03-01T00:00:00Z  a          here       2
    2024-03-01T00:00:00Z  a          there      2
    2024-03-01T00:00:00Z  b          there  1,000
    … and 5 keys more
    ");
}

#[test]
fn text_of_hostile_values() {
    insta::assert_snapshot!(text(&hostile()), @r#"
    out/totals: different, 1 of 1 row
      here   highwater, 1 row
      there  totals.sql in Polars, 1 row

    rows
    ──────────  ─  ─────
    matched     0    0 %
    only here   0    0 %
    only there  0    0 %
    differing   1  100 %

                  NULL   NULL
    column  same  here  there  different
    ──────  ────  ────  ─────  ─────────
    a|b`c      0     0      0          1

    k|     column  here               there
    ─────  ──────  ─────────────────  ──────────────────
    a | b  a|b`c   x|y                x\|y
    a | b  <b>     ``                 <img src=x>@you #1
    a | b  n       1\n2               1\u{1b}[2J2
    a | b  hidden  a\u{200b}b\u{a0}c  ab c
    a | b  blank   "a "               a
    a | b  long    …xxxxxxxxxxone     …xxxxxxxxxxtwo
    "#);
}

#[test]
fn text_without_keys() {
    insta::assert_snapshot!(text(&without_keys()), @r"
    out/totals: different, 3 of 12 rows
      here   highwater, 10 rows
      there  totals.sql in Polars, 11 rows

    rows
    ──────────  ─  ───────
    matched     9  75.00 %
    only here   1   8.33 %
    only there  2  16.67 %
    differing   0      0 %

    window_start          seller_id
    ────────────────────  ─────────  ──────────
    2024-03-01T00:00:00Z  a          only here
    2024-03-01T00:00:00Z  b          only there
    … and 1 row more
    ");
}

#[test]
fn markdown_of_the_same() {
    insta::assert_snapshot!(markdown(&same()), @r"
    ### ✅ `out/totals`: same, 12,345 rows

    - here `highwater`, 12,345 rows
    - there `totals.sql in Polars`, 12,345 rows
    ");
}

#[test]
fn markdown_of_one_cell() {
    let explanation = Some("noise: the exact value is `12.5`, *not* <b>".to_string());
    let verified = Verified { explanation, notes: vec!["a ` alone".into()], ..verified(&one_cell()) };
    insta::assert_snapshot!(document::document(&verified, None).markdown(), @r"
    ### ❌ `out/totals`: different, 1 of 12,345 rows

    - here `highwater`, 12,345 rows
    - there `totals.sql in Polars`, 12,345 rows

    why: noise: the exact value is `12.5`, &#42;not&#42; &#60;b&#62;

    | rows |  |  |
    | --- | ---: | ---: |
    | matched | 12,344 | 99.99 % |
    | only here | 0 | 0 % |
    | only there | 0 | 0 % |
    | differing | 1 | 0.01 % |

    | column | same | NULL here | NULL there | different |
    | --- | ---: | ---: | ---: | ---: |
    | `total` | 12,344 | 0 | 0 | 1 |

    the same in all: `window_end` and `n`

    | `window_start` | `seller_id` | column | here | there |
    | --- | --- | --- | ---: | ---: |
    | `2024-03-01T00:00:00Z` | `abc` | `total` | `12.50` | `12.501` |

    - <code>note: a &#96; alone</code>
    ");
}

#[test]
fn markdown_of_rows_that_a_side_lacks() {
    insta::assert_snapshot!(markdown(&missing_and_extra()), @r#"
    ### ❌ `out/totals`: different, 4 of 3,000,002 rows

    - here `highwater`, 3,000,000 rows
    - there `totals.sql in Polars`, 3,000,001 rows

    | rows |  |  |
    | --- | ---: | ---: |
    | matched | 2,999,998 | >99.99 % |
    | only here | 1 | <0.01 % |
    | only there | 2 | <0.01 % |
    | differing | 1 | <0.01 % |

    | column | same | NULL here | NULL there | different |
    | --- | ---: | ---: | ---: | ---: |
    | `name` | 2,999,998 | 1 | 0 | 0 |

    the same in all: `total`

    | `window_start` | `seller_id` | column | here | there |  |
    | --- | --- | --- | --- | --- | --- |
    | `2024-03-01T00:00:00Z` | `a` | `name` | `Ann` |  | only here |
    | `2024-03-01T00:00:00Z` | `a` | `total` | `1.00` |  | only here |
    | `2024-03-01T00:00:00Z` | `b` | `name` |  | `""` | only there |
    | `2024-03-01T00:00:00Z` | `b` | `total` |  | `1.00` | only there |
    | `2024-03-01T00:00:00Z` | `c` | `name` | `NULL` | `"NULL"` |  |

    … and 1 row more
    "#);
}

#[test]
fn markdown_of_other_columns() {
    insta::assert_snapshot!(markdown(&other_columns()), @r"
    ### ❌ `out/totals`: different, the columns are not the same

    - here `highwater`, 12,345 rows
    - there `totals.sql in Polars`, 12,345 rows
    - `n` is `int64` here and `string` there: its values are not compared
    - `Total` here is `total` there: upper and lower case are two in names
    - `amount` is only here
    - `amuont` is only there; is `amount` meant, which is only here?
    - `colour` is only there

    | rows |  |  |
    | --- | ---: | ---: |
    | matched | 12,345 | 100 % |
    | only here | 0 | 0 % |
    | only there | 0 | 0 % |
    | differing | 0 | 0 % |
    ");
}

#[test]
fn markdown_of_keys_that_come_again() {
    insta::assert_snapshot!(markdown(&keys_that_come_again()), @r"
    ### ❌ `out/totals`: different, keys come more than once

    - here `highwater`, 12,345 rows
    - there `totals.sql in Polars`, 12,345 rows

    | rows |  |  |
    | --- | ---: | ---: |
    | matched | 12,345 | 100 % |
    | only here | 0 | 0 % |
    | only there | 0 | 0 % |
    | differing | 0 | 0 % |

    7 keys come more than once

    | `window_start` | `seller_id` | side | rows |
    | --- | --- | --- | ---: |
    | `2024-03-01T00:00:00Z` | `a` | here | 2 |
    | `2024-03-01T00:00:00Z` | `a` | there | 2 |
    | `2024-03-01T00:00:00Z` | `b` | there | 1,000 |

    … and 5 keys more
    ");
}

#[test]
fn markdown_of_hostile_values() {
    insta::assert_snapshot!(markdown(&hostile()), @r#"
    ### ❌ `out/totals`: different, 1 of 1 row

    - here `highwater`, 1 row
    - there `totals.sql in Polars`, 1 row

    | rows |  |  |
    | --- | ---: | ---: |
    | matched | 0 | 0 % |
    | only here | 0 | 0 % |
    | only there | 0 | 0 % |
    | differing | 1 | 100 % |

    | column | same | NULL here | NULL there | different |
    | --- | ---: | ---: | ---: | ---: |
    | <code>a&#124;b&#96;c</code> | 0 | 0 | 0 | 1 |

    | <code>k&#124;</code> | column | here | there |
    | --- | --- | --- | --- |
    | <code>a &#124; b</code> | <code>a&#124;b&#96;c</code> | <code>x&#124;y</code> | <code>x&#92;&#124;y</code> |
    | <code>a &#124; b</code> | `<b>` | <code>&#96;&#96;</code> | `<img src=x>@you #1` |
    | <code>a &#124; b</code> | `n` | <code>1&#92;n2</code> | <code>1&#92;u&#123;1b&#125;&#91;2J2</code> |
    | <code>a &#124; b</code> | `hidden` | <code>a&#92;u&#123;200b&#125;b&#92;u&#123;a0&#125;c</code> | `ab c` |
    | <code>a &#124; b</code> | `blank` | `"a "` | `a` |
    | <code>a &#124; b</code> | `long` | `…xxxxxxxxxxone` | `…xxxxxxxxxxtwo` |
    "#);
}

#[test]
fn markdown_without_keys() {
    insta::assert_snapshot!(markdown(&without_keys()), @r"
    ### ❌ `out/totals`: different, 3 of 12 rows

    - here `highwater`, 10 rows
    - there `totals.sql in Polars`, 11 rows

    | rows |  |  |
    | --- | ---: | ---: |
    | matched | 9 | 75.00 % |
    | only here | 1 | 8.33 % |
    | only there | 2 | 16.67 % |
    | differing | 0 | 0 % |

    | `window_start` | `seller_id` |  |
    | --- | --- | --- |
    | `2024-03-01T00:00:00Z` | `a` | only here |
    | `2024-03-01T00:00:00Z` | `b` | only there |

    … and 1 row more
    ");
}

#[test]
fn json_has_all_of_it() {
    let mut all = missing_and_extra();
    all.schema = other_columns().schema[..2].to_vec();
    all.duplicates = keys_that_come_again().duplicates[..1].to_vec();
    all.duplicate_keys = 1;
    let value = json::value(&Verified { explanation: Some("because".into()), ..verified(&all) });
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap(), @r#"
    {
      "output": "out/totals",
      "same": false,
      "here": {
        "name": "highwater",
        "rows": 3000000
      },
      "there": {
        "name": "totals.sql in Polars",
        "rows": 3000001
      },
      "rows": {
        "matched": 2999998,
        "only_here": 1,
        "only_there": 2,
        "differing": 1
      },
      "schema": [
        {
          "column": "n",
          "type_here": "int64",
          "type_there": "string"
        },
        {
          "column": "Total",
          "only": "here"
        }
      ],
      "columns": [
        {
          "column": "name",
          "matched": 2999998,
          "null_here": 1,
          "null_there": 0,
          "different": 0
        },
        {
          "column": "total",
          "matched": 2999999,
          "null_here": 0,
          "null_there": 0,
          "different": 0
        }
      ],
      "explanations": [
        "because"
      ],
      "differences": [
        {
          "key": {
            "window_start": "2024-03-01T00:00:00Z",
            "seller_id": "a"
          },
          "only": "here",
          "cells": [
            {
              "column": "name",
              "here": "Ann"
            },
            {
              "column": "total",
              "here": "1.00"
            }
          ]
        },
        {
          "key": {
            "window_start": "2024-03-01T00:00:00Z",
            "seller_id": "b"
          },
          "only": "there",
          "cells": [
            {
              "column": "name",
              "there": ""
            },
            {
              "column": "total",
              "there": "1.00"
            }
          ]
        },
        {
          "key": {
            "window_start": "2024-03-01T00:00:00Z",
            "seller_id": "c"
          },
          "only": null,
          "cells": [
            {
              "column": "name",
              "here": null,
              "there": "NULL"
            }
          ]
        }
      ],
      "duplicate_keys": 1,
      "duplicates": [
        {
          "side": "here",
          "key": {
            "window_start": "2024-03-01T00:00:00Z",
            "seller_id": "a"
          },
          "rows": 2
        }
      ],
      "notes": [],
      "events": []
    }
    "#);
    assert_eq!(json::value(&verified(&same()))["same"], true);
}
