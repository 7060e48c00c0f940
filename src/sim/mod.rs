//! The embedded engine: an OpenAI-compatible server with a timing model, started as a process of its own by `bench sim`.
//!
//! It answers as vLLM 0.31 or Dynamo 1.6 would, down to the bytes, with text that depends only on
//! the prompt, and with faults on demand. One thread batches continuously on absolute deadlines;
//! connections only wait for its tokens. [`exact`] is another server, which follows a timetable and
//! imitates none. This room knows nothing of scenarios, plans or records.

mod answer;
mod body;
mod chunk;
mod embeddings;
mod engine;
pub(crate) mod exact;
mod fault;
mod feed;
mod http;
mod metrics;
mod options;
mod pages;
mod refusal;
mod request;
mod responses;
mod serve;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use options::Options;
pub(crate) use serve::{Error, serve};
