//! The bodies of the fuzz targets: each parser with what must hold of anything that it accepts or refuses.

use crate::rows::{json, names, time, time_of};
use crate::{
    BodyFormat, CandleFile, FileBatch, FileError, FileForm, FileName, ReadOptions, RowReader, RowWriter,
    parse_body, parse_time,
};
use gapless_model::{Batch, Candle, Digest, Flags, Kind, MAX_ROWS_PER_BATCH, Rows, Seq, StreamKey};
use serde_json::Value;
use std::fmt::Display;
use std::path::Path;

/// What a body is fed to.
pub type Target = (&'static str, fn(&[u8]));

/// Every target of this crate that needs no further feature, by its folder in `tests/fuzz/corpus`.
pub const TARGETS: [Target; 6] = [
    ("formats_time", formats_time),
    ("formats_csv_file", formats_csv_file),
    ("formats_ndjson", formats_ndjson),
    ("formats_json", formats_json),
    ("formats_csv_body", formats_csv_body),
    ("formats_rows_file", formats_rows_file),
];

/// The longest message about an input: some lines of a terminal, however long what it is about.
const MAX_MESSAGE_BYTES: usize = 2000;

/// A time in any of its forms.
pub fn formats_time(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match parse_time(text) {
        Ok(ts) => assert_eq!(parse_time(&time(ts)), Ok(ts), "{text:?} is another time when printed"),
        Err(error) => short(&error),
    }
}

/// A file's name: what it says can always be part of a topic.
pub fn file_name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let name = FileName::of(Path::new(text));
    let interval = name.interval.map_or_else(|| "1m".into(), |interval| interval.to_string());
    let key = StreamKey::new(Kind::Candles, "file", &name.symbol, &interval);
    assert!(key.is_ok(), "{name:?} names no stream: {key:?}");
}

/// A delimited file of candles or ticks.
pub fn formats_csv_file(bytes: &[u8]) {
    candle_file("fuzz.csv", bytes);
}

/// NDJSON of every kind. The same lines as one array say the same.
pub fn formats_ndjson(bytes: &[u8]) {
    for kind in Kind::ALL {
        let Some(rows) = body(kind, BodyFormat::Ndjson, bytes) else { continue };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty()).collect();
        let array = [b"[", lines.join(&b","[..]).as_slice(), b"]"].concat();
        assert_eq!(parse_body(kind, BodyFormat::Json, &array), Ok(rows), "the array differs from its lines");
    }
}

/// A JSON array of every kind.
pub fn formats_json(bytes: &[u8]) {
    for kind in Kind::ALL {
        body(kind, BodyFormat::Json, bytes);
    }
}

/// A CSV body of every kind.
pub fn formats_csv_body(bytes: &[u8]) {
    for kind in Kind::ALL {
        body(kind, BodyFormat::Csv, bytes);
    }
}

/// What is accepted is valid, and the same when it is printed and read again.
fn body(kind: Kind, format: BodyFormat, bytes: &[u8]) -> Option<Rows> {
    let rows = parse_body(kind, format, bytes).map_err(|error| short(&error)).ok()?;
    assert!((1..=MAX_ROWS_PER_BATCH).contains(&rows.len()) && rows.kind() == kind);
    assert_eq!(rows.validate(), Ok(()));
    if time_column_is_free(&rows) {
        let again = parse_body(kind, BodyFormat::Ndjson, printed(&rows).as_bytes());
        assert_eq!(again.as_ref(), Ok(&rows), "the rows are others when printed");
        assert_eq!(again.map(|again| Digest::of(Seq(1), &again)), Ok(Digest::of(Seq(1), &rows)));
    }
    Some(rows)
}

/// Metrics may have columns that are called like a time; printed, two columns would be.
fn time_column_is_free(rows: &Rows) -> bool {
    let Rows::Metrics(metrics) = rows else { return true };
    crate::layout::time_column(&metrics.columns).is_none()
}

/// NDJSON with the fields in the order of the columns, which a map of `serde_json` would not keep.
fn printed(rows: &Rows) -> String {
    let line = |row| {
        let values = json(rows, row);
        let field = |name: &&str| format!(",{}:{}", Value::from(*name), values[*name]);
        let fields: String = names(rows).iter().map(field).collect();
        format!("{{\"ts\":\"{}\"{fields}}}\n", time_of(rows, row))
    };
    (0..rows.len()).map(line).collect()
}

/// A Parquet file of candles or ticks.
#[cfg(feature = "parquet")]
pub fn formats_parquet_file(bytes: &[u8]) {
    candle_file("fuzz.parquet", bytes);
}

