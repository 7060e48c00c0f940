//! What was measured, as pure values: an exchange becomes an answer, a sample and a summary. No sockets, no files; the
//! only clock is in `clock`.

pub mod answer;
pub mod exchange;
pub mod lifecycle;
pub mod sample;
pub mod summary;
