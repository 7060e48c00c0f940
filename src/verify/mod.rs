//! What must hold, judged: rules on every answer ([`rule`], [`tally`]), gates on figures ([`gate`]) and whether the
//! figures can be trusted at all ([`mod@quality`]). Pure: no files, no clock; what a run is called and where it is kept is
//! not known here.

pub(crate) mod complete;
pub(crate) mod counts;
pub(crate) mod evidence;
pub(crate) mod examples;
pub(crate) mod gate;
pub(crate) mod outcome;
pub(crate) mod quality;
pub(crate) mod rule;
pub(crate) mod tally;

mod bad_rule;
mod model_name;
mod names;
mod nodes;
mod shape;
mod shown;
mod vectors;

pub(crate) use bad_rule::BadRule;
pub(crate) use complete::Asked;
pub(crate) use gate::{Measured, PhaseResult, gates, keeps, successes};
pub(crate) use outcome::{Check, Finding, Quality, QualityVerdict, Severity};
pub(crate) use quality::quality;
pub(crate) use rule::{Breach, Rules};
pub(crate) use tally::Tally;
