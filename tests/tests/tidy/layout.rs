//! Folders and packages: services have a main, shared crates never do, names follow from folders.
use std::path::PathBuf;
use std::process::Command;

use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};
use gapless_tests::repository;

/// The workspace as cargo sees it, with what every package resolved to.
pub(crate) fn workspace() -> Metadata {
    let manifest: PathBuf = repository().join("Cargo.toml");
    // Without the platform, cargo would fetch what only other systems need.
    let options = ["--locked".to_owned(), "--filter-platform".to_owned(), host()];
    MetadataCommand::new().manifest_path(manifest).other_options(options).exec().unwrap()
}

fn host() -> String {
    let said = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// A package's folder, from the root of the repository.
pub(crate) fn folder<'a>(metadata: &Metadata, package: &'a Package) -> &'a Utf8Path {
    package.manifest_path.parent().unwrap().strip_prefix(&metadata.workspace_root).unwrap()
}

/// The two packages whose name does not follow from their folder: users type them.
const EXCEPTIONS: [(&str, &str); 2] = [("shared/client", "gapless"), ("services/gapless", "gapless-cli")];

#[test]
fn a_package_is_named_after_its_folder() {
    let metadata = workspace();
    for package in metadata.workspace_packages() {
        let folder = folder(&metadata, package);
        let exception = EXCEPTIONS.iter().find(|(at, _)| folder == *at);
        let expected = exception.map_or_else(
            || format!("gapless-{}", folder.file_name().unwrap()),
            |(_, name)| (*name).to_owned(),
        );
        assert_eq!(package.name.as_str(), expected, "{folder}");
    }
}

#[test]
fn services_have_a_main_and_shared_crates_have_none() {
    let metadata = workspace();
    for package in metadata.workspace_packages() {
        let folder = folder(&metadata, package);
        let mains = package.targets.iter().filter(|t| t.kind.contains(&TargetKind::Bin)).count();
        let libraries = package.targets.iter().filter(|t| t.kind.contains(&TargetKind::Lib)).count();
        if folder.starts_with("services") || folder.starts_with("dev-server") {
            assert_eq!((mains, libraries), (1, 1), "{folder} needs a library and one thin main");
        } else if !["tests/bench", "tests/campaign", "tests/sim"].contains(&folder.as_str()) {
            // Campaigns and benchmarks are programs that people run.
            assert_eq!(mains, 0, "{folder} must not have a main: programs live in services/");
        }
    }
}

#[test]
fn no_crate_is_a_drawer_for_everything() {
    let metadata = workspace();
    for package in metadata.workspace_packages() {
        let name = folder(&metadata, package).file_name().unwrap();
        let drawers = ["common", "util", "utils", "helpers", "misc", "core", "std", "alloc", "base"];
        assert!(!drawers.contains(&name), "`{name}` does not say what it holds");
    }
}

#[test]
fn every_package_takes_version_and_lints_from_the_workspace() {
    let metadata = workspace();
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        for line in ["version.workspace = true", "edition.workspace = true", "[lints]\nworkspace = true"] {
            assert!(manifest.contains(line), "{}: lacks `{line}`", package.manifest_path);
        }
    }
}
