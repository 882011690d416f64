use crate::{BodyError, BodyFormat, PushError, Row, RowsBuilder, parse_body};
use gapless_model::{
    Candle, Kind, MAX_ROWS_PER_BATCH, MetricRows, Rows, Severity, UnixMillis, UnixNanos, Warning,
};
use proptest::prelude::*;

fn parsed(kind: Kind, format: BodyFormat, body: &str) -> Rows {
    parse_body(kind, format, body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn refused(kind: Kind, format: BodyFormat, body: &str) -> (u64, String) {
    match parse_body(kind, format, body.as_bytes()).expect_err(body) {
        BodyError::Row { row, reason } => (row, reason),
        other => (0, other.to_string()),
    }
}

#[test]
fn the_three_forms_of_candles_read_equal() {
    let expected = Rows::Candles(vec![
        Candle { ts: UnixMillis(1_700_000_000_000), open: 1.0, high: 3.0, low: 0.5, close: 2.0, volume: 7.5 },
        Candle { ts: UnixMillis(1_700_000_060_000), open: 2.0, high: 2.0, low: 2.0, close: 2.0, volume: 0.0 },
    ]);
    for (format, body) in [
        (
            BodyFormat::Ndjson,
            "{\"ts\":1700000000,\"open\":1,\"high\":3,\"low\":0.5,\"close\":2,\"volume\":7.5}\n\n{\"time\":\"2023-11-14T22:14:20Z\",\"o\":\"2\",\"h\":2,\"l\":2,\"c\":2}",
        ),
        (
            BodyFormat::Json,
            " [ {\"timestamp\":1700000000000,\"Open\":1,\"HIGH\":3,\"low\":0.5,\"close\":2,\"volume\":7.5,\"trades\":[1,{}]},\n {\"ts\":1700000060.0,\"open\":2,\"high\":2,\"low\":2,\"close\":2,\"volume\":null}] ",
        ),
        (
            BodyFormat::Csv,
            "\u{feff}time;open;high;low;close;volume\r\n1700000000;1;3;0.5;2;7.5\r\n2023-11-14 22:14:20;2;2;2;2;\r\n",
        ),
    ] {
        assert_eq!(parsed(Kind::Candles, format, body), expected, "{body}");
    }
}

#[test]
fn the_first_row_of_metrics_fixes_the_columns_and_what_is_missing_is_nan() {
    let expected = Rows::Metrics(MetricRows {
        columns: ["b".to_string(), "a".to_string()].into(),
        ts: vec![
            UnixNanos(1_700_000_000_000_000_001),
            UnixNanos(1_700_000_001_000_000_000),
            UnixNanos(1_700_000_002_000_000_000),
        ],
        values: vec![1.0, 2.0, f64::NAN, 3.0, f64::NAN, f64::NAN],
    });
    for (format, body) in [
        (
            BodyFormat::Ndjson,
            "{\"ts\":1700000000000000001,\"b\":1,\"a\":2}\n{\"a\":3,\"ts\":1700000001}\n{\"b\":null,\"ts\":1700000002}",
        ),
        (
            BodyFormat::Json,
            "[{\"ts\":1700000000000000001,\"b\":1,\"a\":2},{\"ts\":1700000001,\"a\":3,\"b\":null},{\"ts\":1700000002}]",
        ),
        (BodyFormat::Csv, "ts,b,a\n1700000000000000001,1,2\n1700000001,,3\n1700000002,NaN\n"),
    ] {
        assert_eq!(parsed(Kind::Metrics, format, body), expected, "{body}");
    }
}

#[test]
fn warnings_read_in_every_form() {
    let warning = |severity, subject: &str, message: &str| Warning {
        ts: UnixNanos(5_000_000_000),
        severity,
        code: "stale_source".into(),
        subject: subject.into(),
        message: message.into(),
    };
    let expected = Rows::Warnings(vec![
        warning(Severity::Error, "candles.a.b.1m", "silent, for \"2 s\"\nor more"),
        warning(Severity::Info, "", ""),
    ]);
    for (format, body) in [
        (
            BodyFormat::Ndjson,
            "{\"ts\":5,\"severity\":\"ERROR\",\"code\":\"stale_source\",\"subject\":\"candles.a.b.1m\",\"message\":\"silent, for \\\"2 s\\\"\\nor more\"}\n{\"ts\":5,\"code\":\"stale_source\"}",
        ),
        (
            BodyFormat::Json,
            "[{\"ts\":5,\"severity\":2,\"code\":\"stale_source\",\"subject\":\"candles.a.b.1m\",\"message\":\"silent, for \\\"2 s\\\"\\nor more\"},{\"ts\":5,\"code\":\"stale_source\",\"severity\":0}]",
        ),
        (
            BodyFormat::Csv,
            "ts,severity,code,subject,message\n5,2,stale_source,candles.a.b.1m,\"silent, for \"\"2 s\"\"\nor more\"\n5,info,stale_source,,\n",
        ),
    ] {
        assert_eq!(parsed(Kind::Warnings, format, body), expected, "{body}");
    }
}

#[test]
fn a_refusal_names_the_row_and_the_reason() {
    use BodyFormat::{Csv, Json, Ndjson};
    let good = "{\"ts\":1,\"open\":1,\"high\":1,\"low\":1,\"close\":1}";
    for (kind, format, body, row, reason) in [
        (Kind::Candles, Ndjson, format!("{good}\n\n{{\"ts\":1}}"), 3, "neither open"),
        (
            Kind::Candles,
            Ndjson,
            format!("{good}\n{{\"ts\":1,\"open\":1,\"high\":0,\"low\":1,\"close\":1}}"),
            2,
            "high 0 is below",
        ),
        (Kind::Candles, Ndjson, format!("{good}\n{good}{good}"), 2, "trailing characters"),
        (
            Kind::Candles,
            Ndjson,
            "{\"ts\":true,\"open\":1,\"high\":1,\"low\":1,\"close\":1}".into(),
            1,
            "time is true or false",
        ),
        (
            Kind::Candles,
            Ndjson,
            "{\"ts\":1,\"open\":[1],\"high\":1,\"low\":1,\"close\":1}".into(),
            1,
            "open is a list",
        ),
        (Kind::Candles, Ndjson, "{\"ts\":1,\"ts\":2}".into(), 1, "there twice"),
        (Kind::Candles, Ndjson, "{\"ts\":1,\"price\":2}".into(), 1, "folded only by replay"),
        (Kind::Candles, Ndjson, "{\"open\":1}".into(), 1, "no column with the time"),
        (Kind::Candles, Ndjson, "{\"ts\":1,\"open\":1e999}".into(), 1, "number out of range, at column"),
        (Kind::Candles, Json, format!("[{good},{good},7]"), 3, "expected an object"),
        (
            Kind::Candles,
            Ndjson,
            "hello".into(),
            1,
            "expected a JSON object with the fields of one row, such as {",
        ),
        (Kind::Candles, Json, format!("[{good},"), 2, "EOF"),
        (Kind::Candles, Json, format!("[{good},{{\"ts\":1}}]"), 2, "neither open"),
        (Kind::Candles, Json, "nonsense".into(), 0, "not a JSON array of rows"),
        (Kind::Candles, Csv, "ts,open,high,low,close\n1,1,1,1,1\n1,1,1,1\n".into(), 3, "close is missing"),
        (
            Kind::Candles,
            Csv,
            "ts,open,high,low,close\n1,1,1,1,1,9\n".into(),
            2,
            "6 fields, but the header names 5",
        ),
        (
            Kind::Metrics,
            Ndjson,
            "{\"ts\":1,\"a\":1}\n{\"ts\":1,\"b\":1}".into(),
            2,
            "column \"b\" is not in the first row",
        ),
        (Kind::Metrics, Ndjson, "{\"ts\":1,\"a\":\"high\"}".into(), 1, "a is \"high\", not a number"),
        (Kind::Metrics, Ndjson, "{\"ts\":1}".into(), 1, "0 columns"),
        (Kind::Metrics, Ndjson, "{\"ts\":null,\"a\":1}".into(), 1, "time is missing"),
        (Kind::Metrics, Csv, "ts,a\n1,inf\n".into(), 2, "infinite"),
        (Kind::Metrics, Csv, "ts,a,a\n1,1,1\n".into(), 2, "named twice"),
        (Kind::Warnings, Ndjson, "{\"ts\":1,\"code\":\"x\",\"severity\":\"bad\"}".into(), 1, "severity is"),
        (Kind::Warnings, Ndjson, "{\"ts\":1,\"message\":\"x\"}".into(), 1, "no code"),
        (Kind::Warnings, Ndjson, "{\"ts\":1,\"code\":\"\"}".into(), 1, "code is empty"),
    ] {
        let (at, why) = refused(kind, format, &body);
        assert!(at == row && why.contains(reason), "{body}: row {at}: {why}");
    }
}

#[test]
fn a_number_is_read_to_the_last_bit() {
    let numbers = ["666620066666666666666666666666666666666662", "1.700000000002e18", "0.1", "5e-324"];
    for number in numbers {
        let exact: f64 = number.parse().unwrap();
        let json = parsed(Kind::Metrics, BodyFormat::Json, &format!("[{{\"ts\":1,\"a\":{number}}}]"));
        let csv = parsed(Kind::Metrics, BodyFormat::Csv, &format!("ts,a\n1,{number}\n"));
        let Rows::Metrics(read) = &json else { panic!("{json:?}") };
        assert_eq!((read.values[0].to_bits(), &json), (exact.to_bits(), &csv), "{number}");
    }
}

#[test]
fn a_long_text_in_the_wrong_place_is_not_repeated_whole() {
    let long = "a".repeat(60_000);
    for (format, body) in
        [(BodyFormat::Ndjson, format!("\"{long}\"")), (BodyFormat::Json, format!("[\"{long}\"]"))]
    {
        let (row, reason) = refused(Kind::Candles, format, &body);
        assert_eq!(row, 1);
        assert!(
            reason.starts_with("invalid type: string \"aaa") && reason.contains("..., at column"),
            "{reason}"
        );
        assert!(reason.len() < 300, "{} bytes", reason.len());
    }
}

#[test]
fn an_empty_body_and_one_with_too_many_rows_are_refused_whole() {
    for (format, body) in [
        (BodyFormat::Ndjson, "\n \n"),
        (BodyFormat::Json, "[]"),
        (BodyFormat::Csv, "ts,a\n"),
        (BodyFormat::Csv, ""),
    ] {
        assert_eq!(parse_body(Kind::Metrics, format, body.as_bytes()), Err(BodyError::Empty), "{body}");
    }
    let line = "{\"ts\":1,\"a\":1}\n";
    assert_eq!(
        parsed(Kind::Metrics, BodyFormat::Ndjson, &line.repeat(MAX_ROWS_PER_BATCH)).len(),
        MAX_ROWS_PER_BATCH
    );
    let body = line.repeat(MAX_ROWS_PER_BATCH + 1);
    assert_eq!(
        parse_body(Kind::Metrics, BodyFormat::Ndjson, body.as_bytes()),
        Err(BodyError::TooManyRows { limit: MAX_ROWS_PER_BATCH })
    );
}

#[test]
fn a_builder_keeps_what_was_good_when_a_row_is_refused() {
    let mut builder = RowsBuilder::new(Kind::Metrics);
    let push =
        |builder: &mut RowsBuilder, line: &str| builder.push(&Row::from_json(line.as_bytes()).unwrap());
    push(&mut builder, "{\"ts\":1,\"a\":1}").unwrap();
    assert!(matches!(push(&mut builder, "{\"ts\":2,\"a\":\"x\"}"), Err(PushError::Bad(_))));
    assert_eq!(push(&mut builder, "{\"ts\":2,\"b\":1}"), Err(PushError::NewColumn("b".into())));
    assert_eq!(builder.take().len(), 1);
    push(&mut builder, "{\"ts\":2,\"b\":1}").unwrap();
    assert_eq!(builder.len(), 1);
}

#[test]
fn a_text_field_is_taken_out_of_a_row() {
    let mut row = Row::from_json(b"{\"topic\":\"metrics.a.b.1s\",\"ts\":1,\"a\":1}").unwrap();
    assert_eq!(row.take_text("topic").as_deref(), Some("metrics.a.b.1s"));
    assert_eq!(row.take_text("topic"), None);
    assert_eq!(row.take_text("ts"), None);
}

proptest! {
    #[test]
    fn metrics_read_equal_from_every_form(rows in prop::collection::vec((1i64..2_000_000_000, any::<Option<f64>>(), -1e9f64..1e9), 1..50)) {
        let finite = |value: Option<f64>| value.filter(|v| v.is_finite());
        let rows: Vec<_> = rows.into_iter()
            // Eight digits may be a date; an epoch of seconds in our era has ten.
            .map(|(ts, a, b)| (ts + 1_000_000_000, finite(a), b)).collect();
        let json = |(ts, a, b): &(i64, Option<f64>, f64)| serde_json::json!({"ts": ts, "x": a, "y": b}).to_string();
        let lines: Vec<String> = rows.iter().map(json).collect();
        let csv = rows.iter().fold(String::from("ts,x,y\n"), |text, (ts, a, b)| {
            text + &format!("{ts},{},{b}\n", a.map(|a| a.to_string()).unwrap_or_default())
        });
        let expected = Rows::Metrics(MetricRows {
            columns: ["x".to_string(), "y".to_string()].into(),
            ts: rows.iter().map(|(ts, ..)| UnixNanos(ts * 1_000_000_000)).collect(),
            values: rows.iter().flat_map(|(_, a, b)| [a.unwrap_or(f64::NAN), *b]).collect(),
        });
        prop_assert_eq!(parsed(Kind::Metrics, BodyFormat::Csv, &csv), expected.clone());
        // JSON objects of serde_json are sorted by name, so the columns come in the same order.
        let sorted = |rows: Rows| match rows { Rows::Metrics(m) => (m.ts.clone(), m.values.len(), m.columns.len()), _ => unreachable!() };
        prop_assert_eq!(sorted(parsed(Kind::Metrics, BodyFormat::Ndjson, &lines.join("\n"))), sorted(expected.clone()));
        prop_assert_eq!(parsed(Kind::Metrics, BodyFormat::Json, &format!("[{}]", lines.join(","))), parsed(Kind::Metrics, BodyFormat::Ndjson, &lines.join("\r\n")));
    }

    #[test]
    fn what_is_taken_is_always_valid(body in "[\\[\\]{}\",:a-z0-9.\\-\n]{0,200}") {
        for kind in Kind::ALL {
            for format in [BodyFormat::Ndjson, BodyFormat::Json, BodyFormat::Csv] {
                if let Ok(rows) = parse_body(kind, format, body.as_bytes()) {
                    prop_assert!(rows.validate().is_ok() && !rows.is_empty());
                }
            }
        }
    }
}
