//! Joining, following, gaps and how they heal.

use super::rig::*;
use crate::{Begin, Event, GapCause, Health, Input, RequestId, Settings};
use gapless_model::{Epoch, Seq};

const CAUGHT_UP: fn(u64) -> Did = |at| Did::Event(Event::CaughtUp { at: Seq(at) });

#[test]
fn live_data_in_order_is_delivered_before_anything_else_is_known() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch(EPOCH), applied: Seq(4) });
    assert_eq!(rig.did(), [Did::AskStatus]);
    assert_eq!(rows_and_gaps(rig.live(5, 6)), [Did::Live(5, 6)]);
    assert_eq!(rows_and_gaps(rig.live(6, 8)), [Did::Live(7, 8)]);
    assert_eq!(rows_and_gaps(rig.live(1, 8)), []);
    assert_eq!(rig.coordinator.counts().rows_duplicate, 9);
}

#[test]
fn a_late_joiner_gets_the_past_first_and_then_what_came_meanwhile() {
    let mut rig = Rig::new(Begin::Earliest);
    assert_eq!(rig.did(), [Did::AskStatus]);
    assert_eq!(rows_and_gaps(rig.live(101, 105)), [], "where the past begins is not known yet");
    let did = rig.answer_status(status(&[(EPOCH, 1)], 11, 100));
    assert_eq!(rows_and_gaps(did), [Did::Opened(11, 100, GapCause::Join), Did::Ask(11, 100)]);
    assert_eq!(rows_and_gaps(rig.live(106, 106)), []);
    let did =
        rig.answer_rows(status(&[(EPOCH, 1)], 11, 106), vec![chunk(EPOCH, 11, 60), chunk(EPOCH, 61, 103)]);
    let rows = [Did::Replay(11, 60), Did::Replay(61, 103), Did::Live(104, 105), Did::Live(106, 106)];
    assert_eq!(rows_and_gaps(did), [&rows[..], &[Did::Healed(11, 100), CAUGHT_UP(106)]].concat());
    assert_eq!(rig.coordinator.counts().gaps_found, 0, "a late start is not a loss");
}

#[test]
fn row_one_is_the_earliest_row_wherever_it_comes_from() {
    let mut rig = Rig::new(Begin::Earliest);
    rig.did();
    assert_eq!(rows_and_gaps(rig.live(1, 3)), [Did::Live(1, 3)]);
}

#[test]
fn a_missing_range_is_replayed_and_nothing_newer_passes() {
    let mut rig = Rig::following(10);
    let did = rows_and_gaps(rig.live(15, 16));
    assert_eq!(did, [Did::Opened(11, 14, GapCause::Missed), Did::Ask(11, 14)]);
    assert_eq!(rig.live(17, 17), []);
    assert_eq!((rig.coordinator.lag(), rig.coordinator.health()), (7, Health::Backfilling));
    let did = rig.answer_rows(status(&[(EPOCH, 1)], 1, 17), vec![chunk(EPOCH, 11, 14)]);
    let rows = [Did::Replay(11, 14), Did::Live(15, 16), Did::Live(17, 17)];
    assert_eq!(rows_and_gaps(did), [&rows[..], &[Did::Healed(11, 14), CAUGHT_UP(17)]].concat());
    assert!(gaps_add_up(&rig.coordinator));
}

#[test]
fn a_lost_tail_is_found_by_the_next_heartbeat() {
    let mut rig = Rig::following(10);
    let did = rows_and_gaps(rig.heartbeat(EPOCH, 14));
    assert_eq!(did, [Did::Opened(11, 13, GapCause::Tail), Did::Ask(11, 13)]);
    let did = rig.answer_rows(status(&[(EPOCH, 1)], 1, 13), vec![chunk(EPOCH, 9, 13)]);
    assert_eq!(rows_and_gaps(did), [Did::Replay(11, 13), Did::Healed(11, 13), CAUGHT_UP(13)]);
}

#[test]
fn an_empty_live_batch_is_a_heartbeat() {
    let mut rig = Rig::following(10);
    let mut watermark = chunk(EPOCH, 13, 13);
    watermark.range = gapless_model::SeqRange::of_len(Seq(13), 0);
    let did = rows_and_gaps(rig.input(Input::Live(watermark)));
    assert_eq!(did, [Did::Opened(11, 12, GapCause::Tail), Did::Ask(11, 12)]);
}

#[test]
fn a_long_range_is_asked_for_in_chunks_and_short_pages_go_on_where_they_ended() {
    let settings = Settings { chunk_rows: 10, ..Settings::default() };
    let mut rig = Rig::with(settings, Begin::At(Seq(1)));
    rig.did();
    assert!(rig.answer_status(status(&[(EPOCH, 1)], 1, 25)).contains(&Did::Ask(1, 10)));
    let here = || status(&[(EPOCH, 1)], 1, 25);
    assert_eq!(
        rows_and_gaps(rig.answer_rows(here(), vec![chunk(EPOCH, 1, 4)])),
        [Did::Replay(1, 4), Did::Ask(5, 14)]
    );
    let did = rows_and_gaps(rig.answer_rows(here(), vec![chunk(EPOCH, 5, 16)]));
    assert_eq!(did, [Did::Replay(5, 16), Did::Ask(17, 25)]);
}

