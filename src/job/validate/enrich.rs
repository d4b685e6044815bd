//! Steps that depend on order or look elsewhere: `dedup`, `first`, `enrich` and `lookup`.

use super::faults::unknown_column;
use super::planner::Planner;
use super::rows::open_columns;
use crate::asof::{Direction, Reach};
use crate::batch::{ColumnId, DataType, Field};
use crate::error::{Error, Reason};
use crate::job::document::At;
use crate::job::keys::step as keys;
use crate::job::lengths::length;
use crate::job::spec::{EnrichSpec, LookupFrom, LookupSpec, NamedTexts, OtherwiseSpec, ReachSpec};
use crate::plan::{EnrichPlan, Step, Try};
use crate::secret::{Template, shown_url};

/// A column that a step appends; without a type after a fault.
pub(super) struct NewColumn<'a> {
    pub(super) name: &'a At<String>,
    pub(super) ty: Option<DataType>,
}

/// Rows of a table that a step takes columns of.
#[derive(Clone)]
pub(super) struct TableJoin {
    pub(super) table: usize,
    /// Columns of the table, and of the events, that are matched: in the order of the table's columns.
    on: Vec<(ColumnId, ColumnId)>,
    /// Columns of the table.
    take: Vec<ColumnId>,
    fill: bool,
}

/// What the items of an `otherwise` take from the step that they belong to.
pub(super) struct Enclosing<'a> {
    pub(super) columns: &'a [NewColumn<'a>],
    /// What is taken for each column: of the table or the file, or by a JSON pointer.
    pub(super) take: &'a NamedTexts,
    pub(super) pointers: bool,
    pub(super) on: Option<&'a NamedTexts>,
    /// Whether it is an `enrich`, whose table can be asked in another way.
    pub(super) enrich: bool,
    /// What an `enrich` asks of its table; `None` after a fault.
    pub(super) join: Option<&'a TableJoin>,
    /// What is in reach, if an item does not say.
    pub(super) reach: Reach,
}

/// The tries of an `otherwise`, and which of them is for late events alone.
pub(super) struct InsteadTries {
    pub tries: Vec<Try>,
    pub late: Option<usize>,
}

