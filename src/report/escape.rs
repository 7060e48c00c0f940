//! Untrusted text made harmless: what models, servers and processes wrote must neither steer a terminal nor become
//! markup.

/// Beginnings of what CI systems obey wherever they read it in a log: GitHub, Azure Pipelines, TeamCity. GitHub's other form,
/// `::`, counts at the start of a line, spaces before it included.
const COMMANDS: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// One line for a terminal: line ends become spaces, controls and direction changes are dropped, and nothing is left that a CI
/// system would take for a command.
pub(super) fn line(text: &str) -> String {
    let space = |c: char| {
        if matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') {
            ' '
        } else {
            c
        }
    };
    let mut shown: String = text.chars().map(space).filter(|c| !steers(*c)).collect();
    for command in COMMANDS {
        if shown.contains(command) {
            shown = shown.replace(command, &command.replace("##", "## "));
        }
    }
    match shown.trim_start().strip_prefix("::") {
        Some(rest) => format!(": :{rest}"),
        None => shown,
    }
}

/// Several lines for a terminal.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(line).collect();
    lines.join("\n")
}

/// Whether a character steers what shows it: controls (ESC among them), bidirectional overrides and marks, tags.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text within a Markdown paragraph, heading or table cell.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::new();
    for c in line(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // As an entity, since a backslash before a pipe means different things inside and outside of tables.
            '|' => out.push_str("&#124;"),
            // No mention of anyone, and no link that is not ours.
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// A Markdown code span, fenced by more backticks than the text has in a row. Not for table cells.
pub(super) fn code(text: &str) -> String {
    let text = line(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A Markdown code block of several lines.
pub(super) fn block(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let lines: Vec<_> = text
        .lines()
        .map(|l| line(l).trim_end().to_owned())
        .collect();
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text for XML: without what a terminal would obey and without what XML 1.0 can't hold. Markup is the writer's care.
pub(super) fn xml(text: &str) -> String {
    let holds = |c: &char| !matches!(c, '\u{fffe}' | '\u{ffff}');
    lines(text).chars().filter(holds).collect()
}

#[cfg(test)]
#[path = "tests/escape.rs"]
mod tests;
