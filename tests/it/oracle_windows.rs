//! The windows of an event, by walking over the starts of windows with chrono's calendar.

use crate::event_time_jobs::Window;
use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

/// Start and end, microseconds since 1970.
pub type Span = (i64, i64);

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// A size, a slide or a step.
#[derive(Clone, Copy)]
enum Size {
    Length(i64),
    Days(i64),
    /// Units of the calendar from Monday, 5 January 1970.
    Weeks(i64),
    Months(i64),
}

impl Size {
    fn of(text: &str) -> Size {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap();
        let n: i64 = text[..digits].parse().unwrap();
        match text[digits..].trim() {
            "us" => Size::Length(n),
            "ms" => Size::Length(n * 1_000),
            "s" => Size::Length(n * 1_000_000),
            "m" => Size::Length(n * 60_000_000),
            "h" => Size::Length(n * HOUR),
            "day" | "days" => Size::Days(n),
            "week" | "weeks" => Size::Weeks(n),
            "month" | "months" => Size::Months(n),
            "quarter" | "quarters" => Size::Months(3 * n),
            "year" | "years" => Size::Months(12 * n),
            other => panic!("{other}"),
        }
    }

    /// The number of a start after `date`, and near it.
    fn near(self, date: NaiveDate) -> i64 {
        let days = (date - day(0)).num_days();
        match self {
            Size::Length(_) => panic!("a length has no dates"),
            Size::Days(n) => days.div_euclid(n) + 1,
            Size::Weeks(n) => (days - 4).div_euclid(7 * n) + 1,
            Size::Months(n) => {
                let months = i64::from(date.year() - 1970) * 12 + i64::from(date.month0());
                months.div_euclid(n) + 1
            }
        }
    }

    /// The date of start number `index`.
    fn date(self, index: i64) -> NaiveDate {
        match self {
            Size::Length(_) => panic!("a length has no dates"),
            Size::Days(n) => day(index * n),
            Size::Weeks(n) => day(4 + index * 7 * n),
            Size::Months(n) => later(day(0), index * n),
        }
    }

    /// At least as long as this, whatever the clocks do.
    fn most(self) -> i64 {
        match self {
            Size::Length(n) => n,
            Size::Days(n) => (n + 1) * DAY,
            Size::Weeks(n) => (7 * n + 1) * DAY,
            Size::Months(n) => (31 * n + 1) * DAY,
        }
    }
}

fn day(n: i64) -> NaiveDate {
    NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + TimeDelta::days(n)
}

fn later(date: NaiveDate, months: i64) -> NaiveDate {
    let count = Months::new(months.unsigned_abs() as u32);
    if months < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) }.unwrap()
}

/// A length of time; a day is 24 hours, and nothing is none.
pub fn length(text: &str) -> i64 {
    if text.is_empty() {
        return 0;
    }
    if let Some(text) = text.strip_prefix('-') {
        return -length(text);
    }
    match Size::of(text) {
        Size::Length(n) => n,
        Size::Days(n) => n * DAY,
        Size::Weeks(n) => 7 * n * DAY,
        Size::Months(_) => panic!("{text} is no length"),
    }
}

/// The months of an offset, and its length.
fn offset_of(text: &str) -> (i64, i64) {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    let mut found = (0, 0);
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut words = words.iter();
    while let Some(number) = words.next() {
        // `6h` is one word, `3 months` are two.
        let two = number.bytes().all(|c| c.is_ascii_digit());
        let part = if two { format!("{number} {}", words.next().unwrap()) } else { number.to_string() };
        match Size::of(&part) {
            Size::Months(n) => found.0 += sign * n,
            _ => found.1 += sign * length(&part),
        }
    }
    found
}

/// Starts of windows: every `slide`, moved by `offset` (calendar units: on the wall clock).
struct Starts {
    slide: Size,
    /// Months on the calendar first, then microseconds.
    months: i64,
    offset: i64,
    tz: Tz,
}

