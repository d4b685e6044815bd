//! `otherwise`: what is tried for events without a match.

use super::enrich::{DEFAULT, Enclosing, InsteadTries, NewColumn};
use super::planner::Planner;
use super::service::pointer_of;
use crate::error::Error;
use crate::job::document::At;
use crate::job::spec::{LookupFrom, LookupSpec, NamedTexts, OtherwiseSpec};
use crate::plan::{Mode, Try};
use std::ops::Range;

impl<'a> Planner<'a> {
    /// The tries of an `otherwise`; `None` after a fault.
    pub(super) fn otherwise(&mut self, items: &'a [OtherwiseSpec], step: &Enclosing) -> Option<InsteadTries> {
        let (mut tries, mut late) = (vec![], None);
        let (mut ended, mut right) = (false, true);
        for item in items {
            if let OtherwiseSpec::Late { span, item } = item {
                if late.is_some() {
                    self.fault(Error::job("a step has one item for late events"), span);
                    right = false;
                }
                right &= self.late_item(span, step);
                let before = (self.asks.len(), self.services.len());
                let attempt = self.instead(item, step);
                // In `complete` mode no event is late, so nothing is asked for such.
                if self.step_mode == Mode::Complete {
                    right &= attempt.is_some();
                    self.asks.truncate(before.0);
                    self.services.truncate(before.1);
                    continue;
                }
                late = Some(tries.len());
                tries.push(attempt);
                continue;
            }
            if ended {
                let error = Error::job("a constant matches every event, so nothing is tried after it");
                self.fault(error.hint("put the constant last"), &place(item));
                // One `None` fails the step, and the other items are still looked at.
                tries.push(None);
                continue;
            }
            ended |= matches!(item, OtherwiseSpec::Constant { .. });
            tries.push(self.instead(item, step));
        }
        let tries = tries.into_iter().collect::<Option<Vec<Try>>>()?;
        right.then_some(InsteadTries { tries, late })
    }

    /// Whether late events can be told: those of a table whose rows have times.
    fn late_item(&self, span: &Range<usize>, step: &Enclosing) -> bool {
        let timed = step.join.is_none_or(|join| self.tables[join.table].timed());
        if !step.enrich || !timed {
            let error = Error::job("`late` is for steps that look into a table whose rows have times");
            self.fault(error.hint("a lookup has no watermark: leave `late` out"), span);
        }
        step.enrich && timed
    }

    /// The try of an item.
    fn instead(&mut self, item: &'a OtherwiseSpec, step: &Enclosing) -> Option<Try> {
        match item {
            OtherwiseSpec::Match(reach) if step.enrich => {
                let reach = self.reach(reach, step.reach, step.join.map(|join| join.table));
                reach.and_then(|reach| Some(self.as_of(step.join?, reach)))
            }
            OtherwiseSpec::Match(_) => {
                let error = Error::job("`match` is for tables, but this step is a lookup");
                self.fault(error.hint("write [table.NAME] and enrich = \"NAME\""), &place(item));
                None
            }
            OtherwiseSpec::Lookup(lookup) => self.otherwise_lookup(lookup, step),
            OtherwiseSpec::Constant { values, .. } => self.constant(values, step.columns),
            // The reader has faulted one in another.
            OtherwiseSpec::Late { item, .. } => self.instead(item, step),
        }
    }

    fn otherwise_lookup(&mut self, spec: &'a LookupSpec, step: &Enclosing) -> Option<Try> {
        // Before the two kinds part, so that its faults are told of both.
        let take = self.taken_instead(spec, step);
        match &spec.from {
            LookupFrom::Service(service) => {
                let untyped = service.types.first().map(|(name, _)| {
                    let error = Error::job("the columns have the types that the step gives them");
                    self.fault(error.hint("leave `types` out"), &name.span);
                });
                let pointers = take.iter().flatten().map(|(_, pointer)| pointer.clone()).collect::<Vec<_>>();
                let join = self.service(service, step.columns, &pointers);
                join.filter(|_| untyped.is_none() && take.is_some())
            }
            LookupFrom::Files { log, on } => {
                let on = on.as_ref().or(step.on);
                if on.is_none() {
                    let error = Error::job("`lookup` in files needs `on`");
                    self.fault(error.hint("such as on = { userId = \"id\" }"), &spec.span);
                }
                let (take, on, table) = (take?, on?, self.table_of(log));
                let (types, join) = self.table_join(table, on, &take, false);
                let mut right = true;
                for ((ty, column), (_, source)) in types.iter().zip(step.columns).zip(&take) {
                    if let (Some(ty), Some(wanted)) = (ty, column.ty)
                        && *ty != wanted
                    {
                        let name = &column.name.value;
                        let error =
                            Error::job(format!("`{}` is {ty}, but `{name}` is {wanted}", source.value));
                        let hint = format!("declare it: types = {{ {} = \"{wanted}\" }}", source.value);
                        self.fault(error.hint(hint), &source.span);
                        right = false;
                    }
                }
                join.filter(|_| right).map(|join| self.as_of(&join, DEFAULT))
            }
        }
    }

    /// What a lookup takes for the columns of its step, in their order: as it says, or what the step
    /// takes of its table.
    fn taken_instead(&self, spec: &LookupSpec, step: &Enclosing) -> Option<NamedTexts> {
        let service = matches!(spec.from, LookupFrom::Service(_));
        let Some(take) = &spec.take else {
            let instead = |source: &At<String>| match (step.pointers, service) {
                (true, true) | (false, false) => Some(source.value.clone()),
                // A service answers JSON, so the column of a table becomes a pointer.
                (false, true) => Some(pointer_of(&source.value)),
                (true, false) => None,
            };
            let names = step.take.iter().map(|(name, source)| {
                let value = instead(source)?;
                Some((name.clone(), At { value, span: spec.span.clone() }))
            });
            let names: Option<NamedTexts> = names.collect();
            if names.is_none() {
                let error = Error::job("`lookup` needs its own `take`: the step's are pointers into JSON");
                self.fault(error.hint("such as take = { country = \"countryCode\" }"), &spec.span);
            }
            return names;
        };
        let mut right = self.taken_by_step(take.iter().map(|(name, _)| name), step.columns);
        let mut out = vec![];
        for column in step.columns {
            match take.iter().find(|(name, _)| name.value == column.name.value) {
                Some(pair) => out.push(pair.clone()),
                None => {
                    let error = Error::job(format!("`take` leaves out `{}`", column.name.value));
                    self.fault(error.hint("it names all columns that the step takes"), &spec.span);
                    right = false;
                }
            }
        }
        right.then_some(out)
    }

    /// Whether the step takes columns of all these names; a fault for each that it does not.
    pub(super) fn taken_by_step<'n>(
        &self,
        names: impl Iterator<Item = &'n At<String>>,
        columns: &[NewColumn],
    ) -> bool {
        let known = || columns.iter().map(|column| column.name.value.as_str());
        let mut right = true;
        for name in names.filter(|name| !known().any(|known| known == name.value)) {
            let error = Error::job(format!("the step takes no column `{}`", name.value));
            self.fault(error.nearest_or("it takes", &name.value, known()), &name.span);
            right = false;
        }
        right
    }
}

fn place(item: &OtherwiseSpec) -> Range<usize> {
    match item {
        OtherwiseSpec::Match(reach) => reach.direction.as_ref().map_or(0..0, |word| word.span.clone()),
        OtherwiseSpec::Lookup(lookup) => lookup.span.clone(),
        OtherwiseSpec::Constant { span, .. } | OtherwiseSpec::Late { span, .. } => span.clone(),
    }
}
