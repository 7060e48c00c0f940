//! Checks of prompts: paths, lengths, and their combination with the rest of the scenario.

use super::{Checker, Path, at, limits};
use crate::scenario::model::{
    ApiEndpoint, Conversations, Length, Phase, Prompts, Spread, SpreadShape, Synthetic, TraceFile,
    TraceFormat,
};

impl Checker<'_> {
    pub(super) fn prompts(&mut self) {
        let path = at("prompts").key(self.scenario.prompts.kind());
        match &self.scenario.prompts {
            Prompts::Inline(prompts) => self.inline(&path, prompts),
            Prompts::File(data) | Prompts::Sharegpt(data) => self.data_file(&path, &data.file),
            Prompts::Trace(trace) => self.trace_file(&path, trace),
            Prompts::Csv(csv) => {
                self.plain(&path.key("file"), "the path of the prompts", &csv.file);
                self.plain(&path.key("column"), "the name of the column", &csv.column);
            }
            Prompts::Synthetic(synthetic) => self.synthetic(&path, synthetic),
            Prompts::Conversations(conversations) => self.conversations(&path, conversations),
        }
    }

    fn inline(&mut self, path: &Path, prompts: &[String]) {
        if prompts.is_empty() {
            self.wrong(
                path,
                "the list of prompts is empty",
                "write at least one prompt",
            );
        }
        for (i, prompt) in prompts.iter().enumerate() {
            let path = path.item(i);
            self.no_secret(
                &path,
                "a prompt",
                "the record contains prompts: write it out, or use `prompts: {file: ...}`",
            );
            if prompt.trim().is_empty() {
                self.wrong(
                    &path,
                    "this prompt is empty",
                    "engines reject empty prompts: write some text",
                );
            }
        }
    }

    /// Checks a file that is written as its path, or as a map with the path.
    fn data_file(&mut self, path: &Path, file: &str) {
        let of_map = path.key("file");
        let path = match self.find(&of_map).node {
            Some(_) => &of_map,
            None => path,
        };
        self.plain(path, "the path of the prompts", file);
    }

    fn trace_file(&mut self, path: &Path, trace: &TraceFile) {
        self.data_file(path, &trace.file);
        let Some(tokens) = trace.block_tokens else {
            return;
        };
        let path = path.key("block_tokens");
        self.count(&path, tokens.into(), limits::TOKENS.into());
        if let Some(TraceFormat::Azure | TraceFormat::Burstgpt) = trace.format {
            let message =
                "this format has no blocks, so it does not tell which prefixes prompts share";
            self.wrong_key(&path, message, "leave it out");
        }
    }

    fn synthetic(&mut self, path: &Path, synthetic: &Synthetic) {
        self.length(&path.key("input_tokens"), &synthetic.input_tokens);
        self.answers(path, synthetic.output_tokens.as_ref());
        self.count(
            &path.key("groups"),
            synthetic.groups.into(),
            limits::GROUPS.into(),
        );
        let shared = synthetic.shared_prefix_tokens;
        if synthetic.groups > 1 && shared == 0 {
            let help = "give them one with `shared_prefix_tokens`, or leave `groups` out";
            self.wrong(
                &path.key("groups"),
                "the prompts of a group share a prefix, but its length is 0",
                help,
            );
        }
        if let Length::Fixed(tokens) = synthetic.input_tokens
            && shared >= tokens
        {
            let message = format!(
                "a shared prefix of {shared} tokens leaves no other text in prompts of {tokens} tokens"
            );
            self.wrong(
                &path.key("shared_prefix_tokens"),
                message,
                "make it shorter than `input_tokens`",
            );
        }
    }

    fn conversations(&mut self, path: &Path, wanted: &Conversations) {
        self.count(
            &path.key("turns"),
            wanted.turns.into(),
            limits::TURNS.into(),
        );
        self.answers(path, wanted.output_tokens.as_ref());
        match (&wanted.sharegpt, &wanted.input_tokens) {
            (Some(data), None) => self.data_file(&path.key("sharegpt"), &data.file),
            (None, Some(length)) => self.length(&path.key("input_tokens"), length),
            (Some(_), Some(_)) => {
                let message = "the file sets the length of each turn";
                self.wrong(
                    &path.key("input_tokens"),
                    message,
                    "leave it or `sharegpt` out",
                );
            }
            (None, None) => self.wrong(
                path,
                "the source of the user's messages is missing",
                "give `input_tokens` for generated messages, or `sharegpt` for a file",
            ),
        }
        let endpoint = at("request.endpoint");
        if self.scenario.request.endpoint != ApiEndpoint::Chat && self.intact(&endpoint) {
            self.wrong(
                path,
                "conversations need the `chat` endpoint",
                "set `request: {endpoint: chat}`",
            );
        }
        let phases = &self.scenario.load.phases;
        let batch = |phase: &Phase| matches!(phase, Phase::Batch(_));
        if let Some(i) = phases.iter().position(batch) {
            let message = "the turns of a conversation wait for each other, but the requests of a batch do not";
            let path = at("load.phases").item(i).key("batch");
            self.wrong_key(&path, message, "use `closed` or `open`");
        }
        if self
            .scenario
            .compare
            .as_ref()
            .is_some_and(|compare| compare.same_text)
        {
            let message =
                "conversations include earlier answers, so variants get different requests";
            self.wrong(&at("compare.same_text"), message, "leave it out");
        }
    }

    /// Checks the lengths of answers that prompts ask for.
    fn answers(&mut self, path: &Path, length: Option<&Length>) {
        let Some(length) = length else { return };
        let path = path.key("output_tokens");
        self.length(&path, length);
        let request = &self.scenario.request;
        if request.prompts_per_request > 1 && matches!(length, Length::Spread(_)) {
            let message = "all prompts of one request get answers of the same length";
            self.wrong(
                &path,
                message,
                "write one number, or leave `prompts_per_request` out",
            );
        }
        self.no_second_limit(&path);
    }

    /// Reports a length of answers that is set twice.
    pub(super) fn no_second_limit(&mut self, path: &Path) {
        let request = &self.scenario.request;
        let limits = [
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "min_tokens",
            "ignore_eos",
        ];
        for own in limits
            .into_iter()
            .filter(|own| request.params.contains_key(*own))
        {
            let message = format!("`{own}` is set by `output_tokens`");
            self.wrong_key(
                &at("request.params").key(own),
                message,
                "leave one of them out",
            );
        }
        if request.endpoint == ApiEndpoint::Embeddings {
            self.wrong(path, "embeddings have no tokens to count", "leave it out");
        }
    }

    fn length(&mut self, path: &Path, length: &Length) {
        match length {
            Length::Fixed(tokens) => self.count(path, (*tokens).into(), limits::TOKENS.into()),
            Length::Spread(spread) => self.spread(path, spread),
        }
    }

    fn spread(&mut self, path: &Path, spread: &Spread) {
        let uniform = spread.shape() == SpreadShape::Uniform;
        let most = f64::from(limits::TOKENS);
        match (spread.mean, spread.stddev) {
            (None, None) if uniform => {}
            (Some(_), _) | (_, Some(_)) if uniform => self.wrong(
                path,
                "a uniform distribution has no mean",
                "write `{min: 16, max: 512}`, or another `shape`",
            ),
            (Some(mean), Some(deviation)) => {
                if !(1.0..=most).contains(&mean) {
                    self.wrong(
                        &path.key("mean"),
                        format!("the mean must be from 1 to {most}"),
                        "",
                    );
                }
                if !(0.0..=most).contains(&deviation) {
                    self.wrong(
                        &path.key("stddev"),
                        format!("the standard deviation must be from 0 to {most}"),
                        "",
                    );
                }
            }
            _ => self.wrong(
                path,
                "this distribution needs both `mean` and `stddev`",
                "write `{mean: 512, stddev: 64}`",
            ),
        }
        for (key, bound) in [("min", spread.min), ("max", spread.max)] {
            match bound {
                Some(tokens) => self.count(&path.key(key), tokens.into(), limits::TOKENS.into()),
                None if uniform => self.wrong(
                    path,
                    format!("a uniform distribution needs `{key}`"),
                    "write `{min: 16, max: 512}`",
                ),
                None => {}
            }
        }
        if let (Some(min), Some(max)) = (spread.min, spread.max)
            && min > max
        {
            self.wrong(
                path,
                format!("no length is from {min} to {max}"),
                "write the smaller one as `min`",
            );
        }
    }
}
