//! The stack that the compose file describes, as processes.

use std::time::Instant;

use gapless_tests::{LATER, Running, SOON, eventually, http};

use crate::compose::{Compose, Service};
use crate::local::Place;

/// Starts `services` in this order and uses the stack; then stops all of them at once.
fn runs(compose: &Compose, services: &[&Service]) {
    let place = Place::of(compose);
    let mut running: Vec<(&Service, Running)> = Vec::new();
    for service in services {
        running.push((service, place.start(service)));
    }
    for (service, process) in &mut running {
        eventually(&format!("{} is healthy", service.name), LATER, || {
            assert!(process.is_alive(), "{} ended: {}", service.name, process.log());
            place.health(service) == 0
        });
    }
    use_it(&place);
    for (_, process) in &running {
        process.terminate();
    }
    for (service, process) in &mut running {
        let asked = Instant::now();
        let status = process.wait(service.grace);
        assert!(status.success(), "{} ended with {status}: {}", service.name, process.log());
        assert!(asked.elapsed() < service.grace);
        assert_eq!(place.health(service), 1, "{} is gone", service.name);
    }
}

/// A row that goes in over HTTP comes out of the archive and of the live feed's state.
fn use_it(place: &Place) {
    let row = br#"{"ts":1700000000000,"open":1,"high":2,"low":1,"close":2,"volume":5}"#;
    let url = format!("http://127.0.0.1:{}/v1/ingest/candles/me/X/1m", place.port(8081));
    let answer = http("POST", &url, &[("Content-Type", "application/x-ndjson")], row).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let at = |inside| format!("tcp://127.0.0.1:{}", place.port(inside));
    let client = gapless::Client::new(gapless::Endpoints {
        live: at(5556),
        backfill: at(5557),
        state: at(5558),
        ingest: at(5551),
        journal: at(5553),
    });
    eventually("the row is everywhere", SOON, || {
        let archived = client.streams("candles.me").is_ok_and(|streams| streams.len() == 1);
        archived && client.state("candles.me").is_ok_and(|states| states.len() == 1)
    });
}

#[test]
fn the_stack_becomes_healthy_in_any_order_and_stops_in_time() {
    let compose = Compose::read();
    let mut services = compose.stack();
    runs(&compose, &services);
    services.reverse();
    runs(&compose, &services);
    services.rotate_left(2);
    runs(&compose, &services);
}

#[test]
fn what_a_profile_adds_becomes_healthy_beside_the_stack_and_stops_in_time() {
    let compose = Compose::read();
    let added: Vec<&Service> = compose.services.values().filter(|service| service.has_profile()).collect();
    assert_eq!(added.len(), 2);
    for service in added {
        // Inside, the dev server has the ports of the services: a machine for itself.
        let alone = service.name == "dev-server";
        let place = Place::of(&compose);
        let services = if alone { Vec::new() } else { compose.stack() };
        let _running: Vec<Running> = services.into_iter().map(|service| place.start(service)).collect();
        let mut process = place.start(service);
        eventually(&format!("{} is healthy", service.name), LATER, || {
            assert!(process.is_alive(), "{} ended: {}", service.name, process.log());
            place.health(service) == 0
        });
        process.terminate();
        assert!(process.wait(service.grace).success(), "{}: {}", service.name, process.log());
    }
}

#[test]
fn a_name_that_nobody_has_yet_is_waited_for() {
    let compose = Compose::read();
    let place = Place::of(&compose);
    for name in ["live-engine", "backfill", "snapshot-writer"] {
        let mut service = compose.services[name].clone();
        for value in service.environment.values_mut() {
            // A name that is never given to anybody.
            *value = value.replace("//ingestion:", "//ingestion.invalid:");
            *value = value.replace("//live-engine:", "//live-engine.invalid:");
            *value = value.replace("//backfill:", "//backfill.invalid:");
        }
        let mut process = place.start(&service);
        eventually(&format!("{name} listens"), SOON, || {
            assert!(process.is_alive(), "{name} ended: {}", process.log());
            process.log().contains("listening")
        });
        // The snapshot-writer has nothing that it must have read before it is of use.
        let expected = i32::from(name != "snapshot-writer");
        assert_eq!(place.health(&service), expected, "{name}");
        process.terminate();
        assert!(process.wait(service.grace).success(), "{name}: {}", process.log());
    }
}
