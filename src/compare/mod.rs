//! Variants of one run, or two runs, side by side. Pure.
