//! Rows from what people have: CSV and Parquet files, NDJSON, JSON arrays and CSV bodies.
//!
//! Columns and timestamp forms are detected, ticks are folded into candles, and a row that cannot be
//! taken is named with its place and the reason. And sequenced rows into CSV and Parquet files
//! ([`RowWriter`]), which read back exactly ([`RowReader`]). It is not a source (nothing is sent, paced or
//! numbered here, see `gapless-ingestion`), and knows nothing of folders and durability.
//!
//! # Invariants
//! - Rows that come out are valid: `Rows::validate` accepts every batch.
//! - Memory is bounded by one batch (10,000 rows at most from a body), whatever the input's size.
//! - No input panics: hostile bytes end as an error.
//! - The same file read with the same options gives the same candles under the same numbers.
//!
//! # What is told from the input
//! - **Columns** by the usual names in any case: time (`timestamp`, `time`, `date`, `datetime`, `ts`,
//!   `open_time`, or `date` and `time` apart), `open`/`o` and so on, `volume`/`vol`/`tick_volume`, `bid`
//!   and `ask`, `price` and `size`. Without a header: time first, then open, high, low, close and volume
//!   (five fields or more), bid and ask (three), or a price (two).
//! - **Separator**: comma, semicolon, tab or bar. **Times**: see [`parse_time`].
//! - **Volume**: 0 when a candle file has none. Candles folded from ticks sum the sizes of the ticks, and
//!   count the ticks when there are no sizes.
//! - **Interval**: chosen, else the file name's ending, else the most common spacing; one minute for ticks.
//!
//! ```
//! use gapless_formats::{CandleFile, ReadOptions};
//! let text = b"time,o,h,l,c\n2024-01-01 00:00:00,1,3,1,2\n2024-01-01 00:01:00,2,3,2,3\n".to_vec();
//! let mut file = CandleFile::from_bytes("demo.csv", text, &ReadOptions::default())?;
//! assert_eq!(file.interval().to_string(), "1m");
//! assert_eq!(file.next_batch()?.map(|batch| batch.candles.len()), Some(2));
//! # Ok::<(), gapless_formats::FileError>(())
//! ```
// Without Parquet, what only it needs is unused.
#![cfg_attr(not(feature = "parquet"), allow(dead_code))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod body;
mod builder;
mod candle_file;
mod delimited;
mod error;
mod file_form;
mod file_name;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod layout;
mod lines;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod row;
mod row_reader;
mod row_source;
mod row_writer;
pub mod rows;
mod scalar;
mod spacing;
mod ticks;
mod time;

pub use body::{BodyFormat, parse_body};
pub use builder::{PushError, RowsBuilder};
pub use candle_file::{CandleFile, FileBatch, ReadOptions};
pub use error::{BadRow, BodyError, FileError, WriteError};
pub use file_form::FileForm;
pub use file_name::{FileName, topic_part};
pub use lines::{Line, Lines, MAX_LINE_BYTES};
pub use row::Row;
pub use row_reader::RowReader;
pub use row_writer::RowWriter;
pub use ticks::Price;
pub use time::{TimeError, parse_time};

#[cfg(test)]
mod tests;
