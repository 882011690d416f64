use super::*;

const NO_EPOCH: Epoch = Epoch::UNSTATED;

fn row(history: u64, seq: u64) -> Digest {
    Digest(history * 1_000_000 + seq)
}

fn rows(from: u64, to: u64) -> SeqRange {
    SeqRange::new(Seq(from), Seq(to + 1))
}

/// One that was handed row 20 of history 1.
fn at_20() -> Continuity {
    let mut continuity = Continuity::default();
    continuity.handed_over(NO_EPOCH, Seq(20), row(1, 20));
    continuity
}

fn question(continuity: &mut Continuity) -> u64 {
    let (seq, round) = continuity.poll_question().expect("it wants proof");
    assert_eq!(seq, Seq(20));
    round
}

#[test]
fn rows_pass_as_long_as_nothing_was_interrupted() {
    let mut continuity = at_20();
    assert_eq!(continuity.admit(NO_EPOCH, rows(21, 22), || row(1, 21)), Admission::Pass);
    assert_eq!(continuity.admit(NO_EPOCH, rows(40, 40), || row(1, 40)), Admission::Pass, "a gap is no doubt");
    assert_eq!(continuity.poll_question(), None);
}

#[test]
fn after_an_interruption_nothing_passes_until_the_last_row_is_proven_the_same() {
    let mut continuity = at_20();
    continuity.interrupted();
    assert_eq!(continuity.admit(NO_EPOCH, rows(21, 25), || row(1, 21)), Admission::Withhold);
    let round = question(&mut continuity);
    assert_eq!(continuity.poll_question(), None, "asked once");
    assert_eq!(continuity.answered(round, Some(row(1, 20))), Verdict::Same { withheld: Seq(25) });
    assert_eq!(continuity.admit(NO_EPOCH, rows(26, 26), || row(1, 26)), Admission::Pass);
}

#[test]
fn another_row_of_the_same_number_is_another_history() {
    let mut continuity = at_20();
    continuity.interrupted();
    let round = question(&mut continuity);
    assert_eq!(continuity.answered(round, Some(row(2, 20))), Verdict::Another);
}

#[test]
fn a_repeated_number_is_doubted_and_cleared_by_the_same_row() {
    let mut continuity = at_20();
    assert_eq!(continuity.admit(NO_EPOCH, rows(19, 20), || row(1, 19)), Admission::Withhold);
    let round = question(&mut continuity);
    assert_eq!(continuity.answered(round, Some(row(1, 20))), Verdict::Same { withheld: Seq(20) });
    assert!(!continuity.is_in_doubt());
}

#[test]
fn row_1_passes_in_any_doubt() {
    let mut continuity = at_20();
    continuity.interrupted();
    assert_eq!(continuity.admit(NO_EPOCH, rows(1, 3), || row(1, 1)), Admission::Pass);
}

#[test]
fn row_1_that_comes_late_is_doubted_and_another_row_1_passes() {
    let mut continuity = at_20();
    continuity.begun(row(1, 1));
    assert_eq!(continuity.admit(NO_EPOCH, rows(1, 20), || row(2, 1)), Admission::Pass);
    assert_eq!(continuity.admit(NO_EPOCH, rows(1, 20), || row(1, 1)), Admission::Withhold);
    let round = question(&mut continuity);
    assert_eq!(continuity.answered(round, Some(row(1, 20))), Verdict::Same { withheld: Seq(20) });
}

#[test]
fn a_server_that_has_no_such_row_is_believed_after_some_times() {
    let mut continuity = at_20();
    continuity.interrupted();
    for _ in 1..MAX_DENIALS {
        let round = question(&mut continuity);
        assert_eq!(continuity.answered(round, None), Verdict::Unknown);
    }
    let round = question(&mut continuity);
    assert_eq!(continuity.answered(round, None), Verdict::Another);
}

#[test]
fn an_answer_from_before_the_last_interruption_proves_nothing() {
    let mut continuity = at_20();
    continuity.interrupted();
    let early = question(&mut continuity);
    continuity.interrupted();
    assert_eq!(continuity.answered(early, Some(row(1, 20))), Verdict::Unknown);
    let late = question(&mut continuity);
    continuity.unanswered(early);
    assert_eq!(continuity.poll_question(), None, "the late question is still out");
    continuity.unanswered(late);
    let again = question(&mut continuity);
    assert_eq!(continuity.answered(again, Some(row(1, 20))), Verdict::Same { withheld: Seq::NONE });
}

#[test]
fn a_stored_cursor_wants_proof_at_once() {
    let mut continuity = Continuity::resume(Seq(20), Some(row(1, 20)));
    assert_eq!(continuity.admit(NO_EPOCH, rows(21, 21), || row(1, 21)), Admission::Withhold);
    let round = question(&mut continuity);
    assert_eq!(continuity.answered(round, Some(row(2, 20))), Verdict::Another);
    assert!(!Continuity::resume(Seq::NONE, None).is_in_doubt(), "nothing stored, nothing to prove");
}

#[test]
fn a_stored_cursor_without_its_row_takes_the_row_that_it_finds() {
    let mut continuity = Continuity::resume(Seq(20), None);
    let round = question(&mut continuity);
    assert_eq!(continuity.answered(round, Some(row(2, 20))), Verdict::Same { withheld: Seq::NONE });
    assert!(continuity.contradicts(Seq(20), row(1, 20)));
}

#[test]
fn a_server_that_states_epochs_needs_no_proof() {
    let mut continuity = at_20();
    continuity.interrupted();
    assert_eq!(continuity.admit(Epoch(7), rows(21, 21), || row(1, 21)), Admission::Pass);
    continuity.handed_over(Epoch(7), Seq(21), row(1, 21));
    assert!(!continuity.is_anchored() && !continuity.is_in_doubt());
}

#[test]
fn a_replay_that_follows_the_anchor_begins_with_it_once() {
    let mut continuity = at_20();
    assert_eq!(continuity.overlap(rows(21, 30)), Seq(20));
    assert_eq!(continuity.overlap(rows(25, 30)), Seq(25));
    assert_eq!(Continuity::default().overlap(rows(1, 30)), Seq(1));
    assert!(!continuity.contradicts(Seq(21), row(2, 21)), "not the anchor");
    assert!(!continuity.contradicts(Seq(20), row(1, 20)));
    assert_eq!(continuity.overlap(rows(21, 30)), Seq(21), "a server of one row a page gets on");
}

#[test]
fn a_replay_that_contradicts_the_anchor_is_no_proof_but_a_doubt() {
    // It may be a late answer of a history that was left already.
    let mut continuity = at_20();
    assert!(continuity.contradicts(Seq(20), row(2, 20)));
    let round = question(&mut continuity);
    assert_eq!(continuity.answered(round, Some(row(1, 20))), Verdict::Same { withheld: Seq::NONE });
}
