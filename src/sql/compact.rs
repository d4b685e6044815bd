//! Fewer common table expressions: one that a single SELECT reads is written into that SELECT.
//!
//! # Contract
//! * The rows and columns of the statement stay the same. A CTE goes into its reader only where both are plain: the CTE
//!   hands on all columns of one relation, perhaps fewer rows, perhaps more columns; the reader has no join.
//! * A name that the CTE makes cannot be read in the SELECT that makes it. So a CTE stays where its reader computes with
//!   such a name. A reader that only hands the name on gets the expression in its place.
//! * Windows are computed after WHERE: a reader with conditions never takes in a CTE with windows.
//! * Polars gives one row for a SELECT of constants alone, so there a name that is handed on stays a name.
//! * Text is compared as text: a name in a literal is taken for the name, and the CTE stays. This costs lines only.

use super::select::{Cte, Select, relation};
use super::{Dialect, words};

/// Writes each CTE that allows it into its only reader: another CTE, or `last`.
pub(super) fn compact(dialect: Dialect, ctes: &mut Vec<Cte>, last: &mut Select) {
    let mut at = 0;
    while at < ctes.len() {
        // One that went away may let the one before it go too.
        at = match moved(dialect, ctes, last, at) {
            true => at.saturating_sub(1),
            false => at + 1,
        };
    }
}

/// Moves CTE number `at` to where it is read, if that can be done.
fn moved(dialect: Dialect, ctes: &mut Vec<Cte>, last: &mut Select, at: usize) -> bool {
    let Cte { name, selects } = &ctes[at];
    let [inner] = &selects[..] else { return false };
    if !inner.joins.is_empty() || !inner.groups.is_empty() || !inner.order.is_empty() {
        return false;
    }
    let (name, inner) = (name.clone(), inner.clone());
    if inner.columns == ["*"] && inner.filters.is_empty() && alias(&inner.from).is_none() {
        readers(ctes, last, at).for_each(|select| select.rename(&name, &inner.from));
    } else {
        let mut reading = readers(ctes, last, at).filter(|select| select.reads(&name) > 0);
        let (Some(outer), None) = (reading.next(), reading.next()) else { return false };
        let Some(merged) = merged(dialect, outer, (&inner, &name)) else { return false };
        *outer = merged;
    }
    ctes.remove(at);
    true
}

/// The SELECTs after CTE number `at`.
fn readers<'a>(ctes: &'a mut [Cte], last: &'a mut Select, at: usize) -> impl Iterator<Item = &'a mut Select> {
    ctes[at + 1..].iter_mut().flat_map(|cte| cte.selects.iter_mut()).chain(std::iter::once(last))
}

/// `outer`, which reads `inner` by its name, as one SELECT.
fn merged(dialect: Dialect, outer: &Select, (inner, name): (&Select, &str)) -> Option<Select> {
    let outer_alias = alias(&outer.from);
    if relation(&outer.from) != name || outer.reads(name) != 1 || !outer.joins.is_empty() {
        return None;
    }
    let (first, appended) = inner.columns.split_first()?;
    if *first != star(alias(&inner.from)) {
        return None;
    }
    let from = match (outer_alias, alias(&inner.from)) {
        (Some(outer), Some(inner)) if outer != inner => return None,
        (Some(outer), None) => format!("{} AS {outer}", inner.from),
        _ => inner.from.clone(),
    };
    if !outer.filters.is_empty() && appended.iter().any(|column| column.contains(" OVER (")) {
        return None;
    }
    let clauses = || outer.filters.iter().chain(&outer.groups).chain(&outer.order);
    let mut columns = vec![];
    for column in &outer.columns {
        if *column == star(outer_alias) {
            columns.push(column.clone());
            columns.extend(appended.iter().cloned());
        } else if let Some(made) = appended.iter().find(|made| name_of(made) == Some(column)) {
            // Grouped rows have no such column any more, and ORDER BY would sort by what the name stands for.
            if !outer.groups.is_empty() || dialect == Dialect::Polars {
                return None;
            }
            columns.push(made.clone());
        } else {
            columns.push(column.clone());
        }
    }
    for made in appended {
        let made = name_of(made)?;
        let handed_on = |column: &String| column == made || *column == star(outer_alias);
        let computing = outer.columns.iter().filter(|column| !handed_on(column));
        if computing.chain(clauses()).any(|text| mentions(text, made)) {
            return None;
        }
    }
    let mut filters: Vec<String> = inner.filters.iter().chain(&outer.filters).cloned().collect();
    if filters.len() > 1 {
        // AND binds them together, and an OR would fall apart.
        filters.iter_mut().filter(|f| f.contains(" OR ")).for_each(|f| *f = words::closed(f));
    }
    Some(Select { columns, from, filters, ..outer.clone() })
}

