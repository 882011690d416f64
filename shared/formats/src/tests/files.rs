use crate::{CandleFile, FileError, Price, ReadOptions};
use gapless_model::{Candle, Interval, Rows, UnixMillis};
use proptest::prelude::*;
use std::path::PathBuf;

pub(super) fn options() -> ReadOptions {
    ReadOptions::default()
}

pub(super) fn interval(text: &str) -> Option<Interval> {
    Some(text.parse().unwrap())
}

fn open(name: &str, text: &str, options: &ReadOptions) -> CandleFile {
    CandleFile::from_bytes(name, text.as_bytes().to_vec(), options).unwrap()
}

/// Everything that is left in `file`: candles, their lines, and the bad rows as they are reported.
pub(super) fn drain(file: &mut CandleFile) -> (Vec<Candle>, Vec<u64>, Vec<String>) {
    let (mut candles, mut lines, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(batch) = file.next_batch().unwrap() {
        assert_eq!(batch.candles.len(), batch.lines.len());
        candles.extend(batch.candles);
        lines.extend(batch.lines);
        bad.extend(batch.bad.iter().map(ToString::to_string));
    }
    (candles, lines, bad)
}

fn refusal(name: &str, text: &str, options: &ReadOptions) -> String {
    CandleFile::from_bytes(name, text.as_bytes().to_vec(), options).err().expect("a refusal").to_string()
}

fn candle(ts: i64, [open, high, low, close, volume]: [f64; 5]) -> Candle {
    Candle { ts: UnixMillis(ts), open, high, low, close, volume }
}

const MINUTE: i64 = 60_000;

#[test]
fn separators_names_and_times_of_many_tools_give_the_same_candles() {
    let expected = vec![candle(0, [1.0, 3.0, 0.5, 2.0, 7.0]), candle(MINUTE, [2.0, 4.0, 2.0, 3.0, 8.0])];
    for text in [
        "timestamp,open,high,low,close,volume\n1970-01-01T00:00:00Z,1,3,0.5,2,7\n1970-01-01T00:01:00Z,2,4,2,3,8\n",
        "\u{feff}Time;O;H;L;C;V\r\n0;1;3;0.5;2;7\r\n60;2;4;2;3;8\r\n",
        "Open\tHigh\tLow\tClose\tVol\tDate\n1\t3\t0.5\t2\t7\t1970-01-01\n2\t4\t2\t3\t8\t1970-01-01 00:01\n",
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n1970.01.01\t00:00:00\t1\t3\t0.5\t2\t7\n1970.01.01\t00:01:00\t2\t4\t2\t3\t8\n",
        "Open_time,Open,High,Low,Close,Volume,Close time,Trades\n0,1,3,0.5,2,7,59999,5\n60,2,4,2,3,8,119999,6\n",
        ",open,high,low,close,volume\n1970-01-01 00:00:00,1,3,0.5,2,7\n1970-01-01 00:01:00,2,4,2,3,8\n",
        "\"timestamp\",\"open\",\"high\",\"low\",\"close\",\"volume\"\n\"0\",\"1\",\"3\",\"0.5\",\"2\",\"7\"\n\"60\",\"2\",\"4\",\"2\",\"3\",\"8\"\n",
        "19700101 000000;1;3;0.5;2;7\n19700101 000100;2;4;2;3;8\n",
        "0,1,3,0.5,2,7,59,extra\n60,2,4,2,3,8,119,extra",
    ] {
        let mut file = open("x.csv", text, &options());
        assert_eq!(file.interval().to_string(), "1m", "{text}");
        assert_eq!(drain(&mut file), (expected.clone(), drain_lines(text), vec![]), "{text}");
        assert_eq!(file.bytes_read(), file.total_bytes());
    }
}

/// The lines of two rows: after a header or from the first line on.
fn drain_lines(text: &str) -> Vec<u64> {
    if text.trim_start_matches('\u{feff}').starts_with(|c: char| c.is_ascii_digit()) {
        vec![1, 2]
    } else {
        vec![2, 3]
    }
}

#[test]
fn a_file_without_volume_has_volume_zero() {
    let mut file = open("x-1m.csv", "ts,open,high,low,close\n0,1,1,1,1\n", &options());
    assert_eq!(drain(&mut file).0, [candle(0, [1.0, 1.0, 1.0, 1.0, 0.0])]);
    let mut file = open("x-1m.csv", "ts,open,high,low,close,volume\n0,1,1,1,1,\n", &options());
    assert_eq!(drain(&mut file).0, [candle(0, [1.0, 1.0, 1.0, 1.0, 0.0])]);
}

const DAMAGED: &str = "ts,open,high,low,close\n0,1,1,1,1\n60,1,x,1,1\nnoon,1,1,1,1\n\n120,1,1,1\n180,5,1,1,1\n240,1,1,1,1\n\
                       \"300,1,1,1,1\n360,1,1,1,1\n";

#[test]
fn a_bad_row_is_named_with_file_line_and_reason_and_skipped() {
    let mut file = open("x.csv", DAMAGED, &options());
    let (candles, lines, bad) = drain(&mut file);
    assert_eq!(candles.iter().map(|c| c.ts.0 / 1000).collect::<Vec<_>>(), [0, 240, 360]);
    assert_eq!(lines, [2, 8, 10]);
    assert_eq!((file.rows(), file.bad_rows()), (3, 5));
    let starts = [
        "x.csv:3: high is \"x\"",
        "x.csv:4: time \"noon\" is not",
        "x.csv:6: close is missing",
        "x.csv:7: high 1 is below",
    ];
    for (bad, start) in bad.iter().zip(starts) {
        assert!(bad.starts_with(start), "{bad}");
    }
    assert!(bad[4].starts_with("x.csv:9:"), "a stray quote costs its own line only: {}", bad[4]);
}

#[test]
fn reading_strictly_stops_at_the_first_bad_row() {
    let strict = ReadOptions { strict: true, ..options() };
    let mut file = open("x.csv", DAMAGED, &strict);
    assert_eq!(file.next_batch().unwrap().unwrap().candles.len(), 1, "the rows before it are handed out");
    let error = file.next_batch().unwrap_err();
    assert!(matches!(&error, FileError::Row(bad) if bad.line == 3), "{error}");
}

#[test]
fn a_line_without_end_is_passed_over_in_bounded_memory() {
    let text = format!("ts,open,high,low,close\n0,1,1,1,1\n{}\n60,1,1,1,1\n", "9".repeat(1_000_000));
    let (candles, _, bad) = drain(&mut open("x.csv", &text, &options()));
    assert_eq!(candles.len(), 2);
    assert_eq!(bad, ["x.csv:3: longer than 65536 bytes"]);
}

#[test]
fn a_file_of_nothing_but_damage_is_reported_in_pieces() {
    let text = format!("ts,open,high,low,close\n{}", "bad\n".repeat(2_500));
    let chosen = ReadOptions { interval: interval("1m"), ..options() };
    let mut file = open("x.csv", &text, &chosen);
    let mut reported = Vec::new();
    while let Some(batch) = file.next_batch().unwrap() {
        reported.push(batch.bad.len());
    }
    assert_eq!(reported, [1000, 1000, 500]);
}

#[test]
fn quotes_fold_into_candles_of_the_chosen_price() {
    let text = "timestamp,bid,ask\n0,10,12\n30,20,22\n59.9,5,7\n60,8,10\n200,9,11\n";
    for (price, [open_, high, low, close], next) in [
        (Price::Mid, [11.0, 21.0, 6.0, 6.0], 9.0),
        (Price::Bid, [10.0, 20.0, 5.0, 5.0], 8.0),
        (Price::Ask, [12.0, 22.0, 7.0, 7.0], 10.0),
    ] {
        let mut file = open("x.csv", text, &ReadOptions { price, ..options() });
        assert!(file.is_ticks());
        let (candles, lines, bad) = drain(&mut file);
        assert_eq!(candles[0], candle(0, [open_, high, low, close, 3.0]));
        assert_eq!(candles[1], candle(MINUTE, [next, next, next, next, 1.0]));
        assert_eq!(candles[2].ts.0, 3 * MINUTE, "an interval without ticks has no candle");
        assert_eq!((lines, bad), (vec![2, 5, 6], vec![]));
    }
}

#[test]
fn trades_fold_with_the_sum_of_their_sizes_as_volume() {
    let mut file = open("x.csv", "time,price,qty\n0,1,0.5\n1,2,1.5\n", &options());
    assert_eq!(drain(&mut file).0, [candle(0, [1.0, 2.0, 1.0, 2.0, 2.0])]);
}

#[test]
fn a_tick_that_would_make_the_volume_infinite_is_refused_by_name() {
    let text = "ts,price,size\n0,1,1e308\n1,2,1e308\n2,3,1\n";
    let mut file = open("huge.csv", text, &ReadOptions::default());
    let batch = file.next_batch().unwrap().unwrap();
    assert_eq!(batch.candles, [candle(0, [1.0, 3.0, 1.0, 3.0, 1e308])]);
    assert_eq!(batch.bad.len(), 1);
    assert_eq!(batch.bad[0].line, 3);
    assert!(batch.bad[0].reason.starts_with("size is 1e308"), "{}", batch.bad[0].reason);
}

#[test]
fn a_tick_that_comes_too_late_is_refused_by_name() {
    let text = "time,price\n0,1\n60,2\n59,9\n61,3\n";
    let (candles, _, bad) = drain(&mut open("x.csv", text, &options()));
    assert_eq!(candles[1], candle(MINUTE, [2.0, 3.0, 2.0, 3.0, 2.0]));
    assert!(bad[0].starts_with("x.csv:4: tick is older"), "{bad:?}");
}

#[test]
fn the_interval_is_chosen_then_named_then_detected() {
    let text = "ts,open,high,low,close\n0,1,1,1,1\n300,1,1,1,1\n600,1,1,1,1\n9000,1,1,1,1\n";
    assert_eq!(open("x.csv", text, &options()).interval().to_string(), "5m");
    assert_eq!(open("x-1h.csv", text, &options()).interval().to_string(), "1h");
    assert_eq!(open("x-1h.csv", text, &options()).spacing(), interval("5m"));
    let chosen = ReadOptions { interval: interval("2h"), ..options() };
    assert_eq!(open("x-1h.csv", text, &chosen).interval().to_string(), "2h");
}

#[test]
fn a_file_that_cannot_be_used_says_what_is_missing() {
    let candle_header = "ts,open,high,low,close\n";
    for (text, expected) in [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a,b,c\n1,2,3\n", "no column with the time; found"),
        ("time,volume\n1,2\n", "neither open, high, low and close"),
        (&format!("{candle_header}0,1,1,1,1\n"), "choose one, such as 1m"),
        (&format!("{candle_header}0,1,1,1,1\n0.5,1,1,1,1\n"), "choose one, such as 1m"),
    ] {
        assert!(
            refusal("x.csv", text, &options()).contains(expected),
            "{text}: {}",
            refusal("x.csv", text, &options())
        );
    }
    let ask = ReadOptions { price: Price::Ask, ..options() };
    assert!(refusal("x.csv", "ts,bid\n0,1\n", &ask).contains("ask price"));
    let gone = CandleFile::open(&PathBuf::from("does-not-exist.csv"), &options()).err().unwrap();
    assert!(
        matches!(&gone, FileError::Io { .. }) && gone.to_string().starts_with("does-not-exist.csv:"),
        "{gone}"
    );
}

#[test]
fn the_given_data_loads_whole() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        return eprintln!("skipped: ../shared/data is not there");
    }
    for (name, symbol_interval, rows, volume) in
        [("btc-perp-1m.csv", "1m", 45_031, 2300413.7295), ("gbpusd-1m-bid.csv", "1m", 30_117, 0.0)]
    {
        let path = folder.join(name);
        let mut file = CandleFile::open(&path, &options()).unwrap();
        assert_eq!(file.interval().to_string(), symbol_interval);
        let (candles, lines, bad) = drain(&mut file);
        assert_eq!((candles.len(), bad.len()), (rows, 0), "{name}");
        assert_eq!((lines[0], *lines.last().unwrap()), (2, rows as u64 + 1));
        assert_eq!(candles[0].volume, volume);
        assert!(candles.chunks(10_000).all(|chunk| Rows::Candles(chunk.to_vec()).validate().is_ok()));
    }
    let ticks = folder.join("usdjpy-ticks.csv");
    for (chosen, strict) in [(None, true), (interval("1s"), true), (interval("1h"), true)] {
        let mut file =
            CandleFile::open(&ticks, &ReadOptions { interval: chosen, strict, ..options() }).unwrap();
        let (candles, ..) = drain(&mut file);
        assert_eq!(candles.iter().map(|c| c.volume).sum::<f64>(), 1000.0, "every tick is in one candle");
    }
}

