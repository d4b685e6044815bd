//! The law edit, of a table of a server: after any edit of the job it has the rows that a table has which the edited job
//! has made. The mirror too.

use crate::postgres_lab::PgLab;

/// Each edit goes on from the one before; all of them keep the columns of the table.
const EDITS: [(&str, &str); 7] = [
    ("filter = \"n > 0\"", "filter = \"n > 1\""),
    ("sum(n)", "max(n)"),
    ("max(n)", "sum(n * 2)"),
    ("having = \"total > 0\"", "having = \"total > 6\""),
    ("having = \"total > 6\"", "having = \"total > 0\""),
    ("tumbling = \"1h\"", "tumbling = \"1 day\""),
    ("name = \"first\"", "name = \"second\""),
];

fn job(table: &str, out: &str) -> String {
    format!(
        "name = \"first\"\n[source]\npath = \"in/*.csv\"\ntime = \"at\"\ntypes = {{ n = \"int64\" }}\n\
        [[step]]\nfilter = \"n > 0\"\n\
        [[output]]\npath = \"{out}/archive\"\narchive = true\n\
        [[output]]\npath = \"{table}\"\nmirror = \"{out}/mirror\"\nwindow = {{ tumbling = \"1h\" }}\nby = [\"k\"]\n\
        select = {{ total = \"sum(n)\" }}\nhaving = \"total > 0\"\n"
    )
}

#[test]
fn a_table_of_an_edited_job_has_what_a_new_one_has() {
    let Some(mut pg) = PgLab::new("edited") else { return };
    pg.lab.write(
        "in/a.csv",
        "at,k,n\n2024-06-01T00:00:01Z,a,1\n2024-06-01T00:30:00Z,a,4\n2024-06-01T00:40:00Z,a,2\n2024-06-01T01:00:00Z,a,2\n2024-06-01T01:30:00Z,b,3\n",
    );
    let [edited, fresh] = ["edited", "fresh"].map(|name| pg.table(name));
    let (mut one, mut other) = (job(&edited, "out"), job(&fresh, "new"));
    let mut seen = vec![];
    for edit in std::iter::once(None).chain(EDITS.iter().map(Some)) {
        if let Some((from, to)) = edit {
            assert!(one.contains(from), "{from}");
            (one, other) = (one.replace(from, to), other.replace(from, to));
        }
        pg.lab.write("one.toml", &one);
        pg.lab.write("other.toml", &other);
        let _ = std::fs::remove_dir_all(pg.lab.path("new"));
        pg.rows("DROP TABLE IF EXISTS fresh");
        pg.done(&["run", "one.toml"]);
        pg.done(&["run", "other.toml"]);
        let [found, want] =
            ["edited", "fresh"].map(|name| pg.rows(&format!("SELECT * FROM {name} ORDER BY 1, 3")));
        assert_eq!(found, want, "{edit:?}");
        assert!(pg.lab.data("out") == pg.lab.data("new"), "{edit:?}");
        seen.push(found);
    }
    seen.dedup();
    assert_eq!(seen.len(), EDITS.len(), "all edits but that of the name show");
}
