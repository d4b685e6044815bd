//! Times. An instant is seen on the clock of the job's zone.

use super::Context;
use super::values::{Fault, Values, decimals, ints, primitives, texts};
use crate::expr::moment::{Interval, TimeField, last_day};
use crate::expr::ready::Ready;
use crate::expr::tree::{Call, Op};
use crate::expr::types::Type;
use crate::time::{DAY, SECOND, Zone, days_from_civil};
use arrow_array::types::{
    Date32Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    TimestampMicrosecondType,
};

/// A length of time as Arrow has it.
pub fn packed(interval: Interval) -> IntervalMonthDayNano {
    // Nanoseconds hold 292 years; what is longer is said in days and months.
    let days = interval.micros / DAY;
    let days_fit = i32::try_from(days).unwrap_or(0);
    match interval.micros.checked_mul(1000) {
        Some(nanos) => IntervalMonthDayNano::new(interval.months, interval.days, nanos),
        None => IntervalMonthDayNano::new(
            interval.months,
            interval.days.saturating_add(days_fit),
            (interval.micros % DAY) * 1000,
        ),
    }
}

/// A length of time of Arrow's.
pub fn unpacked(value: IntervalMonthDayNano) -> Interval {
    Interval { months: value.months, days: value.days, micros: value.nanoseconds / 1000 }
}

/// The instants that are computed with: the years 1 to 9999, with a day at both ends for the offsets of zones.
fn bounded(micros: i64) -> Result<i64, Fault> {
    let (first, end) = (days_from_civil(1, 1, 1) * DAY, days_from_civil(10_000, 1, 1) * DAY);
    if (first - DAY..end + DAY).contains(&micros) {
        Ok(micros)
    } else {
        Err(Fault::new("the time is outside the years 1 to 9999"))
    }
}

/// The instant of what a clock of `zone` shows.
pub fn instant(clock: i64, zone: &mut Zone) -> Result<i64, Fault> {
    bounded(clock).map(|clock| zone.instant(clock))
}

