//! Observations besides the answers: GPUs, the host, and the metrics endpoints of a running
//! topology.

pub mod gpu;
pub mod host;
pub mod pace;
pub mod prometheus;
pub mod reading;
pub mod scrape;

mod families;

pub use reading::Reading;
pub use scrape::Pages;
