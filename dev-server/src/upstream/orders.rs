//! Carrying out orders.

use super::connections::{BREAK_MS, Connections};
use super::{Now, Output, Upstream};
use crate::faults::FaultPlan;
use crate::order::{Command, EpochChange, Order, OrderError, Sequences};
use crate::scenario::StreamSetup;
use crate::stream::Stream;
use gapless_model::{Epoch, MonoTime, UnixMillis};

impl<P> Upstream<P> {
    /// Carries out an order.
    ///
    /// # Errors
    /// [`OrderError`] when it names no stream that there is, or a number is out of its bounds; then nothing
    /// has changed.
    pub fn handle_order(&mut self, order: &Order, now: MonoTime, wall: UnixMillis) -> Result<(), OrderError> {
        let now = Now { mono: now, wall };
        if let Some(problem) = order.command.problem() {
            return Err(OrderError::Refused(problem));
        }
        let topics = self.meant(order)?;
        match &order.command {
            Command::Add(setup) => self.add(setup, now)?,
            Command::Symbols(symbols) => self.set_symbols(symbols, now)?,
            Command::Remove => self.streams.retain(|topic, _| !topics.contains(topic)),
            Command::Disconnect => self.close(Connections::Refused { until: now.after_ms(BREAK_MS) }),
            Command::Refuse { for_ms } => self.close(Connections::Refused { until: now.after_ms(*for_ms) }),
            Command::Restart { down_ms, epoch } => self.restart(*down_ms, *epoch, now),
            Command::LoseTail { batches } => {
                topics.iter().for_each(|topic| self.lose_tail(topic, *batches, now))
            }
            Command::Burst { batches } => topics.iter().for_each(|topic| self.burst(topic, *batches, now)),
            command => {
                if order.stream.is_none() {
                    self.change_plan(command);
                }
                for topic in &topics {
                    self.streams.get_mut(topic).into_iter().for_each(|stream| stream.obey(command, now));
                }
            }
        }
        self.send_due(now);
        Ok(())
    }

    pub(super) fn carry_out_timeline(&mut self, now: Now) {
        while let Some(timed) = self.timeline.front().filter(|t| self.began.after(t.after.0) <= now.mono) {
            let order = timed.order();
            self.timeline.pop_front();
            if let Err(error) = self.handle_order(&order, now.mono, now.wall) {
                tracing::warn!(%error, ?order, "an order of the scenario was not carried out");
            }
        }
    }

    /// The topics that an order is about.
    fn meant(&self, order: &Order) -> Result<Vec<String>, OrderError> {
        let Some(name) = &order.stream else { return Ok(self.streams.keys().cloned().collect()) };
        let fits = |topic: &&String| match name.strip_suffix('*') {
            Some(beginning) => topic.starts_with(beginning),
            None => *topic == name,
        };
        let topics: Vec<String> = self.streams.keys().filter(fits).cloned().collect();
        if topics.is_empty() { Err(OrderError::NoStream(name.clone())) } else { Ok(topics) }
    }

    /// What is ordered of all streams also holds for those that come, and for requests about none.
    fn change_plan(&mut self, command: &Command) {
        match command {
            Command::Live(plan) => self.plan.live = plan.clone(),
            Command::Replies(plan) => self.plan.replies = plan.clone(),
            Command::Heal => self.plan = FaultPlan::default(),
            Command::Rate { tick_ms, batch_rows, jitter_percent } => {
                let setup = &mut self.setup;
                setup.tick_ms = tick_ms.unwrap_or(setup.tick_ms);
                setup.batch_rows = batch_rows.unwrap_or(setup.batch_rows);
                setup.jitter_percent = jitter_percent.unwrap_or(setup.jitter_percent);
            }
            _ => {}
        }
    }

    fn set_symbols(&mut self, symbols: &[String], now: Now) -> Result<(), OrderError> {
        let setup = StreamSetup { symbols: symbols.to_vec(), ..self.setup.clone() };
        let keys = setup.keys().map_err(OrderError::Refused)?;
        let topics: Vec<String> = keys.iter().map(|key| key.topic()).collect();
        self.streams.retain(|topic, _| topics.contains(topic));
        self.add(&setup, now)
    }

