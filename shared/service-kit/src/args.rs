//! The command line that every service has in common.
use std::path::PathBuf;

use clap::Args;
use toml::{Table, Value};

use crate::logs::LogFormat;

/// Flags that every service understands; flatten it into the service's own arguments.
#[derive(Clone, Debug, Default, Args)]
pub struct CommonArgs {
    /// Configuration file [default: gapless.toml in the current folder, if there is one]
    #[arg(long, value_name = "FILE", env = "GAPLESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Print the resulting configuration as TOML (secrets masked) and end
    #[arg(long)]
    pub print_config: bool,
    /// Ask the running service of this configuration whether it is ready, and end: exit code 0 when it is, 1 with the
    /// reason when it is not
    #[arg(long)]
    pub health: bool,
    /// error, warn, info, debug, trace, or a filter such as info,gapless_journal=debug
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How log lines on stderr look
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Address for /healthz, /readyz and /metrics (port 0: any free one), or "off"
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<String>,
    /// Write the bound addresses as JSON to this file once ready
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// A service's command line: the common flags and what it lays over the configuration.
pub trait Arguments: clap::Parser {
    /// The common flags.
    fn common(&self) -> &CommonArgs;

    /// The flags that were given, as keys of the service's configuration; see [`overrides`].
    fn overrides(&self) -> Table;
}

/// Makes the overriding layer from flags: absent ones are left out, a key may be dotted
/// (`journal.sync`).
pub fn overrides<const N: usize>(flags: [(&str, Option<Value>); N]) -> Table {
    let mut table = Table::new();
    for (key, value) in flags {
        if let Some(value) = value {
            let path: Vec<&str> = key.split('.').collect();
            crate::config::insert_at(&mut table, &path, value);
        }
    }
    table
}
