//! What was written reads back equal.

use super::RowFile;
use gapless::{Batch, Candle, Epoch, Flags, Kind, MetricRows, Rows, Seq, UnixMillis, UnixNanos};
use gapless_formats::{CandleFile, FileForm, ReadOptions};

fn candles() -> Vec<Candle> {
    (0..500)
        .map(|n| {
            let open = 1.0 + f64::from(n) / 3.0;
            let ts = UnixMillis(1_700_000_040_000 + i64::from(n) * 60_000);
            Candle { ts, open, high: open * 1.1, low: open / 7.0, close: open, volume: 1e-9 * f64::from(n) }
        })
        .collect()
}

fn batch(key: &str, rows: Rows) -> Batch {
    Batch { epoch: Epoch(1), start: Seq(1), ..Batch::unsequenced(key.parse().unwrap(), Flags::NONE, rows) }
}

#[test]
fn candles_survive_both_forms_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("x-1m.csv", FileForm::Csv), ("x-1m.parquet", FileForm::Parquet)] {
        let path = folder.path().join(name);
        assert_eq!(FileForm::of(&path), Some(format));
        let mut file = RowFile::create(&path, format, Kind::Candles, &[]).unwrap();
        file.write(&batch("candles.a.b.1m", Rows::Candles(candles()))).unwrap();
        assert!(!path.exists(), "a file appears only when it is whole");
        file.finish().unwrap();
        let mut read =
            CandleFile::open(&path, &ReadOptions { batch_rows: 10_000, ..ReadOptions::default() }).unwrap();
        let back = read.next_batch().unwrap().unwrap();
        assert_eq!(back.candles, candles(), "{name}");
        assert!(back.bad.is_empty());
    }
}

#[test]
fn metrics_whose_columns_changed_have_empty_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.csv");
    let columns = ["a".to_owned(), "b".to_owned()];
    let mut file = RowFile::create(&path, FileForm::Csv, Kind::Metrics, &columns).unwrap();
    for (column, value) in [("b", 2.5), ("a", f64::NAN)] {
        let rows =
            MetricRows { columns: [column.to_owned()].into(), ts: vec![UnixNanos(5)], values: vec![value] };
        file.write(&batch("metrics.a.b.1s", Rows::Metrics(rows))).unwrap();
    }
    file.finish().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "seq,ts,a,b\n1,1970-01-01T00:00:00.000000005Z,,2.5\n1,1970-01-01T00:00:00.000000005Z,,\n"
    );
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = RowFile::create(&missing.join("rows.csv"), FileForm::Csv, Kind::Candles, &[]).err().unwrap();
    assert!(error.to_string().ends_with(&format!("there is no folder {}", missing.display())), "{error}");
}
