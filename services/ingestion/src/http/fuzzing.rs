//! The body of the fuzz target for whole requests.

use crate::core::Checked;
use crate::fuzzing::short;
use crate::http::budget::Budget;
use crate::http::content::Encoding;
use crate::http::limits::HttpLimits;
use crate::http::problem::Problem;
use crate::http::route::Asked;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use std::io::Write;

/// The first byte of an input: pack the body as the head says, so that it is whole.
const PACK: u8 = 1;

/// A request as the service reads it: the mode; a line with the path behind `/v1/ingest/` and the query; a
/// line for each header; an empty line; the body.
pub fn http_request(input: &[u8]) {
    let Some((&mode, input)) = input.split_first() else { return };
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let (first, mut rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let Ok(first) = std::str::from_utf8(first) else { return };
    match read(mode, first, &headers, rest) {
        Ok(()) => {}
        Err(problem) => {
            short(&problem.message);
            assert!((400..500).contains(&problem.code), "{problem:?}");
            assert_eq!(problem.clone().into_response().status().as_u16(), problem.code);
        }
    }
}

fn read(mode: u8, first: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let (path, query) = first.split_once('?').map_or((first, None), |(path, query)| (path, Some(query)));
    let mut parts = path.split('/').map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let names = (part(), part(), part(), part());
    let budget = Budget::new(HttpLimits::default().memory_bytes);
    let asked = Asked::of(Ok(Path(names.clone())), query, headers)?;
    let (encoding, key, producer) = (asked.encoding, asked.key.clone(), asked.producer.clone());
    let packed = if mode & PACK == 0 { None } else { packed(encoding, body) };
    let is_packed = packed.is_some();
    let submission = asked.read(packed.unwrap_or_else(|| body.to_vec()), budget.reservation());
    assert!(budget.reservation().grow(HttpLimits::default().memory_bytes), "bytes stay counted");
    if is_packed {
        let mut plain = headers.clone();
        plain.remove(header::CONTENT_ENCODING);
        let plain = Asked::of(Ok(Path(names)), query, &plain)?.read(body.to_vec(), budget.reservation());
        assert_eq!(submission, plain, "it says something else when it is packed");
    }
    let submission = submission?;
    assert!(submission.key == key && submission.producer == producer);
    assert_eq!(submission.rows.validate(), Ok(()));
    let rows = submission.rows.clone();
    match Checked::new(submission) {
        Ok(checked) => assert_eq!(checked.submission().rows, rows),
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(())
}

/// The body, packed; `None` when it is sent as it is.
fn packed(encoding: Encoding, body: &[u8]) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Plain => None,
        Encoding::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(body).ok()?;
            gzip.finish().ok()
        }
        Encoding::Zstd => zstd::stream::encode_all(body, 1).ok(),
    }
}
