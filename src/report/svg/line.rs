//! Line charts over a common grid.

use super::scale::Scale;
use crate::report::number::number;
use maud::{Markup, html};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr as _;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 214.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;
/// Where the horizontal axis is.
const FLOOR: f64 = HEIGHT - BOTTOM;

/// One line. Its name is as recorded.
#[derive(Debug)]
pub(crate) struct Series<'a> {
    /// What it shows.
    pub(crate) name: &'a str,
    /// Its colour, by number.
    pub(crate) color: usize,
    /// Its values at the places of the grid; `None` where there is none.
    pub(crate) values: Vec<Option<f64>>,
    /// Whether the area below it is filled.
    pub(crate) filled: bool,
}

/// A named range of the horizontal axis.
#[derive(Debug)]
pub(crate) struct Band {
    /// Where it begins, from 0 to 1.
    pub(crate) from: f64,
    /// Where it ends.
    pub(crate) to: f64,
    /// Its name, as recorded.
    pub(crate) name: String,
}

/// A chart of lines.
#[derive(Debug)]
pub(crate) struct Chart<'a> {
    /// Its title.
    pub(crate) title: String,
    /// The unit of its values.
    pub(crate) unit: &'a str,
    /// A name for the page's script and tests.
    pub(crate) key: String,
    /// The grid: positions from 0 to 1 with their names.
    pub(crate) grid: Vec<(f64, String)>,
    /// Labels below the axis.
    pub(crate) ticks: Vec<(f64, String)>,
    /// The lines.
    pub(crate) series: Vec<Series<'a>>,
    /// Ranges marked behind the lines.
    pub(crate) bands: Vec<Band>,
    /// Marked instants: position from 0 to 1, and what happened, as recorded.
    pub(crate) marks: Vec<(f64, String)>,
    /// Whether the vertical axis may be logarithmic.
    pub(crate) wide: bool,
    /// A remark below it.
    pub(crate) note: Option<String>,
}

