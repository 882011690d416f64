use super::*;

#[test]
fn this_process_has_memory_threads_and_descriptors() {
    let sample = ProcessSample::of(std::process::id()).unwrap();
    assert!(sample.resident_kib > 100 && sample.threads >= 1 && sample.descriptors >= 3, "{sample:?}");
    assert!(sample.anonymous_kib <= sample.resident_kib, "{sample:?}");
}

#[test]
fn a_folder_has_the_bytes_of_its_files() {
    let data = gapless_tests::DataDir::new();
    std::fs::create_dir(data.join("in")).unwrap();
    std::fs::write(data.join("a"), [0; 100]).unwrap();
    std::fs::write(data.join("in/b"), [0; 20]).unwrap();
    assert_eq!(folder_bytes(data.path()), 120);
    assert_eq!(folder_bytes(&data.join("nowhere")), 0);
}
