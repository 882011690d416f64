//! `gapless-snapshot-writer`: the snapshot writer as a process.

use gapless_service_kit::{Allocator, Service, main_with};
use gapless_snapshot_writer::{Args, Config, run};
use std::process::ExitCode;

const SERVICE: Service =
    Service { name: "snapshot-writer", version: env!("CARGO_PKG_VERSION"), admin: "127.0.0.1:9084" };

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    main_with::<Args, Config>(&SERVICE, |config, kit| {
        Ok(run(config, kit.shutdown(), || kit.announce::<String, String>([]))?)
    })
}
