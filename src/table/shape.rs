//! What a table is made of, whatever its format: columns, partitions, order, files.

use super::TableFormat;
use super::value::{TableValue, days};
use crate::batch::{DataType, PartitionPath};
use crate::error::{Error, Result};

/// The columns, partitions and order of a table, as a job describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// The format.
    pub format: TableFormat,
    /// The name of the job, by which tables are told apart.
    pub job: String,
    /// All columns: those of the files, in their order, and those that stand in the folders alone.
    pub columns: Vec<TableColumn>,
    /// How rows are divided among files.
    pub partition: Vec<TablePartition>,
    /// The columns by which the rows of a file are sorted, ascending with NULL first.
    pub sort: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_the_hour_and_the_month() {
        let time =
            |transform, from| TablePartition { name: "t".into(), column: "time".into(), transform, from };
        let hour = FolderValue::Time { year: None, month: None, date: Some(0), hour: Some(2) };
        let month = FolderValue::Time { year: Some(0), month: Some(1), date: None, hour: None };
        let mut shape = TableShape {
            format: TableFormat::Iceberg,
            job: "j".into(),
            columns: vec![TableColumn { name: "k".into(), ty: DataType::String }],
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
