//! File names of Kafka Connect's sinks: `TOPIC+PARTITION+START` of the S3, GCS and file sinks,
//! `TOPIC+PARTITION+START+END` of the HDFS sinks, in folders of any partitioner.

use std::path::Path;

/// What the name of a file of Kafka Connect says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectName {
    /// The topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i64,
    /// The offset of the first record.
    pub start: i64,
    /// The offset of the last record, where the name has it.
    pub end: Option<i64>,
}

impl ConnectName {
    /// What the name at `path` says, if a sink of Kafka Connect has written it.
    pub fn of(path: &Path) -> Option<ConnectName> {
        let name = path.file_name()?.to_str()?;
        let mut parts = name.split('+');
        let topic = parts.next()?;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if topic.is_empty() || !topic.chars().all(legal) {
            return None;
        }
        let numbers: Vec<&str> = parts.collect();
        let (last, before) = numbers.split_last()?;
        // The extension is behind the last number.
        let last = last.split_once('.').map_or(*last, |(number, _)| number);
        let (partition, start, end) = match before {
            [partition] => (number(partition)?, last, None),
            [partition, start] => (number(partition)?, *start, Some(number(last)?)),
            _ => return None,
        };
        // Sinks pad offsets to ten digits or more.
        if start.len() < 10 {
            return None;
        }
        let start = number(start)?;
        // The default partitioner's folder says the same.
        let folder = path.parent().and_then(|p| p.file_name()).and_then(|n| n.to_str());
        let of_folder = folder.and_then(|f| f.strip_prefix("partition=")).and_then(number);
        if of_folder.is_some_and(|other| other != partition) || end.is_some_and(|end| end < start) {
            return None;
        }
        Some(ConnectName { topic: topic.to_string(), partition, start, end })
    }
}

fn number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|c| c.is_ascii_digit()) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sinks_are_told_from_others() {
        let of =
            |path: &str| ConnectName::of(Path::new(path)).map(|n| (n.topic, n.partition, n.start, n.end));
        let orders = |end| Some(("orders".to_string(), 3, 120, end));
        assert_eq!(of("topics/orders/partition=3/orders+3+0000000120.json"), orders(None));
        assert_eq!(of("topics/orders/partition=3/orders+3+0000000120.snappy.parquet"), orders(None));
        assert_eq!(of("orders/year=2024/month=06/orders+3+0000000120.json.gz"), orders(None));
        assert_eq!(of("orders/partition=3/orders+3+0000000120+0000000199.avro"), orders(Some(199)));
        assert_eq!(of("a.b_c-d+0+0000000000.json").unwrap().0, "a.b_c-d");
        for other in [
            "orders+3+120.json",
            "orders+3.json",
            "orders+x+0000000120.json",
            "orders/partition=2/orders+3+0000000120.json",
            "orders+3+0000000120+0000000119.avro",
            "orders+3+0000000120+0000000199+1.avro",
            "+3+0000000120.json",
            "orders+3+99999999999999999999.json",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
