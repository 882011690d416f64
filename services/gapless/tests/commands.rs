//! The program itself, against a stack that it started itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn gapless() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapless"));
    for name in ["GAPLESS_CONNECT", "GAPLESS_CONFIG", "GAPLESS_DATA", "GAPLESS_LOG"] {
        command.env_remove(name);
    }
    command
}

/// `gapless up` on free ports.
struct Stack {
    child: Child,
    connect: String,
}

impl Stack {
    fn start(data: &Path) -> Stack {
        let mut child = gapless()
            .args(["up", "--free-ports", "--json", "--admin", "off", "--log-level", "warn", "--data"])
            .arg(data)
            .current_dir(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut values = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>();
        let up = values.next().expect("it tells its addresses").unwrap();
        let at = |name: &str| format!("{name}={}", up[name].as_str().unwrap());
        let connect = ["live", "backfill", "state", "ingest", "journal"].map(at).join(",");
        Stack { child, connect }
    }

    fn run(&self, folder: &Path, args: &[&str]) -> Output {
        gapless().current_dir(folder).args(args).args(["--connect", &self.connect]).output().unwrap()
    }

    /// Runs a command that must succeed; what it printed.
    fn good(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.run(folder, args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}\n{out}\n{err}");
        out
    }

    /// Stops it the way a supervisor does.
    fn stop(mut self) {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn candles(rows: u32) -> String {
    let mut csv = String::from("timestamp,open,high,low,close,volume\n");
    for n in 0..rows {
        let (minute, price) = (i64::from(n) * 60, 1.0 + f64::from(n) / 7.0);
        let time = 1_700_000_040 + minute;
        csv += &format!("{time},{price},{},{},{price},{}\n", price + 0.1, price / 3.0, f64::from(n) * 1e-3);
    }
    csv
}

#[test]
fn rows_go_in_come_out_and_are_proven_equal() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(folder.path().join("btc-1m.csv"), candles(5_000)).unwrap();
    let stack = Stack::start(&data);
    let at = folder.path();

    let done: Value = serde_json::from_str(&stack.good(at, &["replay", "btc-1m.csv", "--json"])).unwrap();
    assert_eq!((done[0]["sent"].as_u64(), done[0]["already_there"].as_u64()), (Some(5_000), Some(0)));
    let again: Value = serde_json::from_str(&stack.good(at, &["replay", "btc-1m.csv", "--json"])).unwrap();
    assert_eq!((again[0]["sent"].as_u64(), again[0]["already_there"].as_u64()), (Some(0), Some(5_000)));

    let into = ["tail", "candles.", "--into", "app.duckdb", "--until-caught-up", "--json"];
    let verified = stack.good(at, &["verify", "candles."]);
    assert!(verified.contains("equal: 1 stream is"), "{verified}");
    let tail: Value = serde_json::from_str(&stack.good(at, &into)).unwrap();
    assert_eq!(tail["rows"].as_u64(), Some(5_000));
    let tail: Value = serde_json::from_str(&stack.good(at, &into)).unwrap();
    assert_eq!(tail["rows"].as_u64(), Some(0));
    let verified = stack.good(at, &["verify", "candles.", "--app", "app.duckdb"]);
    assert!(verified.contains("equal: 1 stream is"), "{verified}");

    let topic = "candles.replay.btc.1m";
    for file in ["out-1m.csv", "out-1m.parquet"] {
        stack.good(at, &["export", topic, "--to", file]);
        stack.good(
            at,
            &["replay", file, "--source", "copy", "--symbol", file.split('.').next_back().unwrap()],
        );
    }
    let printed = |topic: &str| {
        let args = ["tail", topic, "--from", "start", "--until-caught-up", "--format", "csv"];
        let out = stack.good(at, &args);
        out.lines().skip(1).map(|line| line.split_once(',').unwrap().1.to_owned()).collect::<Vec<String>>()
    };
    let original = printed(topic);
    assert_eq!(original.len(), 5_000);
    // Copies may reach the archive a moment later than the journal.
    stack.good(at, &["verify", "candles.copy."]);
    for copy in ["candles.copy.csv.1m", "candles.copy.parquet.1m"] {
        assert_eq!(printed(copy), original, "{copy}");
    }
    stack.stop();
}

#[test]
fn a_simulated_market_goes_to_a_stack_that_runs_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(folder.path());
    let at = folder.path();
    let simulate = ["simulate", "--symbols", "A,B", "--candles", "3", "--json"];
    let sent: Value = serde_json::from_str(&stack.good(at, &simulate)).unwrap();
    assert_eq!((sent["streams"].as_u64(), sent["candles"].as_u64()), (Some(2), Some(3)));
    let verified = stack.good(at, &["verify", "candles.sim."]);
    assert!(verified.contains("equal: 2 streams"), "{verified}");
    assert_eq!(stack.run(at, &["simulate", "--interval", "soon"]).status.code(), Some(2));
    stack.stop();
}

#[test]
fn rows_can_be_piped_in_and_their_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(folder.path());
    let mut send = gapless()
        .args(["send", "metrics.lab.oven.1s", "-", "--json", "--connect", &stack.connect])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let rows = b"{\"ts\":1700000000,\"heat\":20.5}\nnonsense\n{\"ts\":1700000001,\"heat\":null}\n";
    send.stdin.take().unwrap().write_all(rows).unwrap();
    let output = send.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((sent["sent"].as_u64(), sent["skipped"].as_u64()), (Some(2), Some(1)));
    assert!(text(&output.stderr).contains("-:2:"), "{}", text(&output.stderr));

