use super::*;
use crate::order::Order;
use crate::source::Recording;
use gapless_model::{Batch, Candle, Digest, Flags, Seq, SeqRange};
use gapless_wire::{
    BackfillCandlesRequest, BackfillRequest, BackfillResponse, ErrorCode, Limits, Message, PageRequest,
    decode, encode_message,
};
use std::collections::BTreeSet;

mod orders;
mod replies;

/// The wall clock when a test begins.
const BEGAN: i64 = 1_700_000_000_000;
const BTC: &str = "candles.dev.BTC-USD.1s";

/// The machine on a clock of its own, and all that came out of it.
struct Rig {
    upstream: Upstream<u32>,
    now_ms: u64,
    outputs: Vec<(u64, Output<u32>)>,
}

impl Rig {
    fn new(text: &str) -> Rig {
        Rig::of(Scenario::parse("mine", &format!("title = \"t\"\nclient = \"c\"\n{text}")).unwrap())
    }

    fn of(scenario: Scenario) -> Rig {
        let upstream =
            Upstream::new(scenario, BTreeMap::new(), true, MonoTime(0), UnixMillis(BEGAN)).unwrap();
        Rig { upstream, now_ms: 0, outputs: Vec::new() }
    }

    fn now(&self) -> (MonoTime, UnixMillis) {
        (MonoTime(self.now_ms * 1_000_000), UnixMillis(BEGAN + self.now_ms as i64))
    }

    fn drain(&mut self) {
        while let Some(output) = self.upstream.poll_output() {
            self.outputs.push((self.now_ms, output));
        }
    }

    /// Lets time pass until `ms`, waking the machine when it wants to be.
    fn run_to(&mut self, ms: u64) {
        let (mut wakes, until) = (0, MonoTime(ms * 1_000_000));
        while let Some((at, why)) = self.upstream.poll_timeout().filter(|(at, _)| *at <= until) {
            wakes += 1;
            assert!(wakes < 100_000, "it does not rest at {} ms because {why}", self.now_ms);
            self.now_ms = self.now_ms.max(at.0.div_ceil(1_000_000));
            let (now, wall) = self.now();
            self.upstream.handle_timeout(now, wall);
            self.drain();
        }
        self.now_ms = ms;
    }

    fn order(&mut self, stream: Option<&str>, command: &str) {
        let (now, wall) = self.now();
        self.upstream.handle_order(&order(stream, command), now, wall).unwrap();
        self.drain();
    }

    fn ask(&mut self, request: Message) {
        let (now, wall) = self.now();
        self.upstream.handle_request(7, &encode_message(&request, "mine"), now, wall);
        self.upstream.handle_timeout(now, wall);
        self.drain();
    }

    /// Asks and takes the answer that came by now.
    fn answer(&mut self, request: Message) -> Option<Message> {
        self.outputs.clear();
        self.ask(request);
        self.answers().pop().map(|(_, _, message)| message)
    }

    /// When answers left, with their correlation ids.
    fn answers(&self) -> Vec<(u64, String, Message)> {
        let reply = |(at, output): &(u64, Output<u32>)| match output {
            Output::Reply { to: 7, envelope } => {
                let envelope = decode(envelope, &Limits::reply()).unwrap();
                Some((*at, envelope.correlation_id, envelope.message))
            }
            _ => None,
        };
        self.outputs.iter().filter_map(reply).collect()
    }

    /// Everything readable that was published on `topic`, as a subscriber sees it.
    fn published(&self, topic: &str) -> Vec<(u64, Batch)> {
        let batch = |(at, output): &(u64, Output<u32>)| match output {
            Output::Publish { topic: on, envelope } if on == topic => {
                match decode(envelope, &Limits::live()).ok()?.message {
                    Message::Batch(batch) if batch.key.topic() == topic => Some((*at, batch)),
                    _ => None,
                }
            }
            _ => None,
        };
        self.outputs.iter().filter_map(batch).collect()
    }

    /// Sequences that were published on `topic`, in the order in which they went out.
    fn sequences(&self, topic: &str) -> Vec<u64> {
        self.published(topic).iter().flat_map(|(_, b)| b.range().start().0..b.range().end().0).collect()
    }

    /// Sequences that were published on `topic` in batches that continue the rows before them, or do not say so.
    fn whole(&self, topic: &str) -> BTreeSet<u64> {
        let mut running = vec![Digest::default()];
        for record in self.upstream.recorder().unwrap().rows(topic) {
            running.push(*running.last().unwrap() + record.digest);
        }
        let continues = |batch: &Batch| {
            let before = running[batch.start.0 as usize - 1];
            batch.digest == Digest::default() || batch.digest - Digest::of(batch.start, &batch.rows) == before
        };
        let batches = self.published(topic).into_iter().map(|(_, batch)| batch);
        let whole = batches.filter(|batch| !batch.rows.is_empty() && continues(batch));
        whole.flat_map(|batch| batch.range().start().0..batch.range().end().0).collect()
    }

    fn stream(&self) -> crate::view::StreamView {
        self.upstream.view(self.now().0).streams.into_iter().find(|stream| stream.topic == BTC).unwrap()
    }
}

/// An order as a scenario's file has it.
fn order(stream: Option<&str>, command: &str) -> Order {
    let stream = stream.map_or_else(String::new, |topic| format!("stream = {topic:?}\n"));
    toml::from_str(&format!("{stream}do = {command}")).unwrap()
}

fn one_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

