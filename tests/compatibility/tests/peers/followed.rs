//! An old server, as our client sees it: no epoch, no watermark, sequences that begin at 1 again when it restarts.

use crate::peer::{Order, Server, Setup, Written, for_each_peer};
use gapless::{Endpoints, Event, From, Rows, Seq, Subscription, TruncateReason};
use gapless_compatibility::{Candle, Key, NextSequence, OldServer};
use gapless_tests::{SOON, eventually};
use std::collections::BTreeMap;
use std::time::Duration;

for_each_peer!(
    every_row_comes_once_and_in_order_whatever_next_sequence_means,
    a_lost_tail_is_noticed_although_nobody_proves_the_end,
    a_restart_at_sequence_1_is_a_reset,
);

pub(crate) fn key() -> Key {
    Key::new("old", "btc", "1m")
}

fn endpoints(server: &dyn Server) -> Endpoints {
    Endpoints { live: server.live(), backfill: server.replies(), ..Endpoints::default() }
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
                let Rows::Candles(candles) = &batch.rows else { panic!("candles") };
                let after = self.rows.last_key_value().map_or(batch.start.previous().0, |(last, _)| *last);
                assert_eq!(batch.start, Seq(after + 1), "each row once and in order");
                for (sequence, c) in (batch.start.0..).zip(candles) {
                    self.rows.insert(sequence, (c.ts.0, c.open, c.high, c.low, c.close, c.volume));
                }
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
