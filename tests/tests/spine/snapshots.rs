//! The snapshot-writer as a process: kills, damage, readers that never stop looking, ends of streams.

use gapless::{Batch, Candle, Flags, Rows, StreamKey, UnixMillis};
use gapless_tests::{LATER, Proc, Running, SOON, Settings, Stack, eventually, eventually_some};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TOPIC: &str = "candles.replay.many.1m";
/// Rows of the file that is replayed.
const ROWS: u64 = 24_000;

/// A writer that follows `stack`.
fn writer(stack: &Stack, arguments: &[&str]) -> Running {
    let at = stack.endpoints();
    Proc::new("gapless-snapshot-writer")
        .args(["--admin", "127.0.0.1:0", "--live", &at.live, "--backfill", &at.backfill])
        .args(["--state", &at.state, "--journal-replay", &at.journal, "--write-every", "100ms"])
        .arg("--artifact-dir")
        .arg(artifacts(stack))
        .arg("--checkpoint-dir")
        .arg(stack.data().join("checkpoints"))
        .args(arguments)
        .start()
}

fn artifacts(stack: &Stack) -> PathBuf {
    stack.data().join("artifacts")
}

fn manifest(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).ok()?).ok()
}

/// Rows that the manifest names, over all its streams.
fn rows(folder: &Path) -> u64 {
    let streams = manifest(folder).and_then(|found| found["streams"].as_array().cloned()).unwrap_or_default();
    streams.iter().filter_map(|stream| stream["rows"].as_u64()).sum()
}

fn path(folder: &Path) -> &str {
    folder.to_str().expect("a path in UTF-8")
}

/// A file of candles, one a minute.
fn candle_file(stack: &Stack) -> PathBuf {
    let mut csv = String::from("timestamp,open,high,low,close,volume\n");
    for n in 0..ROWS {
        let price = 1.0 + (n % 977) as f64 / 7.0;
        csv += &format!("{},{price},{},{},{price},{n}\n", 1_700_000_040 + n * 60, price + 0.1, price / 3.0);
    }
    let file = stack.data().join("many-1m.csv");
    std::fs::write(&file, csv).expect("a file can be written");
    file
}

