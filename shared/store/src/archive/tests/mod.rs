use super::block::{Block, Filling};
use super::block_table::Line;
use super::tables::Place;
use super::*;
use crate::samples::{batch, key, published, running};
use gapless_model::{
    Digest, EpochStart, Flags, Rows, Seq, SeqRange, StreamKey, StreamStatus, UnixMillis, UnixNanos, Watermark,
};
use std::path::PathBuf;

mod cost;
mod crash;
mod damage;
mod histories;
mod model;
mod retention;

const CANDLES: &str = "candles.sim.BTC-USD.1m";

pub(super) struct Bench {
    dir: tempfile::TempDir,
    position: u64,
    pub(super) archive: Archive,
}

impl Bench {
    /// An archive that seals at 100 rows.
    pub(super) fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let archive =
            Archive::open_sealing_at(dir.path().join("archive.duckdb"), &Options::default(), 100).unwrap();
        Bench { position: archive.position().0, dir, archive }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("archive.duckdb")
    }

    pub(super) fn append(&mut self, batches: Vec<Batch>) -> Appended {
        let records: Vec<(Position, Batch)> = (self.position + 1..).map(Position).zip(batches).collect();
        self.position += records.len() as u64;
        self.archive.append(&records).unwrap()
    }

    pub(super) fn seal(&self) -> u64 {
        let mut sealer = self.archive.sealer().unwrap();
        std::iter::from_fn(|| sealer.seal_next().unwrap()).sum()
    }

    pub(super) fn reopen(self) -> Bench {
        let Bench { dir, archive, .. } = self;
        drop(archive);
        let archive =
            Archive::open_sealing_at(dir.path().join("archive.duckdb"), &Options::default(), 100).unwrap();
        Bench { position: archive.position().0, dir, archive }
    }

    fn page(&self, key: &StreamKey, from: u64, to: u64) -> Page {
        let range = SeqRange::new(Seq(from), Seq(to + 1));
        self.archive.reader().unwrap().page(key, range, u64::MAX, usize::MAX).unwrap().unwrap()
    }

    /// Changes the block of the first stream with row `seq`, as somebody would who knows how it is made.
    fn change(&self, place: Place, seq: u64, change: impl Fn(&mut Batch)) {
        let connection = &self.archive.database.connection;
        let at = SeqRange::of_len(Seq(seq), 1);
        let found = self.archive.shared.blocks(connection, Kind::Candles, place, 0..=0, at).unwrap();
        let (id, block) = found.into_iter().next().unwrap();
        let whole = block.range();
        let mut filling = Filling::default();
        for mut batch in block.into_batches(&key(CANDLES)) {
            change(&mut batch);
            filling.push(Block::of(&batch));
        }
        let lines: Vec<Line> = filling.finish().map(|block| Line::new(place, id, &block, &|_| 0)).collect();
        let delete = format!(
            "DELETE FROM {} WHERE stream = {id} AND first_seq = {}",
            place.table(Kind::Candles),
            whole.start()
        );
        connection.execute_batch(&delete).unwrap();
        block_table::insert(connection, Kind::Candles, place, &lines).unwrap();
    }

    fn tables(&self) -> Vec<String> {
        let places = tables::places(&self.archive.database.connection).unwrap();
        places.iter().map(|(kind, place)| place.table(*kind)).collect()
    }

    fn status(&self, key: &StreamKey) -> StreamStatus {
        self.archive.reader().unwrap().status(key).unwrap()
    }
}

/// Changes the last price of row `seq`, if it is in the batch.
fn change_close(batch: &mut Batch, seq: u64) {
    let start = batch.start.0;
    if let Rows::Candles(rows) = &mut batch.rows
        && let Some(row) = seq.checked_sub(start).and_then(|at| rows.get_mut(at as usize))
    {
        row.close += 0.01;
    }
}

fn range(from: u64, to: u64) -> SeqRange {
    SeqRange::new(Seq(from), Seq(to + 1))
}

