//! The walls: which room may import which, as ARCHITECTURE.md says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// room -> rooms it may import, from the table in ARCHITECTURE.md.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    page.lines()
        .skip_while(|line| !line.starts_with("| room |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let imports = cells[2].split(", ").filter(|room| !room.is_empty());
            (cells[0].to_owned(), imports.map(str::to_owned).collect())
        })
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a file is there for tests alone; those may look wherever they need.
fn is_test(path: &Path) -> bool {
    path.iter().any(|part| {
        let part = part.to_string_lossy();
        part == "tests" || part == "fixture.rs" || part.ends_with("tests.rs")
    })
}

/// Every `crate::ROOM` in code that is not a test's.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list
                .split([',', '}'])
                .map(|item| item.trim().split("::").next().unwrap_or("").to_owned())
                .collect(),
            None => vec![
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect::<String>(),
            ],
        })
        .filter(|room| room.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

#[test]
fn no_room_imports_what_the_architecture_does_not_allow() {
    let allowed = allowed();
    assert!(
        allowed.len() > 15,
        "the table in ARCHITECTURE.md was not found"
    );
    let source = root().join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut wrong = Vec::new();
    let mut rooms = BTreeSet::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap();
        let room = inside
            .iter()
            .next()
            .unwrap()
            .to_string_lossy()
            .replace(".rs", "");
        if is_test(inside) || room == "main" || room == "lib" {
            continue;
        }
        let may = allowed
            .get(&room)
            .unwrap_or_else(|| panic!("no row for src/{room}"));
        rooms.insert(room.clone());
        for import in imports(&std::fs::read_to_string(&file).unwrap()) {
            if import != room && !may.contains(&import) {
                wrong.push(format!("{} imports {import}", inside.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against ARCHITECTURE.md:\n{}",
        wrong.join("\n")
    );
    let listed: BTreeSet<String> = allowed.into_keys().collect();
    assert_eq!(
        rooms, listed,
        "rooms in src/ and rows in ARCHITECTURE.md differ"
    );
}

#[test]
fn only_three_files_hold_unsafe_code() {
    let source = root().join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let unsafe_files: BTreeSet<String> = files
        .iter()
        .filter(|file| std::fs::read_to_string(file).unwrap().contains("unsafe {"))
        .map(|file| file.strip_prefix(&source).unwrap().display().to_string())
        .collect();
    let expected = ["cli/guard.rs", "load/ring.rs", "topology/process.rs"];
    assert_eq!(unsafe_files, expected.map(String::from).into());
}
