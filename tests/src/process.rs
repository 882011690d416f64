//! A real program under test, always reaped, its log kept.
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gapless_service_kit::ReadyFile;
use rustix::process::{Pid, Signal, kill_process};

use crate::eventually::{SOON, eventually, eventually_some};
use crate::http::http_get;
use crate::places::{DataDir, binary};

/// A program that is about to be started.
#[derive(Debug)]
pub struct Proc {
    name: String,
    command: Command,
}

impl Proc {
    /// The program `name` of this workspace. It inherits no `GAPLESS_` settings, nor those of the allocator.
    pub fn new(name: &str) -> Proc {
        Proc { name: name.to_owned(), ..Proc::of(Command::new(binary(name))) }
    }

    /// Any program, with as little inherited.
    pub fn of(mut command: Command) -> Proc {
        command.env_remove("MALLOC_ARENA_MAX");
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("GAPLESS_") {
                command.env_remove(key);
            }
        }
        Proc { name: command.get_program().to_string_lossy().into_owned(), command }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Proc {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Proc {
        self.command.args(arguments);
        self
    }

    /// An environment variable.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Proc {
        self.command.env(key, value);
        self
    }

    /// Starts a service and waits until it has said where it listens.
    ///
    /// # Panics
    /// When it ends or says nothing within [`SOON`]; its log is in the message.
    #[track_caller]
    pub fn start(mut self) -> Running {
        let folder = DataDir::new();
        let ready = folder.join("ready.json");
        self.command.arg("--ready-file").arg(&ready);
        let mut running = self.spawn();
        let said = eventually_some(&format!("{} listens", running.name), SOON, || {
            running.assert_alive();
            std::fs::read(&ready).ok()
        });
        let ready: ReadyFile = serde_json::from_slice(&said).expect("the ready file is JSON");
        running.addresses = ready.addresses;
        running
    }

    /// Starts a program that says nothing about being ready, such as a client.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", self.name));
        let (stdout, stderr) = (Lines::default(), Lines::default());
        let readers = [
            child.stdout.take().map(|pipe| read_lines(pipe, &stdout)),
            child.stderr.take().map(|pipe| read_lines(pipe, &stderr)),
        ];
        let readers = readers.into_iter().flatten().collect();
        Running { name: self.name, child, stdout, stderr, readers, addresses: BTreeMap::new() }
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

fn read_lines(pipe: impl Read + Send + 'static, lines: &Lines) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
        }
    })
}

/// A program that was started. Dropping it kills and reaps it; when the test failed, its log is shown.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdout: Lines,
    stderr: Lines,
    readers: Vec<JoinHandle<()>>,
    addresses: BTreeMap<String, String>,
}

impl Running {
    /// The address really bound by the socket `name` (`ingest`, `live`, `admin`, ...).
    ///
    /// # Panics
    /// When there is no such socket.
    #[track_caller]
    pub fn address(&self, name: &str) -> String {
        let found = self.addresses.get(name);
        found.unwrap_or_else(|| panic!("{} has no `{name}`: {:?}", self.name, self.addresses)).clone()
    }

    /// Everything that the service bound.
    pub fn addresses(&self) -> &BTreeMap<String, String> {
        &self.addresses
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `/readyz` says that every condition holds.
    ///
    /// # Panics
    /// When it does not within `deadline`, or when the process ends.
    #[track_caller]
    pub fn wait_until_ready(&mut self, deadline: Duration) {
        let url = format!("{}/readyz", self.address("admin"));
        eventually(&format!("{} is ready", self.name), deadline, || {
            self.assert_alive();
            http_get(&url).is_ok_and(|answer| answer.status == 200)
        });
    }

    /// The sum of a metric over all its labels that contain `label` (empty: all).
    ///
    /// # Panics
    /// When the admin endpoint does not answer.
    #[track_caller]
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let page = http_get(&format!("{}/metrics", self.address("admin"))).expect("/metrics answers").body;
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
        });
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Asks it to stop: SIGTERM.
    pub fn terminate(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// Takes its time away: SIGSTOP.
    pub fn freeze(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::STOP);
    }

    /// Lets it go on: SIGCONT.
    pub fn thaw(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::CONT);
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("a child can be waited for");
        if status.is_some() {
            self.join_readers();
        }
        status
    }

    /// Kills it as `kill -9` does, and reaps it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_readers();
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it goes on beyond `deadline`.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        let status =
            eventually_some(&what, deadline, || self.child.try_wait().expect("a child can be waited for"));
        self.join_readers();
        status
    }

    /// Whether it is still running.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written to stdout so far, as lines.
    pub fn output(&self) -> Vec<String> {
        self.stdout.lock().unwrap().clone()
    }

    /// The last line that it has written to stdout.
    pub fn last_line(&self) -> Option<String> {
        self.stdout.lock().unwrap().last().cloned()
    }

    /// What it has written to stderr so far.
    pub fn log(&self) -> String {
        self.stderr.lock().unwrap().join("\n")
    }

    #[track_caller]
    fn assert_alive(&mut self) {
        if !self.is_alive() {
            self.join_readers();
            panic!("{} ended early", self.name);
        }
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of {} ---\n{}\n--- end ---", self.name, self.log());
        }
    }
}
