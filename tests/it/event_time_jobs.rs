//! Windows of every kind and streamed jobs, at random: what a job writes of time, and logs in which events come
//! late, tie, meet sessions at exactly the gap, and windows end at exactly the watermark.

use crate::jobs::{self, Groups, Job, Output};
use crate::log::{Cell, Log};
use crate::watermark_oracle::EngineRule;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A window as the job writes it; an empty `offset` is not written.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    Global,
    Tumbling { size: String, offset: String },
    Hopping { size: String, slide: String, offset: String },
    Cumulative { size: String, step: String, offset: String },
    Session { gap: String },
}

/// What a job says of arrival, watermark and mode. Empty texts are not written.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    pub mode: &'static str,
    pub out_of_orderness: String,
    /// Whether the column `arr` orders events.
    pub arrival: bool,
    /// `p` or `file`.
    pub partition: &'static str,
    pub idle: String,
    pub max_ahead: String,
    /// Whether partitions hold the watermark from the start.
    pub known: bool,
    pub rule: EngineRule,
    /// The extension of the late file.
    pub late: &'static str,
}

/// Sizes and slides that a plain log meets.
const HOPS: [(&str, &str); 15] = [
    ("250ms", "100ms"),
    ("90s", "1m"),
    ("1m", "7m"),
    ("1h", "25m"),
    ("24h", "7h"),
    ("36h", "1 day"),
    ("1h", "1 day"),
    ("7 days", "1 day"),
    ("3 days", "1 week"),
    ("2 weeks", "1 week"),
    ("2 months", "1 month"),
    ("10 days", "1 month"),
    ("48h", "1 month"),
    ("1 year", "1 quarter"),
    ("3 quarters", "1 year"),
];
const STEPS: [(&str, &str); 12] = [
    ("250ms", "100ms"),
    ("1h", "7m"),
    ("24h", "7h"),
    ("1 day", "1h"),
    ("1 day", "5h"),
    ("2 days", "1 day"),
    ("1 week", "1 day"),
    ("1 week", "36h"),
    ("1 month", "1 week"),
    ("1 month", "10 days"),
    ("1 quarter", "1 month"),
    ("1 year", "1 quarter"),
];
const GAPS: [&str; 8] = ["3ms", "2s", "977s", "30m", "1h", "25h", "2 days", "400us"];
const OFFSETS: [&str; 6] = ["", "", "", "15m", "-6h", "1 day"];

/// Those of windows that start by months.
const OFFSETS_OF_MONTHS: [&str; 6] =
    ["3 months 5 days", "1 month", "-1 quarter 2 days", "2 months 1 week 6h", "-1 year 15m", "96 days"];

impl Window {
    /// With another offset where windows start by months, every other time.
    fn in_months(self, other: usize) -> Window {
        let by_months = |of: &str| ["month", "quarter", "year"].iter().any(|unit| of.contains(unit));
        let Some(new) = OFFSETS_OF_MONTHS.get(other).map(|text| text.to_string()) else { return self };
        match self {
            Window::Tumbling { size, .. } if by_months(&size) => Window::Tumbling { size, offset: new },
            Window::Hopping { size, slide, .. } if by_months(&slide) => {
                Window::Hopping { size, slide, offset: new }
            }
            Window::Cumulative { size, step, .. } if by_months(&size) => {
                Window::Cumulative { size, step, offset: new }
            }
            other => other,
        }
    }
}

fn pair((a, b): (&str, &str)) -> (String, String) {
    (a.to_string(), b.to_string())
}

