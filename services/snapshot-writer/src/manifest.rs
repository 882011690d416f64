//! What an artifact says of itself: `manifest.json`.
//!
//! It is also the writer's cursor: what it does not name is not there, and the streams go on where it says.
//! It is replaced as a whole, after everything that it names is durable.

mod check;
mod hex;

pub use hex::Hex;

use gapless_formats::FileForm;
use gapless_model::{Epoch, Seq, SeqRange, StreamKey};
use serde::{Deserialize, Serialize};

/// The value of [`Manifest::format`].
pub const FORMAT: &str = "gapless-artifact";
/// The version of the manifest that this program writes; it reads only this one.
pub const VERSION: u32 = 1;
/// The manifest's name in an artifact's folder.
pub const MANIFEST: &str = "manifest.json";
/// The name of the last state in an artifact's folder.
pub const LATEST: &str = "latest.json";

/// The most characters of a complaint about a manifest: some lines of a terminal.
const MAX_COMPLAINT_CHARS: usize = 400;

/// Everything about one artifact. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Who wrote it.
    pub written_by: Program,
    /// What it holds: one stream, or a session of one source.
    pub group: Group,
    /// The stream's topic or the source's id.
    pub name: String,
    /// The how-manieth artifact of that name it is, from 1.
    pub number: u64,
    /// When it was begun.
    pub created_at: String,
    /// When this manifest was written.
    pub updated_at: String,
    /// When it was completed; `None` while it is live.
    pub completed_at: Option<String>,
    /// Whether more is to come.
    pub state: State,
    /// What it was made from.
    pub session: Session,
    /// Its streams, in the order in which they came.
    pub streams: Vec<StreamRecord>,
}

/// A program and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub program: String,
    /// Its version.
    pub version: String,
}

/// What one artifact holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// One stream.
    Stream,
    /// All streams of one source, from its first row until they have ended.
    Source,
}

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is being written.
    Live,
    /// It is whole.
    Complete,
}

/// The live session that an artifact came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who measured it.
    pub source_id: String,
    /// The journal's epoch when it began.
    pub epoch: u64,
    /// Where the live feed was.
    pub live: String,
    /// When ingestion published its first batch; `None` when that was not stated.
    pub first_publish: Option<String>,
}

/// One stream of an artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// `kind.source_id.symbol.interval`.
    pub topic: String,
    /// What its rows are.
    pub kind: String,
    /// Who measured it.
    pub source_id: String,
    /// What was measured.
    pub symbol: String,
    /// The nominal time between two rows.
    pub interval: String,
    /// The folder of its files, in that of the artifact.
    pub folder: String,
    /// The epochs of its rows, and from which sequence on each holds.
    pub epochs: Vec<EpochMark>,
    /// Where it goes on: everything up to here is in this artifact, or listed as truncated.
    pub cursor: Cursor,
    /// The first row; 0 when there is none.
    pub first: u64,
    /// The last row; 0 when there is none.
    pub last: u64,
    /// The first row's time.
    pub first_time: Option<String>,
    /// The last row's time.
    pub last_time: Option<String>,
    /// How many rows there are.
    pub rows: u64,
    /// The digest of these rows.
    pub digest: Hex,
    /// The digest of the stream from its sequence 1 to the cursor; `None` when that was never stated.
    pub running_digest: Option<Hex>,
    /// Whether any of the rows was generated rather than measured.
    pub simulated: bool,
    /// Why nothing more of it comes here; `None` while it may.
    pub closed: Option<Closed>,
    /// Rows that were not to be had.
    pub truncated: Vec<Hole>,
    /// The rows, in order.
    pub parts: Vec<Part>,
}

/// From which row on an epoch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochMark {
    /// Which epoch.
    pub epoch: u64,
    /// Its first row here.
    pub first: u64,
}

/// Where a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The history that the sequence belongs to.
    pub epoch: u64,
    /// The last row that is done with; 0: none.
    pub sequence: u64,
}

/// Why nothing more of a stream comes into an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closed {
    /// Its source said that it is over.
    End,
    /// Its history was lost and began anew.
    Reset,
}

/// Rows that were not to be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
    /// The epoch in which they are missing.
    pub epoch: u64,
    /// Why.
    pub reason: String,
    /// When that was noticed.
    pub noticed_at: String,
}

/// Consecutive rows with the same columns, as one file in each form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The first row.
    pub first: u64,
    /// The last row.
    pub last: u64,
    /// How many.
    pub rows: u64,
    /// Their digest.
    pub digest: Hex,
    /// The first row's time.
    pub first_time: String,
    /// The last row's time.
    pub last_time: String,
    /// The columns of metrics; of other kinds, which have their own, none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The same rows in each form.
    pub files: Vec<PartFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFile {
    /// Its path in the artifact's folder.
    pub name: String,
    /// Its form: `parquet` or `csv`.
    pub format: String,
    /// How many rows it has.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Reads a manifest, and refuses one whose numbers do not fit together.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| brief(error.to_string()))?;
        manifest.check().map_err(brief)?;
        Ok(manifest)
    }

    /// Its bytes: indented JSON.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Bytes of all files that it names.
    pub fn file_bytes(&self) -> u64 {
        self.files().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// Every file that it names.
    pub fn files(&self) -> impl Iterator<Item = &PartFile> {
        self.streams.iter().flat_map(|stream| &stream.parts).flat_map(|part| &part.files)
    }

    /// The record of a stream.
    pub fn stream(&self, key: &StreamKey) -> Option<&StreamRecord> {
        let topic = key.topic();
        self.streams.iter().find(|record| record.topic == topic)
    }
}

/// The beginning of a complaint: it repeats what a manifest says, which may be anything.
fn brief(complaint: String) -> String {
    match complaint.char_indices().nth(MAX_COMPLAINT_CHARS).and_then(|(end, _)| complaint.get(..end)) {
        Some(beginning) => format!("{beginning}..."),
        None => complaint,
    }
}

impl StreamRecord {
    /// Which stream; `None` when its topic is none.
    pub fn key(&self) -> Option<StreamKey> {
        self.topic.parse().ok()
    }
}

impl Cursor {
    /// A cursor at a row of an epoch.
    pub(crate) fn at(epoch: Epoch, sequence: Seq) -> Cursor {
        Cursor { epoch: epoch.0, sequence: sequence.0 }
    }
}

impl Part {
    /// Its rows.
    pub fn range(&self) -> SeqRange {
        SeqRange::new(Seq(self.first), Seq(self.last).next())
    }
}

impl PartFile {
    /// Its form, when this program knows it.
    pub fn form(&self) -> Option<FileForm> {
        [FileForm::Parquet, FileForm::Csv].into_iter().find(|form| form.ending() == self.format)
    }
}
