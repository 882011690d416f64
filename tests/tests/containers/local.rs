//! A container's command on this machine: the same words and settings, with names, ports and paths of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use gapless_tests::{DataDir, Proc, Running, SOON, free_ports};

use crate::compose::{Compose, Service};

/// Where the containers keep what they write.
pub(crate) const INSIDE: &str = "/var/lib/gapless";

/// A place for containers without containers.
pub(crate) struct Place {
    folder: DataDir,
    /// Port in the container, port here.
    ports: BTreeMap<u16, u16>,
    names: Vec<String>,
}

impl Place {
    pub(crate) fn of(compose: &Compose) -> Place {
        let texts = compose.services.values().flat_map(|service| service.environment.values());
        let ports = texts
            .flat_map(|text| text.split(','))
            .filter_map(port)
            .collect::<std::collections::BTreeSet<u16>>();
        let free = free_ports(ports.len());
        let folder = DataDir::new();
        for (_, path) in compose.services.values().flat_map(|service| &service.volumes) {
            std::fs::create_dir_all(folder.join(path.strip_prefix(INSIDE).unwrap().trim_matches('/')))
                .unwrap();
        }
        let names = compose.services.keys().cloned().collect();
        Place { folder, ports: ports.into_iter().zip(free).collect(), names }
    }

    /// What `text` means here.
    pub(crate) fn map(&self, text: &str) -> String {
        let mut text = text.replace(INSIDE, self.folder.path().to_str().unwrap());
        text = text.replace("0.0.0.0:", "127.0.0.1:");
        for name in &self.names {
            text = text.replace(&format!("//{name}:"), "//127.0.0.1:");
        }
        // Several addresses may stand in one setting.
        let here = |address: &str| match port(address).and_then(|port| Some((port, self.ports.get(&port)?))) {
            Some((port, here)) => address.replace(&format!(":{port}"), &format!(":{here}")),
            None => address.to_owned(),
        };
        text.split(',').map(here).collect::<Vec<_>>().join(",")
    }

    /// `command` with the settings of `service`.
    pub(crate) fn command(&self, service: &Service, command: &[String]) -> Proc {
        let proc = Proc::new(&command[0]).args(&command[1..]);
        service.environment.iter().fold(proc, |proc, (key, value)| proc.env(key, self.map(value)))
    }

    /// The service, running.
    pub(crate) fn start(&self, service: &Service) -> Running {
        self.command(service, &service.command).spawn()
    }

    /// The exit code of the service's health check.
    pub(crate) fn health(&self, service: &Service) -> i32 {
        self.command(service, &service.health).spawn().wait(SOON).code().unwrap()
    }

    /// The port here that stands for a port of a container.
    pub(crate) fn port(&self, inside: u16) -> u16 {
        self.ports[&inside]
    }
}

/// The port at the end of an address.
pub(crate) fn port(text: &str) -> Option<u16> {
    text.rsplit_once(':')?.1.parse().ok()
}

/// What a service would use: the settings that it prints, each as `key = value`. The command line prints none: it is
/// told where the services are, and nothing else.
pub(crate) fn printed(service: &Service) -> BTreeMap<String, String> {
    if service.command[0] == "gapless" {
        let connect = &service.environment["GAPLESS_CONNECT"];
        assert_eq!(service.environment.len(), 1, "{}: {:?}", service.name, service.environment);
        let addresses = connect.split(',').map(|part| part.split_once('=').unwrap());
        return addresses.map(|(name, address)| (name.to_owned(), address.to_owned())).collect();
    }
    let proc = Proc::new(&service.command[0]).args(&service.command[1..]).arg("--print-config");
    let proc = service.environment.iter().fold(proc, |proc, (key, value)| proc.env(key, value));
    let mut running = proc.spawn();
    let status = running.wait(Duration::from_secs(20));
    assert!(status.success(), "{}: {}", service.name, running.log());
    let lines = running.output();
    let settings = lines.iter().filter_map(|line| line.split_once(" = "));
    settings.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned())).collect()
}
