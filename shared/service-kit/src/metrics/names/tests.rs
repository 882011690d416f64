use std::collections::BTreeSet;

use super::ALL;

#[test]
fn every_name_has_the_prefix_and_a_unit_and_is_there_once() {
    let units =
        ["_total", "_seconds", "_bytes", "_items", "_records", "_rows", "_count", "_info", "_milliseconds"];
    for name in ALL {
        assert!(name.starts_with("gapless_"), "{name} lacks the prefix");
        assert!(units.iter().any(|unit| name.ends_with(unit)), "{name} does not end in a unit");
    }
    assert_eq!(ALL.iter().collect::<BTreeSet<_>>().len(), ALL.len());
}