/// Reads `name` in `folder` again and again until the test is over; how often it was read whole.
fn watch(folder: PathBuf, name: &'static str, is_over: Arc<AtomicBool>, seen: Arc<AtomicU64>) {
    let mut newest = 0;
    while !is_over.load(Ordering::Relaxed) {
        let Ok(bytes) = std::fs::read(folder.join(name)) else { continue };
        let found: Value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|e| panic!("{name} is not whole ({e}): {}", String::from_utf8_lossy(&bytes)));
        let at = match name {
            "latest.json" => found["streams"][TOPIC]["sequence"].as_u64().unwrap_or_default(),
            _ => found["streams"][0]["rows"].as_u64().unwrap_or_default(),
        };
        assert!(at >= newest, "{name} goes back from {newest} to {at}");
        newest = at;
        seen.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_writer_killed_twenty_times_has_what_the_archive_has_and_nobody_ever_reads_half_a_file() {
    let stack = Stack::start();
    let replay = stack.replay(&candle_file(&stack), &["--rate", "4000", "--batch", "20"]);
    let folder = artifacts(&stack).join(format!("{TOPIC}@1"));
    let both = ["--format", "parquet", "--format", "csv"];
    let (is_over, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let watchers: Vec<_> = ["latest.json", "manifest.json"]
        .into_iter()
        .map(|name| {
            let (folder, is_over, seen) = (folder.clone(), is_over.clone(), seen.clone());
            std::thread::spawn(move || watch(folder, name, is_over, seen))
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(20);
    for _ in 0..20 {
        let mut writer = writer(&stack, &both);
        let until = Instant::now() + Duration::from_millis(random.u64(10..500));
        eventually("the moment to kill", LATER, || Instant::now() >= until);
        assert!(writer.is_alive(), "the writer must be killed, not end: {}", writer.log());
        writer.kill();
        if folder.is_dir() {
            let state = manifest(&folder).expect("an artifact has a manifest at any moment")["state"].clone();
            assert_eq!(state, "live", "nothing looks complete");
        }
    }
    let mut last = writer(&stack, &both);
    replay.succeeds();
    eventually("all rows are in the archive", LATER, || stack.latest(TOPIC) == ROWS);
    eventually("all rows are in the artifact", LATER, || rows(&folder) == ROWS);
    let report: Value = serde_json::from_str(&stack.run(&["verify", path(&folder), "--json"])).unwrap();
    assert_eq!((&report["equal"], &report["compared"]), (&true.into(), &true.into()), "{report}");
    assert_eq!(report["streams"][0]["digest"], report["streams"][0]["archive"], "{report}");
    // What comes last is written by an orderly stop, without waiting for its time.
    stack.send_candles(TOPIC, 7);
    eventually("the last rows are here", SOON, || {
        let latest = std::fs::read(folder.join("latest.json")).unwrap();
        let latest: Value = serde_json::from_slice(&latest).unwrap();
        latest["streams"][TOPIC]["sequence"] == ROWS + 7
    });
    last.terminate();
    assert!(last.wait(Duration::from_secs(6)).success(), "{}", last.log());
    assert_eq!(rows(&folder), ROWS + 7);
    is_over.store(true, Ordering::Relaxed);
    watchers.into_iter().for_each(|watcher| watcher.join().unwrap());
    assert!(seen.load(Ordering::Relaxed) > 100);
    let files = std::fs::read_dir(folder.join(TOPIC)).unwrap().count();
    let named = manifest(&folder).unwrap()["streams"][0]["parts"].as_array().unwrap().len();
    assert_eq!(files, 2 * named, "nothing is left beside the parts");
    stack.run(&["verify", path(&folder), "--offline"]);
}

#[test]
fn damage_is_found_in_files_and_manifest_and_named() {
    let stack = Stack::start();
    stack.send_candles("candles.a.b.1m", 500);
    let mut writer = writer(&stack, &["--format", "csv"]);
    let folder = artifacts(&stack).join("candles.a.b.1m@1");
    eventually("the rows are written", LATER, || rows(&folder) == 500);
    writer.terminate();
    assert!(writer.wait(SOON).success(), "{}", writer.log());
    stack.run(&["verify", path(&folder)]);

    let part = std::fs::read_dir(folder.join("candles.a.b.1m")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&part).unwrap();
    let fails = |stack: &Stack| {
        let mut verify = stack.gapless(&["verify", path(&folder), "--offline", "--json"]).spawn();
        assert_eq!(verify.wait(SOON).code(), Some(1), "{}", verify.log());
        verify.output().join("\n")
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(&part, flipped).unwrap();
    let said = fails(&stack);
    assert!(said.contains("rows-00000000000000000001") && said.contains("SHA-256"), "{said}");
    std::fs::write(&part, &whole[..whole.len() - 1]).unwrap();
    assert!(fails(&stack).contains("bytes"));
    std::fs::remove_file(&part).unwrap();
    assert!(fails(&stack).contains("rows-00000000000000000001"));
    std::fs::write(&part, &whole).unwrap();
    stack.run(&["verify", path(&folder), "--offline"]);
    let text = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    std::fs::write(folder.join("manifest.json"), text.replacen("\"rows\": 500", "\"rows\": 501", 1)).unwrap();
    assert!(fails(&stack).contains("manifest.json is damaged"));
}

#[test]
fn the_last_end_of_its_streams_completes_a_session_and_the_next_rows_begin_another() {
    let stack = Stack::start();
    let writer = writer(&stack, &["--group", "source"]);
    let producer = stack.client().producer("ends").unwrap();
    let send = |topic: &str, at: i64, flags: Flags| {
        let key: StreamKey = topic.parse().unwrap();
        let candle = Candle { ts: UnixMillis(at), open: 1.0, high: 2.0, low: 1.0, close: 2.0, volume: 1.0 };
        let batch = Batch::unsequenced(key, flags, Rows::Candles(vec![candle; 3]));
        producer.send(batch, SOON).unwrap().wait(SOON).unwrap();
    };
    let (first, second) = (artifacts(&stack).join("lab@1"), artifacts(&stack).join("lab@2"));
    send("candles.lab.a.1m", 1, Flags::NONE);
    send("candles.lab.b.1m", 1, Flags::END_OF_STREAM);
    eventually("both streams are in one session", LATER, || rows(&first) == 6);
    assert_eq!(manifest(&first).unwrap()["state"], "live");
    send("candles.lab.a.1m", 2, Flags::END_OF_STREAM);
    eventually("the session is complete", LATER, || manifest(&first).unwrap()["state"] == "complete");
    send("candles.lab.b.1m", 3, Flags::NONE);
    eventually("the next session has begun", LATER, || rows(&second) == 3);
    let next = manifest(&second).unwrap();
    assert_eq!((&next["streams"][0]["first"], &next["session"]["source_id"]), (&4.into(), &"lab".into()));
    let rows_file = stack.data().join("rows.ndjson");
    std::fs::write(&rows_file, r#"{"ts":1700000000000,"open":1,"high":2,"low":1,"close":2,"volume":5}"#)
        .unwrap();
    stack.run(&["send", "candles.lab.b.1m", path(&rows_file), "--end"]);
    eventually("that one is complete too", LATER, || manifest(&second).unwrap()["state"] == "complete");
    for folder in [&first, &second] {
        stack.run(&["verify", path(folder)]);
    }
    drop(writer);
}

#[test]
fn a_checkpoint_is_written_on_command_and_the_journal_hears_of_it() {
    let stack = Stack::start();
    stack.send_candles("candles.a.b.1m", 50);
    let mut writer = writer(&stack, &[]);
    writer.wait_until_ready(SOON);
    let admin = writer.address("admin");
    let checkpoint = || {
        let said = eventually_some("the engine has read the journal", SOON, || {
            let mut command = stack.gapless(&["checkpoint", "--admin", &admin, "--json"]).spawn();
            let is_done = command.wait(LATER).success();
            is_done.then(|| command.output().join("\n"))
        });
        serde_json::from_str::<Value>(&said).unwrap()
    };
    let first = checkpoint();
    let file = PathBuf::from(first["file"].as_str().unwrap());
    assert!(file.starts_with(stack.data().join("checkpoints")) && file.is_file(), "{first}");
    assert_eq!((&first["streams"], &first["acknowledged"]), (&1.into(), &0.into()), "{first}");
    assert!(first["position"].as_u64().unwrap() > 0, "{first}");
    assert!(writer.metric("gapless_checkpoints_total", "written") >= 1.0);

    stack.send_candles("candles.a.b.1m", 5);
    eventually("the rows have come", SOON, || stack.latest("candles.a.b.1m") == 55);
    let position = |said: &Value, name: &str| said[name].as_u64().unwrap();
    let second = eventually_some("the engine has read on", SOON, || {
        Some(checkpoint()).filter(|said| position(said, "position") > position(&first, "position"))
    });
    // The newest may turn out to be damaged: the journal keeps what the one before it needs.
    assert!(position(&second, "acknowledged") >= position(&first, "position"), "{second}");
    assert!(position(&second, "acknowledged") < position(&second, "position"), "{second}");
    stack.run(&["flush", "--admin", &admin]);
    let folder = artifacts(&stack).join("candles.a.b.1m@1");
    eventually("the rows are written", SOON, || rows(&folder) == 55);
}

#[test]
fn one_process_writes_snapshots_too() {
    let stack = Stack::stopped(Settings::default());
    let (data, folder) = (stack.data().join("data"), stack.data().join("snapshots"));
    let mut demo = Proc::new("gapless")
        .args(["demo", "--seconds", "4", "--json", "--rate", "200", "--data", path(&data), "--snapshots"])
        .arg(&folder)
        .spawn();
    assert!(demo.wait(LATER).success(), "{}", demo.log());
    let found: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("manifest.json").is_file())
        .collect();
    assert!(found.len() > 3, "{found:?}");
    for folder in &found {
        assert!(rows(folder) > 0, "{}", folder.display());
        let mut verify = Proc::new("gapless").args(["verify", path(folder), "--offline"]).spawn();
        assert!(verify.wait(SOON).success(), "{}", verify.output().join("\n"));
    }
}
