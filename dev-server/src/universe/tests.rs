use super::*;

#[test]
fn the_built_in_symbols_can_be_searched_by_any_word() {
    let universe = Universe::built_in().unwrap();
    let found = |search: &str| -> Vec<String> {
        universe.search(search, 100).into_iter().map(|listing| listing.symbol.clone()).collect()
    };
    assert!(found("bitcoin").contains(&"BTC-USD".to_owned()));
    assert!(found("CRYPTO eth").contains(&"ETH-USD".to_owned()));
    assert_eq!(found("nothing like that"), [""; 0]);
    assert_eq!(universe.search("", 2).len(), 2);
}

#[test]
fn a_csv_file_is_read_and_its_mistakes_are_named_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("universe.csv");
    std::fs::write(&path, "symbol,name\nA,first\nB,second\n").unwrap();
    let universe = Universe::read(&path).unwrap();
    assert_eq!(universe.listings.iter().map(|l| l.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    std::fs::write(&path, "symbol,name\nA,first\nB\n").unwrap();
    let error = Universe::read(&path).unwrap_err().to_string();
    assert!(error.contains("universe.csv") && error.contains("line: 3"), "{error}");
    std::fs::write(&path, "symbol,name\na b,first\n").unwrap();
    assert!(Universe::read(&path).unwrap_err().to_string().contains("a b"));
    let absent = Universe::read(&dir.path().join("absent.csv")).unwrap_err().to_string();
    assert!(absent.contains("absent.csv"), "{absent}");
}
