//! Which partition folder a row belongs to.

use crate::batch::{DataType, PartitionPath, partition_folder};
use crate::error::{Error, Result};
use crate::group::KeyCodes;
use crate::time::{DAY, HOUR, Zone, civil_from_days};
use arrow_array::ArrayRef;
use arrow_cast::display::array_value_to_string;
use hashbrown::HashMap;

/// One level of partition folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionPart {
    /// `year=2024`, of the window start or event time in the job's zone, as the next three.
    Year,
    /// `month=02`.
    Month,
    /// `date=2024-02-29`.
    Date,
    /// `hour=13`.
    Hour,
    /// `name=value` of a column of the output.
    Column(usize),
    /// A stretch of so many microseconds, counted from 1970 UTC; their paths sort as time does. Never a folder: rows that
    /// become one stream are sorted stretch by stretch.
    Stretch(i64),
}

impl PartitionPart {
    /// The part of event time that a word of `partition_by` names, if it names one.
    pub fn of_time(name: &str) -> Option<PartitionPart> {
        Some(match name {
            "year" => PartitionPart::Year,
            "month" => PartitionPart::Month,
            "date" => PartitionPart::Date,
            "hour" => PartitionPart::Hour,
            _ => return None,
        })
    }
}

/// Gives the rows' partitions numbers from 0, in order of appearance, and knows their paths.
pub struct Partitioner {
    parts: Vec<PartitionPart>,
    names: Vec<String>,
    zone: Zone,
    finest: Option<PartitionPart>,
    keys: KeyCodes,
    has_keys: bool,
    index: HashMap<(i64, u32), u32, foldhash::fast::FixedState>,
    /// Two buckets can have one path: `hour` alone names that hour of every day.
    by_path: HashMap<PartitionPath, u32, foldhash::fast::FixedState>,
    paths: Vec<PartitionPath>,
    codes: Vec<u32>,
}

impl Partitioner {
    /// A partitioner by `parts`; `columns` are the names and types of the columns that parts of kind
    /// [`PartitionPart::Column`] stand for, in the same order.
    pub fn new(parts: &[PartitionPart], columns: &[(String, DataType)], zone: &Zone) -> Partitioner {
        use PartitionPart::{Date, Hour, Month, Year};
        // The finest part decides the bucket, and the coarser ones follow from it.
        let stretch = parts.iter().copied().find(|part| matches!(part, PartitionPart::Stretch(_)));
        let finest = stretch.or_else(|| [Hour, Date, Month, Year].into_iter().find(|p| parts.contains(p)));
        let types: Vec<DataType> = columns.iter().map(|c| c.1).collect();
        Partitioner {
            parts: parts.to_vec(),
            names: columns.iter().map(|c| c.0.clone()).collect(),
            zone: zone.clone(),
            finest,
            keys: KeyCodes::new(&types),
            has_keys: !columns.is_empty(),
            index: HashMap::default(),
            by_path: HashMap::default(),
            paths: vec![],
            codes: vec![],
        }
    }

    /// Appends the partition of each row to `out`; `columns` are those that parts stand for.
    ///
    /// # Errors
    /// A data error where a value cannot be a folder's name.
    pub fn assign(&mut self, times: &[i64], columns: &[&ArrayRef], out: &mut Vec<u32>) -> Result<()> {
        let mut codes = std::mem::take(&mut self.codes);
        self.keys.encode(columns, times.len(), &mut codes);
        // Rows of one partition often follow one another, so the last one is looked at first.
        let mut last = (i64::MIN, u32::MAX, 0);
        for (row, &time) in times.iter().enumerate() {
            let bucket = self.bucket(time);
            let code = if self.has_keys { codes[row] } else { 0 };
            // The first row of all must not pass for one of the bucket that `last` begins with.
            if (bucket, code) != (last.0, last.1) || self.paths.is_empty() {
                let index = match self.index.get(&(bucket, code)) {
                    Some(&index) => index,
                    None => {
                        let index = self.number(self.path(bucket, columns, row)?);
                        self.index.insert((bucket, code), index);
                        index
                    }
                };
                last = (bucket, code, index);
            }
            out.push(last.2);
        }
        self.codes = codes;
        Ok(())
    }

    /// The number of the partition at `path`, a new one if need be.
    fn number(&mut self, path: PartitionPath) -> u32 {
        let next = self.paths.len() as u32;
        *self.by_path.entry(path).or_insert_with_key(|path| {
            self.paths.push(path.clone());
            next
        })
    }

    /// The path of a partition.
    pub fn path_of(&self, partition: u32) -> &PartitionPath {
        &self.paths[partition as usize]
    }

    /// The local hour, day, month or year of an instant, as a number.
    #[inline]
    fn bucket(&mut self, time: i64) -> i64 {
        let Some(finest) = self.finest else { return 0 };
        if let PartitionPart::Stretch(length) = finest {
            // Not in the job's zone: where clocks are put back, a local day begins again after the next one began.
            return time.div_euclid(length);
        }
        // In the job's zone: both hours at the end of summer time are one folder.
        let local = self.zone.local(time);
        match finest {
            // Before 1970 instants are negative, and a plain division would round them up.
            PartitionPart::Hour => local.div_euclid(HOUR),
            PartitionPart::Date => local.div_euclid(DAY),
            part => {
                let (year, month, _) = civil_from_days(local.div_euclid(DAY));
                if part == PartitionPart::Year { year } else { year * 12 + i64::from(month) - 1 }
            }
        }
    }

