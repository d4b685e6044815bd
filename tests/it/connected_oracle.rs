//! Connected streams, simulated: the source and its tables, one record after the other in the merged order of their
//! arrivals, with a watermark for each, timers, and keys that expire. Slow and obvious, and of no code of the engine.
//!
//! A record is taken by all steps that it can pass; then its watermark moves, step by step. At each step the timers that
//! the watermark has passed fire in order, and what waited goes on, before the watermark is passed to the next step.

use std::collections::BTreeMap;

/// Microseconds.
pub type Micros = i64;

/// What no watermark and no clock goes beyond.
const FOREVER: i64 = i64::MAX;

#[derive(Debug, Clone)]
pub struct Record {
    pub time: Micros,
    pub arrival: Micros,
    pub partition: usize,
    /// The key; `None` matches nothing.
    pub key: Option<i64>,
    /// What a table gives; of the source it decides the filter.
    pub value: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// In order of position.
    pub records: Vec<Record>,
    pub out_of_orderness: Micros,
    /// Whether it tells arrivals; else the clock is the greatest event time.
    pub has_arrivals: bool,
    pub partitioned: bool,
    pub idle: Option<Micros>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Backward,
    Forward,
    Nearest,
}

#[derive(Debug, Clone, Copy)]
pub struct Reach {
    pub look: Look,
    pub within: Option<Micros>,
    pub inclusive: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Item {
    Table(Reach),
    Constant(i64),
}

#[derive(Debug, Clone)]
pub enum Step {
    /// Keeps events with an even value.
    Filter,
    Dedup {
        within: Option<Micros>,
    },
    First {
        within: Option<Micros>,
    },
    Enrich {
        table: usize,
        tries: Vec<Item>,
        late: Option<Item>,
        fill: bool,
    },
}

#[derive(Debug, Clone)]
pub struct Connected {
    pub source: Stream,
    pub tables: Vec<Stream>,
    pub steps: Vec<Step>,
}

/// An event that came through all steps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Through {
    /// Its position in the source.
    pub id: usize,
    /// What `first` and `enrich` gave, in the order of the steps; a flag is 0 or 1.
    pub columns: Vec<Option<i64>>,
    /// The watermark of the last step that it met.
    pub watermark: Option<Micros>,
}

/// How often random cases met what they are made for.
#[derive(Debug, Default, Clone, serde::Serialize)]
pub struct Met {
    pub waited: usize,
    pub waited_to_the_end: usize,
    pub decided_at_once: usize,
    pub found_after_waiting: usize,
    pub late: usize,
    pub not_yet_arrived: usize,
    pub duplicates: usize,
    pub expired: usize,
    pub expired_at_once: usize,
    pub flagged_again: usize,
    pub idle_tables: usize,
    pub passed_by_others: usize,
    pub held_by_a_table: usize,
    pub not_even: usize,
}

#[derive(Debug, Clone)]
struct Event {
    id: usize,
    time: Micros,
    key: Option<i64>,
    value: Option<i64>,
    columns: Vec<Option<i64>>,
}

/// The watermark of one stream.
#[derive(Default)]
struct Clock {
    /// Of each partition, its greatest event time and when its last record came.
    partitions: BTreeMap<usize, (Micros, Micros)>,
    mark: Option<Micros>,
    last: Option<Micros>,
    idle: bool,
}

struct Waiting {
    timer: i64,
    event: Event,
    next: usize,
    late: bool,
}

struct Live<'a> {
    case: &'a Connected,
    clocks: Vec<Clock>,
    /// The rows of each table that have arrived.
    rows: Vec<Vec<Record>>,
    /// Per step: the watermark, what waits, and since when a key is kept.
    marks: Vec<Option<Micros>>,
    waiting: Vec<Vec<Waiting>>,
    kept: Vec<BTreeMap<Option<i64>, Micros>>,
    now: Micros,
    through: Vec<Through>,
    duplicates: u64,
    filtered: u64,
    met: Met,
    /// The watermark of the source as it passes through the steps.
    incoming: Option<Micros>,
}

pub struct Outcome {
    /// The watermark that windows go by, after the last record.
    pub watermark: Option<Micros>,
    /// In the order in which events came through.
    pub through: Vec<Through>,
    pub duplicates: u64,
    pub filtered: u64,
    pub met: Met,
}

