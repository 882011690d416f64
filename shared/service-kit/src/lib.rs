//! What every service needs and none should write twice: layered configuration, logs, metrics,
//! health and shutdown.
//!
//! It is not a framework: it owns no sockets of the product and no domain types, and a service can be
//! run without it (`run(config, shutdown, ready)` needs only [`Shutdown`]).
//!
//! Invariants:
//! - a configuration is checked whole before anything starts, and every complaint names key, value
//!   and place;
//! - one process has one metrics recorder and one log, however many services run in it;
//! - a stop that was asked for ends the process within [`GRACE`], by itself or by the watchdog.
//!
//! ```no_run
//! use gapless_service_kit::{Arguments, CommonArgs, Invalid, Service, Validate, main_with};
//!
//! #[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
//! #[serde(default)]
//! struct Config { listen: String }
//! impl Validate for Config {
//!     fn validate(&self) -> Result<(), Invalid> { Ok(()) }
//! }
//!
//! #[derive(clap::Parser)]
//! struct Args { #[command(flatten)] common: CommonArgs, #[arg(long)] listen: Option<String> }
//! impl Arguments for Args {
//!     fn common(&self) -> &CommonArgs { &self.common }
//!     fn overrides(&self) -> toml::Table {
//!         gapless_service_kit::overrides([("listen", self.listen.clone().map(toml::Value::from))])
//!     }
//! }
//!
//! const SERVICE: Service = Service { name: "ingestion", version: "0.1.0", admin: "127.0.0.1:9081" };
//!
//! fn main() -> std::process::ExitCode {
//!     main_with::<Args, Config>(&SERVICE, |config, kit| {
//!         kit.announce([("listen", config.listen)]);
//!         let _ = kit.shutdown().receiver().recv();
//!         Ok(())
//!     })
//! }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod action;
mod admin;
mod args;
pub mod config;
pub mod health;
mod http_thread;
mod logs;
mod main_with;
pub mod metrics;
mod priority;
mod probe;
mod ready_file;
mod shutdown;
mod units;

pub use action::{Action, Ask, action};
pub use admin::{Admin, AdminError};
pub use args::{Arguments, CommonArgs, overrides};
pub use config::{
    Common, ConfigError, Invalid, Loaded, Validate, is_configured, load, load_with_common, to_toml,
};
pub use http_thread::HttpThread;
pub use logs::{LogError, LogFormat, init_logs};
pub use main_with::{Kit, Service, main_with};
/// Where a service's memory comes from; a `main` says so. A row crosses several threads, and one gives back what another
/// took: what the system's allocator is slow at.
pub use mimalloc::MiMalloc as Allocator;
pub use priority::give_way;
pub use ready_file::{ReadyFile, write_ready_file};
pub use shutdown::{GRACE, Guard, Shutdown};
pub use units::{ByteSize, HumanDuration, Secret, UnitError};
