//! Which lines of a metrics page belong to quantities that are read.

use crate::engine::{Kind, quantities};

/// Where a sample's name belongs: the quantity, which of its families, and what the name ends with (`_sum`, ...).
pub(super) fn find(name: &str) -> Option<(usize, usize, &str)> {
    quantities()
        .iter()
        .enumerate()
        .find_map(|(quantity, family)| {
            family.families.iter().enumerate().find_map(|(n, known)| {
                let end = name.strip_prefix(known)?;
                let fits = match family.kind {
                    Kind::Time => matches!(end, "_bucket" | "_sum" | "_count"),
                    Kind::Counter | Kind::Level | Kind::Share => end.is_empty(),
                };
                fits.then_some((quantity, n, end))
            })
        })
}

#[cfg(test)]
#[path = "tests/families.rs"]
mod tests;
