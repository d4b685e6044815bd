//! The text of the job: what was guessed, with the reasons as comments.

use super::guess::{JobGuess, length};
use super::look::Looked;
use super::when::day;
use super::words::quoted;
use crate::batch::DataType;
use crate::input::InputFormat;
pub(super) use crate::input::value::basic;
use crate::input::value::{grouped, shown};
use crate::input::written::ValueFormat;
use crate::time::TimeRule;
use std::collections::HashSet;
use std::fmt::Write;

/// The name of a job for these files: that of the one file, or of the folder that they are in.
pub fn job_name(looked: &Looked) -> String {
    let folder = |path: &std::path::Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.filter(|name| !name.starts_with('.'))
    };
    let first = &looked.files[0];
    let name = match (looked.files.len(), looked.paths.as_slice()) {
        (1, [path]) if path.as_str() == first.to_string_lossy() => {
            let name = first.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            // The first character is passed over: the name of a hidden file begins with the point.
            let end = name.char_indices().skip(1).find(|(_, c)| *c == '.').map_or(name.len(), |(at, _)| at);
            Some(name[..end].to_string())
        }
        (_, [path]) if std::path::Path::new(path).is_dir() => {
            // A path such as `.` has its name only when it is resolved.
            let whole = std::fs::canonicalize(path).ok();
            whole.as_deref().and_then(folder)
        }
        _ => first.parent().and_then(folder),
    };
    // The members of an archive are named by it.
    let name = name.map(|name| name.strip_suffix(".zip").unwrap_or(&name).to_string());
    slug(&name.unwrap_or_default(), '-', "log")
}

/// A name of letters, digits and `joint`.
fn slug(name: &str, joint: char, otherwise: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(60) {
        match c.is_ascii_alphanumeric() {
            true => out.push(c.to_ascii_lowercase()),
            false if !out.is_empty() && !out.ends_with(joint) => out.push(joint),
            false => {}
        }
    }
    let out = out.trim_end_matches(joint).to_string();
    if out.is_empty() { otherwise.to_string() } else { out }
}

/// A key as TOML has it.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
    if bare { name.to_string() } else { basic(name) }
}

/// An expression, in the quotes that need the fewest escapes.
fn sql(expression: &str) -> String {
    let literal = |quotes: &str| {
        // A quote before those that end a literal of TOML would be taken for one of them.
        let inside = !expression.contains(quotes) && !expression.ends_with('\'');
        inside && !expression.chars().any(char::is_control)
    };
    match expression.contains(['"', '\\']) {
        true if literal("'") => format!("'{expression}'"),
        true if literal("'''") => format!("'''{expression}'''"),
        _ => basic(expression),
    }
}

/// A name in a comment: on one line.
fn name_in_comment(name: &str) -> String {
    shown(name.as_bytes())
}

/// A line of the job file with its comment.
struct JobLines(String);

impl JobLines {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.0, "{line}");
    }

    fn with(&mut self, line: &str, comment: &str) {
        let width = line.chars().count();
        match comment.is_empty() {
            true => self.line(line),
            false if width < 40 => self.line(&format!("{line:40} # {comment}")),
            false => {
                self.line(&format!("# {comment}"));
                self.line(line);
            }
        }
    }
}

/// The job file.
pub fn job(name: &str, looked: &Looked, guess: &JobGuess) -> String {
    let mut out = JobLines(String::new());
    let of = match looked.sampled {
        true => format!("a sample of {} records", grouped(looked.records)),
        false => format!("all {} records", grouped(looked.records)),
    };
    out.line("# Written by `highwater init`, which guesses: the comments say why. Correct what is wrong;");
    out.line(&format!(
        "# only `init --force` writes over this file. It looked at {of}, {} to {}.",
        day(guess.range.first),
        day(guess.range.last)
    ));
    out.line(&format!("name = {}", basic(name)));
    out.with("# timezone = \"Europe/London\"", "for times without an offset and for days; without it UTC");
    out.line("");
    source(&mut out, looked, guess);
    steps(&mut out, looked, guess);
    outputs(&mut out, name, looked, guess);
    out.0
}

