//! An old server, as our client sees it: no epoch, no watermark, sequences that begin at 1 again when it restarts.

use crate::peer::{Order, Server, Setup, Written, for_each_peer};
use gapless::{Batch, Endpoints, Event, From, Rows, Seq, SeqRange, Subscription, TruncateReason};
use gapless_compatibility::{Candle, Key, NextSequence, OldServer};
use gapless_store::{AppStore, StoreError};
use gapless_tests::{DataDir, SOON, eventually};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

for_each_peer!(
    every_row_comes_once_and_in_order_whatever_next_sequence_means,
    a_lost_tail_is_noticed_although_nobody_proves_the_end,
    a_first_batch_that_comes_late_is_no_restart,
    a_restart_at_sequence_1_is_a_reset,
    a_restart_that_outran_the_client_is_a_reset,
    a_file_never_holds_rows_of_two_histories,
);

pub(crate) fn key() -> Key {
    Key::new("old", "btc", "1m")
}

fn endpoints(server: &dyn Server) -> Endpoints {
    Endpoints { live: server.live(), backfill: server.replies(), ..Endpoints::default() }
}

/// The rows of a batch with their sequences.
fn sequenced(batch: &Batch) -> Vec<(u64, Candle)> {
    let Rows::Candles(candles) = &batch.rows else { panic!("candles") };
    let row = |c: &gapless::Candle| (c.ts.0, c.open, c.high, c.low, c.close, c.volume);
    (batch.start.0..).zip(candles.iter().map(row)).collect()
}

/// An application that keeps the rows that it was handed, as events tell it to.
pub(crate) struct Copy {
    pub(crate) subscription: Subscription,
    rows: BTreeMap<u64, Candle>,
    resets: usize,
    truncated: Vec<TruncateReason>,
}

impl Copy {
    pub(crate) fn follow(server: &dyn Server) -> Copy {
        let client = gapless::Client::new(endpoints(server));
        let subscription = client.subscribe().stream(key().topic()).from(From::Start).start().unwrap();
        Copy { subscription, rows: BTreeMap::new(), resets: 0, truncated: Vec::new() }
    }

    /// Takes the next event, if there is one soon.
    pub(crate) fn take(&mut self) -> bool {
        let event = self.subscription.next_timeout(Duration::from_millis(20)).unwrap();
        let Some(event) = event else { return false };
        match event {
            Event::Rows(batch) => {
                let after = self.rows.last_key_value().map_or(batch.start.previous().0, |(last, _)| *last);
                assert_eq!(batch.start, Seq(after + 1), "each row once and in order");
                self.rows.extend(sequenced(&batch));
            }
            Event::Reset { .. } => {
                self.rows.clear();
                self.resets += 1;
            }
            Event::Rewind { keep, .. } => self.rows.retain(|sequence, _| *sequence <= keep.0),
            Event::Truncated { reason, .. } => self.truncated.push(reason),
            _ => {}
        }
        true
    }

    /// New rows go out until one comes at once, which the live feed alone brings.
    #[track_caller]
    pub(crate) fn until_live(&mut self, server: &mut dyn Server) {
        eventually("the live feed is heard", SOON, || {
            let latest = server.order(Order::Append { rows: 1, live: true });
            while self.take() {}
            self.rows.contains_key(&latest)
        });
    }

    /// Takes events until it has exactly the rows from 1 to `latest` of a history.
    #[track_caller]
    pub(crate) fn until(&mut self, history: u32, latest: u64) {
        let expected: BTreeMap<u64, Candle> =
            (1..=latest).map(|sequence| (sequence, OldServer::row(history, sequence))).collect();
        eventually(&format!("all {latest} rows of history {history}"), SOON, || {
            self.take();
            self.rows == expected
        });
        assert_eq!(self.truncated, []);
    }
}

const MEANINGS: [NextSequence; 2] = [NextSequence::LastReturned, NextSequence::FirstNotReturned];

fn every_row_comes_once_and_in_order_whatever_next_sequence_means(written: Written) {
    for next in MEANINGS {
        let Some(mut server) = written.server(&Setup::new(&key(), next)) else { return };
        server.order(Order::Append { rows: 130, live: false });
        let mut copy = Copy::follow(&*server);
        copy.until(1, 130);
        // What goes out live, is lost on the way and comes twice; pages hold 40 rows.
        for _ in 0..5 {
            server.order(Order::Append { rows: 3, live: true });
            server.order(Order::Append { rows: 90, live: false });
            let latest = server.order(Order::Append { rows: 2, live: true });
            server.order(Order::Repeat { from: latest - 1, to: latest });
            copy.until(1, latest);
        }
        assert_eq!(copy.resets, 0, "{next:?}");
    }
}

