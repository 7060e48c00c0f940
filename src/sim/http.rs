//! The HTTP face: routes, headers and errors as the flavour's server has them.

use super::answer::Answer;
use super::chunk::Envelope;
use super::engine::{Engine, Job, Timing, Token};
use super::fault::{Fate, Tally, Verdict};
use super::feed::Feed;
use super::metrics::Metrics;
use super::options::{Flavour, Options};
use super::request::{self, Api, Ask, Refusal};
use super::text::splitmix;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Largest request body, Dynamo's default.
const BODY_LIMIT: usize = 45 << 20;

/// What the handlers share.
#[derive(Debug)]
pub(super) struct App {
    options: Options,
    engine: Engine,
    metrics: Arc<Metrics>,
    pub(super) tally: Tally,
    started: Instant,
    started_ms: u64,
    ids: AtomicU64,
}

impl App {
    /// Starts the engine's thread.
    pub(super) fn start(options: &Options) -> std::io::Result<Arc<Self>> {
        let metrics = Arc::new(Metrics::default());
        let started_ms = epoch_ms();
        Ok(Arc::new(Self {
            options: options.clone(),
            engine: Engine::start(options, Arc::clone(&metrics))?,
            metrics,
            tally: Tally::default(),
            started: Instant::now(),
            started_ms,
            ids: AtomicU64::new(splitmix(started_ms)),
        }))
    }

    /// The routes.
    pub(super) fn router(self: &Arc<Self>) -> Router {
        let router = Router::new()
            .route("/v1/completions", post(completions))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/models", get(models))
            .route("/health", get(health))
            .route("/metrics", get(metrics))
            .fallback(no_route);
        match self.options.flavour {
            Flavour::Vllm => router.route("/version", get(version)),
            Flavour::Dynamo => router.route("/live", get(live)),
        }
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::clone(self))
    }

    async fn complete(self: Arc<Self>, api: Api, body: Bytes) -> Response {
        let received = Instant::now();
        let warming = self.options.faults.not_ready_for;
        if warming.is_some_and(|time| self.started.elapsed() < time) {
            return self.error(500, "Internal server error");
        }
        let ask = match request::parse(api, &body, &self.options) {
            Ok(ask) => ask,
            Err(refusal) => return self.refuse(&refusal),
        };
        match self.tally.judge(&self.options.faults) {
            Verdict::Error(status) => {
                self.count(&ask, false);
                self.error(status, "Ordered by --error-status")
            }
            Verdict::Rubbish => {
                let page = "<html><body>It works!</body></html>\n";
                ([(header::CONTENT_TYPE, "text/html")], page).into_response()
            }
            Verdict::Answer(fate) => self.answer(ask, fate, received).await,
        }
    }

    async fn answer(self: Arc<Self>, ask: Ask, fate: Fate, received: Instant) -> Response {
        let tokens = self.generate(&ask, received);
        let answer = Answer {
            envelope: self.envelope(&ask),
            received_ms: epoch_ms()
                .saturating_sub(u64::try_from(received.elapsed().as_millis()).unwrap_or(0)),
            ask,
            fate,
        };
        if answer.ask.stream {
            self.stream(answer, tokens)
        } else {
            self.unary(answer, tokens).await
        }
    }

    fn generate(&self, ask: &Ask, received: Instant) -> UnboundedReceiver<Token> {
        let (sender, tokens) = unbounded_channel();
        for (index, choice) in ask.choices.iter().enumerate() {
            self.engine.submit(Job {
                choice: index,
                prompt_tokens: choice.prompt.tokens,
                length: choice.length,
                received,
                tokens: sender.clone(),
            });
        }
        tokens
    }

    fn stream(self: Arc<Self>, answer: Answer, tokens: UnboundedReceiver<Token>) -> Response {
        let content_type = match self.options.flavour {
            Flavour::Vllm => "text/event-stream; charset=utf-8",
            Flavour::Dynamo => "text/event-stream",
        };
        let flavour = self.options.flavour;
        let ask = answer.ask.clone();
        let feed = Feed::new(answer, tokens, move || self.answered(&ask));
        let mut response = Response::new(Body::from_stream(feed));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(content_type),
        );
        if flavour == Flavour::Dynamo {
            headers.insert(
                header::CACHE_CONTROL,
                header::HeaderValue::from_static("no-cache"),
            );
        }
        response
    }

    async fn unary(&self, answer: Answer, mut tokens: UnboundedReceiver<Token>) -> Response {
        if answer.fate.stall {
            std::future::pending::<()>().await;
        }
        let mut slowest: Option<Timing> = None;
        while let Some(token) = tokens.recv().await {
            slowest = slowest
                .into_iter()
                .chain(token.timing)
                .max_by_key(|timing| timing.total);
        }
        let mut body = answer.body(slowest).to_string();
        if answer.fate.bad_json {
            body.truncate(body.floor_char_boundary(body.len() / 2));
        }
        let json = [(header::CONTENT_TYPE, "application/json")];
        if answer.fate.cut {
            return (json, Body::from_stream(Feed::torn(&body))).into_response();
        }
        self.answered(&answer.ask);
        match self.options.flavour {
            Flavour::Vllm => (json, body).into_response(),
            Flavour::Dynamo => (json, Body::from_stream(Feed::whole(body))).into_response(),
        }
    }

    fn answered(&self, ask: &Ask) {
        self.count(ask, true);
        self.tally.answered(&self.options.faults);
    }

    fn count(&self, ask: &Ask, success: bool) {
        let endpoint = match ask.api {
            Api::Completions => "completions",
            Api::Chat => "chat_completions",
        };
        self.metrics
            .update(|figures| figures.answered(endpoint, ask.stream, success));
    }

    fn envelope(&self, ask: &Ask) -> Envelope {
        let n = self.ids.fetch_add(1, Relaxed);
        let hex = format!("{:016x}{:016x}", splitmix(n), splitmix(!n));
        let prefix = match ask.api {
            Api::Completions => "cmpl",
            Api::Chat => "chatcmpl",
        };
        Envelope {
            flavour: self.options.flavour,
            api: ask.api,
            id: match self.options.flavour {
                Flavour::Vllm => format!("{prefix}-{hex}"),
                Flavour::Dynamo => {
                    let (a, b, c, d, e) = (
                        &hex[..8],
                        &hex[8..12],
                        &hex[12..16],
                        &hex[16..20],
                        &hex[20..],
                    );
                    format!("{prefix}-{a}-{b}-{c}-{d}-{e}")
                }
            },
            created: epoch_ms() / 1000,
            model: ask.model.clone(),
            several: ask.choices.len() > 1,
        }
    }

    fn error(&self, status: u16, message: &str) -> Response {
        self.refuse(&Refusal {
            status,
            message: message.to_owned(),
            kind: "InternalServerError",
            param: None,
        })
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let Refusal {
            status,
            message,
            kind,
            param,
        } = refusal;
        let code = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = match self.options.flavour {
            Flavour::Vllm => {
                json!({"error": {"message": message, "type": kind, "param": param, "code": status}})
            }
            Flavour::Dynamo => {
                let kind = match status {
                    529 => "Overloaded",
                    _ => code.canonical_reason().unwrap_or("UnknownError"),
                };
                json!({"message": message, "type": kind, "code": status})
            }
        };
        (code, Json(body)).into_response()
    }
}

