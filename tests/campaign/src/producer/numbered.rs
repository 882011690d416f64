//! A producer on the ZeroMQ socket that numbers its batches itself, so that even its own death in between
//! repeats nothing.

use super::{Pace, Tallied};
use crate::book::Book;
use crate::control::{Control, Mode};
use crate::load::Lane;
use anyhow::Result;
use gapless::{Batch, Client, Error, Flags, Numbering, Producer, ProducerSettings, Ticket};
use std::collections::VecDeque;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Batches of a lane that wait; further ones are not made. More than any outage of a campaign needs.
const MOST_WAITING: usize = 4096;
/// How often acknowledgements are looked for.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct NumberedProducer {
    client: Client,
    settings: ProducerSettings,
    lanes: Vec<(Lane, VecDeque<Waiting>, u64)>,
    book: Book,
    control: Control,
    tally: Tallied,
    pace: Pace,
    random: fastrand::Rng,
}

/// A batch that is not acknowledged.
struct Waiting {
    number: u64,
    first: u64,
    count: u64,
    /// Nothing: it is yet to be handed to the producer.
    ticket: Option<Ticket>,
}

impl NumberedProducer {
    pub(crate) fn new(client: &Client, settings: ProducerSettings, lanes: Vec<Lane>, seed: u64) -> Self {
        NumberedProducer {
            client: client.clone(),
            settings,
            lanes: lanes.into_iter().map(|lane| (lane, VecDeque::new(), 0)).collect(),
            book: Book::default(),
            control: Control::new(),
            tally: Tallied::default(),
            pace: Pace { every: Duration::from_millis(50), most_rows: 10 },
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Begins to send; the thread ends once it was told to and everything is acknowledged.
    pub(crate) fn start(
        mut self,
        book: &Book,
        control: &Control,
        tally: &Tallied,
        pace: Pace,
    ) -> Result<JoinHandle<Result<()>>> {
        (self.book, self.control, self.tally, self.pace) =
            (book.clone(), control.clone(), tally.clone(), pace);
        self.lanes.iter().for_each(|(lane, ..)| book.open(lane));
        let name = self.settings.producer_id.clone();
        Ok(std::thread::Builder::new().name(name).spawn(move || self.run())?)
    }

    fn run(mut self) -> Result<()> {
        loop {
            match self.control.mode() {
                Mode::Run | Mode::Stall => self.live()?,
                Mode::Down => self.control.wait(LOOK),
                Mode::End if self.is_done() => return Ok(()),
                Mode::End => self.live()?,
            }
        }
    }

    fn is_done(&self) -> bool {
        self.lanes.iter().all(|(_, waiting, _)| waiting.is_empty())
    }

    /// One life of the producer. What it did not get acknowledged, the next one sends under the same numbers.
    fn live(&mut self) -> Result<()> {
        let producer = self.client.producer_with(self.settings.clone())?;
        let mut due = Instant::now();
        while self.control.mode() != Mode::Down {
            let ends = self.control.mode() == Mode::End;
            if ends && self.is_done() {
                break;
            }
            if !ends && Instant::now() >= due {
                due = Instant::now() + self.pace.every;
                self.make();
            }
            self.hand_over(&producer)?;
            self.settle();
            self.control.wait(LOOK);
        }
        let counts = producer.counts();
        drop(producer);
        let mut tally = self.tally.lock();
        tally.duplicates += counts.duplicates;
        tally.resent += counts.resent;
        tally.refused += counts.nacked;
        tally.no_space += counts.no_space;
        drop(tally);
        for (lane, waiting, _) in &mut self.lanes {
            if counts.resyncs > 0 {
                self.book.problem(lane, format!("{} times ingestion had forgotten", counts.resyncs));
            }
            waiting.iter_mut().for_each(|batch| batch.ticket = None);
        }
        Ok(())
    }

    fn make(&mut self) {
        for (lane, waiting, number) in &mut self.lanes {
            if waiting.len() >= MOST_WAITING {
                self.tally.lock().held_back += 1;
                continue;
            }
            let count = self.random.u64(1..=self.pace.most_rows);
            *number += 1;
            let first = self.book.make(lane, count);
            waiting.push_back(Waiting { number: *number, first, count, ticket: None });
        }
    }

    fn hand_over(&mut self, producer: &Producer) -> Result<()> {
        for (lane, waiting, _) in &mut self.lanes {
            for batch in waiting.iter_mut().filter(|batch| batch.ticket.is_none()) {
                let rows = lane.rows(batch.first, batch.count);
                let rows = Batch::unsequenced(lane.key.clone(), Flags::SIMULATED, rows);
                match producer.send_as(Numbering::Explicit(batch.number), rows, Duration::ZERO) {
                    Ok(ticket) => batch.ticket = Some(ticket),
                    // Its window is full: later, in order.
                    Err(Error::TimedOut { .. }) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn settle(&mut self) {
        for (lane, waiting, _) in &mut self.lanes {
            while let Some(batch) = waiting.front() {
                match batch.ticket.as_ref().map(Ticket::poll) {
                    Some(Ok(Some(receipt))) => {
                        let range = receipt.range;
                        let sequence = if range.is_empty() { 0 } else { range.start().0 };
                        self.book.acknowledge(lane, batch.first, batch.count, sequence);
                        self.tally.lock().acknowledged += 1;
                    }
                    Some(Err(error)) => {
                        self.book.problem(lane, format!("batch {}: {error}", batch.number));
                    }
                    Some(Ok(None)) | None => break,
                }
                waiting.pop_front();
            }
        }
    }
}
