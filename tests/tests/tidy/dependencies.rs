//! Dependencies point one way, and each heavy one lives in one crate.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, PackageId};

use crate::layout::workspace;
use gapless_tests::repository;

/// Who may lean on whom: only on a lower layer. Services share one, so they cannot link each other.
const LAYERS: [(u8, &[&str]); 11] = [
    (0, &["gapless-model", "gapless-planted"]),
    (1, &["gapless-wire", "gapless-protocol", "gapless-disk", "gapless-market"]),
    (2, &["gapless-journal", "gapless-checkpoint", "gapless-transport", "gapless-store", "gapless-formats"]),
    (3, &["gapless-follow"]),
    (4, &["gapless", "gapless-service-kit"]),
    (
        5,
        &[
            "gapless-ingestion",
            "gapless-live-engine",
            "gapless-backfill",
            "gapless-snapshot-writer",
            "gapless-dev-server",
        ],
    ),
    (6, &["gapless-cli", "gapless-sim"]),
    (7, &["gapless-tests"]),
    (7, &["gapless-wasm-probe"]),
    (8, &["gapless-compatibility"]),
    (9, &["gapless-campaign", "gapless-bench"]),
];

/// A heavy dependency and the only crate that may name it.
const HEAVY: [(&str, &str); 4] = [
    ("zmq", "gapless-transport"),
    ("zmq-sys", "gapless-transport"),
    ("duckdb", "gapless-store"),
    ("flatbuffers", "gapless-wire"),
];

/// Everything that the pure crates may build from: plain computation.
const PURE: [(&str, &[&str]); 2] = [
    ("gapless-model", &["thiserror", "xxhash-rust"]),
    ("gapless-protocol", &["gapless-model", "gapless-planted", "thiserror"]),
];

/// What looks from outside may use anything to do so.
const TESTS: [&str; 3] = ["gapless-tests", "gapless-compatibility", "gapless-bench"];

fn layer_of(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(_, names)| names.contains(&name)).map(|(layer, _)| *layer)
}

/// What each workspace package itself names, its tests left out.
fn named(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata.workspace_packages();
    packages
        .into_iter()
        .map(|package| {
            let names = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
            (package.name.to_string(), names.map(|d| d.name.clone()).collect())
        })
        .collect()
}

#[test]
fn dependencies_point_one_way_and_services_never_link_each_other() {
    for (package, names) in named(&workspace()) {
        let own = layer_of(&package).unwrap_or_else(|| panic!("say in which layer `{package}` is"));
        for (name, layer) in names.iter().filter_map(|name| layer_of(name).map(|layer| (name, layer))) {
            assert!(layer < own, "{package} (layer {own}) must not depend on {name} (layer {layer})");
        }
    }
}

#[test]
fn each_heavy_dependency_is_named_by_one_crate() {
    let named = named(&workspace());
    for (package, names) in named.into_iter().filter(|(package, _)| !TESTS.contains(&package.as_str())) {
        for (heavy, owner) in HEAVY {
            assert!(package == owner || !names.contains(heavy), "{package} names {heavy}: only {owner} may");
        }
    }
}

#[test]
fn the_pure_crates_build_from_plain_computation_only() {
    let named = named(&workspace());
    for (package, allowed) in PURE {
        for name in &named[package] {
            assert!(allowed.contains(&name.as_str()), "{package} must not depend on {name}");
        }
    }
}

#[test]
fn ingestion_and_the_engine_build_without_duckdb() {
    let metadata = workspace();
    for package in ["gapless-ingestion", "gapless-live-engine"] {
        let reached = reachable(&metadata, package);
        assert!(reached.len() > 10, "the walk found next to nothing");
        let duckdb = reached.iter().find(|name| name.contains("duckdb"));
        assert_eq!(duckdb, None, "{package} must not reach DuckDB by any path");
    }
}

#[test]
fn the_snapshot_writer_builds_without_duckdb() {
    // The workspace as a whole has the client's feature; what one package is built from, cargo tells.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["tree", "-p", "gapless-snapshot-writer", "-e", "normal,build", "--prefix", "none"];
    let mut tree = Command::new(cargo);
    tree.args(arguments).args(["--locked", "--offline"]).current_dir(repository());
    let tree = String::from_utf8(tree.output().unwrap().stdout).unwrap();
    assert!(tree.lines().count() > 10, "the tree has next to nothing: {tree}");
    assert!(!tree.contains("duckdb"), "it must not reach DuckDB by any path");
}

#[test]
fn only_what_speaks_on_sockets_links_zeromq() {
    let metadata = workspace();
    for package in
        ["gapless-journal", "gapless-store", "gapless-service-kit", "gapless-formats", "gapless-wire"]
    {
        let found = reachable(&metadata, package).contains("zmq");
        assert!(!found, "{package} must not reach ZeroMQ by any path");
    }
}

/// Names of all packages that `root` is built from, by normal and build dependencies.
fn reachable(metadata: &Metadata, root: &str) -> BTreeSet<String> {
    let nodes = &metadata.resolve.as_ref().expect("cargo resolved the workspace").nodes;
    let by_id: BTreeMap<&PackageId, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == root);
    let mut waiting = vec![&start.expect("the package exists").id];
    let mut seen: BTreeSet<&PackageId> = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if seen.insert(id) {
            let built_from = by_id[id]
                .deps
                .iter()
                .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development));
            waiting.extend(built_from.map(|dep| &dep.pkg));
        }
    }
    seen.into_iter().map(|id| metadata[id].name.to_string()).collect()
}

#[test]
fn every_dependency_that_is_named_is_used() {
    let metadata = workspace();
    let mut named_by_members = BTreeSet::new();
    let mut unused = Vec::new();
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        let text = rust_text(folder.as_std_path());
        for dependency in &package.dependencies {
            named_by_members.insert(dependency.rename.as_ref().unwrap_or(&dependency.name).clone());
            if !text.contains(&dependency.name.replace('-', "_")) {
                unused.push(format!("{} names {}", package.name, dependency.name));
            }
        }
    }
    let manifest = std::fs::read_to_string(metadata.workspace_root.join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let pinned =
        section.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let idle = pinned.map(|(name, _)| name).filter(|name| !named_by_members.contains(*name));
    unused.extend(idle.map(|name| format!("the workspace names {name}")));
    assert!(unused.is_empty(), "remove what is not used:\n{}", unused.join("\n"));
}

/// All Rust below `folder`, other packages inside it left out.
fn rust_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            text.push_str(&rust_text(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    text
}
