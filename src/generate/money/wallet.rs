//! Wallet events: payments, transactions and others, some of them twice, some without a session, some two in
//! one millisecond.

use super::super::SampleLog;
use super::super::random::{Draw, Stream, Uuid};
use super::super::row::{ColumnType, GeneratedColumn, Row};
use super::world::World;
use crate::generate::sample_log::START;
use crate::time::{DAY, SECOND};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

static COLUMNS: [GeneratedColumn; 9] = [
    GeneratedColumn::new("type", ColumnType::Text),
    GeneratedColumn::new("id", ColumnType::Text),
    GeneratedColumn::new("userId", ColumnType::Text),
    GeneratedColumn::new("userSessionId", ColumnType::Text),
    GeneratedColumn::new("processedAt", ColumnType::Instant),
    GeneratedColumn::new("amount", ColumnType::Amount),
    GeneratedColumn::new("currency", ColumnType::Text),
    GeneratedColumn::new("moneyType", ColumnType::Text),
    GeneratedColumn::new("old", ColumnType::Bool),
];

const CURRENCIES: [&str; 6] = ["EUR", "GBP", "USD", "SEK", "PLN", "BRL"];
const MONEY_TYPES: [&str; 8] = ["DEPOSIT", "WITHDRAWAL", "BET", "WIN", "BONUS", "REFUND", "FEE", "TRANSFER"];

/// One wallet event. Ordered by its arrival alone where it waits to be repeated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct WalletEvent {
    /// Microseconds after the start of the log, as `time` is.
    arrival: i64,
    index: u64,
    time: i64,
    kind: &'static str,
    id: Uuid,
    user: Uuid,
    session: Option<Uuid>,
    /// Hundredths, currency, money type.
    money: Option<(i64, &'static str, &'static str)>,
    /// Booked so late that what the log says of its session is not to be believed.
    old: bool,
}

/// The log of wallet events: 97 % are events of their own, 3 % repeats of one some time before.
pub struct WalletEvents {
    world: World,
    draw: Draw,
    /// Events of their own so far.
    index: u64,
    /// Repeats that are still to be given to an event.
    repeats: u64,
    /// The next event of its own, and the repeats that have not arrived.
    next: Option<WalletEvent>,
    last: Option<WalletEvent>,
    /// When the event that was written last arrived.
    arrived: i64,
    waiting: BinaryHeap<Reverse<WalletEvent>>,
}

impl WalletEvents {
    /// The log of `world.shape.rows` events.
    pub fn new(world: World) -> WalletEvents {
        let rows = world.shape.rows;
        let repeats = rows - world.own;
        let draw = Draw::new(world.shape.seed, Stream::Wallet);
        WalletEvents {
            world,
            draw,
            index: 0,
            repeats,
            next: None,
            last: None,
            arrived: 0,
            waiting: BinaryHeap::new(),
        }
    }

    /// Draws the next event of its own, and perhaps a repeat of it.
    fn advance(&mut self) -> Option<WalletEvent> {
        if self.index == self.world.own {
            return None;
        }
        let event = self.event();
        // Of n events left, r are repeated: each with the chance r / n gives r in the end.
        if self.draw.chance(self.repeats, self.world.own - self.index) {
            self.repeats -= 1;
            let repeat = self.repeat(&event);
            self.waiting.push(Reverse(repeat));
        }
        self.index += 1;
        self.last = Some(event.clone());
        Some(event)
    }

    fn event(&mut self) -> WalletEvent {
        let arrival = self.world.shape.arrival(self.index, self.world.own);
        let draw = &mut self.draw;
        let time = arrival - self.world.shape.lateness.draw(draw, arrival);
        let kind = match draw.below(100) {
            0..60 => "PaymentEvent",
            60..90 => "TransactionEvent",
            90..96 => "BonusGrantedEvent",
            _ => "LimitChangedEvent",
        };
        let money = (draw.lognormal(2000, 1.3), draw.pick(&CURRENCIES), draw.pick(&MONEY_TYPES));
        let money = (kind != "LimitChangedEvent").then_some(money);
        let (id, old) = (draw.uuid(), kind == "PaymentEvent" && draw.chance(3, 100));
        // Of 100 events, one comes in the same millisecond as the one before it, of the same user and kind.
        let twin = draw.chance(1, 100);
        let session = self.early(arrival);
        // Two events at one instant show whether a job breaks ties by position.
        if let (None, true, Some(last)) = (&session, twin, &self.last) {
            let money = last.money.zip(money).map(|(last, new)| (new.0, new.1, last.2));
            return WalletEvent { index: self.index, id, money, ..last.clone() };
        }
        let (user, session) = session.unwrap_or_else(|| who(&self.world, &mut self.draw, time));
        WalletEvent { arrival, index: self.index, time, kind, id, user, session, money, old }
    }