/// All columns of the only relation of a SELECT.
fn star(alias: Option<&str>) -> String {
    alias.map_or_else(|| "*".into(), |alias| format!("{alias}.*"))
}

/// The alias of a FROM.
fn alias(from: &str) -> Option<&str> {
    from.split_once(" AS ").map(|(_, alias)| alias)
}

/// The name that `expression AS name` has.
fn name_of(column: &str) -> Option<&str> {
    let (mut quote, mut depth, mut name) = (None, 0i32, None);
    for (at, c) in column.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ' ') if depth == 0 && column[at..].starts_with(" AS ") => name = Some(&column[at + 4..]),
            _ => {}
        }
    }
    name
}

/// Whether `text` has `name` as a word.
fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let apart = !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word);
        apart || !name.starts_with(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cte(name: &str, select: Select) -> Cte {
        Cte { name: name.into(), selects: vec![select] }
    }

    /// The CTEs that stay, and the columns and conditions of the last SELECT.
    fn compacted(mut ctes: Vec<Cte>, mut last: Select) -> (Vec<String>, Vec<String>, Vec<String>) {
        compact(Dialect::DuckDb, &mut ctes, &mut last);
        (ctes.into_iter().map(|cte| cte.name).collect(), last.columns, last.filters)
    }

    #[test]
    fn conditions_and_columns_go_into_the_reader() {
        let ctes = vec![
            cte("events", Select::new(["*"], "source")),
            cte("filter_1", Select::new(["*"], "events").filter("a > 0")),
            cte("derive_2", Select::new(["*", "a + 1 AS b"], "filter_1")),
            cte("filter_3", Select::new(["*"], "derive_2").filter("c < 9")),
        ];
        let (names, columns, filters) = compacted(ctes, Select::new(["a", "b"], "filter_3"));
        assert!(names.is_empty(), "{names:?}");
        assert_eq!(columns, ["a", "a + 1 AS b"]);
        assert_eq!(filters, ["a > 0", "c < 9"]);
    }

    #[test]
    fn a_name_is_not_read_where_it_is_made() {
        let made = || vec![cte("made", Select::new(["*", "a + 1 AS b"], "source"))];
        assert_eq!(compacted(made(), Select::new(["*", "b * 2 AS c"], "made")).0, ["made"]);
        assert_eq!(compacted(made(), Select::new(["*"], "made").filter("b > 2")).0, ["made"]);
        assert_eq!(compacted(made(), Select::new(["b"], "made").order(["b".to_string()])).0, ["made"]);
        // Another name that begins alike is another name.
        assert!(compacted(made(), Select::new(["*", "bb * 2 AS c"], "made")).0.is_empty());
        // What nobody reads is not made.
        assert_eq!(compacted(made(), Select::new(["a"], "made")).1, ["a"]);
    }

    #[test]
    fn windows_stay_before_conditions() {
        let window = "ROW_NUMBER() OVER (ORDER BY a) AS n";
        let ctes = || vec![cte("numbered", Select::new(["*", window], "source").filter("a > 0"))];
        assert_eq!(compacted(ctes(), Select::new(["*"], "numbered").filter("c > 0")).0, ["numbered"]);
        assert!(compacted(ctes(), Select::new(["*", "a + 1 AS c"], "numbered")).0.is_empty());
    }

    #[test]
    fn conditions_that_an_or_parts_are_closed() {
        let ctes = vec![
            cte("one", Select::new(["*"], "source").filter("a > 0 OR b > 0")),
            cte("two", Select::new(["*"], "one").filter("(a < 9) OR (b < 9)")),
        ];
        let filters = compacted(ctes, Select::new(["a"], "two").filter("c > 0")).2;
        assert_eq!(filters, ["(a > 0 OR b > 0)", "((a < 9) OR (b < 9))", "c > 0"]);
        // One alone stays as it is written.
        let ctes = vec![cte("one", Select::new(["*"], "source").filter("a > 0 OR b > 0"))];
        assert_eq!(compacted(ctes, Select::new(["a"], "one")).2, ["a > 0 OR b > 0"]);
    }

    #[test]
    fn what_is_read_twice_stays() {
        let ctes = vec![
            cte("made", Select::new(["*", "a + 1 AS b"], "source")),
            cte("low", Select::new(["MIN(a) AS low"], "made")),
        ];
        let last = Select::new(["e.*"], "made AS e").join("CROSS JOIN low AS l");
        assert_eq!(compacted(ctes, last).0, ["made", "low"]);
    }

    #[test]
    fn a_name_comes_after_the_last_as_outside_of_quotes() {
        assert_eq!(name_of("CAST(x AS INT) AS \"a AS b\""), Some("\"a AS b\""));
        assert_eq!(name_of("CAST(x AS INT)"), None);
        assert_eq!(name_of("' AS n' AS m"), Some("m"));
    }
}
