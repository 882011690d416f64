use super::*;
use crate::Refusal;
use crate::sources::fake_journal::{FakeJournal, RunningJournal};
use crate::sources::tests::eventually;
use gapless_model::Rows;

fn stdin(journal: &RunningJournal, settings: StdinSettings, input: impl Read + Send + 'static) -> Stdin {
    let progress = Arc::new(Progress::new("test"));
    Stdin::new(&settings, input, journal.intake.clone(), Shutdown::new(), progress).unwrap()
}

fn key(topic: &str) -> StreamKey {
    topic.parse().unwrap()
}

fn to(topic: &str) -> StdinSettings {
    StdinSettings { topic: topic.into(), ..StdinSettings::default() }
}

fn values(batches: Vec<Rows>) -> Vec<(Vec<String>, f64)> {
    let values = |rows| match rows {
        Rows::Metrics(rows) => {
            rows.values.iter().map(|value| (rows.columns.to_vec(), *value)).collect::<Vec<_>>()
        }
        other => panic!("not metrics: {other:?}"),
    };
    batches.into_iter().flat_map(values).collect()
}

#[test]
fn every_line_arrives_in_order_and_the_end_of_input_ends_the_source() {
    let journal = FakeJournal::new(4).spawn(|| None);
    let text: String = (1..=5_000).map(|n| format!("{{\"ts\":{n},\"n\":{n}}}\n")).collect();
    let source = stdin(&journal, to("metrics.a.b.1s"), std::io::Cursor::new(text));
    let progress = source.progress.clone();
    source.run().unwrap();
    let read: Vec<f64> =
        values(journal.rows(&key("metrics.a.b.1s"))).into_iter().map(|(_, value)| value).collect();
    assert_eq!(read, (1..=5_000).map(f64::from).collect::<Vec<_>>());
    assert_eq!((progress.read(), progress.delivered(), progress.bad()), (5_000, 5_000, 0));
}

#[test]
fn a_line_may_name_its_stream_and_other_columns_begin_a_batch() {
    let journal = FakeJournal::new(100).spawn(|| None);
    let text = "{\"topic\":\"metrics.a.x.1s\",\"ts\":1,\"p\":1}\n\
                {\"topic\":\"warnings.a.y.1s\",\"ts\":2,\"code\":\"late\"}\n\
                {\"ts\":3,\"q\":3,\"topic\":\"metrics.a.x.1s\"}\n\
                {\"ts\":4,\"open\":1,\"high\":1,\"low\":1,\"close\":1}\n";
    stdin(&journal, to("candles.a.z.1m"), text.as_bytes()).run().unwrap();
    let expected = vec![(vec!["p".to_string()], 1.0), (vec!["q".to_string()], 3.0)];
    assert_eq!(values(journal.rows(&key("metrics.a.x.1s"))), expected);
    assert_eq!(journal.rows(&key("warnings.a.y.1s")).len(), 1);
    assert_eq!(journal.rows(&key("candles.a.z.1m")).len(), 1);
}

#[test]
fn a_bad_line_is_skipped_and_counted_or_ends_a_strict_source() {
    let text = "{\"ts\":1,\"n\":1}\nnonsense\n{\"ts\":2}{}\n{\"ts\":3,\"n\":3}\n";
    let journal = FakeJournal::new(100).spawn(|| None);
    let source = stdin(&journal, to("metrics.a.b.1s"), text.as_bytes());
    let progress = source.progress.clone();
    source.run().unwrap();
    assert_eq!((progress.delivered(), progress.bad()), (2, 2));

    let journal = FakeJournal::new(100).spawn(|| None);
    let strict = StdinSettings { strict: true, ..to("metrics.a.b.1s") };
    let error = stdin(&journal, strict, text.as_bytes()).run().unwrap_err();
    assert!(matches!(error, SourceError::BadLine { line: 2, .. }), "{error}");
    assert_eq!(values(journal.rows(&key("metrics.a.b.1s"))).len(), 1, "what came before it is delivered");
}

#[test]
fn a_line_without_any_stream_is_a_bad_line() {
    let journal = FakeJournal::new(100).spawn(|| None);
    let source = stdin(&journal, StdinSettings::default(), &b"{\"ts\":1,\"n\":1}\n"[..]);
    let progress = source.progress.clone();
    source.run().unwrap();
    assert_eq!((progress.bad(), journal.keys().len()), (1, 0));
}

/// An input that gives one line and then stays open.
struct Open(Option<&'static [u8]>, Receiver<()>);

impl Read for Open {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.take() {
            Some(bytes) => {
                buffer[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            None => {
                let _ = self.1.recv();
                Ok(0)
            }
        }
    }
}

#[test]
fn a_lone_line_is_delivered_though_the_input_stays_open_and_the_stop_is_heard() {
    let journal = FakeJournal::new(100).spawn(|| None);
    let (close, closed) = bounded(0);
    let source = stdin(&journal, to("metrics.a.b.1s"), Open(Some(b"{\"ts\":1,\"n\":1}\n"), closed));
    let shutdown = source.shutdown.clone();
    let thread = std::thread::spawn(|| source.run());
    eventually("the line", || journal.keys().len() == 1);
    shutdown.request();
    thread.join().unwrap().unwrap();
    drop(close);
}

#[test]
fn a_busy_and_failing_journal_delays_lines_and_loses_none() {
    let mut n = 0u32;
    let journal = FakeJournal::new(1).spawn(move || {
        n += 1;
        n.is_multiple_of(3).then_some(Refusal::NoSpace { retry_after_ms: 1 })
    });
    let text: String = (1..=300).map(|n| format!("{{\"ts\":{n},\"n\":{n}}}\n")).collect();
    let settings = StdinSettings { batch_rows: 10, ..to("metrics.a.b.1s") };
    stdin(&journal, settings, std::io::Cursor::new(text)).run().unwrap();
    let read: Vec<f64> =
        values(journal.rows(&key("metrics.a.b.1s"))).into_iter().map(|(_, value)| value).collect();
    assert_eq!(read, (1..=300).map(f64::from).collect::<Vec<_>>());
}