impl Starts {
    fn start(&self, index: i64) -> i64 {
        self.after(index, Size::Length(0), 0)
    }

    /// What lies `times` sizes after start number `index`.
    fn after(&self, index: i64, size: Size, times: i64) -> i64 {
        if let (Size::Length(slide), Size::Length(size)) = (self.slide, size) {
            return index * slide + self.offset + times * size;
        }
        let date = later(self.slide.date(index), self.months);
        let (date, length) = match size {
            Size::Length(n) => (date, n * times),
            Size::Days(n) => (date + TimeDelta::days(n * times), 0),
            Size::Weeks(n) => (date + TimeDelta::days(7 * n * times), 0),
            Size::Months(n) => (later(date, n * times), 0),
        };
        let local = date.and_hms_opt(0, 0, 0).unwrap() + TimeDelta::microseconds(self.offset);
        first_instant(local, self.tz) + length
    }

    /// The starts at or before `time` that lie less than `most` before it, from the earliest.
    fn before(&self, time: i64, most: i64) -> Vec<i64> {
        let mut index = match self.slide {
            Size::Length(slide) => (time - self.offset).div_euclid(slide) + 2,
            // The months may be those of several windows.
            _ => {
                let near = local(time - self.offset, self.tz).date_naive();
                self.slide.near(later(near, -self.months)) + 3
            }
        };
        let mut found = vec![];
        while self.start(index) > time - most {
            if self.start(index) <= time {
                found.push(index);
            }
            index -= 1;
        }
        found.reverse();
        found
    }
}

/// The windows that hold `time`, in order. Sessions are not of one event.
pub fn windows_of(window: &Window, time: i64, tz: Tz) -> Vec<Span> {
    let starts = |slide: &str, offset: &str| {
        let (months, offset) = offset_of(offset);
        Starts { slide: Size::of(slide), months, offset, tz }
    };
    let hops = |slide: &str, size: &str, offset: &str| {
        let (starts, size) = (starts(slide, offset), Size::of(size));
        let spans = starts.before(time, size.most()).into_iter();
        let spans = spans.map(|index| (starts.start(index), starts.after(index, size, 1)));
        spans.filter(|span| time < span.1).collect()
    };
    match window {
        Window::Global => vec![(0, 0)],
        Window::Session { .. } => panic!("the session of one event depends on others"),
        Window::Tumbling { size, offset } => hops(size, size, offset),
        Window::Hopping { size, slide, offset } => hops(slide, size, offset),
        Window::Cumulative { size, step, offset } => {
            let whole: Vec<Span> = hops(size, size, offset);
            let [(start, end)] = whole[..] else { panic!("{whole:?} are not one window") };
            let starts = starts(size, offset);
            let index = *starts.before(time, Size::of(size).most()).last().unwrap();
            let mut found = vec![];
            for k in 1.. {
                let step_end = starts.after(index, Size::of(step), k).min(end);
                if time < step_end {
                    found.push((start, step_end));
                }
                if step_end == end {
                    return found;
                }
            }
            found
        }
    }
}

fn local(instant: i64, tz: Tz) -> DateTime<Tz> {
    tz.timestamp_micros(instant).unwrap()
}

/// The instant of a local time: of two the earlier; of none the first after the gap.
fn first_instant(local: NaiveDateTime, tz: Tz) -> i64 {
    if let Some(instant) = tz.from_local_datetime(&local).earliest() {
        return instant.timestamp_micros();
    }
    // Gaps end on whole minutes.
    let mut local = local.with_second(0).unwrap().with_nanosecond(0).unwrap();
    loop {
        local += TimeDelta::minutes(1);
        if let Some(instant) = tz.from_local_datetime(&local).earliest() {
            return instant.timestamp_micros();
        }
    }
}

