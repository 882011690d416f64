//! The handlers: each asks the server's thread one thing.

use super::Shared;
use crate::error::Error;
use crate::order::Order;
use crate::scenario::Scenario;
use crate::server::{DevServer, Endpoints};
use crate::universe::Listing;
use crate::view::View;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Symbols in one answer, unless asked otherwise.
const LISTINGS: usize = 100;
/// Symbols in one answer at most.
const MAX_LISTINGS: usize = 10_000;
/// What a scenario must be sent as; a foreign page cannot send that without being asked.
const TOML: &str = "application/toml";

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refusal {
    /// What, and what to do.
    error: String,
}

/// A built-in scenario.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScenarioEntry {
    /// Its name.
    name: &'static str,
    /// What it is about.
    title: String,
    /// What a correct client does.
    client: String,
}

/// Which symbols.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Search {
    /// Words that a symbol has in its names or marks; empty: all.
    #[serde(default)]
    search: String,
    /// At most so many.
    limit: Option<usize>,
}

/// What the server shows of itself.
#[utoipa::path(get, path = "/api/view", responses((status = 200, body = View)))]
pub(super) async fn view(State(shared): State<Shared>) -> Response {
    json(ask(shared.server, |server| server.view()).await)
}

/// The view four times a second, as server-sent events.
#[utoipa::path(get, path = "/api/events", responses((status = 200, content_type = "text/event-stream", body = View)))]
pub(super) async fn events(State(shared): State<Shared>) -> Response {
    Sse::new(shared.events.stream()).keep_alive(KeepAlive::default()).into_response()
}

/// Carries out an order, now.
#[utoipa::path(post, path = "/api/orders", request_body = Order, responses(
    (status = 204, description = "done"),
    (status = 400, description = "it cannot be done, and why; nothing has changed", body = Refusal)))]
pub(super) async fn order(
    State(shared): State<Shared>,
    order: Result<Json<Order>, JsonRejection>,
) -> Response {
    match order {
        Ok(Json(order)) => done(ask(shared.server, move |server| server.send(order)).await),
        Err(rejection) => refusal(rejection.status(), &rejection.body_text()).into_response(),
    }
}

/// Where clients connect.
#[utoipa::path(get, path = "/api/endpoints", responses((status = 200, body = Endpoints)))]
pub(super) async fn endpoints(State(shared): State<Shared>) -> Json<Endpoints> {
    Json(shared.server.endpoints().clone())
}

/// The built-in scenarios.
#[utoipa::path(get, path = "/api/scenarios", responses((status = 200, body = [ScenarioEntry])))]
pub(super) async fn scenarios() -> Response {
    let entry = |name| {
        let Scenario { title, client, .. } = Scenario::find(name)?;
        Ok(ScenarioEntry { name, title, client })
    };
    json(Scenario::names().map(entry).collect::<Result<Vec<_>, Error>>())
}

/// A built-in scenario as the text of its file.
#[utoipa::path(get, path = "/api/scenarios/{name}", params(("name" = String, Path, description = "its name")),
    responses((status = 200, content_type = "application/toml", body = String),
    (status = 400, description = "there is none of that name", body = Refusal)))]
pub(super) async fn scenario_by_name(Path(name): Path<String>) -> Response {
    toml(Scenario::built_in(&name))
}

/// The streams and plans of this moment as a scenario, to be kept as a file.
#[utoipa::path(get, path = "/api/scenario",
    responses((status = 200, content_type = "application/toml", body = String)))]
pub(super) async fn scenario(State(shared): State<Shared>) -> Response {
    toml(ask(shared.server, |server| server.scenario()).await)
}

/// Begins another scenario: with a new history, as a server that lost everything.
#[utoipa::path(put, path = "/api/scenario", request_body(content = String, content_type = "application/toml"),
    responses((status = 204, description = "begun"),
    (status = 400, description = "it is no scenario, and why; nothing has changed", body = Refusal)))]
pub(super) async fn load_scenario(
    State(shared): State<Shared>,
    headers: HeaderMap,
    text: String,
) -> Response {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != TOML) {
        let error = format!("send it with the header Content-Type: {TOML}");
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error).into_response();
    }
    let loaded = ask(shared.server, move |server| server.load(Scenario::parse("loaded", &text)?));
    done(loaded.await)
}

/// The symbols to choose from.
#[utoipa::path(get, path = "/api/universe", params(Search), responses((status = 200, body = [Listing])))]
pub(super) async fn universe(State(shared): State<Shared>, Query(search): Query<Search>) -> Response {
    let limit = search.limit.unwrap_or(LISTINGS).min(MAX_LISTINGS);
    Json(shared.server.universe().search(&search.search, limit)).into_response()
}

/// Asks the server's thread from a thread that may wait.
async fn ask<T: Send + 'static>(
    server: DevServer,
    ask: impl FnOnce(&DevServer) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(move || ask(&server)).await.unwrap_or(Err(Error::Ended))
}

fn json<T: Serialize>(outcome: Result<T, Error>) -> Response {
    outcome.map_or_else(|error| refused(&error), |value| Json(value).into_response())
}

fn toml(outcome: Result<Scenario, Error>) -> Response {
    let text = outcome.and_then(|scenario| scenario.to_toml());
    text.map_or_else(|error| refused(&error), |text| ([(header::CONTENT_TYPE, TOML)], text).into_response())
}

fn done(outcome: Result<(), Error>) -> Response {
    outcome.map_or_else(|error| refused(&error), |()| StatusCode::NO_CONTENT.into_response())
}

fn refused(error: &Error) -> Response {
    let status = match error {
        Error::Ended | Error::Thread(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    refusal(status, &error.to_string()).into_response()
}

/// The answer to what cannot be done.
pub(super) fn refusal(status: StatusCode, error: &str) -> (StatusCode, Json<Refusal>) {
    (status, Json(Refusal { error: error.to_owned() }))
}
