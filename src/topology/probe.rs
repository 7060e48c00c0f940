//! One try of a probe: whether a process answers as it should.

use crate::engine::Probe;
use serde_json::Value;

/// Tries a probe once.
pub(super) fn look(agent: &ureq::Agent, probe: &Probe) -> Result<(), String> {
    match probe {
        Probe::HttpBelow { url, status } => {
            let answer = agent
                .get(url)
                .call()
                .map_err(|error| format!("GET {url}: {error}"))?;
            let found = answer.status().as_u16();
            (found < *status)
                .then_some(())
                .ok_or_else(|| format!("GET {url} answered {found}"))
        }
        Probe::EtcdLease { url } => etcd_lease(agent, url),
        Probe::ModelListed { url, model } => {
            let url = format!("{url}/v1/models");
            let body = json(agent.get(&url).call(), &url)?;
            let listed: Vec<&str> = body["data"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|entry| entry["id"].as_str())
                .collect();
            listed
                .contains(&model.as_str())
                .then_some(())
                .ok_or_else(|| format!("GET {url} lists {listed:?}, not {model}"))
        }
    }
}

/// Grants a lease, puts a key under it, reads it back and revokes the lease, which removes the key.
/// etcd's v3 JSON gateway takes keys and values in base64.
fn etcd_lease(agent: &ureq::Agent, url: &str) -> Result<(), String> {
    // base64 of `bench/probe` and `ok`
    const KEY: &str = "YmVuY2gvcHJvYmU=";
    const VALUE: &str = "b2s=";
    let call = |path: &str, body: Value| {
        let url = format!("{url}/v3/{path}");
        json(agent.post(&url).send_json(&body), &url)
    };
    let lease = call("lease/grant", serde_json::json!({"TTL": 10}))?["ID"]
        .as_str()
        .map(str::to_owned)
        .ok_or("etcd granted a lease without an id")?;
    let proven = call(
        "kv/put",
        serde_json::json!({"key": KEY, "value": VALUE, "lease": lease}),
    )
    .and_then(|_| call("kv/range", serde_json::json!({"key": KEY})))
    .and_then(|found| {
        (found["kvs"][0]["value"] == VALUE)
            .then_some(())
            .ok_or_else(|| format!("etcd at {url} does not give back what was put"))
    });
    let revoked = call("lease/revoke", serde_json::json!({"ID": lease}));
    proven.and(revoked.map(|_| ()))
}

fn json(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    url: &str,
) -> Result<Value, String> {
    let mut answer = answer.map_err(|error| format!("{url}: {error}"))?;
    let status = answer.status().as_u16();
    let body: Value = answer
        .body_mut()
        .read_json()
        .map_err(|error| format!("{url} answered {status} without JSON: {error}"))?;
    if status >= 400 {
        return Err(format!("{url} answered {status}: {body}"));
    }
    Ok(body)
}
