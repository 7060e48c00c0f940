//! A run on a terminal of its own: what is drawn fits it, and colours are left out where they are not wanted.

use super::{LOAD, scenario};
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::Read as _;
use std::process::Command;

/// What a terminal of this width is given.
fn shown(columns: u16, no_color: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.yaml");
    std::fs::write(&file, scenario("startup: 600ms", LOAD)).unwrap();
    let size = Winsize {
        ws_row: 50,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = openpty(&size, None).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_bench"))
        .arg("run")
        .arg(&file)
        .arg("--out")
        .arg(folder.path().join("reports"))
        .env("TERM", "xterm")
        .env("NO_COLOR", no_color)
        .env_remove("COLUMNS")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .stdin(std::process::Stdio::null())
        .stdout(pty.slave.try_clone().unwrap())
        .stderr(pty.slave)
        .spawn()
        .unwrap();
    let mut bytes = Vec::new();
    // Linux ends a terminal whose other side is gone with an error.
    let _ = File::from(pty.master).read_to_end(&mut bytes);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_is_drawn_fits_the_terminal() {
    for columns in [60, 80, 120] {
        let shown = shown(columns, "");
        assert!(shown.contains("… sim starting, "), "{shown}");
        assert!(shown.contains("\u{1b}[1A\u{1b}[2K"), "nothing is redrawn");
        assert!(shown.contains("\u{1b}[1;32mPASS"), "no colours");
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
    let shown = shown(80, "1");
    assert!(
        shown.contains("PASS") && !shown.contains("\u{1b}[1;32m"),
        "{shown}"
    );
}
