//! Rows that wait and are put together.

use super::*;

/// Rows that are handed over while ingestion has not answered the first ones.
fn busy_window(group_after: usize, rows: u64, now: MonoTime) -> (Window<usize>, Vec<Vec<u64>>) {
    let mut window = grouping_window(group_after);
    push_row(&mut window, Numbering::Next, 0, 0, now);
    let Some(Output::Ask { correlation, .. }) = window.poll_output() else { panic!("it asks first") };
    window.handle_status(&correlation, 0, now);
    for value in 1..rows {
        push_row(&mut window, Numbering::Next, value, value as usize, now);
    }
    let mut sent = Vec::new();
    while let Some(Output::Send { batch, .. }) = window.poll_output() {
        sent.push(values(&batch.batch));
    }
    (window, sent)
}

#[test]
fn rows_go_out_one_by_one_while_few_are_under_way_and_together_from_then_on() {
    let mut now = MonoTime(0);
    let (mut window, sent) = busy_window(3, 10, now);
    assert_eq!(sent, [[0], [1], [2]]);
    assert_eq!(window.pending(), 4);
    let mut ingestion = FakeIngestion::default();
    let settled = receipts(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(ingestion.accepted.last().unwrap(), &(4, (3..10).collect()));
    for (ticket, result) in settled {
        let receipt = result.unwrap();
        let (number, seq) = ((ticket as u64 + 1).min(4), Seq(ticket as u64 + 1));
        assert_eq!((receipt.number, receipt.range), (number, SeqRange::of_len(seq, 1)), "{ticket}");
    }
    assert_eq!(window.counts().acknowledged, 4);
}

#[test]
fn a_refusal_of_rows_that_were_put_together_is_told_to_each_of_their_senders() {
    let mut now = MonoTime(0);
    let (mut window, _) = busy_window(1, 5, now);
    let mut ingestion = FakeIngestion::default();
    let settled = run(&mut window, &mut ingestion, &mut now, |number, reply| {
        Some(if number == 2 { nack(2, 400, 1) } else { reply })
    });
    assert_eq!(settled, [(0, Ok(1)), (1, Err(400)), (2, Err(400)), (3, Err(400)), (4, Err(400))]);
}

#[test]
fn only_rows_of_one_kind_and_with_the_same_marks_are_put_together_and_no_numbered_ones() {
    let mut now = MonoTime(0);
    let (mut window, _) = busy_window(1, 1, now);
    let marked = Batch { flags: Flags::SIMULATED, ..batch_of(&key(), &[3]) };
    push_row(&mut window, Numbering::Next, 1, 1, now);
    push_row(&mut window, Numbering::Next, 2, 2, now);
    window.push(marked, Numbering::Next, 1, 3, now);
    push_row(&mut window, Numbering::Explicit(10), 4, 4, now);
    push_row(&mut window, Numbering::Next, 5, 5, now);
    push_row(&mut window, Numbering::Next, 6, 6, now);
    let mut ingestion = FakeIngestion::default();
    run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    let accepted: Vec<_> = ingestion.accepted.iter().map(|(n, rows)| (*n, rows.as_slice())).collect();
    assert_eq!(accepted, [(1, &[0][..]), (2, &[1, 2]), (3, &[3]), (10, &[4]), (11, &[5, 6])]);
}

#[test]
fn what_is_put_together_has_a_bound() {
    let now = MonoTime(0);
    let (mut window, _) = busy_window(1, 1, now);
    let fits = (16 << 10) / size_of::<Candle>() as u64;
    for value in 1..=2 * fits + 1 {
        push_row(&mut window, Numbering::Next, value, value as usize, now);
    }
    assert_eq!(window.pending(), 4, "the first row, two full groups and a row");
}

#[test]
fn a_batch_whose_answer_was_lost_is_sent_again_although_later_ones_are_answered() {
    let mut now = MonoTime(0);
    let (mut window, _) = busy_window(usize::MAX, 1, now);
    let mut ingestion = FakeIngestion::default();
    // The first answer is lost, and a row comes and is answered every second.
    let lost = gapless_wire::encode_message(&gapless_wire::Message::Batch(batch_of(&key(), &[0])), "");
    ingestion.take(1, 0, &lost);
    for value in 1..5 {
        now = now.after(Duration::from_secs(1));
        window.handle_timeout(now);
        push_row(&mut window, Numbering::Next, value, value as usize, now);
        while let Some(output) = window.poll_output() {
            let Output::Send { correlation, batch } = output else { continue };
            match ingestion.take(batch.producer_sequence, batch.previous_producer_sequence, &batch.batch) {
                Reply::Ack(ack) => window.handle_ack(&correlation, &ack, now),
                Reply::Nack(nack) => window.handle_nack(&correlation, &nack, now),
            }
        }
    }
    assert_eq!(window.pending(), 0);
    assert_eq!(ingestion.rows(), [0, 1, 2, 3, 4]);
}

#[test]
fn what_cannot_grow_any_more_does_not_wait_for_an_answer() {
    let now = MonoTime(0);
    let (mut window, _) = busy_window(1, 1, now);
    let large: Vec<u64> = (0..1000).collect();
    for ticket in 1..=3 {
        window.push(batch_of(&key(), &large), Numbering::Next, 1, ticket, now);
    }
    let mut sent = 0;
    while let Some(Output::Send { .. }) = window.poll_output() {
        sent += 1;
    }
    push_row(&mut window, Numbering::Next, 1, 4, now);
    assert!(window.poll_output().is_none(), "the next rows could be put behind this one");
    assert_eq!(sent, 3);
}

#[test]
fn metrics_whose_columns_change_while_they_wait_are_not_put_together() {
    let mut now = MonoTime(0);
    let key: StreamKey = "metrics.a.b.1m".parse().unwrap();
    let row = |name: &str| {
        let rows =
            MetricRows { columns: [name.to_owned()].into(), ts: vec![UnixNanos(1)], values: vec![1.0] };
        Batch::unsequenced(key.clone(), Flags::NONE, Rows::Metrics(rows))
    };
    let mut window = grouping_window(1);
    for (ticket, name) in ["x", "x", "y", "y"].into_iter().enumerate() {
        window.push(row(name), Numbering::Next, 1, ticket, now);
    }
    let Some(Output::Ask { correlation, .. }) = window.poll_output() else { panic!("it asks first") };
    window.handle_status(&correlation, 0, now);
    let mut columns = Vec::new();
    while window.pending() > 0 {
        let Some(output) = window.poll_output() else { panic!("nothing is due") };
        let Output::Send { correlation, batch } = output else { continue };
        let sent = decode_batch(&batch.batch, &Limits::ingest()).unwrap();
        let Rows::Metrics(rows) = sent.rows else { panic!("these are metrics") };
        columns.push((rows.columns[0].clone(), rows.ts.len()));
        let ack = FakeIngestion::default().ack(batch.producer_sequence, false);
        window.handle_ack(&correlation, &ack, now);
        now = now.after(Duration::from_millis(1));
    }
    assert_eq!(columns, [("x".to_owned(), 2), ("y".to_owned(), 2)]);
}
