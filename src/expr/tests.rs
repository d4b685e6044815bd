use super::*;
use crate::batch::Field;
use arrow_array::Array;
use arrow_array::cast::AsArray;

/// The value of an expression over columns of one row, as text.
fn shown_value(sql: &str) -> String {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64)]);
    let n: ArrayRef = std::sync::Arc::new(arrow_array::Int64Array::from(vec![7]));
    let zone = Zone::named("Asia/Jakarta").unwrap();
    let text = |sql: &str| {
        Expr::compile(&format!("CAST({sql} AS VARCHAR)"), &schema, &zone).and_then(|expr| expr.evaluate(1, |_| &n))
    };
    match text(sql) {
        Ok(value) if value.is_null(0) => "NULL".to_string(),
        Ok(value) => value.as_string_view().value(0).to_string(),
        Err(error) => format!("{error}"),
    }
}

#[test]
fn the_example_of_every_function_is_true() {
    for function in functions::all().flat_map(|(_, functions)| functions) {
        let (call, value) = function.example;
        let sql = format!("({call}) IS NOT DISTINCT FROM ({value})");
        assert_eq!(shown_value(&sql), "true", "{call}: {}", shown_value(call));
    }
}
