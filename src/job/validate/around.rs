//! What is said of a column that a log does not have: where its header is, what folders tell, that it is inside of a list,
//! or made by a step.

use super::log::CheckedLog;
use crate::batch::DataType;
use crate::error::{Error, Reason};
use crate::input::infer::{Class, InferredColumn};
use crate::input::value::{basic, key, shown};
use crate::input::{InputFormat, SourceFile, around, partition_columns};
use crate::job::document::Document;
use crate::job::spec::{JobSpec, StepSpec};
use crate::time::likely;

/// What would give a log the column `name`, which no file has, if the files tell: lines before the header, another
/// delimiter, an encoding, no header at all.
pub(super) fn elsewhere(name: &str, known: &[&str], files: &[SourceFile], delimiter: u8) -> Vec<String> {
    // UTF-16 that is read as UTF-8 has a zero byte beside every ASCII character.
    if known.iter().any(|known| known.contains('\0')) {
        let of = "every second byte is zero";
        return vec![format!("{of}: encoding = \"utf-16le\" or \"utf-16be\" in [source]")];
    }
    let hints = hints(files, delimiter, Some(name));
    if hints.is_empty() { headless(name, known, files).into_iter().collect() } else { hints }
}

/// The fault that no file has the column `name`, with what would give it one.
pub(super) fn unknown(name: &str, known: &[&str], elsewhere: Vec<String>) -> Error {
    let error =
        Error::job(format!("no file has a column `{name}`")).because(Reason::UnknownColumn(name.to_string()));
    let now = format!("as it is read now, the columns are {}", shown(known.join(", ").as_bytes()));
    elsewhere.into_iter().chain([now]).fold(error, Error::hint)
}

/// What the job should say of the lines of its files, where one of them looks like the header: of those that have the
/// column `name`, if there is one.
pub(super) fn hints(files: &[SourceFile], delimiter: u8, name: Option<&str>) -> Vec<String> {
    let Some((file, found)) = around::of(files) else { return vec![] };
    let Some((line, fields)) = &found.header else { return vec![] };
    let is_header = match name {
        Some(name) => fields.iter().any(|field| field == name),
        // A header has names alone: a line with a number or a date in it is a record.
        None => fields.iter().all(|field| Class::of_text(field.as_bytes()) == Class::Text),
    };
    let now = file.shape.sep.unwrap_or(delimiter);
    let other = found.rules.delimiter.filter(|other| *other != now);
    let moved = found.rules.skip > 0 || found.rules.comment.is_some();
    if !is_header || other.is_none() && !moved {
        return vec![];
    }
    let by = other.unwrap_or(now) as char;
    let header = shown(fields.join(&by.to_string()).as_bytes());
    let mut keys = vec![];
    keys.extend(other.map(|_| format!("delimiter = {}", basic(&by.to_string()))));
    keys.extend((found.rules.skip > 0).then(|| format!("skip = {}", found.rules.skip)));
    keys.extend(found.rules.comment.as_ref().map(|begin| format!("comment = {}", basic(begin))));
    let path = file.path.display();
    let mut hints =
        vec![format!("line {line} of {path} looks like the header, `{header}`: {}", keys.join(" and "))];
    let is_skip = |key: &str| ["skip", "comment"].iter().any(|known| key.starts_with(known));
    let others = found.lines.iter().filter(|(key, _)| !is_skip(key));
    hints.extend(others.map(|(key, why)| format!("{why}: {key}")));
    hints
}

/// What is said where the first line looks like a record and no header.
fn headless(name: &str, known: &[&str], files: &[SourceFile]) -> Option<String> {
    let file = files
        .first()
        .filter(|file| file.format == InputFormat::Csv && file.shape.form.columns().is_none())?;
    let class = |name: &&str| Class::of_text(name.as_bytes());
    let values = known.iter().filter(|name| class(name) != Class::Text).count();
    // A name may look like a number, as a year does. A third of them is too many for a header.
    if values == 0 || 3 * values < known.len() {
        return None;
    }
    let is_time =
        |name: &&str| matches!(class(name), Class::Date | Class::Timestamp) || !likely(name).is_empty();
    let time = known.iter().position(is_time).unwrap_or(0);
    // A log may have hundreds of columns, and eight show the form.
    let names = (0..known.len())
        .take(8)
        .map(|i| if i == time { basic(name) } else { format!("\"column_{}\"", i + 1) });
    let names: Vec<String> = names.chain((known.len() > 8).then(|| "…".to_string())).collect();
    Some(format!(
        "the first line of {} looks like a record, `{}`: if there is no header, name the columns: columns = [{}]",
        file.path.display(),
        shown(known.join(",").as_bytes()),
        names.join(", ")
    ))
}

impl CheckedLog {
    /// Says, where a fault speaks of a column that files have and that is not read, why; and of one that folders tell,
    /// how it is read.
    pub(super) fn hints(&self, document: &Document) {
        for (name, why) in &self.inferred.unsupported {
            document.unread(name, why);
        }
        for name in
            partition_columns::names(&self.files).iter().filter(|name| self.inferred.column(name).is_none())
        {
            let declared = format!("types = {{ {name} = \"string\" }}");
            let hint = format!("folder names contain `{name}`; declare its type to read it: {declared}");
            document.hint(name, &hint);
        }
        for name in document.unknown() {
            let of_list = |list: &str| name.strip_prefix(list).and_then(|rest| rest.strip_prefix('.'));
            // What no job declares and is JSON in files of JSON is lists.
            let json = self.files.iter().all(|file| file.format == InputFormat::JsonLines);
            let is_list = |column: &&InferredColumn| json && column.ty == DataType::Json && !column.declared;
            let mut lists = self.inferred.columns.iter().filter(is_list);
            let Some((list, item)) = lists.find_map(|c| Some((&c.name, of_list(&c.name)?))) else { continue };
            document.instead(
                &name,
                &format!("`{name}` is inside `{list}`, which is a list"),
                &format!(
                    "unnest = {} in [source] makes an event of each item of the list; its `{item}` is then the column `{name}`",
                    basic(list)
                ),
            );
        }
    }

    /// Says, where the column of the event time is one that a step makes, that it comes too late.
    pub(super) fn derived_time(&self, document: &Document, spec: &JobSpec) {
        let Some(time) = spec.source.log.time.as_ref().filter(|_| self.time.is_none()) else { return };
        if self.inferred.column(&time.value).is_some() {
            return;
        }
        let columns = spec.steps.iter().filter_map(|step| match step {
            StepSpec::Derive(columns) => Some(columns),
            _ => None,
        });
        if let Some((name, sql)) = columns.flatten().find(|(name, _)| name.value == time.value) {
            document.instead(
                &name.value,
                &format!("`{}` is derived by a step, but steps run after the event time is read", name.value),
                &format!(
                    "derive it in [source]: derive = {{ {} = {} }}",
                    key(&name.value),
                    basic(&sql.value)
                ),
            );
        }
    }
}
