//! How long the numbers of a column are.

/// The digits of numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers {
    /// The most digits before the point.
    pub whole: u32,
    /// The most digits after it, zeros at the end included.
    pub scale: u32,
    /// Whether any has an exponent, or is not finite.
    pub odd: bool,
}

impl Numbers {
    /// Takes the digits of a number in its plain form.
    pub fn value(&mut self, text: &str) {
        let digits = text.trim_start_matches(['-', '+']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            self.odd = true;
            return;
        }
        self.whole = self.whole.max(whole.len() as u32);
        self.scale = self.scale.max(fraction.len() as u32);
    }
}
