use super::*;

#[test]
fn lengths_of_time_are_read_in_the_forms_of_postgresql() {
    let of = |months, days, micros| Some(Interval { months, days, micros });
    for (text, wanted) in [
        ("1 day 2 hours", of(0, 1, 2 * HOUR)),
        ("1 year -3 mons", of(9, 0, 0)),
        ("02:30:00.5", of(0, 0, 9_000 * SECOND + SECOND / 2)),
        ("-1 day 12:00", of(0, -1, 12 * HOUR)),
        ("1.5 days", of(0, 1, 12 * HOUR)),
        ("90s", of(0, 0, 90 * SECOND)),
        ("2 weeks", of(0, 14, 0)),
        ("1 fortnight", None),
        ("1", None),
        ("", None),
        ("1.5 months", None),
    ] {
        assert_eq!(Interval::parse(text, None), wanted, "{text}");
    }
    assert_eq!(Interval::parse("5", Some(TimeField::Minute)), of(0, 0, 5 * MINUTE));
}

#[test]
fn a_month_later_is_the_same_day_or_the_last() {
    let utc = &mut Zone::utc();
    let month = Interval { months: 1, ..Interval::default() };
    let day = |y, m, d| days_from_civil(y, m, d) * DAY;
    assert_eq!(month.after(day(2024, 1, 31), utc), Some(day(2024, 2, 29)));
    assert_eq!(month.after(day(2023, 12, 15) + 5, utc), Some(day(2024, 1, 15) + 5));
    let back = Interval { months: -13, ..Interval::default() };
    assert_eq!(back.after(day(2024, 3, 31), utc), Some(day(2023, 2, 28)));
}

#[test]
fn the_parts_of_a_clock_agree_with_chrono() {
    use chrono::{Datelike, Timelike};
    for at in (-4_000_000_000_000_000i64..8_000_000_000_000_000).step_by(7_777_777_777_777) {
        let then = chrono::DateTime::from_timestamp_micros(at).unwrap().naive_utc();
        let week = then.iso_week();
        for (field, wanted) in [
            (TimeField::Year, i64::from(then.year())),
            (TimeField::Month, then.month().into()),
            (TimeField::Day, then.day().into()),
            (TimeField::DayOfYear, then.ordinal().into()),
            (TimeField::DayOfWeek, then.weekday().num_days_from_sunday().into()),
            (TimeField::IsoDayOfWeek, then.weekday().number_from_monday().into()),
            (TimeField::IsoYear, week.year().into()),
            (TimeField::Week, week.week().into()),
            (TimeField::Hour, then.hour().into()),
            (TimeField::Minute, then.minute().into()),
            (TimeField::Second, i64::from(then.second()) * SECOND + i64::from(then.nanosecond() / 1000)),
        ] {
            assert_eq!(field.of(at), wanted, "{field:?} of {then}");
        }
    }
}

#[test]
fn whole_iso_years_are_those_of_the_calendar_as_in_duckdb() {
    let day = |year, month, day| days_from_civil(year, month, day) * DAY;
    let (from, to) = (day(2020, 1, 1), day(2024, 6, 1));
    let whole = |field: TimeField| field.whole(from, to, &mut Zone::utc());
    assert_eq!((whole(TimeField::IsoYear), whole(TimeField::Year), whole(TimeField::Week)), (4, 4, 230));
    assert_eq!(TimeField::IsoYear.whole(to, from, &mut Zone::utc()), -4);
}
