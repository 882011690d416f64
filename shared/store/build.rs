//! Says clearly what is missing when DuckDB's library cannot be linked.

use std::path::PathBuf;
use std::process::ExitCode;

const NAMES: [&str; 4] = ["libduckdb.so", "libduckdb.dylib", "libduckdb.a", "duckdb.lib"];

fn main() -> ExitCode {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if std::env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return ExitCode::SUCCESS;
    }
    let Some(folder) = std::env::var_os("DUCKDB_LIB_DIR").map(PathBuf::from) else {
        println!(
            "cargo:warning=DUCKDB_LIB_DIR is not set, so DuckDB must be installed on the system. \
             Run .ci/setup, which fetches the library, or build with --features bundled (over half an hour)."
        );
        return ExitCode::SUCCESS;
    };
    println!("cargo:rerun-if-changed={}", folder.display());
    if NAMES.iter().any(|name| folder.join(name).exists()) {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "DUCKDB_LIB_DIR is {}, which holds no DuckDB library. Run .ci/setup, which fetches it, or build \
         with --features bundled (over half an hour).",
        folder.display()
    );
    ExitCode::FAILURE
}
