//! Bank transactions: `account_no,date,details,value_date,amount,balance`, in rupiah, with local
//! times as a bank prints them. Details hold commas and quotes, account numbers leading zeros.

use super::random::{Draw, Stream};
use super::row::{ColumnType, GeneratedColumn, Row};
use super::{LogShape, SampleLog};
use crate::time::{DAY, SECOND};

/// 2021-01-01T00:00:00.
const START: i64 = 1_609_459_200 * SECOND;

static COLUMNS: [GeneratedColumn; 6] = [
    GeneratedColumn::new("account_no", ColumnType::Text),
    GeneratedColumn::new("date", ColumnType::Text),
    GeneratedColumn::new("details", ColumnType::Text),
    GeneratedColumn::new("value_date", ColumnType::Text),
    GeneratedColumn::new("amount", ColumnType::Amount),
    GeneratedColumn::new("balance", ColumnType::Amount),
];

const WAYS: [&str; 8] = [
    "TRF FROM",
    "NEFT TO",
    "CARD PAYMENT",
    "CASH DEPOSIT",
    "IMPS REF",
    "DIRECT DEBIT",
    "RTGS FROM",
    "POS PURCHASE",
];
const PARTIES: [&str; 8] = [
    "Indiaforensic",
    "Acme Stores",
    "City Water",
    "Green Energy",
    "Blue Rail",
    "Corner Shop",
    "Payroll",
    "J Smith",
];
const DETAILS: usize = 20_000;

/// The log of transactions.
pub struct Transactions {
    shape: LogShape,
    index: u64,
    draw: Draw,
    accounts: u64,
    details: Vec<String>,
}

impl Transactions {
    /// The log of `shape.rows` transactions, of a two-hundredth as many accounts (10 to 100,000).
    pub fn new(shape: LogShape) -> Transactions {
        let draw = Draw::new(shape.seed, Stream::Transactions);
        let accounts = (shape.rows / 200).clamp(10, 100_000);
        Transactions { details: details(shape.seed), shape, index: 0, draw, accounts }
    }
}

fn details(seed: u64) -> Vec<String> {
    let mut draw = Draw::new(seed, Stream::Pools);
    let one = |number: usize| {
        let (way, party, number) = (draw.pick(&WAYS), draw.pick(&PARTIES), number % 10_000);
        // A tenth of the details has commas and a few have quotes, so that CSV has fields to quote (RFC
        // 4180).
        match draw.below(200) {
            0..20 => format!("{way} {party}, {number:04}"),
            20 => format!("{way} \"{party}\" {number:04}"),
            _ => format!("{way} {party} {number:04}"),
        }
    };
    (0..DETAILS).map(one).collect()
}

/// The number of account `index`: 12 digits, all different, a ninth of them with a leading zero.
fn account_no(index: u64) -> u64 {
    const LOWEST: u64 = 10_000_000_000;
    const NUMBERS: u64 = 990_000_000_000;
    // Has no factor in common with NUMBERS, so that no two indexes below it meet.
    LOWEST + (u128::from(index) * 611_953_000_003 % u128::from(NUMBERS)) as u64
}

impl SampleLog for Transactions {
    fn name(&self) -> &'static str {
        "transactions"
    }

    fn columns(&self) -> &'static [GeneratedColumn] {
        &COLUMNS
    }

    fn rows(&self) -> u64 {
        self.shape.rows
    }

    fn next(&mut self, row: &mut Row) {
        let arrival = self.shape.arrival(self.index, self.shape.rows);
        self.index += 1;
        let draw = &mut self.draw;
        let time = START + arrival - self.shape.lateness.draw(draw, arrival);
        let account = account_no(draw.below(self.accounts));
        // Text and not a number: a zero in front belongs to the account.
        row.with_text(|text| push_padded(text, account));
        row.date_time(time);
        row.text(&self.details[draw.below(DETAILS as u64) as usize]);
        row.date(time + draw.between(0, 3) * DAY);
        // In hundredths: a median of 15 million. A tenth goes back.
        let amount = draw.lognormal(1_500_000_000, 1.5);
        row.amount(if draw.chance(1, 10) { -amount } else { amount });
        row.amount(draw.lognormal(8_000_000_000, 1.5));
    }
}

fn push_padded(text: &mut String, number: u64) {
    let mut unit = 100_000_000_000;
    while unit > 0 {
        text.push((b'0' + (number / unit % 10) as u8) as char);
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn account_numbers_differ_and_some_begin_with_zero() {
        let numbers: HashSet<u64> = (0..100_000).map(account_no).collect();
        assert_eq!(numbers.len(), 100_000);
        assert!(numbers.iter().all(|n| (10_000_000_000..1_000_000_000_000).contains(n)));
        let zeros = numbers.iter().filter(|n| **n < 100_000_000_000).count();
        assert!((8_000..10_000).contains(&zeros), "{zeros}");
        let mut text = String::new();
        push_padded(&mut text, 10_000_000_007);
        assert_eq!(text, "010000000007");
    }

    #[test]
    fn details_hold_commas_and_quotes() {
        let details = details(1);
        let share = |of: char| details.iter().filter(|d| d.contains(of)).count() as f64 / DETAILS as f64;
        assert!((share(',') - 0.1).abs() < 0.01, "{}", share(','));
        assert!((share('"') - 0.005).abs() < 0.003, "{}", share('"'));
    }
}
