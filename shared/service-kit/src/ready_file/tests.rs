use super::*;

#[test]
fn a_ready_file_appears_whole_and_replaces_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    let mut ready = ReadyFile {
        service: "ingestion".to_owned(),
        version: "1.2.3".to_owned(),
        pid: 7,
        addresses: BTreeMap::from([("ingest".to_owned(), "tcp://127.0.0.1:5551".to_owned())]),
    };
    write_ready_file(&path, &ready).unwrap();
    ready.pid = 8;
    write_ready_file(&path, &ready).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(serde_json::from_str::<ReadyFile>(&text).unwrap(), ready);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write_ready_file(&folder.path().join("absent/ready.json"), &ready).is_err());
}
