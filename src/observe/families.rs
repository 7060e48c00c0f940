//! Maps lines of a metrics text to the quantities that are read.

use crate::engine::{Kind, quantities};

/// The quantity of a sample's name, the index of its family, and the suffix of the name (`_sum`,
/// ...).
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
