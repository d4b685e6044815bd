//! The id of a run: a UUID of version 7 (RFC 9562), whose order is that of time.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// The id of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(u128);

impl RunId {
    /// A new one.
    pub fn new() -> RunId {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Each `RandomState` has keys that the system drew, so its hash of nothing is random.
        let random = || u128::from(RandomState::new().build_hasher().finish());
        RunId::of(now.as_millis(), random() << 64 | random())
    }

    /// That of a time in milliseconds since 1970, and random bits.
    fn of(millis: u128, random: u128) -> RunId {
        let version = 0x7 << 76;
        let variant = 0b10 << 62;
        let kept = random & !((0xffff_ffff_ffff_u128 << 80) | (0xf << 76) | (0b11 << 62));
        RunId((millis & 0xffff_ffff_ffff) << 80 | version | variant | kept)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// Whether a text is a UUID of any version.
pub fn is_uuid(text: &str) -> bool {
    let part =
        |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(text, length)| part(text, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_version_and_variant_and_ascend() {
        // The example of RFC 9562.
        let id = RunId::of(0x017f_22e2_79b0, 0x0000_0000_0000_0cc3_18c4_dc0c_0c07_398f);
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert!(RunId::of(1, u128::MAX).0 < RunId::of(2, 0).0);
        let (one, other) = (RunId::new(), RunId::new());
        assert!(one != other && is_uuid(&one.to_string()));
        assert!(
            !is_uuid("017f22e2-79b0-7cc3-98c4-dc0c0c07398")
                && !is_uuid("x17f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        );
    }
}
