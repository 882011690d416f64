use super::*;

fn file(sql: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("theirs.duckdb");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (dir, path)
}

#[test]
fn texts_come_in_the_order_of_the_file_and_missing_ones_are_empty() {
    let (_dir, path) = file(
        "CREATE TABLE universe (symbol VARCHAR, name VARCHAR, rank INTEGER); \
                             INSERT INTO universe VALUES ('B', 'second', 2), ('A', NULL, 1)",
    );
    let rows = ForeignFile::open(&path).unwrap().texts("universe", &["symbol", "name", "rank"]).unwrap();
    assert_eq!(rows, [["B", "second", "2"], ["A", "", "1"]].map(|row| row.map(String::from)));
}

#[test]
fn candles_come_by_symbol_in_the_order_of_time_whatever_type_their_time_has() {
    for (kind, first, second) in [
        ("BIGINT", "1000", "2000"),
        ("TIMESTAMP", "'1970-01-01 00:00:01'", "'1970-01-01 00:00:02'"),
        ("TIMESTAMP WITH TIME ZONE", "'1970-01-01 00:00:01+00'", "'1970-01-01 00:00:02+00'"),
    ] {
        let (_dir, path) = file(&format!(
            "CREATE TABLE bars (ts {kind}, symbol VARCHAR, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, \
             volume DOUBLE); INSERT INTO bars VALUES ({second}, 'X', 1, 2, 0.5, 1.5, 7), \
             ({first}, 'X', 1, 2, 0.5, 1.5, 6), ({first}, 'Y', 1, 1, 1, 1, 0)"
        ));
        let candles = ForeignFile::open(&path).unwrap().candles("bars", 10).unwrap();
        let times = |symbol: &str| {
            let rows = &candles[&Some(symbol.to_owned())].rows;
            rows.iter().map(|candle| (candle.ts.0, candle.volume)).collect::<Vec<_>>()
        };
        assert_eq!((times("X"), times("Y")), (vec![(1000, 6.0), (2000, 7.0)], vec![(1000, 0.0)]), "{kind}");
    }
}

#[test]
fn rows_that_were_generated_are_told_from_measured_ones_by_symbol() {
    let (_dir, path) = file(
        "CREATE TABLE bars (ts BIGINT, symbol VARCHAR, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, \
         volume DOUBLE, simulated BOOLEAN); INSERT INTO bars VALUES (1000, 'X', 1, 1, 1, 1, 1, NULL), \
         (1000, 'Y', 1, 1, 1, 1, 1, false), (2000, 'Y', 1, 1, 1, 1, 1, true)",
    );
    let candles = ForeignFile::open(&path).unwrap().candles("bars", 10).unwrap();
    let simulated: Vec<bool> = candles.values().map(|symbol| symbol.simulated).collect();
    assert_eq!(simulated, [false, true]);
}

#[test]
fn a_table_or_a_view_is_there_or_not() {
    let (_dir, path) = file("CREATE TABLE symbols (a INTEGER); CREATE VIEW other AS SELECT a FROM symbols");
    let file = ForeignFile::open(&path).unwrap();
    let there = ["symbols", "Other", "universe"].map(|name| file.has_table(name).unwrap());
    assert_eq!(there, [true, true, false]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let (_dir, path) = file("CREATE TABLE bars (open DOUBLE)");
    let refused = |table: &str| ForeignFile::open(&path).unwrap().candles(table, 10).unwrap_err().to_string();
    assert!(refused("bars").contains("no column ts"), "{}", refused("bars"));
    assert!(refused("nothing").contains("nothing"), "{}", refused("nothing"));
    let absent = ForeignFile::open(Path::new("absent.duckdb")).err().unwrap().to_string();
    assert!(absent.contains("absent.duckdb"), "{absent}");
}

#[test]
fn a_row_that_is_no_candle_and_too_many_rows_are_refused() {
    let (_dir, path) = file(
        "CREATE TABLE bars (ts BIGINT, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, \
                             volume DOUBLE); INSERT INTO bars VALUES (1000, 1, 0.5, 1, 1, 1), (2000, 1, 1, 1, 1, 1)",
    );
    let file = ForeignFile::open(&path).unwrap();
    let wrong = file.candles("bars", 10).unwrap_err().to_string();
    assert!(wrong.contains("row 0"), "{wrong}");
    assert!(file.candles("bars", 1).unwrap_err().to_string().contains("more than 1 rows"));
}
