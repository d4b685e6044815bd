use super::*;
use crate::batch::{DataType, Field};
use crate::sink::{ManifestDraft, Target, Transaction};
use arrow_array::types::UInt32Type;
use arrow_array::*;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("name, \"quoted\"", DataType::String),
        Field::new("ok", DataType::Bool),
        Field::new("n", DataType::Int64),
        Field::new("x", DataType::Float64),
        Field::new("sum", DataType::Decimal { precision: 38, scale: 2 }),
        Field::new("day", DataType::Date),
        Field::new("at", DataType::Timestamp),
    ])
}

fn batch() -> RecordBatch {
    let names =
        vec![Some("plain"), Some(""), None, Some("a,b"), Some("say \"hi\"\\"), Some("two\r\nlines\t\u{1}é")];
    let sums = vec![Some(1250), Some(-5), None, Some(10i128.pow(37)), Some(0), Some(i128::from(u64::MAX))];
    let times = vec![
        Some(0),
        Some(1_500_000),
        None,
        Some(-1),
        Some(1_729_989_000_000_000),
        Some(1_729_992_600_000_000),
    ];
    let floats = vec![Some(0.1), Some(f64::NAN), None, Some(f64::INFINITY), Some(1e21), Some(-0.0)];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from(names)),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true), None, None])),
        Arc::new(Int64Array::from(vec![Some(1), Some(i64::MIN), None, Some(i64::MAX), Some(0), Some(-1)])),
        Arc::new(Float64Array::from(floats)),
        Arc::new(Decimal128Array::from(sums).with_precision_and_scale(38, 2).unwrap()),
        Arc::new(Date32Array::from(vec![Some(0), Some(19_782), None, Some(-1), Some(1), Some(2)])),
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
    ];
    RecordBatch::try_new(schema().arrow(), columns).unwrap()
}

/// The file that pieces become, encoded one after the other or all at once.
fn file_of(format: OutputFormat, pieces: &[RecordBatch], parallel: bool) -> Vec<u8> {
    let tmp = tempfile::tempdir().unwrap();
    let target = Target::file(tmp.path().join("out"));
    let tx = Transaction::begin(std::slice::from_ref(&target)).unwrap();
    let encoder = encoder(format, &schema(), &Zone::named("Europe/London").unwrap()).unwrap();
    let encode = |piece: &RecordBatch| encoder.encode(piece).unwrap();
    let encoded: Vec<Encoded> = match parallel {
        true => pieces.par_iter().map(encode).collect(),
        false => pieces.iter().map(encode).collect(),
    };
    let mut part = PartWriter::new(tx.stage(0, Path::new("")).unwrap(), format, &schema()).unwrap();
    for piece in encoded {
        assert!(piece.bytes() > 0);
        part.append(piece).unwrap();
    }
    assert_eq!(part.finish(None).unwrap().rows, pieces.iter().map(|p| p.num_rows() as u64).sum::<u64>());
    tx.commit(vec![ManifestDraft::default()]).unwrap();
    std::fs::read(&target.path).unwrap()
}