/// Any window but the global one and those of `tumbling`, at sizes of its own.
pub fn window(tumbling: &[&'static str]) -> impl Strategy<Value = Window> + use<> {
    let offset = || select(OFFSETS.to_vec()).prop_map(String::from);
    let any = prop_oneof![
        3 => (select(tumbling.to_vec()), offset())
            .prop_map(|(size, offset)| Window::Tumbling { size: size.into(), offset }),
        2 => (select(HOPS.to_vec()).prop_map(pair), offset())
            .prop_map(|((size, slide), offset)| Window::Hopping { size, slide, offset }),
        2 => (select(STEPS.to_vec()).prop_map(pair), offset())
            .prop_map(|((size, step), offset)| Window::Cumulative { size, step, offset }),
        2 => select(GAPS.to_vec()).prop_map(|gap| Window::Session { gap: gap.into() }),
    ];
    (any, 0..2 * OFFSETS_OF_MONTHS.len()).prop_map(|(window, other)| window.in_months(other))
}

/// So many grains as a length.
fn grains(n: i64, grain: i64) -> String {
    format!("{}us", n * grain)
}

/// Windows whose bounds events of this grain meet.
fn near_window(grain: i64) -> impl Strategy<Value = Window> {
    let of = move |n: Vec<i64>| select(n).prop_map(move |n| grains(n, grain));
    let offset = move || {
        select(vec![0, 0, 0, 1, -2, 3]).prop_map(move |n: i64| match n {
            0 => String::new(),
            n => format!("{}{}", if n < 0 { "-" } else { "" }, grains(n.abs(), grain)),
        })
    };
    let lengths = prop_oneof![
        3 => (of(vec![1, 2, 3, 5, 8]), offset()).prop_map(|(size, offset)| Window::Tumbling { size, offset }),
        3 => (of(vec![1, 2, 3, 5, 7]), of(vec![1, 2, 3, 4]), offset())
            .prop_map(|(size, slide, offset)| Window::Hopping { size, slide, offset }),
        3 => (select(vec![(5i64, 1i64), (5, 2), (6, 3), (4, 3), (3, 3)]), offset()).prop_map(
            move |((size, step), offset)| Window::Cumulative {
                size: grains(size, grain),
                step: grains(step, grain),
                offset,
            }
        ),
        4 => of(vec![1, 2, 3, 5]).prop_map(|gap| Window::Session { gap }),
    ];
    let calendar = vec![
        Window::Tumbling { size: "1 day".into(), offset: String::new() },
        Window::Tumbling { size: "1 week".into(), offset: "-6h".into() },
        Window::Hopping { size: "3 days".into(), slide: "1 day".into(), offset: String::new() },
        Window::Hopping { size: "30h".into(), slide: "1 day".into(), offset: "15m".into() },
        Window::Cumulative { size: "1 day".into(), step: "5h".into(), offset: String::new() },
        Window::Cumulative { size: "1 week".into(), step: "1 day".into(), offset: String::new() },
        Window::Tumbling { size: "1 month".into(), offset: String::new() },
        Window::Tumbling { size: "1 month".into(), offset: "1 month 30 days".into() },
        Window::Tumbling { size: "1 quarter".into(), offset: "-2 months 3h".into() },
    ];
    if grain < 3_600_000_000 {
        return lengths.boxed();
    }
    prop_oneof![2 => lengths, 1 => select(calendar)].boxed()
}

fn timing(grain: i64) -> impl Strategy<Value = Timing> {
    let some =
        move |n: Vec<i64>| select(n).prop_map(move |n| if n == 0 { String::new() } else { grains(n, grain) });
    (
        select(vec!["streamed", "streamed", "streamed", ""]),
        some(vec![0, 0, 0, 1, 2, 4, 10]),
        any::<bool>(),
        select(vec!["", "", "", "p", "p", "file"]),
        some(vec![0, 1, 2, 5]),
        some(vec![0, 0, 1, 2, 4]),
        (select(vec!["", "jsonl", "jsonl", "parquet"]), any::<bool>()),
    )
        .prop_map(|(mode, out_of_orderness, arrival, partition, idle, max_ahead, (late, known))| {
            // Files that are read one after another are not known before.
            let known = known && !partition.is_empty() && (arrival || partition != "file");
            let idle = if arrival && !partition.is_empty() { idle } else { String::new() };
            let max_ahead = if arrival { max_ahead } else { String::new() };
            Timing {
                mode,
                out_of_orderness,
                arrival,
                partition,
                idle,
                max_ahead,
                known,
                rule: EngineRule::default(),
                late,
            }
        })
}

/// A log of events that mostly move on, some of them early, late or tied, in time and in arrival.
fn log(base: i64, grain: i64, most: usize) -> impl Strategy<Value = Log> {
    let step = (
        jobs::row(base, grain),
        prop_oneof![4 => Just(0i64), 6 => Just(1), 2 => Just(2), 1 => Just(4), 1 => Just(15)],
        prop_oneof![6 => Just(0i64), 2 => Just(-1), 2 => Just(-2), 4 => -12..4i64],
        prop_oneof![6 => Just(0i64), 2 => 0..3i64, 2 => -4..6i64],
        // Few keys and few partitions, so that they meet.
        select(vec!["a", "a", "ü", ""]),
        select(vec!["p", "p", "p", "q", "q", ""]),
    )
        .boxed();
    let length = prop_oneof![1 => 1..=most, 3 => most / 2..=most];
    length.prop_flat_map(move |length| vec(step.clone(), length)).prop_map(move |steps| {
        let text = |name: &str| if name.is_empty() { Cell::Null } else { Cell::Text(name.into()) };
        let mut clock = 0;
        let rows = steps.into_iter().map(|(mut row, advance, jitter, delay, key, partition)| {
            clock += advance;
            row[0] = Cell::Int(base + (clock + jitter) * grain);
            row[1] = text(key);
            row[8] = Cell::Int(base + (clock + delay) * grain);
            row[9] = text(partition);
            row
        });
        let rows = rows.collect();
        Log::new(&jobs::COLUMNS, rows)
    })
}

/// A job of which at least one output is streamed, and a log for it.
pub fn streamed(most: usize) -> impl Strategy<Value = (Job, Log)> {
    streamed_over(most, near_window)
}

/// As [`streamed`], over tumbling windows alone, with one streamed output.
pub fn streamed_tumbling(most: usize) -> impl Strategy<Value = (Job, Log)> {
    let tumbling = |grain| {
        select(vec![1i64, 2, 3, 5])
            .prop_map(move |n| Window::Tumbling { size: grains(n, grain), offset: String::new() })
    };
    streamed_over(most, tumbling).prop_map(|(mut job, log)| {
        job.outputs.truncate(1);
        (job, log)
    })
}

fn streamed_over<W: Strategy<Value = Window> + 'static>(
    most: usize,
    window: impl Fn(i64) -> W + Clone + 'static,
) -> impl Strategy<Value = (Job, Log)> {
    // Around changes of clocks; the grain says how far apart events lie.
    let bases = select(jobs::BASES.to_vec());
    let grain = select(vec![1_000i64, 1_000_000, 1_000_000, 977_000_000, 3_600_000_000, 21_600_000_000]);
    (bases, grain, jobs::head()).prop_flat_map(move |(base, grain, head)| {
        let lateness = move || {
            select(vec![0i64, 0, 0, 1, 2, 3, 5, 12])
                .prop_map(move |n| if n == 0 { String::new() } else { grains(n, grain) })
        };
        let x = head.x();
        let first = streamed_output(&head, window(grain).boxed(), lateness().boxed());
        let more = prop_oneof![
            3 => streamed_output(&head, window(grain).boxed(), lateness().boxed()).boxed(),
            1 => jobs::output(x).boxed(),
        ];
        let outputs = (first, vec(more, 0..=2), select(vec!["", "", "complete", "streamed"]));
        let job = (timing(grain), outputs).prop_map(move |(timing, (first, more, mode))| {
            let mut outputs = vec![first];
            outputs.extend(more);
            // The first is streamed in any case, and another may say otherwise than the job.
            if timing.mode.is_empty()
                && let Some(groups) = &mut outputs[0].groups
            {
                groups.mode = "streamed";
            }
            if let Some(groups) = outputs.get_mut(1).and_then(|o| o.groups.as_mut())
                && groups.window != Window::Global
            {
                groups.mode = mode;
            }
            let mut job = head.clone().job(timing, outputs);
            job.settle();
            job
        });
        (job, log(base * 1_000_000, grain, most))
    })
}

