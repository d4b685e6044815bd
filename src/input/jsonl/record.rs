//! Finds the wanted values of a record, guessing that its keys come as those of the last one did.

use super::scanner::{InvalidJson, JsonCursor, JsonKind, Span, unescape};
use super::window::{KeyPiece, WINDOW, plain_value};

/// The most keys of one object whose order is remembered, and the longest of them.
const REMEMBERED: usize = 64;
const LONGEST: usize = 128;

/// Where the value of a key goes.
#[derive(Debug, Clone, Copy)]
enum KeyTarget {
    /// Into `slots`.
    Slot(usize),
    /// Values inside of it are wanted, and perhaps all of it.
    Inside { node: usize, slot: Option<usize> },
}

/// A key that is expected, and where its value goes.
#[derive(Debug)]
struct ExpectedKey {
    piece: KeyPiece,
    target: KeyTarget,
}

/// The slot of values that nobody wants.
const UNWANTED: usize = 0;

/// An object of which something is wanted: the record itself or one inside of it.
#[derive(Debug, Default)]
struct ObjectNode {
    fields: Vec<(Box<[u8]>, KeyTarget)>,
    /// The keys in the order in which the last records had them: all bytes from the brace or comma
    /// to the value (blanks too), and where the value goes. A guess: any order would do.
    expected: Vec<ExpectedKey>,
    /// All slots inside.
    slots: Vec<usize>,
}

/// Finds the values of wanted names, one slot to a name.
#[derive(Debug)]
pub(in crate::input) struct RecordReader {
    nodes: Vec<ObjectNode>,
    /// The values of the current record.
    slots: SpanSlots,
}

/// Spans, each part of them apart: as one value a span would be stored in parts and loaded as a whole at once, which waits until
/// the stores have come to the cache (a tenth of the time of a record).
#[derive(Debug, Default)]
struct SpanSlots {
    /// In blocks, so that a few are cleared without a call.
    kinds: Vec<[JsonKind; 16]>,
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl SpanSlots {
    /// How many there are.
    fn count(&self) -> usize {
        self.starts.len()
    }

    fn push_missing(&mut self) {
        if self.count().is_multiple_of(16) {
            self.kinds.push([JsonKind::Missing; 16]);
        }
        self.starts.push(0);
        self.ends.push(0);
    }

    #[inline(always)]
    fn set(&mut self, slot: usize, span: Span) {
        self.kinds.as_flattened_mut()[slot] = span.kind;
        self.starts[slot] = span.start;
        self.ends[slot] = span.end;
    }

    #[inline(always)]
    fn get(&self, slot: usize) -> Span {
        match self.kinds.as_flattened()[slot] {
            JsonKind::Missing => Span::MISSING,
            kind => Span { kind, start: self.starts[slot], end: self.ends[slot] },
        }
    }

    fn clear(&mut self) {
        match self.kinds.as_mut_slice() {
            [few] => *few = [JsonKind::Missing; 16],
            many => many.fill([JsonKind::Missing; 16]),
        }
    }
}

impl RecordReader {
    pub fn new() -> RecordReader {
        let mut slots = SpanSlots::default();
        // [`UNWANTED`].
        slots.push_missing();
        RecordReader { nodes: vec![ObjectNode::default()], slots }
    }

    /// The slot of the key path `path`.
    pub fn want(&mut self, path: &[&str]) -> usize {
        let mut node = 0;
        for key in &path[..path.len() - 1] {
            node = self.inside(node, key);
        }
        let key = path[path.len() - 1].as_bytes();
        let new = self.slots.count();
        let slot = match self.nodes[node].fields.iter_mut().find(|(name, _)| **name == *key) {
            Some((_, KeyTarget::Slot(slot))) => *slot,
            Some((_, KeyTarget::Inside { slot, .. })) => *slot.get_or_insert(new),
            None => {
                self.nodes[node].fields.push((key.into(), KeyTarget::Slot(new)));
                new
            }
        };
        if slot == new {
            self.slots.push_missing();
            // The nodes on the way, but for the record's own, forget the slot when they come again.
            let mut node = 0;
            for key in &path[..path.len() - 1] {
                node = self.inside(node, key);
                self.nodes[node].slots.push(new);
            }
        }
        slot
    }

    /// The node of the objects at `key` in `node`.
    fn inside(&mut self, node: usize, key: &str) -> usize {
        let new = self.nodes.len();
        let fields = &mut self.nodes[node].fields;
        let found = match fields.iter_mut().find(|(name, _)| **name == *key.as_bytes()) {
            Some((_, target)) => match *target {
                KeyTarget::Inside { node, .. } => node,
                KeyTarget::Slot(slot) => {
                    *target = KeyTarget::Inside { node: new, slot: Some(slot) };
                    new
                }
            },
            None => {
                fields.push((key.as_bytes().into(), KeyTarget::Inside { node: new, slot: None }));
                new
            }
        };
        if found == new {
            self.nodes.push(ObjectNode::default());
        }
        found
    }

    /// The value that the last record has in `slot`.
    #[inline(always)]
    pub fn slot(&self, slot: usize) -> Span {
        self.slots.get(slot)
    }

    /// Reads the record that starts here, to the end of its line.
    #[inline]
    pub fn read(&mut self, cursor: &mut JsonCursor) -> Result<(), InvalidJson> {
        self.slots.clear();
        cursor.expect(b'{')?;
        self.object(cursor, 0, 1)?;
        cursor.blanks();
        match cursor.peek() {
            None => Ok(()),
            Some(b'\n') => {
                cursor.at += 1;
                Ok(())
            }
            _ => Err(InvalidJson),
        }
    }

