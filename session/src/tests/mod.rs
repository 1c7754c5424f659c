//! Tests.

mod fuzz;
mod host;
mod vectors;
