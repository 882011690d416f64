//! The admin endpoint: `/healthz`, `/readyz`, `/metrics` and actions over HTTP on a port of its own.
//!
//! It runs on one thread with its own small runtime, so that a service that is busy or stuck still
//! answers, and so that services without HTTP of their own need no async code.
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::http_thread::HttpThread;
use crate::shutdown::Shutdown;
use crate::{action, health, metrics};

/// What a request for an action must carry, with any value.
const ACTION_HEADER: &str = "x-gapless";

/// The endpoint could not be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "the admin endpoint cannot listen on {address}: {source}; choose another with --admin ADDRESS, or --admin off"
)]
pub struct AdminError {
    address: String,
    source: std::io::Error,
}

/// A running endpoint. Dropping it closes it.
#[derive(Debug)]
pub struct Admin(HttpThread);

#[derive(Clone)]
struct Shown {
    /// Only this service's conditions; all of the process when `None`.
    service: Option<&'static str>,
    version: &'static str,
    shutdown: Shutdown,
}

impl Admin {
    /// Listens on `address` (`127.0.0.1:9081`; port 0 is any free one). `service` limits `/readyz` to
    /// the conditions of one service; `None` shows every service in the process.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(
        address: &str,
        service: Option<&'static str>,
        version: &'static str,
        shutdown: Shutdown,
    ) -> Result<Admin, AdminError> {
        let router = move || router(Shown { service, version, shutdown });
        let started = HttpThread::start("admin", address, router);
        started.map(Admin).map_err(|source| AdminError { address: address.to_owned(), source })
    }

    /// The address really bound.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(prometheus))
        .route("/actions/{name}", post(act))
        .with_state(shown)
}

/// Alive: the process answers.
async fn healthz(State(shown): State<Shown>) -> Response {
    json_response(StatusCode::OK, &json!({ "status": "alive", "version": shown.version }))
}

/// Ready: every stated condition holds, at least one is stated, and no stop was asked for.
async fn readyz(State(shown): State<Shown>) -> Response {
    let conditions = health::snapshot(shown.service);
    let stopping = shown.shutdown.is_requested();
    let ready = !stopping && !conditions.is_empty() && conditions.iter().all(|state| state.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_response(status, &json!({ "ready": ready, "stopping": stopping, "conditions": conditions }))
}

/// Asks the service to do something now. A page in somebody's browser cannot send the header without being
/// asked whether it may, which is refused: so no page can do this.
async fn act(State(shown): State<Shown>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if !headers.contains_key(ACTION_HEADER) {
        let error = format!("send the header {ACTION_HEADER}: 1");
        return json_response(StatusCode::FORBIDDEN, &json!({ "error": error }));
    }
    let asked = tokio::task::spawn_blocking(move || action::ask(shown.service, &name)).await;
    match asked.unwrap_or(Err(action::NoAnswer::TooLate)) {
        Ok(Ok(answer)) => json_response(StatusCode::OK, &answer),
        Ok(Err(error)) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error })),
        Err(action::NoAnswer::Unknown { known }) => {
            let error = format!("no such action; there are: {}", known.join(", "));
            json_response(StatusCode::NOT_FOUND, &json!({ "error": error }))
        }
        Err(action::NoAnswer::Busy) => {
            let error = "it is busy with the same action: ask again in a second";
            json_response(StatusCode::TOO_MANY_REQUESTS, &json!({ "error": error }))
        }
        Err(action::NoAnswer::TooLate) => {
            let error = "no answer in time: it goes on, see the log";
            json_response(StatusCode::GATEWAY_TIMEOUT, &json!({ "error": error }))
        }
    }
}

async fn prometheus() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render()).into_response()
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

#[cfg(test)]
mod tests;
