use super::gapless_probe;

#[test]
fn the_probe_delivers_every_row_although_a_third_was_dropped() {
    assert_eq!(gapless_probe(30), 30);
}
