//! The documentation is true: its commands parse, its links and paths lead somewhere, its lines are short, and the book has
//! every page.

use crate::support::{bench, root};
use bench::cli::Cli;
use clap::Parser as _;
use std::path::{Path, PathBuf};

/// Every Markdown page of the repository: its path from the root, and its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    let folders = [
        "",
        "docs",
        "docs/decisions",
        "reports",
        ".github",
        ".github/ISSUE_TEMPLATE",
    ];
    for folder in folders {
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
    let link = regex::Regex::new(r"\]\(([^)\s]*)\)|(?m)^\[[^\]]+\]: (\S+)").unwrap();
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for found in link.captures_iter(&text) {
            let target = found.get(1).or(found.get(2)).unwrap().as_str();
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

/// Commands in the shell blocks of the pages. A line that ends with a backslash is joined with the next.
fn commands() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for (page, text) in pages() {
        for block in text.split("```sh\n").skip(1) {
            let block = block.split("```").next().unwrap().replace("\\\n", "");
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

/// Commands within sentences and tables, such as `bench plan FILE`. They may leave out required arguments.
#[test]
fn every_command_in_a_sentence_is_one_that_the_tool_takes() {
    let span = regex::Regex::new(r"`(bench [^`]*)`").unwrap();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        for found in span.captures_iter(&text) {
            seen += 1;
            let Err(error) = Cli::try_parse_from(words(&found[1].replace('\n', " "))) else {
                continue;
            };
            let harmless = matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp
                    | clap::error::ErrorKind::DisplayVersion
                    | clap::error::ErrorKind::MissingRequiredArgument
            );
            if !harmless {
                wrong.push(format!("{}: {}: {error}", page.display(), &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 60, "only {seen} commands were found");
}

/// Tables are exempt, since Markdown cannot break a cell.
#[test]
fn no_line_is_longer_than_100_characters() {
    let mut long = Vec::new();
    for (page, text) in pages() {
        for (index, line) in text.lines().enumerate() {
            if line.chars().count() > 100 && !line.starts_with('|') {
                long.push(format!("{}:{}", page.display(), index + 1));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// Whether something in the repository has this path. `*`, NAME and ROOM stand for any part of a name.
fn exists(folder: &Path, path: &str) -> bool {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    if first.is_empty() {
        return true;
    }
    let name = regex::escape(first)
        .replace(r"\*", ".*")
        .replace("NAME", ".*")
        .replace("ROOM", ".*");
    let name = regex::Regex::new(&format!("^{name}$")).unwrap();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .filter(|entry| name.is_match(&entry.file_name().to_string_lossy()))
        .any(|entry| exists(&entry.path(), rest))
}

#[test]
fn every_path_that_contributors_are_sent_to_exists() {
    let path = regex::Regex::new(
        r"(?x)
        `([\w.*/-]+ (?: / | \.(?:rs|md|yaml|toml) ))` |
        `((?:src|tests|ci|docs|fuzz|scenarios|benches|reports|\.github)/[\w.*/-]+)`",
    )
    .unwrap();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let named = path.captures_iter(&text);
        let paths: Vec<&str> = named
            .map(|found| found.get(1).or(found.get(2)).unwrap().as_str())
            .collect();
        assert!(paths.len() > 20, "{page} names {} paths", paths.len());
        let missing: Vec<&&str> = paths.iter().filter(|path| !exists(root(), path)).collect();
        assert!(missing.is_empty(), "{page}: {missing:#?}");
    }
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
