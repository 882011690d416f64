//! A replay side that is slow, behind, busy, wrong or gone.

use super::rig::*;
use crate::{Begin, Event, Failure, GapCause, Input, Settings, TruncateReason};
use gapless_model::{Epoch, MonoTime, Seq};
use std::time::Duration;

fn truncated(first: u64, last: u64, reason: TruncateReason) -> Did {
    Did::Event(Event::Truncated { epoch: Epoch(EPOCH), range: range(first, last), reason })
}

fn gap_at_11() -> Rig {
    let mut rig = Rig::following(10);
    rig.live(15, 15);
    rig
}

#[test]
fn a_request_without_an_answer_is_repeated_with_growing_pauses() {
    let mut rig = gap_at_11();
    let mut asked = vec![rig.now];
    for _ in 0..8 {
        while !rig.until_something().contains(&Did::Ask(11, 14)) {}
        asked.push(rig.now);
    }
    let pauses: Vec<u64> =
        asked.windows(2).map(|pair| pair[1].since(pair[0]).as_millis() as u64 - 5_000).collect();
    assert!((50..=100).contains(&pauses[0]), "{pauses:?}");
    assert!((400..=800).contains(&pauses[3]), "{pauses:?}");
    assert!((5_000..=10_000).contains(&pauses[7]), "{pauses:?}");
    assert_eq!(rig.coordinator.counts().gaps_truncated, 0, "silence says nothing about the rows");
}

#[test]
fn an_answer_after_its_deadline_is_still_welcome() {
    let mut rig = gap_at_11();
    let late = rig.replay_request;
    rig.pass(5_000);
    rig.pass(200);
    assert_ne!(rig.replay_request, late);
    let (status, chunks) = (status(&[(EPOCH, 1)], 1, 15), vec![chunk(EPOCH, 11, 14)]);
    let served = range(11, 14);
    let did = rig.input(Input::Replayed { request: late, status, served, chunks, has_more: false });
    assert!(did.contains(&Did::Replay(11, 14)) && did.contains(&Did::Healed(11, 14)), "{did:?}");
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let mut rig = gap_at_11();
    rig.fail_replay(Failure::Busy { retry_after: Duration::from_millis(700) });
    rig.heartbeat(EPOCH, 16);
    assert_eq!(rig.pass(699), []);
    assert_eq!(rig.pass(101), [Did::Ask(11, 14)]);
    rig.fail_replay(Failure::Busy { retry_after: Duration::MAX });
    assert!(rig.pass(70_000).contains(&Did::Ask(11, 14)), "a wish is honoured for a minute");
}

#[test]
fn a_replay_side_that_is_behind_the_live_feed_is_waited_for() {
    let mut rig = gap_at_11();
    for _ in 0..30 {
        let did = rig.answer_rows(status(&[(EPOCH, 1)], 1, 10), vec![]);
        assert_eq!(rows_and_gaps(did), []);
        rig.heartbeat(EPOCH, 16);
        while !rig.until_something().contains(&Did::Ask(11, 14)) {}
    }
    let did = rig.answer_rows(status(&[(EPOCH, 1)], 1, 12), vec![chunk(EPOCH, 11, 12)]);
    assert_eq!(rows_and_gaps(did), [Did::Replay(11, 12), Did::Ask(13, 14)]);
}

#[test]
fn a_reader_ahead_of_the_server_waits_and_takes_nothing_twice() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch(EPOCH), applied: Seq(20) });
    rig.did();
    rig.answer_status(status(&[(EPOCH, 1)], 1, 12));
    rig.heartbeat(EPOCH, 13);
    assert_eq!(rig.live(13, 20), []);
    assert_eq!(rows_and_gaps(rig.live(19, 22)), [Did::Live(21, 22)]);
}

#[test]
fn rows_that_retention_took_are_reported_and_the_rest_goes_on() {
    let mut rig = gap_at_11();
    let did = rig.answer_rows(status(&[(EPOCH, 1)], 13, 15), vec![chunk(EPOCH, 13, 14)]);
    let given_up = truncated(11, 12, TruncateReason::Trimmed);
    let rest =
        [Did::Opened(13, 14, GapCause::Missed), Did::Replay(13, 14), Did::Live(15, 15), Did::Healed(13, 14)];
    assert_eq!(rows_and_gaps(did)[..5], [&[given_up][..], &rest].concat());
    assert!(gaps_add_up(&rig.coordinator));
}

#[test]
fn what_is_kept_is_delivered_even_when_the_server_has_less() {
    let mut rig = gap_at_11();
    rig.live(18, 18);
    let did = rows_and_gaps(rig.answer_rows(status(&[(EPOCH, 1)], 17, 18), vec![]));
    let first = [truncated(11, 14, TruncateReason::Trimmed), Did::Live(15, 15)];
    let second = [truncated(16, 16, TruncateReason::Trimmed), Did::Opened(17, 17, GapCause::Missed)];
    assert_eq!(did[..4], [first, second].concat());
    assert!(did.contains(&Did::Ask(17, 17)));
}

