//! Tests.

mod endpoint;
mod fuzz;
mod host;
mod model;
mod vectors;
