//! Where the values of a row are: in its record, and where a list is unnested, in an item of the list.
//!
//! # Contract
//! * Without a list a record is a row. With one each of its items is: a column below the list is of the item, every other
//!   of the record, and `_item` is the number of the item, from 1.
//! * A key of the record that has dots in it goes before the path, above the list and below it.

use super::record::RecordReader;
use super::scanner::{InvalidJson, JsonCursor, JsonKind, Span};
use crate::input::ITEM;

/// In which slots a column's value may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnSlots {
    /// Of the record; `path` is where the dots of the name lead, if the name itself is no key.
    Record { slot: usize, path: Option<usize> },
    /// Of the item, if the whole name is no key of the record.
    Item { literal: usize, slot: usize, path: Option<usize> },
    /// The item itself.
    WholeItem,
    /// The number of the item.
    Number,
}

/// Finds the values of a row.
pub(super) struct ValueFinder {
    record: RecordReader,
    items: Option<Items>,
}

struct Items {
    /// The path of the list.
    name: String,
    list: ColumnSlots,
    reader: RecordReader,
    item: Span,
    /// Digits.
    number: String,
}

fn want_column(reader: &mut RecordReader, name: &str) -> (usize, Option<usize>) {
    let keys: Vec<&str> = name.split('.').collect();
    let path = (keys.len() > 1).then(|| reader.want(&keys));
    (reader.want(&[name]), path)
}

impl ValueFinder {
    /// A finder of values in records, or in the items of the list `unnest`.
    pub(super) fn new(unnest: Option<&str>) -> ValueFinder {
        let mut record = RecordReader::new();
        let items = unnest.map(|name| {
            let (slot, path) = want_column(&mut record, name);
            let list = ColumnSlots::Record { slot, path };
            let (reader, number) = (RecordReader::new(), String::new());
            Items { name: name.to_string(), list, reader, item: Span::MISSING, number }
        });
        ValueFinder { record, items }
    }

    /// Where the column `name` is.
    pub(super) fn want(&mut self, name: &str) -> ColumnSlots {
        if let Some(items) = &mut self.items {
            if name == ITEM {
                return ColumnSlots::Number;
            }
            if name == items.name {
                return ColumnSlots::WholeItem;
            }
            if let Some(below) = name.strip_prefix(items.name.as_str()).and_then(|n| n.strip_prefix('.')) {
                let literal = self.record.want(&[name]);
                let (slot, path) = want_column(&mut items.reader, below);
                return ColumnSlots::Item { literal, slot, path };
            }
        }
        let (slot, path) = want_column(&mut self.record, name);
        ColumnSlots::Record { slot, path }
    }

    /// Reads the record that starts here, to the end of its line.
    #[inline(always)]
    pub(super) fn read(&mut self, cursor: &mut JsonCursor) -> Result<(), InvalidJson> {
        self.record.read(cursor)
    }

    /// The path of the list that is unnested, and where it is in the record that was read last.
    #[inline(always)]
    pub(super) fn list(&self) -> Option<(&str, Span)> {
        let items = self.items.as_ref()?;
        Some((&items.name, self.span(&items.list)))
    }

    /// Goes on to item number `number` of a list, whose bracket or comma is here: where it begins, if there is one.
    pub(super) fn next_item(&mut self, cursor: &mut JsonCursor, number: u64) -> Option<usize> {
        let items = self.items.as_mut()?;
        if !matches!(cursor.peek(), Some(b'[' | b',')) {
            return None;
        }
        cursor.at += 1;
        cursor.blanks();
        let start = cursor.at;
        match cursor.peek()? {
            b']' => return None,
            // The record was read whole: what is in it is JSON.
            b'{' => {
                items.reader.read_object(cursor).ok()?;
                items.item = Span { kind: JsonKind::Object, start, end: cursor.at };
            }
            _ => {
                // The item does not have keys: those of the item before it must not stay.
                items.reader.clear();
                items.item = cursor.value(1).ok()?;
            }
        }
        cursor.blanks();
        // Kept as digits, because a column reads it like a number of the record.
        items.number = number.to_string();
        Some(start)
    }

    /// The digits of the item's number.
    pub(super) fn number(&self) -> &str {
        self.items.as_ref().map_or("", |items| items.number.as_str())
    }

    /// Where the value of a column is in the row that was read last; that of [`ColumnSlots::Number`] is nowhere.
    #[inline(always)]
    pub(super) fn span(&self, wanted: &ColumnSlots) -> Span {
        match wanted {
            &ColumnSlots::Record { slot, path } => either(&self.record, slot, path),
            // Few jobs unnest a list: this keeps the common way small enough to be inlined.
            other => self.span_of_item(other),
        }
    }

    #[inline(never)]
    fn span_of_item(&self, wanted: &ColumnSlots) -> Span {
        match (wanted, &self.items) {
            (&ColumnSlots::Item { literal, slot, path }, Some(items)) => {
                let own = self.record.slot(literal);
                if own.kind == JsonKind::Missing { either(&items.reader, slot, path) } else { own }
            }
            (ColumnSlots::WholeItem, Some(items)) => items.item,
            _ => Span::MISSING,
        }
    }
}

/// The value of a key, or else that at the end of a path.
#[inline(always)]
fn either(reader: &RecordReader, slot: usize, path: Option<usize>) -> Span {
    let span = reader.slot(slot);
    match path {
        Some(path) if span.kind == JsonKind::Missing => reader.slot(path),
        _ => span,
    }
}
