//! What expressions make of times, against an oracle that shares no code with ours: chrono, and a search for the instant
//! of what a clock shows. Random instants in 30 zones, many of them beside a change of clocks.

use crate::expressions_random::Random;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray, TimestampMicrosecondArray};
use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use highwater::batch::{DataType, Field, Schema};
use highwater::expr::Expr;
use highwater::time::Zone;
use std::sync::Arc;

const ZONES: [&str; 30] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Jakarta",
    "Europe/Dublin",
    "America/St_Johns",
    "Antarctica/Troll",
    "Africa/Monrovia",
    "Asia/Tehran",
    "Asia/Gaza",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Asia/Tokyo",
    "America/Caracas",
    "America/Havana",
    "America/Nuuk",
    "Atlantic/Azores",
    "Australia/Adelaide",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Moscow",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
];

/// What a clock of the zone shows.
fn local(zone: Tz, instant: NaiveDateTime) -> NaiveDateTime {
    instant + Duration::seconds(offset(zone, instant).into())
}

fn offset(zone: Tz, instant: NaiveDateTime) -> i32 {
    zone.offset_from_utc_datetime(&instant).fix().local_minus_utc()
}

/// The first instant at which a clock shows the time, or a later one where it never does: found by looking at every
/// offset of two days before and behind, and else by halving the gap.
fn instant(zone: Tz, clock: NaiveDateTime) -> NaiveDateTime {
    let near = (-192..=192).map(|quarter| offset(zone, clock + Duration::minutes(15 * quarter)));
    let shown =
        near.map(|offset| clock - Duration::seconds(offset.into())).filter(|at| local(zone, *at) == clock);
    if let Some(first) = shown.min() {
        return first;
    }
    let (mut before, mut after) = (clock - Duration::days(2), clock + Duration::days(2));
    while after - before > Duration::seconds(1) {
        let middle = before + Duration::seconds((after - before).num_seconds() / 2);
        if local(zone, middle) < clock { before = middle } else { after = middle }
    }
    // The change is on a whole second.
    after.with_nanosecond(0).unwrap()
}