#[test]
fn csv_text() {
    let text = String::from_utf8(file_of(OutputFormat::Csv, &[batch()], false)).unwrap();
    insta::assert_snapshot!(text.replace('\r', "<CR>").replace('\u{1}', "<1>"), @r#"
    "name, ""quoted""",ok,n,x,sum,day,at
    plain,true,1,0.1,12.50,1970-01-01,1970-01-01T01:00:00+01:00
    "",false,-9223372036854775808,NaN,-0.05,2024-02-29,1970-01-01T01:00:01.5+01:00
    ,,,,,,
    "a,b",true,9223372036854775807,inf,100000000000000000000000000000000000.00,1969-12-31,1970-01-01T00:59:59.999999+01:00
    "say ""hi""\",,0,1e+21,0.00,1970-01-02,2024-10-27T01:30:00+01:00
    "two<CR>
    lines	<1>é",,-1,-0.0,184467440737095516.15,1970-01-03,2024-10-27T01:30:00+00:00
    "#);
}

#[test]
fn json_lines_text() {
    let text = String::from_utf8(file_of(OutputFormat::JsonLines, &[batch()], false)).unwrap();
    insta::assert_snapshot!(text, @r#"
    {"name, \"quoted\"":"plain","ok":true,"n":1,"x":0.1,"sum":12.50,"day":"1970-01-01","at":"1970-01-01T01:00:00+01:00"}
    {"name, \"quoted\"":"","ok":false,"n":-9223372036854775808,"x":null,"sum":-0.05,"day":"2024-02-29","at":"1970-01-01T01:00:01.5+01:00"}
    {"name, \"quoted\"":null,"ok":null,"n":null,"x":null,"sum":null,"day":null,"at":null}
    {"name, \"quoted\"":"a,b","ok":true,"n":9223372036854775807,"x":null,"sum":100000000000000000000000000000000000.00,"day":"1969-12-31","at":"1970-01-01T00:59:59.999999+01:00"}
    {"name, \"quoted\"":"say \"hi\"\\","ok":null,"n":0,"x":1e+21,"sum":0.00,"day":"1970-01-02","at":"2024-10-27T01:30:00+01:00"}
    {"name, \"quoted\"":"two\r\nlines\t\u0001é","ok":null,"n":-1,"x":-0.0,"sum":184467440737095516.15,"day":"1970-01-03","at":"2024-10-27T01:30:00+00:00"}
    "#);
}

#[test]
fn the_csv_crate_reads_it_back() {
    let bytes = file_of(OutputFormat::Csv, &[batch(), batch()], false);
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    assert_eq!(reader.headers().unwrap().get(0), Some("name, \"quoted\""));
    let records: Vec<::csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
    assert_eq!(records.len(), 12);
    let names: Vec<&str> = records[6..].iter().map(|r| &r[0]).collect();
    assert_eq!(names, ["plain", "", "", "a,b", "say \"hi\"\\", "two\r\nlines\t\u{1}é"]);
    assert_eq!(records[4][3].parse::<f64>().unwrap(), 1e21);
}

#[test]
fn serde_json_reads_it_back() {
    let text = String::from_utf8(file_of(OutputFormat::JsonLines, &[batch()], false)).unwrap();
    let rows: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows[5]["name, \"quoted\""], "two\r\nlines\t\u{1}é");
    assert_eq!(rows[3]["sum"].to_string(), "100000000000000000000000000000000000.00");
    assert!(rows[1]["x"].is_null());
}

#[test]
fn threads_and_dictionaries_do_not_show() {
    let rows = 5000;
    let indices: UInt32Array = (0..rows).map(|i| Some((i * 7919 % 6) as u32)).collect();
    let piece = |shift: usize| {
        let rows = indices.slice(shift, indices.len() - shift);
        let take = |c: &ArrayRef| arrow_select::take::take(c, &rows, None).unwrap();
        RecordBatch::try_new(schema().arrow(), batch().columns().iter().map(take).collect()).unwrap()
    };
    let plain: Vec<RecordBatch> = (0..12).map(piece).collect();
    // The same text as codes; the dictionary itself holds the NULL.
    let coded: Vec<RecordBatch> = (0..12)
        .map(|i| {
            let keys = indices.slice(i, indices.len() - i);
            let mut columns = plain[i].columns().to_vec();
            columns[0] = Arc::new(DictionaryArray::<UInt32Type>::new(keys, Arc::clone(batch().column(0))));
            let names = schema();
            let fields = columns.iter().zip(names.names());
            let fields = fields.map(|(c, n)| arrow_schema::Field::new(n, c.data_type().clone(), true));
            let schema = arrow_schema::Schema::new(fields.collect::<Vec<_>>());
            RecordBatch::try_new(Arc::new(schema), columns).unwrap()
        })
        .collect();
    for format in [OutputFormat::Parquet, OutputFormat::Csv, OutputFormat::JsonLines] {
        let wanted = file_of(format, &plain, false);
        assert!(file_of(format, &plain, true) == wanted, "{format:?} on many threads");
        assert!(file_of(format, &coded, true) == wanted, "{format:?} from a dictionary");
    }
}

#[test]
fn a_lone_null_is_not_an_empty_line() {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64)]);
    let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let batch = RecordBatch::try_new(schema.arrow(), vec![column]).unwrap();
    let encoded = encoder(OutputFormat::Csv, &schema, &Zone::utc()).unwrap().encode(&batch).unwrap();
    let EncodedContent::Text(text) = encoded.content else { panic!("CSV is text") };
    assert_eq!(text, b"1\n\"\"\n");
}