type Shared = State<Arc<App>>;

async fn completions(State(app): Shared, body: Bytes) -> Response {
    app.complete(Api::Completions, body).await
}

async fn chat(State(app): Shared, body: Bytes) -> Response {
    app.complete(Api::Chat, body).await
}

async fn models(State(app): Shared) -> Json<Value> {
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

async fn health(State(app): Shared) -> Response {
    match app.options.flavour {
        Flavour::Vllm => StatusCode::OK.into_response(),
        Flavour::Dynamo => {
            Json(json!({"status": "healthy", "endpoints": ["dyn://dynamo.backend.generate"], "instances": []})).into_response()
        }
    }
}

async fn live() -> Json<Value> {
    Json(json!({"status": "live", "message": "Service is live"}))
}

async fn version() -> Json<Value> {
    Json(json!({"version": concat!("0.31.0+bench.sim.", env!("CARGO_PKG_VERSION"))}))
}

async fn metrics(State(app): Shared) -> impl IntoResponse {
    let page = app.metrics.page(app.options.flavour, &app.options.model);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        page,
    )
}

async fn no_route(State(app): Shared, method: Method, uri: Uri) -> Response {
    match app.options.flavour {
        Flavour::Vllm => {
            (StatusCode::NOT_FOUND, Json(json!({"detail": "Not Found"}))).into_response()
        }
        Flavour::Dynamo => app.error(404, &format!("Route not found: {method} {}", uri.path())),
    }
}

fn epoch_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
