//! The page in a real browser, where there is one (`apt-get install chromium`), and under axe-core, where `ci/setup` has
//! fetched it.

use crate::support::{Done, bench, cache};
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

/// What a browser makes of a page: with `--dump-dom` its document, and what the browser had to say.
fn opened(browser: &Path, page: &Path, arguments: &[&str]) -> (String, String) {
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
            "--timeout=60000",
        ])
        .args(arguments)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The browser; without one, says so past the test harness, which would keep it to itself.
fn browser() -> Option<PathBuf> {
    let found = chromium();
    if found.is_none() {
        let why = b"SKIPPED: no chromium on PATH, so the page was not opened in a browser\n";
        std::io::stderr().write_all(why).unwrap();
    }
    found
}

/// A page rendered anew into its own directory.
fn rendered(done: &Done) -> PathBuf {
    let dir = done.dir();
    let again = bench("report")
        .arg(dir.to_str().unwrap())
        .arg("--format")
        .arg("html")
        .run()
        .code(0);
    let page = dir.join("again.html");
    std::fs::write(&page, &again.stdout).unwrap();
    page
}

/// The quickstart, with a hostile model.
fn quickstart() -> Done {
    let done = bench("run")
        .arg("scenarios/quickstart.yaml")
        .set("load.phases[1].closed.requests=40")
        .run()
        .ran();
    poison(&done.dir().join("samples.jsonl"));
    done
}

/// A run in which requests and checks fail.
fn failed() -> Done {
    let text = "version: 1
name: failing
model: {id: m}
engine: {sim: {flavour: vllm, args: {error-status: 500, error-every: 7}}}
prompts: {inline: [one, two]}
load: {phases: [{closed: {concurrency: 4, requests: 40}}]}
verify: {every_response: [{at: model, equals: another}]}
";
    bench("run").file("failing.yaml", text).run().code(1)
}

#[test]
fn the_page_works_in_a_browser_and_shows_what_the_record_holds() {
    let Some(browser) = browser() else { return };
    let done = quickstart();
    let page = rendered(&done);
    let (document, said) = opened(&browser, &page, &["--dump-dom"]);
    let console: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(console.is_empty(), "{console:?}");
    assert!(
        document.contains("class=\"sort\""),
        "its script did not run:\n{said}"
    );
    // The poisoned samples are not those that were written, so the record counts as incomplete.
    assert!(
        document.contains("<title>quickstart: invalid</title>"),
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
    let paper = done.dir().join("page.pdf");
    let print = format!("--print-to-pdf={}", paper.display());
    opened(&browser, &page, &[&print]);
    let paper = std::fs::read(paper).unwrap();
    assert!(paper.starts_with(b"%PDF") && paper.len() > 20_000);
}

/// A page's copy that may be looked into: without its policy, with a script that leaves what it found in the document.
fn probed(browser: &Path, page: &Path, probe: &str, arguments: &[&str]) -> Value {
    let text = std::fs::read_to_string(page).unwrap();
    let policy = regex::Regex::new("<meta http-equiv[^>]*>").unwrap();
    let text = policy.replace(&text, "");
    let left = "const leave = found => { const out = document.createElement('pre'); out.id = 'found'; \
        out.textContent = encodeURIComponent(JSON.stringify(found)); document.body.append(out); };";
    let script = format!(
        "<script>{left}\n{}</script></body>",
        probe.replace("</script", "<\\/script")
    );
    let copy = page.with_file_name("probed.html");
    std::fs::write(&copy, text.replace("</body>", &script)).unwrap();
    let mut all = vec!["--dump-dom", "--virtual-time-budget=60000"];
    all.extend(arguments);
    let (document, said) = opened(browser, &copy, &all);
    let found = document.split("<pre id=\"found\">").nth(1);
    let found = found.unwrap_or_else(|| panic!("nothing was found:\n{said}"));
    serde_json::from_str(&decoded(found.split('<').next().unwrap())).unwrap()
}

/// `%7B` is `{`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// What axe-core finds wrong, where it is.
fn axe() -> String {
    let Ok(axe) = std::fs::read_to_string(cache().join("axe/package/axe.min.js")) else {
        let why = b"SKIPPED: no axe-core (ci/setup fetches it), so accessibility was not checked\n";
        std::io::stderr().write_all(why).unwrap();
        return "const wrong = Promise.resolve([]);".to_owned();
    };
    let brief = "v => [v.impact, v.id, v.nodes.map(n => n.html.slice(0, 200))]";
    format!("{axe};\nconst wrong = axe.run().then(found => found.violations.map({brief}));")
}

/// As wide as a phone, in a frame: a window can't be. Without scripts, whose counterparts run already.
const PHONE: &str = "wrong.then(wrong => {
    const fetched = performance.getEntriesByType('resource').length;
    const ground = getComputedStyle(document.body).backgroundColor;
    const frame = document.createElement('iframe');
    frame.width = 360; frame.height = 800;
    frame.srcdoc = '<!doctype html>' + document.documentElement.outerHTML.replace(/<script[^]*?<\\/script>/g, '');
    frame.onload = () => leave({ wrong, fetched, ground, wide: frame.contentDocument.documentElement.scrollWidth });
    document.body.append(frame);
});";

#[test]
fn the_page_is_for_everyone_on_any_screen_and_fetches_nothing() {
    let Some(browser) = browser() else { return };
    let probe = axe() + PHONE;
    let light = ("--force-color-profile=srgb", "rgb(255, 255, 255)");
    let dark = ("--force-dark-mode", "rgb(20, 23, 27)");
    for (done, (mode, ground)) in [(quickstart(), light), (failed(), dark)] {
        let found = probed(&browser, &rendered(&done), &probe, &[mode]);
        assert_eq!(found["wrong"], serde_json::json!([]), "{mode}");
        assert_eq!(found["fetched"], 0, "{found}");
        assert_eq!(found["ground"], ground);
        let wide = found["wide"].as_u64().unwrap();
        assert!(wide <= 360, "wider than a phone: {found}");
    }
}

/// Puts markup where a model's answers and a server's errors are kept.
fn poison(samples: &Path) {
    let text = std::fs::read_to_string(samples).unwrap();
    let rows: Vec<String> = text
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            row["text"] = serde_json::json!([SCRIPT]);
            // A line without a checksum is taken as it is.
            row.as_object_mut().unwrap().remove("crc");
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
