//! A golden file for every kind of mistake: `golden/NAME.yaml` holds the scenario, `golden/NAME.txt` what is said about it.
//! `BLESS=1 cargo test --test all` writes the texts anew; read the difference before keeping it.

use bench::scenario::{self, Input};
use std::path::{Path, PathBuf};

/// What is said about a scenario; its first lines may hold `# set: k=v` and `# overlay: FILE`.
fn said(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let option = |key: &str| -> Vec<String> {
        let lines = text.lines().take_while(|line| line.starts_with('#'));
        lines
            .filter_map(|line| line.strip_prefix(key).map(str::to_owned))
            .collect()
    };
    let overlay = |file: String| {
        let text = std::fs::read_to_string(path.with_file_name(&file)).unwrap();
        (PathBuf::from(file), text)
    };
    let input = Input {
        overlays: option("# overlay: ").into_iter().map(overlay).collect(),
        sets: option("# set: "),
        file: (PathBuf::from(name), text),
    };
    let env = |name: &str| match name {
        "TOKEN" => Some("hunter2-hunter2".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    match scenario::load(&input, &env) {
        Ok(loaded) if loaded.warnings.warnings() > 0 => loaded.warnings.render(false) + "\nok\n",
        Ok(_) => "ok\n".to_owned(),
        Err(mistakes) => mistakes.render(false),
    }
}

#[test]
fn every_mistake_is_said_as_agreed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/golden");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    let mut different = Vec::new();
    for path in paths {
        let golden = path.with_extension("txt");
        let said = said(&path);
        assert!(
            !said.contains("hunter2"),
            "{} shows a secret",
            path.display()
        );
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &said).unwrap();
        }
        let agreed = std::fs::read_to_string(&golden).unwrap_or_default();
        if said != agreed {
            different.push(format!(
                "{}\n--- agreed\n{agreed}\n--- said\n{said}",
                path.display()
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}
