//! Random expressions of the closed language, by the type that is wanted, and events to compute them of.
//!
//! What they give is always a value: divisors are never zero, products stay small, texts that are read can be read.

use std::fmt::Write;

/// Numbers that look random and are the same for the same seed.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// Sebastiano Vigna's splitmix64.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One of them.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Int,
    Float,
    Decimal,
    Text,
    Bool,
    Date,
    Time,
}

impl Wanted {
    pub const ALL: [Wanted; 7] =
        [Wanted::Int, Wanted::Float, Wanted::Decimal, Wanted::Text, Wanted::Bool, Wanted::Date, Wanted::Time];
}

/// The types of the columns of [`log`], as `[source]` has them.
pub const TYPES: &str = "types = { i = \"int64\", j = \"int64\", x = \"float64\", y = \"float64\", \
    m = \"decimal(12,2)\", n = \"decimal(18,4)\", s = \"string\", r = \"string\", b = \"bool\", c = \"bool\", \
    d = \"date\", e = \"date\", t = \"timestamp\", u = \"timestamp\" }";

/// The columns of [`log`] behind `at`, the event time.
pub const NAMES: [&str; 14] = ["i", "j", "x", "y", "m", "n", "s", "r", "b", "c", "d", "e", "t", "u"];

const INTS: [&str; 8] = ["0", "1", "-1", "7", "-250", "999", "12345", "1000000"];
const FLOATS: [&str; 8] = ["0.0", "0.5", "-0.5", "2.5", "1e10", "-1234.5678", "0.1", "1e-3"];
const HUNDREDTHS: [&str; 8] = ["0.00", "0.01", "0.05", "-0.05", "2.50", "-2.55", "99999.99", "1234.56"];
const TEN_THOUSANDTHS: [&str; 6] = ["0.0000", "0.0005", "-0.0015", "2.5000", "-99.9999", "10.1250"];
const TEXTS: [&str; 14] =
    ["a", "b", "ab", "aBc", "a b", " a ", "", "é", "日本", "a%b", "a_b", "x-y-z", "ÀB", "2024"];
const DAYS: [&str; 8] = [
    "2024-02-29",
    "2023-03-31",
    "1970-01-01",
    "2000-12-31",
    "1900-01-01",
    "2199-12-31",
    "2024-12-30",
    "1969-07-20",
];
const MOMENTS: [&str; 10] = [
    "2024-02-29T13:05:07.25Z",
    "2024-03-10T06:30:00Z",
    "2024-03-10T07:30:00Z",
    "2024-11-03T05:30:00Z",
    "2024-11-03T06:30:00Z",
    "2024-04-06T14:45:00Z",
    "1969-12-31T23:59:59.999999Z",
    "1900-01-02T00:00:00Z",
    "2199-12-30T23:59:59Z",
    "2024-10-05T15:30:00Z",
];

/// Events: of each column some values are missing.
pub fn log(rng: &mut Rng, rows: usize) -> String {
    let mut out = format!("at,{}\n", NAMES.join(","));
    for row in 0..rows {
        let _ = write!(out, "2024-01-01T00:{:02}:{:02}Z", row / 60 % 60, row % 60);
        for name in NAMES {
            let value = match name {
                _ if rng.below(8) == 0 => "",
                "i" | "j" => rng.of(&INTS),
                "x" | "y" => rng.of(&FLOATS),
                "m" => rng.of(&HUNDREDTHS),
                "n" => rng.of(&TEN_THOUSANDTHS),
                // An empty text that is not missing.
                "s" | "r" => match rng.of(&TEXTS) {
                    "" => "\"\"",
                    text => text,
                },
                "b" | "c" => rng.of(&["true", "false"]),
                "d" | "e" => rng.of(&DAYS),
                _ => rng.of(&MOMENTS),
            };
            out.push(',');
            out.push_str(value);
        }
        out.push('\n');
    }
    out
}

/// An expression of at most `depth` operations one in another.
pub fn generate(rng: &mut Rng, wanted: Wanted, depth: usize) -> String {
    if depth == 0 || rng.below(6) == 0 {
        return leaf(rng, wanted);
    }
    let depth = depth - 1;
    if rng.below(7) == 0 {
        return choice(rng, wanted, depth);
    }
    match wanted {
        Wanted::Int => int(rng, depth),
        Wanted::Float => float(rng, depth),
        Wanted::Decimal => decimal(rng, depth),
        Wanted::Text => text(rng, depth),
        Wanted::Bool => condition(rng, depth),
        Wanted::Date => date(rng, depth),
        Wanted::Time => time(rng, depth),
    }
}

