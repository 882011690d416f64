//! A coordinator on a bench: inputs by hand, outputs compared.

use crate::{
    Begin, Chunk, Coordinator, Counts, Event, Failure, Gap, GapCause, Input, LogStatus, Output, RequestId,
    Settings, Source,
};
use gapless_model::{Epoch, EpochStart, MonoTime, Seq, SeqRange};

pub(super) const EPOCH: u64 = 10;

/// What happened, in the shortest form that a test can compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    AskStatus,
    Ask(u64, u64),
    Abandon,
    /// First and last row.
    Live(u64, u64),
    Replay(u64, u64),
    Opened(u64, u64, GapCause),
    Healed(u64, u64),
    Void(u64, u64),
    Event(Event),
}

pub(super) struct Rig {
    pub(super) coordinator: Coordinator<()>,
    pub(super) now: MonoTime,
    pub(super) status_request: RequestId,
    pub(super) replay_request: RequestId,
}

pub(super) fn range(first: u64, last: u64) -> SeqRange {
    SeqRange::new(Seq(first), Seq(last + 1))
}

pub(super) fn chunk(epoch: u64, first: u64, last: u64) -> Chunk<()> {
    Chunk { epoch: Epoch(epoch), range: range(first, last), bytes: 100, payload: () }
}

pub(super) fn status(starts: &[(u64, u64)], earliest: u64, latest: u64) -> LogStatus {
    let start = |&(epoch, first): &(u64, u64)| EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) };
    let epochs: Vec<EpochStart> = starts.iter().map(start).collect();
    let epoch = epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch);
    LogStatus { epoch, earliest: Seq(earliest), latest: Seq(latest), epochs }
}

impl Rig {
    pub(super) fn new(begin: Begin) -> Rig {
        Rig::with(Settings::default(), begin)
    }

    pub(super) fn with(settings: Settings, begin: Begin) -> Rig {
        let now = MonoTime(1_000_000_000);
        Rig {
            coordinator: Coordinator::new(settings, begin, 42, now),
            now,
            status_request: RequestId(0),
            replay_request: RequestId(0),
        }
    }

    /// One that has rows up to `applied` of epoch 10 and knows that there are no more.
    pub(super) fn following(applied: u64) -> Rig {
        Rig::following_with(Settings::default(), applied)
    }

    pub(super) fn following_with(settings: Settings, applied: u64) -> Rig {
        let mut rig = Rig::with(settings, Begin::Cursor { epoch: Epoch(EPOCH), applied: Seq(applied) });
        rig.did();
        rig.answer_status(status(&[(EPOCH, 1)], 1, applied));
        rig
    }

    pub(super) fn input(&mut self, input: Input<()>) -> Vec<Did> {
        self.coordinator.handle_input(input, self.now);
        self.did()
    }

    pub(super) fn live(&mut self, first: u64, last: u64) -> Vec<Did> {
        self.input(Input::Live(chunk(EPOCH, first, last)))
    }

    pub(super) fn heartbeat(&mut self, epoch: u64, next: u64) -> Vec<Did> {
        self.input(Input::Heartbeat { epoch: Epoch(epoch), earliest: Seq::NONE, next: Seq(next) })
    }

    pub(super) fn answer_status(&mut self, status: LogStatus) -> Vec<Did> {
        self.input(Input::Status { request: self.status_request, status })
    }

    pub(super) fn answer_rows(&mut self, status: LogStatus, chunks: Vec<Chunk<()>>) -> Vec<Did> {
        let start = chunks.first().map_or(Seq::FIRST, |chunk| chunk.range.start());
        let end = chunks.last().map_or(start, |chunk| chunk.range.end());
        let (request, served) = (self.replay_request, SeqRange::new(start, end));
        self.input(Input::Replayed { request, status, served, chunks, has_more: false })
    }

    pub(super) fn fail_replay(&mut self, failure: Failure) -> Vec<Did> {
        self.input(Input::Failed { request: self.replay_request, failure })
    }

    pub(super) fn pass(&mut self, millis: u64) -> Vec<Did> {
        self.now = MonoTime(self.now.0 + millis * 1_000_000);
        self.coordinator.handle_timeout(self.now);
        self.did()
    }

    /// Lets time pass up to the next deadline.
    pub(super) fn next_deadline(&mut self) -> Vec<Did> {
        let (at, _) = self.coordinator.poll_timeout().unwrap();
        self.now = self.now.max(at);
        self.coordinator.handle_timeout(self.now);
        self.did()
    }

    /// Lets time pass until something but a change of health happens.
    pub(super) fn until_something(&mut self) -> Vec<Did> {
        for _ in 0..100 {
            let did = self.next_deadline();
            if did.iter().any(|did| !matches!(did, Did::Event(Event::Health(_)))) {
                return did;
            }
        }
        panic!("nothing happened");
    }

    pub(super) fn did(&mut self) -> Vec<Did> {
        let mut did = Vec::new();
        while let Some(output) = self.coordinator.poll_output() {
            did.push(self.name(output));
        }
        did
    }

    fn name(&mut self, output: Output<()>) -> Did {
        match output {
            Output::RequestStatus { request } => {
                self.status_request = request;
                Did::AskStatus
            }
            Output::RequestReplay { request, range, .. } => {
                self.replay_request = request;
                Did::Ask(range.start().0, range.last().0)
            }
            Output::Abandon { .. } => Did::Abandon,
            Output::Deliver { wanted, source: Source::Live, .. } => {
                Did::Live(wanted.start().0, wanted.last().0)
            }
            Output::Deliver { wanted, source: Source::Replay, .. } => {
                Did::Replay(wanted.start().0, wanted.last().0)
            }
            Output::Event(Event::GapOpened(Gap { range, cause, .. })) => {
                Did::Opened(range.start().0, range.last().0, cause)
            }
            Output::Event(Event::GapHealed(Gap { range, .. })) => {
                Did::Healed(range.start().0, range.last().0)
            }
            Output::Event(Event::GapVoid(Gap { range, .. })) => Did::Void(range.start().0, range.last().0),
            Output::Event(event) => Did::Event(event),
        }
    }
}

/// Without the changes of health, which few tests are about.
pub(super) fn rows_and_gaps(did: Vec<Did>) -> Vec<Did> {
    did.into_iter().filter(|did| !matches!(did, Did::Event(Event::Health(_)))).collect()
}

/// Every gap is healed, given up, void or open.
pub(super) fn gaps_add_up(coordinator: &Coordinator<impl Sized>) -> bool {
    let Counts { gaps_found, gaps_healed, gaps_truncated, gaps_void, .. } = coordinator.counts();
    let open = coordinator.open_gaps().filter(|gap| gap.cause != GapCause::Join).count() as u64;
    gaps_found == gaps_healed + gaps_truncated + gaps_void + open
}
