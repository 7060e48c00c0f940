//! Checks that prompts fit into the model's context, where both lengths are known.

use super::tokens::{Counter, ModelFiles};
use super::{Collector, Error};
use crate::plan::prompts::{Entry, Text};
use crate::scenario::effective;
use crate::scenario::model::ApiEndpoint;
use serde_json::{Map, Value};
use std::borrow::Borrow;
use std::fmt::Display;

/// Checks prompts with planned lengths, each with its location.
pub(super) fn check_planned<E: Borrow<Entry>, P: Display>(
    entries: impl Iterator<Item = (E, P)>,
    model: &ModelFiles<'_>,
) -> Result<(), Error> {
    let Some(context) = context(model) else {
        return Ok(());
    };
    let request = &model.scenario.request;
    for (entry, place) in entries {
        let entry = entry.borrow();
        let input = entry.input_tokens.unwrap_or(0);
        let output = output(entry, model);
        if u64::from(input) + u64::from(output) > u64::from(context) {
            let and = match request.endpoint {
                ApiEndpoint::Embeddings => String::new(),
                _ => format!(" and {output} tokens of the answer"),
            };
            return Err(Error(format!(
                "{place}: {input} tokens{and} exceed the model's context of {context}; ask for fewer, or raise `max-model-len`"
            )));
        }
    }
    Ok(())
}

/// Checks written prompts. A token has at least one byte, so only prompts longer than the context in bytes are counted.
pub(super) fn check_written(collector: &Collector, model: &ModelFiles<'_>) -> Result<(), Error> {
    let Some(context) = context(model) else {
        return Ok(());
    };
    // An answer that is longer than the context is rejected whatever the prompt is.
    let all = collector.entries.iter().zip(&collector.places);
    let least = all.map(|(entry, place)| {
        let input_tokens = Some(match &entry.text {
            Text::Tokens(tokens) => u32::try_from(tokens.len()).unwrap_or(u32::MAX),
            Text::Written(_) | Text::Messages(_) | Text::Generated(_) => 1,
        });
        let least = Entry {
            input_tokens,
            output_tokens: entry.output_tokens,
            body: entry.body.clone(),
            ..Entry::of(Text::Generated(Vec::new()))
        };
        (least, place)
    });
    check_planned(least, model)?;
    let bytes = |entry: &Entry| match &entry.text {
        Text::Written(text) => text.len(),
        // The text that a template makes of several messages is not counted. The server decides.
        Text::Generated(_) | Text::Messages(_) | Text::Tokens(_) => 0,
    };
    let all = collector.entries.iter().zip(&collector.places);
    let mut long = all
        .filter(|(entry, _)| bytes(entry) > context as usize)
        .peekable();
    if long.peek().is_none() || model.counts_words() {
        return Ok(());
    }
    // Without a tokenizer, the server decides.
    let Ok(counter) = Counter::find(model) else {
        return Ok(());
    };
    let endpoint = model.scenario.request.endpoint;
    let counted = long.filter_map(|(entry, place)| {
        let Text::Written(text) = &entry.text else {
            return None;
        };
        let tokens = counter.prompt(endpoint, text).ok()?;
        let entry = Entry {
            input_tokens: Some(tokens),
            ..entry.clone()
        };
        Some((entry, place))
    });
    check_planned(counted, model)
}

fn output(entry: &Entry, model: &ModelFiles<'_>) -> u32 {
    let request = &model.scenario.request;
    let keys = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    let find = |body: &Map<String, Value>| keys.iter().find_map(|key| body.get(*key)?.as_u64());
    let requested = find(&entry.body).or_else(|| find(&request.params));
    let requested = requested.and_then(|n| u32::try_from(n).ok());
    match request.endpoint {
        ApiEndpoint::Embeddings => 0,
        _ => request
            .output_tokens
            .or(entry.output_tokens)
            .or(requested)
            .unwrap_or(1),
    }
}

/// The smallest context of the engines of all variants, in tokens.
fn context(model: &ModelFiles<'_>) -> Option<u32> {
    let common = &model.scenario.vllm.args;
    let variants = effective(model.scenario);
    let contexts = variants
        .iter()
        .flat_map(|variant| variant.engine.contexts(common));
    let of_model = if model.counts_words() {
        None
    } else {
        model.context()
    };
    contexts.filter_map(|length| length.or(of_model)).min()
}
