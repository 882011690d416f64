//! The services apart: any start order, an orderly stop, configuration, and what operators look at.

use gapless_tests::{LATER, Part, Proc, SOON, Settings, Stack, eventually, http_get};

#[test]
fn the_order_of_starting_does_not_matter() {
    use Part::{Backfill, Ingestion, LiveEngine};
    for order in [[Backfill, LiveEngine, Ingestion], [LiveEngine, Ingestion, Backfill]] {
        let stack = Stack::stopped(Settings::default());
        for part in order {
            stack.start_part(part);
        }
        stack.send_candles("candles.a.b.1m", 10);
        eventually("the rows are in the archive", LATER, || stack.latest("candles.a.b.1m") == 10);
        let arguments =
            ["tail", "candles.a.b.1m", "--from", "start", "--until-caught-up", "--format", "json"];
        let lines = stack.run(&arguments);
        assert_eq!(lines.lines().count(), 10, "{lines}");
    }
}

#[test]
fn a_stop_is_orderly_and_keeps_what_was_acknowledged() {
    let stack = Stack::start();
    stack.send_candles("candles.a.b.1m", 1000);
    for part in [Part::Ingestion, Part::LiveEngine, Part::Backfill] {
        stack.stop(part);
    }
    for part in [Part::Backfill, Part::LiveEngine, Part::Ingestion] {
        stack.start_part(part);
    }
    eventually("the rows are in the archive", LATER, || stack.latest("candles.a.b.1m") == 1000);
    stack.send_candles("candles.a.b.1m", 1);
    eventually("the sequence goes on", LATER, || stack.latest("candles.a.b.1m") == 1001);
    stack.verify("candles.a.b.1m", None);
}

#[test]
fn every_service_tells_operators_how_it_is() {
    let stack = Stack::start();
    for part in [Part::Ingestion, Part::LiveEngine, Part::Backfill] {
        stack.with(part, |service| {
            service.wait_until_ready(SOON);
            let admin = service.address("admin");
            assert_eq!(http_get(&format!("{admin}/healthz")).unwrap().status, 200);
            let metrics = http_get(&format!("{admin}/metrics")).unwrap();
            assert!(metrics.body.contains("# TYPE gapless_"), "{}", metrics.body);
        });
    }
    for service in ["gapless-ingestion", "gapless-live-engine", "gapless-backfill"] {
        let mut help = Proc::new(service).arg("--help").spawn();
        assert!(help.wait(SOON).success());
        let mut config = Proc::new(service).arg("--print-config").spawn();
        assert!(config.wait(SOON).success());
        let printed = config.output();
        assert!(
            printed.iter().any(|line| line.contains("journal_live = \"tcp://127.0.0.1:5552\"")),
            "{printed:?}"
        );
    }
}

#[test]
fn a_wrong_setting_is_named_with_its_place() {
    for service in ["ingestion", "live-engine", "backfill"] {
        let config = format!("[{service}]\nno_such_key = 1\n");
        let stack = Stack::stopped(Settings { config, ..Settings::default() });
        let file = stack.data().join("gapless.toml");
        let mut wrong = Proc::new(&format!("gapless-{service}")).arg("--config").arg(&file).spawn();
        assert_eq!(wrong.wait(SOON).code(), Some(2));
        let log = wrong.log();
        assert!(log.contains("no_such_key") && log.contains("gapless.toml:2"), "{log}");
    }
}

#[test]
fn longer_candles_are_derived_as_ordinary_streams() {
    let config = "[[live-engine.derive]]\nprefix = \"candles.\"\nfrom = \"1m\"\nto = [\"5m\"]\n";
    let stack = Stack::start_with(Settings { config: config.into(), ..Settings::default() });
    stack.send_candles("candles.a.b.1m", 60);
    // 1,700,000,000 s lies 3 min 20 s into a bar of five minutes: an hour closes 12 bars, the first in part.
    eventually("closed bars are in the archive", LATER, || stack.latest("candles.a.b.5m") == 12);
    stack.kill(Part::LiveEngine);
    stack.start_part(Part::LiveEngine);
    stack.send_candles("candles.other.b.1m", 60);
    eventually("the engine derives again", LATER, || stack.latest("candles.other.b.5m") == 12);
    assert_eq!(stack.latest("candles.a.b.5m"), 12, "nothing is derived twice");
    stack.verify("candles.a.b.5m", None);
}
