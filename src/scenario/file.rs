//! Reads one scenario file from disk. Explains every way in which the file itself can be wrong.

use super::yaml::MAX_BYTES;
use crate::diagnostic::Diagnostic;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Reads the text of the file at `path`.
pub(super) fn read(path: &Path) -> Result<String, Diagnostic> {
    let shown = path.display();
    let wrong = |message: String| Diagnostic::new("file", message);
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => near(
            path,
            wrong(format!("the file `{shown}` does not exist"))
                .help("`bench init` writes a scenario to start from"),
        ),
        ErrorKind::PermissionDenied => wrong(format!("this user may not read `{shown}`"))
            .help(format!("try `chmod u+r {shown}`")),
        ErrorKind::IsADirectory => directory(path),
        _ => wrong(format!("`{shown}` cannot be read: {error}")),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(directory(path));
    }
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let file = File::open(path).map_err(failed)?;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_BYTES {
        return Err(wrong(format!(
            "`{shown}` is larger than 1 MiB, the limit for a scenario"
        ))
        .help("move prompts to another file: `prompts: {file: prompts.jsonl}`"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        wrong(format!(
            "`{shown}` is not UTF-8 text: the first invalid byte is in line {line}"
        ))
        .help("save it as UTF-8, for example with `iconv -f latin1 -t utf-8`")
    })
}

fn directory(path: &Path) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        "file",
        format!("`{}` is a directory, not a scenario file", path.display()),
    );
    let mut scenarios = yaml_files(path);
    scenarios.truncate(10);
    match scenarios.as_slice() {
        [] => diagnostic.help("name a file, such as `scenarios/quickstart.yaml`"),
        files => diagnostic.help(format!("scenarios in it: {}", files.join(", "))),
    }
}

/// Suggests a file of the same directory with a similar name.
fn near(path: &Path, diagnostic: Diagnostic) -> Diagnostic {
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return diagnostic,
    };
    let typed = path.file_name().unwrap_or_default().to_string_lossy();
    let files = yaml_files(folder);
    match super::mistake::nearest(&typed, files.iter().map(String::as_str)) {
        Some(file) => diagnostic.help(format!(
            "did you mean `{}`?",
            path.with_file_name(file).display()
        )),
        None => diagnostic,
    }
}

/// Names of the YAML files in a directory.
fn yaml_files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .take(1_000)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .collect();
    names.sort();
    names
}
