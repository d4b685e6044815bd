//! The job file, described once: its tables, and of each key its type, default, meaning and examples.
//!
//! # Contract
//! Four things are made from these descriptions, and no other list of keys exists:
//! * the readers: `reader` reads a [`Key`](key::Key) as the type that it has here, `spec` keeps the values;
//! * the errors: unknown keys with the nearest name, missing keys, keys that belong to another variant or table;
//! * the JSON Schema of `highwater schema`;
//! * the guide's page of the job file.
//!
//! A new key is a description here, and a field in `spec` that reads it.

pub mod catalog;
pub mod job;
pub mod key;
pub mod log;
pub mod output;
pub mod step;

use key::KeySection;

/// All tables of the job file, in the order of the guide's page.
pub const SECTIONS: [&KeySection; 12] = [
    &job::JOB,
    &log::SOURCE,
    &log::TABLE,
    &log::WATERMARK_RULE,
    &log::WRITTEN,
    &step::STEP,
    &step::OTHERWISE,
    &output::OUTPUT,
    &output::WINDOW,
    &output::TOP,
    &job::LATE,
    &catalog::IN_CATALOG,
];