fn ranges(batches: &[Batch]) -> Vec<SeqRange> {
    batches.iter().map(Batch::range).collect()
}

/// The journal's word on a stream.
fn status(key: &StreamKey, latest: u64, epochs: &[(u64, u64)]) -> StreamStatus {
    StreamStatus {
        key: key.clone(),
        watermark: Watermark {
            epoch: Epoch(epochs.last().unwrap().0),
            earliest: Seq::NONE,
            latest: Seq(latest),
            latest_ts: UnixNanos(0),
            digest: Digest::default(),
        },
        server_time: UnixMillis(0),
        epochs: epochs
            .iter()
            .map(|(epoch, first)| EpochStart { epoch: Epoch(*epoch), first_sequence: Seq(*first) })
            .collect(),
    }
}

#[test]
fn a_page_holds_the_batches_as_they_were_published() {
    for topic in [CANDLES, "metrics.host.cpu.1s", "warnings.gapless.x.1s"] {
        let mut bench = Bench::new();
        let key = key(topic);
        let mut batches = vec![
            Batch { digest: Digest(11), ..batch(&key, 7, 1, 30) },
            Batch { digest: Digest(22), flags: Flags::NONE, ..batch(&key, 7, 31, 1) },
            Batch { digest: Digest(33), ..batch(&key, 8, 32, 90) },
        ];
        let mut sum = Digest::default();
        for batch in &mut batches {
            sum = sum + Digest::of(batch.start, &batch.rows);
            batch.digest = sum;
        }
        bench.append(batches.clone());
        batches.iter_mut().for_each(|batch| batch.earliest = Seq(1));
        assert_eq!(bench.page(&key, 1, 121).batches, batches, "hot");
        bench.append(vec![Batch { digest: Digest::default(), ..batch(&key, 8, 122, 1) }]);
        assert_eq!(bench.seal(), 121);
        assert_eq!(bench.page(&key, 1, 121).batches, batches, "sealed");
        let bench = bench.reopen();
        assert_eq!(bench.page(&key, 1, 121).batches, batches, "reopened");
        let cut = bench.page(&key, 10, 40);
        assert_eq!(ranges(&cut.batches), [range(10, 30), range(31, 31), range(32, 40)]);
        assert_eq!(cut.batches[0].digest, batches[0].digest, "its end is still that of the batch");
        assert_eq!(cut.batches[2].digest, Digest::default(), "its end is not that of the batch");
        assert_eq!(cut.batches[2], batches[2].clone().cut(range(10, 40)));
    }
}

#[test]
fn a_page_goes_on_over_partitions_and_the_hot_table() {
    let mut bench = Bench::new();
    let (key, other) = (key(CANDLES), self::key("candles.sim.OTHER.1m"));
    for start in (1..=331).step_by(30) {
        bench.append(vec![published(&key, 7, start, 30), published(&other, 7, start, 30)]);
    }
    assert_eq!(bench.seal(), 600);
    assert_eq!(
        bench.tables(),
        [
            "hot_candles_6",
            "part_candles_1",
            "part_candles_2",
            "part_candles_3",
            "part_candles_4",
            "part_candles_5"
        ]
    );
    let page = bench.page(&key, 1, 1000);
    assert_eq!(page.served, range(1, 360));
    assert!(page.batches.len() < 12, "small batches are put together");
    let rows: Digest =
        page.batches.iter().fold(Digest::default(), |sum, b| sum + Digest::of(b.start, &b.rows));
    assert_eq!(rows, running(&key, 360));
    assert_eq!(page.status.watermark.digest, running(&key, 360));
}

