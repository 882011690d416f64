mod corpus;
mod file;
mod folder;

use crate::{Checkpoint, Header};
use gapless_model::{Epoch, Position};

fn header(epoch: u64, position: u64) -> Header {
    Header { partition: 0, epoch: Epoch(epoch), position: Position(position), streams: 2 }
}

fn checkpoint(epoch: u64, position: u64) -> Checkpoint {
    let parts = [format!("state of {epoch} at {position}").into_bytes(), Vec::new(), vec![0; 40]];
    Checkpoint::new(header(epoch, position), parts).unwrap()
}
