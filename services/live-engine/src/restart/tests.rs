use super::*;
use gapless_model::Seq;

#[test]
fn each_reason_leaves_only_what_is_further_back() {
    let (from, to) = (Epoch(7), Epoch(9));
    let rewind = Restart::of(&Event::Rewind { from, to, keep: Seq(100) }).unwrap();
    let reset = Restart::of(&Event::Reset { from, to }).unwrap();
    let cases = [
        ((Epoch(7), Position(100)), (true, false)),
        ((Epoch(7), Position(101)), (false, false)),
        ((Epoch(6), Position(100)), (true, true)),
        ((Epoch(6), Position(500)), (false, true)),
        ((Epoch(9), Position(50)), (false, false)),
    ];
    for ((epoch, position), expected) in cases {
        let found = (rewind.allows(epoch, position), reset.allows(epoch, position));
        assert_eq!(found, expected, "{epoch} {position}");
        assert!(Restart::Fresh.allows(epoch, position));
    }
}
