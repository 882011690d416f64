//! The bodies of the fuzz targets in `tests/fuzz`; tests replay its corpus through the same functions.
//!
//! Each panics when a property of its decoder does not hold: whatever is read can be written, and is
//! then read as the same value.

use crate::{
    BatchHeader, DecodeError, Encoder, JournalRecordView, Limits, decode, decode_batch, encode,
    encode_message, peek_correlation_id,
};

/// The name of a folder in `tests/fuzz/corpus`, and what its files are fed to.
pub type Target = (&'static str, fn(&[u8]));

/// Every target of this crate.
pub const TARGETS: [Target; 6] = [
    ("decode_request", decode_request),
    ("decode_live", decode_live),
    ("decode_ingest", decode_ingest),
    ("decode_reply", decode_reply),
    ("journal_record", journal_record),
    ("checkpoint_part", checkpoint_part),
];

/// The longest refusal: some lines of a terminal, however long the message that is refused.
const MAX_REFUSAL_BYTES: usize = 1000;

/// What a server reads.
pub fn decode_request(bytes: &[u8]) {
    any_message(bytes, &Limits::request());
}

/// What a subscriber reads.
pub fn decode_live(bytes: &[u8]) {
    any_message(bytes, &Limits::live());
    a_batch(bytes, &Limits::live());
}

/// What ingestion reads, with the batch inside.
pub fn decode_ingest(bytes: &[u8]) {
    any_message(bytes, &Limits::ingest());
    if let Ok(crate::Message::IngestBatch(ingest)) = decode(bytes, &Limits::ingest()).map(|e| e.message) {
        a_batch(&ingest.batch, &Limits::ingest());
    }
}

/// What a client reads.
pub fn decode_reply(bytes: &[u8]) {
    any_message(bytes, &Limits::reply());
}

/// What the journal and its followers read, with the batch inside.
pub fn journal_record(bytes: &[u8]) {
    let Ok(view) = JournalRecordView::parse(bytes, &Limits::live()) else { return };
    let written = Encoder::new().journal_record(&view).to_vec();
    let again = JournalRecordView::parse(&written, &Limits::live());
    assert_eq!(again.as_ref(), Ok(&view), "a record changed on its way");
    a_batch(view.batch, &Limits::live());
}

/// What the engine restores from, with the windows inside.
pub fn checkpoint_part(bytes: &[u8]) {
    any_message(bytes, &Limits::checkpoint());
    let Ok(envelope) = decode(bytes, &Limits::checkpoint()) else { return };
    if let crate::Message::CheckpointPart(part) = envelope.message {
        for stream in part.streams {
            a_batch(&stream.window, &Limits::live());
        }
    }
}

/// A value that was read may be normalised once (a cursor's time has milliseconds), and then stays.
fn any_message(bytes: &[u8], limits: &Limits) {
    let id = peek_correlation_id(bytes);
    match decode(bytes, limits) {
        Ok(envelope) => {
            assert_eq!(envelope.correlation_id, id, "the peeked correlation id is another one");
            let once = decode(&encode(&envelope), limits);
            let once = once.unwrap_or_else(|e| panic!("{envelope:?} was read but not read back: {e}"));
            assert_eq!(decode(&encode(&once), limits).as_ref(), Ok(&once), "a message changed on its way");
        }
        Err(error) => refused(&error, id),
    }
}

fn a_batch(bytes: &[u8], limits: &Limits) {
    let Ok(batch) = decode_batch(bytes, limits) else { return };
    let header = BatchHeader::peek(bytes, limits);
    let header = header.unwrap_or_else(|e| panic!("{batch:?} has a header that is not read: {e}"));
    assert_eq!((header.range(), &header.key), (batch.range(), &batch.key), "the header is another one");
    let again = decode_batch(Encoder::new().batch(&batch), limits);
    assert_eq!(again.as_ref(), Ok(&batch), "a batch changed on its way");
}

/// A refusal can always be answered, in few words.
fn refused(error: &DecodeError, correlation_id: &str) {
    let words = error.to_string();
    assert!(words.len() <= MAX_REFUSAL_BYTES, "a refusal of {} bytes: {words:.200}", words.len());
    let answer = encode_message(&crate::Message::Error(error.to_response()), correlation_id);
    let answer = decode(&answer, &Limits::reply()).map(|envelope| envelope.correlation_id);
    assert_eq!(answer.as_deref(), Ok(correlation_id), "the refusal cannot be read");
}
