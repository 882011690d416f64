//! A whole service in a few lines. It waits for its stop; flags make it misbehave, for the tests of how
//! a process ends.
//!
//! Run with: cargo run -p gapless-service-kit --example small_service -- --print-config

use gapless_service_kit::{Arguments, CommonArgs, Invalid, Kit, Service, Validate, main_with, overrides};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use toml::Value;

const SERVICE: Service = Service { name: "ingestion", version: "0.0.0", admin: "127.0.0.1:0" };

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
struct Config {
    mood: String,
    workers: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config { mood: "good".into(), workers: 1 }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Invalid> {
        if self.workers == 0 { Err(Invalid::new("workers", "must be at least 1")) } else { Ok(()) }
    }
}

#[derive(Debug, clap::Parser)]
struct Args {
    #[command(flatten)]
    common: CommonArgs,
    /// good, stubborn (does not stop), fatal (fails) or nervous (a thread panics)
    #[arg(long)]
    mood: Option<String>,
}

impl Arguments for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn overrides(&self) -> toml::Table {
        overrides([("mood", self.mood.clone().map(Value::from))])
    }
}

fn main() -> ExitCode {
    main_with::<Args, Config>(&SERVICE, run)
}

fn run(config: Config, kit: &Kit) -> anyhow::Result<()> {
    kit.announce([("listen", "tcp://127.0.0.1:1")]);
    match config.mood.as_str() {
        "fatal" => anyhow::bail!("out of luck"),
        "nervous" => {
            let guard = kit.shutdown().guard("nervous worker");
            let worker = std::thread::spawn(move || {
                let _guard = guard;
                panic!("a bug");
            });
            let _ = worker.join();
        }
        "stubborn" => {
            let _guard = kit.shutdown().guard("stubborn worker");
            loop {
                std::thread::park();
            }
        }
        _ => {}
    }
    let _ = kit.shutdown().receiver().recv();
    Ok(())
}
