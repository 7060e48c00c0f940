//! What the machine is and has: GPUs and the host.

pub mod gpu;
pub mod host;
pub mod pace;
