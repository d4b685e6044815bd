#![no_main]

use highwater_fuzz::{Words, reads_alike};

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let types = "types = { k = \"string\", n = \"int64\", d = \"decimal(9,2)\" }";
    reads_alike("a.csv.zst", content, "time = \"at\"", types, Words::Same);
});
