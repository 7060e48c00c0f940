use super::*;
use std::collections::HashSet;

fn synthetic(value: serde_json::Value) -> Prompts {
    Prompts {
        source: Source::Synthetic(serde_json::from_value(value).unwrap()),
        words: Words::plain(),
        overhead: 3,
        notes: Vec::new(),
    }
}

fn text(prompts: &Prompts, number: u64, salt: u64) -> String {
    prompts
        .text(&prompts.entry(number), Salt(salt))
        .into_owned()
}

#[test]
fn a_prompt_has_its_planned_tokens_without_the_overhead() {
    let prompts = synthetic(serde_json::json!({"input_tokens": {"mean": 60, "stddev": 30}}));
    for number in 0..500 {
        let planned = prompts.entry(number).input_tokens.unwrap();
        let words = text(&prompts, number, 0).split(' ').count();
        assert_eq!(u32::try_from(words).unwrap() + 3, planned);
    }
}

#[test]
fn prompts_differ_within_a_set_and_between_sets() {
    let prompts = synthetic(serde_json::json!({"input_tokens": 12}));
    let mut seen = HashSet::new();
    for number in 0..20_000 {
        assert!(seen.insert(text(&prompts, number, 0)));
        assert!(seen.insert(text(&prompts, number, 1)));
    }
}

#[test]
fn prompts_of_a_group_share_only_their_prefix() {
    let spec = serde_json::json!({"input_tokens": 40, "shared_prefix_tokens": 20, "groups": 4});
    let prompts = synthetic(spec);
    let texts: Vec<String> = (0..64).map(|n| text(&prompts, n, 0)).collect();
    let head = |text: &str, words: usize| text.split(' ').take(words).collect::<Vec<_>>().join(" ");
    let heads = |words| {
        texts
            .iter()
            .map(|t| head(t, words))
            .collect::<HashSet<_>>()
            .len()
    };
    assert_eq!((heads(1), heads(20), heads(22)), (4, 4, 64));
}

#[test]
fn shared_prefixes_are_counted() {
    let spec = serde_json::json!({"input_tokens": 40, "shared_prefix_tokens": 20, "groups": 4});
    // The prefix of each group's first prompt is not shared with an earlier prompt.
    assert_eq!(synthetic(spec).shared(64), Some((60 * 20, 64 * 40)));
    let apart = synthetic(serde_json::json!({"input_tokens": 40}));
    assert_eq!(apart.shared(64), Some((0, 64 * 40)));
    assert_eq!(Prompts::written(["a".to_owned()]).shared(2), None);
    let blocks = |blocks: &[(u64, u32)]| Entry {
        text: Text::Generated(
            blocks
                .iter()
                .map(|&(seed, tokens)| Segment { seed, tokens })
                .collect(),
        ),
        input_tokens: Some(blocks.iter().map(|(_, tokens)| tokens).sum()),
        output_tokens: None,
        at: None,
        body: serde_json::Map::new(),
    };
    let listed =
        |entries: &[&[(u64, u32)]]| Prompts::listed(entries.iter().map(|e| blocks(e)).collect());
    let cut = listed(&[
        &[(1, 10), (2, 7)],
        &[(1, 10), (2, 10), (3, 5)],
        &[(1, 10), (2, 4)],
    ]);
    assert_eq!(
        cut.shared(3),
        Some((17 + 14, 56)),
        "a partial block is a prefix of a whole block"
    );
}

#[test]
fn a_prompt_has_its_own_word_even_after_a_longer_prefix() {
    let spec = serde_json::json!({"input_tokens": 10, "shared_prefix_tokens": 200});
    let prompts = synthetic(spec);
    assert_eq!(text(&prompts, 0, 0).split(' ').count(), 7);
    assert_ne!(text(&prompts, 0, 0), text(&prompts, 1, 0));
}

#[test]
fn the_generated_list_never_changes() {
    let spec = serde_json::json!({
        "input_tokens": {"mean": 12, "stddev": 4, "shape": "lognormal"}, "output_tokens": {"min": 3, "max": 9},
        "shared_prefix_tokens": 3, "groups": 2, "seed": 42,
    });
    let prompts = synthetic(spec);
    let list: String = (0..5)
        .map(|number| {
            let entry = prompts.entry(number);
            format!(
                "{:?} {:?} {}\n",
                entry.input_tokens,
                entry.output_tokens,
                text(&prompts, number, 0)
            )
        })
        .collect();
    insta::assert_snapshot!(list);
}

#[test]
fn a_list_starts_again_and_has_times() {
    let at = |ms| Entry {
        at: Some(Duration::from_millis(ms)),
        ..Entry::written(ms.to_string())
    };
    let prompts = Prompts::listed(vec![at(0), at(5)]);
    assert_eq!(text(&prompts, 3, 0), "5");
    assert_eq!(prompts.times(), Some(vec![0, 5_000_000]));
    let mixed = Prompts::listed(vec![at(0), Entry::written("x".into())]);
    assert_eq!(mixed.times(), None);
}

#[test]
fn the_recorded_list_is_bounded_and_counts_what_it_omits() {
    let prompts = Prompts::written(["a", "b"].map(String::from));
    let line = |text| format!("{{\"text\":{{\"written\":\"{text}\"}}}}\n");
    assert_eq!(prompts.lines(2, 999), line("a") + &line("b"));
    assert_eq!(
        prompts.lines(9, 30),
        line("a") + &line("b") + "{\"left_out\":7}\n"
    );
}

#[test]
fn invented_words_are_distinct() {
    let words = Words::plain();
    assert_eq!(words.all().iter().collect::<HashSet<_>>().len(), 1024);
}
