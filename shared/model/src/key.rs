//! What a stream is called: its kind and its three names, and the topic made of them.

use crate::Interval;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest `source_id`, `symbol` or `interval`, in bytes: four parts fit a file name and a log line.
pub const MAX_PART_BYTES: usize = 64;

/// What the rows of a stream are. The first word of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Open, high, low, close and volume of one interval.
    Candles,
    /// Values of named columns at one time.
    Metrics,
    /// Something a person should know.
    Warnings,
}

impl Kind {
    /// Every kind, in wire order.
    pub const ALL: [Kind; 3] = [Kind::Candles, Kind::Metrics, Kind::Warnings];

    /// The word on the topic.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Candles => "candles",
            Kind::Metrics => "metrics",
            Kind::Warnings => "warnings",
        }
    }
}

/// Why a name is not a stream's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The kind is none of [`Kind::ALL`].
    #[error("unknown kind {0:?}: use candles, metrics or warnings")]
    Kind(String),
    /// A part is empty, too long, or has a character that a topic cannot carry.
    #[error("{part} {value:?} is not usable: 1 to 64 printable ASCII characters without '.' or spaces")]
    Part {
        /// Which part: `source_id` or `symbol`.
        part: &'static str,
        /// What was given, cut to 80 characters.
        value: String,
    },
    /// The interval is not `<int><s|m|h|d>` or lies outside 1 second to 49,710 days.
    #[error("interval {0:?} is not usable: write a whole number and s, m, h or d, such as 1m")]
    Interval(String),
    /// A topic does not have four parts.
    #[error("topic {0:?} is not kind.source_id.symbol.interval")]
    Topic(String),
}

/// Names one stream: `(kind, source_id, symbol, interval)`, which is also how streams are ordered.
///
/// A clone is cheap: the text is shared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StreamKey {
    kind: Kind,
    topic: Arc<str>,
    /// Where `source_id` and `symbol` end in `topic`.
    source_end: u32,
    symbol_end: u32,
}

impl StreamKey {
    /// A key of checked parts.
    ///
    /// # Errors
    /// [`KeyError`] when a part is empty, longer than [`MAX_PART_BYTES`], not printable ASCII, holds a
    /// `.` or a space, or when the interval is malformed.
    pub fn new(kind: Kind, source_id: &str, symbol: &str, interval: &str) -> Result<StreamKey, KeyError> {
        check_part("source_id", source_id)?;
        check_part("symbol", symbol)?;
        interval.parse::<Interval>()?;
        Ok(StreamKey::of_checked(kind, source_id, symbol, interval))
    }

    fn of_checked(kind: Kind, source_id: &str, symbol: &str, interval: &str) -> StreamKey {
        let name = kind.name();
        let mut topic =
            String::with_capacity(name.len() + source_id.len() + symbol.len() + interval.len() + 3);
        topic.push_str(name);
        topic.push('.');
        topic.push_str(source_id);
        let source_end = topic.len() as u32;
        topic.push('.');
        topic.push_str(symbol);
        let symbol_end = topic.len() as u32;
        topic.push('.');
        topic.push_str(interval);
        StreamKey { kind, topic: topic.into(), source_end, symbol_end }
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.topic.get(from..to).unwrap_or_default()
    }

    fn parts(&self) -> (Kind, &str, &str, &str) {
        (self.kind, self.source_id(), self.symbol(), self.interval())
    }

    /// What its rows are.
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// Who measured it.
    pub fn source_id(&self) -> &str {
        self.part(self.kind.name().len() + 1, self.source_end as usize)
    }
    /// What was measured.
    pub fn symbol(&self) -> &str {
        self.part(self.source_end as usize + 1, self.symbol_end as usize)
    }
    /// The nominal time between two rows, as written by the source (`60s` and `1m` are two streams).
    pub fn interval(&self) -> &str {
        self.part(self.symbol_end as usize + 1, self.topic.len())
    }

    /// `kind.source_id.symbol.interval`, the name on the live socket.
    pub fn topic(&self) -> String {
        self.topic.to_string()
    }

    /// The same without a copy.
    pub fn shared_topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The same stream at another interval, as derived streams are named.
    pub fn with_interval(&self, interval: Interval) -> StreamKey {
        StreamKey::of_checked(self.kind, self.source_id(), self.symbol(), &interval.to_string())
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.topic)
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamKey({})", self.topic)
    }
}

impl Ord for StreamKey {
    fn cmp(&self, other: &StreamKey) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for StreamKey {
    fn partial_cmp(&self, other: &StreamKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for StreamKey {
    type Err = KeyError;

    fn from_str(topic: &str) -> Result<StreamKey, KeyError> {
        let mut parts = topic.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(source_id), Some(symbol), Some(interval), None) => {
                StreamKey::new(kind.parse()?, source_id, symbol, interval)
            }
            _ => Err(KeyError::Topic(shorten(topic))),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Kind, KeyError> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| KeyError::Kind(shorten(name)))
    }
}

fn check_part(part: &'static str, value: &str) -> Result<(), KeyError> {
    let usable = |b: u8| b.is_ascii_graphic() && b != b'.';
    if value.is_empty() || value.len() > MAX_PART_BYTES || !value.bytes().all(usable) {
        return Err(KeyError::Part { part, value: shorten(value) });
    }
    Ok(())
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
