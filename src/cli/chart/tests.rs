use super::*;
use crate::audit::Profile;
use crate::sink::Account;

fn output(name: &str, events: u64, delays: &[(i64, u64, u64)]) -> OutputAudit {
    OutputAudit {
        output: name.into(),
        window: "tumbling 1m".into(),
        allowed_lateness: 0,
        events,
        windows: 100,
        rows: 1000,
        delays: delays
            .iter()
            .map(|&(delay, late, wrong_rows)| DelayAudit {
                delay,
                of_job: false,
                late,
                wrong_windows: 0,
                wrong_rows,
                missing_rows: 0,
                open_windows: 0,
                columns: vec![],
            })
            .collect(),
        completeness: vec![],
    }
}

fn report(outputs: Vec<OutputAudit>) -> AuditReport {
    AuditReport {
        offsets: vec![],
        account: Account::default(),
        event_times: None,
        lateness: Profile::default(),
        partitions: vec![],
        future: None,
        jumps: vec![],
        delay: 20 * SECOND,
        outputs,
    }
}

const SOME: [(i64, u64, u64); 5] =
    [(0, 600, 800), (SECOND, 300, 550), (20 * SECOND, 42, 80), (5 * MINUTE, 5, 9), (DAY, 0, 0)];

fn texts<'a>(document: &'a roxmltree::Document<'a>) -> Vec<&'a str> {
    let nodes = document.descendants().filter(|node| node.tag_name().name() == "text");
    nodes.filter_map(|node| node.text()).collect()
}

#[test]
fn a_chart_has_a_line_for_each_output_and_plot() {
    let other: Vec<_> = SOME.iter().map(|&(delay, late, wrong)| (delay, late / 2, wrong / 3)).collect();
    let svg = svg(&report(vec![
        output("out/a.csv", 6_000, &SOME),
        output("-", 6_000, &SOME),
        output("out/b.csv", 6_000, &other),
    ]));
    let document = roxmltree::Document::parse(&svg).unwrap();
    let count = |name: &str| document.descendants().filter(|n| n.tag_name().name() == name).count();
    // The first two are alike, and share a line.
    assert_eq!((count("polyline"), count("circle")), (4, 20));
    assert_eq!((count("desc"), count("title")), (1, 21));
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let shown = texts(&document);
    for text in [
        "late events, % of events",
        "wrong rows, % of rows",
        "delay: out_of_orderness",
        "the job's 20s",
        "out/a.csv, the terminal: tumbling 1m",
        "out/b.csv: tumbling 1m",
        "0s",
        "1d",
        "10 %",
        "80 %",
    ] {
        assert!(shown.contains(&text), "{text} in {shown:?}");
    }
    let described = document.descendants().find(|n| n.tag_name().name() == "desc").and_then(|n| n.text());
    insta::assert_snapshot!(described.unwrap(), @"Late events and wrong rows in percent against the delay. out/a.csv, the terminal: from 10 % late and 80 % wrong at 0s to 0 % and 0 % at 1d. out/b.csv: from 5 % late and 26.6 % wrong at 0s to 0 % and 0 % at 1d.");
}

/// Points lie inside their plot, further right for longer delays, and higher for more.
#[test]
fn points_lie_where_their_numbers_say() {
    let svg = svg(&report(vec![output("a", 6_000, &SOME)]));
    let document = roxmltree::Document::parse(&svg).unwrap();
    let lines: Vec<Vec<(f64, f64)>> = document
        .descendants()
        .filter_map(|node| node.attribute("points"))
        .map(|points| {
            let point = |point: &str| {
                let (x, y) = point.split_once(',').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            };
            points.split(' ').map(point).collect()
        })
        .collect();
    for (points, top) in lines.iter().zip([TOP, TOP + PITCH]) {
        assert_eq!(points.len(), 5);
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{points:?}");
        assert!(points.iter().all(|p| (LEFT..=RIGHT).contains(&p.0) && (top..=top + HEIGHT).contains(&p.1)));
        assert_eq!((points[0].0, points[4]), (LEFT, (RIGHT, top + HEIGHT)));
    }
    // 10 % of events at 0s is the top of a plot that goes to 10 %; 55 % of rows at 1s lie in one to 80 %.
    assert_eq!(lines[0][0].1, TOP);
    assert_eq!(lines[1][0].1, TOP + PITCH);
    assert!((lines[1][1].1 - (TOP + PITCH + 25.0 / 80.0 * HEIGHT)).abs() < 0.1, "{lines:?}");
}

#[test]
fn hostile_names_stay_text() {
    let name = "</text><script>alert('x')</script>&\"]]>\u{1b}\u{0}\u{ffff}.csv";
    let svg = svg(&report(vec![output(name, 10, &SOME)]));
    let document = roxmltree::Document::parse(&svg).unwrap();
    assert!(!document.descendants().any(|node| node.tag_name().name() == "script"));
    assert!(texts(&document).iter().any(|t| t.contains("</text><script>alert('x')</script>&\"]]>")), "{svg}");
}

#[test]
fn nothing_to_draw_is_still_a_chart() {
    for outputs in [
        vec![],
        vec![output("a", 0, &[])],
        vec![output("a", 0, &[(0, 0, 0)])],
        vec![output("a", 5, &[(i64::MAX, 5, 5000)])],
        (0..40).map(|i| output(&i.to_string(), 9, &SOME)).collect(),
    ] {
        let svg = svg(&report(outputs));
        roxmltree::Document::parse(&svg).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn axes_have_round_numbers() {
    let cases =
        [(0.0, 1.0), (0.03, 0.04), (1.0, 1.0), (7.0, 8.0), (10.0, 10.0), (43.0, 80.0), (150.0, 200.0)];
    for (value, want) in cases {
        assert!((ceiling(value) - want).abs() < 1e-9, "{value}: {}", ceiling(value));
    }
    let cases =
        [(0.0, "0"), (0.0125, "0.0125"), (2.5, "2.5"), (75.0, "75"), (99.97, "100"), (33.333, "33.3")];
    for (value, want) in cases {
        assert_eq!(number(value), want);
    }
}
