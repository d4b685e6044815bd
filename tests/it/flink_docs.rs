//! The worked examples of Flink's documentation of windowing table-valued functions:
//! <https://nightlies.apache.org/flink/flink-docs-master/docs/dev/table/sql/queries/window-tvf/> (TUMBLE, HOP,
//! CUMULATE, SESSION, Window Offset) and, for suppliers,
//! <https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/dev/table/sql/queries/window-agg/>.
//!
//! The documents show two things of each window: the rows that fall into it, here as groups by row, and
//! their sum.

use crate::support::Lab;

/// `Bid`, of which the watermark is one second behind.
const BIDS: &str = "bidtime,price,item,supplier_id
2020-04-15 08:05,4.00,C,supplier1
2020-04-15 08:07,2.00,A,supplier1
2020-04-15 08:09,5.00,D,supplier2
2020-04-15 08:11,3.00,B,supplier2
2020-04-15 08:13,1.00,E,supplier1
2020-04-15 08:17,6.00,F,supplier2
";

/// `Bid` in the section on SESSION, where it is not in order of time.
const SESSION_BIDS: &str = "bidtime,price,item
2020-04-15 08:07,4.00,A
2020-04-15 08:06,2.00,A
2020-04-15 08:09,5.00,B
2020-04-15 08:08,3.00,A
2020-04-15 08:17,1.00,B
";

/// The rows of a result over `bids`, as the document writes them: fields apart by spaces, times by minutes.
fn result(bids: &str, window: &str, rest: &str) -> String {
    let mut found = None;
    for mode in ["complete", "streamed"] {
        let lab = Lab::new();
        lab.write("bid.csv", bids);
        let job = format!(
            "[source]\npath = \"bid.csv\"\ntime = \"bidtime\"\ntypes = {{ price = \"decimal(10,2)\" }}\n\
             out_of_orderness = \"1s\"\n[[output]]\npath = \"out.csv\"\nwindow = {{ {window} }}\n{rest}\n"
        );
        // No bid comes late, so a live job gives what is written.
        lab.done(&job, &["--mode", mode]);
        let text = lab.text("out.csv").replace(":00Z", "").replace(['T', ','], " ");
        assert!(*found.get_or_insert_with(|| text.clone()) == text, "{mode}: {text}");
    }
    found.unwrap()
}

fn summed(window: &str) -> String {
    result(BIDS, window, "select = { price = \"sum(price)\" }")
}

/// Each row with its window. The document has them by row, and a result has them by window.
fn assigned(bids: &str, window: &str) -> String {
    let rows = result(bids, window, "by = [\"bidtime\", \"price\", \"item\"]\nselect = { n = \"count(*)\" }");
    let mut lines: Vec<String> = rows
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [start_day, start, end_day, end, day, time, price, item, "1"] = fields[..] else {
                panic!("{line}")
            };
            format!("{day} {time} {price} {item} {start_day} {start} {end_day} {end}\n")
        })
        .collect();
    lines.sort();
    lines.concat()
}

