//! Measurements as pure values: an exchange becomes an answer, a sample and part of a summary. No
//! sockets, no files; the only clock is in `clock`.

pub mod answer;
mod choice;
pub(crate) mod clock;
pub(crate) mod curve;
pub(crate) mod distribution;
pub(crate) mod enough;
pub mod exchange;
pub(crate) mod failures;
mod json;
pub(crate) mod lifecycle;
pub(crate) mod message;
mod repeat;
pub(crate) mod reported;
mod responses;
pub(crate) mod rounds;
pub mod sample;
pub(crate) mod server;
pub(crate) mod sources;
pub(crate) mod spread;
pub mod sse;
mod stream;
pub mod summary;
mod tools;
pub(crate) mod usage;
pub(crate) mod values;
