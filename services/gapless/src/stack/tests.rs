//! Whether the stack's configurations fit together.

use super::{Configs, Ports};
use crate::connect::Global;

#[test]
fn everything_lies_in_one_folder_and_free_ports_are_free() {
    let folder = tempfile::tempdir().unwrap();
    let global = Global { config: Some("/dev/null".into()), ..Global::default() };
    let configs = Configs::load(&global, folder.path(), Ports::Free).unwrap();
    assert!(configs.ingestion.journal.dir.starts_with(folder.path()));
    assert!(configs.backfill.archive.starts_with(folder.path()));
    assert_eq!(configs.live_engine.live, "tcp://127.0.0.1:*");
}

#[test]
fn what_the_configuration_places_stays_there_and_a_demo_touches_none_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gapless.toml");
    let text = "[ingestion.journal]\ndir = \"j\"\n[backfill]\narchive = \"a.duckdb\"\n\
                [live-engine]\ncheckpoint_dir = \"c\"\n[snapshot-writer.checkpoint]\ndir = \"c\"\n";
    std::fs::write(&config, text).unwrap();
    let global = Global { config: Some(config), ..Global::default() };
    let configs = Configs::load(&global, folder.path(), Ports::Free).unwrap();
    let configs = configs.with_snapshots(&global, folder.path(), None).unwrap();
    let places = |configs: &Configs| {
        let checkpoints = configs.snapshots.as_ref().unwrap().checkpoint.dir.clone();
        let engine = configs.live_engine.checkpoint_dir.clone();
        [configs.ingestion.journal.dir.clone(), configs.backfill.archive.clone(), checkpoints, engine]
    };
    assert_eq!(places(&configs), ["j", "a.duckdb", "c", "c"].map(std::path::PathBuf::from));
    let inside = places(&configs.only_inside(folder.path()));
    assert!(inside.iter().all(|place| place.starts_with(folder.path())), "{inside:?}");
}

#[test]
fn snapshots_are_written_only_when_somebody_wants_them_and_the_engine_finds_its_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let load = |text: &str, artifacts: Option<&std::path::Path>| {
        let config = folder.path().join("gapless.toml");
        std::fs::write(&config, text).unwrap();
        let global = Global { config: Some(config), ..Global::default() };
        let configs = Configs::load(&global, folder.path(), Ports::Free).unwrap();
        configs.with_snapshots(&global, folder.path(), artifacts).unwrap()
    };
    assert!(load("", None).snapshots.is_none());
    let configs = load("[snapshot-writer]\nformats = [\"csv\"]\n", None);
    let snapshots = configs.snapshots.clone().unwrap();
    assert_eq!(snapshots.artifact_dir, folder.path().join("artifacts"));
    assert_eq!(snapshots.checkpoint.dir, folder.path().join("checkpoints"));
    assert_eq!(configs.live_engine.checkpoint_dir, snapshots.checkpoint.dir);
    assert!(configs.to_toml().unwrap().contains("[snapshot-writer]\n"));
    let elsewhere = load("[snapshot-writer]\nartifact_dir = \"a\"\n", Some("b".as_ref())).snapshots.unwrap();
    assert_eq!(elsewhere.artifact_dir, std::path::Path::new("b"));
}
