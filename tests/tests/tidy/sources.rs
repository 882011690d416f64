//! What the text of the sources must not hold.
use std::path::{Path, PathBuf};

use gapless_tests::repository;

/// Beyond this a file holds more than one noun.
const MAX_LINES: usize = 500;
/// A main only puts arguments into the library's hands.
const MAX_MAIN_LINES: usize = 59;

/// Folders that are not written by hand, or not ours.
const SKIPPED: [&str; 8] =
    [".git", ".cargo", "target", "generated", "fixtures", "corpus", "node_modules", "artifacts"];
const TEXT: [&str; 11] = ["rs", "md", "toml", "fbs", "sh", "yml", "yaml", "py", "ts", "css", "html"];

struct Source {
    /// From the root of the repository, with `/`.
    name: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.name.ends_with(".rs")
    }

    fn is_test(&self) -> bool {
        self.name.starts_with("tests/") || self.name.ends_with("/tests.rs") || self.name.contains("/tests/")
    }
}

fn sources() -> Vec<Source> {
    let root = repository();
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, found);
            }
        } else if is_text(&path, &name) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source { name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}

fn is_text(path: &Path, name: &str) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().into_owned());
    let in_ci = path.parent().is_some_and(|folder| folder.file_name() == Some(".ci".as_ref()));
    name == "Makefile"
        || name == "Dockerfile"
        || in_ci
        || extension.is_some_and(|e| TEXT.contains(&e.as_str()))
}

#[track_caller]
fn assert_none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// `file:line: text` of every line that `bad` objects to.
fn lines_where(sources: &[Source], bad: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            if bad(source, line) {
                found.push(format!("{}:{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn files_are_short_and_mains_are_thin() {
    let long = |source: &Source| {
        let service = ["services/", "dev-server/"].iter().any(|folder| source.name.starts_with(folder));
        let main = service && source.name.ends_with("/src/main.rs");
        let lines = source.text.lines().count();
        let most = if main { MAX_MAIN_LINES } else { MAX_LINES };
        (source.is_rust() && lines > most).then(|| format!("{}: {lines} lines", source.name))
    };
    assert_none(sources().iter().filter_map(long).collect(), "a file holds one noun; split these");
}

#[test]
fn no_source_names_a_home_folder_or_this_machine() {
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    // The last one also stands inside ordinary paths and phrases, so it must begin the path.
    let bad = |_: &Source, line: &str| {
        homes.iter().any(|home| {
            line.match_indices(home)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.'))
        })
    };
    assert_none(lines_where(&sources(), bad), "absolute paths of one machine");
}

#[test]
fn tests_wait_for_something_and_never_for_a_while() {
    let waits = concat!("sle", "ep(");
    let bad = |source: &Source, line: &str| source.is_rust() && source.is_test() && line.contains(waits);
    assert_none(lines_where(&sources(), bad), "use virtual time, channel waits or `eventually`");
}

#[test]
fn words_that_hide_something_are_not_used() {
    let phrases = [concat!("high-water ", "mark"), concat!("high water ", "mark")];
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    let bad = |_: &Source, line: &str| {
        phrases.iter().any(|phrase| line.to_lowercase().contains(phrase))
            || line.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
    };
    assert_none(lines_where(&sources(), bad), "finish it, or say what it is");
}

#[test]
fn the_pure_core_names_nothing_of_the_machine() {
    let machine = [
        "std::time::Instant",
        "SystemTime",
        "std::thread",
        "std::net",
        "std::fs",
        "std::env",
        "std::io",
        "std::process",
        "async fn",
        "println!",
        "thread_local!",
        "static mut",
    ];
    let bad = |source: &Source, line: &str| {
        let pure =
            source.name.starts_with("shared/protocol/src") || source.name.starts_with("shared/model/src");
        pure && !source.is_test()
            && !line.trim_start().starts_with("//")
            && machine.iter().any(|m| line.contains(m))
    };
    assert_none(lines_where(&sources(), bad), "the core takes inputs and gives outputs, nothing else");
}

#[test]
fn every_crate_and_every_test_file_says_what_it_is() {
    let silent = |source: &Source| {
        let is_crate = source.name.ends_with("/src/lib.rs") || source.name.ends_with("/src/main.rs");
        (is_crate && !source.text.starts_with("//! ")).then(|| source.name.clone())
    };
    assert_none(sources().iter().filter_map(silent).collect(), "crate documentation is missing");
}
