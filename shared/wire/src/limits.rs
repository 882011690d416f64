//! How much a sender may make us read, each number with its reason.

use flatbuffers::VerifierOptions;
use gapless_model::MAX_ROWS_PER_BATCH;

/// The largest message of any kind, in bytes: what every socket is set to (`maxmsgsize`). A batch of
/// 10,000 candles has 0.7 MB, one of 10,000 rows with 256 columns does not fit and is sent in parts.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// The largest request, in bytes: a key, two names and a few numbers, with much room.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;

/// The longest correlation id that is read and echoed, in bytes: a UUID has 36.
pub const MAX_CORRELATION_ID_BYTES: usize = 1024;

/// The longest producer or follower id, in bytes; 1 to this many printable ASCII characters.
pub const MAX_ID_BYTES: usize = 128;

/// The longest topic or prefix of one, in bytes: the longest kind, three parts of 64 and their dots.
pub const MAX_TOPIC_BYTES: usize = 256;

/// The largest part of a checkpoint, in bytes: few enough that one is sent between two journal records
/// without a noticeable pause, and room for the largest window of one stream.
pub const MAX_CHECKPOINT_PART_BYTES: usize = 4 << 20;

/// The most streams in one `WatermarkBatch`: about 150 KB, sent several times a second.
pub const MAX_WATERMARKS_PER_MESSAGE: usize = 1000;

/// Tables beside the rows of a batch: envelope, batch, key, and room for fields yet to come.
const TABLES_BESIDE_ROWS: usize = 16;

/// The most tables in a reply: what 16 MiB hold at 40 bytes each, the size of a lean table of a
/// directory entry with its offset.
const MAX_REPLY_TABLES: usize = MAX_MESSAGE_BYTES / 40;

/// How many times its own size a message may grow when parts that it shares are counted as often as they
/// are used. Encoders that write each part once stay below 4; a bomb of offsets to one string does not.
const MAX_EXPANSION: usize = 8;

/// Room for the smallest messages, whose virtual tables weigh more than their data.
const EXPANSION_FLOOR_BYTES: usize = 4096;

/// What a message may take; checked before anything is read. One set per socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    max_bytes: usize,
    max_depth: usize,
    max_tables: usize,
}

impl Limits {
    /// A request to a server: small and flat (envelope, request, key).
    pub const fn request() -> Limits {
        Limits { max_bytes: MAX_REQUEST_BYTES, max_depth: 3, max_tables: 4 }
    }

    /// A frame of a live feed or of the journal: a batch, a record, watermarks or the journal's status.
    pub const fn live() -> Limits {
        Limits {
            max_bytes: MAX_MESSAGE_BYTES,
            max_depth: 4,
            max_tables: MAX_ROWS_PER_BATCH + TABLES_BESIDE_ROWS,
        }
    }

    /// What a producer sends: an `IngestBatch`, and the batch inside it.
    pub const fn ingest() -> Limits {
        Limits {
            max_bytes: MAX_MESSAGE_BYTES,
            max_depth: 3,
            max_tables: MAX_ROWS_PER_BATCH + TABLES_BESIDE_ROWS,
        }
    }

    /// A server's answer: rows, nested batches, or a page of streams with their epochs.
    pub const fn reply() -> Limits {
        Limits { max_bytes: MAX_MESSAGE_BYTES, max_depth: 5, max_tables: MAX_REPLY_TABLES }
    }

    /// A part of a checkpoint, also when it lies in a file. Windows inside it are batches of their own.
    pub const fn checkpoint() -> Limits {
        Limits {
            max_bytes: MAX_CHECKPOINT_PART_BYTES,
            max_depth: 5,
            max_tables: MAX_CHECKPOINT_PART_BYTES / 40,
        }
    }

    /// The same with another bound on the size, such as a socket's own.
    pub const fn with_max_bytes(self, max_bytes: usize) -> Limits {
        Limits { max_bytes, ..self }
    }

    /// The most bytes of a message.
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// For a message of `bytes` bytes, which is within [`Limits::max_bytes`].
    pub(crate) fn verifier(&self, bytes: usize) -> VerifierOptions {
        VerifierOptions {
            max_depth: self.max_depth,
            max_tables: self.max_tables,
            max_apparent_size: bytes.saturating_mul(MAX_EXPANSION).saturating_add(EXPANSION_FLOOR_BYTES),
            ignore_missing_null_terminator: false,
        }
    }
}
