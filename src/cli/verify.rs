//! `verify`: outputs beside the results of others.

mod json;
mod markdown;
mod text;
mod words;

#[cfg(test)]
mod tests;

/// What the report calls things.
#[derive(Debug, Clone, Copy)]
struct Names<'a> {
    /// This side: what computed it, or where it is.
    here: &'a str,
    /// The other side.
    there: &'a str,
    /// The output that is compared.
    output: &'a str,
}
