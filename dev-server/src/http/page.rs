//! The panel's files, which are built into the program.

use super::Shared;
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};

const HTML: &str = include_str!("../../panel/index.html");
const STYLE: &str = include_str!("../../panel/panel.css");
const SCRIPT: &str = include_str!("../../panel/panel.js");

/// Nothing from elsewhere is loaded or run, and no other site may show the panel inside its own.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", file("text/html; charset=utf-8", HTML))
        .route("/panel.css", file("text/css; charset=utf-8", STYLE))
        .route("/panel.js", file("text/javascript; charset=utf-8", SCRIPT))
}

fn file(kind: &'static str, text: &'static str) -> MethodRouter<Shared> {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    get(move || std::future::ready((headers, text).into_response()))
}