    stack.good(folder.path(), &["verify", "metrics."]);
    let args = ["tail", "metrics.lab.oven.1s", "--from", "start", "--until-caught-up", "--format", "json"];
    let out = stack.good(folder.path(), &args);
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<&Value> = rows.iter().filter(|row| row.get("event").is_none()).collect();
    assert_eq!(rows.len(), 2, "{out}");
    assert_eq!((&rows[0]["values"]["heat"], &rows[1]["values"]["heat"]), (&20.5.into(), &Value::Null));

    let status = stack.good(folder.path(), &["status", "--json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["streams"][0]["ingestion"].as_u64(), Some(2));
    let streams = stack.good(folder.path(), &["streams"]);
    assert!(streams.contains("metrics.lab.oven.1s"), "{streams}");
    stack.stop();
}

#[test]
fn the_demonstration_loses_nothing_while_zeromq_drops() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = gapless()
        .args([
            "demo",
            "--seconds",
            "4",
            "--json",
            "--rate",
            "2000",
            "--batch",
            "20",
            "--receive-limit",
            "10",
        ])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = String::new();
    demo.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(demo.wait().unwrap().success(), "{out}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((summary["lost"].as_u64(), summary["duplicated"].as_u64()), (Some(0), Some(0)));
    assert!(summary["published"].as_u64() > Some(5_000), "{out}");
    assert_eq!(summary["gaps_found"], summary["gaps_healed"]);
}

#[test]
fn says_what_is_missing_and_how_to_start_it() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = "live=tcp://127.0.0.1:1,backfill=tcp://127.0.0.1:1,state=tcp://127.0.0.1:1";
    let args = ["streams", "--patience", "100ms", "--connect", nobody];
    let output = gapless().current_dir(folder.path()).args(args).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("backfill at tcp://127.0.0.1:1") && said.contains("gapless up"), "{said}");
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["tail"][..],
        &["send", "not-a-topic"],
        &["replay", "no-such-file.csv"],
        &["export", "candles.a.b.1m", "--to", "file.xyz"],
        &["streams", "--connect", "what=ever"],
    ] {
        let output = gapless().current_dir(folder.path()).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stderr));
    }
}
