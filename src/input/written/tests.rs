use super::*;
use proptest::prelude::*;

fn read(written: &ValueFormat, text: &str, ty: DataType) -> Result<Option<String>, String> {
    let mut room = vec![];
    match written.plain(text.as_bytes(), ty, &mut room) {
        Ok(Plain::Null) => Ok(None),
        Ok(Plain::Text(plain)) => Ok(Some(String::from_utf8(plain.to_vec()).unwrap())),
        Err(error) => Err(error.to_string()),
    }
}

fn decimal(written: &ValueFormat, text: &str) -> Option<String> {
    read(written, text, DataType::Decimal { precision: 18, scale: 2 }).ok().flatten()
}

fn marks(decimal: char, thousands: char) -> ValueFormat {
    let decimal = (decimal != '.').then_some(decimal);
    ValueFormat { decimal, thousands: Some(thousands), ..ValueFormat::default() }
}

#[test]
fn thousands_stand_in_groups() {
    let english = marks('.', ',');
    for (text, plain) in [
        ("1,000,000.50", "1000000.50"),
        ("-12,345", "-12345"),
        ("+1,000", "1000"),
        ("12,34,567.89", "1234567.89"),
        ("1,00,000", "100000"),
        ("999", "999"),
        ("1000000", "1000000"),
        (".5", ".5"),
    ] {
        assert_eq!(decimal(&english, text).as_deref(), Some(plain), "{text}");
    }
    for text in [
        "1,5",
        "1,50",
        "1,0000",
        ",100",
        "0,500",
        "1,,000",
        "1,000,",
        "1,000,00",
        "1.000,50",
        "12,3456",
        "",
        "-",
        "1 000",
        "1,000x",
        "--1",
        "1,234,56,789",
    ] {
        assert_eq!(decimal(&english, text), None, "{text}");
    }
    let german = marks(',', '.');
    assert_eq!(decimal(&german, "1.234,56").as_deref(), Some("1234.56"));
    assert_eq!(decimal(&german, "-34,50").as_deref(), Some("-34.50"));
    assert_eq!(decimal(&german, "1.5"), None);
    assert_eq!(decimal(&german, "1,234.56"), None);
    let comma = ValueFormat { decimal: Some(','), ..ValueFormat::default() };
    assert_eq!(decimal(&comma, "1,5").as_deref(), Some("1.5"));
    assert_eq!(decimal(&comma, "1.5"), None);
    let french = marks(',', ' ');
    assert_eq!(decimal(&french, "1.000"), None);
    for text in ["1 234 567,5", "1\u{a0}234\u{a0}567,5", "1\u{202f}234\u{202f}567,5"] {
        assert_eq!(decimal(&french, text).as_deref(), Some("1234567.5"), "{text}");
    }
    assert_eq!(decimal(&marks('.', '\''), "1\u{2019}234.50").as_deref(), Some("1234.50"));
}

#[test]
fn units_and_signs_stand_around_a_number() {
    let units = ["$", "EUR", "%", "Rp"].map(String::from).to_vec();
    let money = ValueFormat { thousands: Some(','), units, accounting: true, ..ValueFormat::default() };
    for (text, plain) in [
        ("$1,250.00", "1250.00"),
        ("-$1,250.00", "-1250.00"),
        ("$-5", "-5"),
        ("($1,250.00)", "-1250.00"),
        ("$(5)", "-5"),
        ("( 5 )", "-5"),
        ("5-", "-5"),
        ("5.25 DR", "-5.25"),
        ("5.25Cr", "5.25"),
        ("EUR 5", "5"),
        ("5 EUR", "5"),
        ("5\u{a0}%", "5"),
        ("Rp5", "5"),
        ("\u{2212}5", "-5"),
    ] {
        assert_eq!(decimal(&money, text).as_deref(), Some(plain), "{text}");
    }
    for text in ["(5", "5)", "(-5)", "-5-", "-5 DR", "$5 EUR", "$$5", "USD 5", "$", "()", "5 XR"] {
        assert_eq!(decimal(&money, text), None, "{text}");
    }
    let plain = ValueFormat { units: vec!["$".into()], ..ValueFormat::default() };
    assert_eq!(decimal(&plain, "(5)"), None);
    assert_eq!(decimal(&plain, "$1e3").as_deref(), Some("1e3"));
}

