#![no_main]

use highwater::time::Duration;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Duration::parse(text).and_then(Duration::as_length);
});