fn source(out: &mut JobLines, looked: &Looked, guess: &JobGuess) {
    out.line("[source]");
    match looked.paths.as_slice() {
        [path] => out.line(&format!("path = {}", basic(path))),
        paths => {
            out.line("path = [");
            paths.iter().for_each(|path| out.line(&format!("    {},", basic(path))));
            out.line("]");
        }
    }
    if let Some(word) = looked.shape.format {
        out.with(&format!("format = {}", basic(word)), "the lines are those of a web server's log");
    } else if looked.unnamed {
        let format = match looked.format {
            InputFormat::Csv => "csv",
            InputFormat::JsonLines => "jsonl",
            InputFormat::Parquet => "parquet",
            InputFormat::Avro => "avro",
        };
        out.with(&format!("format = \"{format}\""), "the names of the files do not show it");
    }
    if let Some(pointer) = &looked.records_at {
        out.with(
            &format!("records = {}", basic(pointer)),
            "each file is one object with this list of objects in it",
        );
    }
    if let Some(delimiter) = looked.delimiter {
        out.line(&format!("delimiter = {}", basic(&(delimiter as char).to_string())));
    }
    for (line, why) in &looked.shape.lines {
        out.with(line, why);
    }
    if let Some(names) = looked.names.as_ref().filter(|_| looked.shape.format.is_none()) {
        let names: Vec<String> = names.iter().map(|name| basic(name)).collect();
        out.line("# The first line is a record and has no names: give the columns better ones.");
        out.line(&format!("columns = [{}]", names.join(", ")));
    }
    let time = match &guess.parts {
        Some(parts) => sql(&parts.sql),
        None => basic(&looked.columns[guess.time].name),
    };
    out.with(&format!("time = {time}"), &format!("the event time: {}", guess.time_why));
    match &guess.rule {
        TimeRule::Epoch(unit) => out.line(&format!("time_unit = {}", basic(unit.name()))),
        TimeRule::Format(format) => {
            let comment = match &guess.either {
                Some(other) => format!(
                    "or {}: the values do not show which is the day and which the month",
                    basic(other)
                ),
                None => String::new(),
            };
            out.with(&format!("time_format = {}", basic(format.text())), &comment);
        }
        rule @ TimeRule::AnyOf(_) => {
            let key = if rule.tried_units().is_empty() { "time_format" } else { "time_unit" };
            let all: Vec<String> = rule.words().into_iter().map(basic).collect();
            out.line(&format!("{key} = [{}]", all.join(", ")));
        }
        TimeRule::Iso | TimeRule::Untimed => {}
    }
    if !guess.other_times.is_empty() {
        let others: Vec<String> = guess.other_times.iter().map(|name| name_in_comment(name)).collect();
        out.line(&format!("# other columns with times: {}", others.join(", ")));
    }
    if let Some(why) = &guess.reject {
        out.with("on_bad_record = \"reject\"", &name_in_comment(why));
    }
    if !(guess.types.is_empty() && looked.partition_columns.is_empty()) {
        out.line("");
        out.line("[source.types]");
        for (i, ty, why) in &guess.types {
            let ty = basic(&ty.to_string());
            out.with(&format!("{} = {ty}", key(&looked.columns[*i].name)), why);
        }
        for (name, value) in &looked.partition_columns {
            let why = format!(
                "from folder names, such as {}; remove the first # to read it",
                name_in_comment(&format!("{name}={value}"))
            );
            out.with(&format!("# {} = \"string\"", key(name)), &why);
        }
    }
    written(out, looked, guess);
    out.line("");
}

