use crate::*;

fn key(topic: &str) -> Result<StreamKey, KeyError> {
    topic.parse()
}

fn candle(ts: i64, price: f64) -> Candle {
    Candle { ts: UnixMillis(ts), open: price, high: price + 1.0, low: price - 1.0, close: price, volume: 2.0 }
}

#[test]
fn a_topic_reads_back_as_its_key() {
    let parsed = key("metrics.host.cpu-0.1s").unwrap();
    assert_eq!(parsed.topic(), "metrics.host.cpu-0.1s");
    assert_eq!(
        (parsed.kind(), parsed.source_id(), parsed.symbol(), parsed.interval()),
        (Kind::Metrics, "host", "cpu-0", "1s")
    );
}

#[test]
fn names_that_a_topic_cannot_carry_are_refused() {
    for topic in [
        "",
        "candles",
        "candles.a.b",
        "candles.a.b.1m.x",
        "candles..b.1m",
        "candles.a b.c.1m",
        "candles.ä.c.1m",
        "trades.a.b.1m",
    ] {
        assert!(key(topic).is_err(), "{topic}");
    }
    assert!(StreamKey::new(Kind::Candles, &"a".repeat(65), "b", "1m").is_err());
}

#[test]
fn intervals_print_with_their_largest_unit_and_refuse_nonsense() {
    for (text, seconds, printed) in
        [("1s", 1, "1s"), ("60s", 60, "1m"), ("90s", 90, "90s"), ("4h", 14_400, "4h"), ("7d", 604_800, "7d")]
    {
        let interval: Interval = text.parse().unwrap();
        assert_eq!((interval.seconds(), interval.to_string().as_str()), (seconds, printed));
    }
    for text in ["", "m", "0m", "01m", "-1m", "1.5m", "1w", "5", "1mm", "99999999999d", "+1m", "1 m", "ä"] {
        assert!(text.parse::<Interval>().is_err(), "{text}");
    }
}

#[test]
fn the_digest_does_not_care_how_rows_were_batched() {
    let rows: Vec<Candle> = (0..10).map(|i| candle(i * 60_000, 100.0 + i as f64)).collect();
    let whole = Digest::of(Seq(5), &Rows::Candles(rows.clone()));
    let parts = Digest::of(Seq(5), &Rows::Candles(rows[..3].to_vec()))
        + Digest::of(Seq(8), &Rows::Candles(rows[3..].to_vec()));
    assert_eq!(whole, parts);
    assert_eq!(
        whole - Digest::of(Seq(5), &Rows::Candles(rows[..3].to_vec())),
        Digest::of(Seq(8), &Rows::Candles(rows[3..].to_vec()))
    );
}

#[test]
fn the_digest_sees_a_swap_a_changed_value_and_a_renamed_column() {
    let (a, b) = (candle(0, 1.0), candle(1, 2.0));
    let digest = |rows: &[Candle]| Digest::of(Seq(1), &Rows::Candles(rows.to_vec()));
    assert_ne!(digest(&[a, b]), digest(&[b, a]));
    assert_ne!(digest(&[a]), digest(&[Candle { volume: 2.5, ..a }]));
    let metric = |name: &str| {
        Rows::Metrics(MetricRows {
            columns: [name.to_string()].into(),
            ts: vec![UnixNanos(1)],
            values: vec![f64::NAN],
        })
    };
    assert_eq!(Digest::of(Seq(1), &metric("load")), Digest::of(Seq(1), &metric("load")));
    assert_ne!(Digest::of(Seq(1), &metric("load")), Digest::of(Seq(1), &metric("cpu")));
}

#[test]
fn the_digest_takes_both_zeros_for_the_same_number() {
    let digest = |volume: f64| Digest::of(Seq(1), &Rows::Candles(vec![Candle { volume, ..candle(0, 1.0) }]));
    assert_eq!(digest(0.0), digest(-0.0));
}

#[test]
fn digests_match_the_values_published_in_the_schema_readme() {
    let candles = Rows::Candles(vec![Candle {
        ts: UnixMillis(1_640_991_660_000),
        open: 46319.0,
        high: 46385.0,
        low: 46319.0,
        close: 46377.0,
        volume: 2300413.7295,
    }]);
    let metrics = Rows::Metrics(MetricRows {
        columns: ["user".to_string(), "system".to_string()].into(),
        ts: vec![UnixNanos(1_700_000_000_000_000_000)],
        values: vec![0.25, f64::NAN],
    });
    let warnings = Rows::Warnings(vec![Warning {
        ts: UnixNanos(1),
        severity: Severity::Error,
        code: "disk_full".into(),
        subject: "journal".into(),
        message: "no space".into(),
    }]);
    let digests = [&candles, &metrics, &warnings].map(|rows| Digest::of(Seq(1), rows).to_string());
    assert_eq!(digests, ["34919af58e4e3ded", "37abec06537750d9", "b40c260f8bd847fb"].map(String::from));
}

