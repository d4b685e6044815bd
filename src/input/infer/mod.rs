mod hint;
pub use hint::time_hint;