#[test]
fn a_page_is_bounded_by_rows_and_bytes_and_what_is_served() {
    let mut bench = Bench::new();
    let key = key("warnings.gapless.x.1s");
    for start in 0..30 {
        bench.append(vec![batch(&key, 7, 1 + start * 100, 100)]);
    }
    let reader = bench.archive.reader().unwrap();
    let page = |range, limit, bytes| reader.page(&key, range, limit, bytes).unwrap().unwrap().served;
    assert_eq!(page(range(5, 3000), 10, usize::MAX), range(5, 14));
    assert_eq!(page(range(5, 3000), u64::MAX, 1), range(5, 100), "the rest of one table");
    assert_eq!(page(SeqRange::new(Seq(0), Seq(u64::MAX)), 3, usize::MAX), range(1, 3));
    assert_eq!(page(range(3001, 4000), 10, usize::MAX), SeqRange::new(Seq(3001), Seq(3001)));
    assert_eq!(page(range(u64::MAX - 5, u64::MAX - 1), 10, usize::MAX).len(), 0);
    assert_eq!(page(range(7, 20), 0, usize::MAX).len(), 0);
    assert_eq!(reader.page(&self::key(CANDLES), range(1, 2), 10, 10).unwrap(), None);
}

#[test]
fn records_that_are_there_already_are_left_out_and_missing_ones_refused() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    let records = [(Position(5), published(&key, 7, 1, 3)), (Position(6), published(&key, 7, 4, 3))];
    assert_eq!(bench.archive.append(&records).unwrap().rows, 6, "a journal may begin anywhere");
    assert_eq!(bench.archive.append(&records).unwrap(), Appended::default());
    let more = [(Position(6), published(&key, 7, 4, 3)), (Position(7), published(&key, 7, 5, 4))];
    assert_eq!(
        bench.archive.append(&more).unwrap(),
        Appended { rows: 2, duplicates: 5, ..Appended::default() }
    );
    let result = bench.archive.append(&[(Position(9), published(&key, 7, 9, 1))]);
    assert!(matches!(result, Err(StoreError::Position { expected: Position(8), .. })), "{result:?}");
    assert_eq!(bench.archive.position(), Position(7));
    bench.archive.skip_to(Position(8), Epoch(7)).unwrap();
    bench.archive.append(&[(Position(9), published(&key, 7, 9, 1))]).unwrap();
    assert_eq!(bench.page(&key, 1, 100).served, range(1, 9));
}

#[test]
fn a_stream_may_begin_above_one() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![batch(&key, 7, 40, 5)]);
    for _ in 0..2 {
        assert_eq!(bench.page(&key, 1, 1000).served, range(40, 44));
        assert_eq!(bench.status(&key).watermark.digest, Digest::default(), "it was not stated");
        bench = bench.reopen();
    }
}

#[test]
fn the_directory_is_paged_by_topic() {
    let mut bench = Bench::new();
    let topics = ["candles.a.X.1m", "candles.a.Y.1m", "candles.b.X.1m", "metrics.a.X.1s"];
    for topic in topics.iter().rev() {
        bench.append(vec![batch(&key(topic), 7, 1, 2)]);
    }
    let reader = bench.archive.reader().unwrap();
    let page = |prefix: &str, after: &str, limit| {
        let (streams, more) = reader.directory(prefix, after, limit);
        (streams.iter().map(|status| status.key.topic()).collect::<Vec<_>>(), more)
    };
    let names = |at: std::ops::Range<usize>| topics[at].iter().map(|t| t.to_string()).collect::<Vec<_>>();
    assert_eq!(page("", "", 10), (names(0..4), false));
    assert_eq!(page("", "", 3), (names(0..3), true));
    assert_eq!(page("", topics[2], 3), (names(3..4), false));
    assert_eq!(page("candles.a", "", 10), (names(0..2), false));
    assert_eq!(page("candles.a", topics[0], 10), (names(1..2), false));
    assert_eq!(page("candles.a", "zzz", 10), (vec![], false));
    assert_eq!(page("candles.b", topics[0], 10), (names(2..3), false));
    assert_eq!(page("nothing", "", 10), (vec![], false));
}