fn leaf(rng: &mut Rng, wanted: Wanted) -> String {
    let constant = rng.below(4) == 0;
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match wanted {
        Wanted::Int if constant => rng.of(&INTS).into(),
        Wanted::Int => rng.of(&["i", "j"]).into(),
        Wanted::Float if constant => rng.of(&["1e0", "2.5e0", "-1e-3", "1e10"]).into(),
        Wanted::Float => rng.of(&["x", "y"]).into(),
        Wanted::Decimal if constant => rng.of(&HUNDREDTHS).into(),
        Wanted::Decimal => rng.of(&["m", "n"]).into(),
        Wanted::Text if constant => quoted(rng.of(&TEXTS)),
        Wanted::Text => rng.of(&["s", "r"]).into(),
        Wanted::Bool if constant => rng.of(&["TRUE", "FALSE"]).into(),
        Wanted::Bool => rng.of(&["b", "c"]).into(),
        Wanted::Date if constant => format!("DATE '{}'", rng.of(&DAYS[..7])),
        Wanted::Date => rng.of(&["d", "e"]).into(),
        Wanted::Time if constant => format!("TIMESTAMP '{}'", rng.of(&MOMENTS[..9])),
        Wanted::Time => rng.of(&["t", "u"]).into(),
    }
}

/// What is there for every type.
fn choice(rng: &mut Rng, wanted: Wanted, depth: usize) -> String {
    let value = |rng: &mut Rng| generate(rng, wanted, depth);
    let (a, b) = (value(rng), value(rng));
    match rng.below(6) {
        0 => format!("COALESCE({a}, {b})"),
        1 => format!("NULLIF({a}, {b})"),
        2 => format!("GREATEST({a}, {b})"),
        3 => format!("LEAST({a}, {b}, NULL)"),
        4 => format!("CASE WHEN {} THEN {a} ELSE {b} END", generate(rng, Wanted::Bool, depth)),
        _ => format!("CASE WHEN {} THEN {a} END", generate(rng, Wanted::Bool, depth)),
    }
}

fn int(rng: &mut Rng, depth: usize) -> String {
    let mut of = |wanted| generate(rng, wanted, depth);
    let (a, b) = (of(Wanted::Int), of(Wanted::Int));
    let (s, r) = (of(Wanted::Text), of(Wanted::Text));
    let (t, u, d, e) = (of(Wanted::Time), of(Wanted::Time), of(Wanted::Date), of(Wanted::Date));
    let m = of(Wanted::Decimal);
    let field = rng.of(&[
        "year", "quarter", "month", "week", "day", "doy", "dow", "isodow", "isoyear", "hour", "minute",
    ]);
    let day = rng.of(&["year", "quarter", "month", "week", "day", "doy", "dow", "isodow", "isoyear"]);
    let unit = rng.of(&["year", "quarter", "month", "week", "day", "hour", "minute", "second"]);
    match rng.below(22) {
        0 => format!("(({a}) % 100000 + ({b}) % 100000)"),
        1 => format!("(({a}) % 100000 - ({b}) % 100000)"),
        2 => format!("(({a}) % 1000 * (({b}) % 1000))"),
        3 => format!("(({a}) // NULLIF({b}, 0))"),
        4 => format!("(({a}) % NULLIF({b}, 0))"),
        5 => format!("ABS({a})"),
        6 => format!("SIGN({a})"),
        7 => format!("(-({a}))"),
        8 => format!("LENGTH({s})"),
        9 => format!("STRPOS({s}, {r})"),
        10 => format!("EXTRACT({field} FROM {t})"),
        11 => format!("EXTRACT({day} FROM {d})"),
        12 => format!("date_diff('{unit}', {t}, {u})"),
        13 => format!("date_sub('{unit}', {t}, {u})"),
        14 => format!("(({d}) - ({e}))"),
        15 => format!("CAST({m} AS BIGINT)"),
        16 => format!("CAST(CAST({a} AS VARCHAR) AS BIGINT)"),
        17 => format!("epoch_ms({t})"),
        18 => format!("(({a}) & ({b}))"),
        19 => format!("(({a}) | ({b}))"),
        20 => format!("OCTET_LENGTH({s})"),
        _ => format!("ASCII({s})"),
    }
}

