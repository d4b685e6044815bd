//! What the first bytes of a file show.

/// What was seen in the first bytes of a file, beside its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::input) struct Looks(pub(super) u8);

impl Looks {
    /// Text without a mark, compressed as its name says.
    pub(in crate::input) const PLAIN: Looks = Looks(1);
    /// JSON with an object a line.
    pub(in crate::input) const LINES: Looks = Looks(2);
    /// Not an archive.
    pub(in crate::input) const SINGLE: Looks = Looks(4);
    /// It is not what it was known as: nothing of it is kept.
    pub(in crate::input) const DOUBTED: Looks = Looks(128);

    /// Whether all of `other` was seen.
    pub(in crate::input) fn has(self, other: Looks) -> bool {
        self.0 & other.0 == other.0
    }
}
