//! The laws of streamed runs.
