//! Times. An instant is seen in the job's time zone.

use super::Take::{Day, Field, Int, Moment, Text, Word};
use super::{FunctionForm, Gives, Make};
use crate::expr::moment::TimeField as Part;
use crate::expr::tree::Op;
use crate::expr::types::Type;

const T: Type = Type::TEXT;
const INT: Type = Type::INT;

pub const MOMENTS: [FunctionForm; 20] = [
    FunctionForm::new(
        "date_part",
        &[Field, Moment],
        Op::LastDay,
        INT,
        "A part of a time, as EXTRACT(part FROM time).",
        ("date_part('hour', TIMESTAMP '2024-02-29 13:00:00')", "13"),
    )
    .aliases(&["datepart"])
    .make(Make::Of(Op::Extract))
    .gives(Gives::Part),
    FunctionForm::new(
        "date_trunc",
        &[Field, Moment],
        Op::LastDay,
        T,
        "The beginning of the hour, day, week, … that a time is in.",
        ("date_trunc('month', TIMESTAMP '2024-02-29 13:00:00')", "TIMESTAMP '2024-02-01 00:00:00'"),
    )
    .aliases(&["datetrunc"])
    .make(Make::Of(Op::DateTrunc))
    .gives(Gives::Truncated),
    FunctionForm::new(
        "date_diff",
        &[Field, Moment, Moment],
        Op::LastDay,
        INT,
        "How often the unit begins between two times.",
        ("date_diff('day', DATE '2024-02-28', DATE '2024-03-01')", "2"),
    )
    .aliases(&["datediff"])
    .make(Make::Of(Op::DateDiff)),
    FunctionForm::new(
        "date_sub",
        &[Field, Moment, Moment],
        Op::LastDay,
        INT,
        "How many whole units there are between two times, as an age in years.",
        ("date_sub('year', DATE '2000-06-01', DATE '2024-05-31')", "23"),
    )
    .aliases(&["datesub"])
    .make(Make::Of(Op::DateSub)),
    FunctionForm::new(
        "epoch",
        &[Moment],
        Op::LastDay,
        INT,
        "Seconds since 1970, as EXTRACT(epoch FROM time).",
        ("epoch(TIMESTAMP '2024-01-01 00:00:01') - epoch(TIMESTAMP '2024-01-01 00:00:00')", "1"),
    )
    .make(Make::Op(Op::Extract(Part::Epoch)))
    .gives(Gives::Part),
    FunctionForm::new(
        "epoch_ms",
        &[Moment],
        Op::ToEpochMillis,
        INT,
        "Milliseconds since 1970.",
        ("epoch_ms(to_timestamp(1))", "1000"),
    )
    .aliases(&["unix_millis"]),
    FunctionForm::new(
        "epoch_us",
        &[Moment],
        Op::ToEpochMicros,
        INT,
        "Microseconds since 1970.",
        ("epoch_us(to_timestamp(1))", "1000000"),
    )
    .aliases(&["unix_micros"]),
    FunctionForm::new(
        "year",
        &[Moment],
        Op::Extract(Part::Year),
        INT,
        "The year of a time.",
        ("year(DATE '2024-02-29')", "2024"),
    ),
    FunctionForm::new(
        "month",
        &[Moment],
        Op::Extract(Part::Month),
        INT,
        "The month of a time.",
        ("month(DATE '2024-02-29')", "2"),
    ),
    FunctionForm::new(
        "day",
        &[Moment],
        Op::Extract(Part::Day),
        INT,
        "The day of the month of a time.",
        ("day(DATE '2024-02-29')", "29"),
    )
    .aliases(&["dayofmonth"]),
    FunctionForm::new(
        "hour",
        &[Moment],
        Op::Extract(Part::Hour),
        INT,
        "The hour of a time.",
        ("hour(TIMESTAMP '2024-02-29 13:05:00')", "13"),
    ),
    FunctionForm::new(
        "minute",
        &[Moment],
        Op::Extract(Part::Minute),
        INT,
        "The minute of a time.",
        ("minute(TIMESTAMP '2024-02-29 13:05:00')", "5"),
    ),
    FunctionForm::new(
        "strftime",
        &[Moment, Word],
        Op::Strftime,
        T,
        "A time as text, by a format of strftime.",
        ("strftime(DATE '2024-02-29', '%d.%m.%Y')", "'29.02.2024'"),
    ),
    FunctionForm::new(
        "to_char",
        &[Moment, Word],
        Op::Strftime,
        T,
        "A time as text, by a format of PostgreSQL.",
        ("to_char(DATE '2024-02-29', 'DD.MM.YYYY')", "'29.02.2024'"),
    )
    .make(Make::Pattern(Op::Strftime)),
    FunctionForm::new(
        "strptime",
        &[Text, Word],
        Op::Strptime,
        Type::TIME,
        "The time of a text that follows a format of strftime.",
        ("strptime('29.02.2024', '%d.%m.%Y')", "TIMESTAMP '2024-02-29 00:00:00'"),
    ),
    FunctionForm::new(
        "try_strptime",
        &[Text, Word],
        Op::TryStrptime,
        Type::TIME,
        "As strptime; NULL where the text does not follow the format.",
        ("try_strptime('x', '%d.%m.%Y')", "NULL"),
    ),
    FunctionForm::new(
        "to_timestamp",
        &[Text, Word],
        Op::Strptime,
        Type::TIME,
        "The time of a text that follows a format of PostgreSQL.",
        ("to_timestamp('29.02.2024', 'DD.MM.YYYY')", "TIMESTAMP '2024-02-29 00:00:00'"),
    )
    .make(Make::Pattern(Op::Strptime)),
    FunctionForm::new(
        "make_date",
        &[Int, Int, Int],
        Op::MakeDate,
        Type::DATE,
        "The day of a year, a month and a day.",
        ("make_date(2024, 2, 29)", "DATE '2024-02-29'"),
    ),
    FunctionForm::new(
        "last_day",
        &[Day],
        Op::LastDay,
        Type::DATE,
        "The last day of the month.",
        ("last_day(DATE '2024-02-01')", "DATE '2024-02-29'"),
    ),
    FunctionForm::new(
        "to_date",
        &[Text, Word],
        Op::StrpDate,
        Type::DATE,
        "The day of a text that follows a format of PostgreSQL.",
        ("to_date('29.02.2024', 'DD.MM.YYYY')", "DATE '2024-02-29'"),
    )
    .make(Make::Pattern(Op::StrpDate)),
];
