//! Where a difference comes from: each time of both variants as a bar of its parts, and the parts side by side.

use super::text::text;
use crate::record::model::{BreakdownPart, Decomposition, Run, Split};
use crate::report::number::{part, share};
use crate::report::svg::bar::{Piece, bar};
use std::fmt::Write as _;

/// Colours there are for parts.
const COLORS: [&str; 6] = ["k5", "k0", "k1", "k2", "k3", "k4"];

/// Every decomposition.
pub(super) fn bars(run: &Run) -> String {
    let mut out = String::new();
    for of in &run.decompositions {
        let _ = writeln!(
            out,
            "<h3>Phase {}: {} against {}</h3>",
            text(&of.phase),
            text(&of.variant),
            text(&of.baseline)
        );
        for split in &of.splits {
            out.push_str(&drawn(of, split));
        }
        for note in &of.notes {
            let _ = writeln!(out, "<p class=\"note\">{}</p>", text(note));
        }
    }
    if !out.is_empty() {
        out.push_str("<p class=\"note\">Means, which add up. What no part explains is the rest of a bar.</p>\n");
    }
    out
}

fn drawn(of: &Decomposition, split: &Split) -> String {
    let title = format!("{}: {}", split.name, said(split));
    let mut out = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0} in phase {1} of {2}\"><table class=\"whence\"><caption>{0}</caption><thead><tr><th scope=\"col\">part</th>",
        text(&title),
        text(&of.phase),
        text(&of.variant)
    );
    for name in [&of.baseline, &of.variant] {
        let _ = write!(out, "<th scope=\"col\" class=\"n\">{}</th>", text(name));
    }
    out.push_str("<th scope=\"col\" class=\"n\">difference</th><th scope=\"col\" class=\"n\">total, share</th></tr></thead><tbody>\n");
    // The bars stand in rows of their own, above the parts that they are made of.
    let sides = [
        (&of.baseline, split.baseline_ms, true),
        (&of.variant, split.variant_ms, false),
    ];
    let longest = split
        .baseline_ms
        .max(split.variant_ms)
        .max(f64::MIN_POSITIVE);
    for (name, whole, baseline) in sides {
        let side = |part: &BreakdownPart| match baseline {
            true => part.baseline_ms,
            false => part.variant_ms,
        };
        let mut pieces = vec![Piece {
            from: 0.0,
            length: whole / longest,
            class: "rest",
        }];
        let mut from = 0.0;
        for (i, part) in split.parts.iter().enumerate() {
            let length = side(part).unwrap_or(0.0).max(0.0) / longest;
            if length > 0.0 {
                let class = COLORS[i % COLORS.len()];
                pieces.push(Piece {
                    from,
                    length,
                    class,
                });
                from += length;
            }
        }
        let _ = writeln!(
            out,
            "<tr class=\"whole\"><th scope=\"row\">{}</th><td colspan=\"3\">{}</td><td class=\"n\">{} ms</td></tr>",
            text(name),
            bar(&pieces),
            part(Some(whole))
        );
    }
    for (i, one) in split.parts.iter().enumerate() {
        let blamed = split.blamed.as_ref() == Some(&one.name);
        let _ = writeln!(
            out,
            "<tr{}><th scope=\"row\"><i class=\"{}\"></i>{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            if blamed { " class=\"blamed\"" } else { "" },
            COLORS[i % COLORS.len()],
            text(&one.name),
            part(one.baseline_ms),
            part(one.variant_ms),
            part(one.difference_ms),
            share(one.share)
        );
    }
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\"><i class=\"rest\"></i>unexplained</th><td></td><td></td><td class=\"n\">{}</td><td></td></tr>",
        part(Some(split.unexplained_ms))
    );
    out + "</tbody></table></div>\n"
}

/// The difference in words.
fn said(split: &Split) -> String {
    let by = part(Some(split.difference_ms.abs()));
    let way = if split.difference_ms < 0.0 {
        "less"
    } else {
        "more"
    };
    match &split.blamed {
        Some(part) => format!("{by} ms {way}, most of it {part}"),
        None if split.parts.iter().all(|part| part.share.is_none()) => {
            format!("{by} ms {way}, too little to lay to a part")
        }
        None => format!("{by} ms {way}"),
    }
}

#[cfg(test)]
#[path = "tests/breakdown.rs"]
mod tests;
