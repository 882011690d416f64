//! `gapless-live-engine`: the live engine as a process.

use gapless_live_engine::{Args, Config, run};
use gapless_service_kit::{Allocator, Service, main_with};
use std::process::ExitCode;

const SERVICE: Service =
    Service { name: "live-engine", version: env!("CARGO_PKG_VERSION"), admin: "127.0.0.1:9082" };

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    main_with::<Args, Config>(&SERVICE, |config, kit| {
        Ok(run(config, kit.shutdown(), |bound| kit.announce(bound.addresses()))?)
    })
}
