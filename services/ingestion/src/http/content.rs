//! What a body is, by its `Content-Type` and `Content-Encoding`, and the rows that are in it.

use crate::http::problem::Problem;
use axum::http::{HeaderMap, StatusCode, header};
use gapless_formats::{BodyFormat, parse_body};
use gapless_model::{Batch, Flags, Rows, StreamKey};
use gapless_wire::{Limits, decode_batch};

/// The content types that are understood, for the message.
const TYPES: &str =
    "application/x-ndjson, application/json, text/csv, application/vnd.gapless.batch+flatbuffers";

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Text(BodyFormat),
    /// An envelope with one batch.
    FlatBuffers,
}

/// How the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
    Zstd,
}

impl Content {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Content, Problem> {
        let unsupported = |what: String| {
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{what}: use one of {TYPES}")))
        };
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return unsupported("no content type".into());
        };
        // Parameters such as `charset` follow a semicolon; all that is read here is UTF-8.
        let name = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match name.to_ascii_lowercase().as_str() {
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Ok(Content::Text(BodyFormat::Ndjson))
            }
            "application/json" => Ok(Content::Text(BodyFormat::Json)),
            "text/csv" => Ok(Content::Text(BodyFormat::Csv)),
            "application/vnd.gapless.batch+flatbuffers" | "application/octet-stream" => {
                Ok(Content::FlatBuffers)
            }
            other => unsupported(format!(
                "content type {:?} is not known",
                other.chars().take(80).collect::<String>()
            )),
        }
    }

    /// The rows of a body for the stream `key`.
    pub(crate) fn rows(self, key: &StreamKey, body: &[u8]) -> Result<(Rows, Flags), Problem> {
        match self {
            Content::Text(format) => Ok((parse_body(key.kind(), format, body)?, Flags::NONE)),
            Content::FlatBuffers => {
                // Whatever place the batch claims in its stream: ingestion gives it one.
                let Batch { key: named, rows, flags, .. } = decode_batch(body, &Limits::ingest())?;
                if named == *key {
                    Ok((rows, flags))
                } else {
                    Err(Problem::bad_request(format!("the batch is of {named}, but the path names {key}")))
                }
            }
        }
    }
}

impl Encoding {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Encoding, Problem> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Encoding::Plain) };
        match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Plain),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "zstd" => Ok(Encoding::Zstd),
            _ => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content encoding is not known: use gzip, zstd or none",
            )),
        }
    }
}
