//! `gapless`: see `gapless --help`.

fn main() -> std::process::ExitCode {
    gapless_cli::main()
}
