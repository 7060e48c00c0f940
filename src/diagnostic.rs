//! Mistakes in what a user wrote: each names its place, what was found, what was expected and what to type next, and is
//! shown with the line it is in.

/// Mistakes found together.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics;