pub fn simulate(case: &Connected) -> Outcome {
    // Tables come before the source.
    let streams: Vec<&Stream> = case.tables.iter().chain([&case.source]).collect();
    // In the order in which steps ask them first.
    let asked = |t: usize| {
        case.steps.iter().position(|step| matches!(step, Step::Enrich { table, .. } if *table == t))
    };
    let rank = |s: usize| if s < case.tables.len() { asked(s).unwrap_or(usize::MAX - 1) } else { usize::MAX };
    let mut merged = vec![];
    for (s, stream) in streams.iter().enumerate() {
        let mut clock = i64::MIN;
        for (position, record) in stream.records.iter().enumerate() {
            clock = clock.max(record.time);
            let at = if stream.has_arrivals { record.arrival } else { clock };
            merged.push((at, rank(s), s, position));
        }
    }
    merged.sort_unstable();
    let mut live = Live {
        case,
        clocks: streams.iter().map(|_| Clock::default()).collect(),
        rows: vec![vec![]; case.tables.len()],
        marks: vec![None; case.steps.len()],
        waiting: case.steps.iter().map(|_| vec![]).collect(),
        kept: vec![BTreeMap::new(); case.steps.len()],
        now: i64::MIN,
        through: vec![],
        duplicates: 0,
        filtered: 0,
        met: Met::default(),
        incoming: None,
    };
    for (at, _, s, position) in merged {
        live.clock_goes_on(at);
        let (stream, record) = (streams[s], &streams[s].records[position]);
        live.refresh(s, stream, at);
        live.advance();
        if s < case.tables.len() {
            live.rows[s].push(record.clone());
        } else {
            let event = Event {
                id: position,
                time: record.time,
                key: record.key,
                value: record.value,
                columns: vec![],
            };
            live.take(event, 0);
        }
        let partition = if stream.partitioned { record.partition } else { 0 };
        let seen = live.clocks[s].partitions.entry(partition).or_insert((record.time, at));
        *seen = (seen.0.max(record.time), at);
        live.clocks[s].last = Some(at);
        live.clocks[s].idle = false;
        live.refresh(s, stream, at);
        live.advance();
    }
    let last = case.steps.iter().rposition(|step| matches!(step, Step::Enrich { .. }));
    let watermark = last.map_or(live.clocks[case.tables.len()].mark, |last| live.marks[last]);
    live.end();
    Outcome {
        watermark,
        through: live.through,
        duplicates: live.duplicates,
        filtered: live.filtered,
        met: live.met,
    }
}

