//! Small charts as inline SVG. They have classes and no styles, since the page's policy allows no inline styles. Attributes
//! hold the value of every point for the page's script and other readers.

pub(crate) mod bar;
pub(crate) mod line;
pub(crate) mod scale;

pub(crate) use line::{Band, Chart, Series};