/// How the values of the columns that the job uses are written.
fn written(out: &mut JobLines, looked: &Looked, guess: &JobGuess) {
    let used = |i: &usize| guess.uses(*i);
    let columns = (0..looked.columns.len()).filter(used).map(|i| &looked.columns[i]);
    let mut first = true;
    for column in columns {
        let Some(written) = column.written.as_ref().or(column.open.first()) else { continue };
        if std::mem::take(&mut first) {
            out.line("");
            out.line("[source.written]");
        }
        if column.written.is_none() {
            let line = format!("# {} = {{ {} }}", key(&column.name), settings(written));
            out.with(&line, "if they are written like this: the values do not show it");
            continue;
        }
        let comment = match column.open.first() {
            Some(other) => format!("or {{ {} }}: the values do not show which", settings(other)),
            None => String::new(),
        };
        out.with(&format!("{} = {{ {} }}", key(&column.name), settings(written)), &comment);
    }
}

/// The keys of `written`.
pub fn settings(written: &ValueFormat) -> String {
    let list = |words: &[String]| words.iter().map(|word| basic(word)).collect::<Vec<_>>().join(", ");
    let mark = |mark: char| basic(&mark.to_string());
    let mut keys: Vec<String> = vec![];
    keys.extend(written.decimal.map(|c| format!("decimal = {}", mark(c))));
    keys.extend(written.thousands.map(|c| format!("thousands = {}", mark(c))));
    keys.extend((!written.units.is_empty()).then(|| format!("units = [{}]", list(&written.units))));
    keys.extend(written.accounting.then(|| "accounting = true".to_string()));
    keys.extend((!written.null.is_empty()).then(|| format!("null = [{}]", list(&written.null))));
    keys.extend(written.trim.then(|| "trim = true".to_string()));
    keys.join(", ")
}

/// Names of columns that are added, and of those of outputs.
struct NamePool {
    taken: HashSet<String>,
}

