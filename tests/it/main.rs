//! Highwater from outside: job files in, exit codes, words and bytes out.
//!
//! One binary, so that the library is linked once. `laws`, `stream_laws`, `audit_laws` and `enrich_laws` hold
//! the laws of the README against slow models in the `oracle`s, `backfill_laws`, `backfill_minimal` and
//! `backfill_streamed` that of split against runs over everything, and `sql_laws` that of SQL against Polars and
//! PostgreSQL; the other modules hold fixed cases.

mod audit_laws;
mod audit_oracle;
mod audit_words;
mod avro;
mod backfill;
mod backfill_cases;
mod backfill_laws;
mod backfill_minimal;
mod backfill_races;
mod backfill_states;
mod backfill_streamed;
mod backfill_words;
mod bad_files;
mod bad_input;
mod checked;
mod crash;
mod crash_backfill;
mod crash_load;
mod daylight;
mod docs;
mod enrich_jobs;
mod enrich_laws;
mod enrich_oracle;
mod enrich_random;
mod enriched;
mod event_time_jobs;
mod explanations;
mod flink_docs;
mod formats;
mod golden;
mod help;
mod http_server;
mod init;
mod inspect;
mod job_faults;
mod jobs;
mod laws;
mod log;
mod logs;
mod logs_layouts;
mod lookups;
mod machine;
mod manifests;
mod misuse;
mod money;
mod money_sample;
mod observed;
mod oracle;
mod oracle_aggregates;
mod oracle_windows;
mod postgres_faults;
mod postgres_lab;
mod postgres_tables;
mod postgres_words;
mod referee;
mod referee_postgres;
mod report;
mod results;
mod retail;
mod sql_laws;
mod sql_rows;
mod step_faults;
mod stream_laws;
mod stream_oracle;
mod streamed;
mod streamed_outputs;
mod support;
mod tidy;
mod time_faults;
mod why;
mod words;