    /// The user and session of this event, if its session begins just after it.
    fn early(&self, arrival: i64) -> Option<(Uuid, Option<Uuid>)> {
        let slot = self.world.started(arrival);
        let session =
            Some(slot).filter(|&slot| slot < self.world.sessions).map(|slot| self.world.session(slot))?;
        let first = session.early && self.world.first_of(slot) == Some(self.index);
        first.then(|| (self.world.user_id(session.user), Some(session.id)))
    }

    /// Of eight repeats, four are the same record again, three were processed again a little later, and one
    /// some minutes later.
    fn repeat(&mut self, event: &WalletEvent) -> WalletEvent {
        let kind = self.draw.below(8);
        let delay = if kind < 7 { (SECOND / 2, 40 * SECOND) } else { (90 * SECOND, 300 * SECOND) };
        let arrival = event.arrival + self.draw.between(delay.0, delay.1);
        let time = if kind < 4 { event.time } else { arrival };
        WalletEvent { arrival, time, ..event.clone() }
    }
}

/// The user of an event at `time`, and the session. Of 100 events, 5 have no session, 1 has one that
/// no event tells of, 2 come in the second day of theirs.
fn who(world: &World, draw: &mut Draw, time: i64) -> (Uuid, Option<Uuid>) {
    let user = draw.below(world.users);
    let started = world.started(time);
    let day_ago = world.started(time - DAY);
    let session = match draw.below(100) {
        0..5 => None,
        5 => return (world.user_id(user), Some(world.stranger(draw.below(world.strangers)).0)),
        // A job that matches sessions by `within = "1d"` does not find these.
        6..8 => among(draw, world.started(time - 2 * DAY), day_ago),
        // The session whose slot is open a day ago may be older than a day, so the one after it is the first.
        _ => among(draw, if time < DAY { 0 } else { day_ago + 1 }, started),
    };
    match session.map(|index| world.session(index)) {
        Some(session) => (world.user_id(session.user), Some(session.id)),
        None => (world.user_id(user), None),
    }
}

fn among(draw: &mut Draw, from: u64, to: u64) -> Option<u64> {
    (from < to).then(|| from + draw.below(to - from))
}

impl SampleLog for WalletEvents {
    fn folder(&self) -> &'static str {
        "wallet-events"
    }

    fn name(&self) -> &'static str {
        "wallet-events"
    }

    fn columns(&self) -> &'static [GeneratedColumn] {
        &COLUMNS
    }

    fn rows(&self) -> u64 {
        self.world.shape.rows
    }

    fn arrived(&self) -> Option<i64> {
        Some(self.arrived)
    }

    fn next(&mut self, row: &mut Row) {
        if self.next.is_none() {
            self.next = self.advance();
        }
        // The log is in the order of arrival: a repeat waits in the heap until its own arrival.
        let repeat_first = match (self.waiting.peek(), &self.next) {
            (Some(Reverse(repeat)), Some(own)) => repeat.arrival < own.arrival,
            (waiting, _) => waiting.is_some(),
        };
        let event = if repeat_first { self.waiting.pop().map(|Reverse(e)| e) } else { self.next.take() };
        // There are as many events as rows, so there is one; a row too many would be empty.
        if let Some(event) = event {
            self.arrived = event.arrival;
            write(&event, row);
        }
    }
}

fn write(event: &WalletEvent, row: &mut Row) {
    row.text(event.kind);
    row.uuid(event.id);
    row.uuid(event.user);
    match event.session {
        Some(session) => row.uuid(session),
        None => row.null(),
    }
    row.instant(START + event.time);
    match event.money {
        Some((amount, currency, kind)) => {
            row.amount(amount);
            row.text(currency);
            row.text(kind);
        }
        None => (0..3).for_each(|_| row.null()),
    }
    if event.old { row.bool(true) } else { row.null() }
}
