//! Escapes untrusted text of models, servers and processes for terminals, Markdown and XML. HTML is escaped by `maud`.

/// Prefixes of commands that CI systems execute anywhere in a log line: GitHub, Azure Pipelines, TeamCity. GitHub's other
/// prefix, `::`, counts only at the start of a line, after optional spaces.
const COMMANDS: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// One line for a terminal: line ends become spaces, control characters and direction changes are removed, and commands of
/// CI systems are broken up.
pub(crate) fn line(text: &str) -> String {
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
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(line).collect();
    lines.join("\n")
}

/// Whether a character changes how a terminal shows text: control characters, bidirectional overrides and marks, tags.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text within a Markdown paragraph, heading or table cell.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::new();
    for c in line(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // As an entity, since `\\|` means different things inside and outside of tables.
            '|' => out.push_str("&#124;"),
            // Nobody is mentioned, and no link is made.
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
pub(crate) fn code(text: &str) -> String {
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
pub(crate) fn block(text: &str) -> String {
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

/// Text without control characters and without characters that XML 1.0 forbids. The XML writer escapes markup.
pub(crate) fn xml(text: &str) -> String {
    let holds = |c: &char| !matches!(c, '\u{fffe}' | '\u{ffff}');
    lines(text).chars().filter(holds).collect()
}

#[cfg(test)]
#[path = "tests/escape.rs"]
mod tests;
