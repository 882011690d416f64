//! The bodies of the fuzz targets: each parser with what must hold of anything that it accepts.

use crate::{BodyFormat, CandleFile, ReadOptions, parse_body, parse_time};
use gapless_model::{Kind, Rows};

/// A time in any of its forms.
pub fn formats_time(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = parse_time(text);
    }
}

/// A delimited file of candles or ticks.
pub fn formats_csv_file(bytes: &[u8]) {
    let options = ReadOptions::default();
    let Ok(mut file) = CandleFile::from_bytes("fuzz.csv", bytes.to_vec(), &options) else { return };
    let mut rows = 0;
    while let Ok(Some(batch)) = file.next_batch() {
        assert!(batch.candles.len() <= options.batch_rows && batch.candles.len() == batch.lines.len());
        assert_eq!(batch.first_row, rows + 1, "rows are numbered without gaps");
        rows += batch.candles.len() as u64;
        assert!(Rows::Candles(batch.candles).validate().is_ok());
    }
    assert_eq!(file.rows(), rows);
}

/// NDJSON of every kind.
pub fn formats_ndjson(bytes: &[u8]) {
    body(BodyFormat::Ndjson, bytes);
}

/// A JSON array of every kind.
pub fn formats_json(bytes: &[u8]) {
    body(BodyFormat::Json, bytes);
}

/// A CSV body of every kind.
pub fn formats_csv_body(bytes: &[u8]) {
    body(BodyFormat::Csv, bytes);
}

fn body(format: BodyFormat, bytes: &[u8]) {
    for kind in Kind::ALL {
        if let Ok(rows) = parse_body(kind, format, bytes) {
            assert!(!rows.is_empty() && rows.kind() == kind && rows.validate().is_ok());
        }
    }
}
