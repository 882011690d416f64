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
    let universe = Universe::read(&path, None).unwrap();
    assert_eq!(universe.listings.iter().map(|l| l.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    std::fs::write(&path, "symbol,name\nA,first\nB\n").unwrap();
    let error = Universe::read(&path, None).unwrap_err().to_string();
    assert!(error.contains("universe.csv") && error.contains("line: 3"), "{error}");
    std::fs::write(&path, "symbol,name\na b,first\n").unwrap();
    assert!(Universe::read(&path, None).unwrap_err().to_string().contains("a b"));
    let absent = Universe::read(&dir.path().join("absent.csv"), None).unwrap_err().to_string();
    assert!(absent.contains("absent.csv"), "{absent}");
}

#[test]
fn a_csv_file_takes_the_place_of_a_duckdb_file_or_a_table_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("symbols.duckdb");
    let refused = Universe::read(&absent, None).unwrap_err().to_string();
    assert!(refused.contains("no such file") && refused.contains("symbols.csv"), "{refused}");
    std::fs::write(dir.path().join("symbols.csv"), "symbol\nBESIDE\n").unwrap();
    let other = dir.path().join("other.csv");
    std::fs::write(&other, "symbol\nNAMED\n").unwrap();
    let first =
        |fallback: Option<&Path>| Universe::read(&absent, fallback).unwrap().listings[0].symbol.clone();
    assert_eq!((first(None).as_str(), first(Some(&other)).as_str()), ("BESIDE", "NAMED"));
    std::fs::write(&absent, "not a database").unwrap();
    let refused = Universe::read(&absent, None).unwrap_err().to_string();
    assert!(refused.contains("symbols.duckdb"), "a file that is damaged is not passed over: {refused}");
}
