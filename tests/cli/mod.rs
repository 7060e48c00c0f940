//! The command line and what it prints.

mod check;
mod diagnostics;
mod documents;
mod fuzzed;
mod house;
mod plan;
mod schema;
