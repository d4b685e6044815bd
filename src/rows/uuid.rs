//! UUIDs in 16 bytes: keys of events are most often such, and take 36 as text.

/// Where the dashes are.
const DASHES: [usize; 4] = [8, 13, 18, 23];
/// Where each byte's two digits begin.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
/// Bytes of the text.
pub const TEXT: usize = 36;

/// The two digits of each byte.
const DIGITS: [[u8; 2]; 256] = {
    let hex = *b"0123456789abcdef";
    let mut digits = [[0; 2]; 256];
    let mut i = 0;
    while i < 256 {
        digits[i] = [hex[i >> 4], hex[i & 15]];
        i += 1;
    }
    digits
};

/// The value of each lower-case digit; 0xFF is none.
const VALUES: [u8; 256] = {
    let mut values = [0xFF; 256];
    let mut i = 0;
    while i < 16 {
        values[DIGITS[i][1] as usize] = i as u8;
        i += 1;
    }
    values
};

/// The 16 bytes of a text that [`text`] would give for them; `None` of any other.
#[inline]
pub fn bytes(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; TEXT] = text.try_into().ok()?;
    let mut wrong = 0;
    for dash in DASHES {
        wrong |= text[dash] ^ b'-';
    }
    let mut bytes = [0; 16];
    for (byte, place) in bytes.iter_mut().zip(PLACES) {
        let (high, low) = (VALUES[text[place] as usize], VALUES[text[place + 1] as usize]);
        // No digit has one of the upper four bits.
        wrong |= (high | low) & 0xF0;
        *byte = high << 4 | low & 15;
    }
    (wrong == 0).then_some(bytes)
}

/// The canonical text: lower-case digits and dashes.
#[inline]
pub fn text(bytes: &[u8; 16]) -> [u8; TEXT] {
    let mut text = [b'-'; TEXT];
    for (byte, place) in bytes.iter().zip(PLACES) {
        [text[place], text[place + 1]] = DIGITS[*byte as usize];
    }
    text
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
        assert!(no.iter().all(|text| bytes(text.as_bytes()).is_none()));
    }
}
