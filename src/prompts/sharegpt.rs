//! Conversations as ShareGPT has them: a JSON list, or one a line, of `{"conversations": [{"from": "human", "value": "..."},
//! ...]}` (<https://huggingface.co/datasets/anon8231489123/ShareGPT_Vicuna_unfiltered>). The published file has 600 MB in one list, so
//! it is taken one conversation at a time.

use super::{Error, Pile, nothing, open};
use crate::plan::prompts::Entry;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt;
use std::io::BufRead;
use std::path::Path;

#[derive(Deserialize)]
struct Conversation {
    #[serde(alias = "conversation", alias = "messages")]
    conversations: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(alias = "role")]
    from: String,
    #[serde(alias = "content")]
    value: String,
}

impl Conversation {
    /// What the user says, one after the other.
    fn user(self) -> impl Iterator<Item = String> {
        let user = |said: &Said| matches!(said.from.as_str(), "human" | "user");
        let said = self.conversations.into_iter().filter(user);
        said.map(|said| said.value)
            .filter(|text| !text.trim().is_empty())
    }
}

/// The first thing that a human says in each.
pub(super) fn first_turns(file: &Path, pile: &mut Pile) -> Result<(), Error> {
    let mut wrong = None;
    each(file, |number, conversation| {
        let place = format_args!("{}: conversation {number}", file.display()).to_string();
        if let Some(text) = conversation.user().next()
            && let Err(error) = pile.add(place, Entry::written(text))
        {
            wrong = Some(error);
        }
        wrong.is_none() && !pile.is_full()
    })?;
    match wrong {
        Some(error) => Err(error),
        None if pile.entries.is_empty() => Err(nothing(file)),
        None => Ok(()),
    }
}

/// All that humans say, of `most` conversations and `turns` of each.
pub(super) fn all_turns(file: &Path, most: usize, turns: u32) -> Result<Vec<Vec<String>>, Error> {
    let mut all: Vec<Vec<String>> = Vec::new();
    each(file, |_, conversation| {
        let said: Vec<String> = conversation.user().take(turns as usize).collect();
        if !said.is_empty() {
            all.push(said);
        }
        all.len() < most
    })?;
    if all.is_empty() {
        Err(nothing(file))
    } else {
        Ok(all)
    }
}

/// Hands out conversations, numbered from 1, until `take` wants no more.
fn each(file: &Path, mut take: impl FnMut(u64, Conversation) -> bool) -> Result<(), Error> {
    let mut reader = open(file)?;
    let head = reader.fill_buf().map_err(|error| {
        Error(format!(
            "failed to read the prompts in {}: {error}",
            file.display()
        ))
    })?;
    let mark = "\u{feff}".as_bytes();
    let marked = head.starts_with(mark);
    let head = head.strip_prefix(mark).unwrap_or(head).trim_ascii_start();
    let list = head.first() == Some(&b'[');
    if head.is_empty() {
        return Err(nothing(file));
    }
    if marked {
        reader.consume(mark.len());
    }
    let mut stopped = false;
    let mut number = 0;
    let mut taken = |conversation| {
        number += 1;
        stopped = !take(number, conversation);
        !stopped
    };
    let outcome = if list {
        let mut json = serde_json::Deserializer::from_reader(reader);
        Each(&mut taken).deserialize(&mut json)
    } else {
        let mut all = serde_json::Deserializer::from_reader(reader).into_iter::<Conversation>();
        all.find_map(|next| match next {
            Ok(conversation) => (!taken(conversation)).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        })
        .unwrap_or(Ok(()))
    };
    match outcome {
        Err(error) if !stopped => Err(Error(format!(
            "{}:{}: expected conversations such as {{\"conversations\": [{{\"from\": \"human\", \"value\": \"...\"}}]}}: {error}",
            file.display(),
            error.line().max(1)
        ))),
        _ => Ok(()),
    }
}

/// Reads a list item by item, and ends with an error once nothing more is wanted: the rest need not be read.
struct Each<'t>(&'t mut dyn FnMut(Conversation) -> bool);

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of conversations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(conversation) = items.next_element()? {
            if !(self.0)(conversation) {
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}
