//! The documentation names what is there.
use std::path::Path;

use gapless_tests::repository;

fn read(page: &str) -> String {
    std::fs::read_to_string(repository().join(page)).unwrap()
}

/// The texts between single backticks.
fn code_spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_folder_and_file_of_the_code_map_exists() {
    let page = read("docs/ARCHITECTURE.md");
    let map = page.split("## Code map").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = map.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 10, "the map has only {} rows", rows.len());
    for row in rows {
        let columns: Vec<&str> = row.trim_matches('|').split('|').collect();
        let folder = repository().join(code_spans(columns[0])[0]);
        assert!(folder.is_dir(), "{} is not there", folder.display());
        for file in code_spans(columns[2]) {
            let found = [folder.join(file), folder.join("src").join(file)];
            assert!(found.iter().any(|path| path.exists()), "{file} is not in {}", folder.display());
        }
    }
}

#[test]
fn every_member_of_the_workspace_is_in_the_code_map() {
    let page = read("docs/ARCHITECTURE.md");
    for member in ["shared", "services"] {
        for entry in std::fs::read_dir(repository().join(member)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                page.contains(&format!("| `{member}/{name}` |")),
                "{member}/{name} is not in the code map"
            );
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in ["README.md", "docs/ARCHITECTURE.md", "schemas/README.md", "schemas/CHANGELOG.md"] {
        let folder = repository().join(page).parent().map(Path::to_owned).unwrap();
        for link in read(page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            let outside = target.is_empty() || target.contains("://");
            assert!(outside || folder.join(target).exists(), "{page} links to {link}, which is not there");
        }
    }
}

#[test]
fn every_direct_dependency_has_its_reason_in_the_architecture() {
    let page = read("docs/ARCHITECTURE.md");
    let reasons = page.split("## What each dependency is for").nth(1).unwrap();
    let manifest = read("Cargo.toml");
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names = section.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let missing: Vec<&str> = names
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "gapless" && !name.starts_with("gapless-"))
        .filter(|name| !reasons.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "say in docs/ARCHITECTURE.md why these are used: {missing:?}");
}
