//! Bars in table cells, as wide as the cell.

use maud::{Markup, html};

/// One piece of a bar.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    /// Where it begins, from 0 to 1.
    pub(crate) from: f64,
    /// How long it is.
    pub(crate) length: f64,
    /// Its class, which colours it.
    pub(crate) class: &'a str,
}

impl Piece<'_> {
    fn draw(&self) -> Markup {
        let from = self.from.clamp(0.0, 1.0) * 100.0;
        // Even the shortest piece stays visible.
        let length = (self.length.clamp(0.0, 1.0) * 100.0).max(0.4);
        let from = from.min(100.0 - length);
        html! {
            rect class=(self.class) x=(format_args!("{from:.2}%")) width=(format_args!("{length:.2}%")) height="100%" {}
        }
    }
}

/// A bar of pieces. It is hidden from screen readers, since the cells beside it have the numbers.
pub(crate) fn bar(pieces: &[Piece<'_>]) -> Markup {
    html! {
        svg.bar aria-hidden="true" {
            @for piece in pieces { (piece.draw()) }
        }
    }
}

/// A ratio to the baseline as a bar from the middle; half the width is a factor of two.
pub(crate) fn ratio(ratio: f64) -> Markup {
    let away = (ratio.log2() / 2.0).clamp(-0.5, 0.5);
    let piece = Piece {
        from: 0.5 + away.min(0.0),
        length: away.abs(),
        class: "ratio",
    };
    let middle = Piece {
        from: 0.498,
        length: 0.0,
        class: "middle",
    };
    bar(&[piece, middle])
}
