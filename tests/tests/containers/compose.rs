//! `docker-compose.yml` and `.env.example`, read as the engine reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gapless_tests::repository;
use serde_json::Value;

/// The services as they are with the settings of `.env.example`.
pub(crate) struct Compose {
    pub(crate) services: BTreeMap<String, Service>,
    /// The named volumes.
    pub(crate) volumes: BTreeSet<String>,
}

/// One container.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    /// Address of this machine, its port, port of the container.
    pub(crate) ports: Vec<(String, u16, u16)>,
    /// Volume, path in the container.
    pub(crate) volumes: Vec<(String, String)>,
    /// Without the word CMD.
    pub(crate) health: Vec<String>,
    pub(crate) grace: Duration,
    all: Value,
}

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap()
}

/// The settings of `.env.example`.
pub(crate) fn example() -> BTreeMap<String, String> {
    let text = read(".env.example");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once('=').unwrap()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// Every `${NAME:-default}` of `text`, as name and default.
pub(crate) fn variables(text: &str) -> BTreeSet<(String, String)> {
    let found = text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap());
    found.map(|inner| inner.split_once(":-").unwrap()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

impl Compose {
    pub(crate) fn read() -> Compose {
        let mut text = read("docker-compose.yml");
        let settings = example();
        for (name, default) in variables(&text) {
            let value = settings.get(&name).unwrap_or(&default);
            text = text.replace(&format!("${{{name}:-{default}}}"), value);
        }
        let all: Value = serde_saphyr::from_str(&text).unwrap();
        let services = all["services"].as_object().unwrap();
        let services = services.iter().map(|(name, all)| (name.clone(), Service::of(name, all)));
        let volumes = all["volumes"].as_object().unwrap().keys().cloned().collect();
        Compose { services: services.collect(), volumes }
    }

    /// The services that run without any profile.
    pub(crate) fn stack(&self) -> Vec<&Service> {
        self.services.values().filter(|service| !service.has_profile()).collect()
    }
}

impl Service {
    fn of(name: &str, all: &Value) -> Service {
        let mut health = texts(&all["healthcheck"]["test"]);
        assert_eq!(health.remove(0), "CMD", "{name}: the check needs no shell");
        let environment = all["environment"].as_object().cloned().unwrap_or_default();
        let environment = environment.into_iter().map(|(key, value)| (key, text(&value)));
        Service {
            name: name.to_owned(),
            command: texts(&all["command"]),
            environment: environment.collect(),
            ports: texts(&all["ports"]).iter().map(|port| published(port)).collect(),
            volumes: texts(&all["volumes"]).iter().map(|volume| mounted(volume)).collect(),
            health,
            grace: seconds(&text(&all["stop_grace_period"])),
            all: all.clone(),
        }
    }

    /// Whether it runs only when asked for.
    pub(crate) fn has_profile(&self) -> bool {
        self.all.get("profiles").is_some()
    }

    /// Any other thing that is said of it.
    pub(crate) fn says(&self, path: &str) -> String {
        let found = self.all.pointer(path);
        text(found.unwrap_or_else(|| panic!("{} says nothing of {path}", self.name)))
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|all| all.iter().map(text).collect()).unwrap_or_default()
}

fn published(port: &str) -> (String, u16, u16) {
    let parts: Vec<&str> = port.rsplitn(3, ':').collect();
    let [inside, outside, address] = parts[..] else { panic!("{port}: say address, port, port") };
    (address.to_owned(), outside.parse().unwrap(), inside.parse().unwrap())
}

fn mounted(volume: &str) -> (String, String) {
    let mut parts = volume.split(':');
    (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned())
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap())
}
