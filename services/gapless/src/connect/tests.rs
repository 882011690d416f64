//! What `--connect` understands, and what is said when nothing is there.

use super::{Global, addresses, parse_connect, require};
use gapless::{Endpoints, Service};
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn a_host_alone_means_its_default_ports() {
    let table = parse_connect("10.0.0.7").unwrap();
    assert_eq!(table["host"].as_str(), Some("10.0.0.7"));
}

#[test]
fn single_addresses_override_the_host() {
    let table = parse_connect("10.0.0.7, live=tcp://h:1,backfill=tcp://h:2").unwrap();
    assert_eq!(table["live"].as_str(), Some("tcp://h:1"));
    assert_eq!(table["backfill"].as_str(), Some("tcp://h:2"));
}

#[test]
fn what_is_not_an_address_is_named() {
    let error = parse_connect("live=tcp://h:1,liev=tcp://h:2").unwrap_err();
    assert!(error.contains("liev=tcp://h:2"), "{error}");
}

#[test]
fn names_the_service_where_nothing_listens_and_how_to_start_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("tcp://{}", listener.local_addr().unwrap());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("tcp://{}", free.local_addr().unwrap());
    drop(free);
    let endpoints =
        Endpoints { live: there.clone(), state: there, backfill: nobody.clone(), ..Endpoints::default() };
    let error = require(
        [Service::LiveEngine, Service::Backfill].iter().flat_map(|s| addresses(&endpoints, *s)).collect(),
        Duration::ZERO,
    )
    .unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("backfill at {nobody}")), "{text}");
    assert!(!text.contains("live-engine at"), "{text}");
    assert!(text.contains("gapless up"), "{text}");
}

#[test]
fn who_only_follows_needs_no_state_of_an_engine() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let global = Global {
        connect: Some(format!("live=tcp://{there},backfill=tcp://{there},state=tcp://{nobody}")),
        patience: Some("1ms".parse().unwrap()),
        ..Global::default()
    };
    assert!(global.client_to_follow().is_ok(), "as beside the dev server");
    assert!(global.client_of(&[Service::LiveEngine]).is_err());
}

#[test]
fn what_the_services_are_configured_to_is_where_they_are_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gapless.toml");
    let services = "[ingestion]\ningest = \"tcp://*:26551\"\n[live-engine]\nlive = \"tcp://127.0.0.1:26556\"\n\
                    [backfill]\nbackfill = \"tcp://127.0.0.1:*\"\n";
    let found = |own: &str, connect: Option<&str>| {
        std::fs::write(&config, format!("{services}{own}")).unwrap();
        let connect = connect.map(str::to_owned);
        let global = Global { config: Some(config.clone()), connect, ..Global::default() };
        global.client().unwrap().endpoints().clone()
    };
    let at = found("", None);
    assert_eq!((&*at.ingest, &*at.live), ("tcp://127.0.0.1:26551", "tcp://127.0.0.1:26556"));
    assert_eq!(at.backfill, Endpoints::default().backfill, "a port that only the service knows");
    assert_eq!(found("[gapless]\nlive = \"tcp://h:1\"\n", None).live, "tcp://h:1");
    assert_eq!(found("", Some("10.0.0.7")).ingest, "tcp://10.0.0.7:5551", "a host has its default ports");
}

#[test]
fn a_wrong_configuration_of_a_service_is_no_reason_to_go_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gapless.toml");
    std::fs::write(&config, "[ingestion]\ningets = \"tcp://127.0.0.1:26551\"\n").unwrap();
    let global = Global { config: Some(config), ..Global::default() };
    let error = global.client().unwrap_err().to_string();
    assert!(error.contains("ingets"), "{error}");
}
