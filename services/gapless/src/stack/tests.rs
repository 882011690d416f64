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
