//! Files for other programs.

use super::*;

#[test]
fn an_export_of_candles_has_a_line_per_row() {
    let (dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Rows(published(&key, 7, 1, 10))]).unwrap();
    let path = dir.path().join("out.csv");
    let range = SeqRange::new(Seq(3), Seq(6));
    assert_eq!(store.export(&key, range, &path, ExportFormat::Csv).unwrap(), 3);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "seq,ts,open,high,low,close,volume");
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("3,2023-11-14 22:16:20,100.75,"), "{}", lines[1]);
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_export_of_metrics_has_a_column_per_name_and_leaves_missing_values_out() {
    let (dir, mut store) = store();
    let key = key("metrics.host.cpu.1s");
    store.commit(vec![Change::Rows(batch(&key, 7, 1, 3)), Change::Rows(batch(&key, 7, 4, 1))]).unwrap();
    let path = dir.path().join("out.csv");
    assert_eq!(store.export(&key, all(), &path, ExportFormat::Csv).unwrap(), 4);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "seq,ts,cpu,mem 'x',\"load\"\"1\"");
    assert!(lines[3].ends_with(",3.0,,0.0"), "{}", lines[3]);
    assert!(lines[4].ends_with(",4.0,-0.0,"), "{}", lines[4]);
    let parquet = dir.path().join("out.parquet");
    assert_eq!(store.export(&key, all(), &parquet, ExportFormat::Parquet).unwrap(), 4);
    let query = format!("SELECT count(*), sum(cpu) FROM '{}'", parquet.display());
    let table = store.reader().query(&query).unwrap();
    assert_eq!(table.rows, [[Some("4".to_string()), Some("10.0".to_string())]]);
}

#[test]
fn a_failed_export_leaves_what_was_there() {
    let (dir, store) = store();
    let path = dir.path().join("folder");
    std::fs::create_dir(&path).unwrap();
    let result = store.export(&key(CANDLES), all(), &path, ExportFormat::Csv);
    assert!(matches!(result, Err(StoreError::File { .. })), "{result:?}");
    assert!(path.is_dir());
}
