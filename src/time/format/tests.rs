use super::*;
use crate::time::{DAY, HOUR, MINUTE, SECOND, TimeError, Zone, days_from_civil};
use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::LazyLock;

fn read_in(zone: &str, format: &str, text: &str) -> std::result::Result<i64, TimeError> {
    TimeFormat::parse(format).unwrap().read(text.as_bytes(), &mut Zone::named(zone).unwrap())
}

fn utc(text: &str) -> std::result::Result<i64, TimeError> {
    Ok(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
}

#[test]
fn every_letter_is_read_as_others_read_it() {
    let noon = "2024-02-29T12:34:56Z";
    for (format, text, want) in [
        ("%Y-%m-%d %H:%M:%S", "2024-02-29 12:34:56", noon),
        ("%F %T", "2024-02-29 12:34:56", noon),
        ("%F%n%R", "2024-02-29\t\n12:34", "2024-02-29T12:34:00Z"),
        ("%D %r", "02/29/24 12:34:56 PM", noon),
        ("%D %r", "2/9/24 12:04:05 am", "2024-02-09T00:04:05Z"),
        ("%y%m%d", "690101", "1969-01-01T00:00:00Z"),
        ("%y%m%d", "681231", "2068-12-31T00:00:00Z"),
        ("%d %B %Y", "29 FEBRUARY 2024", "2024-02-29T00:00:00Z"),
        ("%e-%b-%Y", " 1-feb-2024", "2024-02-01T00:00:00Z"),
        ("%h%e, %Y", "Feb 1, 2024", "2024-02-01T00:00:00Z"),
        ("%-d.%-m.%Y", "9.2.2024", "2024-02-09T00:00:00Z"),
        ("%Y/%j", "2024/60", "2024-02-29T00:00:00Z"),
        ("%Y%j%H%M", "20240601234", "2024-02-29T12:34:00Z"),
        ("%G-W%V-%u", "2020-W53-5", "2021-01-01T00:00:00Z"),
        ("%w %V %G", "0 53 2020", "2021-01-03T00:00:00Z"),
        ("%A, %d.%m.%Y", "thursday, 29.02.2024", "2024-02-29T00:00:00Z"),
        ("%a %b %e %T %Y", "Thu Feb  1 12:34:56 2024", "2024-02-01T12:34:56Z"),
        ("%F %l:%M %P", "2024-02-29  1:05 Pm", "2024-02-29T13:05:00Z"),
        ("%F %k:%M", "2024-02-29  9:05", "2024-02-29T09:05:00Z"),
        ("%F %T.%f", "2024-02-29 12:34:56.5", "2024-02-29T12:34:56.5Z"),
        ("%F %T.%f", "2024-02-29 12:34:56.123456789", "2024-02-29T12:34:56.123456Z"),
        ("%F %T%.f", "2024-02-29 12:34:56", noon),
        ("%F %T%.3f", "2024-02-29 12:34:56.25", "2024-02-29T12:34:56.25Z"),
        ("%Y%m%d%H%M%S%3f", "20240229123456789", "2024-02-29T12:34:56.789Z"),
        ("%s", "1709210096", noon),
        ("%s%.f", "-1.5", "1969-12-31T23:59:58.5Z"),
        ("%s%.f", "-0.0000001", "1969-12-31T23:59:59.999999Z"),
        ("%F %T", "2016-12-31 23:59:60", "2017-01-01T00:00:00Z"),
        ("%F %R %z", "2024-02-29 12:34 -0130", "2024-02-29T14:04:00Z"),
        ("%FT%R%:z", "2024-02-29T12:34+14", "2024-02-28T22:34:00Z"),
        ("%FT%R%z", "2024-02-29T12:34z", "2024-02-29T12:34:00Z"),
        ("  %F ", "2024-02-29   ", "2024-02-29T00:00:00Z"),
        ("%Y%%%m%%%d", "2024%02%29", "2024-02-29T00:00:00Z"),
        ("%Y-%m", "2024-03", "2024-03-01T00:00:00Z"),
        ("%Y-%m", "2024-3", "2024-03-01T00:00:00Z"),
        ("%Y", "2024", "2024-01-01T00:00:00Z"),
        ("%Y%m", "202403", "2024-03-01T00:00:00Z"),
        ("%b %Y", "mar 2024", "2024-03-01T00:00:00Z"),
        ("%B-%y", "March-24", "2024-03-01T00:00:00Z"),
        ("%Y-%m %z", "2024-03 +0100", "2024-02-29T23:00:00Z"),
    ] {
        assert_eq!(read_in("UTC", format, text), utc(want), "{format}: {text}");
    }
}

#[test]
fn what_does_not_follow_a_format_is_unreadable() {
    for (format, text) in [
        ("%Y-%m-%d", "24-02-29"),
        ("%Y-%m", "2024-03-01"),
        ("%Y-%m", "2024-00"),
        ("%Y-%m", "2024-13"),
        ("%Y-%m", "2024"),
        ("%Y", "24"),
        ("%Y", "2024-03"),
        ("%Y%m", "20240301"),
        ("%Y-%m-%d", "2023-02-29"),
        ("%Y-%m-%d", "2024-00-01"),
        ("%Y-%m-%d", "2024-02-29x"),
        ("%Y-%m-%d", "2024-02-"),
        ("%Y-%m-%d", "2024- 2-01"),
        ("%Y%m%d", "2024229"),
        ("%Y/%j", "2023/366"),
        ("%G-W%V-%u", "2021-W53-1"),
        ("%G-W%V-%u", "2021-W01-0"),
        ("%a %Y-%m-%d", "Mon 2024-02-29"),
        ("%B %d %Y", "Feb 29 2024"),
        ("%b %d %Y", "February 29 2024"),
        ("%F %H:%M", "2024-02-29 24:00"),
        ("%F %H:%M", "2024-02-2912:00"),
        ("%F %I:%M %p", "2024-02-29 13:00 PM"),
        ("%F %I:%M %p", "2024-02-29 0:00 PM"),
        ("%F %I:%M %p", "2024-02-29 1:00 XM"),
        ("%F %T", "2024-02-29 12:34:61"),
        ("%F %T.%f", "2024-02-29 12:34:56."),
        ("%F %T%.f", "2024-02-29 12:34:56."),
        ("%F %T.%3f", "2024-02-29 12:34:56.25"),
        ("%F %R %z", "2024-02-29 12:34 +14:01"),
        ("%F %R %z", "2024-02-29 12:34 +99:99"),
        ("%F %R %z", "2024-02-29 12:34 +01:60"),
        ("%F %R %z", "2024-02-29 12:34 +1"),
        ("%F %R UTC", "2024-02-29 12:34 GMT"),
        ("%s", "1.5"),
        ("%s", "99999999999999999999"),
    ] {
        assert_eq!(read_in("UTC", format, text), Err(TimeError::Unreadable), "{format}: {text}");
    }
}

#[test]
fn words_of_utc_are_an_offset_and_zones_are_resolved() {
    let jakarta = |format: &str, text: &str| read_in("Asia/Jakarta", format, text);
    for (format, text) in [
        ("%F %T UTC", "2024-03-10 07:00:00 UTC"),
        ("%FT%TZ", "2024-03-10T07:00:00Z"),
        ("%FT%T Z", "2024-03-10T07:00:00 Z"),
        ("%a, %d %b %Y %T GMT", "Sun, 10 Mar 2024 07:00:00 GMT"),
        ("%a %b %e %T UTC %Y", "Sun Mar 10 07:00:00 UTC 2024"),
        ("UTC %F %T", "UTC 2024-03-10 07:00:00"),
        ("%F %T (UTC)", "2024-03-10 07:00:00 (UTC)"),
        ("%F %T %Z", "2024-03-10 07:00:00 UTC"),
        ("%F %T %Z", "2024-03-10 07:00:00 Z"),
        ("%F %T GMT%z", "2024-03-10 08:00:00 GMT+0100"),
        ("%F %T %Z", "2024-03-10 14:00:00 WIB"),
        ("%F %T %Z", "2024-03-10 08:00:00 CET"),
        ("%F %T %Z", "2024-03-10 08:00:00 Europe/Berlin"),
        ("%F %T [%Z]", "2024-03-10 02:00:00 [EST]"),
        ("%F %T", "2024-03-10 14:00:00"),
        ("Z%F %T", "Z2024-03-10 14:00:00"),
        ("%F Zeit %T", "2024-03-10 Zeit 14:00:00"),
        ("%F T %T", "2024-03-10 T 14:00:00"),
    ] {
        assert_eq!(jakarta(format, text), utc("2024-03-10T07:00:00Z"), "{format}: {text}");
    }
    for name in ["IST", "CEST", "EDT", "Europe/Nowhere", "GMT+2", "AEST"] {
        let text = format!("2024-03-10 08:00:00 {name}");
        assert_eq!(jakarta("%F %T %Z", &text), Err(TimeError::UnknownZone), "{name}");
    }
    // In July `CET` may be the zone's name, at +02:00, or the offset of winter.
    assert_eq!(jakarta("%F %T %Z", "2024-07-10 08:00:00 CET"), Err(TimeError::UnknownZone));
}

#[test]
fn what_clocks_show_tells_the_two_hours_of_autumn_apart() {
    let new_york = |text: &str| read_in("America/New_York", "%F %T %Z", text);
    assert_eq!(new_york("2024-11-03 01:30:00 EDT"), utc("2024-11-03T05:30:00Z"));
    assert_eq!(new_york("2024-11-03 01:30:00 EST"), utc("2024-11-03T06:30:00Z"));
    assert_eq!(new_york("2024-03-10 01:30:00 EST"), utc("2024-03-10T06:30:00Z"));
    assert_eq!(new_york("2024-03-10 03:30:00 EDT"), utc("2024-03-10T07:30:00Z"));
    // There is no such time; EDT is not IANA's name.
    assert_eq!(new_york("2024-07-10 03:30:00 PST"), Err(TimeError::UnknownZone));
    assert_eq!(new_york("2024-11-03 01:30:00 America/New_York"), utc("2024-11-03T05:30:00Z"));
}

#[test]
fn a_format_that_leaves_the_instant_open_is_an_error() {
    for (format, said) in [
        ("%Y-%m-%d %H", "hour without the minute"),
        ("%Y%m%d%H", "hour without the minute"),
        ("%Y-%m-%d %I %p", "hour without the minute"),
        ("%Y-%m-%d %I:%M", "not AM or PM"),
        ("%Y-%m-%d %H:%M %p", "AM or PM together with a 24-hour hour"),
        ("%Y-%m-%d %p", "AM or PM without an hour"),
        ("%Y-%m-%d %M", "minute without the hour"),
        ("%Y-%m-%d %S", "second without"),
        ("%Y-%m-%d %H:%S", "hour without the minute"),
        ("%Y-%m-%d %H:%M.%f", "a fraction without the second"),
        ("%H:%M:%S", "no year"),
        ("%b %e %H:%M:%S", "no year"),
        ("%Y-%m %H:%M", "has %H without a day"),
        ("%Y-%m %I:%M %p", "has %I without a day"),
        ("%a %Y-%m", "has %a without a day"),
        ("%Y-%u", "has %u without a day"),
        ("%Y-%M", "has %M without a day"),
        ("%Y-%d", "the day without the month"),
        ("%m", "no year"),
        ("", "no year"),
        ("plain", "no year"),
        ("%Y-%m-%d %d", "the day twice: %d and %d"),
        ("%Y-%y-%m-%d", "the year twice: %Y and %y"),
        ("%Y-%m-%b-%d", "the month twice: %m and %b"),
        ("%Y-%m-%d %I:%H:%M", "the hour twice: %I and %H"),
        ("%F %T %z %Z", "the zone twice: %z and %Z"),
        ("%Y-%m-%d %j", "the day twice: %d and %j"),
        ("%Y-%m %j", "%m together with the day of the year"),
        ("%Y-W%V-%u", "part of an ISO week"),
        ("%G-%m-%d", "%m together with an ISO week"),
        ("%G-W%V", "part of an ISO week"),
        ("%s %Y", "%Y together with %s"),
        ("%s %z", "%z together with %s"),
        ("%F %T%z00", "where %z ends"),
        ("%F %T%f%d", "twice"),
        ("%F %T.%f0", "where %f ends"),
        ("%-d%m%Y", "where %d ends"),
        ("%F %R %ZX", "where %Z ends"),
        ("%F %T EST", "the zone `EST` as fixed text"),
        ("%F %T Europe/Berlin", "the zone `Europe/Berlin` as fixed text"),
        ("%F %T CEST", "the zone `CEST` as fixed text"),
        ("%F %T+00:00", "the offset `+00:00` as fixed text"),
        ("%F %T -05", "the offset `-05` as fixed text"),
        ("%F %T UTC+02:00", "the offset `+02:00` as fixed text"),
    ] {
        let error = TimeFormat::parse(format).unwrap_err().to_string();
        assert!(error.contains(said), "{format}: {error}");
        assert!(error.contains("hint") || error.lines().count() > 1, "{format}: {error}");
    }
}

#[test]
fn an_unknown_letter_is_named_with_the_right_one() {
    for (format, letter, hint) in [
        ("%F %T.%L", "`%L`", "%.f"),
        ("%c", "`%c`", "depends on the language"),
        ("%x %X", "`%x`", "depends on the language"),
        ("%F %H:%M:%E*S", "`%E`", "%S%.f"),
        ("%v", "`%v`", "%e-%b-%Y"),
        ("%Y-%U", "`%U`", "%G-W%V-%u"),
        ("%Q", "`%Q`", "time_unit"),
        ("%+", "`%+`", "ISO-8601"),
        ("%K", "`%K`", "strftime"),
        ("%5f", "`%5`", "strftime"),
        ("%.5f", "`%.`", "%3f"),
        ("%3d", "`%3`", "%3f"),
        ("%:Z", "`%:`", "strftime"),
        ("%Y-%m-%d %", "ends in %", "%%"),
        ("%Y-%m-%", "ends in %", "%%"),
    ] {
        let error = TimeFormat::parse(format).unwrap_err().to_string();
        assert!(error.contains(letter) && error.contains(hint), "{format}: {error}");
    }
}

/// Zones with changes of every kind: an hour, half of one, a whole day, at midnight, off the quarter hours.
const ZONES: [&str; 30] = [
    "UTC",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Berlin",
    "Europe/Moscow",
    "Europe/Amsterdam",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Caracas",
    "America/Havana",
    "America/Scoresbysund",
    "America/Phoenix",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Asia/Jakarta",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
    "Australia/Eucla",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
];

/// Offset of a zone in seconds, by chrono alone.
fn plain_offset(tz: Tz, seconds: i64) -> i64 {
    let at = DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
    tz.offset_from_utc_datetime(&at).fix().local_minus_utc().into()
}

/// The instant of a local time, in seconds: of all offsets near it those that lead back to it, the earliest; else the
/// second at which clocks pass it.
fn oracle(tz: Tz, local: i64) -> i64 {
    let near = (-30..=30).map(|hours| plain_offset(tz, local + hours * 3600));
    let found = near.map(|offset| local - offset).filter(|at| at + plain_offset(tz, *at) == local).min();
    found.unwrap_or_else(|| {
        let (mut before, mut after) = (local - 30 * 3600, local + 30 * 3600);
        while after - before > 1 {
            let middle = (before + after) / 2;
            if middle + plain_offset(tz, middle) < local { before = middle } else { after = middle }
        }
        after
    })
}

/// Formats, and what chrono writes such texts by. Without the second, or the time of day, they say less.
const FORMATS: [(&str, &str, i64); 17] = [
    ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%6f", 1),
    ("%d/%m/%Y %H:%M:%S%.f", "%d/%m/%Y %H:%M:%S%.f", 1),
    ("%Y%m%d%H%M%S%6f", "%Y%m%d%H%M%S%6f", 1),
    ("%D %r", "%D %r", SECOND),
    ("%A, %e %B %Y, %l:%M:%S %P", "%A, %e %B %Y, %l:%M:%S %P", SECOND),
    ("%a %b %e %T %Y", "%c", SECOND),
    ("%G-W%V-%u %k:%M:%S", "%G-W%V-%u %k:%M:%S", SECOND),
    ("%w %Y/%j %-H:%-M:%-S", "%w %Y/%j %-H:%-M:%-S", SECOND),
    ("%y%m%dT%H%M%S", "%y%m%dT%H%M%S", SECOND),
    ("%d-%h-%Y %R", "%d-%h-%Y %R", MINUTE),
    ("%F", "%F", DAY),
    ("%-d.%-m.%Y", "%-d.%-m.%Y", DAY),
    ("%Y-%m", "%Y-%m", MONTH),
    ("%Y%m", "%Y%m", MONTH),
    ("%B-%y", "%B-%y", MONTH),
    ("%b %Y", "%b %Y", MONTH),
    ("%Y", "%Y", YEAR),
];

/// What a text of a month or a year says less: its days are counted off by the calendar.
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 365 * DAY;

/// What is left of a local time in a text that says no more than `least`.
fn said_of(local: i64, least: i64) -> i64 {
    use chrono::Datelike;
    let day = DateTime::<Utc>::from_timestamp_micros(local).unwrap().date_naive();
    let first = match least {
        MONTH => day.with_day(1).unwrap(),
        YEAR => day.with_ordinal(1).unwrap(),
        _ => return local.div_euclid(least) * least,
    };
    first.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_micros()
}

/// When the clocks of each zone are changed.
static CHANGES: LazyLock<Vec<(&str, Vec<i64>)>> = LazyLock::new(|| {
    let year = |year| days_from_civil(year, 1, 1) * DAY;
    ZONES
        .iter()
        .map(|zone| (*zone, Zone::named(zone).unwrap().changes(year(1970), year(2060)).collect()))
        .collect()
});

/// Instants of all years, and near changes of a zone.
fn instants() -> impl Strategy<Value = (&'static str, i64)> {
    let seconds = |year| days_from_civil(year, 1, 1) * 86_400;
    let all = (select(ZONES.to_vec()), seconds(1969)..seconds(2068), 0..SECOND)
        .prop_map(|(zone, second, micros)| (zone, second * SECOND + micros));
    let near = (select(ZONES.to_vec()), any::<prop::sample::Index>(), -3 * 3600i64..3 * 3600, 0..SECOND)
        .prop_map(move |(zone, index, by, micros)| {
            let changes = &CHANGES.iter().find(|(of, _)| *of == zone).unwrap().1;
            let at = if changes.is_empty() { 0 } else { changes[index.index(changes.len())] };
            (zone, at + by * SECOND + micros)
        });
    prop_oneof![all, near]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn local_times_are_those_of_an_oracle((zone, local) in instants(), (format, chronos, least) in select(FORMATS.to_vec())) {
        let text = DateTime::<Utc>::from_timestamp_micros(local).unwrap().format(chronos).to_string();
        let said = said_of(local, least);
        let whole = said.div_euclid(SECOND);
        let tz: Tz = zone.parse().unwrap();
        // In a gap all times are its end, whatever their decimals.
        let second = oracle(tz, whole);
        let gap = second + plain_offset(tz, second) != whole;
        let want = second * SECOND + if gap { 0 } else { said.rem_euclid(SECOND) };
        prop_assert_eq!(read_in(zone, format, &text), Ok(want), "{} {}", format, text);
    }

    #[test]
    fn what_is_written_with_an_offset_is_read_as_the_same_instant((zone, instant) in instants(), of in select(vec!["%F %T.%f %z", "%G-W%V-%w %I:%M:%S%.f %p%:z", "%s%.6f"])) {
        let format = TimeFormat::parse(of).unwrap();
        let mut clock = Zone::named(zone).unwrap();
        let mut text = String::new();
        format.write_instant(instant, &mut clock, &mut text);
        // Offsets of long ago have seconds, which no format writes.
        if clock.offset(instant) % MINUTE == 0 {
            prop_assert_eq!(format.read(text.as_bytes(), &mut Zone::utc()), Ok(instant), "{}", text);
        }
    }

    #[test]
    fn what_clocks_show_is_read_as_the_same_instant((zone, instant) in instants()) {
        let format = TimeFormat::parse("%F %T.%f %Z").unwrap();
        let mut clock = Zone::named(zone).unwrap();
        let mut text = String::new();
        format.write_instant(instant, &mut clock, &mut text);
        // Some zones have no words, some the same for both hours of autumn: of those the earlier is taken.
        match format.read(text.as_bytes(), &mut clock) {
            Ok(read) if read != instant => {
                prop_assert_eq!(clock.local(read), clock.local(instant));
                prop_assert!(read < instant && clock.abbreviation(read) == clock.abbreviation(instant), "{}", text);
            }
            Ok(_) => {}
            Err(error) => {
                prop_assert_eq!(error, TimeError::UnknownZone);
                prop_assert!(clock.abbreviation(instant).starts_with(['+', '-']), "{}", text);
            }
        }
    }

    #[test]
    fn times_are_written_as_chrono_writes_them((zone, instant) in instants()) {
        const SAME: &str = "%Y %y %m %B %b %h %d %e %j %H %k %I %l %p %P %M %S %.f %3f %6f %9f %.3f %.6f %.9f %z %:z %A %a \
                            %u %w %G %V %F %D %T %R %r %% %-d %-m %-H %-I %-j %_d %_H";
        let format = TimeFormat::for_writing(SAME).unwrap();
        let mut seconds = String::new();
        TimeFormat::for_writing("%s").unwrap().write(instant, 0, "", &mut seconds);
        prop_assert_eq!(seconds, instant.div_euclid(SECOND).to_string());
        let mut text = String::new();
        let mut clock = Zone::named(zone).unwrap();
        format.write_instant(instant, &mut clock, &mut text);
        let tz: Tz = zone.parse().unwrap();
        if clock.offset(instant) % MINUTE == 0 {
            let want = DateTime::<Utc>::from_timestamp_micros(instant).unwrap().with_timezone(&tz).format(SAME).to_string();
            prop_assert_eq!(text, want);
        }
    }

    #[test]
    fn no_text_of_bytes_ends_in_a_panic(format in "(%[-_0]?[A-Za-z.:369%]|[ T:Z+-]|UTC|.){0,12}", text in ".{0,30}") {
        if let Ok(format) = TimeFormat::for_writing(&format) {
            let mut out = String::new();
            format.write_instant(-1, &mut Zone::utc(), &mut out);
        }
        if let Ok(format) = TimeFormat::parse(&format) {
            let _ = format.read(text.as_bytes(), &mut Zone::named("Europe/London").unwrap());
        }
    }
}

#[test]
fn a_fraction_of_six_digits_is_written_as_python_and_duckdb_do() {
    let format = TimeFormat::for_writing("%H:%M:%S.%f|%Z|%n%t|").unwrap();
    let mut text = String::new();
    format.write(HOUR + 5, 0, "WET", &mut text);
    assert_eq!(text, "01:00:00.000005|WET|\n\t|");
}
