//! The HTTP API and the control panel: everything that the handle can do, for programs and for people.
//!
//! It is for the machine that it runs on: a request must name the panel's own host, and what changes something
//! must come with a content type that a foreign page cannot send, so no page in somebody's browser can do it.

mod api;
mod events;
mod guard;
mod page;

use crate::error::Error;
use crate::server::DevServer;
use axum::Router;
use events::Events;
use gapless_service_kit::HttpThread;
use std::net::SocketAddr;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What every handler can reach.
#[derive(Clone)]
struct Shared {
    server: DevServer,
    events: Events,
}

/// What the description says of the whole.
#[derive(OpenApi)]
#[openapi(info(
    title = "Gapless dev server",
    description = "Everything that can change while the server runs, and what it shows of itself."
))]
struct Description;

/// The running API. Dropping it closes it.
#[derive(Debug)]
pub struct Panel(HttpThread);

impl Panel {
    /// Serves `server` on `address` (`127.0.0.1:8090`; port 0 is any free one).
    ///
    /// # Errors
    /// [`Error::Panel`] when the address cannot be bound.
    pub fn start(address: &str, server: DevServer) -> Result<Panel, Error> {
        let router = move || {
            let events = Events::start(server.clone());
            router(Shared { server, events })
        };
        let started = HttpThread::start("panel", address, router);
        started.map(Panel).map_err(|source| Error::Panel { address: address.to_owned(), source })
    }

    /// The address really bound.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

fn router(shared: Shared) -> Router {
    let (api, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(api::view))
        .routes(routes!(api::events))
        .routes(routes!(api::order))
        .routes(routes!(api::endpoints))
        .routes(routes!(api::scenarios))
        .routes(routes!(api::scenario_by_name))
        .routes(routes!(api::scenario, api::load_scenario))
        .routes(routes!(api::universe))
        .split_for_parts();
    let described = move || std::future::ready(axum::Json(description.clone()));
    api.route("/api/openapi.json", axum::routing::get(described))
        .merge(page::routes())
        .layer(axum::middleware::from_fn(guard::own_host_only))
        .with_state(shared)
}

#[cfg(test)]
mod tests;
