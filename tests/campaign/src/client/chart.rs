//! A client of version 1, as charts in the field are: it subscribes, and when rows are missing it asks backfill
//! for those after the last one that it has. It knows no epoch, no digest and no sign of life, so a stream that is
//! quiet for a while is asked for, and a feed that is silent is connected to anew.

use super::{Seen, Watch};
use crate::control::{Control, Mode};
use anyhow::Result;
use gapless::{Batch, Candle, Event, Flags, Rows, Seq, StreamKey, UnixMillis};
use gapless_compatibility::current::Client;
use gapless_compatibility::{Answer, Key, LiveBatch, Question};
use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long it waits for a live message before it looks for its mode again.
const LOOK: Duration = Duration::from_millis(10);
/// How long one answer may take: real old clients wait for ever, and a person closes the window.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// A stream that is quiet for so long is asked for.
const QUIET: Duration = Duration::from_secs(1);
/// A live feed that is silent for so long is connected to anew: the engine repeats where streams end each second.
const SILENT: Duration = Duration::from_secs(2);
/// Rows of one page.
const PAGE: u32 = 1000;

/// One such client of a list of streams of candles.
pub(crate) struct ChartClient {
    pub(crate) live: String,
    pub(crate) replies: String,
    pub(crate) keys: Vec<StreamKey>,
    pub(crate) watch: Watch,
    pub(crate) control: Control,
}

/// What it has to do for one stream.
struct Chart {
    key: StreamKey,
    /// When it asks for it.
    ask_at: Instant,
    /// Rows are missing before one that came.
    has_gap: bool,
}

/// All streams, by topic.
type Charts = BTreeMap<String, Chart>;

impl ChartClient {
    pub(crate) fn start(self, name: &str) -> Result<JoinHandle<Result<()>>> {
        Ok(std::thread::Builder::new().name(name.to_owned()).spawn(move || self.run())?)
    }

    fn run(self) -> Result<()> {
        loop {
            match self.control.mode() {
                Mode::End => return Ok(()),
                Mode::Down => self.control.wait(LOOK),
                // Whatever a client of version 1 stumbles over, it connects anew.
                Mode::Run | Mode::Stall => {
                    if self.follow().is_err() {
                        self.control.wait(LOOK * 10);
                    }
                }
            }
        }
    }

    /// Until it is to go down or to end, or has to connect anew.
    fn follow(&self) -> Result<(), String> {
        let mut client = Client::connect(&self.live, &self.replies, ANSWER_WITHIN)?;
        client.subscribe("candles.")?;
        let (mut heard, now) = (Instant::now(), Instant::now());
        let chart = |key: &StreamKey| Chart { key: key.clone(), ask_at: now, has_gap: false };
        let mut charts: Charts = self.keys.iter().map(|key| (key.topic(), chart(key))).collect();
        loop {
            match self.control.mode() {
                Mode::End | Mode::Down => return Ok(()),
                Mode::Stall => self.control.wait(LOOK),
                Mode::Run => {
                    if let Some(message) = client.next(LOOK)? {
                        heard = Instant::now();
                        message.batch.iter().for_each(|batch| self.take(batch, &mut charts));
                    }
                    self.ask(&mut client, &mut charts);
                    if heard.elapsed() > SILENT {
                        return Err("the live feed is silent".into());
                    }
                }
            }
        }
    }

    /// Takes what follows in a live batch; a gap makes its stream due at once.
    fn take(&self, batch: &LiveBatch, charts: &mut Charts) {
        let Some(chart) = charts.get_mut(&batch.topic) else { return };
        // A batch without rows is nothing to an old client.
        if batch.candles.is_empty() {
            return;
        }
        let mut seen = self.watch.lock();
        let next = applied(&seen, &chart.key) + 1;
        let Some(skip) = next.checked_sub(batch.start) else {
            seen.gaps.found += u64::from(!chart.has_gap);
            (chart.has_gap, chart.ask_at) = (true, chart.ask_at.min(Instant::now()));
            return;
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(batch.candles.len());
        seen.dropped += skip as u64;
        append(&mut seen, &chart.key, next, batch.candles.get(skip..).unwrap_or_default());
        chart.ask_at = Instant::now() + QUIET;
    }

    /// Asks for one stream that is due, all pages. Without an answer it is asked for again a little later.
    fn ask(&self, client: &mut Client, charts: &mut Charts) {
        let now = Instant::now();
        let Some(chart) = charts.values_mut().find(|chart| chart.ask_at <= now) else { return };
        let is_answered = self.pages(client, &chart.key);
        chart.ask_at = Instant::now() + if is_answered { QUIET } else { QUIET / 4 };
        if is_answered {
            self.watch.lock().gaps.healed += u64::from(std::mem::take(&mut chart.has_gap));
        }
    }

    fn pages(&self, client: &mut Client, key: &StreamKey) -> bool {
        let name = Key::new(key.source_id(), key.symbol(), key.interval());
        loop {
            let from = applied(&self.watch.lock(), key);
            let question = Question::Page { from: (from > 0).then_some(from), limit: PAGE };
            let Ok(Answer::Page { start, candles, more, next }) = client.put(&name, &question) else {
                return false;
            };
            let mut seen = self.watch.lock();
            append(&mut seen, key, start, &candles);
            let last = applied(&seen, key);
            if more && (next != last || candles.is_empty()) {
                seen.problems.push(format!("{key}: go on after {next}, says a page that ends with {last}"));
                return false;
            }
            if !more {
                return true;
            }
        }
    }
}

fn applied(seen: &Seen, key: &StreamKey) -> u64 {
    seen.streams.get(key).map_or(0, |stream| stream.applied)
}

/// Hands rows over as they are: whether they follow is judged there.
fn append(seen: &mut Seen, key: &StreamKey, start: u64, candles: &[gapless_compatibility::Candle]) {
    if candles.is_empty() {
        return;
    }
    let row = |&(ts_ms, open, high, low, close, volume): &gapless_compatibility::Candle| Candle {
        ts: UnixMillis(ts_ms),
        open,
        high,
        low,
        close,
        volume,
    };
    let rows = Rows::Candles(candles.iter().map(row).collect());
    let batch = Batch::unsequenced(key.clone(), Flags::NONE, rows);
    seen.take(&Event::Rows(Batch { start: Seq(start), ..batch }));
}
