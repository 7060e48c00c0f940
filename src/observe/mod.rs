//! Observations besides the answers: GPUs, the host, and the metrics endpoints of a running
//! topology.

pub(crate) mod gpu;
pub(crate) mod host;
pub(crate) mod pace;
pub(crate) mod prometheus;
pub(crate) mod reading;
pub(crate) mod scrape;

mod families;

pub(crate) use reading::Reading;
pub(crate) use scrape::Pages;
