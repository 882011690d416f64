//! Journals that lose or change their history.

use super::*;

#[test]
fn a_rewind_keeps_what_lies_before_the_new_epoch() {
    let (key, other, gone) = (key(CANDLES), self::key("candles.sim.OTHER.1m"), self::key("metrics.x.y.1s"));
    for keep in [0u64, 40, 100, 119, 150] {
        let mut bench = Bench::new();
        bench.append(vec![published(&key, 7, 1, 60), published(&other, 7, 1, 20), batch(&gone, 7, 1, 3)]);
        if keep > 60 {
            bench.append(vec![published(&key, 7, 61, keep - 60)]);
            bench.append(vec![published(&key, 7, keep + 1, 200 - keep)]);
        } else {
            bench.append(vec![published(&key, 7, 61, 60)]);
            bench.append(vec![published(&key, 7, 121, 80)]);
        }
        bench.seal();
        let truth = [status(&key, keep + 5, &[(7, 1), (9, keep + 1)]), status(&other, 20, &[(7, 1)])];
        assert_eq!(bench.archive.rewind(Position(2), Epoch(7), Epoch(9), &truth).unwrap(), 200 - keep + 3);
        bench.position = 2;
        for _ in 0..2 {
            assert_eq!(bench.archive.position(), Position(2));
            assert_eq!(bench.archive.epoch(), Epoch(9));
            let page = bench.page(&key, 1, 1000);
            assert_eq!(page.served.len(), keep);
            assert_eq!(page.status.watermark.epoch, Epoch(9));
            assert_eq!(page.status.epochs, truth[0].epochs);
            assert_eq!(bench.page(&other, 1, 1000).served, range(1, 20));
            assert_eq!(bench.archive.reader().unwrap().status(&gone), None);
            bench = bench.reopen();
        }
        let mut fresh = published(&key, 9, keep + 1, 7);
        if let Rows::Candles(rows) = &mut fresh.rows {
            rows[0].volume = 77.0;
        }
        fresh.digest = Digest::default();
        bench.append(vec![fresh.clone(), batch(&gone, 9, 1, 2)]);
        for _ in 0..2 {
            bench.seal();
            let page = bench.page(&key, 1, 1000);
            assert_eq!(page.served, range(1, keep + 7));
            assert_eq!(page.batches.last().unwrap().rows, fresh.rows);
            assert_eq!(bench.page(&gone, 1, 10).served, range(1, 2));
            assert!(bench.archive.reader().unwrap().check(&key).unwrap().iter().all(RangeCheck::is_sound));
            bench.append(vec![batch(&other, 9, 21, 120)]);
            bench.append(vec![batch(&other, 9, 141, 1)]);
            bench = bench.reopen();
        }
    }
}

#[test]
fn a_new_epoch_that_lost_nothing_here_only_changes_the_history() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 60)]);
    let truth = [status(&key, 90, &[(7, 1), (9, 81)])];
    assert_eq!(bench.archive.rewind(Position(1), Epoch(7), Epoch(9), &truth).unwrap(), 0);
    assert_eq!(bench.status(&key).epochs, truth[0].epochs);
    bench.append(vec![published(&key, 7, 61, 20), published(&key, 9, 81, 5)]);
    let bench = bench.reopen();
    assert_eq!(bench.status(&key).epochs, truth[0].epochs);
    assert_eq!(bench.page(&key, 79, 82).batches.iter().map(|b| b.epoch.0).collect::<Vec<_>>(), [7, 9]);
}

#[test]
fn histories_are_taken_over_without_losing_anything() {
    let mut bench = Bench::new();
    let (key, quiet) = (key(CANDLES), self::key("candles.sim.QUIET.1m"));
    bench.append(vec![published(&key, 7, 1, 60), published(&quiet, 7, 1, 5), published(&key, 9, 61, 5)]);
    let truth = [status(&key, 60, &[(7, 1), (9, 61)]), status(&quiet, 5, &[(7, 1), (9, 6)])];
    bench.archive.take_view(&truth).unwrap();
    for _ in 0..2 {
        assert_eq!(bench.status(&quiet).epochs, truth[1].epochs);
        assert_eq!(bench.status(&quiet).watermark.epoch, Epoch(9));
        assert_eq!(bench.status(&key).watermark.latest, Seq(65), "the journal's word was older");
        assert_eq!((bench.archive.position(), bench.archive.epoch()), (Position(3), Epoch(9)));
        bench = bench.reopen();
    }
}

