//! DuckDB files: an application's rows with its cursors, and the archive of the backfill service.
//!
//! It is the only crate that links DuckDB, and no DuckDB type appears in its interface. It is not a
//! protocol: it neither knows sockets nor decides what to ask for (see `gapless-follow`).
//!
//! - [`AppStore`]: the client's side. Rows, cursor and gap ledger of every stream change together in one
//!   transaction, so a crash between any two instructions leaves the rows and the place to go on agreeing.
//! - [`Archive`] (one writer) and [`ArchiveReader`] (many): the server's side. Recent rows in tables
//!   of their own, older ones in sorted partitions, so that a page touches few of them, whatever the size.
//!
//! # Invariants
//! - One process owns a file: [`StoreError::Owned`] names the owner's process id. DuckDB's own lock is not
//!   enough, since opening the file by any other means in the same process drops it.
//! - Within a stream a sequence is stored at most once, and a hole is stored only together with a ledger
//!   line that says why.
//! - A transaction is either wholly there after a crash, or not at all.
//!
//! # Linking
//! DuckDB's prebuilt library is linked by default: `DUCKDB_LIB_DIR` names its folder (`.ci/setup` fetches it
//! and writes `.cargo/config.toml`). `--features bundled` compiles DuckDB instead, in over half an hour.
//!
//! ```no_run
//! use gapless_model::{Batch, Candle, Epoch, Flags, Kind, Rows, Seq, StreamKey, UnixMillis};
//! use gapless_store::{AppStore, Change};
//!
//! # let dir = tempfile::tempdir()?;
//! let mut store = AppStore::open(dir.path().join("app.duckdb"))?;
//! let key = StreamKey::new(Kind::Candles, "kraken", "BTC-USD", "1m")?;
//! let candle = Candle { ts: UnixMillis(60_000), open: 1.0, high: 2.0, low: 0.5, close: 1.5, volume: 3.0 };
//! let rows = Rows::Candles(vec![candle]);
//! let batch = Batch { start: Seq(1), epoch: Epoch(7), ..Batch::unsequenced(key.clone(), Flags::NONE, rows) };
//! store.commit(vec![Change::Rows(batch)])?;
//! assert_eq!(store.cursor(&key).map(|cursor| cursor.applied), Some(Seq(1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod app;
mod archive;
mod database;
mod error;
mod export;
mod foreign;
mod owner;
#[cfg(test)]
mod samples;
mod sql;

pub use app::{
    AppReader, AppStore, BlockDigest, Change, Committed, Cursor, GapLine, GapState, StoredDigest, TextTable,
};
pub use archive::{
    Appended, Archive, ArchiveReader, Missing, Page, RangeCheck, Retained, Retention, SEAL_ROWS, Sealer,
};
pub use database::Options;
pub use error::StoreError;
pub use export::ExportFormat;
pub use foreign::{ForeignCandles, ForeignFile};
