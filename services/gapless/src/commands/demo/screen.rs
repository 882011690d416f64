//! The live table in the terminal.

use super::tally::Tally;
use crate::render;
use anyhow::Result;
use gapless::{Health, StreamReport};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table};
use std::time::Duration;

/// A stream whose last row is older than this is shown as quiet.
const QUIET: Duration = Duration::from_secs(90);

/// The whole terminal; given back when this is dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    /// Rows scrolled away at the top.
    skipped: usize,
}

impl Screen {
    pub(super) fn open() -> Result<Screen> {
        Ok(Screen { terminal: ratatui::try_init()?, skipped: 0 })
    }

    /// Whether `q`, Esc or Ctrl-C was pressed; arrows scroll.
    pub(super) fn wants_to_quit(&mut self) -> Result<bool> {
        while event::poll(Duration::ZERO)? {
            let Event::Key(key) = event::read()? else { continue };
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(true),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(true),
                KeyCode::Down => self.skipped += 1,
                KeyCode::PageDown => self.skipped += 10,
                KeyCode::Up => self.skipped = self.skipped.saturating_sub(1),
                KeyCode::PageUp => self.skipped = self.skipped.saturating_sub(10),
                _ => {}
            }
        }
        Ok(false)
    }

    pub(super) fn draw(&mut self, reports: &[StreamReport], tally: &Tally, running: Duration) -> Result<()> {
        self.skipped = self.skipped.min(reports.len().saturating_sub(1));
        let skipped = self.skipped;
        self.terminal.draw(|frame| {
            let [title, body, foot] =
                Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
                    .areas(frame.area());
            frame.render_widget(headline(reports, tally, running), title);
            frame.render_widget(table(reports.get(skipped..).unwrap_or_default()), body);
            frame.render_widget(Line::from("q quits · arrows scroll").style(Style::new().dim()), foot);
        })?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn headline<'a>(reports: &[StreamReport], tally: &Tally, running: Duration) -> Line<'a> {
    let sum = |what: fn(&StreamReport) -> u64| -> u64 { reports.iter().map(what).sum() };
    // A sum of nothing would be -0.
    let rate = reports.iter().fold(0.0, |sum, report| sum + report.rate);
    Line::from(vec![
        Span::styled(" Gapless ", Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)),
        Span::raw(format!(
            " {} s · {} streams · {} rows · {rate:.0}/s · gaps: {} found, {} healed, {} truncated",
            running.as_secs(),
            reports.len(),
            render::count(tally.delivered()),
            sum(|report| report.gaps.found),
            sum(|report| report.gaps.healed),
            sum(|report| report.gaps.truncated),
        )),
    ])
}

fn table<'a>(reports: &[StreamReport]) -> Table<'a> {
    let widths = [
        Constraint::Min(28),
        Constraint::Length(12),
        Constraint::Length(10),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Length(9),
    ];
    let headings = ["stream", "state", "sequence", "rows/s", "age", "gaps", "healed", "cut", ""];
    let header = Row::new(headings).style(Style::new().add_modifier(Modifier::BOLD));
    Table::new(reports.iter().map(row), widths).header(header).column_spacing(1)
}

fn row<'a>(report: &StreamReport) -> Row<'a> {
    let quiet = report.age.is_some_and(|age| age > QUIET);
    let cells = [
        Cell::from(report.key.topic()),
        Cell::from(report.health.name()).style(Style::new().fg(colour(report.health))),
        Cell::from(render::count(report.applied.0)),
        Cell::from(format!("{:.1}", report.rate)),
        Cell::from(render::age(report.age)),
        Cell::from(report.gaps.found.to_string()),
        Cell::from(report.gaps.healed.to_string()),
        Cell::from(report.gaps.truncated.to_string()),
        Cell::from(if report.simulated { "simulated" } else { "" }).style(Style::new().fg(Color::Magenta)),
    ];
    Row::new(cells).style(if quiet { Style::new().dim() } else { Style::new() })
}

fn colour(health: Health) -> Color {
    match health {
        Health::Receiving | Health::Subscribed => Color::Green,
        Health::Connecting | Health::Backfilling => Color::Yellow,
        Health::Disconnected | Health::Stalled => Color::Red,
    }
}
