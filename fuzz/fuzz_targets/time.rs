#![no_main]

use highwater::time::{TimeParser, TimeRule, TimeUnit, Zone};

libfuzzer_sys::fuzz_target!(|content: (&str, &[u8])| {
    let (format, text) = content;
    let rules = [TimeRule::Iso, TimeRule::Epoch(TimeUnit::Nano)];
    for rule in rules.into_iter().chain(TimeRule::format(format).ok()) {
        let Some(zone) = Zone::named("America/St_Johns") else { return };
        let mut parser = TimeParser::new(rule, zone);
        let first = parser.text(text);
        let _ = parser.text(b"2024-06-01T10:00:00Z");
        assert_eq!(first, parser.text(text), "what is remembered of one time shows in no other");
    }
});