/// The changes of clocks between two instants, each to the second.
fn changes(zone: Tz) -> Vec<NaiveDateTime> {
    let day = |day: i64| {
        NaiveDate::from_ymd_opt(1900, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap() + Duration::days(day)
    };
    let mut found = vec![];
    for number in 0..73_000 {
        let (mut before, mut after) = (day(number), day(number + 1));
        if offset(zone, before) == offset(zone, after) {
            continue;
        }
        let old = offset(zone, before);
        while after - before > Duration::seconds(1) {
            let middle = before + Duration::seconds((after - before).num_seconds() / 2);
            if offset(zone, middle) == old { before = middle } else { after = middle }
        }
        found.push(after);
    }
    found
}

/// Instants of the years 1901 to 2198; every other is within two days of a change.
fn instants(zone: Tz, seed: u64, count: usize) -> Vec<NaiveDateTime> {
    let mut random = Random(seed);
    let changes = changes(zone);
    let first = NaiveDate::from_ymd_opt(1901, 1, 2).unwrap().and_hms_opt(0, 0, 0).unwrap();
    (0..count)
        .map(|number| {
            let anywhere = first + Duration::seconds(random.below(297 * 365 * 86_400) as i64);
            let near = match changes.is_empty() || number % 2 == 0 {
                true => anywhere,
                false => {
                    let change = changes[random.below(changes.len())].max(first);
                    let spread = [3, 3_600, 86_400, 172_800][random.below(4)];
                    change + Duration::seconds(random.below(2 * spread) as i64 - spread as i64)
                }
            };
            match random.below(3) {
                0 => near,
                _ => near + Duration::microseconds(random.below(1_000_000) as i64),
            }
        })
        .collect()
}

/// An instant as an expression shows it.
fn shown(zone: Tz, instant: NaiveDateTime) -> String {
    let offset = offset(zone, instant);
    let size = offset.abs();
    let mut out = local(zone, instant).format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    if out.contains('.') {
        out = out.trim_end_matches('0').trim_end_matches('.').to_string();
    }
    out += if offset < 0 { "-" } else { "+" };
    out += &format!("{:02}", size / 3_600);
    if size % 3_600 != 0 {
        out += &format!(":{:02}", size % 3_600 / 60);
    }
    if size % 60 != 0 {
        out += &format!(":{:02}", size % 60);
    }
    out
}

/// Texts of an expression over a column `t` of instants and a column `w` of texts.
struct Column {
    zone: Zone,
    arrays: [ArrayRef; 2],
}

impl Column {
    fn of(zone: Tz, instants: &[NaiveDateTime], texts: &[String]) -> Column {
        let micros: Vec<i64> = instants.iter().map(|at| at.and_utc().timestamp_micros()).collect();
        let times = Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"));
        let texts = Arc::new(StringViewArray::from_iter_values(texts));
        Column { zone: Zone::named(zone.name()).unwrap(), arrays: [times, texts] }
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let fields = vec![Field::new("t", DataType::Timestamp), Field::new("w", DataType::String)];
        let sql = format!("CAST({sql} AS VARCHAR)");
        let expr = Expr::compile(&sql, &Schema::new(fields), &self.zone).unwrap_or_else(|e| panic!("{e}"));
        let columns: Vec<&ArrayRef> = expr.inputs().iter().map(|at| &self.arrays[*at]).collect();
        assert!(!columns.is_empty(), "{sql}");
        let value =
            expr.evaluate(self.arrays[0].len(), |at| &self.arrays[at]).unwrap_or_else(|e| panic!("{e}"));
        value.as_string_view().iter().map(|text| text.unwrap_or("NULL").to_string()).collect()
    }

    /// Compares each row with what the oracle says of its instant.
    fn agrees(
        &self,
        zone: Tz,
        instants: &[NaiveDateTime],
        sql: &str,
        oracle: impl Fn(NaiveDateTime) -> String,
    ) {
        for (at, ours) in instants.iter().zip(self.texts(sql)) {
            assert_eq!(ours, oracle(*at), "{sql} in {zone} of {at}Z, {} on the clock", local(zone, *at));
        }
    }
}

fn each(seed: u64, count: usize, check: impl Fn(Tz, &Column, &[NaiveDateTime])) {
    for (number, name) in ZONES.iter().enumerate() {
        let zone: Tz = name.parse().unwrap();
        let instants = instants(zone, seed + number as u64, count);
        let texts: Vec<String> =
            instants.iter().map(|at| local(zone, *at).format("%Y-%m-%d %H:%M:%S%.6f").to_string()).collect();
        check(zone, &Column::of(zone, &instants, &texts), &instants);
    }
}

#[test]
fn casts_of_times_are_those_of_an_oracle() {
    each(100, 300, |zone, column, instants| {
        column.agrees(zone, instants, "t", |at| shown(zone, at));
        column.agrees(zone, instants, "CAST(t AS DATE)", |at| local(zone, at).date().to_string());
        let midnight = |at| local(zone, at).date().and_hms_opt(0, 0, 0).unwrap();
        column.agrees(zone, instants, "CAST(CAST(t AS DATE) AS TIMESTAMP)", |at| {
            shown(zone, instant(zone, midnight(at)))
        });
        column
            .agrees(zone, instants, "CAST(w AS TIMESTAMP)", |at| shown(zone, instant(zone, local(zone, at))));
        column.agrees(zone, instants, "CAST(w || 'Z' AS TIMESTAMP)", |at| shown(zone, local(zone, at)));
        column.agrees(zone, instants, "CAST(w || '-03:30' AS TIMESTAMP)", |at| {
            shown(zone, local(zone, at) + Duration::minutes(210))
        });
        column.agrees(zone, instants, "CAST(w AS DATE)", |at| local(zone, at).date().to_string());
        column.agrees(zone, instants, "STRPTIME(w, '%Y-%m-%d %H:%M:%S.%f')", |at| {
            shown(zone, instant(zone, local(zone, at)))
        });
        column.agrees(
            zone,
            instants,
            "t AT TIME ZONE 'Asia/Kathmandu' AT TIME ZONE 'America/St_Johns'",
            |at| {
                let clock = local(Tz::Asia__Kathmandu, at);
                shown(zone, instant(Tz::America__St_Johns, clock))
            },
        );
    });
}

#[test]
fn comparisons_of_times_with_literals_are_those_of_an_oracle() {
    each(200, 120, |zone, column, instants| {
        for at in instants.iter().step_by(11) {
            let clock = local(zone, *at);
            let (literal, wanted) = (clock.format("%Y-%m-%d %H:%M:%S%.6f"), instant(zone, clock));
            let day = instant(zone, clock.date().and_hms_opt(0, 0, 0).unwrap());
            let of = |truth: bool| truth.to_string();
            column.agrees(zone, instants, &format!("(t < '{literal}')"), |at| of(at < wanted));
            column.agrees(zone, instants, &format!("(t >= TIMESTAMP '{literal}')"), |at| of(at >= wanted));
            column.agrees(zone, instants, &format!("(t = '{literal}Z')"), |at| of(at == clock));
            column.agrees(zone, instants, &format!("(t < DATE '{}')", clock.date()), |at| of(at < day));
            column.agrees(zone, instants, &format!("(CAST(t AS DATE) = DATE '{}')", clock.date()), |at| {
                of(local(zone, at).date() == clock.date())
            });
            let sql = format!("(t BETWEEN DATE '{}' AND '{literal}')", clock.date());
            column.agrees(zone, instants, &sql, |at| of(at >= day && at <= wanted));
        }
    });
}

#[test]
fn the_parts_of_times_are_those_of_an_oracle() {
    type Part = fn(NaiveDateTime) -> i64;
    const PARTS: [(&str, Part); 14] = [
        ("YEAR", |at| at.year().into()),
        ("MONTH", |at| at.month().into()),
        ("DAY", |at| at.day().into()),
        ("HOUR", |at| at.hour().into()),
        ("MINUTE", |at| at.minute().into()),
        ("MICROSECONDS", |at| i64::from(at.second()) * 1_000_000 + i64::from(at.nanosecond() / 1000)),
        ("QUARTER", |at| i64::from(at.month0() / 3 + 1)),
        ("DOY", |at| at.ordinal().into()),
        ("DOW", |at| at.weekday().num_days_from_sunday().into()),
        ("ISODOW", |at| at.weekday().number_from_monday().into()),
        ("WEEK", |at| at.iso_week().week().into()),
        ("ISOYEAR", |at| at.iso_week().year().into()),
        ("DECADE", |at| i64::from(at.year() / 10)),
        ("CENTURY", |at| i64::from((at.year() - 1) / 100 + 1)),
    ];
    each(300, 300, |zone, column, instants| {
        for (name, part) in PARTS {
            column.agrees(zone, instants, &format!("EXTRACT({name} FROM t)"), |at| {
                part(local(zone, at)).to_string()
            });
        }
        column.agrees(zone, instants, "EXTRACT(SECOND FROM t)", |at| {
            local(zone, at).format("%-S%.6f").to_string()
        });
        column.agrees(zone, instants, "EXTRACT(EPOCH FROM t) * 1000000", |at| {
            format!("{}.000000", at.and_utc().timestamp_micros())
        });
        column.agrees(zone, instants, "EPOCH_MS(t)", |at| at.and_utc().timestamp_millis().to_string());
    });
}

#[test]
fn truncated_times_are_those_of_an_oracle() {
    let day = |year: i32, month: u32, day: u32| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    each(400, 300, |zone, column, instants| {
        let units: [(&str, &dyn Fn(NaiveDate) -> NaiveDate); 8] = [
            ("day", &|date| date),
            ("week", &|date| date - Duration::days(date.weekday().num_days_from_monday().into())),
            ("month", &|date| day(date.year(), date.month(), 1)),
            ("quarter", &|date| day(date.year(), date.month0() / 3 * 3 + 1, 1)),
            ("year", &|date| day(date.year(), 1, 1)),
            ("decade", &|date| day(date.year() / 10 * 10, 1, 1)),
            ("century", &|date| day((date.year() - 1) / 100 * 100 + 1, 1, 1)),
            ("isoyear", &|date| {
                let fourth = day(date.iso_week().year(), 1, 4);
                fourth - Duration::days(fourth.weekday().num_days_from_monday().into())
            }),
        ];
        for (unit, begin) in units {
            column.agrees(zone, instants, &format!("DATE_TRUNC('{unit}', t)"), |at| {
                let clock = begin(local(zone, at).date()).and_hms_opt(0, 0, 0).unwrap();
                shown(zone, instant(zone, clock))
            });
        }
        // An hour that a clock shows twice is two hours.
        for (unit, micros) in
            [("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000), ("milliseconds", 1_000)]
        {
            column.agrees(zone, instants, &format!("DATE_TRUNC('{unit}', t)"), |at| {
                let clock = local(zone, at).and_utc().timestamp_micros();
                shown(zone, at - Duration::microseconds(clock.rem_euclid(micros)))
            });
        }
    });
}

#[test]
fn later_and_earlier_times_are_those_of_an_oracle() {
    each(500, 300, |zone, column, instants| {
        let moved = |at, change: &dyn Fn(NaiveDateTime) -> NaiveDateTime| {
            shown(zone, instant(zone, change(local(zone, at))))
        };
        for (days, sql) in
            [(1, "t + INTERVAL '1 day'"), (-1, "t - INTERVAL '1 day'"), (14, "t + INTERVAL '2 weeks'")]
        {
            column.agrees(zone, instants, sql, |at| moved(at, &|clock| clock + Duration::days(days)));
        }
        for (months, sql) in
            [(1, "t + INTERVAL '1 month'"), (6, "t + INTERVAL '6 months'"), (12, "t + INTERVAL '1 year'")]
        {
            column.agrees(zone, instants, sql, |at| moved(at, &|clock| clock + Months::new(months)));
        }
        column.agrees(zone, instants, "t - INTERVAL '3 months'", |at| {
            moved(at, &|clock| clock - Months::new(3))
        });
        for (minutes, sql) in
            [(60, "t + INTERVAL '1 hour'"), (-1440, "t - INTERVAL '24 hours'"), (90, "t + INTERVAL '01:30'")]
        {
            column.agrees(zone, instants, sql, |at| shown(zone, at + Duration::minutes(minutes)));
        }
        column.agrees(zone, instants, "t + INTERVAL '1 month 1 day 1 hour'", |at| {
            let day = instant(zone, local(zone, at) + Months::new(1) + Duration::days(1));
            shown(zone, day + Duration::hours(1))
        });
    });
}

#[test]
fn times_are_written_as_an_oracle_writes_them() {
    let formats = [
        "%Y-%m-%d %H:%M:%S",
        "%d.%m.%y",
        "%I:%M %p",
        "%j",
        "%a %A %b %B",
        "%G-W%V-%u",
        "%e",
        "%H%M%S.%f",
        "%%",
        "%F %T",
        "%w",
    ];
    each(600, 200, |zone, column, instants| {
        for format in formats {
            column.agrees(zone, instants, &format!("STRFTIME(t, '{format}')"), |at| {
                // A fraction of six digits; chrono writes nine.
                let clock: DateTime<chrono::Utc> = local(zone, at).and_utc();
                clock.format(&format.replace("%f", "%6f")).to_string()
            });
        }
    });
}
