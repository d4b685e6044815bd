//! Other engines through ADBC: which engine a name means, its driver, statements, and results as Arrow.
//!
//! # Contract
//! * The driver is a shared library of the user's. No engine is in this program.
//! * A secret is read from the environment where a session begins, and nowhere before. No error shows it.
//! * A value of a result becomes a value of ours exactly, or it is an error: nothing is rounded or cut.

mod address;
#[cfg(feature = "engines")]
mod driver;
#[cfg(not(feature = "engines"))]
#[path = "no_driver.rs"]
mod driver;
mod driving;
mod file;
mod find;
mod session;
mod values;

pub use address::EngineAddress;
pub use find::engine;
pub use session::{EngineRows, EngineSession};
pub use values::{fitted, natural, towards};
