//! Fields of rows.

use super::{Field, fields, names, text, time};
use gapless_model::{Candle, MetricRows, Rows, UnixMillis, UnixNanos};

#[test]
fn numbers_read_back_equal() {
    for value in [0.1, 1.0 / 3.0, 46319.0, 1e300, 5e-324, -0.0, 2300413.7295] {
        let printed = text(&Field::Number(Some(value)));
        assert_eq!(printed.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{printed}");
    }
}

#[test]
fn a_missing_value_is_empty() {
    let rows = Rows::Metrics(MetricRows {
        columns: ["load".to_owned(), "free".to_owned()].into(),
        ts: vec![UnixNanos(1)],
        values: vec![f64::NAN, 2.0],
    });
    assert_eq!(names(&rows), ["load", "free"]);
    let printed: Vec<String> = fields(&rows, 0).iter().map(text).collect();
    assert_eq!(printed, ["", "2"]);
}

#[test]
fn times_are_printed_in_utc() {
    assert_eq!(time(UnixMillis(1_640_991_660_000).to_nanos()), "2021-12-31T23:01:00Z");
    assert_eq!(time(UnixNanos(1_640_991_660_295_000_001)), "2021-12-31T23:01:00.295000001Z");
}

#[test]
fn a_row_that_is_not_there_has_no_fields() {
    let candle = Candle { ts: UnixMillis(0), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    let rows = Rows::Candles(vec![candle]);
    assert_eq!(fields(&rows, 0).len(), 5);
    assert!(fields(&rows, 1).is_empty());
}
