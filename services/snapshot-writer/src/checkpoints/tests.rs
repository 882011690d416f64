use super::*;
use gapless_model::{Epoch, EpochStart, Seq, UnixMillis};

fn header(epoch: u64, position: u64) -> Header {
    Header { partition: 0, epoch: Epoch(epoch), position: Position(position), streams: 1 }
}

fn journal(latest: u64) -> JournalStatusResponse {
    let start = |epoch, first| EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) };
    JournalStatusResponse {
        partition: 0,
        epoch: Epoch(20),
        earliest: Position(1),
        latest: Position(latest),
        epochs: vec![start(10, 1), start(20, 51)],
        streams: Vec::new(),
        server_time: UnixMillis(0),
    }
}

#[test]
fn a_checkpoint_lets_go_only_of_the_history_that_it_belongs_to() {
    let acknowledged = |epoch, position| acknowledged(Some(&header(epoch, position)), &journal(80)).0;
    assert_eq!(acknowledged(20, 70), 70);
    assert_eq!(acknowledged(10, 50), 50, "shared by both epochs");
    assert_eq!(acknowledged(10, 51), 0, "this record was another one then");
    assert_eq!(acknowledged(20, 81), 0, "the journal has lost it");
    assert_eq!(acknowledged(15, 5), 0, "another journal");
    assert_eq!(super::acknowledged(None, &journal(80)), Position::NONE);
}
