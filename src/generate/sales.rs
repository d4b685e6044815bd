//! Sales: `seller_id,amount_usd,sale_ts` (ISO 8601, milliseconds, UTC).

use super::random::{Draw, Stream};
use super::row::{ColumnType, GeneratedColumn, Row};
use super::sample_log::START;
use super::{LogShape, SampleLog};

static COLUMNS: [GeneratedColumn; 3] = [
    GeneratedColumn::new("seller_id", ColumnType::Text),
    GeneratedColumn::new("amount_usd", ColumnType::Amount),
    GeneratedColumn::new("sale_ts", ColumnType::Instant),
];

/// Who sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sellers {
    /// So many, whose names are numbers.
    Count(u64),
    /// Those of these names.
    Names(Vec<String>),
}

/// The log of sales.
pub struct Sales {
    shape: LogShape,
    index: u64,
    draw: Draw,
    sellers: Vec<String>,
}

impl Sales {
    /// The log of `shape.rows` sales, by these sellers, or else by a hundredth as many as there are sales
    /// (10 to 10,000).
    pub fn new(shape: LogShape, sellers: Option<&Sellers>) -> Sales {
        let numbered = |count: u64| (1..=count).map(|n| format!("seller-{n:05}")).collect();
        let sellers = match sellers {
            None => numbered((shape.rows / 100).clamp(10, 10_000)),
            Some(Sellers::Count(count)) => numbered(*count),
            Some(Sellers::Names(names)) => names.clone(),
        };
        let draw = Draw::new(shape.seed, Stream::Sales);
        Sales { shape, index: 0, draw, sellers }
    }
}

impl SampleLog for Sales {
    fn name(&self) -> &'static str {
        "sales"
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
        // Rows come in the order of arrival; the event time lies before it by the lateness.
        let time = START + arrival - self.shape.lateness.draw(draw, arrival);
        // The lesser of two draws: a seller of a low number sells more.
        let sellers = self.sellers.len() as u64;
        let seller = draw.below(sellers).min(draw.below(sellers));
        row.text(&self.sellers[seller as usize]);
        row.amount(draw.lognormal(2500, 1.1));
        row.instant(time);
    }
}