proptest! {
    #[test]
    fn candles_written_as_csv_read_back_equal_and_under_the_same_numbers(
        prices in prop::collection::vec((1.0f64..1e6, 0.0f64..1e3, 0.0f64..1e3, 0.0f64..1e9), 2..300),
        batch_rows in 1usize..50,
        skip in 0u64..100,
    ) {
        let rows: Vec<Candle> = prices.iter().enumerate().map(|(i, (open, up, down, volume))| {
            candle(i as i64 * MINUTE, [*open, open + up, open - down, *open, *volume])
        }).collect();
        let mut text = String::from("ts,open,high,low,close,volume\n");
        for row in &rows {
            text += &format!("{},{},{},{},{},{}\n", row.ts.0 / 1000, row.open, row.high, row.low, row.close, row.volume);
        }
        let options = ReadOptions { batch_rows, ..options() };
        let mut file = open("x.csv", &text, &options);
        let skipped = file.skip_rows(skip).unwrap();
        prop_assert_eq!(skipped, skip.min(rows.len() as u64));
        let mut read = Vec::new();
        while let Some(batch) = file.next_batch().unwrap() {
            prop_assert_eq!(batch.first_row, skipped + read.len() as u64 + 1);
            read.extend(batch.candles);
            prop_assert_eq!(file.rows(), skipped + read.len() as u64);
        }
        prop_assert_eq!(&read, &rows[skipped as usize..]);
    }

    #[test]
    fn ticks_fold_as_a_plain_reference_folds_them(ticks in prop::collection::vec((0i64..30, 1.0f64..100.0), 1..200)) {
        let mut at = 0;
        let timed: Vec<(i64, f64)> = ticks.iter().map(|(step, price)| { at += step; (at, *price) }).collect();
        let text = timed.iter().fold(String::from("ts,price\n"), |text, (ts, price)| text + &format!("{ts},{price}\n"));
        let (candles, _, bad) = drain(&mut open("x.csv", &text, &options()));
        prop_assert!(bad.is_empty());
        let mut expected: Vec<Candle> = Vec::new();
        for group in timed.chunk_by(|a, b| a.0 / 60 == b.0 / 60) {
            let prices = group.iter().map(|(_, price)| *price);
            expected.push(candle(group[0].0 / 60 * MINUTE, [
                group[0].1,
                prices.clone().fold(f64::MIN, f64::max),
                prices.clone().fold(f64::MAX, f64::min),
                group[group.len() - 1].1,
                group.len() as f64,
            ]));
        }
        prop_assert_eq!(candles, expected);
    }
}
