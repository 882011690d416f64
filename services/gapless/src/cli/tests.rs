//! The command line as a whole.

use super::Cli;
use clap::{CommandFactory, Parser};

#[test]
fn is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn understands_the_commands_of_the_tour() {
    for line in [
        "gapless up --data /tmp/x --source host",
        "gapless demo --seconds 20",
        "gapless tail candles.a.b.1m --from seq:10 --format json --until-caught-up",
        "gapless tail metrics. --from cursor --into app.duckdb --receive-limit 10",
        "gapless send metrics.a.b.1s -",
        "gapless send metrics.a.b.1s rows.ndjson --end",
        "gapless replay a.csv b.parquet --rate 100 --batch 1",
        "gapless streams candles. --json",
        "gapless status",
        "gapless export candles.a.b.1m --to out.csv --from 5 --to-seq 9",
        "gapless verify candles. --app app.duckdb",
        "gapless verify artifacts/candles.a.b.1m@1 --offline --json",
        "gapless checkpoint",
        "gapless flush --admin 127.0.0.1:9084 --json",
        "gapless up --snapshots /tmp/artifacts --print-config",
        "gapless completions bash",
    ] {
        let parsed = Cli::try_parse_from(line.split(' '));
        assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|e| e.to_string()).unwrap_or_default());
    }
}
