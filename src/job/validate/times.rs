//! The event time of a log, where it is a column of its files: how its values are read.

use super::faults::unknown_column;
use super::{around, documents, instants};
use crate::batch::DataType;
use crate::error::Error;
use crate::input::infer::{Inferred, time_hint};
use crate::input::wire_format::LogColumn;
use crate::input::{ReadTime, SourceFile};
use crate::job::document::{At, Document};
use crate::job::spec::LogSpec;
use crate::time::{TimeParser, TimeRule, TimeUnit, Zone};

/// How the values of the time column are read, as the job says; `None` after a fault.
pub(super) fn time_rule(document: &Document, spec: &LogSpec) -> Option<TimeRule> {
    if let (Some(units), Some(_)) = (&spec.time_unit, &spec.time_format) {
        let error = Error::job("`time_unit` and `time_format` exclude each other");
        document.fault(error, units.first().map_or(&spec.span, |unit| &unit.span));
        return None;
    }
    Some(if let Some(units) = &spec.time_unit {
        return time_units(document, spec, units);
    } else if let Some(formats) = &spec.time_format {
        if formats.is_empty() {
            document.fault(Error::job("`time_format` is an empty list"), &spec.span);
        }
        return time_formats(document, formats);
    } else {
        TimeRule::Iso
    })
}

/// The rule of units; `None` after a fault.
fn time_units(document: &Document, spec: &LogSpec, units: &[At<String>]) -> Option<TimeRule> {
    if units.is_empty() {
        document.fault(Error::job("`time_unit` is an empty list"), &spec.span);
    }
    let unit = |unit: &At<String>| {
        let found = TimeUnit::parse(&unit.value);
        if found.is_none() {
            let error = Error::job(format!("unknown time unit `{}`", unit.value));
            let hint = "the units are s, ms, us and ns, d for days, and excel for days of a spreadsheet";
            document.fault(error.hint(hint), &unit.span);
        }
        found
    };
    let units: Vec<Option<TimeUnit>> = units.iter().map(unit).collect();
    let units = units.into_iter().collect::<Option<Vec<TimeUnit>>>()?;
    (!units.is_empty()).then(|| TimeRule::units(&units))
}

/// The rule of formats; `None` after a fault, also where there is none.
fn time_formats(document: &Document, formats: &[At<String>]) -> Option<TimeRule> {
    let mut right = !formats.is_empty();
    for (i, format) in formats.iter().enumerate() {
        let twice = formats[..i].iter().any(|other| other.value == format.value);
        // Each format is read alone, so that a fault stands at its own place.
        let error = match TimeRule::any_of(std::iter::once(format.value.as_str())) {
            Err(error) => error,
            Ok(_) if twice => Error::job(format!("`{}` occurs twice in `time_format`", format.value)),
            Ok(_) => continue,
        };
        document.fault(error, &format.span);
        right = false;
    }
    let rule = TimeRule::any_of(formats.iter().map(|format| format.value.as_str()));
    rule.ok().filter(|_| right)
}

/// The event time of a log; without a column for it, its rows are of no time.
pub(super) fn event_time(
    document: &Document,
    spec: &LogSpec,
    inferred: &Inferred,
    (files, delimiter, open): (&[SourceFile], u8, &mut bool),
    zone: &Zone,
) -> Option<ReadTime> {
    let Some(column) = &spec.time else {
        return Some(ReadTime { column: String::new(), rule: TimeRule::Untimed });
    };
    let rule = time_rule(document, spec);
    let found = inferred.column(&column.value);
    if found.is_none() && inferred.columns.is_empty() {
        // Empty files have no columns; a run over them has no rows.
        return Some(ReadTime { column: column.value.clone(), rule: TimeRule::Iso });
    }
    let Some(found) = found else {
        let known: Vec<&str> = inferred.names().collect();
        let named = spec.columns.is_some();
        let mut hints = documents::inside(files);
        if !named {
            hints.extend(around::elsewhere(&column.value, &known, files, delimiter));
        }
        let error = match hints.is_empty() {
            true => unknown_column(&column.value, known.into_iter()),
            false => {
                // What else is not there follows from it.
                *open = true;
                around::unknown(&column.value, &known, hints)
            }
        };
        document.fault(error, &column.span);
        return None;
    };
    let mut rule = rule?;
    if let Some(unit) = found.unit {
        let plain = instants::rule(unit, &rule, &column.value);
        let plain = plain.map_err(|error| document.fault(error, &column.span)).ok()?;
        return Some(ReadTime { column: column.value.clone(), rule: plain });
    }
    let of_log = LogColumn::named(&column.value).is_some_and(|own| {
        own.is_time() && inferred.wire_format.as_ref().is_some_and(|log| log.framing.has(own))
    });
    // Kafka's own timestamps are milliseconds, so the job need not say it.
    if of_log && rule == TimeRule::Iso && found.ty == DataType::Int64 {
        rule = TimeRule::Epoch(TimeUnit::Milli);
    }
    let example = found.example.clone().unwrap_or_default();
    if let (TimeRule::Iso, DataType::Int64) = (&rule, found.ty) {
        let error = Error::job(format!(
            "`{}` contains integers, such as {example}, but their unit is not given",
            column.value
        ));
        let unit = example.parse().ok().and_then(TimeUnit::likely).map_or("s", TimeUnit::name);
        document.fault(error.hint(format!("add time_unit = \"{unit}\"")), &column.span);
        return None;
    }
    // One bad value is a bad record; when no value can be read, it is the rule that is wrong.
    let mut parser = TimeParser::new(rule.clone(), zone.clone());
    let mut read = found.examples.iter().map(|text| parser.text(text.as_bytes()));
    let readable = found.examples.is_empty() || read.any(|time| time.is_ok());
    let textual = matches!(found.ty, DataType::String | DataType::Int64 | DataType::Float64);
    if let (Err(reason), false, true) =
        (TimeParser::new(rule.clone(), zone.clone()).text(example.as_bytes()), readable, textual)
    {
        let error = Error::job(format!("`{}` contains `{example}`, which is {reason}", column.value));
        let error = match time_hint(example.as_bytes(), &rule) {
            Some(hint) => error.hint(hint),
            None => error.hint("give the format, such as time_format = \"%d-%m-%Y %H:%M\""),
        };
        document.fault(error, &column.span);
        return None;
    }
    Some(ReadTime { column: column.value.clone(), rule })
}
