//! `bench`: a declarative test-and-benchmark harness for LLM serving.
//!
//! A scenario file goes in; a verdict and a report come out. [`scenario`] reads the file and reports every mistake at once.
//! [`plan`] works out, without touching anything, which processes ([`engine`]), requests and rules that means.
//! [`prompts`] reads and draws what is asked.
//! [`topology`] brings the processes up under a warden that outlives us and takes everything down. [`load`] drives requests
//! and notes when each byte came; [`measure`] turns that into answers, samples and figures, whose names, units and definitions
//! are rows of [`metric`]. [`verify`] holds answers
//! against rules and figures against gates. [`record`] keeps the run on disk as it goes; [`report`] and [`compare`] read
//! records and nothing else. [`mod@run`] is the only place where these meet, [`cli`] the only one that prints, and [`sim`] is the
//! engine that needs no install.

pub mod cli;
pub mod compare;
pub(crate) mod diagnostic;
pub(crate) mod doctor;
pub(crate) mod engine;
pub(crate) mod event;
pub(crate) mod files;
pub(crate) mod import;
pub mod load;
pub mod measure;
pub(crate) mod metric;
pub(crate) mod observe;
pub mod plan;
pub(crate) mod progress;
pub(crate) mod prompts;
pub mod record;
pub mod report;
pub(crate) mod run;
pub(crate) mod runtime;
pub mod scenario;
pub(crate) mod sim;
pub(crate) mod stats;
pub(crate) mod tls;
pub(crate) mod topology;
pub(crate) mod value;
pub(crate) mod verify;
