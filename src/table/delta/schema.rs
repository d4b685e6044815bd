//! Columns and partitions, as the metadata of a table has them.

use crate::batch::DataType;
use crate::error::{Error, Result};
use crate::table::shape::{FolderValue, TableField, TableShape};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Characters that Spark, and so most writers, do not take in the name of a column.
const NOT_IN_NAMES: [char; 9] = [' ', ',', ';', '{', '}', '(', ')', '\n', '\t'];

/// The type of a column.
pub fn type_name(ty: DataType) -> String {
    match ty {
        DataType::String | DataType::Json => "string".into(),
        DataType::Bool => "boolean".into(),
        DataType::Int64 => "long".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        DataType::Date => "date".into(),
        DataType::Timestamp => "timestamp".into(),
    }
}

/// The fields of the schema of `metadata`; none where it cannot be read.
pub fn fields(metadata: &Value) -> Vec<Value> {
    let text = metadata["schemaString"].as_str().unwrap_or_default();
    let schema: Value = serde_json::from_str(text).unwrap_or_default();
    schema["fields"].as_array().cloned().unwrap_or_default()
}

/// The columns of the table of `metadata` by which files are divided.
pub fn partition_columns(metadata: &Value) -> Vec<String> {
    let columns = metadata["partitionColumns"].as_array().into_iter().flatten();
    columns.filter_map(|column| column.as_str().map(str::to_string)).collect()
}

/// The numbers of the columns of `shape`, by which statistics are found: their places, as the format knows columns by name.
///
/// # Errors
/// A job error: a name that most writers of Delta Lake do not take, or that two columns have but for its case; a column of the
/// table in `folder`, whose metadata is `base`, changes its type.
pub fn numbered(folder: &Path, base: Option<&Value>, shape: &TableShape) -> Result<BTreeMap<String, i32>> {
    let known = base.map(fields).unwrap_or_default();
    let (mut ids, mut lower) = (BTreeMap::new(), BTreeMap::new());
    let mut wrong = vec![];
    for (number, TableField { name, ty, .. }) in (1..).zip(&shape.columns) {
        if let Some(c) = name.chars().find(|c| NOT_IN_NAMES.contains(c)) {
            let error = Error::job(format!(
                "the column `{name}` has {c:?} in its name, which columns of Delta Lake cannot have"
            ));
            wrong.push(error.hint("give the column another name in `select` or `columns`"));
        }
        if let Some(other) = lower.insert(name.to_lowercase(), name) {
            let error = Error::job(format!(
                "the columns `{other}` and `{name}` differ in case alone, and Delta Lake takes them for one"
            ));
            wrong.push(error.hint("give one of them another name in `select` or `columns`"));
        }
        let there = known.iter().find(|field| field["name"].as_str() == Some(name));
        let was = there.map(|field| field["type"].as_str().unwrap_or("nested"));
        let is = type_name(*ty);
        if let Some(was) = was.filter(|was| !may_become(was, &is)) {
            let error = Error::job(format!(
                "the column `{name}` of the table {} is {was}, and the job now gives {is}",
                folder.display()
            ));
            wrong.push(
                error
                    .hint("a column of a table keeps its type; only a decimal can get more digits")
                    .hint("give the column another name, or the output another path"),
            );
        }
        ids.insert(name.clone(), number);
    }
    Error::all(wrong).map_or(Ok(ids), Err)
}

