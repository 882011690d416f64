//! What an old client asks, and how it reads what comes.

use crate::generated::flux::schema as v1;
use crate::table::{Made, envelope, read_candles};
use crate::{Candle, Key, LiveBatch};
use flatbuffers::FlatBufferBuilder;
use serde::{Deserialize, Serialize};

/// A question about one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// Are you well?
    Health,
    /// Which row is the newest?
    Cursor,
    /// May I follow?
    Subscribe,
    /// Rows after a sequence, or from the oldest on.
    Page {
        /// The sequence before the first row that is wanted.
        from: Option<u64>,
        /// How many rows at most; 0: as many as the server gives.
        limit: u32,
    },
}

/// What an old client understands of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Question::Health`].
    Health {
        /// Whether it is well.
        ok: bool,
    },
    /// To [`Question::Cursor`].
    Cursor {
        /// The newest sequence.
        latest: u64,
        /// Its time in Unix milliseconds.
        ts: i64,
    },
    /// To [`Question::Subscribe`].
    Ack {
        /// Whether the stream is known.
        accepted: bool,
        /// Its newest sequence.
        latest: u64,
    },
    /// To [`Question::Page`].
    Page {
        /// The sequence of the first row.
        start: u64,
        /// The rows.
        candles: Vec<Candle>,
        /// Whether there are more.
        more: bool,
        /// What the server says about where to go on.
        next: u64,
    },
    /// A refusal.
    Error {
        /// Why.
        code: u32,
    },
}

/// The request. An old client says `schema_version` 1.
pub fn ask(question: &Question, key: &Key, schema_version: u32, correlation_id: &str) -> Vec<u8> {
    envelope(schema_version, correlation_id, |builder| match question {
        Question::Health => {
            let health = v1::HealthRequest::create(builder, &v1::HealthRequestArgs {});
            (v1::Message::HealthRequest, health.as_union_value())
        }
        Question::Cursor => {
            let args = v1::GetCursorRequestArgs { key: Some(key.write(builder)) };
            (v1::Message::GetCursorRequest, v1::GetCursorRequest::create(builder, &args).as_union_value())
        }
        Question::Subscribe => {
            let key = Some(key.write(builder));
            let args = v1::SubscribeCandlesRequestArgs { key, ..Default::default() };
            let request = v1::SubscribeCandlesRequest::create(builder, &args);
            (v1::Message::SubscribeCandlesRequest, request.as_union_value())
        }
        Question::Page { from, limit } => page(builder, key, *from, *limit),
    })
}

fn page(builder: &mut FlatBufferBuilder<'_>, key: &Key, from: Option<u64>, limit: u32) -> Made {
    let args = v1::BackfillCandlesRequestArgs {
        key: Some(key.write(builder)),
        has_from_sequence: from.is_some(),
        from_sequence_exclusive: from.unwrap_or(0),
        limit,
        ..Default::default()
    };
    let request = v1::BackfillCandlesRequest::create(builder, &args);
    (v1::Message::BackfillCandlesRequest, request.as_union_value())
}

/// Reads an answer as an old client does, which verifies with its library's defaults.
///
/// # Errors
/// What the old client would stumble over.
pub fn read_answer(bytes: &[u8], correlation_id: &str) -> Result<Answer, String> {
    let envelope = open(bytes)?;
    if envelope.correlation_id().unwrap_or_default() != correlation_id {
        return Err(format!("an answer to another request: {:?}", envelope.correlation_id()));
    }
    let answer = if let Some(health) = envelope.message_as_health_response() {
        Answer::Health { ok: health.ok() }
    } else if let Some(answer) = envelope.message_as_get_cursor_response() {
        let cursor = answer.cursor().ok_or("a cursor response without a cursor")?;
        Answer::Cursor { latest: cursor.latest_sequence(), ts: cursor.latest_ts_ms() }
    } else if let Some(ack) = envelope.message_as_subscribe_candles_ack() {
        Answer::Ack { accepted: ack.accepted(), latest: ack.latest_sequence() }
    } else if let Some(page) = envelope.message_as_backfill_candles_response() {
        Answer::Page {
            start: page.start_sequence(),
            candles: read_candles(page.candles()),
            more: page.has_more(),
            next: page.next_sequence(),
        }
    } else if let Some(error) = envelope.message_as_error_response() {
        Answer::Error { code: error.code() }
    } else {
        return Err(format!("a message of type {:?}", envelope.message_type()));
    };
    Ok(answer)
}

/// Reads a message of the live feed; `None` when it is of a kind that old clients pass over.
///
/// # Errors
/// What the old client would stumble over.
pub fn read_batch(topic: &[u8], bytes: &[u8]) -> Result<Option<LiveBatch>, String> {
    let topic = String::from_utf8_lossy(topic).into_owned();
    if !topic.starts_with("candles.") {
        return Ok(None);
    }
    let envelope = open(bytes)?;
    let batch = envelope.message_as_candle_batch().ok_or("something else than candles on their topic")?;
    let key = batch.key().map(Key::read).ok_or("a batch without a key")?;
    if key.topic() != topic {
        return Err(format!("a batch of {} on the topic {topic}", key.topic()));
    }
    let candles = read_candles(batch.candles());
    Ok(Some(LiveBatch { topic, start: batch.start_sequence(), candles }))
}

fn open(bytes: &[u8]) -> Result<v1::Envelope<'_>, String> {
    let envelope = v1::root_as_envelope(bytes).map_err(|error| error.to_string())?;
    match envelope.schema_version() {
        1 => Ok(envelope),
        other => Err(format!("schema_version {other}: an old client knows only 1")),
    }
}