impl Chart<'_> {
    /// The chart as a figure; empty markup without values. The page's script writes values under the pointer into the legend.
    pub(crate) fn draw(&self) -> Markup {
        let values = || self.series.iter().flat_map(|s| s.values.iter().flatten());
        if values().next().is_none() {
            return Markup::default();
        }
        let scale = if self.wide {
            Scale::wide(values().copied())
        } else {
            Scale::linear(values().copied())
        };
        html! {
            figure.chart data-key=(self.key) {
                figcaption { (self.title) " " small { (self.unit) } } "\n"
                (self.picture(scale)) "\n"
                (self.legend())
                @if let Some(note) = &self.note {
                    p.note { (note) }
                }
            } "\n"
        }
    }

    fn picture(&self, scale: Scale) -> Markup {
        let grid = joined(self.grid.iter().map(|(at, _)| format!("{at:.4}")));
        let names = joined(self.grid.iter().map(|(_, name)| name.clone()));
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" tabindex="0" aria-label=(self.said())
                data-left=(LEFT) data-right=(RIGHT) data-grid=(grid) data-names=(names) {
                (self.bands())
                (rows(scale))
                (self.ticks())
                @for (i, series) in self.series.iter().enumerate() { (self.line(i, series, scale)) }
                (self.marks())
                line.cursor y1=(TOP) y2=(FLOOR) x1="-9" x2="-9" {}
            }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            p.legend aria-live="polite" {
                span.at {}
                @for series in &self.series {
                    span { i class={ "k" (series.color % 6) } {} (series.name) " " b {} } " "
                }
            }
        }
    }

    /// The description for screen readers.
    fn said(&self) -> String {
        let mut said = format!("{} ({}).", self.title, self.unit);
        for series in &self.series {
            let values = || series.values.iter().flatten().copied();
            let (min, max) = values().fold((f64::INFINITY, 0.0), |(min, max), v| {
                (f64::min(min, v), f64::max(max, v))
            });
            let (min, max) = (number(Some(min)), number(Some(max)));
            let _ = write!(said, " {}: from {min} to {max}.", series.name);
        }
        for (_, what) in &self.marks {
            let _ = write!(said, " Marked: {what}.");
        }
        said + " Use the arrow keys to read values."
    }

    fn bands(&self) -> Markup {
        html! {
            @for (i, band) in self.bands.iter().enumerate() {
                @let (from, to) = (across(band.from), across(band.to));
                rect class={ "band b" (i % 2) } x=(tenth(from)) y=(TOP) width=(tenth((to - from).max(0.5))) height=(FLOOR - TOP) {
                    title { (band.name) }
                }
                // A letter is about eight units wide, a wide character (CJK, emoji) twice that.
                @if to - from > 8.5 * band.name.width() as f64 {
                    text.in x=(tenth(from + 3.0)) y=(TOP + 11.0) { (band.name) }
                }
            }
        }
    }

    fn ticks(&self) -> Markup {
        html! {
            @for (at, name) in &self.ticks {
                @let class = match *at {
                    at if at > 0.96 => "x end",
                    at if at < 0.02 => "x start",
                    _ => "x",
                };
                path.tick d={ "M" (tenth(across(*at))) " " (FLOOR) "v4" } {}
                text class=(class) x=(tenth(across(*at))) y=(HEIGHT - 9.0) { (name) }
            }
        }
    }

    fn marks(&self) -> Markup {
        html! {
            @for (at, what) in &self.marks {
                path.fault d={ "M" (tenth(across(*at))) " " (TOP) "V" (FLOOR) } { title { (what) } }
            }
        }
    }

    fn line(&self, index: usize, series: &Series<'_>, scale: Scale) -> Markup {
        let Shape { line, area } = self.shape(series, scale);
        let color = series.color % 6;
        let shown = |value: &Option<f64>| value.map_or(String::new(), |v| number(Some(v)));
        let values = joined(series.values.iter().map(shown));
        html! {
            @if series.filled {
                path class={ "area a" (color) } d=(area) {}
            }
            path class={ "line s" (color) } data-series=(index) data-values=(values) d=(line) {}
        }
    }

    fn shape(&self, series: &Series<'_>, scale: Scale) -> Shape {
        let (mut line, mut area) = (String::new(), String::new());
        let mut start: Option<f64> = None;
        let mut last = 0.0;
        for (i, (at, _)) in self.grid.iter().enumerate() {
            let Some(value) = series.values.get(i).copied().flatten() else {
                if start.take().is_some() {
                    let _ = write!(area, "L{last:.1} {FLOOR}Z");
                }
                continue;
            };
            let (x, y) = (across(*at), down(scale, value));
            if start.is_none() {
                start = Some(x);
                let _ = write!(area, "M{x:.1} {FLOOR}");
                // A lone point needs a segment of length 0 to be drawn, as a dot with round caps.
                let _ = write!(line, "M{x:.1} {y:.1}h0");
            }
            let _ = write!(line, "L{x:.1} {y:.1}");
            let _ = write!(area, "L{x:.1} {y:.1}");
            last = x;
        }
        if start.is_some() {
            let _ = write!(area, "L{last:.1} {FLOOR}Z");
        }
        Shape { line, area }
    }
}

/// Paths of one series: its line, and the area between that and the floor.
struct Shape {
    line: String,
    area: String,
}

/// Lines across the chart at round values, with their names.
fn rows(scale: Scale) -> Markup {
    html! {
        @for tick in scale.ticks() {
            @let y = down(scale, tick);
            path.grid d={ "M" (LEFT) " " (tenth(y)) "H" (WIDTH - RIGHT) } {}
            text.y x=(LEFT - 6.0) y=(tenth(y + 4.0)) { (short(tick)) }
        }
    }
}

/// A coordinate; a tenth of a unit is finer than any screen.
fn tenth(at: f64) -> String {
    format!("{at:.1}")
}

/// A short label for a tick of the vertical axis.
fn short(tick: f64) -> String {
    let trim = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    match tick {
        t if t >= 1e6 => format!("{}M", trim(format!("{:.2}", t / 1e6))),
        t if t >= 1e4 => format!("{}k", trim(format!("{:.1}", t / 1e3))),
        t if t >= 10.0 => trim(format!("{t:.1}")),
        t if t >= 0.001 => trim(format!("{t:.4}")),
        t if t > 0.0 => format!("{t:.0e}"),
        _ => "0".to_owned(),
    }
}

fn across(at: f64) -> f64 {
    LEFT + at.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn down(scale: Scale, value: f64) -> f64 {
    FLOOR - scale.at(value) * (FLOOR - TOP)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("|")
}
