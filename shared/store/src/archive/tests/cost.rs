//! What a page costs, measured. Run it with
//! `cargo nextest run -p gapless-store --run-ignored only --no-capture page_costs`.

use super::*;
use std::time::{Duration, Instant};

const STREAMS: u64 = 100;
const ROWS_PER_BATCH: u64 = 100;

#[test]
#[ignore = "appends ten million rows"]
fn a_page_costs_the_same_with_a_hundred_times_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut archive = Archive::open(dir.path().join("archive.duckdb"), &Options::default()).unwrap();
    let mut sealer = archive.sealer().unwrap();
    let keys: Vec<StreamKey> = (0..STREAMS).map(|n| key(&format!("candles.cost.S{n}.1m"))).collect();
    let mut rows = 0;
    let mut costs = Vec::new();
    for total in [100_000, 1_000_000, 10_000_000u64] {
        let start = Instant::now();
        let before = rows;
        while rows < total {
            let seq = rows / STREAMS + 1;
            let batches = keys.iter().map(|key| batch(key, 7, seq, ROWS_PER_BATCH));
            let at = archive.position().0 + 1;
            let records: Vec<_> = (at..).map(Position).zip(batches).collect();
            archive.append(&records).unwrap();
            rows += STREAMS * ROWS_PER_BATCH;
            sealer.seal_next().unwrap();
        }
        println!(
            "{total}: appended and sorted {} rows/s",
            (total - before) as f64 / start.elapsed().as_secs_f64()
        );
        for wanted in [100, 1_000, 10_000] {
            let cost = median_page(&archive, &keys, rows / STREAMS, wanted);
            println!("{total}: page of up to {wanted}: {cost:?}");
            costs.push((total, wanted, cost));
        }
    }
    let cost = |total, wanted| costs.iter().find(|(t, w, _)| (*t, *w) == (total, wanted)).unwrap().2;
    assert!(cost(10_000_000, 1_000) < 3 * cost(1_000_000, 1_000));
}

/// Pages all over the streams, so that every partition is read.
fn median_page(archive: &Archive, keys: &[StreamKey], latest: u64, rows: u64) -> Duration {
    let reader = archive.reader().unwrap();
    let mut costs: Vec<Duration> = (0..101u64)
        .map(|at| {
            let key = &keys[(at * 37) as usize % keys.len()];
            let from = 1 + at * 7919 % latest.saturating_sub(rows).max(1);
            let start = Instant::now();
            let page = reader.page(key, range(from, from + rows - 1), rows, usize::MAX).unwrap().unwrap();
            let cost = start.elapsed();
            assert!(!page.served.is_empty());
            cost
        })
        .collect();
    costs.sort();
    costs[50]
}