impl Live<'_> {
    /// Tables turn idle one after the other, as the clock goes on to `at`.
    fn clock_goes_on(&mut self, at: Micros) {
        loop {
            let due = |t: usize| {
                let (clock, idle) = (&self.clocks[t], self.case.tables[t].idle?);
                // It holds as long as no more than `idle` has passed.
                let from = clock.last? + idle + 1;
                (!clock.idle && at >= from).then_some((from, t))
            };
            let Some((from, _)) = (0..self.case.tables.len()).filter_map(due).min() else { break };
            let now: Vec<usize> =
                (0..self.case.tables.len()).filter(|&t| due(t).is_some_and(|due| due.0 == from)).collect();
            for t in now {
                self.clocks[t].idle = true;
                self.met.idle_tables += 1;
            }
            self.now = from;
            self.advance();
        }
        self.now = at;
    }

    /// A partition that has been quiet for too long does not count; as is seen when a record of the stream comes.
    fn refresh(&mut self, s: usize, stream: &Stream, at: Micros) {
        let clock = &mut self.clocks[s];
        let awake = clock
            .partitions
            .values()
            .filter(|(_, last)| !stream.partitioned || stream.idle.is_none_or(|idle| at - last <= idle));
        let least = awake.map(|(greatest, _)| greatest - stream.out_of_orderness).min();
        clock.mark = clock.mark.max(least);
    }

    /// Passes the watermarks on, step by step.
    fn advance(&mut self) {
        self.incoming = self.clocks[self.case.tables.len()].mark;
        for step in 0..self.case.steps.len() {
            let mut mark = self.incoming;
            if let Step::Enrich { table, .. } = &self.case.steps[step]
                && !self.clocks[*table].idle
            {
                mark = mark.min(self.clocks[*table].mark);
                self.met.held_by_a_table += usize::from(mark < self.incoming);
            }
            mark = mark.max(self.marks[step]);
            if mark > self.marks[step] {
                self.fire(step, mark.unwrap());
                self.marks[step] = mark;
            }
            self.incoming = self.marks[step];
        }
    }

    /// What waited at `step` for the watermark to pass a time before `mark` goes on.
    fn fire(&mut self, step: usize, mark: i64) {
        loop {
            let due = self.waiting[step].iter().enumerate().filter(|(_, waiting)| waiting.timer < mark);
            let Some((at, _)) = due.min_by_key(|(_, waiting)| (waiting.timer, waiting.event.id)) else {
                break;
            };
            let waiting = self.waiting[step].remove(at);
            let before = self.through.len();
            self.look(step, waiting, true);
            self.met.passed_by_others += usize::from(
                self.through[before..]
                    .iter()
                    .any(|e| self.through[..before].iter().any(|other| other.id > e.id)),
            );
        }
    }

    fn end(&mut self) {
        for step in 0..self.case.steps.len() {
            self.met.waited_to_the_end += self.waiting[step].len();
            // A time that nothing passes but the end.
            while let Some(at) = (0..self.waiting[step].len())
                .min_by_key(|&at| (self.waiting[step][at].timer, self.waiting[step][at].event.id))
            {
                let waiting = self.waiting[step].remove(at);
                self.look(step, waiting, true);
            }
        }
    }

    /// An event comes to `step`.
    fn take(&mut self, mut event: Event, step: usize) {
        let Some(this) = self.case.steps.get(step) else {
            let last = self.case.steps.iter().rposition(|step| matches!(step, Step::Enrich { .. }));
            let source = self.clocks[self.case.tables.len()].mark;
            let watermark = last.map_or(source, |last| self.marks[last]);
            self.through.push(Through { id: event.id, columns: event.columns, watermark });
            return;
        };
        match this {
            Step::Filter => match event.value {
                Some(value) if value % 2 == 0 => self.take(event, step + 1),
                _ => {
                    self.filtered += 1;
                    self.met.not_even += 1;
                }
            },
            Step::Dedup { within } => match self.is_first(step, event.key, *within) {
                true => self.take(event, step + 1),
                false => {
                    self.duplicates += 1;
                    self.met.duplicates += 1;
                }
            },
            Step::First { within } => {
                let again = self.kept[step].contains_key(&event.key);
                let first = self.is_first(step, event.key, *within);
                self.met.flagged_again += usize::from(first && again);
                event.columns.push(Some(i64::from(first)));
                self.take(event, step + 1);
            }
            Step::Enrich { late, .. } => {
                let late = late.is_some() && self.marks[step].is_some_and(|mark| event.time < mark);
                self.met.late += usize::from(late);
                self.look(step, Waiting { timer: 0, event, next: 0, late }, false);
            }
        }
    }

    /// Whether no event of the key has been kept, or its state has expired by now.
    fn is_first(&mut self, step: usize, key: Option<i64>, within: Option<Micros>) -> bool {
        let kept = self.kept[step].get(&key);
        let first = match (kept, within) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(kept), Some(within)) => {
                self.met.expired += usize::from(self.now - kept > within);
                self.met.expired_at_once += usize::from(self.now - kept == within);
                kept + within <= self.now
            }
        };
        if first {
            self.kept[step].insert(key, self.now);
        }
        first
    }

    /// Tries on from `next`; `waited` says that this try has waited already.
    fn look(&mut self, step: usize, mut waiting: Waiting, mut waited: bool) {
        let Step::Enrich { table, tries, late, fill } = &self.case.steps[step] else { panic!("it looks") };
        let tries: Vec<Item> = if waiting.late { late.iter().copied().collect() } else { tries.clone() };
        let mut found = None;
        while let Some(item) = tries.get(waiting.next) {
            match item {
                Item::Constant(value) => {
                    found = Some(Some(*value));
                    break;
                }
                Item::Table(reach) => {
                    if reach.look != Look::Backward && !waited {
                        let timer = reach.within.map_or(FOREVER, |within| waiting.event.time + within);
                        if self.marks[step].is_none_or(|mark| mark <= timer) {
                            self.met.waited += 1;
                            self.waiting[step].push(Waiting { timer, ..waiting });
                            return;
                        }
                        self.met.decided_at_once += 1;
                    }
                    found = self.row(*table, &waiting.event, reach, *fill);
                    if found.is_some() {
                        self.met.found_after_waiting += usize::from(waited);
                        break;
                    }
                }
            }
            waiting.next += 1;
            waited = false;
        }
        let mut event = waiting.event;
        event.columns.push(found.flatten());
        self.take(event, step + 1);
    }

    /// The value that an event takes of the rows that have arrived, if one is in reach.
    fn row(&mut self, table: usize, event: &Event, reach: &Reach, fill: bool) -> Option<Option<i64>> {
        let key = event.key?;
        let all = self.case.tables[table].records.iter().filter(|row| row.key == Some(key)).count();
        let own: Vec<&Record> = self.rows[table].iter().filter(|row| row.key == Some(key)).collect();
        self.met.not_yet_arrived += usize::from(own.len() < all);
        let in_reach = |row: &Record| {
            let there = reach.inclusive || row.time != event.time;
            there && reach.within.is_none_or(|within| (row.time - event.time).abs() <= within)
        };
        // Of rows at one instant the last that arrived; `max_by_key` takes the last of equals.
        let before = |wanted: &dyn Fn(&Record) -> bool| {
            let rows = own.iter().filter(|row| row.time <= event.time && in_reach(row) && wanted(row));
            rows.copied().max_by_key(|row| row.time)
        };
        let after = |wanted: &dyn Fn(&Record) -> bool| {
            let rows = own.iter().filter(|row| row.time >= event.time && in_reach(row) && wanted(row));
            // `min_by_key` takes the first of equals.
            rows.copied().rev().min_by_key(|row| row.time)
        };
        let choose = |wanted: &dyn Fn(&Record) -> bool| match reach.look {
            Look::Backward => before(wanted),
            Look::Forward => after(wanted),
            Look::Nearest => match (before(wanted), after(wanted)) {
                (Some(b), Some(a)) if event.time - b.time <= a.time - event.time => Some(b),
                (b, None) => b,
                (_, a) => a,
            },
        };
        let row = choose(&|_| true)?;
        if fill {
            return Some(choose(&|row| row.value.is_some()).and_then(|row| row.value));
        }
        Some(row.value)
    }
}
