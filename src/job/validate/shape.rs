//! How the text of a log is got from its files, and how its fields are laid out.

use crate::error::{Error, Result};
use crate::input::shape::{Form, LineRules, check_range, encoding};
use crate::input::{InputFormat, SourceFile};
use crate::job::document::{At, Document};
use crate::job::spec::LogSpec;

/// The layout of CSV.
pub(super) struct FoundLayout {
    /// The byte between fields.
    pub delimiter: u8,
    /// The names of the columns where no line has them.
    pub names: Option<Vec<String>>,
}

/// The names of all formats.
pub(super) fn formats() -> Vec<&'static str> {
    let forms = Form::NAMED.iter().map(|(name, _)| *name);
    ["csv", "jsonl", "parquet", "avro"].into_iter().chain(forms).collect()
}

/// Whether `name` is a format whose records are those of CSV once its lines are.
pub(super) fn is_form(name: &str) -> bool {
    Form::NAMED.iter().any(|(known, _)| *known == name)
}

/// Checks what a log says of the shape of its files, notes it on them, and tells the layout of CSV; `None` after a fault.
pub(super) fn shape(document: &Document, spec: &LogSpec, files: &mut [SourceFile]) -> Option<FoundLayout> {
    let mut rules = rules(document, spec)?;
    let layout = declared_layout(document, spec, &rules, files)?;
    if rules.any() {
        rules.delimiter = Some(layout.delimiter);
    }
    for file in files.iter_mut() {
        if let Err(error) = of_file(file, &rules) {
            document.fault(error, &spec.span);
            return None;
        }
    }
    // Where the text has other delimiters than the file, all files have to be so.
    let changed = |file: &&SourceFile| file.format == InputFormat::Csv && file.shape.form != Form::Plain;
    if let (Some(one), Some(other)) = (
        files.iter().find(changed),
        files.iter().find(|file| file.format == InputFormat::Csv && !changed(file)),
    ) && layout.delimiter != b','
    {
        let what = one.shape.form.name();
        let error =
            Error::data(format!("{} is {what}, but {} is not", one.path.display(), other.path.display()));
        document.fault(error.hint("read them as two sources: a source has one layout"), &spec.span);
        return None;
    }
    Some(layout)
}

/// Notes on a file what the job says of its text.
fn of_file(file: &mut SourceFile, rules: &LineRules) -> Result<()> {
    if file.format == InputFormat::Csv {
        return file.shape.take(rules, &file.path);
    }
    let name = file.format.name();
    let only_csv = rules.any() || rules.form.is_some() || rules.of_sheet();
    if only_csv || (rules.encoding.is_some() && !file.format.is_text()) {
        return Err(Error::job(format!("{} is {name}: keys for lines, encodings and sheets do not apply to it", file.path.display()))
            .hint("`skip`, `comment`, `footer`, `until`, `escape`, `widths`, `sheet` and `range` are for CSV; `encoding` is for CSV and JSON Lines"));
    }
    match file.format.is_text() {
        true => file.shape.take(rules, &file.path),
        false => Ok(()),
    }
}

/// What a log says of its lines; `None` after a fault.
fn rules(document: &Document, spec: &LogSpec) -> Option<LineRules> {
    let declared = &spec.shape;
    let mut rules = LineRules {
        skip: declared.skip.as_ref().map_or(0, |n| n.value),
        footer: declared.footer.as_ref().map_or(0, |n| n.value),
        comment: text(document, "comment", declared.comment.as_ref())?,
        until: text(document, "until", declared.until.as_ref())?,
        sheet: declared.sheet.as_ref().map(|name| name.value.clone()),
        ..LineRules::default()
    };
    if let Some(label) = &declared.encoding {
        rules.encoding =
            Some(encoding(&label.value).map_err(|error| document.fault(error, &label.span)).ok()?);
    }
    if let Some(escape) = &declared.escape {
        match escape.value.as_bytes() {
            // A letter or a digit as an escape would change plain texts.
            [byte] if byte.is_ascii_punctuation() && *byte != b'"' => rules.escape = Some(*byte),
            _ => {
                let error = Error::job("`escape` must be one character, such as \"\\\\\"");
                document.fault(error.hint("a doubled quote is read without `escape`"), &escape.span);
                return None;
            }
        }
    }
    if let Some(range) = &declared.range {
        check_range(&range.value).map_err(|error| document.fault(error, &range.span)).ok()?;
        rules.range = Some(range.value.clone());
    }
    rules.form = form(document, spec)?;
    Some(rules)
}

