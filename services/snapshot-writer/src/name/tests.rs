use super::*;

#[test]
fn a_topic_names_one_folder_whatever_is_in_it() {
    let folder = |topic: &str| topic_folder(&topic.parse().unwrap());
    assert_eq!(folder("candles.sim.BTC-USD.1m"), "candles.sim.BTC-USD.1m");
    assert_eq!(folder("candles.a.BTC/USD*.1m"), "candles.a.BTC%2FUSD%2A.1m");
    assert_ne!(folder("candles.a.b%2F.1m"), folder("candles.a.b/.1m"));
}

#[test]
fn the_order_of_part_names_is_that_of_their_rows() {
    let name = |first, last| part_file(first, last, FileForm::Parquet);
    assert!(name(9, 10) < name(11, 100_000) && name(11, 100_000) < name(100_001, u64::MAX));
    assert!(is_part_file(&name(1, 2)) && !is_part_file("rows.txt") && !is_part_file("manifest.json"));
}