    /// Reads the object that starts here.
    pub fn read_object(&mut self, cursor: &mut JsonCursor) -> Result<(), InvalidJson> {
        self.clear();
        cursor.expect(b'{')?;
        self.object(cursor, 0, 1)
    }

    /// Forgets the last record.
    pub fn clear(&mut self) {
        self.slots.clear();
    }

    /// Reads what is behind the opening brace of an object; `depth` containers are open, with it.
    fn object(&mut self, cursor: &mut JsonCursor, node: usize, depth: usize) -> Result<(), InvalidJson> {
        if cursor.peek() != Some(b'"') {
            let start = cursor.at;
            cursor.blanks();
            if cursor.peek() == Some(b'}') {
                cursor.at += 1;
                return Ok(());
            }
            // The blanks are a part of the piece that is remembered with the key, so they are not passed yet.
            cursor.at = start;
        }
        let mut next = 0;
        loop {
            if self.plain_members(cursor, node, &mut next) {
                return Ok(());
            }
            match self.key(cursor, node, &mut next)? {
                // Of a key that comes twice the last value stays.
                KeyTarget::Slot(slot) => self.slots.set(slot, cursor.value(depth)?),
                KeyTarget::Inside { node, slot } => self.value_inside(cursor, node, slot, depth)?,
            }
            cursor.blanks();
            match cursor.peek() {
                Some(b',') => cursor.at += 1,
                Some(b'}') => {
                    cursor.at += 1;
                    return Ok(());
                }
                _ => return Err(InvalidJson),
            }
        }
    }

    /// Passes members whose keys are those that are expected, from `next` on, and whose values are short and plain: most members
    /// of most logs, each in a few dozen instructions. Stops before the first other one; whether the object has ended.
    #[inline(always)]
    fn plain_members(&mut self, cursor: &mut JsonCursor, node: usize, next: &mut usize) -> bool {
        let RecordReader { nodes, slots } = self;
        let (bytes, mut at) = (cursor.bytes, cursor.at);
        let mut has_ended = false;
        for ExpectedKey { piece, target } in nodes[node].expected.get(*next..).unwrap_or_default() {
            let Some(window) = bytes.get(at..).and_then(|rest| rest.first_chunk::<WINDOW>()) else { break };
            let &KeyTarget::Slot(slot) = target else { break };
            let Some(length) = piece.starts_window(window) else { break };
            let Some((value, behind)) = plain_value(window, length) else { break };
            slots.set(slot, Span { start: at + value.start, end: at + value.end, ..value });
            has_ended = window[behind] == b'}';
            at += behind + 1;
            *next += 1;
            if has_ended {
                break;
            }
        }
        cursor.at = at;
        has_ended
    }

    fn value_inside(
        &mut self,
        cursor: &mut JsonCursor,
        node: usize,
        slot: Option<usize>,
        depth: usize,
    ) -> Result<(), InvalidJson> {
        // Of an object that comes twice only the last counts, and not a mixture of both.
        for i in 0..self.nodes[node].slots.len() {
            let inner = self.nodes[node].slots[i];
            self.slots.kinds.as_flattened_mut()[inner] = JsonKind::Missing;
        }
        let start = cursor.at;
        let span = if cursor.peek() == Some(b'{') && depth < super::scanner::DEEPEST {
            cursor.at += 1;
            self.object(cursor, node, depth + 1)?;
            Span { kind: JsonKind::Object, start, end: cursor.at }
        } else {
            cursor.value(depth)?
        };
        if let Some(slot) = slot {
            self.slots.set(slot, span);
        }
        Ok(())
    }

    /// Passes a key with its colon; `next` is the place of the key that is expected.
    #[inline(always)]
    fn key(
        &mut self,
        cursor: &mut JsonCursor,
        node: usize,
        next: &mut usize,
    ) -> Result<KeyTarget, InvalidJson> {
        let rest = &cursor.bytes[cursor.at..];
        // A key or two that the last record had may be left out in this one.
        for ahead in *next..*next + 3 {
            match self.nodes[node].expected.get(ahead) {
                Some(ExpectedKey { piece, target }) if piece.starts(rest) => {
                    cursor.at += piece.len();
                    // The piece ends where the value was then; blanks may follow now.
                    cursor.blanks();
                    *next = ahead + 1;
                    return Ok(*target);
                }
                Some(_) => {}
                None => break,
            }
        }
        self.unexpected_key(cursor, node, next)
    }

    #[inline(never)]
    fn unexpected_key(
        &mut self,
        cursor: &mut JsonCursor,
        node: usize,
        next: &mut usize,
    ) -> Result<KeyTarget, InvalidJson> {
        let start = cursor.at;
        cursor.blanks();
        let key = cursor.string()?;
        cursor.blanks();
        cursor.expect(b':')?;
        cursor.blanks();
        let mut name = &cursor.bytes[key.start..key.end];
        let mut unescaped = vec![];
        if key.kind == JsonKind::Escaped {
            unescape(name, &mut unescaped);
            name = &unescaped;
        }
        let node = &mut self.nodes[node];
        let target =
            node.fields.iter().find(|(field, _)| **field == *name).map_or(KeyTarget::Slot(UNWANTED), |f| f.1);
        let piece = &cursor.bytes[start..cursor.at];
        // Keys may be data, such as identifiers: these must not fill the memory.
        if piece.len() <= LONGEST {
            if node.expected.len() < REMEMBERED {
                // It goes where it came, so that the guesses for the keys behind it stay right.
                node.expected.insert(*next, ExpectedKey { piece: KeyPiece::new(piece), target });
                *next += 1;
            } else if let Some(guess) = node.expected.get_mut(*next) {
                *guess = ExpectedKey { piece: KeyPiece::new(piece), target };
                *next += 1;
            }
        }
        Ok(target)
    }
}