#[test]
fn words_stand_for_null_and_booleans() {
    let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<String>>();
    let written = ValueFormat {
        null: words(&["NA", "-"]),
        yes: words(&["Y"]),
        no: words(&["N"]),
        ..ValueFormat::default()
    };
    assert_eq!(read(&written, "NA", DataType::String), Ok(None));
    assert_eq!(read(&written, "na", DataType::String), Ok(Some("na".into())));
    assert_eq!(read(&written, " NA", DataType::String), Ok(Some(" NA".into())));
    assert_eq!(read(&written, "-", DataType::Int64), Ok(None));
    assert_eq!(read(&written, "Y", DataType::Bool), Ok(Some("true".into())));
    assert_eq!(read(&written, "N", DataType::Bool), Ok(Some("false".into())));
    assert_eq!(read(&written, "TRUE", DataType::Bool), Ok(Some("TRUE".into())));
    let trimming = ValueFormat { trim: true, ..written };
    assert_eq!(read(&trimming, " NA\t", DataType::Date), Ok(None));
    assert_eq!(read(&trimming, "  ", DataType::Int64), Ok(None));
    assert_eq!(read(&trimming, " 12 ", DataType::Int64), Ok(Some("12".into())));
    let marked = ValueFormat { text_mark: Some("'".into()), ..ValueFormat::default() };
    assert_eq!(read(&marked, "400'", DataType::String), Ok(Some("400".into())));
    assert_eq!(read(&marked, "'007", DataType::String), Ok(Some("007".into())));
}

proptest! {
    /// Whatever marks a number is written with, it comes back; with others it never comes back as another number.
    #[test]
    fn numbers_come_back(
        value in -10_000_000_000i64..10_000_000_000,
        style in 0usize..5,
        other in 0usize..5,
    ) {
        let styles = [('.', ','), (',', '.'), (',', ' '), ('.', '\''), ('.', ' ')];
        let (decimal_mark, thousands) = styles[style];
        let digits = format!("{}", value.unsigned_abs() / 100);
        let mut text = String::new();
        for (i, c) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i) % 3 == 0 {
                text.push(thousands);
            }
            text.push(c);
        }
        let sign = if value < 0 { "-" } else { "" };
        let text = format!("{sign}{text}{decimal_mark}{:02}", value.unsigned_abs() % 100);
        let plain = format!("{sign}{digits}.{:02}", value.unsigned_abs() % 100);
        prop_assert_eq!(decimal(&marks(decimal_mark, thousands), &text), Some(plain.clone()));
        let (decimal_mark, thousands) = styles[other];
        if let Some(read) = decimal(&marks(decimal_mark, thousands), &text) {
            prop_assert_eq!(read, plain);
        }
    }
}

#[test]
fn the_keys_by_which_a_number_is_meant() {
    let keys = |text: &str| likely_keys(text.as_bytes(), DataType::Float64);
    for (text, want) in [
        ("1,250.50", "thousands = \",\""),
        ("1.250,50", "decimal = \",\", thousands = \".\""),
        (" 12.50", "trim = true"),
        ("NA", "null = [\"NA\"]"),
        ("$0.50", "units = [\"$\"]"),
        ("-$1,250.50", "thousands = \",\", units = [\"$\"]"),
        ("1.250,50 €", "decimal = \",\", thousands = \".\", units = [\"€\"]"),
        ("5 EUR", "units = [\"EUR\"]"),
        ("12 %", "units = [\"%\"]"),
        ("(36.25)", "accounting = true"),
        ("($1,250.50)", "thousands = \",\", units = [\"$\"], accounting = true"),
    ] {
        assert_eq!(keys(text).as_deref(), Some(want), "{text}");
    }
    for text in ["12a", "C536379", "x", "", "12:30", "#12", "1-2", "$", "12.5.1", "€5$"] {
        assert_eq!(keys(text), None, "{text}");
    }
    assert_eq!(likely_keys(b"$5", DataType::Timestamp), None);
}
