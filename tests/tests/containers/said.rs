//! What `docker-compose.yml` says about its services, held against what they say themselves.

use std::collections::BTreeSet;

use gapless_tests::{Proc, SOON};

use crate::compose::{Compose, example, read, variables};
use crate::local::{INSIDE, port, printed};

#[test]
fn every_container_runs_a_program_that_is_installed() {
    let makefile = read("Makefile");
    let installed = makefile.lines().find_map(|line| line.strip_prefix("BINARIES := ")).unwrap();
    let installed: BTreeSet<&str> = installed.split(' ').collect();
    let compose = Compose::read();
    assert!(compose.stack().len() >= 4);
    for service in compose.services.values() {
        assert!(installed.contains(service.command[0].as_str()), "{}: {installed:?}", service.name);
        assert_eq!(service.health[0], service.command[0], "{}: the check is the program's", service.name);
    }
}

#[test]
fn every_setting_is_one_that_the_service_knows() {
    let compose = Compose::read();
    for service in compose.services.values().filter(|service| service.command[0] != "gapless") {
        let printed = printed(service);
        for (key, value) in &service.environment {
            assert!(printed.values().any(|used| used == value), "{key}={value} is not in {printed:?}");
        }
        // Only because a wrong one is refused does the above say something.
        let prefix = format!("GAPLESS_{}", service.name.to_uppercase().replace('-', "_"));
        let mut wrong = Proc::new(&service.command[0])
            .arg("--print-config")
            .env(&format!("{prefix}_NO_SUCH_KEY"), "1")
            .spawn();
        assert_eq!(wrong.wait(SOON).code(), Some(2), "{}", service.name);
    }
}

#[test]
fn what_is_published_is_bound_inside_and_only_on_loopback_outside() {
    let compose = Compose::read();
    let mut outside = BTreeSet::new();
    for service in compose.services.values() {
        let bound: Vec<u16> = bound(&service.environment.values().cloned().collect::<Vec<_>>());
        for (address, port, inside) in &service.ports {
            assert_eq!(address, "127.0.0.1", "{}", service.name);
            assert!(bound.contains(inside), "{} publishes {inside} and binds {bound:?}", service.name);
            assert!(outside.insert(*port), "{port} is published twice");
        }
    }
}

#[test]
fn containers_find_each_other_by_name_and_port() {
    let compose = Compose::read();
    for service in compose.stack() {
        for (key, value) in printed(service) {
            assert!(
                !value.contains("127.0.0.1"),
                "{}: {key} = {value} is not seen from outside",
                service.name
            );
            let Some(address) = value.strip_prefix("tcp://").filter(|at| !at.starts_with("0.0.0.0")) else {
                continue;
            };
            let name = address.split(':').next().unwrap();
            let peer = compose.services.get(name).unwrap_or_else(|| panic!("{key} = {value}: who is that?"));
            let bound = bound(&printed(peer).into_values().collect::<Vec<_>>());
            assert!(bound.contains(&port(address).unwrap()), "{key} = {value}: {name} binds {bound:?}");
        }
    }
}

/// The ports of the addresses that are bound.
fn bound(values: &[String]) -> Vec<u16> {
    let on_all = values.iter().filter(|value| value.contains("0.0.0.0:"));
    on_all.filter_map(|value| port(value)).collect()
}

#[test]
fn whatever_is_written_lies_on_a_volume() {
    let compose = Compose::read();
    let mut used = BTreeSet::new();
    for service in compose.services.values() {
        assert_eq!(service.says("/read_only"), "true", "{}", service.name);
        for (volume, path) in &service.volumes {
            assert!(path.starts_with(INSIDE), "{path}");
            used.insert(volume.clone());
        }
    }
    for service in compose.services.values() {
        for (key, value) in printed(service) {
            assert!(!value.starts_with("gapless-data"), "{}: {key} = {value} is no volume", service.name);
            if value.starts_with('/') {
                let on_volume = service.volumes.iter().any(|(_, path)| value.starts_with(path));
                assert!(on_volume, "{}: {key} = {value} is on no volume", service.name);
            }
        }
    }
    assert_eq!(used, compose.volumes, "volumes that are used, volumes that are named");
}

#[test]
fn every_container_is_bounded_unprivileged_and_restarted_on_failure() {
    for service in Compose::read().services.values() {
        assert_eq!(service.says("/restart"), "on-failure", "{}", service.name);
        assert_eq!(service.says("/cap_drop/0"), "ALL", "{}", service.name);
        assert!(!service.says("/deploy/resources/limits/memory").is_empty(), "{}", service.name);
        assert!(!service.says("/deploy/resources/limits/cpus").is_empty(), "{}", service.name);
        // A service ends by itself within five seconds.
        assert!(service.grace.as_secs() > 5, "{}", service.name);
    }
}

#[test]
fn the_example_settings_are_the_defaults_of_all_that_can_be_set() {
    let used = variables(&read("docker-compose.yml"));
    assert_eq!(used, example().into_iter().collect());
}
