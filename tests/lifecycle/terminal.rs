//! On a terminal of its own: what is drawn fits it, colours are left out where they are not wanted, and questions are
//! asked.

use super::{LOAD, scenario};
use nix::pty::{OpenptyResult, Winsize, openpty};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

fn pty(columns: u16) -> OpenptyResult {
    let size = Winsize {
        ws_row: 50,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    openpty(&size, None).unwrap()
}

fn bench(arguments: &[&str], folder: &Path, no_color: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("TERM", "xterm")
        .env("NO_COLOR", no_color)
        .env_remove("COLUMNS")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .stdin(Stdio::null());
    command
}

/// What a terminal of this width is given, and the exit code.
fn shown(mut command: Command, columns: u16) -> (String, Option<i32>) {
    let pty = pty(columns);
    let mut child = command
        .stdout(pty.slave.try_clone().unwrap())
        .stderr(pty.slave)
        .spawn()
        .unwrap();
    // It holds the slave's other handles.
    drop(command);
    let text = read(File::from(pty.master));
    (text, child.wait().unwrap().code())
}

fn read(mut master: File) -> String {
    let mut bytes = Vec::new();
    // Linux ends a terminal whose other side is gone with an error.
    let _ = master.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

fn run(folder: &Path, columns: u16, no_color: &str) -> String {
    std::fs::write(folder.join("run.yaml"), scenario("startup: 600ms", LOAD)).unwrap();
    let (text, code) = shown(bench(&["run", "run.yaml"], folder, no_color), columns);
    // 4: the machine was too busy for the figures to be trusted.
    assert!(matches!(code, Some(0 | 4)), "{text}");
    text
}

#[test]
fn what_is_drawn_fits_the_terminal() {
    for columns in [60, 80, 120] {
        let folder = tempfile::tempdir().unwrap();
        let shown = run(folder.path(), columns, "");
        assert!(shown.contains("… sim starting, "), "{shown}");
        assert!(shown.contains("\u{1b}[1A\u{1b}[2K"), "nothing is redrawn");
        assert!(shown.contains("\u{1b}[1;32m✓"), "no colours");
        let drawn = shown
            .lines()
            .map(str::trim_end)
            .filter(|line| line.starts_with(['│', '┌', '└', '├']) || line.contains('…'));
        for line in drawn {
            let plain = line.replace("\u{1b}[1A\u{1b}[2K", "");
            assert!(
                plain.chars().count() <= columns.into(),
                "{columns}: {plain}"
            );
        }
    }
}

#[test]
fn no_color_is_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let shown = run(folder.path(), 80, "1");
    assert!(
        shown.contains("✓") && !shown.contains("\u{1b}[1;32m"),
        "{shown}"
    );
}

#[test]
fn a_record_looks_the_same_on_every_terminal_of_a_width() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/golden");
    let folder = tempfile::tempdir().unwrap();
    for file in ["run.json", "samples.jsonl", "events.jsonl"] {
        std::fs::copy(golden.join(file), folder.path().join(file)).unwrap();
    }
    for columns in [80, 120] {
        let (text, code) = shown(bench(&["report", "."], folder.path(), ""), columns);
        assert_eq!(code, Some(0), "{text}");
        let text = text.replace("\r\n", "\n").replace('\u{1b}', "ESC");
        insta::assert_snapshot!(format!("golden_{columns}"), text);
    }
}

#[test]
fn init_asks_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let pty = pty(80);
    let mut child = bench(&["init", "asked.yaml"], folder.path(), "")
        .stdin(pty.slave.try_clone().unwrap())
        .stdout(pty.slave.try_clone().unwrap())
        .stderr(pty.slave)
        .spawn()
        .unwrap();
    let mut master = File::from(pty.master);
    master
        .write_all(b"both\nmy/model\n/opt/venv\nt4\n")
        .unwrap();
    let text = read(master);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    assert!(text.contains("What is tested?") && text.contains("asked.yaml is written"));
    let written = std::fs::read_to_string(folder.path().join("asked.yaml")).unwrap();
    for part in ["my/model", "/opt/venv", "kind: \"t4\"", "baseline: native"] {
        assert!(written.contains(part), "no {part} in\n{written}");
    }
}
