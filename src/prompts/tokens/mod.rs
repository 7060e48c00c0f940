//! Counts the tokens of prompts: with the model's tokenizer and chat template, or as words, as the embedded engine
//! does.

#[cfg(feature = "tokenizers")]
pub(super) mod model;

use super::{CHECKED_PROMPTS, Error};
use crate::plan::prompts::{Salt, Words};
use crate::plan::{Prompts, is_directory, locate};
use crate::scenario::effective;
use crate::scenario::model::{self as scenario, ApiEndpoint, Engine, Scenario};
#[cfg(feature = "tokenizers")]
use model::Model;
use std::path::{Path, PathBuf};

/// Finds the files of the model that a scenario names.
pub(super) struct ModelFiles<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) base: &'a Path,
    pub(super) home: Option<&'a Path>,
}

impl ModelFiles<'_> {
    /// Whether all engines of the scenario count words as tokens.
    pub(super) fn counts_words(&self) -> bool {
        let words = |engine: &Engine| engine.facts().counts_words;
        let all = effective(self.scenario);
        self.scenario.model.tokenizer.is_none() && all.iter().all(|variant| words(variant.engine))
    }

    /// The model's context in tokens, from its `config.json`.
    pub(super) fn context(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.directory().ok()?.join("config.json")).ok()?;
        let config: serde_json::Value = serde_json::from_str(&text).ok()?;
        let own = |config: &serde_json::Value| config["max_position_embeddings"].as_u64();
        let tokens = own(&config).or_else(|| own(&config["text_config"]))?;
        u32::try_from(tokens).ok()
    }

    fn directory(&self) -> Result<PathBuf, Error> {
        directory(&self.scenario.model, self.base, self.home)
    }
}

/// The directory of a model's tokenizer: the one that the scenario names, the model's own, or the snapshot of the hub
/// in the user's cache.
pub(super) fn directory(
    model: &scenario::Model,
    base: &Path,
    home: Option<&Path>,
) -> Result<PathBuf, Error> {
    let named = model
        .tokenizer
        .as_deref()
        .or(is_directory(&model.id).then_some(&model.id));
    let found = match named {
        Some(path) => vec![locate(path, base, home)],
        None => snapshots(&model.id, home),
    };
    let has = |directory: &&PathBuf| directory.join("tokenizer.json").is_file();
    found.iter().find(has).cloned().ok_or_else(|| {
        let looked = match found.as_slice() {
            [] => "the cache of the hub has none".to_owned(),
            [first, ..] => format!("{} does not exist", first.join("tokenizer.json").display()),
        };
        Error(format!(
            "prompts: exact lengths need the model's tokenizer, but {looked}; name the directory of its tokenizer.json with `model: {{tokenizer: DIRECTORY}}`"
        ))
    })
}

fn snapshots(id: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || var("HF_HOME").or_else(|| Some(home?.join(".cache/huggingface")));
    let hub = var("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub")));
    let folder = format!("models--{}/snapshots", id.replace('/', "--"));
    let entries = hub.and_then(|hub| std::fs::read_dir(hub.join(folder)).ok());
    let mut all: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    all.sort();
    all
}

/// Counts tokens.
pub(super) enum Counter {
    /// Counts words and punctuation marks, as the embedded engine does.
    Words,
    /// Counts tokens as the model does.
    #[cfg(feature = "tokenizers")]
    Model(Box<Model>),
}

impl Counter {
    pub(super) fn find(files: &ModelFiles<'_>) -> Result<Self, Error> {
        if files.counts_words() {
            return Ok(Self::Words);
        }
        #[cfg(feature = "tokenizers")]
        return Ok(Self::Model(Box::new(Model::load(&files.directory()?)?)));
        #[cfg(not(feature = "tokenizers"))]
        Err(Error(
            "prompts: exact lengths need the model's tokenizer, but this `bench` was built without support for it; build it with `--features tokenizers`".into(),
        ))
    }

    /// Words that are one token each in any position.
    pub(super) fn words(&self) -> Result<Words, Error> {
        match self {
            Self::Words => Ok(Words::plain()),
            #[cfg(feature = "tokenizers")]
            Self::Model(model) => model.words(),
        }
    }

    /// Tokens that the server adds to a prompt.
    pub(super) fn overhead(&self, endpoint: ApiEndpoint) -> Result<u32, Error> {
        match self {
            // The embedded engine writes `user: ` before the user's message.
            Self::Words => Ok(match endpoint {
                ApiEndpoint::Chat | ApiEndpoint::Responses => 2,
                ApiEndpoint::Completions | ApiEndpoint::Embeddings => 0,
            }),
            #[cfg(feature = "tokenizers")]
            Self::Model(model) => {
                let sample = "one two three";
                let own = model.count(sample, false)?;
                Ok(model.prompt(endpoint, sample)?.saturating_sub(own))
            }
        }
    }

    /// Tokens of a prompt as the server counts them.
    pub(super) fn prompt(&self, endpoint: ApiEndpoint, text: &str) -> Result<u32, Error> {
        match self {
            Self::Words => {
                let words = u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX);
                Ok(words.saturating_add(self.overhead(endpoint)?))
            }
            #[cfg(feature = "tokenizers")]
            Self::Model(model) => model.prompt(endpoint, text),
        }
    }

    /// Compares the planned lengths of the first prompts with a count of their text.
    pub(super) fn check_lengths(
        &self,
        prompts: &Prompts,
        endpoint: ApiEndpoint,
    ) -> Result<(), Error> {
        for number in 0..CHECKED_PROMPTS {
            let entry = prompts.entry(number);
            let text = prompts.text(&entry, Salt::default());
            let counted = self.prompt(endpoint, &text)?;
            if let Some(planned) = entry
                .input_tokens
                .filter(|planned| *planned > prompts.overhead)
                && planned != counted
            {
                return Err(Error(format!(
                    "prompts: prompt {number} should have {planned} tokens, but the model's tokenizer counts {counted}: it joins words in a way that `bench` does not support; use written prompts with this model"
                )));
            }
        }
        Ok(())
    }
}
