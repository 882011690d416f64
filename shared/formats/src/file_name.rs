//! What a file's name says about its stream.

use gapless_model::{Interval, MAX_PART_BYTES};
use std::path::Path;

/// Endings that say how a file is written, not what is in it.
const ENDINGS: [&str; 5] = ["csv", "tsv", "txt", "parquet", "pq"];

/// Symbol and interval, as a file's name tells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// The name without its ending and interval, usable as a part of a topic.
    pub symbol: String,
    /// The interval that the name ends with, if it does.
    pub interval: Option<Interval>,
}

impl FileName {
    /// Reads the name of `path`: `btc-perp-1m.csv` is symbol `btc-perp` with interval `1m`.
    pub fn of(path: &Path) -> FileName {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let stem = match name.rsplit_once('.') {
            Some((stem, ending)) if ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)) => stem,
            _ => &name,
        };
        if let Some((symbol, last)) = stem.rsplit_once(['-', '_', '.'])
            && let Ok(interval) = last.to_ascii_lowercase().parse()
            && !symbol.is_empty()
        {
            return FileName { symbol: topic_part(symbol), interval: Some(interval) };
        }
        FileName { symbol: topic_part(stem), interval: None }
    }
}

/// `text` as a part of a topic: what a topic cannot carry becomes `-`, what is too long is cut.
pub fn topic_part(text: &str) -> String {
    let usable = |c: char| if c.is_ascii_graphic() && c != '.' { c } else { '-' };
    let part: String = text.chars().map(usable).take(MAX_PART_BYTES).collect();
    if part.is_empty() { "-".into() } else { part }
}
