//! Unpacking a body without being drowned by it: a few kilobytes can claim to be gigabytes.

use crate::http::MAX_BODY_BYTES;
use crate::http::budget::Reservation;
use crate::http::content::Encoding;
use crate::http::problem::Problem;
use axum::http::StatusCode;
use std::io::Read;

/// How much is unpacked before the budget is asked again.
const STEP_BYTES: usize = 256 * 1024;
/// The largest window of a zstd frame, as a power of 2: larger ones would make the decoder itself take
/// more memory than any body may have.
const MAX_WINDOW_LOG: u32 = 24;

/// The body as it was before it was packed; `held` grows with it.
pub(crate) fn inflate(encoding: Encoding, body: Vec<u8>, held: &mut Reservation) -> Result<Vec<u8>, Problem> {
    match encoding {
        Encoding::Plain => Ok(body),
        Encoding::Gzip => unpack(flate2::read::MultiGzDecoder::new(body.as_slice()), "gzip", held),
        Encoding::Zstd => {
            let broken = |error: std::io::Error| Problem::bad_request(format!("zstd: {error}"));
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body.as_slice()).map_err(broken)?;
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(broken)?;
            unpack(decoder, "zstd", held)
        }
    }
}

fn unpack(mut decoder: impl Read, name: &str, held: &mut Reservation) -> Result<Vec<u8>, Problem> {
    let mut unpacked = Vec::new();
    loop {
        if !held.grow(STEP_BYTES) {
            return Err(Problem::busy("too many bytes are being unpacked: try again a little later"));
        }
        let taken = decoder
            .by_ref()
            .take(STEP_BYTES as u64)
            .read_to_end(&mut unpacked)
            .map_err(|error| Problem::bad_request(format!("the body is not whole {name}: {error}")))?;
        if unpacked.len() > MAX_BODY_BYTES {
            let message = format!("the unpacked body has more than {MAX_BODY_BYTES} bytes: send it in parts");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        if taken < STEP_BYTES {
            return Ok(unpacked);
        }
    }
}
