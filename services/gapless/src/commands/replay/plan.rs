//! Which stream a file becomes, and under which name it is sent.

use super::Args;
use crate::exit::usage;
use anyhow::{Context, Result};
use gapless::{Kind, StreamKey};
use gapless_formats::{CandleFile, FileName, ReadOptions, topic_part};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How much of a file names it: the header and some rows, so that a file that grows stays the same one
/// and another file with the same name does not pass for it.
const NAMING_BYTES: u64 = 256;

/// One file on its way into one stream.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) path: PathBuf,
    pub(super) key: StreamKey,
    pub(super) producer_id: String,
    pub(super) options: ReadOptions,
}

impl Plan {
    /// Looks into the file, so that a file that cannot be read stops the command before any is sent.
    pub(super) fn of(path: &Path, args: &Args) -> Result<Plan> {
        let options = ReadOptions {
            interval: args.interval,
            price: args.price,
            strict: args.strict,
            batch_rows: args.batch as usize,
        };
        let file = CandleFile::open(path, &options).map_err(|error| usage(error.to_string()))?;
        let named = FileName::of(path);
        let symbol = args.symbol.as_deref().unwrap_or(&named.symbol);
        let key = StreamKey::new(Kind::Candles, &args.source, symbol, &file.interval().to_string())?;
        let producer_id = match &args.producer_id {
            Some(id) => id.clone(),
            None => producer_id(path)?,
        };
        Ok(Plan { path: path.to_path_buf(), key, producer_id, options })
    }
}

/// The same for the same file wherever it lies, so that a replay can be resumed.
fn producer_id(path: &Path) -> Result<String> {
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| path.display().to_string())?;
    file.take(NAMING_BYTES).read_to_end(&mut head).with_context(|| path.display().to_string())?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    Ok(format!("replay:{}:{:016x}", topic_part(&name), xxhash_rust::xxh3::xxh3_64(&head)))
}

#[cfg(test)]
mod tests;
