//! Reading a body: bounded in bytes, in time, and in memory over all requests.

use crate::http::MAX_BODY_BYTES;
use crate::http::budget::Reservation;
use crate::http::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use std::time::Duration;

/// The whole body; `held` grows with it.
pub(crate) async fn receive(
    headers: &HeaderMap,
    body: Body,
    within: Duration,
    held: &mut Reservation,
) -> Result<Vec<u8>, Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(within, collect(body, held)).await {
        Ok(received) => received,
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s", within.as_secs()),
        )),
    }
}

async fn collect(mut body: Body, held: &mut Reservation) -> Result<Vec<u8>, Problem> {
    let mut received = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        // Trailers are passed over.
        let Ok(data) = frame.into_data() else { continue };
        if received.len() + data.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        if !held.grow(data.len()) {
            return Err(Problem::busy("too many bytes are being received: try again a little later"));
        }
        received.extend_from_slice(&data);
    }
    Ok(received)
}

fn too_large() -> Problem {
    let message = format!("the body has more than {MAX_BODY_BYTES} bytes: send it in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}
