//! The command line and what it prints.

mod check;
mod diagnostics;
mod docs;
mod documents;
mod first;
mod fuzzed;
mod house;
mod plan;
mod schema;
