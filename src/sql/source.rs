//! Relations out of raw files, in each dialect.