impl<'a> Enclosing<'a> {
    /// A step that is a lookup: by a service if it matches no columns.
    fn lookup(
        columns: &'a [NewColumn<'a>],
        take: &'a NamedTexts,
        on: Option<&'a NamedTexts>,
    ) -> Enclosing<'a> {
        Enclosing { columns, take, pointers: on.is_none(), on, enrich: false, join: None, reach: DEFAULT }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn dedup(&mut self, keys: &[At<String>], within: Option<&At<String>>) {
        let (keys, within) = (self.event_columns(keys), self.kept_for(within));
        // Of two events at one instant the one that is earlier in the log stays.
        self.positions = true;
        if let (Some(keys), Some(within)) = (keys, within) {
            self.rows.steps.push(Step::Dedup { keys, within });
        }
    }

    /// How long a key is kept; `None` after a fault.
    fn kept_for(&self, within: Option<&At<String>>) -> Option<Option<i64>> {
        match within {
            Some(text) => length(&self.spec.document, text).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn first(&mut self, keys: &[At<String>], within: Option<&At<String>>, name: &At<String>) {
        let (keys, within) = (self.event_columns(keys), self.kept_for(within));
        self.positions = true;
        if !self.rows.free(name, "`as` is the name of a new column") {
            return;
        }
        // The column is there after a fault of the keys too, so that later steps find it.
        self.rows.schema.fields.push(Field::new(&name.value, DataType::Bool));
        if let (Some(keys), Some(within)) = (keys, within) {
            self.rows.steps.push(Step::First { keys, within, name: name.value.clone() });
        }
    }

    pub(super) fn enrich(&mut self, spec: &'a EnrichSpec) {
        let fill = self.fill(spec.fill.as_ref());
        let table = self.table_named(&spec.table);
        let reach = self.reach(&spec.reach, DEFAULT, table);
        let (types, join) = self.table_join(table, &spec.on, &spec.take, fill.unwrap_or(false));
        let first = match (&join, reach, fill) {
            (Some(join), Some(reach), Some(_)) => Some(self.as_of(join, reach)),
            _ => None,
        };
        let columns = new_columns(&spec.take, types);
        let enclosing = Enclosing {
            columns: &columns,
            take: &spec.take,
            pointers: false,
            on: Some(&spec.on),
            enrich: true,
            join: join.as_ref(),
            reach: reach.unwrap_or(DEFAULT),
        };
        let otherwise = self.otherwise(&spec.otherwise, &enclosing);
        self.append(&spec.table.value, columns, first, otherwise);
    }

    pub(super) fn lookup(&mut self, spec: &'a LookupSpec, otherwise: &'a [OtherwiseSpec]) {
        // Without `take` there is a fault of form.
        let Some(take) = &spec.take else { return };
        match &spec.from {
            LookupFrom::Files { log, on } => {
                let Some(on) = on else { return };
                let table = self.table_of(log);
                let (types, join) = self.table_join(table, on, take, false);
                let columns = new_columns(take, types);
                let first = join.as_ref().map(|join| self.as_of(join, DEFAULT));
                let enclosing = Enclosing::lookup(&columns, take, Some(on));
                let otherwise = self.otherwise(otherwise, &enclosing);
                let from = table.map(|table| self.tables[table].name.clone());
                self.append(&from.unwrap_or_default(), columns, first, otherwise);
            }
            LookupFrom::Service(service) => {
                let types = self.service_types(service, take);
                let columns = new_columns(take, types);
                let pointers: Vec<At<String>> = take.iter().map(|(_, pointer)| pointer.clone()).collect();
                let first = self.service(service, &columns, &pointers);
                let enclosing = Enclosing::lookup(&columns, take, None);
                let otherwise = self.otherwise(otherwise, &enclosing);
                let from = Template::cut(&service.url.value)
                    .map_or(String::new(), |(pieces, names)| shown_url(&pieces, &names));
                self.append(&from, columns, first, otherwise);
            }
        }
    }

    /// Adds the step, if nothing of it is wrong, and its columns, as far as they are known.
    fn append(
        &mut self,
        from: &str,
        columns: Vec<NewColumn>,
        first: Option<Try>,
        otherwise: Option<InsteadTries>,
    ) {
        let mut take = vec![];
        for column in &columns {
            if !self.rows.free(column.name, "a column that is taken needs a new name") {
                continue;
            }
            let Some(ty) = column.ty else {
                self.rows.schema.fields.push(Field::faulty(&column.name.value));
                continue;
            };
            take.push(Field::new(&column.name.value, ty));
            self.rows.schema.fields.push(Field::new(&column.name.value, ty));
        }
        // After a fault the columns are there without a step, as such a plan never runs.
        let (Some(first), Some(otherwise), true) = (first, otherwise, take.len() == columns.len()) else {
            return;
        };
        let InsteadTries { tries, late } = otherwise;
        let tries = [first].into_iter().chain(tries).collect();
        // The first try is that of the step itself.
        let late = late.map(|number| number + 1);
        self.rows.steps.push(Step::Enrich(EnrichPlan { from: from.to_string(), take, tries, late }));
    }

    /// Columns of the events as they are at this step.
    pub(super) fn event_columns(&mut self, names: &[At<String>]) -> Option<Vec<ColumnId>> {
        // Every name is looked at before one of them ends it.
        let columns: Vec<Option<ColumnId>> = names.iter().map(|name| self.event_column(name)).collect();
        columns.into_iter().collect()
    }

    pub(super) fn event_column(&mut self, name: &At<String>) -> Option<ColumnId> {
        let column = self.rows.schema.id_of(&name.value);
        match column {
            Some(column) => self.rows.read([column]),
            None => self.rows.fault(unknown_column(&name.value, self.rows.schema.names()), &name.span),
        }
        column
    }

    /// Matches `on` and `take` with a table: the types of the columns that are taken, as far as they are
    /// known, and what is asked, if nothing is wrong.
    pub(super) fn table_join(
        &mut self,
        table: Option<usize>,
        on: &NamedTexts,
        take: &NamedTexts,
        fill: bool,
    ) -> (Vec<Option<DataType>>, Option<TableJoin>) {
        // The columns of the events are checked also where the table is not known.
        let events: Vec<Option<ColumnId>> = on.iter().map(|(event, _)| self.event_column(event)).collect();
        let Some(table) = table else { return (vec![None; take.len()], None) };
        let column = |name: &At<String>| {
            let schema = &self.tables[table].rows.schema;
            let found = schema.id_of(&name.value);
            if found.is_none() {
                let error =
                    Error::job(format!("{} has no column `{}`", self.tables[table].title(), name.value))
                        .because(Reason::UnknownColumn(name.value.clone()));
                let error = error.nearest_or("the columns are", &name.value, schema.names());
                self.tables[table].rows.fault(error, &name.span);
            }
            found
        };
        let keys: Vec<Option<ColumnId>> = on.iter().map(|(_, key)| column(key)).collect();
        let taken: Vec<Option<ColumnId>> = take.iter().map(|(_, name)| column(name)).collect();
        let types = |column: &Option<ColumnId>| {
            let field = &self.tables[table].rows.schema.fields[(*column)?];
            (!field.faulty).then_some(field.ty)
        };
        let types: Vec<Option<DataType>> = taken.iter().map(types).collect();
        // A column that is taken is as open as the one that it comes of.
        for (new, of) in take {
            let open = self.tables[table].rows.valueless(&of.value);
            self.rows.comes_of(&new.value, open);
        }
        let mut matched = vec![];
        for ((event, key), (name, _)) in events.into_iter().zip(keys).zip(on) {
            if let (Some(event), Some(key)) = (event, key)
                && self.keys_are_alike(table, event, key, name)
            {
                matched.push((key, event));
            }
        }
        // Two steps that ask by the same columns share what they ask, in whatever order they name them.
        matched.sort_unstable();
        let take: Option<Vec<ColumnId>> = taken.into_iter().collect();
        let join = match take {
            Some(take) if matched.len() == on.len() => Some(TableJoin { table, on: matched, take, fill }),
            _ => None,
        };
        (types, join)
    }

    /// Whether values of an event's column can equal those of a table's.
    fn keys_are_alike(&self, table: usize, event: ColumnId, key: ColumnId, place: &At<String>) -> bool {
        let table = &self.tables[table];
        let (event, key) = (&self.rows.schema.fields[event], &table.rows.schema.fields[key]);
        let alike = match (event.ty.scale(), key.ty.scale()) {
            _ if event.faulty || key.faulty => true,
            (Some(a), Some(b)) => a == b,
            _ => event.ty == key.ty,
        };
        if !alike {
            let error = Error::job(format!(
                "`{}` is {} and `{}` of {} is {}, so they are never equal",
                event.name,
                event.ty,
                key.name,
                table.title(),
                key.ty
            ));
            // Text stays what it is: what is text on one side is declared so on the other.
            let of_source = self.log.inferred.column(&event.name).is_some();
            let hint = match key.ty {
                DataType::String if of_source => {
                    format!("[source]: types = {{ {} = \"string\" }}", toml_key(&event.name))
                }
                _ => {
                    format!("{}: types = {{ {} = \"{}\" }}", table.title(), toml_key(&key.name), event.ty)
                }
            };
            let open = self.rows.valueless(&event.name).into_iter().chain(table.rows.valueless(&key.name));
            let error = error.hint(format!("give both the same type; in {hint}"));
            self.fault(open_columns(error, open.collect()), &place.span);
        }
        alike
    }

    /// A try of the rows that are asked for.
    pub(super) fn as_of(&mut self, join: &TableJoin, reach: Reach) -> Try {
        let keys: Vec<ColumnId> = join.on.iter().map(|(key, _)| *key).collect();
        let (table, take) = self.ask(join.table, &keys, &join.take, join.fill);
        Try::AsOf { table, on: join.on.iter().map(|(_, event)| *event).collect(), reach, take }
    }

    /// What is in reach. A table without a time holds at any time, so nothing else can be asked of it.
    pub(super) fn reach(&self, spec: &ReachSpec, default: Reach, table: Option<usize>) -> Option<Reach> {
        let direction = match spec.direction.as_ref().map(|word| (word, word.value.as_str())) {
            None => Some(default.direction),
            Some((_, "backward")) => Some(Direction::Backward),
            Some((_, "forward")) => Some(Direction::Forward),
            Some((_, "nearest")) => Some(Direction::Nearest),
            Some((word, other)) => {
                let error = Error::job(format!("unknown match `{other}`"))
                    .nearest(other, keys::MATCH.about.words.iter().copied());
                let hint = "a match is backward, forward or nearest";
                self.fault(error.hint(hint), &word.span);
                None
            }
        };
        let within = spec.within.as_ref().map(|text| length(&self.spec.document, text));
        let inclusive = spec.inclusive.as_ref().map_or(default.inclusive, |flag| flag.value);
        if let Some(table) = table.map(|table| &self.tables[table]).filter(|table| !table.timed()) {
            let backward = direction.is_none_or(|direction| direction == Direction::Backward);
            let wrong = [
                ("match", spec.direction.as_ref().filter(|_| !backward).map(|at| &at.span)),
                ("within", spec.within.as_ref().map(|at| &at.span)),
                ("inclusive = false", spec.inclusive.as_ref().filter(|at| !at.value).map(|at| &at.span)),
            ];
            let mut right = true;
            for (key, span) in wrong {
                let Some(span) = span else { continue };
                let error = Error::job(format!("`{key}` needs times, but {} has no `time`", table.title()));
                self.fault(error.hint("without one, its rows are valid at any time"), span);
                right = false;
            }
            if !right {
                return None;
            }
        }
        let within = within.map_or(Some(default.within), |within| within.map(Some));
        Some(Reach { direction: direction?, within: within?, inclusive })
    }

    /// Whether columns are filled.
    pub(super) fn fill(&self, word: Option<&At<String>>) -> Option<bool> {
        match word.map(|word| (word, word.value.as_str())) {
            None => Some(false),
            Some((_, "last_value")) => Some(true),
            Some((word, other)) => {
                let error = Error::job(format!("unknown fill `{other}`"))
                    .nearest(other, keys::FILL.about.words.iter().copied());
                let hint = "\"last_value\" takes each column from the nearest row in which it is not NULL";
                self.fault(error.hint(hint), &word.span);
                None
            }
        }
    }
}

/// What is in reach where the job does not say.
pub(super) const DEFAULT: Reach = Reach { direction: Direction::Backward, within: None, inclusive: true };

pub(super) fn new_columns(take: &NamedTexts, types: Vec<Option<DataType>>) -> Vec<NewColumn<'_>> {
    take.iter().zip(types).map(|((name, _), ty)| NewColumn { name, ty }).collect()
}

/// A name as a key of TOML.
fn toml_key(name: &str) -> String {
    let bare = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
    if bare && !name.is_empty() { name.to_string() } else { format!("{name:?}") }
}
