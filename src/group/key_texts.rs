//! Texts of key columns that are too long for a word, and their codes.

use super::key_words::NONE;
use super::text_lanes::TextLanes;

/// Below so many texts the table has eight slots for each, so that few are not in their first one: a second look is a branch
/// that is guessed wrong.
const FEW: usize = 1024;

/// Distinct texts, each with a code.
pub(super) struct KeyTexts {
    /// High half of the hash, and which text, [`NONE`] where there is none: a power of two of them, at most half of them used,
    /// with linear probing.
    slots: Vec<(u32, u32)>,
    texts: Vec<KeyText>,
    arena: Vec<u8>,
}

struct KeyText {
    /// In the arena.
    start: usize,
    length: u32,
    code: u32,
}

impl KeyTexts {
    pub(super) fn new() -> KeyTexts {
        KeyTexts { slots: vec![(0, NONE); 16], texts: vec![], arena: vec![] }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The text that came as number `at`, from 0.
    pub(super) fn get(&self, at: usize) -> &[u8] {
        self.text(&self.texts[at])
    }

    #[inline(always)]
    fn text(&self, text: &KeyText) -> &[u8] {
        &self.arena[text.start..text.start + text.length as usize]
    }

    /// The code of `text`, which is `next` if it is new.
    #[inline(always)]
    pub(super) fn code<L: TextLanes>(&mut self, lanes: L, text: &[u8], next: u32) -> u32 {
        let hash = lanes.hash(text);
        let (mask, tag) = (self.slots.len() - 1, (hash >> 32) as u32);
        let mut at = hash as usize & mask;
        // At least half of the slots are free, so the loop ends.
        loop {
            let (held, number) = self.slots[at & mask];
            if number == NONE {
                self.push(lanes, at & mask, tag, text, next);
                return next;
            }
            if held == tag {
                let known = &self.texts[number as usize];
                if lanes.same(self.text(known), text) {
                    return known.code;
                }
            }
            at += 1;
        }
    }

    #[inline(never)]
    fn push<L: TextLanes>(&mut self, lanes: L, at: usize, tag: u32, text: &[u8], code: u32) {
        self.slots[at] = (tag, self.texts.len() as u32);
        self.texts.push(KeyText { start: self.arena.len(), length: text.len() as u32, code });
        self.arena.extend_from_slice(text);
        let slots_each = if self.texts.len() <= FEW { 8 } else { 2 };
        if self.texts.len() * slots_each > self.slots.len() {
            self.grow(lanes);
        }
    }

    fn grow<L: TextLanes>(&mut self, lanes: L) {
        let mut slots = vec![(0, NONE); self.slots.len() * 2];
        let mask = slots.len() - 1;
        for (number, text) in (0..).zip(&self.texts) {
            let hash = lanes.hash(self.text(text));
            let mut at = hash as usize & mask;
            while slots[at].1 != NONE {
                at = (at + 1) & mask;
            }
            slots[at] = ((hash >> 32) as u32, number);
        }
        self.slots = slots;
    }

    pub(super) fn bytes(&self) -> usize {
        let (slots, texts) = (self.slots.capacity() * size_of::<(u32, u32)>(), self.texts.capacity());
        slots + texts * size_of::<KeyText>() + self.arena.capacity()
    }
}