fn float(rng: &mut Rng, depth: usize) -> String {
    let mut of = |wanted| generate(rng, wanted, depth);
    let (a, b, i, j, m) =
        (of(Wanted::Float), of(Wanted::Float), of(Wanted::Int), of(Wanted::Int), of(Wanted::Decimal));
    match rng.below(14) {
        0 => format!("({a} + {b})"),
        1 => format!("({a} - ({b}))"),
        2 => format!("({a} * {b})"),
        3 => format!("({a} / NULLIF({b}, 0))"),
        4 => format!("({i} / NULLIF({j}, 0))"),
        5 => format!("ROUND({a})"),
        6 => format!("FLOOR({a})"),
        7 => format!("CEIL({a})"),
        8 => format!("ABS({a})"),
        9 => format!("SQRT(ABS({a}))"),
        10 => format!("CAST({i} AS DOUBLE)"),
        11 => format!("CAST({m} AS DOUBLE)"),
        12 => format!("TRUNC({a})"),
        _ => format!("(-({a}))"),
    }
}

fn decimal(rng: &mut Rng, depth: usize) -> String {
    let mut of = |wanted| generate(rng, wanted, depth);
    let (a, b, i, t) = (of(Wanted::Decimal), of(Wanted::Decimal), of(Wanted::Int), of(Wanted::Time));
    let digits = rng.below(4);
    match rng.below(13) {
        0 => format!("({a} + {b})"),
        1 => format!("({a} - ({b}))"),
        2 => format!("ROUND(({a}) % 1000 * (({b}) % 1000), {digits})"),
        3 => format!("ROUND({a} / NULLIF({b}, 0) % 1000000, {digits})"),
        4 => format!("ROUND({a}, {digits})"),
        5 => format!("TRUNC({a}, {digits})"),
        6 => format!("(({a}) % NULLIF({b}, 0))"),
        7 => format!("({a} + ({i}) % 1000)"),
        8 => format!("ABS({a})"),
        9 => format!("CAST({a} AS DECIMAL(20, {digits}))"),
        10 => format!("CAST(CAST({a} AS VARCHAR) AS DECIMAL(20, {digits}))"),
        11 => format!("EXTRACT(second FROM {t})"),
        _ => format!("(-({a}))"),
    }
}

fn text(rng: &mut Rng, depth: usize) -> String {
    let mut of = |wanted| generate(rng, wanted, depth);
    let (a, b) = (of(Wanted::Text), of(Wanted::Text));
    let (i, m, c, d, t) =
        (of(Wanted::Int), of(Wanted::Decimal), of(Wanted::Bool), of(Wanted::Date), of(Wanted::Time));
    let (from, count) = (rng.below(5) as i64 - 1, rng.below(4));
    match rng.below(22) {
        0 => format!("({a} || {b})"),
        1 => format!("CONCAT({a}, {b}, {i})"),
        2 => format!("CONCAT_WS('-', {a}, {b})"),
        3 => format!("UPPER({a})"),
        4 => format!("LOWER({a})"),
        5 => format!("LEFT({a}, {from})"),
        6 => format!("RIGHT({a}, {from})"),
        7 => format!("SUBSTRING({a}, {from})"),
        8 => format!("SUBSTRING({a}, {from}, {count})"),
        9 => format!("TRIM({a})"),
        10 => format!("LTRIM({a}, 'a')"),
        11 => format!("REPLACE({a}, 'a', {b})"),
        12 => format!("REVERSE({a})"),
        13 => format!("LPAD({a}, {count}, '*')"),
        14 => format!("RPAD({a}, {count})"),
        15 => format!("SPLIT_PART({a}, '-', {})", count + 1),
        16 => format!("CAST({i} AS VARCHAR)"),
        17 => format!("CAST({m} AS VARCHAR)"),
        18 => format!("CAST({c} AS VARCHAR)"),
        19 => format!("CAST({d} AS VARCHAR)"),
        20 => format!("strftime({t}, '%Y-%m-%d %H:%M:%S')"),
        _ => format!("regexp_replace({a}, '[ab]+', 'z', 'g')"),
    }
}