#[test]
fn a_cursor_older_than_the_log_loses_what_is_gone_and_says_so() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch(EPOCH), applied: Seq(4) });
    rig.did();
    let did = rows_and_gaps(rig.answer_status(status(&[(EPOCH, 1)], 101, 100)));
    let events = [Did::Opened(5, 100, GapCause::Join), truncated(5, 100, TruncateReason::Trimmed)];
    assert_eq!(did[..2], events);
    assert_eq!(rig.coordinator.applied().1, Seq(100));
}

#[test]
fn a_server_that_claims_rows_and_never_sends_them_is_not_believed_for_ever() {
    let mut rig = gap_at_11();
    let mut did = Vec::new();
    let mut requests = 0;
    while !did.contains(&truncated(11, 14, TruncateReason::NotServed)) {
        did = rig.answer_rows(status(&[(EPOCH, 1)], 1, 15), vec![]);
        requests += 1;
        assert!(requests <= 5);
        if !rig.coordinator.open_gaps().any(|_| true) {
            break;
        }
        while !rig.until_something().contains(&Did::Ask(11, 14)) {}
    }
    assert_eq!(requests, 5);
    assert!(did.contains(&Did::Live(15, 15)));
}

#[test]
fn a_hole_in_the_archive_costs_only_the_hole() {
    let mut rig = gap_at_11();
    for _ in 0..4 {
        rig.answer_rows(status(&[(EPOCH, 1)], 1, 15), vec![chunk(EPOCH, 13, 14)]);
        while !rig.until_something().iter().any(|did| matches!(did, Did::Ask(11, _))) {}
    }
    let did = rows_and_gaps(rig.answer_rows(status(&[(EPOCH, 1)], 1, 15), vec![chunk(EPOCH, 13, 14)]));
    assert_eq!(did[0], truncated(11, 12, TruncateReason::NotServed));
    assert!(did.contains(&Did::Replay(13, 14)) && did.contains(&Did::Live(15, 15)), "{did:?}");
    assert!(gaps_add_up(&rig.coordinator));
}

#[test]
fn a_refusal_for_good_ends_the_gap_and_live_goes_on() {
    let mut rig = gap_at_11();
    let mut did = Vec::new();
    for _ in 0..5 {
        did = rig.fail_replay(Failure::Refused { code: 403 });
        while rig.coordinator.lag() > 0 && !rig.until_something().contains(&Did::Ask(11, 14)) {}
    }
    assert_eq!(did[0], truncated(11, 14, TruncateReason::Refused { code: 403 }));
    assert!(did.contains(&Did::Live(15, 15)));
    assert_eq!(rows_and_gaps(rig.live(16, 16)), [Did::Live(16, 16)]);
}

#[test]
fn a_server_in_trouble_is_not_a_refusal() {
    let mut rig = gap_at_11();
    for code in [500, 503, 507, 429, 404].into_iter().cycle().take(25) {
        assert_eq!(rows_and_gaps(rig.fail_replay(Failure::Refused { code })), []);
        while !rig.until_something().contains(&Did::Ask(11, 14)) {}
    }
}

#[test]
fn damaged_answers_are_asked_for_in_smaller_pieces_before_they_are_given_up() {
    let settings = Settings { chunk_rows: 16, ..Settings::default() };
    let mut rig = Rig::following_with(settings, 0);
    rig.live(101, 101);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        rig.fail_replay(Failure::Corrupt);
        let asked = loop {
            let ask = rig.until_something().into_iter().find(|did| matches!(did, Did::Ask(..)));
            if let Some(Did::Ask(first, last)) = ask {
                break last - first + 1;
            }
        };
        sizes.push(asked);
    }
    assert_eq!(sizes, [8, 4, 2, 1]);
    assert_eq!(rig.fail_replay(Failure::Corrupt)[0], truncated(1, 1, TruncateReason::Corrupt));
}

#[test]
fn a_log_that_the_replay_side_does_not_know_yet_is_asked_for_again() {
    let mut rig = Rig::new(Begin::Earliest);
    rig.did();
    rig.input(Input::Failed { request: rig.status_request, failure: Failure::UnknownLog });
    assert_eq!(rows_and_gaps(rig.live(2, 2)), []);
    assert!(rig.until_something().contains(&Did::AskStatus));
    assert!(rig.answer_status(status(&[(EPOCH, 1)], 1, 1)).contains(&Did::Ask(1, 1)));
}

#[test]
fn a_request_that_the_driver_holds_back_has_no_deadline_until_it_is_sent() {
    let mut rig = gap_at_11();
    let request = rig.replay_request;
    rig.input(Input::Queued { request });
    rig.pass(60_000);
    assert_eq!(rig.replay_request, request);
    rig.input(Input::Sent { request });
    assert!(!rig.pass(4_999).contains(&Did::Abandon));
    assert!(rig.pass(1).contains(&Did::Abandon));
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut rig = gap_at_11();
    let before = rig.coordinator.counts();
    for request in [0, 99, u64::MAX].map(crate::RequestId) {
        let (status, chunks) = (status(&[(EPOCH, 1)], 1, 15), vec![chunk(EPOCH, 11, 14)]);
        assert_eq!(
            rig.input(Input::Replayed { request, status, served: range(11, 14), chunks, has_more: true }),
            []
        );
        assert_eq!(rig.input(Input::Failed { request, failure: Failure::Corrupt }), []);
    }
    assert_eq!(rig.coordinator.counts(), before);
}

