//! The endpoints besides completions.

use super::http::Shared;
use super::options::{Flavour, Options};
use super::refusal::Refusal;
use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// `GET /v1/models`.
pub(super) async fn models(State(app): Shared) -> Json<Value> {
    let Options {
        model,
        max_model_len,
        faults,
        flavour,
        ..
    } = &app.options;
    let created = app.started_ms / 1000;
    let card = match flavour {
        Flavour::Vllm => json!({
            "id": model, "object": "model", "created": created, "owned_by": "vllm", "root": model, "parent": null,
            "max_model_len": max_model_len,
            "permission": [{
                "id": "modelperm-sim", "object": "model_permission", "created": created, "allow_create_engine": false,
                "allow_sampling": true, "allow_logprobs": true, "allow_search_indices": false, "allow_view": true,
                "allow_fine_tuning": false, "organization": "*", "group": null, "is_blocking": false,
            }],
        }),
        Flavour::Dynamo => json!({
            "id": model, "object": "model", "created": created, "owned_by": "nvidia", "context_window": max_model_len,
        }),
    };
    let cards = if faults.unlisted_model {
        vec![]
    } else {
        vec![card]
    };
    Json(json!({"object": "list", "data": cards}))
}

/// `GET /health`.
pub(super) async fn health(State(app): Shared) -> Response {
    match app.options.flavour {
        Flavour::Vllm => StatusCode::OK.into_response(),
        Flavour::Dynamo => {
            Json(json!({"status": "healthy", "endpoints": ["dyn://dynamo.backend.generate"], "instances": []})).into_response()
        }
    }
}

/// Dynamo's `GET /live`.
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "live", "message": "Service is live"}))
}

/// vLLM's `GET /version`.
pub(super) async fn version() -> Json<Value> {
    Json(json!({"version": concat!("0.31.0+bench.sim.", env!("CARGO_PKG_VERSION"))}))
}

/// `GET /metrics`.
pub(super) async fn metrics(State(app): Shared) -> impl IntoResponse {
    let page = app.metrics.page(app.options.flavour, &app.options.model);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        page,
    )
}

/// Any other path.
pub(super) async fn no_route(State(app): Shared, method: Method, uri: Uri) -> Response {
    match app.options.flavour {
        Flavour::Vllm => {
            (StatusCode::NOT_FOUND, Json(json!({"detail": "Not Found"}))).into_response()
        }
        Flavour::Dynamo => Refusal::error(404, format!("Route not found: {method} {}", uri.path()))
            .response(Flavour::Dynamo),
    }
}
