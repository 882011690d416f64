use super::*;
use gapless::{Candle, MetricRows, Rows, UnixMillis, UnixNanos};

fn row(text: &str) -> (String, Seq, Digest) {
    match parse(text.as_bytes()).unwrap() {
        Some(Said::Row { topic, seq, digest }) => (topic, seq, digest),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_row_is_known_by_its_digest_or_by_its_values() {
    let candle =
        Candle { ts: UnixMillis(1_700_000_000_000), open: 1.0, high: 2.0, low: 0.5, close: 1.5, volume: 7.0 };
    let digest = Digest::of(Seq(4), &Rows::Candles(vec![candle]));
    let topic = "candles.dev.X.1s";
    for text in [
        format!(r#"{{"stream":"{topic}","sequence":4,"digest":"{digest}"}}"#),
        format!(r#"{{"stream":"{topic}","seq":4,"digest":{}}}"#, digest.0),
        format!(
            r#"{{"stream":"{topic}","sequence":4,"ts":1700000000000,"open":1,"high":2,"low":0.5,"close":1.5,"volume":7}}"#
        ),
        format!(
            r#"{{"stream":"{topic}","epoch":9,"seq":4,"ts":"2023-11-14T22:13:20Z","simulated":true,
            "values":{{"open":1.0,"high":2.0,"low":0.5,"close":1.5,"volume":7.0}}}}"#
        ),
    ] {
        assert_eq!(row(&text), (topic.to_owned(), Seq(4), digest), "{text}");
    }
}

#[test]
fn columns_of_metrics_keep_their_order() {
    let rows = MetricRows {
        columns: vec!["z".into(), "a".into()].into(),
        ts: vec![UnixNanos(5)],
        values: vec![1.0, 2.0],
    };
    let digest = Digest::of(Seq(1), &Rows::Metrics(rows));
    let text = r#"{"stream":"metrics.dev.X.1s","sequence":1,"ts":"1970-01-01T00:00:00.000000005Z","values":{"z":1,"a":2}}"#;
    assert_eq!(row(text).2, digest);
}

#[test]
fn what_was_told_is_read_and_other_events_are_passed_over() {
    let said = |text: &str| parse(text.as_bytes()).unwrap();
    let topic = || "candles.dev.X.1s".to_owned();
    assert_eq!(
        said(r#"{"event":"truncated","stream":"candles.dev.X.1s","from":3,"to":5}"#),
        Some(Said::Truncated { topic: topic(), range: SeqRange::new(Seq(3), Seq(6)) })
    );
    assert_eq!(
        said(r#"{"event":"reset","stream":"candles.dev.X.1s"}"#),
        Some(Said::Void { topic: topic(), what: Expectation::Reset })
    );
    assert_eq!(said(r#"{"event":"health","stream":"candles.dev.X.1s","health":"stalled"}"#), None);
}

#[test]
fn a_line_that_cannot_be_judged_says_what_it_lacks() {
    for (text, says) in [
        ("[1]", "JSON object"),
        (r#"{"sequence":1}"#, "stream"),
        (r#"{"stream":"candles.dev.X.1s"}"#, "sequence"),
        (r#"{"stream":"candles.dev.X.1s","sequence":1,"digest":"zz"}"#, "digest"),
        (r#"{"stream":"nonsense","sequence":1,"ts":1}"#, "nonsense"),
        (r#"{"stream":"candles.dev.X.1s","sequence":1,"open":1}"#, "time"),
        (r#"{"event":"truncated","stream":"candles.dev.X.1s"}"#, "from"),
    ] {
        let error = format!("{:#}", parse(text.as_bytes()).unwrap_err());
        assert!(error.contains(says), "{text}: {error}");
    }
}
