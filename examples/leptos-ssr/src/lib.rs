//! The examples of “With server rendering” in `docs/frameworks.md`.

pub mod feed;
pub mod reconnecting;
