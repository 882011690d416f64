//! Where things are: the repository, the built programs, the shared data, folders to write in.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Set by `make test`, which has built the programs before it starts the tests.
const BUILT: &str = "GAPLESS_TESTS_BUILT";

/// The root of this repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the repository").to_owned()
}

/// The folder in which cargo put this test's or program's profile: the programs lie there too.
pub fn target_folder() -> PathBuf {
    let running = std::env::current_exe().expect("a running program has a path");
    let folder = running.parent().expect("a program lies in a folder");
    // A test lies in `<profile>/deps`, a program beside the others.
    if folder.file_name().is_some_and(|name| name == "deps") {
        return folder.parent().expect("a test lies in <profile>/deps").to_owned();
    }
    folder.to_owned()
}

/// The program `name`, built if need be.
///
/// # Panics
/// When it cannot be built.
pub fn binary(name: &str) -> PathBuf {
    static BUILD: OnceLock<()> = OnceLock::new();
    BUILD.get_or_init(|| {
        if std::env::var_os(BUILT).is_none() {
            build();
        }
    });
    let path = target_folder().join(name);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--workspace", "--bins"];
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(repository());
    // What the test's own cargo set would look like a change to some build scripts, and half of everything would be built
    // again.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let done = command.status();
    assert!(done.expect("cargo can be started").success(), "cargo build failed");
}

/// A file of the data that lies beside the repository (`../shared/data`), or `None` with a message:
/// the data is not part of the repository, and a test that needs it is skipped without it.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = repository().join("../shared/data").join(name);
    if path.is_file() {
        return path.canonicalize().ok();
    }
    eprintln!("SKIPPED: this test needs {name} in shared/data beside the repository");
    None
}

/// A new folder for one test's files, removed at its end.
#[derive(Debug)]
pub struct DataDir {
    folder: TempDir,
}

impl DataDir {
    /// Makes the folder.
    ///
    /// # Panics
    /// When it cannot be made.
    #[allow(clippy::new_without_default)]
    pub fn new() -> DataDir {
        DataDir { folder: tempfile::tempdir().expect("a folder for temporary files") }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path inside it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
