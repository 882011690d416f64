//! Histories that end, and servers that state none.

use super::rig::*;
use crate::{Begin, Event, GapCause, Input, RequestId, TruncateReason};
use gapless_model::{Epoch, Seq};

fn rewind(from: u64, to: u64, keep: u64) -> Did {
    Did::Event(Event::Rewind { from: Epoch(from), to: Epoch(to), keep: Seq(keep) })
}

fn reset(from: u64, to: u64) -> Did {
    Did::Event(Event::Reset { from: Epoch(from), to: Epoch(to) })
}

fn live(rig: &mut Rig, epoch: u64, first: u64, last: u64) -> Vec<Did> {
    rows_and_gaps(rig.input(Input::Live(chunk(epoch, first, last))))
}

#[test]
fn rows_that_the_new_epoch_lost_are_taken_back() {
    let mut rig = Rig::following(10);
    assert_eq!(live(&mut rig, 20, 11, 11), [Did::AskStatus], "it may follow on rows that were lost");
    let did = rows_and_gaps(rig.answer_status(status(&[(10, 1), (20, 8)], 1, 11)));
    assert_eq!(did, [rewind(10, 20, 7), Did::Opened(8, 11, GapCause::EpochChange), Did::Ask(8, 11)]);
    let did = rig.answer_rows(status(&[(10, 1), (20, 8)], 1, 11), vec![chunk(20, 8, 11)]);
    assert_eq!(rows_and_gaps(did)[0], Did::Replay(8, 11));
    assert_eq!(rig.coordinator.applied(), (Epoch(20), Seq(11)));
}

#[test]
fn an_epoch_that_began_after_the_cursor_passes_without_an_event() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch(10), applied: Seq(5) });
    rig.did();
    let did = rows_and_gaps(rig.answer_status(status(&[(10, 1), (20, 8)], 1, 9)));
    assert_eq!(did, [Did::Opened(6, 9, GapCause::EpochChange), Did::Ask(6, 9)]);
    assert_eq!(rig.coordinator.applied(), (Epoch(20), Seq(5)));
    let did = rig.answer_rows(status(&[(10, 1)], 1, 9), vec![]);
    assert_eq!(rows_and_gaps(did), [Did::AskStatus], "it may just be slow: nothing is given up");
}

#[test]
fn after_several_losses_the_deepest_counts() {
    let mut rig = Rig::following(10);
    rig.heartbeat(40, 30);
    let did = rig.answer_status(status(&[(10, 1), (20, 9), (30, 4), (40, 20)], 1, 29));
    assert_eq!(rows_and_gaps(did)[0], rewind(10, 40, 3));
}

#[test]
fn another_history_begins_again_at_its_first_row_and_what_is_retired_of_it_is_told() {
    let mut rig = Rig::following(10);
    rig.heartbeat(20, 30);
    let did = rows_and_gaps(rig.answer_status(status(&[(15, 1), (20, 20)], 4, 29)));
    let retired = Event::Truncated { epoch: Epoch(20), range: range(1, 3), reason: TruncateReason::Trimmed };
    let opened = |first| Did::Opened(first, 29, GapCause::EpochChange);
    assert_eq!(did, [reset(10, 20), opened(1), Did::Event(retired), opened(4), Did::Ask(4, 29)]);
}

#[test]
fn a_replay_side_that_has_not_heard_of_the_new_epoch_is_waited_for() {
    let mut rig = Rig::following(10);
    live(&mut rig, 20, 11, 11);
    for _ in 0..20 {
        assert_eq!(rows_and_gaps(rig.answer_status(status(&[(10, 1)], 1, 12))), []);
        rig.heartbeat(20, 12);
        while !rig.until_something().contains(&Did::AskStatus) {}
    }
    assert_eq!(rows_and_gaps(rig.answer_status(status(&[(10, 1), (20, 8)], 1, 11)))[0], rewind(10, 20, 7));
}

#[test]
fn a_single_wild_message_does_not_stop_the_feed_for_ever() {
    let mut rig = Rig::following(10);
    live(&mut rig, u64::MAX, 11, 11);
    for _ in 0..8 {
        rig.answer_status(status(&[(10, 1)], 1, 10));
        if rig.coordinator.poll_timeout().is_some() {
            rig.pass(10_000);
        }
    }
    assert_eq!(rows_and_gaps(rig.live(11, 11)), [Did::Live(11, 11)]);
}