impl NamePool {
    /// The name, or one like it that is not taken.
    fn free(&mut self, wanted: String) -> String {
        let mut name = wanted.clone();
        let mut number = 2;
        // Some engines take names that differ in case alone for one column.
        while !self.taken.insert(name.to_lowercase()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

/// The names of decimals that floats of a file with types are cast to.
fn cast_names(looked: &Looked, guess: &JobGuess) -> Vec<(usize, String, DataType)> {
    let mut names =
        NamePool { taken: looked.columns.iter().map(|column| column.name.to_lowercase()).collect() };
    if let Some(product) = &guess.product {
        // The product becomes a column too, so that its name is taken.
        names.free(product.name.clone());
    }
    let casts = guess.amounts.iter().filter_map(|amount| Some((amount.column, amount.cast?)));
    casts
        .map(|(i, ty)| (i, names.free(format!("{}_exact", slug(&looked.columns[i].name, '_', "value"))), ty))
        .collect()
}

fn steps(out: &mut JobLines, looked: &Looked, guess: &JobGuess) {
    for (i, name, ty) in cast_names(looked, guess) {
        let cast = format!("CAST({} AS {})", quoted(&looked.columns[i].name), ty.to_string().to_uppercase());
        out.with("[[step]]", "floats as decimals, so that their sum is exact");
        out.line(&format!("derive = {{ {} = {} }}", key(&name), sql(&cast)));
        out.line("");
    }
    if let Some(product) = &guess.product {
        out.with("[[step]]", "what one costs, times how many");
        out.line(&format!("derive = {{ {} = {} }}", key(&product.name), sql(&product.sql)));
        out.line("");
    }
}

fn outputs(out: &mut JobLines, name: &str, looked: &Looked, guess: &JobGuess) {
    let by = guess.key.map(|i| looked.columns[i].name.as_str());
    // The output has these columns already.
    let taken = ["window_start", "window_end"].into_iter().chain(by).map(str::to_lowercase).collect();
    let mut names = NamePool { taken };
    let casts = cast_names(looked, guess);
    let mut select = vec![(names.free("events".into()), "count(*)".to_string())];
    let mut top = select[0].0.clone();
    if let Some(product) = &guess.product {
        top = names.free(format!("{}_sum", product.name));
        select.push((top.clone(), format!("sum({})", quoted(&product.name))));
    }
    for amount in &guess.amounts {
        let column = &looked.columns[amount.column].name;
        let name = slug(column, '_', "value");
        let exact = casts.iter().find(|(i, _, _)| *i == amount.column).map(|(_, name, _)| name);
        let of = quoted(exact.unwrap_or(column));
        if amount.sum {
            let sum = names.free(format!("{name}_sum"));
            if select.len() == 1 {
                top = sum.clone();
            }
            select.push((sum, format!("sum({of})")));
        } else {
            select.push((names.free(format!("{name}_min")), format!("min({of})")));
            select.push((names.free(format!("{name}_max")), format!("max({of})")));
        }
    }
    if let Some(i) = guess.counted {
        let column = &looked.columns[i].name;
        let counted = names.free(format!("distinct_{}", slug(column, '_', "value")));
        select.push((counted, format!("count(distinct {})", quoted(column))));
    }
    let others: Vec<String> = guess
        .other_keys
        .iter()
        .map(|(i, many)| format!("{} ({many})", name_in_comment(&looked.columns[*i].name)))
        .collect();
    let group = |out: &mut JobLines, all: bool| {
        if let Some(by) = by {
            out.with(&format!("by = [{}]", basic(by)), if all { &guess.key_why } else { "" });
            if all && !others.is_empty() {
                out.line(&format!("# or by: {}", others.join(", ")));
            }
        }
    };
    // The last of an output: what follows the head of a table is of that table.
    let selected = |out: &mut JobLines| {
        let pairs = select.iter().map(|(name, expression)| format!("{} = {}", key(name), sql(expression)));
        let pairs: Vec<String> = pairs.collect();
        let line = format!("select = {{ {} }}", pairs.join(", "));
        match line.chars().count() <= 110 {
            true => out.line(&line),
            false => {
                out.line("[output.select]");
                pairs.iter().for_each(|pair| out.line(pair));
            }
        }
    };
    out.with("[[output]]", "Parquet; a path that ends in .csv or .jsonl is one file");
    out.line(&format!("path = {}", basic(&format!("out/{name}"))));
    let why = format!("the log spans {}", length(guess.range.last - guess.range.first));
    out.with(&format!("window = {{ tumbling = {} }}", basic(guess.window)), &why);
    group(out, true);
    // A partition holds many windows: a folder for each would make thousands of small files.
    let parts = match guess.window {
        "1s" | "1m" | "15m" | "1h" => "[\"date\"]",
        "1 day" => "[\"year\", \"month\"]",
        _ => "[\"year\"]",
    };
    out.line(&format!("partition_by = {parts}"));
    selected(out);
    out.line("");
    match by {
        Some(_) => {
            out.with("[[output]]", "the first ten of all, on the terminal");
            out.line("path = \"-\"");
            out.line("window = \"global\"");
            group(out, false);
            out.line(&format!("top = {{ n = 10, by = {} }}", basic(&format!("{top} desc"))));
            selected(out);
        }
        None => {
            out.with("[[output]]", "the same on the terminal, of which the first rows are shown");
            out.line("path = \"-\"");
            out.line(&format!("window = {{ tumbling = {} }}", basic(guess.window)));
            selected(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_toml() {
        for name in ["plain", "two words", "q\"uo\\te", "new\nline", "ü.x", "", "'", "#"] {
            let line = format!("{} = {}", key(name), basic(name));
            let table: toml::Table = line.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(table.get(name).and_then(|v| v.as_str()), Some(name), "{line}");
            let line = format!("x = {}", sql(&format!("sum({})", quoted(name))));
            let table: toml::Table = line.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(table["x"].as_str(), Some(format!("sum({})", quoted(name)).as_str()));
        }
    }

    #[test]
    fn slugs_are_names() {
        assert_eq!(slug("Online Retail (1)", '-', "log"), "online-retail-1");
        assert_eq!(slug("日本", '_', "value"), "value");
    }
}
