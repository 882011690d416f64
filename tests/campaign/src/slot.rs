//! A program that is kept running, as a service manager would, except while a fault holds it down.

use gapless_tests::{Proc, Running};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between the end of a process and its next start, when no fault holds it down.
const AGAIN: Duration = Duration::from_millis(250);
/// A SIGTERM must lead to the end within this: the programs promise five seconds.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// Makes the process, given where its ready file goes.
type Make = Box<dyn Fn() -> Proc>;

pub(crate) struct Slot {
    pub(crate) name: String,
    make: Make,
    process: Option<Running>,
    /// A fault keeps it from running.
    held: bool,
    /// Since when it was asked to end.
    asked: Option<Instant>,
    started: Instant,
    again_at: Instant,
    ready: Option<PathBuf>,
    ready_seen: bool,
    /// From each start to the moment when it listened.
    pub(crate) startups: Vec<Duration>,
    pub(crate) starts: u64,
    /// An end of its own accord with these last words is no problem.
    excuse: Option<&'static str>,
    /// How it ended without having been asked to, and its last words.
    pub(crate) ended_early: Vec<String>,
    pub(crate) problems: Vec<String>,
    pub(crate) log: String,
    /// What the process printed before the present one.
    finished: Vec<String>,
}

impl Slot {
    pub(crate) fn new(name: &str, make: impl Fn() -> Proc + 'static) -> Slot {
        let now = Instant::now();
        Slot {
            name: name.to_owned(),
            make: Box::new(make),
            process: None,
            held: false,
            asked: None,
            started: now,
            again_at: now,
            ready: None,
            ready_seen: false,
            startups: Vec::new(),
            starts: 0,
            excuse: None,
            ended_early: Vec::new(),
            problems: Vec::new(),
            log: String::new(),
            finished: Vec::new(),
        }
    }

    /// Its ready file is looked at to learn how long it takes to start.
    pub(crate) fn with_ready_file(mut self, path: PathBuf) -> Slot {
        self.ready = Some(path);
        self
    }

    /// Ending by itself with these last words is no problem: it is started again.
    pub(crate) fn excused_by(mut self, words: &'static str) -> Slot {
        self.excuse = Some(words);
        self
    }

    /// Whether it was asked to end and has not yet.
    pub(crate) fn is_stopping(&self) -> bool {
        self.asked.is_some()
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Running::pid)
    }

    /// Whether it has ever said that it listens since its last start.
    pub(crate) fn is_ready(&self) -> bool {
        self.process.is_some() && self.ready_seen
    }

    pub(crate) fn last_line(&self) -> Option<String> {
        self.process.as_ref().and_then(Running::last_line)
    }

    /// The last line of each process that has ended since this was asked last.
    pub(crate) fn take_finished(&mut self) -> Vec<String> {
        std::mem::take(&mut self.finished)
    }

    /// kill -9, and it stays down.
    pub(crate) fn kill(&mut self) {
        self.held = true;
        if let Some(mut process) = self.process.take() {
            process.kill();
            self.keep(&process, "was killed");
        }
    }

    /// SIGTERM, and it stays down once it has ended.
    pub(crate) fn terminate(&mut self) {
        self.held = true;
        if let Some(process) = &self.process {
            process.terminate();
            self.asked = Some(Instant::now());
        }
    }

    pub(crate) fn freeze(&self) {
        self.process.iter().for_each(Running::freeze);
    }

    pub(crate) fn thaw(&self) {
        self.process.iter().for_each(Running::thaw);
    }

    /// No fault holds it any more.
    pub(crate) fn release(&mut self) {
        self.held = false;
        self.again_at = Instant::now();
    }

    /// Starts what should run, notes what has ended.
    pub(crate) fn tend(&mut self, excused: bool) {
        let now = Instant::now();
        if !self.ready_seen && self.process.is_some() && self.ready.as_ref().is_some_and(|path| path.exists())
        {
            self.ready_seen = true;
            self.startups.push(now - self.started);
        }
        self.note_end(now, excused);
        if self.process.is_none() && !self.held && now >= self.again_at {
            self.start(now);
        }
    }

    fn note_end(&mut self, now: Instant, excused: bool) {
        let Some(process) = &mut self.process else { return };
        let Some(status) = process.ended() else {
            if self.asked.is_some_and(|since| now - since > STOP_WITHIN) {
                self.problems.push(format!("{} goes on {STOP_WITHIN:?} after SIGTERM", self.name));
                self.kill();
                self.asked = None;
            }
            return;
        };
        let Some(process) = self.process.take() else { return };
        self.keep(&process, &format!("ended with {status}"));
        self.again_at = now + AGAIN;
        let words = format!("{} ended with {status}: {}", self.name, last_words(&process.log()));
        match self.asked.take() {
            Some(_) if status.success() || excused => {}
            Some(_) => self.problems.push(format!("asked to stop, {words}")),
            None => {
                let excuse = self.excuse.is_some_and(|excuse| words.contains(excuse));
                if !excused && !excuse {
                    self.problems.push(words.clone());
                }
                self.ended_early.push(words);
            }
        }
    }

    fn start(&mut self, now: Instant) {
        let mut process = (self.make)();
        if let Some(path) = &self.ready {
            // A file of the process before would be taken for this one's.
            let _ = std::fs::remove_file(path);
            process = process.arg("--ready-file").arg(path);
        }
        self.process = Some(process.spawn());
        self.started = now;
        self.ready_seen = false;
        self.starts += 1;
    }

    fn keep(&mut self, process: &Running, how: &str) {
        self.finished.extend(process.last_line());
        self.log.push_str(&process.log());
        self.log.push_str(&format!("\n=== {} (pid {}) {how}\n", self.name, process.pid()));
    }

    /// Ends it for good.
    pub(crate) fn end(&mut self) {
        self.thaw();
        self.terminate();
        let deadline = Instant::now() + STOP_WITHIN + AGAIN;
        while self.process.is_some() && Instant::now() < deadline {
            self.tend(false);
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

fn last_words(log: &str) -> String {
    let lines: Vec<&str> = log.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
