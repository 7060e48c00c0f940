//! Rules on answers and gates on metrics. Pure.