#[test]
fn without_faults_every_row_goes_out_once_in_order_with_its_running_digest() {
    let mut rig = Rig::new("");
    rig.run_to(1000);
    let stream = rig.stream();
    assert_eq!(stream.rows, 255, "a batch of 5 rows at 0, 20, ... 1000 ms");
    assert_eq!(rig.sequences(BTC), one_to(255));
    assert_eq!((stream.published, stream.withheld), (255, 0));
    let batches = rig.published(BTC);
    let sum = batches.iter().fold(Digest::default(), |sum, (_, batch)| {
        let sum = sum + Digest::of(batch.start, &batch.rows);
        assert_eq!(batch.digest, sum);
        sum
    });
    assert_eq!(stream.digest, sum.to_string());
    assert!(batches.iter().all(|(_, batch)| batch.flags.contains(gapless_model::Flags::SIMULATED)));
}

#[test]
fn the_same_scenario_and_seed_send_the_same_bytes_at_the_same_times() {
    for name in Scenario::names() {
        let run = |seed: u64| {
            let mut rig = Rig::of(Scenario { seed, ..Scenario::find(name).unwrap() });
            rig.run_to(10_000);
            rig.outputs
        };
        let once = run(5);
        assert!(once.len() > 300, "{name}: only {} messages", once.len());
        assert!(once == run(5), "{name}");
        assert!(once != run(6), "{name}");
    }
}

#[test]
fn a_stream_that_is_quiet_tells_how_far_it_is() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(None, "\"stop\"");
    rig.outputs.clear();
    rig.run_to(3000);
    let marks = rig.published(BTC);
    assert_eq!(marks.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [350, 1350, 2350]);
    for (_, mark) in &marks {
        assert_eq!(
            (mark.range(), mark.digest.to_string()),
            (SeqRange::of_len(Seq(31), 0), rig.stream().digest)
        );
    }
    let all = rig.outputs.iter().filter(|(_, output)| {
        matches!(output, Output::Publish { topic, .. } if topic == gapless_wire::topic::WATERMARKS)
    });
    assert!((5..=6).contains(&all.count()), "all watermarks go out together each half second");
}

#[test]
fn rows_by_number_are_withheld_and_the_others_are_sent() {
    let mut rig = Rig::new("[faults.live]\ndrop_every = 3");
    rig.run_to(1000);
    let expected: Vec<u64> = (1..=255).filter(|seq| seq % 3 != 0).collect();
    assert_eq!(rig.sequences(BTC), expected);
    assert_eq!((rig.stream().published, rig.stream().withheld), (170, 85));
}

#[test]
fn what_is_published_and_what_is_withheld_is_everything() {
    for name in ["lossy", "every-nth", "hostile", "reordered", "flapping"] {
        let mut rig = Rig::of(Scenario::find(name).unwrap());
        rig.run_to(10_000);
        rig.order(None, "\"stop\"");
        rig.run_to(20_000);
        let stream = rig.stream();
        assert_eq!(stream.published + stream.withheld, stream.rows, "{name}");
        assert_eq!(rig.whole(BTC).len() as u64, stream.published, "{name}");
    }
}

#[test]
fn a_window_of_batches_goes_out_in_another_order_and_none_before_it_was_made() {
    let mut rig = Rig::new("[faults.live]\nreorder_window = 8");
    rig.run_to(2000);
    let sent = rig.sequences(BTC);
    assert!(!sent.is_sorted());
    let made = rig.stream().rows;
    rig.order(None, "\"stop\"");
    rig.run_to(4000);
    let all: BTreeSet<u64> = rig.sequences(BTC).into_iter().collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), one_to(made));
    for (at, batch) in rig.published(BTC).iter().filter(|(_, batch)| !batch.rows.is_empty()) {
        assert!(*at >= (batch.start.0 - 1) / 5 * 20, "batch {} left at {at} ms", batch.start);
    }
}

#[test]
fn an_interval_that_was_slept_through_is_made_up_for() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.now_ms = 1100;
    let (now, wall) = rig.now();
    rig.upstream.handle_timeout(now, wall);
    rig.drain();
    assert_eq!(rig.stream().rows, 280);
    assert_eq!(rig.sequences(BTC), one_to(280));
}

#[test]
fn history_is_bounded_and_says_where_it_begins() {
    let mut rig = Rig::new("keep_rows = 100");
    rig.run_to(1000);
    let stream = rig.stream();
    assert_eq!((stream.earliest, stream.latest), (156, 255));
    assert_eq!(rig.published(BTC).last().unwrap().1.earliest, Seq(151), "as of when it was made");
}

#[test]
fn a_recording_ends_with_its_last_row() {
    let key: StreamKey = "candles.dev.REC.1m".parse().unwrap();
    let candles = gapless_market::Market::new(1, "REC", "1m".parse().unwrap()).candles(UnixMillis(0), 23);
    let recording = Recording { candles: candles.clone().into(), flags: Flags::SIMULATED };
    let recordings = BTreeMap::from([(key.clone(), recording)]);
    let scenario = Scenario::find("steady").unwrap();
    let upstream = Upstream::new(scenario, recordings, true, MonoTime(0), UnixMillis(BEGAN)).unwrap();
    let mut rig = Rig { upstream, now_ms: 0, outputs: Vec::new() };
    rig.run_to(1000);
    let sent: Vec<Candle> = rig
        .published(&key.topic())
        .into_iter()
        .filter(|(_, batch)| !batch.rows.is_empty())
        .inspect(|(_, batch)| assert_eq!(batch.flags, Flags::SIMULATED, "as it was recorded"))
        .flat_map(|(_, batch)| match batch.rows {
            gapless_model::Rows::Candles(candles) => candles,
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(sent, candles);
    let streams = rig.upstream.view(rig.now().0).streams;
    assert_eq!(streams.len(), 1);
    assert!(!streams[0].running);
}
