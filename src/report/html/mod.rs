//! A record as one self-contained page: no network, no style or script but its own, which its policy names by hash.
//! Pure. From top to bottom it goes from the verdict to what it rests on.

mod breakdown;
mod course;
mod decided;
mod detail;
mod downsample;
mod figures;
mod gantt;
mod lists;
mod spread;
pub(super) mod text;

pub use detail::Detail;
pub(super) use detail::{Successes, Tokens};

use super::view;
use crate::record::model::{Run, Verdict};
use std::fmt::Write as _;
use text::{allowed, block, text};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Renders a record as a page.
#[must_use]
pub fn html(run: &Run, detail: &Detail) -> String {
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        allowed(STYLE),
        allowed(SCRIPT)
    );
    let sections = [
        ("ran", "What ran", figures::ran(run)),
        ("checks", "Checks", lists::checks(run)),
        ("answers", "Other answers", lists::answers(run)),
        ("compared", &figures::title(run), figures::tables(run)),
        ("decided", "What the rounds decide", decided::intervals(run)),
        (
            "whence",
            "Where the difference comes from",
            breakdown::bars(run),
        ),
        (
            "latency",
            "Latency distributions",
            spread::charts(run, detail),
        ),
        ("course", "Course of the load", course::charts(run, detail)),
        (
            "lifecycle",
            "Start-up and teardown",
            gantt::charts(run, detail),
        ),
        ("errors", "Errors", lists::errors(run, detail)),
        ("slowest", "Slowest requests", lists::slowest(run, detail)),
        ("quality", "Measurement", lists::quality(run)),
        ("repeat", "Scenario", lists::repeat(run)),
    ];
    let shown = || sections.iter().filter(|(_, _, body)| !body.is_empty());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>{}: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#ran\">Skip to the report</a>\n",
        text(&run.scenario.name),
        view::word(run.verdict)
    );
    head(&mut out, run);
    out.push_str("<nav aria-label=\"Sections\">");
    for (id, title, _) in shown() {
        let _ = write!(out, "<a href=\"#{id}\">{title}</a> ");
    }
    out.push_str("</nav>\n<main>\n");
    for (id, title, body) in shown() {
        let _ = write!(
            out,
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{title}</h2>\n{body}</section>\n"
        );
    }
    let _ = write!(
        out,
        "</main>\n<footer>bench {} &middot; {}</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        text(&run.bench_version),
        text(&run.run_id)
    );
    out
}

fn head(out: &mut String, run: &Run) {
    let word = view::word(run.verdict);
    let exit = run.exit_code.map_or(String::new(), |code| {
        format!(" <span class=\"exit\">exit code {code}</span>")
    });
    let _ = write!(
        out,
        "<header>\n<p class=\"verdict {}\"><strong>{word}</strong>{exit}</p>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        color(run.verdict),
        text(&run.scenario.name),
        text(&run.summary).replace(
            "see its quality",
            "see <a href=\"#quality\">its quality</a>"
        )
    );
    if let Some(error) = &run.error {
        // The summary is the error's first line, unless another wrote the record.
        let repeated = usize::from(error.lines().next() == Some(run.summary.as_str()));
        let rest: Vec<&str> = error.lines().skip(repeated).collect();
        if !rest.is_empty() {
            let _ = writeln!(
                out,
                "<pre class=\"error\" tabindex=\"0\" role=\"region\" aria-label=\"Error\">{}</pre>",
                block(&rest.join("\n"))
            );
        }
    }
    if run.quality.verdict == "invalid" && run.verdict != Verdict::Invalid {
        out.push_str("<p class=\"warn\">The measurement can't be trusted either: see <a href=\"#quality\">Measurement</a>.</p>\n");
    }
    out.push_str("</header>\n");
}

fn color(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail | Verdict::Error => "bad",
        Verdict::Invalid | Verdict::Skipped | Verdict::Partial => "doubt",
    }
}

#[cfg(test)]
mod tests;
