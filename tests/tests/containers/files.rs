//! `Dockerfile` and `.dockerignore`.

use std::collections::BTreeSet;

use gapless_tests::{Proc, SOON};

use crate::compose::{Compose, read};
use crate::local::INSIDE;

/// The instructions of the Dockerfile, continued lines joined, comments left out.
fn instructions() -> Vec<String> {
    let text = read("Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    joined.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

fn after(word: &str) -> String {
    let found = instructions().into_iter().rev().find(|line| line.starts_with(word));
    found.unwrap_or_else(|| panic!("the Dockerfile has no {word}")).replacen(word, "", 1).trim().to_owned()
}

/// The words of `["a", "b"]`.
fn words(list: &str) -> Vec<String> {
    let list = list.split_once('[').map(|(_, list)| format!("[{list}")).unwrap();
    serde_json::from_str(&list).unwrap()
}

#[test]
fn the_image_runs_as_nobody_in_particular_who_owns_every_volume() {
    let (user, group) = (after("USER ").split(':').next().unwrap().to_owned(), after("USER "));
    assert!(user.parse::<u32>().unwrap() > 0, "a number, so that a cluster sees that it is not root");
    let made = after("RUN ");
    assert!(made.contains(&format!("-o {user}")) && group.ends_with(&user), "{made}");
    for (_, path) in Compose::read().services.values().flat_map(|service| &service.volumes) {
        let folder = path.strip_prefix(INSIDE).unwrap().trim_matches('/');
        let folders = made.split("for folder in ").nth(1).unwrap().split(';').next().unwrap();
        assert!(folders.split(' ').any(|made| made == folder), "{folder} is not made: {made}");
    }
}

#[test]
fn the_image_by_itself_runs_and_checks_what_there_is() {
    for (word, flags) in [("CMD ", "--help"), ("HEALTHCHECK ", "--help")] {
        let command = words(&after(word));
        let mut help = Proc::new(&command[0]).args(&command[1..]).arg(flags).spawn();
        assert!(help.wait(SOON).success(), "{command:?}: {}", help.log());
    }
}

#[test]
fn the_programs_are_copied_from_where_they_are_installed_to() {
    let installed = instructions().into_iter().find(|line| line.contains("make install")).unwrap();
    let prefix = installed.split("PREFIX=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(after("COPY --from=build "), format!("{prefix} {prefix}"));
    assert!(after("ENV ").starts_with(&format!("PATH={prefix}/bin:")));
}

#[test]
fn nothing_of_the_workspace_is_kept_from_the_build() {
    let ignored = read(".dockerignore");
    let kept: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let manifest = read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let tops = members.split('"').skip(1).step_by(2).map(|member| member.split('/').next().unwrap());
    for top in tops.chain(["Cargo.toml", "Cargo.lock", "Makefile", ".ci", "schemas"]) {
        assert!(kept.contains(top), "{top} is not part of the build");
    }
}
