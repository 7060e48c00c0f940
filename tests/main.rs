//! Every test that needs the program itself: `cli` what it prints, `lifecycle` what it starts and leaves, `pages`
//! the page in a real browser, `fuzzed` the fuzz targets in short, `engines` the real
//! ones (they need what `ci/setup` installs; `--skip engines::` leaves them out).

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod cli;
mod engines;
mod fuzzed;
mod lifecycle;
mod pages;
mod server;
mod support;
