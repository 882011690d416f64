use super::files::{drain, interval, options};
use crate::{CandleFile, FileError, ReadOptions};
use arrow::array::*;
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

/// A Parquet file of these columns, in row groups of 50 rows.
pub(super) fn parquet(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch =
        RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, array)| array).collect()).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(50))
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(super) fn candle_columns(time: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let price = |offset: f64| {
        Arc::new(Float64Array::from_iter_values((0..time.len()).map(|i| i as f64 + offset))) as ArrayRef
    };
    vec![
        ("unused", Arc::new(StringArray::from_iter_values((0..time.len()).map(|i| format!("row {i}"))))),
        ("Timestamp", time.clone()),
        ("Open", price(1.0)),
        ("High", price(2.0)),
        ("Low", price(0.5)),
        ("Close", price(1.5)),
        ("Volume", Arc::new(Int64Array::from_iter_values((0..time.len()).map(|i| i as i64)))),
    ]
}

fn open(bytes: Vec<u8>) -> CandleFile {
    CandleFile::from_bytes("x.parquet", bytes, &options()).unwrap()
}

#[test]
fn every_form_of_time_column_gives_the_same_candles() {
    let seconds: Vec<i64> = (0..130).map(|i| 1_700_000_000 + i * 60).collect();
    let scaled = |scale: i64| seconds.iter().map(move |s| s * scale).collect::<Vec<i64>>();
    let texts = |suffix: &str| {
        let text = |s: &i64| {
            format!("{}{suffix}", jiff::Timestamp::from_second(*s).unwrap().strftime("%Y-%m-%d %H:%M:%S"))
        };
        StringArray::from_iter_values(seconds.iter().map(text))
    };
    let forms: Vec<ArrayRef> = vec![
        Arc::new(TimestampSecondArray::from(scaled(1))),
        Arc::new(TimestampMillisecondArray::from(scaled(1_000))),
        Arc::new(TimestampMicrosecondArray::from(scaled(1_000_000)).with_timezone("UTC")),
        Arc::new(TimestampNanosecondArray::from(scaled(1_000_000_000))),
        Arc::new(Int64Array::from(scaled(1))),
        Arc::new(Int64Array::from(scaled(1_000))),
        Arc::new(UInt64Array::from_iter_values(scaled(1_000_000_000).into_iter().map(|s| s as u64))),
        Arc::new(Float64Array::from_iter_values(seconds.iter().map(|s| *s as f64))),
        Arc::new(texts("")),
        Arc::new(texts("+00:00")),
    ];
    for form in forms {
        let kind = form.data_type().clone();
        let mut file = open(parquet(candle_columns(form), Compression::UNCOMPRESSED));
        assert_eq!(file.interval().to_string(), "1m", "{kind}");
        let (candles, lines, bad) = drain(&mut file);
        assert_eq!(bad, [""; 0], "{kind}");
        assert_eq!(candles.iter().map(|c| c.ts.0 / 1000).collect::<Vec<_>>(), seconds, "{kind}");
        assert_eq!((candles[7].open, candles[7].high, candles[7].volume), (8.0, 9.0, 7.0));
        assert_eq!((lines[0], lines[129]), (1, 130));
        assert_eq!(file.bytes_read(), file.total_bytes());
    }
}

#[test]
fn every_common_compression_is_read() {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    for compression in
        [Compression::SNAPPY, zstd, Compression::LZ4_RAW, Compression::GZIP(Default::default())]
    {
        let time = Arc::new(Int64Array::from_iter_values((0..60).map(|i| 1_700_000_000 + i)));
        assert_eq!(drain(&mut open(parquet(candle_columns(time), compression))).0.len(), 60, "{compression}");
    }
}

#[test]
fn dates_and_ticks_work_from_parquet_too() {
    let days: ArrayRef = Arc::new(Date32Array::from_iter_values(0..10));
    let mut file = open(parquet(candle_columns(days), Compression::SNAPPY));
    assert_eq!(file.interval().to_string(), "1d");
    assert_eq!(drain(&mut file).0.len(), 10);

    let ticks: Vec<(&str, ArrayRef)> = vec![
        ("ts", Arc::new(TimestampMillisecondArray::from_iter_values((0..100).map(|i| i * 1_000)))),
        ("bid", Arc::new(Float32Array::from_iter_values((0..100).map(|i| i as f32)))),
        ("ask", Arc::new(Float32Array::from_iter_values((0..100).map(|i| i as f32 + 2.0)))),
    ];
    let (candles, ..) = drain(&mut open(parquet(ticks, Compression::SNAPPY)));
    assert_eq!(
        candles.iter().map(|c| (c.open, c.close, c.volume)).collect::<Vec<_>>(),
        [(1.0, 60.0, 60.0), (61.0, 100.0, 40.0)]
    );
}

#[test]
fn a_null_in_a_row_is_a_bad_row() {
    let time: ArrayRef = Arc::new(Int64Array::from(vec![Some(1_700_000_000), None, Some(1_700_000_120)]));
    let chosen = ReadOptions { interval: interval("1m"), ..options() };
    let bytes = parquet(candle_columns(time), Compression::SNAPPY);
    let (candles, _, bad) = drain(&mut CandleFile::from_bytes("x.parquet", bytes, &chosen).unwrap());
    assert_eq!((candles.len(), bad), (2, vec!["x.parquet:2: time is missing".to_string()]));
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic() {
    let time: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200).map(|i| 1_700_000_000 + i)));
    let whole = parquet(candle_columns(time), Compression::SNAPPY);
    assert!(matches!(
        CandleFile::from_bytes("x.parquet", b"not parquet at all".to_vec(), &options()),
        Err(FileError::Damaged { .. })
    ));
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let mut bytes = whole.clone();
        bytes.truncate(rng.usize(whole.len() / 2..=whole.len()));
        for _ in 0..rng.usize(1..20) {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
        if let Ok(mut file) = CandleFile::from_bytes("x.parquet", bytes, &options()) {
            while let Ok(Some(_)) = file.next_batch() {}
        }
    }
}
