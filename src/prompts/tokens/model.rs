//! A model's tokenizer and chat template, read from the model's files.

use super::super::Error;
use crate::plan::prompts::Words;
use crate::scenario::model::ApiEndpoint;
use minijinja::{Environment, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

/// Largest number of candidate words that are tried.
const TRIED: usize = 8_192;

pub(in crate::prompts) struct Model {
    directory: PathBuf,
    tokenizer: Tokenizer,
    /// Content of `tokenizer_config.json`.
    config: serde_json::Value,
    /// The chat template, if there is one.
    template: Option<String>,
}

impl Model {
    pub(super) fn load(directory: &Path) -> Result<Self, Error> {
        let tokenizer = read(directory)?;
        let text = |name: &str| std::fs::read_to_string(directory.join(name)).ok();
        let config =
            text("tokenizer_config.json").and_then(|text| serde_json::from_str(&text).ok());
        let config: serde_json::Value = config.unwrap_or_default();
        let template = text("chat_template.jinja").or_else(|| configured(&config["chat_template"]));
        Ok(Self {
            directory: directory.to_owned(),
            tokenizer,
            config,
            template,
        })
    }

    /// Number of tokens of a text. With `whole`, the special tokens of a prompt are included.
    pub(super) fn count(&self, text: &str, whole: bool) -> Result<u32, Error> {
        let encoded = self.tokenizer.encode_fast(text, whole);
        let encoded = encoded.map_err(|error| Error(format!("the tokenizer fails: {error}")))?;
        Ok(u32::try_from(encoded.len()).unwrap_or(u32::MAX))
    }

    /// Number of tokens of a prompt of one API.
    pub(super) fn prompt(&self, endpoint: ApiEndpoint, text: &str) -> Result<u32, Error> {
        match endpoint {
            ApiEndpoint::Completions | ApiEndpoint::Embeddings => self.count(text, true),
            ApiEndpoint::Chat | ApiEndpoint::Responses => self.count(&self.render(text)?, false),
        }
    }

    /// Renders one message of the user with the chat template.
    fn render(&self, text: &str) -> Result<String, Error> {
        let wrong = |why: &dyn std::fmt::Display| {
            Error(format!(
                "prompts: exact lengths of chats need the model's chat template, but the one in {} {why}; use `endpoint: completions`, or written prompts",
                self.directory.display()
            ))
        };
        let template = self
            .template
            .as_deref()
            .ok_or_else(|| wrong(&"is missing"))?;
        let failed = |error: minijinja::Error| wrong(&format_args!("fails: {error:#}"));
        let mut environment = Environment::new();
        let mut syntax = minijinja::syntax::SyntaxConfig::builder();
        let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(failed)?);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", raise);
        environment.add_template("chat", template).map_err(failed)?;
        let special = |key: &str| {
            let token = &self.config[key];
            let text = token.as_str().or_else(|| token["content"].as_str());
            text.unwrap_or_default().to_owned()
        };
        let values = context! {
            messages => vec![context! { role => "user", content => text }],
            add_generation_prompt => true,
            bos_token => special("bos_token"),
            eos_token => special("eos_token"),
        };
        environment
            .get_template("chat")
            .and_then(|chat| chat.render(values))
            .map_err(failed)
    }

    /// Lower-case words of the vocabulary that are one token each, both at the start of a text and after a space. Their
    /// order depends only on the words themselves.
    pub(super) fn words(&self) -> Result<Words, Error> {
        let plain = |token: String| {
            let word = token.trim_start_matches(['\u{120}', '\u{2581}']).to_owned();
            let fits =
                (2..=10).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
            fits.then_some(word)
        };
        let vocabulary = self.tokenizer.get_vocab(false).into_keys();
        let mut candidates: Vec<_> = vocabulary
            .filter_map(plain)
            .map(|word| (Sha256::digest(&word), word))
            .collect();
        candidates.sort();
        candidates.dedup();
        let mut words = Vec::new();
        for (_, word) in candidates.into_iter().take(TRIED) {
            if words.len() == Words::MOST {
                break;
            }
            if self.count(&word, false)? == 1
                && self.count(&format!("{word} {word} {word}"), false)? == 3
            {
                words.push(word);
            }
        }
        let found = words.len();
        Words::new(words).ok_or_else(|| {
            Error(format!(
                "prompts: the tokenizer in {} has only {found} plain words, too few to generate prompts; use written prompts with this model",
                self.directory.display()
            ))
        })
    }
}

fn read(directory: &Path) -> Result<Tokenizer, Error> {
    let file = directory.join("tokenizer.json");
    Tokenizer::from_file(&file).map_err(|error| {
        Error(format!(
            "failed to read the tokenizer {}: {error}",
            file.display()
        ))
    })
}

/// Splits a text into the model's tokens, without special ones.
pub(in crate::prompts) fn splitter(directory: &Path) -> Option<super::super::TokenSplitter> {
    let tokenizer = read(directory).ok()?;
    Some(Box::new(move |text| {
        let encoded = tokenizer.encode(text, false).ok()?;
        let spans = encoded.get_offsets().iter().map(|(from, to)| *from..*to);
        Some(encoded.get_ids().iter().copied().zip(spans).collect())
    }))
}

/// The template in a `tokenizer_config.json`: a text, or the item named `default` of a list.
fn configured(template: &serde_json::Value) -> Option<String> {
    let named = |all: &Vec<serde_json::Value>| {
        let default = all.iter().find(|one| one["name"] == "default")?;
        default["template"].as_str().map(str::to_owned)
    };
    let text = template.as_str().map(str::to_owned);
    text.or_else(|| template.as_array().and_then(named))
}

fn raise(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(
        minijinja::ErrorKind::InvalidOperation,
        message,
    ))
}
