#![no_main]

use highwater_fuzz::{Words, reads_alike};

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    // What carries the records is recognised from the file and its name.
    let name = match content.first() {
        Some(byte) if byte & 4 != 0 => "views/views+0+0000000000.json",
        Some(byte) if byte & 8 != 0 => "views.txt",
        _ => "views.jsonl",
    };
    reads_alike(
        name,
        content,
        "time = \"viewed_at\"\ntime_unit = \"ms\"",
        "types = { bytes = \"int64\" }",
        Words::Same,
    );
    let _ = std::fs::remove_file(highwater_fuzz::folder().join(name));
});
