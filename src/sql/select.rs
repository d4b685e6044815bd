//! One SELECT as its clauses, and how it is written.

use std::fmt::Write;

/// One SELECT, written over lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Select {
    pub columns: Vec<String>,
    pub from: String,
    /// Whole clauses, such as `LEFT JOIN x AS y ON …`.
    pub joins: Vec<String>,
    /// Conditions that all hold.
    pub filters: Vec<String>,
    pub groups: Vec<String>,
    pub order: Vec<String>,
}

impl Select {
    pub fn new<C: Into<String>>(columns: impl IntoIterator<Item = C>, from: impl Into<String>) -> Select {
        let columns = columns.into_iter().map(Into::into).collect();
        Select { columns, from: from.into(), ..Select::default() }
    }

    pub fn join(mut self, clause: impl Into<String>) -> Select {
        self.joins.push(clause.into());
        self
    }

    pub fn filter(mut self, condition: impl Into<String>) -> Select {
        self.filters.push(condition.into());
        self
    }

    pub fn group(mut self, by: impl IntoIterator<Item = String>) -> Select {
        self.groups.extend(by);
        self
    }

    pub fn order(mut self, by: impl IntoIterator<Item = String>) -> Select {
        self.order.extend(by);
        self
    }

    /// How often it reads the relation of this name.
    pub fn reads(&self, name: &str) -> usize {
        let from = usize::from(relation(&self.from) == name);
        from + self.joins.iter().filter(|join| joined(join) == Some(name)).count()
    }

    /// Reads the relation `to` wherever it has read `name`.
    pub fn rename(&mut self, name: &str, to: &str) {
        if relation(&self.from) == name {
            self.from = format!("{to}{}", &self.from[name.len()..]);
        }
        for join in self.joins.iter_mut().filter(|join| joined(join) == Some(name)) {
            *join = join.replacen(&format!("JOIN {name} AS "), &format!("JOIN {to} AS "), 1);
        }
    }

    /// Appends the text, each line after `indent`; what a literal holds stays as it is.
    pub fn write(&self, out: &mut String, indent: &str) {
        // Writing to a String cannot fail, so the result is ignored.
        let mut line = |text: &str| {
            let _ = writeln!(out, "{indent}{text}");
        };
        let width: usize = self.columns.iter().map(|c| c.len() + 2).sum();
        if width <= 90 || self.columns.len() <= 2 {
            line(&format!("SELECT {}", self.columns.join(", ")));
        } else {
            line("SELECT");
            packed(&self.columns).iter().for_each(|columns| line(&format!("  {columns}")));
        }
        if !self.from.is_empty() {
            line(&format!("FROM {}", self.from));
        }
        self.joins.iter().for_each(|join| line(join));
        for (i, condition) in self.filters.iter().enumerate() {
            line(&format!("{} {condition}", if i == 0 { "WHERE" } else { "  AND" }));
        }
        for (words, list) in [("GROUP BY", &self.groups), ("ORDER BY", &self.order)] {
            if !list.is_empty() {
                line(&format!("{words} {}", list.join(", ")));
            }
        }
    }
}

/// The relation of `LEFT JOIN relation AS alias ON …`.
fn joined(join: &str) -> Option<&str> {
    let (_, after) = join.split_once("JOIN ")?;
    after.split_once(" AS ").map(|(relation, _)| relation)
}

/// The columns in lines: names next to one another, each expression in a line of its own.
fn packed(columns: &[String]) -> Vec<String> {
    let (mut lines, mut names): (Vec<String>, bool) = (vec![], false);
    for (i, column) in columns.iter().enumerate() {
        let text = format!("{column}{}", if i + 1 < columns.len() { "," } else { "" });
        let is_name = !column.contains(' ');
        match lines.last_mut() {
            Some(line) if names && is_name && line.len() + text.len() < 100 => {
                line.push(' ');
                line.push_str(&text);
            }
            _ => lines.push(text),
        }
        names = is_name;
    }
    lines
}

/// A common table expression: a name, and the SELECTs whose rows it has.
#[derive(Debug, Clone)]
pub(super) struct Cte {
    pub name: String,
    pub selects: Vec<Select>,
}

/// The relation of a FROM.
pub(super) fn relation(from: &str) -> &str {
    from.split_once(" AS ").map_or(from, |(relation, _)| relation)
}
