//! Highwater from outside: job files in, exit codes, words and bytes out.
//!
//! One binary, so that the library is linked once. `laws` holds the laws of the README against the slow
//! model in `oracle`; the other modules hold fixed cases.

mod audit_laws;
mod audit_oracle;
mod audit_words;
mod avro;
mod bad_files;
mod bad_input;
mod daylight;
mod event_time_jobs;
mod flink_docs;
mod formats;
mod golden;
mod job_faults;
mod jobs;
mod laws;
mod log;
mod machine;
mod misuse;
mod oracle;
mod oracle_aggregates;
mod oracle_windows;
mod results;
mod retail;
mod stream_laws;
mod stream_oracle;
mod streamed;
mod streamed_outputs;
mod support;
mod tidy;
mod time_faults;
mod words;
