//! The shape of a text file: how the text of its records is got from the bytes on the disk.
//!
//! # Contract
//! * There is one way from bytes to text (`text`), and all who read a text go it: samples, runs, and who counts lines.
//! * The text is a stream: no file is held in memory whole, but for a sheet, which is.
//! * A line of the text is a line of the file, and a row of a sheet. What is no record (a title, a comment, a total) is an
//!   empty line in the text, so that numbers of lines in errors are those that an editor shows.
//! * What cannot be read becomes a record that cannot be read, or an error. It is never left out.

mod archive;
mod content;
mod drop;
mod encoding;
mod fields;
mod form;
mod lines;
mod magic;
mod member;
mod reader;
mod sheet;
#[cfg(test)]
mod tests;
mod weblog;

pub(super) use self::member::ArchiveMember;
pub(super) use archive::members;
pub use encoding::encoding;
pub(super) use magic::found;
pub use sheet::check_range;

pub use form::{Compression, DeclaredEncoding, Form, LineRules, Shape};
pub(super) use reader::{failed, marked_text, text};
pub use weblog::weblog;