#[test]
fn stale_live_data_of_an_older_epoch_is_dropped_but_shared_rows_count() {
    let mut rig = Rig::following(10);
    rig.heartbeat(20, 12);
    rig.answer_status(status(&[(10, 1), (20, 12)], 1, 11));
    let did = live(&mut rig, 10, 11, 14);
    assert_eq!(did[0], Did::Live(11, 11), "row 11 is the same in both, 12 to 14 were lost");
    assert_eq!(live(&mut rig, 10, 12, 14), []);
    assert_eq!(live(&mut rig, 9, 12, 14), []);
    assert_eq!(rig.coordinator.counts().chunks_stale, 2);
}

#[test]
fn an_older_history_is_believed_only_when_nobody_knows_the_newer_one() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch(10), applied: Seq(50) });
    rig.did();
    for report in 1..=8 {
        let did = rows_and_gaps(rig.answer_status(status(&[(5, 1)], 1, 20)));
        assert_eq!(did.contains(&reset(10, 5)), report == 8, "report {report}: {did:?}");
        while report < 8 && !rig.until_something().contains(&Did::AskStatus) {}
    }
    assert_eq!(rig.coordinator.applied(), (Epoch(5), Seq(0)));
}

#[test]
fn a_cursor_without_an_epoch_is_no_proof_of_a_shared_past() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch::UNSTATED, applied: Seq(5) });
    rig.did();
    let did = rows_and_gaps(rig.answer_status(status(&[(10, 1)], 1, 9)));
    assert_eq!(did[0], reset(0, 10));
}

#[test]
fn one_who_has_nothing_yet_just_begins_in_the_new_epoch() {
    for (begin, next) in [(Begin::Earliest, 3), (Begin::Latest, 8), (Begin::At(Seq(6)), 6)] {
        let mut rig = Rig::new(begin);
        rig.did();
        rig.heartbeat(10, 10);
        rig.heartbeat(20, 12);
        let mut did = rows_and_gaps(rig.answer_status(status(&[(10, 1), (20, 8)], 3, 11)));
        // Only one that begins at a row knows of rows that are missing before, and only one that begins at the
        // end was told where it is.
        match begin {
            Begin::At(_) => assert_eq!(did.remove(0), Did::Void(6, 9)),
            Begin::Latest => assert_eq!(did.remove(0), rewind(10, 20, 7)),
            Begin::Earliest | Begin::Cursor { .. } => {}
        }
        assert_eq!(did, [Did::Opened(next, 11, GapCause::EpochChange), Did::Ask(next, 11)], "{begin:?}");
    }
}

#[test]
fn one_who_was_told_that_it_has_everything_is_told_of_another_history_too() {
    let mut rig = Rig::new(Begin::Earliest);
    rig.did();
    let did = rows_and_gaps(rig.answer_status(status(&[(10, 1)], 6, 5)));
    assert_eq!(did, [Did::Event(Event::CaughtUp { at: Seq(5) })], "all that there was is retired");
    rig.heartbeat(20, 3);
    let did = rows_and_gaps(rig.answer_status(status(&[(20, 1)], 1, 2)));
    assert_eq!(did, [reset(10, 20), Did::Opened(1, 2, GapCause::EpochChange), Did::Ask(1, 2)]);
}

#[test]
fn a_gap_stays_the_same_one_when_an_epoch_turns_out_to_be_none() {
    let mut rig = Rig::new(Begin::Earliest);
    rig.did();
    rig.answer_status(status(&[(10, 1)], 1, 9));
    live(&mut rig, u64::MAX, 1, 1);
    let mut did = Vec::new();
    for _ in 0..8 {
        did.extend(rows_and_gaps(rig.answer_status(status(&[(10, 1)], 1, 9))));
        rig.pass(10_000);
    }
    assert!(!did.iter().any(|did| matches!(did, Did::Opened(..))), "{did:?}");
    assert_eq!(rig.coordinator.open_gaps().count(), 1);
}

#[test]
fn open_gaps_of_the_old_epoch_are_void_and_said_to_be() {
    let mut rig = Rig::following(10);
    rig.live(15, 15);
    assert_eq!(rows_and_gaps(rig.heartbeat(20, 9)), [Did::Abandon, Did::AskStatus]);
    let did = rows_and_gaps(rig.answer_status(status(&[(10, 1), (20, 9)], 1, 8)));
    assert_eq!(did, [Did::Void(11, 14), rewind(10, 20, 8), Did::Event(Event::CaughtUp { at: Seq(8) })]);
    assert!(gaps_add_up(&rig.coordinator));
    assert_eq!(rig.coordinator.counts().gaps_void, 1);
}

