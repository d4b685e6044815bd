//! What the name of a column says of it.

use sqlparser::keywords::ALL_KEYWORDS;

/// The words of a name, in lower case: `CustomerID`, `customer_id` and `customer.id` have the same two.
pub fn words(name: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        // Only behind a small letter does a capital begin a word: `CustomerID` has two words and not three.
        let new = !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase());
        if new {
            out.push(String::new());
        }
        if c.is_alphanumeric() {
            out.last_mut().expect("one at least").extend(c.to_lowercase());
        }
        before = c;
    }
    out.retain(|word| !word.is_empty());
    out
}

/// Lists of words, from the list that says most.
struct Hints(&'static [(&'static [&'static str], f64)]);

impl Hints {
    /// The sum of what the words say, each list once.
    fn score(&self, words: &[String]) -> f64 {
        // A second word of the same list does not make a guess surer.
        let has_word = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        self.0.iter().filter(|(list, _)| has_word(list)).map(|(_, score)| score).sum()
    }
}

const TIME: Hints = Hints(&[
    (&["timestamp", "ts", "time", "datetime", "eventtime", "timestampms"], 40.0),
    (&["date", "day", "datum", "fecha", "tanggal", "dato", "dt", "t"], 30.0),
    (&["month", "year", "period", "monat", "jahr", "mes", "mois", "bulan"], 20.0),
    (&["at", "on", "created", "processed", "occurred", "event", "when", "happened", "booked"], 15.0),
    (&["birth", "born", "dob", "expiry", "expires", "expiration", "due", "valid", "value", "until"], -35.0),
    (&["updated", "modified", "deleted", "closed", "end", "ended", "finished", "delivery", "ship"], -15.0),
    (&["received", "ingested", "ingest", "arrival", "arrived", "inserted", "loaded"], -25.0),
    (&["id", "no", "number", "account", "phone", "amount", "price", "total", "balance", "quantity"], -60.0),
]);

const KEY: Hints = Hints(&[
    (
        &[
            "customer",
            "client",
            "user",
            "account",
            "seller",
            "merchant",
            "member",
            "device",
            "sensor",
            "host",
            "store",
            "shop",
            "vendor",
            "supplier",
            "driver",
            "vehicle",
            "station",
            "wallet",
            "player",
            "patient",
            "employee",
            "agent",
            "machine",
            "meter",
            "subscriber",
            "tenant",
        ],
        30.0,
    ),
    (
        &[
            "country",
            "region",
            "city",
            "state",
            "postcode",
            "postal",
            "zip",
            "category",
            "product",
            "sku",
            "stock",
            "item",
            "type",
            "kind",
            "status",
            "channel",
            "currency",
            "segment",
            "brand",
            "department",
            "page",
            "webpage",
            "endpoint",
            "service",
            "level",
            "source",
            "symbol",
            "ticker",
            "campaign",
            "topic",
        ],
        20.0,
    ),
    (&["id", "key", "code", "no"], 10.0),
    (
        &[
            "invoice",
            "order",
            "transaction",
            "session",
            "request",
            "message",
            "trace",
            "uuid",
            "guid",
            "receipt",
            "offset",
            "partition",
            "hash",
            "description",
            "details",
            "comment",
            "text",
            "title",
            "note",
            "body",
        ],
        -25.0,
    ),
    (&["amount", "price", "total", "quantity", "qty", "balance", "date", "time", "year", "birth"], -30.0),
]);

const AMOUNT: Hints = Hints(&[
    (&["total", "amount", "revenue", "turnover", "sales", "payment", "cost", "spend", "amt", "sum"], 40.0),
    (&["gross", "net", "deposit", "withdrawal", "debit", "credit"], 40.0),
    (&["jumlah", "nominal", "betrag", "umsatz", "montant", "importe", "valor", "bedrag", "kwota"], 40.0),
    (&["balance", "saldo"], -10.0),
    (&["price", "value", "fee", "fare", "tax", "tip", "charge", "usd", "eur", "gbp", "cents"], 30.0),
    (&["quantity", "qty", "volume", "units", "count", "clicks", "views", "bytes", "size", "duration"], 25.0),
    (&["weight", "distance", "energy", "kwh", "power", "temperature", "reading", "score", "speed"], 15.0),
    (&["id", "no", "code", "number", "key", "zip", "phone", "index", "port", "version", "offset"], -80.0),
    (&["lat", "lon", "lng", "latitude", "longitude", "year", "month", "day", "age", "hour", "birth"], -80.0),
    (&["partition", "time", "timestamp", "ts", "date", "status"], -80.0),
]);

/// Numbers of which a sum says nothing.
const LEVELS: &[&str] = &[
    "price",
    "balance",
    "rate",
    "ratio",
    "percent",
    "pct",
    "temperature",
    "speed",
    "score",
    "reading",
    "level",
    "average",
    "avg",
    "mean",
    "humidity",
    "pressure",
    "voltage",
    "max",
    "min",
];

/// How much a name is that of a time.
pub fn time(name: &str) -> f64 {
    TIME.score(&words(name))
}

/// How much a name is that of something to group by.
pub fn key(name: &str) -> f64 {
    KEY.score(&words(name))
}

/// Whether the name is that of a label, whatever digits its values have.
pub fn is_label(name: &str) -> bool {
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    has(&["id", "no", "code", "number", "key", "account", "zip", "postcode", "phone", "sku"])
}

/// How much a name is that of something to add up.
pub fn amount(name: &str) -> f64 {
    AMOUNT.score(&words(name))
}

/// Whether the numbers are levels, which are not added up.
pub fn is_level(name: &str) -> bool {
    words(name).iter().any(|word| LEVELS.contains(&word.as_str()))
}

/// Whether it says how many of something.
pub fn is_quantity(name: &str) -> bool {
    words(name).iter().any(|word| ["quantity", "qty", "units", "pieces", "shares"].contains(&word.as_str()))
}

/// Whether it says what one of something costs.
pub fn is_unit_price(name: &str) -> bool {
    let words = words(name);
    let has = |word: &str| words.iter().any(|w| w == word);
    // `unit_cost` is two words, of which `cost` by itself may be that of all units.
    has("price") && !has("total") || words.join("") == "unitcost"
}

/// Whether it says what something costs in all.
pub fn is_total(name: &str) -> bool {
    let list = ["total", "amount", "amt", "revenue", "turnover", "sales", "payment", "spend"];
    words(name).iter().any(|word| list.contains(&word.as_str()))
}

/// A name in SQL, in quotes where it needs them.
pub fn quoted(name: &str) -> String {
    let mut letters = name.chars();
    // A keyword without quotes may be read as syntax, so it gets quotes too.
    let bare = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !ALL_KEYWORDS.contains(&name.to_ascii_uppercase().as_str());
    if bare { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_words() {
        assert_eq!(words("CustomerID"), ["customer", "id"]);
        assert_eq!(words("user.home_address-ZIP"), ["user", "home", "address", "zip"]);
        assert_eq!(words("Straße №"), ["straße"]);
        assert!(words("").is_empty());
    }

    #[test]
    fn names_are_weighed() {
        assert!(time("sale_ts") > time("value_date"));
        assert!(time("processedAt") > time("receivedAt"));
        assert!(time("account_no") < 0.0);
        assert!(key("CustomerID") > key("InvoiceNo"));
        assert!(amount("UnitPrice") > 0.0 && amount("Quantity") > 0.0 && amount("CustomerID") < 0.0);
        assert!(is_unit_price("UnitPrice") && is_quantity("Quantity") && !is_total("Quantity"));
        assert!(is_level("balance") && is_total("amount_usd"));
    }
}
