//! Inputs that no sane server sends: nothing breaks, and the order still holds.

use super::app::App;
use crate::{Begin, Chunk, Coordinator, Failure, Input, LogStatus, RequestId, Settings};
use gapless_model::{Epoch, EpochStart, MonoTime, Seq, SeqRange};
use proptest::prelude::*;
use std::time::Duration;

const MAX: u64 = u64::MAX;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0u64..20, 1 => Just(MAX), 1 => Just(MAX - 1), 1 => MAX - 5..MAX, 1 => any::<u64>()]
}

fn seq() -> impl Strategy<Value = Seq> {
    number().prop_map(Seq)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![8 => (0u64..4).prop_map(Epoch), 1 => Just(Epoch(MAX))]
}

fn request() -> impl Strategy<Value = RequestId> {
    prop_oneof![8 => 0u64..12, 1 => Just(MAX)].prop_map(RequestId)
}

fn chunk() -> impl Strategy<Value = Chunk<Vec<u64>>> {
    (epoch(), seq(), 0u64..6, 0usize..50).prop_map(|(epoch, start, rows, bytes)| {
        let range = SeqRange::of_len(start, rows);
        Chunk { epoch, range, bytes, payload: vec![0; range.len() as usize] }
    })
}

fn status() -> impl Strategy<Value = LogStatus> {
    let start = (epoch(), seq()).prop_map(|(epoch, first_sequence)| EpochStart { epoch, first_sequence });
    (epoch(), seq(), seq(), prop::collection::vec(start, 0..4))
        .prop_map(|(epoch, earliest, latest, epochs)| LogStatus { epoch, earliest, latest, epochs })
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::NoReply),
        Just(Failure::Busy { retry_after: Duration::MAX }),
        Just(Failure::UnknownLog),
        any::<u32>().prop_map(|code| Failure::Refused { code }),
        Just(Failure::Corrupt),
    ]
}

fn input() -> impl Strategy<Value = Input<Vec<u64>>> {
    let chunks = prop::collection::vec(chunk(), 0..4);
    prop_oneof![
        5 => chunk().prop_map(Input::Live),
        2 => (epoch(), seq(), seq())
            .prop_map(|(epoch, earliest, next)| Input::Heartbeat { epoch, earliest, next }),
        3 => (request(), status()).prop_map(|(request, status)| Input::Status { request, status }),
        4 => (request(), status(), chunks).prop_map(|(request, status, chunks)| Input::Replayed {
            request,
            status,
            served: SeqRange::new(Seq::NONE, Seq(MAX)),
            chunks,
            has_more: true,
        }),
        2 => (request(), failure()).prop_map(|(request, failure)| Input::Failed { request, failure }),
        1 => request().prop_map(|request| Input::Queued { request }),
        1 => request().prop_map(|request| Input::Sent { request }),
        1 => Just(Input::LinkDown),
    ]
}

fn begin() -> impl Strategy<Value = Begin> {
    prop_oneof![
        Just(Begin::Earliest),
        Just(Begin::Latest),
        seq().prop_map(Begin::At),
        (epoch(), seq()).prop_map(|(epoch, applied)| Begin::Cursor { epoch, applied }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_that_a_server_sends_breaks_the_order(
        begin in begin(),
        max_buffer_rows in 0u64..10,
        inputs in prop::collection::vec((input(), 0u64..20_000), 1..60),
    ) {
        let settings = Settings { max_buffer_rows, max_open_gaps: 3, max_strikes: 2, max_older_epoch: 2, ..Settings::default() };
        let mut now = MonoTime(0);
        let mut client = Coordinator::new(settings, begin, 1, now);
        let mut app = App::bounded();
        for (input, millis) in inputs {
            client.handle_input(input, now);
            while let Some(output) = client.poll_output() {
                app.take(&output);
            }
            now = now.after(Duration::from_millis(millis));
            client.handle_timeout(now);
            while let Some(output) = client.poll_output() {
                app.take(&output);
            }
            prop_assert!(client.seen() >= client.applied().1);
            prop_assert!(client.open_gaps().count() <= 3);
            prop_assert!(super::rig::gaps_add_up(&client));
        }
    }
}