/// A file of sequenced rows, as an artifact has them. The first byte says their kind and the file's form.
/// What is read reads back from a file of its own.
pub fn formats_rows_file(input: &[u8]) {
    let Some((&mode, bytes)) = input.split_first() else { return };
    let Some(&kind) = Kind::ALL.get(usize::from(mode) % Kind::ALL.len()) else { return };
    let form = if mode & 0x80 == 0 { FileForm::Csv } else { FileForm::Parquet };
    let Some(chunks) = read_rows(bytes, form, kind) else { return };
    let columns = match chunks.first() {
        Some((_, Rows::Metrics(metrics))) => metrics.columns.to_vec(),
        _ => Vec::new(),
    };
    let Ok(key) = StreamKey::new(kind, "a", "b", "1m") else { return };
    let Ok(mut file) = RowWriter::begin(Vec::new(), form, kind, &columns) else { panic!("no file") };
    for (start, rows) in &chunks {
        let mut batch = Batch::unsequenced(key.clone(), Flags::NONE, rows.clone());
        batch.start = *start;
        assert!(file.write(&batch).is_ok(), "what was read cannot be written");
    }
    let Ok(written) = file.finish() else { panic!("what was read cannot be written") };
    let again = read_rows(&written, form, kind).unwrap_or_default();
    assert_eq!(joined(again), joined(chunks), "the rows are others when written");
}

/// All rows of a file, with the sequence of the first of each run; `None` when it is refused.
fn read_rows(bytes: &[u8], form: FileForm, kind: Kind) -> Option<Vec<(Seq, Rows)>> {
    let refused = |error: FileError| short(&error);
    let mut reader = RowReader::from_bytes("fuzz", bytes.to_vec(), form, kind).map_err(refused).ok()?;
    let mut chunks: Vec<(Seq, Rows)> = Vec::new();
    while let Some((start, rows)) = reader.next_rows().map_err(refused).ok()? {
        assert!(!rows.is_empty() && rows.kind() == kind, "a chunk of nothing");
        assert_eq!(rows.validate(), Ok(()));
        chunks.push((start, rows));
    }
    Some(chunks)
}

/// Each row by itself: how many are handed out at once does not matter.
fn joined(chunks: Vec<(Seq, Rows)>) -> Vec<(u64, Rows)> {
    let one = |start: Seq, rows: &Rows, row: usize| (start.0 + row as u64, rows.clone().slice(row, row + 1));
    chunks.iter().flat_map(|(start, rows)| (0..rows.len()).map(|row| one(*start, rows, row))).collect()
}

/// A file gives the same candles in whatever portions it is read, all of them valid.
pub(crate) fn candle_file(name: &str, bytes: &[u8]) {
    let large = ReadOptions { batch_rows: MAX_ROWS_PER_BATCH, ..ReadOptions::default() };
    let Some((candles, failed)) = read_file(name, bytes, &large) else { return };
    let small = ReadOptions { batch_rows: 3, ..large.clone() };
    assert_eq!(read_file(name, bytes, &small), Some((candles.clone(), failed)), "portions change the rows");
    let half = candles.len() / 2;
    let Ok(mut file) = CandleFile::from_bytes(name, bytes.to_vec(), &large) else {
        panic!("the file opens only once");
    };
    if !failed {
        assert_eq!(file.skip_rows(half as u64).ok(), Some(half as u64));
        let next = file.next_batch().ok().flatten().and_then(|batch| batch.candles.first().copied());
        assert_eq!(next.or_else(|| candles.get(half).copied()), candles.get(half).copied());
    }
}

/// All candles of a file, and whether it ended in an error; `None` when it cannot be opened.
fn read_file(name: &str, bytes: &[u8], options: &ReadOptions) -> Option<(Vec<Candle>, bool)> {
    let mut file =
        CandleFile::from_bytes(name, bytes.to_vec(), options).map_err(|error| short(&error)).ok()?;
    let mut candles = Vec::new();
    loop {
        match file.next_batch() {
            Ok(None) => break,
            Ok(Some(batch)) => {
                check_batch(&batch, options, candles.len() as u64 + 1);
                candles.extend(batch.candles);
            }
            Err(error) => {
                short(&error);
                return Some((candles, true));
            }
        }
    }
    assert_eq!(file.rows(), candles.len() as u64);
    // Parquet only has the proportion of its rows, as its own counter has it.
    assert!(file.bytes_read() == bytes.len() as u64 || name.ends_with(".parquet"), "it ends too early");
    Some((candles, false))
}

fn check_batch(batch: &FileBatch, options: &ReadOptions, first_row: u64) {
    assert!(batch.candles.len() <= options.batch_rows && batch.candles.len() == batch.lines.len());
    assert_eq!(batch.first_row, first_row, "rows are numbered without gaps");
    assert!(batch.lines.is_sorted(), "lines go back: {:?}", batch.lines);
    batch.bad.iter().for_each(|bad| short(&bad));
    for candle in &batch.candles {
        assert_eq!(candle.check(), Ok(()), "{candle:?} is no candle");
    }
}

/// A message that a person can read.
fn short(error: &dyn Display) {
    let text = error.to_string();
    assert!(text.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {text:.200}", text.len());
}