/// What a moment is read as.
enum MomentSource<'a> {
    Days(super::values::Primitives<'a, Date32Type>),
    Micros(super::values::Primitives<'a, TimestampMicrosecondType>, bool),
}

impl<'a> MomentSource<'a> {
    fn of(values: &'a Values, ty: Type) -> MomentSource<'a> {
        match ty {
            Type::DATE => MomentSource::Days(values.primitives()),
            _ => MomentSource::Micros(values.primitives(), ty == Type::TIME),
        }
    }

    /// What a clock of `zone` shows in a row.
    fn clock(&self, row: usize, zone: &mut Zone) -> Option<i64> {
        match self {
            MomentSource::Days(days) => days.get(row).map(|days| i64::from(days) * DAY),
            MomentSource::Micros(micros, is_instant) => {
                micros.get(row).map(|at| if *is_instant { zone.local(at) } else { at })
            }
        }
    }

    /// The microseconds of a row, and whether they are an instant.
    fn micros(&self, row: usize) -> Option<i64> {
        match self {
            MomentSource::Days(days) => days.get(row).map(|days| i64::from(days) * DAY),
            MomentSource::Micros(micros, _) => micros.get(row),
        }
    }
}

/// The operations of times.
pub fn moments(call: &Call, args: &[Values], types: &[Type], ty: Type, cx: &Context) -> Values {
    match call.op {
        Op::Extract(field) => extract(field, &args[0], types[0], ty, cx),
        Op::Strftime => strftime(call, &args[0], types[0], cx),
        Op::DateDiff(field) | Op::DateSub(field) => {
            between(field, matches!(call.op, Op::DateDiff(_)), args, types, cx)
        }
        Op::ToEpochMillis | Op::ToEpochMicros | Op::DaysBetween => counts(call.op, args, types, cx),
        Op::DaysLater | Op::DaysEarlier | Op::MakeDate | Op::LastDay | Op::StrpDate => days(call, args, cx),
        Op::TimeBetween | Op::IntervalTimes | Op::IntervalPlus | Op::IntervalMinus => {
            lengths(call.op, args, cx)
        }
        _ => instants(call, args, types, ty, cx),
    }
}

fn extract(field: TimeField, values: &Values, from: Type, ty: Type, cx: &Context) -> Values {
    if from == Type::Interval {
        let of = values.primitives::<IntervalMonthDayNanoType>();
        return decimals(cx, &[values], &super::arrow(ty), |row| match of.get(row) {
            None => Ok(None),
            Some(length) => {
                unpacked(length).epoch().map(|micros| Some(micros.into())).ok_or_else(|| Fault::overflow(ty))
            }
        });
    }
    let of = MomentSource::of(values, from);
    let mut zone = cx.zone.borrow_mut();
    let mut part = |row: usize| match field {
        // The seconds since 1970 of an instant are the same in all zones, so the clock is not asked.
        TimeField::Epoch => of.micros(row),
        _ => of.clock(row, &mut zone).map(|clock| field.of(clock)),
    };
    match ty.is_decimal() {
        true => decimals(cx, &[values], &super::arrow(ty), |row| Ok(part(row).map(i128::from))),
        false => ints(cx, &[values], |row| Ok(part(row))),
    }
}

fn strftime(call: &Call, values: &Values, from: Type, cx: &Context) -> Values {
    let of = MomentSource::of(values, from);
    let Ready::Format(format) = &call.ready else { unreachable!("a format is made ready") };
    let mut zone = cx.zone.borrow_mut();
    texts(cx, &[values], |row, out| {
        match (from, of.micros(row)) {
            (_, None) => return Ok(false),
            (Type::TIME, Some(instant)) => format.write_instant(instant, &mut zone, out),
            (_, Some(clock)) => format.write(clock, 0, "", out),
        }
        Ok(true)
    })
}

fn between(field: TimeField, boundaries: bool, args: &[Values], types: &[Type], cx: &Context) -> Values {
    let (a, b) = (MomentSource::of(&args[0], types[0]), MomentSource::of(&args[1], types[1]));
    // The time of a clock lacks a zone: in UTC, what the clock shows is the number itself.
    let mut zone = if types[0] == Type::Clock { Zone::utc() } else { cx.zone.borrow().clone() };
    ints(cx, &[&args[0], &args[1]], |row| {
        let Some((from, to)) = a.micros(row).zip(b.micros(row)) else { return Ok(None) };
        Ok(Some(match boundaries {
            true => field.boundaries(from, to, &mut zone),
            false => field.whole(from, to, &mut zone),
        }))
    })
}

fn counts(op: Op, args: &[Values], types: &[Type], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let of: Vec<MomentSource> =
        args.iter().zip(types).map(|(values, ty)| MomentSource::of(values, *ty)).collect();
    ints(cx, &inputs, |row| {
        let Some(micros) = of[0].micros(row) else { return Ok(None) };
        Ok(match op {
            // It goes down before 1970 too, as the SQL of every dialect does (`floor_div`).
            Op::ToEpochMillis => Some(micros.div_euclid(1000)),
            Op::ToEpochMicros => Some(micros),
            _ => of[1].micros(row).map(|other| (micros - other) / DAY),
        })
    })
}

fn days(call: &Call, args: &[Values], cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let ty = arrow_schema::DataType::Date32;
    let narrow = |days: Option<i64>| {
        let days = days.and_then(|days| i32::try_from(days).ok());
        // The days of the years 1 to 9999.
        let known = days_from_civil(1, 1, 1)..days_from_civil(10_000, 1, 1);
        days.filter(|days| known.contains(&i64::from(*days)))
            .map(Some)
            .ok_or_else(|| Fault::new("the day is outside the years 1 to 9999"))
    };
    match call.op {
        Op::MakeDate => {
            let of: Vec<_> = args.iter().map(Values::primitives::<Int64Type>).collect();
            primitives::<Date32Type>(cx, &inputs, &ty, |row| {
                let (Some(year), Some(month), Some(day)) = (of[0].get(row), of[1].get(row), of[2].get(row))
                else {
                    return Ok(None);
                };
                let wrong = || Fault::new(format!("there is no day {year}-{month}-{day}"));
                let month = u32::try_from(month).ok().filter(|m| (1..=12).contains(m)).ok_or_else(wrong)?;
                let year = Some(year).filter(|year| (1..10_000).contains(year)).ok_or_else(wrong)?;
                let first = days_from_civil(year, month, 1);
                let day = Some(day)
                    .filter(|day| (1..=last_day(first) - first + 1).contains(day))
                    .ok_or_else(wrong)?;
                narrow(Some(first + day - 1))
            })
        }
        Op::StrpDate => {
            let of = args[0].texts();
            let Ready::Format(format) = &call.ready else { unreachable!("a format is made ready") };
            // A day is read in UTC: the zone of the job must not move it to another day.
            let mut utc = Zone::utc();
            primitives::<Date32Type>(cx, &inputs, &ty, |row| match of.get(row) {
                None => Ok(None),
                Some(text) => {
                    let instant = format.read(text.as_bytes(), &mut utc).map_err(|_| unreadable(text))?;
                    narrow(Some(instant.div_euclid(DAY)))
                }
            })
        }
        Op::LastDay => {
            let of = args[0].primitives::<Date32Type>();
            primitives::<Date32Type>(cx, &inputs, &ty, |row| match of.get(row) {
                None => Ok(None),
                Some(days) => narrow(Some(last_day(days.into()))),
            })
        }
        _ => {
            let (of, count) = (args[0].primitives::<Date32Type>(), args[1].primitives::<Int64Type>());
            primitives::<Date32Type>(cx, &inputs, &ty, |row| {
                let Some((days, count)) = of.get(row).zip(count.get(row)) else { return Ok(None) };
                narrow(match call.op {
                    Op::DaysLater => i64::from(days).checked_add(count),
                    _ => i64::from(days).checked_sub(count),
                })
            })
        }
    }
}

fn unreadable(text: &str) -> Fault {
    Fault::new(format!("`{}` does not follow the format", crate::expr::words::shown(text)))
}

fn lengths(op: Op, args: &[Values], cx: &Context) -> Values {
    let inputs = [&args[0], &args[1]];
    let ty = super::arrow(Type::Interval);
    let over = || Fault::overflow("an interval");
    if op == Op::TimeBetween {
        let a = args[0].primitives::<TimestampMicrosecondType>();
        let b = args[1].primitives::<TimestampMicrosecondType>();
        return primitives::<IntervalMonthDayNanoType>(cx, &inputs, &ty, |row| {
            let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
            // Whole days count 24 hours here, as PostgreSQL has it.
            let micros = a.checked_sub(b).ok_or_else(over)?;
            let days = i32::try_from(micros / DAY).map_err(|_| over())?;
            Ok(Some(packed(Interval { months: 0, days, micros: micros % DAY })))
        });
    }
    let a = args[0].primitives::<IntervalMonthDayNanoType>();
    if op == Op::IntervalTimes {
        let count = args[1].primitives::<Int64Type>();
        return primitives::<IntervalMonthDayNanoType>(cx, &inputs, &ty, |row| {
            let Some((a, count)) = a.get(row).zip(count.get(row)) else { return Ok(None) };
            unpacked(a).times(count).map(|length| Some(packed(length))).ok_or_else(over)
        });
    }
    let b = args[1].primitives::<IntervalMonthDayNanoType>();
    primitives::<IntervalMonthDayNanoType>(cx, &inputs, &ty, |row| {
        let Some((a, b)) = a.get(row).zip(b.get(row)) else { return Ok(None) };
        let b = unpacked(b);
        let b = if op == Op::IntervalPlus { Some(b) } else { b.times(-1) };
        b.and_then(|b| unpacked(a).plus(b)).map(|length| Some(packed(length))).ok_or_else(over)
    })
}

fn instants(call: &Call, args: &[Values], types: &[Type], ty: Type, cx: &Context) -> Values {
    let inputs: Vec<&Values> = args.iter().collect();
    let arrow = super::arrow(ty);
    let over = || Fault::new("the time is outside the years 1 to 9999");
    let mut zone = match &call.ready {
        Ready::Zone(zone) => zone.clone(),
        _ if ty == Type::Clock => Zone::utc(),
        _ => cx.zone.borrow().clone(),
    };
    match call.op {
        Op::Strptime | Op::TryStrptime => {
            let of = args[0].texts();
            let Ready::Format(format) = &call.ready else { unreachable!("a format is made ready") };
            primitives::<TimestampMicrosecondType>(cx, &inputs, &arrow, |row| {
                let Some(text) = of.get(row) else { return Ok(None) };
                match format.read(text.as_bytes(), &mut zone) {
                    Ok(instant) => bounded(instant).map(Some),
                    Err(_) if call.op == Op::TryStrptime => Ok(None),
                    Err(_) => Err(unreadable(text)),
                }
            })
        }
        Op::FromEpoch => {
            let of = args[0].primitives::<Float64Type>();
            primitives::<TimestampMicrosecondType>(cx, &inputs, &arrow, |row| match of.get(row) {
                None => Ok(None),
                // 1e12 seconds in microseconds still fit 64 bits. NaN fails this comparison too.
                Some(seconds) if seconds.abs() < 1e12 => {
                    bounded((seconds * SECOND as f64).round_ties_even() as i64).map(Some)
                }
                Some(_) => Err(over()),
            })
        }
        Op::FromEpochMillis | Op::FromEpochMicros => {
            let of = args[0].primitives::<Int64Type>();
            let unit = if call.op == Op::FromEpochMillis { 1000 } else { 1 };
            primitives::<TimestampMicrosecondType>(cx, &inputs, &arrow, |row| match of.get(row) {
                None => Ok(None),
                Some(count) => count.checked_mul(unit).ok_or_else(over).and_then(bounded).map(Some),
            })
        }
        Op::Later | Op::Earlier => {
            let of = args[0].primitives::<TimestampMicrosecondType>();
            let length = args[1].primitives::<IntervalMonthDayNanoType>();
            primitives::<TimestampMicrosecondType>(cx, &inputs, &arrow, |row| {
                let Some((at, length)) = of.get(row).zip(length.get(row)) else { return Ok(None) };
                let length = unpacked(length);
                let length = if call.op == Op::Later { Some(length) } else { length.times(-1) };
                let moved = length.and_then(|length| length.after(at, &mut zone));
                moved.ok_or_else(over).and_then(bounded).map(Some)
            })
        }
        Op::DateTrunc(field) => {
            let of = MomentSource::of(&args[0], types[0]);
            primitives::<TimestampMicrosecondType>(cx, &inputs, &arrow, |row| {
                let Some((at, clock)) = of.micros(row).zip(of.clock(row, &mut zone)) else { return Ok(None) };
                let begin = field.truncated(clock);
                Ok(Some(match field.length() {
                    // The offset is that of the instant: an hour that the clock shows twice is two hours.
                    Some(_) => at - (clock - begin),
                    None if types[0] == Type::Clock => begin,
                    None => instant(begin, &mut zone)?,
                }))
            })
        }
        _ => {
            let of = args[0].primitives::<TimestampMicrosecondType>();
            primitives::<TimestampMicrosecondType>(cx, &[&args[0]], &arrow, |row| match of.get(row) {
                None => Ok(None),
                Some(at) if call.op == Op::AtZone => Ok(Some(zone.local(at))),
                Some(at) => instant(at, &mut zone).map(Some),
            })
        }
    }
}