    fn path(&self, bucket: i64, columns: &[&ArrayRef], row: usize) -> Result<PartitionPath> {
        let (year, month, day, hour) = match self.finest {
            None => (0, 0, 0, 0),
            Some(PartitionPart::Year) => (bucket, 1, 1, 0),
            Some(PartitionPart::Stretch(_)) => (0, 0, 0, 0),
            Some(PartitionPart::Month) => (bucket.div_euclid(12), bucket.rem_euclid(12) as u32 + 1, 1, 0),
            Some(part) => {
                let days = if part == PartitionPart::Hour { bucket.div_euclid(24) } else { bucket };
                let (y, m, d) = civil_from_days(days);
                (y, m, d, if part == PartitionPart::Hour { bucket.rem_euclid(24) } else { 0 })
            }
        };
        let mut columns = columns.iter().zip(&self.names);
        let mut folders = vec![];
        for part in &self.parts {
            folders.push(match part {
                PartitionPart::Year => format!("year={year:04}"),
                PartitionPart::Month => format!("month={month:02}"),
                PartitionPart::Date => format!("date={year:04}-{month:02}-{day:02}"),
                PartitionPart::Hour => format!("hour={hour:02}"),
                // The sign bit is flipped, so that the texts of numbers below 0 come before those above.
                PartitionPart::Stretch(_) => format!("{:020}", (bucket as u64) ^ (1 << 63)),
                PartitionPart::Column(_) => {
                    let (column, name) = columns.next().expect("a column per part");
                    column_folder(name, column, row)?
                }
            });
        }
        Ok(PartitionPath::of_folders(&folders))
    }
}

/// The longest name of a folder, in bytes, that file systems have.
const LONGEST: usize = 255;

/// The folder of a value of the column `name`.
fn column_folder(name: &str, column: &ArrayRef, row: usize) -> Result<String> {
    use arrow_array::Array;
    let value = if column.is_null(row) { None } else { Some(array_value_to_string(column, row)) };
    let value = value
        .transpose()
        .map_err(|e| Error::data(format!("a value of `{name}` cannot name a partition")).caused_by(e))?;
    let folder = partition_folder(name, value.as_deref());
    if folder.len() > LONGEST {
        let value: String = value.unwrap_or_default().chars().take(80).collect();
        return Err(Error::data(format!(
            "a value of `{name}` is too long to name a folder of `partition_by`: `{}…`",
            value.escape_debug()
        ))
        .hint(format!(
            "the name of its folder would have {} bytes, and file systems allow {LONGEST}",
            folder.len()
        ))
        .hint(format!("partition by a shorter column: derive = {{ short = \"LEFT({name}, 20)\" }}")));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::StringViewArray;
    use std::sync::Arc;

    #[test]
    fn paths_are_local_and_escaped() {
        let zone = Zone::named("Asia/Jakarta").unwrap();
        let parts = [PartitionPart::Date, PartitionPart::Column(1), PartitionPart::Hour];
        let mut partitioner = Partitioner::new(&parts, &[("country".into(), DataType::String)], &zone);
        let columns: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a/b"), None, Some("a/b")]));
        let times = [1_709_227_800_000_000, 1_709_227_800_000_000, 1_709_227_800_000_001];
        let mut out = vec![];
        partitioner.assign(&times, &[&columns], &mut out).unwrap();
        assert_eq!(out, [0, 1, 0]);
        assert_eq!(partitioner.path_of(0).to_string(), "date=2024-03-01/country=a%2Fb/hour=00");
        assert_eq!(
            partitioner.path_of(1).to_string(),
            "date=2024-03-01/country=__HIVE_DEFAULT_PARTITION__/hour=00"
        );
    }

    #[test]
    fn stretches_sort_as_time_does() {
        // In Newfoundland clocks went back at 00:01, so that a local day ended twice.
        let zone = Zone::named("America/St_Johns").unwrap();
        let mut partitioner = Partitioner::new(&[PartitionPart::Stretch(HOUR)], &[], &zone);
        let times = [-HOUR - 1, -HOUR, -1, 0, HOUR - 1, HOUR, 25 * HOUR, 1_162_694_000_000_000];
        let mut out = vec![];
        partitioner.assign(&times, &[], &mut out).unwrap();
        assert_eq!(out, [0, 1, 1, 2, 2, 3, 4, 5]);
        let paths: Vec<String> = (0..6).map(|n| partitioner.path_of(n).to_string()).collect();
        assert!(paths.is_sorted(), "{paths:?}");
    }

    #[test]
    fn a_value_that_is_too_long_is_named() {
        let of = |text: String| -> Result<String> {
            let column: ArrayRef = Arc::new(StringViewArray::from(vec![text]));
            column_folder(".k", &column, 0)
        };
        assert_eq!(of("x".repeat(250)).unwrap().len(), 255);
        assert!(of("x".repeat(250)).unwrap().starts_with("%2Ek=xx"));
        let error = of(format!("begin{}", "ä".repeat(125))).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Data);
        assert!(error.message().contains("`.k`") && error.message().contains("`beginä"), "{error}");
    }
}
