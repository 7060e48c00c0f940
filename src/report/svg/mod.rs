//! Small charts as inline SVG. They have classes and no styles, since the page's policy allows no inline styles. Attributes
//! hold the value of every point for the page's script and other readers.

pub(super) mod bar;
pub(super) mod line;
pub(super) mod scale;

pub(super) use line::{Band, Chart, Series};
