//! `gapless`: see `gapless --help`.

#[global_allocator]
static ALLOCATOR: gapless_service_kit::Allocator = gapless_service_kit::Allocator;

fn main() -> std::process::ExitCode {
    gapless_cli::main()
}
