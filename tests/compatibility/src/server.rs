//! An old server without its sockets: rows in memory, no epoch, no watermark.

use crate::generated::flux::schema as v1;
use crate::table::{Made, envelope, write_candles};
use crate::{Candle, Key};
use flatbuffers::FlatBufferBuilder;

/// The most rows of one answer.
const PAGE: usize = 40;

/// What `next_sequence` means to a server: those in the field disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextSequence {
    /// The last row that was returned, as the contract says.
    LastReturned,
    /// The first row that was not.
    FirstNotReturned,
}

/// One stream of an old server. Its sequences begin at 1 whenever it starts.
#[derive(Debug)]
pub struct OldServer {
    key: Key,
    next: NextSequence,
    /// Which history it tells: the rows of two differ in every value.
    history: u32,
    rows: Vec<Candle>,
}

impl OldServer {
    /// A server that was just started.
    pub fn new(key: Key, next: NextSequence, history: u32) -> OldServer {
        OldServer { key, next, history, rows: Vec::new() }
    }

    /// The row with a sequence, in a history.
    pub fn row(history: u32, sequence: u64) -> Candle {
        let minutes = i64::try_from(sequence).unwrap_or(i64::MAX / 60_000);
        let price = f64::from(history) * 1000.0 + f64::from(u32::try_from(sequence).unwrap_or(u32::MAX));
        (minutes * 60_000, price, price + 1.0, price - 1.0, price + 0.5, 1.0)
    }

    /// Which stream.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its newest sequence.
    pub fn latest(&self) -> u64 {
        self.rows.len() as u64
    }

    /// New rows; returns the sequence of the first.
    pub fn append(&mut self, rows: u64) -> u64 {
        let first = self.latest() + 1;
        self.rows.extend((first..first + rows).map(|sequence| OldServer::row(self.history, sequence)));
        first
    }

    /// What goes out live: these rows, which may be old ones.
    pub fn batch(&self, from: u64, to: u64) -> Vec<u8> {
        let rows = self.range(from, to);
        envelope(1, "", |builder| {
            let args = v1::CandleBatchArgs {
                key: Some(self.key.write(builder)),
                start_sequence: from,
                candles: Some(write_candles(builder, rows)),
            };
            (v1::Message::CandleBatch, v1::CandleBatch::create(builder, &args).as_union_value())
        })
    }

    /// The answer to a request.
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        let Ok(asked) = v1::root_as_envelope(request) else { return error("", 400, "malformed") };
        let id = asked.correlation_id().unwrap_or_default();
        if asked.schema_version() != 1 {
            return error(id, 426, "schema_version 1 only");
        }
        if asked.message_as_health_request().is_some() {
            return envelope(1, id, health);
        }
        let key = (asked.message_as_get_cursor_request().map(|asked| asked.key()))
            .or_else(|| asked.message_as_subscribe_candles_request().map(|asked| asked.key()))
            .or_else(|| asked.message_as_backfill_candles_request().map(|asked| asked.key()));
        match key.map(|key| key.map(Key::read)) {
            None => error(id, 400, "unknown message"),
            Some(key) if key.as_ref() != Some(&self.key) => error(id, 404, "unknown stream"),
            Some(_) => envelope(1, id, |builder| match asked.message_as_backfill_candles_request() {
                Some(asked) => self.page(builder, asked),
                None if asked.message_as_get_cursor_request().is_some() => self.cursor(builder),
                None => self.ack(builder),
            }),
        }
    }

    fn range(&self, from: u64, to: u64) -> &[Candle] {
        let at = |sequence: u64| usize::try_from(sequence).unwrap_or(usize::MAX).min(self.rows.len());
        self.rows.get(at(from.saturating_sub(1))..at(to)).unwrap_or_default()
    }

    fn page(&self, builder: &mut FlatBufferBuilder<'_>, asked: v1::BackfillCandlesRequest<'_>) -> Made {
        let from = if asked.has_from_sequence() { asked.from_sequence_exclusive() } else { 0 };
        let most = match asked.limit() as usize {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        let wanted = self.range(from.saturating_add(1), self.latest());
        let served = wanted.get(..most.min(wanted.len())).unwrap_or_default();
        let last = from + served.len() as u64;
        let has_more = last < self.latest();
        let next_sequence = match self.next {
            _ if !has_more => 0,
            NextSequence::LastReturned => last,
            NextSequence::FirstNotReturned => last + 1,
        };
        let args = v1::BackfillCandlesResponseArgs {
            key: Some(self.key.write(builder)),
            start_sequence: from.saturating_add(1),
            candles: Some(write_candles(builder, served)),
            has_more,
            next_sequence,
        };
        let response = v1::BackfillCandlesResponse::create(builder, &args);
        (v1::Message::BackfillCandlesResponse, response.as_union_value())
    }

    fn cursor(&self, builder: &mut FlatBufferBuilder<'_>) -> Made {
        let latest_ts_ms = self.rows.last().map_or(0, |row| row.0);
        let cursor = v1::CursorArgs { latest_sequence: self.latest(), latest_ts_ms };
        let args = v1::GetCursorResponseArgs {
            key: Some(self.key.write(builder)),
            cursor: Some(v1::Cursor::create(builder, &cursor)),
        };
        (v1::Message::GetCursorResponse, v1::GetCursorResponse::create(builder, &args).as_union_value())
    }

    fn ack(&self, builder: &mut FlatBufferBuilder<'_>) -> Made {
        let args = v1::SubscribeCandlesAckArgs {
            accepted: true,
            key: Some(self.key.write(builder)),
            latest_sequence: self.latest(),
            ..Default::default()
        };
        (v1::Message::SubscribeCandlesAck, v1::SubscribeCandlesAck::create(builder, &args).as_union_value())
    }
}

fn health(builder: &mut FlatBufferBuilder<'_>) -> Made {
    let args = v1::HealthResponseArgs { ok: true, message: None };
    (v1::Message::HealthResponse, v1::HealthResponse::create(builder, &args).as_union_value())
}

fn error(correlation_id: &str, code: u32, message: &str) -> Vec<u8> {
    envelope(1, correlation_id, |builder| {
        let message = Some(builder.create_string(message));
        let error = v1::ErrorResponse::create(builder, &v1::ErrorResponseArgs { code, message });
        (v1::Message::ErrorResponse, error.as_union_value())
    })
}