/// A text that lines begin with; `None` after a fault.
fn text(document: &Document, key: &str, text: Option<&At<String>>) -> Option<Option<String>> {
    let Some(text) = text else { return Some(None) };
    if text.value.is_empty() || text.value.contains(['\n', '\r']) {
        let error = Error::job(format!("`{key}` must be the text that a line begins with"));
        document.fault(error, &text.span);
        return None;
    }
    Some(Some(text.value.clone()))
}

/// What the lines of a log are; `None` after a fault.
fn form(document: &Document, spec: &LogSpec) -> Option<Option<Form>> {
    let format = spec.format.as_ref().map(|word| word.value.as_str());
    let mut declared: Vec<(Form, &At<String>)> = vec![];
    if let Some(word) = &spec.format {
        declared.extend(
            Form::NAMED.iter().find(|(name, _)| *name == word.value).map(|(_, form)| (form.clone(), word)),
        );
    }
    if let Some(word) = spec.delimiter.as_ref().filter(|word| word.value == "spaces") {
        declared.push((Form::Spaces, word));
    }
    if let [_, (_, second), ..] = declared.as_slice() {
        let format = format.unwrap_or_default();
        document.fault(Error::job(format!("the format `{format}` has its own delimiter")), &second.span);
        return None;
    }
    if let Some(widths) = &spec.shape.widths {
        if !declared.is_empty() || spec.delimiter.is_some() {
            let error =
                Error::job("`widths` are only for lines without a delimiter, and only for the format csv");
            document.fault(error, &widths.span);
            return None;
        }
        return Some(Some(Form::Widths(widths.value.clone())));
    }
    Some(declared.pop().map(|(form, _)| form))
}

/// The layout, as far as job and files define it; `None` after a fault.
fn declared_layout(
    document: &Document,
    spec: &LogSpec,
    rules: &LineRules,
    files: &[SourceFile],
) -> Option<FoundLayout> {
    let mut names: Option<Vec<String>> =
        spec.columns.as_ref().map(|c| c.iter().map(|n| n.value.clone()).collect());
    let shown = files.iter().map(|file| &file.shape.form).find(|form| **form != Form::Plain);
    let form = rules.form.as_ref().or(shown);
    if let Some(known) = form.and_then(Form::columns) {
        if let Some(first) = spec.columns.as_ref().and_then(|columns| columns.first()) {
            let error = Error::job("`columns` cannot be given: the format defines them");
            document.fault(error.hint(format!("they are {}", known.join(", "))), &first.span);
            return None;
        }
        names = Some(known.iter().map(ToString::to_string).collect());
    }
    let own = form.is_some();
    let delimiter = match &spec.delimiter {
        // These formats are made CSV with commas before their fields are read.
        None if own => b',',
        None => by_files(files),
        Some(word) if word.value == "spaces" => b',',
        Some(word) if own => {
            let what = form.map_or("", Form::name);
            document.fault(
                Error::job(format!("`delimiter` cannot be given: {what} defines its own")),
                &word.span,
            );
            return None;
        }
        Some(word) => match word.value.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => *byte,
            _ => {
                let error =
                    Error::job("`delimiter` must be one ASCII character, but not a quote or a line end");
                document.fault(error.hint("or \"spaces\", for any number of spaces and tabs"), &word.span);
                return None;
            }
        },
    };
    let other = files.iter().find(|file| file.shape.sep.is_some_and(|sep| sep != delimiter) && !own);
    if let Some(other) = other {
        let sep = other.shape.sep.map(char::from).unwrap_or_default();
        let span = spec.delimiter.as_ref().map_or(&spec.span, |word| &word.span);
        let error = Error::data(format!(
            "{}: its first line sets the delimiter `{sep}`, but the job reads {:?}",
            other.path.display(),
            char::from(delimiter).to_string()
        ));
        document.fault(error.hint("leave `delimiter` out; or take the line `sep=` out of the file"), span);
        return None;
    }
    Some(FoundLayout { delimiter, names })
}

/// The delimiter that the files tell: by a first line `sep=`, or by their names.
fn by_files(files: &[SourceFile]) -> u8 {
    if let Some(sep) = files.iter().find_map(|file| file.shape.sep) {
        return sep;
    }
    // `.tsv.gz` ends the name of a TSV file too.
    let tabs = |f: &SourceFile| f.path.to_string_lossy().to_lowercase().contains(".tsv");
    if !files.is_empty() && files.iter().all(tabs) { b'\t' } else { b',' }
}
