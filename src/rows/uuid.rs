//! UUIDs in 16 bytes: keys of events are most often such, and take 36 as text.

/// Bytes of the text.
pub const TEXT: usize = 36;
/// Where in the text the digits of each four bytes are: in one piece of eight, or in two of four.
const PIECES: [(usize, usize); 4] = [(0, 4), (9, 14), (19, 24), (28, 32)];

/// The 16 bytes of a text that [`text`] would give for them; `None` of any other.
#[inline]
pub fn bytes(given: &[u8]) -> Option<[u8; 16]> {
    let given: &[u8; TEXT] = given.try_into().ok()?;
    let mut bytes = [0; 16];
    for (four, (first, second)) in bytes.chunks_exact_mut(4).zip(PIECES) {
        let mut digits = [0; 8];
        digits[..4].copy_from_slice(&given[first..first + 4]);
        digits[4..].copy_from_slice(&given[second..second + 4]);
        four.copy_from_slice(&from_digits(digits));
    }
    // What is no digit was taken for one: then the text is another.
    (text(&bytes) == *given).then_some(bytes)
}

/// The canonical text: lower-case digits and dashes.
#[inline]
pub fn text(bytes: &[u8; 16]) -> [u8; TEXT] {
    let mut text = [b'-'; TEXT];
    for (four, (first, second)) in bytes.as_chunks().0.iter().zip(PIECES) {
        let digits = to_digits(*four);
        text[first..first + 4].copy_from_slice(&digits[..4]);
        text[second..second + 4].copy_from_slice(&digits[4..]);
    }
    text
}

/// A byte in each byte of a word: eight digits are worked on at once.
const fn each(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

#[inline]
fn from_digits(digits: [u8; 8]) -> [u8; 4] {
    let digits = u64::from_le_bytes(digits);
    // Letters have bit 6, and are 9 more than their lower half.
    let values = (digits & each(0x0F)) + (digits >> 6 & each(1)) * 9;
    let pairs = (values << 4 | values >> 8) & 0x00FF_00FF_00FF_00FF;
    let twos = (pairs | pairs >> 8) & 0x0000_FFFF_0000_FFFF;
    ((twos | twos >> 16) as u32).to_le_bytes()
}

#[inline]
fn to_digits(bytes: [u8; 4]) -> [u8; 8] {
    let four = u64::from(u32::from_le_bytes(bytes));
    let twos = (four | four << 16) & 0x0000_FFFF_0000_FFFF;
    let ones = (twos | twos << 8) & 0x00FF_00FF_00FF_00FF;
    // The high half of a byte is the first digit, so it goes into the lower byte of the word.
    let values = (ones >> 4 & 0x000F_000F_000F_000F) | (ones & 0x000F_000F_000F_000F) << 8;
    // Adding 6 carries into the high half of a byte from 10 on.
    let letters = (values + each(6)) >> 4 & each(1);
    (values + each(b'0') + letters * u64::from(b'a' - b'0' - 10)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_back_as_it_was_is_packed() {
        let good = b"d94af5cf-cb8d-4ac6-bbb4-21ce8e8c0a85";
        let packed = bytes(good).unwrap();
        assert_eq!((packed[0], packed[15]), (0xd9, 0x85));
        assert_eq!(&text(&packed), good);
        assert_eq!(&text(&[0xFF; 16]), b"ffffffff-ffff-ffff-ffff-ffffffffffff");
        let no = [
            "D94af5cf-cb8d-4ac6-bbb4-21ce8e8c0a85",
            "d94af5cf-cb8d-4ac6-bbb4-21ce8e8c0a8g",
            "d94af5cf_cb8d-4ac6-bbb4-21ce8e8c0a85",
            "d94af5cfacb8d-4ac6-bbb4-21ce8e8c0a85",
            "d94af5cf-cb8d-4ac6-bbb4-21ce8e8c0a8",
            "{94af5cf-cb8d-4ac6-bbb4-21ce8e8c0a85",
            "",
        ];
        for byte in 0..=255u8 {
            let mut all = [0; 16];
            all.iter_mut()
                .enumerate()
                .for_each(|(i, b)| *b = byte.wrapping_mul(7).wrapping_add(i as u8 * 31));
            assert_eq!(bytes(&text(&all)), Some(all));
            // One wrong byte anywhere.
            for place in 0..TEXT {
                let mut other = *good;
                other[place] = byte;
                assert_eq!(bytes(&other).map(|bytes| text(&bytes)), bytes(&other).map(|_| other));
            }
        }
        assert!(no.iter().all(|text| bytes(text.as_bytes()).is_none()));
    }
}
