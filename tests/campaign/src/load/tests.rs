use super::*;

fn lane(topic: &str) -> Lane {
    Lane { number: 7, key: topic.parse().unwrap() }
}

#[test]
fn every_row_tells_where_it_comes_from_and_is_valid() {
    for topic in ["candles.a.b.1s", "metrics.a.b.1s"] {
        let rows = lane(topic).rows(120, 3);
        assert_eq!(rows.validate(), Ok(()));
        assert_eq!(origins(&rows), [(7, 120), (7, 121), (7, 122)]);
    }
}

#[test]
fn sixty_rows_are_the_bar_that_is_expected_of_them() {
    let Rows::Candles(rows) = lane("candles.a.b.1s").rows(60, 60) else { panic!("candles") };
    let bar = Candle {
        ts: rows[0].ts,
        open: rows[0].open,
        high: rows.iter().map(|row| row.high).fold(f64::MIN, f64::max),
        low: rows.iter().map(|row| row.low).fold(f64::MAX, f64::min),
        close: rows[59].close,
        volume: rows.iter().map(|row| row.volume).sum(),
    };
    assert!(is_bar(&bar, 7, 1));
    assert!(!is_bar(&bar, 7, 2));
    assert_eq!(rows[0].ts.0 % 60_000, 0);
    // A bar is closed by the row that fills it.
    assert_eq!([closed_bars(0), closed_bars(59), closed_bars(60), closed_bars(121)], [0, 0, 1, 2]);
}

#[test]
fn a_body_is_one_line_a_row() {
    let body = lane("candles.a.b.1s").ndjson(0, 2);
    assert_eq!(body.lines().count(), 2);
    assert!(body.starts_with(r#"{"ts":1699999980000,"open":0,"high":1,"low":-1,"close":0.5,"volume":7}"#));
}
