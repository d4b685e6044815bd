pub mod aggregate;
pub mod batch;
pub mod error;
pub mod expr;
pub mod time;
