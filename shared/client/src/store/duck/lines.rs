//! The lines of the gap ledger that are open, and what ends them.
//!
//! A gap that was found by this run ends by an event of its own, or when its rows are given up. One that an
//! earlier run left open has no such event any more: it ends when the cursor has passed it, or when the
//! history in which it was found does.

use crate::{Cursor, Event, Gap};
use gapless_model::{StreamKey, UnixMillis};
use gapless_store::{GapLine, GapState};

/// The open lines.
#[derive(Debug, Default)]
pub(super) struct OpenLines(Vec<Open>);

#[derive(Debug)]
struct Open {
    line: GapLine,
    /// An earlier run found it.
    is_left: bool,
}

impl OpenLines {
    /// Those that an earlier run left open.
    pub(super) fn left(lines: impl IntoIterator<Item = GapLine>) -> OpenLines {
        let open = lines.into_iter().filter(|line| line.state == GapState::Open);
        OpenLines(open.map(|line| Open { line, is_left: true }).collect())
    }

    /// What the ledger has to be told when `event` has happened and the cursor stands at `cursor`: lines
    /// that begin, and lines that end. `now` is when.
    pub(super) fn handle(&mut self, event: &Event, cursor: Cursor, now: UnixMillis) -> Vec<GapLine> {
        let mut told = self.handle_event(event, now);
        told.extend(self.end(GapState::Healed, "replay after a restart", now, |open| {
            open.is_left && open.line.key == *event.key() && open.line.range.last() <= cursor.applied
        }));
        told
    }

    fn handle_event(&mut self, event: &Event, now: UnixMillis) -> Vec<GapLine> {
        match event {
            Event::GapOpened { key, gap } => {
                let line = line(key, gap);
                self.0.push(Open { line: line.clone(), is_left: false });
                vec![line]
            }
            Event::GapHealed { key, gap } => {
                let line = line(key, gap);
                self.end(GapState::Healed, "replay", gap.healed.unwrap_or(now), |open| {
                    is_same(&open.line, &line)
                })
            }
            Event::GapVoid { key, gap } => {
                let line = line(key, gap);
                self.end(GapState::Void, "", now, |open| is_same(&open.line, &line))
            }
            Event::Truncated { key, epoch, range, .. } => self.end(GapState::Truncated, "", now, |open| {
                let is_reached = open.line.range.start() < range.end();
                open.line.key == *key && open.line.epoch <= *epoch && is_reached
            }),
            Event::Rewind { key, .. } | Event::Reset { key, .. } => {
                self.end(GapState::Void, "", now, |open| open.is_left && open.line.key == *key)
            }
            Event::Rows(_) | Event::State(_) | Event::Health { .. } | Event::CaughtUp { .. } => Vec::new(),
        }
    }

    /// Ends lines, and returns them as they are now.
    fn end(
        &mut self,
        state: GapState,
        healed_by: &str,
        at: UnixMillis,
        which: impl Fn(&Open) -> bool,
    ) -> Vec<GapLine> {
        let healed = (state == GapState::Healed).then_some(at);
        let (ended, open) = std::mem::take(&mut self.0).into_iter().partition(which);
        self.0 = open;
        let ended: Vec<Open> = ended;
        let end = |open: Open| GapLine { state, healed, healed_by: healed_by.into(), ..open.line };
        ended.into_iter().map(end).collect()
    }
}

fn is_same(open: &GapLine, line: &GapLine) -> bool {
    (&open.key, open.epoch, open.range.start(), open.detected)
        == (&line.key, line.epoch, line.range.start(), line.detected)
}

fn line(key: &StreamKey, gap: &Gap) -> GapLine {
    GapLine {
        key: key.clone(),
        epoch: gap.epoch,
        range: gap.range,
        cause: gap.cause.name().into(),
        detected: gap.detected,
        state: GapState::Open,
        healed: None,
        healed_by: String::new(),
    }
}