#[test]
fn a_reset_begins_anew_and_keeps_a_copy() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 120)]);
    bench.append(vec![published(&key, 7, 121, 10)]);
    bench.seal();
    let retired = bench.dir.path().join("retired-7.duckdb");
    std::fs::write(&retired, "a copy that a crash interrupted").unwrap();
    bench.archive.reset(Epoch(9), Some(&retired)).unwrap();
    assert_eq!((bench.archive.position(), bench.archive.epoch()), (Position::NONE, Epoch(9)));
    assert_eq!(bench.archive.reader().unwrap().status(&key), None);
    bench.position = 0;
    bench.append(vec![published(&key, 9, 1, 3)]);
    let bench = bench.reopen();
    assert_eq!(bench.page(&key, 1, 100).served, range(1, 3));
    let old = Archive::open(&retired, &Options::default()).unwrap();
    let page = old.reader().unwrap().page(&key, range(1, 500), 500, usize::MAX).unwrap().unwrap();
    assert_eq!(page.served, range(1, 130));
}

#[test]
fn rows_before_a_hole_are_served_and_the_hole_is_stated() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 60)]);
    let done = bench.append(vec![published(&key, 9, 81, 30)]);
    assert_eq!((done.rows, done.broken), (30, 1));
    bench.append(vec![published(&key, 9, 111, 40), published(&key, 9, 161, 5)]);
    for round in 0..4 {
        let (status, holes) = bench.archive.reader().unwrap().stream(&key).unwrap();
        assert_eq!((status.watermark.earliest, status.watermark.latest), (Seq(1), Seq(165)), "round {round}");
        assert_eq!(holes, [range(61, 80), range(151, 160)], "round {round}");
        let epochs: Vec<(u64, u64)> = status.epochs.iter().map(|s| (s.epoch.0, s.first_sequence.0)).collect();
        assert_eq!(epochs, [(7, 1), (9, 61)], "epoch 9 may have begun in the hole");
        assert_eq!(bench.page(&key, 1, 165).served, range(1, 60));
        assert_eq!(bench.page(&key, 61, 165).served, range(81, 150));
        assert_eq!(bench.page(&key, 155, 165).served, range(161, 165));
        assert!(bench.page(&key, 65, 70).served.is_empty());
        let checks = bench.archive.reader().unwrap().check(&key).unwrap();
        assert!(checks.iter().all(RangeCheck::is_sound) && checks.len() == 3, "{checks:?}");
        if round == 1 {
            bench.append(vec![published(&self::key("candles.sim.OTHER.1m"), 9, 1, 1)]);
            bench.seal();
        }
        bench = bench.reopen();
    }
}

#[test]
fn the_end_of_a_stream_that_will_not_come_is_stated() {
    let mut bench = Bench::new();
    let (key, gone) = (key(CANDLES), self::key("candles.sim.GONE.1m"));
    bench.append(vec![published(&key, 7, 1, 60)]);
    let view = [status(&key, 90, &[(7, 1)]), status(&gone, 12, &[(7, 1)])];
    assert_eq!(bench.archive.take_view(&view).unwrap(), Missing { streams: 2, rows: 42 });
    assert_eq!(bench.archive.take_view(&view).unwrap(), Missing::default(), "it is known now");
    for _ in 0..2 {
        let (found, holes) = bench.archive.reader().unwrap().stream(&key).unwrap();
        assert_eq!((found.watermark.latest, holes), (Seq(90), vec![range(61, 90)]));
        let (found, holes) = bench.archive.reader().unwrap().stream(&gone).unwrap();
        assert_eq!((found.watermark.earliest, found.watermark.latest, holes), (Seq(13), Seq(12), vec![]));
        bench = bench.reopen();
    }
    bench.append(vec![published(&key, 7, 93, 5), published(&gone, 7, 13, 2)]);
    for _ in 0..2 {
        assert_eq!(bench.archive.reader().unwrap().stream(&key).unwrap().1, [range(61, 92)], "they are one");
        assert_eq!(bench.page(&key, 61, 100).served, range(93, 97));
        assert_eq!(bench.page(&gone, 1, 100).served, range(13, 14));
        bench = bench.reopen();
    }
}

#[test]
fn a_file_of_another_layout_is_refused_and_left_alone() {
    for other in [2, 4] {
        let mut bench = Bench::new();
        bench.append(vec![published(&key(CANDLES), 7, 1, 5)]);
        let change = format!("UPDATE gapless_layout SET version = {other}");
        bench.archive.database.connection.execute_batch(&change).unwrap();
        let Bench { dir, archive, .. } = bench;
        drop(archive);
        for _ in 0..2 {
            let refused = Archive::open(dir.path().join("archive.duckdb"), &Options::default());
            let refused = refused.map(|_| ()).unwrap_err();
            assert!(matches!(refused, StoreError::Layout { found, .. } if found == other), "{refused}");
        }
    }
}
