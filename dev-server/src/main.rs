//! `gapless-dev-server`: the dev server as a process.

use gapless_dev_server::{Args, Config, print_scenarios, run};
use gapless_service_kit::{Service, main_with};
use std::process::ExitCode;

const SERVICE: Service =
    Service { name: "dev-server", version: env!("CARGO_PKG_VERSION"), admin: "127.0.0.1:9085" };

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        return print_scenarios();
    }
    main_with::<Args, Config>(&SERVICE, |config, kit| {
        Ok(run(config, kit.shutdown(), |bound| kit.announce(bound.addresses()))?)
    })
}
