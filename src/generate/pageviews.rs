//! Page views: `user_id,postcode,webpage,timestamp` (seconds since 1970).

use super::random::{Draw, Stream};
use super::row::{ColumnType, GeneratedColumn, Row};
use super::sample_log::START;
use super::{LogShape, SampleLog};

static COLUMNS: [GeneratedColumn; 4] = [
    GeneratedColumn::new("user_id", ColumnType::Int),
    GeneratedColumn::new("postcode", ColumnType::Text),
    GeneratedColumn::new("webpage", ColumnType::Text),
    GeneratedColumn::new("timestamp", ColumnType::Int),
];

const USERS: i64 = 10_000;
const POSTCODES: usize = 3000;
/// The draw of a postcode is a look-up in a table of so many slots, a power of two.
const SLOTS: usize = 1 << 16;
/// The letters of the postcode areas of the United Kingdom; a district is an area and a number.
const AREAS: &str = "AB AL B BA BB BD BH BL BN BR BS CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN \
    EX FK FY G GL GU HA HD HG HP HR HS HU HX IG IP IV KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW \
    OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD \
    WF WN WR WS WV YO ZE";
const SECTIONS: [&str; 7] = ["shop", "news", "help", "account", "blog", "search", "media"];
const PAGES: [&str; 7] = ["index", "list", "detail", "contact", "about", "offers", "archive"];

/// The log of page views.
pub struct PageViews {
    shape: LogShape,
    index: u64,
    draw: Draw,
    postcodes: Vec<String>,
    /// Which postcode a slot stands for.
    slots: Vec<u16>,
    pages: Vec<String>,
}

impl PageViews {
    /// The log of `shape.rows` page views.
    pub fn new(shape: LogShape) -> PageViews {
        let mut pages = vec!["http://example.com/".to_string()];
        for section in SECTIONS {
            pages.extend(PAGES.iter().map(|page| format!("http://example.com/{section}/{page}.html")));
        }
        let draw = Draw::new(shape.seed, Stream::PageViews);
        PageViews { shape, index: 0, draw, postcodes: postcodes(), slots: slots(), pages }
    }
}

/// The districts, the most visited first: the same for every seed.
fn postcodes() -> Vec<String> {
    let mut all: Vec<String> = (1..=25)
        .flat_map(|district| AREAS.split_whitespace().map(move |area| format!("{area}{district}")))
        .collect();
    let mut draw = Draw::new(0, Stream::Postcodes);
    // A Fisher-Yates shuffle: every order is equally likely.
    for last in (1..all.len()).rev() {
        all.swap(last, draw.below(last as u64 + 1) as usize);
    }
    all.truncate(POSTCODES);
    all
}

/// A mild skew: the weight of the postcode of rank r is (r + 30)^-3/4, by square roots alone.
fn slots() -> Vec<u16> {
    let weight = |rank: usize| {
        let root = ((rank + 30) as f64).sqrt();
        1.0 / (root * root.sqrt())
    };
    let total: f64 = (0..POSTCODES).map(weight).sum();
    let mut slots = Vec::with_capacity(SLOTS);
    let mut sum = 0.0;
    for rank in 0..POSTCODES {
        sum += weight(rank);
        let end = (sum / total * SLOTS as f64) as usize;
        // Floats are rounded: without the bounds, `resize` could pass the table or cut slots off again.
        slots.resize(end.min(SLOTS).max(slots.len()), rank as u16);
    }
    // The sum of the shares may end just below 1; the last postcode takes the slots that are left.
    slots.resize(SLOTS, POSTCODES as u16 - 1);
    slots
}

impl SampleLog for PageViews {
    fn name(&self) -> &'static str {
        "pageviews"
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
        row.int(draw.between(1, USERS));
        row.text(&self.postcodes[usize::from(self.slots[draw.below(SLOTS as u64) as usize])]);
        row.text(&self.pages[draw.below(self.pages.len() as u64) as usize]);
        row.seconds(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_3000_postcodes_and_all_are_visited() {
        let (postcodes, slots) = (postcodes(), slots());
        assert_eq!(postcodes.iter().collect::<HashSet<_>>().len(), POSTCODES);
        assert_eq!(slots.iter().collect::<HashSet<_>>().len(), POSTCODES);
        let visits = |rank: u16| slots.iter().filter(|&&slot| slot == rank).count();
        assert!(visits(0) > 10 * visits(2500), "{} {}", visits(0), visits(2500));
    }
}
