//! What must hold, judged: rules on every answer ([`rule`], [`tally`]), gates on figures ([`gate`]) and whether the
//! figures can be trusted at all ([`mod@quality`]). Pure: no files, no clock; what a run is called and where it is kept is
//! not known here.

pub mod complete;
pub mod counts;
pub mod evidence;
pub mod examples;
pub mod gate;
pub mod outcome;
pub mod quality;
pub mod rule;
pub mod tally;

mod bad_rule;
mod model_name;
mod names;
mod nodes;
mod shape;
mod shown;
mod vectors;

pub use bad_rule::BadRule;
pub use complete::Asked;
pub use gate::{Measured, PhaseResult, gates, keeps, successes};
pub use outcome::{Check, Finding, Quality, QualityVerdict, Severity};
pub use quality::quality;
pub use rule::{Breach, Rules};
pub use tally::Tally;
