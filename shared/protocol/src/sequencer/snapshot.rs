//! The sequencer's state as bytes: what recovery starts from instead of the journal's first record.
//!
//! Layout: `GSEQ`, version byte, then variable-length integers (LEB128) and length-prefixed text, then
//! the FNV-1a 64 of everything before it. Hashes and digests take eight bytes, little-endian. A general
//! serialiser was rejected: it would be this crate's only heavy dependency.

use super::{End, Sequencer, SequencerError, SequencerLimits, Stream};
use crate::dedup::{Dedup, Pair, Remembered, StreamId, WINDOW};
use gapless_model::{Digest, Epoch, EpochStart, Position, Seq, SeqRange, UnixNanos};
use gapless_planted::{Bug, on};
use std::collections::VecDeque;
use std::sync::Arc;

const MAGIC: &[u8] = b"GSEQ";
const VERSION: u8 = 1;

impl Sequencer {
    /// All state as bytes for [`Sequencer::restore`].
    ///
    /// # Panics
    /// When a batch is provisional: a snapshot must never know more than the journal.
    pub fn snapshot(&self) -> Vec<u8> {
        assert!(self.uncommitted.is_empty(), "snapshot while batches are provisional");
        let mut out = Writer(MAGIC.to_vec());
        out.0.push(VERSION);
        out.number(self.epoch.0);
        out.number(self.position.0);
        out.number(self.streams.len() as u64);
        for stream in &self.streams {
            out.stream(stream);
        }
        let pairs = self.dedup.iter();
        out.number(pairs.len() as u64);
        for (stream, producer, pair) in pairs {
            if let Some(pair) = pair {
                out.pair(stream, producer, pair);
            }
        }
        let checksum = fnv1a(&out.0);
        out.word(checksum);
        out.0
    }

    /// The state of a snapshot. Limits are those of now: what is too much for them is forgotten.
    ///
    /// # Errors
    /// [`SequencerError::Snapshot`] when the bytes are damaged or of an unknown version.
    pub fn restore(limits: SequencerLimits, snapshot: &[u8]) -> Result<Sequencer, SequencerError> {
        let mut input = Reader::checked(snapshot)?;
        let mut sequencer = Sequencer::new(limits, Epoch(input.number()?));
        sequencer.position = Position(input.number()?);
        for id in 0..input.number()? {
            let stream = input.stream()?;
            let id = StreamId(u32::try_from(id).map_err(|_| damaged("it has too many streams"))?);
            if sequencer.index.insert(stream.key.clone(), id).is_some() {
                return Err(damaged("a stream occurs twice"));
            }
            sequencer.streams.push(stream);
        }
        for _ in 0..input.number()? {
            input.pair(sequencer.streams.len(), &mut sequencer.dedup)?;
        }
        if on(Bug::ProducersForgotten) {
            let SequencerLimits { max_producers, max_remembered, .. } = sequencer.limits;
            sequencer.dedup = Dedup::new(max_producers, max_remembered);
        }
        sequencer.dedup.evict();
        if !input.0.is_empty() {
            return Err(damaged("bytes follow its end"));
        }
        Ok(sequencer)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn word(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn stream(&mut self, stream: &Stream) {
        self.text(&stream.key.topic());
        self.number(stream.end.latest.0);
        self.word(stream.end.latest_ts.0 as u64);
        self.word(stream.end.digest.0);
        self.number(stream.epochs.len() as u64);
        for start in &stream.epochs {
            self.number(start.epoch.0);
            self.number(start.first_sequence.0);
        }
    }

    fn pair(&mut self, stream: StreamId, producer: &str, pair: &Pair) {
        self.number(u64::from(stream.0));
        self.text(producer);
        self.number(pair.last);
        self.number(pair.touched.0);
        self.number(pair.window.len() as u64);
        for batch in &pair.window {
            self.number(batch.producer_sequence);
            self.word(batch.content_hash);
            self.number(batch.position.0);
            self.number(batch.range.start().0);
            self.number(batch.range.len());
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// What lies between a fitting head and a fitting checksum.
    fn checked(snapshot: &'a [u8]) -> Result<Reader<'a>, SequencerError> {
        let (body, checksum) = snapshot.split_last_chunk::<8>().ok_or(damaged("it is too short"))?;
        if fnv1a(body) != u64::from_le_bytes(*checksum) {
            return Err(damaged("its checksum does not fit"));
        }
        match body.strip_prefix(MAGIC).and_then(|body| body.split_first()) {
            None => Err(damaged("it does not begin like one")),
            Some((&VERSION, body)) => Ok(Reader(body)),
            Some(_) => Err(damaged("its version is unknown to this build")),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], SequencerError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, SequencerError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().unwrap_or(0);
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged("a number is too long"))
    }

    fn word(&mut self) -> Result<u64, SequencerError> {
        let bytes = self.take(8)?.first_chunk::<8>().copied().unwrap_or_default();
        Ok(u64::from_le_bytes(bytes))
    }

    fn text(&mut self) -> Result<&'a str, SequencerError> {
        let length = usize::try_from(self.number()?).map_err(|_| damaged("a text is too long"))?;
        std::str::from_utf8(self.take(length)?).map_err(|_| damaged("a text is not UTF-8"))
    }

    fn stream(&mut self) -> Result<Stream, SequencerError> {
        let key = self.text()?.parse().map_err(|_| damaged("a topic is malformed"))?;
        let end = End {
            latest: Seq(self.number()?),
            latest_ts: UnixNanos(self.word()? as i64),
            digest: Digest(self.word()?),
        };
        let mut epochs = Vec::new();
        for _ in 0..self.number()? {
            epochs.push(EpochStart { epoch: Epoch(self.number()?), first_sequence: Seq(self.number()?) });
        }
        Ok(Stream { key: Arc::new(key), end, epochs })
    }

    fn pair(&mut self, streams: usize, into: &mut Dedup) -> Result<(), SequencerError> {
        let stream = u32::try_from(self.number()?).ok().filter(|stream| (*stream as usize) < streams);
        let stream = StreamId(stream.ok_or(damaged("a producer's stream is missing"))?);
        let producer = self.text()?;
        let (last, touched) = (self.number()?, Position(self.number()?));
        let count = self.number()?;
        if count > WINDOW as u64 || touched == Position::NONE {
            return Err(damaged("a producer's memory is malformed"));
        }
        let mut window = VecDeque::new();
        for _ in 0..count {
            window.push_back(Remembered {
                producer_sequence: self.number()?,
                content_hash: self.word()?,
                position: Position(self.number()?),
                range: SeqRange::of_len(Seq(self.number()?), self.number()?),
            });
        }
        into.insert(stream, producer.into(), Pair { last, touched, window });
        Ok(())
    }
}

fn damaged(reason: &'static str) -> SequencerError {
    SequencerError::Snapshot { reason }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
