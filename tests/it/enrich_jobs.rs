//! Jobs with steps that depend on order, their logs and their tables: as values, and as files.

use crate::jobs::Job;
use crate::laws;
use crate::log::{Cell, Kind, Log, json};
use crate::support::Lab;

/// A job with further steps, after those of `job`, its log and its tables.
#[derive(Clone)]
pub struct Case {
    pub job: Job,
    pub log: Log,
    /// Those that no step asks are neither written nor named.
    pub tables: Vec<Table>,
    pub steps: Vec<Step>,
}

/// A table of the job, or the file of a lookup.
#[derive(Debug, Clone)]
pub struct Table {
    /// `t0` and so on, or `l0` for the file of a lookup.
    pub name: String,
    pub log: Log,
    pub timed: bool,
    /// Numbers of [`TABLE_DERIVES`] and [`TABLE_FILTERS`].
    pub derive: Option<usize>,
    pub filter: Option<usize>,
    /// The extension of its files, and where it is cut into several.
    pub format: &'static str,
    pub cuts: Vec<usize>,
}

/// A step. Columns are named; durations are microseconds.
#[derive(Debug, Clone)]
pub enum Step {
    Filter(Test),
    Derive(&'static str, Made),
    Dedup { by: Vec<&'static str>, within: Option<i64> },
    First { by: Vec<&'static str>, name: &'static str },
    Enrich(Enrich),
}

#[derive(Debug, Clone)]
pub enum Test {
    NotNull(&'static str),
    Null(&'static str),
    True(&'static str),
    NotTrue(&'static str),
    Positive(&'static str),
}

#[derive(Debug, Clone)]
pub enum Made {
    /// NULL where the first is true, else the second.
    Unless(&'static str, &'static str),
    /// The text, or `none`.
    OrNone(&'static str),
    /// One more.
    More(&'static str),
    /// Whether it is NULL.
    Missing(&'static str),
}

#[derive(Debug, Clone)]
pub struct Enrich {
    /// New column and column of the table.
    pub take: Vec<(&'static str, &'static str)>,
    pub fill: bool,
    /// The first is the step's own, the others stand in `otherwise`.
    pub tries: Vec<Try>,
}

#[derive(Debug, Clone)]
pub enum Try {
    AsOf {
        table: usize,
        /// Column of the event and column of the table.
        on: Vec<(&'static str, &'static str)>,
        direction: &'static str,
        within: Option<i64>,
        inclusive: bool,
    },
    /// Values of the new columns; those left out are NULL.
    Constant(Vec<(&'static str, Cell)>),
}

/// The columns of tables. The last three are mostly taken, and name the row.
pub const TABLE: [(&str, Kind); 9] = [
    ("at", Kind::Int),
    ("k", Kind::Text),
    ("n", Kind::Int),
    ("m", Kind::Decimal(2)),
    ("b", Kind::Bool),
    ("d", Kind::Date),
    ("v", Kind::Text),
    ("w", Kind::Int),
    ("u", Kind::Decimal(2)),
];
pub const TABLE_DERIVES: [(&str, Kind); 3] = [
    ("n + 1", Kind::Int),
    ("CASE WHEN b THEN NULL ELSE k END", Kind::Text),
    ("coalesce(v, 'none')", Kind::Text),
];
/// The last one only of tables that derive `x`.
pub const TABLE_FILTERS: [&str; 4] = ["n > 0", "k IS NOT NULL", "w % 2 = 0", "x IS NOT NULL"];

impl Enrich {
    /// The type of a column of the step's own table.
    pub fn kind(&self, tables: &[Table], column: &str) -> Kind {
        let Try::AsOf { table, .. } = &self.tries[0] else { panic!("a constant comes last") };
        match column {
            "x" => TABLE_DERIVES[tables[*table].derive.unwrap()].1,
            column => TABLE.iter().find(|(name, _)| *name == column).unwrap().1,
        }
    }

    fn toml(&self, tables: &[Table]) -> String {
        let Try::AsOf { table, on, direction, within, inclusive } = &self.tries[0] else {
            panic!("a constant comes last")
        };
        let of = &tables[*table];
        let mut toml = match of.is_file() {
            true => format!("lookup = \"@/{}*\"\n{}\n", of.name, of.log.types()),
            false => format!("enrich = \"{}\"\n", of.name),
        };
        toml.push_str(&format!("on = {}\ntake = {}\n", inline(on), inline(&self.take)));
        if *direction != "backward" {
            toml.push_str(&format!("match = \"{direction}\"\n"));
        }
        if !inclusive {
            toml.push_str("inclusive = false\n");
        }
        if let Some(within) = within {
            toml.push_str(&format!("within = \"{within}us\"\n"));
        }
        if self.fill {
            toml.push_str("fill = \"last_value\"\n");
        }
        let own = (*table, *within, *inclusive);
        let others: Vec<String> = self.tries[1..].iter().map(|t| self.otherwise(t, own, tables)).collect();
        if !others.is_empty() {
            toml.push_str(&format!("otherwise = [{}]\n", others.join(", ")));
        }
        toml
    }

    /// An item of `otherwise`, where the step itself has this table, `within` and `inclusive`.
    fn otherwise(&self, other: &Try, own: (usize, Option<i64>, bool), tables: &[Table]) -> String {
        match other {
            Try::AsOf { table, direction, within, inclusive, .. }
                if *table == own.0 && !tables[*table].is_file() =>
            {
                let mut item = vec![format!("match = \"{direction}\"")];
                item.extend(within.filter(|_| *within != own.1).map(|w| format!("within = \"{w}us\"")));
                item.extend((*inclusive != own.2).then(|| format!("inclusive = {inclusive}")));
                format!("{{ {} }}", item.join(", "))
            }
            Try::AsOf { table, on, .. } => {
                let of = &tables[*table];
                let (on, take, types) = (inline(on), inline(&self.take), of.log.types());
                format!("{{ lookup = \"@/{}*\", on = {on}, take = {take}, {types} }}", of.name)
            }
            Try::Constant(values) => {
                let value = |(name, cell): &(&str, Cell)| format!("{name} = {}", cell.json());
                format!("{{ constant = {{ {} }} }}", values.iter().map(value).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A table of TOML.
fn inline(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, of)| format!("{name} = \"{of}\"")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

impl Try {
    pub fn on(&self) -> &[(&'static str, &'static str)] {
        match self {
            Try::AsOf { on, .. } => on,
            Try::Constant(_) => &[],
        }
    }
}

impl Test {
    fn sql(&self) -> String {
        match self {
            Test::NotNull(column) => format!("{column} IS NOT NULL"),
            Test::Null(column) => format!("{column} IS NULL"),
            Test::True(column) => column.to_string(),
            Test::NotTrue(column) => format!("NOT {column}"),
            Test::Positive(column) => format!("{column} > 0"),
        }
    }
}

impl Made {
    fn sql(&self) -> String {
        match self {
            Made::Unless(flag, column) => format!("CASE WHEN {flag} THEN NULL ELSE {column} END"),
            Made::OrNone(column) => format!("coalesce({column}, 'none')"),
            Made::More(column) => format!("{column} + 1"),
            Made::Missing(column) => format!("{column} IS NULL"),
        }
    }
}

impl Step {
    fn toml(&self, tables: &[Table]) -> String {
        let step = match self {
            Step::Filter(test) => format!("filter = {}\n", json(&test.sql())),
            Step::Derive(name, made) => format!("derive = {{ {name} = {} }}\n", json(&made.sql())),
            Step::Dedup { by, within: None } => format!("dedup = {by:?}\n"),
            Step::Dedup { by, within: Some(within) } => format!("dedup = {by:?}\nwithin = \"{within}us\"\n"),
            Step::First { by, name } => format!("first = {by:?}\nas = \"{name}\"\n"),
            Step::Enrich(enrich) => enrich.toml(tables),
        };
        format!("[[step]]\n{step}")
    }

    fn asks(&self, number: usize) -> bool {
        let asks = |t: &Try| matches!(t, Try::AsOf { table, .. } if *table == number);
        matches!(self, Step::Enrich(enrich) if enrich.tries.iter().any(asks))
    }
}

impl Table {
    fn is_file(&self) -> bool {
        self.name.starts_with('l')
    }

    fn toml(&self) -> String {
        let mut toml = format!("[table.{}]\npath = \"@/{}*\"\n{}\n", self.name, self.name, self.log.types());
        if self.timed {
            toml.push_str("time = \"at\"\ntime_unit = \"us\"\n");
        }
        if let Some(derive) = self.derive {
            toml.push_str(&format!("derive = {{ x = {} }}\n", json(TABLE_DERIVES[derive].0)));
        }
        if let Some(filter) = self.filter {
            toml.push_str(&format!("filter = {}\n", json(TABLE_FILTERS[filter])));
        }
        toml
    }

    fn write(&self, lab: &Lab) {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| *cut.min(&self.log.rows.len())).collect();
        cuts.extend([0, self.log.rows.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        if cuts.len() == 1 {
            cuts.push(0);
        }
        for (i, cut) in cuts.windows(2).enumerate() {
            laws::write(lab, &format!("{}-{i}.{}", self.name, self.format), &self.log.slice(cut[0]..cut[1]));
        }
    }
}

impl Case {
    /// The job file, over the files `log*` of a lab.
    pub fn toml(&self, source: &str) -> String {
        let mut toml = self.job.toml("\"@/log*\"", source);
        for (_, table) in self.used().filter(|(_, table)| !table.is_file()) {
            toml.push_str(&table.toml());
        }
        self.steps.iter().for_each(|step| toml.push_str(&step.toml(&self.tables)));
        toml
    }

    /// The tables that steps ask.
    pub fn used(&self) -> impl Iterator<Item = (usize, &Table)> {
        self.tables.iter().enumerate().filter(|(i, _)| self.steps.iter().any(|step| step.asks(*i)))
    }

    pub fn write_tables(&self, lab: &Lab) {
        self.used().for_each(|(_, table)| table.write(lab));
    }

    /// The same case with other cuts and formats of its tables.
    pub fn split_otherwise(&self) -> Case {
        let mut other = self.clone();
        for table in &mut other.tables {
            table.cuts = table.cuts.iter().map(|cut| cut + 3).chain([1, 7]).collect();
            table.format = if table.format == "csv" { "csv.gz" } else { "csv" };
        }
        other
    }

    /// The same case where log and tables arrive in another order, but rows of one instant in theirs.
    pub fn shuffled(&self, seed: u64) -> Case {
        let mut other = self.clone();
        other.log = shuffled(&self.log, seed);
        for table in other.tables.iter_mut().filter(|table| table.timed) {
            table.log = shuffled(&table.log, seed ^ 0x5bd1);
        }
        other
    }
}

/// Cases are shown as their job files.
impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.toml(""))?;
        let text = |log: &Log| String::from_utf8_lossy(&log.csv()).into_owned();
        writeln!(f, "log\n{}", text(&self.log))?;
        for (_, table) in self.used() {
            writeln!(f, "{} as {} cut at {:?}\n{}", table.name, table.format, table.cuts, text(&table.log))?;
        }
        Ok(())
    }
}

/// The time of a row, which is its first column.
pub fn time(row: &[Cell]) -> i64 {
    let Cell::Int(at) = row[0] else { panic!("the first column is the time") };
    at
}

/// `log` in another order of arrival; rows of one instant stay in theirs.
pub fn shuffled(log: &Log, seed: u64) -> Log {
    let mut order: Vec<usize> = (0..log.rows.len()).collect();
    shuffle(&mut order, seed);
    let mut rows = vec![];
    for &i in &order {
        // The places of an instant's rows are shuffled; what comes to them is in order.
        let same: Vec<usize> =
            (0..log.rows.len()).filter(|&j| time(&log.rows[j]) == time(&log.rows[i])).collect();
        let before = rows.iter().filter(|row: &&Vec<Cell>| time(row) == time(&log.rows[i])).count();
        rows.push(log.rows[same[before]].clone());
    }
    Log { columns: log.columns.clone(), rows }
}

/// Fisher and Yates, with the numbers of an xorshift.
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for i in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(i, (state % (i as u64 + 1)) as usize);
    }
}