#[test]
fn a_cut_batch_keeps_exactly_the_rows_in_range() {
    let batch = Batch {
        epoch: Epoch(7),
        start: Seq(10),
        digest: Digest(99),
        ..Batch::unsequenced(
            key("candles.a.b.1m").unwrap(),
            Flags::NONE,
            Rows::Candles((0..5).map(|i| candle(i, 1.0)).collect()),
        )
    };
    let cut = batch.clone().cut(SeqRange::new(Seq(12), Seq(100)));
    assert_eq!(
        (cut.start, cut.rows.len(), cut.rows.ts(0), cut.digest),
        (Seq(12), 3, Some(UnixMillis(2).to_nanos()), Digest(99))
    );
    let head = batch.clone().cut(SeqRange::new(Seq(0), Seq(11)));
    assert_eq!((head.start, head.rows.len(), head.digest), (Seq(10), 1, Digest(0)));
    assert!(batch.cut(SeqRange::new(Seq(20), Seq(30))).rows.is_empty());
}

#[test]
fn rows_that_no_chart_could_draw_are_named() {
    let reject = |rows: Rows| rows.validate().unwrap_err().to_string();
    let nan = Candle { close: f64::NAN, ..candle(0, 1.0) };
    assert_eq!(reject(Rows::Candles(vec![candle(0, 1.0), nan])), "row 1: close is NaN, not a finite number");
    assert!(
        reject(Rows::Candles(vec![Candle { high: 0.5, ..candle(0, 1.0) }])).contains("high 0.5 is below")
    );
    assert!(
        reject(Rows::Candles(vec![Candle { low: 1.5, high: 9.0, ..candle(0, 1.0) }]))
            .contains("low 1.5 is above")
    );
    let ragged = MetricRows {
        columns: ["a".to_string(), "b".to_string()].into(),
        ts: vec![UnixNanos(0)],
        values: vec![1.0],
    };
    assert!(reject(Rows::Metrics(ragged)).contains("do not fill"));
    let twice = MetricRows {
        columns: ["a".to_string(), "a".to_string()].into(),
        ts: vec![UnixNanos(0)],
        values: vec![1.0, 2.0],
    };
    assert!(reject(Rows::Metrics(twice)).contains("named twice"));
}

#[test]
fn a_complaint_stays_short_whatever_it_is_about() {
    let extreme = Candle { high: 5e-324, low: -f64::MAX, ..candle(0, 1e300) };
    let long =
        MetricRows { columns: ["x".repeat(100_000)].into(), ts: vec![UnixNanos(0)], values: vec![1.0] };
    for rows in [Rows::Candles(vec![extreme]), Rows::Metrics(long)] {
        let complaint = rows.validate().unwrap_err().to_string();
        assert!(complaint.len() < 200, "{complaint}");
    }
}

#[test]
fn ranges_are_half_open_and_never_wrap() {
    let range = SeqRange::of_len(Seq(u64::MAX - 1), 10);
    assert_eq!((range.end(), range.len()), (Seq(u64::MAX), 1));
    assert!(SeqRange::new(Seq(5), Seq(3)).is_empty());
    assert_eq!(
        SeqRange::new(Seq(1), Seq(5)).intersect(SeqRange::new(Seq(3), Seq(9))),
        SeqRange::new(Seq(3), Seq(5))
    );
    assert_eq!(SeqRange::new(Seq(1), Seq(5)).to_string(), "1..4");
}

#[test]
fn streams_are_ordered_part_by_part_and_not_as_text() {
    let [one, other] =
        ["candles.a.b.1m", "candles.a-x.b.1m"].map(|topic| topic.parse::<StreamKey>().unwrap());
    assert!(one < other && one.topic() > other.topic());
    assert_eq!((one.source_id(), one.symbol(), one.interval()), ("a", "b", "1m"));
}

#[test]
fn rows_are_put_together_only_when_they_are_of_one_kind_and_have_the_same_columns() {
    let metrics = |name: &str| {
        Rows::Metrics(MetricRows {
            columns: [name.to_owned()].into(),
            ts: vec![UnixNanos(1)],
            values: vec![2.0],
        })
    };
    let mut rows = metrics("x");
    rows.append(metrics("x")).unwrap();
    assert_eq!(rows.len(), 2);
    for other in [metrics("y"), Rows::empty(Kind::Candles)] {
        assert_eq!(rows.append(other.clone()), Err(other));
    }
    assert_eq!(rows.len(), 2);
    rows.validate().unwrap();
}

/// What the fuzzer found worth keeping, replayed on every run.
#[test]
fn the_committed_corpus_of_names_is_read_without_a_panic() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/names");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        crate::fuzzing::names(&std::fs::read(file.unwrap().path()).unwrap());
    }
}