#[test]
fn tumble() {
    insta::assert_snapshot!(assigned(BIDS, "tumbling = \"10m\""), @r"
    2020-04-15 08:05 4.00 C 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:07 2.00 A 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:09 5.00 D 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:11 3.00 B 2020-04-15 08:10 2020-04-15 08:20
    2020-04-15 08:13 1.00 E 2020-04-15 08:10 2020-04-15 08:20
    2020-04-15 08:17 6.00 F 2020-04-15 08:10 2020-04-15 08:20
    ");
    insta::assert_snapshot!(summed("tumbling = \"10m\""), @r"
    window_start window_end price
    2020-04-15 08:00 2020-04-15 08:10 11.00
    2020-04-15 08:10 2020-04-15 08:20 10.00
    ");
}

#[test]
fn hop() {
    let window = "hopping = \"10m\", slide = \"5m\"";
    insta::assert_snapshot!(assigned(BIDS, window), @r"
    2020-04-15 08:05 4.00 C 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:05 4.00 C 2020-04-15 08:05 2020-04-15 08:15
    2020-04-15 08:07 2.00 A 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:07 2.00 A 2020-04-15 08:05 2020-04-15 08:15
    2020-04-15 08:09 5.00 D 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:09 5.00 D 2020-04-15 08:05 2020-04-15 08:15
    2020-04-15 08:11 3.00 B 2020-04-15 08:05 2020-04-15 08:15
    2020-04-15 08:11 3.00 B 2020-04-15 08:10 2020-04-15 08:20
    2020-04-15 08:13 1.00 E 2020-04-15 08:05 2020-04-15 08:15
    2020-04-15 08:13 1.00 E 2020-04-15 08:10 2020-04-15 08:20
    2020-04-15 08:17 6.00 F 2020-04-15 08:10 2020-04-15 08:20
    2020-04-15 08:17 6.00 F 2020-04-15 08:15 2020-04-15 08:25
    ");
    insta::assert_snapshot!(summed(window), @r"
    window_start window_end price
    2020-04-15 08:00 2020-04-15 08:10 11.00
    2020-04-15 08:05 2020-04-15 08:15 15.00
    2020-04-15 08:10 2020-04-15 08:20 10.00
    2020-04-15 08:15 2020-04-15 08:25 6.00
    ");
}

#[test]
fn cumulate() {
    let window = "cumulative = \"10m\", step = \"2m\"";
    insta::assert_snapshot!(assigned(BIDS, window), @r"
    2020-04-15 08:05 4.00 C 2020-04-15 08:00 2020-04-15 08:06
    2020-04-15 08:05 4.00 C 2020-04-15 08:00 2020-04-15 08:08
    2020-04-15 08:05 4.00 C 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:07 2.00 A 2020-04-15 08:00 2020-04-15 08:08
    2020-04-15 08:07 2.00 A 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:09 5.00 D 2020-04-15 08:00 2020-04-15 08:10
    2020-04-15 08:11 3.00 B 2020-04-15 08:10 2020-04-15 08:12
    2020-04-15 08:11 3.00 B 2020-04-15 08:10 2020-04-15 08:14
    2020-04-15 08:11 3.00 B 2020-04-15 08:10 2020-04-15 08:16
    2020-04-15 08:11 3.00 B 2020-04-15 08:10 2020-04-15 08:18
    2020-04-15 08:11 3.00 B 2020-04-15 08:10 2020-04-15 08:20
    2020-04-15 08:13 1.00 E 2020-04-15 08:10 2020-04-15 08:14
    2020-04-15 08:13 1.00 E 2020-04-15 08:10 2020-04-15 08:16
    2020-04-15 08:13 1.00 E 2020-04-15 08:10 2020-04-15 08:18
    2020-04-15 08:13 1.00 E 2020-04-15 08:10 2020-04-15 08:20
    2020-04-15 08:17 6.00 F 2020-04-15 08:10 2020-04-15 08:18
    2020-04-15 08:17 6.00 F 2020-04-15 08:10 2020-04-15 08:20
    ");
    insta::assert_snapshot!(summed(window), @r"
    window_start window_end price
    2020-04-15 08:00 2020-04-15 08:06 4.00
    2020-04-15 08:00 2020-04-15 08:08 6.00
    2020-04-15 08:00 2020-04-15 08:10 11.00
    2020-04-15 08:10 2020-04-15 08:12 3.00
    2020-04-15 08:10 2020-04-15 08:14 4.00
    2020-04-15 08:10 2020-04-15 08:16 4.00
    2020-04-15 08:10 2020-04-15 08:18 10.00
    2020-04-15 08:10 2020-04-15 08:20 10.00
    ");
}

#[test]
fn session() {
    let window = "session = \"5m\"";
    let per_item = result(SESSION_BIDS, window, "by = [\"item\"]\nselect = { total_price = \"sum(price)\" }");
    insta::assert_snapshot!(per_item, @r"
    window_start window_end item total_price
    2020-04-15 08:06 2020-04-15 08:13 A 9.00
    2020-04-15 08:09 2020-04-15 08:14 B 5.00
    2020-04-15 08:17 2020-04-15 08:22 B 1.00
    ");
    let whole = result(SESSION_BIDS, window, "select = { total_price = \"sum(price)\" }");
    insta::assert_snapshot!(whole, @r"
    window_start window_end total_price
    2020-04-15 08:06 2020-04-15 08:14 14.00
    2020-04-15 08:17 2020-04-15 08:22 1.00
    ");
}

#[test]
fn tumble_with_an_offset() {
    let window = "tumbling = \"10m\", offset = \"1m\"";
    insta::assert_snapshot!(assigned(BIDS, window), @r"
    2020-04-15 08:05 4.00 C 2020-04-15 08:01 2020-04-15 08:11
    2020-04-15 08:07 2.00 A 2020-04-15 08:01 2020-04-15 08:11
    2020-04-15 08:09 5.00 D 2020-04-15 08:01 2020-04-15 08:11
    2020-04-15 08:11 3.00 B 2020-04-15 08:11 2020-04-15 08:21
    2020-04-15 08:13 1.00 E 2020-04-15 08:11 2020-04-15 08:21
    2020-04-15 08:17 6.00 F 2020-04-15 08:11 2020-04-15 08:21
    ");
    insta::assert_snapshot!(summed(window), @r"
    window_start window_end price
    2020-04-15 08:01 2020-04-15 08:11 11.00
    2020-04-15 08:11 2020-04-15 08:21 10.00
    ");
}

/// "Which window would be assigned to for a record with timestamp 2021-06-30 00:00:04?"
#[test]
fn offsets_of_a_tumbling_window_of_10_minutes() {
    let bid = "bidtime,price\n2021-06-30 00:00:04,1.00\n";
    for (offset, want) in [
        ("-16m", "2021-06-29 23:54 2021-06-30 00:04 1"),
        ("-6m", "2021-06-29 23:54 2021-06-30 00:04 1"),
        ("-4m", "2021-06-29 23:56 2021-06-30 00:06 1"),
        ("0m", "2021-06-30 00:00 2021-06-30 00:10 1"),
        ("4m", "2021-06-29 23:54 2021-06-30 00:04 1"),
        ("6m", "2021-06-29 23:56 2021-06-30 00:06 1"),
        ("16m", "2021-06-29 23:56 2021-06-30 00:06 1"),
    ] {
        let window = format!("tumbling = \"10m\", offset = \"{offset}\"");
        let found = result(bid, &window, "select = { n = \"count(*)\" }");
        assert_eq!(found.lines().nth(1), Some(want), "{offset}");
    }
}

#[test]
fn window_aggregation_per_supplier() {
    let sums = |window: &str| {
        result(BIDS, window, "by = [\"supplier_id\"]\nselect = { total_price = \"sum(price)\" }")
    };
    insta::assert_snapshot!(sums("tumbling = \"10m\""), @r"
    window_start window_end supplier_id total_price
    2020-04-15 08:00 2020-04-15 08:10 supplier1 6.00
    2020-04-15 08:00 2020-04-15 08:10 supplier2 5.00
    2020-04-15 08:10 2020-04-15 08:20 supplier1 1.00
    2020-04-15 08:10 2020-04-15 08:20 supplier2 9.00
    ");
}