/// An instant as text files have it: local time with its offset, no more digits than there are.
pub fn time_text(instant: i64, zone: &str) -> String {
    let local = local(instant, zone.parse().unwrap());
    let micros = local.nanosecond() / 1000;
    let digits = format!(".{micros:06}");
    let fraction = if micros == 0 { "" } else { digits.trim_end_matches('0') };
    let offset = if zone == "UTC" { "Z".to_string() } else { local.format("%:z").to_string() };
    format!("{}{fraction}{offset}", local.format("%Y-%m-%dT%H:%M:%S"))
}

/// The oracle's own windows, against bounds written by hand.
#[test]
fn windows_of_an_event() {
    let spans = |zone: &str, window: Window, time: &str| {
        let time = DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros();
        let spans = windows_of(&window, time, zone.parse().unwrap()).into_iter();
        spans
            .map(|(start, end)| format!("{} {}", time_text(start, zone), time_text(end, zone)))
            .collect::<Vec<_>>()
    };
    let hopping = |size: &str, slide: &str, offset: &str| Window::Hopping {
        size: size.into(),
        slide: slide.into(),
        offset: offset.into(),
    };
    let found = spans("Europe/London", hopping("3 days", "1 day", ""), "2024-03-31T23:59:59+01:00");
    assert_eq!(
        found,
        [
            "2024-03-29T00:00:00+00:00 2024-04-01T00:00:00+01:00",
            "2024-03-30T00:00:00+00:00 2024-04-02T00:00:00+01:00",
            "2024-03-31T00:00:00+00:00 2024-04-03T00:00:00+01:00",
        ]
    );
    let found = spans("UTC", hopping("5s", "3s", "-1s"), "2024-01-01T00:00:02Z");
    assert_eq!(
        found,
        ["2023-12-31T23:59:59Z 2024-01-01T00:00:04Z", "2024-01-01T00:00:02Z 2024-01-01T00:00:07Z"]
    );
    assert!(spans("UTC", hopping("1h", "1 day", ""), "2024-01-01T01:00:00Z").is_empty());
    let found = spans("UTC", hopping("2 months", "1 month", "1 day"), "2024-03-01T12:00:00Z");
    assert_eq!(
        found,
        ["2024-01-02T00:00:00Z 2024-03-02T00:00:00Z", "2024-02-02T00:00:00Z 2024-04-02T00:00:00Z"]
    );
    let year = |offset: &str| Window::Tumbling { size: "1 year".into(), offset: offset.into() };
    for (time, found) in [
        ("2023-04-05T23:59:59+01:00", "2022-04-06T00:00:00+01:00 2023-04-06T00:00:00+01:00"),
        ("2023-04-06T00:00:00+01:00", "2023-04-06T00:00:00+01:00 2024-04-06T00:00:00+01:00"),
        ("2024-04-06T00:00:00+01:00", "2024-04-06T00:00:00+01:00 2025-04-06T00:00:00+01:00"),
    ] {
        assert_eq!(spans("Europe/London", year("3 months 5 days"), time), [found]);
    }
    let found = spans("Europe/London", year("-9 months 1 day 6h"), "2024-07-01T12:00:00+01:00");
    assert_eq!(found, ["2024-03-30T18:00:00+00:00 2025-03-30T18:00:00+01:00"]);
    let cumulative = Window::Cumulative { size: "1 day".into(), step: "1h".into(), offset: String::new() };
    let found = spans("Australia/Lord_Howe", cumulative, "2024-04-07T22:45:00+10:30");
    assert_eq!(
        found,
        [
            "2024-04-07T00:00:00+11:00 2024-04-07T23:30:00+10:30",
            "2024-04-07T00:00:00+11:00 2024-04-08T00:00:00+10:30",
        ]
    );
    let day = Window::Tumbling { size: "1 day".into(), offset: String::new() };
    let found = spans("Asia/Kathmandu", day, "1986-01-01T00:15:00+05:45");
    assert_eq!(found, ["1986-01-01T00:15:00+05:45 1986-01-02T00:00:00+05:45"]);
}
