//! Names of files that are replayed.

use super::producer_id;

#[test]
fn a_file_keeps_its_name_when_it_grows_and_moves_but_not_when_it_is_another() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let header = format!("timestamp,open,high,low,close\n{}", "2024-01-01 00:00:00,1,2,1,2\n".repeat(20));
    let [a, b] = folders.each_ref().map(|folder| folder.path().join("x 1m.csv"));
    std::fs::write(&a, &header).unwrap();
    std::fs::write(&b, format!("{header}2024-01-02 00:00:00,1,2,1,2\n")).unwrap();
    assert_eq!(producer_id(&a).unwrap(), producer_id(&b).unwrap());
    assert!(producer_id(&a).unwrap().bytes().all(|b| b.is_ascii_graphic()));
    std::fs::write(&b, header.replace("2024", "2025")).unwrap();
    assert_ne!(producer_id(&a).unwrap(), producer_id(&b).unwrap());
}
