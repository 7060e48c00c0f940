//! The embedded engine: an OpenAI-compatible server with a timing model, started as `bench sim`.