#[test]
fn a_gap_ends_with_its_epoch_also_when_nothing_is_taken_back() {
    let mut rig = Rig::following(10);
    rig.live(15, 15);
    rig.answer_rows(status(&[(10, 1)], 1, 15), vec![chunk(10, 11, 12)]);
    rig.heartbeat(20, 16);
    let did = rows_and_gaps(rig.answer_status(status(&[(10, 1), (20, 16)], 1, 15)));
    assert_eq!(did, [Did::Void(11, 14), Did::Opened(13, 15, GapCause::EpochChange), Did::Ask(13, 15)]);
    assert!(gaps_add_up(&rig.coordinator));
}

#[test]
fn a_server_without_epochs_is_followed_and_its_restart_is_a_reset() {
    let mut rig = Rig::new(Begin::Earliest);
    rig.did();
    assert_eq!(live(&mut rig, 0, 1, 2), [Did::Live(1, 2)]);
    rig.answer_status(status(&[], 0, 2));
    assert_eq!(live(&mut rig, 0, 4, 4), [Did::Opened(3, 3, GapCause::Missed), Did::Ask(3, 3)]);
    let did = rig.answer_rows(status(&[], 0, 0), vec![chunk(0, 3, 4)]);
    assert_eq!(rows_and_gaps(did)[0], Did::Replay(3, 4));
    assert_eq!(live(&mut rig, 0, 1, 1)[..2], [reset(0, 0), Did::Live(1, 1)]);
}

#[test]
fn a_restart_without_epochs_is_noticed_although_row_one_was_missed() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch::UNSTATED, applied: Seq(50) });
    rig.did();
    rig.answer_status(status(&[], 0, 50));
    assert_eq!(live(&mut rig, 0, 5, 5), [Did::AskStatus]);
    let did = rows_and_gaps(rig.answer_status(status(&[], 1, 5)));
    assert_eq!(did[0], reset(0, 0));
    assert!(did.contains(&Did::Ask(1, 5)));
}

#[test]
fn a_late_answer_from_before_the_epoch_change_brings_only_what_is_shared() {
    let mut rig = Rig::following(10);
    rig.live(15, 15);
    let late = rig.replay_request;
    rig.heartbeat(20, 20);
    rig.answer_status(status(&[(10, 1), (20, 13)], 1, 19));
    let (old, chunks) = (status(&[(10, 1)], 1, 15), vec![chunk(10, 11, 14)]);
    let did = rig.input(Input::Replayed {
        request: late,
        status: old,
        served: range(11, 14),
        chunks,
        has_more: false,
    });
    assert_eq!(rows_and_gaps(did), [Did::Replay(11, 12)]);
    assert_ne!(late, RequestId(0));
}

#[test]
fn rows_that_were_announced_before_the_history_was_known_are_asked_for_at_once() {
    let mut rig = Rig::following(10);
    live(&mut rig, 20, 11, 15);
    let did = rows_and_gaps(rig.answer_status(status(&[(10, 1), (20, 11)], 1, 12)));
    assert_eq!(did, [Did::Opened(11, 15, GapCause::EpochChange), Did::Ask(11, 15)]);
}

#[test]
fn without_epochs_a_late_answer_may_be_one_of_the_past_history() {
    let mut rig = Rig::new(Begin::Earliest);
    rig.did();
    live(&mut rig, 0, 1, 2);
    rig.answer_status(status(&[], 0, 2));
    live(&mut rig, 0, 4, 4);
    let late = rig.replay_request;
    assert_eq!(live(&mut rig, 0, 1, 2)[..3], [Did::Void(3, 3), reset(0, 0), Did::Abandon]);
    let (old, chunks) = (status(&[], 0, 4), vec![chunk(0, 3, 4)]);
    let did = rig.input(Input::Replayed {
        request: late,
        status: old,
        served: range(3, 4),
        chunks,
        has_more: false,
    });
    assert_eq!(did, []);
    assert_eq!(rig.coordinator.applied().1, Seq(2));
}

#[test]
fn a_history_that_was_proven_to_be_another_is_a_reset() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch::UNSTATED, applied: Seq(50) });
    rig.did();
    rig.answer_status(status(&[], 0, 50));
    assert_eq!(rig.input(Input::BeganAnew), [reset(0, 0), Did::AskStatus]);
    assert_eq!(rig.coordinator.applied(), (Epoch::UNSTATED, Seq::NONE));
    let did = rows_and_gaps(rig.answer_status(status(&[], 0, 60)));
    assert_eq!(did, [Did::Opened(1, 60, GapCause::Join), Did::Ask(1, 60)]);
}

#[test]
fn where_epochs_are_stated_rows_prove_nothing() {
    let mut rig = Rig::following(10);
    assert_eq!(rig.input(Input::BeganAnew), []);
    assert_eq!(rig.coordinator.applied(), (Epoch(EPOCH), Seq(10)));
}
