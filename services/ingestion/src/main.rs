//! The ingestion service as a process.

use gapless_ingestion::{Args, Config, SERVICE, run};
use gapless_service_kit::{Allocator, Service, main_with};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    let service = Service { name: SERVICE, version: env!("CARGO_PKG_VERSION"), admin: "127.0.0.1:9081" };
    main_with::<Args, Config>(&service, |config, kit| {
        let mut told = Ok(());
        run(config, kit.shutdown(), |bound| {
            told = kit.ready(bound.addresses()).inspect_err(|_| kit.shutdown().request());
        })?;
        told
    })
}
