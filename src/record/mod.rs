//! The run on disk: `run.json`, `samples.jsonl`, `events.jsonl` and `logs/`, written as it goes and read back anywhere.

pub mod model;