#[test]
fn a_time_is_found_in_every_table() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    for start in (1..=331).step_by(30) {
        bench.append(vec![published(&key, 7, start, 30)]);
    }
    bench.seal();
    let reader = bench.archive.reader().unwrap();
    let at = |seq: u64| crate::samples::candle(seq).ts.to_nanos();
    for seq in [1, 2, 120, 121, 240, 359, 360] {
        assert_eq!(reader.seq_at_time(&key, at(seq)).unwrap(), Some(Seq(seq)));
        assert_eq!(reader.seq_at_time(&key, UnixNanos(at(seq).0 - 1)).unwrap(), Some(Seq(seq)));
    }
    assert_eq!(reader.seq_at_time(&key, UnixNanos(at(5).0 + 1)).unwrap(), Some(Seq(6)));
    assert_eq!(reader.seq_at_time(&key, UnixNanos(at(360).0 + 1)).unwrap(), None);
    assert_eq!(reader.seq_at_time(&key, UnixNanos(i64::MIN)).unwrap(), Some(Seq(1)));
    assert_eq!(reader.seq_at_time(&key, UnixNanos(i64::MAX)).unwrap(), None);
}

#[test]
fn a_reader_sees_every_row_while_tables_are_sorted_away() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 50)]);
    let (reader, mut sealer) = (bench.archive.reader().unwrap(), bench.archive.sealer().unwrap());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let wanted = key.clone();
    let reads = std::thread::spawn(move || {
        let mut reads = 0u64;
        let mut latest = Seq::NONE;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let from = latest.0.saturating_sub(150).max(1);
            let page = reader.page(&wanted, range(from, 100_000), u64::MAX, usize::MAX).unwrap().unwrap();
            assert_eq!(page.served.start(), Seq(from));
            assert!(page.served.last() >= latest || page.batches.len() >= 8);
            latest = page.served.last();
            reads += 1;
        }
        reads
    });
    let seals = std::thread::spawn(move || {
        let mut sealed = 0;
        while sealed < 1500 {
            sealed += sealer.seal_next().unwrap().unwrap_or(0);
        }
    });
    for start in (51..=2001).step_by(50) {
        bench.append(vec![published(&key, 7, start, 50)]);
    }
    seals.join().unwrap();
    drop(stop);
    assert!(reads.join().unwrap() > 0);
    assert!(bench.archive.reader().unwrap().check(&key).unwrap().iter().all(RangeCheck::is_sound));
}

#[test]
fn changed_and_missing_rows_are_found_by_a_check() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    for start in (1..=401).step_by(100) {
        bench.append(vec![published(&key, 7, start, 100)]);
    }
    bench.seal();
    let reader = bench.archive.reader().unwrap();
    let unsound = || -> Vec<SeqRange> {
        reader
            .check(&key)
            .unwrap()
            .iter()
            .filter(|check| !check.is_sound())
            .map(|check| check.range)
            .collect()
    };
    assert_eq!(unsound(), []);
    bench.change(Place::Sealed(1), 77, |batch| change_close(batch, 77));
    assert_eq!(unsound(), [range(1, 100)]);
    let run = |sql: &str| bench.archive.database.connection.execute_batch(sql).unwrap();
    run("DELETE FROM part_candles_2 WHERE first_seq <= 200 AND last_seq >= 200");
    assert_eq!(unsound(), [range(1, 100), range(101, 200)]);
    let page = reader.page(&key, range(71, 80), 100, usize::MAX);
    assert!(page.is_ok(), "one batch alone has nothing to be compared with");
    let page = reader.page(&key, range(1, 150), 150, usize::MAX);
    assert!(matches!(page, Err(StoreError::Damaged(_))), "{page:?}");
    let page = reader.page(&key, range(195, 205), 100, usize::MAX);
    assert!(matches!(page, Err(StoreError::Damaged(_))), "{page:?}");
}

#[test]
fn an_archive_has_one_owner_and_readers_keep_it() {
    let bench = Bench::new();
    let result = Archive::open(bench.path(), &Options::default()).map(|_| ());
    assert!(matches!(result, Err(StoreError::Owned { .. })), "{result:?}");
}