fn a_lost_tail_is_noticed_although_nobody_proves_the_end(written: Written) {
    let Some(mut server) = written.server(&Setup::new(&key(), NextSequence::LastReturned)) else { return };
    server.order(Order::Append { rows: 10, live: false });
    let mut copy = Copy::follow(&*server);
    copy.until(1, 10);
    server.order(Order::Append { rows: 5, live: false });
    copy.until(1, 15);
}

fn a_first_batch_that_comes_late_is_no_restart(written: Written) {
    let Some(mut server) = written.server(&Setup::new(&key(), NextSequence::LastReturned)) else { return };
    server.order(Order::Append { rows: 20, live: false });
    let mut copy = Copy::follow(&*server);
    copy.until(1, 20);
    copy.until_live(&mut *server);
    server.order(Order::Repeat { from: 1, to: 20 });
    copy.until_live(&mut *server);
    assert_eq!(copy.resets, 0);
}

/// Follows a server with `rows` rows, which then is another process that has had `rows_after`.
fn restart(written: Written, rows: u64, rows_after: u64) {
    let setup = Setup::new(&key(), NextSequence::LastReturned);
    let Some(mut server) = written.server(&setup) else { return };
    let mut copy = Copy::follow(&*server);
    let latest = server.order(Order::Append { rows, live: true });
    copy.until(1, latest);

    let again = setup.restarted(&*server);
    drop(server);
    let mut server = written.server(&again).unwrap();
    server.order(Order::Append { rows: rows_after, live: false });
    eventually("the new history is followed", SOON, || {
        server.order(Order::Append { rows: 1, live: true });
        while copy.take() {}
        copy.resets > 0
    });
    let latest = server.order(Order::Append { rows: 1, live: true });
    copy.until(2, latest);
    assert_eq!(copy.resets, 1);
}

fn a_restart_at_sequence_1_is_a_reset(written: Written) {
    restart(written, 20, 0);
}

fn a_restart_that_outran_the_client_is_a_reset(written: Written) {
    // Its first live row is then the very one that the client awaits.
    restart(written, 20, 20);
    restart(written, 20, 50);
}

/// Brings the file up to date with the server; returns how many rows were taken back.
fn fill(file: &Path, server: &dyn Server) -> u64 {
    let client = gapless::Client::new(endpoints(server));
    let builder = client.subscribe().stream(key().topic()).until_caught_up(SOON);
    builder.into_duckdb(file, |_| ControlFlow::Continue(())).unwrap().removed
}

fn stored(file: &Path) -> Vec<(u64, Candle)> {
    let store = AppStore::open(file).unwrap();
    let mut rows = Vec::new();
    let everything = SeqRange::new(Seq::FIRST, Seq(u64::MAX));
    let scan = store.reader().scan(&key().topic().parse().unwrap(), everything, |batch| {
        rows.extend(sequenced(&batch));
        Ok::<(), StoreError>(())
    });
    scan.unwrap();
    rows
}

fn a_file_never_holds_rows_of_two_histories(written: Written) {
    let folder = DataDir::new();
    let file = folder.join("app.duckdb");
    let setup = Setup::new(&key(), NextSequence::LastReturned);
    let Some(mut server) = written.server(&setup) else { return };
    server.order(Order::Append { rows: 20, live: false });
    assert_eq!(fill(&file, &*server), 0);
    assert_eq!(fill(&file, &*server), 0, "the same history goes on");

    // While nobody follows it begins anew, and has as many rows as the file when somebody does again.
    let again = setup.restarted(&*server);
    drop(server);
    let mut server = written.server(&again).unwrap();
    server.order(Order::Append { rows: 20, live: false });
    assert_eq!(fill(&file, &*server), 20);
    let expected: Vec<(u64, Candle)> = (1..=20).map(|seq| (seq, OldServer::row(2, seq))).collect();
    assert_eq!(stored(&file), expected);

    server.order(Order::Append { rows: 30, live: false });
    assert_eq!(fill(&file, &*server), 0);
    assert_eq!(stored(&file).len(), 50);
}
