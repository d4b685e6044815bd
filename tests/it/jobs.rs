//! Random logs and random jobs over them.

use crate::event_time_jobs::{Timing, Window, window};
use crate::log::{Cell, Kind, Log, json};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// A job over a log of [`COLUMNS`].
#[derive(Debug, Clone)]
pub struct Job {
    pub zone: &'static str,
    /// Numbers of [`FILTERS`] and [`DERIVES`].
    pub filter: Option<usize>,
    pub derive: Option<usize>,
    pub timing: Timing,
    pub outputs: Vec<Output>,
}

/// A job's zone and steps, on which its outputs depend.
#[derive(Debug, Clone)]
pub struct Head {
    zone: &'static str,
    filter: Option<usize>,
    derive: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct Output {
    pub format: &'static str,
    pub partition_by: Vec<&'static str>,
    /// `None` for the events themselves.
    pub groups: Option<Groups>,
    /// Whether what its groups are made of is kept.
    pub state: bool,
}

#[derive(Debug, Clone)]
pub struct Groups {
    pub window: Window,
    pub allowed_lateness: String,
    /// Empty, or another mode than the job's.
    pub mode: &'static str,
    pub firings: bool,
    pub by: Vec<&'static str>,
    /// Function and arguments; selected as `a0`, `a1` and so on, after `c`, which is `count(*)`. The last argument is
    /// `where` and one of [`FILTERS`], if there is a filter. Of `string_agg` the second is the separator, and those after
    /// are its order. A function of distinct values ends with ` distinct`.
    pub aggregates: Vec<(&'static str, Vec<&'static str>)>,
    /// Whether an expression over aggregates is selected as `r`.
    pub computed: bool,
    /// A number of [`HAVINGS`].
    pub having: Option<usize>,
    /// How many, by what.
    pub top: Option<(usize, &'static str)>,
}

pub const COLUMNS: [(&str, Kind); 10] = [
    ("at", Kind::Int),
    ("k", Kind::Text),
    ("n", Kind::Int),
    ("m", Kind::Decimal(2)),
    ("f", Kind::Float),
    ("b", Kind::Bool),
    ("d", Kind::Date),
    ("note", Kind::Text),
    ("arr", Kind::Int),
    ("p", Kind::Text),
];

pub const FILTERS: [&str; 5] =
    ["n > 0", "k IS NOT NULL", "b OR n < 3", "m BETWEEN -5.00 AND 20", "k IN ('a', 'ü') OR f >= 0.5"];

/// What the column `x` is, and its type.
pub const DERIVES: [(&str, Kind); 6] = [
    ("n * 2 + 1", Kind::Int),
    ("m * 0.19", Kind::Decimal(4)),
    ("m + n", Kind::Decimal(2)),
    ("CASE WHEN n > 0 THEN 'pos' WHEN n < 0 THEN 'neg' END", Kind::Text),
    ("coalesce(k, 'none')", Kind::Text),
    ("n > 2 AND b", Kind::Bool),
];

pub const HAVINGS: [&str; 4] = ["c > 1", "c % 2 = 1", "count(n) > 0", "a0 IS NOT NULL AND count(*) < 9"];

/// The expression `r`.
pub const COMPUTED: &str = "count(n) * 10 + count(*)";

const ZONES: [&str; 6] =
    ["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"];
const SIZES: [&str; 13] = [
    "90s",
    "7m",
    "1h",
    "24h",
    "1 day",
    "2 days",
    "1 week",
    "3 weeks",
    "1 month",
    "2 months",
    "1 quarter",
    "1 year",
    "250ms",
];
/// Seconds around changes of clocks in the zones above, and an ordinary day before 1970.
pub const BASES: [i64; 6] =
    [1_711_846_800, 1_729_990_800, 1_710_054_000, 1_712_415_600, 1_730_700_000, -86_400];
const TEXTS: [&str; 10] = ["a", "b", "ü", "", "a/b", "x=y", "q\"uote", "new\nline", "comma, and", "Z%"];

/// A log of 1 to `most` rows. `distinct` says that no two have one time.
pub fn log(most: usize, distinct: bool) -> impl Strategy<Value = Log> {
    let bases = select(BASES.to_vec());
    let grains = select(vec![1_000i64, 1_000_000, 977_000_000, 3_600_000_000, 90_000_000_000]);
    (bases, grains).prop_flat_map(move |(base, grain)| {
        vec(row(base * 1_000_000, grain), 1..=most).prop_map(move |mut rows| {
            for (i, row) in rows.iter_mut().enumerate() {
                if let (true, Cell::Int(at)) = (distinct, &mut row[0]) {
                    *at += i as i64;
                }
            }
            Log::new(&COLUMNS, rows)
        })
    })
}

pub fn row(base: i64, grain: i64) -> impl Strategy<Value = Vec<Cell>> {
    let or_null = |cell: BoxedStrategy<Cell>| prop_oneof![1 => Just(Cell::Null), 5 => cell];
    let floats = prop_oneof![
        (-900_000..900_000i32).prop_map(|v| f64::from(v) / 1000.0),
        (-9..9i32).prop_map(|v| f64::from(v) / 7.0),
    ];
    // No minus zero: as a key it is zero.
    let floats = floats.prop_map(|f| Cell::Float(f + 0.0));
    (
        (-40..40i64).prop_map(move |step| Cell::Int(base + step * grain)),
        or_null(select(TEXTS.to_vec()).prop_map(|t| Cell::Text(t.into())).boxed()),
        or_null((-6..6i64).prop_map(Cell::Int).boxed()),
        or_null((-2_500..2_500i64).prop_map(|v| Cell::Decimal(v.into(), 2)).boxed()),
        or_null(floats.boxed()),
        or_null(any::<bool>().prop_map(Cell::Bool).boxed()),
        or_null((19_800..19_804i32).prop_map(Cell::Date).boxed()),
        or_null("[a-c,;\"\n\r\\\\ é日]{0,6}".prop_map(Cell::Text).boxed()),
    )
        .prop_map(|(at, k, n, m, f, b, d, note)| vec![at.clone(), k, n, m, f, b, d, note, at, Cell::Null])
}

/// A job with one to three outputs, none of them streamed.
pub fn job() -> impl Strategy<Value = Job> {
    head().prop_flat_map(|head| {
        vec(output(head.x()), 1..=3).prop_map(move |outputs| head.clone().job(Timing::default(), outputs))
    })
}

pub fn head() -> impl Strategy<Value = Head> {
    let head = (
        select(ZONES.to_vec()),
        proptest::option::of(0..FILTERS.len()),
        proptest::option::weighted(0.7, 0..DERIVES.len()),
    );
    head.prop_map(|(zone, filter, derive)| Head { zone, filter, derive })
}

impl Head {
    /// The type of the derived column.
    pub fn x(&self) -> Option<Kind> {
        self.derive.map(|d| DERIVES[d].1)
    }

