//! Who sends a request, as its headers tell, so that a retry is harmless.

use crate::ProducerRef;
use crate::http::problem::Problem;
use axum::http::HeaderMap;
use gapless_wire::MAX_ID_BYTES;

/// The header of clients that name a request once and for all.
const KEY: &str = "idempotency-key";
/// The headers of clients that number their batches.
const ID: &str = "gapless-producer-id";
const SEQUENCE: &str = "gapless-producer-sequence";
const PREVIOUS: &str = "gapless-producer-previous";
/// What stands before an idempotency key in the producer's name: the two kinds never meet.
const KEY_PREFIX: &str = "idem:";

/// Who sends; `None` when the request does not say: it is not deduplicated then.
pub(crate) fn producer_of(headers: &HeaderMap) -> Result<Option<ProducerRef>, Problem> {
    match (text(headers, KEY)?, text(headers, ID)?) {
        (Some(_), Some(_)) => {
            Err(Problem::bad_request(format!("{KEY} and {ID} exclude each other: send one")))
        }
        (Some(key), None) => keyed(key).map(Some),
        (None, Some(id)) => numbered(id, headers).map(Some),
        (None, None) if headers.contains_key(SEQUENCE) || headers.contains_key(PREVIOUS) => {
            Err(Problem::bad_request(format!("{SEQUENCE} needs {ID}")))
        }
        (None, None) => Ok(None),
    }
}

fn keyed(key: &str) -> Result<ProducerRef, Problem> {
    // The header's draft standard writes the key in quotes; most clients do not.
    let key = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
    let id = format!("{KEY_PREFIX}{key}");
    check(KEY, key, &id)?;
    Ok(ProducerRef { id, sequence: 1, previous: 0 })
}

fn numbered(id: &str, headers: &HeaderMap) -> Result<ProducerRef, Problem> {
    check(ID, id, id)?;
    if id.starts_with(KEY_PREFIX) {
        return Err(Problem::bad_request(format!("{ID} must not begin with {KEY_PREFIX}")));
    }
    let Some(sequence) = number(headers, SEQUENCE)? else {
        return Err(Problem::bad_request(format!("{ID} needs {SEQUENCE}: a number from 1")));
    };
    if sequence == 0 {
        return Err(Problem::bad_request(format!("{SEQUENCE} counts from 1")));
    }
    let previous = match number(headers, PREVIOUS)? {
        None => 0,
        // On the wire 0 means one less; a batch that names itself says that none was before it.
        Some(0) => sequence,
        Some(previous) if previous >= sequence => {
            return Err(Problem::bad_request(format!(
                "{PREVIOUS} {previous} is not below {SEQUENCE} {sequence}"
            )));
        }
        Some(previous) => previous,
    };
    Ok(ProducerRef { id: id.to_owned(), sequence, previous })
}

fn check(header: &str, value: &str, id: &str) -> Result<(), Problem> {
    if value.is_empty() || id.len() > MAX_ID_BYTES || !value.bytes().all(|b| b.is_ascii_graphic()) {
        let most = MAX_ID_BYTES - (id.len() - value.len());
        return Err(Problem::bad_request(format!("{header} is not 1 to {most} printable ASCII characters")));
    }
    Ok(())
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, Problem> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| Problem::bad_request(format!("{name} is not a whole number from 0 to 2^64 - 1")))
    };
    text(headers, name)?.map(parse).transpose()
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| {
        value
            .to_str()
            .map(str::trim)
            .map_err(|_| Problem::bad_request(format!("{name} is not printable ASCII")))
    });
    if values.next().is_some() {
        return Err(Problem::bad_request(format!("{name} is there twice")));
    }
    value.transpose()
}
