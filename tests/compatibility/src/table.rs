//! What both directions share: keys, rows and the envelope.

use crate::generated::flux::schema as v1;
use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};
use serde::{Deserialize, Serialize};

/// A candle: Unix milliseconds, then open, high, low, close and volume.
pub type Candle = (i64, f64, f64, f64, f64, f64);

/// A message before it is put into its envelope.
pub(crate) type Made = (v1::Message, WIPOffset<UnionWIPOffset>);

/// Which stream of candles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Where it comes from.
    pub source: String,
    /// What it is about.
    pub symbol: String,
    /// Its interval, such as `1m`.
    pub interval: String,
}

/// Rows that came over the live feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveBatch {
    /// On which topic.
    pub topic: String,
    /// The sequence of the first row.
    pub start: u64,
    /// The rows; old clients ignore a batch without any.
    pub candles: Vec<Candle>,
}

/// A message of the live feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// On which topic, as bytes.
    pub topic: Vec<u8>,
    /// Its rows; `None` when it is of a kind that old clients pass over.
    pub batch: Option<LiveBatch>,
}

impl Key {
    /// The stream `candles.<source>.<symbol>.<interval>`.
    pub fn new(source: &str, symbol: &str, interval: &str) -> Key {
        Key { source: source.into(), symbol: symbol.into(), interval: interval.into() }
    }

    /// Its topic on the live feed.
    pub fn topic(&self) -> String {
        format!("candles.{}.{}.{}", self.source, self.symbol, self.interval)
    }

    pub(crate) fn write<'a>(&self, builder: &mut FlatBufferBuilder<'a>) -> WIPOffset<v1::StreamKey<'a>> {
        let args = v1::StreamKeyArgs {
            source_id: Some(builder.create_string(&self.source)),
            symbol: Some(builder.create_string(&self.symbol)),
            interval: Some(builder.create_string(&self.interval)),
        };
        v1::StreamKey::create(builder, &args)
    }

    pub(crate) fn read(key: v1::StreamKey<'_>) -> Key {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Key { source: text(key.source_id()), symbol: text(key.symbol()), interval: text(key.interval()) }
    }
}

pub(crate) fn read_candles(
    rows: Option<flatbuffers::Vector<'_, flatbuffers::ForwardsUOffset<v1::Candle<'_>>>>,
) -> Vec<Candle> {
    let row = |c: v1::Candle<'_>| (c.ts_ms(), c.open(), c.high(), c.low(), c.close(), c.volume());
    rows.map(|rows| rows.iter().map(row).collect()).unwrap_or_default()
}

pub(crate) type Rows<'a> = WIPOffset<flatbuffers::Vector<'a, flatbuffers::ForwardsUOffset<v1::Candle<'a>>>>;

pub(crate) fn write_candles<'a>(builder: &mut FlatBufferBuilder<'a>, rows: &[Candle]) -> Rows<'a> {
    let rows: Vec<_> = rows
        .iter()
        .map(|(ts_ms, open, high, low, close, volume)| {
            let (ts_ms, open, high, low, close, volume) = (*ts_ms, *open, *high, *low, *close, *volume);
            v1::Candle::create(builder, &v1::CandleArgs { ts_ms, open, high, low, close, volume })
        })
        .collect();
    builder.create_vector(&rows)
}

/// The bytes of one message in its envelope.
pub(crate) fn envelope(
    schema_version: u32,
    correlation_id: &str,
    message: impl FnOnce(&mut FlatBufferBuilder<'_>) -> Made,
) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let (message_type, message) = message(&mut builder);
    let id = (!correlation_id.is_empty()).then(|| builder.create_string(correlation_id));
    let args = v1::EnvelopeArgs {
        schema_version,
        correlation_id: id,
        message_type,
        message: Some(message),
        ..Default::default()
    };
    let envelope = v1::Envelope::create(&mut builder, &args);
    builder.finish(envelope, None);
    builder.finished_data().to_vec()
}