#[test]
fn absurd_numbers_do_not_break_the_order() {
    let max = u64::MAX;
    let mut rig = Rig::following(10);
    let mut absurd = vec![chunk(EPOCH, 0, 5), chunk(max, max - 1, max - 1), chunk(EPOCH, max - 2, max - 1)];
    absurd.push(chunk(EPOCH, 11, max - 1));
    for chunk in absurd {
        let mut rig = Rig::following(10);
        rig.input(Input::Live(chunk));
        rig.heartbeat(EPOCH, max);
        rig.input(Input::Heartbeat { epoch: Epoch(EPOCH), earliest: Seq(max), next: Seq(max) });
        rig.answer_status(status(&[(EPOCH, 1)], max, max));
        rig.answer_status(status(&[(EPOCH, max), (max, 0)], max, max));
        rig.pass(100_000);
    }
    rig.now = MonoTime(max - 5);
    rig.pass(0);
    assert_eq!(rows_and_gaps(rig.live(11, 11)), [Did::Live(11, 11)]);
}

#[test]
fn a_server_that_refuses_even_its_status_refuses_the_rows() {
    let mut rig = Rig::new(Begin::Cursor { epoch: Epoch(EPOCH), applied: Seq(10) });
    rig.did();
    rig.live(15, 15);
    let mut did = Vec::new();
    for _ in 0..5 {
        while !did.is_empty() && !did.contains(&Did::AskStatus) {
            did = rig.until_something();
        }
        did =
            rig.input(Input::Failed { request: rig.status_request, failure: Failure::Refused { code: 403 } });
        if did.is_empty() {
            did = rig.until_something();
        }
    }
    assert_eq!(did[0], truncated(11, 14, TruncateReason::Refused { code: 403 }));
    assert!(did.contains(&Did::Live(15, 15)));
}

/// A follower whose pauses have grown to many seconds.
fn long_silent() -> Rig {
    let mut rig = gap_at_11();
    for _ in 0..12 {
        rig.fail_replay(Failure::NoReply);
        while !rig.until_something().contains(&Did::Ask(11, 14)) {}
    }
    rig.fail_replay(Failure::NoReply);
    rig
}

fn wait_for_the_next_question(rig: &mut Rig) -> u128 {
    let start = rig.now;
    while !rig.until_something().contains(&Did::Ask(11, 14)) {}
    rig.now.since(start).as_millis()
}

#[test]
fn a_replay_side_that_is_back_is_asked_soon_however_long_it_was_away() {
    assert!(wait_for_the_next_question(&mut long_silent()) >= 4_500, "by itself it waits long");
    let mut rig = long_silent();
    rig.input(Input::ReplayBack);
    let waited = wait_for_the_next_question(&mut rig);
    assert!(waited <= 100, "{waited} ms");
}

#[test]
fn a_late_answer_with_rows_ends_a_long_pause() {
    let mut rig = long_silent();
    let late = rig.replay_request;
    let (status, chunks) = (status(&[(EPOCH, 1)], 1, 15), vec![chunk(EPOCH, 11, 12)]);
    let served = range(11, 12);
    rig.input(Input::Replayed { request: late, status, served, chunks, has_more: true });
    let start = rig.now;
    while !rig.until_something().contains(&Did::Ask(13, 14)) {}
    let waited = rig.now.since(start).as_millis();
    assert!(waited <= 100, "{waited} ms");
}

#[test]
fn a_server_that_answers_not_yet_is_asked_at_least_once_a_second() {
    let mut rig = gap_at_11();
    for _ in 0..20 {
        rig.answer_rows(status(&[(EPOCH, 1)], 1, 10), vec![]);
        let start = rig.now;
        rig.heartbeat(EPOCH, 16);
        while !rig.until_something().contains(&Did::Ask(11, 14)) {}
        let waited = rig.now.since(start);
        assert!(waited <= Duration::from_secs(1), "{waited:?}");
    }
}

#[test]
fn the_first_rows_of_a_log_that_was_unknown_are_asked_about_soon() {
    let mut rig = Rig::new(Begin::Earliest);
    rig.did();
    for _ in 0..10 {
        rig.input(Input::Failed { request: rig.status_request, failure: Failure::UnknownLog });
        while !rig.until_something().contains(&Did::AskStatus) {}
    }
    rig.input(Input::Failed { request: rig.status_request, failure: Failure::UnknownLog });
    rig.live(4, 4);
    let start = rig.now;
    while !rig.until_something().contains(&Did::AskStatus) {}
    let waited = rig.now.since(start).as_millis();
    assert!(waited <= 100, "{waited} ms");
}
