//! Lines over a common grid of places.

use super::scale::Scale;
use crate::report::html::text::attribute;
use crate::report::number::number;
use std::fmt::Write as _;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 214.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;

/// One line. Its name is as recorded.
#[derive(Debug)]
pub(in crate::report) struct Series<'a> {
    /// What it shows.
    pub(in crate::report) name: &'a str,
    /// Its colour, by number.
    pub(in crate::report) color: usize,
    /// Its values at the places of the grid; `None` where there is none.
    pub(in crate::report) values: Vec<Option<f64>>,
    /// Whether the space below it is filled.
    pub(in crate::report) filled: bool,
}

/// A stretch of the horizontal axis that has a name.
#[derive(Debug)]
pub(in crate::report) struct Band {
    /// Where it begins, from 0 to 1.
    pub(in crate::report) from: f64,
    /// Where it ends.
    pub(in crate::report) to: f64,
    /// Its name, as recorded.
    pub(in crate::report) name: String,
}

/// A chart of lines.
#[derive(Debug)]
pub(in crate::report) struct Chart<'a> {
    /// What it is about.
    pub(in crate::report) title: String,
    /// What its numbers are.
    pub(in crate::report) unit: &'a str,
    /// A name for the page's script and tests.
    pub(in crate::report) key: String,
    /// The grid: places from 0 to 1, and what each is called.
    pub(in crate::report) grid: Vec<(f64, String)>,
    /// Names below the axis.
    pub(in crate::report) ticks: Vec<(f64, String)>,
    /// The lines.
    pub(in crate::report) series: Vec<Series<'a>>,
    /// Stretches marked behind them.
    pub(in crate::report) bands: Vec<Band>,
    /// Instants marked across it: where from 0 to 1, and what happened there, as recorded.
    pub(in crate::report) marks: Vec<(f64, String)>,
    /// Whether the vertical axis may be logarithmic.
    pub(in crate::report) wide: bool,
    /// A remark below it.
    pub(in crate::report) note: Option<String>,
}

impl Chart<'_> {
    /// As a figure, with its legend, which also takes the values under the pointer.
    pub(in crate::report) fn draw(&self) -> String {
        let values = || self.series.iter().flat_map(|s| s.values.iter().flatten());
        if values().next().is_none() {
            return String::new();
        }
        let scale = if self.wide {
            Scale::wide(values().copied())
        } else {
            Scale::linear(values().copied())
        };
        let mut out = format!(
            "<figure class=\"chart\" data-key=\"{}\"><figcaption>{} <small>{}</small></figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" tabindex=\"0\" aria-label=\"{}\" data-left=\"{LEFT}\" data-right=\"{RIGHT}\" data-grid=\"{}\" data-names=\"{}\">",
            attribute(&self.key),
            attribute(&self.title),
            attribute(self.unit),
            attribute(&self.said()),
            joined(self.grid.iter().map(|(at, _)| format!("{at:.4}"))),
            joined(self.grid.iter().map(|(_, name)| attribute(name))),
        );
        self.axes(&mut out, scale);
        for (i, series) in self.series.iter().enumerate() {
            self.line(&mut out, i, series, scale);
        }
        for (at, what) in &self.marks {
            let _ = write!(
                out,
                "<path class=\"fault\" d=\"M{:.1} {TOP}V{}\"><title>{}</title></path>",
                across(*at),
                HEIGHT - BOTTOM,
                attribute(what)
            );
        }
        let _ = write!(
            out,
            "<line class=\"cursor\" y1=\"{TOP}\" y2=\"{}\" x1=\"-9\" x2=\"-9\"/></svg>\n<p class=\"legend\" aria-live=\"polite\"><span class=\"at\"></span>",
            HEIGHT - BOTTOM
        );
        for series in &self.series {
            let _ = write!(
                out,
                "<span><i class=\"k{}\"></i>{} <b></b></span> ",
                series.color % 6,
                attribute(series.name)
            );
        }
        out.push_str("</p>");
        if let Some(note) = &self.note {
            let _ = write!(out, "<p class=\"note\">{}</p>", attribute(note));
        }
        out + "</figure>\n"
    }

    /// What a screen reader says of it.
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
        said + " Arrow keys read values."
    }

    fn axes(&self, out: &mut String, scale: Scale) {
        for (i, band) in self.bands.iter().enumerate() {
            let (from, to) = (across(band.from), across(band.to));
            let _ = write!(
                out,
                "<rect class=\"band b{}\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{}\"><title>{}</title></rect>",
                i % 2,
                (to - from).max(0.5),
                HEIGHT - TOP - BOTTOM,
                attribute(&band.name)
            );
            // About eight units a letter.
            if (to - from) > 8.5 * band.name.chars().count() as f64 {
                let _ = write!(
                    out,
                    "<text class=\"in\" x=\"{:.1}\" y=\"{}\">{}</text>",
                    from + 3.0,
                    TOP + 11.0,
                    attribute(&band.name)
                );
            }
        }
        for tick in scale.ticks() {
            let y = down(scale, tick);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{}\"/><text class=\"y\" x=\"{}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                short(tick)
            );
        }
        for (at, name) in &self.ticks {
            let anchor = match *at {
                at if at > 0.96 => "x end",
                at if at < 0.02 => "x start",
                _ => "x",
            };
            let _ = write!(
                out,
                "<path class=\"tick\" d=\"M{:.1} {}v4\"/><text class=\"{anchor}\" x=\"{:.1}\" y=\"{}\">{}</text>",
                across(*at),
                HEIGHT - BOTTOM,
                across(*at),
                HEIGHT - 9.0,
                attribute(name)
            );
        }
    }

    fn line(&self, out: &mut String, index: usize, series: &Series<'_>, scale: Scale) {
        let (mut path, mut area) = (String::new(), String::new());
        let mut start: Option<f64> = None;
        let bottom = HEIGHT - BOTTOM;
        let mut last = 0.0;
        for (i, (at, _)) in self.grid.iter().enumerate() {
            let Some(value) = series.values.get(i).copied().flatten() else {
                if start.take().is_some() {
                    let _ = write!(area, "L{last:.1} {bottom}Z");
                }
                continue;
            };
            let (x, y) = (across(*at), down(scale, value));
            if start.is_none() {
                start = Some(x);
                let _ = write!(area, "M{x:.1} {bottom}");
                // A lone point is seen as a dot, since lines end round.
                let _ = write!(path, "M{x:.1} {y:.1}h0");
            }
            let _ = write!(path, "L{x:.1} {y:.1}");
            let _ = write!(area, "L{x:.1} {y:.1}");
            last = x;
        }
        if start.is_some() {
            let _ = write!(area, "L{last:.1} {bottom}Z");
        }
        let color = series.color % 6;
        if series.filled {
            let _ = write!(out, "<path class=\"area a{color}\" d=\"{area}\"/>");
        }
        let of = |value: &Option<f64>| value.map_or(String::new(), |v| number(Some(v)));
        let _ = write!(
            out,
            "<path class=\"line s{color}\" data-series=\"{index}\" data-values=\"{}\" d=\"{path}\"/>",
            joined(series.values.iter().map(of))
        );
    }
}

/// A tick of the vertical axis, in few letters.
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
    HEIGHT - BOTTOM - scale.at(value) * (HEIGHT - TOP - BOTTOM)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("|")
}