#[test]
fn gaps_are_healed_one_after_the_other_and_each_leaves_its_line() {
    let mut rig = Rig::following(10);
    rig.live(12, 12);
    assert_eq!(rig.live(14, 14), [Did::Opened(13, 13, GapCause::Missed)]);
    let here = || status(&[(EPOCH, 1)], 1, 14);
    let did = rig.answer_rows(here(), vec![chunk(EPOCH, 11, 11)]);
    assert_eq!(did, [Did::Replay(11, 11), Did::Live(12, 12), Did::Healed(11, 11), Did::Ask(13, 13)]);
    let did = rig.answer_rows(here(), vec![chunk(EPOCH, 13, 13)]);
    assert_eq!(
        rows_and_gaps(did),
        [Did::Replay(13, 13), Did::Live(14, 14), Did::Healed(13, 13), CAUGHT_UP(14)]
    );
    let counts = rig.coordinator.counts();
    assert_eq!((counts.gaps_found, counts.gaps_healed), (2, 2));
}

#[test]
fn a_late_live_chunk_heals_too_and_the_replay_is_not_waited_for() {
    let mut rig = Rig::following(10);
    rig.live(12, 12);
    let did = rig.live(11, 11);
    let healed = [Did::Live(11, 11), Did::Live(12, 12), Did::Healed(11, 11), CAUGHT_UP(12), Did::Abandon];
    assert_eq!(rows_and_gaps(did), healed);
    assert_eq!(rig.answer_rows(status(&[(EPOCH, 1)], 1, 12), vec![chunk(EPOCH, 11, 11)]), []);
}

#[test]
fn a_full_buffer_forgets_its_oldest_and_replay_goes_on_over_it() {
    let settings = Settings { max_buffer_rows: 4, ..Settings::default() };
    let mut rig = Rig::following_with(settings, 10);
    rig.live(12, 13);
    rig.live(14, 15);
    assert_eq!(rig.live(16, 17), [], "rows 12 and 13 are forgotten");
    let did = rig.answer_rows(status(&[(EPOCH, 1)], 1, 17), vec![chunk(EPOCH, 11, 11)]);
    assert_eq!(did, [Did::Replay(11, 11), Did::Ask(12, 13)]);
    let did = rig.answer_rows(status(&[(EPOCH, 1)], 1, 17), vec![chunk(EPOCH, 12, 13)]);
    let rows = [Did::Replay(12, 13), Did::Live(14, 15), Did::Live(16, 17)];
    assert_eq!(rows_and_gaps(did), [&rows[..], &[Did::Healed(11, 13), CAUGHT_UP(17)]].concat());
    assert_eq!(rig.coordinator.counts().rows_overflowed, 2);
}

#[test]
fn one_who_wants_only_what_is_new_begins_at_the_first_thing_heard() {
    for first in ["live", "heartbeat", "status"] {
        let mut rig = Rig::new(Begin::Latest);
        rig.did();
        match first {
            "live" => assert_eq!(rows_and_gaps(rig.live(100, 101)), [Did::Live(100, 101)]),
            "heartbeat" => assert_eq!(rows_and_gaps(rig.heartbeat(EPOCH, 102)), [CAUGHT_UP(101)]),
            _ => {
                assert_eq!(rows_and_gaps(rig.answer_status(status(&[(EPOCH, 1)], 1, 101))), [CAUGHT_UP(101)])
            }
        }
        assert_eq!(rig.coordinator.applied(), (Epoch(EPOCH), Seq(101)), "{first}");
        assert_eq!(rows_and_gaps(rig.live(102, 102))[0], Did::Live(102, 102));
    }
}

#[test]
fn a_status_from_a_directory_spares_the_request() {
    let mut rig = Rig::new(Begin::Earliest);
    let request = RequestId::UNSOLICITED;
    let did = rig.input(Input::Status { request, status: status(&[(EPOCH, 1)], 1, 2) });
    assert_eq!(rows_and_gaps(did), [Did::Opened(1, 2, GapCause::Join), Did::Ask(1, 2)]);
}

#[test]
fn health_follows_what_is_heard() {
    let mut rig = Rig::new(Begin::Latest);
    assert_eq!(rig.coordinator.health(), Health::Connecting);
    rig.heartbeat(EPOCH, 5);
    rig.answer_status(status(&[(EPOCH, 1)], 1, 4));
    assert_eq!(rig.coordinator.health(), Health::Subscribed);
    rig.live(5, 5);
    assert_eq!(rig.coordinator.health(), Health::Receiving);
    rig.pass(2_000);
    assert_eq!(rig.coordinator.health(), Health::Subscribed);
    rig.pass(1_500);
    assert_eq!(rig.coordinator.health(), Health::Stalled);
    rig.input(Input::LinkDown);
    assert_eq!(rig.coordinator.health(), Health::Disconnected);
    rig.heartbeat(EPOCH, 6);
    assert_eq!(rig.coordinator.health(), Health::Subscribed);
}

#[test]
fn when_the_live_feed_is_silent_the_replay_side_is_asked() {
    let mut rig = Rig::following(10);
    rig.heartbeat(EPOCH, 11);
    let did = rig.until_something();
    assert!(did.contains(&Did::AskStatus));
    let did = rows_and_gaps(rig.answer_status(status(&[(EPOCH, 1)], 1, 12)));
    assert_eq!(did, [Did::Opened(11, 12, GapCause::Tail), Did::Ask(11, 12)]);
}

#[test]
fn a_server_without_heartbeats_is_not_called_stalled_while_it_answers() {
    let mut rig = Rig::new(Begin::Latest);
    rig.did();
    rig.answer_status(status(&[], 0, 5));
    for _ in 0..20 {
        let did = rig.next_deadline();
        if did.contains(&Did::AskStatus) {
            rig.answer_status(status(&[], 0, 5));
        }
        assert_eq!(rig.coordinator.health(), Health::Subscribed);
    }
}
