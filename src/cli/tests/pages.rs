use super::*;

/// As GitHub and mdBook name a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text: String = heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| kept(*c))
        .collect();
    text.replace(' ', "-")
}

#[test]
fn every_ending_refers_to_a_heading_that_is_there() {
    for code in ExitCode::ALL {
        let Some((name, heading)) = about(code) else {
            continue;
        };
        let (_, page) = PAGES
            .iter()
            .find(|(page, _)| *page == name)
            .expect("a page");
        let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
        let there = headings.map(anchor).any(|found| found == heading);
        assert!(there || heading.is_empty(), "{name}#{heading}");
    }
}
