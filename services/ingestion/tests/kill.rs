//! The process, killed with -9 again and again while it replays a file: every row gets in exactly once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use gapless_journal::Options;
use gapless_model::{Epoch, Position, Rows, Seq, UnixMillis};
use gapless_service_kit::ReadyFile;
use gapless_transport::{Context, Requester, RequesterSettings};
use gapless_wire::{JournalStatusRequest, Limits, Message, decode, decode_batch, encode_message};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const ROWS: u64 = 30_000;
const KILLS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_process_killed_at_random_moments_takes_every_row_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    write_inputs(dir.path());
    for kill in 1..=KILLS {
        let mut child = start(dir.path());
        // Spread over the file, a different distance from the last record each time.
        let target = kill * (ROWS / 10 / (KILLS + 1)) + kill * kill % 7;
        wait_for_position(dir.path(), target);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = start(dir.path());
    wait_for_position(dir.path(), ROWS / 10);
    child.kill().unwrap();
    child.wait().unwrap();
    check(dir.path());
}

fn write_inputs(dir: &Path) {
    let mut text = String::from("timestamp,open,high,low,close,volume\n");
    for row in 1..=ROWS {
        text += &format!("{},1,2,0.5,1.5,{row}\n", 1_700_000_000 + row * 60);
    }
    std::fs::write(dir.join("abc-1m.csv"), text).unwrap();
    let config = "[ingestion]\nadmin = \"off\"\nhttp = \"off\"\ningest = \"tcp://127.0.0.1:*\"\n\
        journal_live = \"tcp://127.0.0.1:*\"\njournal_replay = \"tcp://127.0.0.1:*\"\n\
        [ingestion.journal]\ndir = \"journal\"\nsegment_bytes = \"64KiB\"\n\
        [[ingestion.sources]]\ntype = \"replay\"\npath = \"abc-1m.csv\"\nbatch_rows = 10\n";
    std::fs::write(dir.join("gapless.toml"), config).unwrap();
}

fn start(dir: &Path) -> Child {
    let _ = std::fs::remove_file(dir.join("ready.json"));
    Command::new(env!("CARGO_BIN_EXE_gapless-ingestion"))
        .args(["--ready-file", "ready.json", "--log-level", "warn"])
        .current_dir(dir)
        .spawn()
        .unwrap()
}

/// Asks the journal until it has the record at `target`.
fn wait_for_position(dir: &Path, target: u64) {
    let deadline = Instant::now() + PATIENCE;
    let ready: ReadyFile = loop {
        match std::fs::read(dir.join("ready.json")) {
            Ok(text) => break serde_json::from_slice(&text).unwrap(),
            Err(_) => assert!(Instant::now() < deadline, "the service starts"),
        }
        std::thread::yield_now();
    };
    let request = JournalStatusRequest {
        partition: 0,
        follower_id: String::new(),
        acknowledged: Position::NONE,
        acknowledged_epoch: Epoch::UNSTATED,
        with_streams: false,
    };
    let request = encode_message(&Message::JournalStatusRequest(request), "");
    let endpoint = &ready.addresses["journal_replay"];
    let mut peer = Requester::connect(&Context::new(), endpoint, RequesterSettings::default()).unwrap();
    loop {
        let _ = peer.send(request.clone()).unwrap();
        let reply = peer.receive(PATIENCE).unwrap().expect("an answer");
        match decode(&reply, &Limits::reply()).unwrap().message {
            Message::JournalStatusResponse(status) if status.latest.0 >= target => return,
            Message::JournalStatusResponse(_) => assert!(Instant::now() < deadline, "position {target}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Every row of the file, once, in order.
fn check(dir: &Path) {
    let options = Options::new(dir.join("journal"), gapless_journal::boot_id());
    let journal = gapless_journal::open(options, UnixMillis(1)).unwrap().journal;
    assert_eq!(journal.epochs().len(), 1, "a killed process keeps the epoch");
    let (mut position, mut next) = (Position::FIRST, Seq::FIRST);
    while position <= journal.latest() {
        for record in journal.read(position, 1 << 20).unwrap().records {
            let Message::JournalRecord(record) = decode(&record, &Limits::live()).unwrap().message else {
                panic!("not a record")
            };
            let batch = decode_batch(&record.batch, &Limits::live()).unwrap();
            let Rows::Candles(rows) = batch.rows else { panic!("not candles") };
            assert_eq!((record.position, batch.start), (position, next));
            assert!(rows.iter().zip(next.0..).all(|(row, number)| row.volume == number as f64));
            next = next.plus(rows.len() as u64);
            position = position.next();
        }
    }
    assert_eq!(next, Seq(ROWS + 1));
}
