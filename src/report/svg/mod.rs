//! Small charts as inline SVG. They carry classes and no styles, since the page's policy allows no inline style; numbers
//! at every point are kept beside the shape, so that the page's script and any other reader can take them back.

pub(super) mod bar;
pub(super) mod line;
pub(super) mod scale;

pub(super) use line::{Band, Chart, Series};
