//! `bench up`

use super::{ScenarioArgs, mistakes, print, run::consume, tell, warned};
use crate::measure::lifecycle::Startup;
use crate::plan::VariantPlan;
use crate::record::ExitCode;
use crate::report::harmless;
use crate::run::{self, Failure};
use std::sync::mpsc::channel;

pub(super) fn up(arguments: &ScenarioArgs, variant: Option<&str>) -> ExitCode {
    let changes = &arguments.changes;
    let loaded = match run::load(&arguments.file, &changes.overlays, &changes.sets) {
        Ok((_, loaded)) => warned(loaded),
        Err(diagnostics) => {
            tell(&mistakes(&diagnostics));
            return ExitCode::BadScenario;
        }
    };
    let redactor = run::redactor(&loaded);
    // An endpoint that nobody is told of is not held.
    let ready = |variant: &VariantPlan, startup: &Startup| {
        let (tell, told) = channel();
        let text = redactor.apply(&said(variant, startup));
        // On a thread of its own: a reader that does not read must not keep us from seeing signals.
        std::thread::spawn(move || {
            let _ = tell.send(print(&text));
        });
        told
    };
    let failure = match run::up(&arguments.file, &loaded, variant, consume, &ready) {
        Ok(Ok(())) => return ExitCode::Pass,
        Ok(Err(failure)) | Err(run::Error::Scenario(failure)) => failure,
        Err(run::Error::Setup(message)) => Failure::Setup(message),
    };
    tell(&format!(
        "error: {}\n",
        harmless(&redactor.apply(&failure.to_string()))
    ));
    failure.exit_code()
}

/// The endpoint, and a line that uses it.
fn said(variant: &VariantPlan, startup: &Startup) -> String {
    let endpoint = &variant.endpoint;
    let path = match variant.requests.target() {
        plain if !plain.contains('?') => plain,
        query => query.replace('?', "\\?").replace('&', "\\&"),
    };
    let mut body = serde_json::json!({"model": endpoint.model, "max_tokens": 16});
    if path.contains("chat") {
        body["messages"] = serde_json::json!([{"role": "user", "content": "Hello"}]);
    } else {
        body["prompt"] = "Hello".into();
    }
    let quoted = body.to_string().replace('\'', "'\\''");
    let header = if endpoint.headers.is_empty() {
        ""
    } else {
        " (add the headers of `engine.external.headers`)"
    };
    format!(
        "ready after {:.1} s: {} serves {}{header}\n\n  curl -s {}{path} -H 'content-type: application/json' -d '{quoted}'\n\nCtrl-C takes it down.\n",
        startup.ready_ms / 1e3,
        endpoint.url,
        endpoint.model,
        endpoint.url
    )
}
