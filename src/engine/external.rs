//! An endpoint that is already running.

use super::facts::Facts;
use super::settings::{Rules, Settings};
use super::url::url_mistake;
use super::{Endpoint, Error, MetricsPage, Site, Stack};
use crate::value::Args;
use crate::value::units::Time;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const FACTS: Facts = Facts {
    key: "external",
    started: false,
    ready: Time::from_secs(60),
    packages: &[],
    related_packages: &[],
    own_args: &[],
    sends_vllm_fields: false,
    counts_words: false,
    // The metrics endpoint can be that of any engine.
    families: &[],
};

/// An external endpoint, which `bench` does not start or stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// Base URL without `/v1`, for example `http://127.0.0.1:8000`. A path is used as a prefix.
    pub url: String,
    /// Headers of every request.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
}

impl Settings for External {
    fn ports(&self) -> usize {
        0
    }

    fn build(&self, site: &Site<'_>) -> Result<Stack, Error> {
        let url = self.url.trim_end_matches('/');
        let headers = self.headers.iter();
        Ok(Stack {
            kind: FACTS.key,
            metrics: vec![MetricsPage::new("endpoint", url)],
            processes: Vec::new(),
            endpoint: Endpoint {
                url: url.to_owned(),
                headers: headers
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
                model: site.served_name.unwrap_or(site.model).to_owned(),
            },
            versions: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn check(&self, rules: &mut dyn Rules) {
        if let Some((message, help)) = url_mistake(&self.url) {
            rules.wrong("url", &message, &help);
        }
        rules.headers("headers", &self.headers);
    }

    fn contexts(&self, _: &Args) -> Vec<Option<u32>> {
        Vec::new()
    }

    fn url(&self) -> Option<&str> {
        Some(&self.url)
    }

    fn sends_nvext(&self) -> bool {
        true
    }
}
