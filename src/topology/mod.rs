//! Processes: the warden that owns them, their ports, logs, readiness and end.