    pub fn job(self, timing: Timing, outputs: Vec<Output>) -> Job {
        let Head { zone, filter, derive } = self;
        Job { zone, filter, derive, timing, outputs }
    }
}

pub fn output(x: Option<Kind>) -> impl Strategy<Value = Output> {
    let windows = prop_oneof![1 => Just(Window::Global), 6 => window(&SIZES)];
    let groups = groups(x, windows.boxed());
    prop_oneof![1 => Just(None).boxed(), 4 => groups.prop_map(Some).boxed()].prop_flat_map(placed)
}

/// An output of these groups, in any format, with or without partitions.
pub fn placed(groups: Option<Groups>) -> impl Strategy<Value = Output> {
    let format = select(vec!["jsonl", "jsonl", "parquet", "csv"]);
    let columns: Vec<&'static str> = match &groups {
        None => vec!["k", "n", "b", "d"],
        Some(groups) => groups.by.iter().copied().filter(|c| ["k", "n", "b", "d"].contains(c)).collect(),
    };
    let timed = groups.as_ref().is_none_or(|g| g.window != Window::Global);
    let times = match timed {
        true => vec![vec![], vec![], vec!["year", "month"], vec!["date", "hour"], vec!["hour"]],
        false => vec![vec![]],
    };
    let most = columns.len().min(2);
    (format, select(times), subsequence(columns, 0..=most)).prop_map(move |(format, mut parts, columns)| {
        // Every other job without partitions.
        if parts.len() != 1 {
            parts.extend(columns);
        }
        Output { format, partition_by: parts, groups: groups.clone(), state: false }
    })
}

pub fn groups(x: Option<Kind>, window: BoxedStrategy<Window>) -> impl Strategy<Value = Groups> {
    let mut keys = vec!["k", "n", "m", "f", "b", "d", "note"];
    keys.extend(x.map(|_| "x"));
    let most = 3;
    (
        window,
        subsequence(keys, 0..=most).prop_shuffle(),
        vec(aggregate(x), 0..=4),
        any::<bool>(),
        proptest::option::weighted(0.3, 0..HAVINGS.len()),
        proptest::option::weighted(0.3, (1..4usize, select(vec!["c desc", "c", "a0 desc", "c desc, a0"]))),
    )
        .prop_map(|(window, by, aggregates, computed, having, top)| {
            let by_a0 = aggregates.first().is_some_and(|(name, _)| !is_near(name));
            let having = having.filter(|&h| h != 3 || !aggregates.is_empty());
            let top = top.filter(|(_, by)| by_a0 || !by.contains("a0"));
            let (allowed_lateness, mode, firings) = (String::new(), "", false);
            Groups { window, allowed_lateness, mode, firings, by, aggregates, computed, having, top }
        })
}

/// Whether results of this function are compared with a tolerance.
pub fn is_near(function: &str) -> bool {
    let near = ["avg", "median", "quantile", "stddev", "var", "corr", "covar", "regr"];
    near.iter().any(|name| function.starts_with(name)) && function != "regr_count"
}

/// What is made of pairs.
pub const PAIRWISE: [&str; 12] = [
    "corr",
    "covar_pop",
    "covar_samp",
    "regr_count",
    "regr_avgx",
    "regr_avgy",
    "regr_sxx",
    "regr_syy",
    "regr_sxy",
    "regr_slope",
    "regr_intercept",
    "regr_r2",
];

/// The orders of `string_agg`.
const ORDERS: [&[&str]; 5] =
    [&[], &["n"], &["m desc", "f"], &["b nulls first", "d desc nulls last"], &["f desc", "k nulls first"]];

/// The arguments of an aggregate, and its filter.
pub fn and_filter<'a>(args: &'a [&'a str]) -> (&'a [&'a str], Option<&'a str>) {
    match args {
        [args @ .., last] if last.starts_with("where ") => (args, last.strip_prefix("where ")),
        args => (args, None),
    }
}

fn aggregate(x: Option<Kind>) -> impl Strategy<Value = (&'static str, Vec<&'static str>)> {
    let mut any = vec!["k", "n", "m", "f", "b", "d", "at"];
    let (mut numbers, mut bools, mut texts) = (vec!["n", "m", "f"], vec!["b"], vec!["k", "note"]);
    let mut ints = vec!["n", "at"];
    any.extend(x.map(|_| "x"));
    match x {
        Some(Kind::Int) => (numbers.push("x"), ints.push("x")).0,
        Some(Kind::Decimal(_)) => numbers.push("x"),
        Some(Kind::Bool) => bools.push("x"),
        Some(Kind::Text) => texts.push("x"),
        _ => {}
    }
    let of = |functions: &[&'static str], columns: &[&'static str]| {
        (select(functions.to_vec()), select(columns.to_vec())).prop_map(|(f, c)| (f, vec![c]))
    };
    let plain = prop_oneof![
        2 => of(&["sum", "avg", "median", "stddev_pop", "stddev_samp", "var_pop", "var_samp"], &numbers),
        2 => of(&["count", "count distinct", "approx_count_distinct", "min", "max", "first", "last", "mode"], &any),
        1 => of(&["bool_and", "bool_or", "count_if"], &bools),
        1 => of(&["bit_and", "bit_or", "bit_xor"], &ints),
        1 => of(&["sum distinct", "avg distinct", "var_pop distinct", "stddev_samp distinct"], &numbers),
        1 => (select(numbers.clone()), select(vec!["0", "0.25", "0.9", "1"]))
            .prop_map(|(c, q)| ("quantile", vec![c, q])),
        1 => (select(vec!["arg_min", "arg_max"]), select(any.clone()), select(any))
            .prop_map(|(f, a, b)| (f, vec![a, b])),
        1 => (select(PAIRWISE.to_vec()), select(numbers.clone()), select(numbers))
            .prop_map(|(f, y, x)| (f, vec![y, x])),
        1 => listing(texts),
    ];
    let filters = select(FILTERS_OF_AGGREGATES.to_vec());
    (plain, proptest::option::weighted(0.2, filters)).prop_map(|((function, mut args), filter)| {
        args.extend(filter);
        (function, args)
    })
}

const FILTERS_OF_AGGREGATES: [&str; 5] = [
    "where n > 0",
    "where k IS NOT NULL",
    "where b OR n < 3",
    "where m BETWEEN -5.00 AND 20",
    "where k IN ('a', 'ü') OR f >= 0.5",
];

fn listing(texts: Vec<&'static str>) -> impl Strategy<Value = (&'static str, Vec<&'static str>)> {
    let separators = select(vec!["", ", ", "it's"]);
    let distinct = proptest::option::of(any::<bool>());
    (select(texts), separators, select(ORDERS.to_vec()), any::<bool>(), distinct).prop_map(
        |(text, separator, order, distinct, own)| {
            let mut args = vec![text, separator];
            match (distinct, own) {
                (false, _) => args.extend(order),
                // Ordered by themselves, or not.
                (true, Some(_)) => args.push(text),
                (true, None) => {}
            }
            (if distinct { "string_agg distinct" } else { "string_agg" }, args)
        },
    )
}

impl Job {
    /// The job file, over the files that `path` (TOML) names.
    pub fn toml(&self, path: &str, source: &str) -> String {
        let types = Log::new(&COLUMNS, vec![]).types();
        let mut toml = format!(
            "name = \"random\"\ntimezone = {:?}\n{}[source]\npath = {path}\ntime = \"at\"\ntime_unit = \"us\"\n{types}\n{}{source}\n{}",
            self.zone,
            self.timing.top(),
            self.timing.source(),
            self.timing.late(),
        );
        if let Some(derive) = self.derive {
            toml.push_str(&format!("[[step]]\nderive = {{ x = {:?} }}\n", DERIVES[derive].0));
        }
        if let Some(filter) = self.filter {
            toml.push_str(&format!("[[step]]\nfilter = {}\n", json(FILTERS[filter])));
        }
        for (i, output) in self.outputs.iter().enumerate() {
            toml.push_str(&format!(
                "[[output]]\npath = \"@/out/{}\"\nformat = \"{}\"\n",
                output.path(i),
                output.format
            ));
            toml.push_str(&format!("partition_by = {:?}\n", output.partition_by));
            toml.push_str(if output.state { "state = true\n" } else { "" });
            if let Some(groups) = &output.groups {
                toml.push_str(&groups.toml());
            }
        }
        toml
    }

    /// Whether an output is streamed, by its own word or the job's.
    pub fn streams(&self, groups: &Groups) -> bool {
        let mode = if groups.mode.is_empty() { self.timing.mode } else { groups.mode };
        mode == "streamed" && groups.window != Window::Global
    }

    /// Firings where they may be: not in complete mode, of sessions, or beside `having` and `top`.
    pub fn settle(&mut self) {
        let job = self.clone();
        for groups in self.outputs.iter_mut().filter_map(|output| output.groups.as_mut()) {
            groups.firings &= job.streams(groups) && !matches!(groups.window, Window::Session { .. });
            if groups.firings {
                (groups.having, groups.top) = (None, None);
            }
        }
    }

    /// Whether the order of events of one time may show in a result.
    pub fn sees_ties(&self) -> bool {
        let tied = ["first", "last", "arg_min", "arg_max", "string_agg", "string_agg distinct"];
        self.outputs.iter().any(|output| match &output.groups {
            None => true,
            Some(groups) => groups.aggregates.iter().any(|(name, _)| tied.contains(name)),
        })
    }
}

impl Output {
    /// Its path below `out/`: a file, or a folder if it has partitions.
    pub fn path(&self, i: usize) -> String {
        if self.partition_by.is_empty() { format!("{i}.{}", self.format) } else { format!("{i}") }
    }
}

impl Groups {
    /// The SQL of an aggregate.
    fn sql((name, args): &(&str, Vec<&str>)) -> String {
        let (args, filter) = and_filter(args);
        let (name, distinct) = match name.strip_suffix(" distinct") {
            Some(name) => (name, "distinct "),
            None => (*name, ""),
        };
        let mut sql = match args {
            [text, separator, order @ ..] if name == "string_agg" => {
                let by = if order.is_empty() { "" } else { " order by " };
                let separator = separator.replace('\'', "''");
                format!("{name}({distinct}{text}, '{separator}'{by}{})", order.join(", "))
            }
            args => format!("{name}({distinct}{})", args.join(", ")),
        };
        sql.extend(filter.map(|filter| format!(" filter (where {filter})")));
        sql
    }

    fn toml(&self) -> String {
        let mut toml = String::new();
        toml.push_str(&self.window.toml(&self.allowed_lateness));
        if !self.mode.is_empty() {
            toml.push_str(&format!("mode = \"{}\"\n", self.mode));
        }
        if self.firings {
            toml.push_str("firings = true\n");
        }
        let mut selected = vec!["c = \"count(*)\"".to_string()];
        let calls = self.aggregates.iter().enumerate();
        selected.extend(calls.map(|(i, call)| format!("a{i} = \"{}\"", Groups::sql(call))));
        if self.computed {
            selected.push(format!("r = \"{COMPUTED}\""));
        }
        toml.push_str(&format!("by = {:?}\nselect = {{ {} }}\n", self.by, selected.join(", ")));
        if let Some(having) = self.having {
            toml.push_str(&format!("having = \"{}\"\n", HAVINGS[having]));
        }
        if let Some((n, by)) = self.top {
            toml.push_str(&format!("top = {{ n = {n}, by = \"{by}\" }}\n"));
        }
        toml
    }
}
