//! The page in a real browser, where there is one: `apt-get install chromium`.

use crate::support::bench;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a hostile model might answer.
const SCRIPT: &str =
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// The page's document after its script has run, and what the browser had to say.
fn opened(browser: &Path, page: &Path) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--timeout=20000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_page_works_in_a_browser_and_shows_what_the_record_holds() {
    let Some(browser) = chromium() else {
        // Past the test harness, which would keep it to itself.
        let why = b"SKIPPED: no chromium on PATH, so the page was not opened in a browser\n";
        std::io::stderr().write_all(why).unwrap();
        return;
    };
    let done = bench("run")
        .arg("scenarios/quickstart.yaml")
        .set("load.phases[1].closed.requests=40")
        .run()
        .ran();
    let dir = done.dir();
    poison(&dir.join("samples.jsonl"));
    let page = dir.join("again.html");
    let again = bench("report")
        .arg(dir.to_str().unwrap())
        .arg("--format")
        .arg("html")
        .run()
        .code(0);
    std::fs::write(&page, &again.stdout).unwrap();
    let (document, said) = opened(&browser, &page);
    let console: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(console.is_empty(), "{console:?}");
    assert!(
        document.contains("class=\"sort\""),
        "its script did not run:\n{said}"
    );
    assert!(
        document.contains("<title>quickstart: pass</title>"),
        "a model's script ran"
    );
    assert!(
        document.contains("&lt;script&gt;document.title="),
        "its answer is not shown"
    );
    assert_eq!(document.matches("<script").count(), 1);
    assert_eq!(document.matches("<img").count(), 0);
    figures_agree(&document, &done.run());
    charts_agree(&document, &done.run());
}

/// Puts markup where a model's answers and a server's errors are kept.
fn poison(samples: &Path) {
    let text = std::fs::read_to_string(samples).unwrap();
    let rows: Vec<String> = text
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            row["text"] = serde_json::json!([SCRIPT]);
            row.to_string() + "\n"
        })
        .collect();
    std::fs::write(samples, rows.concat()).unwrap();
}

/// Every figure in a table is the record's.
fn figures_agree(document: &str, run: &Value) {
    let cell = regex::Regex::new(
        r#"data-variant="([^"]*)" data-phase="([^"]*)" data-key="([^"]*)" data-value="([^"]+)""#,
    )
    .unwrap();
    let mut seen = 0;
    for found in cell.captures_iter(document) {
        let [variant, phase, key, value] = found.extract().1;
        let Some((metric, stat)) = key.split_once('.') else {
            continue;
        };
        let variant = named(&run["variants"], variant);
        let kept = &named(&variant["phases"], phase)["metrics"][metric][stat];
        if metric != "goodput" {
            assert_eq!(
                value.parse::<f64>().unwrap(),
                kept.as_f64().unwrap(),
                "{key}"
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} figures");
}

/// The median of every TTFT chart, drawn from the samples, is the record's.
fn charts_agree(document: &str, run: &Value) {
    for phase in ["batch", "closed"] {
        let chart = document
            .split("<figure class=\"chart\"")
            .find(|part| part.contains(&format!("data-key=\"ttft_ms-{phase}\"")))
            .unwrap();
        let list = |name: &str, from: &str| -> Vec<String> {
            let value = from.split(&format!("{name}=\"")).nth(1).unwrap();
            let value = value.split('"').next().unwrap();
            value.split('|').map(str::to_owned).collect()
        };
        let median = list("data-names", chart)
            .iter()
            .position(|name| name == "p50");
        let lines: Vec<&str> = chart.split("data-series").skip(1).collect();
        assert_eq!(lines.len(), 2);
        for (line, name) in lines.into_iter().zip(["native", "dynamo"]) {
            let drawn: f64 = list("data-values", line)[median.unwrap()].parse().unwrap();
            let variant = named(&run["variants"], name);
            let kept = &named(&variant["phases"], phase)["metrics"]["ttft_ms"]["p50"];
            let kept = kept.as_f64().unwrap();
            assert!((drawn - kept).abs() <= kept * 1e-3, "{drawn} and {kept}");
        }
    }
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}
