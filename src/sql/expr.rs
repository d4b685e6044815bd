//! Job expressions in each dialect.
