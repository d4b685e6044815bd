//! What a table is made of, whatever its format: columns, partitions, order, files.

use super::format::TableFormat;
use super::value::{TableValue, days};
use crate::batch::{DataType, PartitionPath};
use crate::error::{Error, Result};
use crate::time::{DAY, HOUR, civil_from_days};
use std::collections::BTreeMap;

/// The columns, partitions and order of a table, as a job describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// The format.
    pub format: TableFormat,
    /// The name of the job, by which tables are told apart.
    pub job: String,
    /// All columns: those of the files, in their order, and those that stand in the folders alone.
    pub columns: Vec<TableField>,
    /// How rows are divided among files.
    pub partition: Vec<TablePartition>,
    /// The columns by which the rows of a file are sorted, ascending with NULL last.
    pub sort: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableField {
    /// Its name in the files.
    pub name: String,
    /// Its name in the table, where that of the files is reserved: readers of Iceberg go by ids, so the two may differ.
    pub shown: String,
    /// Its type.
    pub ty: DataType,
}

/// One field of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePartition {
    /// Its name.
    pub name: String,
    /// The column that it is of.
    pub column: String,
    /// What is done to the value of the column.
    pub transform: Transform,
    /// Where its value stands in the path of a file.
    pub from: FolderValue,
}

/// From a value of a column to that of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// The value itself.
    Identity,
    /// Years since 1970, UTC.
    Year,
    /// Months since 1970, UTC.
    Month,
    /// The day, UTC.
    Day,
    /// Hours since 1970, UTC.
    Hour,
}

/// Which folders of a path give the value of a partition, counted from the outermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderValue {
    /// The value of one folder.
    Text(usize),
    /// A time of which the folders have some units.
    Time {
        /// The folder `year=…`.
        year: Option<usize>,
        /// The folder `month=…`.
        month: Option<usize>,
        /// The folder `date=…`.
        date: Option<usize>,
        /// The folder `hour=…`.
        hour: Option<usize>,
    },
}

/// A file of a table, as a commit names it.
#[derive(Debug, Clone)]
pub struct TableFile {
    /// Its path below the folder of parts.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// What is known of its columns; none of a file that the table has already.
    pub statistics: Vec<PartStatistics>,
}

/// What a file has in one column.
#[derive(Debug, Clone, PartialEq)]
pub struct PartStatistics {
    /// The id of the column.
    pub id: i32,
    /// Bytes of the column in the file.
    pub bytes: i64,
    /// Values, NULLs among them.
    pub values: i64,
    /// NULLs, where they were counted.
    pub nulls: Option<i64>,
    /// A value that none is below.
    pub lower: Option<TableValue>,
    /// A value that none is above.
    pub upper: Option<TableValue>,
}

/// Names of columns that Iceberg's readers have for themselves.
const RESERVED: [&str; 8] = [
    "_file",
    "_pos",
    "_deleted",
    "_spec_id",
    "_partition",
    "_change_type",
    "_change_ordinal",
    "_commit_snapshot_id",
];

impl TableField {
    /// A column of this name in the files of a table whose files also have the columns `others`.
    pub fn new(format: TableFormat, name: &str, ty: DataType, others: &[&str]) -> TableField {
        let mut shown = name.to_string();
        // Readers of Delta Lake find columns by their names in files.
        if format == TableFormat::Iceberg && RESERVED.contains(&name) {
            shown = format!("{}_", name.trim_start_matches('_'));
            while others.contains(&shown.as_str()) {
                shown.push('_');
            }
        }
        TableField { name: name.to_string(), shown, ty }
    }
}

impl TableShape {
    /// The type of the column `name`.
    pub fn type_of(&self, name: &str) -> Option<DataType> {
        self.columns.iter().find(|column| column.name == name).map(|column| column.ty)
    }

    /// The values of the partition of the file at `path`.
    ///
    /// # Errors
    /// A fault: the path is not one that this shape gives.
    pub fn partition_of(&self, path: &str) -> Result<Vec<Option<TableValue>>> {
        let folders: Vec<Option<String>> = PartitionPath::of_file(path).values().collect();
        let value = |partition: &TablePartition| {
            let wrong =
                || Error::fault(format!("the path {path} does not tell the partition `{}`", partition.name));
            match &partition.from {
                FolderValue::Text(at) => {
                    let ty = self.type_of(&partition.column).ok_or_else(wrong)?;
                    let text = folders.get(*at).ok_or_else(wrong)?;
                    text.as_ref().map(|text| TableValue::of_folder(text, ty).ok_or_else(wrong)).transpose()
                }
                FolderValue::Time { year, month, date, hour } => {
                    let text = |at: &Option<usize>| folders.get((*at)?)?.as_deref();
                    let number = |at| text(at)?.parse::<i32>().ok();
                    let day = || days(text(date)?);
                    let value = match partition.transform {
                        Transform::Hour => {
                            day().zip(number(hour)).map(|(day, hour)| TableValue::Int(day * 24 + hour))
                        }
                        Transform::Month => number(year)
                            .zip(number(month))
                            .map(|(year, month)| TableValue::Int((year - 1970) * 12 + month - 1)),
                        Transform::Year => number(year).map(|year| TableValue::Int(year - 1970)),
                        Transform::Day | Transform::Identity => day().map(TableValue::Date),
                    };
                    value.map(Some).ok_or_else(wrong)
                }
            }
        };
        self.partition.iter().map(value).collect()
    }
}

