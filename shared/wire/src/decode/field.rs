//! Single fields: what the schema cannot say about them.

use crate::generated::fb;
use crate::{DecodeError, MAX_ID_BYTES, MAX_TOPIC_BYTES};
use flatbuffers::Vector;
use gapless_model::{Epoch, EpochStart, Kind, Seq, StreamKey};

/// The field, or an error that names it.
pub(crate) fn required<T>(name: &str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| DecodeError::missing(name))
}

/// The kind, if it is one that is known here.
pub(crate) fn known_kind(kind: fb::Kind) -> Option<Kind> {
    match kind {
        fb::Kind::CANDLES => Some(Kind::Candles),
        fb::Kind::METRICS => Some(Kind::Metrics),
        fb::Kind::WARNINGS => Some(Kind::Warnings),
        _ => None,
    }
}

/// The key of a stream of any kind.
pub(crate) fn key(kind: fb::Kind, key: Option<fb::StreamKey<'_>>) -> Result<StreamKey, DecodeError> {
    let known = known_kind(kind)
        .ok_or_else(|| DecodeError::malformed(format!("kind {} is not known here: use 0 to 2", kind.0)))?;
    key_of(known, key)
}

/// The key of a candles stream, the only kind that version 1 knows.
pub(crate) fn candles_key(key: Option<fb::StreamKey<'_>>) -> Result<StreamKey, DecodeError> {
    key_of(Kind::Candles, key)
}

/// The key of a stream whose kind is known.
pub(crate) fn key_of(kind: Kind, key: Option<fb::StreamKey<'_>>) -> Result<StreamKey, DecodeError> {
    let key = required("key", key)?;
    key_of_parts(kind, key.source_id(), key.symbol(), key.interval())
}

/// The key of a stream whose kind is known, of its parts.
pub(crate) fn key_of_parts(
    kind: Kind,
    source_id: Option<&str>,
    symbol: Option<&str>,
    interval: Option<&str>,
) -> Result<StreamKey, DecodeError> {
    Ok(StreamKey::new(
        kind,
        required("key.source_id", source_id)?,
        required("key.symbol", symbol)?,
        required("key.interval", interval)?,
    )?)
}

/// A text; absent is empty.
pub(crate) fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

/// The name of a producer.
pub(crate) fn id<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, DecodeError> {
    match optional_id(name, value)? {
        "" => Err(DecodeError::missing(name)),
        id => Ok(id),
    }
}

/// The name of a producer or follower that need not have one; absent is empty.
pub(crate) fn optional_id<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, DecodeError> {
    let id = value.unwrap_or_default();
    let printable = id.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if id.len() > MAX_ID_BYTES || !printable {
        return Err(DecodeError::malformed(format!(
            "{name} {id:?} is not usable: 1 to {MAX_ID_BYTES} printable ASCII characters"
        )));
    }
    Ok(id)
}

/// A topic or the beginning of one; absent is empty.
pub(crate) fn topic(name: &str, value: Option<&str>) -> Result<String, DecodeError> {
    let topic = value.unwrap_or_default();
    if topic.len() > MAX_TOPIC_BYTES {
        return Err(DecodeError::malformed(format!(
            "{name} has {} bytes: a topic has at most {MAX_TOPIC_BYTES}",
            topic.len()
        )));
    }
    Ok(topic.to_owned())
}

/// A nested envelope that has to be there.
pub(crate) fn bytes<'a>(name: &str, value: Option<Vector<'a, u8>>) -> Result<&'a [u8], DecodeError> {
    match value {
        Some(bytes) if !bytes.is_empty() => Ok(bytes.bytes()),
        _ => Err(DecodeError::missing(name)),
    }
}

/// An epoch history. Its order is the reader's to judge: an epoch may begin before the one that it undid.
pub(crate) fn epochs(list: Option<fb_vector::Tables<'_, fb::EpochStart<'_>>>) -> Vec<EpochStart> {
    let starts = list.into_iter().flatten();
    starts
        .map(|start| EpochStart { epoch: Epoch(start.epoch()), first_sequence: Seq(start.first_sequence()) })
        .collect()
}

/// Shapes of vectors that the generated code hands out.
pub(crate) mod fb_vector {
    use flatbuffers::{ForwardsUOffset, Vector};
    /// A vector of tables.
    pub(crate) type Tables<'a, T> = Vector<'a, ForwardsUOffset<T>>;
    /// A vector of strings.
    pub(crate) type Strings<'a> = Vector<'a, ForwardsUOffset<&'a str>>;
}
