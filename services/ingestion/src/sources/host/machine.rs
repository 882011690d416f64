//! What the operating system tells about this machine.

use std::collections::BTreeMap;
use std::time::Instant;
use sysinfo::{Disks, Networks, System};

/// The most mounts and interfaces that get columns of their own: machines that run containers have
/// hundreds, which would not fit a row.
const MAX_PARTS: usize = 16;
/// The longest name of a mount or an interface in a column's name.
const MAX_NAME_CHARS: usize = 40;

/// One subject at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// The symbol in the topic.
    pub(crate) symbol: &'static str,
    /// Columns with their values.
    pub(crate) values: Vec<(String, f64)>,
}

/// The machine, with what was read last, for rates.
pub(crate) struct Machine {
    system: System,
    disks: Disks,
    networks: Networks,
    measured: Instant,
}

impl Machine {
    pub(crate) fn new() -> Result<Machine, String> {
        let told = |error: sysinfo::Error| error.to_string();
        let mut system = System::new().map_err(told)?;
        system.refresh_cpu_usage();
        let disks = Disks::new_with_refreshed_list().map_err(told)?;
        let networks = Networks::new_with_refreshed_list().map_err(told)?;
        Ok(Machine { system, disks, networks, measured: Instant::now() })
    }

    /// Reads everything; rates are since the last time.
    pub(crate) fn measure(&mut self) -> Vec<Reading> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.disks.refresh(true);
        self.networks.refresh(true);
        let seconds = self.measured.elapsed().as_secs_f64().max(0.001);
        self.measured = Instant::now();
        let mut readings = vec![self.cpu(), self.memory(), self.disk(seconds), self.net(seconds)];
        readings.extend(load());
        readings
    }

    fn cpu(&self) -> Reading {
        let total = ("total".to_string(), f64::from(self.system.global_cpu_usage()));
        let cores = self.system.cpus().iter().take(gapless_model::MAX_COLUMNS - 1).enumerate();
        let cores = cores.map(|(core, cpu)| (format!("core{core}"), f64::from(cpu.usage())));
        Reading { symbol: "cpu", values: std::iter::once(total).chain(cores).collect() }
    }

    fn memory(&self) -> Reading {
        let values = [
            ("used", self.system.used_memory()),
            ("available", self.system.available_memory()),
            ("total", self.system.total_memory()),
            ("swap_used", self.system.used_swap()),
            ("swap_total", self.system.total_swap()),
        ];
        Reading {
            symbol: "memory",
            values: values.map(|(name, bytes)| (name.to_string(), bytes as f64)).to_vec(),
        }
    }

    /// A device that is mounted in several places is counted once.
    fn disk(&self, seconds: f64) -> Reading {
        let mut devices = BTreeMap::new();
        for disk in self.disks.iter() {
            devices.entry(disk.name().to_owned()).or_insert(disk);
        }
        let read: u64 = devices.values().map(|disk| disk.usage().read_bytes).sum();
        let written: u64 = devices.values().map(|disk| disk.usage().written_bytes).sum();
        let mut values = vec![
            ("read_per_second".to_string(), read as f64 / seconds),
            ("written_per_second".to_string(), written as f64 / seconds),
        ];
        let mut mounts: Vec<_> = devices
            .values()
            .map(|disk| (cut(&disk.mount_point().to_string_lossy()), disk.available_space() as f64))
            .collect();
        mounts.sort_by(|a, b| a.0.cmp(&b.0));
        mounts.dedup_by(|a, b| a.0 == b.0);
        values.extend(
            mounts.into_iter().take(MAX_PARTS).map(|(mount, space)| (format!("available:{mount}"), space)),
        );
        Reading { symbol: "disk", values }
    }

    /// In total without what the machine says to itself.
    fn net(&self, seconds: f64) -> Reading {
        let interfaces: BTreeMap<String, (f64, f64)> = self
            .networks
            .iter()
            .filter(|(name, _)| *name != "lo" && *name != "lo0")
            .map(|(name, data)| {
                let rates = (data.received() as f64 / seconds, data.transmitted() as f64 / seconds);
                (cut(&name.to_string_lossy()), rates)
            })
            .collect();
        let mut values = vec![
            ("received_per_second".to_string(), interfaces.values().map(|(received, _)| received).sum()),
            ("sent_per_second".to_string(), interfaces.values().map(|(_, sent)| sent).sum()),
        ];
        for (name, (received, sent)) in interfaces.into_iter().take(MAX_PARTS) {
            values.push((format!("received:{name}"), received));
            values.push((format!("sent:{name}"), sent));
        }
        Reading { symbol: "net", values }
    }
}

/// None where the system has no such number.
fn load() -> Option<Reading> {
    let load = System::load_average().ok()?;
    let values = [("load1", load.one), ("load5", load.five), ("load15", load.fifteen)];
    Some(Reading { symbol: "load", values: values.map(|(name, value)| (name.to_string(), value)).to_vec() })
}

fn cut(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}
