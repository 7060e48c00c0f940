//! Measurements as pure values: an exchange becomes an answer, a sample and part of a summary. No
//! sockets, no files; the only clock is in `clock`.

pub mod answer;
mod choice;
pub mod clock;
pub mod curve;
pub mod distribution;
pub mod enough;
pub mod exchange;
pub mod failures;
mod json;
pub mod lifecycle;
pub mod message;
mod repeat;
pub mod reported;
mod responses;
pub mod rounds;
pub mod sample;
pub mod server;
pub mod sources;
pub mod spread;
pub mod sse;
mod stream;
pub mod summary;
mod tools;
pub mod usage;
pub mod values;
