//! From a request to an answer.

use crate::http::answer::Answer;
use crate::http::budget::{Budget, Reservation};
use crate::http::content::{Content, Encoding};
use crate::http::inflate::inflate;
use crate::http::limits::HttpLimits;
use crate::http::problem::Problem;
use crate::http::producer::producer_of;
use crate::http::query::Query;
use crate::http::receive::receive;
use crate::{Intake, ProducerRef, Receipt, Refusal, Reply, SERVICE, Submission, Via};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use gapless_model::{Kind, StreamKey};
use gapless_service_kit::metrics::{self, names};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot};

/// What all requests share.
pub(crate) struct Shared {
    intake: Intake,
    limits: HttpLimits,
    memory: Budget,
    turns: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(limits: HttpLimits, intake: &Intake) -> Shared {
        Shared {
            intake: intake.labelled(Via::Http),
            limits,
            memory: Budget::new(limits.memory_bytes),
            turns: Arc::new(Semaphore::new(limits.working)),
        }
    }

    pub(crate) fn limits(&self) -> &HttpLimits {
        &self.limits
    }
}

/// All paths.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let not_allowed =
        || async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "rows are sent with POST").into_response() };
    let not_found = || async {
        let message = "no such path: POST to /v1/ingest/{kind}/{source_id}/{symbol}/{interval}";
        Problem::new(StatusCode::NOT_FOUND, message).into_response()
    };
    Router::new()
        .route("/v1/ingest/{kind}/{source_id}/{symbol}/{interval}", post(ingest).fallback(not_allowed))
        .fallback(not_found)
        .with_state(shared)
}

/// The four names in the path.
type Names = (String, String, String, String);

async fn ingest(
    State(shared): State<Arc<Shared>>,
    names: Result<Path<Names>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let started = Instant::now();
    let asked = Asked::of(names, query.as_deref(), &headers);
    let served = match asked {
        Ok(asked) => asked.serve(&shared, &headers, body).await,
        Err(problem) => Err(problem),
    };
    let outcome = match &served {
        Ok(_) => "ok",
        Err(Problem { code: 429 | 503 | 507, .. }) => "busy",
        Err(Problem { code: 500.., .. }) => "failed",
        Err(_) => "refused",
    };
    metrics::counter(names::REQUESTS, SERVICE, &[("request", "http-ingest"), ("outcome", outcome)])
        .increment(1);
    metrics::histogram(names::REQUEST_SECONDS, SERVICE, &[("request", "http-ingest")])
        .record(started.elapsed());
    match served {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Everything that a request says beside its body.
pub(crate) struct Asked {
    pub(crate) key: StreamKey,
    content: Content,
    pub(crate) encoding: Encoding,
    pub(crate) producer: Option<ProducerRef>,
    query: Query,
}

impl Asked {
    pub(crate) fn of(
        names: Result<Path<Names>, PathRejection>,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Asked, Problem> {
        let Path((kind, source_id, symbol, interval)) =
            names.map_err(|error| Problem::bad_request(error.body_text()))?;
        let kind: Kind = kind.parse().map_err(|error: gapless_model::KeyError| {
            Problem::new(StatusCode::NOT_FOUND, error.to_string())
        })?;
        Ok(Asked {
            key: StreamKey::new(kind, &source_id, &symbol, &interval)
                .map_err(|error| Problem::bad_request(error.to_string()))?,
            content: Content::of(headers)?,
            encoding: Encoding::of(headers)?,
            producer: producer_of(headers)?,
            query: Query::parse(query)?,
        })
    }

    async fn serve(self, shared: &Shared, headers: &HeaderMap, body: Body) -> Result<Answer, Problem> {
        let mut held = shared.memory.reservation();
        let body = receive(headers, body, shared.limits.body_timeout, &mut held).await?;
        let turn =
            tokio::time::timeout(shared.limits.turn_timeout, shared.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Problem::busy("too many requests are being worked on: try again a little later"));
        };
        let (key, intake) = (self.key.clone(), shared.intake.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            self.submit(&intake, body, held)
        });
        let crashed = |_| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be worked on: see the log")
        };
        let (rows, answer) = work.await.map_err(crashed)??;
        let receipt = match tokio::time::timeout(shared.limits.answer_timeout, answer).await {
            Ok(Ok(answer)) => answer?,
            // Both ends are in this process; a reply that is dropped says so itself.
            Ok(Err(_)) => return Err(Refusal::closing().into()),
            Err(_) => return Err(Refusal::TimedOut.into()),
        };
        Ok(Answer::new(&key, rows, receipt))
    }

    /// What blocks or computes: inflating, parsing, checking.
    fn submit(self, intake: &Intake, body: Vec<u8>, held: Reservation) -> Result<Submitted, Problem> {
        let submission = self.read(body, held)?;
        let count = submission.rows.len();
        let (reply, answer) = oneshot::channel();
        // The client may be gone by then: nobody wants to know.
        intake.try_submit_with(submission, Reply::call(move |outcome| drop(reply.send(outcome))));
        Ok((count, answer))
    }

    /// What is in the body, as it is handed to the writer.
    pub(crate) fn read(self, body: Vec<u8>, mut held: Reservation) -> Result<Submission, Problem> {
        let body = inflate(self.encoding, body, &mut held)?;
        let (rows, flags) = self.content.rows(&self.key, &body)?;
        Ok(Submission {
            key: self.key,
            flags: flags.union(self.query.flags),
            rows,
            producer: self.producer,
            ack: self.query.ack,
        })
    }
}

/// How many rows were handed in, and where the answer comes.
type Submitted = (usize, oneshot::Receiver<Result<Receipt, Refusal>>);
