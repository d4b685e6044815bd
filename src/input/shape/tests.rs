//! Texts of all shapes.
