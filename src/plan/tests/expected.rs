use super::*;
use crate::plan::Prompts;
use crate::plan::requests::tests::requests as plain;
use serde_json::json;
use std::sync::Arc;

fn requests(api: ApiEndpoint, prompts: Prompts, params: Value) -> Requests {
    Requests {
        template: params.as_object().unwrap().clone(),
        ..plain(api, prompts)
    }
}

fn row(body: Value) -> Entry {
    Entry {
        body: body.as_object().unwrap().clone(),
        ..Entry::written("a".into())
    }
}

#[test]
fn fields_of_a_row_override_those_of_all_requests() {
    let rows = vec![
        row(json!({})),
        row(json!({"model": "lora", "max_tokens": 5, "n": 3})),
    ];
    let params = json!({"max_tokens": 20, "n": 2});
    let of = requests(ApiEndpoint::Chat, Prompts::listed(rows), params);
    let expected = |index| {
        (
            of.model_of(index),
            of.max_tokens_of(index),
            of.choices_of(index),
        )
    };
    assert_eq!(expected(0), (None, Some(20), 2));
    assert_eq!(expected(1), (Some("lora"), Some(5), 3));
    assert_eq!(expected(3), expected(1), "the list starts again");
}

#[test]
fn a_demanded_length_overrides_the_limits() {
    let mut entry = row(json!({"max_tokens": 9}));
    entry.output_tokens = Some(4);
    let params = json!({"max_completion_tokens": 50, "max_tokens": 60});
    let mut of = requests(ApiEndpoint::Chat, Prompts::listed(vec![entry]), params);
    assert_eq!(of.max_tokens_of(0), Some(4));
    of.output_tokens = Some(7);
    assert_eq!(of.max_tokens_of(0), Some(7));
    of.prompts = Arc::new(Prompts::written(["a".to_owned()]));
    of.output_tokens = None;
    assert_eq!(
        of.max_tokens_of(0),
        Some(50),
        "the newer name takes precedence"
    );
    of.api = ApiEndpoint::Embeddings;
    assert_eq!(of.max_tokens_of(0), None);
}

#[test]
fn generated_lengths_are_limits() {
    let synthetic = json!({"input_tokens": 9, "output_tokens": {"min": 3, "max": 8}});
    let prompts = Prompts::of(Source::Synthetic(
        serde_json::from_value(synthetic).unwrap(),
    ));
    let of = requests(ApiEndpoint::Completions, prompts, json!({}));
    for index in 0..20 {
        let planned = of.planned(index).1;
        assert!(planned.is_some_and(|n| (3..=8).contains(&n)));
        assert_eq!(of.max_tokens_of(index), planned);
    }
}

#[test]
fn a_row_overrides_the_echo_of_all_requests() {
    let rows = vec![row(json!({})), row(json!({"echo": false}))];
    let of = requests(
        ApiEndpoint::Completions,
        Prompts::listed(rows),
        json!({"echo": true}),
    );
    assert_eq!((of.echoes(0), of.echoes(1)), (true, false));
}

#[test]
fn every_prompt_of_a_request_has_its_choices() {
    let mut of = requests(
        ApiEndpoint::Completions,
        Prompts::written(["a", "b"].map(String::from)),
        json!({"n": 2}),
    );
    of.prompts_per_request = 3;
    assert_eq!(of.choices_of(0), 6);
    of.api = ApiEndpoint::Embeddings;
    assert_eq!(of.choices_of(0), 3, "vectors");
    of.api = ApiEndpoint::Responses;
    assert_eq!(of.choices_of(0), 1);
}
