use super::*;
use crate::samples::{A, batch, digest, key, range};

const FORMS: [FileForm; 2] = [FileForm::Parquet, FileForm::Csv];

fn stream(key: &StreamKey) -> Stream<'_> {
    Stream { key, folder: "rows" }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rows")).unwrap();
    folder
}

#[test]
fn a_part_absorbs_others_and_names_its_files_as_they_are() {
    for topic in [A, "metrics.a.b.1s"] {
        let (folder, key) = (folder(), key(topic));
        let write = |absorbed: &[Part], from, to| {
            write(folder.path(), &stream(&key), &FORMS, absorbed, &[batch(topic, 1, from, to)]).unwrap()
        };
        let first = write(&[], 3, 2000);
        let whole = write(&[first], 2001, 2500);
        assert_eq!((whole.first, whole.last, whole.rows), (3, 2500, 2498));
        assert_eq!(whole.digest.0, digest(topic, 3, 2500));
        for file in &whole.files {
            assert_eq!(
                sha256_of(&folder.path().join(&file.name)).unwrap(),
                (file.bytes, file.sha256.clone())
            );
        }
        let cut = rows_of(folder.path(), &key, &whole, range(1500, 1600)).unwrap();
        let found = cut.iter().fold(Digest::default(), |sum, b| sum + Digest::of(b.start, &b.rows));
        assert_eq!(found, digest(topic, 1500, 1600));
    }
}

#[test]
fn a_damaged_part_is_not_absorbed_and_leaves_nothing() {
    let (folder, key) = (folder(), key(A));
    let first = write(folder.path(), &stream(&key), &[FileForm::Csv], &[], &[batch(A, 1, 1, 100)]).unwrap();
    let path = folder.path().join(&first.files[0].name);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("77", "78")).unwrap();
    let absorbing = write(folder.path(), &stream(&key), &FORMS, &[first], &[batch(A, 1, 101, 110)]);
    assert!(matches!(absorbing, Err(Error::Damaged { .. })), "{absorbing:?}");
    assert_eq!(std::fs::read_dir(folder.path().join("rows")).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_written_says_where() {
    let (folder, key) = (tempfile::tempdir().unwrap(), key(A));
    let error = write(folder.path(), &stream(&key), &FORMS, &[], &[batch(A, 1, 1, 2)]).unwrap_err();
    assert!(error.to_string().contains("rows-00000000000000000001"), "{error}");
}