/// Whether a column of the type `was` may become one of the type `is`: all files are then written again.
fn may_become(was: &str, is: &str) -> bool {
    let decimal = |text: &str| {
        let (precision, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
        Some((precision.trim().parse::<u8>().ok()?, scale.trim().parse::<u8>().ok()?))
    };
    match (decimal(was), decimal(is)) {
        (Some((from, scale)), Some((to, same))) => scale == same && from <= to,
        _ => was == is,
    }
}

/// The metadata of a table with the columns and partitions of `shape`: `base`, changed where it has others, or that of a new
/// table; and whether it changed.
pub fn metadata(
    base: Option<&Value>,
    shape: &TableShape,
    id: impl FnOnce() -> String,
    time: i64,
) -> (Value, bool) {
    let known = base.map(fields).unwrap_or_default();
    let field = |TableField { name, ty, .. }: &TableField| {
        let there = known.iter().find(|field| field["name"].as_str() == Some(name));
        // A comment that another program gave to a column stays.
        let notes = there.map_or_else(|| json!({}), |field| field["metadata"].clone());
        json!({ "name": name, "type": type_name(*ty), "nullable": true, "metadata": notes })
    };
    let fields: Vec<Value> = shape.columns.iter().map(field).collect();
    let partition: Vec<String> = shape.partition.iter().map(|partition| partition.name.clone()).collect();
    let is_same = base.is_some_and(|base| known == fields && partition_columns(base) == partition);
    let mut metadata = base.cloned().unwrap_or_else(|| {
        json!({
            "id": id(), "format": { "provider": "parquet", "options": {} }, "schemaString": "", "partitionColumns": [],
            "configuration": {}, "createdTime": time,
        })
    });
    if !is_same {
        metadata["schemaString"] = json!(json!({ "type": "struct", "fields": fields }).to_string());
        metadata["partitionColumns"] = json!(partition);
    }
    // A checkpoint of another writer has a NULL for what a commit leaves out.
    if let Some(fields) = metadata.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    (metadata, !is_same)
}

/// The values of the partition of the file at `path`, as the log has them.
///
/// # Errors
/// A data error: a value is the empty text, which Delta Lake takes for NULL. A fault: the path is not one that `shape` gives.
pub fn partition_texts(shape: &TableShape, path: &str) -> Result<BTreeMap<String, Option<String>>> {
    let folders: Vec<Option<String>> = crate::batch::PartitionPath::of_file(path).values().collect();
    let mut texts = BTreeMap::new();
    for partition in &shape.partition {
        let wrong =
            || Error::fault(format!("the path {path} does not tell the partition `{}`", partition.name));
        let FolderValue::Text(at) = partition.from else { return Err(wrong()) };
        let ty = shape.type_of(&partition.column).ok_or_else(wrong)?;
        let text = folders.get(at).ok_or_else(wrong)?.as_deref();
        if text == Some("") {
            return Err(Error::data(format!(
                "a row has the empty text in `{}`, and partitions of a table of Delta Lake cannot: they have NULL in its place",
                partition.name
            ))
            .hint(format!("make it NULL: derive = {{ {0} = \"NULLIF({0}, '')\" }}", partition.name))
            .hint("or leave the column out of `partition_by`, or write `table = \"iceberg\"`"));
        }
        let text = text.map(|text| partition_text(text, ty).ok_or_else(wrong)).transpose()?;
        texts.insert(partition.name.clone(), text);
    }
    Ok(texts)
}

/// The text of a value of a partition by a column of type `ty`, as the log has it; `folder` is the one that the folder has.
pub fn partition_text(folder: &str, ty: DataType) -> Option<String> {
    Some(match ty {
        // The folder of an hour has two digits.
        DataType::Int64 => folder.parse::<i64>().ok()?.to_string(),
        DataType::Timestamp => {
            let time = chrono::DateTime::parse_from_rfc3339(folder).ok()?.to_utc();
            time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
        }
        _ => folder.to_string(),
    })
}

/// Whether the text of a folder and the text of a log are one value of the type that the schema names.
pub fn is_same_value(folder: &str, log: &str, ty: &str) -> bool {
    let own = match ty {
        "long" | "integer" | "short" | "byte" => DataType::Int64,
        "timestamp" => DataType::Timestamp,
        _ => return folder == log,
    };
    let value = |text| partition_text(text, own);
    folder == log || value(folder).is_some_and(|folder| value(log) == Some(folder))
}

/// The properties of a table that other programs may set, as they change nothing in what a commit has to write.
const FREE_PROPERTIES: [&str; 9] = [
    "delta.logRetentionDuration",
    "delta.deletedFileRetentionDuration",
    "delta.checkpointInterval",
    "delta.dataSkippingNumIndexedCols",
    "delta.dataSkippingStatsColumns",
    "delta.targetFileSize",
    "delta.tuneFileSizesForRewrites",
    "delta.enableExpiredLogCleanup",
    "delta.setTransactionRetentionDuration",
];

/// A property of a table that asks its writers for more than is done here.
pub fn binding_property(metadata: &Value) -> Option<String> {
    let properties = metadata["configuration"].as_object()?;
    let is_free = |key: &str, value: &Value| {
        !key.starts_with("delta.")
            || key.starts_with("delta.autoOptimize")
            || FREE_PROPERTIES.contains(&key)
            || value.as_str() == Some("false")
    };
    properties.iter().find(|(key, value)| !is_free(key, value)).map(|(key, _)| key.clone())
}

/// What another program changed in the columns or partitions of a table, in words; `was` is the metadata before.
pub fn changed_columns(was: &Value, is: &Value) -> Option<String> {
    let bare = |metadata: &Value| -> Vec<Value> {
        let mut fields = fields(metadata);
        for notes in fields.iter_mut().filter_map(|field| field["metadata"].as_object_mut()) {
            notes.remove("comment");
        }
        fields
    };
    let provider = |metadata: &Value| metadata["format"]["provider"].clone();
    if bare(was) != bare(is) {
        let names = |metadata: &Value| -> BTreeSet<String> {
            fields(metadata).iter().filter_map(|field| field["name"].as_str().map(str::to_string)).collect()
        };
        let (was, is) = (names(was), names(is));
        let changed: Vec<String> = was.symmetric_difference(&is).map(|name| format!("`{name}`")).collect();
        let which = if changed.is_empty() { String::new() } else { format!(" ({})", changed.join(", ")) };
        return Some(format!("its columns were changed{which}"));
    }
    if partition_columns(was) != partition_columns(is) {
        return Some("its partition columns were changed".into());
    }
    let is_other = was["id"] != is["id"] || provider(was) != provider(is);
    is_other.then(|| "it is another table".into())
}

/// The columns of `metadata` for people, with their types.
pub fn shown_columns(metadata: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    fields(metadata).iter().map(|field| (text(&field["name"]), text(&field["type"]))).collect()
}

/// The types of the columns of `metadata` by name; a nested one has none.
pub fn types(metadata: &Value) -> Map<String, Value> {
    fields(metadata)
        .into_iter()
        .filter_map(|field| Some((field["name"].as_str()?.to_string(), field["type"].clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableFormat;
    use crate::table::shape::{TablePartition, Transform};

    fn shape(columns: &[(&str, DataType)], partition: &[&str]) -> TableShape {
        let field = |(name, ty): &(&str, DataType)| TableField::new(TableFormat::Delta, name, *ty, &[]);
        let part = |(at, name): (usize, &&str)| TablePartition {
            name: name.to_string(),
            column: name.to_string(),
            transform: Transform::Identity,
            from: FolderValue::Text(at),
        };
        TableShape {
            format: TableFormat::Delta,
            job: "j".into(),
            columns: columns.iter().map(field).collect(),
            partition: partition.iter().enumerate().map(part).collect(),
            sort: vec![],
        }
    }

    #[test]
    fn values_of_partitions_are_those_of_the_protocol() {
        let of = shape(
            &[("h", DataType::Int64), ("t", DataType::Timestamp), ("k", DataType::String)],
            &["h", "t", "k"],
        );
        let texts = partition_texts(&of, "h=03/t=2024-06-01T13%3A00%3A00+01%3A00/k=a%2Fb/x.parquet").unwrap();
        let text = |name: &str| texts[name].as_deref();
        assert_eq!(text("h"), Some("3"));
        assert_eq!(text("t"), Some("2024-06-01T12:00:00.000000Z"));
        assert_eq!(text("k"), Some("a/b"));
        let null = "h=-1/t=2024-06-01T13%3A00%3A00Z/k=__HIVE_DEFAULT_PARTITION__/x.parquet";
        assert_eq!(partition_texts(&of, null).unwrap()["k"], None);
        // Delta Lake has not got an empty text there.
        let empty = partition_texts(&of, "h=1/t=2024-06-01T13%3A00%3A00Z/k=%00/x.parquet").unwrap_err();
        assert!(empty.message().contains("the empty text in `k`"), "{empty}");
        assert!(partition_texts(&of, "x.parquet").is_err());
        assert!(is_same_value("03", "3", "long") && !is_same_value("03", "3", "string"));
        assert!(is_same_value("2024-06-01T13:00:00Z", "2024-06-01T13:00:00.000000Z", "timestamp"));
        assert!(!is_same_value("4", "3", "long") && !is_same_value("x", "y", "long"));
    }

    #[test]
    fn names_and_types_that_do_not_fit_are_refused() {
        let refused = |columns: &[(&str, DataType)], base: Option<&Value>| {
            numbered(Path::new("t"), base, &shape(columns, &[])).unwrap_err().to_string()
        };
        assert!(refused(&[("a b", DataType::Int64)], None).contains("' ' in its name"));
        assert!(
            refused(&[("a", DataType::Int64), ("A", DataType::Int64)], None).contains("differ in case alone")
        );
        let decimal = |precision| DataType::Decimal { precision, scale: 2 };
        let (base, _) = metadata(None, &shape(&[("a", decimal(9))], &[]), String::new, 0);
        let of = |ty| numbered(Path::new("t"), Some(&base), &shape(&[("a", ty)], &[]));
        assert!(of(decimal(18)).is_ok() && of(decimal(9)).is_ok());
        assert!(
            refused(&[("a", decimal(8))], Some(&base))
                .contains("is decimal(9,2), and the job now gives decimal(8,2)")
        );
        assert!(of(DataType::Float64).is_err());
    }

    #[test]
    fn metadata_changes_where_columns_do() {
        let one = shape(&[("a", DataType::Int64), ("d", DataType::Date)], &["d"]);
        let (mut base, changed) = metadata(None, &one, || "id".into(), 7);
        assert!(changed);
        assert!(!metadata(Some(&base), &one, String::new, 8).1);
        // A comment and a property of another program stay, also where a column comes.
        let commented = base["schemaString"].as_str().unwrap().replacen("{}", "{\"comment\":\"x\"}", 1);
        let was = base.clone();
        base["schemaString"] = json!(commented);
        base["configuration"]["owner"] = json!("me");
        assert_eq!(changed_columns(&was, &base), None);
        assert_eq!(binding_property(&base), None);
        let two = shape(&[("a", DataType::Int64), ("b", DataType::Bool), ("d", DataType::Date)], &["d"]);
        let (now, changed) = metadata(Some(&base), &two, String::new, 9);
        assert!(changed && now["createdTime"] == json!(7) && now["configuration"]["owner"] == "me");
        assert_eq!(fields(&now)[0]["metadata"]["comment"], "x");
        assert_eq!(changed_columns(&was, &now).as_deref(), Some("its columns were changed (`b`)"));
        base["configuration"]["delta.appendOnly"] = json!("true");
        assert_eq!(binding_property(&base).as_deref(), Some("delta.appendOnly"));
    }
}
