//! Where the rows of a file come from, whatever its format.

use crate::delimited::Delimited;
use crate::error::{BadRow, FileError};
use crate::layout::Reading;
use crate::ticks::Price;
use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;
use std::sync::Arc;

/// Read-ahead of a text file: one system call for some thousand rows.
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// What a source of rows gives.
pub(crate) enum Pulled {
    /// A row and the line it stands in.
    Row(u64, Reading),
    /// A row that could not be read.
    Bad(BadRow),
}

/// Where the bytes of a file are.
pub(crate) enum Input {
    File(File),
    Bytes(Vec<u8>),
}

/// Anything that rows can be pulled from, one by one.
pub(crate) trait RowSource {
    /// The next row; `None` at the end.
    fn pull(&mut self) -> Result<Option<Pulled>, FileError>;
    /// Whether its rows are ticks.
    fn is_ticks(&self) -> bool;
    /// How much of the file was consumed.
    fn bytes_read(&self) -> u64;
}

/// Opens the rows of `input`: Parquet when its name says so, else delimited text.
pub(crate) fn open(
    input: Input,
    total_bytes: u64,
    file: &Arc<str>,
    price: Price,
) -> Result<Box<dyn RowSource + Send>, FileError> {
    if is_parquet(Path::new(&**file)) {
        return open_parquet(input, total_bytes, file, price);
    }
    Ok(match input {
        Input::File(input) => {
            let input = BufReader::with_capacity(READ_BUFFER_BYTES, input);
            Box::new(Delimited::open(input, file.clone(), price)?)
        }
        Input::Bytes(bytes) => Box::new(Delimited::open(Cursor::new(bytes), file.clone(), price)?),
    })
}

#[cfg(feature = "parquet")]
use crate::parquet_rows::open as open_parquet;

#[cfg(not(feature = "parquet"))]
fn open_parquet(_: Input, _: u64, file: &Arc<str>, _: Price) -> Result<Box<dyn RowSource + Send>, FileError> {
    let reason = "this program was built without the feature that reads Parquet".into();
    Err(FileError::Unusable { file: file.clone(), reason })
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet") || e.eq_ignore_ascii_case("pq"))
}
