//! Tests.

mod fuzz;
mod host;
mod model;
mod vectors;