    fn lose_tail(&mut self, topic: &str, batches: u32, now: Now) {
        for _ in 0..batches {
            let made = self.streams.get_mut(topic).and_then(|s| s.tick_withheld(now.mono, now.wall));
            self.remember(topic, made.as_ref());
        }
        self.streams.get_mut(topic).into_iter().for_each(|stream| stream.running = false);
    }

    fn burst(&mut self, topic: &str, batches: u32, now: Now) {
        let was_running = self.streams.get(topic).is_some_and(|stream| stream.running);
        (0..batches).for_each(|_| self.make_batch(topic, now));
        if let Some(stream) = self.streams.get_mut(topic) {
            stream.running &= was_running;
        }
    }

    fn restart(&mut self, down_ms: u32, epoch: EpochChange, now: Now) {
        self.close(Connections::Down { until: now.after_ms(down_ms.max(BREAK_MS)) });
        if let EpochChange::New { sequences, lose_rows } = epoch {
            let clock = u64::try_from(now.wall.0).unwrap_or(0);
            self.epoch = Epoch(clock.max(self.epoch.0 + 1));
            for stream in self.streams.values_mut() {
                match sequences {
                    Sequences::Continue => stream.history.begin_epoch(self.epoch, lose_rows),
                    Sequences::FromOne => stream.history.reset(self.epoch),
                }
            }
        }
    }

    /// What was about to leave is lost with the connections.
    fn close(&mut self, connections: Connections) {
        for (_, departure) in std::mem::take(&mut self.departures) {
            if let Some(stream) = self.streams.get_mut(&departure.batch.key.topic()) {
                stream.count_as_lost(&departure);
            }
        }
        self.answers.clear();
        if self.connections.is_open() {
            self.outputs.push_back(Output::Close);
        }
        self.connections = connections;
    }

    pub(super) fn reopen(&mut self, now: Now) {
        if self.connections.reopens().is_some_and(|at| at <= now.mono) {
            if self.connections.is_down() {
                self.streams
                    .values_mut()
                    .for_each(|stream| stream.next_tick = stream.next_tick.max(now.mono));
            }
            self.connections = Connections::Open;
            self.outputs.push_back(Output::Open);
        }
    }
}

impl Stream {
    /// What a stream does by itself when told.
    fn obey(&mut self, command: &Command, now: Now) {
        match command {
            Command::Start => (self.running, self.next_tick) = (true, self.next_tick.max(now.mono)),
            Command::Stop => self.running = false,
            Command::Rate { tick_ms, batch_rows, jitter_percent } => {
                self.rate.tick_ms = tick_ms.unwrap_or(self.rate.tick_ms);
                self.rate.batch_rows = batch_rows.unwrap_or(self.rate.batch_rows);
                self.rate.jitter_percent = jitter_percent.unwrap_or(self.rate.jitter_percent);
                self.next_tick = self.next_tick.min(now.after_ms(self.rate.tick_ms));
            }
            Command::Live(plan) => self.live = plan.clone(),
            Command::Replies(plan) => self.replies = plan.clone(),
            Command::Heal => self.heal(),
            Command::Skip { rows } => self.ordered.withhold_rows += rows,
            Command::Stall { for_ms } => self.stalled_until = now.after_ms(*for_ms),
            Command::Duplicate { batches } => self.ordered.duplicate += batches,
            Command::Reorder { batches } => self.ordered.reorder = (*batches, *batches),
            Command::Corrupt { batches } => self.ordered.corrupt += batches,
            Command::WrongVersion { batches } => self.ordered.wrong_version += batches,
            Command::Collide { batches } => self.ordered.collide += batches,
            Command::Trim { keep_rows } => self.history.trim(*keep_rows),
            Command::LoseTail { .. }
            | Command::Burst { .. }
            | Command::Add(_)
            | Command::Remove
            | Command::Symbols(_)
            | Command::Disconnect
            | Command::Refuse { .. }
            | Command::Restart { .. } => {}
        }
    }
}
