//! Arguments and verbs: one file per verb.
