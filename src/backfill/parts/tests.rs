//! What was written is read back.

use super::rows::batch;
use super::*;
use crate::backfill::testing::{TypedRow, any_values, batch as rows_of, few_values, schema, views};
use crate::batch::Field;
use crate::sink::{ManifestDraft, PartWriter, Target, Transaction, encoder};
use crate::time::Zone;
use arrow_array::{Array, ArrayRef, Int64Array, StringViewArray};
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

const FORMATS: [OutputFormat; 3] = [OutputFormat::Parquet, OutputFormat::Csv, OutputFormat::JsonLines];

/// Writes pieces as a part below `folder`, in a zone with odd offsets.
fn write(folder: &Path, format: OutputFormat, schema: &Schema, pieces: &[RecordBatch]) -> (PartReader, Part) {
    let target = Target::folder(folder.join("out"));
    let tx = Transaction::begin(std::slice::from_ref(&target)).unwrap();
    let encoder = encoder(format, schema, &Zone::named("America/St_Johns").unwrap()).unwrap();
    let mut writer = PartWriter::new(tx.stage(0, Path::new("a=1/x")).unwrap(), format, schema).unwrap();
    for piece in pieces {
        writer.append(encoder.encode(piece).unwrap()).unwrap();
    }
    let part = writer.finish(None).unwrap();
    tx.commit(vec![ManifestDraft::default()]).unwrap();
    (PartReader { root: target.path, format, schema: schema.clone() }, part)
}

fn project(batch: &RecordBatch, columns: &[usize]) -> (Schema, RecordBatch) {
    let fields = columns.iter().map(|&i| schema().fields[i].clone()).collect();
    (Schema::new(fields), batch.project(columns).unwrap())
}

/// The batch with every column as bytes that tell −0 from 0.
fn shown(batch: &RecordBatch) -> String {
    format!("{batch:?}")
}

/// What `read` shows, in one piece.
fn collected(
    schema: &Schema,
    read: impl FnOnce(&mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()>,
) -> RecordBatch {
    let mut pieces = vec![];
    let mut see = |piece: &RecordBatch| {
        pieces.push(piece.clone());
        Ok(())
    };
    read(&mut see).unwrap();
    concat_batches(&schema.arrow(), &pieces).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn rows_come_back_as_they_were(
        rows in vec(prop_oneof![any_values(), few_values()], 0..40),
        cut in 0..40usize,
        columns in proptest::sample::subsequence((0..7).collect::<Vec<usize>>(), 1..=7),
    ) {
        let cut = cut.min(rows.len());
        let folder = tempfile::tempdir().unwrap();
        for format in FORMATS {
            let columns: Vec<usize> =
                columns.iter().copied().filter(|i| format != OutputFormat::JsonLines || *i != 3).collect();
            let of = |rows: &[TypedRow]| project(&rows_of(rows), &columns).1;
            let (schema, whole) = project(&rows_of(&rows), &columns);
            prop_assume!(is_exact(format, &schema));
            let place = folder.path().join(format.name());
            let (reader, part) = write(&place, format, &schema, &[of(&rows[..cut]), of(&rows[cut..])]);
            let read = reader.read(&part).unwrap();
            read.columns().iter().for_each(|c| c.to_data().validate_full().unwrap());
            prop_assert_eq!(shown(&read), shown(&whole), "{:?}", format);
            let pieces = collected(&schema, |see| reader.pieces(&part, see));
            prop_assert_eq!(&pieces, &whole, "{:?}", format);
            // Blocks are of text, and of columns.
            let in_blocks = format != OutputFormat::Parquet && !schema.fields.is_empty();
            for size in [1, 7, 64, 1000].into_iter().filter(|_| in_blocks) {
                let path = reader.root.join(&part.path);
                let blocks = collected(&schema, |see| reader.blocks(&path, size, see));
                prop_assert_eq!(&blocks, &whole, "{:?} {}", format, size);
            }
            prop_assert_eq!(read, whole);
        }
    }
}

#[test]
fn a_lone_column_keeps_its_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let (mut schema, _) = project(&rows_of(&[]), &[2]);
    let column: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1), None]));
    let batch = RecordBatch::try_new(schema.arrow(), vec![column]).unwrap();
    let (reader, part) = write(folder.path(), OutputFormat::Csv, &schema, std::slice::from_ref(&batch));
    assert_eq!(reader.read(&part).unwrap(), batch);
    schema.fields.push(Field::new("x", DataType::String));
    assert!(is_exact(OutputFormat::Csv, &schema));
    schema.fields.remove(0);
    assert!(!is_exact(OutputFormat::Csv, &schema) && is_exact(OutputFormat::JsonLines, &schema));
    assert!(!is_exact(OutputFormat::JsonLines, &crate::backfill::testing::schema()));
}

#[test]
fn texts_without_a_column_are_rows_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let batch = batch(&Schema::default(), vec![], 3).unwrap();
    for format in [OutputFormat::Csv, OutputFormat::JsonLines] {
        let place = folder.path().join(format.name());
        let (reader, part) = write(&place, format, &Schema::default(), std::slice::from_ref(&batch));
        assert_eq!(reader.read(&part).unwrap().num_rows(), 3);
    }
}

#[test]
fn a_part_that_is_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let schema = Schema::new(vec![Field::new("t", DataType::String), Field::new("n", DataType::Int64)]);
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["one", "two"]));
    let columns = vec![texts, Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef];
    let batch = RecordBatch::try_new(schema.arrow(), columns).unwrap();
    for format in FORMATS {
        let place = folder.path().join(format.name());
        let (reader, part) = write(&place, format, &schema, std::slice::from_ref(&batch));
        let path = reader.root.join(&part.path);
        let right = std::fs::read(&path).unwrap();
        let mut wrong = right.clone();
        wrong[6] ^= 1;
        for bytes in [wrong, right[..right.len() - 1].to_vec(), vec![]] {
            std::fs::write(&path, bytes).unwrap();
            let error = reader.read(&part).unwrap_err().to_string();
            assert!(error.contains("changed from outside") && error.contains("hint"), "{error}");
        }
        std::fs::write(&path, &right).unwrap();
        let more = Part { rows: 3, ..part.clone() };
        assert!(reader.read(&more).unwrap_err().to_string().contains("2 rows, of 3"));
        let mut other = reader.clone();
        other.schema.fields[0].ty = DataType::Bool;
        let error = other.read(&part).unwrap_err().to_string();
        assert!(error.contains("cannot be read back"), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(reader.read(&part).is_err());
    }
}

/// `cargo test --release parts::tests::timings -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn timings() {
    let rows = views(1_000_000, 1, 0);
    let types = [DataType::Timestamp, DataType::Timestamp, DataType::String, DataType::Int64];
    let decimal = DataType::Decimal { precision: 38, scale: 2 };
    let types = types.into_iter().chain([decimal, DataType::Float64]);
    let names = rows.schema();
    let fields = names.fields().iter().zip(types).map(|(field, ty)| Field::new(field.name(), ty));
    let schema = Schema::new(fields.collect());
    let folder = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let place = folder.path().join(format.name());
        let (reader, part) = write(&place, format, &schema, std::slice::from_ref(&rows));
        let clock = std::time::Instant::now();
        assert_eq!(reader.read(&part).unwrap().num_rows(), rows.num_rows());
        println!("{format:?}, {} rows, {} bytes: {:.1?}", part.rows, part.bytes, clock.elapsed());
    }
}
