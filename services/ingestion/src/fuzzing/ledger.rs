//! The state that a journal gives back, whatever its records say.

use super::{pieces, short};
use crate::core::{Checked, Decision, Ledger, Recorder};
use crate::{AckWhen, Error, Submission};
use gapless_disk::MemoryDisk;
use gapless_journal::{Opened, Options, Sync, open};
use gapless_model::{Candle, Epoch, Flags, Position, Rows, Seq, UnixMillis};
use gapless_protocol::{Sequencer, SequencerLimits};
use gapless_wire::{Encoder, JournalRecordView, Limits};
use std::sync::Arc;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
/// Streams that are written to afterwards.
const MAX_STREAMS: usize = 4;
/// The furthest sequence that rows are added to: nobody gets there.
const MAX_LATEST: Seq = Seq(1 << 62);

/// Bits of the first byte of an input.
const WITH_SNAPSHOT: u8 = 1;
const MEND: u8 = 2;
const NARROW: u8 = 4;

/// A journal of any records: the mode, then pieces: the snapshot (if the mode says so), then records. They
/// lie in a journal that is whole; mended, each also has the position and the epoch that it must have.
pub fn ledger_restore(input: &[u8]) {
    let Some((&mode, rest)) = input.split_first() else { return };
    let Ok(opened) = journal(mode, pieces(rest)) else { return };
    let limits = match mode & NARROW == 0 {
        true => SequencerLimits::default(),
        false => SequencerLimits { max_streams: 3, max_producers: 2, max_remembered: 3 },
    };
    let ledger = match Ledger::restore(&opened, limits.clone()) {
        Ok(ledger) => Arc::new(ledger),
        Err(error) => return short(&error),
    };
    assert_eq!(ledger.lock().position(), opened.journal.latest());
    let snapshot = ledger.lock().snapshot();
    let again = Sequencer::restore(limits.clone(), &snapshot).map(|again| again.snapshot());
    assert_eq!(again, Ok(snapshot), "the state is another one after a restart");
    goes_on(ledger, opened, limits);
}

/// Every stream gets a row, with the sequence after its last one; the state is the same after a restart.
fn goes_on(ledger: Arc<Ledger>, opened: Opened, limits: SequencerLimits) {
    let streams: Vec<_> = ledger.streams(NOW).into_iter().take(MAX_STREAMS).collect();
    let Opened { appender, journal, preamble, replay_from, recovery } = opened;
    let mut recorder = Recorder::new(Arc::clone(&ledger), appender);
    for stream in streams.into_iter().filter(|stream| stream.watermark.latest < MAX_LATEST) {
        let candle = Candle { ts: NOW, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
        let submission = Submission {
            key: stream.key.clone(),
            flags: Flags::NONE,
            rows: Rows::Candles(vec![candle]),
            producer: None,
            ack: AckWhen::Written,
        };
        // Only candles are made here.
        let Ok(checked) = Checked::new(submission) else { continue };
        let recorded = recorder.record([checked], NOW.0 * 1000);
        let decision = recorded.map(|recorded| recorded.decisions.into_iter().next());
        let Ok(Some(Decision::Sequenced(receipt))) = decision else { panic!("{decision:?}") };
        assert_eq!(receipt.first, stream.watermark.latest.next(), "{}", stream.key);
    }
    let before = ledger.lock().snapshot();
    let opened = Opened { appender: recorder.into_appender(), journal, preamble, replay_from, recovery };
    let restored = Ledger::restore(&opened, limits);
    let after = restored.map_err(|error| error.to_string()).map(|ledger| ledger.lock().snapshot());
    assert_eq!(after, Ok(before), "the state is another one after a restart");
}

/// A journal with a segment of one record, then one that opens with the snapshot and holds the records.
fn journal<'a>(mode: u8, mut pieces: impl Iterator<Item = &'a [u8]>) -> Result<Opened, Error> {
    let disk = Arc::new(MemoryDisk::default());
    let options = || Options { disk: disk.clone(), sync: Sync::Manual, ..Options::new("/journal", "boot-1") };
    let mut opened = open(options(), NOW)?;
    if mode & WITH_SNAPSHOT != 0 {
        let mut snapshot = pieces.next().unwrap_or_default().to_vec();
        if mode & MEND != 0 {
            mend_snapshot(&mut snapshot);
        }
        opened.appender.append(&[b"before"])?;
        opened.appender.roll(&snapshot, NOW)?;
    }
    let epoch = opened.journal.epoch();
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let mended =
            (mode & MEND != 0).then(|| mended(piece, opened.appender.next_position(), epoch)).flatten();
        opened.appender.append(&[mended.as_deref().unwrap_or(piece)])?;
    }
    drop(opened);
    Ok(open(options(), NOW)?)
}

/// The record at the place where it lies.
fn mended(record: &[u8], position: Position, epoch: Epoch) -> Option<Vec<u8>> {
    let mut view = JournalRecordView::parse(record, &Limits::live()).ok()?;
    (view.position, view.epoch) = (position, epoch);
    Some(Encoder::new().journal_record(&view).to_vec())
}

/// The checksum at the end of a snapshot: FNV-1a 64.
fn mend_snapshot(snapshot: &mut [u8]) {
    let Some((body, check)) = snapshot.split_last_chunk_mut::<8>() else { return };
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    *check = hash.to_le_bytes();
}
