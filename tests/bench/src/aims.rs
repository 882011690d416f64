//! What the figures should come to, and whether they do.

use crate::results::Results;
use crate::system::System;

/// One aim.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    /// Which benchmark.
    pub bench: &'static str,
    /// What is wanted.
    pub wanted: &'static str,
    /// What was measured.
    pub measured: f64,
    /// Whether that is it.
    pub met: bool,
}

/// Which side of the bound is good.
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

/// All aims whose figures were measured.
pub fn judged(results: &Results) -> Vec<Aim> {
    let ours = System::Gapless.name();
    let ratio =
        |bench, case, other: System, measure| results.ratio(bench, case, (ours, other.name()), measure);
    let median = |bench: &'static str, case: &str, measure: &'static str| {
        results.spread(bench, case, ours, measure).map(|spread| spread.median)
    };
    let flat = || {
        let page = |case| median("B4", case, "page p99 ms");
        Some(page("10000000 rows")? / page("100000 rows")?)
    };
    let b5 = |case, measure| median("B5", case, measure);
    let idle = || {
        let share = |name| median("B7", &format!("10000 quiet streams, {name}"), "% of a core");
        Some(share("ingestion")? + share("live-engine")? + share("backfill")?)
    };
    let streams = || {
        let rows = |case| median("B7", case, "rows/s");
        Some(rows("1 streams")? / rows("10000 streams")?)
    };
    let ready = |name: &str| median("B8", &format!("start of {name}"), "ms until ready");
    let slowest = || Some(ready("ingestion")?.max(ready("live-engine")?).max(ready("backfill")?));
    let one_row = "128-byte rows, one a record";
    let all = [
        (
            "B1",
            "at least 0.5 x plain ZeroMQ over three hops",
            AtLeast(0.5),
            ratio("B1", "", System::Raw3, "rows/s"),
        ),
        ("B1", "at least 5 x NATS JetStream", AtLeast(5.0), ratio("B1", "", System::JetStream, "rows/s")),
        ("B1", "at least 2 x Redis Streams", AtLeast(2.0), ratio("B1", "", System::Redis, "rows/s")),
        ("B2", "at least 3 million rows/s", AtLeast(3e6), median("B2", "", "rows/s")),
        (
            "B3",
            "p50 at 10,000/s at most 2 x plain ZeroMQ over three hops",
            AtMost(2.0),
            ratio("B3", "10000/s", System::Raw3, "p50 us"),
        ),
        (
            "B3",
            "p99 at 10,000/s at most 2 x plain ZeroMQ over three hops",
            AtMost(2.0),
            ratio("B3", "10000/s", System::Raw3, "p99 us"),
        ),
        ("B4", "at least 5 million candles/s", AtLeast(5e6), median("B4", "48-byte candles", "rows/s")),
        (
            "B4",
            "at least 5 x NATS JetStream",
            AtLeast(5.0),
            ratio("B4", "128-byte rows", System::JetStream, "rows/s"),
        ),
        (
            "B4",
            "at least 5 x Redis Streams",
            AtLeast(5.0),
            ratio("B4", "128-byte rows", System::Redis, "rows/s"),
        ),
        ("B4", "p99 of a page at most 5 ms", AtMost(5.0), median("B4", "10000000 rows", "page p99 ms")),
        ("B4", "p99 of a page at most 1.5 x with 100 x the rows", AtMost(1.5), flat()),
        ("B5", "whole within 0.5 s after 10 s", AtMost(0.5), b5("stopped for 10 s", "s until whole")),
        (
            "B5",
            "replayed / needed at most 1.1 after 10 s",
            AtMost(1.1),
            b5("stopped for 10 s", "replayed / needed"),
        ),
        (
            "B5",
            "replayed / needed at most 1.1 with a tenth lost",
            AtMost(1.1),
            b5("a tenth is lost", "replayed / needed"),
        ),
        ("B6", "engine with a checkpoint within 1 s", AtMost(1.0), median("B6", "engine, checkpoint", "s")),
        (
            "B6",
            "engine without one, at least 3 million rows/s",
            AtLeast(3e6),
            median("B6", "engine, no checkpoint", "rows/s"),
        ),
        ("B7", "10,000 quiet streams at most 1 % of a core", AtMost(1.0), idle()),
        (
            "B7",
            "a row in 1 stream at most 1.5 x as fast as in 10,000, each row by itself",
            AtMost(1.5),
            streams(),
        ),
        (
            "B8",
            "journal at most 1.15 x payload, one row a record",
            AtMost(1.15),
            median("B8", one_row, "journal / payload"),
        ),
        ("B8", "archive at most 0.5 x payload", AtMost(0.5), median("B8", one_row, "archive / payload")),
        ("B8", "ready within 300 ms", AtMost(300.0), slowest()),
    ];
    let judge = |(bench, wanted, bound, measured): (_, _, Bound, Option<f64>)| {
        let measured = measured?;
        let met = match bound {
            AtLeast(least) => measured >= least,
            AtMost(most) => measured <= most,
        };
        Some(Aim { bench, wanted, measured, met })
    };
    all.into_iter().filter_map(judge).collect()
}
