use super::*;
use std::collections::HashSet;

fn rows() -> Vec<&'static Row> {
    let timings = Timing::ALL.into_iter().map(Timing::row);
    timings.chain(Number::ALL.map(Number::row)).collect()
}

#[test]
fn every_row_is_filled_and_no_name_stands_twice() {
    let rows = rows();
    for of in [
        |row: &Row| row.name,
        |row: &Row| row.key,
        |row: &Row| row.title,
        |row: &Row| row.definition,
    ] {
        let all: HashSet<&str> = rows.iter().map(|row| of(row)).collect();
        assert_eq!(all.len(), rows.len());
        assert!(!all.contains(""));
    }
    for row in rows {
        assert!(
            !row.label.is_empty() && !row.definition.ends_with('.'),
            "{row:?}"
        );
        let statistics = Statistic::named(row.name);
        assert_eq!(statistics, None, "a gate could not tell them apart");
    }
}

#[test]
fn keys_of_records_name_one_figure() {
    for timing in Timing::ALL {
        for statistic in Statistic::ALL {
            let figure = Figure::Timing(statistic, timing);
            assert_eq!(Figure::of_key(&figure.key()), Some(figure));
        }
    }
    for number in Number::ALL {
        let figure = Figure::Number(number);
        assert_eq!(Figure::of_key(&figure.key()), Some(figure));
    }
    assert_eq!(Figure::of_key("ttft_ms"), None);
    assert_eq!(Figure::of_key("ttft_ms.p12"), None);
    assert_eq!(Figure::of_key("of a later version"), None);
}

#[test]
fn figures_have_labels_with_units() {
    let label = |key: &str| Figure::of_key(key).expect("a figure").label();
    assert_eq!(label("ttft_ms.p50"), "TTFT p50 (ms)");
    assert_eq!(label("output_tokens_per_s"), "output (tokens/s)");
    assert_eq!(label("goodput.share"), "goodput (% of requests)");
    assert_eq!(label("ready_ms"), "ready after (ms)");
}

#[test]
fn percentiles_need_ten_values_beyond_them() {
    let needs = |name: &str| Statistic::named(name).map(Statistic::needs);
    assert_eq!(needs("p50"), Some(20));
    assert_eq!(needs("p90"), Some(100));
    assert_eq!(needs("p95"), Some(200));
    assert_eq!(needs("p99"), Some(1_000));
    assert_eq!(needs("p99.9"), Some(10_000));
    assert_eq!(needs("max"), Some(1));
}

#[test]
fn statistics_know_their_place() {
    for (at, statistic) in Statistic::ALL.into_iter().enumerate() {
        assert_eq!(statistic.index(), at);
        assert_eq!(Statistic::named(statistic.name()), Some(statistic));
        assert!(Statistic::Min.at_most(statistic) && statistic.at_most(Statistic::Max));
    }
    assert!(Statistic::P50.at_most(Statistic::P99) && !Statistic::P99.at_most(Statistic::P95));
    assert!(!Statistic::Mean.at_most(Statistic::P99), "outliers");
}

#[test]
fn values_are_shown_in_their_unit() {
    assert_eq!(Unit::Ms.text(12.5), "12.500 ms");
    assert_eq!(Unit::Share("requests").text(0.95), "95.000%");
    assert_eq!(Unit::Count.text(3.0), "3.00");
    assert_eq!(Unit::TokensPerS.text(400.0), "400.00 tokens/s");
    assert_eq!(Unit::Share("requests").reported(0.5), 50.0);
}

/// `UPDATE_GOLDEN=1` writes the table anew.
#[test]
fn the_page_has_every_row() {
    const MARKS: [&str; 2] = ["<!-- metrics: generated -->\n", "<!-- end of metrics -->"];
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let page = std::fs::read_to_string(path).expect("docs/metrics.md");
    let [begin, end] = MARKS.map(|mark| page.find(mark).expect("a mark"));
    let begin = begin + MARKS[0].len();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let page = page[..begin].to_owned() + &super::page() + &page[end..];
        std::fs::write(path, page).expect("docs/metrics.md written");
    } else {
        assert!(
            page[begin..end] == super::page(),
            "docs/metrics.md differs; run UPDATE_GOLDEN=1 cargo test --lib metric::"
        );
    }
}
