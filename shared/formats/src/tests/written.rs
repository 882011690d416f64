//! What is written reads back exactly, in both forms and of every kind.

use crate::{FileError, FileForm, RowReader, RowWriter};
use gapless_model::*;
use std::path::Path;

const FORMS: [FileForm; 2] = [FileForm::Csv, FileForm::Parquet];

fn batch(topic: &str, start: u64, rows: Rows) -> Batch {
    Batch { start: Seq(start), ..Batch::unsequenced(topic.parse().unwrap(), Flags::NONE, rows) }
}

fn candles(count: u32) -> Rows {
    let candle = |n: u32| {
        let open = 1.0 + f64::from(n) / 3.0;
        let ts = UnixMillis(1_700_000_000_001 + i64::from(n) * 60_000);
        Candle { ts, open, high: open * 1.1, low: open / 7.0, close: open, volume: 1e-9 * f64::from(n) }
    };
    Rows::Candles((0..count).map(candle).collect())
}

fn metrics(columns: &[&str], values: &[f64]) -> Rows {
    let rows = values.len() / columns.len();
    Rows::Metrics(MetricRows {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        ts: (0..rows).map(|n| UnixNanos(-5 + n as i64 * 1_000_000_007)).collect(),
        values: values.to_vec(),
    })
}

fn warnings() -> Rows {
    let warning = |n: i64| Warning {
        ts: UnixNanos(1_700_000_000_000_000_001 + n),
        severity: [Severity::Info, Severity::Warning, Severity::Error][n as usize % 3],
        code: format!("code_{n}"),
        subject: if n == 0 { String::new() } else { "candles.a.b.1m".into() },
        message: "a \"quoted\", text;\nof two lines, ä".into(),
    };
    Rows::Warnings((0..7).map(warning).collect())
}

fn write(path: &Path, form: FileForm, columns: &[String], batches: &[Batch]) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = RowWriter::begin(file, form, batches[0].kind(), columns).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
}

/// Number of rows and their digest.
fn sum<'a>(parts: impl Iterator<Item = (Seq, &'a Rows)>) -> (usize, Digest) {
    parts.fold((0, Digest::default()), |(count, digest), (start, rows)| {
        (count + rows.len(), digest + Digest::of(start, rows))
    })
}

fn read(path: &Path, form: FileForm, kind: Kind) -> Result<Vec<(Seq, Rows)>, FileError> {
    RowReader::open(path, form, kind)?.collect()
}

#[test]
fn rows_of_every_kind_read_back_with_the_same_digest() {
    let folder = tempfile::tempdir().unwrap();
    let nan = f64::NAN;
    let columns = ["a".to_owned(), "b, c".to_owned()];
    for (name, rows, columns) in [
        ("candles.a.b.1m", candles(2500), &[][..]),
        ("metrics.a.b.1s", metrics(&["a", "b, c"], &[1.5, nan, nan, nan, -0.0, 5e-324]), &columns),
        ("warnings.a.b.1s", warnings(), &[]),
    ] {
        let whole = batch(name, 41, rows);
        let parts = [
            whole.clone().cut(SeqRange::new(Seq(41), Seq(43))),
            whole.clone().cut(SeqRange::new(Seq(43), Seq(9999))),
        ];
        for form in FORMS {
            let path = folder.path().join(format!("{name}.{form}"));
            write(&path, form, columns, &parts);
            let back = read(&path, form, whole.kind()).unwrap();
            assert_eq!(back[0].0, Seq(41), "{name} {form}");
            let back = sum(back.iter().map(|(start, rows)| (*start, rows)));
            assert_eq!(back, sum([(whole.start, &whole.rows)].into_iter()), "{name} {form}");
        }
    }
}

#[test]
fn a_hole_in_the_sequences_parts_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let batches = [batch("candles.a.b.1m", 1, candles(3)), batch("candles.a.b.1m", 7, candles(2))];
    for form in FORMS {
        let path = folder.path().join(format!("x.{form}"));
        write(&path, form, &[], &batches);
        let back = read(&path, form, Kind::Candles).unwrap();
        let places: Vec<(u64, usize)> = back.iter().map(|(start, rows)| (start.0, rows.len())).collect();
        assert_eq!(places, [(1, 3), (7, 2)], "{form}");
    }
}

#[test]
fn times_beyond_nanoseconds_survive() {
    let folder = tempfile::tempdir().unwrap();
    let candle = |ts| Candle { ts: UnixMillis(ts), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    let rows = Rows::Candles(vec![candle(32_503_680_000_000), candle(i64::MAX)]);
    for form in FORMS {
        let path = folder.path().join(format!("x.{form}"));
        write(&path, form, &[], &[batch("candles.a.b.1m", 1, rows.clone())]);
        assert_eq!(read(&path, form, Kind::Candles).unwrap(), [(Seq(1), rows.clone())], "{form}");
    }
}

#[test]
fn what_is_no_such_file_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    for form in FORMS {
        let path = folder.path().join(format!("x.{form}"));
        write(&path, form, &[], &[batch("candles.a.b.1m", 1, candles(50))]);
        assert!(read(&path, form, Kind::Warnings).is_err(), "{form}: rows of another kind");
        let bytes = std::fs::read(&path).unwrap();
        for damaged in [&bytes[..bytes.len() / 2], b"", b"seq,ts,open\n1,2,3\n", &[0xff; 100]] {
            std::fs::write(&path, damaged).unwrap();
            let whole = |rows: Vec<(Seq, Rows)>| rows.iter().map(|(_, rows)| rows.len()).sum::<usize>() == 50;
            assert!(!read(&path, form, Kind::Candles).is_ok_and(whole), "{form}: {} bytes", damaged.len());
        }
    }
    let missing = folder.path().join("none.csv");
    assert!(matches!(read(&missing, FileForm::Csv, Kind::Candles), Err(FileError::Io { .. })));
}
