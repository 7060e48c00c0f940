//! What the documentation says to type is taken, what it links to is there, and the book has every page.

use crate::support::{bench, root};
use bench::cli::Cli;
use clap::Parser as _;
use std::path::{Path, PathBuf};

/// Every page that users read: name from the checkout, and text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "reports/README.md",
    ]
    .map(PathBuf::from)
    .to_vec();
    for folder in ["docs", "docs/decisions"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let pages = names.map(|name| Path::new(folder).join(name));
        paths.extend(pages.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// As GitHub and mdBook name a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text: String = heading.trim().to_lowercase().chars().filter(kept).collect();
    text.replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]*)\)").unwrap();
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") || target.is_empty() {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let full = match path {
                "" => root().join(&page),
                path => root().join(page.parent().unwrap()).join(path),
            };
            let there = if heading.is_empty() {
                full.exists()
            } else {
                let text = std::fs::read_to_string(&full).unwrap_or_default();
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line.trim_start_matches('#')) == heading)
            };
            if !there {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Lines of shell in the pages, without prompts and comments.
fn commands() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for (page, text) in pages() {
        for block in text.split("```sh\n").skip(1) {
            let block = block.split("```").next().unwrap();
            for line in block.lines().filter(|line| !line.trim().is_empty()) {
                all.push((page.clone(), line.trim().to_owned()));
            }
        }
    }
    all
}

/// A line as its words; quotes keep words together, a comment and what follows `>`, `|` or `&&` is left out.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(String::new()),
            ('#' | '>' | '|' | '&', None) => break,
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_is_one_that_the_tool_takes() {
    let mut seen = 0;
    for (page, line) in commands() {
        let words = words(&line);
        let Some(at) = words.iter().position(|word| word == "bench") else {
            continue;
        };
        // Not `cd bench`: what follows is a verb.
        let Some(verb) = words.get(at + 1) else {
            continue;
        };
        if verb.starts_with('/') {
            continue;
        }
        seen += 1;
        if let Err(error) = Cli::try_parse_from(&words[at..]) {
            let shown = matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
            );
            assert!(shown, "{}: `{line}`: {error}", page.display());
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}

#[test]
fn every_file_that_a_command_names_is_there() {
    for (page, line) in commands() {
        for word in words(&line) {
            let ours = ["scenarios/", "ci/", "docs/", "reports/golden"];
            if ours.iter().any(|folder| word.starts_with(folder)) && !word.contains('*') {
                assert!(root().join(&word).exists(), "{}: {word}", page.display());
            }
        }
    }
}

#[test]
fn scenarios_in_commands_load() {
    for (_, line) in commands() {
        let scenario = words(&line)
            .into_iter()
            .find(|word| word.starts_with("scenarios/"));
        if let Some(file) = scenario.filter(|word| word.ends_with(".yaml") && !word.contains('*'))
            && !file.contains("overlays")
        {
            bench("check").arg(&file).run().code(0);
        }
    }
}

#[test]
fn the_book_and_the_tool_have_every_page() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed = bench("docs").run().code(0).stdout;
    for (page, text) in pages() {
        let Ok(name) = page.strip_prefix("docs") else {
            continue;
        };
        if name == Path::new("SUMMARY.md") {
            continue;
        }
        let entry = format!("]({})", name.display());
        assert!(
            summary.contains(&entry),
            "not in docs/SUMMARY.md: {}",
            name.display()
        );
        assert!(text.starts_with("# "), "{} has no title", page.display());
        let known = name.file_stem().unwrap().to_str().unwrap();
        if name.components().count() == 1 && known != "architecture" {
            assert!(
                listed.contains(&format!("\n  {known} "))
                    || listed.starts_with(&format!("  {known} ")),
                "not among PAGES in src/cli/pages.rs: {known}"
            );
        }
    }
}

#[test]
fn every_workflow_is_yaml_and_starts_what_is_there() {
    let entries = std::fs::read_dir(root().join(".github/workflows")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.extend(["ci/action/action.yml", "ci/gitlab.yml"].map(|path| root().join(path)));
    let script = regex::Regex::new(r"(?m)^\s*- run: (ci/\S+)").unwrap();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for document in text.split("\n---\n") {
            let parsed: Result<serde_json::Value, _> = serde_saphyr::from_str(document);
            assert!(parsed.is_ok_and(|v| v.is_object()), "{}", path.display());
        }
        for found in script.captures_iter(&text) {
            assert!(
                root().join(&found[1]).exists(),
                "{}: {}",
                path.display(),
                &found[1]
            );
        }
    }
}