impl TableShape {
    /// Checks that the rows of `file` are of this partition, by the bounds of the columns that it is computed of: readers skip
    /// a file by its partition, so a wrong one would hide rows.
    ///
    /// # Errors
    /// A fault: they are not.
    pub fn is_partition_of(
        &self,
        partition: &[Option<TableValue>],
        file: &TableFile,
        ids: &BTreeMap<String, i32>,
    ) -> Result<()> {
        for (field, value) in self.partition.iter().zip(partition) {
            if field.transform == Transform::Identity || file.rows == 0 {
                continue;
            }
            let id = ids.get(&field.column);
            let column = file.statistics.iter().find(|column| Some(&column.id) == id);
            let of = |bound: &Option<TableValue>| field.transform.of(bound.as_ref()?);
            let right = column.is_some_and(|column| {
                column.nulls == Some(0) && of(&column.lower) == *value && of(&column.upper) == *value
            });
            if !right {
                return Err(Error::fault(format!(
                    "rows of {} have other values of `{}` than the partition `{}` says",
                    file.path, field.column, field.name
                )));
            }
        }
        Ok(())
    }
}

impl Transform {
    /// What becomes of an instant.
    fn of(self, value: &TableValue) -> Option<TableValue> {
        let TableValue::Time(instant) = value else { return None };
        let days = instant.div_euclid(DAY);
        let (year, month, _) = civil_from_days(days);
        let int = |value: i64| i32::try_from(value).ok().map(TableValue::Int);
        match self {
            Transform::Identity => Some(value.clone()),
            Transform::Year => int(year - 1970),
            Transform::Month => int((year - 1970) * 12 + i64::from(month) - 1),
            Transform::Day => i32::try_from(days).ok().map(TableValue::Date),
            Transform::Hour => int(instant.div_euclid(HOUR)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_another_hour_are_noticed() {
        let field = TablePartition {
            name: "h".into(),
            column: "t".into(),
            transform: Transform::Hour,
            from: FolderValue::Text(0),
        };
        let shape = TableShape {
            format: TableFormat::Iceberg,
            job: "j".into(),
            columns: vec![],
            partition: vec![field],
            sort: vec![],
        };
        let ids = BTreeMap::from([("t".to_string(), 1)]);
        let right = |first, last, nulls| {
            let (lower, upper) = (Some(TableValue::Time(first)), Some(TableValue::Time(last)));
            let column = PartStatistics { id: 1, bytes: 1, values: 2, nulls, lower, upper };
            let file = TableFile { path: "p".into(), rows: 2, bytes: 1, statistics: vec![column] };
            shape.is_partition_of(&[Some(TableValue::Int(-1))], &file, &ids).is_ok()
        };
        assert!(right(-HOUR, -1, Some(0)));
        assert!(!right(-HOUR, 0, Some(0)) && !right(-HOUR - 1, -1, Some(0)));
        assert!(!right(-HOUR, -1, Some(1)) && !right(-HOUR, -1, None));
    }

    #[test]
    fn reserved_names_are_others_in_the_table() {
        let shown = |name, others: &[&str]| {
            TableField::new(TableFormat::Iceberg, name, DataType::String, others).shown
        };
        assert_eq!(shown("_file", &[]), "file_");
        assert_eq!(shown("_file", &["file_", "file__"]), "file___");
        assert_eq!(shown("_place", &[]), "_place");
    }

    #[test]
    fn folders_tell_the_hour_and_the_month() {
        let time =
            |transform, from| TablePartition { name: "t".into(), column: "time".into(), transform, from };
        let hour = FolderValue::Time { year: None, month: None, date: Some(0), hour: Some(2) };
        let month = FolderValue::Time { year: Some(0), month: Some(1), date: None, hour: None };
        let mut shape = TableShape {
            format: TableFormat::Iceberg,
            job: "j".into(),
            columns: vec![TableField::new(TableFormat::Iceberg, "k", DataType::String, &[])],
            partition: vec![
                time(Transform::Hour, hour),
                TablePartition {
                    name: "k".into(),
                    column: "k".into(),
                    transform: Transform::Identity,
                    from: FolderValue::Text(1),
                },
            ],
            sort: vec![],
        };
        assert_eq!(
            shape.partition_of("date=1970-01-02/k=a%2Fb/hour=03/x.parquet").unwrap(),
            [Some(TableValue::Int(27)), Some(TableValue::Text("a/b".into()))]
        );
        assert_eq!(
            shape.partition_of("date=1969-12-31/k=__HIVE_DEFAULT_PARTITION__/hour=23/x.parquet").unwrap(),
            [Some(TableValue::Int(-1)), None]
        );
        assert!(shape.partition_of("x.parquet").is_err());
        shape.partition = vec![time(Transform::Month, month)];
        assert_eq!(shape.partition_of("year=1971/month=02/x.parquet").unwrap(), [Some(TableValue::Int(13))]);
    }
}
