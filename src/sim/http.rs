//! The HTTP interface: routes, headers and errors of the imitated server.

use super::answer::Answer;
use super::chunk::Envelope;
use super::engine::{Engine, Job, Timing, Token};
use super::fault::{Fate, Tally, Verdict};
use super::feed::Feed;
use super::metrics::Metrics;
use super::options::{Flavour, Options};
use super::pages;
use super::refusal::Refusal;
use super::request::{self, Api, Ask};
use super::text::splitmix;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Largest request body, Dynamo's default.
const BODY_LIMIT: usize = 45 << 20;

/// State that the handlers share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) options: Options,
    engine: Engine,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tally: Tally,
    started: Instant,
    pub(super) started_ms: u64,
    ids: AtomicU64,
}

impl App {
    /// Starts the engine's thread.
    pub(super) fn start(options: &Options) -> std::io::Result<Arc<Self>> {
        let metrics = Arc::new(Metrics::new(
            u64::from(options.slots) * u64::from(options.max_model_len),
        ));
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
            .route("/v1/responses", post(responses))
            .route("/v1/embeddings", post(embeddings))
            .route("/v1/models", get(pages::models))
            .route("/health", get(pages::health))
            .route("/metrics", get(pages::metrics))
            .fallback(pages::no_route);
        match self.options.flavour {
            Flavour::Vllm => router.route("/version", get(pages::version)),
            Flavour::Dynamo => router.route("/live", get(pages::live)),
        }
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::clone(self))
    }

    async fn complete(self: Arc<Self>, api: Api, body: Bytes) -> Response {
        let received = Instant::now();
        let flavour = self.options.flavour;
        let warming = self.options.faults.not_ready_for;
        if warming.is_some_and(|time| self.started.elapsed() < time) {
            return Refusal::error(500, "Internal server error").response(flavour);
        }
        let ask = match request::parse(api, &body, &self.options) {
            Ok(ask) => ask,
            Err(refusal) => return refusal.response(flavour),
        };
        match self.tally.judge(&self.options.faults) {
            Verdict::Error(status) => {
                self.count(&ask, false);
                Refusal::error(status, "Ordered by --error-status").response(flavour)
            }
            Verdict::Rubbish => {
                let page = "<html><body>It works!</body></html>\n";
                ([(header::CONTENT_TYPE, "text/html")], page).into_response()
            }
            Verdict::Answer(fate) => self.answer(ask, fate, received).await,
        }
    }

    async fn answer(self: Arc<Self>, ask: Ask, fate: Fate, received: Instant) -> Response {
        let front = self.options.frontend_delay;
        if !front.is_zero() {
            tokio::time::sleep(front).await;
        }
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
        let now = Instant::now();
        for (index, choice) in ask.choices.iter().enumerate() {
            self.engine.submit(Job {
                choice: index,
                prompt_tokens: choice.prompt.tokens,
                length: choice.length,
                front: now - received,
                received: now,
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
            Api::Responses => "responses",
            Api::Embeddings => "embeddings",
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
            Api::Responses => "resp",
            Api::Embeddings => "embd",
        };
        Envelope {
            flavour: self.options.flavour,
            api: ask.api,
            id: match self.options.flavour {
                Flavour::Vllm => format!("{prefix}-{}", &hex[..16]),
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
}

/// The inputs of a handler.
pub(super) type Shared = State<Arc<App>>;

async fn completions(State(app): Shared, body: Bytes) -> Response {
    app.complete(Api::Completions, body).await
}

async fn chat(State(app): Shared, body: Bytes) -> Response {
    app.complete(Api::Chat, body).await
}

async fn responses(State(app): Shared, body: Bytes) -> Response {
    app.complete(Api::Responses, body).await
}

async fn embeddings(State(app): Shared, body: Bytes) -> Response {
    app.complete(Api::Embeddings, body).await
}

fn epoch_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