fn condition(rng: &mut Rng, depth: usize) -> String {
    let wanted = rng.of(&Wanted::ALL);
    let mut of = |wanted| generate(rng, wanted, depth);
    let (a, b, low) = (of(wanted), of(wanted), of(wanted));
    let (p, q, s, i) = (of(Wanted::Bool), of(Wanted::Bool), of(Wanted::Text), of(Wanted::Int));
    let compare = rng.of(&["=", "<>", "<", "<=", ">", ">="]);
    match rng.below(20) {
        0..=4 => format!("({a} {compare} {b})"),
        5 => format!("({p} AND {q})"),
        6 => format!("({p} OR {q})"),
        7 => format!("(NOT ({p}))"),
        8 => format!("(({a}) IS NULL)"),
        9 => format!("(({a}) IS NOT NULL)"),
        10 => format!("({a} BETWEEN {low} AND {b})"),
        11 => format!("({a} IN ({b}, {low}))"),
        12 => format!("({a} NOT IN ({b}, NULL))"),
        13 => format!("(({a}) IS DISTINCT FROM ({b}))"),
        14 => format!("(({p}) IS TRUE)"),
        15 => format!("(({p}) IS NOT FALSE)"),
        16 => format!("({s} LIKE '{}')", rng.of(&["a%", "%b", "_", "%a\\%b%", "a_b", "", "ab"])),
        17 => format!("({s} ILIKE '{}')", rng.of(&["A%", "%B", "é", "ab_"])),
        18 => format!("regexp_like({s}, '{}')", rng.of(&["^a", "b$", "[0-9]+", "a.b"])),
        _ => format!("(({i}) % 3 = 1)"),
    }
}

fn date(rng: &mut Rng, depth: usize) -> String {
    let mut of = |wanted| generate(rng, wanted, depth);
    let (d, t, i) = (of(Wanted::Date), of(Wanted::Time), of(Wanted::Int));
    match rng.below(6) {
        0 => format!("({d} + ({i}) % 1000)"),
        1 => format!("({d} - ({i}) % 1000)"),
        2 => format!("CAST({t} AS DATE)"),
        3 => format!("last_day({d})"),
        4 => format!("CAST(CAST({d} AS VARCHAR) AS DATE)"),
        _ => format!("make_date(2000 + ({i}) % 100, 1 + ABS({i}) % 12, 1 + ABS({i}) % 28)"),
    }
}

fn time(rng: &mut Rng, depth: usize) -> String {
    let mut of = |wanted| generate(rng, wanted, depth);
    let (d, t, i) = (of(Wanted::Date), of(Wanted::Time), of(Wanted::Int));
    let unit =
        rng.of(&["year", "quarter", "month", "week", "day", "hour", "minute", "second", "milliseconds"]);
    let length =
        rng.of(&["1 month", "3 days", "90 minutes", "1 year 2 months -3 days", "0.5 seconds", "25 hours"]);
    match rng.below(8) {
        0 => format!("date_trunc('{unit}', {t})"),
        1 => format!("date_trunc('{unit}', {d})"),
        2 => format!("({t} + INTERVAL '{length}')"),
        3 => format!("({t} - INTERVAL '{length}')"),
        4 => format!("({d} + INTERVAL '{length}')"),
        5 => format!("CAST({d} AS TIMESTAMP)"),
        6 => format!("from_epoch_ms(({i}) % 1000000 * 1000000)"),
        _ => format!("({t} + INTERVAL '1 hour' * (({i}) % 1000))"),
    }
}

/// A job that shows a random expression of each type in turn, and its events; `zone` is the job's.
pub fn job(rng: &mut Rng, zone: &str, count: usize) -> (String, Vec<String>) {
    let expressions: Vec<String> =
        (0..count).map(|at| generate(rng, Wanted::ALL[at % Wanted::ALL.len()], 1 + at % 3)).collect();
    let columns: Vec<String> =
        expressions.iter().enumerate().map(|(at, sql)| format!("v{at} = {sql:?}")).collect();
    let job = format!(
        "timezone = \"{zone}\"\n[source]\npath = \"@/events.csv\"\ntime = \"at\"\n{TYPES}\n\
        [[output]]\npath = \"@/out/rows.parquet\"\nselect = {{ {} }}\n",
        columns.join(", ")
    );
    (job, expressions)
}

#[test]
fn what_is_generated_can_be_computed() {
    for (seed, zone) in ["UTC", "America/New_York"].into_iter().enumerate() {
        let mut rng = Rng::new(seed as u64);
        let lab = crate::support::Lab::new();
        lab.write("events.csv", log(&mut rng, 100));
        let (job, _) = job(&mut rng, zone, 140);
        if let Err(error) = lab.library(&job, crate::support::PLAIN) {
            panic!("{error}\n{job}");
        }
    }
}
