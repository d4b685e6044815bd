//! A table as it is: its columns and unique keys, and whether an output fits in it.

use super::fit::{ColumnFit, fit};
use super::spec::PublishSpec;
use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::pg::{TableAddress, quoted, sql_type};
use postgres::Client;

/// What a table is like.
#[derive(Debug)]
pub(super) struct ServerTableShape {
    /// Its name with its schema, as SQL has it.
    pub name: String,
    /// `r` and `p` are tables.
    kind: String,
    columns: Vec<ServerColumn>,
    /// The columns of each unique key, sorted, and whether NULL equals NULL in it.
    unique: Vec<(Vec<String>, bool)>,
}

#[derive(Debug)]
struct ServerColumn {
    name: String,
    ty: String,
    /// Whether a row must give it a value.
    needed: bool,
    generated: bool,
}

/// How a table tells the rows of an output apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UniqueKey {
    /// Not at all.
    Missing,
    /// But for keys with a NULL, which it cannot hold, or holds twice.
    NullsDiffer,
    /// Also where a key is NULL.
    NullsEqual,
}

impl ServerTableShape {
    /// Looks at the table; `None` if it is not there.
    pub fn look(
        client: &mut Client,
        address: &TableAddress,
    ) -> std::result::Result<Option<ServerTableShape>, postgres::Error> {
        // `to_regclass` gives NULL for a missing table, where a cast would fail and end the transaction.
        let table = client.query_opt(
            "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid = to_regclass($1)",
            &[&address.quoted()],
        )?;
        let Some(table) = table else { return Ok(None) };
        let oid: u32 = table.get(0);
        let columns = client.query(
            "SELECT attname::text, format_type(atttypid, atttypmod), \
               attnotnull AND NOT atthasdef AND attidentity = '', attgenerated <> '' \
             FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            &[&oid],
        )?;
        let columns = columns.iter().map(|row| ServerColumn {
            name: row.get(0),
            ty: row.get(1),
            needed: row.get(2),
            generated: row.get(3),
        });
        // `to_jsonb`, as the catalog has that column from version 15 on.
        let unique = client.query(
            "SELECT ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid \
                AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) ORDER BY a.attname::text COLLATE \"C\"), \
               coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) \
             FROM pg_catalog.pg_index i WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate \
               AND i.indpred IS NULL AND i.indexprs IS NULL",
            &[&oid],
        )?;
        Ok(Some(ServerTableShape {
            name: format!("{}.{}", quoted(table.get(1)), quoted(table.get(2))),
            kind: table.get(3),
            columns: columns.collect(),
            unique: unique.iter().map(|row| (row.get(0), row.get(1))).collect(),
        }))
    }

    /// Whether its rows lie in partitions.
    pub fn is_partitioned(&self) -> bool {
        self.kind == "p"
    }

    /// How it tells the rows of `spec` apart.
    pub fn key(&self, spec: PublishSpec) -> UniqueKey {
        let mut key: Vec<&str> = spec.key.iter().map(|&k| spec.schema.fields[k].name.as_str()).collect();
        // The catalog gives the columns sorted, so their order in the index does not matter.
        key.sort_unstable();
        let own = self
            .unique
            .iter()
            .filter(|(columns, _)| columns.iter().map(String::as_str).eq(key.iter().copied()));
        own.fold(UniqueKey::Missing, |best, (_, nulls_equal)| match nulls_equal {
            true => UniqueKey::NullsEqual,
            false if best == UniqueKey::Missing => UniqueKey::NullsDiffer,
            false => best,
        })
    }

    /// The columns of `spec` that take some values alone: each with its type here, and the condition for them.
    pub fn conditions(&self, spec: PublishSpec) -> Vec<(usize, String, String)> {
        let of = |(number, field): (usize, &crate::batch::Field)| {
            let column = self.columns.iter().find(|column| column.name == field.name)?;
            match fit(&column.ty, field.ty, spec.zone.is_some()) {
                ColumnFit::Those(condition) => Some((number, column.ty.clone(), condition)),
                ColumnFit::Every | ColumnFit::LocalTimes | ColumnFit::None => None,
            }
        };
        spec.schema.fields.iter().enumerate().filter_map(of).collect()
    }

    /// Whether every row of `spec` has its place here, as far as the types say.
    ///
    /// # Errors
    /// A job error for each thing that is in the way.
    pub fn fits(&self, spec: PublishSpec) -> Result<()> {
        let url = spec.address.url();
        if !matches!(self.kind.as_str(), "r" | "p") {
            return Err(
                Error::job(format!("{url} exists, but is not a table")).hint("give the output another name")
            );
        }
        let mut wrong = vec![];
        for field in &spec.schema.fields {
            let (name, wanted) = (&field.name, sql_type(field.ty));
            match self.columns.iter().find(|column| column.name == *name) {
                None => {
                    let hint = format!("ALTER TABLE {} ADD COLUMN {} {wanted}", self.name, quoted(name));
                    let names = self.columns.iter().map(|column| column.name.as_str());
                    wrong.push(
                        Error::job(format!("the table {url} has no column `{name}`"))
                            .nearest(name, names)
                            .hint(hint),
                    );
                }
                Some(column) if column.generated => {
                    wrong.push(Error::job(format!(
                        "the column `{name}` of the table {url} is generated there"
                    )));
                }
                Some(column)
                    if matches!(
                        fit(&column.ty, field.ty, spec.zone.is_some()),
                        ColumnFit::None | ColumnFit::LocalTimes
                    ) =>
                {
                    let is = &column.ty;
                    let error = format!(
                        "the column `{name}` of the table {url} is {is}, which cannot hold every {wanted}"
                    );
                    // Without this PostgreSQL would read the old times in the zone of its session.
                    let using = match (is.starts_with("timestamp"), field.ty) {
                        (true, DataType::Timestamp) if !is.ends_with("with time zone") => {
                            format!(" USING {} AT TIME ZONE 'UTC'", quoted(name))
                        }
                        _ => String::new(),
                    };
                    let column = quoted(name);
                    let hint =
                        format!("ALTER TABLE {} ALTER COLUMN {column} TYPE {wanted}{using}", self.name);
                    let mut error = Error::job(error).hint(hint);
                    if fit(is, field.ty, false) == ColumnFit::LocalTimes {
                        error = error.hint("or say whose local times it has: table_timezone = \"UTC\"");
                    }
                    wrong.push(error);
                }
                Some(_) => {}
            }
        }
        for column in &self.columns {
            if column.needed && spec.schema.index_of(&column.name).is_none() {
                let name = &column.name;
                let error = Error::job(format!(
                    "the table {url} needs a value for `{name}`, which the output does not have"
                ));
                let hint = format!(
                    "ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL, or give it a default",
                    self.name,
                    quoted(name)
                );
                wrong.push(error.hint(hint));
            }
        }
        if self.key(spec) == UniqueKey::Missing {
            let names: Vec<&str> = spec.key.iter().map(|&k| spec.schema.fields[k].name.as_str()).collect();
            let error = format!(
                "the table {url} has no unique key of {}, so its rows cannot be identified",
                names.join(", ")
            );
            let names: Vec<String> = names.into_iter().map(quoted).collect();
            let hint = format!("ALTER TABLE {} ADD PRIMARY KEY ({})", self.name, names.join(", "));
            wrong.push(Error::job(error).hint(hint));
        }
        Error::all(wrong).map_or(Ok(()), |error| {
            Err(error
                .hint("or give the output another table: if it does not exist, it is created with the right columns"))
        })
    }
}