fn streamed_output(
    head: &jobs::Head,
    window: BoxedStrategy<Window>,
    lateness: BoxedStrategy<String>,
) -> impl Strategy<Value = Output> + use<> {
    let groups = jobs::groups(head.x(), window);
    let by = select(vec![vec![], vec!["k"], vec!["k"], vec!["b"], vec!["k", "b"]]);
    (groups, lateness, by, proptest::bool::weighted(0.5)).prop_flat_map(|(groups, lateness, by, firings)| {
        let groups = Groups { allowed_lateness: lateness, by, firings, ..groups };
        jobs::placed(Some(groups))
    })
}

impl Window {
    /// `window = …` of the job.
    pub fn toml(&self, allowed_lateness: &str) -> String {
        let mut keys: Vec<(&str, &str)> = match self {
            Window::Global => return "window = \"global\"\n".into(),
            Window::Tumbling { size, offset } => vec![("tumbling", size), ("offset", offset)],
            Window::Hopping { size, slide, offset } => {
                vec![("hopping", size), ("slide", slide), ("offset", offset)]
            }
            Window::Cumulative { size, step, offset } => {
                vec![("cumulative", size), ("step", step), ("offset", offset)]
            }
            Window::Session { gap } => vec![("session", gap)],
        };
        keys.push(("allowed_lateness", allowed_lateness));
        let keys = keys.iter().filter(|(_, value)| !value.is_empty());
        let keys: Vec<String> = keys.map(|(name, value)| format!("{name} = \"{value}\"")).collect();
        format!("window = {{ {} }}\n", keys.join(", "))
    }
}

impl Timing {
    /// The keys at the top of the job.
    pub fn top(&self) -> String {
        if self.mode.is_empty() { String::new() } else { format!("mode = \"{}\"\n", self.mode) }
    }

    /// The keys of `[source]`.
    pub fn source(&self) -> String {
        let arrival = if self.arrival { "arr" } else { "" };
        let keys = [
            ("out_of_orderness", self.out_of_orderness.as_str()),
            ("arrival", arrival),
            ("partition", self.partition),
            ("idle", &self.idle),
            ("max_ahead", &self.max_ahead),
            ("partitions", if self.known { "known" } else { "" }),
        ];
        let mut toml = self.rule.toml();
        for (name, value) in keys.iter().filter(|(_, value)| !value.is_empty()) {
            toml.push_str(&format!("{name} = \"{value}\"\n"));
        }
        if !self.max_ahead.is_empty() {
            toml.push_str("on_bad_record = \"reject\"\nrejects = \"@/rejects.jsonl\"\n");
        }
        toml
    }

    /// The table `[late]`.
    pub fn late(&self) -> String {
        match self.late {
            "" => String::new(),
            ending => format!("[late]\npath = \"@/late.{ending}\"\n"),
        }
    }
}
